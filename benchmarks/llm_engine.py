"""Tokens a second of synth-reasoning beside the same server driven flat out, datatrove's runner, and vLLM's offline rate.

    python benchmarks/llm_engine.py --endpoint http://127.0.0.1:8000/v1 --model NAME
    python benchmarks/llm_engine.py --serve MODEL --llm-python PYTHON        starts (and stops) vllm itself
    python benchmarks/llm_engine.py --serve MODEL --offline                  and its `bench throughput`, afterwards

All sides send the same number of prompts of the same lengths, with the same number of tokens to write (`ignore_eos`), in
turns, each turn with prompts of its own so that no cached prefix helps. Flat out: one loop that keeps N requests under way,
for each N of --flat; the best of them is the measure. datatrove's side needs `pip install aiofiles aiosqlite`, and an endpoint
without a key: on loopback it sends none. Ours is the whole stage: reading, asking, the journal, Parquet.
On a GPU: --serve Qwen/Qwen3-0.6B (1.7B, 8B) --prompts 4000 --tokens 1024 --flat 256 512 1024 --offline; the published
ladder of a peer (base to tuned, tokens/s on an H100): 0.6B 13,527 to 14,069; 1.7B 11,710 to 12,313; 8B 6,338 to 6,443.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from arcmill.execute import execute
from arcmill.records import Problem, rows_to_batch


def prompts(turn: int, count: int, words: int) -> list[str]:
    """Texts of random words: no two share a beginning."""
    draw = random.Random(turn)
    letters = "etaoinshrdlu"
    vocabulary = ["".join(draw.choice(letters) for _ in range(draw.randint(2, 8))) for _ in range(3000)]
    return [" ".join(draw.choice(vocabulary) for _ in range(words)) for _ in range(count)]


def flat_out(texts: list[str], given: Any, under_way: int) -> float:
    """Tokens a second of a plain loop."""
    import aiohttp

    async def main() -> int:
        waiting = iter(texts)
        tokens = 0
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:

            async def work() -> None:
                nonlocal tokens
                for text in waiting:
                    body = {
                        "model": given.model, "messages": [{"role": "user", "content": text}], "max_tokens": given.tokens,
                        "temperature": 0.7, "ignore_eos": True,
                    }  # fmt: skip
                    async with session.post(
                        f"{given.endpoint}/chat/completions", json=body, headers=headers()
                    ) as response:
                        tokens += (await response.json())["usage"]["completion_tokens"]

            await asyncio.gather(*(work() for _ in range(under_way)))
        return tokens

    started = time.monotonic()
    tokens = asyncio.run(main())
    return tokens / (time.monotonic() - started)


def headers() -> dict[str, str]:
    """The key of the endpoint, if it has one."""
    key = os.environ.get("ARCMILL_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def ours(texts: list[str], given: Any, folder: Path) -> float:
    """Tokens a second of the stage, from its start to its manifest."""
    from synth.reasoning.stage import STAGE, SynthReasoning

    source = store(texts, folder / "problems")
    config = SynthReasoning(model=given.model, max_tokens=given.tokens, extra_body={"ignore_eos": True})
    started = time.monotonic()
    made = execute(
        STAGE,
        config,
        {"input": [source]},
        str(folder / "samples"),
        settings={"llm.endpoint": given.endpoint, "llm.timeout": 3600, "llm.omit": given.omit},
    ).dataset
    seconds = time.monotonic() - started
    assert made.counts["created"] == len(texts), made.counts
    return made.manifest["statistics"]["completion_tokens"] / seconds


def store(texts: list[str], folder: Path) -> str:
    """The prompts as a dataset of Problems."""
    from arcmill.config import StageConfig
    from arcmill.stage import Stage

    rows = [Problem(f"p{number:07}", text, "judged", "benchmark") for number, text in enumerate(texts)]
    rows_to_batch("Problem", rows[:1])
    stage = Stage(
        name="prompts", version=1, help="", config=StageConfig, writes="Problem", engine="datatrove",
        core=lambda split, config: iter(rows), splits=lambda config: ["all"],
    )  # fmt: skip
    return execute(stage, StageConfig(), {}, str(folder)).dataset.url


def datatrove(texts: list[str], given: Any, folder: Path) -> float:
    """Tokens a second of datatrove's InferenceRunner, with its checkpoints, at its default concurrency."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter

    async def roll(document: Any, generate: Any) -> Any:
        return await generate({
            "messages": [{"role": "user", "content": document.text}], "max_tokens": given.tokens, "temperature": 0.7,
            "ignore_eos": True,
        })  # fmt: skip

    config = InferenceConfig(
        server_type="endpoint", model_name_or_path=given.model, endpoint_url=given.endpoint.removesuffix("/v1"),
        api_key=os.environ.get("ARCMILL_API_KEY"), max_concurrent_generations=given.datatrove_concurrency,
    )  # fmt: skip
    writer = JsonlWriter(str(folder / "out"), output_filename="${rank}_chunk_${chunk_index}.jsonl", compression=None)
    runner = InferenceRunner(roll, config, writer, checkpoints_local_dir=str(folder / "checkpoints"))
    documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    started = time.monotonic()
    LocalPipelineExecutor([documents, runner], logging_dir=str(folder / "logs"), tasks=1).run()
    seconds = time.monotonic() - started
    tokens = rows = 0
    for path in (folder / "out").glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            rows += 1
            tokens += json.loads(line)["metadata"]["rollout_results"][0]["usage"]["completion_tokens"]
    assert rows == len(texts), rows
    return tokens / seconds


# What `vllm bench throughput` runs; the command itself asks for metadata that builds for processors lack.
_THROUGHPUT = (
    "from vllm.benchmarks.throughput import add_cli_args, main\n"
    "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
    "parser = FlexibleArgumentParser()\nadd_cli_args(parser)\nif __name__ == '__main__':\n    main(parser.parse_args())\n"
)


def offline(texts: list[str], given: Any) -> float:
    """The prompts through vLLM without a server: its own `bench throughput`, which does not count the start."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, out = Path(scratch) / "prompts.json", Path(scratch) / "found.json"
        turns = [
            {"conversations": [{"value": text}, {"value": "an answer whose length is not used"}]} for text in texts
        ]
        asked.write_text(json.dumps(turns), "utf-8")  # in the layout of ShareGPT, the one that takes texts of ours
        script = Path(scratch) / "throughput.py"  # a file, since its workers are spawned
        script.write_text(_THROUGHPUT, "utf-8")
        command = [
            given.llm_python or sys.executable, str(script), "--model", given.serve or given.offline,
            "--backend", "vllm-chat", "--dataset-name", "sharegpt", "--dataset-path", str(asked),
            "--output-len", str(given.tokens), "--num-prompts", str(len(texts)), "--output-json", str(out), *given.serve_args,
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=sys.stderr)
        found = json.loads(out.read_text())
    return float(len(texts) * given.tokens / found["elapsed_time"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="a running server, ending in /v1")
    parser.add_argument("--model", help="the model's name there")
    parser.add_argument("--serve", metavar="MODEL", help="start vllm with this model (or the embedded one: `embedded`)")
    parser.add_argument("--llm-python", help="interpreter of the environment that has vllm")
    parser.add_argument("--serve-args", nargs="*", default=[], help="further arguments of vllm")
    parser.add_argument(
        "--offline", nargs="?", const=True, metavar="MODEL",
        help="also vLLM's own offline rate, after the server was stopped; with --endpoint name the model's folder, and end the "
        "server by hand when the other sides are through",
    )  # fmt: skip
    parser.add_argument("--omit", nargs="*", default=[], help="llm.omit; of vllm on a processor: seed")
    parser.add_argument("--prompts", type=int, default=96)
    parser.add_argument("--words", type=int, default=40, help="words a prompt")
    parser.add_argument("--tokens", type=int, default=96, help="tokens that each answer has")
    parser.add_argument("--turns", type=int, default=3, help="rounds; medians are told")
    parser.add_argument("--flat", type=int, nargs="+", default=[16, 32, 64], help="requests under way, flat out")
    parser.add_argument("--datatrove-concurrency", type=int, default=500, help="its own default")
    parser.add_argument("--no-datatrove", action="store_true")
    given = parser.parse_args()
    server = None
    if given.serve:
        from arcmill.engines.llm.server import ServerManager
        from arcmill.engines.llm.settings import LlmSettings
        from arcmill.generation import EMBEDDED, served_name

        if given.serve == "embedded":
            given.serve = EMBEDDED
        manager = ServerManager(Path(tempfile.mkdtemp()))
        server = asyncio.run(
            manager.server(given.serve, LlmSettings(python=given.llm_python, serve_args=given.serve_args))
        )
        given.endpoint, given.model = server.url, served_name(given.serve)
        os.environ["ARCMILL_API_KEY"] = server.key
    elif not given.endpoint or not given.model:
        parser.error("--endpoint and --model, or --serve")
    rates: dict[str, list[float]] = {}
    turn = 0
    try:
        flat_out(prompts(-1, max(given.flat), given.words), given, max(given.flat))  # warm
        for round_ in range(given.turns):
            with tempfile.TemporaryDirectory() as scratch:
                sides: list[tuple[str, Any]] = [
                    (f"flat out, {n} under way", lambda texts, n=n: flat_out(texts, given, n)) for n in given.flat
                ]
                sides.append(("arcmill synth-reasoning", lambda texts: ours(texts, given, Path(scratch) / "ours")))
                if not given.no_datatrove:
                    sides.append(
                        ("datatrove InferenceRunner", lambda texts: datatrove(texts, given, Path(scratch) / "theirs"))
                    )
                first = round_ % len(sides)  # each side is first once, so that none has the quiet times alone
                for name, side in sides[first:] + sides[:first]:
                    turn += 1
                    rates.setdefault(name, []).append(side(prompts(turn, given.prompts, given.words)))
                    print(f"  {name}: {rates[name][-1]:.1f} tok/s", file=sys.stderr, flush=True)
    finally:
        if server is not None:
            server.stop()
    if given.offline:
        if given.endpoint and not given.serve:
            input("the server can be stopped now; then Enter: ")
        name = "vllm bench throughput (offline)"
        rates[name] = [offline(prompts(turn + 1 + n, given.prompts, given.words), given) for n in range(given.turns)]
    best = max(statistics.median(values) for name, values in rates.items() if name.startswith("flat"))
    print(
        f"{given.model}: {given.prompts} prompts of {given.words} words, {given.tokens} tokens each, {given.turns} turns"
    )
    for name, values in rates.items():
        middle = statistics.median(values)
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"  {name:34} {middle:9.1f} tok/s  ({spread})  {middle / best:6.3f} of the best flat-out rate")


if __name__ == "__main__":
    main()

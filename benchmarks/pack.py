"""Tokens a second of `pack` on one core, beside the tokenizers library and datatrove's DocumentTokenizer.

    python benchmarks/pack.py [--data FILE.jsonl] [--tokenizer FOLDER] [--megabytes 4] [--rounds 7]

Texts: the long descriptions of the installed distributions and the sources of the Python standard library, or
the `text` of the JSON lines of --data. Tokenizer: that of --tokenizer, or one of 32,768 tokens trained on the
first half of the texts; loaded before the clock starts, and with nothing remembered from a round before. All run in one process, on one thread, in turn on each
quarter of a megabyte of the same texts; a time is the sum over these of the CPU seconds of the best round, so
that what else the machine does touches all alike. "written" is to Parquet (zstd) for pack, to datatrove's own
.ds files for datatrove.
"""

from __future__ import annotations

import argparse
import json
import os
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
Run = Callable[[int], int]  # tokens of the slice with that number


def machine_texts() -> Iterator[str]:
    """Descriptions and standard library sources, in turn."""
    named = {str(d.metadata["Name"]): d for d in metadata.distributions()}
    descriptions = [str(named[name].metadata.get_payload()) for name in sorted(named)]
    sources = sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
    sources = [path for path in sources if "site-packages" not in path.parts]
    for number in range(max(len(descriptions), len(sources))):
        if number < len(descriptions):
            yield descriptions[number]
        if number < len(sources):
            yield sources[number].read_text(encoding="utf-8", errors="ignore")


def texts_of(options: argparse.Namespace) -> list[str]:
    """Texts with something in them, up to the megabytes asked for."""
    source: Iterator[str] = machine_texts()
    if options.data:
        lines = Path(options.data).read_text(encoding="utf-8").split("\n")
        source = (json.loads(line)["text"] for line in lines if line)
    texts, size = [], 0
    for text in source:
        if text.strip():
            texts.append(text)
            size += len(text.encode())
        if size >= options.megabytes * 1e6:
            break
    return texts


def library(tokenizer: Any, slices: list[list[str]]) -> Run:
    """encode_batch, as its documentation shows it."""
    return lambda n: sum(len(e) for e in tokenizer.encode_batch(slices[n], add_special_tokens=False))


def library_fast(tokenizer: Any, slices: list[list[str]]) -> Run:
    """The quickest call of the library: no offsets in characters."""
    return lambda n: sum(len(e) for e in tokenizer.encode_batch_fast(slices[n], add_special_tokens=False))


def pack(folder: str, slices: list[list[str]], written: str | None) -> Run:
    """The stage's core, over record batches of documents."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from arcmill.records import Document, documents_to_batch, schema
    from sequences.pack import Pack, pack_alone, setup

    config = Pack()
    state = setup(config, {"tokenizer": folder})
    batches = [
        documents_to_batch(Document(f"{number}-{place}", text, "benchmark") for place, text in enumerate(texts))
        for number, texts in enumerate(slices)
    ]

    def run(number: int) -> int:
        if not number:
            state.forget()  # a corpus is read once: what a round before remembered would flatter
        path = f"{written}/rows-{number}.parquet"
        writer = pq.ParquetWriter(path, schema("Sequence"), compression="zstd") if written else None
        total = 0
        for made in pack_alone(iter([batches[number]]), config, state):
            assert not isinstance(made, tuple), made
            if isinstance(made, dict):  # what was counted
                continue
            total += pc.sum(pc.struct_field(made.column("segments").flatten(), "length")).as_py()
            if writer:
                writer.write_batch(made)
        if writer:
            writer.close()
        return total

    return run


def datatrove(folder: str, slices: list[list[str]], written: str) -> Run:
    """DocumentTokenizer: tokens, end of text, shuffle of documents, its files."""
    from datatrove.data import Document
    from datatrove.pipeline.tokens import DocumentTokenizer
    from loguru import logger

    logger.remove()
    file = f"{folder}/tokenizer.json"
    step = DocumentTokenizer(written, file, eos_token="<|endoftext|>", save_final_metadata=False)
    width = step.token_size  # loads the tokenizer

    def run(number: int) -> int:
        documents = (Document(text=text, id=str(place)) for place, text in enumerate(slices[number]))
        step.run(documents, rank=number, world_size=len(slices))
        return sum(path.stat().st_size for path in Path(written).glob(f"{number:05d}*.ds")) // width

    return run


def main() -> None:
    """Measure all in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with a field `text`")
    parser.add_argument("--tokenizer", help="folder with a tokenizer.json")
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    from tokenizers import AddedToken, Tokenizer

    texts = texts_of(options)
    slices = sliced(texts)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.tokenizer or scratch
        if not options.tokenizer:
            from sequences.tokenizer_training import learn, write

            learned = learn(iter(texts[: len(texts) // 2]), 32768, 2)
            learned.add_tokens([AddedToken("<|endoftext|>", special=True)])
            write(learned, Path(folder))

        def load() -> Any:
            return Tokenizer.from_file(f"{folder}/tokenizer.json")

        runs = {
            "tokenizers encode_batch": library(load(), slices),
            "tokenizers encode_batch_fast": library_fast(load(), slices),
            "arcmill pack": pack(folder, slices, None),
            "arcmill pack, written": pack(folder, slices, tempfile.mkdtemp(dir=scratch)),
            "datatrove DocumentTokenizer, written": datatrove(folder, slices, tempfile.mkdtemp(dir=scratch)),
        }
        best = {name: [float("inf")] * len(slices) for name in runs}
        tokens = {name: [0] * len(slices) for name in runs}
        for _ in range(options.rounds):
            for number in range(len(slices)):
                for name, run in runs.items():
                    started = time.process_time()
                    tokens[name][number] = run(number)
                    best[name][number] = min(best[name][number], time.process_time() - started)
    size = sum(len(text.encode()) for text in texts)
    rates = {name: sum(tokens[name]) / sum(best[name]) for name in runs}
    print(f"{len(texts)} texts, {size / 1e6:.1f} MB, best of {options.rounds}, CPU seconds of one core")
    print(f"{'':38s}{'tokens':>12s}{'tokens/s':>12s}{'MB/s':>8s}{'to encode_batch':>17s}")
    for name, rate in rates.items():
        share = rate / rates["tokenizers encode_batch"]
        speed = size / sum(best[name]) / 1e6
        print(f"{name:38s}{sum(tokens[name]):12,d}{rate:12,.0f}{speed:8.2f}{share:16.2f}x")


def sliced(texts: list[str], size: int = 1 << 18) -> list[list[str]]:
    """Runs of texts of about `size` characters."""
    slices: list[list[str]] = [[]]
    room = size
    for text in texts:
        if room <= 0:
            slices.append([])
            room = size
        slices[-1].append(text)
        room -= len(text)
    return slices


if __name__ == "__main__":
    main()

"""An ablation from arms to intervals. What stands in the output folder and is still right is taken up."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arcmill.errors import EngineError, UsageError
from arcmill.progress import Progress
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import Arm, open_arms

WORK, RESULT = "work", "ablation.json"
POOL = 4  # times the tokens of one training that are drawn from a larger arm: each seed reads others of them
_INSTALL = "pip install 'arcmill[llm]'"


def ablate(
    arms: Sequence[tuple[str, str]], heldout: Sequence[tuple[str, str]], output: str, config: Ablate, *,
    tokenizer: str | None = None, workers: int = 1, quiet: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train and measure every (arm, seed), write the results into `output`, and return them."""
    from pipelines.ablate import table
    from pipelines.ablate.results import ALL, results

    _need_torch()
    opened = open_arms(arms, "arm", ("Document", "Sequence"))
    sets = open_arms(heldout, "--heldout", ("Document",))
    if any(each.name == ALL for each in sets):
        raise UsageError(f"--heldout {ALL}: this is what the mean over the sets is called; give it another name")
    if len(opened) < 2:
        raise UsageError("ablate: give two arms or more, as NAME=PATH; the same path under two names shows the noise")
    if config.baseline is not None and config.baseline not in {arm.name for arm in opened}:
        raise UsageError(f"baseline {config.baseline!r} is no arm; arms: {', '.join(arm.name for arm in opened)}")
    root = Path(output)
    (root / WORK).mkdir(parents=True, exist_ok=True)
    with _alone(root):
        plan = _prepare(opened, sets, root, config, tokenizer)
        measured = _perform(plan["places"], workers, quiet, plan["steps"])
        told = results(plan, measured, config)
        _write(root / RESULT, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        table.write_measures(root / table.MEASURES, plan, measured)
        _write(root / table.MARKDOWN, table.markdown(told))
    return told


def _need_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageError(f"ablate needs torch, which is not installed: {_INSTALL}")


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineError(f"{root}: another ablate is at work there") from None
        yield


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _prepare(
    arms: Sequence[Arm], sets: Sequence[Arm], root: Path, config: Ablate, tokenizer: str | None
) -> dict[str, Any]:
    """Tokenizer, tokens of the arms, items: all that the jobs read."""
    from pipelines.ablate import cloze, code_tasks, heldout
    from pipelines.ablate.arms import prepare, texts
    from pipelines.ablate.job import ITEMS, Place
    from pipelines.ablate.model import Shape
    from pipelines.ablate.spans import Items
    from pipelines.ablate.train import Job, device_of, precision_of
    from pipelines.ablate.vocabulary import Vocabulary, tokenizer_of

    work = root / WORK
    device = device_of(config.device)
    vocabulary = Vocabulary(tokenizer_of(arms, tokenizer, work / "tokenizer", config), config)
    pool = config.tokens * POOL
    facts = {arm.name: prepare(arm, work / "arms" / arm.name, vocabulary, pool) for arm in arms}
    tokens = config.tokens
    if config.short_arm == "cut":
        tokens = min(tokens, *(told["tokens"] for told in facts.values()))
    steps = tokens // (config.batch // config.window * config.window)
    if not steps:
        raise UsageError(
            f"the smallest arm has {tokens} tokens, less than one step of {config.batch}; lower batch_tokens"
        )

    found = heldout.candidates(sets, config)
    overlap = heldout.Overlap(found, config.overlap_ngram)
    for arm in arms:
        overlap.look(arm.name, texts(arm, vocabulary, pool))
    kept, held_facts = heldout.chosen(found, overlap, vocabulary, config)
    items = Items()
    heldout.add_loss(items, kept, vocabulary, config.window)
    if "continuation" in config.tasks:
        cloze.add_continuation(items, kept, vocabulary, config)
    if "last_word" in config.tasks:
        cloze.add_last_word(items, kept, vocabulary, config)
    if "infill" in config.tasks:
        code_tasks.add_infill(items, kept, vocabulary, config)
    if "infill_span" in config.tasks:
        code_tasks.add_infill(items, kept, vocabulary, config, "infill_span")
    if "cross_file" in config.tasks:
        code_tasks.add_cross_file(items, [each.held for each in kept], vocabulary, config)
    items.save(work / ITEMS)

    scale = config.scale
    shape = Shape(scale.layers, scale.width, scale.heads, -(-vocabulary.size // 64) * 64, config.window)
    places = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):  # a seed of every arm before the next
        for arm in arms:
            own = arm.number if config.data_order == "apart" else 0
            job = Job(
                shape=shape, steps=steps, batch_rows=config.batch // config.window,
                learning_rate=config.learning_rate or scale.learning_rate, warmup=config.warmup,
                final_rate=config.final_rate, weight_decay=config.weight_decay, seed=seed,
                order=(seed * 0x9E3779B97F4A7C15 + own) % (1 << 64), device=device,
                precision=precision_of(config.precision, device),
                compile=device == "cuda" if config.compile is None else config.compile, threads=config.threads,
            )  # fmt: skip
            places.append(Place(
                arm.name, seed, str(work / "arms" / arm.name), str(work / ITEMS),
                str(work / "trainings" / f"{arm.name}-{seed}"), job.identity, items.digest,
            ))  # fmt: skip
    return {
        "arms": arms, "facts": facts, "sets": sets, "held": held_facts, "items": items, "places": places, "steps": steps,
        "trained_tokens": steps * (config.batch // config.window) * config.window, "vocabulary": vocabulary, "shape": shape,
        "device": device,
    }  # fmt: skip


def _perform(places: Sequence[Any], workers: int, quiet: bool, steps: int) -> list[dict[str, Any]]:
    """The results of all jobs, in their order."""
    from pipelines.ablate.job import perform

    waiting = [place for place in places if place.done() is None]
    if waiting and waiting[0].job["device"] == "cuda":
        workers = 1
    with Progress("ablate", quiet) as progress:
        total = len(waiting) * steps
        if workers == 1 or len(waiting) < 2:
            for number, place in enumerate(waiting):
                told = f"{place.arm}, seed {place.seed} ({number + 1} of {len(waiting)})"

                def say(step: int, before: int = number * steps, told: str = told) -> None:
                    progress.update(before + step, total, note=told, unit="steps")

                perform(place, say)
        elif waiting:
            _in_processes(waiting, min(workers, len(waiting)), progress)
    return [perform(place) for place in places]


def _in_processes(waiting: Sequence[Any], workers: int, progress: Progress) -> None:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from pipelines.ablate.job import perform

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(perform, place) for place in waiting]
        try:
            for number, future in enumerate(as_completed(futures), 1):
                future.result()
                progress.update(number, len(futures), unit="trainings")
        except BaseException as error:
            for future in futures:
                future.cancel()
            for process in list((pool._processes or {}).values()):  # or an interrupted command would wait for minutes
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise EngineError("ablate: a worker was killed (memory?); what is done is kept, run it again") from None
            raise

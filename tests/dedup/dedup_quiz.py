"""Made-up benchmark items and documents: words from syllables by a fixed seed, among the common words of English."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.execute import execute
from dedup.contamination.stage import STAGE, Decontaminate
from ingest.problems import STAGE as PROBLEMS
from ingest.problems import IngestProblems
from ingest.text import STAGE as TEXTS
from ingest.text import IngestText

COMMON = "the of and to in a is that it was for on are as with at by from this have or be not but".split()
SYLLABLES = "ka lo mi ren tas vo del shu ira pen gol bar est ny quo fen dor li zam".split()


class Writer:
    """Sentences and items; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.words = sorted({"".join(self.chance.choices(SYLLABLES, k=k)) for k in (2, 3, 4) for _ in range(900)})

    def word(self) -> str:
        if self.chance.random() < 0.4:
            return self.chance.choice(COMMON)
        return self.words[min(int(self.chance.paretovariate(0.5)), len(self.words) - 1)]

    def sentence(self, low: int = 8, high: int = 22) -> str:
        words = [self.word() for _ in range(self.chance.randint(low, high))]
        return " ".join(words).capitalize() + "."

    def document(self, sentences: int) -> str:
        return "\n".join(
            " ".join(self.sentence() for _ in range(4)) + ("\n" if self.chance.random() < 0.5 else "")
            for _ in range(max(1, sentences // 4))
        )

    def item(self) -> dict[str, Any]:
        rare = [self.chance.choice(self.words) for _ in range(14)]
        question = f"Why does the {rare[0]} of {rare[1]} {rare[2]} the {rare[3]} when a {rare[4]} {rare[5]} is near?"
        return {"question": question, "options": [f"the {a} {b}" for a, b in zip(rare[6::2], rare[7::2])], "gold": 1}  # noqa: B905


def problems(folder: Path, items: Sequence[dict[str, Any]], name: str = "quiz") -> str:
    """A Problem dataset of items with question, options and gold."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    settings: dict[str, Any] = {"columns": {"prompt": "question", "answer": "gold"}}
    settings["choices"] = ["options"] if "options" in items[0] else []
    settings["passage"] = "story" if "story" in items[0] else None
    config = validate(IngestProblems, settings, "test")
    return execute(PROBLEMS, config, {"input": [str(folder / f"{name}.jsonl")]}, str(folder / name)).dataset.url


def documents(folder: Path, texts: Sequence[str], files: int = 1, **more: Any) -> str:
    """A Document dataset of a part a file at least; ids are d0, d1, …"""
    source = folder / "raw"
    source.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": f"d{n}", "text": text, **more}) for n, text in enumerate(texts)]
    share = -(-len(lines) // files)
    for number in range(files):
        part = lines[number * share : (number + 1) * share]
        (source / f"{number}.jsonl").write_text("\n".join(part), encoding="utf-8")
    return execute(TEXTS, IngestText(), {"input": [str(source)]}, str(folder / "texts")).dataset.url


def decontaminate(output: Path, texts: str, *benchmarks: str, workers: int = 1, **settings: Any) -> Dataset:
    """Run the stage."""
    config = validate(Decontaminate, settings, "test")
    inputs = {"input": [texts], "benchmarks": list(benchmarks)}
    return execute(STAGE, config, inputs, str(output), workers=workers).dataset


def kept(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Rows of the output by id."""
    return {row["id"]: row for batch in dataset.batches() for row in batch.to_pylist()}


def gone(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Ledger rows by id."""
    return {row["id"]: row for batch in dataset.ledger() for row in batch.to_pylist()}

"""format-fim beside plain code for the same: files/s on one core, all in one run, slice by slice in turns.

Reads a dataset of source files (`--documents`, as ingest-environment with kinds=[source] makes it), or makes one of
the distributions that are installed here. The plain code is what training jobs do at load time, over Arrow in and out:

- characters: NumPy draws the rate, the mode and two cuts for each file, as the FIM datasets of Megatron-LM do;
- nodes: tree-sitter parses each file, one walk lists its named nodes, and one of them is drawn.

arcmill's times hold what the plain code leaves out: the sentinel search, the bounds, the choice by kind, the metadata,
and that each file is put back and compared. Then every file is restored once more from the output and compared with the
input.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa

SUFFIXES = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "ts": "typescript", "tsx": "typescript",
    "java": "java", "go": "go", "rs": "rust", "c": "c", "h": "c", "cc": "c++", "cpp": "c++", "hpp": "c++", "cu": "c++",
}  # fmt: skip
FIM = ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>")
Run = Callable[[pa.RecordBatch], Any]


def batches_of(path: str | None, files: int) -> list[pa.RecordBatch]:
    """Batches of 500 documents in a language that has a grammar, with metadata programming_language."""
    from arcmill.dataset import Dataset
    from arcmill.records import batch_to_documents, documents_to_batch

    with tempfile.TemporaryDirectory() as scratch:
        if path is None:
            from arcmill.execute import execute
            from ingest.environment import STAGE, IngestEnvironment

            path = f"{scratch}/source"
            execute(STAGE, IngestEnvironment(kinds=["source"]), {}, path)
        held = []
        for batch in Dataset.open(path).batches():
            for document in batch_to_documents(batch):
                language = SUFFIXES.get((document.path or "").rpartition(".")[2])
                known = (document.metadata or {}).get("programming_language", language)
                if known in SUFFIXES.values():
                    document.metadata = {**(document.metadata or {}), "programming_language": known}
                    held.append(document)
    held.sort(key=lambda document: document.id)  # a mixture of all distributions in every slice
    held = held[:files]
    return [documents_to_batch(held[n : n + 500]) for n in range(0, len(held), 500)]


def plain_characters(seed: int) -> Run:
    """Random cuts by NumPy."""
    draw = np.random.RandomState(seed)

    def permute(text: str) -> str:
        if not draw.binomial(1, 1.0):
            return text
        low, high = sorted(draw.randint(low=0, high=len(text) + 1, size=2))
        prefix, middle, suffix = text[:low], text[low:high], text[high:]
        if draw.binomial(1, 0.5):
            return FIM[1] + suffix + FIM[0] + prefix + FIM[2] + middle
        return FIM[0] + prefix + FIM[1] + suffix + FIM[2] + middle

    return lambda batch: pa.array([permute(text) for text in batch.column("text").to_pylist()], pa.large_string())


def languages_of(batch: pa.RecordBatch) -> list[str]:
    """The grammar of each file."""
    return [dict(metadata)["programming_language"] for metadata in batch.column("metadata").to_pylist()]


def parse_only(batch: pa.RecordBatch) -> int:
    """tree-sitter alone: how many files hold an error."""
    from arcmill.syntax import parse

    texts = batch.column("text").to_pylist()
    trees = (parse(text.encode(), language) for text, language in zip(texts, languages_of(batch), strict=True))
    return sum(tree is not None and tree.root_node.has_error for tree in trees)


def plain_nodes(seed: int) -> Run:
    """Parse, list the named nodes, draw one."""
    from arcmill.syntax import parse

    draw = np.random.RandomState(seed)

    def permute(text: str, language: str) -> str:
        source = text.encode()
        tree = parse(source, language)
        assert tree is not None
        cursor, nodes, down = tree.walk(), [], True
        while True:
            if down and cursor.node is not None and cursor.node.is_named:
                nodes.append((cursor.node.start_byte, cursor.node.end_byte))
            if down and cursor.goto_first_child():
                continue
            if cursor.goto_next_sibling():
                down = True
                continue
            if not cursor.goto_parent():
                break
            down = False
        low, high = nodes[draw.randint(len(nodes))]
        prefix, middle, suffix = (part.decode() for part in (source[:low], source[low:high], source[high:]))
        if draw.binomial(1, 0.5):
            return FIM[1] + suffix + FIM[0] + prefix + FIM[2] + middle
        return FIM[0] + prefix + FIM[1] + suffix + FIM[2] + middle

    def run(batch: pa.RecordBatch) -> pa.Array:
        texts = batch.column("text").to_pylist()
        return pa.array(map(permute, texts, languages_of(batch)), pa.large_string())

    return run


def ours(tallies: Counter[str], made: list[pa.Array] | None = None, **settings: Any) -> Run:
    """The stage's core."""
    from sequences.fim.stage import FormatFim, core, setup

    config = FormatFim(**settings)
    state = setup(config, {})

    def run(batch: pa.RecordBatch) -> None:
        changes = core(batch, config, state)
        tallies.update(changes.tallies or {})
        if made is not None:
            made.append((changes.columns["text"], changes.columns["metadata"]))

    return run


def check(batches: list[pa.RecordBatch], made: list[Any]) -> tuple[int, int]:
    """Files that were rearranged, and those of them whose text does not come back."""
    from sequences.fim.sentinels import SETS, restore

    arranged = wrong = 0
    for batch, (texts, metadata) in zip(batches, made, strict=True):
        for before, after, facts in zip(
            batch.column("text").to_pylist(), texts.to_pylist(), metadata.to_pylist(), strict=True
        ):
            fim = "fim" in dict(facts)
            arranged += fim
            wrong += (restore(after, SETS["glm"]) if fim else after) != before
    return arranged, wrong


def main() -> None:
    """Measure all in turn, check, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", help="a Document dataset of source files")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each slice; the best counts")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    batches = batches_of(options.documents, options.files)
    files = sum(batch.num_rows for batch in batches)
    size = sum(batch.column("text").nbytes for batch in batches)

    tallies: dict[str, Counter[str]] = {name: Counter() for name in ("characters", "nodes", "half")}
    groups: dict[str, dict[str, Run]] = {
        "characters": {
            "plain NumPy": plain_characters(0),
            "arcmill format-fim, node_share=0": ours(tallies["characters"], node_share=0.0),
        },
        "nodes": {
            "tree-sitter, parse alone": parse_only,
            "plain tree-sitter loop": plain_nodes(0),
            "arcmill format-fim, node_share=1": ours(tallies["nodes"], node_share=1.0),
            "arcmill format-fim, node_share=0.5": ours(tallies["half"]),
        },
    }
    best: dict[str, list[float]] = {}
    for batch in batches:
        for runs in groups.values():
            least = dict.fromkeys(runs, float("inf"))
            for _ in range(options.rounds):
                for name, run in runs.items():
                    started = time.process_time()
                    run(batch)
                    least[name] = min(least[name], time.process_time() - started)
            for name, seconds in least.items():
                best.setdefault(name, []).append(seconds)
    print(f"{files:,} files, {size / 1e6:.1f} MB, one core, best of {options.rounds} of each slice, CPU time")
    print(f"{'':40s}{'files/s':>10s}{'MB/s':>8s}{'ratio':>8s}")
    for peer, runs in zip(("plain NumPy", "plain tree-sitter loop"), groups.values(), strict=True):
        for name in runs:
            seconds = sum(best[name])
            ratio = sum(best[peer]) / seconds
            print(f"{name:40s}{files / seconds:10,.0f}{size / seconds / 1e6:8.1f}{ratio:7.2f}x")
    made: list[Any] = []
    run, counts = ours(once := Counter(), made), once
    for batch in batches:
        run(batch)
    arranged, wrong = check(batches, made)
    print(f"{arranged:,} files rearranged, {wrong} not put back; {files - arranged} left alone")
    print(", ".join(f"{key} {count:,}" for key, count in sorted(counts.items())))


if __name__ == "__main__":
    main()

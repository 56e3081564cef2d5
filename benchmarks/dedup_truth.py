"""Duplicates with known truth: every pair of documents compared by brute force, then arcmill and datatrove asked.

    python benchmarks/dedup_truth.py [--lines FILE --pairs FILE] [--pages DIR] [--text-dedup PYTHON]

FILE of lines: `ID TEXT` a line, FILE of pairs: `ID ID` a line (planted near-copies). DIR: HTML pages; their truth is the
exact Jaccard index of word 5-grams (single characters where a script has no spaces) of all pairs, computed here in plain
Python, apart from arcmill's shingler. Without arguments: pages of this Python's own documentation, copied with words changed.
PYTHON: the interpreter of an environment that has text-dedup, to ask it as well.
A true pair is found where one of the two is gone. A removal is false where its Jaccard with the document that it is said
to repeat is under 0.7 (arcmill; datatrove names none, so there a removal is false that has no true pair at all).
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+", re.UNICODE)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Word 5-grams, folded to lower case."""
    found = TOKEN.findall(text.lower())
    return {tuple(found[i : i + 5]) for i in range(len(found) - 4)} or {tuple(found)}


def truth(texts: dict[str, str], least: float) -> dict[tuple[str, str], float]:
    """All pairs of at least this Jaccard index, by brute force over those that share a shingle."""
    sets = {id: shingles(text) for id, text in texts.items()}
    places: dict[tuple[str, ...], list[str]] = {}
    for id, grams in sets.items():
        for gram in grams:
            places.setdefault(gram, []).append(id)
    shared: dict[tuple[str, str], int] = {}
    for ids in places.values():
        for pair in itertools.combinations(sorted(ids), 2):
            shared[pair] = shared.get(pair, 0) + 1
    pairs = {}
    for (a, b), both in shared.items():
        score = both / (len(sets[a]) + len(sets[b]) - both)
        if score >= least:
            pairs[a, b] = score
    return pairs


def ask_arcmill(folder: Path, source: Path) -> tuple[set[str], dict[str, str]]:
    """What stayed, and what went into what."""
    from arcmill.execute import execute
    from dedup.exact import STAGE as exact
    from dedup.minhash import STAGE as minhash
    from ingest.text import STAGE as ingest

    execute(ingest, ingest.config(), {"input": [str(source)]}, str(folder / "texts"))  # type: ignore[arg-type]
    first = execute(exact, exact.config(), {"input": [str(folder / "texts")]}, str(folder / "exact")).dataset
    second = execute(minhash, minhash.config(), {"input": [str(folder / "exact")]}, str(folder / "unique")).dataset
    into = {
        row["id"]: row["into_id"]
        for dataset in (first, second)
        for batch in dataset.ledger()
        for row in batch.to_pylist()
    }
    return {id for batch in second.batches(["id"]) for id in batch.column("id").to_pylist()}, into


def ask_text_dedup(python: str, folder: Path, source: Path) -> set[str]:
    """What text-dedup keeps, with as many bands and rows."""
    command = [
        python, "-m", "text_dedup.minhash", "--path", "parquet", "--data_files", str(source / "texts.parquet"),
        "--split", "train", "--cache_dir", str(folder / "cache"), "--output", str(folder / "text-dedup"), "--column",
        "text", "--ngram", "5", "--num_perm", "112", "--b", "14", "--r", "8", "--threshold", "0.7", "--num_proc", "1",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    kept: set[str] = set()
    for path in (folder / "text-dedup").glob("*.arrow"):
        kept.update(pa.ipc.open_stream(path.read_bytes()).read_all().column("id").to_pylist())
    return kept


def compare(name: str, texts: dict[str, str], planted: set[tuple[str, str]] | None, text_dedup: str | None) -> None:
    """Print what each side found of the truth."""
    from dedup_minhash import run_datatrove

    scores = truth(texts, 0.3)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "source").mkdir()
        pq.write_table(pa.table({"id": list(texts), "text": list(texts.values())}), folder / "source" / "texts.parquet")
        kept, into = ask_arcmill(folder, folder / "source")
        sides = {"arcmill": kept, "datatrove": run_datatrove(folder / "peer", folder / "source")[1]}
        if text_dedup:
            sides["text-dedup"] = ask_text_dedup(text_dedup, folder, folder / "source")
    print(f"{name}: {len(texts)} documents")

    def found(pairs: Iterable[tuple[str, str]]) -> str:
        return ", ".join(
            f"{side} {sum(a not in stayed or b not in stayed for a, b in pairs)}" for side, stayed in sides.items()
        )

    if planted is not None:
        low = min(scores.get((min(p), max(p)), 0.0) for p in planted)
        print(f"  planted pairs {len(planted)} (lowest Jaccard {low:.3f}): {found(planted)}")
    for least, most in ((0.9, 1.01), (0.8, 0.9), (0.7, 0.8)):
        pairs = [pair for pair, score in scores.items() if least <= score < most]
        print(f"  Jaccard {least} to {min(most, 1.0)}: {len(pairs):5} pairs, {found(pairs)}")
    near = {id for pair, score in scores.items() if score >= 0.7 for id in pair}
    gone = [scores.get((min(a, b), max(a, b)), 0.0) for a, b in into.items()]
    lowest = min(gone, default=1.0)
    print(
        f"  removed: arcmill {len(gone)}, {sum(score < 0.7 for score in gone)} of them under 0.7 (lowest {lowest:.3f})"
    )
    for side, stayed in sides.items():
        print(
            f"  removed without any document of 0.7: {side} {len(set(texts) - stayed - near)} of {len(texts) - len(stayed)}"
        )


def own_pages() -> dict[str, str]:
    """Docstrings of the standard library, a third of them copied with words changed."""
    import pydoc

    chance = random.Random(5)
    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))[:150]
    texts = {}
    for name in names:
        try:
            texts[name] = pydoc.plain(pydoc.render_doc(name))
        except Exception:  # a module that this machine cannot import
            continue
    for name in list(texts)[::3]:
        words = texts[name].split()
        for place in chance.sample(range(len(words)), len(words) // chance.randint(20, 200)):
            words[place] = "changed"
        texts[f"{name}-copy"] = " ".join(words)
    return texts


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, help="documents, one a line, the id first")
    parser.add_argument("--pairs", type=Path, help="planted pairs, one a line")
    parser.add_argument("--text-dedup", metavar="PYTHON", help="the interpreter of an environment with text-dedup")
    parser.add_argument("--pages", type=Path, help="folder of .html files, searched below")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    if arguments.lines:
        lines = (line.split(" ", 1) for line in arguments.lines.read_text(encoding="utf-8").splitlines() if " " in line)
        planted = {tuple(line.split()[:2]) for line in arguments.pairs.read_text().splitlines() if line.strip()}
        compare(arguments.lines.name, dict(lines), planted, arguments.text_dedup)  # type: ignore[arg-type]
    if arguments.pages:
        from ingest.web import STAGE as web

        compare(str(arguments.pages.name), read_pages(arguments.pages, web), None, arguments.text_dedup)
    if not arguments.lines and not arguments.pages:
        compare("this Python's documentation", own_pages(), None, arguments.text_dedup)


def read_pages(folder: Path, stage: Any) -> dict[str, str]:
    """The main texts of HTML files by their names below the folder."""
    from arcmill.execute import execute

    with tempfile.TemporaryDirectory() as scratch:
        made = execute(stage, stage.config(max_error_rate=1), {"input": [str(folder)]}, f"{scratch}/pages").dataset
        rows = [row for batch in made.batches(["id", "text"]) for row in batch.to_pylist()]
    return {row["id"]: row["text"] for row in rows}


if __name__ == "__main__":
    main()

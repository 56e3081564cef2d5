"""`arcmill review`: rows written out for people to decide, as a table and as a form, and taken back with who and when."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, BinaryIO

from arcmill.dataset import Dataset
from arcmill.errors import UsageError

COLUMNS = ["id", "prompt", "answer", "source", "evidence"]


def export(dataset: str, output: str, html: str | None, limit: int | None, seed: int, again: bool) -> dict[str, int]:
    """Write the table, and the form where one is asked for; counts of rows: written, decided before, left out by the limit.

    The rows are those whose ids hash lowest with the seed, in the order of the dataset. UsageError where a file exists: it may
    hold decisions.
    """
    from pipelines.review.form import page
    from synth.search_qa.review.table import read_evidence, shown_rows, write_csv

    opened = Dataset.open(dataset)
    if opened.record != "Problem":
        raise UsageError(f"{dataset}: holds {opened.record} rows; Problem rows are reviewed")
    if html is not None and os.path.abspath(html) == os.path.abspath(output):
        raise UsageError(f"--html {html}: is the same file as --output")
    for path in (output, html):
        if path is not None and os.path.lexists(path):
            raise UsageError(f"{path}: exists, and may hold decisions; name another file")
    ids, decided = [], set()
    for batch in opened.batches(["id", "evidence"]):
        for identifier, held in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            ids.append(identifier)
            review = read_evidence(held).get("review")
            if not again and isinstance(review, dict) and review.get("decision") in ("accept", "edit"):
                decided.add(identifier)
    left = [identifier for identifier in ids if identifier not in decided]
    if not left:
        raise UsageError(f"{dataset}: there is no row left to decide" + ("; --again writes all" if decided else ""))
    chosen = set(sorted(left, key=lambda one: blake2b(f"{seed}:{one}".encode(), digest_size=8).digest())[:limit])
    wanted: list[dict[str, Any]] = []
    for batch in opened.batches(COLUMNS):
        wanted += [row for row in batch.to_pylist() if row["id"] in chosen]
    rows = list(shown_rows(wanted))
    _write(output, lambda stream: write_csv(stream, rows))
    if html is not None:
        name = os.path.basename(output).removesuffix(".csv")
        made = page(rows, name, f"{opened.fingerprint[:16]}-{seed}-{len(rows)}")
        _write(html, lambda stream: stream.write(made.encode("utf-8")))
    return {"written": len(rows), "decided": len(decided), "left_out": len(left) - len(rows)}


def _write(path: str, fill: Callable[[BinaryIO], Any]) -> None:
    try:
        with open(path, "xb") as stream:
            fill(stream)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None

"""Search questions as they are read for the page: rows with evidence, names of ids, titles of pages; all within bounds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arcmill.dataset import Dataset
from pipelines.lineage import DONE
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.reading import groups, spread

ROWS, BYTES = 20_000, 64 << 20
_NAMES, _NAME_BYTES = 4_000_000, 512 << 20  # rows and bytes of edges that are searched for names


def read(found: StepFacts) -> Iterator[dict[str, Any]]:
    """Rows of search questions with their evidence as an object; other rows are passed over."""
    dataset = found.step.dataset
    assert dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    for group in groups(dataset, spread(dataset.parts, ROWS, BYTES), notes, ROWS):
        held = group.read(["id", "prompt", "answer", "pass_rate", "evidence"])
        for row in held.to_pylist() if held is not None else ():
            with contextlib.suppress(ValueError):
                row["evidence"] = json.loads(row["evidence"] or "{}")
            if isinstance(row["evidence"], dict) and row["evidence"].get("kind") == "search-qa":
                yield row


def linked(evidence: Mapping[str, Any]) -> dict[str, list[str]]:
    pages = evidence.get("pages")
    held = pages.items() if isinstance(pages, dict) else ()
    return {edge: [str(page) for page in found] for edge, found in held if isinstance(found, list)}


def ids_of(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the nodes and relations that a question speaks of."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        ends: list[Any] = [*evidence["witness"].values()]
        for clue in evidence["query"]["clues"]:
            if "variable" not in clue:
                yield from (str(one) for one in clue["relations"])
                ends += [clue["subject"], clue["object"]]
        for end in ends:
            if isinstance(end, dict) and "node" in end:
                yield str(end["node"])


def names_of(facts: Facts, wanted: set[str]) -> dict[str, str]:
    """Names of ids, from the run's Node datasets and the labels among its edges; English first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names: dict[str, str] = {}
    ids = pa.array(sorted(wanted), pa.string())
    left = _NAMES
    for record, columns in (("Node", ["id", "name"]), ("Edge", ["subject", "relation", "object", "language"])):
        for held in _all(facts, record, columns):
            left -= held.num_rows
            if left < 0:
                return names
            match = pc.is_in(held.column(columns[0]), value_set=ids)
            if record == "Edge":
                match = pc.and_(match, pc.equal(held.column("relation"), "label"))
            for row in held.filter(match).to_pylist():
                if record == "Node":
                    if row["name"] != row["id"]:
                        names.setdefault(row["id"], row["name"])
                elif row["language"] == "en":
                    names[row["subject"]] = row["object"]
                else:
                    names.setdefault(row["subject"], row["object"])
    return names


def pages_of(facts: Facts, wanted: set[str]) -> dict[str, str]:
    """What pages are called: address, path, or title."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told: dict[str, str] = {}
    ids = pa.array(sorted(wanted), pa.string())
    left = ROWS * 10
    for held in _all(facts, "Document", ["id", "url", "path", "metadata"]) if wanted else ():
        left -= held.num_rows
        if left < 0:
            break
        for row in held.filter(pc.is_in(held.column("id"), value_set=ids)).to_pylist():
            title = dict(row["metadata"] or ()).get("title")
            told.setdefault(row["id"], title or row["path"] or row["url"] or row["id"])
    return told


def _all(facts: Facts, record: str, columns: list[str]) -> Iterable[Any]:
    """The columns of all datasets of a record in the run, group by group, within bounds."""
    datasets: list[Dataset] = [
        step.dataset
        for step in facts.run.steps
        if step.record == record and step.state == DONE and step.dataset is not None
    ]
    size = 0
    for dataset in datasets:
        for part in dataset.parts:
            size += int(part["bytes"])
            if size > _NAME_BYTES:
                return
            for group in groups(dataset, [part], []):
                held = group.read(columns)
                if held is not None:
                    yield held


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def integer(value: Any) -> int:
    return value if isinstance(value, int) else 0


def hops_of(evidence: Mapping[str, Any]) -> int:
    return integer(mapping(evidence.get("difficulty")).get("hops"))

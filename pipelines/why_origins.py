"""What a row was made of: the files of a context, the conversation of a rendered text, the problem of a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.lineage import Run, Step, find_rows

MOST_FILES = 20  # of a context that are named, where no place in it says which
_COLUMNS = {"Document": ["metadata"], "Conversation": ["evidence"], "Problem": ["evidence"], "AgentTask": ["source"]}
_TOLD = ("verifier", "verdict", "expected", "observed", "environment", "seed", "player", "model", "sample")
Found = tuple[str, str, dict[str, Any]]  # relation, id, what is told of it


class Origin(NamedTuple):
    """A document that was found, and a byte of its original text (None: none is meant)."""

    step: Step
    id: str
    metadata: Mapping[str, str]
    byte: int | None


def origins(steps: Sequence[Step], way: Sequence[Mapping[str, Any]], id: str, held: Origin | None) -> list[Found]:
    """Rows that the row `id` was made of: (relation, id, what is told of it). `way` is what its steps did with it."""
    if held is not None:
        return _of_document(held.id, held.metadata, held.byte)
    kept = {step["step"] for step in way if step["became"] == "kept"}
    held_by = [step.dataset for step in steps if step.name in kept and step.dataset is not None]
    dataset = next((each for each in reversed(held_by) if each.record in _COLUMNS), None)
    if dataset is None:
        return []
    columns = _COLUMNS[dataset.record]
    row = find_rows(dataset, [id], columns).get(id, {})
    if dataset.record == "Document":
        return _of_document(id, dict(row.get("metadata") or ()), None)
    return _of_evidence(row.get("evidence"))


def _of_document(id: str, metadata: Mapping[str, str], byte: int | None) -> list[Found]:
    if "files" in metadata:
        return _of_context(metadata, byte)
    if "conversation" in metadata:
        turn = {"turn": metadata["turn"]} if "turn" in metadata else {}
        return [("rendered from conversation", metadata["conversation"], turn)]
    return []


def _of_context(metadata: Mapping[str, str], byte: int | None) -> list[Found]:
    """The file that holds the byte, or comes after it where it is of a header; all files where no byte is meant."""
    try:
        files = [(f["id"], str(f["path"]), int(f["start"]), int(f["bytes"])) for f in json.loads(metadata["files"])]
    except (ValueError, KeyError, TypeError):
        return []
    if byte is None:
        return [("holds file", id, {"path": path}) for id, path, _, _ in files[:MOST_FILES]]
    for number, (id, path, start, size) in enumerate(files):
        if byte < start + size:
            place: dict[str, Any] = {"path": path, "file": number + 1, "of": len(files)}
            if byte < start:
                return [("header of file", id, place)]
            return [("from file", id, {**place, "at_byte": byte - start})]
    return [("after the last file", files[-1][0], {"path": files[-1][1]})] if files else []


def _of_evidence(text: str | None) -> list[Found]:
    try:
        held = json.loads(text or "null")
    except ValueError:
        return []
    if not isinstance(held, dict):
        return []
    told = {name: held[name] for name in _TOLD if isinstance(held.get(name), str | int | float) and held[name] != ""}
    if isinstance(held.get("checks"), dict) and held["checks"]:
        told["checks"] = held["checks"]
    found: list[Found] = []
    for key, relation in (("problem", "answers problem"), ("task", "does task"), ("document", "asked of document")):
        if isinstance(held.get(key), str):
            found.append((relation, held[key], told))
    return found


def unknown_before(run: Run, steps: Sequence[Step]) -> list[str]:
    """What these steps read that is not at hand, so that nothing is known of what was decided there."""
    told = []
    for step in steps:
        if step.record == "Model":  # what it was learned from decided nothing on this row
            continue
        for edge in step.inputs:
            if edge.step is None and edge.record not in ("Files", "Model") and edge.input != "environment":
                told.append(
                    f"what was decided before {step.name} ({step.stage}) read its input '{edge.input}' "
                    f"({edge.fingerprint[:12]}): it is not in {run.url} (deleted, or of another run: --also DIR)"
                )
        if step.dataset is None:
            told.append(f"what {step.name} did: {step.state}, {step.problem}")
    return told

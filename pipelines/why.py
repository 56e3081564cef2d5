"""`arcmill why`: the way of one document through every stage of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from pipelines.lineage import Run, Step, open_run, rows_of_part

# What a stage decides about a document and writes on it; shown where it is set or has changed.
DECIDED = (
    "source", "url", "language", "language_score", "repo", "path", "license", "quality_score", "quality_bucket", "epochs",
)  # fmt: skip
MOST_SEQUENCES = 100
MOST_MERGED = 3  # rows that were merged into the document and are named


def explain(run_dir: str, document_id: str) -> dict[str, Any]:
    """What each step, in order, did with the document: kept, dropped, merged, errored, or held in sequences.

    An id may be shortened to a prefix that is unique in the run. Raises InputError where no step knows it.
    """
    run = open_run(run_dir)
    full = _complete(run, document_id)
    steps = steps_of(run.steps, full)
    return {"id": full, "run": run_dir, "steps": steps, "end": _end(run, steps)}


def steps_of(steps: Sequence[Step], document_id: str) -> list[dict[str, Any]]:
    """What each of these steps did with a row of this id, in order: nothing where none knows it."""
    before: dict[str, Any] = {}
    told: list[dict[str, Any]] = []
    for step in steps:
        if step.dataset is None or step.dataset.record == "Model":
            continue
        if step.dataset.record == "Sequence":
            found = _sequences(step.dataset, document_id)
        else:
            found = _document(step.dataset, document_id, before)
        told += [{"step": step.name, "stage": step.stage, **event} for event in found]
    return told


def _complete(run: Run, given: str) -> str:
    """The one id of the run that begins with `given`; the first steps hold every id there is."""
    import pyarrow.compute as pc

    seen: set[str] = set()
    for step in (s for s in run.steps if s.dataset is not None and s.dataset.record not in ("Model", "Sequence")):
        assert step.dataset is not None
        for rows in (step.dataset.batches(["id"]), step.dataset.ledger(["id"])):
            for batch in rows:
                ids = batch.column(0)
                seen.update(ids.filter(pc.starts_with(ids, given)).to_pylist())
        if given in seen:
            return given
        if seen:
            break  # an id enters by one step and keeps its name from there on
    if not seen:
        raise InputError(f"{run.url}: no step knows the document '{given}'")
    if len(seen) > 1:
        shown = ", ".join(sorted(seen)[:3])
        raise InputError(f"{run.url}: {len(seen)} documents begin with '{given}' ({shown} …); give more of the id")
    return seen.pop()


def _document(dataset: Dataset, document_id: str, before: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    columns = [*DECIDED, "text", "metadata"]
    kept = [row for part in dataset.parts for row in rows_of_part(dataset, part["path"], [document_id], columns)]
    if kept:
        values = {name: kept[0][name] for name in DECIDED if kept[0].get(name) is not None}
        if "text" in kept[0]:
            values["characters"] = len(kept[0]["text"])
        event: dict[str, Any] = {"became": "kept", "set": {k: v for k, v in values.items() if before.get(k) != v}}
        if len(kept) > 1:
            event["occurrences"] = len(kept)
        before.update(values)
        events.append(event)
    return events + _left(dataset, document_id)


def _left(dataset: Dataset, document_id: str) -> list[dict[str, Any]]:
    """The ledger rows of the document, and those that name it as their survivor."""
    events = []
    merged: list[dict[str, Any]] = []
    columns = ["outcome", "rule", "score", "threshold", "into_id", "detail"]
    for part in dataset.ledger_parts:
        for row in rows_of_part(dataset, part["path"], [document_id], columns):
            known = {name: row[name] for name in columns[1:] if row[name] is not None}
            events.append({"became": row["outcome"], **known})
        merged += rows_of_part(dataset, part["path"], [document_id], ["rule", "score"], key="into_id")
    if merged:
        events.append({"became": "survivor", "rows": len(merged), "merged": merged[:MOST_MERGED]})
    return events


def _sequences(dataset: Dataset, document_id: str) -> list[dict[str, Any]]:
    import numpy as np
    import pyarrow.compute as pc

    places: list[dict[str, Any]] = []
    tokens = 0
    row_number = 0
    for batch in dataset.batches(["segments"]):
        segments = batch.column("segments")
        parents = pc.list_parent_indices(segments).to_numpy()
        flat = pc.list_flatten(segments)
        hits = np.flatnonzero(pc.equal(pc.struct_field(flat, "id"), document_id).to_numpy(zero_copy_only=False))
        for hit in hits.tolist():
            segment = flat[hit].as_py()
            tokens += segment["length"]
            if len(places) < MOST_SEQUENCES:
                place = {name: segment[name] for name in ("start", "length", "offset", "epoch")}
                if segment["role"] in ("psm", "spm"):  # rearranged there, with three sentinels
                    place["role"] = segment["role"]
                places.append({"row": row_number + int(parents[hit]), **place})
        row_number += batch.num_rows
    packed = [{"became": "packed", "tokens": tokens, "sequences": places}] if places else []
    return packed + _left(dataset, document_id)


def _end(run: Run, steps: list[dict[str, Any]]) -> str:
    """One sentence: where the document ended."""
    packed = [step for step in steps if step["became"] == "packed"]
    if packed:
        return (
            f"packed: {packed[-1]['tokens']} tokens in {len(packed[-1]['sequences'])} segments of {packed[-1]['step']}"
        )
    gone = [step for step in steps if step["became"] in ("dropped", "merged", "errored")]
    if gone:
        last = gone[-1]
        into = f" into {last['into_id']}" if last.get("into_id") else ""
        return f"{last['became']} by {last['step']} ({last['rule']}{into})"
    return f"kept by {steps[-1]['step']}" if steps else "unknown"


def render(found: dict[str, Any]) -> str:
    """A paragraph a step."""
    return "\n".join([f"{found['id']}: {found['end']}", *list(render_steps(found["id"], found["steps"]))[1:]])


def render_steps(document_id: str, steps: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The id, then a line a step, and more where a step has more to tell."""
    yield shown(document_id)
    for step in steps:
        head = f"  {step['step']} ({step['stage']}): {step['became']}"
        if step["became"] == "kept":
            values = ", ".join(f"{name}={shown(value)}" for name, value in step["set"].items())
            more = f", {step['occurrences']} occurrences" if "occurrences" in step else ""
            yield f"{head}{more}" + (f"  {values}" if values else "")
        elif step["became"] == "packed":
            yield f"{head}, {step['tokens']} tokens"
            for p in step["sequences"]:
                role = f", rearranged {p['role']}" if p.get("role") in ("psm", "spm") else ""
                yield (
                    f"      sequence {p['row']}: tokens {p['start']} to {p['start'] + p['length'] - 1}"
                    f" (its own {p['offset']} on, epoch {p['epoch']}{role})"
                )
        elif step["became"] == "survivor":
            some = ", ".join(shown(row["id"]) for row in step["merged"])
            yield f"{head} of {step['rows']} rows that were merged into it ({some}{' …' if step['rows'] > MOST_MERGED else ''})"
        else:
            score = f", score {step['score']:.4g}" if "score" in step else ""
            limit = f", threshold {step['threshold']:.4g}" if "threshold" in step else ""
            into = f", survivor {step['into_id']}" if "into_id" in step else ""
            detail = f", {shown(step['detail'])}" if "detail" in step else ""
            yield f"{head} by {step['rule']}{score}{limit}{into}{detail}"


def shown(value: Any) -> str:
    """Values come from pages: nothing that steers a terminal gets through."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)

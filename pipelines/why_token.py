"""`arcmill why SHARD:ROW:TOKEN`: from a training token back to its document, and every decision on that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.remote import local_folder
from arcmill.storage import is_local
from pipelines.lineage import Run, Step, open_run, rows_of_part
from pipelines.token_address import Address, read_row
from pipelines.why import steps_of
from pipelines.why_origins import Origin, origins, unknown_before

if TYPE_CHECKING:
    from sequences.token_places import Encoded, TokenPlaces

AROUND = 60  # characters shown on either side
DEEPEST = 6  # documents behind documents: context, file; conversation, problem, document
_MESSAGE = re.compile(r"<\|(system|user|assistant|observation)\|>")


def explain_token(address: Address, tokenizer: str | None = None, also: Sequence[str] = ()) -> dict[str, Any]:
    """Token, segment, document, the characters, and the way of the document up to the raw input.

    `tokenizer`: the folder of the tokenizer, where it is no longer in the run. `also`: further runs or datasets that
    inputs may come from. Raises UsageError for an address that is not there, InputError for damaged data.
    """
    dataset, found = read_row(address)
    run = open_run(folder_around(dataset), also)
    step = next(s for s in run.steps if s.dataset is not None and s.dataset.path == dataset.path)
    ids = found.values["input_ids"].values.to_numpy()
    if address.token >= len(ids):
        raise UsageError(
            f"{found.part}: row {found.row} has {len(ids)} tokens, counted from 0; token {address.token} asked for"
        )
    told: dict[str, Any] = {
        "dataset": dataset.url, "part": found.part, "row": found.row, "dataset_row": found.number, "token": address.token,
        "token_id": int(ids[address.token]), "in_loss": bool(found.values["loss_mask"].values[address.token].as_py()),
        "unknown": [],
    }  # fmt: skip
    places = _places(run, step, tokenizer, told["unknown"])
    segments = found.values["segments"].as_py()
    segment = next((s for s in segments if s["start"] <= address.token < s["start"] + s["length"]), None)
    if places is not None:
        told["written"] = places.decoded(told["token_id"])
    if segment is None:
        told |= {"kind": "padding", "segment": None, "end": "padding: it belongs to no document and is not in the loss"}
        return told
    told["segment"] = {**segment, "place": segments.index(segment) + 1, "of": len(segments)}
    run_ids = ids[segment["start"] : segment["start"] + segment["length"]]
    held = _document(run, step, segment, places, run_ids, address.token - segment["start"], told)
    before = run.ancestors(step)
    told["id"] = segment["id"]
    # The rows that hold the rest of the document are not looked for: of a token its own row is enough.
    missing = unknown_before(run, before)
    if missing:  # the chain is broken: all that knows the id is told, with the word that it is not proved to lead here
        before = [s for s in run.steps if s in before or s.record != "Sequence"]
        missing.append("whether steps before that gap led here: shown are all steps of the run that know the id")
    told["steps"] = steps_of([s for s in before if s.record != "Sequence"], segment["id"])
    between = [s for s in before if s.record == "Sequence" and s.name != step.name]
    told["steps"] += [{"step": s.name, "stage": s.stage, "became": "kept", "set": {}} for s in between]
    place = {"row": found.number, **{name: segment[name] for name in ("start", "length", "offset", "epoch", "role")}}
    packed = {"became": "packed", "tokens": segment["length"], "sequences": [place]}
    told["steps"].append({"step": step.name, "stage": step.stage, **packed})
    told["unknown"] += missing
    told["origins"] = _behind(before, told["steps"], segment["id"], held, DEEPEST)
    told["end"] = _sentence(told)
    return told


def folder_around(dataset: Dataset) -> str:
    """The folder of the run: the one that the dataset's lies in, though it was named from inside it."""
    place = dataset.path if is_local(dataset.filesystem) else dataset.url
    return place.rstrip("/").rpartition("/")[0] or "/"


def packing(run: Run, step: Step) -> Mapping[str, Any]:
    """Config and inputs of the `pack` behind a Sequence step, from its manifest or, where that is gone, from one after it.

    {} where neither is there.
    """
    seen = step
    while seen.stage != "pack":
        above = [other for other in run.sources(seen) if other.record == "Sequence"]
        if not above:
            told: Mapping[str, Any] = seen.dataset.statistics.get("packed", {}) if seen.dataset is not None else {}
            return told
        seen = above[0]
    return seen.identity


def _read_by(run: Run, identity: Mapping[str, Any], name: str) -> list[Step]:
    """The steps of the run that were read as this input, where they are there."""
    marks = {str(entry["fingerprint"]) for entry in identity["inputs"] if entry["name"] == name}
    return [step for step in run.steps if step.fingerprint in marks and step.dataset is not None]


def _places(run: Run, step: Step, tokenizer: str | None, unknown: list[str]) -> TokenPlaces | None:
    identity = packing(run, step)
    if not identity:
        unknown.append("how it was packed: the dataset of pack is not here, so tokens are not told as text")
        return None
    wanted = next((str(e["fingerprint"]) for e in identity["inputs"] if e["name"] == "tokenizer"), "none")
    if (
        tokenizer is not None and (given := Dataset.open(tokenizer).fingerprint) != wanted
    ):  # other texts of the same ids
        raise UsageError(f"--tokenizer {tokenizer}: is {given[:12]}; the tokens were made by {wanted[:12]}")
    if tokenizer is None:
        held = _read_by(run, identity, "tokenizer")
        if not held or held[0].dataset is None:
            unknown.append(
                f"the text of tokens: the tokenizer ({wanted[:12]}) is not in the run; name it with --tokenizer"
            )
            return None
        tokenizer = held[0].dataset.url
    from sequences.token_places import TokenPlaces

    return TokenPlaces(local_folder(Dataset.open(tokenizer)), identity["config"])


def _document(
    run: Run, step: Step, segment: Mapping[str, Any], places: TokenPlaces | None, run_ids: Any, at: int,
    told: dict[str, Any],
) -> Origin | None:  # fmt: skip
    """Say of the token where in the text of its document it stands; returns that document and place."""
    if places is None:
        return None
    import numpy as np

    which = places.in_document(run_ids, segment["role"], segment["offset"])
    if which[at] < 0:
        told["kind"] = "sentinel"
    else:
        told["document_token"] = int(which[at])
    sources = _read_by(run, packing(run, step), "input")
    others = [s for s in reversed(run.steps) if s.record == "Document"]
    for held in sources or others:
        if held.dataset is None:
            continue
        for row in _rows(held.dataset, segment, told):
            metadata = dict(row["metadata"] or ())
            if sources and metadata.get("epoch", "0") != str(segment["epoch"]):
                continue
            with suppress(InputError):  # another document of this id, that could not be packed
                encoded = places.encode(row["text"], metadata)
                whole = len(encoded.ids) > which.max()
                if whole and np.array_equal(encoded.ids[which[which >= 0]], run_ids[which >= 0]):
                    return _placed(held, row, metadata, encoded, places, told)
    told.setdefault("kind", _kind_alone(places, told))
    told["unknown"].append(
        f"the text of the document: {' and '.join(s.name for s in sources)} holds no document '{segment['id']}' of epoch "
        f"{segment['epoch']} with these tokens"
        if sources
        else "the text of the document: what pack read is not in the run (deleted, or given from outside)"
    )
    return None


def _kind_alone(places: TokenPlaces, told: Mapping[str, Any]) -> str:
    return "eos" if told["token_id"] == places.encoder.eos_id else "text"


def _rows(dataset: Dataset, segment: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The occurrences of a document. Parts that lie where the sequence does are read first: packing keeps their order."""
    parts = dataset.parts
    sequences = Dataset.open(told["dataset"])
    share = told["dataset_row"] / max(sequences.rows, 1) * len(parts)
    for number in sorted(range(len(parts)), key=lambda number: (abs(number + 0.5 - share), number)):
        yield from rows_of_part(dataset, parts[number]["path"], [segment["id"]], ["text", "metadata"])


def _placed(
    source: Step, row: Mapping[str, Any], metadata: dict[str, str], encoded: Encoded, places: TokenPlaces, told: dict[str, Any]
) -> Origin:  # fmt: skip
    text = places.original(row["text"], metadata)
    held = {"step": source.name, "tokens": len(encoded.ids), "characters": len(text)}
    if metadata.get("fim") is not None:
        held["fim"] = {name: metadata[name] for name in ("fim", "fim_kind", "fim_span") if name in metadata}
    if metadata.get("mix_source") is not None:
        held["mix_source"] = metadata["mix_source"]
    told["document"] = held
    if "document_token" not in told:  # a sentinel that pack put in
        return Origin(source, row["id"], metadata, None)
    found = places.place(encoded, told["document_token"], row["text"], metadata)
    told["kind"] = found.kind
    if found.kind == "sentinel":
        return Origin(source, row["id"], metadata, None)
    start, end = found.characters
    held |= {
        "at_characters": [start, end], "at_bytes": list(found.bytes), "text": text[start:end],
        "before": text[max(0, start - AROUND) : start], "after": text[end : end + AROUND],
    }  # fmt: skip
    if metadata.get("chat") is not None:
        held["message"] = _message(text, start)
    return Origin(source, row["id"], metadata, found.bytes[0])


def _message(text: str, at: int) -> dict[str, Any] | None:
    """Whose message of a rendered conversation a character belongs to, and which in order; None before the first."""
    marks = [found for found in _MESSAGE.finditer(text) if found.start() <= at]
    return {"role": marks[-1][1], "number": len(marks)} if marks else None


def _behind(
    before: Sequence[Step], way: Sequence[dict[str, Any]], id: str, held: Origin | None, depth: int
) -> list[dict[str, Any]]:
    """What the row was made of, and of that again what it was made of, each with its way."""
    told = []
    for relation, other, place in origins(before, way, id, held) if depth else ():
        steps = steps_of(before, other)
        told.append(
            {
                "relation": relation,
                "id": other,
                **place,
                "steps": steps,
                "origins": _behind(before, steps, other, None, depth - 1),
            }
        )
    return told


def _sentence(told: Mapping[str, Any]) -> str:
    segment = told["segment"]
    mix = f" of source {segment['source']}" if segment.get("source") else ""
    if told.get("document", {}).get("mix_source"):
        mix += f" (input {told['document']['mix_source']} of the mixture)"
    what = {
        "eos": "closes document", "sentinel": "is a sentinel of fill-in-the-middle in document",
        "control": "is a control token of document",
    }.get(told.get("kind", "text"), "is of document")  # fmt: skip
    return f"{what} {told['id']}{mix}, epoch {segment['epoch']}; {'in' if told['in_loss'] else 'not in'} the loss"

"""Which documents `remove-documents` takes out, and which of them were nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arcmill.dataset import Dataset, read_part
from arcmill.errors import InputError, UsageError
from arcmill.storage import locate

if TYPE_CHECKING:
    from sequences.remove import RemoveDocuments

TURN = re.compile(r"#[0-9]+(-direct)?$")  # what render-chat puts behind the id of a conversation
_SHOWN = 5


class Removal:
    """The ids that go: those that were named, and the contexts that hold one that was named."""

    def __init__(self, named: set[str], contexts: Mapping[str, Sequence[str]], turns: bool, pad: Padding) -> None:
        self.named, self._contexts, self._turns, self.pad = named, contexts, turns, pad
        self._wanted = named | contexts.keys()

    @classmethod
    def load(cls, config: RemoveDocuments, inputs: Mapping[str, Sequence[Dataset]]) -> Removal:
        """Read the ids of all that names some. Raises UsageError where that is nothing, or a context is refused."""
        named = _named(config, inputs.get("remove", ()))
        contexts = _contexts(named, inputs.get("contexts", ()))
        if contexts and config.context == "refuse":
            shown = ", ".join(f"{files[0]} in {context}" for context, files in list(contexts.items())[:_SHOWN])
            raise UsageError(
                f"remove-documents: {len(contexts)} contexts hold files that are to go ({shown}); "
                "context=remove takes them out as a whole"
            )
        return cls(named, contexts, config.turns, Padding(config.pad_id, inputs["input"][0]))

    def hits(self, ids: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Of each id, whether its row or segment goes."""
        # A set of Python's is made once; Arrow would make its table of all that goes anew for each part.
        found = (
            id in self._wanted or (self._turns and "#" in id and TURN.sub("", id, count=1) in self._wanted)
            for id in ids.to_pylist()
        )
        return np.fromiter(found, np.bool_, len(ids))

    def because(self, id: str) -> tuple[list[str], str]:
        """Which named ids a row or segment goes for, and in words why."""
        if id in self._contexts:
            files = list(self._contexts[id])
            return files, f"holds {', '.join(files[:_SHOWN])}" + (" …" if len(files) > _SHOWN else "")
        if id not in self.named:
            stem = TURN.sub("", id, count=1)
            return [stem], f"of conversation {stem}"
        return [id], ""


class Padding:
    """The token that fills freed room: the one given, else the one that the input is filled with, looked up once."""

    def __init__(self, given: int | None, dataset: Dataset) -> None:
        self._known, self._dataset = given, dataset

    @property
    def id(self) -> int:
        """Raises UsageError where the input has no padding to tell it by."""
        if self._known is None:
            self._known = self._found()
        return self._known

    def _found(self) -> int:
        for part in self._dataset.parts:
            for batch in read_part(self._dataset, part["path"], ["input_ids", "segments"]):
                tokens = batch.column("input_ids")
                for row in range(batch.num_rows):
                    held = tokens[row].values
                    used = max((s["start"] + s["length"] for s in batch.column("segments")[row].as_py()), default=0)
                    if used < len(held):
                        return int(held[used].as_py())
        raise UsageError(
            "remove-documents: no row of the input has empty room, so the token that fills it is not known; "
            "name it with --set pad_id=…"
        )


def _named(config: RemoveDocuments, datasets: Sequence[Dataset]) -> set[str]:
    named = set(config.ids)
    if config.ids_file:
        filesystem, path = locate(config.ids_file)
        try:
            text = filesystem.cat_file(path).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"remove-documents: ids_file {config.ids_file} cannot be read ({error})") from None
        named.update(line.strip() for line in text.splitlines() if line.strip())
    for dataset in datasets:
        if config.remove_from == "ledger":
            for batch in dataset.ledger(["id", "rule"]):
                chosen = batch
                if config.rules is not None:
                    chosen = batch.filter(pc.is_in(batch.column("rule"), value_set=pa.array(config.rules, pa.string())))
                named.update(chosen.column("id").to_pylist())
        elif "id" not in dataset.manifest["schema"]:
            raise UsageError(
                f"remove-documents: input remove={dataset.url} holds {dataset.record} rows, which have no id"
            )
        else:
            for batch in dataset.batches(["id"]):
                named.update(batch.column("id").to_pylist())
    if not named and not datasets:
        raise UsageError("remove-documents: nothing to remove; give ids, ids_file, or --input remove=DATASET")
    return named


def _contexts(named: set[str], datasets: Sequence[Dataset]) -> dict[str, list[str]]:
    """Context -> those of its files that are to go."""
    found: dict[str, list[str]] = {}
    for dataset in datasets:
        for batch in dataset.batches(["id", "metadata"]):
            files = pc.map_lookup(batch.column("metadata"), "files", "last").to_pylist()
            for id, text in zip(batch.column("id").to_pylist(), files, strict=True):
                if text is None:
                    continue
                try:
                    held = [str(file["id"]) for file in json.loads(text)]
                except (ValueError, KeyError, TypeError):
                    raise InputError(f"{dataset.url}: metadata 'files' of {id} is not that of a context") from None
                if going := [file for file in held if file in named]:
                    found[id] = going
    return found


def conclude(config: RemoveDocuments, inputs: Mapping[str, Sequence[Dataset]], found: Set[str]) -> dict[str, Any]:
    """What is told of the whole: ids asked for and found; and how the input was packed, since its dataset may go."""
    named = _named(config, inputs.get("remove", ()))
    missing = sorted(named - found)
    if missing and not config.allow_missing:
        shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
        raise UsageError(
            f"remove-documents: {len(missing)} of {len(named)} ids are nowhere in the input: {shown}\n"
            "files of a repository are found with --input contexts=DATASET (what pack read); else go on without them "
            "with --set allow_missing=true (the finished work is taken up)"
        )
    told: dict[str, Any] = {"ids": len(named), "ids_found": len(named) - len(missing), "ids_missing": missing[:1000]}
    manifest = inputs["input"][0].manifest
    if manifest["stage"] == "pack":
        told["packed"] = {"config": manifest["config"], "inputs": manifest["inputs"]}
    elif "packed" in manifest.get("statistics", {}):
        told["packed"] = manifest["statistics"]["packed"]
    return told

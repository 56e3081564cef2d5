"""Cards as files: `README.md` beside the manifest. It is no part of the dataset's identity, and an edited one is the user's."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.storage import is_local, locate
from pipelines.cards.facts import folder_of, gather
from pipelines.cards.text import render

if TYPE_CHECKING:
    from arcmill.stage import Stage

CARD = "README.md"
_MARK = re.compile(rb"\n<!-- arcmill card of ([0-9a-f]+), ([0-9a-f]{64}) -->\n\Z")


def card_of(path: str, also: Sequence[str] = ()) -> str:
    """The card of a dataset. Its last line tells a card that nobody has edited."""
    text = render(gather(path, also)) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text}\n<!-- arcmill card of {Dataset.open(path).fingerprint[:16]}, {digest} -->\n"


def write_card(path: str, also: Sequence[str] = (), force: bool = False) -> str:
    """Write the card of a dataset; its path. UsageError where one was edited or is not arcmill's, unless `force`."""
    dataset = Dataset.open(path)
    held = _held(dataset)
    if held is not None and not force and _unedited(held) is None:
        raise UsageError(f"{path}/{CARD}: was written or edited by hand and is left alone; --force replaces it")
    data = card_of(path, also).encode()
    full = dataset.file(CARD)
    if is_local(dataset.filesystem):
        temporary = f"{full}.{uuid.uuid4().hex}"
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.replace(temporary, full)
    else:
        dataset.filesystem.pipe_file(full, data)
    return f"{path.rstrip('/')}/{CARD}"


def keep_card(stage: Stage, output: str, places: Sequence[str]) -> str | None:
    """After a stage whose dataset is for training: write its card where it lacks one, or has one of an older dataset.

    `places`: where its inputs lie. An edited card is left alone. Returns what went wrong, in words: data without a card is
    still data, so nothing is raised.
    """
    if stage.writes not in ("Export", "Sequence"):
        return None
    try:
        dataset = Dataset.open(output)
        held = _held(dataset)
        if held is not None and _unedited(held) in (None, dataset.fingerprint[:16]):
            return None
        write_card(output, [*{folder_of(place): None for place in (output, *places)}])
    except Exception as error:  # whatever an unforeseen manifest upstream, a full disk or a store says
        return f"{output}: no card was written ({type(error).__name__}: {error}); arcmill card {output} tries again"
    return None


def _held(dataset: Dataset) -> bytes | None:
    filesystem: Any = locate(dataset.url)[0]
    try:
        data: bytes = filesystem.cat_file(dataset.file(CARD))
    except FileNotFoundError:
        return None
    return data


def _unedited(data: bytes) -> str | None:
    """The fingerprint of the dataset that a card was written of; None where it was edited, or is none of ours."""
    found = _MARK.search(data)
    if found is None or hashlib.sha256(data[: found.start()]).hexdigest() != found[2].decode():
        return None
    return found[1].decode()

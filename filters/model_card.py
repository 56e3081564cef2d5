"""The card of a model folder: `model.json`, beside the files that it names."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcmill.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CARD = "model.json"


def write_card(card: DataclassInstance, folder: Path) -> None:
    """The same bytes for the same values."""
    text = json.dumps(asdict(card), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def card_values(folder: Path, setting: str, stage: str) -> Any:
    """What a card holds. UsageError naming `setting` where there is none, ValueError where it is no JSON.

    `stage` is the one whose output is expected.
    """
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except OSError as error:
        told = f"{setting}: {str(folder)!r} holds no {CARD} ({error.strerror}); expected the output of {stage}"
        raise UsageError(told) from None
    return json.loads(text)

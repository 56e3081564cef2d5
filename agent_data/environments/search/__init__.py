"""The search environment: a fixed set of documents, read by search, with notes, a reading list, citations and an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_data.environments.search.documents import Documents


def environment(index: str | Path) -> Documents:
    """The environment over an index of index-documents. InputError where there is none."""
    from agent_data.environments.search.documents import Documents

    return Documents(index)

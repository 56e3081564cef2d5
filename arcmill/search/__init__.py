"""Search over documents, offline: an index by BM25, and the tools `search` and `open` for agents.

index = SearchIndex.open("runs/x/index")                 # made by the stage index-documents
index.search("who wrote it", k=5)                        # [Hit(id, title, snippet, score, start)]
index.open_page(hit.id)                                  # Page(id, title, text, start, end, length)
call(index, "search", {"query": "who wrote it"})         # the text that an agent is given
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arcmill.search.index import Hit, Page, SearchIndex
    from arcmill.search.tools import TOOLS, answer, call

__all__ = ["Hit", "Page", "SearchIndex", "TOOLS", "answer", "call"]


def __getattr__(name: str) -> Any:
    """Imported when first asked for: a stage that lives here is declared where there is no numpy, too."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "arcmill.search.index" if name in ("Hit", "Page", "SearchIndex") else "arcmill.search.tools"
    return getattr(import_module(module), name)

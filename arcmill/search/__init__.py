"""Search over documents, offline: an index by BM25, and the tools `search` and `open` for agents.

index = SearchIndex.open("runs/x/index")                 # made by the stage index-documents
index.search("who wrote it", k=5)                        # [Hit(id, title, snippet, score, start)]
index.open_page(hit.id)                                  # Page(id, title, text, start, end, length)
call(index, "search", {"query": "who wrote it"})         # the text that an agent is given
"""

from arcmill.search.index import Hit, Page, SearchIndex
from arcmill.search.tools import TOOLS, answer, call

__all__ = ["Hit", "Page", "SearchIndex", "TOOLS", "answer", "call"]

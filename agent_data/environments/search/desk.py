"""What an episode over documents holds, and the tools beside `search` and `open`.

Documents do not change; notes, the reading list, citations and the answer are the state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from agent_data.environments.environment import ToolError
from agent_data.environments.tooling import ends, writes
from arcmill.search.index import Page, SearchIndex

MOST = 100  # notes, pages of the reading list, citations
LONGEST_NOTE, LONGEST_QUOTE, LONGEST_ANSWER = 2000, 1000, 2000  # characters
SHOWN = 20  # places in a page, documents of a list
AROUND = 80  # characters on each side of a place that is found
WHOLE = 1 << 24  # characters of a page that are looked through


@dataclass(slots=True)
class Desk:
    """`state` is a JSON value."""

    index: SearchIndex
    state: dict[str, Any] = field(
        default_factory=lambda: {"notes": {}, "next_note": 1, "reading": [], "citations": [], "answer": None}
    )

    def page(self, identifier: str) -> Page:
        """A whole document. ToolError where there is none."""
        try:
            return self.index.open_page(identifier, 0, WHOLE)
        except KeyError:
            raise ToolError(f"no page has the id {identifier!r:.80}; search gives the ids of pages") from None


def find_in_page(desk: Desk, id: str, text: str) -> dict[str, Any]:
    """Find where a text stands in a page, whatever its case and spaces: the character of each place, with what is around it.

    Args:
        id: The id of a page, as search gives it.
        text: The text to look for, at most 200 characters.
    """
    page, words = desk.page(id), text.split()
    if not words or len(text) > 200:
        raise ToolError("text must have 1 to 200 characters")
    pattern = re.compile(r"\s+".join(re.escape(word) for word in words), re.IGNORECASE)
    places = [found.span() for found in pattern.finditer(page.text)]
    shown = [
        {"start": start, "around": " ".join(page.text[max(start - AROUND, 0) : end + AROUND].split())}
        for start, end in places[:SHOWN]
    ]
    return {"id": page.id, "title": page.title, "found": len(places), "places": shown}


def list_documents(desk: Desk, start: int = 0) -> dict[str, Any]:
    """List the documents by id and title, 20 at a time.

    Args:
        start: How many to pass over, such as `next` of the list before.
    """
    count = len(desk.index)
    if start < 0 or (start >= count and start > 0):
        raise ToolError(f"start must be from 0 to {max(count - 1, 0)}")
    documents = [{"id": one, "title": title} for one, title in desk.index.titles(start, start + SHOWN)]
    told: dict[str, Any] = {"documents": documents, "count": count}
    if start + SHOWN < count:
        told["next"] = start + SHOWN
    return told


def compare_pages(desk: Desk, first_id: str, second_id: str, text: str) -> dict[str, Any]:
    """Say how often two pages hold a text, whatever its case and spaces.

    Args:
        first_id: The id of a page.
        second_id: The id of another page.
        text: The text to look for in both.
    """
    if first_id == second_id:
        raise ToolError("these are one page")
    found = [find_in_page(desk, one, text) for one in (first_id, second_id)]
    pages = [{name: page[name] for name in ("id", "title", "found")} for page in found]
    return {"text": text, "pages": pages}


@writes
def add_note(desk: Desk, text: str) -> dict[str, Any]:
    """Write a note.

    Args:
        text: The note, at most 2000 characters.
    """
    bare = text.strip()
    if not bare or len(bare) > LONGEST_NOTE:
        raise ToolError(f"a note has 1 to {LONGEST_NOTE} characters")
    if len(desk.state["notes"]) >= MOST:
        raise ToolError(f"there are {MOST} notes; remove one")
    note_id = f"note-{desk.state['next_note']}"
    desk.state["next_note"] += 1
    desk.state["notes"][note_id] = bare
    return {"note_id": note_id}


@writes
def change_note(desk: Desk, note_id: str, text: str) -> dict[str, Any]:
    """Write a note anew.

    Args:
        note_id: The id of the note.
        text: What it says from now on, at most 2000 characters.
    """
    bare = text.strip()
    _note(desk, note_id)
    if not bare or len(bare) > LONGEST_NOTE:
        raise ToolError(f"a note has 1 to {LONGEST_NOTE} characters")
    desk.state["notes"][note_id] = bare
    return {"note_id": note_id, "text": bare}


def list_notes(desk: Desk) -> dict[str, Any]:
    """List the notes, oldest first."""
    return {"notes": [{"note_id": note_id, "text": text} for note_id, text in desk.state["notes"].items()]}


@writes
def remove_note(desk: Desk, note_id: str) -> dict[str, Any]:
    """Remove a note.

    Args:
        note_id: The id of the note.
    """
    _note(desk, note_id)
    del desk.state["notes"][note_id]
    return {"notes": len(desk.state["notes"])}


@writes
def add_to_reading_list(desk: Desk, id: str) -> dict[str, Any]:
    """Put a page at the end of the reading list.

    Args:
        id: The id of a page, as search gives it.
    """
    page = desk.page(id)
    if page.id in desk.state["reading"]:
        raise ToolError("this page is on the reading list already")
    if len(desk.state["reading"]) >= MOST:
        raise ToolError(f"the reading list holds {MOST} pages; take one off")
    desk.state["reading"].append(page.id)
    return {"id": page.id, "title": page.title, "pages": len(desk.state["reading"])}


def show_reading_list(desk: Desk) -> dict[str, Any]:
    """Show the reading list, in order."""
    return {"reading": [{"id": one, "title": desk.page(one).title} for one in desk.state["reading"]]}


@writes
def take_off_reading_list(desk: Desk, id: str) -> dict[str, Any]:
    """Take a page off the reading list.

    Args:
        id: The id of the page.
    """
    if id not in desk.state["reading"]:
        raise ToolError("this page is not on the reading list")
    desk.state["reading"].remove(id)
    return {"pages": len(desk.state["reading"])}


@writes
def cite(desk: Desk, id: str, quote: str) -> dict[str, Any]:
    """Cite a page for the answer. The quote must stand in the page, spaces aside, to the letter.

    Args:
        id: The id of the page.
        quote: The words of the page that bear the answer out, at most 1000 characters.
    """
    page, bare = desk.page(id), " ".join(quote.split())
    if not bare or len(bare) > LONGEST_QUOTE:
        raise ToolError(f"a quote has 1 to {LONGEST_QUOTE} characters")
    if bare not in " ".join(page.text.split()):
        raise ToolError("the page does not hold this quote")
    citation = {"id": page.id, "quote": bare}
    if citation in desk.state["citations"]:
        raise ToolError("this is cited already")
    if len(desk.state["citations"]) >= MOST:
        raise ToolError(f"there are {MOST} citations already")
    desk.state["citations"].append(citation)
    return {"citations": len(desk.state["citations"])}


def list_citations(desk: Desk) -> dict[str, Any]:
    """List the citations, in order."""
    return {"citations": desk.state["citations"]}


@writes
@ends
def submit_answer(desk: Desk, answer: str, confidence: Literal["low", "medium", "high"] | None = None) -> str:
    """Give the answer to the question, and end. It cannot be changed.

    Args:
        answer: The answer alone, as short as it can be.
        confidence: How sure it is.
    """
    bare = " ".join(answer.split())
    if not bare or len(bare) > LONGEST_ANSWER:
        raise ToolError(f"an answer has 1 to {LONGEST_ANSWER} characters")
    desk.state["answer"] = bare
    return "The answer is submitted."


def _note(desk: Desk, note_id: str) -> str:
    if note_id not in desk.state["notes"]:
        raise ToolError(f"there is no note {note_id!r:.60}")
    return str(desk.state["notes"][note_id])


DESK_TOOLS = (
    find_in_page, list_documents, compare_pages, add_note, change_note, list_notes, remove_note, add_to_reading_list,
    show_reading_list, take_off_reading_list, cite, list_citations, submit_answer,
)  # fmt: skip

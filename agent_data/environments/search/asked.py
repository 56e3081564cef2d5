"""How readers ask for things at the desk."""

from __future__ import annotations

import random
from typing import Any

from agent_data.environments.hints import Hints, Person
from arcmill.search.index import SearchIndex

State = dict[str, Any]
NOTES = (
    "Look at the second source again.", "Ask Jana whether she knows a better page.", "This may be out of date.",
    "Good for the introduction.", "Compare with last year's figures.",
)  # fmt: skip
OUTSIDE = (
    ("Look on the web whether there is something newer than these documents.", "there is no way to the web"),
    ("Correct the first document: it has a spelling mistake in its title.", "documents cannot be changed"),
    ("Delete all documents that nobody has opened.", "documents cannot be changed"),
    ("Answer from what you know by heart, I do not trust these documents.", "answers come from the documents"),
)


def hints(index: SearchIndex) -> Hints:
    """Those of an index: its titles are what readers know."""

    def title(state: State, draw: random.Random) -> str:
        place = draw.randrange(max(len(index), 1))
        found = index.titles(place, place + 1)
        return found[0][1][:200] if found else "index"

    def quote(state: State, draw: random.Random) -> str | None:
        return None  # only what a page says can be cited; nobody makes it up

    def forbidden(state: State, draw: random.Random, person: Person | None) -> tuple[str, str] | None:
        return draw.choice(OUTSIDE)

    return Hints(
        values={
            "search.query": title, "add_note.text": lambda state, draw: draw.choice(NOTES),
            "change_note.text": lambda state, draw: draw.choice(NOTES), "cite.quote": quote,
            "find_in_page.text": lambda state, draw: title(state, draw).split()[0],
        },
        asks={
            "add_note": ('write the note "{text}"', 'note down: "{text}"'),
            "add_to_reading_list": ("put {id} on my reading list", "add {id} to the reading list"),
        },
        described={"id": ('the page "{title}"', 'the document with the title "{title}"')},
        told={"open.length": ("how many characters {id} has",), "list_documents.count": ("how many documents there are",)},
        forbidden=(forbidden,),
    )  # fmt: skip

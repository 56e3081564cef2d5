"""How readers ask for things at the desk."""

from __future__ import annotations

import random
import re
from typing import Any

from agent_data.environments.hints import Hints, Person, Ready
from agent_data.environments.search.desk import WHOLE
from arcmill.chat.dialect import find_special
from arcmill.search.index import PAGE, SearchIndex
from arcmill.search.tools import LONGEST_QUERY

State = dict[str, Any]
NOTES = (
    "Look at the second source again.", "Ask Jana whether she knows a better page.", "This may be out of date.",
    "Good for the introduction.", "Compare with last year's figures.",
)  # fmt: skip
_SENTENCE = re.compile(r"(?<=[.!?] )[A-Z][^.!?\n\"“”]{30,160}[.!?](?=\s|$)")
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

    def find(state: State, draw: random.Random, person: Person | None) -> Ready | None:
        """Find the page that says something, cite it, submit its title."""
        if not (found := index.titles(place := draw.randrange(max(len(index), 1)), place + 1)):
            return None
        identifier, title_ = found[0]
        text = index.open_page(identifier, 0, PAGE).text
        sentences = [one for one in _SENTENCE.findall(text) if title_.casefold() not in one.casefold()]
        if not sentences or not 3 <= len(title_) <= 100 or find_special(text) or "\n" in title_:
            return None
        said = draw.choice(sentences)
        hits = index.search(said, 5)
        others = [hit for hit in hits[1:] if said in index.open_page(hit.id, 0, WHOLE).text or hit.title == title_]
        if not hits or hits[0].id != identifier or others:
            return None  # the search does not find it, or another page says the same
        request = draw.choice(
            (
                f'find the page that says "{said}", cite it with these words, and submit its title as the answer',
                f'submit the title of the page on which "{said}" stands as the answer, after citing it with these words',
            )
        )
        calls = (
            ("search", {"query": said[:LONGEST_QUERY]}),
            ("cite", {"id": identifier, "quote": said}),
            ("submit_answer", {"answer": " ".join(title_.split())}),
        )
        return Ready(request, calls, facts={"quote": said})

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
        ready=(find,),
    )  # fmt: skip

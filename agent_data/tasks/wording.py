"""Requests as the text that a user would write: who they are, what they want, in which order."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from agent_data.environments.hints import Person
from agent_data.tasks.request import Request

_WRITE = ("Please {}.", "Could you {}?", "I would like you to {}.", "Can you {}?", "I need you to {}.")
_TELL = (
    "Please tell me {}.",
    "Could you tell me {}?",
    "I would like to know {}.",
    "Let me know {}, please.",
    "I need to know {}.",
)
_NEXT_WRITE = ("Please also {}.", "Could you also {}?", "I also need you to {}.", "Besides that, please {}.")
_NEXT_TELL = ("Please also tell me {}.", "I would also like to know {}.", "And let me know {}.")
_THEN_WRITE = ("After that, please {}.", "Once that is done, {}.", "Then please {}.")
_THEN_TELL = ("After that, please tell me {}.", "Once that is done, tell me {}.", "Then let me know {}.")
_FIRST = ("First, {}.", "First, please {}.")
_FIRST_TELL = ("First, tell me {}.", "First, please tell me {}.")
# (first or later, whether the order decides, whether something is to be done) -> sentences
_WAYS: dict[tuple[int, bool, bool], tuple[str, ...]] = {
    (0, False, True): _WRITE,
    (0, False, False): _TELL,
    (0, True, True): _FIRST,
    (0, True, False): _FIRST_TELL,
    (1, False, True): _NEXT_WRITE,
    (1, False, False): _NEXT_TELL,
    (1, True, True): _THEN_WRITE,
    (1, True, False): _THEN_TELL,
}
_HELLO = ("", "", "Hello. ", "Hi, ", "Good morning. ")


def lines(requests: Sequence[Request], ordered: bool, draw: random.Random) -> list[str]:
    """A sentence for each request, in their order."""
    made: list[str] = []
    said: list[str] = []
    for number, request in enumerate(requests):
        write = request.kind == "write"
        ways = _WAYS[(min(number, 1), ordered, write)]
        fresh = [way for way in ways if way not in said] or ways
        said.append(draw.choice(fresh))
        made.append(sentence(said[-1], request.phrase))
    return made


def sentence(way: str, phrase: str) -> str:
    """A phrase in a sentence. A phrase that holds sentences of its own or a list with semicolons does not go into a question."""
    phrase = phrase.strip().rstrip(".")
    if re.search(r"[.!?:] ?\S* [A-Z]|[\n;]|[\"”]$", phrase) and way.endswith("?"):
        way = "Please {}."
    text = way.format(phrase)
    return re.sub(r"([.!?][\"”]|[!?])\.$", r"\1", text)


def whole(person: Person | None, said: Sequence[str], draw: random.Random) -> str:
    """The instruction: introduction, and the sentences."""
    hello = draw.choice(_HELLO)
    parts = [person.introduction.strip()] if person and person.introduction else []
    text = " ".join([*parts, *said])
    if hello.endswith(", ") and not text.startswith("I "):
        text = text[0].lower() + text[1:]
    return hello + text

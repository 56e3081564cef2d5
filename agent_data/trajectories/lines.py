"""Whether a line may be sent as the user's: what is checked without a model (tau-bench's simulated users break all of these).

A line is one line, the user's own, holds no value that nobody has said, gives nothing that nobody asked for, and the
conversation is not ended before everything was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from agent_data.trajectories.script import Script, holds, in_words
from arcmill.chat.dialect import find_special
from arcmill.records import Message

STOP = "###STOP###"
_ROLE = re.compile(r"^\s*\W*(?:agent|assistant|user|customer|system|tool|support)\b\W*:", re.IGNORECASE)
_AGENT = re.compile(
    r"\b(?:how (?:can|may) I (?:help|assist) you|as an AI|I(?:'ve| have) (?:processed|cancelled|canceled|updated) your|"
    r"let me (?:check|look) (?:that|this|it) (?:up )?for you)\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DIGITS = re.compile(r"[#$€£¥]?\w*\d(?:[\w.,:/-]*\w)?%?")
_QUOTED = re.compile(r"[\"“]([^\"”]{2,80})[\"”]")
_CAPITAL = re.compile(r"(?<=[\w,;:)'’] )[A-Z][\w-]*[\w]")
_COMMON = frozenset(
    "I OK Okay Yes No Please Thanks Thank Hi Hello Sure Great Good Sorry Also And But".casefold().split()
)
_NUMBERS = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
}
_ASKS = re.compile(
    r"\?|\b(?:provide|tell me|give me|share|specify|confirm|verify|need|let me know|what is|which|send me)\b",
    re.IGNORECASE,
)


class Fault(NamedTuple):
    """Why a line cannot be sent: `rule` for the evidence, `why` for the simulator."""

    rule: str
    why: str


def fault(reply: str, script: Script, messages: Sequence[Message]) -> Fault | None:
    """What is wrong with a reply of the simulator as the next line after these messages; None where nothing is."""
    lines = [message.content or "" for message in messages if message.role == "user"]
    if STOP in reply:
        missing = script.missing(lines)
        if missing:
            return Fault("early", f"You cannot stop yet. You have not asked for this: {missing[0].text}")
        return None
    text = reply.strip()
    if not text:
        return Fault("empty", "It is empty.")
    if len([line for line in text.splitlines() if line.strip()]) > 1:
        return Fault("lines", "It has several lines. Write one line.")
    if _ROLE.match(text) or _AGENT.search(text) or find_special(text) or "<tool_call>" in text:
        return Fault("agent", "You are the customer, not the assistant. Write only what the customer says.")
    said = "\n".join(
        [script.text, *(message.content or "" for message in messages if message.role in ("user", "assistant"))]
    )
    if made_up := invented(text, said):
        return Fault("invented", f"{made_up!r} is not in your scenario. Say only what stands there, to the letter.")
    return _volunteered(text, script, messages, lines)


def invented(text: str, known: str) -> str | None:
    """A value in a text (a number, an address, something quoted, a name) that does not stand in what is known."""
    found: list[str] = [match.group() for match in _EMAIL.finditer(text)]
    rest = _EMAIL.sub(" ", text)
    found += [match.group() for match in _DIGITS.finditer(rest)]
    found += [match.group(1) for match in _QUOTED.finditer(rest)]
    found += [match.group() for match in _CAPITAL.finditer(rest) if match.group().casefold() not in _COMMON]
    for value in found:
        if not _known(value, known):
            return value
    for word in re.findall(r"[a-z]+", rest.casefold()):
        if word in _NUMBERS and not (holds(known, word) or holds(known, _NUMBERS[word])):
            return str(word)
    return None


def _known(value: str, known: str) -> bool:
    bare = value.strip("#$€£¥%")
    if holds(known, value) or holds(known, bare):
        return True
    if re.fullmatch(r"[\d,]+(?:\.0+)?", bare):  # 1,200.00 is 1200
        number = bare.replace(",", "").split(".")[0]
        return holds(known.replace(",", ""), number) or any(
            holds(known, word) for word, figure in _NUMBERS.items() if figure == number
        )
    if ordinal := re.fullmatch(r"(\d+)(?:st|nd|rd|th)", bare):
        return re.search(rf"(?<!\d)0?{ordinal[1]}(?!\d)", known) is not None
    return False


def _volunteered(text: str, script: Script, messages: Sequence[Message], lines: Sequence[str]) -> Fault | None:
    """What is given though nobody asked: a fact before any question, or several requests at once."""
    last = next((message.content or "" for message in reversed(messages) if message.role == "assistant"), "")
    if not _ASKS.search(last):
        for name in script.unsaid([*lines, script.introduction]):
            in_a_request = any(holds(request.text, script.facts[name]) for request in script.requests)
            if holds(text, script.facts[name]) and not in_a_request:
                return Fault("volunteered", f"Nobody has asked for your {in_words(name)} yet. Leave it out.")
    fresh = [request for request in script.missing(lines) if request.facts and script.said(request, [text])]
    if len(fresh) > 1 and not any(set(a.facts.values()) & set(b.facts.values()) for a, b in pairwise(fresh)):
        return Fault("volunteered", f"Ask for one thing at a time. Leave this for later: {fresh[-1].text}")
    return None

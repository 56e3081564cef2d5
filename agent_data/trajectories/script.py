"""What a user wants and knows: `goal.user` of a dialogue (agent_data/goal.py), and what of it has been said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_WORD = re.compile(r"\w+")
_SMALL = frozenset(
    "a an and are as at be but by can could do does for from had has have i if in is it its me my of on or please so that the "
    "their them then there this to want was we were what which will with would you your".split()
)
_HALF = 0.5  # share of a request's words that must have been said, where it holds no fact to go by


@dataclass(frozen=True, slots=True)
class Asking:
    """One request: the user's words, and the values in it, which are to be kept to the letter."""

    text: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """See goal.py. `text` is all of it, against which inventions are told."""

    introduction: str
    requests: tuple[Asking, ...]
    facts: Mapping[str, str]
    instruction: str

    @property
    def text(self) -> str:
        held = [self.instruction, self.introduction, *self.facts.values()]
        for request in self.requests:
            held += [request.text, *request.facts.values()]
        return "\n".join(held)

    def said(self, request: Asking, lines: Sequence[str]) -> bool:
        """Whether the user's lines hold a request: all of its values, or else half of its words."""
        told = "\n".join(lines)
        if request.facts:
            return all(holds(told, value) for value in request.facts.values())
        words = {word for word in _words(request.text) if word not in _SMALL}
        return not words or len(words & set(_words(told))) >= _HALF * len(words)

    def missing(self, lines: Sequence[str]) -> list[Asking]:
        """The requests that have not been said."""
        return [request for request in self.requests if not self.said(request, lines)]

    def covered(self, lines: Sequence[str]) -> bool:
        """Whether all requests have been said."""
        return not self.missing(lines)

    def unsaid(self, lines: Sequence[str]) -> list[str]:
        """Names of the facts that the user knows and has not said."""
        told = "\n".join(lines)
        return [name for name, value in self.facts.items() if not holds(told, value)]


def read_script(user: Mapping[str, Any] | None, instruction: str) -> Script:
    """The script of a task; where it has none, the instruction is the one request. ValueError where it is broken."""
    if user is None:
        return Script("", (Asking(instruction),), {}, instruction)
    try:
        requests = tuple(Asking(str(held["text"]), _facts(held.get("facts"))) for held in user.get("requests") or ())
        script = Script(
            str(user.get("introduction") or ""),
            requests or (Asking(instruction),),
            _facts(user.get("facts")),
            instruction,
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"goal.user is no script ({type(error).__name__}: {error})") from None
    return script


def _facts(held: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: plain(value) for name, value in (held or {}).items()}


def plain(value: Any) -> str:
    """A value as people write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_words(name: str) -> str:
    """The name of a parameter or tool as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip().lower()


def holds(text: str, value: str) -> bool:
    """Whether a value stands in a text as a whole, in whatever case and spacing."""
    wanted = " ".join(value.casefold().split()).strip(" .")
    if not wanted:
        return True
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", " ".join(text.casefold().split())) is not None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())

"""Names of the nodes of a graph, found in texts, and what may stand for them: their description, or their class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from synth.search_qa.passages.spans import Span
from synth.search_qa.wording.names import named

_WORD = re.compile(r"\w+", re.UNICODE)
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_WORDS, _SIGNS = 7, 12  # of the longest name that is looked for
_SHORTEST = 3  # characters of a name in a script with blanks; two in Chinese


def fold(text: str) -> str:
    """As names are compared: NFKC, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


@dataclass(frozen=True, slots=True)
class Thing:
    """What is known of a node, by language."""

    id: str
    description: str | None
    types: tuple[str, ...]
    name: str


@dataclass
class Known:
    """Nodes by their folded names; a name of several nodes is not used, since nobody knows which is meant."""

    by_name: dict[str, Thing | None] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)  # of a folded name, every name of its node

    @classmethod
    def load(cls, datasets: Sequence[Any]) -> Known:
        """The nodes of Node datasets; relations are none."""
        known = cls()
        columns = ["id", "name", "role", "labels", "aliases", "types", "description"]
        for dataset in datasets:
            for batch in dataset.batches(columns):
                for row in batch.to_pylist():
                    if row["role"] == "node":
                        known._add(row)
        return known

    def _add(self, row: dict[str, Any]) -> None:
        labels = dict(row["labels"] or ())
        self.labels[row["id"]] = {"": row["name"], **labels}
        thing = Thing(row["id"], row["description"], tuple(row["types"] or ()), row["name"])
        names = list(dict.fromkeys([row["name"], *labels.values(), *(row["aliases"] or ())]))
        for name in names:
            folded = fold(name)
            if len(folded) < (2 if _HAN.match(folded[:1]) else _SHORTEST) or not any(sign.isalpha() for sign in folded):
                continue
            held = self.by_name.get(folded, thing)
            self.by_name[folded] = thing if held is not None and held.id == thing.id else None
            self.aliases[folded] = names

    def names(self, title: str) -> list[str]:
        """Every name of the one node that carries this name."""
        folded = fold(title)
        return self.aliases[folded] if self.by_name.get(folded) is not None else []

    def find(self, text: str, language: str, title: str) -> Iterator[Span]:
        """Known names in a text, the longest at each place, with what may stand for them."""
        if not self.by_name:
            return
        own = self.by_name.get(fold(title))
        for start, end in self._places(text):
            thing = self.by_name[fold(text[start:end])]
            assert thing is not None
            if own is not None and thing.id == own.id:
                continue
            if instead := self._instead(thing, language, text[start:end], title):
                said, why = instead
                yield Span(start, end, text[start:end], said, "known-name", why)

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        words = [found.span() for found in _WORD.finditer(text)]
        after = 0
        for place, (start, first) in enumerate(words):
            if start < after:
                continue
            if _HAN.search(text[start:first]):
                for at in range(start, first):
                    for end in range(min(at + _SIGNS, first), at + 1, -1):
                        if at >= after and self.by_name.get(fold(text[at:end])) is not None:
                            yield at, end
                            after = end
                            break
                continue
            if not text[start].isupper() and not text[start].isdigit():
                continue  # a name in small letters is more often a common word
            for last in range(min(place + _WORDS, len(words)), place, -1):
                end = words[last - 1][1]
                if self.by_name.get(fold(text[start:end])) is not None:
                    yield start, end
                    after = end
                    break

    def _instead(self, thing: Thing, language: str, original: str, title: str) -> tuple[str, str] | None:
        if language == "en" and thing.description and not named(thing.description, (original, title)):
            described = thing.description.strip().rstrip(".")
            if 2 <= len(described.split()) <= 12 and not re.search(r"\d", described):
                return with_article(described), f"{thing.name}, by its description"
        for kind in thing.types:
            labels = self.labels.get(kind, {})
            label = labels.get(language) or (labels.get("") if language == "en" else None)
            if label and label != kind:
                said = with_article(label) if language == "en" else f"某个{label}"
                return said, f"{thing.name}, by its class"
        return None


def with_article(phrase: str) -> str:
    """The phrase with "a" or "an", unless it has an article."""
    if re.match(r"(?i)(?:a|an|the|one)\s", phrase):
        return phrase
    return f"{'an' if phrase[:1].lower() in 'aeiou' else 'a'} {phrase}"

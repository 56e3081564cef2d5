"""The good training texts of the packaged model `prose-vs-boilerplate-en`: edited prose of many kinds, in equal shares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from random import Random

from filters.quality.default.corpus import good_texts
from filters.quality.default.readers import READERS
from filters.quality.default.sources import Source, members, sources

__all__ = ["EACH", "documents", "read"]

EACH = 800  # documents of a kind
LONGEST = 1200  # words of a document; the model sees some 500 of them


def read(folder: Path) -> dict[str, dict[str, list[list[str]]]]:
    """By kind and source: texts, each a list of paragraphs. Nothing is told twice."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    seen: set[str] = set()
    for source in sources():
        texts = found.setdefault(source.kind, {}).setdefault(_name(source), [])
        for paragraphs in _texts(source, folder):
            new = [paragraph for paragraph in dict.fromkeys(paragraphs) if paragraph not in seen]
            seen.update(new)
            if new:
                texts.append(new)
    found["docstring"] = {"python": [document.split("\n\n") for document in good_texts()]}
    return found


def _name(source: Source) -> str:
    return source.package.partition("-1.16-")[0]  # the campaigns of one game are one source


def _texts(source: Source, folder: Path) -> Iterator[list[str]]:
    for _, data in members(source, folder):
        yield from READERS[source.reader](data)


def documents(kinds: dict[str, dict[str, list[list[str]]]], each: int = EACH) -> dict[str, list[str]]:
    """By kind, `each` documents or as many as there are: runs of paragraphs of one text, its sources in turns.

    Lengths are drawn evenly on a logarithmic scale, so that they tell nothing. Every third has a heading, as pages have.
    """
    found = {}
    for kind, by_source in kinds.items():
        random = Random(f"good {kind}")
        cuts = []
        for texts in by_source.values():
            cuts.append([document for text in texts for document in _cut(random, text)])
            random.shuffle(cuts[-1])
        in_turns = (document for some in zip_longest(*cuts) for document in some if document)
        found[kind] = list(islice(in_turns, each))
    return found


def _cut(random: Random, paragraphs: list[str]) -> Iterator[str]:
    at = 0
    while at < len(paragraphs):
        wanted, words, run = math.exp(random.uniform(math.log(12), math.log(LONGEST))), 0, []
        while at < len(paragraphs) and words < wanted:
            run.append(paragraphs[at])
            words += len(paragraphs[at].split())
            at += 1
        if random.random() < 1 / 3:
            run.insert(0, _heading(random, run[0]))
        yield "\n\n".join(run)


def _heading(random: Random, paragraph: str) -> str:
    words = [word.strip(".,;:()\"'“”") for word in paragraph.split()]
    start = random.randrange(max(1, len(words) - 6))
    return " ".join(word.capitalize() for word in words[start : start + random.randint(2, 6)])

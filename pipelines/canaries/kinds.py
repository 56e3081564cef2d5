"""The canaries themselves: each a document with its kind, its original, and what is known about it.

What is known travels in the document's own `metadata`, under `canary`; no stage reads it.
"""

from __future__ import annotations

import json
import math
import random
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from arcmill.records import Document
from pipelines.canaries import edits
from pipelines.canaries.config import Canaries
from pipelines.canaries.templates import PII_SORTS, TEMPLATES, from_template, personal

KEY = "canary"
DISGUISES = ("verbatim", "rewrapped", "recased", "embedded", "question")
_SIBLINGS = 20  # pages of one template; more would fill a bucket of dedup-minhash
_QUESTION_CHARACTERS = 2000
_CHOICES = re.compile(r"\n\s*\(?[A-D][.):]\s")


@dataclass(frozen=True)
class Material:
    """What canaries are made from: documents that survive the shadow run, benchmark items, tokens in a shingle."""

    originals: Sequence[Document]
    problems: Sequence[Mapping[str, Any]] = ()
    ngram: int = 5
    pool: list[list[str]] = field(default_factory=list)  # sentences of the originals, by document

    @classmethod
    def of(cls, originals: Sequence[Document], problems: Sequence[Mapping[str, Any]], ngram: int) -> Material:
        pool = [[s for s in edits.sentences(d.text) if 40 <= len(s) <= 300 and s[0].isalnum()] for d in originals]
        return cls(originals, problems, ngram, [sentences for sentences in pool if sentences])


def make(settings: Canaries, material: Material, count: int) -> list[Document]:
    """At most `count` canaries of each kind; fewer where the material does not give more. The same for the same seed."""
    makers: dict[str, Callable[[Material, int, Canaries], Iterator[Document]]] = {
        "exact-copy": _exact, "near-copy": _near, "template-sibling": _siblings, "paraphrase": _paraphrases,
        "benchmark-item": _benchmark, "pii": _pii, "clean": _clean,
    }  # fmt: skip
    return [canary for kind in settings.kinds for canary in makers[kind](material, count, settings)]


def known(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is known about a row: kind, original and facts; None for a row that is no canary."""
    for key, value in document["metadata"] or ():
        if key == KEY:
            return dict(json.loads(value))
    return None


def below(quality: float | None) -> float | None:
    """The next lower score: a canary must lose against its original, and lie where it lies otherwise."""
    return None if quality is None or math.isnan(quality) else math.nextafter(quality, -math.inf)


def _canary(base: Document, text: str, kind: str, number: int, derived: bool = True, **facts: Any) -> Document:
    """A document beside `base`: the same origin, an id that sorts after it, no HTML (which would hold the original)."""
    told = {"kind": kind, "original": base.id if derived else None, **facts}
    metadata = {**(base.metadata or {}), KEY: json.dumps(told, ensure_ascii=False, sort_keys=True)}
    return replace(
        base, id=f"{base.id}~{kind}~{number}", text=text, html=None, metadata=metadata,
        quality_score=below(base.quality_score),
    )  # fmt: skip


def _chance(settings: Canaries, kind: str, number: int = 0) -> random.Random:
    return random.Random(f"{settings.seed} {kind} {number}")


def _each(
    material: Material, count: int, settings: Canaries, kind: str,
    change: Callable[[Document, random.Random], tuple[str, dict[str, Any]] | None],
) -> Iterator[Document]:  # fmt: skip
    """`change` applied to originals in a seeded order, each once, until there are `count`."""
    order = list(material.originals)
    _chance(settings, f"order {kind}").shuffle(order)
    made = 0
    for document in order:
        if made == count:
            return
        changed = change(document, _chance(settings, kind, made))
        if changed is not None:
            text, facts = changed
            yield _canary(document, text, kind, made, **facts)
            made += 1


def _with_jaccard(material: Material, document: Document, text: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    return text, {"jaccard": edits.jaccards([(document.text, text)], material.ngram)[0], **facts}


def _exact(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    def change(document: Document, chance: random.Random) -> tuple[str, dict[str, Any]] | None:
        text = edits.other_space(document.text)
        return None if text is None else _with_jaccard(material, document, text)

    return _each(material, count, settings, "exact-copy", change)


def _near(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    for target in settings.near_jaccard:

        def change(document: Document, chance: random.Random, aim: float = target) -> tuple[str, dict[str, Any]] | None:
            text = edits.near_copy(document.text, aim, material.ngram, chance)
            return None if text is None else _with_jaccard(material, document, text)

        yield from _each(material, count, settings, f"near-copy-{target:g}", change)


def _paraphrases(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    def change(document: Document, chance: random.Random) -> tuple[str, dict[str, Any]] | None:
        text = edits.paraphrase(document.text, chance)
        if edits.tokens(text) < edits.MIN_TOKENS or edits.size(text) > edits.size(document.text):
            return None
        made, facts = _with_jaccard(material, document, text)
        return (made, facts) if facts["jaccard"] < 0.95 else None  # else nothing was changed to speak of

    return _each(material, count, settings, "paraphrase", change)


def _pii(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    for sort in PII_SORTS:

        def change(document: Document, chance: random.Random, kind: str = sort) -> tuple[str, dict[str, Any]] | None:
            value, sentence = personal(kind, chance)
            text = edits.substitute(document.text, sentence, chance)
            return None if text is None or value in document.text else (text, {"value": value})

        yield from _each(material, count, settings, f"pii-{sort}", change)


def _siblings(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    """Groups of pages of one template. The first of a group is `template-first`: it may stay, its siblings should not."""
    made = group = 0
    while made < count and material.originals:
        first = None
        for place in range(min(_SIBLINGS, count - made) + 1):
            # The longest page is the first of its group, so that it wins where no quality decides.
            chance = _chance(settings, f"template {group}", place)
            if first is None:
                text = max((from_template(group, chance) for _ in range(30)), key=edits.size)
                first = _canary(material.originals[0], text, "template-first", group, derived=False)
                yield first
                continue
            text = from_template(group, chance)
            while edits.size(text) > edits.size(first.text):
                text = from_template(group, chance)
            text, facts = _with_jaccard(material, first, text, template=group % len(TEMPLATES))
            sibling = replace(first, metadata=None)
            yield _canary(sibling, text, "template-sibling", made, **facts)
            made += 1
        group += 1


def _clean(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    """Sentences of many documents, each in no other canary's order: nothing should merge it or find an item in it."""
    for number in range(count if len(material.pool) >= 8 else 0):
        text = "\n".join(edits.mosaic(material.pool, _chance(settings, "clean", number), 16))
        yield _canary(material.originals[number % len(material.originals)], text, "clean", number, derived=False)


def _benchmark(material: Material, count: int, settings: Canaries) -> Iterator[Document]:
    """Items as they stand, broken into other lines, in capitals, within a real document, and the question alone."""
    problems = list(material.problems)
    _chance(settings, "order benchmark").shuffle(problems)
    if len(material.pool) < 8:
        return
    order = list(material.originals)
    _chance(settings, "hosts").shuffle(order)
    hosts = iter(order)  # each once: two items in one document would be near-copies of one another
    for disguise in DISGUISES:
        kind = f"benchmark-{disguise}"
        for number, problem in enumerate(problems[:count]):
            chance = _chance(settings, kind, number)
            question = _CHOICES.split(problem["prompt"])[0].strip()
            facts = {"problem": problem["id"], "question": question[:_QUESTION_CHARACTERS]}
            whole = problem["prompt"].strip()
            if problem.get("answer"):
                whole += f"\nAnswer: {problem['answer']}"
            if disguise == "embedded":
                yield from _embedded(hosts, kind, number, " ".join(whole.split()), chance, facts)
                continue
            shown = {
                "verbatim": whole, "recased": whole.upper(), "question": question,
                "rewrapped": _rewrapped(whole, quoted=number % 2 == 1),
            }[disguise]  # fmt: skip
            paragraphs = edits.mosaic(material.pool, chance, 12)
            text = "\n".join([*paragraphs[:2], shown, *paragraphs[2:]])
            base = material.originals[number % len(material.originals)]
            yield _canary(base, text, kind, number, derived=False, **facts)


def _rewrapped(item: str, quoted: bool) -> str:
    """Short lines. Filters remove such lines as they stand; each in quotation marks, they stay."""
    lines = textwrap.wrap(item, 46, break_long_words=False)
    return "\n".join(f'"{line}"' if quoted else line for line in lines)


def _embedded(
    hosts: Iterator[Document], kind: str, number: int, item: str, chance: random.Random, facts: Mapping[str, Any]
) -> Iterator[Document]:
    for host in hosts:  # the next one that has room for it
        text = edits.within_half(host.text, item, chance)
        if text is not None:
            yield _canary(host, text, kind, number, **facts)
            return

"""Questions with one right answer, made of held-out texts: which continuation is the true one, which word is the last.

Wrong continuations are true ones of other documents, cut alike, so that no answer is likelier by itself: each is right
once and wrong as often as it is drawn. They are compared by nats per byte. A wrong last word is the last word of another
sentence of the set, of like frequency; words are compared with the sign behind them, by the nats of the whole.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from pipelines.ablate.config import Ablate
from pipelines.ablate.heldout import Kept
from pipelines.ablate.spans import Array, Items, Measure
from pipelines.ablate.vocabulary import Vocabulary

CONTEXT_WORDS, ANSWER_WORDS = 48, 12
CHARACTERS = 3  # of text without spaces that count as a word
PER_DOCUMENT = 3  # questions from one document, at most
_WORD = re.compile(r"\S+")
_LAST = re.compile(r"(?<=\w )([^\W\d_]{3,})([.!?])(?=\s|$)")
_SEED = 40_813
T = TypeVar("T")


def add_continuation(items: Items, kept: Sequence[Kept], vocabulary: Vocabulary, config: Ablate) -> None:
    """Ask which continuation is the true one: `PER_DOCUMENT` a document, `config.items` a set."""
    for name, documents in _by_set(kept).items():
        asked: list[tuple[str, str, str]] = []  # document, context, answer
        for number, each in enumerate(documents):
            chance = np.random.default_rng([_SEED, number])
            ends = _ends(each.text)
            room = len(ends) - CONTEXT_WORDS - ANSWER_WORDS
            if room <= 0:
                continue
            places = sorted(chance.choice(room, size=min(PER_DOCUMENT, 1 + room // (2 * ANSWER_WORDS)), replace=False))
            for place in places:
                start, middle = ends[place], ends[place + CONTEXT_WORDS]
                asked.append(
                    (
                        each.held.id,
                        each.text[start:middle],
                        each.text[middle : ends[place + CONTEXT_WORDS + ANSWER_WORDS]],
                    )
                )
        answers = vocabulary.encode([answer for _, _, answer in asked])
        short = [number for number, ids in enumerate(answers) if len(ids) <= config.window // 2]
        asked, answers = [asked[number] for number in short], [answers[number] for number in short]
        if len({document for document, _, _ in asked}) < config.choices:
            continue
        for number, (document, context, answer) in _some(asked, config.items):
            chance = np.random.default_rng([_SEED, 1, number])
            wrong: dict[str, int] = {}
            for other in chance.permutation(len(asked)):
                if asked[other][0] != document and asked[other][0] not in wrong and asked[other][2] != answer:
                    wrong[asked[other][0]] = int(other)
                if len(wrong) == config.choices - 1:
                    break
            chosen = (number, *wrong.values())
            spans = _spans(items, vocabulary, context, [answers[choice] for choice in chosen], config.window)
            sizes = [len(asked[choice][2].encode()) for choice in chosen]
            items.measures.append(Measure(name, "continuation", document, "choice", tuple(spans), 1.0, tuple(sizes)))


def add_last_word(items: Items, kept: Sequence[Kept], vocabulary: Vocabulary, config: Ablate) -> None:
    """Ask for the last word of a sentence: `PER_DOCUMENT` a document, `config.items` a set."""
    for name, documents in _by_set(kept).items():
        frequency = Counter(word for each in documents for word in re.findall(r"[^\W\d_]+", each.text))
        asked: list[tuple[str, str, str, str]] = []  # document, context, word, sign
        pool: set[str] = set()
        for number, each in enumerate(documents):
            found = [match for match in _LAST.finditer(each.text) if _words_before(each.text, match.start()) >= 24]
            pool.update(match[1] for match in found)
            chance = np.random.default_rng([_SEED, 2, number])
            for place in sorted(chance.permutation(len(found))[:PER_DOCUMENT]):
                match = found[place]
                context = each.text[: match.start() - 1]
                ends = _ends(context)
                asked.append(
                    (
                        each.held.id,
                        context[ends[-CONTEXT_WORDS] if len(ends) > CONTEXT_WORDS else 0 :],
                        match[1],
                        match[2],
                    )
                )
        ranked = sorted(pool, key=lambda word: (frequency[word], word))
        if len({word.lower() for word in ranked}) < 3 * config.choices:
            continue
        rank = {word: number for number, word in enumerate(ranked)}
        for number, (document, context, word, sign) in _some(asked, config.items):
            chance = np.random.default_rng([_SEED, 3, number])
            near = sorted(ranked, key=lambda other: (abs(rank[other] - rank[word]), other))[: 6 * config.choices]
            near = [other for other in near if other.lower() != word.lower()]
            wrong = [near[place] for place in chance.permutation(len(near))[: config.choices - 1]]
            answers = vocabulary.encode([f" {each}{sign}" for each in (word, *wrong)])
            spans = _spans(items, vocabulary, context, answers, config.window)
            items.measures.append(Measure(name, "last_word", document, "choice", tuple(spans), 1.0, (1,) * len(spans)))


def _spans(items: Items, vocabulary: Vocabulary, context: str, answers: Sequence[Array], window: int) -> list[int]:
    """Each answer after the same context, of which the end is kept where the longest would not fit."""
    given = vocabulary.encode([context])[0]
    room = window - max(map(len, answers))
    kept = given[len(given) - room :] if len(given) > room else np.concatenate([[vocabulary.eos], given])
    return [items.span(np.concatenate([kept, answer]), len(kept)) for answer in answers]


def _ends(text: str) -> list[int]:
    """Where words end; in a text without spaces every third character counts as one."""
    found = [match.end() for match in _WORD.finditer(text)]
    if len(text) > 24 * max(1, len(found)):
        return list(range(CHARACTERS, len(text) + 1, CHARACTERS))
    return found


def _words_before(text: str, place: int) -> int:
    return len(_WORD.findall(text[max(0, place - 600) : place]))


def _by_set(kept: Sequence[Kept]) -> dict[str, list[Kept]]:
    found: dict[str, list[Kept]] = defaultdict(list)
    for each in kept:
        found[each.held.set].append(each)
    return found


def _some(asked: Sequence[T], most: int) -> list[tuple[int, T]]:
    """At most so many questions, over all documents alike: in an order drawn once."""
    order = np.random.default_rng([_SEED, 4, len(asked)]).permutation(len(asked))[:most]
    return [(int(number), asked[number]) for number in sorted(order)]

"""Edits of a text that give what a canary needs: other white space, a known Jaccard index, a planted sentence.

An edited text never has more bytes than the text it was made from, so it loses against it wherever size decides.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

# Words, and single characters of scripts without spaces, as dedup-minhash counts tokens.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]+[\"'”’)\]]*[ \t]*")
_SPACE = re.compile(r"(?<=\S) (?=\S)")
_ROUNDS = 6
MIN_TOKENS = 80  # of a text that is edited: in a shorter one a single word moves the Jaccard index too far

# Longer word to shorter: a paraphrase must not grow.
SYNONYMS = {
    "additional": "extra", "although": "though", "approximately": "about", "assistance": "help", "because": "since",
    "beautiful": "lovely", "beginning": "start", "children": "kids", "complete": "full", "construct": "build",
    "demonstrate": "show", "described": "told of", "different": "other", "difficult": "hard", "discovered": "found",
    "empty": "bare", "entire": "whole", "especially": "above all", "famous": "noted", "frequently": "often",
    "however": "but", "immediately": "at once", "important": "key", "including": "with", "information": "facts",
    "large": "big", "located": "set", "modern": "new", "narrow": "tight", "necessary": "needed", "numerous": "many",
    "obtain": "get", "painted": "drew", "previous": "former", "problem": "snag", "provide": "give",
    "provides": "gives", "purchase": "buy", "quickly": "fast", "quiet": "calm", "rapidly": "fast",
    "received": "got", "remain": "stay", "repaired": "mended", "request": "ask", "require": "need",
    "required": "needed", "requires": "needs", "several": "some", "small": "tiny", "sufficient": "enough",
    "therefore": "so", "together": "as one", "usually": "mostly", "utilize": "use", "various": "many",
    "visited": "saw", "whenever": "when",
}  # fmt: skip
_WORD = re.compile(r"\b(?:" + "|".join(SYNONYMS) + r")\b", re.IGNORECASE)


def size(text: str) -> int:
    """UTF-8 bytes, which is what ranks documents of the same quality."""
    return len(text.encode("utf-8"))


def tokens(text: str) -> int:
    """Words, or characters in scripts without spaces."""
    return sum(1 for _ in _TOKEN.finditer(text))


def sentences(text: str) -> list[str]:
    """Its sentences, without the white space around them."""
    return [match[0].strip() for match in _SENTENCE.finditer(text)]


def jaccards(pairs: Sequence[tuple[str, str]], ngram: int) -> list[float]:
    """The Jaccard index (0-1) of the shingle sets of each pair, as dedup-minhash measures it."""
    import numpy as np
    import pyarrow as pa

    from dedup.jaccard import as_set, jaccard
    from dedup.shingles import shingle

    if not pairs:
        return []
    sets: list[Any] = []
    for side in (0, 1):
        shingles = shingle(pa.array([pair[side] for pair in pairs], pa.large_string()), ngram)
        each = [as_set(shingles.hashes[a:b]) for a, b in zip(shingles.starts[:-1], shingles.starts[1:], strict=True)]
        bounds = np.cumsum([0, *(len(hashes) for hashes in each)])
        sets += [np.concatenate(each), bounds[:-1], bounds[1:]]
    return [round(float(value), 4) for value in jaccard(*sets)]


def other_space(text: str) -> str | None:
    """The same words with other white space and as many bytes; None where it holds none to change."""
    found = [match.start() for match in _SPACE.finditer(text)]
    if len(found) >= 4:
        places, instead = set(found[3::7]), "\t"
    elif "\n" in text.strip():
        places, instead = {text.strip().index("\n") + len(text) - len(text.lstrip())}, " "
    else:
        return None
    return "".join(instead if place in places else sign for place, sign in enumerate(text))


def near_copy(text: str, target: float, ngram: int, chance: random.Random) -> str | None:
    """Words left out or swapped, spread over the text, so that the Jaccard index comes near `target`.

    None where the text has fewer than `MIN_TOKENS` tokens.
    """
    spans = [match.span() for match in _TOKEN.finditer(text)]
    if len(spans) < MIN_TOKENS:
        return None
    # A word left out costs n shingles and makes n-1; two swapped cost n+1 and make as many. Half of each.
    shingles, lost, made = len(spans) - ngram + 1, ngram + 0.5, float(ngram)
    wanted = shingles * (1 - target) / (lost + target * made)
    begin = chance.random()
    best, least = None, 2.0
    for _ in range(_ROUNDS):
        edits = max(1, min(round(wanted), len(spans) // 3))
        edited = _edit(text, spans, edits, begin)
        reached = jaccards([(text, edited)], ngram)[0]
        if abs(reached - target) < least:
            best, least = edited, abs(reached - target)
        following = wanted * (1 - target) / max(1 - reached, 1e-3)
        if max(1, round(following)) == edits:
            break
        wanted = following
    return best


def _edit(text: str, spans: Sequence[tuple[int, int]], edits: int, begin: float) -> str:
    step = (len(spans) - 1) / edits
    for number in reversed(range(edits)):  # from the end, so that the places before stay right
        at = min(int((number + begin) * step), len(spans) - 2)
        (start, end), (after, last) = spans[at], spans[at + 1]
        if number % 2 == 0:
            text = text[:start] + text[end + (text[end : end + 1] == " ") :]
        else:
            text = text[:start] + text[after:last] + text[end:after] + text[start:end] + text[last:]
    return text


def paraphrase(text: str, chance: random.Random) -> str:
    """Mechanical: words for words of one meaning, and the sentences of each line in another order."""

    def shorter(match: re.Match[str]) -> str:
        word = SYNONYMS[match[0].lower()]
        return word[0].upper() + word[1:] if match[0][0].isupper() else word

    lines = []
    for line in _WORD.sub(shorter, text).split("\n"):
        parts = _SENTENCE.findall(line)
        if len(parts) > 1 and "".join(parts) == line:
            ordered = [part.strip() for part in parts]
            chance.shuffle(ordered)
            line = " ".join(ordered)
        lines.append(line)
    return "\n".join(lines)


def substitute(text: str, planted: str, chance: random.Random) -> str | None:
    """`planted` in the place of as many sentences as it needs room for; None where that is over a third of the text."""
    spans = [match.span() for match in _SENTENCE.finditer(text)]
    need = size(planted) + 1
    if len(spans) < 5 or 3 * need > size(text):
        return None
    first = chance.randrange(1, len(spans) - 2)
    for at in [*range(first, len(spans) - 1), *range(1, first)]:
        start = end = spans[at][0]
        for following in range(at, len(spans) - 1):
            if "\n" in text[start : spans[following][1]]:
                break  # within one line, so that the lines keep their ends
            end = spans[following][1]
            if size(text[start:end]) >= need:
                return f"{text[:start]}{planted} {text[end:]}"
    return None


def within_half(text: str, planted: str, chance: random.Random) -> str | None:
    """`planted` between two sentences of the first half of the text, which is too little to be a near-copy of it.

    None where the text is too short for that, or `planted` is longer than the other half.
    """
    starts = [match.start() for match in _SENTENCE.finditer(text)]
    if len(starts) < 8:
        return None
    end = starts[len(starts) // 2]
    at = starts[chance.randrange(1, len(starts) // 2)]
    if size(planted) + 2 > size(text[end:]) or tokens(text[:end]) < MIN_TOKENS:
        return None
    return f"{text[:at]}{planted} {text[at:end]}".rstrip()


def mosaic(pool: Sequence[Sequence[str]], chance: random.Random, count: int) -> list[str]:
    """Paragraphs of `count` sentences, each of another document where there are enough of them; like no single one."""
    chosen = chance.sample(range(len(pool)), min(count, len(pool)))
    while len(chosen) < count:
        chosen.append(chance.randrange(len(pool)))
    parts = [chance.choice(pool[place]) for place in chosen]
    return [" ".join(parts[at : at + 4]) for at in range(0, count, 4)]

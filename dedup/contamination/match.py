"""Matching: rare n-grams lead to candidates, which are extended over the document and scored by weight.

A candidate is a run of n-grams of one part, close together. It is extended to both sides over three-token matches no
more than `REACH` tokens apart, so that edits, markup and page furniture in between cost what they cover and no more.
Its coverage is the share of the part's weight that lies in three-token matches of the extended span (after the
description of decon's expansion by overlap, Olmo 3, section on decontamination; the weights are ours).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.contamination.index import LISTED, QUESTION, Index, find_seeds, number_tokens
from dedup.contamination.tokens import Tokens
from dedup.contamination.weights import Weights
from dedup.shingles import mix64

REACH = 8  # tokens without a match that an extension steps over
SAME = 64  # places of one and the same three tokens in a window that are looked at
GATE = 0.1  # share of a part's n-grams that a candidate must show
NEAR = 64  # tokens beside the question in which its answer counts
BONUS = 0.15  # that an answer, or a passage, beside the question adds to its coverage at most
FULL_ANSWER = 16.0  # bits of an answer that earn the whole bonus
ALONE = 0.9  # coverage that an answer, tests or a passage need when they stand without their question
# A part of few bits is a phrase and little more: below LONG / 2 bits it must be there nearly whole, from LONG bits on
# the threshold alone counts.
LONG, STRICT = 80.0, 0.75
OWN = 0.4  # share of the bits asked for that the question itself must bring
_S21, _S42 = np.uint64(21), np.uint64(42)
_S32 = np.int64(32)
_LOW = np.int64(0xFFFFFFFF)


class Hit(NamedTuple):
    """A part found in a text: `first` and `last` are bytes of the batch's data."""

    row: int
    part: int
    score: float
    bits: float
    first: int
    last: int
    boilerplate: bool  # held word for word, but passed over: the text is common property


@njit(cache=True)
def _trigram(a, b, c):  # type: ignore[no-untyped-def]
    return mix64(np.uint64(a) | (np.uint64(b) << _S21) | (np.uint64(c) << _S42) ^ (np.uint64(c) >> _S21))


@njit(cache=True)
def _overlap(part, window, flags, place):  # type: ignore[no-untyped-def]
    """Which tokens of the window lie in three-token matches with the part; `place` orders the window's trigrams."""
    flags[:] = False
    count = window.size - 2
    if count <= 0 or part.size < 3:
        return
    keys = np.empty(count, np.uint64)
    for i in range(count):
        keys[i] = _trigram(window[i], window[i + 1], window[i + 2])
    order = np.argsort(keys)
    keys = keys[order]
    for j in range(part.size - 2):
        place[j] = 0
        if part[j] < 0 or part[j + 1] < 0 or part[j + 2] < 0:
            continue
        key = _trigram(part[j], part[j + 1], part[j + 2])
        at = np.searchsorted(keys, key)
        end = min(count, at + SAME)
        while at < end and keys[at] == key:
            i = order[at]
            if window[i] == part[j] and window[i + 1] == part[j + 1] and window[i + 2] == part[j + 2]:
                flags[i] = flags[i + 1] = flags[i + 2] = True
                place[j] = 1
            at += 1


@njit(cache=True)
def _covered(part, weights, window, matched):  # type: ignore[no-untyped-def]
    """(weight, tokens) of the part in three-token matches with the window."""
    flags = np.zeros(window.size, np.bool_)
    _overlap(part, window, flags, matched)
    weight, count, until = 0.0, 0, -1
    for j in range(part.size):
        if j < part.size - 2 and matched[j]:
            until = j + 2
        if j <= until:
            weight += weights[j]
            count += 1
    return weight, count


@njit(cache=True)
def _holds(window, lo, hi, answer):  # type: ignore[no-untyped-def]
    """Where the answer stands, word for word, in tokens lo … hi-1 of the window; -1 where it does not."""
    for i in range(max(lo, 0), min(hi, window.size) - answer.size + 1):
        same = True
        for k in range(answer.size):
            if window[i + k] != answer[k]:
                same = False
                break
        if same:
            return i
    return -1


@njit(cache=True)
def _score(  # type: ignore[no-untyped-def]
    hashes, chars, bounds, lo, hi, begin, end, part, tokens, weights, total, starts, item, kind, answers, passages, known,
    known_chars, known_bounds, threshold, n,
):  # fmt: skip
    """Score tokens begin … end-1 of the text lo … hi-1 against a part: (score, bits, first, last, own coverage)."""
    words = tokens[starts[part] : starts[part + 1]]
    size = words.size
    left, right = max(lo, begin - size - REACH), min(hi, end + size + REACH)
    window = np.empty(right - left, np.int32)
    number_tokens(hashes, chars, bounds, left, right, known, known_chars, known_bounds, window)
    flags = np.zeros(window.size, np.bool_)
    matched = np.zeros(max(size, 3), np.int8)
    _overlap(words, window, flags, matched)
    a, b = begin - left, end - left
    misses, i = 0, a - 1
    while i >= 0 and misses <= REACH:
        misses = 0 if flags[i] else misses + 1
        if flags[i]:
            a = i
        i -= 1
    misses, i = 0, b
    while i < window.size and misses <= REACH:
        misses = 0 if flags[i] else misses + 1
        if flags[i]:
            b = i + 1
        i += 1
    own, count = _covered(words, weights[starts[part] : starts[part + 1]], window[a:b], matched)
    whole = total[part]
    plain = count / size
    first, last = left + a, left + b
    if whole <= 0:
        return 0.0, 0.0, first, last, plain
    coverage = own / whole
    score, bits = coverage, own
    if (kind[part] == QUESTION or kind[part] == LISTED) and coverage >= threshold - 2 * BONUS:
        which = answers[item[part]]
        if which >= 0:
            gold = tokens[starts[which] : starts[which + 1]]
            reach = NEAR + min(gold.size, 4 * NEAR) * 2
            from_, to = max(lo, first - reach), min(hi, last + reach)
            beside = np.empty(to - from_, np.int32)
            number_tokens(hashes, chars, bounds, from_, to, known, known_chars, known_bounds, beside)
            told = 0.0
            if gold.size <= 7:
                at = _holds(beside, last - from_, beside.size, gold)
                if at < 0:
                    at = _holds(beside, 0, first - from_, gold)
                if at >= 0:
                    told = total[which]
                    first, last = min(first, from_ + at), max(last, from_ + at + gold.size)
            else:
                found = np.zeros(gold.size, np.int8)
                told, _ = _covered(gold, weights[starts[which] : starts[which + 1]], beside[last - from_ :], found)
                if told > 0.5 * total[which]:
                    last = min(to, last + gold.size)
                else:
                    told = 0.0
            score += BONUS * min(1.0, told / FULL_ANSWER)
            bits += told
        which = passages[item[part]]
        if which >= 0 and total[which] > 0:
            text = tokens[starts[which] : starts[which + 1]]
            from_, to = max(lo, first - 2 * text.size), min(hi, last + 2 * text.size)
            beside = np.empty(to - from_, np.int32)
            number_tokens(hashes, chars, bounds, from_, to, known, known_chars, known_bounds, beside)
            found = np.zeros(max(text.size, 3), np.int8)
            told, _ = _covered(text, weights[starts[which] : starts[which + 1]], beside, found)
            if told > 0.5 * total[which]:
                score += BONUS * told / total[which]
                bits += told
    return score, bits, first, last, plain


@njit(cache=True)
def _match(  # type: ignore[no-untyped-def]
    hashes, firsts, chars, bounds, n, seeds, bitmap, seed_starts, seed_parts, per_part, tokens, starts, item, kind,
    answers, passages, known, known_chars, known_bounds, weights, total, bare, threshold, least,
):  # fmt: skip
    longest = 0
    for text in range(firsts.size - 1):
        longest = max(longest, firsts[text + 1] - firsts[text])
    window = np.empty(longest + 1, np.uint64)
    seed, place = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    numbers, places = np.empty((64, 3), np.int64), np.empty((64, 2), np.float64)
    hits = 0
    for text in range(firsts.size - 1):
        lo, hi = firsts[text], firsts[text + 1]
        used = find_seeds(hashes, lo, hi, n, seeds, bitmap, window, seed, place)
        if used == 0:
            continue
        count = 0
        for i in range(used):
            count += seed_starts[seed[i] + 1] - seed_starts[seed[i]]
        pairs = np.empty(count, np.int64)
        count = 0
        for i in range(used):
            for k in range(seed_starts[seed[i]], seed_starts[seed[i] + 1]):
                pairs[count] = (np.int64(seed_parts[k]) << _S32) | place[i]
                count += 1
        pairs.sort()
        i = 0
        while i < count:
            part = pairs[i] >> _S32
            size = starts[part + 1] - starts[part]
            begin = pairs[i] & _LOW
            end = begin
            j = i
            while j < count and pairs[j] >> _S32 == part:
                at = pairs[j] & _LOW
                if at - end > 32 + size // 4 or at - begin > 2 * size + 64:
                    break
                end = at
                j += 1
            shown = j - i
            i = j
            if shown < GATE * per_part[part]:
                continue
            score, bits, first, last, plain = _score(
                hashes, chars, bounds, lo, hi, lo + begin, lo + end + n, part, tokens, weights, total, starts, item,
                kind, answers, passages, known, known_chars, known_bounds, threshold, n,
            )  # fmt: skip
            asked = kind[part] == QUESTION or kind[part] == LISTED
            needed = threshold + (1 - threshold) * STRICT * min(1.0, max(0.0, (LONG - total[part]) / (LONG / 2)))
            needed = needed if asked else max(needed, ALONE)
            fired = score >= needed and bits >= least and total[part] * score >= OWN * least
            # A text that is held word for word, and weighs too little only because it is everywhere.
            common = not fired and plain >= threshold and bare[part] >= least and total[part] < 0.5 * bare[part]
            if fired or common:
                if hits == numbers.shape[0]:
                    more, most = np.empty((2 * hits, 3), np.int64), np.empty((2 * hits, 2), np.float64)
                    more[:hits], most[:hits] = numbers, places
                    numbers, places = more, most
                numbers[hits, 0], numbers[hits, 1] = text, part if fired else -1 - part
                numbers[hits, 2] = first << _S32 | (last - 1)
                places[hits, 0], places[hits, 1] = min(score, 1.0), bits
                hits += 1
                # What the hit covers is not a second candidate of the same part.
                while i < count and pairs[i] >> _S32 == part and lo + (pairs[i] & _LOW) < last:
                    i += 1
    return numbers[:hits], places[:hits]


def match(
    tokens: Tokens, firsts: npt.NDArray[np.int64], index: Index, weights: Weights, threshold: float, least: float
) -> list[Hit]:
    """Hits in several texts, in the order of texts and parts."""
    s = weights.seeds
    numbers, values = _match(
        tokens.hashes, firsts, tokens.chars, tokens.bounds, s.n, s.hashes, s.bitmap, s.starts, s.parts, s.per_part,
        index.tokens, index.starts, index.item, index.kind, index.answer, index.passage, *index.vocabulary,
        weights.tokens, weights.total, weights.bare, threshold, least,
    )  # fmt: skip
    hits = []
    for (row, part, span), (score, bits) in zip(numbers.tolist(), values.tolist(), strict=True):
        first, last = span >> 32, span & 0xFFFFFFFF
        hits.append(
            Hit(
                row, part if part >= 0 else -1 - part, score, bits, int(tokens.starts[first]), int(tokens.ends[last]),
                part < 0,
            )
        )  # fmt: skip
    return hits

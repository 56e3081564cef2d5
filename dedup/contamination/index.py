"""The index of the benchmarks: tokens, weights and rare n-grams of every part of every item, as flat arrays.

n-grams lead to candidate parts by 64-bit hash; what decides afterwards are token numbers, which a token of a document
gets only where its characters are those of the index. So a collision of hashes can cost a match and never make one.

Memory: 8 bytes a benchmark token (number, weight), 22 to 30 an n-gram that is looked for (of parts longer than
`DENSE` n-grams every fourth, chosen by hash), and the ids. While it is built, 24 bytes a token of the largest batch more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.contamination.parts import parts_of
from dedup.contamination.tokens import Tokens, tokenise_texts
from dedup.shingles import mix64

if TYPE_CHECKING:
    import pyarrow as pa

QUESTION, ANSWER, TESTS, PASSAGE, LISTED = range(5)
KINDS = ("question", "answer", "tests", "passage", "question and choices")
SHORT = 120  # characters of a question that may say too little by itself: it is looked for with its choices too
REPEATS = 8  # an n-gram that stood this few tokens before is not told again
DENSE = 96  # n-grams of a part up to which all are looked for
_BASE = np.uint64(0xD6E8FEB86659FD93)
_KEEP = np.uint64(3)
_SHIFT, _BIT = np.uint64(6), np.uint64(63)
_ONE = np.uint64(1)


class Vocabulary(NamedTuple):
    """The distinct tokens by hash, sorted, and their characters."""

    hashes: npt.NDArray[np.uint64]
    chars: npt.NDArray[np.uint32]
    bounds: npt.NDArray[np.int64]


class Seeds(NamedTuple):
    """The n-grams that are looked for: sorted hashes, a bitmap before them, and the parts that hold each."""

    n: int
    hashes: npt.NDArray[np.uint64]
    bitmap: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int32]
    per_part: npt.NDArray[np.int32]  # distinct n-grams of each part that are in the table


@dataclass(frozen=True)
class Index:
    """Parts are numbered 0 … P-1; `tokens[starts[p]:starts[p + 1]]` are the token numbers of part p."""

    vocabulary: Vocabulary
    seeds: Seeds
    tokens: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]
    texts: npt.NDArray[np.int32]  # parts of the same words have the same number
    answer: npt.NDArray[np.int32]  # of each item: the part that is its answer, or -1
    passage: npt.NDArray[np.int32]
    benchmarks: pa.Array
    ids: pa.Array


@njit(cache=True)
def ngrams(hashes, lo, hi, n, out):  # type: ignore[no-untyped-def]
    """Hashes of the n-grams of tokens lo … hi-1; returns how many."""
    leave = np.uint64(1)
    for _ in range(n):
        leave = leave * _BASE
    rolled = np.uint64(0)
    count = 0
    for i in range(lo, hi):
        rolled = rolled * _BASE + hashes[i]
        if i - lo >= n:
            rolled -= hashes[i - n] * leave
        if i - lo >= n - 1:
            out[count] = mix64(rolled)
            count += 1
    return count


@njit(cache=True)
def number_tokens(hashes, chars, bounds, lo, hi, known, known_chars, known_bounds, out):  # type: ignore[no-untyped-def]
    """Numbers of tokens lo … hi-1 in the vocabulary, compared character by character; -1 where unknown."""
    for i in range(lo, hi):
        at = np.searchsorted(known, hashes[i])
        found = -1
        if at < known.size and known[at] == hashes[i]:
            size = bounds[i + 1] - bounds[i]
            if known_bounds[at + 1] - known_bounds[at] == size:
                found = at
                for k in range(size):
                    if chars[bounds[i] + k] != known_chars[known_bounds[at] + k]:
                        found = -1
                        break
        out[i - lo] = found


@njit(cache=True)
def _seed_pairs(hashes, starts, wanted, n, out_hash, out_part):  # type: ignore[no-untyped-def]
    """(n-gram, part) of the parts that are looked for; long ones are thinned by the hash itself."""
    used = 0
    longest = 0
    for part in range(starts.size - 1):
        longest = max(longest, starts[part + 1] - starts[part])
    window = np.empty(longest + 1, np.uint64)
    for part in range(starts.size - 1):
        if not wanted[part]:
            continue
        count = ngrams(hashes, starts[part], starts[part + 1], n, window)
        for i in range(count):
            if count <= DENSE or (window[i] >> _SHIFT) & _KEEP == 0:
                out_hash[used], out_part[used] = window[i], part
                used += 1
    return used


class _Builder:
    """Gathers parts batch by batch; characters are kept once a distinct token."""

    def __init__(self) -> None:
        self.hashes: list[npt.NDArray[np.uint64]] = []
        self.sizes: list[npt.NDArray[np.int64]] = []
        self.known = Vocabulary(np.zeros(0, np.uint64), np.zeros(0, np.uint32), np.zeros(1, np.int64))
        self.odd: list[npt.NDArray[np.int64]] = []  # tokens whose hash another token has already
        self.count = 0

    def add(self, texts: list[str]) -> None:
        data = [text.encode("utf-8", "replace") for text in texts]
        offsets = np.zeros(len(data) + 1, np.int64)
        np.cumsum([len(text) for text in data], out=offsets[1:])
        tokens, firsts = tokenise_texts(np.frombuffer(b"".join(data) or b" ", np.uint8), offsets)
        self._learn(tokens)
        numbers = np.empty(tokens.hashes.size, np.int32)
        number_tokens(tokens.hashes, tokens.chars, tokens.bounds, 0, tokens.hashes.size, *self.known, numbers)
        self.odd.append(np.flatnonzero(numbers < 0) + self.count)
        self.hashes.append(tokens.hashes.copy())
        self.sizes.append(np.diff(firsts))
        self.count += tokens.hashes.size

    def _learn(self, tokens: Tokens) -> None:
        new, first = np.unique(tokens.hashes, return_index=True)
        fresh = ~np.isin(new, self.known.hashes, assume_unique=True)
        new, first = new[fresh], first[fresh]
        hashes = np.concatenate([self.known.hashes, new])
        chars = [self.known.chars, *(tokens.chars[tokens.bounds[i] : tokens.bounds[i + 1]] for i in first)]
        lengths = np.concatenate([np.diff(self.known.bounds), np.diff(tokens.bounds)[first]])
        order = np.argsort(hashes)
        pieces, flat = np.concatenate([[0], np.cumsum(lengths)]), np.concatenate(chars)
        bounds = np.concatenate([[0], np.cumsum(lengths[order])])
        places = np.repeat(pieces[:-1][order] - bounds[:-1], lengths[order]) + np.arange(bounds[-1])
        self.known = Vocabulary(hashes[order], flat[places], bounds)


def build(batches: Iterable[pa.RecordBatch], n: int, min_answer_tokens: int, passages: bool) -> Index:
    """The index of all Problems, in their order. `passages`: look for passages by themselves too."""
    import pyarrow as pa

    builder = _Builder()
    item: list[int] = []
    kind: list[int] = []
    texts: list[int] = []
    answer: list[int] = []
    passage: list[int] = []
    benchmarks: list[Any] = []
    ids: list[Any] = []
    seen: dict[bytes, int] = {}
    passages_at: dict[bytes, int] = {}
    for batch in batches:
        benchmarks.append(batch.column("source"))
        ids.append(batch.column("id"))
        waiting: list[str] = []
        for prompt, gold, tests in _rows(batch):
            number, parts = len(answer), parts_of(prompt, gold, tests)
            # "Which of these is true?" tells no item from another: its choices do.
            listed = f"{parts.question}\n{parts.choices}" if parts.choices and len(parts.question) <= SHORT else ""
            answer.append(-1)
            passage.append(-1)
            texts_of = ((QUESTION, parts.question), (ANSWER, parts.answer), (TESTS, parts.tests), (LISTED, listed))
            for which, text in texts_of:
                if text:
                    if which == ANSWER:
                        answer[number] = len(item)
                    _part(item, kind, texts, seen, number, which, text)
                    waiting.append(text)
            if parts.passage:
                key = blake2b(parts.passage.encode("utf-8", "replace"), digest_size=16).digest()
                if key not in passages_at:
                    passages_at[key] = len(item)
                    _part(item, kind, texts, seen, number, PASSAGE, parts.passage)
                    waiting.append(parts.passage)
                passage[number] = passages_at[key]
        builder.add(waiting)
    hashes = np.concatenate(builder.hashes) if builder.hashes else np.zeros(0, np.uint64)
    sizes = np.concatenate(builder.sizes) if builder.sizes else np.zeros(0, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    kinds = np.array(kind, np.uint8)
    wanted = (
        (kinds == QUESTION)
        | (kinds == LISTED)
        | (((kinds == ANSWER) | (kinds == TESTS)) & (sizes >= min_answer_tokens))
    )
    if passages:
        wanted |= kinds == PASSAGE
    tokens = np.searchsorted(builder.known.hashes, hashes).astype(np.int32)
    if builder.odd:
        tokens[np.concatenate(builder.odd)] = -2  # equal to no token of any document
    seeds = _seeds(hashes, starts, wanted, n)
    flat = [pa.chunked_array(columns, pa.string()).combine_chunks() for columns in (benchmarks, ids)]
    return Index(
        builder.known, seeds, tokens, starts, np.array(item, np.int32), kinds, np.array(texts, np.int32),
        np.array(answer, np.int32), np.array(passage, np.int32), *flat,
    )  # fmt: skip


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[str, str | None, str | None]]:
    columns = [batch.column(name).to_pylist() for name in ("prompt", "answer", "tests")]
    return zip(*columns, strict=True)


def _part(
    item: list[int], kind: list[int], texts: list[int], seen: dict[bytes, int], number: int, which: int, text: str
) -> None:
    key = blake2b(" ".join(text.lower().split()).encode("utf-8", "replace"), digest_size=16).digest()
    item.append(number)
    kind.append(which)
    texts.append(seen.setdefault(key, len(seen)))


def _seeds(
    hashes: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_], n: int
) -> Seeds:
    found, owners = np.empty(hashes.size, np.uint64), np.empty(hashes.size, np.int32)
    used = _seed_pairs(hashes, starts, wanted, n, found, owners)
    found, owners = found[:used], owners[:used]
    order = np.lexsort((owners, found))
    found, owners = found[order], owners[order]
    if used:
        fresh = np.concatenate([[True], (found[1:] != found[:-1]) | (owners[1:] != owners[:-1])])
        found, owners = found[fresh], owners[fresh]
    return seed_table(n, found, owners, starts.size - 1)


@njit(cache=True)
def _mark(hashes, shift, bitmap):  # type: ignore[no-untyped-def]
    for value in hashes:
        place = value >> shift
        bitmap[place >> _SHIFT] |= _ONE << (place & _BIT)


def seed_table(n: int, found: npt.NDArray[np.uint64], owners: npt.NDArray[np.int32], parts: int) -> Seeds:
    """The table of sorted, distinct (n-gram, part) pairs."""
    first = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1]])) if found.size else np.zeros(0, np.int64)
    unique = found[first]
    bits = max(12, int(max(unique.size, 1) * 16 - 1).bit_length())  # 16 bits an n-gram: one probe in 16 goes on
    bitmap = np.zeros(1 << (bits - 6), np.uint64)
    _mark(unique, np.uint64(64 - bits), bitmap)
    starts = np.concatenate([first, [found.size]]).astype(np.int64)
    per_part = np.bincount(owners, minlength=parts).astype(np.int32)
    return Seeds(n, unique, bitmap, starts, owners, per_part)


@njit(cache=True)
def find_seeds(hashes, lo, hi, n, known, bitmap, window, out_seed, out_at):  # type: ignore[no-untyped-def]
    """The n-grams of tokens lo … hi-1 that are in the table: number of the n-gram, and its first token from `lo`."""
    shift = np.uint64(64)
    size = bitmap.size
    while size > 0:  # log2 of the bits
        size >>= 1
        shift -= np.uint64(1)
    shift -= np.uint64(5)
    used = 0
    for i in range(ngrams(hashes, lo, hi, n, window)):
        place = window[i] >> shift
        if (bitmap[place >> _SHIFT] >> (place & _BIT)) & _ONE:
            at = np.searchsorted(known, window[i])
            if at < known.size and known[at] == window[i]:
                again = False  # a run such as "0 0 0 0 …" would be a hit at every token
                for k in range(max(0, i - REPEATS), i):
                    again |= window[k] == window[i]
                if not again:
                    out_seed[used], out_at[used] = at, i
                    used += 1
    return used

"""How much a token of a benchmark tells: bits by its rarity, less where the n-grams around it are boilerplate.

A token's document frequency is counted over blocks of `BLOCK` tokens of the background (a sample of documents) and
over the distinct questions, and mixed with a prior of `PRIOR` blocks by the token's length, since short words are
frequent in every language: so a small benchmark over a small corpus is weighed sensibly too. English words of
examinations and dates never tell more than two bits. An n-gram loses weight
with every other item and every background document that holds it. Documents that hold most of the item as well do
not count there (a benchmark that leaked often must not hide itself), unless they are so many that the text is common
property: a licence, a pledge, a famous line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.contamination.index import LISTED, QUESTION, TESTS, Index, Seeds, find_seeds, ngrams, seed_table
from dedup.contamination.tokens import Tokens, tokenise_texts
from dedup.folding import ALONE

BLOCK, PRIOR, MOST_BITS = 128, 50.0, 12.0
SHARED = 64  # other texts that hold an n-gram from which on it tells nothing
WHOLE = 0.6  # share of a part's n-grams from which on a document holds the part, not a phrase of it
FEWEST = 20  # documents that a text must be in, whatever the share, before it counts as common property
# Words of examinations and of dates: wherever there are questions they tell next to nothing, so their bits are capped.
_KNOWN, _KNOWN_BITS = (
    "the of and to in is a be for it its about above according after agree all although among answer answers any appropriate are author be because before "
    "below best between both calculate can cannot case cases choice choices choose closest complete consider consists "
    "correct correctly could defined describe described describes determine difference different does each either "
    "equal evaluate every example examples except explain explains expression false find first following follows from "
    "given gives greater greatest have how identify important include includes incorrect increase indicate indicates "
    "information into known least less likely main many more most must name none not number one only option options "
    "other passage person questions question reason refer refers represent result same sentence should show shown "
    "shows solve some statement statements suppose than that their them then there these they this those through time "
    "true two type under use used using value was were what when where which while who whom whose why will with would "
    "write year years you your january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday",
    2.0,
)
_BY_LENGTH = np.array([0.3, 0.3, 0.3, 0.12, 0.05, 0.02, 0.01, 0.004])


@dataclass
class Background:
    """Counts over a sample of documents."""

    blocks: int
    documents: int
    token_blocks: npt.NDArray[np.int32]  # by token number
    phrases: npt.NDArray[np.int32]  # by n-gram: documents that hold it, and not most of a part
    wholes: npt.NDArray[np.int32]  # by n-gram: documents that hold it


def empty(index: Index) -> Background:
    """No documents yet."""
    seeds = index.seeds.hashes.size
    return Background(
        0, 0, np.zeros(index.vocabulary.hashes.size, np.int32), np.zeros(seeds, np.int32), np.zeros(seeds, np.int32)
    )


@njit(cache=True)
def _blocks(hashes, firsts, known, last, counts, block):  # type: ignore[no-untyped-def]
    for text in range(firsts.size - 1):
        for i in range(firsts[text], firsts[text + 1]):
            if (i - firsts[text]) % BLOCK == 0:
                block += 1
            at = np.searchsorted(known, hashes[i])
            if at < known.size and known[at] == hashes[i] and last[at] != block:
                last[at] = block
                counts[at] += 1
    return block


@njit(cache=True)
def _phrases(hashes, firsts, n, known, bitmap, starts, parts, per_part, phrases, wholes):  # type: ignore[no-untyped-def]
    longest = 0
    for text in range(firsts.size - 1):
        longest = max(longest, firsts[text + 1] - firsts[text])
    window = np.empty(longest + 1, np.uint64)
    seed, place = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    held = np.zeros(per_part.size, np.int32)
    for text in range(firsts.size - 1):
        used = find_seeds(hashes, firsts[text], firsts[text + 1], n, known, bitmap, window, seed, place)
        if used == 0:
            continue
        distinct = np.unique(seed[:used])
        for s in distinct:
            wholes[s] += 1
            for k in range(starts[s], starts[s + 1]):
                held[parts[k]] += 1
        for s in distinct:
            phrase = True
            for k in range(starts[s], starts[s + 1]):
                if held[parts[k]] >= WHOLE * per_part[parts[k]]:
                    phrase = False
                    break
            phrases[s] += phrase
        for s in distinct:
            for k in range(starts[s], starts[s + 1]):
                held[parts[k]] = 0


def count(index: Index, background: Background, tokens: Tokens, firsts: npt.NDArray[np.int64]) -> None:
    """Add documents to the background, in place."""
    last = np.full(background.token_blocks.size, -1, np.int64)
    background.blocks = _blocks(
        tokens.hashes, firsts, index.vocabulary.hashes, last, background.token_blocks, background.blocks
    )
    background.documents += firsts.size - 1
    s = index.seeds
    _phrases(
        tokens.hashes, firsts, s.n, s.hashes, s.bitmap, s.starts, s.parts, s.per_part, background.phrases,
        background.wholes,
    )  # fmt: skip


@njit(cache=True)
def _holders(tokens, starts, asked, last, counts):  # type: ignore[no-untyped-def]
    """Add to each token the parts that hold it."""
    for part in range(starts.size - 1):
        if asked[part]:
            for i in range(starts[part], starts[part + 1]):
                number = tokens[i]
                if number >= 0 and last[number] != part:
                    last[number] = part
                    counts[number] += 1


@njit(cache=True)
def _others(starts, parts, texts, items, others):  # type: ignore[no-untyped-def]
    """Of each n-gram: other texts that hold it. A question with its choices is no other item than the question."""
    text, item = np.empty(SHARED + 1, np.int64), np.empty(SHARED + 1, np.int64)
    for seed in range(starts.size - 1):
        size = starts[seed + 1] - starts[seed]
        if size > SHARED:
            others[seed] = size - 1
            continue
        for k in range(size):
            text[k], item[k] = texts[parts[starts[seed] + k]], items[parts[starts[seed] + k]]
        others[seed] = min(np.unique(text[:size]).size, np.unique(item[:size]).size) - 1 if size > 1 else 0


def _token_bits(index: Index, background: Background) -> npt.NDArray[np.float64]:
    lengths = np.diff(index.vocabulary.bounds)
    prior = _BY_LENGTH[np.minimum(lengths, _BY_LENGTH.size - 1)]
    alone = np.zeros(lengths.size, bool)
    if lengths.size:
        alone = index.vocabulary.chars[index.vocabulary.bounds[:-1]] >= ALONE
    prior = np.where(alone, 0.02, prior)
    # Each distinct question is a block too.
    asked = np.zeros(index.starts.size - 1, bool)
    asked[np.unique(index.texts, return_index=True)[1]] = True
    asked &= (index.kind == QUESTION) | (index.kind == LISTED) | (index.kind == TESTS)
    counts = background.token_blocks.copy()
    _holders(index.tokens, index.starts, asked, np.full(counts.size, -1, np.int64), counts)
    total = background.blocks + int(asked.sum())
    bits = -np.log2((counts + PRIOR * prior) / (total + PRIOR))
    known, _ = tokenise_texts(np.frombuffer(_KNOWN.encode(), np.uint8), np.array([0, len(_KNOWN)], np.int64))
    most = np.where(np.isin(index.vocabulary.hashes, known.hashes), _KNOWN_BITS, MOST_BITS)
    return np.clip(bits, 0.0, most)


def _rarity(index: Index, background: Background, share: float) -> npt.NDArray[np.float32]:
    """Of each n-gram: 1 where nothing else holds it, 0 where it is boilerplate."""
    s = index.seeds
    others = np.zeros(s.hashes.size, np.int64)
    _others(s.starts, s.parts, index.texts, index.item, others)
    rarity = 1 - np.log1p(others + background.phrases) / np.log1p(SHARED)
    common = background.wholes >= max(FEWEST, share * background.documents)
    return np.where(common, 0.0, np.clip(rarity, 0.0, 1.0)).astype(np.float32)


@njit(cache=True)
def _spread(known, tokens, starts, n, seeds, rarity, bits, weights, plain):  # type: ignore[no-untyped-def]
    """A token's bits times the largest rarity among the looked-for n-grams that hold it (1 where none is)."""
    longest = 0
    for part in range(starts.size - 1):
        longest = max(longest, starts[part + 1] - starts[part])
    hashes, window = np.zeros(longest + 1, np.uint64), np.empty(longest + 1, np.uint64)
    best = np.empty(longest + 1, np.float32)
    times = np.zeros(known.size + 1, np.int32)
    for part in range(starts.size - 1):
        lo = starts[part]
        size = starts[part + 1] - lo
        for i in range(size):
            number = tokens[lo + i]
            hashes[i] = known[number] if number >= 0 else np.uint64(0)
            best[i] = -1
        for i in range(ngrams(hashes, 0, size, n, window)):
            at = np.searchsorted(seeds, window[i])
            if at < seeds.size and seeds[at] == window[i]:
                for k in range(i, i + n):
                    best[k] = max(best[k], rarity[at])
        for i in range(size):
            number = tokens[lo + i]
            if number < 0:
                weights[lo + i] = plain[lo + i] = 0
                continue
            times[number] += 1
            plain[lo + i] = bits[number] / times[number]  # said again, a word tells less
            weights[lo + i] = plain[lo + i] * (best[i] if best[i] >= 0 else np.float32(1))
        for i in range(size):
            times[tokens[lo + i]] = 0


@dataclass(frozen=True)
class Weights:
    """Bits of every token of the index, their sums by part, and what the sums would be without boilerplate."""

    tokens: npt.NDArray[np.float32]
    total: npt.NDArray[np.float32]
    bare: npt.NDArray[np.float32]
    seeds: Seeds  # without the n-grams that too many parts share


def weigh(index: Index, background: Background, share: float) -> Weights:
    """Weights from the index and a background. `share`: of documents, from which on a text is common property."""
    bits = _token_bits(index, background)
    rarity = _rarity(index, background, share)
    weights, plain = np.zeros(index.tokens.size, np.float32), np.zeros(index.tokens.size, np.float32)
    s = index.seeds
    _spread(index.vocabulary.hashes, index.tokens, index.starts, s.n, s.hashes, rarity, bits, weights, plain)
    few = np.diff(s.starts) <= SHARED
    owner = np.repeat(np.arange(s.hashes.size), np.diff(s.starts))
    kept = few[owner]
    seeds = seed_table(s.n, s.hashes[owner[kept]], s.parts[kept], index.kind.size)
    return Weights(weights, _sums(weights, index.starts), _sums(plain, index.starts), seeds)


def _sums(values: npt.NDArray[np.floating], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    running = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    sums: npt.NDArray[np.float32] = (running[starts[1:]] - running[starts[:-1]]).astype(np.float32)
    return sums

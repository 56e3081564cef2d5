"""Frames: shingles with their places, the likeness of two pages, and the sweep, beside plain Python."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
from page_families import HELD_OUT, page

from dedup.semantic.frames import ENDS, LONGEST, SHORT, Evidence, Frames, Sweep, frames


def of(texts: list[str]) -> Frames:
    return frames(pa.array(texts, pa.large_string()))


def pairs(text: str) -> list[tuple[str, str]]:
    words = re.findall(r"[^\W\d_]+", text.lower())
    return list(pairwise(words))


def plain(a: str, b: str) -> Evidence:
    left, right = Counter(pairs(a)), Counter(pairs(b))
    common = sum((left & right).values())
    longest = run = shared = 0
    for pair in pairs(b):
        shared = shared + 1 if pair in left else 0
        run = run + 1 if pair not in left else (0 if shared >= ENDS else run)
        longest = max(longest, run)
    return Evidence(common, common / (sum(left.values()) + sum(right.values()) - common), longest)


def test_likeness_is_that_of_plain_python() -> None:
    random = Random(5)
    texts = [" ".join(random.choices("ab cd ef gh ij kl".split(), k=random.randint(3, 40))) for _ in range(60)]
    texts += [page(template, number) for template in HELD_OUT.values() for number in range(3)]
    sweep = Sweep(of(texts), 0.4, 20, 15)
    for _ in range(600):
        a, b = random.sample(range(len(texts)), 2)
        assert sweep.evidence(a, b) == plain(texts[a], texts[b])


def test_the_sweep_merges_into_the_best_survivor() -> None:
    texts = [page(template, number) for number in range(8) for template in HELD_OUT.values()]
    sweep = Sweep(of(texts), 0.5, 20, 30)
    into = sweep.run(np.arange(len(texts)))
    survivors: list[int] = []
    for row, text in enumerate(texts):
        likes = [
            other
            for other in survivors
            if (found := plain(texts[other], text)).common >= 20
            and found.similarity >= max(0.5, 1 - found.common / SHORT)
            and found.passage <= 30
        ]
        assert into[row] == (likes[0] if likes else -1), row
        if not likes:
            survivors.append(row)
    assert 12 <= len(survivors) < 60 and sweep.full == 0


def test_many_unlike_pages_of_one_bucket_are_counted() -> None:
    # The same words around long passages: alike enough to meet, too unlike to merge.
    random = Random(2)
    menu = " ".join(f"menu{'abcdefghij'[n % 10]}{'klmnop'[n % 6]}" for n in range(60))
    texts = [menu + " " + " ".join("".join(random.choices("qrstuvw", k=9)) for _ in range(20)) for _ in range(200)]
    sweep = Sweep(of(texts), 0.4, 20, 15)
    assert (sweep.run(np.arange(200)) < 0).all()
    assert sweep.full > 0


def test_pages_joined_and_taken() -> None:
    texts = ["one two three", "", "four 5 six", "seven eight nine ten"]
    whole, pieces = of(texts), Frames.joined([of(texts[:1]), of(texts[1:3]), of(texts[3:])])
    for one, other in zip(whole, pieces, strict=True):
        assert (one == other).all()
    back = whole.take(np.array([3, 0]))
    assert back.starts.tolist() == [0, 3, 5] and back.hashes[3:].tolist() == whole.hashes[:2].tolist()
    assert Frames.joined([]).starts.tolist() == [0]
    assert Sweep(Frames.joined([]), 0.4, 20, 15).run(np.arange(0)).tolist() == []


def test_a_very_long_page_is_looked_at_from_its_beginning() -> None:
    words = [
        f"w{'abcdefghijklmnopqrstuvwxyz'[n % 26]}{'abcdefghijklmnopqrstuvwxyz'[n // 26 % 26]}" for n in range(40_000)
    ]
    pages = of([" ".join(words), " ".join(words[: LONGEST + 1]) + " and no more"])
    assert np.diff(pages.starts).tolist() == [LONGEST, LONGEST]
    assert Sweep(pages, 0.4, 20, 15).evidence(0, 1) == Evidence(LONGEST, 1.0, 0)

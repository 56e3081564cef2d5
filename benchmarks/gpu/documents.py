"""Documents that any machine can make: words of a Zipf vocabulary, with the lengths of web pages."""

from __future__ import annotations


def generated(count: int, shortest: int, longest: int) -> list[str]:
    """`count` texts of a log-normal number of words."""
    import numpy as np

    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucm"))
    words = np.array(["".join(random.choice(letters, size)) for size in random.integers(2, 9, 5000)])
    sizes = np.clip(random.lognormal(4.3, 0.8, count), shortest, longest).astype(int)
    drawn = words[np.minimum(random.zipf(1.3, int(sizes.sum())) - 1, 4999)]
    ends = np.cumsum(sizes)
    return [" ".join(drawn[end - size : end]) for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)]

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from dedup.jaccard import as_set, jaccard
from dedup.shingles import shingle
from dedup.signatures import band_keys, permutations

WORDS = [f"{a}{b}" for a in ("run", "Walk", "été", "дом", "x", "42") for b in ("ner", "s", "ö", "7")]


def sets(texts: list[str], n: int = 5, kind: pa.DataType | None = None) -> list[set[int]]:
    found = shingle(pa.array(texts, kind or pa.large_string()), n)
    return [set(found.hashes[found.starts[i] : found.starts[i + 1]].tolist()) for i in range(len(texts))]


def reference(text: str, n: int) -> set[tuple[str, ...]]:
    """Word n-grams the slow way, for scripts with spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    words = re.findall(r"[^\W_]+", bare)
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def random_texts(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(5, 60))) for _ in range(count)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_sets_are_those_of_a_slow_reference(n: int, kind: pa.DataType) -> None:
    texts = random_texts(60)
    found = sets(texts, n, kind)
    slow = [reference(text, n) for text in texts]
    for i in range(0, 60, 7):
        for j in range(60):
            assert len(found[i] & found[j]) == len(slow[i] & slow[j])
            assert len(found[i] | found[j]) == len(slow[i] | slow[j])


def test_a_slice_of_a_column_gives_the_same_as_the_whole() -> None:
    texts = [*random_texts(10), "", "short one", "日本語のテキスト"]
    whole = shingle(pa.array(texts, pa.string()), 3)
    part = shingle(pa.array(["padding", *texts, "padding"], pa.string()).slice(1, len(texts)), 3)
    assert whole.hashes.tolist() == part.hashes.tolist()
    assert whole.starts.tolist() == part.starts.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The quick, brown fox -- jumped (over)!", "the QUICK brown\n\tfox jumped over"),
        (
            "caf\u00e9 na\u00efve r\u00e9sum\u00e9 d\u00e9j\u00e0 vu",
            "cafe\u0301 nai\u0308ve re\u0301sume\u0301 de\u0301ja\u0300 vu",
        ),
        ("ｗｉｄｅ ｌｅｔｔｅｒｓ are folded too", "wide letters are folded too"),
        ("soft\u00adhyphens are no word breaks here", "softhyphens are no word breaks here"),
    ],
)
def test_what_is_folded_away(one: str, other: str) -> None:
    assert sets([one]) == sets([other])


def test_words_digits_and_order_matter() -> None:
    different = ["a b c d e", "a b c d f", "b a c d e", "ab c d e x", "1 2 3 4 5", "1 2 3 4 6"]
    assert len(set.union(*sets(different))) == len(different)


def test_scripts_without_spaces_give_character_ngrams() -> None:
    chinese, japanese, thai, half = sets(["中文没有空格的文本", "カタカナひらがな", "ภาษาไทยไม่มีช่องว่าง", "ｶﾀｶﾅﾋﾗｶﾅ"])
    assert (len(chinese), len(japanese)) == (9 - 4, 8 - 4)
    assert len(thai) > 5
    assert len(half) == 8 - 4
    rare = "𠀀𠀁𠀂𠀃𠀄𠀅"  # plane 2
    assert len(sets([rare])[0]) == 2


def test_short_documents_have_one_hash_of_their_whole_sequence() -> None:
    texts = ["Hello, world", "hello world!", "world hello", "hello", "", "!!!", "???", "a b c d", "a b c d e"]
    found = shingle(pa.array(texts), 5)
    assert np.diff(found.starts).tolist() == [1] * 9
    assert found.short.tolist() == [True] * 8 + [False]
    assert found.hashes[0] == found.hashes[1]
    assert len(set(found.hashes.tolist())) == 8


def test_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="null"):
        shingle(pa.array(["a", None]), 5)


def test_jaccard_is_exact() -> None:
    rng = np.random.default_rng(3)
    pairs = [(set(rng.integers(0, 40, rng.integers(1, 50)).tolist()), set(rng.integers(0, 40, 30).tolist()))
             for _ in range(50)]  # fmt: skip
    columns = []
    for side in range(2):
        arrays = [as_set(np.array(list(pair[side]), np.uint64)) for pair in pairs]
        bounds = np.cumsum([0, *(a.size for a in arrays)])
        columns += [np.concatenate(arrays), bounds[:-1], bounds[1:]]
    assert jaccard(*columns).tolist() == [len(a & b) / len(a | b) for a, b in pairs]


def test_as_set_sorts_and_drops_repeats() -> None:
    assert as_set(np.array([5, 1, 5, 2, 1], np.uint64)).tolist() == [1, 2, 5]
    assert as_set(np.empty(0, np.uint64)).tolist() == []


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_minhash_values_agree_as_often_as_sets_are_alike(share: float) -> None:
    """Bands of one row agree with probability Jaccard: within four standard deviations of 6,400 draws."""
    rng = np.random.default_rng(7)
    agree, total, rows = 0, 0, 200
    for _ in range(32):
        common = rng.integers(0, 2**63, int(400 * share), dtype=np.uint64)
        own = [rng.integers(0, 2**63, (400 - common.size) // 2, dtype=np.uint64) for _ in range(2)]
        one, other = (np.concatenate([common, mine]) for mine in own)
        starts = np.array([0, one.size, one.size + other.size])
        keys = band_keys(np.concatenate([one, other]), starts, bands=rows, rows=1, seed=int(rng.integers(1 << 60)))
        agree += int((keys[0] == keys[1]).sum())
        total += rows
    # Values of one pair of sets are independent draws; pairs share nothing.
    deviation = (share * (1 - share) / total) ** 0.5
    assert abs(agree / total - share) < 4 * deviation


def test_band_keys_depend_on_the_set_alone_and_on_the_seed() -> None:
    values = np.random.default_rng(1).integers(0, 2**63, 300, dtype=np.uint64)
    shuffled = np.random.default_rng(2).permutation(np.concatenate([values, values[:50]]))
    starts = np.array([0, 300, 650])
    keys = band_keys(np.concatenate([values, shuffled]), starts, 14, 8, 1)
    assert (keys[0] == keys[1]).all()
    assert len(set(keys[0].tolist())) == 14
    assert not (keys == band_keys(np.concatenate([values, shuffled]), starts, 14, 8, 2)).any()


def test_permutations_are_frozen() -> None:
    a, b = permutations(3, 1)
    assert a.tolist() == [0x910A2DED, 3203108257, 4170425071]  # SplitMix64 of 1 begins 910a2dec...
    assert (a % 2 == 1).all()
    assert b.size == 3

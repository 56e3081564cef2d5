from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcmill.errors import InputError
from sequences.fim.sentinels import SETS, Marks, Sentinels, restore

FRAGMENTS = st.sampled_from(
    [
        "<",
        "|>",
        "<|code_",
        "<|code_prefix|",
        "code_suffix|>",
        "<|fim_middle|",
        "<fim_",
        "fim_prefix>",
        "\uff5c",
        "é",
        "\r\n",
        "x",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(FRAGMENTS, max_size=8).map("".join))
ORDERS = ["joined", "suffix_first"]


def test_published_tokens() -> None:
    assert SETS["glm"].tokens == ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>")
    assert SETS["qwen"].tokens == ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    assert SETS["deepseek"].tokens == ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")
    assert SETS["starcoder"].tokens == ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")


@pytest.mark.parametrize("name", SETS)
def test_the_three_orders(name: str) -> None:
    pre, suf, mid = SETS[name].tokens
    text = b"PPmmS"

    def arranged(order: str, spm: bool) -> str:
        return Marks(SETS[name]._replace(spm_order=order)).arranged(text, 2, 4, spm).decode()  # type: ignore[arg-type]

    assert arranged("joined", False) == arranged("suffix_first", False) == f"{pre}PP{suf}S{mid}mm"
    assert arranged("suffix_first", True) == f"{suf}S{pre}PP{mid}mm"
    assert arranged("joined", True) == f"{pre}{suf}S{mid}PPmm"


@given(text=TEXTS, cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)), name=st.sampled_from(list(SETS)),
       order=st.sampled_from(ORDERS), spm=st.booleans())  # fmt: skip
def test_what_was_arranged_comes_back_or_is_refused(
    text: str, cuts: tuple[int, int], name: str, order: str, spm: bool
) -> None:
    sentinels = SETS[name]._replace(spm_order=order)  # type: ignore[arg-type]
    marks = Marks(sentinels)
    low, high = (len(text[: min(cut, len(text))].encode()) for cut in sorted(cuts))
    arranged = marks.arranged(text.encode(), low, high, spm).decode()
    if any(token in text for token in sentinels.tokens):
        with pytest.raises(InputError):
            restore(arranged, sentinels)
    else:
        assert restore(arranged, sentinels) == text


def test_lone_surrogates_come_back() -> None:
    sentinels = SETS["qwen"]
    assert restore(f"{sentinels.prefix}\ud800{sentinels.suffix}c{sentinels.middle}\udfff", sentinels) == "\ud800\udfffc"


@pytest.mark.parametrize(
    "text",
    ["", "plain", "{0}a{1}b", "{0}a{1}b{2}c{2}", "x{0}a{1}b{2}c", "{2}a{1}b{0}c", "{0}a{2}b{1}c", "{0}a{0}b{1}c{2}"],
)
def test_other_texts_are_refused(text: str) -> None:
    for sentinels in SETS.values():
        with pytest.raises(InputError, match="not a fill-in-the-middle text"):
            restore(text.format(*sentinels.tokens), sentinels)


def test_places_finds_overlapping_sentinels_of_any_set() -> None:
    assert Marks(Sentinels("aba", "xyx", "q")).places(b"ababaq") == [(0, 0), (2, 0), (5, 2)]
    assert Marks(Sentinels("<aba", "<xyx", "<q")).places(b"<<aba<q") == [(1, 0), (5, 2)]
    assert Marks(Sentinels("aba", "bab", "q")).restored(b"abab-q") is None  # the first two overlap

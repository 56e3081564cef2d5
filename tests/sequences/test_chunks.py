"""Chunks against the words that the library's own pre-tokenizer finds, and the encoder against the tokenizer."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
from tokenizers import Regex, pre_tokenizers

from sequences import chunks
from sequences.chunk_plans import SPLIT, SPLIT_ONE
from sequences.chunks import ChunkEncoder, repeats
from sequences.tokenizer_training import _words, learn

ALPHABET = (
    *"abzAZ09.,'\"!-_/\\ \t\n\r", "  ", "\n\n", "\r\n", " \n", "'s", "'LL", "\u00e9", "e\u0301", "\u017f", "\u65e5", "\u3002",
    "\u00a0", "\u3000", "\u2028", "\u0085", "\x1c", "\x0b", "\u200b", "\u180e", "\U0001f469\u200d\U0001f4bb", "\u0661",
    "\u00bd", "\u06d4", " the", " word", "word ",
)  # fmt: skip


def texts(number: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(ALPHABET, k=draw.randint(0, 40))) for _ in range(number)]


def words_of(split: str, text: str) -> list[str]:
    steps = [
        pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ]  # fmt: skip
    return [word for word, _ in pre_tokenizers.Sequence(steps).pre_tokenize_str(text)]


@pytest.mark.parametrize("split", [SPLIT, SPLIT_ONE])
def test_chunks_hold_whole_words(split: str) -> None:
    for text in texts(4000, 1):
        cut = chunks.chunks(text)
        assert "".join(cut) == text
        assert [word for chunk in cut for word in words_of(split, chunk)] == words_of(split, text), repr(text)


def test_no_character_is_white_space_for_the_library_alone() -> None:
    """Else a space after it would wrongly be taken for the end of a word."""
    white = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    every = [chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number < 0xE000]
    left = {sign for part, _ in white.pre_tokenize_str("".join(every)) for sign in part}
    assert [sign for sign in every if sign not in left and not sign.isspace()] == []


def test_common_words_are_chunks_of_their_own() -> None:
    assert chunks.chunks("One, two\nthree two.") == ["One", ",", " two", "\n", "three", " two", "."]


def test_ids_are_those_of_the_tokenizer() -> None:
    sample = [*texts(300, 2), "the word and the word\n" * 40, "\u65e5\u672c\u8a9e" * 50, ""]
    tokenizer = learn(sample, 600, 1)
    encoder = ChunkEncoder(tokenizer)
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in sample]
    assert encoder.encode(sample) == expected
    assert encoder.encode(sample[::-1]) == expected[::-1]  # the second time from memory


def test_texts_whose_words_are_new_are_encoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MANY", 100)
    tokenizer = learn(texts(300, 2), 600, 1)
    encoder = ChunkEncoder(tokenizer)
    draw = random.Random(3)
    for call in range(1, 5):
        sample = [" ".join("".join(draw.choices("abcdefgh", k=9)) for _ in range(40)) for _ in range(10)]
        expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in sample]
        assert encoder.encode(sample) == expected
        assert bool(encoder._known) == (call == chunks.LEARNT)
    assert encoder.encode(["one two " * 400]) == [tokenizer.encode("one two " * 400).ids]
    assert " two" in encoder._known  # words that come again are remembered as ever


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "KNOWN", 100)
    tokenizer = learn(["a b c"], 300, 1)
    encoder = ChunkEncoder(tokenizer)
    for number in range(200):
        text = f"word {number} " + "x" * 500
        assert encoder.encode([text]) == [tokenizer.encode(text).ids]
        assert len(encoder._known) < 20


def test_the_trainer_is_told_each_word_as_often_as_it_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = [*texts(400, 3), "the word and the word\n" * 4000, "\u65e5\u672c\u8a9e" * 5]
    assert not all(map(repeats, sample))
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    splitter = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    expected = Counter(word for text in sample for word, _ in splitter.pre_tokenize_str(text))
    assert Counter(" ".join(_words(sample, splitter)).split()) == expected
    monkeypatch.setattr("sequences.tokenizer_training.COUNTED", 50)
    assert Counter(" ".join(_words(sample, splitter)).split()) == expected

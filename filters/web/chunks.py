"""The chunk table: what each chunk of text was found to be, remembered and numbered.

A chunk is analysed the first time it is met. The table is emptied when it grows past its bounds, between
documents, so its memory is bounded by `MOST_CHUNKS` and `MOST_BYTES` plus one document.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from filters.web.byte_table import ByteTable, room, span_hashes, spans, writable
from filters.web.columns import (
    COLUMNS,
    IS_LETTER,
    IS_PUNCTUATION,
    IS_STOP,
    IS_WORD,
    MARK,
    STOP_BIT,
    STOP_MARK,
    WORD,
    WORD_COLUMNS,
)
from filters.web.learn import chunk_rows, word_facts, word_spans
from filters.web.plain_words import split_plain
from filters.web.scan import cut
from filters.web.tokenizer import ChunkTokenizer

MOST_CHUNKS = 400_000
MOST_BYTES = 16_000_000

Array = np.ndarray[Any, Any]


class Scan(NamedTuple):
    """A text read by the chunk table."""

    data: Array  # UTF-8, of this text and maybe others
    starts: Array  # of each chunk, bytes into `data`
    ends: Array
    numbers: Array  # of each chunk, in the table
    gaps: Array  # more than one space stands before the chunk, in its line
    line_ends: Array  # number of chunks up to the end of each line
    tails: Array  # more than one space stands at the end of the line


class ChunkTable:
    """Rows of `filters.web.columns` by chunk number, for one way of splitting words."""

    def __init__(self, tokenizer: ChunkTokenizer, stop_words: Sequence[str], punctuation: frozenset[str]) -> None:
        """`stop_words`: at most 62. `punctuation`: the characters that alone make no word (Gopher's count)."""
        self.tokenizer = tokenizer
        self.has_stop_words = bool(stop_words)
        self._stop_words = [word.encode() for word in dict.fromkeys(stop_words)]
        self._punctuation = punctuation
        self._ascii_flags: Array = np.array(
            [
                (IS_WORD if c not in punctuation else 0) | (IS_LETTER if c.isalpha() else 0)
                | (IS_PUNCTUATION if tokenizer.is_punctuation(c) else 0) | (IS_STOP if c in tokenizer.stop_marks else 0)
                for c in map(chr, range(128))
            ],
            np.int64,
        )  # fmt: skip
        specials = ByteTable()
        specials.add([special.encode() for special in tokenizer.specials])
        self._specials = (*specials.frozen, max(map(len, map(str.encode, tokenizer.specials)), default=0))
        self._clear()

    def _clear(self) -> None:
        self._chunks = ByteTable()
        self._words = ByteTable()
        self._listed = 0
        self._known_words = 0
        self.table: Array = np.zeros((1 << 12, COLUMNS), np.int64)
        self.word_numbers: Array = np.zeros(1 << 12, np.int64)  # the words of all chunks, one after the other
        self.word_table: Array = np.zeros((1 << 12, WORD_COLUMNS), np.int64)
        if self._stop_words:
            data, starts, ends = spans(self._stop_words)
            self._number_words(data, starts, ends)
            for i in range(len(self._stop_words)):
                self.word_table[i, STOP_BIT] = 1 << i

    def begin(self) -> None:
        """Call before each document: numbers given out before may be void afterwards."""
        chunks = self._chunks
        if chunks.members > MOST_CHUNKS or chunks.stored_bytes > MOST_BYTES or chunks.capacity > 4 * MOST_CHUNKS:
            self._clear()

    def scan(self, text: str) -> Scan:
        """Read a text, after which every chunk of it has its row."""
        return self.scan_all([text])[0]

    def scan_all(self, texts: list[str]) -> list[Scan]:
        """Read some texts; what is new in them is learned in one go."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        data = writable(encoded)
        cuts = []
        offset = 0
        for part in encoded:
            cuts.append(cut(data[offset : offset + len(part)], offset))
            offset += len(part)
        starts = np.concatenate([piece[0] for piece in cuts])
        ends = np.concatenate([piece[1] for piece in cuts])
        known = self._chunks.members
        numbers, new = self._chunks.find(data, starts, ends, span_hashes(data, starts, ends))
        if len(new):
            self._learn(data, starts[new], ends[new], known)
        scans = []
        at = 0
        for first, last, gaps, line_ends, tails in cuts:
            scans.append(Scan(data, first, last, numbers[at : at + len(first)], gaps, line_ends, tails))
            at += len(first)
        return scans

    def words(self, chunk_number: int) -> list[bytes]:
        """The words of a chunk that was read: for inspection."""
        first, count = self.table[chunk_number, :2].tolist()
        return [self._words.member(number) for number in self.word_numbers[first : first + count].tolist()]

    def _learn(self, data: Array, starts: Array, ends: Array, known: int) -> None:
        """Fill the rows of new chunks, from row `known`."""
        if self.tokenizer.english:
            bounds, plain = split_plain(data, starts, ends, *self._specials)
        else:
            bounds, plain = np.zeros((len(starts), 1), np.int64), np.zeros(len(starts), np.int64)
        hard = np.flatnonzero(plain == 0)
        words = self._split_hard(data, starts[hard], ends[hard])
        extra, hard_starts, hard_ends = spans([word.encode("utf-8", "surrogatepass") for word in chain(*words)])
        hard_counts = np.fromiter(map(len, words), np.int64, len(words))
        begins, stops, counts = word_spans(bounds, plain, hard_counts, hard_starts + len(data), hard_ends + len(data))
        both = np.concatenate((data, extra))
        numbers = self._number_words(both, begins, stops)
        self.table = room(self.table, known + len(starts))
        chunk_rows(self.table, known, self._listed, numbers, counts, self.word_table, data, starts, ends)
        self.word_numbers = room(self.word_numbers, self._listed + len(numbers))
        self.word_numbers[self._listed : self._listed + len(numbers)] = numbers
        self._listed += len(numbers)

    def _split_hard(self, data: Array, starts: Array, ends: Array) -> list[Sequence[str]]:
        raw = data.tobytes() if len(starts) else b""
        words_of = self.tokenizer.words
        return [
            words_of(raw[a:b].decode("utf-8", "surrogatepass"))
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        ]

    def _number_words(self, data: Array, begins: Array, stops: Array) -> Array:
        """The numbers of words; new ones get their row in the word table."""
        known = self._known_words
        numbers, new = self._words.find(data, begins, stops, span_hashes(data, begins, stops))
        if len(new):
            self._known_words = known + len(new)
            self.word_table = room(self.word_table, self._known_words)
            begins, stops = begins[new], stops[new]
            others = word_facts(data, begins, stops, self.word_table, known, self._ascii_flags)
            if len(others):
                raw = data.tobytes()
                rows = [self._facts(raw[begins[i] : stops[i]]) for i in others.tolist()]
                self.word_table[known + others] = rows
        return numbers

    def _facts(self, word: bytes) -> tuple[int, int, int, int, int, int]:
        """The row of a word that is not all ASCII or Latin letters; `STOP_BIT` is set where the table is cleared."""
        text = word.decode("utf-8", "surrogatepass")
        tokenizer = self.tokenizer
        kind = STOP_MARK if text in tokenizer.stop_marks else MARK if tokenizer.is_punctuation(text) else WORD
        has_word = 0 if self._punctuation.issuperset(text) else 1
        return len(text), len(word), has_word, 1 if any(map(str.isalpha, text)) else 0, 0, kind

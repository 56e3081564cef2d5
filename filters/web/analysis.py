"""The one analysis of a text that every rule reads: lines, words, their totals, their n-grams.

Everything is computed when first asked for and kept until a rule rewrites the text. Word counts, sentence counts
and n-gram counts are those of datatrove 0.10's filters (spaCy words), so thresholds mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from filters.web import ngrams
from filters.web.chunks import ChunkTable, Scan
from filters.web.columns import (
    ALPHABETIC,
    CHARACTERS,
    HINTS,
    LENGTH,
    STOP_WORDS,
    WORDED,
    WORDED_CHARACTERS,
    WORDS,
)  # fmt: skip
from filters.web.languages import SPACELESS, UNIT
from filters.web.scan import compact

Array = np.ndarray[Any, Any]
_RUNS = re.compile(r"\S+|\s+")


class lazy:
    """functools.cached_property without its lock, which costs more than most of what is kept here."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        value = instance.__dict__[self.name] = self.function(instance)
        return value


class Totals:
    """Counts over a whole text."""

    __slots__ = ("alphabetic", "characters", "chunks", "hints", "stop_words", "worded", "worded_characters", "words")

    def __init__(self, row: list[int], chunks: int) -> None:
        self.chunks = chunks
        self.words = row[WORDS]  # spaCy words, punctuation included
        self.characters = row[CHARACTERS]  # code points without white space
        self.worded = row[WORDED]  # words with a character that is no punctuation
        self.worded_characters = row[WORDED_CHARACTERS]  # code points in those
        self.alphabetic = row[ALPHABETIC]  # words with a letter
        self.stop_words = row[STOP_WORDS].bit_count()  # distinct stop words that occur
        self.hints = row[HINTS]


class Analysis:
    """A text, its URL and language, and what was found in it."""

    def __init__(self, text: str, table: ChunkTable, language: str, url: str | None = None) -> None:
        self.text = text
        self.url = url
        self.language = language
        self.table = table
        self.spaceless = language in SPACELESS
        self.has_stop_words = table.has_stop_words

    def scanned(self, scan: Scan) -> None:
        """Take the scan of the text that was made together with others."""
        self.__dict__["_scan"] = scan

    def rewrite(self, text: str, chunks: Array | None = None) -> None:
        """Replace the text; what was found is forgotten. `chunks`: its chunk numbers, when they are known."""
        for name in _CACHED:
            self.__dict__.pop(name, None)
        self.text = text
        if chunks is not None:
            self.__dict__["chunks"] = chunks

    # Lines and chunks

    @lazy
    def lines(self) -> list[str]:
        """Lines as str.splitlines cuts them: also at form feeds, NEL and Unicode separators."""
        return self.text.splitlines()

    @lazy
    def _scan(self) -> Scan:
        return self.table.scan(spaced(self.text, self.language))

    @lazy
    def chunks(self) -> Array:
        """Chunk numbers of the text."""
        scan: Scan = self._scan
        return scan.numbers

    @lazy
    def line_ends(self) -> list[int]:
        """Number of chunks up to the end of each line."""
        return self._scan.line_ends.tolist()  # type: ignore[no-any-return]

    def chunks_of_lines(self, lines: list[int]) -> Array:
        """The chunk numbers of some lines, in order."""
        ends = [0, *self.line_ends]
        chunks: Array = self.chunks
        parts = [chunks[ends[i] : ends[i + 1]] for i in lines]
        return np.concatenate(parts) if parts else chunks[:0]

    def units(self, text: str) -> list[str]:
        """The pieces of a text that count as words where words are what stands between spaces."""
        return UNIT.findall(text) if self.spaceless else text.split()

    # Words

    @lazy
    def totals(self) -> Totals:
        return Totals(ngrams.totals(self.chunks, self.table.table).tolist(), len(self.chunks))

    @lazy
    def words(self) -> Array:
        """Word numbers; equal numbers are equal words."""
        table = self.table
        words: Array = ngrams.expand(self.chunks, table.table, table.word_numbers, self.totals.words)
        return words

    @lazy
    def _grams(self) -> dict[int, tuple[Array, Array, Array]]:
        return {}

    def _gram(self, n: int) -> tuple[Array, Array, Array]:
        grams: dict[int, tuple[Array, Array, Array]] = self._grams
        if n not in grams:
            shorter = self.words if n == 2 else self._gram(n - 1)[0]
            grams[n] = ngrams.lengthen(shorter, self.words, n)
        return grams[n]

    def top_ngram_characters(self, n: int) -> int:
        """Characters in all occurrences of the commonest n-gram (the first met among equals), spaces between
        its words included; 0 when the text has fewer than n words. n >= 2."""
        if len(self.words) < n:
            return 0
        _, counts, firsts = self._gram(n)
        best = int(counts.argmax())
        first = int(firsts[best])
        size = int(self.table.word_table[self.words[first : first + n], LENGTH].sum())
        return (size + n - 1) * int(counts[best])

    @lazy
    def _boundaries(self) -> tuple[Array, ...]:
        table, scan = self.table, self._scan
        data = compact(scan.data, scan.starts, scan.ends)
        return (data, *ngrams.boundaries(data, self.words, table.word_table))

    def repeated_ngram_characters(self, n: int) -> int:
        """Characters in n-grams that occurred before, each character counted once, without spaces."""
        if len(self.words) < n:
            return 0
        return int(ngrams.repeated_characters(n, *self._boundaries))

    # Sentences

    @lazy
    def line_facts(self) -> tuple[list[int], list[int]]:
        """Sentences of each line (stripped), and the length of its longest chunk, code points."""
        scan = self._scan
        sentences, longest, _ = ngrams.line_facts(scan.numbers, scan.gaps, scan.line_ends, self.table.table)
        return sentences.tolist(), longest.tolist()

    def sentences(self, line: str) -> int:
        """Sentences of one line: what spaCy's sentencizer counts. White space at its end counts where it is more
        than one space, and a line of nothing else is one sentence."""
        scan = self.table.scan(spaced(line, self.language))
        if not len(scan.numbers):
            return 1 if line else 0
        counts, _, stopped = ngrams.line_facts(scan.numbers, scan.gaps, scan.line_ends, self.table.table)
        return int(counts[0] + (stopped[0] and scan.tails[0]))

    def sentence_texts(self) -> list[str]:
        """The text cut into sentences: a sentence begins at the first word after a stop mark."""
        tokenizer = self.table.tokenizer
        text = self.text
        starts = [0]
        after_stop = False
        for run in UNIT.finditer(text) if self.spaceless else _RUNS.finditer(text):
            piece, position = run.group(), run.start()
            if piece.isspace():
                # A run of white space other than the one space after a word is a word, as in spaCy.
                if position and piece[0] == " ":
                    piece, position = piece[1:], position + 1
                words: Sequence[str] = [piece] if piece else []
            else:
                words = tokenizer.words(piece)
            for word in words:
                if word in tokenizer.stop_marks:
                    after_stop = True
                elif after_stop and not tokenizer.is_punctuation(word):
                    starts.append(position)
                    after_stop = False
                position += len(word)
        starts.append(len(text))
        return [text[a:b] for a, b in pairwise(starts)] if text else []


def spaced(text: str, language: str) -> str:
    """The text, with a space between the units that stand for words where its script has none."""
    if language not in SPACELESS:
        return text
    return "".join(" ".join(UNIT.findall(line)) + "\n" for line in text.splitlines())


_CACHED = tuple(name for name, value in vars(Analysis).items() if isinstance(value, lazy))

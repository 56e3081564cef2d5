"""One chunk table for each language that is met, with the word splitting that datatrove would choose."""

from __future__ import annotations

from filters.web.analysis import Analysis, spaced
from filters.web.chunks import ChunkTable
from filters.web.languages import ENGLISH, SPACELESS, STOP_WORDS, normalise
from filters.web.tokenizer import ChunkTokenizer

MOST_TABLES = 24  # languages kept at a time; a table of a language that comes back is built again


class LanguageTables:
    """Chunk tables by language."""

    def __init__(self, stop_words: tuple[str, ...] | None = None) -> None:
        """`stop_words`: for every language; None: those of `filters.web.languages`."""
        from datatrove.utils.text import PUNCTUATION_SET

        self._stop_words = stop_words
        self._punctuation = frozenset(PUNCTUATION_SET)
        self._tables: dict[str, ChunkTable] = {}
        self._tokenizers: dict[str, ChunkTokenizer] = {}

    def begin(self, text: str, language: str, url: str | None = None) -> Analysis:
        """The analysis of a text, in which nothing is read yet."""
        code = normalise(language)
        return Analysis(text, self._table(code), code, url)

    def read(self, analyses: list[Analysis]) -> None:
        """Look up the chunks of some texts together, which is faster than one by one. Analyses that were read
        before are void afterwards."""
        by_table: dict[int, list[Analysis]] = {}
        for analysis in analyses:
            by_table.setdefault(id(analysis.table), []).append(analysis)
        for some in by_table.values():
            table = some[0].table
            table.begin()
            scans = table.scan_all([spaced(analysis.text, analysis.language) for analysis in some])
            for analysis, scan in zip(some, scans, strict=True):
                analysis.scanned(scan)

    def _table(self, code: str) -> ChunkTable:
        table = self._tables.get(code)
        return self._build(code) if table is None else table

    def load(self, language: str) -> None:
        """Build the table of a language and load the compiled code, so that the first document need not wait. The
        code is compiled once on a machine, which takes some 15 seconds."""
        text = "Any words will do (8 are enough): they're not kept, and well-known ones are fine.\n"
        analysis = self.begin(text, language)
        self.read([analysis])
        analysis.top_ngram_characters(3)
        analysis.repeated_ngram_characters(5)
        assert analysis.line_facts
        assert analysis.totals.words

    def _build(self, code: str) -> ChunkTable:
        if len(self._tables) >= MOST_TABLES:
            del self._tables[next(iter(self._tables))]
        stop_words = STOP_WORDS.get(code, ()) if self._stop_words is None else self._stop_words
        table = self._tables[code] = ChunkTable(self._tokenizer(code), stop_words, self._punctuation)
        return table

    def _tokenizer(self, code: str) -> ChunkTokenizer:
        spacy_code = spacy_language(code)
        if spacy_code not in self._tokenizers:
            try:
                self._tokenizers[spacy_code] = ChunkTokenizer(spacy_code)
            except (TypeError, ImportError):  # spaCy needs a segmenter here that cuts whole texts, or is missing
                self._tokenizers[spacy_code] = ChunkTokenizer("xx")
        return self._tokenizers[spacy_code]


def spacy_language(code: str) -> str:
    """The spaCy rules for a language: those datatrove assigns to it, else the language-neutral ones ("xx")."""
    if code == ENGLISH:
        return ENGLISH
    if code in SPACELESS:
        return "xx"
    from datatrove.utils.word_tokenizers import SpaCyTokenizer, load_word_tokenizer

    try:
        tokenizer = load_word_tokenizer(code)
    except (ValueError, ImportError):  # no assignment, or one that needs a package that is not installed
        return "xx"
    return str(tokenizer.language) if isinstance(tokenizer, SpaCyTokenizer) else "xx"

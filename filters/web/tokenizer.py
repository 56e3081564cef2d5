"""spaCy's word splitting of one chunk, in linear time and without spaCy's vocabulary.

spaCy cuts a text at white space and splits each chunk on its own: it strips prefixes and suffixes, looks up special
cases, then cuts at infixes. Here the same regular expressions and special cases are applied by position. spaCy
copies what is left for every mark it strips (4,000 "!" take 1.3 s) and computes a dozen attributes of every new
word; both are saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from unicodedata import category

from filters.web.splitting_rules import splitting_rules

LONGEST_URL = 4096  # characters; the URL pattern is not tried on a longer remainder
_WINDOW = 16  # characters looked at for a prefix or a suffix; wider when a match fills it
_LOOK_BEHIND = 8  # more than any look-behind of the suffix rules

# English only. Marks that are a suffix by themselves and end no longer one, and characters that end no suffix
# except after a digit or a quote: both hold for spaCy 3.8 and are checked against it in the tests.
_SINGLE_SUFFIXES = frozenset(',;:!?)]}"')
_QUOTES = frozenset("'’")


class ChunkTokenizer:
    """The words of chunks in one language, as `datatrove.utils.text.split_into_words` gives them."""

    def __init__(self, code: str) -> None:
        """`code`: a spaCy language code ("xx": rules for any language). TypeError where spaCy cuts whole texts."""
        rules = splitting_rules(code)
        self._find_prefix = rules.prefix and rules.prefix.search
        self._find_suffix = rules.suffix and rules.suffix.search
        self._find_infixes = rules.infix and rules.infix.finditer
        self._is_token = rules.token and rules.token.match
        self._is_url = rules.url and rules.url.match
        self.english = code == "en"
        self.stop_marks = rules.stop_marks
        specials = rules.specials
        self.specials: dict[str, list[str]] = {}
        patterns = {tuple(self._split(text)) for text in sorted(specials)}
        self.specials = specials
        self._longest_special = max(map(len, specials), default=0)
        self._patterns = {pattern for pattern in patterns if len(pattern) > 1}
        self._pattern_starts = {pattern[:2] for pattern in self._patterns}
        self._pattern_sizes = sorted(set(map(len, self._patterns)), reverse=True)

    @staticmethod
    def is_punctuation(word: str) -> bool:
        """Whether all characters are punctuation: spaCy's `is_punct`."""
        return all(category(character)[0] == "P" for character in word)

    def words(self, chunk: str) -> Sequence[str]:
        """The words of one chunk, which holds no white space. Joined they give the chunk again."""
        if chunk in self.specials:
            return self.specials[chunk]
        if self.english and chunk.isalpha():
            return (chunk,)
        words = self._split(chunk)
        if len(words) > 1 and not self._pattern_starts.isdisjoint(pairwise(words)):
            return self._apply_specials(words)
        return words

    def _apply_specials(self, words: list[str]) -> list[str]:
        """Put special cases of several words in place of the words they were split into: longest first, then
        leftmost; a word of one match, applied or not, belongs to no other."""
        taken: set[int] = set()
        replaced: dict[int, int] = {}
        for n in self._pattern_sizes:
            for i in range(len(words) - n + 1):
                if tuple(words[i : i + n]) in self._patterns:
                    if i not in taken and i + n - 1 not in taken:
                        replaced[i] = n
                    taken.update(range(i, i + n))
        out: list[str] = []
        i = 0
        while i < len(words):
            n = replaced.get(i, 0)
            span = words[i : i + max(n, 1)]
            out += self.specials.get("".join(span), span) if n else span
            i += len(span)
        return out

    def _split(self, chunk: str) -> list[str]:
        specials = self.specials
        longest = self._longest_special if specials else -1
        start, end = 0, len(chunk)
        before: list[str] = []
        after: list[str] = []
        size = -1
        while start < end and end - start != size:
            size = end - start
            if self._is_token and self._is_token(chunk[start:end]):
                break
            if size <= longest and chunk[start:end] in specials:
                break
            head = self._prefix(chunk, start, end)
            if head and 0 < size - head <= longest and chunk[start + head : end] in specials:
                before.append(chunk[start : start + head])
                start += head
                break
            tail = self._suffix(chunk, start + head, end)
            if tail and 0 < size - tail <= longest and chunk[start : end - tail] in specials:
                after.append(chunk[end - tail : end])
                end -= tail
                break
            if head:
                before.append(chunk[start : start + head])
                start += head
            if tail:
                after.append(chunk[end - tail : end])
                end -= tail
        if start < end:
            before += self._core(chunk[start:end])
        return before + after[::-1] if after else before

    def _core(self, core: str) -> Sequence[str]:
        """The words of what is left between prefixes and suffixes."""
        if core in self.specials:
            return self.specials[core]
        if self.english and (core.isalpha() or (core.isalnum() and core.isascii())):
            return (core,)
        if self._is_token and self._is_token(core):
            return (core,)
        if self._is_url and len(core) <= LONGEST_URL and "." in core and self._is_url(core):
            return (core,)
        words = []
        position = 0
        for match in self._find_infixes(core) if self._find_infixes else ():
            start, end = match.span()
            if start == 0:
                continue
            if start != position:
                words.append(core[position:start])
            if start != end:
                words.append(core[start:end])
            position = end
        if position < len(core):
            words.append(core[position:])
        return words

    def _prefix(self, chunk: str, start: int, end: int) -> int:
        """Length of the prefix to strip."""
        if not self._find_prefix:
            return 0
        if self.english:
            first = chunk[start]
            if first.isalpha() if first > "\x7f" else first.isalnum() and "$" not in chunk[start : start + 3]:
                return 0
        window = _WINDOW
        while True:
            match = self._find_prefix(chunk[start : min(end, start + window)])
            if match is None or match.end() < window or start + window >= end:
                return match.end() - match.start() if match else 0
            window *= 4

    def _suffix(self, chunk: str, start: int, end: int) -> int:
        """Length of the suffix to strip."""
        if not self._find_suffix or start >= end:
            return 0
        if self.english:
            last = chunk[end - 1]
            if last in _SINGLE_SUFFIXES:
                return 1
            if last.isalpha() or "0" <= last <= "9":
                begin = max(start, end - _LOOK_BEHIND)
                if last.isdigit() or not (any(map(str.isdigit, chunk[begin:end])) or chunk[end - 2] in _QUOTES):
                    return 0
            elif last == "." and end - start > 1 and "a" <= chunk[end - 2] <= "z":
                return 1
        window = _WINDOW
        while True:
            begin = max(start, end - window)
            match = self._find_suffix(chunk[begin:end])
            if match is None or match.start() >= _LOOK_BEHIND or begin == start:
                return match.end() - match.start() if match else 0
            window *= 4

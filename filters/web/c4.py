"""C4's rules: Raffel et al. 2020 (JMLR 21, 20-074), section 2.2, with the line rules of its published code
(cookie and policy lines, over-long words, Wikipedia citations). This rule rewrites the text: it removes lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.web.analysis import Analysis

POLICY_PHRASES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_SENTENCE_ENDS = (".", "?", "!", '"', "'")
_ELLIPSIS = "..."
# The only characters outside ASCII whose lower case holds an ASCII letter.
_LOWERS_TO_ASCII = ("\u212a", "\u0130")


class C4(Settings):
    """Line rules remove lines; page rules drop the document. -1 switches a count off.

    FineWeb keeps lines without final punctuation (`remove_unpunctuated_lines: false`); C4 and datatrove's default
    remove them.
    """

    enabled: bool = Field(True, description="apply these rules")
    unit: str = Field(
        "line", pattern="^(line|sentence)$", description="what the line rules look at: 'line' (C4) or 'sentence'"
    )
    remove_citations: bool = Field(True, description="take [1], [edit] and [citation needed] out of lines")
    remove_unpunctuated_lines: bool = Field(
        True, description="remove lines that do not end with . ? ! or a quote, or that end with an ellipsis"
    )
    min_sentences: int = Field(5, ge=-1, description="fewest sentences in the lines that stay")
    min_words_per_line: int = Field(3, ge=-1, description="fewest words (between spaces) in a line that stays")
    max_word_length: int = Field(1000, ge=-1, description="longest word in a line that stays, characters")
    drop_lorem_ipsum: bool = Field(True, description="drop a document with 'lorem ipsum' in a line")
    remove_javascript_lines: bool = Field(True, description="remove lines that name JavaScript")
    drop_curly_brackets: bool = Field(True, description="drop a document with '{' in a line")
    remove_policy_lines: bool = Field(True, description="remove lines with one of `policy_phrases`")
    policy_phrases: tuple[str, ...] = Field(POLICY_PHRASES, description="lower-case phrases of cookie and policy lines")


def rule(settings: C4) -> Callable[[Analysis], Outcome | None]:
    """Apply `settings`: an outcome, or the text of `analysis` without the lines that go."""
    from filters.web.languages import ENGLISH, OTHER_SENTENCE_ENDS

    s = settings
    by_line = s.unit == "line"
    policy = tuple(s.policy_phrases) if s.remove_policy_lines else ()
    phrases = [*policy, *(["javascript"] if s.remove_javascript_lines else [])]
    phrases += ["lorem ipsum"] if s.drop_lorem_ipsum else []
    plain_phrases = [phrase.encode() for phrase in phrases] if all(map(str.isascii, phrases)) else None

    def may_match(text: str) -> bool:
        """Whether any line could fall to a phrase or a bracket; most texts hold none."""
        if s.drop_curly_brackets and "{" in text:
            return True
        if plain_phrases is None or _LOWERS_TO_ASCII[0] in text or _LOWERS_TO_ASCII[1] in text:
            return True
        lowered = text.encode("utf-8", "surrogatepass").lower()  # bytes: ASCII only, and fast
        return any(phrase in lowered for phrase in plain_phrases)

    def check(analysis: Analysis) -> Outcome | None:
        text = analysis.text
        ends = _SENTENCE_ENDS if analysis.language == ENGLISH else _SENTENCE_ENDS + OTHER_SENTENCE_ENDS
        suspicious = may_match(text)
        citations = s.remove_citations and "[" in text
        if by_line:
            lines = analysis.lines
            sentence_counts, longest = analysis.line_facts
            line_ends = analysis.line_ends
            sizes = [end - start for start, end in zip([0, *line_ends], line_ends, strict=False)]
        else:
            lines = analysis.sentence_texts()
            pieces = [analysis.units(line) for line in lines]
            sentence_counts, sizes = [1] * len(lines), [len(piece) for piece in pieces]
            longest = [max(map(len, piece), default=0) for piece in pieces]
        kept: list[str] = []
        numbers: list[int] = []  # of the lines that stay
        rewritten = False  # a line that stays lost a citation
        sentences = 0
        for i, line in enumerate(lines):
            if longest[i] > s.max_word_length != -1:
                continue
            line = line.strip()
            changed = False
            if citations and "[" in line:
                shorter = _CITATION.sub("", line)
                changed, line = shorter != line, shorter
            if s.remove_unpunctuated_lines and (not line.endswith(ends) or line.endswith(_ELLIPSIS)):
                continue
            if sizes[i] < s.min_words_per_line:
                continue
            if suspicious or changed:
                lowered = line.lower()
                if s.drop_lorem_ipsum and "lorem ipsum" in lowered:
                    return Outcome("c4/lorem-ipsum", detail=_around(lowered, "lorem ipsum"))
                if s.remove_javascript_lines and "javascript" in lowered:
                    continue
                if s.drop_curly_brackets and "{" in line:
                    return Outcome("c4/curly-bracket", detail=_around(line, "{"))
                if any(phrase in lowered for phrase in policy):
                    continue
            if s.min_sentences != -1:
                sentences += analysis.sentences(line) if changed and by_line else sentence_counts[i]
            rewritten |= changed
            kept.append(line)
            numbers.append(i)
        if sentences < s.min_sentences:
            return Outcome("c4/few-sentences", score=sentences, threshold=s.min_sentences)
        cleaned = ("\n" if by_line else " ").join(kept).strip()
        if cleaned != text:
            analysis.rewrite(cleaned, analysis.chunks_of_lines(numbers) if by_line and not rewritten else None)
        return None

    return check


def _around(line: str, needle: str) -> str:
    """Some text on both sides of what was found, for the ledger."""
    at = line.find(needle)
    return line[max(0, at - 30) : at + len(needle) + 30]

"""Gopher's quality rules: Rae et al. 2021 (arXiv 2112.11446), appendix A.1.1, "quality filtering"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.web.analysis import Analysis

MOST_STOP_WORDS = 62  # they are remembered as the bits of one integer


class GopherQuality(Settings):
    """Length, word shape, symbols, bullets, stop words. `null` (or 0) switches a single threshold off."""

    enabled: bool = Field(True, description="apply these rules")
    min_words: int | None = Field(50, ge=0, description="fewest words that are not only punctuation")
    max_words: int | None = Field(100_000, ge=0, description="most words that are not only punctuation")
    min_mean_word_length: float | None = Field(
        3, ge=0, description="smallest mean length of those words, characters; not applied to scripts without spaces"
    )
    max_mean_word_length: float | None = Field(10, ge=0, description="largest mean length of those words, characters")
    max_symbols_per_word: float | None = Field(
        0.1, ge=0, description="most '#' for each word, and most ellipses for each word"
    )
    max_bullet_lines: float | None = Field(
        0.9, ge=0, le=1, description="largest share of lines that begin with a bullet ('•' or '-')"
    )
    max_ellipsis_lines: float | None = Field(
        0.3, ge=0, le=1, description="largest share of lines that end with an ellipsis"
    )
    min_alphabetic_words: float | None = Field(
        0.8, ge=0, le=1, description="smallest share of words with a letter (words here include punctuation)"
    )
    min_stop_words: int | None = Field(2, ge=0, description="fewest different stop words in the text")
    stop_words: tuple[str, ...] | None = Field(
        None,
        max_length=MOST_STOP_WORDS,
        description="the stop words, for every language; null: Gopher's eight for English, a built-in list for de, "
        "fr, es, it, pt, nl, pl, ru, zh, ja, and no stop-word rule for other languages",
    )


def rule(settings: GopherQuality) -> Callable[[Analysis], Outcome | None]:
    """Check a text against `settings`."""
    s = settings
    symbols, bullets, ellipses = s.max_symbols_per_word, s.max_bullet_lines, s.max_ellipsis_lines

    def check(analysis: Analysis) -> Outcome | None:
        text, totals = analysis.text, analysis.totals
        worded, words = totals.worded, totals.words
        if s.min_words and worded < s.min_words:
            return Outcome("gopher-quality/short-doc", score=worded, threshold=s.min_words)
        if s.max_words and worded > s.max_words:
            return Outcome("gopher-quality/long-doc", score=worded, threshold=s.max_words)
        if not words:
            return Outcome("gopher-quality/empty", score=0.0, threshold=1.0)
        if worded:
            mean = totals.worded_characters / worded
            if s.min_mean_word_length and mean < s.min_mean_word_length and not analysis.spaceless:
                return Outcome("gopher-quality/short-words", score=mean, threshold=s.min_mean_word_length)
            if s.max_mean_word_length and mean > s.max_mean_word_length:
                return Outcome("gopher-quality/long-words", score=mean, threshold=s.max_mean_word_length)

        dots = text.count("...") + text.count("…")
        if symbols:
            if (share := text.count("#") / words) > symbols:
                return Outcome("gopher-quality/hashes", score=share, threshold=symbols)
            if (share := dots / words) > symbols:
                return Outcome("gopher-quality/ellipses", score=share, threshold=symbols)

        lines = analysis.lines
        # A text has no more bullet lines than bullets, so most texts need no look at their lines.
        if bullets and (text.count("•") + text.count("-")) / len(lines) > bullets:
            share = sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines)
            if share > bullets:
                return Outcome("gopher-quality/bullet-lines", score=share, threshold=bullets)
        if ellipses and dots / len(lines) > ellipses:
            share = sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)
            if share > ellipses:
                return Outcome("gopher-quality/ellipsis-lines", score=share, threshold=ellipses)

        share = totals.alphabetic / words
        if s.min_alphabetic_words and share < s.min_alphabetic_words:
            return Outcome("gopher-quality/alphabetic-words", score=share, threshold=s.min_alphabetic_words)
        if s.min_stop_words and analysis.has_stop_words and totals.stop_words < s.min_stop_words:
            return Outcome("gopher-quality/stop-words", score=totals.stop_words, threshold=s.min_stop_words)
        return None

    return check

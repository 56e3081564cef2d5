"""Gopher's repetition rules: Rae et al. 2021 (arXiv 2112.11446), appendix A.1.1, table A1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.web.analysis import Analysis


class GopherRepetition(Settings):
    """Repeated paragraphs, lines and n-grams. `null` switches a single threshold off."""

    enabled: bool = Field(True, description="apply these rules")
    max_duplicate_paragraphs: float | None = Field(
        0.3, ge=0, le=1, description="largest share of paragraphs (cut at blank lines) that are copies of earlier ones"
    )
    max_duplicate_paragraph_characters: float | None = Field(
        0.2, ge=0, le=1, description="largest share of characters in such paragraphs"
    )
    max_duplicate_lines: float | None = Field(
        0.3, ge=0, le=1, description="largest share of lines that are copies of earlier ones"
    )
    max_duplicate_line_characters: float | None = Field(
        0.2, ge=0, le=1, description="largest share of characters in such lines"
    )
    max_top_ngram: dict[int, float] = Field(
        {2: 0.2, 3: 0.18, 4: 0.16}, description="n (words) -> largest share of characters in the commonest n-gram"
    )
    max_repeated_ngrams: dict[int, float] = Field(
        {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1},
        description="n (words) -> largest share of characters in n-grams seen before",
    )


def line_rule(settings: GopherRepetition) -> Callable[[Analysis], Outcome | None]:
    """Check paragraphs and lines; reads the text alone. A threshold of 0 means off, as in the reference filter."""
    paragraphs, paragraph_characters = settings.max_duplicate_paragraphs, settings.max_duplicate_paragraph_characters
    lines, line_characters = settings.max_duplicate_lines, settings.max_duplicate_line_characters

    def check(analysis: Analysis) -> Outcome | None:
        text = analysis.text
        if not text:
            return Outcome("gopher-repetition/empty", score=0.0, threshold=1.0)
        for name, pieces, most, most_characters in (
            ("paragraph", _paragraphs(text), paragraphs, paragraph_characters),
            ("line", _lines(text), lines, line_characters),
        ):
            copies, characters = duplicates(pieces)
            if most and (share := copies / len(pieces)) > most:
                return Outcome(f"gopher-repetition/duplicate-{name}s", score=share, threshold=most)
            if most_characters and (share := characters / len(text)) > most_characters:
                return Outcome(f"gopher-repetition/duplicate-{name}-characters", score=share, threshold=most_characters)
        return None

    return check


def ngram_rule(settings: GopherRepetition) -> Callable[[Analysis], Outcome | None]:
    """Check n-grams of words; shares are of the characters of the whole text."""
    top = sorted(settings.max_top_ngram.items())
    repeated = sorted(settings.max_repeated_ngrams.items())

    def check(analysis: Analysis) -> Outcome | None:
        size = max(len(analysis.text), 1)
        for n, threshold in top:
            share = analysis.top_ngram_characters(n) / size
            if share > threshold:
                return Outcome(f"gopher-repetition/top-{n}-gram", score=share, threshold=threshold)
        for n, threshold in repeated:
            share = analysis.repeated_ngram_characters(n) / size
            if share > threshold:
                return Outcome(f"gopher-repetition/repeated-{n}-grams", score=share, threshold=threshold)
        return None

    return check


def duplicates(pieces: Sequence[str]) -> tuple[int, int]:
    """How many pieces are copies of earlier ones, and the characters in them."""
    distinct = set(pieces)
    copies = len(pieces) - len(distinct)
    return copies, sum(map(len, pieces)) - sum(map(len, distinct)) if copies else 0


def _paragraphs(text: str) -> list[str]:
    """The stripped text cut at runs of two or more line feeds."""
    stripped = text.strip()
    if "\n\n" not in stripped:
        return [stripped]
    # "\n\n\n" leaves a line feed at the head of the next piece, four leave an empty piece.
    return [piece for part in stripped.split("\n\n") if (piece := part.lstrip("\n"))]


def _lines(text: str) -> list[str]:
    """The text cut at runs of line feeds; one at an end of the text leaves an empty line there."""
    pieces = text.split("\n")
    filled = [piece for piece in pieces if piece]
    return ([] if pieces[0] else [""]) + filled + ([] if pieces[-1] or len(pieces) == 1 else [""])

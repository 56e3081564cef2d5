"""Encoded data within code: StarCoder2 (Lozhkov et al. 2024, arXiv 2402.19173), section 2, "encoded data".

Runs of base64, hex pairs and unicode escapes as `scan.encoded` defines them; words of hex digits are OpenCoder's
(arXiv 2411.04905).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome
from filters.code.columns import HEX_WORD

if TYPE_CHECKING:
    from filters.code.analysis import Analysis

_KINDS = ("base64", "hex", "unicode")


class EncodedData(Settings):
    """Bounds; null switches one off."""

    enabled: bool = Field(True, description="apply these rules")
    max_run: int | None = Field(1024, ge=0, description="longest run of encoded data, bytes")
    max_share: float | None = Field(0.5, ge=0, le=1, description="largest share of the text (0-1) in such runs")
    max_hex_words: float | None = Field(
        0.4, ge=0, le=1, description="largest share of the characters (0-1) in words of 0x and hex digits"
    )


def rule(settings: EncodedData) -> Callable[[Analysis], Outcome | None]:
    """Check the runs of encoded data."""
    s = settings

    def check(analysis: Analysis) -> Outcome | None:
        found, size = analysis.encoded, len(analysis.source)
        for number, kind in enumerate(_KINDS):
            total, longest = found[2 * number], found[2 * number + 1]
            if s.max_run is not None and longest > s.max_run:
                return Outcome(f"encoded-data/{kind}-run", score=longest, threshold=s.max_run)
            if s.max_share is not None and total > s.max_share * size:
                return Outcome(f"encoded-data/{kind}-share", score=total / size, threshold=s.max_share)
        if s.max_hex_words is not None and (share := analysis.share(HEX_WORD)) > s.max_hex_words:
            return Outcome("encoded-data/hex-words", score=share, threshold=s.max_hex_words)
        return None

    return check

"""Agreement beyond chance, from sums alone, so that it can be had of any number of rows.

Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971); Cohen, "A coefficient of
agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def fleiss(subjects: int, raters: int, sums: Sequence[int], squares: int) -> float | None:
    """Fleiss' kappa. `sums`: votes for each category over all subjects; `squares`: the sum of the squares of every cell of
    the table subjects x categories. None where chance alone explains everything (all votes alike), or nothing was voted on."""
    votes = subjects * raters
    if subjects < 1 or raters < 2:
        return None
    observed = (squares - votes) / (votes * (raters - 1))
    chance = sum((count / votes) ** 2 for count in sums)
    return None if chance >= 1 else (observed - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters on pass and fail. `kappa` and `error` (its standard error, Cohen 1960) are None where chance explains all."""

    both: int  # both pass
    first: int  # the first alone passes
    second: int  # the second alone passes
    neither: int

    @property
    def rows(self) -> int:
        return self.both + self.first + self.second + self.neither

    @property
    def observed(self) -> float | None:
        """Share of the rows on which the two agree."""
        return (self.both + self.neither) / self.rows if self.rows else None

    @property
    def chance(self) -> float | None:
        """Share on which they would agree by chance, from how often each passes."""
        if not self.rows:
            return None
        one, other = (self.both + self.first) / self.rows, (self.both + self.second) / self.rows
        return one * other + (1 - one) * (1 - other)

    @property
    def kappa(self) -> float | None:
        observed, chance = self.observed, self.chance
        return None if observed is None or chance is None or chance >= 1 else (observed - chance) / (1 - chance)

    @property
    def error(self) -> float | None:
        observed, chance = self.observed, self.chance
        if observed is None or chance is None or chance >= 1:
            return None
        return math.sqrt(observed * (1 - observed) / (self.rows * (1 - chance) ** 2))


def tallies(votes: Sequence[bool | None], truth: bool | None) -> dict[str, int]:
    """What one judged row adds to the sums. `truth`: what the checks without a model say, None where they cannot."""
    found: dict[str, int] = {}
    if all(vote is not None for vote in votes):
        passes = sum(bool(vote) for vote in votes)
        fails = len(votes) - passes
        found |= {"panel.rows": 1, "panel.pass": passes, "panel.fail": fails, "panel.squares": passes**2 + fails**2}
    else:
        found["panel.incomplete"] = 1
        found["panel.unread"] = sum(vote is None for vote in votes)
    if truth is not None:
        said = "right" if truth else "wrong"
        for number, vote in enumerate(votes):
            if vote is not None:
                found[f"judge{number}.{'pass' if vote else 'fail'}.{said}"] = 1
        found[f"majority.{'pass' if majority(votes) else 'fail'}.{said}"] = 1
    return found


def majority(votes: Sequence[bool | None]) -> bool:
    """Whether more than half of all judges pass; one that cannot be read does not."""
    return 2 * sum(vote is True for vote in votes) > len(votes)


def of_panel(sums: Mapping[str, int], raters: int) -> float | None:
    """Fleiss' kappa of a panel, from the sums of `tallies`; of the rows on which every judge could be read."""
    counts = [sums.get("panel.pass", 0), sums.get("panel.fail", 0)]
    return fleiss(sums.get("panel.rows", 0), raters, counts, sums.get("panel.squares", 0))


def against_truth(sums: Mapping[str, int], who: str) -> Agreement:
    """A judge (`judge0`) or the `majority` against what the checks found."""
    names = ("pass.right", "pass.wrong", "fail.right", "fail.wrong")
    return Agreement(*(sums.get(f"{who}.{name}", 0) for name in names))

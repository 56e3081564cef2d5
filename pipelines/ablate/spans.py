"""What a decoder is measured on: spans of tokens, and measures that say which spans they are of.

A span is tokens of which those from `since` on are scored, given all before. A measure is one unit (a document) of one
metric of one held-out set; `KINDS` says how its value follows from the scores of its spans.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
BITS = 1 / math.log(2)


@dataclass(frozen=True)
class Measure:
    """`below` is the denominator: tokens, bytes or 1. `sizes`: bytes of each span, where `kind` divides by them."""

    set: str
    metric: str
    unit: str
    kind: str
    spans: tuple[int, ...]
    below: float
    sizes: tuple[int, ...] = ()


class Metric(NamedTuple):
    """How a metric is told: what it is in, and whether more is better."""

    unit: str
    more_is_better: bool
    meaning: str


METRICS = {
    "bits_per_byte": Metric("bits/byte", False, "loss on held-out text by its bytes"),
    "loss": Metric("nats/token", False, "loss on held-out text by its tokens"),
    "continuation": Metric("share right", True, "the true continuation among those of other documents"),
    "last_word": Metric("share right", True, "a sentence's last word among words of like frequency"),
    "infill_exact": Metric(
        "share right", True, "the middle of code between prefix and suffix (PSM), every token right"
    ),
    "infill_bits": Metric("bits/byte", False, "loss on that middle, given prefix and suffix (PSM)"),
    "infill_spm_exact": Metric("share right", True, "that middle, given suffix and prefix (SPM), every token right"),
    "infill_spm_bits": Metric("bits/byte", False, "loss on that middle, given suffix and prefix (SPM)"),
    "infill_prefix_exact": Metric("share right", True, "that middle, given the prefix alone, every token right"),
    "infill_prefix_bits": Metric("bits/byte", False, "loss on that middle, given the prefix alone"),
    "infill_gain": Metric("bits/byte", True, "what the suffix saves: the prefix alone less SPM"),
    "infill_span_exact": Metric("share right", True, "a piece inside a line of code (PSM), every token right"),
    "infill_span_bits": Metric("bits/byte", False, "loss on that piece, given prefix and suffix (PSM)"),
    "infill_span_spm_exact": Metric(
        "share right", True, "that piece, given suffix and prefix (SPM), every token right"
    ),
    "infill_span_spm_bits": Metric("bits/byte", False, "loss on that piece, given suffix and prefix (SPM)"),
    "infill_span_prefix_exact": Metric("share right", True, "that piece, given the prefix alone, every token right"),
    "infill_span_prefix_bits": Metric("bits/byte", False, "loss on that piece, given the prefix alone"),
    "infill_span_gain": Metric("bits/byte", True, "what the suffix saves of that piece: the prefix alone less SPM"),
    "cross_file_bits": Metric("bits/byte", False, "loss on a file, given the files before it in its repository"),
    "cross_file_shuffled_bits": Metric("bits/byte", False, "loss on that file, given them in another order"),
    "cross_file_alone_bits": Metric("bits/byte", False, "loss on that file by itself"),
    "cross_file_gain": Metric("bits/byte", True, "what the files before it save: alone less in order"),
}


@dataclass
class Items:
    """All spans and measures of an ablation."""

    tokens: list[Array] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)

    def span(self, tokens: Array, since: int) -> int:
        """Add a span; returns its number."""
        self.tokens.append(np.asarray(tokens, np.int32))
        self.since.append(since)
        return len(self.tokens) - 1

    def save(self, path: Path) -> None:
        """Write all into one file."""
        told = json.dumps([asdict(measure) for measure in self.measures], ensure_ascii=False)
        starts = np.cumsum([0, *map(len, self.tokens)])
        flat = np.concatenate(self.tokens) if self.tokens else np.zeros(0, np.int32)
        with path.open("wb") as stream:
            np.savez(
                stream, tokens=flat, starts=starts, since=np.array(self.since, np.int32),
                measures=np.frombuffer(told.encode(), np.uint8),
            )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> Items:
        """Read what `save` wrote."""
        held = np.load(path)
        starts = held["starts"]
        flat = held["tokens"]
        made = [
            Measure(**{**each, "spans": tuple(each["spans"]), "sizes": tuple(each["sizes"])})
            for each in json.loads(held["measures"].tobytes())
        ]
        tokens = [flat[a:b] for a, b in pairwise(starts)]
        return cls(tokens, held["since"].tolist(), made)

    @property
    def digest(self) -> str:
        """SHA-256 of what is measured."""
        found = sha256(json.dumps([asdict(measure) for measure in self.measures]).encode())
        found.update(np.array(self.since, np.int64).tobytes())
        for tokens in self.tokens:
            found.update(len(tokens).to_bytes(8, "little") + tokens.astype("<i4").tobytes())
        return found.hexdigest()


def value(measure: Measure, nats: Array, right: Array) -> float:
    """The numerator of a measure. `nats`: of each span; `right`: whether its every token was the likeliest."""
    first, *others = measure.spans
    match measure.kind:
        case "nats":
            return float(sum(nats[span] for span in measure.spans))
        case "bits":
            return BITS * float(sum(nats[span] for span in measure.spans))
        case "gain":  # the first span given less than the second
            return BITS * float(nats[first] - nats[others[0]])
        case "exact":
            return float(right[first])
        case "choice":  # the first is the right one; a tie is not right
            scores = [nats[span] / size for span, size in zip(measure.spans, measure.sizes, strict=True)]
            return float(scores[0] < min(scores[1:]))
    raise ValueError(f"unknown kind of measure {measure.kind!r}")

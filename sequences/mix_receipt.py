"""The receipt of mix: what was asked, what it came to, and how often documents are repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sequences.budget import MICRO

if TYPE_CHECKING:
    from sequences.mix import Mix

Class = tuple[str, int, int]  # source, quality bucket (-1: none), 1 for long documents
ClassMasses = Mapping[Class, Mapping[int, tuple[int, int]]]  # weight in millionths -> documents, tokens
Drawn = Mapping[Class, Mapping[int, tuple[int, int]]]  # occurrences -> documents, tokens

OFTEN = 4  # from here on occurrences are counted together
TOLERANCE = Fraction(1, 1000)  # of what was asked; a source that misses it says why


def make_receipt(
    drawn: Drawn, masses: ClassMasses, asked: Mapping[str, Fraction], epochs: Mapping[str, Mapping[int, Fraction]],
    counters: Mapping[str, str | None], config: Mix,
) -> dict[str, Any]:  # fmt: skip
    """Plain data for the manifest. Errors are in per cent of what was asked; `epochs` are tokens / available tokens."""
    sources = [
        _source(name, drawn, masses, asked[name], epochs[name], counters[name], config) for name in sorted(asked)
    ]
    wanted = sum(source["asked_tokens"] for source in sources)
    total = _figures(times for times in drawn.values())
    return {
        "training_stage": config.training_stage,
        "training_tokens": config.training_tokens,
        "budget_tokens": config.tokens_asked,
        "asked_tokens": wanted,
        "error_percent": _error(total["tokens"], wanted),
        **total,
        "sources": sources,
    }


def _source(
    name: str, drawn: Drawn, masses: ClassMasses, asked: Fraction, epochs: Mapping[int, Fraction], counter: str | None,
    config: Mix,
) -> dict[str, Any]:  # fmt: skip
    keys = [key for key in masses if key[0] == name]
    buckets = []
    for bucket in sorted({key[1] for key in keys}):
        own = [key for key in keys if key[1] == bucket]
        wish = sum((epochs[weight] * tokens for key in own for weight, (_, tokens) in masses[key].items()), Fraction(0))
        figures = _figures(drawn[key] for key in own)
        buckets.append({
            "bucket": None if bucket < 0 else bucket, "asked_tokens": round(wish),
            "asked_epochs": _ratio(wish, figures["available_tokens"]), **figures,
        })  # fmt: skip
    total = _figures(drawn[key] for key in keys)
    wanted = round(asked)
    natural = sum(Fraction(weight * tokens, MICRO) for key in keys for weight, (_, tokens) in masses[key].items())
    found: dict[str, Any] = {
        "source": name, "tokens_by": _measure(counter, total, config), "asked_tokens": wanted,
        "error_percent": _error(total["tokens"], wanted), "natural_tokens": round(natural),
        "max_epochs": config.cap(name), **total, "shortfall_tokens": max(0, wanted - total["tokens"]),
        "missed": _why(wanted, total, keys, masses, epochs, config.cap(name)), "buckets": buckets,
    }  # fmt: skip
    if config.long_tokens is not None:
        found["long_documents"] = _figures(drawn[key] for key in keys if key[2])
    return found


def _figures(classes: Iterable[Mapping[int, tuple[int, int]]]) -> dict[str, Any]:
    """Documents and tokens that there are, that are used, and that it comes to with repeats; and the histogram."""
    documents: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    occurrences = realised = 0
    for by_times in classes:
        for times, (number, mass) in by_times.items():
            documents[min(times, OFTEN)] += number
            tokens[min(times, OFTEN)] += mass
            occurrences += times * number
            realised += times * mass
    available = sum(tokens.values())
    return {
        "available_documents": sum(documents.values()), "available_tokens": available,
        "documents": sum(documents.values()) - documents[0], "occurrences": occurrences,
        "unique_tokens": available - tokens[0], "repeated_tokens": realised - (available - tokens[0]),
        "tokens": realised, "epochs": _ratio(realised, available),
        "repeats": [
            {"times": f"{times}+" if times == OFTEN else str(times), "documents": documents[times],
             "tokens": tokens[times]}
            for times in range(OFTEN + 1)
        ],
    }  # fmt: skip


def _why(
    wanted: int, total: Mapping[str, Any], keys: list[Class], masses: ClassMasses,
    epochs: Mapping[int, Fraction], cap: float,
) -> str | None:  # fmt: skip
    """Why a source misses what was asked of it by more than the tolerance; None where it does not."""
    realised = total["tokens"]
    if abs(realised - wanted) <= max(TOLERANCE * wanted, 1):
        return None
    reachable = sum((epochs[own] * tokens for key in keys for own, (_, tokens) in masses[key].items()), Fraction(0))
    if not total["available_tokens"]:
        return "there are no documents"
    if not reachable:
        return "all documents have weight 0"
    if reachable < wanted * (1 - TOLERANCE):
        return f"all documents are at the cap of {cap:g} epochs, which come to {round(reachable):,} tokens"
    mean = total["available_tokens"] // total["available_documents"]
    return f"documents are whole, and {total['available_documents']:,} of {mean:,} tokens on average allow no sum that is nearer"


def _measure(counter: str | None, total: Mapping[str, Any], config: Mix) -> str | None:
    """What counted a source's tokens; None where there is nothing to count."""
    if not total["available_documents"]:
        return None
    return counter or f"bytes / {config.bytes_per_token:g}"


def _error(realised: int, wanted: int) -> float | None:
    return round(100 * (realised - wanted) / wanted, 4) if wanted else None


def _ratio(tokens: Fraction | int, available: int) -> float | None:
    return round(float(Fraction(tokens) / available), 4) if available else None

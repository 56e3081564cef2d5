"""`arcmill receipt`: what a mixture was asked for, what it holds, and what became of it in the packed sequences."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from pipelines.lineage import Run, Step, open_run

_PACKED = (
    "rows", "rows_at_least", "sequence_length", "mode", "fill", "padding", "documents_cut", "documents_longer", "segments",
    "sentinels", "documents", "occurrences", "tokens", "tokens_in_loss", "tokens_in_loss_repeated", "tokens_unique",
    "tokens_repeated",
)  # fmt: skip


def receipt(path: str) -> dict[str, Any]:
    """The receipts of a run or of one dataset: {path, mixtures, packed}, the two joined where one was made of the other.

    Of a packed dataset the mixture is looked for beside it. Raises UsageError where neither was made here.
    """
    opened = open_run(path)
    wanted = {step.name for step in opened.steps}
    if len(opened.steps) == 1 and _is_packed(opened.steps[0]) and not _mixed(opened, opened.steps[0]):
        beside = os.path.dirname(path.rstrip("/")) or "."
        wanted = {os.path.basename(path.rstrip("/"))}
        opened = open_run(beside)
    told = receipts(opened, wanted)
    if not told["mixtures"] and not told["packed"]:
        raise UsageError(f"receipt {path}: holds no dataset of mix or pack that is finished")
    return {"path": path, **told}


def receipts(run: Run, wanted: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The receipts of some steps of a run, and of the mixtures that they were packed from."""
    done = [step for step in run.steps if step.dataset is not None]
    packed = [_packed(run, step) for step in done if _is_packed(step) and step.name in wanted]
    told = {entry["mixture"] for entry in packed}
    mixtures = [_mixture(step) for step in done if step.stage == "mix" and (step.name in wanted or step.name in told)]
    return {"mixtures": mixtures, "packed": packed}


def _statistics(step: Step) -> Mapping[str, Any]:
    assert isinstance(step.dataset, Dataset)
    return step.dataset.statistics


def _is_packed(step: Step) -> bool:
    """Whether it holds sequences: what `pack` wrote, or what was left of that when documents were removed."""
    return step.dataset is not None and step.dataset.record == "Sequence"


def _facts(run: Run, step: Step) -> Mapping[str, Any]:
    """What `pack` wrote down; of sequences that were changed since, the rows are counted."""
    if step.stage == "pack":
        return _statistics(step)
    from pipelines.why_token import packing
    from sequences.recount import recount

    assert step.dataset is not None
    return recount(step.dataset, packing(run, step).get("config", {}).get("mode"))


def _mixed(run: Run, step: Step) -> Step | None:
    """The mixture that a packed dataset was made of, if it is there."""
    return next((other for other in reversed(run.ancestors(step)) if other.stage == "mix" and other.dataset), None)


def _mixture(step: Step) -> dict[str, Any]:
    return {"step": step.name, **_statistics(step)}


def _packed(run: Run, step: Step) -> dict[str, Any]:
    """A packed dataset, and by source what was asked, what the mixture holds and what came into sequences."""
    facts = _facts(run, step)
    mixture = _mixed(run, step)
    # Rows alone tell documents' sources and not those of the mixture, so the two are not put side by side.
    apart = step.stage != "pack"
    asked_in_all = sum(entry["asked_tokens"] or 0 for entry in _statistics(mixture)["sources"]) if mixture else 0
    mixed = (
        {} if apart or mixture is None else {str(entry["source"]): entry for entry in _statistics(mixture)["sources"]}
    )
    packed = {str(entry["source"]): entry for entry in facts.get("sources", [])}
    sources = []
    for name in [*mixed, *(name for name in packed if name not in mixed)]:
        asked, made = mixed.get(name), packed.get(name)
        row: dict[str, Any] = {
            "source": name,
            "asked_tokens": asked and asked["asked_tokens"],
            "mixed_tokens": asked and asked["tokens"],
            "packed_tokens": made["tokens"] if made else 0,
            "in_loss_tokens": made["tokens_in_loss"] if made else 0,
            "in_loss_unique_tokens": _unique_in_loss(made) if made else 0,
            "in_loss_percent": _share(made["tokens_in_loss"], made["tokens"]) if made else None,
            "loss_percent": _share(made["tokens_in_loss"], facts["tokens_in_loss"]) if made else None,
            "unique_tokens": made["tokens"] - made["tokens_repeated"] if made else 0,
        }
        row["error_percent"] = (
            round(100 * (row["packed_tokens"] - asked["asked_tokens"]) / asked["asked_tokens"], 4)
            if asked and asked["asked_tokens"]
            else None
        )
        sources.append(row)
    total = asked_in_all
    return {
        "step": step.name, "mixture": mixture and mixture.name,
        **{key: facts[key] for key in _PACKED if key in facts},
        "in_loss_percent": _share(facts["tokens_in_loss"], facts["tokens"]), "in_loss_unique": _unique_in_loss(facts),
        "error_percent": round(100 * (facts["tokens"] - total) / total, 4) if total and "tokens" in facts else None,
        "sources": sources,
    }  # fmt: skip


def _unique_in_loss(counted: Mapping[str, Any]) -> int | None:
    """Tokens in the loss that are no repeats; None of data packed before these were counted."""
    repeated = counted.get("tokens_in_loss_repeated")
    return None if repeated is None else counted["tokens_in_loss"] - repeated


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 3) if whole else None


def render(found: Mapping[str, Any]) -> str:
    """Plain text, for a terminal."""
    lines: list[str] = []
    for mixture in found["mixtures"]:
        lines += _render_mixture(mixture)
    for packed in found["packed"]:
        lines += _render_packed(packed)
    return "\n".join(lines)


def _render_mixture(mixture: Mapping[str, Any]) -> list[str]:
    stage = f", stage {mixture['training_stage']}" if mixture.get("training_stage") else ""
    lines = [
        f"{mixture['step']}: asked {_n(mixture['asked_tokens'])} tokens, holds {_n(mixture['tokens'])} "
        f"({_percent(mixture.get('error_percent'))}){stage}",
        f"  unique {_n(mixture.get('unique_tokens'))}, repeats {_n(mixture.get('repeated_tokens'))} tokens; "
        f"{_n(mixture.get('documents'))} documents, {_n(mixture['occurrences'])} occurrences",
    ]
    rows = []
    for source in mixture["sources"]:
        rows.append(_row(source["source"], source, source.get("error_percent")))
        for bucket in source["buckets"]:
            if source["buckets"] != [bucket] or bucket["bucket"] is not None:
                named = "no bucket" if bucket["bucket"] is None else f"bucket {bucket['bucket']}"
                rows.append(_row(f"  {named}", bucket, None))
        if source.get("long_documents"):
            rows.append(_row("  long", source["long_documents"], None))
    heads = ("source", "available", "asked", "holds", "error", "unique", "epochs", "0x", "1x", "2x", "3x", "4x+")
    lines += _table(rows, heads)
    lines.append("  0x to 4x+: documents that occur so often")
    for source in mixture["sources"]:
        if source.get("missed"):
            lines.append(f"  {source['source']} misses what was asked: {source['missed']}")
    if (shared := mixture.get("shared") or {}).get("documents"):
        lines.append(
            f"  {_n(shared['documents'])} documents come from more than one input: {_n(shared['tokens_counted_again'])} of the "
            f"unique tokens are counted again, and one document occurs {_n(shared['most_occurrences'])} times in all"
        )
    counted = sorted({str(source["tokens_by"]) for source in mixture["sources"] if source.get("tokens_by")})
    lines.append(f"  tokens counted by {', '.join(counted)}")
    return lines


def _row(name: str, entry: Mapping[str, Any], error: float | None) -> tuple[str, ...]:
    repeats = [_n(one["documents"]) for one in entry.get("repeats", [])] or [""] * 5
    epochs = entry.get("epochs")
    return (
        name, _n(entry.get("available_tokens")), _n(entry.get("asked_tokens")), _n(entry["tokens"]),
        "" if error is None else _percent(error), _n(entry["unique_tokens"]), "" if epochs is None else f"{epochs:.2f}", *repeats,
    )  # fmt: skip


def _render_packed(packed: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{packed['step']}: {_n(packed.get('rows'))} sequences of {_n(packed.get('sequence_length'))}, "
        f"{packed.get('mode')}" + (f", from {packed['mixture']}" if packed["mixture"] else "")
    ]
    fill, cut, longer = packed.get("fill"), packed.get("documents_cut"), packed.get("documents_longer")
    lines.append(
        f"  full {'?' if fill is None else f'{100 * fill:.3f} %'}, padding {_n(packed.get('padding'))} tokens; documents cut "
        f"{'?' if cut is None else _n(cut)} of {_n(packed.get('occurrences'))} (longer than a sequence: "
        f"{'?' if longer is None else _n(longer)})"
    )
    lines.append(
        f"  tokens {_n(packed.get('tokens'))} (unique {_n(packed.get('tokens_unique'))}, repeats "
        f"{_n(packed.get('tokens_repeated'))}), sentinels {_n(packed.get('sentinels'))}; against asked "
        f"{_percent(packed.get('error_percent'))}"
    )
    lines.append(
        f"  in the loss {_n(packed.get('tokens_in_loss'))}, {_part(packed['in_loss_percent'])} of the tokens"
        + ("" if packed["in_loss_unique"] is None else f" (unique {_n(packed['in_loss_unique'])})")
    )
    rows = [
        (row["source"], _n(row["asked_tokens"]), _n(row["mixed_tokens"]), _n(row["packed_tokens"]),
         _percent(row["error_percent"]), _n(row["unique_tokens"]), _n(row["in_loss_tokens"]),
         _n(row["in_loss_unique_tokens"]), _part(row["in_loss_percent"]), _part(row["loss_percent"]))
        for row in packed["sources"]
    ]  # fmt: skip
    return lines + _table(rows, (
        "source", "asked", "mixed", "packed", "error", "unique", "in the loss", "unique there", "of its own", "of the loss",
    ))  # fmt: skip


def _table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> list[str]:
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    return [
        "  "
        + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in (heads, *rows)
    ]


def _n(number: Any) -> str:
    return "" if number is None else f"{number:,}"


def _part(value: Any) -> str:
    return "" if value is None else f"{value:.1f} %"


def _percent(value: Any) -> str:
    return "" if value is None else f"{value:+.3f} %"

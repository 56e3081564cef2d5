"""Mixtures: what was asked of each source and what came, how often documents are seen, what packing filled and cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.report import charts
from pipelines.report.gather import Facts
from pipelines.report.markup import Child, Html, compact, decimal, h, join, number, share, short
from pipelines.report.sections import name, section, table

_SOURCES = 40  # rows of a table
_TIMES = {"0": "never", "1": "once", "2": "twice", "3": "three times", "4+": "four times or more"}


def mixtures(facts: Facts) -> Html | None:
    """The section, or None for a run without a mixture and without packed sequences."""
    from pipelines.receipt import receipts

    wanted = [f.step.name for f in facts.steps if f.step.dataset is not None and f.step.stage in ("mix", "pack")]
    if not wanted:
        return None
    blocks: list[Html] = []
    for step in wanted:
        try:
            told = receipts(facts.run, [step])
            made = [_mixture(one) for one in told["mixtures"] if one["step"] == step]
            made += [_packed(one) for one in told["packed"] if one["step"] == step]
        except (KeyError, TypeError, ValueError, AttributeError):  # a manifest of another version, or a forged one
            made = [h("article", h("h3", name(step, 40)), h("p", "What it reported cannot be read as a receipt."))]
        blocks += made
    lede = "What was asked of each source, what the mixture holds, and what became of it in sequences, in tokens."
    return section("mixtures", "Mixtures", lede, *blocks)


def _mixture(entry: Mapping[str, Any]) -> Html:
    told: list[Child] = [
        f"Asked {number(entry['asked_tokens'])} tokens, holds {number(entry['tokens'])} ({_error(entry.get('error_percent'))}): "
        f"{number(entry.get('unique_tokens'))} unique, {number(entry.get('repeated_tokens'))} in repeats; "
        f"{number(entry.get('documents'))} documents in {number(entry['occurrences'])} occurrences."
    ]  # fmt: skip
    sources = list(entry["sources"])
    most = max((source["tokens"] for source in sources), default=1)
    rows: list[list[Child]] = []
    for source in sources[:_SOURCES]:
        rows.append(
            _line(name(source["source"], 60), source, most, entry["tokens"], _error(source.get("error_percent")))
        )
        buckets = source["buckets"]
        if buckets != [b for b in buckets if b["bucket"] is None]:
            for bucket in buckets:
                title = "no bucket" if bucket["bucket"] is None else f"bucket {bucket['bucket']}"
                rows.append(_line(h("span", f"– {title}", cls="quiet"), bucket, most, entry["tokens"], ""))
    heads = [
        ("Source", "key"), ("Holds", "num"), ("", "short"), ("Of all", "num"), ("Asked", "num"), ("Off by", "num"),
        ("Available", "num"), ("Unique", "num"), ("Epochs", "num"),
    ]  # fmt: skip
    missed = [
        h("li", name(source["source"], 60), f" misses what was asked: {short(source['missed'], 300)}")
        for source in sources[:_SOURCES] if source.get("missed")
    ]  # fmt: skip
    repeats = [one for one in entry.get("repeats") or [] if one.get("documents")]
    seen = ", ".join(
        f"{number(one['documents'])} {_TIMES.get(one['times'], short(one['times'], 8))}" for one in repeats
    )
    stage = entry.get("training_stage")
    return h(
        "article",
        h("h3", name(entry["step"], 40), h("span", f"mix, for {short(stage, 60)}" if stage else "mix", cls="stage")),
        h("p", *told),
        h("ul", missed, cls="plain") if missed else None,
        table(heads, rows, f"Sources of {short(entry['step'], 40)}, in tokens", cls="bars"),
        h("p", f"How many documents are seen how often: {seen}.", cls="note") if seen else None,
        _more(len(sources)),
    )


def _line(title: Child, entry: Mapping[str, Any], most: int, whole: int, error: str) -> list[Child]:
    epochs = entry.get("epochs")
    return [
        title, number(entry["tokens"]), charts.bar([("kept", entry["tokens"])], most, share(entry["tokens"], whole)),
        share(entry["tokens"], whole), number(entry.get("asked_tokens")), error, compact(entry.get("available_tokens") or 0),
        compact(entry["unique_tokens"]), "–" if epochs is None else decimal(round(float(epochs), 2)),
    ]  # fmt: skip


def _packed(entry: Mapping[str, Any]) -> Html:
    fill, cut = entry.get("fill"), entry.get("documents_cut")
    figures = [
        ("sequences", number(entry.get("rows")), f"of {number(entry.get('sequence_length'))}, {entry.get('mode')}"),
        ("full", "–" if fill is None else share(fill, 1), f"{number(entry.get('padding'))} tokens of padding"),
        ("documents cut", number(cut), f"of {number(entry.get('occurrences'))}; {number(entry.get('documents_longer'))} longer than a sequence"),
        ("tokens", compact(entry.get("tokens") or 0), f"{compact(entry.get('tokens_unique') or 0)} unique"),
        ("in the loss", compact(entry.get("tokens_in_loss") or 0), _percent(entry.get("in_loss_percent"))),
    ]  # fmt: skip
    rows: list[list[Child]] = [
        [name(s["source"], 60), number(s["asked_tokens"]), number(s["mixed_tokens"]), number(s["packed_tokens"]), _error(s["error_percent"]),
         number(s["unique_tokens"]), number(s["in_loss_tokens"]), _percent(s["loss_percent"])]
        for s in entry["sources"][:_SOURCES]
    ]  # fmt: skip
    heads = [
        ("Source", "key"), ("Asked", "num"), ("Mixed", "num"), ("Packed", "num"), ("Off by", "num"), ("Unique", "num"),
        ("In the loss", "num"), ("Of the loss", "num"),
    ]  # fmt: skip
    origin = join(" from ", name(entry["mixture"], 40)) if entry["mixture"] else None
    return h(
        "article",
        h("h3", name(entry["step"], 40), h("span", "pack", origin, cls="stage")),
        h(
            "dl",
            [h("div", h("dt", what), h("dd", h("b", value), h("span", note, cls="note"))) for what, value, note in figures],
            cls="figures small",
        ),
        table(heads, rows, f"Sources of {short(entry['step'], 40)}, asked, mixed and packed"),
        _more(len(entry["sources"])),
    )  # fmt: skip


def _more(sources: int) -> Html | None:
    if sources <= _SOURCES:
        return None
    return h("p", f"{number(sources - _SOURCES)} more sources: arcmill receipt --json", cls="note")


def _error(value: Any) -> str:
    return "–" if value is None else "exact" if not value else f"{value:+.2f} %"


def _percent(value: Any) -> str:
    return "–" if value is None else f"{value:.1f} %"

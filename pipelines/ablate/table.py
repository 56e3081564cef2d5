"""What an ablation found, as a table of measures (Parquet), Markdown and lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MEASURES, MARKDOWN = "measures.parquet", "ablation.md"


def write_measures(path: Path, plan: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> None:
    """Every measure of every training: arm, seed, heldout, metric, unit, value (numerator), below (denominator)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    measures = plan["items"].measures
    kinds = pa.schema([
        ("arm", pa.string()), ("seed", pa.int32()), ("heldout", pa.string()), ("metric", pa.string()), ("unit", pa.string()),
        ("value", pa.float64()), ("below", pa.float64()),
    ])  # fmt: skip
    beside = path.with_name(f"{path.name}.new")
    with pq.ParquetWriter(beside, kinds, compression="zstd") as writer:
        for place, each in zip(plan["places"], measured, strict=True):
            count = len(measures)
            writer.write_table(pa.table([
                [place.arm] * count, [place.seed] * count, [m.set for m in measures], [m.metric for m in measures],
                [m.unit for m in measures], each["values"], [m.below for m in measures],
            ], schema=kinds))  # fmt: skip
    beside.replace(path)


def markdown(told: Mapping[str, Any]) -> str:
    """The whole result as Markdown."""
    decoder, settings = told["decoder"], told["settings"]
    percent = f"{100 * settings['confidence']:g} %"
    lines = [
        "# Ablation", "",
        f"Decoder: {decoder['parameters'] / 1e6:.1f} M parameters, {decoder['layers']} layers, width {decoder['width']}, "
        f"vocabulary {decoder['vocabulary']}, context {decoder['context']}; {told['tokens']:,} tokens in "
        f"{decoder['steps']:,} steps for each arm and seed; {settings['seeds']} seeds; {decoder['device']}, {decoder['precision']}.",
        "", "| arm | documents | tokens | epochs seen | training loss |", "|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for arm in told["arms"]:
        loss = sum(arm["training_loss"]) / len(arm["training_loss"])
        lines.append(f"| {arm['name']} | {arm['documents']:,} | {arm['tokens']:,} | {arm['epochs']:.2f} | {loss:.3f} |")
    lines += ["", "| held out | documents | tokens | left out, since an arm holds them |", "|---|---:|---:|---|"]
    for each in told["heldout"]:
        by_arm = ", ".join(f"{arm}: {count}" for arm, count in sorted(each["left_out_by_arm"].items()))
        out = f"{each['left_out']} of {each['looked_at']}" + (f" ({by_arm})" if by_arm else "")
        lines.append(f"| {each['name']} | {each['documents']:,} | {each['tokens']:,} | {out} |")
    lines += ["", f"Values with their {percent} intervals over documents and seeds.", ""]
    names = [arm["name"] for arm in told["arms"]]
    lines += [f"| metric | held out | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for row in told["results"]:
        cells = [_value(row["arms"][name]) for name in names]
        lines.append(f"| {_metric(told, row)} | {row['heldout']}{_few(row)} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Paired differences with their {percent} intervals. Where an interval holds 0, no arm is better.",
        "",
    ]
    lines += ["| metric | held out | difference | value | better |", "|---|---|---|---|---|"]
    for row in told["results"]:
        for each in row["differences"]:
            lines.append(
                f"| {_metric(told, row)} | {row['heldout']}{_few(row)} | {each['of']} less {each['less']} | {_value(each)} | "
                f"{each['better'] or 'not told apart'} |"
            )
    return "\n".join([*lines, "", *(f"{note}" for note in notes(told))]) + "\n"


def notes(told: Mapping[str, Any]) -> list[str]:
    """What a reader must know to read the table right."""
    compared = sum(len(row["differences"]) for row in told["results"])
    chance = 1 - told["settings"]["confidence"]
    found = [
        f"{compared} differences were looked at: where nothing differs, about {compared * chance:.1f} of such intervals leave "
        "0 out by chance."
    ]
    if {"continuation", "last_word"} & told["metrics"].keys():
        found.append(f"continuation and last_word: {1 / told['settings']['choices']:.2g} by chance alone.")
    if told["settings"]["seeds"] < 2:
        found.append("One seed: no interval, and no verdict; how a training went by chance is not known.")
    if any(row["few"] for row in told["results"]):
        found.append("\\*: fewer than 20 documents, whose intervals are too narrow.")
    again = [arm["name"] for arm in told["arms"] if arm["epochs"] > 1]
    if again:
        found.append(f"Read more than once: {', '.join(again)}.")
    return found


def _few(row: Mapping[str, Any]) -> str:
    return " \\*" if row["few"] else ""


def _metric(told: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    metric = told["metrics"][row["metric"]]
    return f"{row['metric']} ({metric['unit']}{', more is better' if metric['more_is_better'] else ''})"


def _value(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return f"{found['value']:.4f}"
    return f"{found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"


def terminal(told: Mapping[str, Any]) -> str:
    """The result for a terminal."""
    from pipelines.commands.shown import table

    names = [arm["name"] for arm in told["arms"]]
    arms = [
        (row["metric"], row["heldout"] + _few(row), *(_value(row["arms"][name]) for name in names))
        for row in told["results"]
    ]
    pairs = [
        (
            row["metric"],
            row["heldout"] + _few(row),
            f"{each['of']} - {each['less']}",
            _value(each),
            each["better"] or "not told apart",
        )
        for row in told["results"]
        for each in row["differences"]
    ]
    left = [
        f"held out, {each['name']}: {each['documents']:,} documents, {each['tokens']:,} tokens; "
        f"{each['left_out']} of {each['looked_at']} left out, which an arm holds"
        for each in told["heldout"]
    ]
    return "\n".join([
        table([(a["name"], f"{a['documents']:,}", f"{a['tokens']:,}", f"{a['epochs']:.2f}") for a in told["arms"]],
              ("arm", "documents", "tokens", "epochs seen")),
        "", *left, "", table(arms, ("metric", "held out", *names)), "",
        table(pairs, ("metric", "held out", "difference", "value", "better")), "", *notes(told),
    ]).replace("\\*", "*")  # fmt: skip

"""The record of a run: times, settings, inputs, fingerprints and what stages reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipelines.report import charts
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, compact, decimal, duration, h, join, number, short, size
from pipelines.report.sections import fold, name, section, table

_SETTINGS, _ROWS, _CHARACTERS = 80, 20, 300


def times(facts: Facts) -> Html | None:
    """How long each step took, and what it needed."""
    timed = [f for f in facts.steps if f.metrics]
    if not timed:
        return None
    most = max((_figure(f.metrics, "seconds") or 0.0 for f in timed), default=0.0)
    rows: list[list[Child]] = []
    for found in timed:
        metrics = found.metrics
        seconds, cpu, rate = (_figure(metrics, key) for key in ("seconds", "cpu_seconds", "rows_per_second"))
        rows.append(
            [
                name(found.step.name, 40),
                name(metrics.get("engine", "–"), 20),
                charts.bar([("time", seconds or 0)], most, f"{short(found.step.name)}: {duration(seconds or 0)}"),
                "–" if seconds is None else duration(seconds),
                "–" if cpu is None else duration(cpu),
                "–" if rate is None else compact(rate) if rate >= 1e4 else number(round(rate)),
                decimal(_figure(metrics, "workers") or 0),
                decimal(_figure(metrics, "tasks") or 0),
                size(_figure(metrics, "peak_memory_bytes") or None),
            ]
        )
    heads = [
        ("Step", "key"),
        ("Engine", ""),
        ("", "short"),
        ("Wall", "num"),
        ("CPU", "num"),
        ("Rows/s", "num"),
        ("Workers", "num"),
        ("Tasks", "num"),
        ("Peak memory", "num"),
    ]
    lede = "From the run that made each dataset. Peak memory is of the largest task; CPU does not count Spark's own."
    return section("times", "Time and memory", lede, table(heads, rows, "Time and memory of every step", cls="bars"))


def _figure(metrics: Mapping[str, Any], key: str) -> float | None:
    value = metrics.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def settings(facts: Facts) -> Html:
    """Each step's config, inputs, models, files and statistics, folded away."""
    blocks = [_step(facts, place, found) for place, found in enumerate(facts.steps, 1)]
    lede = "All that decides a dataset is in its manifest. The same settings and inputs give the same bytes."
    return section("settings", "Settings and identity", lede, *blocks)


def _step(facts: Facts, place: int, found: StepFacts) -> Html:
    step = found.step
    version = step.identity.get("stage_version")
    title = join(
        h("b", name(step.name, 40)),
        h(
            "span",
            name(step.stage or step.state, 40),
            f" · version {short(version, 10)}" if version else None,
            cls="stage",
        ),
        h("code", name(step.fingerprint[:12])) if step.fingerprint else None,
    )
    parts: list[Child] = []
    if step.problem:
        parts.append(h("p", step.problem, cls="note"))
    config = step.identity.get("config")
    if isinstance(config, Mapping) and config:
        parts += [h("h3", "Settings"), _config(step.stage, config)]
    if step.inputs:
        rows: list[list[Child]] = [
            [
                name(edge.input, 40),
                name(edge.step, 40) if edge.step else h("span", _origin(edge.record, edge.input), cls="quiet"),
                h("code", name(edge.fingerprint, 64)),
            ]
            for edge in step.inputs[:_ROWS]
        ]
        parts += [h("h3", "Inputs"), table([("Input", "key"), ("From", ""), ("Fingerprint", "print")], rows, "Inputs")]
    models = step.identity.get("models")
    if isinstance(models, Mapping) and models:
        rows = [[name(key, 60), h("code", name(value, 64))] for key, value in sorted(models.items())[:_ROWS]]
        parts += [h("h3", "Model files"), table([("File", "key"), ("SHA-256", "print")], rows, "Model files")]
    if found.statistics:
        parts += [h("h3", "What the stage reported"), _value(found.statistics, 0)]
    if step.dataset is not None:
        parts += [h("h3", "Dataset"), _dataset(found)]
    return h("div", fold(title, *parts, cls="step-record"), id=f"step-{place}")


def _origin(record: str | None, given: str) -> str:
    if given == "environment":
        return "the Python environment"
    return {"Files": "raw files", None: "outside this run"}.get(record, f"{record}, not in this run")


def _dataset(found: StepFacts) -> Html:
    assert found.step.dataset is not None
    dataset = found.step.dataset
    rows: list[list[Child]] = [
        ["Record", name(dataset.record)],
        ["Rows", number(dataset.rows)],
        ["Stored", f"{number(len(dataset.manifest['files']))} files, {size(found.stored_bytes)}"],
        ["Fingerprint", h("code", name(dataset.fingerprint, 64))],
    ]
    return table([("What", "key"), ("Value", "")], rows, "Dataset")


def _config(stage: str, config: Mapping[str, Any]) -> Html:
    meanings = _meanings(stage)
    rows: list[list[Child]] = []
    flat = _flatten(config)
    for key, value in flat[:_SETTINGS]:
        shown = short(json.dumps(value, ensure_ascii=False, sort_keys=True), _CHARACTERS)
        rows.append([h("code", name(key, 80)), h("code", name(shown, _CHARACTERS)), name(meanings.get(key, ""), 300)])
    made = table([("Setting", "key"), ("Value", "value"), ("Meaning", "meaning")], rows, "Settings")
    more = (
        h("p", f"{len(flat) - _SETTINGS} more settings are in the manifest.", cls="note")
        if len(flat) > _SETTINGS
        else None
    )
    return join(made, more)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, inner in sorted(value.items()):
        if isinstance(inner, Mapping) and inner and len(prefix) < 200:
            flat += _flatten(inner, f"{prefix}{key}.")
        else:
            flat.append((f"{prefix}{key}", inner))
    return flat


def _meanings(stage: str) -> dict[str, str]:
    """The description of each setting, where this arcmill has the stage."""
    from pydantic import BaseModel

    from arcmill.errors import UsageError
    from pipelines.catalogue import get_stage

    def walk(model: Any, prefix: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, entry in model.model_fields.items():
            found[prefix + key] = entry.description or ""
            if isinstance(entry.annotation, type) and issubclass(entry.annotation, BaseModel):
                found |= walk(entry.annotation, f"{prefix}{key}.")
        return found

    try:
        return walk(get_stage(stage).config, "")
    except (UsageError, ImportError):
        return {}


def _value(value: Any, depth: int) -> Html:
    """Statistics as tables: any JSON, to a depth and a number of rows."""
    if isinstance(value, Mapping) and depth < 4:
        rows: list[list[Child]] = [
            [name(key, 60), _value(inner, depth + 1)] for key, inner in sorted(value.items())[: 2 * _ROWS]
        ]
        return table([("What", "key"), ("Value", "")], rows, "Statistics", cls="nested")
    if isinstance(value, list) and depth < 4 and value and all(isinstance(entry, Mapping) for entry in value):
        keys = list(dict.fromkeys(str(key) for entry in value[:_ROWS] for key in entry))[:8]
        rows = [[_value(entry.get(key), depth + 1) for key in keys] for entry in value[:_ROWS]]
        made = table([(short(key, 40), "") for key in keys], rows, "Statistics", cls="nested")
        more = h("p", f"{number(len(value) - _ROWS)} more", cls="note") if len(value) > _ROWS else None
        return join(made, more)
    if isinstance(value, bool) or value is None:
        return h("span", json.dumps(value))
    if isinstance(value, (int, float)):
        return h("span", number(value), cls="figure")
    return name(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True), _CHARACTERS)

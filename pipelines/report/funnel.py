"""The key figures, and the funnel stage by stage."""

from __future__ import annotations

from pipelines.lineage import DONE
from pipelines.report import charts
from pipelines.report.changes import Changes
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, compact, duration, h, join, number, share, short, size
from pipelines.report.sections import name, section, table

_FLOW = ("kept", "merged", "dropped", "errored")


def key_figures(facts: Facts, changes: Changes | None = None) -> Html:
    """A handful of large numbers, and what they were in the earlier run."""
    figures: list[tuple[str, str, str]] = []
    was = _before(changes)
    read = sum(f.counts["in"] for f in starts(facts))
    final = [f for f in facts.steps if f.documents is not None]
    rows = sum(f.rows for f in final)
    if read:
        figures.append((compact(read), "rows read", "by " + _listed([f.step.name for f in starts(facts)])))
    if final:
        copies = sum(f.counts["created"] for f in final)
        note = f"{share(rows - copies, read)} of what was read" if read else ""
        note += f"; {number(rows)} with repeats" if copies else ""
        figures.append((compact(rows - copies), "documents in the end", note))
        held = [f.text_bytes for f in final if f.text_bytes is not None]
        if held:
            figures.append(
                (size(sum(held)), "of text", "in UTF-8" + (", with repeats" if copies else ", uncompressed"))
            )
    packed = [f.sequences for f in facts.steps if f.sequences is not None]
    if packed:
        tokens = sum(p.tokens for p in packed)
        whole = all(p.scanned == p.rows for p in packed)
        padding = sum(p.padding for p in packed)
        figures.append(
            (
                compact(tokens),
                "tokens" if whole else "tokens seen",
                f"{number(sum(p.rows for p in packed))} sequences, {share(padding, tokens)} padding",
            )
        )
    errored = sum(f.counts["errored"] for f in facts.steps)
    figures.append((number(errored), "rows errored", "each with its reason" if errored else "every row could be read"))
    seconds = [float(f.metrics["seconds"]) for f in facts.steps if isinstance(f.metrics.get("seconds"), (int, float))]
    if seconds:
        figures.append(
            (duration(sum(seconds)), "of wall time", f"{len(seconds)} step{'' if len(seconds) == 1 else 's'} summed")
        )
    return h(
        "dl",
        [
            h("div", h("dt", what), h("dd", h("b", value), h("span", note, cls="note") if note else None))
            for value, what, note in [
                (v, w, f"{n}; {was[w]}" if n and w in was else was.get(w, n)) for v, w, n in figures
            ]
        ],
        cls="figures",
    )


def _before(changes: Changes | None) -> dict[str, str]:
    """What the large numbers were in the earlier run, by their names."""
    if changes is None:
        return {}
    steps = changes.earlier.steps
    seconds = [step.seconds for step in steps if step.seconds is not None]
    finals = [step for step in steps if step.documents is not None]
    copies = sum(step.counts.get("created", 0) for step in finals)
    held = {
        "rows read": compact(sum(step.counts.get("in", 0) for step in steps if step.starts)),
        "documents in the end": compact(sum(step.rows for step in finals) - copies),
        "of text": size(sum(step.text_bytes or 0 for step in finals)),
        "tokens": compact(sum(step.tokens.tokens for step in steps if step.tokens is not None)),
        "rows errored": number(sum(step.counts.get("errored", 0) for step in steps)),
        "of wall time": duration(sum(seconds)),
    }
    return {what: f"{figure} before" for what, figure in held.items()}


def starts(facts: Facts) -> list[StepFacts]:
    """The steps on the main way that no other step of the run feeds: their input is what was read."""
    return [
        f
        for f in facts.steps
        if f.main and f.step.state == DONE and not any(s.record != "Model" for s in facts.run.sources(f.step))
    ]


def funnel(facts: Facts) -> Html:
    """Every step: what came in, what became of it, what went on."""
    most = max((max(f.counts["in"], f.rows) for f in facts.steps), default=0)
    rows: list[list[Child]] = []
    before: str | None = None
    for found in facts.steps:
        rows.append(_row(facts, found, most, before))
        before = found.step.name
    for step, stage in facts.run.never_begun:
        head = join(h("span", name(step, 40), cls="title"), h("span", name(stage, 40), cls="stage"))
        rows.append([head, h("span", "never begun", cls="chip other"), *["–"] * 9])
    heads = [
        ("Step", "step"),
        ("Flow", "flow"),
        ("In", "num"),
        ("Kept", "num"),
        ("Dropped", "num"),
        ("Merged", "num"),
        ("Errored", "num"),
        ("Created", "num"),
        ("Rows out", "num"),
        ("Text", "num"),
        ("Stored", "num"),
    ]
    legend = h(
        "p",
        [h("span", h("i", cls=f"key {kind}", aria_hidden="true"), kind, cls="entry") for kind in _FLOW],
        h("span", "Bars share one scale: the largest input. Each row that came in is in one of the four.", cls="entry"),
        cls="legend",
    )
    return section(
        "funnel", "The funnel", None, legend, table(heads, rows, "Rows through every step", cls="funnel cards")
    )


def _row(facts: Facts, found: StepFacts, most: int, before: str | None) -> list[Child]:
    step, counts = found.step, found.counts
    sources = facts.run.sources(step)
    told: list[Child] = [h("span", name(step.stage or "unknown stage", 40), cls="stage")]
    if sources and [s.name for s in sources] != [before]:
        told.append(h("span", "reads ", join(*_names([s.name for s in sources])), cls="reads"))
    title = h("a", name(step.name, 40), href=f"#step-{facts.steps.index(found) + 1}")
    head = join(h("span", title, cls="title"), *told)
    if step.state != DONE:
        return [
            head,
            h("span", step.state, cls="chip errored" if step.state != "unfinished" else "chip other"),
            *["–"] * 9,
        ]
    label = f"{step.name}: {number(counts['in'])} in, " + ", ".join(f"{number(counts[k])} {k}" for k in _FLOW)
    flow = charts.bar([(kind, counts[kind]) for kind in _FLOW], most, label, thick=True)
    note: Child = None
    if step.record == "Model":
        note = h("span", "makes a model", cls="note")
    elif step.record == "Sequence":
        note = h("span", "makes sequences", cls="note")
    elif counts["in"]:
        note = h("span", f"{share(counts['kept'], counts['in'])} kept", cls="note")
    cells: list[Child] = [_figure(counts[key]) for key in ("in", "kept", "dropped", "merged", "errored", "created")]
    rows = None if step.record == "Model" else found.rows
    return [head, join(flow, note), *cells, number(rows), size(found.text_bytes), size(found.stored_bytes)]


def _figure(value: int) -> Child:
    return number(value) if value else h("span", "0", cls="zero")


def _names(names: list[str]) -> list[Child]:
    pieces: list[Child] = []
    for place, text in enumerate(names[:6]):
        pieces += [", " if place else None, name(text, 40)]
    return [*pieces, f" and {len(names) - 6} more"] if len(names) > 6 else pieces


def _listed(names: list[str]) -> str:
    return ", ".join(short(text, 24) for text in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

"""Trajectories to read: some that stayed and some that left, as who said and called what, with the verdict of each check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arcmill.dataset import Dataset
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, h, join, number, short, visible
from pipelines.report.reading import groups, spread
from pipelines.report.sections import fold, name

_ROWS, _BYTES = 20_000, 64 << 20
_SHOWN, _REFUSED = 6, 4  # trajectories to read that stayed, and that left
_CHARACTERS, _OBSERVED = 1500, 700  # of a message, and of an observation
_ARGUMENT = 200
CHECKS = {
    "ended": "came to an end by itself", "task": "is of the task that it names", "replay": "comes out the same when played again",
    "state": "ends in the goal's state", "told": "tells the user what was asked", "policy": "keeps the policy",
    "arguments": "calls with the right arguments", "errors": "few refused calls", "panel": "passes the panel",
}  # fmt: skip


def kept(found: StepFacts, tasks: Sequence[StepFacts]) -> list[Html]:
    """Of each world and kind of task one, then the longest."""
    rows = list(_trajectories(found))
    chosen = _different(rows, lambda row: (row["evidence"].get("environment"), row["evidence"].get("steps")), _SHOWN)
    asked = _asked(tasks, {row["evidence"].get("task") for row in chosen})
    return [_view(row, asked, None, place == 0) for place, row in enumerate(chosen)]


def left(facts: Facts, found: StepFacts, tasks: Sequence[StepFacts]) -> list[Html]:
    """Of each reason one trajectory that left, from the judge's input."""
    dataset = found.step.dataset
    assert dataset is not None
    why: dict[str, tuple[str, str]] = {}
    for batch in dataset.ledger():
        for entry in batch.slice(0, _ROWS).to_pylist():
            why.setdefault(entry["id"], (entry["rule"], entry["detail"] or ""))
        if len(why) >= _ROWS:
            break
    before = next((facts.of(step) for step in facts.run.sources(found.step) if step.record == "Conversation"), None)
    if not why or before is None or before.step.dataset is None:
        return []
    rows = [row for row in _trajectories(before) if row["id"] in why]
    chosen = _different(rows, lambda row: why[row["id"]][0], _REFUSED)
    asked = _asked(tasks, {row["evidence"].get("task") for row in chosen})
    return [_view(row, asked, why[row["id"]], False) for row in chosen]


def _different(rows: Sequence[dict[str, Any]], key: Any, most: int) -> list[dict[str, Any]]:
    """The first row of each key, with most messages, by id where they are alike."""
    best: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (-min(len(row["messages"]), 16), str(row["id"]))):
        best.setdefault(str(key(row)), row)
    return [best[kind] for kind in sorted(best)][:most]


def _view(
    row: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]], why: tuple[str, str] | None, opened: bool
) -> Html:
    """One trajectory: what was asked, who said and called what, and the verdict of each check."""
    evidence = row["evidence"]
    task = asked.get(str(evidence.get("task")), {})
    first = next((message["content"] for message in row["messages"] if message["role"] == "user"), "") or ""
    title = short(" ".join(str(task.get("instruction") or first).split()), 110)
    told = f"{evidence.get('environment')}, {evidence.get('steps')}, {len(evidence.get('calls') or ())} calls, {evidence.get('player')}"
    summary = join(name(title, 120), h("span", f" {told}", cls="stage"))
    errors = [bool(mapping(call).get("error")) for call in _list(evidence.get("calls"))]
    talk = h("ol", _talk(row["messages"], errors), cls="talk")
    body = h("div", talk, _verdicts(evidence, why), cls="trajectory-view")
    attributes = {"open": True} if opened else {}
    return h("details", h("summary", summary), body, cls="question trajectory", **attributes)


def _talk(messages: Sequence[Mapping[str, Any]], errors: Sequence[bool]) -> list[Html]:
    """Messages as turns. Observations stand under the call that they answer."""
    observed = {message["tool_call_id"]: message["content"] or "" for message in messages if message["role"] == "tool"}
    turns: list[Html] = []
    made = 0
    for message in messages:
        role = str(message["role"])
        if role == "tool":
            continue
        parts: list[Child] = [h("p", _WHO.get(role, role), cls="who")]
        if role == "system":
            parts.append(fold("The policy", _said(message["content"] or "", _CHARACTERS * 2)))
        elif message["content"]:
            parts.append(_said(message["content"], _CHARACTERS))
        if message["reasoning"]:
            parts.insert(1, fold("Reasoning", _said(message["reasoning"], _CHARACTERS)))
        for call in message["tool_calls"] or ():
            seen = observed.get(call["id"])
            error = made < len(errors) and errors[made] and seen is not None
            made += seen is not None
            parts.append(_call(call, seen, error))
        turns.append(h("li", *parts, cls=f"turn {role if role in _WHO else 'other'}"))
    return turns


_WHO = {"system": "System", "user": "User", "assistant": "Agent"}


def _said(text: str, most: int) -> Html:
    rest = len(text) - most
    more = h("span", f" … {number(rest)} more characters", cls="note") if rest > 0 else None
    return h("div", visible(text[:most]), more, cls="said", dir="auto")


def _call(call: Mapping[str, Any], seen: str | None, error: bool) -> Html:
    """The call as code with its arguments as a list, and what came back."""
    arguments = mapping(call["arguments"])
    pairs: list[Html] = []
    for key, value in arguments.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        pairs.append(h("div", h("dt", visible(str(key))), h("dd", visible(short(shown, _ARGUMENT)))))
    raw = (
        None
        if arguments or (call["arguments"] or "").strip() in ("", "{}")
        else h("code", visible(short(call["arguments"], _ARGUMENT)))
    )
    given: Html
    if seen is None:
        given = h("p", "not made", cls="note")
    else:
        rest = len(seen) - _OBSERVED
        more = h("span", f" … {number(rest)} more characters", cls="note") if rest > 0 else None
        given = h(
            "pre",
            visible(_pretty(seen)[:_OBSERVED] if rest <= 0 else seen[:_OBSERVED]),
            more,
            cls="observed",
            tabindex=0,
        )
    chip = h("span", "refused", cls="chip errored") if error else None
    head = h("p", h("code", visible(short(call["name"], 80))), chip, cls="tool")
    return h("div", head, h("dl", pairs, cls="given") if pairs else raw, given, cls="call")


def _pretty(text: str) -> str:
    """JSON of several members on several lines."""
    try:
        held = json.loads(text)
    except ValueError:
        return text
    if not isinstance(held, dict | list) or len(text) < 60:
        return text
    laid = json.dumps(held, ensure_ascii=False, indent=1)
    return laid if len(laid) <= _OBSERVED else text


def _verdicts(evidence: Mapping[str, Any], why: tuple[str, str] | None) -> Html:
    """Beside the messages: what each check said, and what the row records."""
    items: list[Html] = []
    checks = mapping(evidence.get("checks"))
    for check in CHECKS:
        found = mapping(checks.get(check))
        if not found:
            continue
        verdict = str(found.get("verdict"))
        sign = {"right": "kept", "wrong": "errored"}.get(verdict, "rest")
        note = str(found.get("why") or found.get("unlike") or "")
        if check == "panel":
            note = ", ".join(
                f"{vote.get('rubric')}: {vote.get('vote')}" for vote in map(mapping, _list(found.get("votes")))
            )
        items.append(
            h(
                "li",
                h("i", cls=f"{sign} dot"),
                h("b", check),
                f" {verdict}",
                h("span", visible(f" {short(note, 300)}"), cls="note") if note else None,
            )
        )
    if why is not None:
        items.insert(
            0,
            h(
                "li",
                h("span", name(why[0], 40), cls="chip dropped"),
                h("span", visible(f" {short(why[1], 400)}"), cls="note"),
            ),
        )
    states = mapping(evidence.get("states"))
    pairs = [
        ("Ended", str(evidence.get("ended"))), ("User", str(evidence.get("user") or "the task alone")), ("Seed", str(evidence.get("seed"))),
        ("First state", str(states.get("initial") or "none")[:12]), ("Last state", str(states.get("final") or "none")[:12]),
        ("Goal", str(states.get("goal") or "none")[:12]),
    ]  # fmt: skip
    record = h(
        "dl", [h("div", h("dt", title), h("dd", h("code", visible(value)))) for title, value in pairs], cls="given"
    )
    heading = "Verdicts" if items else "Not judged"
    told = h("ul", items, cls="verdicts") if items else None
    return h("div", h("h4", heading), told, h("h4", "On record"), record, cls="verdict-list")


def rows_of(dataset: Dataset | None, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Rows spread over all parts, not more than can be looked at."""
    assert dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    for group in groups(dataset, spread(dataset.parts, _ROWS, _BYTES), notes, _ROWS):
        held = group.read(columns)
        yield from held.to_pylist() if held is not None else ()


def _trajectories(found: StepFacts) -> Iterator[dict[str, Any]]:
    """Rows that are trajectories, with their evidence as an object."""
    for row in rows_of(found.step.dataset, ["id", "messages", "evidence"]):
        row["evidence"] = mapping(row["evidence"])
        if row["evidence"].get("kind") == "trajectory" and row["messages"]:
            yield row


def _asked(tasks: Sequence[StepFacts], wanted: set[Any]) -> dict[str, dict[str, Any]]:
    """The tasks of some trajectories."""
    found: dict[str, dict[str, Any]] = {}
    for step in tasks:
        for row in rows_of(step.step.dataset, ["id", "instruction"]):
            if row["id"] in wanted:
                found[row["id"]] = row
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, also from its JSON; an empty one of anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []

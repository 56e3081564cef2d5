"""Agent data: tasks by kind, how trajectories ended, what each check found, agreement of the judges, trajectories to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arcmill.dataset import Dataset
from pipelines.lineage import DONE
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share, short, visible
from pipelines.report.reading import groups, spread
from pipelines.report.sections import fold, name, section, table

JUDGE, SELECT, MAKES = "judge-trajectories", "select-trajectories", "synth-trajectories"
_ROWS, _BYTES = 20_000, 64 << 20
_SHOWN, _REFUSED = 6, 4  # trajectories to read that stayed, and that left
_CHARACTERS, _OBSERVED = 1500, 700  # of a message, and of an observation
_ARGUMENT = 200
_CHECKS = {
    "ended": "came to an end by itself", "task": "is of the task that it names", "replay": "comes out the same when played again",
    "state": "ends in the goal's state", "told": "tells the user what was asked", "policy": "keeps the policy",
    "arguments": "calls with the right arguments", "errors": "few refused calls", "panel": "passes the panel",
}  # fmt: skip


def agents(facts: Facts) -> Html | None:
    """The section, or None for a run without tasks for agents or trajectories."""
    steps = [found for found in facts.steps if found.step.dataset is not None and found.step.state == DONE]
    judged = [found for found in steps if found.step.stage == JUDGE]
    made = [found for found in steps if found.step.stage == MAKES]
    tasks = [found for found in steps if found.step.record == "AgentTask" and found.rows] if judged or made else []
    if not judged and not made:
        return None
    blocks: list[Html | None] = [_tasks(found) for found in tasks]
    blocks += [_ends(found) for found in made]
    for found in judged:
        blocks += [_checks(found), _agreement(found)]
    blocks += [_selected(found) for found in steps if found.step.stage == SELECT]
    last = [found for found in steps if found.step.stage in (JUDGE, SELECT) and found.rows]
    blocks += [_kept(facts, last[-1], tasks)] if last else []
    blocks += [_left(facts, found, tasks) for found in judged]
    lede = (
        "What agents were asked, how their trajectories ended, and what the checks found: each was played again from its seed "
        "before anything else. arcmill verify plays the rows that stayed once more."
    )
    return section("agents", "Agent trajectories", lede, *blocks)


def _block(found: StepFacts | None, title: str, *children: Child) -> Html:
    stage = h("span", name(found.step.name, 40), cls="stage") if found is not None else None
    return h("article", h("h3", title, stage), *children)


def _sums(found: StepFacts, prefix: str) -> dict[str, int]:
    """The statistics under a prefix, without it."""
    return {
        str(key).removeprefix(prefix): value
        for key, value in found.statistics.items()
        if str(key).startswith(prefix) and isinstance(value, int)
    }


# -- tables --------------------------------------------------------------------------------------------------------


def _tasks(found: StepFacts) -> Html | None:
    """Worlds by kind of task and kind of goal."""
    cells: Counter[tuple[str, str, str]] = Counter()
    for row in _rows(found.step.dataset, ["environment", "steps", "goal"]):
        goal = _map(row["goal"])
        kind = str(goal.get("kind") or ("answer" if "answer" in goal else "other"))
        cells[str(row["environment"]), str(row["steps"]), kind] += 1
    if not cells:
        return None
    kinds = sorted({kind for *_, kind in cells})
    rows: list[list[Child]] = []
    for world, steps in sorted({(world, steps) for world, steps, _ in cells}):
        counts = [cells[world, steps, kind] for kind in kinds]
        filled: list[Child] = [number(count) if count else h("span", "0", cls="zero") for count in counts]
        rows.append([name(world, 40), name(steps, 20), *filled, number(sum(counts))])
    words = {"done": "To be done", "refuse": "To be refused", "answer": "To be answered"}
    heads = [("World", "key"), ("Steps", ""), *((words.get(kind, kind), "num") for kind in kinds), ("All", "num")]
    return _block(found, "Tasks", table(heads, rows, "Tasks by world, steps and goal", cls="cards"))


def _ends(found: StepFacts) -> Html | None:
    ends = _sums(found, "ended_") or _sums(found, "ended.")
    whole = sum(ends.values())
    if not whole:
        return None
    rows: list[list[Child]] = [
        [name(end, 40), number(count), share(count, whole)]
        for end, count in sorted(ends.items(), key=lambda item: (-item[1], item[0]))
    ]
    told = "answered, user-stop and terminal-call are ends by themselves; all others are failures."
    heads = [("End", "key"), ("Trajectories", "num"), ("Share", "num")]
    return _block(found, "How trajectories ended", h("p", told), table(heads, rows, "Ends", cls="cards"))


def _checks(found: StepFacts) -> Html:
    """Each check with what it found, and how many rows left because of it first."""
    sums = _sums(found, "check.")
    ledger = {rule.rule: rule.rows for rule in found.departures.rules} if found.departures is not None else {}
    rows: list[list[Child]] = []
    for check, words in _CHECKS.items():
        right, wrong, unasked = (sums.get(f"{check}.{told}", 0) for told in ("right", "wrong", "unasked"))
        if not right + wrong:
            continue
        first = wrong if check == "ended" else ledger.pop(check, 0)
        rows.append([
            join(h("b", check), h("span", f" {words}", cls="quiet")), number(right), number(wrong), number(unasked), number(first),
            share(right, right + wrong),
        ])  # fmt: skip
    ended = set(_sums(found, "ended."))
    for rule, count in sorted(ledger.items()):
        if rule not in ended:
            rows.append([join(h("b", name(rule, 40))), "–", "–", "–", number(count), "–"])
    kept, entered = found.counts["kept"], found.counts["in"]
    rows.append([join(h("b", "stayed")), number(kept), "", "", "", share(kept, entered)])
    heads = [("Check", "key"), ("Right", "num"), ("Wrong", "num"), ("Not asked", "num"), ("Left because of it first", "num"), ("Right, of those asked", "num")]  # fmt: skip
    ways = _sums(found, "way.")
    told: Html | None = None
    if ways.get("another") or ways.get("blueprint"):
        text = f"Of those that stayed {number(ways.get('blueprint', 0))} make the blueprint's writes, {number(ways.get('another', 0))} reach the same state by others."
        told = h("p", text)
    return _block(found, "What the checks found", told, table(heads, rows, "Checks", cls="cards"))


def _agreement(found: StepFacts) -> Html | None:
    """Kappa of the panel with itself and with what the checks say."""
    from agent_data.judges.kappa import against_truth, of_panel

    dataset = found.step.dataset
    assert dataset is not None
    config = _map(dataset.manifest.get("config"))
    judges = config.get("panel")
    sums = {str(key): value for key, value in found.statistics.items() if isinstance(value, int)}
    if not isinstance(judges, int) or not judges or not any(key.startswith(("panel.", "judge")) for key in sums):
        return None
    rubrics = [str(one) for one in config.get("rubrics") or ["judge"]]
    rows: list[list[Child]] = []
    for who, title in [(f"judge{at}", f"{at + 1}: {rubrics[at % len(rubrics)]}") for at in range(judges)] + [
        ("majority", "the majority")
    ]:
        one = against_truth(sums, who)
        kappa = "–" if one.kappa is None else decimal(round(one.kappa, 3))
        spread_ = "" if one.error is None else f" ± {decimal(round(1.96 * one.error, 3))}"
        rows.append([
            name(title, 60), number(one.rows), share(one.both + one.neither, one.rows), join(kappa, h("span", spread_, cls="quiet")),
            share(one.both, one.both + one.second), share(one.first, one.first + one.neither),
        ])  # fmt: skip
    fleiss = of_panel(sums, judges)
    said = (
        "cannot be computed: chance explains all of it, or there is one judge"
        if fleiss is None
        else decimal(round(fleiss, 3))
    )
    whole, broken = sums.get("panel.rows", 0), sums.get("panel.incomplete", 0)
    told = [
        h("p", f"Fleiss' kappa of {number(judges)} judges with one another, on {number(whole)} trajectories: ", h("b", said), "."),
        h("p", f"{number(broken)} more trajectories had a judge whose reply held no verdict.") if broken else None,
        h("p", "Below, Cohen's kappa with what the checks without a model found, with its 95 % interval. Where only trajectories that "
          "passed were shown to the panel (panel_on: passed), nothing wrong is among them, and no kappa can be had.", cls="note"),
    ]  # fmt: skip
    heads = [("Judge", "key"), ("Trajectories", "num"), ("Agrees", "num"), ("Cohen's kappa", "num"), ("Passes of the right", "num"), ("Passes of the wrong", "num")]  # fmt: skip
    return _block(found, "Agreement of the judges", *told, table(heads, rows, "Agreement", cls="cards"))


def _selected(found: StepFacts) -> Html | None:
    """At most n a task."""
    facts = found.statistics
    rows: list[list[Child]] = [
        [title, number(value)]
        for key, title in (
            ("tasks", "Tasks with a trajectory"),
            ("tasks_with_several", "… with several"),
            ("most_of_a_task", "Most of one task"),
        )
        if isinstance(value := facts.get(key), int)
    ]
    if isinstance(mean := facts.get("mean_distance"), (int, float)):
        rows.append(["Mean distance to the nearest other of its task (0 to 1)", decimal(round(mean, 3))])
    for rule in found.departures.rules if found.departures is not None else ():
        rows.append([join("Left: ", name(rule.rule, 40)), number(rule.rows)])
    return _block(
        found, "Unlike trajectories of each task", table([("What", "key"), ("Count", "num")], rows, "Selection")
    )


# -- trajectories to read ------------------------------------------------------------------------------------------


def _kept(facts: Facts, found: StepFacts, tasks: Sequence[StepFacts]) -> Html | None:
    """Of each world and kind of task one, then the longest."""
    rows = list(_trajectories(found))
    chosen = _different(rows, lambda row: (row["evidence"].get("environment"), row["evidence"].get("steps")), _SHOWN)
    if not chosen:
        return None
    asked = _asked(tasks, {row["evidence"].get("task") for row in chosen})
    shown = [_view(row, asked, None, place == 0) for place, row in enumerate(chosen)]
    return _block(found, "Trajectories to read", *shown)


def _left(facts: Facts, found: StepFacts, tasks: Sequence[StepFacts]) -> Html | None:
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
        return None
    rows = [row for row in _trajectories(before) if row["id"] in why]
    chosen = _different(rows, lambda row: why[row["id"]][0], _REFUSED)
    if not chosen:
        return None
    asked = _asked(tasks, {row["evidence"].get("task") for row in chosen})
    shown = [_view(row, asked, why[row["id"]], False) for row in chosen]
    return _block(found, "Trajectories that left, one of each reason", *shown)


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
    errors = [bool(_map(call).get("error")) for call in _list(evidence.get("calls"))]
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
    arguments = _map(call["arguments"])
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
    checks = _map(evidence.get("checks"))
    for check in _CHECKS:
        found = _map(checks.get(check))
        if not found:
            continue
        verdict = str(found.get("verdict"))
        sign = {"right": "kept", "wrong": "errored"}.get(verdict, "rest")
        note = str(found.get("why") or found.get("unlike") or "")
        if check == "panel":
            note = ", ".join(
                f"{vote.get('rubric')}: {vote.get('vote')}" for vote in map(_map, _list(found.get("votes")))
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
    states = _map(evidence.get("states"))
    pairs = [
        ("Ended", str(evidence.get("ended"))), ("User", str(evidence.get("user") or "the task alone")), ("Seed", str(evidence.get("seed"))),
        ("First state", str(states.get("initial") or "none")[:12]), ("Last state", str(states.get("final") or "none")[:12]),
        ("Goal", str(states.get("goal") or "none")[:12]),
    ]  # fmt: skip
    record = h(
        "dl", [h("div", h("dt", title), h("dd", h("code", visible(value)))) for title, value in pairs], cls="given"
    )
    heading = "Verdicts" if items else "Not judged"
    return h("aside", h("h4", heading), h("ul", items, cls="verdicts") if items else None, h("h4", "On record"), record)


# -- reading -------------------------------------------------------------------------------------------------------


def _rows(dataset: Dataset | None, columns: list[str]) -> Iterator[dict[str, Any]]:
    assert dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    for group in groups(dataset, spread(dataset.parts, _ROWS, _BYTES), notes, _ROWS):
        held = group.read(columns)
        yield from held.to_pylist() if held is not None else ()


def _trajectories(found: StepFacts) -> Iterator[dict[str, Any]]:
    """Rows that are trajectories, with their evidence as an object."""
    for row in _rows(found.step.dataset, ["id", "messages", "evidence"]):
        row["evidence"] = _map(row["evidence"])
        if row["evidence"].get("kind") == "trajectory" and row["messages"]:
            yield row


def _asked(tasks: Sequence[StepFacts], wanted: set[Any]) -> dict[str, dict[str, Any]]:
    """The tasks of some trajectories."""
    found: dict[str, dict[str, Any]] = {}
    for step in tasks:
        for row in _rows(step.step.dataset, ["id", "instruction"]):
            if row["id"] in wanted:
                found[row["id"]] = row
    return found


def _map(value: Any) -> Mapping[str, Any]:
    """A mapping, also from its JSON; an empty one of anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []

"""Agent data: tasks by kind, how trajectories ended, what each check found, agreement of the judges."""

from __future__ import annotations

from collections import Counter

from pipelines.lineage import DONE
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share
from pipelines.report.sections import name, section, table
from pipelines.report.trajectories import CHECKS, kept, left, mapping, rows_of

JUDGE, SELECT, MAKES = "judge-trajectories", "select-trajectories", "synth-trajectories"


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
    read = [(last[-1], "Trajectories to read", kept(last[-1], tasks))] if last else []
    read += [(found, "Trajectories that left, one of each reason", left(facts, found, tasks)) for found in judged]
    blocks += [_block(found, title, *shown) for found, title, shown in read if shown]
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
    for row in rows_of(found.step.dataset, ["environment", "steps", "goal"]):
        goal = mapping(row["goal"])
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
    for check, words in CHECKS.items():
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
    config = mapping(dataset.manifest.get("config"))
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

"""The tracker of a seed: people, milestones, issues, and the repository that the issues are about."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from agent_data.environments.tracker import repository
from agent_data.environments.tracker.faults import Fault

TODAY = date(2026, 1, 5)
LABELS = ("bug", "enhancement", "documentation", "question", "good-first-issue", "blocked", "urgent")
FIRST = ("Amara", "Bruno", "Chiara", "Davud", "Elif", "Farid", "Greta", "Hana", "Ivo", "Jun", "Katya", "Lindiwe", "Mateo", "Noor",
         "Oskar", "Priya", "Rosa", "Sefa", "Tomasz", "Yuki")  # fmt: skip
LAST = ("Adeyemi", "Bianchi", "Castro", "Dvorak", "Eriksen", "Fofanah", "Guo", "Haddad", "Ito", "Jansen", "Kovac", "Lindqvist",
        "Moreau", "Nandi", "Okafor", "Petrov", "Quispe", "Rahman", "Silva", "Tanaka")  # fmt: skip

# Issues that no fault stands behind: title, body, labels; {module} is one of the repository's.
OTHERS = (
    ("Describe {module} in the user guide", "The guide has no page for {module}. A page with three examples would do.", ("documentation",)),
    ("Support type hints in {module}", "Our editors show no types for the functions of {module}.", ("enhancement",)),
    ("How do I use {module} from the command line?", "I found no way to call {module} from a shell script.", ("question",)),
    ("Speed of {module} on large inputs", "With a million entries {module} takes seconds. Is there something to gain?", ("enhancement",)),
    ("Typo in the docstrings of {module}", "The first docstring of {module} could be clearer about its units.", ("documentation", "good-first-issue")),
    ("Examples for {module} in the README", "Newcomers ask what {module} is for. Two lines of code would help.", ("documentation",)),
    ("Publish {module} as a package of its own", "Some of us only need {module} and none of the rest.", ("enhancement", "blocked")),
    ("Decide on a deprecation policy", "Before we rename anything we should say how long old names stay.", ("question",)),
    ("Drop support for Python 3.8", "It is past its end of life, and the tests are slow there.", ("enhancement",)),
    ("Weekly build fails on one runner", "The runner in the cellar has a full disk. Somebody has to clean it.", ("urgent",)),
    ("Logo for the project", "A small square picture for the package index.", ("good-first-issue",)),
    ("Translate error messages of {module}", "Users without English cannot read the messages of {module}.", ("enhancement",)),
    ("Which licence do examples have?", "May I copy the examples of {module} into my own code?", ("question",)),
    ("Release notes for the last version", "The last release has no notes. Please collect them from the commits.", ("documentation", "urgent")),
)  # fmt: skip
COMMENTS = (
    "I can reproduce this.", "This came up in the meeting on Monday as well.", "A colleague of mine saw the same.",
    "No hurry from my side.", "Thanks for writing this down.", "Could somebody say when this will be looked at?",
    "I would like to help, but do not know where to begin.",
)  # fmt: skip


def load(seed: int) -> dict[str, Any]:
    """The state at the start, a JSON value; `files` are those of the last commit."""
    package, modules, faults = repository.draw(seed)
    dice = random.Random(f"tracker {seed}")
    people = _people(dice, modules)
    handles = list(people)
    milestones = _milestones(dice)
    prefix = "".join(sign for sign in package.upper() if sign not in "AEIOU")[:3]
    others = dice.sample(OTHERS, 9)
    closed = others[: dice.choice((1, 2, 3))]
    drafts: list[tuple[Fault | None, Any]] = [(fault, None) for fault in faults] + [(None, other) for other in others]
    dice.shuffle(drafts)
    issues: dict[str, Any] = {}
    number, day = dice.randrange(11, 80), TODAY - timedelta(days=150)
    for fault, other in drafts:
        number += dice.choice((1, 1, 2, 3))
        day += timedelta(days=dice.randrange(2, 11))
        issue = _issue(dice, fault, other, modules, handles, list(milestones), (fault is None and other in closed))
        issues[f"{prefix}-{number}"] = {"issue_id": f"{prefix}-{number}", **issue, "created": day.isoformat()}
    return {
        "package": package, "prefix": prefix, "modules": modules, "today": TODAY.isoformat(), "next_number": number + 1,
        "people": people, "milestones": milestones, "issues": issues, "commits": [],
        "files": repository.files(package, modules, faults),
    }  # fmt: skip


def _people(dice: random.Random, modules: list[str]) -> dict[str, Any]:
    people: dict[str, Any] = {}
    for first, last in zip(dice.sample(FIRST, 7), dice.sample(LAST, 7), strict=True):
        handle = f"{first[:1]}{last}".lower()
        if handle in people:
            continue
        role = "maintainer" if len(people) < 2 else "developer"
        people[handle] = {
            "handle": handle, "name": f"{first} {last}", "email": f"{first}.{last}@example.org".lower(), "role": role,
            "module": modules[len(people) % len(modules)],
        }  # fmt: skip
    return people


def _milestones(dice: random.Random) -> dict[str, Any]:
    major, minor = dice.randrange(1, 4), dice.randrange(0, 8)
    names = [f"{major}.{minor + step}" for step in range(3)]
    return {
        name: {"milestone": name, "due": (TODAY + timedelta(days=30 * step + dice.randrange(5, 25))).isoformat()}
        for step, name in enumerate(names)
    }


def _issue(
    dice: random.Random,
    fault: Fault | None,
    other: Any,
    modules: list[str],
    handles: list[str],
    milestones: list[str],
    closed: bool,
) -> dict[str, Any]:
    if fault is not None:
        module, title, body, labels, state = fault.module, fault.title, fault.body, ["bug"], "open"
        body = f"{body}\n\nModule: {module}"
    else:
        title, body, given = other
        module = dice.choice(modules)
        title, body, labels = title.format(module=module), body.format(module=module), list(given)
        state = "closed" if closed else "open"
    comments = [
        {"author": dice.choice(handles), "text": text} for text in dice.sample(COMMENTS, dice.choice((0, 0, 1, 2)))
    ]
    return {
        "title": title, "body": body, "state": state, "reason": "completed" if state == "closed" else None,
        "author": dice.choice(handles), "assignee": dice.choice([*handles, None, None, None]),
        "milestone": dice.choice([*milestones, None]), "labels": labels, "comments": comments,
    }  # fmt: skip

"""The repository of a seed: a small Python package with tests, some of its modules, and faults planted in them."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from agent_data.environments.tracker.faults import FAULTS, Fault, probes

FOLDER = Path(__file__).with_name("repository")
MODULES = tuple(sorted(probes()))
NAMES = ("fieldkit", "smallparts", "deskbox", "plainkit", "trimtools")
WRITTEN_AS = "fieldkit"  # the package's name in the files
ABOUT = {
    "money": "amounts of money in whole cents", "dates": "calendar arithmetic", "text": "shaping of plain text",
    "ranges": "ranges of whole numbers", "version": "version numbers", "units": "durations and sizes",
    "graph": "directed graphs", "table": "small tables and CSV lines",
}  # fmt: skip


@cache
def _source(name: str) -> str:
    return (FOLDER / f"{name}.py.txt").read_text(encoding="utf-8")


def draw(seed: int) -> tuple[str, list[str], list[Fault]]:
    """The package's name, its modules and the faults of a seed; at most one fault in a function."""
    dice = random.Random(f"tracker repository {seed}")
    modules = sorted(dice.sample(MODULES, 5))
    waiting = [fault for fault in FAULTS if fault.module in modules]
    dice.shuffle(waiting)
    faults: list[Fault] = []
    for fault in waiting:
        if len(faults) < 4 and all(other.function != fault.function for other in faults):
            faults.append(fault)
    return dice.choice(NAMES), modules, faults


def planted(module: str, faults: list[Fault]) -> str:
    """A module's source with those of the faults that are its own."""
    text = _source(module)
    for fault in faults:
        if fault.module == module:
            text = text.replace(fault.right, fault.wrong)
    return text


def files(package: str, modules: list[str], faults: list[Fault]) -> dict[str, str]:
    """Path -> text of the whole repository."""
    listed = "\n".join(f"- `{package}.{module}`: {ABOUT[module]}" for module in modules)
    made = {
        "README.md": f"# {package}\n\nA few functions that every script needs, without dependencies.\n\n{listed}\n\n"
        "Run the tests with `python3 -m unittest discover -s tests -t .`\n",
        "CONTRIBUTING.md": "# Contributing\n\n- One issue, one commit; the commit names the issue.\n"
        "- A change may not break a test that passed before.\n- Tests are changed only where an issue says that they are wrong.\n",
        f"{package}/__init__.py": f'"""{package}: small helpers for scripts."""\n',
        "tests/__init__.py": "",
    }
    for module in modules:
        made[f"{package}/{module}.py"] = planted(module, faults)
        made[f"tests/test_{module}.py"] = _source(f"test_{module}").replace(WRITTEN_AS, package)
    return dict(sorted(made.items()))


def mending(fault: Fault, faults: list[Fault]) -> tuple[str, str]:
    """(old, new): the whole lines of the planted module whose replacement mends one fault; `old` stands there once."""
    wrong = planted(fault.module, faults).splitlines(keepends=True)
    right = planted(fault.module, [other for other in faults if other != fault]).splitlines(keepends=True)
    first = next(place for place, pair in enumerate(zip(wrong, right, strict=False)) if pair[0] != pair[1])
    last = next(
        place for place, pair in enumerate(zip(reversed(wrong), reversed(right), strict=False)) if pair[0] != pair[1]
    )
    last = min(last, len(wrong) - first, len(right) - first)
    while True:
        old = "".join(wrong[first : len(wrong) - last])
        if old and "".join(wrong).count(old) == 1:
            return old, "".join(right[first : len(right) - last])
        first -= 1

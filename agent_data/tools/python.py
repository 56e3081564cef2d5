"""Functions of Python modules as tools. The modules are imported, which runs their code: only the settings name them, never data."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from importlib.machinery import PathFinder
from typing import Any

from agent_data.tools.specs import spec_of
from arcmill.functions.python import described
from arcmill.outside import importable
from arcmill.records import ToolSpec, stable_id
from arcmill.stage import Failure, Outcome


def tools_of(place: str, license: str | None) -> Iterator[ToolSpec | Failure]:
    """The tools of `package.module` (its public functions) or `package.module:function`; a Failure for what can be none."""
    module_name, _, wanted = place.partition(":")
    importable()
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module may raise whatever it likes
        yield _failure(place, "", "not-imported", f"{type(error).__name__}: {error}", "errored")
        return
    if wanted:
        function: Any = module
        for part in wanted.split("."):
            function = getattr(function, part, None)
        functions = [(wanted, function)]
    else:
        functions = public(module)
        if not functions:
            yield _failure(place, "", "no-functions", "the module has no public function of its own", "dropped")
    for name, function in functions:
        if not callable(function) or inspect.isclass(function):
            yield _failure(place, name, "no-function", f"{name} is a {type(function).__name__}", "dropped")
            continue
        try:
            made = described(function)
        except ValueError as error:
            yield _failure(place, name, getattr(error, "rule", "no-signature"), str(error), "dropped")
            continue
        yield spec_of(
            {"name": made.name, "description": made.description, "parameters": made.parameters}, origin="python",
            source=module_name, license=license or license_of(module_name), returns=made.returns,
            call={"kind": "python", "module": module_name, "function": name, "positional": list(made.positional)},
            remarks=[f"positional-only: {one}" for one in made.positional],
        )  # fmt: skip


def public(module: Any) -> list[tuple[str, Callable[..., Any]]]:
    """The functions that a module offers: those of `__all__`, else those that it defines, in the order of its names."""
    listed = getattr(module, "__all__", None)
    out: list[tuple[str, Callable[..., Any]]] = []
    for name in sorted(vars(module) if listed is None else map(str, listed)):
        held = getattr(module, name, None)
        own = listed is not None or getattr(held, "__module__", None) == module.__name__
        if inspect.isroutine(held) and own and not name.startswith("_"):
            out.append((name, held))
    return out


def license_of(module: str) -> str | None:
    """The licence that the distribution of a module states."""
    import sys
    from importlib.metadata import metadata, packages_distributions

    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "PSF-2.0"
    named = packages_distributions().get(top)
    if not named:
        return None
    about: Any = metadata(named[0])
    text = about.get("License-Expression") or about.get("License") or ""
    return text if text and len(text) < 80 else None


def digest(places: Sequence[str]) -> str:
    """Digest of the modules' files, found without importing anything: another file, another set of tools."""
    made = sha256()
    importable()
    for place in sorted(places):
        made.update(f"{place}\0".encode())
        path: Any = None
        found = None
        for part in place.partition(":")[0].split("."):
            try:
                found = PathFinder.find_spec(part, path)
            except (ImportError, ValueError, OSError):
                found = None
            if found is None:
                break
            path = found.submodule_search_locations
        if found is not None and found.origin and found.has_location:
            with open(found.origin, "rb") as file:
                made.update(sha256(file.read()).digest())
    return made.hexdigest()


def _failure(place: str, name: str, rule: str, detail: str, outcome: str) -> Failure:
    where = f"{place}:{name}" if name else place
    return Failure(stable_id("python", where), Outcome(rule, outcome, detail=f"{where}: {detail}"[:500]))

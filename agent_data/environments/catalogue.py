"""Environments by name: those of arcmill, and those that settings name.

A task names its environment (`shop`, `search:<fingerprint>`, or a name of the user's own); where it lies is a setting:

    environments:
      retail: agent_data.environments.retail:environment        # module:factory, called without arguments
      clinic: {factory: "my_worlds.clinic:make", with: {data: data/clinic}}
      "search:3f2a…": {search: runs/index}
      time: {mcp: {command: mcp-server-time, args: ["--local-timezone", UTC]}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from agent_data.environments.environment import Environment
from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.outside import importable

OWN = {
    "shop": "agent_data.environments.shop:environment",
    "desk": "agent_data.environments.desk:environment",
    "tracker": "agent_data.environments.tracker:environment",
    "simulated": "agent_data.environments.simulated:environment",
}  # fmt: skip


class EnvironmentsConfig(StageConfig):
    """Base of the config of stages that open environments."""

    environments: dict[str, str | dict[str, Any]] = Field(
        default_factory=dict,
        description="name in the tasks -> where it is: package.module:factory, {factory: …, with: {…}}, {mcp: {command: …}}, "
        "{mcp: {url: …}} or {search: INDEX}; those of arcmill (shop, desk, tracker, simulated) need no entry",
    )

    def identity(self) -> dict[str, Any]:
        """As of any stage, with each environment's version in the place of where it is: arcmill's own, too, since tasks name
        them without an entry."""
        return {**super().identity(), "environments": versions(self.environments)}


class Worlds:
    """Environments that are opened when they are first named, and stay open until `close`."""

    def __init__(self, given: Mapping[str, str | dict[str, Any]]) -> None:
        self.given = given
        self._open: dict[str, Environment] = {}

    def __getitem__(self, name: str) -> Environment:
        """The environment of a name. UsageError as `opened`."""
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = opened(name, self.given)
        return found

    def close(self) -> None:
        """Close all of them."""
        while self._open:
            self._open.popitem()[1].close()


def versions(given: Mapping[str, str | dict[str, Any]]) -> dict[str, str]:
    """Name -> version of those that are named, and of arcmill's own."""
    found = {}
    for name in sorted({*given, *OWN}):
        where = json.dumps([name, given.get(name) or OWN.get(name)], sort_keys=True)
        if where not in _VERSIONS:
            try:
                environment = opened(name, given)
            except UsageError:
                if name in given:
                    raise
                continue
            _VERSIONS[where] = environment.version
            environment.close()
        found[name] = _VERSIONS[where]
    return found


_VERSIONS: dict[str, str] = {}  # within one run: a server is not started for each look at the fingerprint


def opened(name: str, given: Mapping[str, str | dict[str, Any]]) -> Environment:
    """The environment that a task names. UsageError where nobody says where it is, or it cannot be opened."""
    where = given.get(name) or OWN.get(name)
    if where is None:
        raise UsageError(
            f"environment {name!r} is not known; give its place: --set 'environments.{name}=MODULE:FACTORY'"
        )
    if isinstance(where, str):
        where = {"factory": where}
    if "factory" in where:
        environment = _made(name, where)
    elif "search" in where:
        environment = _search(name, where)
    elif "mcp" in where:
        from agent_data.environments.mcp import environment as of_server

        environment = of_server(name, where["mcp"])
    else:
        raise UsageError(f"environment {name!r}: none of factory, mcp, search in {sorted(where)}")
    environment.name = name
    return environment


def _made(name: str, where: Mapping[str, Any]) -> Environment:
    module, colon, factory = str(where["factory"]).partition(":")
    if not colon:
        raise UsageError(f"environment {name!r}: {where['factory']!r} is not package.module:factory")
    importable()
    try:
        made = getattr(import_module(module), factory)(**where.get("with", {}))
    except (ImportError, AttributeError, TypeError) as error:
        raise UsageError(
            f"environment {name!r}: {where['factory']} cannot be opened ({type(error).__name__}: {error})"
        ) from None
    if not isinstance(made, Environment):
        raise UsageError(f"environment {name!r}: {where['factory']} gave a {type(made).__name__}, not an Environment")
    return made


def _search(name: str, where: Mapping[str, Any]) -> Environment:
    """An index of index-documents; one whose name holds a fingerprint must be that one."""
    from agent_data.environments.search import environment

    made = environment(str(where["search"]))
    _, colon, wanted = name.partition(":")
    if colon and made.fingerprint != wanted:
        raise UsageError(
            f"environment {name!r}: the index {where['search']} has the fingerprint {made.fingerprint}: another one, or built anew"
        )
    return made

"""Environments by name: those of arcmill, and those that settings name.

A task names its environment (`shop`, `search:<fingerprint>`, or a name of the user's own); where it lies is a setting:

    environments:
      retail: agent_data.environments.retail:environment        # module:factory, called without arguments
      clinic: {factory: "my_worlds.clinic:make", with: {data: data/clinic}}
      "search:3f2a…": {search: runs/index}
      time: {mcp: {command: mcp-server-time, args: ["--local-timezone", UTC]}}
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from agent_data.environments.environment import Environment
from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError

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

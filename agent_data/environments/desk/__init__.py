"""A desk with calendar and mail: 24 tools over contacts, rooms, events and mails."""

from __future__ import annotations

from pathlib import Path

from agent_data.environments.data import DataEnvironment


def environment() -> DataEnvironment:
    """The desk, as `environments: {desk: ...}` opens it."""
    from agent_data.environments.breaches import unconfirmed
    from agent_data.environments.desk.hints import HINTS
    from agent_data.environments.desk.policy import BREACHES, CONFIRMED
    from agent_data.environments.desk.tools import FUNCTIONS
    from agent_data.environments.desk.world import load

    return DataEnvironment(
        load, FUNCTIONS, policy=(Path(__file__).parent / "policy.md").read_text(encoding="utf-8"), hints=HINTS,
        breaches=(unconfirmed(CONFIRMED), *BREACHES), confirm=CONFIRMED, code=[Path(__file__).parent],
    )  # fmt: skip

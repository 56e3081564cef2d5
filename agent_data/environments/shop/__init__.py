"""A shop with orders and returns: 21 tools over customers, goods and orders."""

from __future__ import annotations

from pathlib import Path

from agent_data.environments.data import DataEnvironment


def environment() -> DataEnvironment:
    """The shop, as `environments: {shop: ...}` opens it."""
    from agent_data.environments.breaches import unconfirmed
    from agent_data.environments.shop.hints import HINTS
    from agent_data.environments.shop.policy import BREACHES
    from agent_data.environments.shop.tools import FUNCTIONS
    from agent_data.environments.shop.world import load

    changes = [function.__name__ for function in FUNCTIONS if getattr(function, "writes", False)]
    return DataEnvironment(
        load, FUNCTIONS, policy=(Path(__file__).parent / "policy.md").read_text(encoding="utf-8"), hints=HINTS,
        breaches=(unconfirmed(changes), *BREACHES), confirm=changes, session=("session",), lazy=("customers", "orders", "products"), code=[Path(__file__).parent],
    )  # fmt: skip

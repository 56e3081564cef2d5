"""Rules of the shop that its tools do not hold, over what a trajectory did."""

from __future__ import annotations

from agent_data.environments.breaches import untold
from agent_data.environments.environment import Trace

MOST = 5  # of one item in an order


def too_many(trace: Trace) -> list[str]:
    """An order holds at most MOST of an item."""
    return [
        f"quantity: an order of {call.arguments['quantity']}"
        for call in trace.calls
        if call.name == "place_order" and not call.error and call.arguments["quantity"] > MOST
    ]


BREACHES = (
    untold({"identify_by_email": ("email",), "identify_by_name": ("first_name", "last_name", "zip")}),
    too_many,
)

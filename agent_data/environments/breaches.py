"""Rules of a policy that any world may have, as checks over what a trajectory did."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from agent_data.environments.environment import Trace

Check = Callable[[Trace], list[str]]
_YES = re.compile(
    r"\b(yes|yeah|yep|yup|sure|ok|okay|agreed?|correct|confirm(?:ed)?|go ahead|proceed|please do|do it|do that|"
    r"that(?:'s| is) (?:right|fine|correct)|sounds good|all right|alright|fine)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(no|not|don't|do not|never|wait|stop|hold on)\b", re.IGNORECASE)


def unconfirmed(tools: Collection[str]) -> Check:
    """In a dialogue, calls of these tools come after the agent has said something and the user's answer to it was a yes."""

    def check(trace: Trace) -> list[str]:
        if not trace.dialogue:
            return []
        found = []
        for call in trace.calls:
            if call.name in tools and not call.error and not _agreed(trace, call.message):
                found.append(f"confirmation: {call.name} without a yes of the user before it")
        return found

    return check


def untold(identities: Mapping[str, Collection[str]]) -> Check:
    """What identifies a user (tool -> parameters) is what the user has told, and nothing that the agent knew or guessed."""

    def check(trace: Trace) -> list[str]:
        found = []
        for call in trace.calls:
            before = trace.messages[: call.message]
            told = " ".join(message.content or "" for message in before if message.role == "user").casefold()
            for name in identities.get(call.name, ()):
                if str(call.arguments.get(name, "")).strip().casefold() not in told:
                    found.append(f"identity: {call.name} with a {name} that the user has not told")
        return found

    return check


def _agreed(trace: Trace, message: int) -> bool:
    """Whether the user's last line before a message is a yes to a line of the agent."""
    for place in range(message - 1, -1, -1):
        if trace.messages[place].role == "user":
            said = trace.messages[place].content or ""
            asked = any(one.role == "assistant" and (one.content or "").strip() for one in trace.messages[:place])
            return asked and bool(_YES.search(said)) and not _NO.search(said)
    return False

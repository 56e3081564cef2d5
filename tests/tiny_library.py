"""A world of a few lines for tests, tasks about it, and a player that makes trajectories to order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent_data.environments.data import DataEpisode
from agent_data.environments.environment import Environment, Tool, ToolError, Trace
from agent_data.environments.play import begin
from agent_data.evidence import Evidence
from agent_data.goal import Goal
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, Message, ToolCall, stable_id

POLICY = "You lend books. Find the member first. In a dialogue, ask for a yes before you renew or take a payment."


def find_member(state: Any, email: str) -> Any:
    for member in state["members"].values():
        if member["email"] == email:
            return {"member_id": member["id"], "name": member["name"], "owes": member["owes"]}
    raise ToolError(f"no member has the email {email}")


def list_loans(state: Any, member_id: str) -> Any:
    if member_id not in state["members"]:
        raise ToolError(f"no member {member_id}")
    return [loan for loan in state["loans"].values() if loan["member"] == member_id]


def renew(state: Any, loan_id: str, days: int) -> Any:
    if loan_id not in state["loans"]:
        raise ToolError(f"no loan {loan_id}")
    loan = state["loans"][loan_id]
    if loan["days"] + days > 60:
        raise ToolError("no loan goes beyond 60 days")
    loan["days"] += days
    return {"loan_id": loan_id, "days": loan["days"]}


def pay(state: Any, member_id: str, amount: float) -> Any:
    member = state["members"].get(member_id)
    if member is None or amount > member["owes"]:
        raise ToolError("that is more than is owed")
    member["owes"] = round(member["owes"] - amount, 2)
    return {"owes": member["owes"]}


def transfer(state: Any, reason: str) -> Any:
    return "transferred"


def _tool(name: str, description: str, properties: dict[str, str], **more: Any) -> Tool:
    parameters = {
        "type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties), "additionalProperties": False,
    }  # fmt: skip
    return Tool(name, description, parameters, **more)


class Library(Environment):
    version = "1"
    policy = POLICY
    tools = (
        _tool("find_member", "Find a member.", {"email": "string"}),
        _tool("list_loans", "Loans of a member.", {"member_id": "string"}),
        _tool("renew", "Renew a loan.", {"loan_id": "string", "days": "integer"}, writes=True),
        _tool("pay", "Take a payment.", {"member_id": "string", "amount": "number"}, writes=True),
        _tool("transfer", "Hand over to a person.", {"reason": "string"}, ends=True),
    )

    def begin(self, seed: int, tools: Any = None) -> DataEpisode:
        members = {
            f"M{n}": {"id": f"M{n}", "name": f"Member {n}", "email": f"m{n}@example.com", "owes": 5.5 + n + seed % 7}
            for n in range(4)
        }
        loans = {
            f"L{n}": {"id": f"L{n}", "member": f"M{n % 4}", "title": f"Book {n * 7 + seed}", "days": 10 + n}
            for n in range(8)
        }
        functions = {f.__name__: f for f in (find_member, list_loans, renew, pay, transfer)}
        return DataEpisode({"members": members, "loans": loans}, functions)

    def breaches(self, trace: Trace) -> list[str]:
        found = []
        known = any(call.name == "find_member" and not call.error for call in trace.calls)
        if not known and any(call.name in ("renew", "pay") for call in trace.calls):
            found.append("identity: a change before the member was found")
        for call in trace.calls:
            if trace.dialogue and call.name in ("renew", "pay") and not call.error:
                before = [m for m in trace.messages[: call.message] if m.role == "user"]
                if not before or "yes" not in (before[-1].content or "").casefold():
                    found.append(f"confirmation: {call.name} without a yes")
        return found


def environment() -> Library:
    return Library()


class Once(Library):
    """The same, of which nobody knows whether it comes out the same again."""

    repeatable = False


def once() -> Once:
    return Once()


PLACE = {"library": "tiny_library:environment", "once": "tiny_library:once"}

Call = tuple[str, Mapping[str, Any]]


def goal_of(calls: Sequence[Call], seed: int, **more: Any) -> Goal:
    """The goal of a blueprint, executed."""
    play = drive(begin(Library(), seed))
    for number, (name, arguments) in enumerate(calls):
        observed = drive(play.call(ToolCall(f"g{number}", name, json.dumps(arguments))))
        assert not observed.error, observed
    made = [{"name": name, "arguments": dict(arguments)} for name, arguments in calls]
    return Goal(
        **{"kind": "done", "seed": seed, "calls": made, "initial": play.initial, "state": drive(play.hash()), **more}
    )


def task_of(goal: Goal, instruction: str, steps: str = "multi", world: str = "library", **more: Any) -> AgentTask:
    tools = [tool.text() for tool in Library.tools]
    return AgentTask(
        stable_id("task", goal.text(), instruction, steps, world), instruction, world, steps, tools, goal.text(), **more
    )


Step = str | tuple[Call, ...] | Mapping[str, str]


def trajectory(
    task: AgentTask,
    seed: int,
    steps: Sequence[Step],
    sample: int = 0,
    ended: str = "answered",
    world: Environment | None = None,
) -> Conversation:
    """A trajectory of what is said: a text is the assistant's, {"user": …} the user's, a tuple of calls one message."""
    world = world or Library()
    play = drive(begin(world, seed))
    messages = [Message("system", world.policy)]
    if task.steps != "dialogue":
        messages.append(Message("user", task.instruction))
    calls: list[dict[str, Any]] = []
    for step in steps:
        if isinstance(step, str):
            messages.append(Message("assistant", step))
        elif isinstance(step, Mapping):
            messages.append(Message("user", step["user"]))
        else:
            made = [
                ToolCall(f"c{len(calls) + n}", name, json.dumps(arguments)) for n, (name, arguments) in enumerate(step)
            ]
            messages.append(Message("assistant", None, "Let me see.", made))
            for call in made:
                observed = drive(play.call(call))
                messages.append(Message("tool", observed.text, tool_call_id=call.id))
                told: dict[str, Any] = {"name": call.name}
                if observed.error:
                    told["error"] = True
                tool = world.tool(call.name)
                if tool is not None and tool.writes:
                    told["state"] = drive(play.hash())
                calls.append(told)
    states = {"initial": play.initial, "final": drive(play.hash()), "goal": json.loads(task.goal or "{}").get("state")}
    evidence = Evidence(
        task.environment,
        world.version,
        seed,
        task.id,
        task.steps,
        "gold",
        "terminal-call" if play.over else ended,
        sample,
        calls=calls,
        states=states,
    )
    return Conversation(
        stable_id("trajectory", task.id, str(sample)), messages, "tiny", task.tools, evidence=evidence.text()
    )


FIND: Call = ("find_member", {"email": "m1@example.com"})
LOANS: Call = ("list_loans", {"member_id": "M1"})
RENEW: Call = ("renew", {"loan_id": "L1", "days": 14})
PAY: Call = ("pay", {"member_id": "M1", "amount": 3})


def gold() -> list[tuple[AgentTask, Conversation]]:
    """Tasks of every kind with trajectories that solve them."""
    made = []
    for seed in range(5):
        owes = drive(begin(Library(), seed)).episode.state()["members"]["M1"]["owes"]
        tell = [{"what": "what is still owed", "values": [str(owes - 3)]}]
        goal = goal_of([FIND, LOANS, RENEW, PAY], seed, tell=tell)
        task = task_of(goal, "I am m1@example.com. Renew L1 by 14 days, pay 3, and tell me what I still owe.")
        last = f"Done: L1 is renewed, and you still owe ${owes - 3:.2f}."
        made.append((task, trajectory(task, seed, [(FIND,), (LOANS,), (RENEW,), (PAY,), last])))
        task = task_of(goal, "a dialogue", "dialogue")
        talk: list[Step] = [
            {"user": "I am m1@example.com, renew L1 by 14 days."}, (FIND,), "By 14 days, yes?", {"user": "yes"}, (LOANS,), (RENEW,),
            "Done. Anything else?", {"user": "I pay 3."}, "You pay 3.00, yes?", {"user": "Yes. What do I owe?"}, (PAY,), last, {"user": "###"},
        ]  # fmt: skip
        made.append((task, trajectory(task, seed, talk, ended="user-stop")))
        goal = goal_of([FIND], seed, kind="done", tell=[{"what": "what is owed", "values": [str(owes)]}])
        task = task_of(goal, "I am m1@example.com. What do I owe?", "single")
        made.append((task, trajectory(task, seed, [(FIND,), f"You owe {owes:.2f} in all."])))
        goal = goal_of([], seed, kind="refuse", refuse={"why": "policy", "rule": "60 days"})
        task = task_of(goal, "I am m1@example.com. Renew L1 by 90 days.")
        made.append((task, trajectory(task, seed, [(FIND,), "I cannot do that: no loan goes beyond 60 days."])))
        goal = goal_of([FIND, RENEW, ("transfer", {"reason": "asked"})], seed)
        task = task_of(goal, "I am m1@example.com. Renew L1 by 14 days and get me a person.")
        made.append((task, trajectory(task, seed, [(FIND,), (RENEW,), (("transfer", {"reason": "asked for"}),)])))
    return made

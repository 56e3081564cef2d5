"""The report's page for synthesis, and evidence that `arcmill verify` checks again."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from llm_stages import PROBLEMS, ProblemsConfig

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import Conversation, Message, Problem, rows_to_batch
from arcmill.stage import Stage
from pipelines.catalogue import get_stage
from pipelines.lineage import open_run
from pipelines.replayed import Trajectories
from pipelines.report.gather import gather
from pipelines.report.synthesis import synthesis
from pipelines.verify import _replay, render, verify_path


def made(name: str, record: str, rows: list[Any], source: str, output: Path) -> Dataset:
    """A dataset as the stage of that name would leave it."""

    def core(batches: Iterator[pa.RecordBatch], config: StageConfig) -> Iterator[Any]:
        for _ in batches:
            pass
        yield rows_to_batch(record, rows)
        yield {"requests": len(rows), "completion_tokens": 10 * len(rows)}

    stage = Stage(
        name=name, version=1, help="x", config=StageConfig, reads={"input": "Problem"}, writes=record, engine="datatrove",
        core=core, makes=True,
    )  # fmt: skip
    return execute(stage, StageConfig(), {"input": [source]}, str(output)).dataset


def sample(number: int, answer: str, **evidence: Any) -> Conversation:
    held = {"answer_type": "math", "expected": str(2 * number), "finish": "stop", "problem": str(number), **evidence}
    reasoning = f"We add <b>{number}</b> and {number}, so we double it."
    messages = [Message("user", f"What is {number} + {number}?"), Message("assistant", answer, reasoning)]
    usage = {"prompt_tokens": 5, "completion_tokens": 10 + number}
    return Conversation(f"s{number}", messages, "tiny", thinking=True, evidence=json.dumps(held), usage=usage)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    problems = execute(PROBLEMS, ProblemsConfig(rows=20), {}, str(folder / "problems")).dataset
    rows = [sample(number, f"Answer: {2 * number + (number % 4 == 0)}") for number in range(18)]
    rows += [sample(18, "Answer: 36", finish="length"), sample(19, "")]
    samples = made("synth-reasoning", "Conversation", rows, problems.url, folder / "samples")
    rated = [
        Problem(f"p{number}", "?", "math", "tiny", "1", pass_rate=number / 10, attempts=10, difficulty="moderate")
        for number in range(1, 10)
    ]
    made("estimate-difficulty", "Problem", rated, problems.url, folder / "rated")
    stage = get_stage("reject-samples")
    execute(stage, stage.config(), {"input": [samples.url]}, str(folder / "accepted"))
    return folder


def test_yield_cost_lengths_difficulty_and_samples_are_told(whole: Path) -> None:
    assert Dataset.open(str(whole / "accepted")).counts["kept"] == 13
    page = str(synthesis(gather(open_run(str(whole)))))
    for text in (
        "Yield and cost", "What was rejected", "wrong-answer", "truncated", "malformed", "Tokens a sample", "Pass rate",
        "moderate", "95 % interval", "43.3 to 81.9 %", "4 accepted samples to read", "math: right",
    ):  # fmt: skip
        assert text in page, text
    assert "&lt;b&gt;1&lt;/b&gt;" in page and "<b>1</b>" not in page
    assert f">{round(200 / 13)}<" in page  # tokens of all samples, by those that stayed


def test_a_run_without_a_model_has_no_such_page(tmp_path: Path) -> None:
    execute(PROBLEMS, ProblemsConfig(rows=3), {}, str(tmp_path / "problems"))
    assert synthesis(gather(open_run(str(tmp_path)))) is None


def test_evidence_is_verified_again(whole: Path) -> None:
    found = verify_path(str(whole / "accepted"))
    assert found["ok"] and found["datasets"][0]["replayed"] == {"math": 13}
    assert "verified again: 13 math" in render(found)


def test_a_row_that_was_changed_is_named(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "accepted", tmp_path / "accepted")
    accepted = Dataset.open(str(tmp_path / "accepted"))
    path = accepted.path + "/" + accepted.parts[0]["path"]
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["messages"][-1]["content"] = "Answer: 77"
    rows[1]["evidence"] = rows[1]["evidence"].replace('"observed": "4"', '"observed": "5"')
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert not verify_path(str(tmp_path / "accepted"))["ok"]  # the file is another one
    problems = _replay(accepted, Counter(), Counter(), Trajectories(str(whole), ()), {})
    assert [problem.partition(":")[0] for problem in problems] == [rows[0]["id"], rows[1]["id"]]
    assert "is wrong now" in problems[0] and "is recorded" in problems[1]

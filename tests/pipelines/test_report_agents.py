"""The report's section of agents: figures of the checks, kappa of the panel, trajectories that no text breaks out of."""

from __future__ import annotations

import copy
import html.parser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from given_rows import dataset_of
from tiny_library import PLACE, gold
from trajectory_mutations import held

from agent_data.judges.stage import JudgeTrajectories
from arcmill.config import StageConfig
from arcmill.execute import execute
from arcmill.records import Conversation, rows_to_batch
from arcmill.stage import Stage
from pipelines.catalogue import get_stage
from pipelines.lineage import open_run
from pipelines.report import write_report
from pipelines.report.agents import agents
from pipelines.report.gather import gather

HOSTILE = "</pre></div><script>alert(1)</script>\u202eevil"
SUMS = {
    "panel.rows": 4, "panel.pass": 9, "panel.fail": 3, "panel.squares": 32, "judge0.pass.right": 20, "judge0.pass.wrong": 5,
    "judge0.fail.right": 10, "judge0.fail.wrong": 15, "panel.incomplete": 1,
}  # fmt: skip


def wrong(row: Conversation, name: str, **changes: Any) -> Conversation:
    made = copy.deepcopy(row)
    made.id = name
    evidence = held(made)
    for key, value in changes.items():
        setattr(evidence, key, value)
    made.evidence = evidence.text()
    return made


def named(stage: str, rows: list[Conversation], source: str, output: Path) -> str:
    """A dataset as the stage of that name would leave it."""

    def core(batches: Iterator[pa.RecordBatch], config: StageConfig) -> Iterator[Any]:
        for _ in batches:
            pass
        yield rows_to_batch("Conversation", rows)
        yield {"ended_answered": len(rows)}

    made = Stage(
        name=stage, version=1, help="x", config=StageConfig, reads={"input": "AgentTask"}, writes="Conversation",
        engine="datatrove", core=core, makes=True,
    )  # fmt: skip
    return execute(made, StageConfig(), {"input": [source]}, str(output)).dataset.url


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    pairs = gold()
    pairs[0][0].instruction += HOSTILE
    rows = [row for _, row in pairs]
    rows[0].messages[1].content = pairs[0][0].instruction
    rows[0].messages[2].reasoning = HOSTILE
    odd = wrong(rows[2], "w1", ended="turns", detail=HOSTILE)
    odd.messages[-1].content = HOSTILE
    rows += [odd, wrong(rows[0], "w2", seed=9)]
    tasks = dataset_of("AgentTask", [task for task, _ in pairs], str(folder / "tasks"))
    made = named("synth-trajectories", rows, tasks, folder / "trajectories")
    stage = get_stage("judge-trajectories")
    execute(stage, JudgeTrajectories(environments=PLACE), {"input": [made], "tasks": [tasks]}, str(folder / "judged"))
    return folder


def test_checks_and_trajectories_are_told(run: Path) -> None:
    page = str(agents(gather(open_run(str(run)))))
    for text in (
        "How trajectories ended", "What the checks found", "Of those that stayed 20 make the blueprint", "Trajectories to read",
        "Trajectories that left, one of each reason", "played with seed 9, the task has 0", "find_member", "The policy",
        "library", "To be refused", ">turns<",
    ):  # fmt: skip
        assert text in page, text
    assert "Agreement of the judges" not in page  # nobody was asked


def test_nothing_of_a_trajectory_becomes_markup(run: Path) -> None:
    class Seen(html.parser.HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: set[str] = set()

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.found.add(tag)

    text = Path(write_report(str(run), str(run / "page.html"))).read_text(encoding="utf-8")
    reader = Seen()
    reader.feed(text)
    assert "script" not in reader.found and 'id="agents"' in text and "\u202e" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_kappas_are_shown_with_what_they_are_made_of(run: Path) -> None:
    facts = gather(open_run(str(run)))
    judged = next(found for found in facts.steps if found.step.stage == "judge-trajectories")
    judged.statistics = {**judged.statistics, **SUMS}
    assert judged.step.dataset is not None
    judged.step.dataset.manifest["config"]["panel"] = 3
    page = str(agents(facts))
    assert "Agreement of the judges" in page and "1: outcome" in page
    # 32 squares of 4 x 3 votes: observed (32 - 12) / 24; chance (9/12)^2 + (3/12)^2.
    assert f">{round((20 / 24 - 0.625) / 0.375, 3)}<" in page
    assert ">0.4<" in page and "66.7 %" in page and "25.0 %" in page  # 20 5 10 15: Cohen 0.4; 20 of 30, 5 of 20

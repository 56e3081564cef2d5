"""The recipe of search questions, small, from the installed packages to tasks; checked by the solver of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from arcmill.dataset import Dataset
from pipelines import runner
from pipelines.recipe import load_recipe
from pipelines.report import write_report
from pipelines.verify import verify_path

pytest.importorskip("bm25s", reason="the search index needs bm25s")
SMALL = ("graph.distributions=[p*, n*, s*, c*]", "questions.questions=14", "held-out.questions=6")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs") / "search_qa"
    runner.run(load_recipe("search_qa", SMALL), str(root), workers=1, quiet=True)
    return root


def rows(path: Path) -> list[dict[str, object]]:
    return [row for batch in Dataset.open(str(path)).batches() for row in batch.to_pylist()]


def test_questions_become_tasks_with_pages_for_every_hop(run: Path) -> None:
    questions, tasks = rows(run / "clean"), rows(run / "tasks")
    assert len(rows(run / "questions")) == 14 and len(questions) == len(tasks) >= 7
    for row in questions:
        evidence = json.loads(str(row["evidence"]))
        assert all(evidence["pages"][edge] for edge in evidence["edges"])
    index = Dataset.open(str(run / "index")).fingerprint
    assert {task["environment"] for task in tasks} == {f"search:{index}"}
    apart = {row["id"] for row in rows(run / "held-out")}
    assert len(apart) == 6 and not apart & {row["id"] for row in questions}


def test_the_run_is_verified_and_reported_and_stands(run: Path) -> None:
    found = verify_path(str(run))
    assert found["ok"], found
    page = Path(write_report(str(run), None)).read_text(encoding="utf-8")
    assert 'id="search-qa"' in page and page.count('class="subgraph"') > 3
    again = runner.plan(load_recipe("search_qa", SMALL), str(run))
    assert {planned.state for planned in again} == {"done"}


def test_the_independent_check_agrees(run: Path) -> None:
    pytest.importorskip("duckdb", reason="the independent check needs duckdb (extra `test`)")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
    from search_qa_check import check, render

    found = check(
        [str(run / "questions"), str(run / "held-out")], [str(run / "graph")], [str(run / "nodes")], threads=1
    )
    assert found["ok"] and found["questions"] == 20, render(found, 5)

"""synth-search-qa as a whole: questions that hold, whatever the workers, and clear results for bad graphs and settings."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from tiny_graphs import edge, films, store

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Edge, Problem, batch_to_rows
from pipelines.catalogue import get_stage
from synth.graph.store import Graph
from synth.search_qa.replay import replay
from synth.search_qa.solve import Solver
from synth.search_qa.stage import STAGE, UNIT, SynthSearchQa

ROOT = Path(__file__).parents[3]
ASKED = {"questions": 150, "languages": ["en", "zh"], "seed": 5}


def made(folder: Path, rows: list[Edge], **settings: Any) -> Dataset:
    graph = store(rows, folder / "graph")
    return execute(STAGE, SynthSearchQa(**settings), {"edges": [graph.url]}, str(folder / "questions")).dataset


def problems(dataset: Dataset) -> list[tuple[Problem, dict[str, Any]]]:
    rows = [row for batch in dataset.batches() for row in batch_to_rows("Problem", batch)]
    return [(row, json.loads(row.evidence)) for row in rows]


def rules(dataset: Dataset) -> Counter[str]:
    return Counter(rule for batch in dataset.ledger() for rule in batch.column("rule").to_pylist())


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    made(folder, films(), **ASKED)
    return folder


def joined(rows: list[Edge], query: dict[str, Any], missing: int | None = None) -> set[tuple[str, str]]:
    """The answers by joins over the rows, one clue after the other; what no longer hangs together is left out."""
    clues = [clue for number, clue in enumerate(query["clues"]) if number != missing]
    ends: dict[str, list[tuple[tuple[str, str], tuple[str, str]]]] = defaultdict(list)
    for row in rows:
        ends[row.relation].append((("node", row.subject), (row.kind, row.object)))
    found, known, left = [dict[str, tuple[str, str]]()], {query["answer"]}, list(clues)

    def terms(clue: dict[str, Any]) -> list[Any]:
        return [clue["variable"]] if "variable" in clue else [clue["subject"], clue["object"]]

    used: set[int] = set()
    while True:
        clue = next((c for c in left if any(isinstance(t, str) and t in known for t in terms(c))), None)
        if clue is None:
            break
        left.remove(clue)
        known |= {term for term in terms(clue) if isinstance(term, str)}
        used.add(id(clue))
    chosen = sorted((c for c in clues if id(c) in used), key=lambda c: "variable" in c)
    while chosen:  # clues with constants or known variables first, so that few rows are carried
        bound = set(found[0]) if found else set()
        clue = min(
            chosen, key=lambda c: ("variable" in c and c["variable"] not in bound, sum(isinstance(t, str) and t not in bound for t in terms(c)))
        )  # fmt: skip
        chosen.remove(clue)
        grown: dict[tuple[Any, ...], dict[str, tuple[str, str]]] = {}
        for values in found:
            if "variable" in clue:
                kind, value = values[clue["variable"]]
                low, high = float(clue["low"] or "-inf"), float(clue["high"] or "inf")
                if kind == clue["kind"] and low <= float(value[:4] if kind == "date" else value) <= high:
                    grown[tuple(sorted(values.items()))] = values
                continue
            for relation in clue["relations"]:
                for pair in ends[relation]:
                    now = dict(values)
                    for term, value in zip(terms(clue), pair, strict=True):
                        if not isinstance(term, str):
                            ((kind, held),) = term.items()
                            if value != (kind, held):
                                break
                        elif now.setdefault(term, value) != value:
                            break
                    else:
                        grown[tuple(sorted(now.items()))] = now
        found = list(grown.values())
    return {values[query["answer"]] for values in found}


def test_each_question_has_one_answer_and_needs_each_clue(questions: Path) -> None:
    rows = films()
    held = problems(Dataset.open(str(questions / "questions")))
    assert len(held) > 100
    looked = [pair for pair in held if len(pair[1]["query"]["clues"]) <= 4][:40]
    assert len(looked) >= 20
    for row, evidence in looked:
        query = evidence["query"]
        assert joined(rows, query) == {("node", evidence["answer"]["node"])}, row.prompt
        for number in range(len(query["clues"])):
            recorded = evidence["proof"]["without"][number]
            if recorded == -1:  # it was the only one that speaks of the answer
                assert sum(query["answer"] in (clue.get("subject"), clue.get("object")) for clue in query["clues"]) == 1
            else:
                assert min(len(joined(rows, query, number)), 1000) == recorded > 1, (row.prompt, number)


def test_rows_are_what_was_asked_for(questions: Path) -> None:
    dataset = Dataset.open(str(questions / "questions"))
    held = problems(dataset)
    assert {evidence["level"] for _, evidence in held} == {0, 1, 2, 3}
    assert {evidence["shape"] for _, evidence in held} == {"chain", "tree", "cycle"}
    assert {evidence["language"] for _, evidence in held} == {"en", "zh"}
    assert len({evidence["answer"]["node"] for _, evidence in held}) == len(held)
    assert len({row.id for row, _ in held}) == len(held)
    for row, evidence in held:
        hops = evidence["difficulty"]["hops"]
        facts = [clue for clue in evidence["query"]["clues"] if "relations" in clue]
        bounds = [clue for clue in evidence["query"]["clues"] if "variable" in clue]
        assert 2 <= hops == len(facts) == len(evidence["edges"]) <= 9
        assert row.answer_type == "exact" and row.domain == "search" and row.source == "tiny" and row.answer
        assert evidence["level"] != 1 or bounds
        assert evidence["level"] or not bounds
        assert (evidence["level"] == 3) == any(len(fact["relations"]) > 1 for fact in facts)
        assert all(short["shortest"] == short["hops"] for short in evidence["proof"]["shortcuts"])
    statistics = dataset.statistics
    assert sum(statistics.get(f"questions_at_level_{level}", 0) for level in range(4)) == len(held)
    assert dataset.counts["in"] == len(held) + sum(rules(dataset).values())


def test_the_same_bytes_for_any_workers(questions: Path, tmp_path: Path) -> None:
    wanted = [file["sha256"] for file in Dataset.open(str(questions / "questions")).manifest["files"]]
    assert len(STAGE.splits(SynthSearchQa(**ASKED))) == 2 == -(-150 // UNIT)
    for workers in (2, 4):
        again = execute(
            STAGE,
            SynthSearchQa(**ASKED),
            {"edges": [str(questions / "graph")]},
            str(tmp_path / str(workers)),
            workers=workers,
        )
        assert [file["sha256"] for file in again.dataset.manifest["files"]] == wanted


def test_a_killed_run_is_taken_up_and_ends_in_the_same_bytes(questions: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "pipelines.cli", "synth-search-qa", "--input", f"edges={questions / 'graph'}", "--output",
        str(tmp_path / "out"), "--set", "questions=150", "--set", "languages=[en,zh]", "--set", "seed=5", "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77"}
    first = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if list((tmp_path / "out" / "_staging").glob("task-*.json")) or first.poll() is not None:
            break
        time.sleep(0.1)
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    one, other = Dataset.open(str(tmp_path / "out")), Dataset.open(str(questions / "questions"))
    assert [file["sha256"] for file in one.manifest["files"]] == [file["sha256"] for file in other.manifest["files"]]
    assert one.fingerprint == other.fingerprint


def test_settings_limit_what_clues_and_answers_are(questions: Path, tmp_path: Path) -> None:
    rows = films()
    only = made(
        tmp_path / "only", rows, questions=20, relations=["directed_by", "born_in", "written_by", "type"], answer_types=["film"],
        levels={0: 1}, min_hops=3, max_hops=4,
    )  # fmt: skip
    held = problems(only)
    assert held
    for _, evidence in held:
        assert evidence["answer"]["node"].startswith("f") and evidence["difficulty"]["hops"] in (3, 4)
        used = {name for clue in evidence["query"]["clues"] for name in clue["relations"]}
        assert used <= {"directed_by", "born_in", "written_by", "type"}
    few = made(tmp_path / "few", rows, questions=400, attempts=1, max_shared=0.0, levels={0: 1})
    assert few.statistics["questions_missing"] == 400 - few.rows > 0
    assert rules(few)["redundant"] > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"relations": ["painted_by"]}, "the graph has no relation 'painted_by'; it has born_in"),
        ({"answer_types": ["ship"]}, "answer_types: the graph has no node 'ship'"),
        ({"max_edges": 10}, "max_edges is 10: it is held in memory"),
        (
            {"levels": {3: 1}, "vague_relations": []},
            "relations that join the same kinds of things, which level 3 needs",
        ),
    ],
)
def test_what_the_graph_lacks_is_said(settings: dict[str, Any], message: str, questions: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        execute(STAGE, SynthSearchQa(**settings), {"edges": [str(questions / "graph")]}, str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_hops": 5, "max_hops": 4}, "min_hops is at most max_hops"), ({"levels": {7: 1}}, "levels are 0 to 3"),
        ({"shapes": {"chain": 0}}, "weights are 0 or more"), ({"languages": ["de"]}, "languages"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(SynthSearchQa, settings, STAGE.name)


def test_bad_graphs_give_clear_results(tmp_path: Path) -> None:
    hub = made(tmp_path / "hub", [edge(f"n{number}", "r", "hub") for number in range(3000)], questions=5)
    assert hub.rows == 0 and set(rules(hub)) == {"not-unique"}  # nothing tells them apart
    pair = made(
        tmp_path / "pairs", [edge(f"a{n}", f"r{n % 7}", f"b{n}") for n in range(60)], questions=5, levels={0: 1}
    )
    assert pair.rows == 0 and sum(rules(pair).values()) > 0


def test_a_graph_without_edges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the graph .*names/graph holds no edges; names"):
        made(tmp_path / "names", [edge("a", "label", "A", "text")], questions=5)
    with pytest.raises(InputError, match=r"holds no edges \(2 from a thing to itself"):
        made(tmp_path / "loops", [edge("a", "r", "a"), edge("b", "r", "b")], questions=5)


def test_nodes_of_another_graph_are_refused(questions: Path, tmp_path: Path) -> None:
    other = store([edge("x", "likes", "y"), edge("x", "label", "X", "text")], tmp_path / "other")
    build = get_stage("build-nodes")
    own = execute(build, build.config(), {"input": [str(questions / "graph")]}, str(tmp_path / "own")).dataset
    strange = execute(build, build.config(), {"input": [other.url]}, str(tmp_path / "strange")).dataset
    given = {"edges": [str(questions / "graph")], "nodes": [own.url, strange.url]}
    with pytest.raises(UsageError, match=r"nodes .*strange were built of other edges than .*graph: give the edges"):
        execute(STAGE, SynthSearchQa(questions=5), given, str(tmp_path / "no"))
    given["nodes"] = [own.url]
    assert execute(STAGE, SynthSearchQa(questions=5), given, str(tmp_path / "yes")).dataset.rows == 5


def test_names_of_any_unicode_and_double_edges(tmp_path: Path) -> None:
    odd = ["“quoted”", "🦉\u202e", "Ünï\u0301", "名字", "a\nb", "?x", "A", "1999", "the", " "]
    rows = films(120)
    names = {f"f{n}": f"{odd[n % len(odd)]}{'' if n < 10 else n}" for n in range(60)}
    rows = [
        edge(row.subject, "label", names[row.subject], "text", "en")
        if row.relation == "label" and row.subject in names
        else row
        for row in rows
    ]
    rows += [row for row in rows if row.relation == "directed_by"]
    dataset = made(tmp_path, rows, questions=60)
    assert dataset.rows > 20
    solver = Solver(Graph.load([Dataset.open(str(tmp_path / "graph"))]))
    assert [replay(row, evidence, solver) for row, evidence in problems(dataset)] == [None] * dataset.rows


def test_a_hash_seed_changes_nothing(questions: Path, tmp_path: Path) -> None:
    digests = set()
    for seed in ("1", "2"):
        out = tmp_path / seed
        subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "synth-search-qa", "--input", f"edges={questions / 'graph'}", "--output",
             str(out), "--set", "questions=30", "--quiet"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )  # fmt: skip
        digests.add(hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_no_thing_has_two_years_in_one_question(tmp_path: Path) -> None:
    again = [
        edge(row.subject, row.relation, str(int(row.object) + 7), row.kind) for row in films() if row.kind == "date"
    ]
    assert len(again) > 50
    dataset = made(tmp_path, [*films(), *again], questions=100, levels={"0": 1, "1": 1})
    seen = 0
    for row, evidence in problems(dataset):
        clues = evidence["query"]["clues"]
        dates = {clue["variable"] for clue in clues if "variable" in clue and clue["kind"] == "date"}
        ends = [
            (clue["subject"], *clue["relations"]) for clue in clues
            if "subject" in clue and ("date" in clue["object"] or clue["object"] in (dates if isinstance(clue["object"], str) else ()))
        ]  # fmt: skip
        assert len(set(ends)) == len(ends), row.prompt
        seen += len(ends)
    assert seen > 20

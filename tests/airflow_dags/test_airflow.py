"""The real Airflow, in an environment of its own: DAGs of all recipes, and runs that end in the bytes of `arcmill run`.

ARCMILL_AIRFLOW_PYTHON names its interpreter (docs/airflow.md says how it is made); where there is none these tests skip.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow_installation import AIRFLOW, Installation

Digest = Callable[[Path | str], str]
pytestmark = pytest.mark.skipif(not AIRFLOW, reason="ARCMILL_AIRFLOW_PYTHON names no Python that has Airflow")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("airflow"))
    done = installation.airflow("db", "migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation


def test_every_packaged_recipe_is_a_dag_without_what_it_computes_with(installed: Installation) -> None:
    from pipelines.recipe import builtin_names, load_recipe

    found = installed.parse(ARCMILL_AIRFLOW_PACKAGED="yes")
    assert found["errors"] == {}
    names = {name.removesuffix(".yaml") for name in builtin_names()}
    assert set(found["dags"]) == names | {"crawl", "after"}
    for name in names:
        recipe, dag = load_recipe(name, inputs_later=True), found["dags"][name]
        tasks = {step.name: sorted({o for others in step.steps.values() for o in others}) for step in recipe.steps}
        last = {step for step in tasks if not any(step in reads for reads in tasks.values())}
        assert dag["tasks"] == {**tasks, "report": sorted(last)}
        assert dag["serialised"] == len(tasks) + 1
        assert dag["assets"] == sorted(f"x-arcmill://{name}/{step}" for step in tasks)
        assert (dag["pools"], dag["retries"]) == (["default_pool"], [2])
    assert "pages.input" in found["dags"]["web"]["params"]  # type: ignore[operator]
    assert found["dags"]["after"]["timetable"] == "PartitionedAssetTimetable"


def test_a_broken_recipe_is_told_and_hides_no_other(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("name: good\nsteps: {a: {stage: make-arithmetic}}\n")
    (tmp_path / "other.yml").write_text("name: good\nsteps: {a: {stage: make-arithmetic}}\n")
    (tmp_path / "bad.yaml").write_text("name: bad\nsteps: {a: {stage: make-arithmetic, config: {cuont: 3}}}\n")
    (tmp_path / "worse.yaml").write_text("name: [\n")
    (tmp_path / "task.yaml").write_text("name: task\nsteps: {a+b: {stage: make-arithmetic}}\n")
    (tmp_path / "lacks.yaml").write_text(
        "name: lacks\nairflow: {schedule: '@daily', start_date: 2026-01-01}\nsteps: {a: {stage: ingest-text}}\n"
    )
    (tmp_path / "when.yaml").write_text(
        "name: when\nairflow: {schedule: every so often, start_date: 2026-01-01}\nsteps: {a: {stage: make-arithmetic}}\n"
    )
    found = installed.parse(ARCMILL_AIRFLOW_RECIPES=str(tmp_path))
    assert set(found["dags"]) == {"good"}
    (told,) = found["errors"].values()
    for part in (
        f"{tmp_path}/bad.yaml: step 'a': unknown setting 'cuont'; accepted: ", f"{tmp_path}/worse.yaml: not YAML", "step 'a+b' cannot name a task",
        f"{tmp_path}/other.yml: name 'good' is that of {tmp_path}/good.yaml", "input 'input' lacks, and a scheduled run is given nothing",
        f"{tmp_path}/when.yaml: AirflowTimetableInvalid: ",
    ):  # fmt: skip
        assert part in told  # type: ignore[operator]
    assert [Path(file).name for file in found["errors"]] == ["arcmill_broken_recipes.py"]


def test_pools_and_resources_come_from_recipe_and_installation(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "kinds.yaml").write_text(
        "name: kinds\nairflow: {spark: {pool: spark, memory: 4096}, gpu: {gpus: 1}, steps: {c: {slots: 2}}}\nsteps:\n"
        "  a: {stage: make-arithmetic}\n  b: {stage: dedup-exact, input: a}\n  c: {stage: synth-reasoning, input: b}\n"
    )
    (tmp_path / "settings").write_text("retries: 5\ncpu: {workers: 3, queue: small}\ngpu: {pool: gpu, gpus: 8}\n")
    more = {"ARCMILL_AIRFLOW_RECIPES": str(tmp_path), "ARCMILL_AIRFLOW_SETTINGS": str(tmp_path / "settings")}
    found = installed.parse(**more)
    assert found["errors"] == {}
    kinds = found["dags"]["kinds"]
    assert kinds["retries"] == [5]
    resources = kinds["resources"]
    assert isinstance(resources, dict)
    assert resources["a"][:3] == ["default_pool", 1, "small"] and resources["a"][3][0] == 3
    assert resources["b"][:2] == ["spark", 1] and resources["b"][3][1] == 4096
    assert resources["c"][:2] == ["gpu", 2] and resources["c"][3][2] == 1  # the recipe's own section of a kind wins
    pools = installed._run([AIRFLOW, "-m", "airflow_dags.pools", "--slots", "gpu=4"], **more)
    assert {name: pool["slots"] for name, pool in json.loads(pools.stdout).items()} == {"gpu": 4, "spark": 1}
    few = installed._run([AIRFLOW, "-m", "airflow_dags.pools", "--slots", "gpu=1"], **more)
    assert few.returncode == 2 and "a task takes 2 slots, and would never run" in few.stderr


def test_pods_are_given_what_the_recipe_asks_for(installed: Installation, tmp_path: Path) -> None:
    """No cluster runs here: what is held is that Airflow takes the pods that DAGs ask for, and that there are none elsewhere."""
    (tmp_path / "pods.yaml").write_text(
        "name: pods\nairflow: {gpu: {gpus: 1, memory: 4096, workers: 2}}\nsteps:\n  a: {stage: make-arithmetic}\n"
        "  b: {stage: synth-reasoning, input: a}\n"
    )
    more = {"ARCMILL_AIRFLOW_RECIPES": str(tmp_path)}
    assert installed.parse(**more)["dags"]["pods"]["pods"] == {}
    found = installed.parse(**more, AIRFLOW__CORE__EXECUTOR="KubernetesExecutor")
    assert found["errors"] == {}
    if not installed.has("kubernetes", "airflow.providers.cncf.kubernetes"):
        assert found["dags"]["pods"]["pods"] == {}
        pytest.skip("apache-airflow-providers-cncf-kubernetes is not installed there")
    limits = {"memory": "4096Mi", "nvidia.com/gpu": "1"}
    told = {"claims": None, "limits": limits, "requests": limits | {"cpu": "2"}}
    assert found["dags"]["pods"]["pods"] == {"b": [told]}
    assert found["dags"]["pods"]["serialised"] == 3


HOSTILE = "{{ macros.os.system('touch owned') }}$(touch owned)`touch owned`'\"; touch owned #{date}"


def test_a_run_with_a_killed_task_ends_in_the_bytes_of_the_command(installed: Installation, digest: Digest) -> None:
    """Killed in the second of three tasks, retried by Airflow, with hostile values among the parameters; then what follows it."""
    conf = {"root": "out/{date}", "workers": 1, "settings": {"pages": {"source": HOSTILE}}}
    calls = installed.dags_test("crawl", "2026-01-01", conf, STOP="ingest-text")
    assert [call["argv"][0] for call in calls] == ["ingest-text", "ingest-text", "identify-language", "report"]
    assert calls[1]["staged"] == ["task-000000.json"]  # the retry found the finished task, and took it up
    assert {call["folder"] for call in calls} == {str(installed.folder / "work")}
    assert not list(installed.folder.rglob("owned"))
    made, asked = installed.folder / "work/out/2026-01-01", installed.folder / "asked"
    recipe = installed.recipes / "crawl.yaml"
    given = ["--set", f"pages.input={installed.rows}/2026-01-01", "--set", f"pages.source={json.dumps(HOSTILE)}"]
    installed.arcmill("run", str(recipe), "--root", str(asked), "--quiet", *given)
    for step in ("pages", "language"):
        assert digest(made / step) == digest(asked / step)
    assert (made / "report.html").exists()

    calls = installed.dags_test("after", "2026-05-05", {"date": "2026-01-01"})
    assert [call["argv"][0] for call in calls] == ["train-tokenizer", "report"], installed.said.stdout[-3000:]
    assert f"input={made}/language" in calls[0]["argv"]  # type: ignore[operator]
    assert (installed.folder / "work/runs/after/2026-01-01/vocabulary/manifest.json").exists()

    calls = installed.dags_test("crawl", "2026-01-01", conf)  # all is done: found, not made again
    assert [call["argv"][0] for call in calls] == ["ingest-text", "identify-language", "report"]
    assert digest(made / "pages") == digest(asked / "pages")


def test_what_would_fail_again_is_not_retried(installed: Installation) -> None:
    calls = installed.dags_test("crawl", "2026-01-03", {})  # no such folder
    assert [call["argv"][0] for call in calls] == ["ingest-text"]
    assert "exit status" in installed.said.stdout + installed.said.stderr
    assert installed.dags_test("crawl", "2026-01-02", {"settings": {"pages": {"a=b": 1}}}) == []
    assert "names no setting" in installed.said.stdout + installed.said.stderr


def test_a_run_that_is_not_given_its_input_is_refused(installed: Installation) -> None:
    (installed.recipes / "needs.yaml").write_text("name: needs\nsteps: {pages: {stage: ingest-text}}\n")
    assert installed.dags_test("needs", "2026-01-01", {}) == []
    assert "pages.input" in installed.said.stdout + installed.said.stderr
    assert installed.dags_test("needs", "2026-01-01", {"settings": {"page": {}}, "pages.input": "x"}) == []
    assert "page" in installed.said.stdout + installed.said.stderr

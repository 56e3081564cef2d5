"""Tasks on Slurm (a fake of its programs) and on Ray (a real one, where it is installed): the same bytes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fake_slurm import install
from tiny_stages import DROP, MAKE, DropConfig, MakeConfig

from arcmill.engines.placement import SlurmSettings
from arcmill.engines.slurm import array_script
from arcmill.errors import EngineError, UsageError
from arcmill.execute import execute

Digest = Callable[[Path | str], str]
SLURM = {"datatrove.executor": "slurm", "slurm.poll": 0.1, "slurm.tasks_per_job": 2}


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "slurm"
    monkeypatch.setenv("PATH", f"{install(home)}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # the stages of these tests
    return home


def test_the_job_script(tmp_path: Path) -> None:
    settings = SlurmSettings(
        partition="cpu", account="me", time="01:30:00", cpus_per_task=2, mem_per_cpu="3G", at_once=50,
        options=["--qos=low"], setup=["module load python"], python="/opt/my python/bin/python",
    )  # fmt: skip
    script = array_script("filter-web", f"file://{tmp_path}/it's here", 12, settings)
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    told = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")}
    assert told >= {
        "--job-name=arcmill-filter-web", "--array=0-11%50", "--time=01:30:00", "--cpus-per-task=2", "--mem-per-cpu=3G",
        "--partition=cpu", "--account=me", "--qos=low", "--requeue", "--ntasks=1",
    }  # fmt: skip
    last = max(number for number, line in enumerate(lines) if line.startswith("#SBATCH"))
    assert not any(line and not line.startswith("#") for line in lines[:last])  # sbatch reads options up to a command
    assert lines.index("module load python") < next(n for n, line in enumerate(lines) if line.startswith("exec"))
    for hostile in ({"partition": "a\n#SBATCH --wrap=x"}, {"options": ["--qos=a\nrm"]}):
        with pytest.raises(ValueError, match="one line"):
            SlurmSettings(**hostile)


def test_an_array_of_slurm_makes_the_same_bytes(tmp_path: Path, fake_slurm: Path, digest: Digest) -> None:
    for name, settings in (("here", {}), ("slurm", SLURM)):
        execute(MAKE, MakeConfig(errors=1), {}, str(tmp_path / name / "made"), settings=settings)
        inputs = {"input": [str(tmp_path / name / "made")]}
        execute(DROP, DropConfig(), inputs, str(tmp_path / name / "dropped"), settings=settings)
    for step in ("made", "dropped"):
        assert digest(tmp_path / "here" / step) == digest(tmp_path / "slurm" / step)
    assert "--array=0-2" in (fake_slurm / "0.sh").read_text()  # six tasks, two a job
    assert len(list(fake_slurm.glob("*.sh"))) == 2
    assert not (fake_slurm / "cancelled").exists()


def test_an_element_that_never_ran_is_told_and_done_by_the_next_run(
    tmp_path: Path, fake_slurm: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SLURM_LOSES", "1")
    with pytest.raises(EngineError, match=r"job 0 of Slurm ended without 2 tasks \(2, 3 …\)"):
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=SLURM)
    monkeypatch.delenv("FAKE_SLURM_LOSES")
    execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=SLURM)
    assert "--array=0-0" in (fake_slurm / "1.sh").read_text()
    execute(MAKE, MakeConfig(), {}, str(tmp_path / "here"))
    assert digest(tmp_path / "a") == digest(tmp_path / "here")


def test_what_breaks_a_task_on_a_node_is_told_here(tmp_path: Path, fake_slurm: Path) -> None:
    execute(MAKE, MakeConfig(), {}, str(tmp_path / "made"))
    (part, *_) = sorted((tmp_path / "made").glob("part-*.parquet"))
    part.write_bytes(b"not Parquet")
    with pytest.raises(EngineError, match="a damaged part"):
        execute(DROP, DropConfig(), {"input": [str(tmp_path / "made")]}, str(tmp_path / "out"), settings=SLURM)


def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(**settings: Any) -> None:
        told = {key.replace("_", ".", 1): value for key, value in settings.items()}
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=told)

    with pytest.raises(UsageError, match=r"datatrove.*executor"):
        make(datatrove_executor="pbs")
    with pytest.raises(UsageError, match="partitoin"):
        make(datatrove_executor="slurm", slurm_partitoin="x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no sbatch"):
        make(datatrove_executor="slurm")


def test_ray_makes_the_same_bytes(tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("ray") is None:
        with pytest.raises(UsageError, match="pip install 'ray"):
            execute(MAKE, MakeConfig(), {}, str(tmp_path / "ray"), settings={"datatrove.executor": "ray"})
        pytest.skip("Ray is not installed")
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")
    import ray

    try:
        settings = {"datatrove.executor": "ray"}
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "ray"), settings=settings, workers=2)
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "here"))
        assert digest(tmp_path / "ray") == digest(tmp_path / "here")
        (part, *_) = sorted((tmp_path / "here").glob("part-*.parquet"))
        part.write_bytes(b"not Parquet")
        with pytest.raises(Exception, match="a damaged part"):
            execute(DROP, DropConfig(), {"input": [str(tmp_path / "here")]}, str(tmp_path / "out"), settings=settings)
    finally:
        ray.shutdown()

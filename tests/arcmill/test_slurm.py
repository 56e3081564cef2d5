"""The datatrove engine's stages on a real Slurm of two nodes: the same bytes, also when a node dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slurm_cluster import Slurm, missing, slurm
from tiny_stages import DROP, MAKE, DropConfig, MakeConfig

from arcmill.errors import EngineError
from arcmill.execute import execute

Digest = Callable[[Path | str], str]
ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "datatrove.executor": "slurm", "slurm.poll": 0.2, "slurm.tasks_per_job": 2, "slurm.mem_per_cpu": "500M",
    "slurm.time": "00:05:00",
}  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    if why := missing():
        pytest.skip(why)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))  # the stages of these tests
    home = tmp_path / "slurm"
    home.mkdir()
    with slurm(home) as running:
        yield running


def test_an_array_on_two_nodes_makes_the_same_bytes(cluster: Slurm, tmp_path: Path, digest: Digest) -> None:
    for name, settings in (("here", {}), ("slurm", SETTINGS)):
        execute(MAKE, MakeConfig(splits=4, errors=1), {}, str(tmp_path / name / "made"), settings=settings)
        inputs = {"input": [str(tmp_path / name / "made")]}
        execute(DROP, DropConfig(), inputs, str(tmp_path / name / "dropped"), settings=settings)
    for step in ("made", "dropped"):
        assert digest(tmp_path / "here" / step) == digest(tmp_path / "slurm" / step)
    used = (cluster.home / "control.log").read_text()
    assert "NodeList=n1" in used and "NodeList=n2" in used


def test_a_node_that_dies_costs_nothing(cluster: Slurm, tmp_path: Path, digest: Digest) -> None:
    """Slurm finds the node gone, and gives its element to the other one."""
    program = (
        "from arcmill.execute import execute; from tiny_stages import MAKE, MakeConfig; import sys\n"
        f"execute(MAKE, MakeConfig(splits=4, slow=4.0), {{}}, sys.argv[1], settings={SETTINGS!r})\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "made")], env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while "n2" not in cluster.nodes_of("1"):
        assert process.poll() is None and time.monotonic() < deadline, "no element ran on the second node"
        time.sleep(0.1)
    cluster.kill_node("n2")
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert "requeue" in (cluster.home / "control.log").read_text().lower()
    execute(MAKE, MakeConfig(splits=4, slow=4.0), {}, str(tmp_path / "here"))
    assert digest(tmp_path / "made") == digest(tmp_path / "here")


def test_what_slurm_refuses_and_what_breaks_is_told(cluster: Slurm, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"sbatch refused the job: .*partition"):
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=SETTINGS | {"slurm.partition": "none"})
    with pytest.raises(EngineError, match=r"job \d+ of Slurm ended without 6 tasks"):
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=SETTINGS | {"slurm.setup": ["exit 7"]})
    execute(MAKE, MakeConfig(), {}, str(tmp_path / "a"), settings=SETTINGS)  # and is made by the next run
    (part, *_) = sorted((tmp_path / "a").glob("part-*.parquet"))
    part.write_bytes(b"not Parquet")
    with pytest.raises(EngineError, match="a damaged part"):
        execute(DROP, DropConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "out"), settings=SETTINGS)

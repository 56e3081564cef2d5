"""benchmarks/gpu runs on a machine without a GPU, and says what it could not measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")
GPU = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu"
sys.path.insert(0, str(GPU))

import table  # noqa: E402


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, cwd=GPU)


def test_a_row_tells_ratio_and_distance_from_the_floor() -> None:
    row = table.Row("k-means", "10 x 4", 12_345.6, "rows/s", seconds=2.0, floor=0.5, peer="faiss: 9", ratio=1.5)
    assert row.cells() == ["k-means", "10 x 4", "12,346 rows/s", "2", "0.5", "4.0x", "faiss: 9", "1.50x", ""]
    assert table.Row("x", "", None, "", note="no GPU").cells()[2] == "not measured"
    assert table.markdown(["a"], [["1|2"]]) == "| a |\n| --- |\n| 1/2 |"


def test_one_command_makes_a_table_that_says_what_was_not_measured(tmp_path: Path) -> None:
    done = run("run.py", "--device", "cpu", "--only", "semdedup", "--limit", "110", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    known = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert {"device", "driver", "torch", "commit", "bfloat16 op/s"} <= known["machine"].keys()
    by_name = {row["what"]: row for row in known["rows"]}
    end = by_name["SemDeDup, end to end"]
    assert end["value"] > 0 and end["ratio"] > 0 and end["seconds"] > end["floor"] > 0
    assert "| SemDeDup, end to end |" in (tmp_path / "table.md").read_text("utf-8")


def test_a_gpu_that_is_not_there_and_a_lack_of_time_are_rows(tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        done = run("kmeans.py", "--device", "cuda", "--json", str(tmp_path / "rows.json"))
        assert done.returncode == 0 and "torch finds no GPU" in done.stdout
        assert table.read(tmp_path / "rows.json")[0].value is None
    done = run("run.py", "--device", "cpu", "--only", "embed", "--limit", "1", "--output", str(tmp_path))
    assert done.returncode == 0 and "no time was left" in done.stdout


def test_sets_of_wheels_never_bring_a_library_that_the_machine_has() -> None:
    done = run("wheels.py", "--list")
    assert done.returncode == 0 and "search" in done.stdout
    import wheels

    assert not wheels.THERE & {
        name.partition("=")[0].partition(">")[0] for names, _ in wheels.SETS.values() for name in names
    }

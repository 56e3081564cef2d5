"""The report's section on source code: its figures are those of the manifests, its texts are escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_stages import store

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.execute import execute
from pipelines.catalogue import get_stage
from pipelines.lineage import open_run
from pipelines.report.code import code
from pipelines.report.gather import gather


def source(number: int) -> dict[str, Any]:
    lines = [f"import package.module_{number - 1}"] if number else []
    for k in range(6):
        lines += [
            "", "", f"def compute_{number}_{k}(values, limit={k}):",
            f'    """Sum of the values below a limit <b>{k}</b>."""',
            "    total = 0", "    for value in values:", "        if value < limit:",
            f"            total += value * {number + k}", "    return total",
        ]  # fmt: skip
    path = f"package/module_{number}.py"
    return {"id": f"f{number}", "text": "\n".join(lines) + "\n", "source": "code", "repo": "me/one", "path": path,
            "license": "MIT" if number % 2 else None, "metadata": {"programming_language": "python"}}  # fmt: skip


def run(stage: str, inputs: dict[str, list[str]], output: Path, **config: Any) -> Dataset:
    declared = get_stage(stage)
    return execute(declared, validate(declared.config, config, stage), inputs, str(output)).dataset


def test_tiers_middles_and_repositories_are_told(tmp_path: Path) -> None:
    store(tmp_path / "files", [source(number) for number in range(8)])
    scored = run("score-code", {"input": [str(tmp_path / "files")]}, tmp_path / "run/scored", epochs=(0.5, 1.0, 2.0))
    middles = run("format-fim", {"input": [scored.url]}, tmp_path / "run/middles", rate=0.5)
    repositories = run("concat-repo", {"input": [scored.url]}, tmp_path / "run/repositories", budget_tokens=400)
    page = str(code(gather(open_run(str(tmp_path / "run")))))
    assert sum(count for name, count in scored.statistics.items() if name.startswith("python/")) == 8
    for text in (
        "Tiers by language",
        "python",
        "Fill in the middle",
        "Repositories",
        "Licences of what is left",
        "MIT",
    ):
        assert text in page
    assert f"{middles.statistics['arranged']} of 8 documents" in page
    assert repositories.statistics["acyclic_share_target_first"] == 1.0
    assert "me/one/" in page.replace("<wbr>", "")
    assert "&lt;b&gt;" in page
    assert "<b>0</b>" not in page


def test_a_run_without_source_code_has_no_such_section(tmp_path: Path) -> None:
    store(tmp_path / "files", [source(number) for number in range(3)])
    run("dedup-exact", {"input": [str(tmp_path / "files")]}, tmp_path / "run/exact")
    assert code(gather(open_run(str(tmp_path / "run")))) is None

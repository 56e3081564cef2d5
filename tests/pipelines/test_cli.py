"""The command line: help, exit status, results on stdout, nothing slow at import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.catalogue import STAGES, get_stage


def arcmill(*arguments: str | Path, status: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two hundred documents and one bad line."""
    path = tmp_path / "rows.jsonl"
    lines = [
        json.dumps({"id": f"d{n}", "text": f"This is the plain text of document number {n}. " * 9}) for n in range(200)
    ]
    path.write_text("\n".join([*lines, "{broken"]) + "\n")
    return path


def test_help_names_every_stage_and_command() -> None:
    shown = arcmill("--help").stdout
    for name in (*STAGES, *cli.cli.commands):
        assert f"  {name} " in shown


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_help_with_an_example_and_its_settings(name: str) -> None:
    stage = get_stage(name)
    assert stage.name == name
    assert stage.help == STAGES[name].help, "the catalogue's line is the declaration's"
    assert stage.help
    assert f"arcmill {name}" in stage.example
    command = cli.stage_command(name)
    shown = command.get_help(command.make_context(name, ["--output", "x"]))
    assert stage.example.splitlines()[0] in shown
    for setting in cli.settings_of(stage.config):
        assert setting.key in shown
        assert setting.meaning, f"{name}: setting {setting.key} has no meaning"


@pytest.mark.parametrize("name", sorted(cli.cli.commands))
def test_a_command_has_help_with_an_example(name: str) -> None:
    assert "Example:" in (cli.cli.commands[name].help or "")


def test_help_imports_no_engine() -> None:
    code = (
        "import sys\nfrom pipelines import cli\ntry:\n cli.cli.main(['--help'], standalone_mode=False)\nfinally:\n"
        " heavy = {'numpy', 'pyarrow', 'pyspark', 'datatrove', 'torch', 'numba', 'fasttext', 'rich'} & set(sys.modules)\n"
        " sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", ["help", "completion", "command"])
def test_a_list_of_stages_imports_none_of_their_modules(what: str) -> None:
    asked = {
        "help": "cli.cli.main(['--help'], standalone_mode=False)",
        "completion": "print([item.value for item in cli.cli.shell_complete(cli.click.Context(cli.cli), '')])",
        "command": "cli.cli.main(['plan', '--help'], standalone_mode=False)",
    }
    code = (
        f"import sys\nfrom pipelines import cli\nfrom pipelines.catalogue import STAGES\ntry:\n {asked[what]}\nexcept SystemExit:\n pass\n"
        "loaded = {listed.module for listed in STAGES.values()} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded or 'pydantic' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if what != "command":
        assert all(name in done.stdout for name in (*STAGES, "run", "report"))


def test_completion_knows_stages_by_their_beginning_and_their_options() -> None:
    context = cli.click.Context(cli.cli)
    assert [item.value for item in cli.cli.shell_complete(context, "dedup-")] == [
        "dedup-exact",
        "dedup-minhash",
        "dedup-semantic",
    ]
    assert [item.value for item in cli.cli.shell_complete(context, "--de")] == ["--debug"]
    command = cli.stage_command("pack")
    assert "--workers" in [item.value for item in command.shell_complete(cli.click.Context(command), "--w")]


def test_packages_resolve_to_ours_from_anywhere() -> None:
    code = "import arcmill, dedup, filters, ingest, pipelines, recipes, sequences\n" + "\n".join(
        f"print({name}.__file__)" for name in ("arcmill", "filters", "pipelines")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True)
    ours = Path(cli.__file__).resolve().parents[1]
    assert {Path(line).resolve().parents[1] for line in done.stdout.split()} == {ours}


def test_a_stage_runs_and_prints_its_output(rows: Path, tmp_path: Path) -> None:
    done = arcmill("ingest-text", "--input", rows, "--output", tmp_path / "docs", "--workers", "1")
    assert done.stdout.strip() == str(tmp_path / "docs")
    assert "201 in -> 200 kept (1 errored)" in done.stderr
    again = arcmill("ingest-text", "--input", rows, "--output", tmp_path / "docs")
    assert "skipped" in again.stderr
    found = json.loads(arcmill("inspect", tmp_path / "docs", "--json").stdout)
    assert found["counts"]["kept"] == 200
    assert json.loads(arcmill("verify", tmp_path / "docs", "--json").stdout)["ok"]
    why = json.loads(arcmill("why", tmp_path, "d7", "--json").stdout)
    assert why["end"] == "kept by docs"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["no-such-command"], 2, "no-such-command"),
        (["ingest-text", "--output", "o"], 2, "input 'input' (Files) is required"),
        (["ingest-text", "--input", "nowhere.jsonl", "--output", "o"], 3, "nowhere.jsonl: no such file"),
        (["ingest-text", "--input", "rows.jsonl", "--output", "o", "--set", "sorce=x"], 2, "unknown setting 'sorce'"),
        (
            ["ingest-text", "--input", "rows.jsonl", "--output", "o", "--set", "max_error_rate=0"],
            3,
            "1 of 201 rows errored",
        ),
        (
            ["ingest-text", "--input", "rows.jsonl", "--output", "o", "--config", "no.yaml"],
            2,
            "no.yaml: cannot be read",
        ),
        (["dedup-exact", "--input", "rows.jsonl", "--output", "o"], 3, "rows.jsonl: not an arcmill dataset"),
        (["inspect", "nowhere"], 3, "nowhere: no such dataset"),
        (["verify", "."], 3, "neither a dataset nor a run"),
        (["why", "nowhere", "x"], 3, "nowhere: no such folder"),
        (["report", "nowhere"], 3, "nowhere: no such folder"),
        (["run", "nowhere.yaml"], 2, "nowhere.yaml: no such file"),
        (["ingest-text", "--input", "rows.jsonl", "--output", "rows.jsonl"], 2, "is a file, not a folder"),
    ],
)
def test_mistakes_end_with_their_status_and_no_traceback(
    rows: Path, tmp_path: Path, arguments: list[str], status: int, told: str
) -> None:
    assert told in arcmill(*arguments, status=status, cwd=tmp_path).stderr


def test_verify_finds_damage(rows: Path, tmp_path: Path) -> None:
    arcmill("ingest-text", "--input", rows, "--output", tmp_path / "docs")
    part = tmp_path / "docs" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    done = arcmill("verify", tmp_path / "docs", status=3)
    assert "checksum differs" in done.stdout


def test_stages_and_doctor_speak_json() -> None:
    assert {row["stage"] for row in json.loads(arcmill("stages", "--json").stdout)} == set(STAGES)
    checks = json.loads(arcmill("doctor", "--json").stdout)
    assert {check["name"] for check in checks} >= {
        "python",
        "java",
        "memory",
        "gpu",
        "llm embedded",
        "llm vllm",
        "sandbox",
    }


def test_the_command_line_is_frozen() -> None:
    """A change here is a change of the contract with users and DAGs."""
    options = {name: sorted(p.name or "" for p in command.params) for name, command in cli.cli.commands.items()}
    assert options == {
        "run": ["assignments", "force", "only", "quiet", "recipe", "root", "since", "start", "workers"],
        "plan": ["as_json", "assignments", "recipe", "root"],
        "stages": ["as_json"],
        "inspect": ["as_json", "dataset", "labels", "pairs", "pairs_csv", "rows"],
        "why": ["also", "as_json", "tokenizer", "what", "where"],
        "compare": ["as_json", "run_a", "run_b", "samples", "seed", "step"],
        "verify": ["as_json", "environments", "graphs", "no_checksums", "path", "verifiers"],
        "seen": ["as_json", "content", "datasets", "logs", "state"],
        "report": ["as_json", "output", "recipe", "run_dir", "since"],
        "receipt": ["as_json", "path"],
        "card": ["also", "dataset", "force", "show"],
        "ablate": [
            "arms",
            "as_json",
            "assignments",
            "config_file",
            "heldout",
            "output",
            "quiet",
            "tokenizer",
            "workers",
        ],
        "doctor": ["as_json"],
        "search": ["as_json", "index", "k", "page", "query", "start"],
        "serve-search": ["host", "index", "port", "transport"],
        "review": [],
    }
    reviewing = {name: sorted(p.name or "" for p in one.params) for name, one in cli.review.commands.items()}
    assert reviewing == {
        "export": ["again", "dataset", "html", "limit", "output", "seed"],
        "import": ["at", "by", "dataset", "delimiter", "file", "force", "keep_undecided", "output", "quiet", "workers"],
    }
    stage = [o for p in cli.stage_command("dedup-exact").params for o in p.opts]
    assert stage == ["--input", "--output", "--config", "--set", "--workers", "--force", "--quiet"]

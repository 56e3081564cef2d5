"""What a hostile dataset, text or setting may not do: lead out of a folder, steer a terminal, run in a page, or tell a secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Tab, browse

from arcmill.config import Field, StageConfig, validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Failure, Outcome, Stage
from pipelines.commands.shown import harmless
from pipelines.report import write_report

CANARY = "canary-5f1c9e"
SCRIPTS = (
    "<script>alert(1)</script>", "</script><script>alert(2)</script>", "</style><img src=x onerror=alert(3)>", "<svg onload=alert(4)>",
    "\"' onmouseover='alert(5)' autofocus onfocus=alert(6) x=\"", "javascript:alert(7)", "{{7*7}}${7*7}<%= 7*7 %>", "<!--", "]]>",
    "<iframe srcdoc='<script>parent.alert(8)</script>'>", "<base href=//evil.example><link rel=prefetch href=//evil.example/x>",
    "\u202ereversed\u202c", "<meta http-equiv=refresh content='0;url=//evil.example'>", "&lt;script&gt;alert(9)&lt;/script&gt;",
)  # fmt: skip


class Settings(StageConfig):
    note: str = Field(" ".join(SCRIPTS), description="any text")
    max_error_rate: float = Field(1.0, description="errors are allowed")


def make(split: str, config: Settings) -> Iterator[Document | Failure]:
    for number, text in enumerate(SCRIPTS):
        yield Document(
            f"id-{number}{text}", f"{text} and words", text, url=f"javascript:alert({number})", language=text, quality_score=0.5,
            license=text, repo=text, path=text, tags=[text], metadata={text: text, "title": text},
        )  # fmt: skip
        yield Failure(f"bad-{number}{text}", Outcome(f"rule {text}"[:40], "errored", detail=text))
        yield Failure(f"gone-{number}{text}", Outcome("low", score=0.1, threshold=0.5, detail=text))


MAKE = Stage(
    name="make-hostile", version=1, help="Makes texts that want to be scripts.", example="none", config=Settings, reads={},
    writes="Document", engine="datatrove", core=make, splits=lambda config: ["a"],
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "run<img src=x onerror=alert(0)>"
    execute(MAKE, Settings(), {}, f"{root}/made<svg onload=alert(0)>")
    return root


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")
def test_the_report_runs_and_fetches_nothing_in_a_browser(run: Path, tmp_path: Path) -> None:
    page = Path(write_report(str(run), f"{tmp_path}/report.html"))

    async def act(tab: Tab) -> dict[str, Any]:
        # Every part is opened, and what acts on focus or the mouse is given both.
        await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        await tab.run(
            "document.querySelectorAll('body *').forEach((one) => { one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));"
            " one.dispatchEvent(new FocusEvent('focus')); })"
        )
        told = {
            "made": await tab.run(
                "document.querySelectorAll('script, img, iframe, object, embed, base, link, form').length"
            ),
            "handlers": await tab.run(
                "[...document.querySelectorAll('*')].flatMap((one) => one.getAttributeNames()).filter((name) => /^on/.test(name)).length"
            ),
            "links": await tab.run("[...document.links].map((one) => one.getAttribute('href'))"),
            "shown": await tab.run("document.body.textContent.includes('<script>alert(1)</script>')"),
            "product": await tab.run("document.body.textContent.includes('{{7*7}}')"),
        }
        # The page's own policy: a script that somebody got into it after all does not run, and asks nobody.
        await tab.run(
            "(() => { for (const [kind, give] of [['script', {textContent: 'window.ran = 1'}], ['img', {src: 'http://127.0.0.1:9/x'}]])"
            " document.body.append(Object.assign(document.createElement(kind), give)); })()"
        )
        told["ran"] = await tab.run("new Promise((done) => setTimeout(() => done(window.ran ?? 0), 200))")
        told["events"] = tab.events
        return told

    told = browse(page, tmp_path, act)
    assert told["made"] == 0 and told["handlers"] == 0 and told["ran"] == 0
    assert told["shown"] and told["product"]
    assert all(link.startswith("#") for link in told["links"])
    events = [event["method"] for event in told["events"]]
    assert "Page.javascriptDialogOpening" not in events
    sent = [
        event["params"]["request"]["url"] for event in told["events"] if event["method"] == "Network.requestWillBeSent"
    ]
    refused = [
        event["params"].get("blockedReason") for event in told["events"] if event["method"] == "Network.loadingFailed"
    ]
    assert all(url.startswith("file:") for url in sent if ":9/" not in url)
    said = [event["params"]["entry"]["text"] for event in told["events"] if event["method"] == "Log.entryAdded"]
    assert len(said) == 2 and all("Content Security Policy" in text for text in said), (
        said
    )  # our two tries, and nothing else
    assert set(refused) <= {"csp"}


def test_a_manifest_names_files_of_its_own_folder_only(run: Path, tmp_path: Path) -> None:
    (dataset,) = run.iterdir()
    manifest = json.loads((dataset / "manifest.json").read_text())
    for path in ("part-/../../../secret", "ledger/../../x", "/etc/passwd", "part-\\..\\x", "..", "", 7, "part-\x00"):
        manifest["files"][0]["path"] = path
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(InputError, match="not an arcmill manifest"):
            Dataset.open(str(tmp_path))


@pytest.mark.parametrize(
    "change",
    [{"files": {}}, {"files": [1]}, {"counts": {"in": -1}}, {"counts": {"in": "1"}}, {"inputs": [7]}, {"models": {"a": 1}},
     {"config": []}, {"stage": 5}, {"stage": "\ud800"}],
)  # fmt: skip
def test_a_manifest_of_another_form_is_told(change: dict[str, Any], run: Path, tmp_path: Path) -> None:
    (dataset,) = run.iterdir()
    manifest = json.loads((dataset / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(InputError, match="not an arcmill manifest"):
        Dataset.open(str(tmp_path))


def test_nothing_on_a_terminal_steers_it() -> None:
    assert harmless("a\x1b]0;x\x07b\x9b2J\u202ec\n\td") == "a\\x1b]0;x\\x07b\\x9b2J\\u202ec\n\td"


def cli(*arguments: str, **environment: str) -> str:
    """All that a command prints."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments], capture_output=True, text=True, cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "HOME": "/tmp", **environment}, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_command_prints_no_escape_sequence_and_no_password(run: Path, tmp_path: Path) -> None:
    (dataset,) = run.iterdir()
    manifest = json.loads((dataset / "manifest.json").read_text())
    manifest["schema"]["\x1b[2J\x9b"] = "string"
    manifest["stage"] = "\x1b]0;owned\x07"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text(
        json.dumps({**manifest, "files": [], "schema": manifest["schema"]})
    )
    for arguments in (["--rows", "0"], ["--rows", "0", "--json"], ["--rows", "1"]):
        told = cli("inspect", str(tmp_path / "data"), *arguments)
        assert "owned" in told and not set(told) & set("\x1b\x07\x9b")
    told = cli(
        "ingest-web",
        "--input",
        f"http://user:{CANARY}@127.0.0.1:9/x.warc?token={CANARY}",
        "--output",
        f"{tmp_path}/out",
        "--quiet",
    )
    assert "arcmill:" in told and CANARY not in told


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "a", "env": {"API_KEY": [CANARY]}}, {"url": "http://h", "headers": f"Bearer {CANARY}"},
        {"command": "a", "limits": {"api_key": CANARY}, "env": {"K": {"x": CANARY}}}, {"url": f"ftp://u:{CANARY}@h/"},
    ],
)  # fmt: skip
def test_a_mistake_in_the_entry_of_a_server_tells_no_key(entry: dict[str, Any]) -> None:
    from agent_data.mcp.server import read_server

    with pytest.raises(UsageError) as told:
        read_server("x", entry)
    assert CANARY not in str(told.value)


def test_a_url_of_an_endpoint_is_told_without_its_password() -> None:
    from arcmill.engines.llm.settings import LlmSettings

    with pytest.raises(UsageError) as told:
        validate(LlmSettings, {"endpoint": [f"ftp://user:{CANARY}@host/v1"]}, "llm")
    assert CANARY not in str(told.value) and "no http" in str(told.value)


def test_a_salt_is_not_in_the_manifest() -> None:
    from ingest.forge.stage import IngestForge

    held = IngestForge(salt=CANARY).identity()
    assert CANARY not in json.dumps(held) and held["salt"] != IngestForge(salt="other").identity()["salt"]
    assert IngestForge().identity()["salt"] == ""


ROOT = Path(__file__).parents[2]
PACKAGES = ("arcmill", "ingest", "filters", "dedup", "synth", "agent_data", "sequences", "pipelines", "airflow_dags")


def sources_with(pattern: str) -> set[str]:
    word = re.compile(pattern, re.MULTILINE)
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {str(path.relative_to(ROOT)) for path in paths if word.search(path.read_text("utf-8"))}


def test_pickles_pass_between_processes_of_one_run_alone() -> None:
    assert sources_with(r"^\s*(?:import|from) (?:pickle|cloudpickle|marshal|joblib|shelve|dill)\b") == {
        "arcmill/engines/slurm.py", "arcmill/engines/on_ray.py",
    }  # fmt: skip
    assert sources_with(r"allow_pickle=True|torch\.load\((?!.*weights_only=True)") == set()


def test_temporary_files_have_no_fixed_names() -> None:
    # What names /tmp is that of a sandbox, which has one of its own.
    inside = r"arcmill/sandbox/.*|agent_data/environments/tracker/inside\.py|agent_data/mcp/launch\.py"
    assert [name for name in sources_with(r"""["']/tmp|\bmktemp\(""") if not re.fullmatch(inside, name)] == []

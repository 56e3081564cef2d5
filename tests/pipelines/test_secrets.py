"""A whole run that was given secrets in every way that is offered: none of them is in what it wrote or said."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest
import yaml
import zstandard

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "agent_data" / "mcp" / "hostile.py"  # behaves well where its argument says so
KEY, TOKEN, SPARK, PASSWORD, SALT = (f"canary-{word}-7d1e5f" for word in ("key", "token", "spark", "password", "salt"))
ENVIRONMENT = {"ARCMILL_API_KEY": KEY, "NOTES_TOKEN": TOKEN, "PATH": os.environ["PATH"], "HOME": "/nonexistent",
               "PYTHONPATH": str(ROOT), **({"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {})}  # fmt: skip
STEPS: dict[str, Any] = {
    "pages": {"stage": "ingest-text", "input": "pages.jsonl"},
    "unique": {"stage": "dedup-exact", "input": "pages"},
    "talk": {"stage": "ingest-forge", "input": "issues.jsonl", "config": {"salt": SALT}},
    "tools": {
        "stage": "collect-tools",
        "config": {
            "servers": {
                "notes": {
                    "command": sys.executable,
                    "args": [str(SERVER), "well"],
                    "sandbox": False,
                    "env": {"TOKEN": "${NOTES_TOKEN}", "OTHER": TOKEN},
                }
            }
        },
    },
    "problems": {"stage": "make-arithmetic", "config": {"count": 4}},
    "samples": {"stage": "synth-reasoning", "input": "problems", "config": {"max_tokens": 8}},
}


class Model(BaseHTTPRequestHandler):
    """An endpoint that fails one request in three, and quotes what it was given."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.say(200, {"data": [{"id": "m"}]})

    def do_POST(self) -> None:
        given = self.headers.get("Authorization")
        self.asked.append(given)
        self.rfile.read(int(self.headers["Content-Length"]))
        if len(self.asked) % 3 == 1:
            self.say(400, {"error": {"message": f"the request with {given} is not served"}})
            return
        message = {"role": "assistant", "content": "2"}
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        self.say(
            200, {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}
        )

    def say(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def command(*arguments: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
        timeout=1200,
    )
    return done.returncode, done.stdout + done.stderr


def held(file: Path) -> str:
    """All that a file holds, unpacked."""
    data = file.read_bytes()
    if data[:4] == b"PAR1":
        table = pq.read_table(file)
        return f"{table.schema.metadata} {table.to_pylist()}"
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return data.decode("utf-8", "replace")


def test_no_secret_is_in_what_a_run_writes_or_says(tmp_path: Path, endpoint: str) -> None:
    rows = [{"id": str(number), "text": f"The mill by the river, number {number % 4}."} for number in range(8)]
    (tmp_path / "pages.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    issue = {"url": "https://api.forge.example/repos/a/b/issues/1", "html_url": "https://forge.example/a/b/issues/1", "number": 1,
             "title": "It breaks", "body": "Words of @someone", "user": {"login": "someone"}, "created_at": "2024-01-01T00:00:00Z",
             "labels": [], "repository_url": "https://api.forge.example/repos/a/b", "comments": 0, "state": "open"}  # fmt: skip
    (tmp_path / "issues.jsonl").write_text(json.dumps(issue) + "\n")
    (tmp_path / "recipe.yaml").write_text(
        yaml.safe_dump({"name": "secrets", "description": "Secrets.", "steps": STEPS})
    )
    settings = {"llm.endpoint": endpoint, "samples.model": "m", "spark.master": "embedded",
                "spark.hadoop.fs.s3a.secret.key": SPARK, "samples.max_error_rate": "1"}  # fmt: skip
    asked = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    status, told = command("run", "recipe.yaml", "--root", "run", "--workers", "1", *asked, cwd=tmp_path)
    assert status == 0, told
    assert f"Bearer {KEY}" in Model.asked  # it was used, and so it could have been told
    said = [told]
    said += [command(*arguments, cwd=tmp_path)[1] for arguments in (
        ("report", "run"), ("inspect", "run/samples", "--json"), ("verify", "run"), ("plan", "recipe.yaml", "--root", "run", *asked),
        ("ingest-web", "--input", f"http://u:{PASSWORD}@127.0.0.1:9/x.warc?k={PASSWORD}", "--output", "run/web"),
        ("run", "recipe.yaml", "--root", "run", "--set", f"llm.endpoint=http://u:{PASSWORD}@127.0.0.1:9/v1"),
        ("run", "recipe.yaml", "--root", "run", "--from", "samples", "--force", "--set", "llm.endpoint=http://127.0.0.1:9/v1",
         "--set", "llm.timeout=1", "--set", "llm.retries=0", "--set", "llm.outage=1", "--set", f"spark.hadoop.fs.s3a.secret.key={SPARK}"),
    )]  # fmt: skip
    files = {str(path): held(path) for path in tmp_path.joinpath("run").rglob("*") if path.is_file()}
    written = " ".join(files)
    assert all(part in written for part in ("manifest.json", "ledger/", ".journal", "report.html", "metrics.json")), (
        written
    )
    assert any("is not served" in text for text in files.values())  # what the endpoint said is kept, without the key
    for secret in (KEY, TOKEN, SPARK, PASSWORD, SALT):
        for text in said:
            assert secret not in text, (secret, text)
        assert [name for name, text in files.items() if secret in text or secret in name] == [], secret

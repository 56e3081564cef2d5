"""The engine of generation against a real HTTP server that fails by plan."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import llm_stages
import pytest
from llm_stages import ASK, BRANCHES, LIVE, PROBLEMS, AskConfig, BranchConfig, ProblemsConfig

from arcmill.dataset import Dataset
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.execute import execute

Digest = Callable[[Path | str], str]
SERVER = {"llm.timeout": 1.5, "llm.drain": 5, "llm.concurrency": 16}


def prompts(folder: Path, **settings: object) -> str:
    return execute(PROBLEMS, ProblemsConfig.model_validate(settings), {}, str(folder / "problems")).dataset.url


def generate(
    source: str, output: Path, url: str, settings: dict[str, object] | None = None, **config: object
) -> Dataset:
    engine = {**SERVER, "llm.endpoint": url, **(settings or {})}
    return execute(ASK, AskConfig.model_validate(config), {"input": [source]}, str(output), settings=engine).dataset


def test_rows_come_out_in_order_with_what_was_paid(tmp_path: Path, planned, digest: Digest) -> None:
    server = planned("--metrics")
    source = prompts(tmp_path)
    made = generate(source, tmp_path / "a", server.url)
    assert made.counts == {"in": 100, "kept": 100, "dropped": 0, "merged": 0, "errored": 0, "created": 200}
    assert made.manifest["statistics"]["requests"] == 300
    assert made.manifest["statistics"]["samples"] == 200
    assert list(made.problems()) == []
    paid = server.paid()
    assert len(paid) == 300 and set(paid.values()) == {1}
    ids = [row["id"] for batch in made.batches() for row in batch.to_pylist()]
    again = generate(source, tmp_path / "b", server.url, {"llm.concurrency": 1})
    assert [row["id"] for batch in again.batches() for row in batch.to_pylist()] == ids
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["llm"]["answered"] == 300


def branched(source: str, output: Path, url: str, **config: object) -> Dataset:
    asked = BranchConfig.model_validate(config)
    return execute(BRANCHES, asked, {"input": [source]}, str(output), settings={**SERVER, "llm.endpoint": url}).dataset


def test_branches_of_a_row_go_on_by_themselves(tmp_path: Path, planned, digest: Digest) -> None:
    server = planned()
    made = branched(prompts(tmp_path), tmp_path / "a", server.url)
    assert made.counts["created"] == 100
    assert made.manifest["statistics"]["requests"] == 600  # 1 + 3 + 0 + 2 a row: a branch's requests are its row's
    assert set(server.paid().values()) == {1}
    for batch in made.batches():
        for row in batch.to_pylist():
            texts = row["messages"][1]["content"].split("\n")
            assert [text.split(":")[0] for text in texts] == ["0", "1", "2", "3"]  # results in the order of the step
            assert texts[2] == "2: [] []"
    branched(str(tmp_path / "problems"), tmp_path / "b", server.url)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_what_a_branch_raises_is_raised_in_its_row(tmp_path: Path, planned) -> None:
    made = branched(prompts(tmp_path, rows=5), tmp_path / "a", planned().url, fails=1)
    texts = [row["messages"][1]["content"] for batch in made.batches() for row in batch.to_pylist()]
    assert len(texts) == 5 and all(text.startswith("caught branch 1 of ") for text in texts)


def test_a_request_of_a_branch_that_fails_errors_its_row(tmp_path: Path, planned) -> None:
    source = prompts(tmp_path, word="poison")
    made = branched(source, tmp_path / "a", planned().url, max_error_rate=0.2)
    assert (made.counts["errored"], made.counts["kept"]) == (10, 90)


@pytest.mark.parametrize("limit", [1, 3])
def test_rows_under_way_are_bounded(tmp_path: Path, planned, limit: int) -> None:
    LIVE.update(now=0, most=0)
    branched(prompts(tmp_path, rows=20), tmp_path / "a", planned().url, open=limit)
    assert LIVE["most"] == limit


def test_a_misbehaving_server_changes_nothing(tmp_path: Path, planned, digest: Digest) -> None:
    good, bad = planned(), planned("--faults", "0.4")
    source = prompts(tmp_path, rows=40)
    generate(source, tmp_path / "good", good.url)
    made = generate(source, tmp_path / "bad", bad.url, max_error_rate=0)
    assert digest(tmp_path / "good") == digest(tmp_path / "bad")
    assert set(bad.paid().values()) == {1}
    assert json.loads((tmp_path / "bad" / "metrics.json").read_text())["llm"]["retried"] > 20
    assert made.counts["errored"] == 0


@pytest.mark.parametrize("kills", [int(os.environ.get("ARCMILL_KILLS", "3"))])
def test_kills_lose_no_answer_and_pay_none_twice(tmp_path: Path, planned, digest: Digest, kills: int) -> None:
    server, quiet = planned("--faults", "0.2", "--delay", "0.05"), planned()
    source = prompts(tmp_path)
    generate(source, tmp_path / "whole", quiet.url)
    draw = random.Random(5)
    command = [sys.executable, llm_stages.__file__, source, str(tmp_path / "killed"), server.url]
    place = os.pathsep.join(sys.path)
    died = 0
    while True:
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": place}, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=draw.uniform(0.8, 2.0) if died < kills else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            died += 1
            assert process.stderr is not None
            process.stderr.close()
            continue
        assert process.stderr is not None
        assert process.returncode == 0, process.stderr.read().decode()
        process.stderr.close()
        break
    assert died >= 1
    assert digest(tmp_path / "whole") == digest(tmp_path / "killed")
    paid = server.paid()
    assert len(paid) == 300 and set(paid.values()) == {1}, [n for n in paid.values() if n > 1]


def test_a_server_that_dies_is_waited_for(tmp_path: Path, planned, digest: Digest) -> None:
    server, quiet = planned("--delay", "0.05"), planned()
    source = prompts(tmp_path)
    generate(source, tmp_path / "whole", quiet.url)
    place = os.pathsep.join(sys.path)
    command = [sys.executable, llm_stages.__file__, source, str(tmp_path / "made"), server.url]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": place})
    deadline = time.monotonic() + 60
    while not server.paid() and time.monotonic() < deadline:
        time.sleep(0.02)
    server.kill()
    time.sleep(1.0)
    assert process.poll() is None
    server.start()
    assert process.wait(timeout=60) == 0
    assert digest(tmp_path / "whole") == digest(tmp_path / "made")


def test_a_gateway_that_dies_is_begun_again(tmp_path: Path, planned, digest: Digest) -> None:
    from arcmill.engines.llm import link

    server, quiet = planned("--delay", "0.03"), planned()
    source = prompts(tmp_path)
    generate(source, tmp_path / "whole", quiet.url)
    first = link._links[0].process

    def kill() -> None:
        while not server.paid():
            time.sleep(0.01)
        first.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    generate(source, tmp_path / "made", server.url)
    killer.join()
    assert first.wait() == -signal.SIGKILL
    assert link._links[0].process is not first
    assert digest(tmp_path / "whole") == digest(tmp_path / "made")


def test_nobody_answers(tmp_path: Path, planned) -> None:
    server = planned()
    server.kill()
    with pytest.raises(EngineError, match=r"no server has answered for 1 s: .*cannot be reached"):
        generate(prompts(tmp_path), tmp_path / "a", server.url, {"llm.outage": 1})


def test_rows_that_the_server_refuses_are_errored_and_tried_again(tmp_path: Path, planned) -> None:
    server = planned()
    source = prompts(tmp_path, word="poison")
    with pytest.raises(InputError, match=r"request-rejected: 10 rows.*too long"):
        generate(source, tmp_path / "a", server.url)
    before = sum(server.paid().values())
    made = generate(source, tmp_path / "a", server.url, max_error_rate=0.2)
    assert made.counts["errored"] == 10
    assert sum(server.paid().values()) == before  # the others were paid once
    rows = [row for batch in made.ledger() for row in batch.to_pylist()]
    assert {row["rule"] for row in rows} == {"request-rejected"}


@pytest.mark.parametrize("word", ["always-500", "always-504", "infinite"])
def test_a_request_that_always_fails_ends(tmp_path: Path, planned, word: str) -> None:
    server = planned()
    source = prompts(tmp_path, rows=20, word=word)
    made = generate(source, tmp_path / "a", server.url, {"llm.retries": 1}, max_error_rate=0.5)
    assert made.counts["errored"] == 2
    assert made.counts["kept"] == 18


def test_other_sampling_or_model_never_replays(tmp_path: Path, planned) -> None:
    server = planned("--models", "planned", "other")
    source = prompts(tmp_path, rows=10)
    journal = {"llm.journal": str(tmp_path / "journal")}
    generate(source, tmp_path / "a", server.url, journal)
    assert sum(server.paid().values()) == 30
    generate(source, tmp_path / "b", server.url, journal, minimum=1)  # parsing changed, asking not
    assert sum(server.paid().values()) == 30
    for changed in (
        {"temperature": 0.1},
        {"model": "other"},
        {"seed": 1},
        {"max_tokens": 9},
        {"extra_body": {"min_p": 0.1}},
    ):
        before = sum(server.paid().values())
        generate(source, tmp_path / f"c{next(iter(changed))}", server.url, journal, **changed)
        assert sum(server.paid().values()) == before + 30, changed


def test_on_an_object_store_the_journal_is_a_local_folder(
    bucket: str, tmp_path: Path, planned, digest: Digest, fetch: Callable[[str, Path], Path]
) -> None:
    server = planned()
    source = prompts(tmp_path)
    with pytest.raises(UsageError, match=r"output is not local: .* --set llm\.journal=PATH"):
        execute(
            ASK, AskConfig(), {"input": [source]}, f"{bucket}/made", settings={**SERVER, "llm.endpoint": server.url}
        )
    for journal, told in (
        (f"{bucket}/journal", "a journal is a folder of this machine"),
        (str(tmp_path / "journal"), None),
    ):
        settings = {**SERVER, "llm.endpoint": server.url, "llm.journal": journal}
        if told:
            with pytest.raises(UsageError, match=told):
                execute(ASK, AskConfig(), {"input": [source]}, f"{bucket}/made", settings=settings)
            continue
        execute(ASK, AskConfig(), {"input": [source]}, f"{bucket}/made", settings=settings)
        paid = sum(server.paid().values())
        generate(source, tmp_path / "here", server.url, {"llm.journal": journal})
        assert sum(server.paid().values()) == paid  # the journal has it all
    assert digest(fetch(f"{bucket}/made", tmp_path / "fetched")) == digest(tmp_path / "here")


def test_two_runs_on_one_journal_refuse(tmp_path: Path, planned) -> None:
    from arcmill.engines.llm.journal import Journal

    server = planned()
    held = Journal(tmp_path / "journal")
    with pytest.raises(UsageError, match="another run uses this journal"):
        generate(prompts(tmp_path), tmp_path / "a", server.url, {"llm.journal": str(tmp_path / "journal")})
    held.close()


def test_keys_stand_nowhere(tmp_path: Path, planned, monkeypatch: pytest.MonkeyPatch) -> None:
    server = planned("--key", "sesame-123")
    source = prompts(tmp_path, rows=5)
    monkeypatch.setenv("OTHER_KEY", "wrong")
    with pytest.raises(UsageError, match=r"refuses the API key") as caught:
        generate(source, tmp_path / "a", server.url, {"llm.api_key_env": "OTHER_KEY"})
    assert "wrong key" in str(caught.value) or "401" in str(caught.value)
    from arcmill.engines.llm import link

    link._close()  # the gateway reads its environment when it starts
    monkeypatch.setenv("OTHER_KEY", "sesame-123")
    generate(source, tmp_path / "a", server.url, {"llm.api_key_env": "OTHER_KEY"})
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert b"sesame-123" not in path.read_bytes(), path
    link._close()


def test_a_model_that_is_not_served(tmp_path: Path, planned) -> None:
    server = planned()
    with pytest.raises(UsageError, match=r"does not serve the model 'absent'; it serves planned"):
        generate(prompts(tmp_path), tmp_path / "a", server.url, model="absent")


def test_fields_that_a_server_cannot_take_are_not_sent(tmp_path: Path, planned) -> None:
    server = planned()
    source = prompts(tmp_path, rows=5)
    journal = {"llm.journal": str(tmp_path / "journal")}
    generate(source, tmp_path / "a", server.url, {**journal, "llm.omit": ["seed"]})
    first = server.paid()
    assert (
        sum(first.values()) == 15 and len(first) < 15
    )  # without the seed, samples of a problem are one and the same request
    generate(source, tmp_path / "b", server.url, journal, minimum=1)
    assert server.paid() == first  # the key has not changed


def test_several_endpoints_share_the_load(tmp_path: Path, planned, digest: Digest) -> None:
    one, two, alone = planned("--delay", "0.02"), planned("--delay", "0.02"), planned()
    source = prompts(tmp_path)
    generate(source, tmp_path / "two", f"{one.url},{two.url}")
    assert min(sum(one.paid().values()), sum(two.paid().values())) > 60
    generate(source, tmp_path / "one", alone.url)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_an_endpoint_that_only_fails_draws_no_requests(tmp_path: Path, planned) -> None:
    """It is the fastest to answer, so it would always have room."""
    broken, good = planned("--always", "500"), planned("--delay", "0.02")
    made = generate(prompts(tmp_path), tmp_path / "a", f"{broken.url},{good.url}", max_error_rate=0)
    assert made.counts["kept"] == 100
    assert sum(good.paid().values()) == 300
    assert sum(broken.paid().values()) < 60


def test_a_server_that_asks_for_time_gets_it(tmp_path: Path, planned) -> None:
    """One that answers /health and refuses all else with Retry-After: asked in waves, and given up after the outage."""
    server = planned("--always", "503")
    with pytest.raises(EngineError, match=r"no server has answered for 3 s: .*503"):
        generate(prompts(tmp_path, rows=10), tmp_path / "a", server.url, {"llm.outage": 3})
    times = sorted(float(line) for line in server.paid())
    waves = [time for time, before in zip(times, [0.0, *times], strict=False) if time - before > 0.3]
    assert len(times) < 100
    assert all(after - before >= 1.0 for before, after in pairwise(waves))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"llm.endpoint": "ftp://x"}, "no http"),
        ({"llm.endpoint": "http://u:sesame@x"}, "^(?!.*sesame).*no key"),
        ({"llm.endpoint": "http://x/?key=sesame"}, "^(?!.*sesame).*no key"),
        ({"llm.speed": 1}, "unknown setting"),
    ],
)
def test_settings_are_checked(tmp_path: Path, setting: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        generate(prompts(tmp_path, rows=2), tmp_path / "a", "http://127.0.0.1:1/v1", setting)

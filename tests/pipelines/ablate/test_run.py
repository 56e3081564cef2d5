"""The command: a control that must show nothing, a broken arm that must lose, resuming, and mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny_stories import documents, shuffled, story

pytest.importorskip("torch")

SETTINGS = (
    "size=tiny", "vocab_size=512", "context=64", "batch_tokens=256", "tokens=40000", "heldout_tokens=4000", "items=40",
    "learning_rate=0.005", "seeds=3",
)  # fmt: skip


def ablate(*arguments: str | Path, status: int = 0, settings: tuple[str, ...] = SETTINGS) -> Any:
    command = [sys.executable, "-m", "pipelines.cli", "ablate", *map(str, arguments), "--json", "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("corpora")
    texts = [story(number) for number in range(150)]
    return {
        "clean": documents(texts, folder / "clean", "a"),
        "broken": documents([shuffled(text) for text in texts], folder / "broken", "b"),
        "held": documents([story(number) for number in range(1000, 1040)] + texts[:5], folder / "held", "h"),
        "few": documents(texts[:40], folder / "few", "f"),
    }


@pytest.fixture(scope="module")
def arms(corpora: dict[str, str]) -> tuple[str, ...]:
    clean, broken, held = (corpora[name] for name in ("clean", "broken", "held"))
    return f"one={clean}", f"same={clean}", f"broken={broken}", "--heldout", f"stories={held}"


@pytest.fixture(scope="module")
def done(arms: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    output = tmp_path_factory.mktemp("done") / "out"
    return output, ablate(*arms, "--output", output)


def differences(told: dict[str, Any], metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    row = next(row for row in told["results"] if row["metric"] == metric)
    return {(each["of"], each["less"]): each for each in row["differences"]}


def test_the_same_data_twice_shows_no_difference_and_shuffled_words_lose(done: tuple[Path, dict[str, Any]]) -> None:
    found = differences(done[1], "bits_per_byte")
    same = found["one", "same"]
    assert same["better"] is None and same["low"] < 0 < same["high"]
    assert same["seeds"] != [0.0, 0.0, 0.0], "the order differs, so the control shows the noise"
    for arm in ("one", "same"):
        lost = found[arm, "broken"]
        assert lost["better"] == arm and lost["high"] < 0
        assert abs(lost["value"]) > 5 * abs(same["value"])


def test_what_is_told_of_arms_and_held_out_sets(done: tuple[Path, dict[str, Any]]) -> None:
    output, told = done
    assert told == json.loads((output / "ablation.json").read_text())
    held = told["heldout"][0]
    assert held["left_out"] >= 2 and held["left_out_by_arm"] == dict.fromkeys(("one", "same"), held["left_out"])
    assert held["documents"] + held["left_out"] == held["looked_at"]
    one, same, _ = told["arms"]
    assert one["tokens"] == same["tokens"] and one["epochs"] == pytest.approx(told["tokens"] / one["tokens"], abs=1e-3)
    rows = pq.read_table(output / "measures.parquet").to_pylist()
    assert {row["arm"] for row in rows} == {"one", "same", "broken"} and {row["seed"] for row in rows} == {0, 1, 2}
    mine = [row for row in rows if row["arm"] == "one" and row["metric"] == "bits_per_byte"]
    value = sum(row["value"] for row in mine) / sum(row["below"] for row in mine)
    row = next(row for row in told["results"] if row["metric"] == "bits_per_byte")
    assert row["arms"]["one"]["value"] == pytest.approx(value, abs=1e-5)
    text = (output / "ablation.md").read_text()
    assert "| bits_per_byte (bits/byte) | stories |" in text and "not told apart" in text and "| one |" in text


def test_two_workers_and_a_kill_come_to_the_same_bytes(
    arms: tuple[str, ...], done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "ablate",
        *arms,
        "--output",
        str(output),
        "--quiet",
        "--workers",
        "2",
    ]
    for setting in SETTINGS:
        command += ["--set", setting]
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1200):
        if list(output.glob("work/trainings/*/scores.json")):
            break
        time.sleep(0.1)
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()
    kept = {path: path.stat().st_mtime_ns for path in output.glob("work/trainings/*/scores.json")}
    assert kept and not (output / "ablation.json").exists()
    ablate(*arms, "--output", output, "--workers", "2")
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items()), "what was done is not done again"
    for name in ("ablation.md", "measures.parquet"):
        if name == "ablation.md":
            assert (output / name).read_bytes() == (done[0] / name).read_bytes()
        else:
            assert pq.read_table(output / name).equals(pq.read_table(done[0] / name))


def test_other_held_out_texts_are_measured_without_training_again(
    corpora: dict[str, str], arms: tuple[str, ...], done: tuple[Path, dict[str, Any]]
) -> None:
    output = done[0]
    weights = {path: path.stat().st_mtime_ns for path in output.glob("work/trainings/*/weights.pt")}
    assert len(weights) == 9
    few = tuple(setting if not setting.startswith("items") else "items=5" for setting in SETTINGS)
    told = ablate(*arms, "--output", output, settings=(*few, "baseline=broken"))
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    assert set(differences(told, "bits_per_byte")) == {("one", "broken"), ("same", "broken")}


def test_a_short_arm_is_repeated_or_all_are_cut(corpora: dict[str, str], tmp_path: Path) -> None:
    given = (f"few={corpora['few']}", f"all={corpora['clean']}", "--heldout", f"s={corpora['held']}")
    settings = tuple(each for each in SETTINGS if not each.startswith(("tokens", "seeds", "heldout")))
    settings = (*settings, "tokens=20000", "seeds=1", "heldout_tokens=500", "tasks=[]")
    repeated = ablate(*given, "--output", tmp_path / "out", settings=settings)
    assert repeated["arms"][0]["epochs"] > 1 and repeated["tokens"] == 19968
    assert all(each["better"] is None for row in repeated["results"] for each in row["differences"]), (
        "one seed: no verdict"
    )
    cut = ablate(*given, "--output", tmp_path / "out", settings=(*settings, "short_arm=cut"))
    assert cut["arms"][0]["epochs"] <= 1 and cut["tokens"] < 20000


def test_sequences_are_compared_with_the_tokenizer_they_were_packed_with(
    corpora: dict[str, str], tmp_path: Path
) -> None:
    from arcmill.execute import execute
    from sequences.pack import STAGE as PACK
    from sequences.pack import Pack
    from sequences.tokenizer import STAGE as TRAIN
    from sequences.tokenizer import TrainTokenizer

    tokenizers = []
    for size in (512, 600):
        config = TrainTokenizer(vocab_size=size)
        tokenizers.append(
            execute(TRAIN, config, {"input": [corpora["clean"]]}, str(tmp_path / f"tok{size}")).dataset.url
        )
    packed = execute(
        PACK, Pack(sequence_length=256), {"input": [corpora["clean"]], "tokenizer": [tokenizers[0]]}, str(tmp_path / "packed")
    ).dataset.url  # fmt: skip
    given = (
        f"packed={packed}",
        f"loose={corpora['clean']}",
        "--heldout",
        f"s={corpora['held']}",
        "--output",
        tmp_path / "out",
    )
    settings = (
        "size=tiny",
        "context=64",
        "batch_tokens=512",
        "tokens=10000",
        "seeds=2",
        "heldout_tokens=500",
        "tasks=[]",
    )
    told = ablate(*given, "--tokenizer", tokenizers[0], settings=settings)
    one, loose = told["arms"]
    assert one["record"] == "Sequence" and one["tokens"] == loose["tokens"]
    assert told["heldout"][0]["left_out_by_arm"]["packed"] == told["heldout"][0]["left_out_by_arm"]["loose"]
    assert "another tokenizer" in ablate(*given, "--tokenizer", tokenizers[1], status=2, settings=settings)
    assert "need --tokenizer" in ablate(*given, status=2, settings=settings)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (["one"], 2, "expected NAME=PATH"),
        (["../x=CLEAN"], 2, "expected NAME=PATH"),
        (["one=CLEAN"], 2, "two arms or more"),
        (["one=CLEAN", "two=/nowhere"], 3, "no such folder"),
        (["one=CLEAN", "two=CLEAN", "--set", "baseline=three"], 2, "is no arm"),
        (["one=CLEAN", "two=CLEAN", "--set", "tokens=10000", "--set", "batch_tokens=20000"], 2, "less than one step"),
        (["one=CLEAN", "two=CLEAN", "--set", "device=cuda"], 2, "no GPU"),
        (["one=CLEAN", "two=CLEAN", "--heldout", "all=CLEAN"], 2, "give it another name"),
        (["one=CLEAN", "two=CLEAN", "--set", "sise=tiny"], 2, "unknown setting"),
        (["one=CLEAN", "two=CLEAN", "--tokenizer", "/nowhere"], 2, "holds no tokenizer.json"),
    ],
)
def test_mistakes_are_named(corpora: dict[str, str], tmp_path: Path, change: list[str], status: int, said: str) -> None:
    import torch
    from click.testing import CliRunner

    from arcmill.errors import ArcmillError
    from pipelines.cli import cli

    if "device=cuda" in change and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    given = [text.replace("CLEAN", corpora["clean"]) for text in change]
    found = CliRunner().invoke(
        cli, ["ablate", *given, "--heldout", f"h={corpora['held']}", "--output", str(tmp_path / "out")]
    )
    assert isinstance(found.exception, ArcmillError), found.output
    assert found.exception.exit_status == status and said in str(found.exception)

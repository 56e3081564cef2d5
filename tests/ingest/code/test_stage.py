"""ingest-code: every kind of input, hostile ones, and the same bytes whatever the workers."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from dulwich.bundle import create_bundle_from_repo, write_bundle
from dulwich.repo import Repo
from repositories import (
    FILES,
    MIT,
    commit,
    pack,
    pack_object,
    repository,
    snapshot,
    tar,
    tar_of,
    write,
    zipped,
)

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document, stable_id
from arcmill.stage import Failure
from ingest.code import git_objects
from ingest.code.git_objects import Pack
from ingest.code.git_repository import parse_commit
from ingest.code.stage import STAGE, IngestCode, core, find

Digest = Callable[[Path | str], str]
ROOT = Path(__file__).parents[3]
PKG_INFO = b"Metadata-Version: 2.1\nName: Thing\nVersion: 1.2\nLicense-Expression: MIT\n\n"


def read(*paths: Path | str, **settings: Any) -> tuple[list[Document], dict[str, str]]:
    """Documents, and rule by what the detail says first (the path)."""
    config = validate(IngestCode, settings, "test")
    documents, left = [], {}
    for unit in find([str(path) for path in paths], config):
        for item in core(unit, config):
            if isinstance(item, Document):
                documents.append(item)
            else:
                left[(item.outcome.detail or "").split(": ")[1]] = item.outcome.rule
    return documents, left


def rules(*paths: Path, **settings: Any) -> list[tuple[str, str]]:
    config = validate(IngestCode, settings, "test")
    return [(row.outcome.outcome, row.outcome.rule) for unit in find([str(p) for p in paths], config)
            for row in core(unit, config) if isinstance(row, Failure)]  # fmt: skip


# -- every kind of input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_repository_is_read_at_its_commit(tmp_path: Path, bare: bool, packed: bool) -> None:
    made = repository(tmp_path / "thing", bare=bare, packed=packed)
    if not bare:
        write(tmp_path / "thing", {"uncommitted.py": b"x = 1\n"})
    documents, left = read(tmp_path / "thing")
    assert left == {} and [d.path for d in documents] == ["LICENSE", "README.md", "src/a.py", "src/b.c"]
    code = documents[2]
    assert (code.text, code.repo, code.license) == ("print(1)\nprint(2)\n", "thing", "MIT")
    assert (code.source, code.created, code.tags) == ("code", "2020-09-13T12:26:40Z", None)
    assert code.id == stable_id("git", "thing", made, "src/a.py")
    assert code.metadata == {
        "commit": made,
        "kind": "git",
        "programming_language": "python",
        "repository_license": "MIT",
    }
    assert documents[1].tags == ["documentation"]


def test_a_bundle_and_a_revision(tmp_path: Path) -> None:
    repository(tmp_path / "thing")
    repo = Repo(str(tmp_path / "thing"))
    first = repo.refs[b"refs/heads/main"]
    repo.refs[b"refs/tags/v1"] = first
    second = commit(repo, FILES | {"src/a.py": b"print(3)\n" * 50}, parents=[first])
    repo.object_store.pack_loose_objects()
    with open(tmp_path / "b.bundle", "wb") as stream:
        bundle = create_bundle_from_repo(repo)
        write_bundle(stream, bundle)
        bundle.close()
    repo.close()
    for place in ("thing", "b.bundle"):
        documents, left = read(tmp_path / place)
        assert left == {} and {(d.metadata or {})["commit"] for d in documents} == {second.decode()}
        assert next(d.text for d in documents if d.path == "src/a.py") == "print(3)\n" * 50
        for revision in ("v1", "refs/tags/v1", first.decode()):
            old, _ = read(tmp_path / place, revision=revision)
            assert next(d.text for d in old if d.path == "src/a.py") == "print(1)\nprint(2)\n"
        assert rules(tmp_path / place, revision="v2") == [("errored", "no-such-revision")]
        assert rules(tmp_path / place, revision="../../etc/passwd") == [("errored", "no-such-revision")]


@pytest.mark.parametrize(
    "name", ["t.tar", "t.tar.gz", "t.tar.bz2", "t.tar.xz", "t.tar.zst", "t.tgz", "t.zip", "unnamed"]
)
def test_archives(tmp_path: Path, name: str) -> None:
    files = {f"thing-1.2/{path}": data for path, data in FILES.items()} | {"thing-1.2/PKG-INFO": PKG_INFO}
    if name.endswith(".zip"):
        zipped(tmp_path / name, files)
    elif name.endswith("zst"):
        raw = tar(tmp_path / "raw.tar", files, "w").read_bytes()
        (tmp_path / name).write_bytes(zstandard.ZstdCompressor().compress(raw))
        os.remove(tmp_path / "raw.tar")
    else:
        kind = name.rpartition(".")[2] if name.startswith("t.tar.") else "gz"
        tar(tmp_path / name, files, "w" if name == "t.tar" else f"w:{kind}")
    documents, left = read(tmp_path / name)
    assert left == {} and sorted(d.path or "" for d in documents) == sorted([*FILES, "PKG-INFO"])
    code = next(d for d in documents if d.path == "src/a.py")
    assert (code.repo, code.license, code.id) == ("Thing", "MIT", stable_id("sdist", "Thing", "1.2", "src/a.py"))
    assert (code.metadata or {})["version"] == "1.2"


def test_a_wheel_and_an_npm_package(tmp_path: Path) -> None:
    info = "thing-1.2.dist-info"
    zipped(
        tmp_path / "w.whl",
        {"thing/a.py": b"a = 1\n", f"{info}/METADATA": PKG_INFO, f"{info}/licenses/LICENSE": MIT.encode()},
    )
    tar(tmp_path / "n.tgz", {"package/package.json": b'{"name": "@a/b", "version": "3.0", "license": "(ISC OR MIT)"}',
                             "package/index.js": b"module.exports = 1\n"})  # fmt: skip
    documents, left = read(tmp_path)
    found = {
        (d.repo, d.path): ((d.metadata or {})["kind"], (d.metadata or {})["version"], d.license) for d in documents
    }
    assert found["Thing", "thing/a.py"] == ("wheel", "1.2", "MIT") and left == {}
    assert found["@a/b", "index.js"] == ("npm", "3.0", "ISC OR MIT")


def test_a_folder_of_everything_and_globs(tmp_path: Path) -> None:
    place = tmp_path / "all"
    write(place, {"x.py": b"x = 1\n", "deep/er/y.js": b"let y\n"})
    repository(place / "one")
    repository(place / "deep" / "two.git", bare=True)
    tar(place / "deep" / "three.tar.gz", {"three/z.go": b"package z\n"})
    documents, left = read(place)
    assert left == {}
    found = {(d.repo, d.path) for d in documents}
    assert found == {
        ("all", "x.py"),
        ("all", "deep/er/y.js"),
        ("three", "z.go"),
        *((r, p) for r in ("one", "two") for p in FILES),
    }
    assert len({d.id for d in documents}) == len(documents)
    one, _ = read(f"{place}/o*", f"{place}/deep/*.gz")
    assert {d.repo for d in one} == {"one", "three"}
    [single], _ = read(place / "x.py")
    assert (single.path, single.repo) == ("x.py", "all")
    for missing in ("nowhere", "no*where"):
        with pytest.raises(InputError):
            read(tmp_path / missing)


def test_the_origin_names_the_repository_and_holds_no_secret(tmp_path: Path) -> None:
    repository(tmp_path / "clone")
    with open(tmp_path / "clone/.git/config", "a") as stream:
        stream.write('[remote "origin"]\n\turl = https://user:secret@git.example.org/owner/name.git\n')
    documents, _ = read(tmp_path / "clone")
    assert {d.repo for d in documents} == {"owner/name"} and "secret" not in repr(documents)


def test_a_repository_may_be_named_by_hand(tmp_path: Path) -> None:
    repository(tmp_path / "clone")
    with open(tmp_path / "clone/.git/config", "a") as stream:
        stream.write('[remote "origin"]\n\turl = git@github.com:someone/fork.git\n')
    tar(tmp_path / "t.tar.gz", {"t-1/PKG-INFO": PKG_INFO, "t-1/a.py": b"a = 1\n"})
    write(tmp_path / "tree", {"a.py": b"a = 2\n"})
    for place in ("clone", "t.tar.gz", "tree", "tree/a.py"):
        documents, _ = read(tmp_path / place, repo="https://github.com/Owner/Name.git")
        assert {d.repo for d in documents} == {"owner/name"}
    documents, _ = read(tmp_path / "clone")
    assert {d.repo for d in documents} == {"someone/fork"}
    with pytest.raises(UsageError, match="names no repository"):
        read(tmp_path / "tree", repo=" ")


# -- what is left out ------------------------------------------------------------------------------------------------


def test_rules_of_files(tmp_path: Path) -> None:
    write(tmp_path / "t", {
        "bin": b"\x7fELF\0\1\2", "pointer.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "latin.c": "/* Größe: für Äpfel und Öl, schöne Grüße */\n".encode("latin-1"), "wide.txt": "ü".encode("utf-16"),
        "cut.txt": b"\xff\xfe\x00\xd8x\x00", "controls.txt": b"\x81\x8d\x8f\x90\x9d" * 20, "empty.py": b" \n", "long.py": b"#" * 3000,
    })  # fmt: skip
    documents, left = read(tmp_path / "t", max_file_bytes=2000)
    assert left == {"bin": "binary", "pointer.png": "lfs-pointer", "cut.txt": "bad-encoding", "controls.txt": "bad-encoding",
                    "empty.py": "empty", "3,000 bytes": "too-large"}  # fmt: skip
    assert {d.path: d.text for d in documents}["latin.c"].startswith("/* Größe: für Äpfel")
    assert next(d.text for d in documents if d.path == "wide.txt") == "ü"


def test_licences_are_allowed_or_dropped_with_what_was_found(tmp_path: Path) -> None:
    write(tmp_path / "t", {
        "LICENSE": MIT.encode(), "a.py": b"a = 1\n", "gpl.c": b"// SPDX-License-Identifier: GPL-2.0-only\nint g;\n",
        "either.c": b"/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */\nint e;\n",
        "sub/Cargo.toml": b'[package]\nname = "s"\nlicense = "MPL-2.0"\n', "sub/deep/m.rs": b"fn m() {}\n",
    })  # fmt: skip
    documents, _ = read(tmp_path / "t")
    assert {d.path: d.license for d in documents} == {
        "LICENSE": "MIT", "a.py": "MIT", "gpl.c": "GPL-2.0-only", "either.c": "GPL-2.0-only OR Apache-2.0",
        "sub/Cargo.toml": "MPL-2.0", "sub/deep/m.rs": "MPL-2.0",
    }  # fmt: skip
    documents, left = read(tmp_path / "t", licenses=["permissive"])
    assert [d.path for d in documents] == ["LICENSE", "a.py", "either.c"] and set(left.values()) == {"license"}
    config = validate(IngestCode, {"licenses": ["MIT"]}, "test")
    details = [row.outcome.detail for unit in find([str(tmp_path / "t")], config) for row in core(unit, config)
               if isinstance(row, Failure)]  # fmt: skip
    assert "t: sub/deep/m.rs: MPL-2.0" in details
    write(tmp_path / "none", {"a.py": b"a = 1\n"})
    assert read(tmp_path / "none", licenses=["permissive"])[1] == {"a.py": "license"}
    assert len(read(tmp_path / "none", licenses=["permissive", "unknown"])[0]) == 1
    with pytest.raises(UsageError, match="no spdx identifier"):
        validate(IngestCode, {"licenses": ["mitt"]}, "test")


def test_tags_may_be_dropped(tmp_path: Path) -> None:
    write(tmp_path / "t", {"a.py": b"a = 1\n", "vendor/b.js": b"let b\n", "yarn.lock": b"# yarn\n"})
    documents, left = read(tmp_path / "t", drop_tags=["vendored", "lock"])
    assert [d.path for d in documents] == ["a.py"] and left == {"vendor/b.js": "vendored", "yarn.lock": "lock"}


# -- hostile repositories --------------------------------------------------------------------------------------------


def test_nothing_in_a_repository_is_run_and_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = write(tmp_path / "outside", {"secret.txt": b"do-not-read-4711\n"})
    other = tmp_path / "other"
    repository(other, {"private.py": b"# do-not-read-4711\n"})
    victim = tmp_path / "victim"
    repository(
        victim,
        FILES | {"link": b"../outside/secret.txt", ".gitattributes": b"* filter=evil diff=evil\n"},
        modes={"link": 0o120000},
    )
    mark = tmp_path / "was-run"
    (victim / "link").symlink_to("../outside/secret.txt")
    hooks = victim / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "fsmonitor-watchman", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    with open(victim / ".git/config", "a") as stream:
        run = f"touch {mark}"
        stream.write(
            f'[core]\n\tfsmonitor = "{run}"\n\tsshCommand = "{run}"\n\tpager = "{run}"\n\thooksPath = {hooks}\n\tworktree = {secret}\n'
            f'[filter "evil"]\n\tclean = "{run}"\n\tsmudge = "{run}"\n\tprocess = "{run}"\n[diff "evil"]\n\ttextconv = "{run}"\n'
            f'[include]\n\tpath = {tmp_path}/outside/secret.txt\n[uploadpack]\n\tpackObjectsHook = "{run}"\n[credential]\n\thelper = "!{run}"\n'
        )
    (victim / ".git/objects/info").mkdir(exist_ok=True)
    (victim / ".git/objects/info/alternates").write_text(f"{other}/.git/objects\n")
    before = snapshot(tmp_path)
    documents, left = read(victim)
    assert snapshot(tmp_path) == before and not mark.exists()
    assert left == {"link": "symlink"} and {d.path for d in documents} == {*FILES, ".gitattributes"}
    assert "do-not-read" not in repr(documents)


def test_alternates_linked_packs_and_git_files_are_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    made = repository(other, {"private.py": b"# do-not-read-4711\n"}, packed=True)
    for name in ("alternates", "linked-pack", "linked-objects", "linked-ref"):
        place = tmp_path / name
        Repo.init(str(place), mkdir=True).close()
        (place / ".git/refs/heads").mkdir(parents=True, exist_ok=True)
        (place / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (place / ".git/refs/heads/main").write_text(made + "\n")
    (tmp_path / "alternates/.git/objects/info").mkdir(exist_ok=True)
    (tmp_path / "alternates/.git/objects/info/alternates").write_text(f"{other}/.git/objects\n")
    for path in (other / ".git/objects/pack").iterdir():
        (tmp_path / "linked-pack/.git/objects/pack").mkdir(exist_ok=True)
        (tmp_path / "linked-pack/.git/objects/pack" / path.name).symlink_to(path)
    import shutil

    shutil.rmtree(tmp_path / "linked-objects/.git/objects")
    (tmp_path / "linked-objects/.git/objects").symlink_to(other / ".git/objects")
    os.remove(tmp_path / "linked-ref/.git/refs/heads/main")
    (tmp_path / "linked-ref/.git/refs/heads/main").symlink_to(other / ".git/refs/heads/main")
    found = {name: read(tmp_path / name) for name in ("alternates", "linked-pack", "linked-objects", "linked-ref")}
    assert all(documents == [] for documents, _ in found.values())
    assert {name: set(left.values()) for name, (_, left) in found.items()} == {
        "alternates": {"corrupt"}, "linked-pack": {"corrupt"}, "linked-objects": {"outside"}, "linked-ref": {"empty"},
    }  # fmt: skip
    place = write(tmp_path / "worktree", {"a.py": b"a = 1\n"})
    (place / ".git").write_text(f"gitdir: {other}/.git\n")
    documents, left = read(place)
    assert [d.path for d in documents] == ["a.py"] and left == {".git": "git-file"}
    os.remove(place / ".git")
    (place / ".git").symlink_to(other / ".git")
    documents, left = read(place)
    assert [d.path for d in documents] == ["a.py"] and left == {".git": "symlink"}


def test_submodules_and_names_that_lead_out(tmp_path: Path) -> None:
    names = {"ok.py": b"a = 1\n", "..": b"b = 1\n", ".git": b"c = 1\n", "a\\..\\b": b"d = 1\n", "sub": b"1" * 40}
    repository(tmp_path / "t", names, modes={"sub": 0o160000})
    documents, left = read(tmp_path / "t")
    assert [d.path for d in documents] == ["ok.py"]
    assert left == {"'..'": "unsafe-path", "'.git'": "unsafe-path", repr("a\\..\\b"): "unsafe-path", "sub": "submodule"}


def test_git_bombs_are_refused_before_they_are_made(tmp_path: Path) -> None:
    zeros = bytes(1000)
    delta = _number(1000) + _number(1 << 33) + b"\x80" * 4  # declares 8 GiB
    blob = pack_object(3, zeros)
    objects = [
        blob,
        pack_object(7, delta, base=hashlib.sha1(b"blob 1000\0" + zeros).digest()),
        pack_object(3, b"x", size=1 << 40),
    ]
    tree = b"100644 a.py\0" + hashlib.sha1(b"blob 1000\0" + zeros).digest()
    objects = [objects[0], objects[1], pack_object(2, tree)]
    head = (
        b"tree %s\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm\n"
        % hashlib.sha1(b"tree %d\0" % len(tree) + tree).hexdigest().encode()
    )
    objects.append(pack_object(1, head))
    name = hashlib.sha1(b"commit %d\0" % len(head) + head).hexdigest()
    (tmp_path / "b.bundle").write_bytes(f"# v2 git bundle\n{name} refs/heads/main\n\n".encode() + pack(objects))
    assert read(tmp_path / "b.bundle")[1] == {"a.py": "binary"}  # the delta of 8 GiB was passed over, the rest is read
    lying = pack([pack_object(3, b"x" * 100, size=10), *objects])
    (tmp_path / "l.bundle").write_bytes(f"# v2 git bundle\n{name} refs/heads/main\n\n".encode() + lying)
    assert rules(tmp_path / "l.bundle") == [("errored", "corrupt")]
    # folders within folders, each ten times: 10^12 paths of a dozen objects
    repo = Repo.init(str(tmp_path / "deep"), mkdir=True)
    from dulwich.objects import Blob, Tree

    inner: Any = Blob.from_string(b"x\n")
    repo.object_store.add_object(inner)
    mode = 0o100644
    for _ in range(12):
        outer = Tree()
        for number in range(10):
            outer[b"%d" % number] = (mode, inner.id)
        repo.object_store.add_object(outer)
        inner, mode = outer, 0o040000
    made = commit(repo, {"x": b"y"})
    top = repo[made]
    top.tree = inner.id
    repo.object_store.add_object(top)
    repo.refs[b"refs/heads/main"] = top.id
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
    repo.close()
    documents, left = read(tmp_path / "deep", max_files=500)
    assert 300 < len(documents) <= 500 and left == {"the rest of the tree": "corrupt"}


def _number(value: int) -> bytes:
    made = bytearray()
    while True:
        made.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(made)


def test_damaged_repositories_cost_what_is_damaged(tmp_path: Path) -> None:
    repository(tmp_path / "t", FILES)
    for data, mend in ((FILES["src/a.py"], b""), (FILES["src/b.c"], zlib.compress(b"blob 7\0int c;\n"))):
        name = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        path = tmp_path / "t/.git/objects" / name[:2] / name[2:]
        os.chmod(path, 0o644)
        os.remove(path) if not mend else path.write_bytes(mend)
    documents, left = read(tmp_path / "t")
    assert [d.path for d in documents] == ["LICENSE", "README.md"] and left == {
        "src/a.py": "missing-object",
        "src/b.c": "corrupt",
    }
    Repo.init(str(tmp_path / "empty"), mkdir=True).close()
    assert rules(tmp_path / "empty") == [("dropped", "empty")]
    repository(tmp_path / "p", packed=True)
    found = next((tmp_path / "p/.git/objects/pack").glob("*.pack"))
    os.chmod(found, 0o644)
    found.write_bytes(found.read_bytes()[:10])
    assert rules(tmp_path / "p") == [("errored", "corrupt")]
    repository(tmp_path / "c", FILES)  # a configuration of empty lines took minutes
    (tmp_path / "c/.git/config").write_bytes(b"\n" * (1 << 20))
    assert len(read(tmp_path / "c")[0]) == len(FILES)
    repository(tmp_path / "i", packed=True)
    found = next((tmp_path / "i/.git/objects/pack").glob("*.idx"))
    os.chmod(found, 0o644)
    found.write_bytes(found.read_bytes()[:3])
    assert rules(tmp_path / "i") == [("errored", "corrupt")]


def test_an_index_that_leads_astray_costs_the_repository_and_no_more(tmp_path: Path) -> None:
    repository(tmp_path / "t", packed=True)
    found = next((tmp_path / "t/.git/objects/pack").glob("*.idx"))
    os.chmod(found, 0o644)
    whole = found.read_bytes()
    for start, count, byte in (
        (8, 1024, b"\xff"),
        (8, 1024, b"\0"),
        (1032, 40, b"\xff"),
        (len(whole) - 80, 40, b"\xff"),
        (4, 4, b"\xff"),
    ):
        found.write_bytes(whole[:start] + byte * count + whole[start + count :])
        made = [rule for _, rule in rules(tmp_path / "t")]
        assert made and set(made) <= {"corrupt", "missing-object"}, (start, byte)


def test_a_chain_of_deltas_may_make_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [bytes(5000) + b"abcd"[:count] for count in range(4)]
    names = [hashlib.sha1(b"blob %d\0" % len(text) + text).digest() for text in texts]
    objects = [pack_object(3, texts[0])]
    for count in range(3):  # each copies the one before, and inserts a letter
        copied = b"\xb0" + (5000 + count).to_bytes(2, "little") + b"\x01" + b"abcd"[count : count + 1]
        delta = _number(5000 + count) + _number(5001 + count) + copied
        objects.append(pack_object(7, delta, base=names[count]))
    offsets: dict[bytes, int] = {}

    def opened() -> Pack:
        with (tmp_path / "p").open("rb") as stream:
            return Pack(stream, 0, offsets.get, 20)

    (tmp_path / "p").write_bytes(pack(objects))
    for name, (offset, _, _, _) in zip(names, opened().entries(), strict=True):
        offsets[name] = offset
    assert opened().read(offsets[names[3]], 1 << 20) == (3, texts[3])
    monkeypatch.setattr(git_objects, "_MOST_MADE", 10_000)  # 1 GiB: two of the three fit, by far
    assert opened().read(offsets[names[1]], 1 << 20) == (3, texts[1])
    with pytest.raises(git_objects.Corrupt, match="a chain of deltas that makes more"):
        opened().read(offsets[names[3]], 1 << 20)


@pytest.mark.parametrize("charset", [b"undefined", b"punycode", b"idna", b"base64", b"no such", b"\xff"])
def test_a_commit_that_names_a_codec_of_no_text_is_read_as_utf8(charset: bytes) -> None:
    head = b"tree %b\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\nencoding %b\n\n" % (b"a" * 40, charset)
    began = time.process_time()
    assert parse_commit("f" * 40, head + "é".encode() * 200_000).message.startswith("éé")
    assert time.process_time() - began < 2  # punycode took the square


# -- hostile archives ------------------------------------------------------------------------------------------------


def test_names_and_links_of_archives(tmp_path: Path) -> None:
    bad = {
        "../up.py": b"a\n",
        "/abs.py": b"b\n",
        "C:/drive.py": b"c\n",
        "d/../../e.py": b"d\n",
        "w\\..\\x.py": b"e\n",
        "ok.py": b"f = 1\n",
    }
    tar(tmp_path / "t.tar", bad, "w")
    zipped(tmp_path / "z.zip", bad, {"link.py": "/etc/passwd"})
    for name in ("t.tar", "z.zip"):
        documents, left = read(tmp_path / name)
        assert [d.path for d in documents] == ["ok.py"]
        assert list(left.values()).count("unsafe-path") == 5
    assert read(tmp_path / "z.zip")[1]["link.py"] == "symlink"
    tar_of(tmp_path / "l.tar", [("s", tarfile.SYMTYPE, "/etc/passwd"), ("h", tarfile.LNKTYPE, "../../etc/passwd"),
                                ("p", tarfile.FIFOTYPE, ""), ("c", tarfile.CHRTYPE, ""), ("d", tarfile.DIRTYPE, "")])  # fmt: skip
    assert read(tmp_path / "l.tar") == ([], {"s": "symlink", "h": "hard-link", "p": "not-a-file", "c": "not-a-file"})


def test_bombs_are_bounded(tmp_path: Path) -> None:
    tar(tmp_path / "t.tar.gz", {"a.py": b"a = 1\n", "big": bytes(60 << 20), "b.py": b"b = 1\n"})
    many = {f"{n}.txt": b"\n" * 900_000 for n in range(40)}
    zipped(tmp_path / "z.zip", {"a.py": b"a = 1\n"} | many)
    tar(tmp_path / "x.tar.xz", {"a.py": b"a = 1\n", "big": bytes(60 << 20), "b.py": b"b = 1\n"}, "w:xz")
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one", bytes(50 << 20))
    tar(
        tmp_path / "n.tar.gz",
        {"in.tar.gz": gzip.compress(bytes(1000)), "in.zip": b"PK\x03\x04" + bytes(50), "a.py": b"a = 1\n"},
    )
    tracemalloc.start()
    assert ("errored", "bomb") in rules(tmp_path / "t.tar.gz") and [d.path for d in read(tmp_path / "t.tar.gz")[0]] == [
        "a.py"
    ]
    assert ("errored", "bomb") in rules(tmp_path / "z.zip")
    assert ("errored", "bomb") in rules(tmp_path / "x.tar.xz")
    assert rules(tmp_path / "one.zip") == [("dropped", "too-large")]
    assert read(tmp_path / "n.tar.gz")[1] == {"in.tar.gz": "binary", "in.zip": "binary"}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20
    tar(tmp_path / "m.tar.gz", {f"{n}.py": b"a = 1\n" for n in range(50)})
    documents, left = read(tmp_path / "m.tar.gz", max_files=20)
    assert len(documents) == 20 and list(left.values()) == ["too-many-files"]
    assert rules(tmp_path / "m.tar.gz", max_total_bytes=10_000) == [("errored", "bomb")]


@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz", "t.tar.bz2", "t.tar.xz", "t.zip"])
def test_of_a_cut_archive_what_came_before_is_kept(tmp_path: Path, name: str) -> None:
    files = {f"{n:02}.py": os.urandom(20_000).hex().encode() for n in range(30)}
    whole = zipped(tmp_path / name, files) if name.endswith("zip") else tar(
        tmp_path / name, files, "w" if name == "t.tar" else f"w:{name.rpartition('.')[2]}"
    )  # fmt: skip
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    documents, left = read(whole)
    assert 10 <= len(documents) < 25 or name == "t.tar.bz2"
    assert all(files[d.path or ""].decode() == d.text for d in documents)
    assert "truncated" in left.values()


def test_archives_that_are_none_and_of_two_members_of_one_name_the_last(tmp_path: Path) -> None:
    for name, data in (
        ("a.zip", b"PK\x05\x06"),
        ("b.tar.gz", b"hello"),
        ("c.tgz", gzip.compress(b"no tar")),
        ("d.whl", b""),
    ):
        (tmp_path / name).write_bytes(data)
        assert [outcome for outcome, _ in rules(tmp_path / name)] == ["errored"]
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        import io

        for data in (b"first = 1\n", b"second = 1\n"):
            info = tarfile.TarInfo("a.py")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    [made], left = read(tmp_path / "t.tar")
    assert made.text == "second = 1\n" and left == {"a.py": "replaced"}


def test_trees_with_links_pipes_and_loops(tmp_path: Path) -> None:
    place = write(tmp_path / "t", {"a.py": b"a = 1\n", "d/b.py": b"b = 1\n"})
    (place / "d/loop").symlink_to("..")
    (place / "out").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe")
    documents, left = read(place)
    assert [d.path for d in documents] == ["a.py", "d/b.py"]
    assert left == {"d/loop": "symlink", "out": "symlink", "pipe": "not-a-file"}


# -- through the kernel ----------------------------------------------------------------------------------------------


def corpus(folder: Path) -> Path:
    write(folder, {f"tree/{n}.py": f"n = {n}\n".encode() * (n + 1) for n in range(60)})
    for n in range(4):
        repository(
            folder / f"r{n}",
            FILES | {f"f{m}.py": f"m = {m * n}\n".encode() * 300 for m in range(40)},
            packed=n % 2 == 0,
        )
        tar(folder / f"a{n}.tar.gz", {f"a{n}/f{m}.js": f"let m = {m * n}\n".encode() * 500 for m in range(40)})
    (folder / "cut.tar.gz").write_bytes((folder / "a1.tar.gz").read_bytes()[:900])
    return folder


def ingest(source: Path, output: Path, workers: int = 1, **settings: Any) -> Dataset:
    config = validate(IngestCode, {"max_error_rate": 0.05, "part_bytes": 1 << 16, **settings}, "test")
    return execute(STAGE, config, {"input": [str(source)]}, str(output), workers=workers).dataset


def test_the_same_bytes_for_any_number_of_workers_and_any_packing(tmp_path: Path, digest: Digest) -> None:
    source = corpus(tmp_path / "in")
    made = [digest(ingest(source, tmp_path / str(workers), workers).url) for workers in (1, 2, 4)]
    assert len(set(made)) == 1
    dataset = Dataset.open(str(tmp_path / "1"))
    assert (
        dataset.counts["errored"] == 1
        and 0 < dataset.counts["kept"] - (60 + 4 * 44 + 4 * 40) < 40  # of the archive that is cut
        and list(dataset.problems()) == []
    )
    for n in range(4):  # packed anew, the same commit: nothing to do
        repo = Repo(str(source / f"r{n}"))
        repo.object_store.pack_loose_objects()
        repo.close()
        (source / f"r{n}/.git/index").write_bytes(b"changed")
    config = validate(IngestCode, {"max_error_rate": 0.05, "part_bytes": 1 << 16}, "test")
    assert execute(STAGE, config, {"input": [str(source)]}, str(tmp_path / "1")).skipped
    repo = Repo(str(source / "r1"))
    commit(repo, {"new.py": b"new = 1\n"})
    repo.close()
    with pytest.raises(UsageError, match="made from something else"):
        ingest(source, tmp_path / "1")


def test_killed_and_run_again(tmp_path: Path, digest: Digest) -> None:
    source = corpus(tmp_path / "in")
    whole = digest(ingest(source, tmp_path / "whole").url)
    script = (
        "import sys, time\nfrom arcmill.execute import execute\nfrom arcmill.config import validate\n"
        "import ingest.code.inputs as inputs\nfrom ingest.code.stage import STAGE, IngestCode\n"
        "real = inputs.read_input\n"
        "def slow(file, config):\n    time.sleep(0.15)\n    return real(file, config)\n"
        "inputs.read_input = slow\n"
        "config = validate(IngestCode, {'max_error_rate': 0.05, 'part_bytes': 1 << 16}, 'test')\n"
        f"execute(STAGE, config, {{'input': [{str(source)!r}]}}, {str(tmp_path / 'cut')!r})\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 60
    while len(list((tmp_path / "cut").glob("_staging/task-*.json"))) < 2 and time.monotonic() < until:
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut/_staging").glob("task-*.json")}
    assert len(done) >= 2 and not (tmp_path / "cut/manifest.json").exists()
    assert digest(ingest(source, tmp_path / "cut").url) == whole


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    line = os.urandom(400).hex().encode() + b"\n"
    tar(tmp_path / "t.tar", {f"{n}.txt": line * 1000 for n in range(100)}, "w")  # 80 MB
    tracemalloc.start()
    config = IngestCode()
    made = sum(
        isinstance(item, Document) for unit in find([str(tmp_path / "t.tar")], config) for item in core(unit, config)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made == 100 and peak < 60 << 20

"""Git: bundles, and repositories whose packs, indexes, references and loose objects are damaged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..harness import Harness, told

FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")
_PARTS: list[tuple[str, bytes]] = []  # (path below the control folder, or "bundle"; bytes)


def _made() -> list[tuple[str, bytes]]:
    """The files of a small repository, packed and loose, and a bundle of it."""
    if _PARTS:
        return _PARTS
    from dulwich import porcelain
    from dulwich.objects import Blob, Commit, Tree
    from dulwich.repo import Repo

    root = Path(FOLDER.name, "repo")
    root.mkdir()
    repo = Repo.init_bare(str(root))
    parent: list[bytes] = []
    for turn in range(3):
        tree = Tree()
        for name in (b"a.py", b"b.txt"):
            blob = Blob.from_string(b"line of %b\n" % name * (40 + turn))
            repo.object_store.add_object(blob)
            tree.add(name, 0o100644, blob.id)
        repo.object_store.add_object(tree)
        commit = Commit()
        commit.tree, commit.parents, commit.message = tree.id, parent, b"a commit\n"
        commit.author = commit.committer = b"A <a@b.example>"
        commit.author_time = commit.commit_time = 1_600_000_000
        commit.author_timezone = commit.commit_timezone = 0
        repo.object_store.add_object(commit)
        parent = [commit.id]
    repo.refs[b"refs/heads/main"] = parent[0]
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
    loose = [path for path in root.rglob("*") if path.is_file() and "objects" in path.parts]
    parts = [(str(path.relative_to(root)), path.read_bytes()) for path in loose]
    parts += [
        ("HEAD", b"ref: refs/heads/main\n"),
        ("packed-refs", b"# pack-refs with: peeled\n%b refs/heads/main\n" % parent[0]),
    ]
    parts += [("config", b'[core]\n\tbare = true\n[remote "origin"]\n\turl = https://a:b@c.example/d/e.git\n')]
    porcelain.repack(repo)
    packs = sorted((root / "objects" / "pack").iterdir())
    parts += [(str(path.relative_to(root)), path.read_bytes()) for path in packs]
    pack = next(path for path in packs if path.suffix == ".pack").read_bytes()
    parts.append(("bundle", b"# v2 git bundle\n%b refs/heads/main\n\n" % parent[0] + pack))
    repo.close()
    _PARTS.extend(parts)
    return _PARTS


def seeds() -> list[bytes]:
    """The number of a part, and its bytes."""
    return [bytes([number]) + data for number, (_, data) in enumerate(_made())]


def run(data: bytes) -> str:
    from ingest.code.inputs import find_inputs, read_input
    from ingest.code.stage import IngestCode
    from ingest.forge.inputs import find_inputs as find_histories
    from ingest.forge.inputs import read_input as read_history
    from ingest.forge.stage import IngestForge

    parts = _made()
    name, whole = parts[data[0] % len(parts)] if data else parts[0]
    code, forge = IngestCode(), IngestForge(max_commits=50)
    if name == "bundle":
        path = Path(FOLDER.name, "a.bundle")
        path.write_bytes(data[1:])
    else:
        path = Path(FOLDER.name, "repo")
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).unlink(missing_ok=True)  # packs are read-only
        (path / name).write_bytes(data[1:])
    try:
        rows = [row for unit in find_inputs([str(path)], code) for row in read_input(unit, code)]
        rows += [row for unit in find_histories([str(path)], forge) for row in read_history(unit, forge)]
    finally:
        if name != "bundle":
            (path / name).unlink(missing_ok=True)
            (path / name).write_bytes(whole)
    return told(rows)


HARNESS = Harness(
    "git",
    seeds,
    run,
    tokens=(
        "PACK\0\0\0\2",
        "ref: ",
        "tree ",
        "parent ",
        "commit ",
        "encoding punycode\n",
        "encoding undefined\n",
        "\xfftOc\0\0\0\2",
        "gitdir: ../..",
    ),
)

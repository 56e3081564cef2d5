"""Repositories and archives for the tests, built by dulwich and by hand: nothing of them is ever run."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

MIT = """MIT License

Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
FILES = {
    "LICENSE": MIT.encode(),
    "README.md": b"# Thing\n",
    "src/a.py": b"print(1)\r\nprint(2)\n",
    "src/b.c": b"int b;\n",
}
TIME = 1_600_000_000  # 2020-09-13T12:26:40Z


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files below a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def commit(repo: Repo, files: Mapping[str, bytes], modes: Mapping[str, int] | None = None, parents: list[bytes] | None = None,
           message: bytes = b"a commit\n", author: bytes = b"A Person <a@example.org>", time: int = TIME) -> bytes:  # fmt: skip
    """A commit of exactly these files; a name may be any that a tree object can hold. The id of the commit, in hex."""
    folders: dict[str, Tree] = {"": Tree()}

    def folder(path: str) -> Tree:
        if path not in folders:
            folders[path] = Tree()
            folder(path.rpartition("/")[0])
        return folders[path]

    for name, data in files.items():
        mode = (modes or {}).get(name, 0o100644)
        if mode == 0o160000:
            key = data
        else:
            blob = Blob.from_string(data)
            repo.object_store.add_object(blob)
            key = blob.id
        folder(name.rpartition("/")[0])[name.rpartition("/")[2].encode()] = (mode, key)
    for path in sorted(folders, key=len, reverse=True):
        repo.object_store.add_object(folders[path])
        if path:
            folder(path.rpartition("/")[0])[path.rpartition("/")[2].encode()] = (0o040000, folders[path].id)
    made = Commit()
    made.tree = folders[""].id
    made.parents = parents or []
    made.author = made.committer = author
    made.author_time = made.commit_time = time
    made.author_timezone = made.commit_timezone = 0
    made.message = message
    repo.object_store.add_object(made)
    repo.refs[b"refs/heads/main"] = made.id
    return bytes(made.id)


def repository(path: Path, files: Mapping[str, bytes] = FILES, bare: bool = False, packed: bool = False,
               modes: Mapping[str, int] | None = None) -> str:  # fmt: skip
    """A repository of one commit on main, and its id."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo.init_bare(str(path)) if bare else Repo.init(str(path))
    made = commit(repo, files, modes)
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
    if packed:
        repo.object_store.pack_loose_objects()
    repo.close()
    return made.decode()


def tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    """A tar of regular files."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tar_of(path: Path, members: list[tuple[str, bytes, str]]) -> Path:
    """A tar of (name, type flag, target of a link)."""
    with tarfile.open(path, "w") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return path


def zipped(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    """A zip of files and symbolic links."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


def pack_object(kind: int, data: bytes, size: int | None = None, base: bytes = b"") -> bytes:
    """An object as a pack holds it; `size` may lie."""
    size = len(data) if size is None else size
    head = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + base + zlib.compress(data)


def pack(objects: list[bytes]) -> bytes:
    """A pack of objects as they are."""
    body = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    return body + hashlib.sha1(body).digest()


def snapshot(root: Path) -> dict[str, tuple[int, float]]:
    """Sizes and times of everything below a folder: what must not change."""
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime) for p in sorted(root.rglob("*")) if not p.is_dir()} | {
        "": (len(os.listdir(root)), 0.0)
    }

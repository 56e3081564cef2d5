"""Which repositories, archives and trees an input names, and the reading of each.

A folder with `.git` and a bare repository are one repository, a bundle or an archive is one, whatever else a folder holds is
its tree: an input of its own for each path or match of a glob that was given. Repositories and trees lie on local disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from arcmill.errors import InputError
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from arcmill.storage import file_sha256, is_local, list_files, locate
from ingest.code.archive import Archive, NotAnArchive
from ingest.code.documents import Origin, documents
from ingest.code.git_bundle import BUNDLE, open_bundle
from ingest.code.git_objects import Corrupt, Missing, TooLarge
from ingest.code.git_repository import (
    BadRepository,
    Repository,
    is_repository,
    open_folder,
)
from ingest.code.items import Limits, Source
from ingest.code.licences import Licences, wanted
from ingest.code.package import of_root
from ingest.code.repository import Revision
from ingest.code.tree import VERSION_CONTROL, Tree

if TYPE_CHECKING:
    from ingest.code.stage import IngestCode

ARCHIVES = (
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".zip", ".whl", ".crate",
)  # fmt: skip
BUNDLES = (".bundle",)
FILE_BYTES = 8192  # of a file of a repository, where inputs are grouped into tasks: the same for any way it is packed


@dataclass(frozen=True, slots=True)
class Input(SourceFile):
    """One unit of work. `kind`: git (a control folder), bundle, archive, tree, file."""

    kind: str = "tree"
    commit: str | None = None  # that is read of a git repository
    inner: tuple[str, ...] = ()  # below a tree, what is an input of its own


def find_inputs(urls: Sequence[str], config: IngestCode) -> list[SourceFile]:
    """The inputs in order of their names. Raises InputError where a path does not exist or holds nothing."""
    found: dict[str, Input] = {}
    for url in urls:
        filesystem, path = locate(url)
        if not is_local(filesystem):
            for file in list_files([url], (*ARCHIVES, *BUNDLES)):
                if file.name.lower().endswith(BUNDLES):
                    raise InputError(
                        f"input {file.path}: bundles of git are read from local folders; copy it to this machine"
                    )
                add(found, Input(file.path, file.name, file.size, _digest(file.path), "archive"))
            continue
        for match in matches(url, path):
            for made in _inputs(match, config):
                add(found, made)
    return [found[name] for name in sorted(found)]


def add(found: dict[str, Input], made: Input) -> None:
    name = made.name
    while name in found and found[name].path != made.path:
        name = "+" + name  # two inputs of one name: both are kept
    found[name] = made if name == made.name else Input(
        made.path, name, made.size, made.digest, made.kind, made.commit, made.inner
    )  # fmt: skip


def matches(url: str, path: str) -> list[str]:
    import glob

    if os.path.exists(path):
        return [path.rstrip("/") or "/"]
    if not set("*?[") & set(path):
        raise InputError(f"input {url}: no such file or folder")
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise InputError(f"input {url}: the glob matches no file")
    return found


def _inputs(path: str, config: IngestCode) -> Iterator[Input]:
    """What one path on disk is: its own repository, bundle, archive or file, or a folder and the inputs within it."""
    name = os.path.basename(path)
    if not os.path.isdir(path):
        yield _file(path, name)
        return
    if (repository := repository_input(path, name, config.revision, config.max_files)) is not None:
        yield repository
        return
    inner: list[str] = []
    made: list[Input] = []
    for folder, folders, names in os.walk(path, onerror=_unreadable):
        kept = []
        for sub in sorted(folders):
            full = f"{folder}/{sub}"
            if os.path.islink(full) or sub in VERSION_CONTROL:
                continue
            if (
                repository := repository_input(
                    full, f"{name}/{full[len(path) + 1 :]}", config.revision, config.max_files
                )
            ) is not None:
                made.append(repository)
                inner.append(full)
            else:
                kept.append(sub)
        folders[:] = kept
        for sub in sorted(names):
            full = f"{folder}/{sub}"
            if sub.lower().endswith((*ARCHIVES, *BUNDLES)) and os.path.isfile(full) and not os.path.islink(full):
                made.append(_file(full, f"{name}/{full[len(path) + 1 :]}"))
                inner.append(full)
    tree = Input(path, name, 0, None, "tree", None, tuple(inner))
    size, digest = _tree_digest(tree, config)
    if digest is not None:
        yield Input(path, name, size, digest, "tree", None, tuple(inner))
    elif not made:
        raise InputError(f"input {path}: the folder is empty")
    yield from made


def _unreadable(error: OSError) -> None:
    raise InputError(f"input {error.filename}: cannot be read ({error.strerror})")


def repository_input(path: str, name: str, revision: str, max_files: int) -> Input | None:
    """The repository that a folder is or holds in `.git`. A `.git` that is a file or a link leads elsewhere: it is none."""
    control = f"{path}/.git"
    if os.path.islink(control) or not is_repository(control):
        control = path
        if not is_repository(path):
            return None
    commit: str | None = None
    try:
        with open_folder(control) as repository:
            commit = repository.resolve(revision)
            tree = repository.commit(commit).tree
            files = sum(1 for _ in repository.entries(tree, max_files)) if max_files else 0
    except BadRepository as error:
        return Input(control, name, FILE_BYTES, f"{error.rule}: {error}", "git")
    except (Corrupt, Missing, TooLarge) as error:
        return Input(control, name, FILE_BYTES, f"damaged {commit}: {error}", "git", commit)
    return Input(control, name, FILE_BYTES * (files + 1), f"commit {commit}", "git", commit)


def _file(path: str, name: str) -> Input:
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if not os.path.isfile(path):
        return Input(path, name, 0, "not a file", "file")
    with open(path, "rb") as stream:
        head = stream.read(512)
    if BUNDLE.match(head):
        return Input(path, name, size, _digest(path), "bundle")
    if name.lower().endswith(ARCHIVES) or _looks_packed(head):
        return Input(path, name, size, _digest(path), "archive")
    return Input(path, name, size, _digest(path), "file")


def _looks_packed(head: bytes) -> bool:
    from ingest.tar import is_tar

    return head.startswith((b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")) or is_tar(head)


def _digest(path: str) -> str:
    try:
        return file_sha256(*locate(path))
    except OSError as error:
        return f"unreadable: {error.strerror or type(error).__name__}"


def _tree_digest(tree: Input, config: IngestCode) -> tuple[int, str | None]:
    """(bytes, digest) of what is read of a tree; None where it holds no file."""
    total, sha = 0, hashlib.sha256()
    empty = True
    for item in _tree(tree, config).items():
        empty = False
        total += len(item.data)
        data = hashlib.sha256(item.data).hexdigest() if item.outcome is None else repr(item.outcome)
        sha.update(f"{item.path}\0{data}\n".encode("utf-8", "surrogateescape"))
    return total, None if empty else sha.hexdigest()


def _tree(tree: Input, config: IngestCode) -> Tree:
    inner = frozenset(tree.inner)
    return Tree(tree.path, limits(config), inner.__contains__)


def limits(config: IngestCode) -> Limits:
    """The bounds that a config sets."""
    return Limits(config.max_file_bytes, config.max_files, config.max_total_bytes, config.max_ratio)


# -- reading ---------------------------------------------------------------------------------------------------------


def read_input(file: SourceFile, config: IngestCode) -> Iterator[Document | Failure]:
    """The documents of one input. What cannot be read at all is one errored row."""
    unit = cast(Input, file)
    try:
        if unit.kind == "git":
            with open_folder(unit.path) as repository:
                yield from _revision(repository, unit, config)
        elif unit.kind == "bundle":
            with open_bundle(unit.path) as repository:
                yield from _revision(repository, unit, config)
        elif unit.kind == "archive":
            yield from _archive(unit, config)
        else:
            tree = _tree(unit, config)
            if unit.kind == "file":
                folder, _, name = unit.path.rpartition("/")
                tree = Tree(folder or "/", limits(config), lambda path: False, name)
            yield from _plain(tree, unit, config)
    except BadRepository as error:
        outcome = "dropped" if error.rule == "empty" else "errored"
        yield Failure(stable_id("input", unit.name), Outcome(error.rule, outcome, detail=f"{unit.name}: {error}"))
    except (Corrupt, Missing, TooLarge) as error:
        yield Failure(stable_id("input", unit.name), Outcome("corrupt", "errored", detail=f"{unit.name}: {error}"))
    except NotAnArchive as error:
        yield Failure(
            stable_id("input", unit.name), Outcome("not-an-archive", "errored", detail=f"{unit.name}: {error}")
        )


def _revision(repository: Repository, unit: Input, config: IngestCode) -> Iterator[Document | Failure]:
    commit = repository.commit(unit.commit or repository.resolve(config.revision))
    source = Revision(repository, commit.tree, limits(config))
    files, _ = source.context(wanted)
    created = (
        datetime.fromtimestamp(commit.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 <= commit.time < 1 << 37 else None
    )
    name = config.repo or repository.origin or stem(unit.name)
    origin = Origin("git", name, commit.id, created, commit.id)
    yield from documents(source, origin, Licences(files, None), config)


def _archive(unit: Input, config: IngestCode) -> Iterator[Document | Failure]:
    archive = Archive(unit.open, limits(config))
    files, _ = archive.context(wanted)
    package = of_root(files)
    kind = package.kind if package.kind and package.name else "archive"
    name = config.repo or package.name or stem(archive.root.rstrip("/") or unit.name)
    revision = package.version or unit.name
    yield from _sourced(archive, Origin(kind, name, revision, version=package.version), files, package.license, config)


def _plain(tree: Tree, unit: Input, config: IngestCode) -> Iterator[Document | Failure]:
    files, _ = tree.context(wanted)
    package = of_root(files)
    place = unit.name if unit.kind == "tree" else os.path.dirname(unit.path)
    name = config.repo or (stem(place) if unit.kind == "tree" else os.path.basename(place))
    revision = package.version or unit.name
    yield from _sourced(tree, Origin("tree", name, revision, version=package.version), files, package.license, config)


def _sourced(
    source: Source, origin: Origin, files: dict[str, bytes], stated: str | None, config: IngestCode
) -> Iterator[Document | Failure]:
    yield from documents(source, origin, Licences(files, stated), config)


def stem(name: str) -> str:
    """The last component of a name without what tells its format."""
    name = name.rstrip("/").removesuffix("/.git").rpartition("/")[2].lstrip("+")
    for suffix in sorted((*ARCHIVES, *BUNDLES, ".git"), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name

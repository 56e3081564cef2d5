"""Where bytes lie: fsspec URLs, listing of raw input, and writes that land whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from arcmill.errors import EngineError, InputError
from arcmill.remote import reaching
from arcmill.stage import SourceFile

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CHUNK = 1 << 20
_MAGIC = frozenset("*?[")


@cache
def _filesystem(protocol_probe: str) -> AbstractFileSystem:
    import fsspec

    filesystem: AbstractFileSystem = fsspec.core.url_to_fs(protocol_probe)[0]
    return filesystem


def locate(url: str) -> tuple[AbstractFileSystem, str]:
    """The filesystem of an fsspec URL, and the path on it. Local paths become absolute."""
    url = os.fspath(url)
    if "://" not in url:
        return _filesystem("/"), os.path.abspath(os.path.expanduser(url))
    import fsspec

    try:
        # fsspec remembers listings for the life of a process: what another run wrote meanwhile would not be seen.
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise InputError(f"{url}: {error}") from None
    return filesystem, path


def is_local(filesystem: AbstractFileSystem) -> bool:
    """True where a rename is atomic and a lock can be held."""
    return "file" in (filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,))


def write_json(
    filesystem: AbstractFileSystem, path: str, value: Any, *, new: bool = False, by: str | None = None
) -> None:
    """Write JSON so that a reader sees the whole file or none (rename locally, one PUT on an object store).

    `new`: on an object store, FileExistsError where there is one already. `by`: a folder of the same filesystem for the file
    until it is whole, where nobody minds one that a kill left; without it, beside the path.
    """
    data = (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
    if is_local(filesystem):
        temporary = f"{by}/{uuid.uuid4().hex}" if by else f"{path}.{uuid.uuid4().hex}"
        try:
            with open(temporary, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(temporary)
            raise
    else:
        filesystem.pipe_file(path, data, mode="create" if new else "overwrite")


def read_json(filesystem: AbstractFileSystem, path: str) -> Any:
    """Read JSON; FileNotFoundError when there is none, InputError when it is not JSON."""
    data = filesystem.cat_file(path)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is not JSON (truncated or damaged); rebuild with --force") from None


class HashingFile:
    """A binary file for writing that knows the SHA-256 and the length of what went through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest, self.bytes = stream, hashlib.sha256(), 0
        self.closed = self._abandoned = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self._abandoned:
            return view.nbytes
        self._digest.update(view)
        self._stream.write(view)
        self.bytes += view.nbytes
        return view.nbytes

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        if not self._abandoned:
            self._stream.flush()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._stream.close()

    def abandon(self) -> None:
        """Close the file as it is, even on a full disk; what is still written to it goes nowhere."""
        self._abandoned = True
        with contextlib.suppress(OSError):
            self.close()
        self.closed = False

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def file_sha256(filesystem: AbstractFileSystem, path: str) -> str:
    """SHA-256 of a stored file, in hex."""
    digest = hashlib.sha256()
    with filesystem.open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def list_files(urls: Sequence[str], accepts: tuple[str, ...]) -> list[SourceFile]:
    """Files named by paths, folders (searched for the suffixes) and globs, in order of their names.

    Symbolic links that a search meets are not followed: in a folder that others filled, one may lead to any file of this
    machine. A link that is itself named is.

    Raises InputError where a path does not exist or a folder holds nothing of the kind.
    """
    found: dict[str, SourceFile] = {}
    for url in urls:
        filesystem, path = locate(url)
        names = _expand(filesystem, path, url, accepts)
        prefix = os.path.basename(path.rstrip("/")) + "/" if len(urls) > 1 and filesystem.isdir(path) else ""
        for name, (full, size) in names.items():
            key = prefix + name
            while key in found and found[key].path != filesystem.unstrip_protocol(full):
                key = "+" + key  # two inputs with files of one name: both are kept
            shown = full if is_local(filesystem) else filesystem.unstrip_protocol(full)
            found[key] = SourceFile(shown, key, size)
    return [found[name] for name in sorted(found)]


def _expand(
    filesystem: AbstractFileSystem, path: str, url: str, accepts: tuple[str, ...]
) -> dict[str, tuple[str, int]]:
    try:
        with reaching(f"input {url}"):
            there = filesystem.exists(path)
        if not there:
            if not _MAGIC & set(path):
                raise InputError(f"input {url}: no such file or folder")
            root = path[: min(path.index(sign) for sign in _MAGIC if sign in path)].rpartition("/")[0]
            matches = filesystem.glob(path, detail=True)
            files = {name: info["size"] for name, info in matches.items() if info["type"] == "file"}
            for name, info in matches.items():
                if info["type"] == "directory":
                    files.update(_search(filesystem, name, accepts))
            if not files:
                raise InputError(f"input {url}: the glob matches no file{_links(matches)}")
        elif filesystem.isdir(path):
            root, files = path.rstrip("/"), _search(filesystem, path, accepts)
            if not files:
                raise InputError(
                    f"input {url}: the folder holds none of {', '.join(accepts) or 'the files asked for'}"
                    f"{_links(filesystem.find(path, detail=True))}"
                )
        else:
            root, files = path.rpartition("/")[0], {path: filesystem.size(path) or 0}
    except OSError as error:
        raise InputError(f"input {url}: cannot be read ({error.strerror or error})") from None
    return {name[len(root) :].lstrip("/"): (name, size) for name, size in files.items()}


def _links(entries: Mapping[str, Any]) -> str:
    """What is to be said of symbolic links among what was found."""
    links = [name for name, info in entries.items() if info.get("islink")]
    if not links:
        return ""
    return (
        f"; {len(links)} symbolic link{'s' if len(links) > 1 else ''} such as {os.path.basename(min(links))} not followed, "
        "since a link may lead out of a folder that others filled: name each file itself, or the folder where they lie"
    )


def _search(filesystem: AbstractFileSystem, folder: str, accepts: tuple[str, ...]) -> dict[str, int]:
    entries = filesystem.find(folder, detail=True)
    return {
        name: info["size"]
        for name, info in entries.items()
        if info["type"] == "file" and name.lower().endswith(accepts or "")
    }


def no_space(error: BaseException) -> EngineError | None:
    """A clear error for a full disk or a read-only place, if that is what happened."""
    import errno

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            where = f" ({seen.filename})" if seen.filename else ""
            full = seen.errno in (errno.ENOSPC, errno.EDQUOT)
            mend = "once there is room" if full else "where it may write, or name another output"
            return EngineError(f"cannot write{where}: {os.strerror(seen.errno).lower()}; "
                               f"finished parts are kept, run the same command again {mend}")  # fmt: skip
        seen = seen.__cause__ or seen.__context__
    return None

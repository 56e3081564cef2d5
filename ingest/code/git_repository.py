"""A git repository on disk: its references, the commit of a revision, the files of that commit.

Nothing outside of the control folder is read: `.git` files, links that lead out, alternates and a configured work tree are
not followed, and what is read is the commit, never the work tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from arcmill.repository import of_address
from ingest.charset import codec
from ingest.code.git_objects import BLOB, CEILING, COMMIT, TAG, TREE, Corrupt, Missing, Objects, Pack

_REF = re.compile(r"^(?!.*\.\.)[A-Za-z0-9_+@.,#=-][\w+@.,#=%/-]*$")
HEX = re.compile(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")
# Blanks, never \s: over empty lines that would take the square of their number.
_ORIGIN = re.compile(r'^[ \t]*\[remote[ \t]+"origin"\][ \t\r]*$([^\[]*)', re.MULTILINE | re.IGNORECASE)
_URL = re.compile(r"^[ \t]*url[ \t]*=[ \t]*\"?(\S+?)\"?[ \t\r]*$", re.MULTILINE)
_MAX_REFS = 64 << 20  # bytes of packed-refs


class BadRepository(Exception):
    """It cannot be read at all; `rule` is what the ledger says."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


class Entry(NamedTuple):
    """An entry of a commit's tree that is no folder."""

    path: str
    mode: int
    name: bytes  # binary id


class Commit(NamedTuple):
    """What is needed of a commit. Texts are decoded as they say, or as UTF-8."""

    id: str
    tree: bytes
    parents: tuple[bytes, ...]
    time: int  # of the committer, seconds since 1970
    author: str
    committer: str
    message: str


class Repository:
    """An opened repository. Use as a context manager."""

    def __init__(self, objects: Objects, ref: Callable[[str], str | None], origin: str | None) -> None:
        self.objects, self._ref, self.origin = objects, ref, origin

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *error: object) -> None:
        self.objects.close()

    def resolve(self, revision: str) -> str:
        """The id (hex) of the commit that a branch, tag, full id or HEAD names. Raises BadRepository."""
        found = revision if HEX.match(revision) else None
        if found is None:
            if not _REF.match(revision):
                raise BadRepository("no-such-revision", f"'{revision}' is no name of a revision")
            for ref in (revision, f"refs/{revision}", f"refs/tags/{revision}", f"refs/heads/{revision}",
                         f"refs/remotes/{revision}", f"refs/remotes/origin/{revision}"):  # fmt: skip
                if (found := self._ref(ref)) is not None:
                    break
        if found is None:
            rule, detail = (
                ("empty", "no commit yet") if revision == "HEAD" else ("no-such-revision", f"no '{revision}'")
            )
            raise BadRepository(rule, detail)
        name = bytes.fromhex(found)
        try:
            for _ in range(8):
                kind, data = self.objects.kind(name)
                if kind == COMMIT:
                    return name.hex()
                if kind != TAG:
                    break
                name = bytes.fromhex(data.split(b"\n", 1)[0].removeprefix(b"object ").decode("ascii"))
        except (Missing, Corrupt, ValueError) as error:
            raise BadRepository("corrupt", f"{revision}: {error}") from None
        raise BadRepository("no-such-revision", f"'{revision}' is no commit")

    def commit(self, digits: str) -> Commit:
        """A commit by its id. Raises Missing, Corrupt, TooLarge."""
        data = self.objects.read(bytes.fromhex(digits), COMMIT, CEILING)
        return parse_commit(digits, data)

    def entries(self, tree: bytes, most: int) -> Iterator[Entry]:
        """The entries below a tree in git's order, at most `most` entries and folders. Raises Corrupt when there are more."""
        from dulwich.objects import parse_tree

        left = most
        stack: list[Iterator[tuple[bytes, int, bytes]]] = []
        prefixes: list[str] = []

        def opened(name: bytes) -> Iterator[tuple[bytes, int, bytes]]:
            try:
                return iter(parse_tree(self.objects.read(name, TREE, CEILING), len(name)))
            except (ValueError, IndexError) as error:
                raise Corrupt(f"a broken tree: {error}") from None
            except Exception as error:
                if isinstance(error, (Missing, Corrupt)):
                    raise
                raise Corrupt(f"a broken tree: {error}") from None

        stack.append(opened(tree))
        prefixes.append("")
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
                prefixes.pop()
                continue
            left -= 1
            if left < 0:
                raise Corrupt(f"more than {most:,} entries")
            raw, mode, name = item[0], item[1], bytes.fromhex(item[2].decode("ascii"))
            path = prefixes[-1] + raw.decode("utf-8", "backslashreplace")
            if mode & 0o170000 == 0o040000:
                if len(stack) > 256:
                    raise Corrupt("folders more than 256 deep")
                stack.append(opened(name))
                prefixes.append(path + "/")
            else:
                yield Entry(path, mode, name)

    def blob(self, name: bytes, limit: int) -> bytes:
        """The bytes of a file. Raises Missing, Corrupt, TooLarge."""
        return self.objects.read(name, BLOB, limit)


def parse_commit(digits: str, data: bytes) -> Commit:
    """A commit object's fields. Raises Corrupt where it has no tree or no time."""
    head, _, message = data.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):
            key, _, value = line.partition(b" ")
            fields.setdefault(key, []).append(value)
    try:
        tree = bytes.fromhex(fields[b"tree"][0].decode("ascii"))
        parents = tuple(bytes.fromhex(value.decode("ascii")) for value in fields.get(b"parent", []))
        time = int(fields[b"committer"][0].rsplit(b" ", 2)[1])
    except (KeyError, ValueError, IndexError, UnicodeDecodeError):
        raise Corrupt(f"commit {digits[:12]} is broken") from None
    charset = fields.get(b"encoding", [b"utf-8"])[0].decode("ascii", "replace")
    if codec(charset) is None:  # none, or one such as punycode, which takes the square of a message's length
        charset = "utf-8"

    def text(value: bytes) -> str:
        try:
            return value.decode(charset)
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace")

    author, committer = (text(fields.get(key, [b""])[0]) for key in (b"author", b"committer"))
    return Commit(digits, tree, parents, time, author, committer, text(message))


def is_repository(folder: str) -> bool:
    """Whether a folder is a control folder: a bare repository, or what `.git` is elsewhere."""
    return (
        os.path.isfile(f"{folder}/HEAD")
        and not os.path.islink(f"{folder}/HEAD")
        and os.path.isdir(f"{folder}/objects")
        and os.path.isdir(f"{folder}/refs")
    )


def open_folder(control: str) -> Repository:
    """Open a control folder. Raises BadRepository."""
    from dulwich.object_format import SHA1, SHA256
    from dulwich.pack import load_pack_index

    real = os.path.realpath(control)
    config = _small(real, "config", 1 << 20) or ""
    if re.search(r"^[ \t]*refstorage[ \t]*=[ \t]*reftable", config, re.MULTILINE | re.IGNORECASE):
        raise BadRepository("unsupported", "references are kept as a reftable")
    wide = re.search(r"^[ \t]*objectformat[ \t]*=[ \t]*sha256", config, re.MULTILINE | re.IGNORECASE) is not None
    id_bytes, form = (32, SHA256) if wide else (20, SHA1)
    objects = f"{real}/objects"
    if not _inside(real, objects):
        raise BadRepository("outside", "its objects lie outside of the repository")
    packs: list[Pack] = []
    folder = f"{objects}/pack"
    try:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) and _inside(real, folder) else []
        for name in names:
            base = f"{folder}/{name[:-5]}"
            if not name.endswith(".pack") or not os.path.isfile(f"{base}.idx"):
                continue
            if os.path.islink(f"{base}.pack") or os.path.islink(f"{base}.idx"):
                continue  # a link may lead anywhere: its objects are missing, and told so
            index = load_pack_index(f"{base}.idx", form)

            def find(wanted: bytes, index: object = index) -> int | None:
                try:
                    return int(index.object_offset(wanted))  # type: ignore[attr-defined]
                except KeyError:
                    return None
                except Exception as error:  # dulwich raises whatever its arithmetic comes to
                    raise Corrupt(f"a damaged index of a pack: {error}") from None

            with open(f"{base}.pack", "rb") as stream:
                packs.append(Pack(stream, 0, find, id_bytes))
    except Exception as error:  # dulwich raises whatever a damaged index comes to
        raise BadRepository("corrupt", f"a pack cannot be read: {error}") from None
    packed = _packed(_small(real, "packed-refs", _MAX_REFS) or "")

    def ref(name: str, depth: int = 0) -> str | None:
        value = (_small(real, name, 4096) or "").strip()
        if value.startswith("ref:") and depth < 5:
            target = value[4:].strip()
            return ref(target, depth + 1) if _REF.match(target) else None
        return value if HEX.match(value) else packed.get(name)

    return Repository(Objects(packs, objects, id_bytes), ref, _origin(config))


def _inside(root: str, path: str) -> bool:
    return os.path.realpath(path).startswith(root + "/")


def _small(root: str, name: str, most: int) -> str | None:
    """A small file of the control folder; None where there is none, or where it is a link that leads out of it."""
    path = f"{root}/{name}"
    if not _inside(root, path) or not os.path.isfile(path) or os.path.getsize(path) > most:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(most)
    except OSError:
        return None


def _packed(text: str) -> dict[str, str]:
    """References of packed-refs, without what tags are peeled to."""
    pairs = (line.split(" ", 1) for line in text.splitlines() if line[:1] not in ("#", "^") and " " in line)
    return {name: digits for digits, name in pairs if HEX.match(digits)}


def _origin(config: str) -> str | None:
    """The name in the address that `origin` was cloned from; None for a local path or no origin."""
    section = _ORIGIN.search(config)
    url = _URL.search(section[1]) if section else None
    return of_address(url[1]) if url else None

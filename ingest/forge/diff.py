"""The unified diff of a commit against its first parent, bounded in files, bytes and time."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ingest.code.decode import Text, decode
from ingest.code.git_objects import CEILING, TREE, Corrupt, Missing, TooLarge
from ingest.code.git_repository import Repository

CONTEXT = 3
_MOST_PAIRS = 20_000_000  # lines of one side times lines of the other: beyond, the changed middle is replaced whole
Entries = dict[bytes, tuple[int, bytes]]


class TooMuch(Exception):
    """The diff is over a limit."""


def unified(
    repository: Repository, old: bytes | None, new: bytes, max_files: int, max_file_bytes: int, max_bytes: int
) -> str:
    """git's format, without rename detection. Raises TooMuch; damaged and binary files are one line each."""
    pieces: list[str] = []
    size = 0
    for number, (path, before, after) in enumerate(_changes(repository, old, new, ""), 1):
        if number > max_files:
            raise TooMuch(f"more than {max_files} files")
        piece = _file(repository, path, before, after, max_file_bytes)
        size += len(piece)
        if size > max_bytes:
            raise TooMuch(f"a diff of more than {max_bytes:,} bytes")
        pieces.append(piece)
    return "".join(pieces)


def _entries(repository: Repository, tree: bytes | None) -> Entries:
    from dulwich.objects import parse_tree

    if tree is None:
        return {}
    try:
        return {name: (mode, bytes.fromhex(key.decode("ascii"))) for name, mode, key in
                parse_tree(repository.objects.read(tree, TREE, CEILING), len(tree))}  # fmt: skip
    except (ValueError, IndexError) as error:
        raise Corrupt(f"a broken tree: {error}") from None


def _changes(
    repository: Repository, old: bytes | None, new: bytes | None, prefix: str, depth: int = 0
) -> Iterator[tuple[str, tuple[int, bytes] | None, tuple[int, bytes] | None]]:
    if depth > 256:
        raise Corrupt("folders more than 256 deep")
    before, after = _entries(repository, old), _entries(repository, new)
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        path = prefix + name.decode("utf-8", "backslashreplace")
        folder_left, folder_right = (side is not None and side[0] & 0o170000 == 0o040000 for side in (left, right))
        if folder_left or folder_right:
            yield from _changes(repository, left[1] if left and folder_left else None, right[1] if right and folder_right else None,
                                path + "/", depth + 1)  # fmt: skip
        plain_left, plain_right = (None if folder_left else left), (None if folder_right else right)
        if plain_left or plain_right:
            yield path, plain_left, plain_right


def _file(
    repository: Repository, path: str, before: tuple[int, bytes] | None, after: tuple[int, bytes] | None, most: int
) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    if before is None and after is not None:
        head += f"new file mode {after[0]:06o}\n"
    elif after is None and before is not None:
        head += f"deleted file mode {before[0]:06o}\n"
    elif before and after and before[0] != after[0]:
        head += f"old mode {before[0]:06o}\nnew mode {after[0]:06o}\n"
        if before[1] == after[1]:
            return head
    names = "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
    sides = []
    for side in (before, after):
        text = _text(repository, side, most)
        if text is None:
            return f"{head}Binary files {names[0]} and {names[1]} differ\n"
        sides.append(text)
    body = hunks(*sides)
    return f"{head}--- {names[0]}\n+++ {names[1]}\n{body}" if body else head


def _text(repository: Repository, side: tuple[int, bytes] | None, most: int) -> str | None:
    """The text of a file; None for what cannot be shown as lines: binary, too large, damaged."""
    if side is None:
        return ""
    if side[0] & 0o170000 == 0o160000:
        return f"Subproject commit {side[1].hex()}\n"
    try:
        decoded = decode(repository.blob(side[1], most))
    except (Missing, Corrupt, TooLarge):
        return None
    return decoded.text if isinstance(decoded, Text) else None


def hunks(old: str, new: str) -> str:
    """The hunks of a unified diff of two texts; "" where they are the same."""
    before, after = old.split("\n"), new.split("\n")
    before, after = (
        [line + "\n" for line in before[:-1]] + before[-1:],
        [line + "\n" for line in after[:-1]] + after[-1:],
    )
    before, after = [line for line in before if line], [line for line in after if line]
    start = 0
    least = min(len(before), len(after))
    while start < least and before[start] == after[start]:
        start += 1
    end = 0
    while end < least - start and before[-1 - end] == after[-1 - end]:
        end += 1
    # Only the middle is compared, with as much around it as is shown.
    first, last = max(0, start - CONTEXT), max(0, end - CONTEXT)
    left, right = before[first : len(before) - last], after[first : len(after) - last]
    if len(left) * len(right) > _MOST_PAIRS:
        removed, added = before[start : len(before) - end], after[start : len(after) - end]
        lines = [f"@@ -{_range(start, len(removed))} +{_range(start, len(added))} @@\n"]
        lines += [_line("-", line) for line in removed] + [_line("+", line) for line in added]
        return "".join(lines)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=len(left) > 2000)
    made: list[str] = []
    for group in matcher.get_grouped_opcodes(CONTEXT):
        a, b, c, d = group[0][1], group[-1][2], group[0][3], group[-1][4]
        made.append(f"@@ -{_range(a + first, b - a)} +{_range(c + first, d - c)} @@\n")
        for kind, i, j, k, m in group:
            if kind == "equal":
                made += [_line(" ", line) for line in left[i:j]]
                continue
            made += [_line("-", line) for line in left[i:j]] + [_line("+", line) for line in right[k:m]]
    return "".join(made)


def _line(sign: str, line: str) -> str:
    return sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, length: int) -> str:
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"

"""What a file is for, by its name: a readme, a test, and of what."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sequences.repository.languages import File
from sequences.repository.tree import Tree, folder

_README = re.compile(r"readme(\.[a-z-]+)*$", re.IGNORECASE)
_TEST_FOLDER = re.compile(r"(^|/)(tests?|testing|specs?|__tests__|testsuite)/", re.IGNORECASE)
# Names of tests, and in the group the subject.
_TEST_NAMES = (
    re.compile(r"^tests?_(.+)\.\w+$"),
    re.compile(r"^(.+)_(?:tests?|unittest|spec)\.\w+$"),
    re.compile(r"^(.+)\.(?:test|spec)\.\w+$"),
    re.compile(r"^(.+?)(?:Tests?|IT|TestCase)\.java$"),
    re.compile(r"^Test(.+)\.java$"),
)


def is_readme(path: str) -> bool:
    """README, in any case and with any endings."""
    return _README.match(path.rpartition("/")[2]) is not None


def is_test(path: str, tags: Iterable[str] = ()) -> bool:
    """By the tag "test", or by the usual names of folders and files."""
    return "test" in tags or _TEST_FOLDER.search(path) is not None or _subject(path) is not None


def _subject(path: str) -> str | None:
    name = path.rpartition("/")[2]
    for pattern in _TEST_NAMES:
        if found := pattern.match(name):
            return found.group(1)
    return None


def tested(files: Sequence[File], tree: Tree, targets: Sequence[set[int]]) -> dict[int, int]:
    """Test file -> the file it is named after, for tests that import no file but tests."""
    stems: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        if file.family is not None and not file.test:
            stems[_kind(file), file.path.rpartition("/")[2].partition(".")[0]].append(number)
    found: dict[int, int] = {}
    for number, file in enumerate(files):
        if not file.test or file.family is None or any(
            target < len(files) and not files[target].test for target in targets[number]
        ):  # fmt: skip
            continue
        subject = _subject(file.path)
        if subject is not None:
            nearest = tree.nearest(stems.get((_kind(file), subject), ()), folder(file.path))
            if nearest is not None:
                found[number] = nearest
    return found


def _kind(file: File) -> str:
    """Languages whose files test one another."""
    if file.family in ("c", "c++"):
        return "c"
    return "javascript" if file.family in ("typescript", "tsx") else file.family or ""

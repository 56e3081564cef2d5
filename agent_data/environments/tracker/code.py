"""Tools over the repository: its files, and what runs in the sandbox."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from agent_data.environments.environment import Steps, ToolError
from agent_data.environments.tooling import writes
from agent_data.environments.tracker.held import Held
from agent_data.environments.tracker.workshop import File
from arcmill.generation import Work

LONGEST_FILE = 100_000  # characters that a tool writes
LINES = 400  # of a file, shown at once
MOST_FILES = 400


def list_files(held: Held) -> dict[str, Any]:
    """List the files of the repository."""
    return {"files": sorted(held.files), "uncommitted": held.changed()}


def read_file(held: Held, path: str, first_line: int = 1) -> str:
    """Read a file of the repository, with the numbers of its lines, 400 lines at a time.

    Args:
        path: The path of the file.
        first_line: The line to begin at, from 1.
    """
    lines = _text(held, path).splitlines()
    if not 1 <= first_line <= max(len(lines), 1):
        raise ToolError(f"{path} has {len(lines)} lines")
    shown = lines[first_line - 1 : first_line - 1 + LINES]
    made = [f"{first_line + place:4d}  {line}" for place, line in enumerate(shown)]
    if first_line - 1 + LINES < len(lines):
        made.append(f"[{len(lines)} lines in all]")
    return "\n".join(made) or "[an empty file]"


def search_code(held: Held, text: str) -> dict[str, Any]:
    """Find the lines of the repository that hold a text, whatever its case; 50 lines at most.

    Args:
        text: The text to look for, as it stands on one line.
    """
    wanted = text.casefold()
    if not wanted.strip():
        raise ToolError("give a text to look for")
    found = [
        {"path": path, "line": number, "text": line}
        for path in sorted(held.files)
        if isinstance(content := held.files[path], str)
        for number, line in enumerate(content.splitlines(), 1)
        if wanted in line.casefold()
    ]
    return {"lines": found[:50], "found": len(found)}


@writes
def replace_in_file(held: Held, path: str, old: str, new: str) -> str:
    """Replace a piece of a file by another. The piece must stand in the file exactly once.

    Args:
        path: The path of the file.
        old: The piece as it stands there, without line numbers; whole lines with their spaces are best.
        new: What to put in its place; empty to take it out.
    """
    text = _text(held, path)
    count = text.count(old) if old else 0
    if count != 1:
        raise ToolError(f"the piece stands {count} times in {path}, not once" if old else "the piece is empty")
    if old == new:
        raise ToolError("both pieces are the same")
    return _put(held, path, text.replace(old, new))


@writes
def write_file(held: Held, path: str, content: str) -> str:
    """Write a whole file, new or in the place of what it held.

    Args:
        path: The path of the file within the repository.
        content: Its whole content.
    """
    if held.files.get(path) == content:
        raise ToolError(f"{path} holds this already")
    return _put(held, _checked(held, path), content)


@writes
def delete_file(held: Held, path: str) -> str:
    """Delete a file of the repository.

    Args:
        path: The path of the file.
    """
    if path not in held.files:
        raise ToolError(f"there is no file {path!r:.80}")
    del held.files[path]
    return f"{path} is deleted"


def run_tests(held: Held, test_module: str | None = None) -> Steps:
    """Run the tests of the repository, as its files are now: how many pass, and what fails.

    Args:
        test_module: Only those of one file in tests/, such as test_money; all where it is left out.
    """
    only = (test_module or "").removeprefix("tests/").removesuffix(".py").removeprefix("tests.")
    if only and f"tests/{only}.py" not in held.files:
        raise ToolError(f"there is no file tests/{only}.py"[:200])
    return (yield from _tests(held, held.files, only))


@writes
def shell(held: Held, command: str) -> Steps:
    """Run a command by sh in the folder of the repository, in a sandbox without network, for 20 seconds at most.

    Each command begins anew: only files stay. There are sh, ls, cat, grep, sed, head, tail, wc, sort, uniq, cut, tr, diff,
    find, xargs, mkdir, touch, cp, mv, rm and python3.

    Args:
        command: The command, such as grep -rn "def parse" . | head
    """
    if not command.strip() or len(command) > 8000 or "\0" in command:
        raise ToolError("a command has 1 to 8000 characters, none of them NUL")
    assert held.workshop is not None
    ran = (yield [Work(held.workshop.shell, (dict(held.files), command))])[0]
    if ran.files is not None:
        held.files = ran.files
    return ran.text


@writes
def commit_changes(held: Held, issue_id: str) -> Steps:
    """Commit all changes of files for one issue, which the commit's message names.

    It is refused where a test fails that passed before the change.

    Args:
        issue_id: The id of the issue that the change is for.
    """
    issue, changed = held.issue(issue_id), held.changed()
    if not changed:
        raise ToolError("there is no change to commit")
    if held.workshop is not None:
        after = yield from _tests(held, held.files, "")
        before = yield from _tests(held, held.head, "")
        broken = {one["test"] for one in after["failures"]} - {one["test"] for one in before["failures"]}
        if "ended_early" in after or after["tests"] < before["tests"]:
            raise ToolError("refused before the commit: fewer tests ran to their end than before the change")
        if broken:
            raise ToolError(f"refused before the commit: these tests passed before: {', '.join(sorted(broken)[:10])}")
    else:
        yield []
    held.head = dict(held.files)
    message = f"Fix {issue_id}: {issue['title']}" if "bug" in issue["labels"] else f"{issue_id}: {issue['title']}"
    held.data["commits"].append({"issue_id": issue_id, "message": message, "paths": changed})
    return {"message": message, "paths": changed}


def list_commits(held: Held) -> dict[str, Any]:
    """List the commits that were made, oldest first, with the issue and the files of each."""
    return {"commits": held.data["commits"]}


def _tests(held: Held, files: dict[str, File], only: str) -> Steps:
    assert held.workshop is not None
    return (yield [Work(held.workshop.tests, (dict(files), only))])[0]


def _text(held: Held, path: str) -> str:
    file = held.files.get(path)
    if file is None:
        raise ToolError(f"there is no file {path!r:.80}")
    if not isinstance(file, str):
        raise ToolError(f"{path} is binary")
    return file


def _checked(held: Held, path: str) -> str:
    """A path that may be written. Raises ToolError."""
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and "\\" not in path and len(path) <= 200 and path == "/".join(parts)
    if not path or not plain or path.startswith("/") or {".", ".."}.intersection(parts):
        raise ToolError(f"{path!r:.80} is no plain path within the repository")
    if any("/".join(parts[:count]) in held.files for count in range(1, len(parts))):
        raise ToolError(f"{path!r:.80} would be inside of a file")
    if any(other.startswith(f"{path}/") for other in held.files):
        raise ToolError(f"{path!r:.80} is a folder")
    if "__pycache__" in parts:
        raise ToolError("__pycache__ is not kept")
    if path not in held.files and len(held.files) >= MOST_FILES:
        raise ToolError("the repository is full")
    return path


def _put(held: Held, path: str, content: str) -> str:
    if len(content) > LONGEST_FILE or "\0" in content:
        raise ToolError(f"a file has at most {LONGEST_FILE} characters, none of them NUL")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise ToolError("the content holds half of a surrogate pair, which is no text") from None
    held.files = dict(sorted({**held.files, path: content}.items()))
    return f"{path} has {len(content.splitlines())} lines now"


FILE_TOOLS = (
    list_files,
    read_file,
    search_code,
    replace_in_file,
    write_file,
    delete_file,
    list_commits,
    commit_changes,
)
RUN_TOOLS = (run_tests, shell)

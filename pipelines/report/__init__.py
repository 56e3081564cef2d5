"""`arcmill report`: one self-contained HTML page about a run. It needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.lineage import Run
    from pipelines.report.changes import Changes
    from pipelines.report.gather import Facts
    from pipelines.report.summary import Summary

MAX_BYTES = 1_900_000
# (samples of each rule, rules shown of each stage): the first that keeps the page under MAX_BYTES is taken.
_DETAIL = ((3, 40), (2, 25), (1, 25), (1, 10), (0, 10))


def write_report(
    run_dir: str, output: str | None, planned: Sequence[tuple[str, str]] | None = None, since: str | None = None
) -> str:
    """Write the page about a run directory, or a single dataset, and return its path.

    `output` is RUN_DIR/report.html unless given. `planned`: (step, stage) of the recipe; those that never began are told,
    which a folder alone cannot do. `since`: an earlier run (or what `report_json` gave of one, in a file whose name ends in
    .json; or `previous`) that it is compared with. The same runs give the same bytes. Raises InputError where
    there is no run, UsageError where `output` cannot be written or is not a report.
    """
    from pipelines.report.gather import gather
    from pipelines.report.page import render

    run = _open(run_dir, planned)
    target = output or f"{run.url}/report.html"
    _check_target(target)
    earlier = _earlier(since, run_dir)
    facts = gather(run)
    changes = _changes(facts, earlier)
    page = b""
    for samples, rules in _DETAIL:
        page = render(facts, samples=samples, rules=rules, changes=changes, asked=since is not None).encode()
        if len(page) <= MAX_BYTES:
            break
    _write(target, page)
    return target


def report_json(
    run_dir: str, planned: Sequence[tuple[str, str]] | None = None, since: str | None = None
) -> dict[str, Any]:
    """The figures of the page as JSON, which `since` reads back later, with `changes` since an earlier run.

    These are null where none was asked for, or found. Raises as `write_report`.
    """
    import json

    from pipelines.report.gather import gather
    from pipelines.report.summary import summarize

    run = _open(run_dir, planned)
    earlier = _earlier(since, run_dir)
    facts = gather(run, texts=False)
    told: dict[str, Any] = json.loads(summarize(facts).model_dump_json())
    changes = _changes(facts, earlier)
    return {**told, "changes": None if changes is None else changes.told()}


def _open(run_dir: str, planned: Sequence[tuple[str, str]] | None) -> Run:
    from pipelines.lineage import open_run

    run = open_run(run_dir)
    return run if planned is None else replace(run, planned=tuple(planned))


def _earlier(since: str | None, run_dir: str) -> Summary | None:
    if since is None:
        return None
    from pipelines.report.earlier import read_earlier

    return read_earlier(since, run_dir)


def _changes(facts: Facts, earlier: Summary | None) -> Changes | None:
    if earlier is None:
        return None
    from pipelines.report.changes import compare
    from pipelines.report.summary import summarize

    return compare(earlier, summarize(facts))


def _check_target(target: str) -> None:
    """A report is written over an older one, never over anything else."""
    from arcmill.errors import UsageError
    from arcmill.storage import locate

    filesystem, path = locate(target)
    try:
        if filesystem.isdir(path):
            raise UsageError(f"output {target}: is a folder; name a file, such as {target.rstrip('/')}/report.html")
        if filesystem.exists(path) and not filesystem.cat_file(path, start=0, end=64).lower().startswith(
            b"<!doctype html"
        ):
            raise UsageError(f"output {target}: exists and is not a report; it is left alone")
    except OSError as error:
        raise UsageError(f"output {target}: cannot be read ({error.strerror or error})") from None


def _write(target: str, page: bytes) -> None:
    import os
    import uuid

    from arcmill.errors import UsageError
    from arcmill.storage import is_local, locate

    filesystem, path = locate(target)
    try:
        if not is_local(filesystem):
            filesystem.pipe_file(path, page)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{uuid.uuid4().hex}"
        try:
            with open(temporary, "wb") as stream:
                stream.write(page)
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise UsageError(f"output {target}: cannot be written ({error.strerror or error})") from None

"""Which earlier run a report is compared with, and its figures."""

from __future__ import annotations

from arcmill.errors import ArcmillError, InputError, UsageError
from arcmill.storage import locate
from pipelines.lineage import open_run
from pipelines.report.gather import gather
from pipelines.report.summary import Summary, read_summary, summarize

PREVIOUS = "previous"
_LOOKED = 40  # folders, at most


def read_earlier(since: str, run_dir: str) -> Summary | None:
    """The run that `--since` names: a folder, what `--json` printed, or `previous`; None where no previous one is found.

    Raises InputError where it holds no run, UsageError where it is the run itself.
    """
    found = previous(run_dir) if since == PREVIOUS else since
    if found is None:
        return None
    filesystem, path = locate(found)
    if path == locate(run_dir)[1]:
        raise UsageError(f"since {since}: is the run itself; name an earlier one, or what report --json printed of it")
    if found.endswith(".json") and not filesystem.isdir(path):
        return read_summary(found)
    return summarize(gather(open_run(found), texts=False))


def check_since(since: str) -> None:
    """InputError for an earlier run that is not there, before anything is run for the sake of a report about it."""
    if since != PREVIOUS:
        filesystem, path = locate(since)
        if not filesystem.exists(path):
            raise InputError(f"since {since}: no such folder or file")


def previous(run_dir: str) -> str | None:
    """The run before this one by name: of folders beside it, or of `DATE/NAME` beside `DATE`, the last that sorts before.

    It must hold at least half of this run's steps by name. Names decide and not times, so the answer stays the same.
    """
    steps = {step.name for step in open_run(run_dir).steps}
    filesystem, path = locate(run_dir)
    scheme = run_dir.split("://", 1)[0] + "://" if "://" in run_dir else ""
    *above, parent, name = ["", *path.rstrip("/").split("/")][-3:]
    del above
    folder = path.rstrip("/")[: -len(name) - 1]
    places = [(folder, name, ""), (folder[: -len(parent) - 1], parent, f"/{name}")] if parent else [(folder, name, "")]
    for base, own, below in places:
        try:
            names = sorted(e["name"].rstrip("/").rsplit("/", 1)[-1] for e in filesystem.ls(base or "/", detail=True) if e["type"] == "directory")  # fmt: skip
        except OSError:
            continue
        for other in [one for one in reversed(names) if one < own and one[0] not in "._"][:_LOOKED]:
            url = f"{scheme}{base}/{other}{below}"
            try:
                held = {step.name for step in open_run(url).steps}
            except ArcmillError:
                continue
            if 2 * len(held & steps) >= len(steps):
                return url
    return None

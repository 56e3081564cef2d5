"""`arcmill seen`: whether a training run saw the rows that it should have seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcmill.errors import InputError

if TYPE_CHECKING:
    from sequences.reader import SequenceReader


def seen_report(
    logs: Sequence[str], datasets: Sequence[str], content: bool, state: str | None = None
) -> dict[str, Any]:
    """Check the logs of a run (files, or folders of *.jsonl) against its datasets. Raises InputError, UsageError."""
    from sequences.reader import SequenceReader
    from sequences.seen import check_logs, log_header

    paths = [path for given in logs for path in _files(given)]
    header = log_header(paths[0])
    reader = SequenceReader(
        list(datasets) or list(header["datasets"]), global_batch=1, seed=header["seed"], lanes=header["lanes"],
        run=header["run"], window=header["window"], shuffle=header["shuffle"], verify="sha256" if content else "size",
    )  # fmt: skip
    if reader.fingerprint != header["fingerprint"]:
        raise InputError(
            f"{paths[0]}: the log is of data {header['fingerprint'][:16]}, {', '.join(reader.urls)} is "
            f"{reader.fingerprint[:16]}; name the run's datasets by --input, in their order"
        )
    return check_logs(paths, reader, content, _consumed(state, reader)).to_json()


def _consumed(state: str | None, reader: SequenceReader) -> int:
    """Samples that the run has consumed, by a state of its loader (JSON); 0 where none is given."""
    if state is None:
        return 0
    try:
        told = json.loads(Path(state).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{state}: cannot be read ({error})") from None
    if not isinstance(told, dict):
        raise InputError(f"{state}: not a state of a reader")
    return reader.resume(told)[0]


def _files(given: str) -> list[str]:
    if "://" in given:
        raise InputError(f"{given}: logs are read from local files; copy them to this machine")
    path = Path(given)
    found = sorted(str(each) for each in path.glob("*.jsonl")) if path.is_dir() else [given]
    if not found or not path.exists():
        raise InputError(f"{given}: no log there")
    return found


def render(report: dict[str, Any]) -> str:
    """The report as a person reads it."""
    lines = [
        f"{report['batches']:,} batches, {report['samples']:,} samples, {report['tokens']:,} tokens"
        + (f"; {report['repeated']:,} samples read again after a restart" if report["repeated"] else ""),
        f"rows: {report['differing']:,} batches differ; {report['missing']:,} samples missing; {report['broken']:,} lines broken",
        "tokens: " + ("compared with the data" if report["content"] else "not compared (--content does)"),
        *report["complaints"],
        "The run saw what it should." if report["ok"] else "The run did NOT see what it should.",
    ]
    return "\n".join(lines)

"""What a training run has seen: a log that each rank writes as it trains, and its check against the data.

    log = SeenLog("seen/rank-00003.jsonl", loader.reader)
    for batch in loader:
        log.add(batch)
        ...

A line holds the rows of a batch and a digest of its tokens and loss mask, and each line's `chain` is a digest of all
lines before it: what was changed or taken out later shows. `check_logs` computes anew which rows each step should have had,
compares, and finds samples that no rank has read; with `content` it also reads the rows and compares their tokens.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import InputError, UsageError

if TYPE_CHECKING:
    from sequences.batch import Batch
    from sequences.reader import SequenceReader

FORMAT = 1
_SHOWN = 20  # complaints that are kept of each kind; all are counted


def batch_digest(batch: Batch) -> str:
    """SHA-256 of a batch's row numbers, tokens (int32) and loss mask, wherever its arrays or tensors lie."""
    digest = sha256()
    for name, kind in (("rows", "<i8"), ("input_ids", "<i4"), ("loss_mask", "u1")):
        digest.update(np.ascontiguousarray(_array(batch[name]).astype(kind, copy=False)).data)
    return digest.hexdigest()


def _array(value: Any) -> Any:
    return value.cpu().numpy() if hasattr(value, "cpu") else np.asarray(value)


class SeenLog:
    """The log of one rank; opened again after a restart, it goes on."""

    def __init__(self, path: str | os.PathLike[str], reader: SequenceReader) -> None:
        if "://" in str(path):
            raise UsageError(f"log {path}: a log of what a rank saw is a local file; copy it when the run has ended")
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._chain = self._take_up()
        self._file = self.path.open("a", encoding="utf-8")
        self._write({"format": FORMAT, **reader.identity(), "datasets": reader.urls, "length": reader.length,
                     "global_batch": reader.global_batch, "rank": reader.rank, "world_size": reader.world_size})  # fmt: skip

    def _take_up(self) -> str:
        """The chain of the last whole line; a line that a kill cut off is taken away."""
        if not self.path.exists():
            return ""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        last = whole[:-1].rpartition(b"\n")[2]
        try:
            return str(json.loads(last)["chain"]) if last else ""
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{self.path}: its last line is not of a log of what was seen") from None

    def add(self, batch: Batch) -> None:
        """Note a batch that the training loop has received."""
        self._write({"step": int(batch["step"]), "micro": int(batch["micro"]), "first": int(batch["first"]),
                     "rows": _array(batch["rows"]).tolist(), "digest": batch_digest(batch)})  # fmt: skip

    def _write(self, line: dict[str, Any]) -> None:
        self._chain = _chained(self._chain, line)
        self._file.write(json.dumps({**line, "chain": self._chain}, separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _chained(chain: str, line: dict[str, Any]) -> str:
    return sha256((chain + json.dumps(line, sort_keys=True, separators=(",", ":"))).encode()).hexdigest()


@dataclass
class Seen:
    """What the logs of a run say. The run saw what it should where `differing`, `missing` and `broken` are all 0."""

    batches: int = 0
    samples: int = 0  # different ones
    tokens: int = 0
    repeated: int = 0  # samples read again, by a run that went on from an earlier state
    content: bool = False  # whether the tokens were compared, too
    differing: int = 0  # batches with other rows, or other tokens, than they should have
    missing: int = 0  # samples before the last that no rank has read
    broken: int = 0  # lines that are not what was written
    complaints: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.differing or self.missing or self.broken)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}

    def complain(self, kind: str, text: str, count: int = 1) -> None:
        """Count a fault, and keep its text if it is among the first of its kind."""
        setattr(self, kind, getattr(self, kind) + count)
        if sum(line.startswith(kind) for line in self.complaints) < _SHOWN:
            self.complaints.append(f"{kind}: {text}")


def log_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The first line of a log: of which data, and in which order. InputError where there is none."""
    for _, line in _lines(path):
        if line is not None and "fingerprint" in line and line.get("format") == FORMAT:
            if wrong := [key for key, fits in _HEADER.items() if not fits(line.get(key))]:
                raise InputError(
                    f"{os.fspath(path)}: its first line is damaged: {wrong[0]} is {line.get(wrong[0])!r:.40}"
                )
            return line
        break
    raise InputError(f"{os.fspath(path)}: not a log of what a run has seen")


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


_HEADER: dict[str, Callable[[Any], bool]] = {
    "seed": lambda value: type(value) is int, "lanes": _whole(1), "run": _whole(1), "window": _whole(1),
    "shuffle": lambda value: type(value) is bool,
    "datasets": lambda value: isinstance(value, list) and bool(value) and all(type(url) is str for url in value),
}  # fmt: skip


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Number and content of each line; None for one that is no JSON object."""
    try:
        with open(path, encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                except ValueError:
                    line = None
                yield number, line if isinstance(line, dict) else None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error})") from None


def check_logs(
    paths: Sequence[str | os.PathLike[str]], reader: SequenceReader, content: bool = False, until: int = 0
) -> Seen:
    """Compare the logs of all ranks of a run with what `reader` (made with the run's seed, lanes, run, window) says.

    `until`: samples that the run has consumed, by its state: where logs end before that, samples are missing. Memory grows with the number of batches (two integers each), not with their rows.
    """
    seen = Seen(content=content)
    spans: list[tuple[int, int]] = []
    for path in paths:
        chain = ""
        for number, line in _lines(path):
            where = f"{os.fspath(path)} line {number}"
            if line is None or "chain" not in line:
                seen.complain("broken", f"{where}: is cut off, or not of a log")
                continue
            told = str(line.pop("chain"))
            chain, expected = told, _chained(chain, line)
            if told != expected:
                seen.complain("broken", f"{where}: was changed, or a line before it was taken out")
            if "fingerprint" in line:
                mine = reader.identity()
                if other := [name for name in mine if line.get(name) != mine[name]]:
                    seen.complain("differing", f"{where}: {other[0]} is {line.get(other[0])}, not {mine[other[0]]}")
            else:
                spans.append(_check_batch(line, where, reader, seen))
    reached = 0
    for first, last in sorted(spans):
        if first > reached:
            seen.complain("missing", f"samples {reached} to {first - 1}: read by no rank", first - reached)
        seen.repeated += max(0, min(last, reached) - first)
        seen.samples += max(0, last - max(first, reached))
        reached = max(reached, last)
    if until > reached:
        seen.complain(
            "missing", f"samples {reached} to {until - 1}: the state says that they were read", until - reached
        )
    seen.tokens = seen.samples * reader.length
    return seen


def _check_batch(line: dict[str, Any], where: str, reader: SequenceReader, seen: Seen) -> tuple[int, int]:
    """Compare one line of a batch; its samples as a span."""
    try:
        first, rows, step, digest = int(line["first"]), list(line["rows"]), line["step"], str(line["digest"])
    except (KeyError, TypeError, ValueError, OverflowError):
        seen.complain("broken", f"{where}: not a line of a batch")
        return 0, 0
    if first < 0:
        seen.complain("broken", f"{where}: not a line of a batch")
        return 0, 0
    seen.batches += 1
    last = first + len(rows)
    expected = reader.sample_rows(first, last).tolist()
    if rows != expected:
        place = next(n for n, (a, b) in enumerate(zip(rows, expected, strict=True)) if a != b)
        seen.complain(
            "differing", f"step {step} ({where}): row {rows[place]} where sample {first + place} is {expected[place]}"
        )
    elif seen.content and batch_digest(reader.sample_batch(first, last)) != digest:
        seen.complain("differing", f"step {step} ({where}): other tokens than rows {rows[:4]}… hold")
    return first, last

"""Sequence rows, built in flat NumPy buffers: no Python object per token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from arcmill.records import schema
from arcmill.stage import Rest
from sequences.fim.context import ROOM, RunArranger
from sequences.pack_documents import Origin
from sequences.pack_encode import Ids

TOKENS_AT_ONCE = 1 << 20  # of one batch of rows
ARRANGED = ("psm", "spm")  # roles of runs that hold sentinels, and cannot be cut
TOTALS = "totals"  # in a rest: for each segment, the tokens of its whole document


Made: TypeAlias = pa.RecordBatch | Rest


class SequenceRows:
    """Token runs in, record batches of full sequences of `length` tokens out.

    A run that reaches over the end of a sequence is cut there; its rest begins the next. What lies in one sequence
    may be rearranged for fill-in-the-middle. A token that is not in the loss comes as ~id, which is below 0.
    With `rests` all rows are given out as rests.
    """

    def __init__(self, length: int, pad_id: int, arranger: RunArranger | None = None, rests: bool = False) -> None:
        self.length, self._pad_id, self._arranger = length, pad_id, arranger
        self._as_rest = rests
        self.tallies: Counter[str] = Counter()  # of the rows that were given out, but for rests
        self._schema = schema("Sequence")
        self._capacity = max(1, TOKENS_AT_ONCE // length) * length
        self._begin()

    def _begin(self) -> None:
        self._tokens = np.empty(self._capacity, dtype=np.int32)
        self._filled = 0
        self._segments: list[tuple[int, int, int, int, Origin]] = []
        self._segments_until: list[int] = [0]  # after each sequence that is full

    @property
    def room(self) -> int:
        """Tokens that go into the sequence that was begun; 0 where none was."""
        return -self._filled % self.length

    def add(self, origin: Origin, tokens: Ids, offset: int, total: int) -> Iterator[Made]:
        """Append a run of a document of `total` tokens; `offset` is where in the document (in tokens) it starts."""
        done = 0
        while done < len(tokens):
            start = self._filled % self.length
            run, used, role = self._run(origin, tokens[done:], offset + done, self.length - start)
            self._tokens[self._filled : self._filled + len(run)] = run
            self._segments.append((start, len(run), offset + done, total, origin._replace(role=role)))
            self._filled += len(run)
            done += used
            if start + len(run) == self.length:
                yield from self._row_is_full()

    def _run(self, origin: Origin, tokens: Ids, offset: int, room: int) -> tuple[Ids, int, str]:
        """What goes into the rest of a sequence, how many of the document's tokens that holds, and their role."""
        if self._arranger is not None:
            used = self._arranger.fits(origin, offset, len(tokens), room)
            if used:
                run, role = self._arranger.arranged(origin, offset, tokens[:used])
                return run, used, role
        used = min(len(tokens), room)
        return tokens[:used], used, origin.role

    def end_row(self) -> Iterator[Made]:
        """Fill the sequence that was begun, if any, with padding."""
        if room := self.room:
            self._tokens[self._filled : self._filled + room] = ~self._pad_id
            self._filled += room
            yield from self._row_is_full()

    def finish(self) -> Iterator[Made]:
        """The last rows."""
        yield from self.end_row()
        if self._filled:
            yield self._given_out()

    def leave(self) -> Iterator[Made]:
        """The rows that are full, and what was begun as a rest."""
        full = self._segments_until[-1]
        tokens, segments = self._tokens[self._filled - self._filled % self.length : self._filled], self._segments[full:]
        if full:
            del self._segments[full:]
            self._filled -= len(tokens)
            yield self._given_out()
        else:
            self._begin()
        self._tokens[: len(tokens)], self._filled, self._segments = tokens, len(tokens), segments
        self._as_rest = True
        yield from self.finish()

    def _row_is_full(self) -> Iterator[Made]:
        self._segments_until.append(len(self._segments))
        if self._filled == self._capacity:
            yield self._given_out()

    def _given_out(self) -> Made:
        made: Made = Rest(self._batch()) if self._as_rest else self._batch()
        if not self._as_rest:
            self._count()
        self._begin()
        return made

    def _count(self) -> None:
        arranged = sum(origin.role in ARRANGED for *_, origin in self._segments)
        held = sum(length for _, length, *_ in self._segments)
        self.tallies.update({
            "rows": self._filled // self.length, "padding": self._filled - held, "pieces": len(self._segments),
            "sentinels": ROOM * arranged,
            "documents_cut": sum(
                not offset and length - ROOM * (origin.role in ARRANGED) < total
                for _, length, offset, total, origin in self._segments
            ),
        })  # fmt: skip

    def _batch(self) -> pa.RecordBatch:
        ends = np.arange(0, self._filled + 1, self.length, dtype=np.int32)
        types = {field.name: field.type for field in self._schema}
        tokens = self._tokens[: self._filled]
        in_loss = tokens >= 0
        values = {
            "input_ids": pa.array(tokens if in_loss.all() else np.where(in_loss, tokens, ~tokens)),
            "loss_mask": pa.array(in_loss.view(np.uint8)),
            "segments": self._segment_array(types["segments"].value_type),
        }
        until = np.array(self._segments_until, dtype=np.int32)
        columns = [
            pa.ListArray.from_arrays(pa.array(until if name == "segments" else ends), values[name], type=types[name])
            for name in types
        ]
        if not self._as_rest:
            return pa.RecordBatch.from_arrays(columns, schema=self._schema)
        totals = pa.array([total for _, _, _, total, _ in self._segments], pa.int64())
        columns.append(pa.ListArray.from_arrays(pa.array(until), totals))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema.append(pa.field(TOTALS, columns[-1].type)))

    def _segment_array(self, kind: pa.StructType) -> pa.StructArray:
        starts, lengths, offsets, _, origins = zip(*self._segments, strict=True)
        known = {"start": starts, "length": lengths, "offset": offsets}
        fields = [kind.field(number) for number in range(kind.num_fields)]
        columns = [
            pa.array(
                known[field.name] if field.name in known else [getattr(o, field.name) for o in origins],
                field.type,
            )
            for field in fields
        ]
        return pa.StructArray.from_arrays(columns, fields=fields)

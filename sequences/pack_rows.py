"""Sequence rows, built in flat NumPy buffers: no Python object per token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from arcmill.records import schema
from sequences.fim.context import RunArranger
from sequences.pack_documents import Origin
from sequences.pack_encode import Ids

TOKENS_AT_ONCE = 1 << 20  # of one batch of rows


class SequenceRows:
    """Token runs in, record batches of full sequences of `length` tokens out.

    A run that reaches over the end of a sequence is cut there; its rest begins the next. What lies in one sequence
    may be rearranged for fill-in-the-middle.
    """

    def __init__(self, length: int, pad_id: int, arranger: RunArranger | None = None) -> None:
        self.length, self._pad_id, self._arranger = length, pad_id, arranger
        self._schema = schema("Sequence")
        self._capacity = max(1, TOKENS_AT_ONCE // length) * length
        self._begin()

    def _begin(self) -> None:
        self._tokens = np.empty(self._capacity, dtype=np.int32)
        self._real = np.ones(self._capacity, dtype=np.uint8)
        self._filled = 0
        self._segments: list[tuple[Any, ...]] = []
        self._segments_until: list[int] = [0]  # after each sequence that is full

    def add(self, origin: Origin, tokens: Ids, offset: int) -> Iterator[pa.RecordBatch]:
        """Append a run of a document's tokens; `offset` is where in the document (in tokens) it starts."""
        done = 0
        while done < len(tokens):
            start = self._filled % self.length
            run, used, role = self._run(origin, tokens[done:], offset + done, self.length - start)
            self._tokens[self._filled : self._filled + len(run)] = run
            self._segments.append((start, len(run), offset + done, origin._replace(role=role)))
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

    def end_row(self) -> Iterator[pa.RecordBatch]:
        """Fill the sequence that was begun, if any, with padding."""
        start = self._filled % self.length
        if start:
            end = self._filled + self.length - start
            self._tokens[self._filled : end] = self._pad_id
            self._real[self._filled : end] = 0
            self._filled = end
            yield from self._row_is_full()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """The last rows."""
        yield from self.end_row()
        if self._filled:
            yield self._batch()
            self._begin()

    def _row_is_full(self) -> Iterator[pa.RecordBatch]:
        self._segments_until.append(len(self._segments))
        if self._filled == self._capacity:
            yield self._batch()
            self._begin()

    def _batch(self) -> pa.RecordBatch:
        ends = np.arange(0, self._filled + 1, self.length, dtype=np.int32)
        types = {field.name: field.type for field in self._schema}
        values = {
            "input_ids": pa.array(self._tokens[: self._filled]),
            "loss_mask": pa.array(self._real[: self._filled]),
            "segments": self._segment_array(types["segments"].value_type),
        }
        offsets = {"segments": np.array(self._segments_until, dtype=np.int32)}
        columns = [
            pa.ListArray.from_arrays(pa.array(offsets.get(name, ends)), values[name], type=types[name])
            for name in types
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _segment_array(self, kind: pa.StructType) -> pa.StructArray:
        starts, lengths, offsets, origins = zip(*self._segments, strict=True)
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

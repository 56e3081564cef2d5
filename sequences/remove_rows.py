"""One part without the documents that go: rows put together anew where they held one, all else as it was."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arcmill.dataset import Part
from arcmill.errors import InputError
from arcmill.stage import Edited, Outcome
from sequences.remove_ids import Removal

RULE = "removed"


class Piece(NamedTuple):
    """A segment that stays: the row it came from, and its place there."""

    row: int
    start: int
    length: int
    segment: dict[str, Any]


def without(part: Part, removal: Removal) -> Edited:
    """The part without what goes; `table` None where it held nothing of it."""
    return _sequences(part, removal) if part.dataset.record == "Sequence" else _rows(part, removal)


def _rows(part: Part, removal: Removal) -> Edited:
    ids = part.read(["id"]).column("id").combine_chunks()
    gone = removal.hits(ids)
    if not gone.any():
        return Edited(None, [], kept=len(ids))
    removed: list[tuple[str, Outcome]] = []
    found: set[str] = set()
    for id in ids.filter(pa.array(gone)).to_pylist():
        named, why = removal.because(id)
        found.update(named)
        removed.append((id, Outcome(RULE, detail=why or None)))
    table = part.read().filter(pa.array(~gone))
    return Edited(table, removed, kept=table.num_rows, found=found, tallies={"rows_removed": len(removed)})


def _sequences(part: Part, removal: Removal) -> Edited:
    segments = part.read(["segments"]).column("segments").combine_chunks()
    parents = pc.list_parent_indices(segments).to_numpy()
    flat = pc.list_flatten(segments)
    gone = removal.hits(pc.struct_field(flat, "id"))
    if not gone.any():
        return Edited(None, [], kept=len(flat), created=len(segments))
    touched = np.unique(parents[gone])
    table = part.read()
    removed, found, tokens = _removed(part, flat, parents, gone, removal)
    stays: dict[int, list[Piece]] = {row: [] for row in touched.tolist()}
    here = np.isin(parents, touched) & ~gone
    for number in np.flatnonzero(here).tolist():
        segment = flat[number].as_py()
        row = int(parents[number])
        stays[row].append(Piece(row, segment["start"], segment["length"], segment))
    length = len(table.column("input_ids")[int(touched[0])])
    rows = together(stays, length)
    made, padding = _made(table, set(touched.tolist()), rows, length, removal, part)
    tallies = Counter(
        segments_removed=len(removed), tokens_removed=tokens, rows_touched=len(touched), parts_touched=1,
        rows_emptied=len(touched) - len(rows), padding_in_touched_rows=padding,
        segments_moved=sum(piece.row != row for row, held in rows.items() for piece in held),
    )  # fmt: skip
    kept = len(flat) - len(removed)
    return Edited(made, removed, kept=kept, created=made.num_rows, found=found, tallies=tallies)


def _removed(
    part: Part, flat: pa.StructArray, parents: Any, gone: Any, removal: Removal
) -> tuple[list[tuple[str, Outcome]], set[str], int]:
    removed: list[tuple[str, Outcome]] = []
    found: set[str] = set()
    tokens = 0
    for number in np.flatnonzero(gone).tolist():
        segment = flat[number].as_py()
        named, why = removal.because(segment["id"])
        found.update(named)
        tokens += segment["length"]
        place = (
            f"{part.name} row {parents[number]}: tokens {segment['start']} to {segment['start'] + segment['length'] - 1}, "
            f"its own {segment['offset']} on, epoch {segment['epoch']}, role {segment['role']}"
        )
        outcome = Outcome(RULE, score=float(segment["length"]), detail=f"{place}; {why}" if why else place)
        removed.append((segment["id"], outcome))
    return removed, found, tokens


def together(stays: dict[int, list[Piece]], length: int) -> dict[int, list[Piece]]:
    """Which pieces each changed row holds in the end; rows that all pieces of could go elsewhere are left out.

    The emptiest rows are tried first. Pieces go, the longest first, where they leave the least room; all of a row
    move, or none.
    """
    held = {row: list(pieces) for row, pieces in stays.items()}
    room = {row: length - sum(piece.length for piece in pieces) for row, pieces in held.items()}
    rooms = sorted((space, row) for row, space in room.items())
    total = sum(room.values())
    for row in sorted(held, key=lambda row: (-room[row], row)):
        if total - room[row] < length - room[row]:
            continue
        rooms.remove((room[row], row))
        moves = _fits(held[row], rooms)
        if moves is None:
            bisect.insort(rooms, (room[row], row))
            continue
        for piece, target in moves:
            held[target].append(piece)
            rooms.remove((room[target], target))
            room[target] -= piece.length
            bisect.insort(rooms, (room[target], target))
        total -= length
        del held[row], room[row]
    return {row: held[row] for row in sorted(held)}


def _fits(pieces: Sequence[Piece], rooms: Sequence[tuple[int, int]]) -> list[tuple[Piece, int]] | None:
    """Where each piece goes, or None where one fits nowhere."""
    left = list(rooms)
    moves = []
    for piece in sorted(pieces, key=lambda piece: (-piece.length, piece.row, piece.start)):
        place = bisect.bisect_left(left, (piece.length, -1))
        if place == len(left):
            return None
        space, target = left.pop(place)
        bisect.insort(left, (space - piece.length, target))
        moves.append((piece, target))
    return moves


def _made(
    table: pa.Table, gone: set[int], rows: dict[int, list[Piece]], length: int, removal: Removal, part: Part
) -> tuple[pa.Table, int]:
    """The table with `rows` in the place of the changed ones (`gone`), and how many tokens of those are padding."""
    touched = sorted(gone)
    taken = table.take(pa.array(touched)).combine_chunks()
    tokens, masks = (_flat(taken.column(name).combine_chunks(), length, part) for name in ("input_ids", "loss_mask"))
    where = {row: number for number, row in enumerate(touched)}
    new_tokens = np.zeros((len(rows), length), dtype=np.int32)
    new_masks = np.zeros((len(rows), length), dtype=np.uint8)
    segments: list[list[dict[str, Any]]] = []
    padding = 0
    for number, held in enumerate(rows.values()):
        at = 0
        told = []
        for piece in held:
            source = slice(piece.start, piece.start + piece.length)
            new_tokens[number, at : at + piece.length] = tokens[where[piece.row]][source]
            new_masks[number, at : at + piece.length] = masks[where[piece.row]][source]
            told.append({**piece.segment, "start": at})
            at += piece.length
        if at < length:
            new_tokens[number, at:] = removal.pad.id
            padding += length - at
        segments.append(told)
    ends = pa.array(np.arange(0, (len(rows) + 1) * length, length, dtype=np.int32))
    kinds = {field.name: field.type for field in table.schema}
    changed = pa.table(
        [
            pa.ListArray.from_arrays(ends, pa.array(new_tokens.reshape(-1)), type=kinds["input_ids"]),
            pa.ListArray.from_arrays(ends, pa.array(new_masks.reshape(-1)), type=kinds["loss_mask"]),
            pa.array(segments, kinds["segments"]),
        ],
        schema=table.schema,
    )
    of = {row: table.num_rows + number for number, row in enumerate(rows)}
    order = [of.get(row, row) for row in range(table.num_rows) if row in of or row not in gone]
    return pa.concat_tables([table, changed]).take(pa.array(order, pa.int64())), padding


def _flat(column: pa.ListArray, length: int, part: Part) -> Any:
    lengths = pc.list_value_length(column).to_numpy()
    if len(lengths) and not (lengths == length).all():
        raise InputError(f"{part.dataset.url}/{part.name}: its rows are not all of {length} tokens")
    return column.flatten().to_numpy().reshape(-1, length)

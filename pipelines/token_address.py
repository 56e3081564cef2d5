"""Addresses of training tokens, `SHARD:ROW:TOKEN`, and the row that one is in."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from arcmill.dataset import MANIFEST, Dataset
from arcmill.errors import InputError, UsageError
from arcmill.storage import locate

_ADDRESS = re.compile(r"(?P<place>.+):(?P<row>\d+):(?P<token>\d+)\Z", re.DOTALL)


class Address(NamedTuple):
    """A token: a part (or a whole Sequence dataset), a row in it, a token in the row; counted from 0."""

    place: str
    row: int
    token: int


def parse_address(text: str) -> Address | None:
    """SHARD:ROW:TOKEN; None for what is none."""
    found = _ADDRESS.fullmatch(text)
    return Address(found["place"], int(found["row"]), int(found["token"])) if found else None


def address_in(run_dir: str, text: str) -> Address | None:
    """The address that `text` is within a run, as in `packed/part-00003:17:2048`; None where it is the id of a document."""
    found = parse_address(text)
    if found is None:
        return None
    place = f"{run_dir.rstrip('/')}/{found.place}"
    filesystem, path = locate(place)
    if re.search(r"(^|/)part-\d+(\.parquet)?\Z", found.place) or filesystem.exists(f"{path}/{MANIFEST}"):
        return found._replace(place=place)
    return None


class Row(NamedTuple):
    """A row of a Sequence dataset, and where it is."""

    part: str
    row: int  # in the part
    number: int  # in the dataset
    values: dict[str, Any]


def read_row(address: Address) -> tuple[Dataset, Row]:
    """Read one row: the row group that holds it, and no other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    dataset, part, row, before = _part(address)
    path = dataset.file(part)
    try:
        with dataset.filesystem.open(path, "rb") as stream:
            parquet = pq.ParquetFile(stream, page_checksum_verification=True)
            first = 0
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                if first <= row < first + rows:
                    table = parquet.read_row_group(group, ["input_ids", "loss_mask", "segments"], use_threads=False)
                    one = table.slice(row - first, 1).combine_chunks()
                    return dataset, Row(
                        part, row, before + row, {name: one.column(name)[0] for name in one.schema.names}
                    )
                first += rows
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: a damaged part ({' '.join(str(error).split())[:200]})") from None
    raise UsageError(f"{path}: has {first} rows, counted from 0; row {row} asked for")


def _part(address: Address) -> tuple[Dataset, str, int, int]:
    """The dataset, the part, the row in it, and how many rows of the dataset are in the parts before."""
    filesystem, path = locate(address.place)
    if filesystem.exists(f"{path}/{MANIFEST}"):
        dataset, name = _sequences(address.place), None
    else:
        folder, _, name = address.place.rstrip("/").rpartition("/")
        dataset = _sequences(folder or ".")
        name = name if name.endswith(".parquet") else f"{name}.parquet"
    before = 0
    for part in dataset.parts:
        if part["path"] == name or (name is None and before + part["rows"] > address.row):
            return dataset, str(part["path"]), address.row - (before if name is None else 0), before
        before += part["rows"]
    if name is None:
        raise UsageError(f"{address.place}: has {before} rows, counted from 0; row {address.row} asked for")
    listed = ", ".join(str(part["path"]) for part in dataset.parts[:3])
    raise UsageError(f"{dataset.url}: no part '{name}'; it has {len(dataset.parts)} parts: {listed} …")


def _sequences(folder: str) -> Dataset:
    dataset = Dataset.open(folder)
    if dataset.record != "Sequence":
        raise UsageError(f"{folder}: holds {dataset.record} rows; tokens are in Sequence rows, as pack makes them")
    return dataset

"""A dataset: a directory of Parquet parts and a ledger, committed by a `manifest.json` written last (DESIGN section 3)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcmill.errors import InputError
from arcmill.remote import out_of_reach, reaching
from arcmill.storage import file_sha256, locate, read_json

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

FORMAT_VERSION = 1
MANIFEST, METRICS, STAGING = "manifest.json", "metrics.json", "_staging"
TOKENIZER = "tokenizer.json"
COUNTS = ("in", "kept", "dropped", "merged", "errored", "created")
BATCH_ROWS = 1024
_MANIFEST_KEYS = frozenset(
    "format_version stage stage_version record schema config inputs files counts fingerprint statistics models".split()
)

_MANIFEST_TYPES: dict[str, type] = {
    "stage": str, "record": str, "fingerprint": str, "config": dict, "schema": dict, "inputs": list, "files": list,
    "counts": dict, "statistics": dict, "models": dict,
}  # fmt: skip
_INSIDE = re.compile(r"[^/\\\x00-\x1f][^\\\x00-\x1f]*")


def fingerprint(
    stage: str, version: int, config: Mapping[str, Any], inputs: Sequence[Mapping[str, str]], models: Mapping[str, str]
) -> str:
    """sha256 of all that decides a dataset's rows: stage, version, config, input fingerprints, model digests."""
    identity = {"stage": stage, "stage_version": version, "config": config, "inputs": inputs, "models": models}
    return hashlib.sha256(json.dumps(identity, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Dataset:
    """A committed dataset, opened for reading. Only files that the manifest lists are trusted."""

    def __init__(self, url: str, manifest: dict[str, Any]) -> None:
        self.url, self.manifest = url, manifest
        self.filesystem, self.path = locate(url)

    @classmethod
    def open(cls, url: str) -> Dataset:
        """Raises InputError where there is no dataset, or one of another format."""
        filesystem, path = locate(url)
        try:
            with reaching(url):
                manifest = read_json(filesystem, f"{path}/{MANIFEST}")
        except (FileNotFoundError, NotADirectoryError):
            if not filesystem.exists(path):
                raise InputError(f"{url}: no such dataset") from None
            if filesystem.exists(f"{path}/{STAGING}"):
                raise InputError(f"{url}: an unfinished dataset; run the stage that makes it again") from None
            raise InputError(
                f"{url}: not an arcmill dataset (no {MANIFEST}); raw files come in by ingest-text or ingest-web"
            ) from None
        except OSError as error:
            raise InputError(f"{url}: cannot be read ({error})") from None
        if not isinstance(manifest, dict) or not {"format_version", "stage", "files", "counts"} <= manifest.keys():
            raise InputError(f"{url}: {MANIFEST} is not an arcmill manifest")
        if manifest["format_version"] != FORMAT_VERSION:
            raise InputError(f"{url}: dataset format {manifest['format_version']}, this arcmill reads {FORMAT_VERSION}")
        if (wrong := _unsound(manifest)) is not None:
            raise InputError(f"{url}: {MANIFEST} is not an arcmill manifest ({wrong})")
        return cls(url, manifest)

    @classmethod
    def tokenizer(cls, url: str) -> Dataset:
        """A Model dataset, or the folder of a published model: its identity is then the SHA-256 of its tokenizer.json."""
        filesystem, path = locate(url)
        if not filesystem.exists(path) or any(filesystem.exists(f"{path}/{name}") for name in (MANIFEST, STAGING)):
            return cls.open(url)
        if not filesystem.isfile(f"{path}/{TOKENIZER}"):
            raise InputError(
                f"input tokenizer={url}: no folder with a {TOKENIZER}; give the output of train-tokenizer or "
                "import-tokenizer (which reads other files), or the folder of a model"
            )
        digest = file_sha256(filesystem, f"{path}/{TOKENIZER}")
        file = {"path": TOKENIZER, "rows": 0, "bytes": filesystem.size(f"{path}/{TOKENIZER}"), "sha256": digest}
        told = {"format_version": FORMAT_VERSION, "stage": "", "record": "Model", "fingerprint": digest}
        return cls(url, {**told, "files": [file], "counts": dict.fromkeys(COUNTS, 0)})

    @property
    def record(self) -> str:
        return self._told("record")

    @property
    def fingerprint(self) -> str:
        return self._told("fingerprint")

    def _told(self, key: str) -> str:
        if key not in self.manifest:
            raise InputError(f"{self.url}: {MANIFEST} is not an arcmill manifest (it has no '{key}')")
        return str(self.manifest[key])

    @property
    def counts(self) -> dict[str, int]:
        return {**dict.fromkeys(COUNTS, 0), **self.manifest["counts"]}

    @property
    def statistics(self) -> dict[str, Any]:
        return dict(self.manifest.get("statistics", {}))

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The data files, in order: path, rows, bytes, sha256."""
        return [file for file in self.manifest["files"] if file["path"].startswith("part-")]

    @property
    def ledger_parts(self) -> list[dict[str, Any]]:
        return [file for file in self.manifest["files"] if file["path"].startswith("ledger/")]

    @property
    def rows(self) -> int:
        return sum(part["rows"] for part in self.parts)

    @property
    def width(self) -> int:
        """Dimensions of the vectors of an Embedding dataset; 1 where it holds something else."""
        kind = str(self.manifest.get("schema", {}).get("embedding", ""))
        number = kind.rpartition("[")[2].rstrip("]")
        return int(number) if number.isdecimal() and len(number) < 10 else 1

    def file(self, name: str) -> str:
        """The full path of a listed file, on this dataset's filesystem."""
        return f"{self.path}/{name}"

    def check_files(self) -> None:
        """InputError where a listed file is gone or has other bytes. For models: the libraries that read them notice nothing."""
        for file in self.manifest["files"]:
            path = self.file(file["path"])
            try:
                if file_sha256(self.filesystem, path) == file["sha256"]:
                    continue
            except FileNotFoundError:
                raise InputError(f"{path}: listed in the manifest, but missing") from None
            raise InputError(f"{path}: its checksum differs from the manifest")

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most `BATCH_ROWS` at a time."""
        for part in self.parts:
            yield from read_part(self, part["path"], columns)

    def ledger(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The ledger rows in order."""
        for part in self.ledger_parts:
            yield from read_part(self, part["path"], columns)

    def _is_laid_out(self, columns: pa.Schema) -> bool:
        """Whether a part of an Export has the columns of the manifest, which alone knows them."""
        told: Mapping[str, str] = self.manifest.get("schema", {})
        # Parquet has its own name for what is in a list, which does not count.
        held = {field.name: str(field.type).replace("<element: ", "<item: ") for field in columns}
        return held == {name: str(kind).replace("<element: ", "<item: ") for name, kind in told.items()}

    def problems(self, checksums: bool = True) -> Iterator[str]:
        """What `arcmill verify` finds wrong with the files, schema and counts; nothing where all is well."""
        import pyarrow.parquet as pq

        from arcmill.ledger import ledger_schema
        from arcmill.records import RECORDS, schema

        for key in sorted(set(self.manifest) - _MANIFEST_KEYS):
            yield f"{MANIFEST}: unknown key '{key}'"
        if missing := sorted(_MANIFEST_KEYS - set(self.manifest) - {"statistics", "models"}):
            yield f"{MANIFEST}: lacks '{missing[0]}'"
            return
        known = self.record in RECORDS and self.record != "Export"
        expected = fingerprint(
            self.manifest["stage"], self.manifest["stage_version"], self.manifest["config"], self.manifest["inputs"],
            self.manifest.get("models", {}),
        )  # fmt: skip
        if expected != self.fingerprint:
            yield f"{MANIFEST}: fingerprint is {self.fingerprint[:12]}, its own fields give {expected[:12]}"
        outcomes = dict.fromkeys(("dropped", "merged", "errored"), 0)
        for file in self.manifest["files"]:
            path = self.file(file["path"])
            if not self.filesystem.exists(path):
                yield f"{file['path']}: listed but missing"
                continue
            if self.filesystem.size(path) != file["bytes"]:
                yield f"{file['path']}: {self.filesystem.size(path)} bytes, the manifest says {file['bytes']}"
                continue
            if checksums and file_sha256(self.filesystem, path) != file["sha256"]:
                yield f"{file['path']}: checksum differs from the manifest"
                continue
            if not file["path"].endswith(".parquet"):
                continue
            with self.filesystem.open(path, "rb") as stream:
                parquet = pq.ParquetFile(stream)
                ledger = file["path"].startswith("ledger/")
                if not ledger and self.record == "Export" and not self._is_laid_out(parquet.schema_arrow):
                    yield f"{file['path']}: schema differs from the manifest"
                wanted = ledger_schema() if ledger else schema(self.record, self.width) if known else None
                if wanted is not None and not parquet.schema_arrow.equals(wanted, check_metadata=False):
                    yield f"{file['path']}: schema differs from {'the ledger' if ledger else self.record}"
                if parquet.metadata.num_rows != file["rows"]:
                    yield f"{file['path']}: {parquet.metadata.num_rows} rows, the manifest says {file['rows']}"
                if ledger:
                    for value in parquet.read(columns=["outcome"], use_threads=False).column(0).to_pylist():
                        outcomes[value] = outcomes.get(value, 0) + 1
        counts = self.counts
        if counts["in"] != counts["kept"] + counts["dropped"] + counts["merged"] + counts["errored"]:
            yield f"counts: in {counts['in']} is not kept + dropped + merged + errored"
        if self.record != "Model" and self.rows not in (counts["created"], counts["kept"] + counts["created"]):
            yield f"counts: kept {counts['kept']}, created {counts['created']}; the parts hold {self.rows} rows"
        for name, number in outcomes.items():
            if counts.get(name, 0) != number:
                yield f"counts: {name} is {counts.get(name)}, the ledger holds {number}"


def _unsound(manifest: Mapping[str, Any]) -> str | None:
    """What of a manifest is not as readers take it; None where all is. A dataset may come from anywhere: the files that it
    names lie in its folder, or a part would be read, or copied, to where its sender wants."""
    try:
        json.dumps(manifest, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return "it holds half of a character, or nests too deep"
    for key, kind in _MANIFEST_TYPES.items():
        if not isinstance(manifest.get(key, kind()), kind):
            return f"'{key}' is no {'text' if kind is str else 'object' if kind is dict else 'list'}"
    for file in manifest["files"]:
        if not isinstance(file, dict) or not isinstance(path := file.get("path"), str):
            return "a file without a path"
        if not _INSIDE.fullmatch(path) or ".." in path.split("/"):
            return f"the file {path!r} does not lie in the folder"
        if any(type(file.get(key)) is not int or file[key] < 0 for key in ("rows", "bytes")):
            return f"rows or bytes of {path} are no numbers"
        if not isinstance(file.get("sha256"), str):
            return f"{path} has no checksum"
    for entry in (
        *manifest.get("inputs", ()),
        *({"name": name, "fingerprint": held} for name, held in manifest.get("models", {}).items()),
    ):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("name", "fingerprint")):
            return "an input or a model without name and fingerprint"
    for name, number in manifest["counts"].items():
        if type(number) is not int or number < 0:
            return f"counts: {name} is no number"
    return None


class Joined:
    """Several datasets of one record, read one after the other, for a stage that wants the rows of an input alone."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self.datasets = list(datasets)

    @property
    def url(self) -> str:
        """For messages."""
        return ", ".join(dataset.url for dataset in self.datasets)

    @property
    def rows(self) -> int:
        return sum(dataset.rows for dataset in self.datasets)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        for dataset in self.datasets:
            yield from dataset.batches(columns)


@dataclass(frozen=True)
class Part:
    """One part of a dataset: what a stage that edits parts is given."""

    dataset: Dataset
    info: Mapping[str, Any]  # path, rows, bytes, sha256

    @property
    def name(self) -> str:
        return str(self.info["path"])

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Its rows (these columns of them), at once. InputError where it is damaged."""
        import pyarrow as pa

        batches = list(read_part(self.dataset, self.name, columns))
        if batches:
            return pa.Table.from_batches(batches)
        from arcmill.records import schema

        empty = schema(self.dataset.record, self.dataset.width).empty_table()
        return empty if columns is None else empty.select(columns)


def read_part(dataset: Dataset, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """One listed Parquet file, batch by batch; InputError names a file that is damaged."""
    yield from read_file(dataset.filesystem, dataset.file(name), columns)


def read_file(filesystem: AbstractFileSystem, path: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A Parquet file by its full path, as `read_part` reads it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with filesystem.open(path, "rb") as stream:
            parquet = pq.ParquetFile(stream, page_checksum_verification=True)
            # Row groups are bounded in bytes by the writer, so one group at a time bounds the memory too.
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
                yield from table.to_batches(max_chunksize=BATCH_ROWS)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowException) as error:
        if told := out_of_reach(error):
            raise type(told)(f"{path}: {told}") from None
        raise InputError(f"{path}: a damaged part ({' '.join(str(error).split())[:200]})") from None


def describe_drift(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two identities (manifests, or the plan of a run), one line a difference."""
    lines: list[str] = []
    for key in ("stage", "stage_version"):
        if old.get(key) != new.get(key):
            lines.append(f"{key}: {old.get(key)} -> {new.get(key)}")
    before, after = _flat(old.get("config", {})), _flat(new.get("config", {}))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            lines.append(f"config {key}: {json.dumps(before.get(key))} -> {json.dumps(after.get(key))}")
    for kind in ("inputs", "models"):
        was, now = _named(old.get(kind, [])), _named(new.get(kind, []))
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                lines.append(f"{kind[:-1]} {name}: {str(was.get(name))[:12]} -> {str(now.get(name))[:12]}")
    return lines


def _named(entries: Any) -> dict[str, str]:
    if isinstance(entries, Mapping):
        return dict(entries)
    named: dict[str, str] = {}
    for entry in entries:
        name = entry["name"]
        named[name] = named[name] + "+" + entry["fingerprint"] if name in named else entry["fingerprint"]
    return named


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat.update(_flat(inner, f"{prefix}.{key}" if prefix else str(key)))
    return flat

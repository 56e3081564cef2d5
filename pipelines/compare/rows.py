"""One pass over a dataset: what of each row is compared, whatever its record."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arcmill.dataset import Dataset
from arcmill.syntax import LANGUAGE_KEY
from pipelines.compare.distributions import Distribution
from pipelines.compare.overlap import Overlap, Words, hashes

BYTES_PER_TOKEN = 4.0  # where rows do not say how many tokens they have, as `mix` estimates
MOST_KEYS = 10_000  # different values of a column that are counted one by one
OTHERS = "(others)"
SCORES = ("quality_score", "language_score", "pass_rate")
KEYS = (
    "source",
    "language",
    "quality_bucket",
    "license",
    "answer_type",
    "domain",
    "difficulty",
    "thinking",
    "environment",
)
SHOWN = ("id", "source", "url", "repo", "path", "language", "quality_score", "quality_bucket")
CHARACTERS = 300  # of a text that is shown
_TEXTS = {"Document": "text", "Problem": "prompt", "AgentTask": "instruction"}


class Side:
    """What one dataset holds, counted. `tokens_by` says where the tokens come from."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.rows = 0
        self.tokens = 0.0
        self.tokens_by: Counter[str] = Counter()
        self.distributions: dict[str, Distribution] = {}
        self.mix: dict[str, defaultdict[str, float]] = {}
        self.count: dict[str, Counter[str]] = {}
        self.extra: Counter[str] = Counter()

    def read(self, overlap: Overlap, side: int) -> None:
        """Count every row, and put its hashes into `overlap`."""
        held = set(self.dataset.manifest["schema"])
        if self.dataset.record == "Sequence":
            for batch in self.dataset.batches():
                self._sequences(batch, overlap, side)
            return
        text = _TEXTS.get(self.dataset.record)
        wanted = {"id", "metadata", "messages", text, *SCORES, *KEYS} & held
        columns = [name for name in self.dataset.manifest["schema"] if name in wanted]
        for batch in self.dataset.batches(columns):
            self._rows(batch, text, overlap, side)

    def _rows(self, batch: pa.RecordBatch, text: str | None, overlap: Overlap, side: int) -> None:
        names = set(batch.schema.names)
        texts = batch.column(text) if text in names else _messages(batch) if "messages" in names else None
        numbers = np.arange(self.rows, self.rows + batch.num_rows, dtype=np.uint64)
        self.rows += batch.num_rows
        if "id" in names:
            overlap.add(side, hashes(batch.column("id")), None if texts is None else hashes(texts), numbers)
        if texts is None:
            tokens = np.ones(batch.num_rows)
            self.tokens_by["rows"] += batch.num_rows
        else:
            self._lengths("characters", pc.utf8_length(texts).to_numpy(zero_copy_only=False))
            tokens = self._tokens_of(batch, texts)
        self.tokens += float(tokens.sum())
        for name in SCORES:
            if name in names:
                self._distribution(name, True).add(batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64))
        for name in KEYS:
            if name in names:
                self._keys(name, batch.column(name).cast(pa.string()), tokens)
        if "metadata" in names:
            languages = pc.map_lookup(batch.column("metadata"), LANGUAGE_KEY, "last")
            if languages.null_count < len(languages):
                self._keys("programming language", languages, tokens)

    def _tokens_of(self, batch: pa.RecordBatch, texts: pa.Array) -> Any:
        estimate = pc.binary_length(texts).to_numpy(zero_copy_only=False) / BYTES_PER_TOKEN
        if "metadata" not in batch.schema.names:
            self.tokens_by["estimated by bytes"] += batch.num_rows
            return estimate
        told = pc.map_lookup(batch.column("metadata"), "tokens", "last")
        if told.null_count == len(told):
            self.tokens_by["estimated by bytes"] += batch.num_rows
            return estimate
        right = pc.match_substring_regex(told, "^[0-9]{1,15}$").fill_null(False)
        counted = pc.if_else(right, told, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
        known = ~np.isnan(counted)
        self.tokens_by["counted"] += int(known.sum())
        self.tokens_by["estimated by bytes"] += int((~known).sum())
        self._lengths("tokens", counted[known])
        return np.where(known, counted, estimate)

    def _sequences(self, batch: pa.RecordBatch, overlap: Overlap, side: int) -> None:
        segments = batch.column("segments")
        parents = pc.list_parent_indices(segments).to_numpy().astype(np.uint64)
        flat = pc.list_flatten(segments)
        fields = {name: pc.struct_field(flat, name) for name in ("id", "source", "bucket", "epoch", "role")}
        lengths = pc.struct_field(flat, "length").to_numpy()
        offsets = pc.struct_field(flat, "offset").to_numpy()
        begun = offsets == 0
        overlap.add(side, hashes(fields["id"].filter(pa.array(begun))), None, self.rows + parents[begun])
        tokens = batch.column("input_ids")
        sizes = pc.list_value_length(tokens).to_numpy()
        overlap.add_texts(side, _row_hashes(tokens))
        self.rows += batch.num_rows
        self.tokens += float(lengths.sum())
        self.tokens_by["packed"] += batch.num_rows
        self._lengths("tokens of a segment", lengths)
        self._lengths("segments of a row", pc.list_value_length(segments).to_numpy())
        for name in ("source", "bucket", "epoch", "role"):
            self._keys(name, fields[name].cast(pa.string()), lengths)
        in_loss = int(pc.sum(pc.list_flatten(batch.column("loss_mask")).cast(pa.int64())).as_py() or 0)
        self.extra.update(
            tokens=int(sizes.sum()), padding=int(sizes.sum() - lengths.sum()), in_loss=in_loss,
            segments=len(flat), documents_begun=int(begun.sum()), segments_cut=int((~begun).sum()),
        )  # fmt: skip

    def _distribution(self, name: str, scores: bool) -> Distribution:
        return self.distributions.setdefault(name, Distribution(scores))

    def _lengths(self, name: str, values: Any) -> None:
        self._distribution(name, False).add(values)

    def _keys(self, name: str, values: pa.Array, tokens: Any) -> None:
        """Rows and tokens by value of a column."""
        mix, count = self.mix.setdefault(name, defaultdict(float)), self.count.setdefault(name, Counter())
        if not len(values):
            return
        if values.null_count == len(values):
            keys, masses, rows = ["(none)"], [float(tokens.sum())], [len(values)]
        else:
            encoded = values.fill_null("(none)").dictionary_encode()
            keys, places = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
            masses = np.bincount(places, weights=tokens, minlength=len(keys)).tolist()
            rows = np.bincount(places, minlength=len(keys)).tolist()
        for key, mass, number in zip(keys, masses, rows, strict=True):
            held = key if key in mix or len(mix) < MOST_KEYS else OTHERS
            mix[held] += mass
            count[held] += number

    def sample(self, numbers: list[int]) -> list[dict[str, Any]]:
        """The rows of these numbers, as they are shown."""
        found: dict[int, dict[str, Any]] = {}
        first = 0
        for part in self.dataset.parts:
            here = sorted(number for number in numbers if first <= number < first + part["rows"])
            if here:
                found |= _read(self.dataset, part["path"], first, here)
            first += part["rows"]
        return [found[number] for number in numbers]


def _messages(batch: pa.RecordBatch) -> pa.Array:
    """Conversations as texts: their messages as JSON."""
    return pa.array(
        [json.dumps(m, ensure_ascii=False) for m in batch.column("messages").to_pylist()], pa.large_string()
    )


def _row_hashes(tokens: pa.ListArray) -> Words:
    """A hash of the token ids of each row."""
    data = np.ascontiguousarray(tokens.flatten().to_numpy())
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(tokens).to_numpy())]).astype(np.int64) * data.itemsize
    binary = pa.Array.from_buffers(pa.large_binary(), len(tokens), [None, pa.py_buffer(ends), pa.py_buffer(data)])
    return hashes(binary)


def _read(dataset: Dataset, part: str, first: int, numbers: list[int]) -> dict[int, dict[str, Any]]:
    import pyarrow.parquet as pq

    text = _TEXTS.get(dataset.record)
    found: dict[int, dict[str, Any]] = {}
    with dataset.filesystem.open(dataset.file(part), "rb") as stream:
        parquet = pq.ParquetFile(stream, page_checksum_verification=True)
        names = parquet.schema_arrow.names
        columns = [name for name in (*SHOWN, text, "messages", "segments") if name in names]
        for group in range(parquet.num_row_groups):
            last = first + parquet.metadata.row_group(group).num_rows
            here = [number for number in numbers if first <= number < last]
            if here:
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
                for number, row in zip(here, table.take([n - first for n in here]).to_pylist(), strict=True):
                    found[number] = _shown(row, text)
            first = last
    return found


def _shown(row: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    told = {name: row[name] for name in SHOWN if row.get(name) is not None}
    body = row.get(text or "")
    if row.get("messages"):
        body = " ".join(str(message["content"] or "") for message in row["messages"])
    if body is not None:
        told |= {"characters": len(body), "text": body[:CHARACTERS]}
    if "segments" in row:
        told["documents"] = [segment["id"] for segment in row["segments"]][:5]
    return told

"""An arm's tokens, written down once for all its trainings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import InputError, UsageError
from pipelines.ablate.draw import Arm, Draw, keys_of
from pipelines.ablate.stream import FACTS, KEYS, MASK, STARTS, TOKENS, Array
from pipelines.ablate.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

BYTES_PER_TOKEN = 8  # more than text has, so that a draw by bytes gives tokens enough
_UNREADABLE = 0.01  # share of an arm's documents that may fail to become tokens


def prepare(arm: Arm, folder: Path, vocabulary: Vocabulary, most_tokens: int) -> dict[str, Any]:
    """Write an arm's tokens into `folder`, unless they stand there; returns what is told of it.

    Raises InputError for an arm without tokens.
    """
    identity = {
        "tokenizer": vocabulary.digest,
        "chat_loss": vocabulary.chat_loss,
        "arm": arm.fingerprints,
        "most": most_tokens,
    }
    key = sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    facts = _standing(folder, key)
    if facts is not None:
        return facts
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = _write_documents if arm.record == "Document" else _write_sequences
    facts = {"key": key, "record": arm.record, "rows": arm.rows, **made(arm, folder, vocabulary, most_tokens)}
    if not facts["tokens"]:
        raise InputError(f"arm {arm.name}: no tokens to train on")
    facts["digest"] = _digest(folder)
    (folder / FACTS).write_text(json.dumps(facts, indent=1))
    return facts


def _digest(folder: Path) -> str:
    """SHA-256 of all that a training reads."""
    found = sha256()
    for name in (TOKENS, MASK, STARTS, KEYS):
        if (folder / name).exists():
            with (folder / name).open("rb") as stream:
                found.update(file_digest(stream, "sha256").digest())
    return found.hexdigest()


def _standing(folder: Path, key: str) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    except (OSError, ValueError):
        return None
    return facts if facts.get("key") == key else None


def _write_documents(arm: Arm, folder: Path, vocabulary: Vocabulary, most: int) -> dict[str, Any]:
    from arcmill.stage import Outcome
    from sequences.pack_documents import tokenize

    draw = Draw(arm, most * BYTES_PER_TOKEN)
    dtype = _dtype(vocabulary)
    starts, keys, failed, empty = [0], [], 0, 0
    reason = ""
    masked = False
    with (folder / TOKENS).open("wb") as stream, (folder / MASK).open("wb") as masks:
        for origin, ids in tokenize(draw.batches(), vocabulary.encoder, 1):
            if isinstance(ids, Outcome):
                failed += ids.outcome == "errored"
                empty += ids.outcome != "errored"
                reason = reason or (f"{ids.rule}: {ids.detail}" if ids.outcome == "errored" else "")
                continue
            assert not isinstance(origin, str)
            inside = ids >= 0  # of conversations, what is not in the loss is ~id
            masked = masked or not inside.all()
            stream.write(np.where(inside, ids, ~ids).astype(dtype).tobytes())
            masks.write(inside.astype(np.uint8).tobytes())
            starts.append(starts[-1] + len(ids))
            keys.append(f"{origin.epoch}:{origin.id}" if origin.epoch else origin.id)
    if failed > _UNREADABLE * max(1, len(keys) + failed):
        raise InputError(f"arm {arm.name}: {failed} of {len(keys) + failed} documents do not become tokens ({reason})")
    np.save(folder / STARTS, np.array(starts, np.int64))
    np.save(folder / KEYS, keys_of(keys))
    return {
        "dtype": dtype.__name__, "masked": masked, "documents": len(keys), "errored": failed, "empty": empty,
        "tokens": starts[-1], "bytes": draw.bytes, "all_bytes": draw.all_bytes,
    }  # fmt: skip


def _dtype(vocabulary: Vocabulary) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if vocabulary.size <= 1 << 16 else np.uint32


def _write_sequences(arm: Arm, folder: Path, vocabulary: Vocabulary, most: int) -> dict[str, Any]:
    """Rows as they are, without padding; drawn by a hash of their place, since they have no id."""
    dtype = _dtype(vocabulary)
    starts, keys, masked = [0], [], False
    total = _sequence_tokens(arm)
    share = min(1.0, most / max(total, 1))
    row = 0
    with (folder / TOKENS).open("wb") as stream, (folder / MASK).open("wb") as masks:
        for dataset in arm.datasets:
            for batch in dataset.batches(columns=["input_ids", "loss_mask", "segments"]):
                chosen = keys_of([f"row {row + number}" for number in range(batch.num_rows)])
                row += batch.num_rows
                for number in (
                    np.flatnonzero(chosen <= np.uint64(int(share * ((1 << 64) - 1))))
                    if share < 1
                    else range(batch.num_rows)
                ):
                    ids, mask = _held(batch, int(number))
                    if int(ids.max(initial=0)) >= vocabulary.size:
                        raise UsageError(
                            f"arm {arm.name}: holds token {int(ids.max())}, the tokenizer has {vocabulary.size}"
                        )
                    masked = masked or not mask.all()
                    stream.write(ids.astype(dtype).tobytes())
                    masks.write(mask.tobytes())
                    starts.append(starts[-1] + len(ids))
                    keys.append(chosen[number])
    np.save(folder / STARTS, np.array(starts, np.int64))
    np.save(folder / KEYS, np.array(keys, np.uint64))
    return {
        "dtype": dtype.__name__, "masked": masked, "documents": len(keys), "errored": 0, "empty": 0, "tokens": starts[-1],
        "bytes": None, "all_bytes": None,
    }  # fmt: skip


def _sequence_tokens(arm: Arm) -> int:
    return sum(
        len(batch.column("input_ids").flatten())
        for dataset in arm.datasets
        for batch in dataset.batches(columns=["input_ids"])
    )


def _held(batch: pa.RecordBatch, number: int) -> tuple[Array, Array]:
    """Tokens and loss mask of a row up to where its last segment ends."""
    segments = batch.column("segments")[number].as_py()
    end = max((each["start"] + each["length"] for each in segments), default=0)
    ids = batch.column("input_ids")[number].values.to_numpy(zero_copy_only=False)[:end]
    return ids, batch.column("loss_mask")[number].values.to_numpy(zero_copy_only=False)[:end].astype(np.uint8)


def texts(arm: Arm, vocabulary: Vocabulary, most_tokens: int) -> Iterator[pa.Array]:
    """The texts that an arm trains on, as Arrow columns: those drawn, or what sequences say."""
    import pyarrow as pa

    if arm.record == "Document":
        for batch in Draw(arm, most_tokens * BYTES_PER_TOKEN).batches(["id", "text"]):
            yield batch.column("text").cast(pa.large_string())
        return
    for dataset in arm.datasets:
        for batch in dataset.batches(columns=["input_ids", "segments"]):
            held = []
            for ids, segments in zip(batch.column("input_ids"), batch.column("segments").to_pylist(), strict=True):
                values = ids.values.to_numpy(zero_copy_only=False)
                held += [values[each["start"] : each["start"] + each["length"]].tolist() for each in segments]
            yield pa.array(vocabulary.decode(held), pa.large_string())

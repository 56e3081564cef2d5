"""The reader's feed of a GPU: tokens a second from Parquet into the device's memory, by worker processes.

    python benchmarks/gpu/feed.py                        64 M tokens in rows of 4,096 on a GPU, 1 M on a processor
    python benchmarks/gpu/feed.py --data runs/web/packed a dataset of one's own

Each side reads an epoch in shuffled order and puts input_ids, loss_mask and position_ids on the device, from pinned memory. The
floor is the copy of these bytes from pinned memory; a training of a 1 B model wants some 0.1 M tokens a second and GPU. Other readers
are beside it in benchmarks/reader.py, which needs no GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import NotMeasured, installed, seconds, waited
from made_rows import sequences, write
from table import Row, log, told

COLUMNS = ("input_ids", "loss_mask", "position_ids")


def measure(given: argparse.Namespace, place: str) -> list[Row]:
    import torch

    if not installed("sequences.torch_data"):
        raise NotMeasured("this version has no reader")
    from sequences.torch_data import SequenceLoader

    big = place == "cuda"
    tokens, length = given.tokens or ((1 << 26) if big else (1 << 20)), 4096
    with TemporaryDirectory() as folder:
        data = given.data
        if not data:
            data = str(write(Path(folder) / "packed", "Sequence", sequences(tokens // length, length, 256), 64))
        size, rows, found = "", [], None
        for workers in given.workers:
            loader = SequenceLoader(data, global_batch=given.batch, seed=1, epochs=1, workers=workers, pin_memory=big)
            count, started = 0, time.perf_counter()
            for batch in loader:
                found = {name: batch[name].to(place, non_blocking=True) for name in COLUMNS}
                count += batch["input_ids"].numel()
            waited(place)
            took = time.perf_counter() - started
            size = f"{count:,} tokens in rows of {loader.reader.length:,}, {given.batch} rows a batch"
            log(f"{workers} workers: {took:.2f} s")
            rows.append(Row(f"reader to device, {workers} workers", size, count / took, "tokens/s", took))
        assert found is not None
        held = [torch.empty_like(value, device="cpu", pin_memory=big) for value in found.values()]
        once = seconds(lambda: [each.to(place, non_blocking=True, copy=True) for each in held], place, 20)
        for row in rows:
            assert row.seconds and row.value
            row.floor = once * row.seconds * row.value / found["input_ids"].numel()
            row.note = "first epoch: workers are started, the file is opened"
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a Sequence dataset; made if not given")
    parser.add_argument("--tokens", type=int, help="tokens that are made")
    parser.add_argument("--batch", type=int, default=32, help="rows of a batch")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2, 4], help="worker processes of the DataLoader")
    return told(parser, measure, "reader to device")


if __name__ == "__main__":
    sys.exit(main())

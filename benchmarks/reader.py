"""Tokens a second that reach a training loop, by the number of worker processes, beside other readers of the same rows.

    python benchmarks/reader.py [--dataset SEQUENCES] [--batch 8] [--rounds 3] [--workers 0 1 2 4]

Data: a Sequence dataset (`arcmill pack`), or one made of the long descriptions of the installed distributions and the
sources of the Python standard library. Its rows are also written as MDS (mosaicml-streaming), as .ds (datatrove), and read
in place by Hugging Face's `datasets`. Each reader gives batches of tensors through a PyTorch DataLoader, in turns; the
clock starts at the first batch. "wall" is the best round; "CPU" is tokens a second of processor time of all
processes, from the first to the last, which other work on the machine touches less. What is not installed is left out.

What they give: arcmill all of a row (tokens as int64, loss mask, position ids, cu_seqlens, row numbers), shuffled over the whole
dataset; mosaicml tokens and loss mask, shuffled; datatrove tokens alone, in the order of its file; datasets tokens and loss
mask, from its memory map (`set_format`), shuffled by index.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Open = Callable[[int], Iterator[Any]]  # workers -> batches
ROOT = Path(__file__).resolve().parents[1]


def arcmill(*arguments: str) -> None:
    """A command of this tree."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments, "--quiet"], check=True, env=environment)


def build(folder: Path, megabytes: float, length: int) -> str:
    """A dataset of the machine's own texts, each four times (as epochs do), under other ids."""
    from pack import texts_of

    texts = texts_of(argparse.Namespace(data=None, megabytes=megabytes / 4))
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as file:
        for turn in range(4):
            for number, text in enumerate(texts):
                file.write(json.dumps({"id": f"{turn}-{number}", "text": text}) + "\n")
    arcmill("ingest-text", "--input", str(folder / "texts.jsonl"), "--output", str(folder / "texts"))
    arcmill("train-tokenizer", "--input", str(folder / "texts"), "--output", str(folder / "tokenizer"),
            "--set", "max_bytes=4000000")  # fmt: skip
    arcmill("pack", "--input", str(folder / "texts"), "--input", f"tokenizer={folder / 'tokenizer'}",
            "--output", str(folder / "packed"), "--set", f"sequence_length={length}")  # fmt: skip
    return str(folder / "packed")


def rows_of(dataset: str) -> Iterator[tuple[Any, Any]]:
    """Tokens and loss mask of each row."""
    from arcmill.dataset import Dataset

    for batch in Dataset.open(dataset).batches(["input_ids", "loss_mask"]):
        for ids, mask in zip(batch.column(0), batch.column(1), strict=True):
            yield ids.values.to_numpy(), mask.values.to_numpy()


def ours(dataset: str, batch: int) -> Open:
    """The reader of this tree, as docs/handoff.md shows it."""
    from sequences.torch_data import SequenceLoader

    return lambda workers: iter(SequenceLoader(dataset, global_batch=batch, workers=workers))


def mosaicml(dataset: str, folder: Path, batch: int) -> Open:
    """MDS shards on the local disk, not compressed (what it reads fastest)."""
    from streaming import MDSWriter, StreamingDataset
    from torch.utils.data import DataLoader

    with MDSWriter(out=str(folder), columns={"input_ids": "ndarray:int32", "loss_mask": "ndarray:uint8"}) as writer:
        for ids, mask in rows_of(dataset):
            writer.write({"input_ids": ids, "loss_mask": mask})

    def opened(workers: int) -> Iterator[Any]:
        while True:
            data = StreamingDataset(local=str(folder), shuffle=True, batch_size=batch)
            yield from DataLoader(data, batch_size=batch, num_workers=workers)

    return opened


def datatrove(dataset: str, folder: Path, batch: int, length: int) -> Open:
    """One .ds file; its reader gives windows of seq_len + 1 tokens: these are our rows."""
    from datatrove.utils.dataset import DatatroveFolderDataset
    from torch.utils.data import DataLoader

    with (folder / "rows.ds").open("wb") as file:
        for ids, _ in rows_of(dataset):
            file.write(ids.astype("<u2").tobytes())

    def opened(workers: int) -> Iterator[Any]:
        while True:
            data = DatatroveFolderDataset(str(folder), length - 1, token_size=2, shuffle=True)
            yield from DataLoader(data, batch_size=batch, num_workers=workers)

    return opened


def hugging_face(dataset: str, folder: Path, batch: int) -> Open:
    """The parts themselves, by `datasets`, in torch's format."""
    os.environ.setdefault("HF_HOME", str(folder))
    from datasets import disable_progress_bars, load_dataset
    from torch.utils.data import DataLoader

    disable_progress_bars()
    parts = sorted(str(path) for path in Path(dataset).glob("part-*.parquet"))
    rows = load_dataset("parquet", data_files=parts, split="train", cache_dir=str(folder))
    rows = rows.select_columns(["input_ids", "loss_mask"]).with_format("torch")

    def opened(workers: int) -> Iterator[Any]:
        while True:
            yield from DataLoader(rows, batch_size=batch, shuffle=True, num_workers=workers)

    return opened


def spent() -> float:
    """Processor seconds of this process and of the children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(opened: Open, workers: int, batches: int) -> tuple[float, float]:
    """Tokens a second of wall time and of processor time."""
    began = spent()
    source = opened(workers)
    next(source)
    tokens, started = 0, time.perf_counter()
    for _ in range(batches):
        tokens += next(source)["input_ids"].numel()
    wall = time.perf_counter() - started
    source.close()  # type: ignore[attr-defined]  # a generator: its workers end with it
    del source
    return tokens / wall, tokens / (spent() - began)


def main() -> None:
    """Measure all in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", help="Sequence dataset with ids below 65,536 (datatrove's .ds has two bytes a token)"
    )
    parser.add_argument("--megabytes", type=float, default=128, help="text to pack where no dataset is given")
    parser.add_argument("--length", type=int, default=4096, help="tokens of a row where no dataset is given")
    parser.add_argument("--batch", type=int, default=8, help="rows of a batch")
    parser.add_argument("--batches", type=int, help="batches of a round; all rows once, where it is not given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack():
        folder = Path(scratch)
        dataset = options.dataset or build(folder, options.megabytes, options.length)
        from sequences.reader import SequenceReader

        about = SequenceReader(dataset, global_batch=options.batch, epochs=1)
        batches = options.batches or int(about.steps() or 0) - 1
        for name in ("mds", "ds", "hf"):
            (folder / name).mkdir()
        makers: dict[str, Callable[[], Open]] = {
            "arcmill": lambda: ours(dataset, options.batch),
            "mosaicml-streaming": lambda: mosaicml(dataset, folder / "mds", options.batch),
            "datatrove": lambda: datatrove(dataset, folder / "ds", options.batch, about.length),
            "datasets": lambda: hugging_face(dataset, folder / "hf", options.batch),
        }
        readers: dict[str, Open] = {}
        for name, make in makers.items():
            try:
                readers[name] = make()
            except ImportError as error:
                print(f"{name}: left out ({error})")
        sizes = {
            name: sum(p.stat().st_size for p in (folder / name).rglob("*") if p.is_file()) for name in ("mds", "ds")
        }
        sizes["parquet"] = sum(p.stat().st_size for p in Path(dataset).glob("part-*.parquet"))
        print(f"{about.rows:,} rows of {about.length:,} tokens, batches of {options.batch} rows; best of {options.rounds} rounds of "
              f"{batches:,} batches; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")  # fmt: skip
        print(
            "bytes a token on disk: " + ", ".join(f"{k} {v / about.rows / about.length:.2f}" for k, v in sizes.items())
        )
        best: dict[tuple[str, int], tuple[float, float]] = {}
        for _ in range(options.rounds):
            for workers in options.workers:
                for name, opened in readers.items():
                    found = measured(opened, workers, batches if name != "datasets" else max(2, batches // 10))
                    old = best.get((name, workers), (0.0, 0.0))
                    best[name, workers] = max(old[0], found[0]), max(old[1], found[1])
        print(
            f"\n{'million tokens/s':22s}" + "".join(f"{f'{w} workers: wall':>18s}{'CPU':>8s}" for w in options.workers)
        )
        for name in readers:
            cells = (best[name, w] for w in options.workers)
            print(f"{name:22s}" + "".join(f"{wall / 1e6:18.1f}{cpu / 1e6:8.1f}" for wall, cpu in cells))


if __name__ == "__main__":
    main()

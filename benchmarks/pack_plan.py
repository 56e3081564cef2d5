"""Plans of best fit: which document goes into which sequence, ours beside other public packers, on one core.

    python benchmarks/pack_plan.py [--documents 10000000] [--length 4096 32768 131072] [--peers PYTHON] [--limit 120]
                                   [--packed DATASET] [--only NAME …]

Lengths of documents are drawn from a log-normal distribution (median 550 tokens, sigma 1.3: about what web pages and source
files have; the mean is 1,280), or, with --packed, from the documents of a packed dataset, with replacement. A packer that cannot split
documents is given them split: pieces of a sequence's length, and what remains. All are given the same.

Each packer runs in a process of its own, pinned to one core, and is timed in CPU seconds without its imports and compilation
(a first run on 1,000 documents). Sizes grow tenfold; a packer that would pass --limit seconds is not asked for the next. The table has the
largest size that it finished.

Peers are what is installed for --peers (by default this Python): pip install trl axolotl llamafactory megatron-bridge
binpacking prtpy, best with --no-deps in a venv of its own. Their functions are read out of the files of their packages, so that what
else these import (torch, transformers) is not needed. TRL's plan ends in moving the tokens (Arrow's
filter, slice and take): these are left out, so that its time is that of the plan.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Lengths = np.ndarray[Any, np.dtype[np.int32]]
Loads = np.ndarray[Any, np.dtype[np.int64]]  # tokens in each row
SMALLEST, SEED = 1_000, 8


def drawn(count: int, packed: str | None) -> Lengths:
    """Lengths of documents."""
    generator = np.random.default_rng(SEED)
    if packed is None:
        return np.maximum(1, np.exp(generator.normal(np.log(550), 1.3, count))).astype(np.int32)
    import pyarrow.compute as pc

    from arcmill.dataset import Dataset

    tokens: dict[tuple[str, int], int] = {}
    for batch in Dataset.open(packed).batches(["segments"]):
        flat = pc.list_flatten(batch.column("segments"))
        columns = (pc.struct_field(flat, name).to_pylist() for name in ("id", "epoch", "length"))
        for name, epoch, length in zip(*columns, strict=True):
            tokens[name, epoch] = tokens.get((name, epoch), 0) + length
    return generator.choice(np.array(list(tokens.values()), np.int32), count)


def pieces(lengths: Lengths, capacity: int) -> Lengths:
    """Documents split to pieces of at most `capacity`, all but the last of that length."""
    counts = -(-lengths // capacity)
    made = np.full(int(counts.sum()), capacity, np.int32)
    made[np.cumsum(counts) - 1] = lengths - (counts - 1) * capacity
    return made


def function_of(place: str, *names: str) -> dict[str, Any]:
    """Functions and classes of an installed file, by name, with its imports of what is there."""
    found = next((Path(folder) / place for folder in sys.path if (Path(folder) / place).is_file()), None)
    if found is None:
        raise FileNotFoundError(place)
    tree = ast.parse(found.read_text(encoding="utf-8"))
    wanted = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name in names]
    scope: dict[str, Any] = {}
    exec("from __future__ import annotations", scope)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
            try:
                exec(compile(ast.Module([node], []), str(found), "exec"), scope)
            except ImportError:
                continue
    future = ast.parse("from __future__ import annotations").body
    exec(compile(ast.Module([*future, *wanted], []), str(found), "exec"), scope)
    return scope


# -- packers: (lengths of documents, capacity) -> tokens of each row ------------------------------------------------


def ours(capacity: int) -> Callable[[Lengths], Loads]:
    from sequences.best_fit import best_fit

    def run(lengths: Lengths) -> Loads:
        split = pieces(lengths, capacity)
        row_of, rows = best_fit(split, capacity)
        return np.bincount(row_of, split, rows).astype(np.int64)

    return run


def trl(strategy: str, capacity: int) -> Callable[[Lengths], Loads]:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ("_check_if_columns_can_be_packed", "_SegmentTree", "_pack_bfd", "_pack_wrapped")
    scope = function_of("trl/data_utils.py", *names)

    class Compute:
        """pyarrow.compute, but nothing is moved."""

        filter = staticmethod(lambda column, mask: column)
        take = staticmethod(lambda table, ids: table.combine_chunks())
        list_value_length = staticmethod(pc.list_value_length)
        greater = staticmethod(pc.greater)
        make_struct = staticmethod(lambda *columns: pc.make_struct(*columns, field_names=["0", "1"]))
        list_slice = staticmethod(lambda column, start, stop: _at_most(column, stop))

    scope["pc"] = Compute

    def run(lengths: Lengths) -> Loads:
        offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        column = pa.LargeListArray.from_arrays(pa.array(offsets), pa.nulls(int(offsets[-1])))
        table = pa.table({"input_ids": column})
        if strategy == "wrapped":
            made = scope["_pack_wrapped"](table, capacity)
        else:
            made = scope["_pack_bfd"](table, capacity, strategy)
        rows = made["input_ids"].combine_chunks()
        loads: Loads = np.diff(rows.offsets.to_numpy())
        return loads

    return run


def _at_most(column: Any, most: int) -> Any:
    """Lists of nulls, cut to a length."""
    import pyarrow as pa

    lengths = np.minimum(np.diff(column.offsets.to_numpy()), most)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.nulls(int(offsets[-1])))


def megatron(capacity: int) -> Callable[[Lengths], Loads]:
    scope = function_of(
        "megatron/bridge/data/datasets/packing_utils.py",
        "find_first_bin_that_fits",
        "first_fit",
        "first_fit_decreasing",
    )
    return lambda lengths: _sums(scope["first_fit_decreasing"](pieces(lengths, capacity).tolist(), capacity))


def llama_factory(capacity: int) -> Callable[[Lengths], Loads]:
    scope = function_of("llamafactory/data/processor/processor_utils.py", "search_for_fit", "greedy_knapsack")
    return lambda lengths: _sums(scope["greedy_knapsack"](pieces(lengths, capacity).tolist(), capacity))


def axolotl(capacity: int) -> Callable[[Lengths], Loads]:
    """As its sampler calls it: groups of 100,000 in their order, rows of any number of documents."""
    pack_group = function_of("axolotl/utils/samplers/multipack.py", "pack_group")["pack_group"]

    def run(lengths: Lengths) -> Loads:
        split = pieces(lengths, capacity)
        loads = []
        for begin in range(0, len(split), 100_000):
            group = split[begin : begin + 100_000]
            rows = pack_group(group, begin, capacity, len(group), capacity, True)
            loads += [int(split[row].sum()) for row in rows]
        return np.array(loads)

    return run


def binpacking(capacity: int) -> Callable[[Lengths], Loads]:
    from binpacking import to_constant_volume  # type: ignore[import-not-found, unused-ignore]

    return lambda lengths: _sums(to_constant_volume(pieces(lengths, capacity).tolist(), capacity))


def prtpy(capacity: int) -> Callable[[Lengths], Loads]:
    import prtpy as library  # type: ignore[import-not-found, unused-ignore]
    from prtpy.packing.best_fit import decreasing  # type: ignore[import-not-found, unused-ignore]

    def run(lengths: Lengths) -> Loads:
        return _sums(library.pack(algorithm=decreasing, binsize=capacity, items=pieces(lengths, capacity).tolist()))

    return run


def _sums(rows: Sequence[Sequence[int]]) -> Loads:
    return np.array([sum(row) for row in rows], np.int64)


PACKERS: dict[str, Callable[[int], Callable[[Lengths], Loads]]] = {
    "arcmill best_fit": ours,
    "TRL bfd_split": lambda capacity: trl("split", capacity),
    "TRL bfd": lambda capacity: trl("truncate", capacity),
    "TRL wrapped": lambda capacity: trl("wrapped", capacity),
    "axolotl multipack": axolotl,
    "LLaMA-Factory knapsack": llama_factory,
    "Megatron-Bridge first_fit_decreasing": megatron,
    "binpacking to_constant_volume": binpacking,
    "prtpy best_fit.decreasing": prtpy,
}


def child(name: str, capacity: int, file: str) -> None:
    """One packer over the lengths of a file; prints what came out."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    lengths = np.load(file)
    run = PACKERS[name](capacity)
    run(lengths[:SMALLEST])
    started = time.process_time()
    loads = run(lengths)
    seconds = time.process_time() - started
    assert loads.max() <= capacity
    tokens = int(lengths.sum(dtype=np.int64))
    if name == "TRL wrapped":  # a row end is a cut where no document ends there as well
        ends = np.cumsum(lengths, dtype=np.int64)
        cut = len(set(np.cumsum(loads)[:-1].tolist()) - set(ends.tolist()))
    else:
        cut = int((lengths > capacity).sum())
    print(json.dumps({
        "seconds": seconds, "rows": len(loads), "fill": int(loads.sum()) / (len(loads) * capacity), "cut": cut,
        "lost": tokens - int(loads.sum()),
    }))  # fmt: skip


def measure(name: str, capacity: int, file: str, python: str, limit: float) -> dict[str, Any] | str:
    """The child's figures, or why there are none."""
    command = [sys.executable if name == "arcmill best_fit" else python, __file__, "--child", name, str(capacity), file]
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1]), TQDM_DISABLE="1")
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=4 * limit + 30)
    except subprocess.TimeoutExpired:
        return f"over {limit:g} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no output"])[-1][:90]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--length", type=int, nargs="+", default=[4096, 32768, 131072])
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the Python that has the peers")
    parser.add_argument("--limit", type=float, default=120, help="CPU seconds that a packer may take")
    parser.add_argument("--packed", metavar="DATASET", help="take lengths from its documents")
    parser.add_argument("--only", nargs="+", choices=list(PACKERS), default=list(PACKERS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], int(options.child[1]), options.child[2])
        return
    lengths = drawn(options.documents, options.packed)
    mean, total = lengths.mean(), lengths.sum(dtype=np.int64)
    print(f"{len(lengths):,} documents, {total:,} tokens, mean {mean:.0f}, median {np.median(lengths):.0f}", flush=True)
    print(
        f"{'packer':38s}{'length':>8s}{'documents':>12s}{'CPU s':>9s}{'fill %':>9s}{'cut':>10s}{'lost':>13s}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        sizes: list[int] = []
        while (size := 10_000 * 10 ** len(sizes)) < options.documents:
            sizes.append(size)
        for size in (*sizes, options.documents):
            np.save(f"{folder}/{size}.npy", lengths[:size])
        for capacity in options.length:
            for name in options.only:
                last: dict[str, Any] | str = ""
                reached, why = 0, ""
                for size in (*sizes, options.documents):
                    found = measure(name, capacity, f"{folder}/{size}.npy", options.peers, options.limit)
                    if isinstance(found, str):
                        why = found
                        break
                    grown = found["seconds"] / max(last["seconds"], 0.05) if isinstance(last, dict) else 10.0
                    last, reached = found, size
                    if size < options.documents and found["seconds"] * max(grown, 9) > options.limit:
                        why = f"{10 * size:,} would pass {options.limit:g} s"
                        break
                if isinstance(last, str):
                    print(f"{name:38s}{capacity:8d}  not measured: {why}", flush=True)
                    continue
                figures = f"{reached:12,d}{last['seconds']:9.2f}{100 * last['fill']:9.3f}{last['cut']:10,d}{last['lost']:13,d}"
                print(f"{name:38s}{capacity:8d}{figures}  {why}", flush=True)


if __name__ == "__main__":
    main()

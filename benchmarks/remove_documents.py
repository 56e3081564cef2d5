"""`remove-documents` beside packing anew, and `arcmill why` of random tokens, on one core.

    python benchmarks/remove_documents.py [--rows 100000] [--ids 20] [--tokens 20] [--rounds 2]

A corpus of `--rows` documents (about 1.2 kB each, cut from the texts of this machine) is packed at 4K. Then `--ids` documents,
drawn by hash, are taken out of the packed dataset; the other way is `remove-documents` on the documents and `pack` again. Both
in turns, CPU seconds, the best round counts. Told besides: parts and rows that kept their bytes or values either way, and CPU
seconds of one `arcmill why` of a random token, in this process, with the tokenizer loaded each time.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from compare_runs import STAGE as DOCUMENTS
from compare_runs import Made

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.execute import execute
from pipelines.catalogue import get_stage


def make(stage: str, output: str, inputs: dict[str, list[str]], **settings: Any) -> tuple[Dataset, float]:
    """A dataset, and the CPU seconds that it took."""
    declared = get_stage(stage)
    config = validate(declared.config, settings, stage)
    started = time.process_time()
    return execute(declared, config, inputs, output, force=True).dataset, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ids", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ids = [f"{number:032x}" for number in random.Random(0).sample(range(options.rows), options.ids)]
    with tempfile.TemporaryDirectory() as folder:
        docs = execute(DOCUMENTS, Made(last=options.rows), {}, f"{folder}/docs").dataset.url
        tokenizer = make(
            "train-tokenizer", f"{folder}/tokenizer", {"input": [docs]}, vocab_size=8192, max_bytes=8 << 20
        )[0].url
        packed, first = make("pack", f"{folder}/packed", {"input": [docs], "tokenizer": [tokenizer]})
        removing, anew = [], []
        for _ in range(options.rounds):
            less, seconds = make("remove-documents", f"{folder}/less", {"input": [packed.url]}, ids=ids)
            removing.append(seconds)
            fewer, part = make("remove-documents", f"{folder}/fewer", {"input": [docs]}, ids=ids)
            again, seconds = make("pack", f"{folder}/again", {"input": [fewer.url], "tokenizer": [tokenizer]})
            anew.append(part + seconds)
        print(f"{options.rows:,} documents, {packed.statistics.get('tokens', 0):,} tokens, {packed.rows:,} sequences in {len(packed.parts)} parts; "
              f"packed in {first:.1f} CPU s")  # fmt: skip
        for name, dataset, seconds in (("remove-documents", less, min(removing)), ("pack anew", again, min(anew))):
            same = {part["sha256"] for part in dataset.parts} & {part["sha256"] for part in packed.parts}
            print(f"{name:<18} {seconds:7.2f} CPU s  {len(same)} of {len(packed.parts)} parts as they were")
        print(f"rows touched: {less.statistics['rows_touched']} of {packed.rows}")
        from pipelines.token_address import Address
        from pipelines.why_token import explain_token

        drawn = random.Random(1)
        addresses = [
            Address(packed.url, drawn.randrange(packed.rows), drawn.randrange(4096)) for _ in range(options.tokens)
        ]
        started = time.process_time()
        proved = 0
        for address in addresses:
            found = explain_token(address)
            proved += found["kind"] == "padding" or "document" in found
        seconds = (time.process_time() - started) / options.tokens
        print(f"arcmill why of a token: {seconds:.2f} CPU s, {proved} of {options.tokens} proved to the character")


if __name__ == "__main__":
    main()

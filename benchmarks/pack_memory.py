"""Peak memory of `pack` as a corpus grows: 1, 4 and 16 times as much, in one part, so in one task.

    python benchmarks/pack_memory.py [--documents 100000] [--times 1 4 16] [--length 32768] [--mode best_fit] [--kind short long]

`short`: documents of some 12 tokens each, of which a window holds the most; `long`: of some 2,000, a fiftieth as many. The tokenizer is
trained on the same words. Each run is a process of its own; memory is what the task says in metrics.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Stage
from sequences.tokenizer import STAGE as TRAIN
from sequences.tokenizer import TrainTokenizer

WORDS = "the water runs down from a hill to rivers, and rain brings 12 of it back; def f(x): return x + 1\n".split(" ")


class Texts(StageConfig):
    """How many documents, of how many words."""

    documents: int = Field(1, description="documents")
    words: int = Field(1, description="words of each")


def texts(split: str, config: Texts) -> Iterator[Document]:
    """Documents of random words."""
    draw = random.Random(1)
    for number in range(config.documents):
        yield Document(f"{number:032x}", " ".join(draw.choices(WORDS, k=draw.randrange(1, 2 * config.words))), "made")


MAKE = Stage(
    name="texts", version=1, help="Texts.", config=Texts, writes="Document", engine="datatrove", core=texts,
    splits=lambda config: ["all"],
)  # fmt: skip


def main() -> None:
    """Make the corpora, pack each, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--length", type=int, default=32768)
    parser.add_argument("--mode", choices=["concat", "best_fit"], default="best_fit")
    parser.add_argument("--kind", choices=["short", "long"], nargs="+", default=["short", "long"])
    options = parser.parse_args()
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1]))
    print(f"{'kind':8s}{'documents':>12s}{'tokens':>14s}{'peak MiB':>10s}{'fill %':>9s}{'seconds':>9s}")
    with tempfile.TemporaryDirectory() as folder:
        sample = execute(MAKE, Texts(documents=2000, words=20), {}, f"{folder}/sample").dataset.url
        execute(TRAIN, TrainTokenizer(vocab_size=1024), {"input": [sample]}, f"{folder}/tokenizer")
        for kind in options.kind:
            for times in options.times:
                count, words = (
                    (times * options.documents, 10) if kind == "short" else (times * options.documents // 50, 1700)
                )
                config = Texts(documents=count, words=words, part_bytes=1 << 40)
                given = execute(MAKE, config, {}, f"{folder}/{kind}{times}").dataset.url
                command = [
                    sys.executable, "-m", "pipelines.cli", "pack", "--input", given, "--input", f"tokenizer={folder}/tokenizer",
                    "--output", f"{folder}/packed", "--force", "--set", f"sequence_length={options.length}",
                    "--set", f"mode={options.mode}",
                ]  # fmt: skip
                subprocess.run(command, env=environment, check=True, capture_output=True)
                metrics = json.loads(Path(folder, "packed/metrics.json").read_text())
                facts = json.loads(Path(folder, "packed/manifest.json").read_text())["statistics"]
                print(
                    f"{kind:8s}{count:12,d}{facts['tokens']:14,d}{metrics['peak_memory_bytes'] / 2**20:10.0f}"
                    f"{100 * facts['fill']:9.3f}{metrics['seconds']:9.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

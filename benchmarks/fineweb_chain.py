"""datatrove's FineWeb chain, of its own blocks: the peer of `ablation_web.py` and of `whole_recipe.py`. Not run by itself.

WARC reader, URL filter, Trafilatura (for precision), language, Gopher repetition, Gopher quality, C4, FineWeb; MinHash of
14 bands of 8 with 5-grams. What callers ask differently, and why, stands in `Settings` and where they make it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "filters" / "models"


@dataclass(frozen=True)
class Settings:
    """What of the chain its callers decide."""

    languages: tuple[str, ...]
    urls: bool  # with the URL filter
    extract_seconds: float  # that Trafilatura may take for a page; pages over it are left out
    terminal_punctuation: bool  # C4's rule that a line ends in a mark
    classifier: Path | None = None  # a fastText model that scores what the rules keep
    tokenizer: str | None = None  # tokens are written instead of texts


def chain(warc: Path, folder: str, settings: Settings) -> None:
    """The steps, one after the other, in this process. `folder/output` holds the texts, or `folder/tokens` the tokens.

    Personal data is masked in what is written, as in FineWeb; with a classifier before it scores, as `recipes/web.yaml` does.
    """
    os.environ["HF_HOME"] = f"{folder}/hub"  # before datatrove is imported
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FastTextClassifierFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
        URLFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader, WarcReader
    from datatrove.pipeline.tokens import DocumentTokenizer
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.lid import FT176LID

    FT176LID.MODEL_URL = str(MODELS / "lid.176.ftz")
    minhash = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)

    def run(name: str, *pipeline: object, tasks: int = 1) -> None:
        logs = f"{folder}/logs/{name}"
        LocalPipelineExecutor(pipeline=list(pipeline), logging_dir=logs, tasks=tasks, workers=1).run()

    scored: list[object] = []
    if settings.classifier is not None:
        keep_all = ("positive", 0.0)
        scored = [
            PIIFormatter(),
            FastTextClassifierFilter(str(settings.classifier), keep_labels=keep_all, newline_replacement=" "),
        ]
    run(
        "filter",
        WarcReader(str(warc.parent), glob_pattern=warc.name),
        *([URLFilter()] if settings.urls else []),
        Trafilatura(favour_precision=True, timeout=settings.extract_seconds),
        LanguageFilter(list(settings.languages)),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=settings.terminal_punctuation),
        FineWebQualityFilter(),
        *scored,
        JsonlWriter(f"{folder}/filtered"),
    )
    run("signatures", JsonlReader(f"{folder}/filtered"), MinhashDedupSignature(f"{folder}/signatures", config=minhash))
    run(
        "buckets",
        MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=minhash),
        tasks=minhash.num_buckets,
    )
    run("cluster", MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=minhash))
    survivors = [
        JsonlReader(f"{folder}/filtered"),
        MinhashDedupFilter(f"{folder}/removed"),
        *([] if scored else [PIIFormatter()]),
    ]
    if settings.tokenizer is not None:
        run("tokens", *survivors, DocumentTokenizer(f"{folder}/tokens", settings.tokenizer, eos_token="<|endoftext|>"))
    else:
        run("output", *survivors, JsonlWriter(f"{folder}/output"))

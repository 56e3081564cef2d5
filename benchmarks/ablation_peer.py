"""The FineWeb chain of datatrove, of its own blocks and with the settings of its example `fineweb.py`, as a process.

    python benchmarks/ablation_peer.py WARC FOLDER

Reader, URL filter, Trafilatura (for precision), English, Gopher repetition, Gopher quality, C4 (without the rule on
terminal punctuation), FineWeb; MinHash of 14 bands of 8, 5-grams; personal data masked. `FOLDER/output` holds its texts.
Trafilatura may take 10 s a page (its default of 1 s would leave out pages on a busy machine).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "filters" / "models"


def main() -> int:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    chain(arguments.warc, arguments.folder)
    return 0


def chain(warc: Path, folder: str) -> None:
    """The steps, one after the other."""
    os.environ["HF_HOME"] = f"{folder}/hub"
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
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
        URLFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader, WarcReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.lid import FT176LID

    FT176LID.MODEL_URL = str(MODELS / "lid.176.ftz")
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)

    def run(name: str, *pipeline: object, tasks: int = 1) -> None:
        logs = f"{folder}/logs/{name}"
        LocalPipelineExecutor(pipeline=list(pipeline), logging_dir=logs, tasks=tasks, workers=1).run()

    run("filter", WarcReader(str(warc.parent), glob_pattern=warc.name), URLFilter(),
        Trafilatura(favour_precision=True, timeout=10), LanguageFilter(["en"]), GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(), JsonlWriter(f"{folder}/filtered"))  # fmt: skip
    run("signatures", JsonlReader(f"{folder}/filtered"), MinhashDedupSignature(f"{folder}/signatures", config=config))
    run(
        "buckets",
        MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config),
        tasks=config.num_buckets,
    )
    run("cluster", MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config))
    run("output", JsonlReader(f"{folder}/filtered"), MinhashDedupFilter(f"{folder}/removed"), PIIFormatter(),
        JsonlWriter(f"{folder}/output"))  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())

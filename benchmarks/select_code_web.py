"""select-code-web on pages whose kind is known: recall of pages with code, false recall of others, and what the model scores."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from random import Random

from filters.code_web.marks import marks_of_html, marks_of_text
from filters.code_web.stage import DEFAULT_MODEL, SelectCodeWeb
from filters.quality.model import QualityModel
from filters.quality.training import roc_auc
from ingest.page import Page, read_page
from ingest.web import IngestWeb

EPILOG = """data:
  --code DIR    pages about code (manuals of software), searched for .html; --other DIR  pages about anything else.
  A page of --code counts as one with code if it holds a <pre>. The model has no peer here: AUC is of pages with code against
  the other pages, and against their own words shuffled, which tells whether it reads more than the vocabulary.
"""


def main() -> None:
    import numpy as np

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--code", type=Path, action="append", required=True, help="folder of pages about code")
    parser.add_argument("--other", type=Path, action="append", required=True, help="folder of other pages")
    parser.add_argument("--every", type=int, default=5, help="one page in so many is taken")
    options = parser.parse_args()
    config, settings = IngestWeb(), SelectCodeWeb()
    model = QualityModel(DEFAULT_MODEL, "model")
    needed = settings.min_marks or 0
    texts: dict[bool, list[str]] = {True: [], False: []}
    for is_code, folders in ((True, options.code), (False, options.other)):
        for folder in folders:
            html_hits = text_hits = count = 0
            kept: list[str] = []
            for path in sorted(folder.rglob("*.html"))[:: options.every]:
                body = path.read_bytes()
                found = read_page(body, "text/html", config)
                if not isinstance(found, Page) or (is_code and b"<pre" not in body):
                    continue
                count += 1
                html_hits += marks_of_html(found.html) >= needed
                text_hits += marks_of_text(found.text) >= needed
                kept.append(found.text)
            scores = model.score_texts(kept)
            tiers = [
                sum(low <= s < high for s in scores)
                for low, high in ((0, settings.medium), (settings.medium, settings.high), (settings.high, 2))
            ]
            print(
                f"{folder.name:24} {count:5} pages {'with code' if is_code else 'others'}; recalled by HTML {html_hits / count:.3f}, "
                f"by text {text_hits / count:.3f}; median score {statistics.median(scores):.3f}; low/medium/high {tiers}"
            )
            texts[is_code] += kept
    random = Random(0)

    def shuffled(text: str) -> str:
        words = text.split()
        random.shuffle(words)
        return " ".join(words)

    for label, negative in (
        ("other pages", texts[False]),
        ("their own words shuffled", [shuffled(t) for t in texts[True]]),
    ):
        scores = model.score_texts(texts[True] + negative)
        truth = np.array([True] * len(texts[True]) + [False] * len(negative))
        print(f"AUC of pages with code against {label}: {roc_auc(np.array(scores), truth):.4f}")


if __name__ == "__main__":
    main()

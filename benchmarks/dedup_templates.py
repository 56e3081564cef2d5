"""How many pages of one template `dedup-semantic` removes, and how many that were written apart, with templates and without.

    python benchmarks/dedup_templates.py                       # the templates it was tuned on, and those of the tests
    python benchmarks/dedup_templates.py --apart docs.jsonl    # and pages that were written apart: {"text": …} a line

Of each family of pages one should stay. Needs the extra `semantic`; it embeds about 14 pages a second and core.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("meaning, eps 0.05", {"template_similarity": None}),
    ("meaning, eps 0.20", {"template_similarity": None, "eps": 0.2}),
    ("meaning, eps 0.40", {"template_similarity": None, "eps": 0.4}),
    ("the default", {}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=15, help="pages of each template")
    parser.add_argument("--apart", metavar="FILE", help="JSON lines with a `text` each, none of one template")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"], help="arithmetic of the model")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "dedup"), str(ROOT / "benchmarks")]
    from page_families import HELD_OUT, page
    from template_families import TUNED_ON

    apart: list[str] = []
    if given.apart:
        with open(given.apart, encoding="utf-8") as lines:
            apart = [json.loads(line)["text"] for line in lines]
    for name, templates in (("tuned on", TUNED_ON), ("held out", HELD_OUT)):
        texts = [page(template, number) for template in templates.values() for number in range(given.pages)]
        compare(name, texts, apart, given.pages, given.precision)


def compare(name: str, texts: list[str], apart: list[str], pages: int, precision: str) -> None:
    """Print a line for each setting: siblings removed, into pages of another template, and of those written apart."""
    import numpy as np
    import pyarrow as pa

    from dedup.semantic.embed import Embed, setup
    from dedup.semantic.frames import frames
    from dedup.semantic.plan import Keys, semdedup
    from dedup.semantic.stage import DedupSemantic

    every = texts + apart
    column = pa.array(every, pa.large_string())
    vectors = setup(Embed.model_validate({"precision": precision}), {}).vectors(every)
    words = frames(column)
    ids = pa.array([f"d{number:06d}" for number in range(len(every))], pa.large_string())
    sizes = np.array([len(text.encode()) for text in every])
    family = np.arange(len(every)) // pages
    family[len(texts) :] = -1
    siblings = len(texts) - len(texts) // pages
    print(f"\n{name}: {len(texts)} pages of {len(texts) // pages} templates, {len(apart)} written apart")
    for told, settings in SETTINGS:
        keys = Keys(ids, np.full(len(every), np.nan), sizes, 1)
        removed, _ = semdedup(vectors, keys, DedupSemantic(**settings), 1, pages=words)
        gone, into = family[removed.gone], family[removed.into]
        print(
            f"  {told:20} siblings {((gone == into) & (gone >= 0)).sum():4} of {siblings}, into another template "
            f"{((gone != into) & (gone >= 0)).sum()}, written apart {(gone < 0).sum()} of {len(apart)}"
        )


if __name__ == "__main__":
    main()

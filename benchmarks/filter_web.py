"""filter-web against datatrove's C4, Gopher quality, Gopher repetition and FineWeb filters, on one core.

    python benchmarks/filter_web.py [--documents PATH] [--limit N]

Both sides apply the same four groups of rules with the same thresholds (datatrove's defaults) in the same order,
to the same documents, in turns of 50 documents within one process. Models and compiled code are loaded first; our
chunk table starts empty, so learning new words is part of our time. PATH: a .jsonl (or .jsonl.gz) or Parquet file
with a `text` column, or an arcmill dataset folder. Without it, texts that any machine has: descriptions and
documentation of the installed distributions, docstrings of the standard library.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import inspect
import json
import os
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

TURN = 50
WARM_UP = "This warms both sides up: word splitting, compiled code and models are loaded by it.\n"


def main() -> int:
    """Run both sides and print rates, agreement, and every kind of disagreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", metavar="PATH", help="JSONL or Parquet file, or dataset folder")
    parser.add_argument("--limit", type=int, default=1000, help="documents at most, spread over the input (1000)")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N disagreeing documents' beginnings")
    arguments = parser.parse_args()
    texts = list(read_texts(arguments.documents) if arguments.documents else local_texts())
    step = max(1, -(-len(texts) // arguments.limit))
    texts = texts[::step]
    if not texts:
        print("no documents", file=sys.stderr)
        return 2
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    sides = {"datatrove": datatrove_side(), "filter-web": arcmill_side()}
    sides["whole stage"] = arcmill_side(whole=True)
    seconds, processor = dict.fromkeys(sides, 0.0), dict.fromkeys(sides, 0.0)
    answers: dict[str, list[str | None]] = {name: [] for name in sides}
    for start in range(0, len(texts), TURN):
        turn = texts[start : start + TURN]
        for name, side in sides.items():
            prepare, judge = side
            rows = prepare(turn)  # datatrove's documents and our Arrow batch are what a pipeline has at hand
            began, busy = time.perf_counter(), time.process_time()
            answers[name] += judge(rows)
            seconds[name] += time.perf_counter() - began
            processor[name] += time.process_time() - busy

    characters = sum(map(len, texts))
    print(f"{len(texts)} documents, {characters / 1e6:.1f} M characters, {arguments.documents or 'local texts'}")
    print(f"{'':24}{'documents/s':>12}{'M characters/s':>16}{'ratio':>8}{'documents/CPU s':>17}{'ratio':>8}")
    for name, label in (("datatrove", "datatrove, 4 filters"), ("filter-web", "filter-web, same rules"),
                        ("whole stage", "filter-web, + URL, PII")):  # fmt: skip
        rate = len(texts) / seconds[name]
        ratios = seconds["datatrove"] / seconds[name], processor["datatrove"] / processor[name]
        print(f"{label:24}{rate:12.1f}{characters / seconds[name] / 1e6:16.2f}{ratios[0]:8.1f}"
              f"{len(texts) / processor[name]:17.1f}{ratios[1]:8.1f}")  # fmt: skip

    theirs, ours = answers["datatrove"], answers["filter-web"]
    same = sum((a is None) == (b is None) for a, b in zip(theirs, ours, strict=True))
    kept = sum(a is None for a in theirs)
    print(f"keep/drop agreement {100 * same / len(texts):.3f} % ({same} of {len(texts)}; datatrove keeps {kept})")
    wrong = Counter((a, b) for a, b in zip(theirs, ours, strict=True) if a != b)
    print(f"same reason as well {100 * (len(texts) - wrong.total()) / len(texts):.3f} %")
    for (a, b), count in sorted(wrong.items(), key=lambda item: -item[1]):
        print(f"  {count:6}  datatrove: {a or 'keeps':34} filter-web: {b or 'keeps'}")
    shown = 0
    for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        if a != b and shown < arguments.show:
            shown += 1
            print(f"--- document {i * step}: {a} / {b}\n{texts[i][:400]}")
    return 0


Side = tuple[Callable[[list[str]], Any], Callable[[Any], list[str | None]]]


def datatrove_side() -> Side:
    """datatrove's default filters in FineWeb's order; the answer is the rule of ours that its reason stands for."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )  # fmt: skip

    filters = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()]

    def judge(document: Document) -> str | None:
        for i, rule in enumerate(filters):
            answer = rule.filter(document)
            if answer is not True:
                return REASONS[i][answer[1]]  # type: ignore[index]
        return None

    for rule in filters:
        rule.filter(Document(text=WARM_UP * 8, id=""))
    return lambda texts: [Document(text=text, id="") for text in texts], lambda documents: list(map(judge, documents))


REASONS: tuple[dict[str, str], ...] = (
    {
        "empty": "gopher-repetition/empty",
        "dup_para_frac": "gopher-repetition/duplicate-paragraphs",
        "dup_para_char_frac": "gopher-repetition/duplicate-paragraph-characters",
        "dup_line_frac": "gopher-repetition/duplicate-lines",
        "dup_line_char_frac": "gopher-repetition/duplicate-line-characters",
        **{f"top_{n}_gram": f"gopher-repetition/top-{n}-gram" for n in range(2, 5)},
        **{f"duplicated_{n}_n_grams": f"gopher-repetition/repeated-{n}-grams" for n in range(5, 11)},
    },
    {
        "gopher_short_doc": "gopher-quality/short-doc",
        "gopher_long_doc": "gopher-quality/long-doc",
        "gopher_below_avg_threshold": "gopher-quality/short-words",
        "gopher_above_avg_threshold": "gopher-quality/long-words",
        "gopher_too_many_hashes": "gopher-quality/hashes",
        "gopher_too_many_ellipsis": "gopher-quality/ellipses",
        "gopher_too_many_bullets": "gopher-quality/bullet-lines",
        "gopher_too_many_end_ellipsis": "gopher-quality/ellipsis-lines",
        "gopher_below_alpha_threshold": "gopher-quality/alphabetic-words",
        "gopher_enough_stop_words": "gopher-quality/stop-words",
    },
    {
        "lorem_ipsum": "c4/lorem-ipsum",
        "curly_bracket": "c4/curly-bracket",
        "too_few_sentences": "c4/few-sentences",
    },
    {
        "empty": "fineweb/empty",
        "line_punct_ratio": "fineweb/punctuated-lines",
        "short_line_ratio": "fineweb/short-lines",
        "char_dup_ratio": "fineweb/duplicate-characters",
        "list_ratio": "fineweb/line-feeds",
    },
)


def arcmill_side(whole: bool = False) -> Side:
    """The stage's core over Arrow batches; `whole`: with its URL and PII rules as well."""
    from arcmill.records import Document, documents_to_batch
    from filters.web.stage import FilterWeb, core, setup

    config = FilterWeb() if whole else FilterWeb.model_validate({"url": {"enabled": False}, "pii": {"enabled": False}})
    state = setup(config)  # loads the compiled code
    core(documents_to_batch([Document("", WARM_UP, "")]), config, state)

    def judge(batch: pa.RecordBatch) -> list[str | None]:
        outcomes = core(batch, config, state).outcomes
        return [outcomes[i].rule if i in outcomes else None for i in range(batch.num_rows)]

    return lambda texts: documents_to_batch([Document("", text, "") for text in texts]), judge


def read_texts(path: str) -> Iterator[str]:
    """The texts of a JSONL or Parquet file, or of a dataset folder."""
    if Path(path).is_dir():
        import pyarrow.parquet as parquet

        for part in sorted(Path(path).glob("*.parquet")):
            yield from parquet.read_table(part, columns=["text"]).column("text").to_pylist()
    elif path.endswith(".parquet"):
        import pyarrow.parquet as parquet

        yield from parquet.read_table(path, columns=["text"]).column("text").to_pylist()
    else:
        with gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]


def local_texts() -> Iterator[str]:
    """English texts of this Python: package descriptions, documentation files, docstrings of the standard library."""
    for distribution in sorted(metadata.distributions(), key=lambda d: d.metadata["Name"] or ""):
        description = distribution.metadata.get_payload()  # type: ignore[attr-defined]
        if isinstance(description, str) and len(description) > 500:
            yield description
        for file in distribution.files or ():
            if file.suffix in (".md", ".rst") and ".dist-info" not in str(file):
                path = Path(str(file.locate()))
                if path.is_file() and path.stat().st_size < 500_000:
                    text = path.read_text(encoding="utf-8", errors="replace")
                    if _is_english(text):
                        yield text
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        found = [ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, kinds)]
        text = "\n\n".join(inspect.cleandoc(docstring) for docstring in found if docstring)
        if _is_english(text):
            yield text


def _is_english(text: str) -> bool:
    """Long enough, and nearly all ASCII: packages hold test data in many languages."""
    return len(text) > 500 and sum(map(str.isascii, text)) > 0.99 * len(text)


if __name__ == "__main__":
    raise SystemExit(main())

"""Building a search index and asking it: `index-documents` beside rank_bm25, Whoosh, tantivy and plain bm25s.

    python benchmarks/search_index.py DOCUMENTS [--documents 2000] [--queries 200] [--rounds 3] [--core 0]

DOCUMENTS is any Document dataset. All programs index the same passages with the same words, and are asked the same queries: a
few words drawn from one passage each. They run in turns in one process, pinned to one core, the best round counts. Peers that
are not installed are left out (pip install rank_bm25 Whoosh tantivy). Printed: documents/s, queries/s (ten hits; ours with
snippets, and without for comparison), bytes on disk, and how often the passage that a query was drawn from is among the first ten.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arcmill.dataset import Dataset
from arcmill.search.build import COLUMNS, build
from arcmill.search.index import SearchIndex
from arcmill.search.passages import passages, title_of
from arcmill.search.stage import IndexDocuments
from arcmill.search.words import words

HITS = 10
Ask = Callable[[str], list[int]]  # a query to numbers of documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents_path", metavar="DOCUMENTS")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    table = _table(options.documents_path, options.documents)
    corpus, owner = _passages(table)
    queries = _queries(corpus, owner, options.queries)
    characters = sum(len(text) for text in table.column("text").to_pylist())
    print(
        f"{table.num_rows:,} documents, {characters / 1e6:.1f} M characters, {len(corpus):,} passages, {len(queries)} queries\n"
    )
    makers: dict[str, Callable[[Path], tuple[Ask, dict[str, Ask]]]] = {
        "index-documents": lambda folder: _ours(table, folder)
    }
    for name, module, maker in (
        ("bm25s alone, its own list of words", "bm25s", _bm25s), ("rank_bm25", "rank_bm25", _rank_bm25), ("Whoosh", "whoosh", _whoosh),
        ("tantivy", "tantivy", _tantivy),
    ):  # fmt: skip
        if find_spec(module):
            makers[name] = lambda folder, maker=maker: (maker(corpus, owner, folder), {})
    rates: dict[str, dict[str, float]] = {}
    for _ in range(options.rounds):
        for name, maker in makers.items():
            folder = Path(tempfile.mkdtemp(prefix="search_index_"))
            started = time.perf_counter()
            ask, further = maker(folder)
            seconds = time.perf_counter() - started
            held = rates.setdefault(name, {})
            held["build"] = max(held.get("build", 0.0), table.num_rows / seconds)
            held["disk"] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            _ask(held, ask, queries)
            for other, asked in further.items():
                _ask(rates.setdefault(other, {}), asked, queries)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{'':45} {'documents/s':>12} {'queries/s':>10} {'MB on disk':>11} {'found':>6}")
    for name, held in rates.items():
        build_rate = f"{held['build']:12,.0f}" if "build" in held else f"{'':12}"
        disk = f"{held['disk'] / 1e6:11.1f}" if held.get("disk") else f"{'':11}"
        print(f"{name:45} {build_rate} {held['ask']:10,.0f} {disk} {held['found']:6.1%}")


def _ask(held: dict[str, float], ask: Ask, queries: list[tuple[str, int]]) -> None:
    ask(queries[0][0])
    started = time.perf_counter()
    answers = [ask(query) for query, _ in queries]
    seconds = time.perf_counter() - started
    held["ask"] = max(held.get("ask", 0.0), len(queries) / seconds)
    held["found"] = sum(wanted in found for found, (_, wanted) in zip(answers, queries, strict=True)) / len(queries)


def _table(path: str, most: int) -> Any:
    import pyarrow as pa

    batches, rows = [], 0
    for batch in Dataset.open(path).batches(columns=COLUMNS):
        batches.append(batch.slice(0, most - rows))
        rows += batches[-1].num_rows
        if rows >= most:
            break
    return pa.Table.from_batches(batches).combine_chunks()


def _passages(table: Any) -> tuple[list[str], list[int]]:
    corpus, owner = [], []
    for number, row in enumerate(table.to_pylist()):
        title = title_of(row["text"], dict(row["metadata"] or ()), row["path"], row["repo"], row["url"])
        for start, end in passages(row["text"], IndexDocuments().passage_characters):
            corpus.append(f"{title}\n{row['text'][start:end]}")
            owner.append(number)
    return corpus, owner


def _queries(corpus: list[str], owner: list[int], count: int) -> list[tuple[str, int]]:
    draw, made = random.Random(0), []
    while len(made) < count:
        place = draw.randrange(len(corpus))
        held = sorted({word for word in words(corpus[place]) if len(word) > 2})
        if len(held) >= 8:
            made.append((" ".join(draw.sample(held, 5)), owner[place]))
    return made


def _ours(table: Any, folder: Path) -> tuple[Ask, dict[str, Ask]]:
    build(table.to_batches(1024), IndexDocuments(), folder)
    index = SearchIndex(folder, "benchmark")
    numbers = {identifier: number for number, identifier in enumerate(table.column("id").to_pylist())}

    def bare(query: str) -> list[int]:
        terms = [n for term in sorted(set(words(query))) if (n := index._terms.find(term)) is not None]
        return list(index._passages(terms, HITS))

    return lambda query: [numbers[hit.id] for hit in index.search(query, HITS)], {
        "index-documents, without snippets": bare
    }


def _bm25s(corpus: list[str], owner: list[int], folder: Path) -> Ask:
    import bm25s

    engine = bm25s.BM25()
    engine.index([words(text) for text in corpus], show_progress=False)
    engine.save(folder)

    def ask(query: str) -> list[int]:
        known = [word for word in words(query) if word in engine.vocab_dict]
        found, _ = engine.retrieve([known], k=HITS, show_progress=False, n_threads=0)
        return [owner[int(place)] for place in found[0]]

    return ask


def _rank_bm25(corpus: list[str], owner: list[int], folder: Path) -> Ask:
    import numpy as np
    from rank_bm25 import BM25Okapi

    engine = BM25Okapi([words(text) for text in corpus])
    return lambda query: [owner[int(place)] for place in np.argsort(-engine.get_scores(words(query)))[:HITS]]


def _whoosh(corpus: list[str], owner: list[int], folder: Path) -> Ask:
    from whoosh import fields, index, query
    from whoosh.analysis import SpaceSeparatedTokenizer

    made = index.create_in(
        str(folder), fields.Schema(number=fields.STORED, text=fields.TEXT(analyzer=SpaceSeparatedTokenizer()))
    )
    writer = made.writer(limitmb=512)
    for place, text in enumerate(corpus):
        writer.add_document(number=place, text=" ".join(words(text)))
    writer.commit()
    searcher = made.searcher()

    def ask(text: str) -> list[int]:
        found = searcher.search(query.Or([query.Term("text", word) for word in words(text)]), limit=HITS)
        return [owner[hit["number"]] for hit in found]

    return ask


def _tantivy(corpus: list[str], owner: list[int], folder: Path) -> Ask:
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field("text", stored=False, tokenizer_name="whitespace")
    schema.add_integer_field("number", stored=True)
    made = tantivy.Index(schema.build(), path=str(folder))
    writer = made.writer(num_threads=1)
    for place, text in enumerate(corpus):
        writer.add_document(tantivy.Document(text=" ".join(words(text)), number=place))
    writer.commit()
    made.reload()
    searcher = made.searcher()

    def ask(text: str) -> list[int]:
        parsed = made.parse_query(" ".join(words(text)), ["text"])
        return [owner[searcher.doc(at)["number"][0]] for _, at in searcher.search(parsed, HITS).hits]

    return ask


if __name__ == "__main__":
    main()

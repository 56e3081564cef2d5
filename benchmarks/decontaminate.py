"""decontaminate beside datatrove's n-gram decontamination: documents/s on one core, recall by disguise, false positives.

    python benchmarks/decontaminate.py [--benchmarks PATH …] [--documents PATH]

Items are planted into documents in several disguises, and clean documents are counted that fire. Thresholds of the
stage were set on the items and documents whose hash is even; here only those are measured whose hash is odd. datatrove
gets its default 12-grams, over questions too (`find_query_ngrams`), since answers are often one letter. Speed: clean
documents, in turns of 50 within one process, compiled code loaded, index in memory. PATH: Problem or Document datasets,
or JSONL / Parquet files (columns prompt, answer, source; text). Without them, what any machine has: docstrings of this
Python's standard library as documents, and questions about passages of modules that are held out.
"""

from __future__ import annotations

import argparse
import ast
import html
import json
import os
import random
import re
import sys
import sysconfig
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

TURN = 50
LONG = 8000  # characters of the documents that "embedded" hides an item in
SYNONYMS = dict(
    pair.split("=")
    for pair in "large=big big=large small=little most=majority many=numerous begin=start make=produce makes=produces "
    "use=employ used=employed show=display shows=displays find=locate found=located cause=produce causes=produces "
    "happen=occur happens=occurs change=alter changes=alters help=assist helps=assists need=require needs=requires "
    "best=optimal likely=probable correct=right important=significant people=persons person=individual known=recognized "
    "called=named describes=depicts which=what part=portion result=outcome increase=rise decrease=decline kind=type "
    "type=kind way=manner get=obtain keep=retain different=distinct same=identical number=amount following=below "
    "statement=claim example=instance reason=cause main=chief used=utilized built=constructed move=shift stop=halt "
    "object=item student=pupil scientist=researcher area=region country=nation company=firm often=frequently".split()
)
GERMAN = dict(
    pair.split("=")
    for pair in "the=der a=ein an=eine of=von and=und or=oder is=ist are=sind was=war were=waren which=welche what=was "
    "who=wer when=wann where=wo why=warum how=wie to=zu in=in on=auf for=für with=mit by=durch from=aus that=dass this=dies "
    "following=folgenden not=nicht most=meisten more=mehr be=sein has=hat have=haben it=es its=sein they=sie their=ihre "
    "water=Wasser energy=Energie plant=Pflanze animal=Tier people=Leute number=Zahl time=Zeit between=zwischen "
    "answer=Antwort question=Frage one=ein two=zwei three=drei would=würde can=kann will=wird if=wenn at=bei as=als "
    "does=tut do=tun you=du your=dein he=er she=sie his=sein her=ihr all=alle each=jede other=andere than=als into=hinein "
    "during=während after=nach before=vor because=weil used=benutzt make=machen best=beste likely=wahrscheinlich".split()
)


def odd(name: str) -> bool:
    """Whether an item or a document belongs to the measured half."""
    return blake2b(name.encode(), digest_size=4).digest()[0] % 2 == 1


def main() -> int:
    """Plant, run both sides, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmarks", metavar="PATH", nargs="+", help="Problem datasets, JSONL or Parquet files")
    parser.add_argument("--documents", metavar="PATH", help="Document dataset, JSONL or Parquet file")
    parser.add_argument("--items", type=int, default=300, help="items planted in each disguise (300)")
    parser.add_argument("--speed", type=int, default=1500, help="documents timed, spread over the input (1500)")
    parser.add_argument("--show", type=int, default=10, metavar="N", help="false positives shown (10)")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts, items = local_data() if not (arguments.benchmarks and arguments.documents) else ([], [])
    if arguments.benchmarks:
        items = [
            row for path in arguments.benchmarks for row in read(path, ["id", "prompt", "answer", "tests", "source"])
        ]
    if arguments.documents:
        texts = [(row["id"], row["text"]) for row in read(arguments.documents, ["id", "text"])]
    for number, item in enumerate(items):
        item["id"] = item.get("id") or str(number)
    clean = [text for name, text in texts if odd("doc" + name)]
    measured = [item for item in items if odd("item" + item["id"])]
    if not clean or not measured:
        print("no documents or no items", file=sys.stderr)
        return 2
    ours, facts = arcmill_side(items, clean)
    peer = datatrove_side(items)
    print(f"{len(items)} items, {len(measured)} measured; {len(texts)} documents, {len(clean)} measured")
    print(f"index: {facts}")
    speed({"datatrove": peer, "arcmill": ours}, spread(clean, arguments.speed))
    recall({"datatrove": peer, "arcmill": ours}, measured, clean, arguments.items)
    false_positives({"datatrove": peer, "arcmill": ours}, clean, arguments.show)
    return 0


# -- data --------------------------------------------------------------------------------------------------------


def read(path: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    if path.endswith((".jsonl", ".json")):
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                row = json.loads(line)
                yield {"id": str(number)} | {name: row.get(name) for name in columns if row.get(name) is not None}
        return
    if path.endswith(".parquet"):
        import pyarrow.parquet as pq

        yield from pq.read_table(path).to_pylist()
        return
    from arcmill.dataset import Dataset

    for batch in Dataset.open(path).batches(columns):
        yield from batch.to_pylist()


def local_data() -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """(documents, items): docstrings of modules, and questions about passages of the modules that are held out."""
    texts, items = [], []
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"test", "tests", "idlelib", "site-packages", "lib2to3"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        notes = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
        text, name = "\n\n".join(filter(None, notes)), "/".join(path.parts[-2:])
        if blake2b(b"held" + name.encode(), digest_size=1).digest()[0] % 4:
            texts += [(f"{name}-{i}", text[at : at + 4000]) for i, at in enumerate(range(0, len(text), 4000))]
            continue
        for number, note in enumerate(notes):
            sentences = re.split(r"(?<=[.!?])\s+", " ".join(note.split()))
            if len(sentences) > 2 and 10 <= len(sentences[1].split()) <= 60:
                question = f"In {path.stem}, what does this tell: {sentences[1]} What follows?"
                items.append({"id": f"{name}-{number}", "prompt": question, "answer": sentences[2], "source": "docs"})
    return texts, items


def spread(values: list[str], most: int) -> list[str]:
    return values[:: max(1, len(values) // most)][:most]


# -- sides: from texts to what was found in each (None: nothing) ------------------------------------------------


Side = tuple[Callable[[list[str]], Any], Callable[[Any], list[str | None]]]


def arcmill_side(items: list[dict[str, Any]], clean: list[str]) -> tuple[Side, str]:
    import pyarrow as pa

    from arcmill.records import Document, Problem, documents_to_batch, rows_to_batch
    from dedup.contamination.index import build
    from dedup.contamination.stage import Decontaminate
    from dedup.contamination.tokens import tokenise_texts
    from dedup.contamination.weights import count, empty, weigh
    from dedup.contamination.worker import Decontaminator, slices
    from dedup.shingles import byte_buffers

    config = Decontaminate()  # type: ignore[call-arg]

    def make() -> Decontaminator:
        problems = [
            Problem(
                row["id"], row["prompt"], "exact", row.get("source") or "benchmark", row.get("answer"), row.get("tests")
            )
            for row in items
        ]
        batches = (rows_to_batch("Problem", problems[at : at + 1000]) for at in range(0, len(problems), 1000))
        index = build(batches, config.ngram, config.min_answer_tokens, config.match_passages)
        seen = empty(index)
        data, offsets = byte_buffers(pa.array(spread(clean, config.sample_documents), pa.large_string()))
        for rows in slices(offsets):
            tokens, firsts = tokenise_texts(data, offsets[rows.start : rows.stop + 1])
            count(index, seen, tokens, firsts)
        return Decontaminator(config, index, weigh(index, seen, config.boilerplate_share))

    make()  # compiles, or loads what was compiled before
    began = time.perf_counter()
    state = make()
    seconds = time.perf_counter() - began
    index, weights = state.index, state.weights
    arrays = [
        *index.vocabulary,
        *weights.seeds[1:],
        index.tokens,
        index.starts,
        index.item,
        weights.tokens,
        weights.total,
    ]
    facts = (
        f"{index.tokens.size} tokens, {weights.seeds.hashes.size} n-grams, {sum(a.nbytes for a in arrays) / 1e6:.1f} MB; "
        f"built with its background in {seconds:.1f} s"
    )

    def prepare(texts: list[str]) -> Any:
        return documents_to_batch(Document(str(n), text, "x") for n, text in enumerate(texts))

    def judge(batch: Any) -> list[str | None]:
        outcomes = state.judge(batch).outcomes
        return [outcomes[row].detail if row in outcomes else None for row in range(batch.num_rows)]

    judge(prepare(["The index is warmed up by this."]))
    return (prepare, judge), facts


def datatrove_side(items: list[dict[str, Any]]) -> Side:
    import numpy as np
    from datatrove.data import Document
    from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter
    from datatrove.pipeline.decont.n_grams import NGramsDecontIndexer
    from loguru import logger

    from dedup.contamination.parts import parts_of

    logger.remove()
    config = NGramsDecontConfig(find_query_ngrams=True)
    folder = tempfile.mkdtemp(prefix="bench-decontaminate-")
    side = NGramsDecontFilter(folder, config)
    # Its indexer asks for a package of tasks; the hashes are what it would write for these items.
    maker = SimpleNamespace(config=config, tokenizer=side.tokenizer, hash_func=side.hash_func)
    hashes: dict[str, set[int]] = {}
    for row in items:
        parts = parts_of(row["prompt"], row.get("answer"), None)
        found = NGramsDecontIndexer.compute_hashes(maker, parts.answer, parts.question)
        hashes.setdefault(row.get("source") or "benchmark", set()).update(found)
    for name, values in hashes.items():
        path = Path(folder) / f"{re.sub('[^A-Za-z0-9_]', '_', name)}.index.hashes"
        np.array(sorted(values), dtype=config.hash_config.np_descr).tofile(path)
    side.load_index_hashes()

    def prepare(texts: list[str]) -> list[Document]:
        return [Document(text, str(n)) for n, text in enumerate(texts)]

    def judge(documents: list[Document]) -> list[str | None]:
        return [
            None if side.filter(document) is True else document.metadata["contaminated_ngram"] for document in documents
        ]

    judge(prepare(["The index is warmed up by this."]))
    return prepare, judge


# -- tables ------------------------------------------------------------------------------------------------------


def speed(sides: dict[str, Side], texts: list[str]) -> None:
    seconds = dict.fromkeys(sides, 0.0)
    for start in range(0, len(texts), TURN):
        for name, (prepare, judge) in sides.items():
            rows = prepare(texts[start : start + TURN])
            began = time.perf_counter()
            judge(rows)
            seconds[name] += time.perf_counter() - began
    size = sum(map(len, texts)) / 1e6
    print(f"\nspeed, {len(texts)} clean documents, {size:.1f} M characters, one core")
    for name, value in seconds.items():
        ratio = seconds["datatrove"] / value
        print(f"{name:12}{len(texts) / value:12.0f} documents/s {size / value:8.2f} M characters/s {ratio:8.1f}x")


def recall(sides: dict[str, Side], items: list[dict[str, Any]], clean: list[str], number: int) -> None:
    from dedup.contamination.parts import parts_of

    chance = random.Random(11)
    chosen = chance.sample(items, min(number, len(items)))
    questions = {item["id"]: words_of(parts_of(item["prompt"], None, None).question) for item in items}
    ample = [text for text in clean if len(text) >= LONG] or ["\n\n".join(clean[:8])]
    print(
        f"\n{'recall of ' + str(len(chosen)) + ' items':32}" + "".join(f"{name:>12}" for name in sides) + "  right item"
    )
    for name, disguise in DISGUISES.items():
        planted = []
        for item in chosen:
            parts = parts_of(item["prompt"], item.get("answer"), None)
            asked = "\n".join(filter(None, [parts.question, parts.choices]))
            full = "\n".join(filter(None, [parts.passage, asked, parts.answer and f"Answer: {parts.answer}"]))
            planted.append(
                plant(disguise(full, parts.question, chance), ample if name == "embedded" else clean, chance)
            )
        row = []
        right = 0
        for side, (prepare, judge) in sides.items():
            found = [got for at in range(0, len(planted), TURN) for got in judge(prepare(planted[at : at + TURN]))]
            row.append(sum(got is not None for got in found) / len(found))
            if side == "arcmill":
                for got, item in zip(found, chosen, strict=True):
                    wanted, named = questions[item["id"]], questions.get(json.loads(got)["item"], "") if got else ""
                    right += bool(got) and (wanted in named or (bool(named) and named in wanted))
        print(f"{name:32}" + "".join(f"{value:12.3f}" for value in row) + f"{right / len(planted):12.3f}")


def false_positives(sides: dict[str, Side], clean: list[str], show: int) -> None:
    print(f"\nfalse positives among {len(clean)} clean documents (some hold an item in truth: read them)")
    for name, (prepare, judge) in sides.items():
        sample = clean if name == "arcmill" else spread(clean, 3000)
        found = [got for at in range(0, len(sample), TURN) for got in judge(prepare(sample[at : at + TURN])) if got]
        print(f"{name:12}{len(found):6} of {len(sample)}: {1000 * len(found) / len(sample):.2f} in 1,000")
        for got in found[:show]:
            print(f"    {got[:220]}")


# -- disguises ---------------------------------------------------------------------------------------------------


def plant(text: str, hosts: list[str], chance: random.Random) -> str:
    host = chance.choice(hosts)
    at = host.find("\n", chance.randrange(len(host) + 1))
    at = len(host) if at < 0 else at
    return f"{host[:at]}\n\n{text}\n\n{host[at:]}"


def words_of(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def wrapped(full: str, question: str, chance: random.Random) -> str:
    """Lines of 60 characters; every seventh long word is hyphenated at the end of one."""
    lines = "\n".join(line for part in full.split("\n") for line in textwrap.wrap(part, 60) or [""])

    def split(match: re.Match[str]) -> str:
        at = chance.randrange(3, len(match[2]) - 2)
        return f"{match[1]}{match[2][:at]}-\n{match[2][at:]}" if chance.random() < 0.15 else match[0]

    return re.sub(r"(\s)([a-z]{8,})(?=\s)", split, lines)


def marked(full: str, question: str, chance: random.Random) -> str:
    words = [f"<b>{word}</b>" if chance.random() < 0.1 else word for word in html.escape(full).split(" ")]
    return "<p>" + " ".join(words).replace("\n", "<br/>\n") + "</p>"


def swapped(table: dict[str, str]) -> Callable[[str, str, random.Random], str]:
    def swap(full: str, question: str, chance: random.Random) -> str:
        return re.sub(r"[A-Za-z]+", lambda match: table.get(match[0].lower(), match[0]), question)

    return swap


def reordered(full: str, question: str, chance: random.Random) -> str:
    """The sentences backwards; of one sentence, the second half first."""
    sentences = re.split(r"(?<=[.!?])\s+", question)
    if len(sentences) > 1:
        return " ".join(reversed(sentences))
    words = question.split()
    return " ".join(words[len(words) // 2 :] + words[: len(words) // 2])


def edited(full: str, question: str, chance: random.Random) -> str:
    return " ".join(word for word in question.split() if chance.random() > 0.1)


DISGUISES: dict[str, Callable[[str, str, random.Random], str]] = {
    "verbatim": lambda full, question, chance: full,
    "re-wrapped, hyphenated": wrapped,
    "re-cased": lambda full, question, chance: full.upper() if chance.random() < 0.5 else full.title(),
    "embedded": lambda full, question, chance: full,
    "HTML markup": marked,
    "JSON string": lambda full, question, chance: json.dumps({"text": full}),
    "question only": lambda full, question, chance: question,
    "a tenth of the words gone": edited,
    "paraphrase: synonyms of a list": swapped(SYNONYMS),
    "paraphrase: sentences reordered": reordered,
    "translation: common words, German": swapped(GERMAN),
}

if __name__ == "__main__":
    sys.exit(main())

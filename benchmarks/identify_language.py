"""identify-language against plain fastText (accuracy) and datatrove's LanguageFilter (speed), in one run.

Default data: the example sentences of spaCy's languages, which every installation of arcmill has. With `--data DIR`:
every DIR/LANGUAGE/**/*.txt, a document a line (or a file, with `--unit file`); the folder's name is the truth.
Made from them: texts in capitals, with code, with addresses; and, where languages tell the same (spaCy's first four
sentences in English, Japanese, Korean and Russian; `--translations` says so of DIR), texts of two languages, seven
parts of the content in one and three in the other: the larger part is the truth.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import random
import time
from collections import defaultdict
from collections.abc import Callable
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pyarrow as pa

from arcmill.records import schema
from filters.fasttext_model import FastTextModel
from filters.language import DEFAULT_MODEL, IdentifyLanguage, core, setup

ALIASES = {"nb": "no"}  # the model's label for Norwegian Bokmål
SHOWN = ("zh", "ja", "ko", "en")
PAIRS = ("zh en", "en zh", "ja en", "en ja", "ko en", "en ko", "zh ja", "ja zh", "ru en", "en ru", "fr en", "en fr")
MIXTURES = 40  # documents of each pair and order
SHARE = 3 / 7  # of the smaller part to the larger, by content
TRANSLATED = {"en": 4, "ja": 4, "ko": 4, "ru": 4}  # spaCy's first example sentences, the same headlines in these
BATCH = 1000


def example_sentences() -> list[tuple[str, str]]:
    import spacy.lang

    rows = []
    for module in iter_modules(spacy.lang.__path__):
        try:
            examples = import_module(f"spacy.lang.{module.name}.examples")
        except ImportError:  # a language without examples, or one that needs a tokenizer of its own
            continue
        rows += [(module.name, text) for text in examples.sentences]
    return rows


def read_folder(folder: Path, unit: str) -> list[tuple[str, str]]:
    rows = []
    for path in sorted(folder.glob("*/**/*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace")
        language = path.relative_to(folder).parts[0]
        rows += [(language, part) for part in ([text] if unit == "file" else text.split("\n")) if part.strip()]
    return rows


def variants(rows: list[tuple[str, str]], translations: dict[str, str]) -> list[tuple[str, str, str]]:
    """(kind, language, text) of the rows and of what is made from them and from the translations of one content."""
    chosen = random.Random(0)
    sentences = defaultdict(list)
    for language, text in rows:
        if len(text) >= 12 and (language in ("zh", "ja") or len(text.split()) >= 4):
            sentences[language].append(text)
    made = [("as it is", language, text) for language, text in rows]
    for pair in PAIRS:
        larger, smaller = pair.split()
        if not (larger in translations and smaller in translations):
            continue
        for number in range(MIXTURES * 2):
            share = chosen.uniform(0.3, 0.9)
            parts = [piece(chosen, translations[larger], share), piece(chosen, translations[smaller], share * SHARE)]
            made.append(
                ("7:3 " + "-".join(sorted(pair.split())), larger, "\n".join(parts if number % 2 else parts[::-1]))
            )
    code = [line for line in inspect.getsource(ast).split("\n") if line.strip() and '"""' not in line]
    for language in ("zh", "ja", "ko", "en", "ru", "de"):
        for _ in range(MIXTURES if sentences[language] else 0):
            four = chosen.choices(sentences[language], k=4)
            start = chosen.randrange(len(code) - 8)
            made.append(("with code", language, "\n".join([*four[:2], *code[start : start + 8], *four[2:]])))
            address = f"https://www.example.com/some/path/to/page-{start}.html?reference=home&from=search"
            made.append(("with addresses", language, "\n".join([*four[:2], *[address] * 5, *four[2:]])))
            if language in ("en", "ru", "de"):
                made.append(("capitals", language, four[0].upper()))
    return made


def piece(chosen: random.Random, text: str, share: float) -> str:
    """A run of a text, of that share of its length; it goes on at the beginning after the end."""
    start = chosen.randrange(len(text))
    return (text + "\n" + text)[start : start + max(1, int(share * len(text)))]


def accuracy(rows: list[tuple[str, str, str]]) -> None:
    model = FastTextModel(DEFAULT_MODEL)
    identifier = setup(IdentifyLanguage(), {})
    known = set(model.labels)
    rows = [(kind, ALIASES.get(language, language), text) for kind, language, text in rows]
    left_out = sorted({language for _, language, _ in rows} - known)
    rows = [row for row in rows if row[1] in known]
    texts = [text for _, _, text in rows]
    plain, ours = [], []
    for start in range(0, len(texts), BATCH):
        some = texts[start : start + BATCH]
        plain += [answer[0][0] if answer else "" for answer in model.predict([" ".join(t.split()) for t in some], 1)]
        ours += [found.code for found in identifier.identify(some)]
    table: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (kind, language, _), one, two in zip(rows, plain, ours, strict=True):
        for key in ((kind, "all"), (kind, language), ("everything", "all")):
            for place, value in enumerate((1, one == language, two == language)):
                table[key][place] += value
    print(f"{'texts':<18}{'language':<10}{'n':>8}{'fastText':>10}{'arcmill':>10}")
    for (kind, language), (count, one, two) in sorted(table.items(), key=lambda item: (item[0][0], item[0][1])):
        if language == "all" or language in SHOWN:
            print(f"{kind:<18}{language:<10}{count:>8}{one / count:>10.4f}{two / count:>10.4f}")
    worse = [f"{language} -{one - two} of {n}" for (kind, language), (n, one, two) in table.items()
             if kind == "as it is" and language != "all" and two < one]  # fmt: skip
    print(f"languages with fewer right than fastText, as it is: {', '.join(worse) or 'none'}")
    print(f"left out, no label of the model: {', '.join(left_out) or 'none'}\n")


def speed(rows: list[tuple[str, str]], seconds: float) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.utils.lid import FT176LID

    FT176LID.MODEL_URL = str(DEFAULT_MODEL)
    peer = LanguageFilter()
    config = IdentifyLanguage()
    identifier = setup(config, {})
    chosen = random.Random(0)
    by_language = defaultdict(list)
    for language, text in rows:
        by_language[language].append(text)
    print(f"{'characters':>10}{'datatrove docs/s':>18}{'arcmill docs/s':>16}{'times':>8}   one core, best of 3")
    for length in (100, 1000, 5000, 50_000):
        texts = []
        for _ in range(min(2000, 2_000_000 // length)):
            some = by_language[chosen.choice(sorted(by_language))]
            text = chosen.choice(some)
            while len(text) < length:
                text += "\n" + chosen.choice(some)
            texts.append(text[:length])
        documents = [Document(text=text, id="") for text in texts]
        values = {"id": [""] * len(texts), "text": texts, "source": [""] * len(texts)}
        batch = pa.RecordBatch.from_pylist(
            [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)],
            schema=schema("Document"),
        )

        def run_peer(documents: list[Document] = documents) -> None:
            for document in documents:
                peer.filter(document)

        def run_ours(batch: pa.RecordBatch = batch) -> None:
            core(batch, config, identifier)

        theirs, ours = (len(texts) / best(run, seconds) for run in (run_peer, run_ours))
        print(f"{length:>10}{theirs:>18.0f}{ours:>16.0f}{ours / theirs:>8.2f}")


def best(run: Callable[[], None], seconds: float) -> float:
    """The shortest time of a run: at least three, and for at least so long."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def in_half(text: str, half: str) -> bool:
    odd = blake2b(text.encode("utf-8", "surrogatepass")).digest()[0] & 1
    return half == "all" or odd == (half == "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of LANGUAGE/**/*.txt (default: spaCy's example sentences)")
    parser.add_argument("--unit", choices=("line", "file"), default="line", help="what a document of --data is")
    parser.add_argument("--translations", action="store_true", help="the languages of --data hold the same content")
    parser.add_argument(
        "--half", choices=("all", "dev", "test"), default="all",
        help="use half of the texts, by the hash of the text: what is tuned on dev is reported on test",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=1.0, help="least time of each speed measurement")
    arguments = parser.parse_args()
    all_rows = read_folder(arguments.data, arguments.unit) if arguments.data else example_sentences()
    rows = [row for row in all_rows if in_half(row[1], arguments.half)]
    translations: dict[str, str] = {}
    if not arguments.data or arguments.translations:
        by_language = defaultdict(list)
        for language, text in all_rows:
            by_language[language].append(text)
        numbers = dict.fromkeys(by_language) if arguments.data else TRANSLATED
        translations = {language: "\n".join(by_language[language][:number]) for language, number in numbers.items()}
    accuracy(variants(rows, translations))
    speed(rows, arguments.seconds)


if __name__ == "__main__":
    main()

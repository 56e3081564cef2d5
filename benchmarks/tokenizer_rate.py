"""Tokens a second of arcmill's encoder beside the tokenizers library, for any number of tokenizers.

    python benchmarks/tokenizer_rate.py [FOLDER ...] [--data FILE.jsonl] [--megabytes 4] [--rounds 5] [--exact] [--all-cores]
    python benchmarks/tokenizer_rate.py --train [--data FILE.jsonl] [--megabytes 16] [--vocab 32768]

FOLDER holds a tokenizer.json (a model's, or what import-tokenizer wrote). Without one: a tokenizer trained on the first
half of the texts. Texts are those of benchmarks/pack.py. On one core: CPU seconds on one thread, in turns on each quarter
of a megabyte, the best round of each; what arcmill remembers is forgotten before each round, as at the beginning of a
corpus, and loading is not timed. The library as `encode_batch` and as `encode_batch_fast`, arcmill as `pack` encodes
(checks for control tokens, arrays of int32). --all-cores: wall seconds over all texts at once, the library on its
threads, arcmill in as many processes, loaded before the clock starts; best round. --exact compares every token of every
text. --train times `train-tokenizer`'s learning beside the library's `train_from_iterator` with the same splits (the
merges are compared, too).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
Slices = list[list[str]]
CORES = len(os.sched_getaffinity(0))


def main() -> None:
    """Measure, and print a line a tokenizer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", help="folders with a tokenizer.json")
    parser.add_argument("--data", help="JSON lines with a field `text`")
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exact", action="store_true", help="compare all tokens")
    parser.add_argument("--all-cores", action="store_true", help="also on all cores")
    parser.add_argument("--train", action="store_true", help="time the trainers instead")
    parser.add_argument("--vocab", type=int, default=32768, help="tokens that --train learns")
    options = parser.parse_args()

    from benchmarks.pack import sliced, texts_of

    texts = texts_of(options)
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} texts, {size / 1e6:.1f} MB, best of {options.rounds} rounds")
    if options.train:
        trainers(texts, options.vocab, options.rounds)
        return
    print(
        f"{'MB/s on one core':28s}{'library':>10s}{'fast call':>10s}{'arcmill':>10s}{'to library':>12s}{'to fast':>9s}",
        end="",
    )
    print(f"{f'library, {CORES} cores':>20s}{'arcmill':>10s}{'ratio':>8s}" if options.all_cores else "", "  tokens")
    with TemporaryDirectory() as scratch:
        folders = options.folders or [trained(texts, scratch)]
        for folder in folders:
            line(folder, sliced(texts), size, options)


def trained(texts: list[str], folder: str) -> str:
    """A tokenizer of 32,768 tokens, learned from the first half of the texts."""
    from tokenizers import AddedToken

    from sequences.tokenizer_training import learn, write

    learned = learn(iter(texts[: len(texts) // 2]), 32768, 2)
    learned.add_tokens([AddedToken("<|endoftext|>", special=True)])
    write(learned, Path(folder))
    return folder


def line(folder: str, slices: Slices, size: int, options: argparse.Namespace) -> None:
    """Measure one tokenizer."""
    from tokenizers import Tokenizer

    library = Tokenizer.from_file(f"{folder}/tokenizer.json")
    encoder = load(folder)
    runs: dict[str, Callable[[list[str]], int]] = {
        "library": lambda texts: sum(len(e) for e in library.encode_batch(texts, add_special_tokens=False)),
        "fast": lambda texts: sum(len(e) for e in library.encode_batch_fast(texts, add_special_tokens=False)),
        "arcmill": lambda texts: ours(encoder, texts),
    }
    best = {name: [float("inf")] * len(slices) for name in runs}
    tokens = dict.fromkeys(runs, 0)
    for _ in range(options.rounds):
        encoder.forget()  # a corpus is read once: what a round before remembered would flatter
        tokens = dict.fromkeys(runs, 0)
        for number, texts in enumerate(slices):
            for name, run in runs.items():
                started = time.process_time()
                tokens[name] += run(texts)
                best[name][number] = min(best[name][number], time.process_time() - started)
    rate = {name: size / sum(times) / 1e6 for name, times in best.items()}
    print(
        f"{Path(folder).name[:27]:28s}{rate['library']:10.2f}{rate['fast']:10.2f}{rate['arcmill']:10.2f}"
        f"{rate['arcmill'] / rate['library']:11.2f}x{rate['arcmill'] / rate['fast']:8.2f}x", end="",
    )  # fmt: skip
    if options.all_cores:
        threads, processes = all_cores(folder, slices, options.rounds)
        print(f"{size / threads / 1e6:20.2f}{size / processes / 1e6:10.2f}{threads / processes:7.2f}x", end="")
    same = "" if not options.exact else f", {exact(folder, slices)}"
    print(
        f"  {tokens['arcmill']:,}{'' if tokens['arcmill'] == tokens['library'] else ' library ' + format(tokens['library'], ',')}{same}",
        flush=True,
    )


def load(folder: str) -> Any:
    """arcmill's encoder, with whichever token closes documents there."""
    from sequences.pack_encode import DocumentEncoder
    from sequences.tokenizer_spec import control_tokens

    spec = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    return DocumentEncoder.load(folder, eos=None, pad=next(iter(control_tokens(spec))), fim=())


def ours(encoder: Any, texts: list[str]) -> int:
    """Encode as `pack` does."""
    return sum(len(ids) for ids in encoder.encode([encoder.parts(text) for text in texts]) if hasattr(ids, "dtype"))


def exact(folder: str, slices: Slices) -> str:
    """Every token of every text, against the library told that text holds no control tokens."""
    from tokenizers import Tokenizer

    from sequences.tokenizer_spec import without_control_tokens

    spec = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    plain = Tokenizer.from_str(json.dumps(without_control_tokens(spec)))
    encoder = load(folder)
    different = total = 0
    for texts in slices:
        made = encoder.encode([encoder.parts(text) for text in texts])
        for ids, encoding in zip(made, plain.encode_batch_fast(texts, add_special_tokens=False), strict=True):
            total += 1
            different += not hasattr(ids, "dtype") or ids.tolist() != encoding.ids
    return f"{total - different} of {total} texts the same"


_HELD: dict[str, Any] = {}


def _begin(folder: str, slices: Slices) -> None:
    _HELD["encoder"], _HELD["slices"] = load(folder), slices


def _encode(number: int) -> int:
    return ours(_HELD["encoder"], _HELD["slices"][number])


def all_cores(folder: str, slices: Slices, rounds: int) -> tuple[float, float]:
    """Wall seconds of the library's threads and of our processes, in turns. Each process encodes what comes next."""
    script = (
        "import json, os, sys, time\nfrom tokenizers import Tokenizer\n"
        "t = Tokenizer.from_file(sys.argv[1] + '/tokenizer.json')\ntexts = json.load(sys.stdin)\n"
        "t.encode_batch_fast(texts[:4], add_special_tokens=False)\nstarted = time.perf_counter()\n"
        "n = sum(len(e) for e in t.encode_batch(texts, add_special_tokens=False))\nprint(time.perf_counter() - started)\n"
    )
    import subprocess

    texts = json.dumps([text for each in slices for text in each])
    threads = processes = float("inf")
    for _ in range(rounds):
        made = subprocess.run(
            [sys.executable, "-c", script, folder], input=texts, capture_output=True, text=True, check=True,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "true"},
        )  # fmt: skip
        threads = min(threads, float(made.stdout))
        with multiprocessing.get_context("spawn").Pool(CORES, _begin, (folder, slices)) as pool:
            pool.map(str, range(CORES * 4))  # all have begun
            started = time.perf_counter()
            pool.map(_encode, range(len(slices)), chunksize=1)
            processes = min(processes, time.perf_counter() - started)
    return threads, processes


def trainers(texts: list[str], vocab: int, rounds: int) -> None:
    """Learning a vocabulary: ours and the library's own way, on one thread."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from tokenizers.trainers import BpeTrainer

    from sequences.chunk_plans import SPLIT
    from sequences.tokenizer_training import learn

    def library() -> Tokenizer:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(SPLIT), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = BpeTrainer(
            vocab_size=vocab, min_frequency=2, show_progress=False, special_tokens=[], initial_alphabet=alphabet
        )
        made.train_from_iterator(iter(texts), trainer)
        return made

    runs = {"library": library, "arcmill": lambda: learn(iter(texts), vocab, 2)}
    best = dict.fromkeys(runs, float("inf"))
    made: dict[str, Tokenizer] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.process_time()
            made[name] = run()
            best[name] = min(best[name], time.process_time() - started)
    learned = {name: json.loads(each.to_str())["model"]["merges"] for name, each in made.items()}
    shared = len({tuple(m) for m in learned["library"]} & {tuple(m) for m in learned["arcmill"]})
    for name, seconds in best.items():
        print(f"{name:10s}{seconds:8.2f} CPU s  {len(learned[name]):,} merges")
    print(f"arcmill {best['library'] / best['arcmill']:.2f}x; {shared:,} merges in both")


if __name__ == "__main__":
    main()

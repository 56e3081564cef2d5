"""Learning a byte-level BPE vocabulary (Sennrich et al. 2016; bytes as in Radford et al. 2019, section 2.2).

The result is a function of the sampled texts alone. The trainer of the tokenizers library counts words in
parallel into hash maps, but picks merges by (count, pair of ids), so neither the number of threads nor the
order of the texts shows; a test holds it to that.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from arcmill.errors import EngineError, InputError
from sequences.chunk_plans import SPLIT
from sequences.chunks import chunks, repeats
from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS, TrainTokenizer

if TYPE_CHECKING:
    from arcmill.dataset import Dataset, Joined

# Every merge scans each word that holds the pair, so one word of a megabyte (CJK without punctuation) would
# take hours. While learning, words are cut at this many characters; encoding is not touched by it.
LONGEST_WORD = 64
ASCII_WORD = re.compile(rf" ?[A-Za-z]{{1,{LONGEST_WORD - 1}}}")  # a word by `SPLIT`, of bytes that are letters
SPACE = "\u0120"  # the letter for the byte of a space
COUNTED = 32 << 20  # characters of text whose chunks are counted at once
SPOKEN = 1 << 14
LONGEST_TEXT = 1 << 20  # characters of one document that are learned from, so that none rules the vocabulary
BUCKETS = 1 << 20
MEASURED_BYTES = 4 << 20  # of the sample, to measure bytes per token on
ROUND_TRIP = "naïve  \t\r\n\u0000日本語 ا\u0301 👩\u200d💻 <|endoftext|> \ufeff\ufffd x = 1234567\n\n\n    end "


def train(dataset: Dataset | Joined, config: TrainTokenizer, output: Path) -> dict[str, Any]:
    """Sample, learn, add the control tokens, check the round trip, write."""
    control = [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    control += [
        AddedToken(token, special=False, normalized=False) for token in (*STRUCTURE_TOKENS, *config.extra_tokens)
    ]
    sample = Sample(dataset, config.max_bytes, config.seed)
    if not sample.bytes:
        raise InputError(f"{dataset.url}: no text to train a tokenizer on")
    tokenizer = learn(sample.texts(), config.vocab_size - len(control), config.min_frequency)
    unreadable = sample.unreadable
    tokenizer.add_tokens(control)
    measured = _measure(tokenizer, sample.texts())
    write(tokenizer, output)
    return {
        "vocab_size": tokenizer.get_vocab_size(), "control_tokens": len(control),
        "documents": dataset.rows, "documents_sampled": sample.documents, "documents_unreadable": unreadable,
        "bytes_sampled": sample.bytes, **measured,
    }  # fmt: skip


def learn(texts: Iterable[str], vocab_size: int, min_frequency: int) -> Tokenizer:
    """A byte-level BPE tokenizer without any control token."""
    tokenizer = Tokenizer(models.BPE())
    bytes_of_text = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    shorten = pre_tokenizers.Split(Regex(rf"(?m:.{{1,{LONGEST_WORD}}})"), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, show_progress=False, special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(" ")
    words = _words(texts, pre_tokenizers.Sequence([split, shorten, bytes_of_text]))
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of_text])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _words(texts: Iterable[str], splitter: pre_tokenizers.PreTokenizer) -> Iterator[str]:
    """The words of the texts as the trainer counts them (bytes as letters), in any order, parted by spaces.

    The trainer takes no counts, only words; but splitting at spaces costs it a fifth of splitting by `SPLIT`.
    """
    counts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    held = 0
    for text in texts:
        if repeats(text):
            counts.update(chunks(text))
        else:
            words.update(word for word, _ in splitter.pre_tokenize_str(text))
        held += len(text)
        if held >= COUNTED:
            yield from _spoken(_counted(counts, words, splitter))
            counts, words, held = Counter(), Counter(), 0
    yield from _spoken(_counted(counts, words, splitter))


def _counted(counts: Counter[str], words: Counter[str], splitter: pre_tokenizers.PreTokenizer) -> Counter[str]:
    """The words of counted chunks, added to `words`."""
    for chunk, count in counts.items():
        if ASCII_WORD.fullmatch(chunk):
            words[chunk.replace(" ", SPACE)] += count
        else:
            for word, _ in splitter.pre_tokenize_str(chunk):
                words[word] += count
    return words


def _spoken(words: Counter[str]) -> Iterator[str]:
    """Each word as often as it was counted, in strings of about `SPOKEN` characters."""
    out: list[str] = []
    size = 0
    for word, count in words.items():
        most = SPOKEN // (len(word) + 1) + 1
        while count:
            now = min(count, most)
            out.append((word + " ") * now)
            count -= now
            size += len(out[-1])
            if size >= SPOKEN:
                yield "".join(out)
                out, size = [], 0
    yield "".join(out)


def write(tokenizer: Tokenizer, output: Path) -> None:
    """tokenizer.json, and the few lines that transformers and vLLM want beside it."""
    (output / "tokenizer.json").write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8", newline="\n")
    beside = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
    }
    (output / "tokenizer_config.json").write_text(json.dumps(beside, indent=2) + "\n", encoding="utf-8", newline="\n")


def _measure(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, Any]:
    """Bytes per token, and proof that text comes back byte for byte."""
    plain = Tokenizer.from_str(tokenizer.to_str())
    _round_trip(plain, ROUND_TRIP)
    control = [token.content for token in plain.get_added_tokens_decoder().values()]
    counts: Counter[str] = Counter()
    read = 0
    for text in texts:
        if repeats(text) and not any(map(text.__contains__, control)):
            counts.update(chunks(text))
        else:
            counts[text] += 1
        read += len(text.encode())
        if read >= MEASURED_BYTES:
            break
    tokens = sum(count * _round_trip(plain, piece) for piece, count in counts.items())
    return {"bytes_measured": read, "bytes_per_token": round(read / max(tokens, 1), 4)}


def _round_trip(tokenizer: Tokenizer, text: str) -> int:
    """How many tokens a text has. Raises EngineError where they are not the text."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    if tokenizer.decode(ids, skip_special_tokens=False) != text:
        raise EngineError(f"train-tokenizer: text does not survive the round trip: {text[:80]!r}")
    return len(ids)


class Sample:
    """About `max_bytes` of text: the documents whose hash of (seed, id) lies under a threshold.

    Position, part and worker count play no role. Two passes over the input; memory does not grow with it.
    """

    def __init__(self, dataset: Dataset | Joined, max_bytes: int, seed: int) -> None:
        self._dataset, self._seed = dataset, seed
        sizes = np.zeros(BUCKETS, dtype=np.int64)
        rows = np.zeros(BUCKETS, dtype=np.int64)
        for batch in dataset.batches(columns=["id", "text"]):
            buckets = self._buckets(batch)
            lengths = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy(zero_copy_only=False)
            np.add.at(sizes, buckets, np.minimum(lengths, LONGEST_TEXT))
            np.add.at(rows, buckets, 1)
        reach = np.searchsorted(np.cumsum(sizes), max_bytes, side="right")
        first = int(np.argmax(sizes > 0))  # one document is read even where it alone is larger than max_bytes
        self._threshold = max(int(reach), first + 1)
        self.bytes = int(sizes[: self._threshold].sum())
        self.documents = int(rows[: self._threshold].sum())
        self.unreadable = 0

    def _buckets(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
        key = f"{self._seed}:".encode()
        ids = batch.column("id").to_pylist()
        digests = b"".join(blake2b(key + i.encode(), digest_size=8).digest() for i in ids)
        return (np.frombuffer(digests, dtype="<u8") % np.uint64(BUCKETS)).astype(np.int64)

    def texts(self) -> Iterator[str]:
        """The sampled texts, in the order of the dataset."""
        self.unreadable = 0
        for batch in self._dataset.batches(columns=["id", "text"]):
            column = batch.column("text")
            for row in np.flatnonzero(self._buckets(batch) < self._threshold):
                try:
                    text = column[int(row)].as_py()
                except UnicodeDecodeError:
                    self.unreadable += 1
                    continue
                if text:
                    yield text[:LONGEST_TEXT]

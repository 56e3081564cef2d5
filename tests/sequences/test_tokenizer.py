from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from arcmill.config import validate
from arcmill.errors import InputError, UsageError
from arcmill.records import Document, documents_to_batch
from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS, TrainTokenizer, core
from sequences.tokenizer_training import LONGEST_WORD, Sample, learn

WORDS = [
    "der",
    "die",
    "das",
    "und",
    "in",
    "zu",
    "den",
    "mit",
    "von",
    "auf",
    "for",
    "while",
    "return",
    "import",
    "class",
    "def",
    "token",
    "model",
    "data",
    "日本語",
    "данные",
]
CONTROL = (*SPECIAL_TOKENS, *STRUCTURE_TOKENS)


class Rows:
    """What the core needs of a dataset."""

    url = "memory"

    def __init__(self, documents: list[Document], batch: int = 50) -> None:
        self._documents, self._batch = documents, batch
        self.rows = len(documents)

    def batches(self, columns: list[str] | None = None) -> Any:
        for start in range(0, self.rows, self._batch):
            made = documents_to_batch(self._documents[start : start + self._batch])
            yield made.select(columns) if columns else made


def corpus(size: int = 300) -> list[Document]:
    draw = random.Random(3)
    return [
        Document(f"d{n}", " ".join(draw.choices(WORDS, k=60)) + f"\n  x_{n} = {draw.random()}\n", "test")
        for n in range(size)
    ]


def trained(tmp_path: Path, documents: list[Document], **config: Any) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return folder, core({"input": Rows(documents)}, TrainTokenizer(**{"vocab_size": 800, **config}), folder)  # type: ignore[dict-item]


def test_control_tokens_follow_the_learned_ones_and_are_whole(tmp_path: Path) -> None:
    folder, statistics = trained(tmp_path, corpus())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert statistics["vocab_size"] == tokenizer.get_vocab_size() == 800
    assert [tokenizer.token_to_id(token) for token in CONTROL] == list(range(800 - len(CONTROL), 800))
    for token in CONTROL:
        assert len(tokenizer.encode(f"a{token}b").ids) == 3
    # A decoder hides the special ones and shows those that carry structure.
    assert tokenizer.decode(tokenizer.encode("<|user|>hi<think>").ids) == "hi<think>"
    assert json.loads((folder / "tokenizer_config.json").read_text())["eos_token"] == "<|endoftext|>"


def test_order_of_documents_does_not_show(tmp_path: Path) -> None:
    documents = corpus()
    first, _ = trained(tmp_path, documents)
    second, _ = trained(tmp_path, documents[::-1])
    assert (first / "tokenizer.json").read_bytes() == (second / "tokenizer.json").read_bytes()


LEARN = """
import hashlib, random
from sequences.tokenizer_training import learn
draw = random.Random(0)
# Many pairs of the same count: what a tie between hash maps would turn.
texts = ["".join(draw.choice("abcdefghij") for _ in range(5)) + " " for _ in range(6000)]
print(hashlib.sha256(learn(iter(texts), 2000, 2).to_str().encode()).hexdigest())
"""


def test_threads_and_hash_seeds_do_not_show() -> None:
    digests = set()
    for threads, parallel in (("1", "true"), ("4", "true"), ("1", "false")):
        environment = {
            **os.environ,
            "RAYON_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": parallel,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": threads,
        }
        made = subprocess.run(
            [sys.executable, "-c", LEARN], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(made.stdout)
    assert len(digests) == 1


def test_text_comes_back_byte_for_byte(tmp_path: Path) -> None:
    folder, _ = trained(tmp_path, corpus(), min_frequency=1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    everything = "".join(chr(c) for c in range(0x3000) if not 0xD800 <= c < 0xE000) + "\U0001f600\U0010ffff\r\n\r\r \t "
    ids = tokenizer.encode(everything, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == everything


def test_digits_are_split_by_three() -> None:
    tokenizer = learn(iter(["1234567 " * 50 + "abc " * 50]), 400, 2)
    assert [len(token) for token in tokenizer.encode("1234567").tokens] == [3, 3, 1]


def test_one_word_of_a_megabyte_is_learned_from_in_time() -> None:
    draw = random.Random(1)
    blob = "".join(chr(draw.randrange(0x4E00, 0x5000)) for _ in range(50_000))
    tokenizer = learn(iter([blob, "a" * 50_000]), 3000, 2)
    assert max(len(token) for token in tokenizer.get_vocab()) <= 3 * LONGEST_WORD
    assert tokenizer.decode(tokenizer.encode(blob[:1000]).ids) == blob[:1000]


def test_sample_is_drawn_by_id_and_not_by_place() -> None:
    documents = corpus()
    total = sum(len(document.text.encode()) for document in documents)
    drawn = set(Sample(Rows(documents), total // 3, 0).texts())  # type: ignore[arg-type]
    assert 0.2 * total < sum(len(text.encode()) for text in drawn) <= total // 3
    assert set(Sample(Rows(documents[::-1], batch=7), total // 3, 0).texts()) == drawn  # type: ignore[arg-type]
    assert set(Sample(Rows(documents), total // 3, 1).texts()) != drawn  # type: ignore[arg-type]


def test_one_document_is_read_even_where_it_is_too_large() -> None:
    sample = Sample(Rows(corpus(3)), 1, 0)  # type: ignore[arg-type]
    assert sample.documents == len(list(sample.texts())) == 1


def test_bytes_per_token_is_measured(tmp_path: Path) -> None:
    _, small = trained(tmp_path, corpus(), vocab_size=512)
    _, large = trained(tmp_path, corpus(), vocab_size=1500)
    assert 1 < small["bytes_per_token"] < large["bytes_per_token"]
    assert large["bytes_sampled"] == sum(len(document.text.encode()) for document in corpus())


def test_a_text_that_is_not_utf8_is_counted(tmp_path: Path) -> None:
    documents = corpus(10)
    rows = Rows(documents)
    broken = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.array([0, 3], pa.int64()).buffers()[1], pa.py_buffer(b"\xed\xa0\x80")]
    )
    batch = documents_to_batch(documents[:1]).set_column(1, "text", broken)
    plain = Rows.batches
    rows.batches = lambda columns=None: [*plain(rows, columns), batch.select(columns)]  # type: ignore[method-assign]
    statistics = core({"input": rows}, TrainTokenizer(vocab_size=512), tmp_path)  # type: ignore[dict-item]
    assert statistics["documents_unreadable"] == 1


def test_no_text_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text"):
        trained(tmp_path, [Document("a", "", "test")])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 100}, "vocab_size"),
        ({"extra_tokens": ["<think>"]}, "repeats a control token"),
        ({"extra_tokens": [" "]}, "visible"),
        ({"vocab_sice": 1000}, "unknown setting 'vocab_sice'"),
    ],
)
def test_mistakes_in_the_config(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(TrainTokenizer, settings, "train-tokenizer")

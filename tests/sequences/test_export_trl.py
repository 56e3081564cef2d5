"""What is exported trains in TRL as it is: the Parquet file to SFTTrainer, two steps of a tiny random model, on the CPU.

Runs where trl is installed (pip install trl==1.16.0, with torch for the CPU); nothing else of the repository needs it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from given_rows import GIVE, Given, dataset_of

trl = pytest.importorskip("trl", reason="trl is not installed (pip install trl)")
pytest.importorskip("torch")

from arcmill.dataset import Dataset  # noqa: E402
from arcmill.execute import execute  # noqa: E402
from arcmill.records import Conversation, Message, ToolCall  # noqa: E402
from sequences.export_sft import STAGE, ExportSft  # noqa: E402
from sequences.tokenizer import STAGE as TRAIN  # noqa: E402
from sequences.tokenizer import TrainTokenizer  # noqa: E402

TOOL = json.dumps({"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {
    "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}})  # fmt: skip
CHATS = [
    Conversation("plain", [Message("user", "1+1?"), Message("assistant", "2", "easy")], "s", thinking=True),
    Conversation("direct", [Message("user", "1+1?"), Message("assistant", "2")], "s", thinking=False),
    Conversation("two turns", [
        Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Hello 🎈", "greet"),
        Message("user", "Weather in Zürich?"),
        Message("assistant", "", "look", [ToolCall("x", "weather", '{"city": "Zürich", "days": 3}'), ToolCall("y", "weather", '{"city": "12"}')]),
        Message("tool", "sunny", tool_call_id="x"), Message("tool", "cold", tool_call_id="y"),
        Message("assistant", "Sunny.", "it is"),
    ], "s", [TOOL]),
]  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Conversations, and a tokenizer."""
    folder = tmp_path_factory.mktemp("trl")
    documents = execute(
        GIVE, Given(rows=["the weather in Zürich is sunny\n"] * 9), {}, str(folder / "documents")
    ).dataset.url
    return {
        "input": dataset_of("Conversation", CHATS, str(folder / "chats")),
        "tokenizer": execute(TRAIN, TrainTokenizer(vocab_size=512), {"input": [documents]}, str(folder / "model")).dataset.url,
    }  # fmt: skip


def exported(given: dict[str, str], folder: Path, **config: Any) -> Dataset:
    names = ["input", "tokenizer"] if config["layout"] == "tokens" else ["input"]
    return execute(STAGE, ExportSft(**config), {name: [given[name]] for name in names}, str(folder / "sft")).dataset


def trainer_of(given: dict[str, str], dataset: Dataset, folder: Path, **settings: Any) -> Any:
    """TRL's trainer on the parts as they are; the tokenizer is train-tokenizer's, with the GLM template that TRL ships."""
    from datasets import load_dataset
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer

    template = Path(str(trl.__file__)).parent / "chat_templates/glm4moe.jinja"
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=f"{given['tokenizer']}/tokenizer.json", eos_token="<|endoftext|>", pad_token="<|endoftext|>",
        chat_template=template.read_text(encoding="utf-8"), clean_up_tokenization_spaces=False,
    )  # fmt: skip
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=2048,
    ))  # fmt: skip
    files = [dataset.file(part["path"]) for part in dataset.parts]
    rows = load_dataset("parquet", data_files=files, cache_dir=str(folder / "cache"), split="train")
    arguments = SFTConfig(
        output_dir=str(folder / "out"), max_steps=2, per_device_train_batch_size=2, report_to=[], use_cpu=True,
        save_strategy="no", logging_steps=1, max_length=None, disable_tqdm=True, **settings,
    )  # fmt: skip
    return SFTTrainer(model, args=arguments, train_dataset=rows, processing_class=tokenizer)


def learned(trainer: Any, row: dict[str, Any]) -> str:
    """What TRL puts in the loss of a row, in characters."""
    ids = [label for label in row["labels"] if label != -100]
    return str(trainer.processing_class.decode(ids))


def trained(trainer: Any) -> list[float]:
    """The losses of the two steps."""
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_tokens(given: dict[str, str], tmp_path: Path) -> None:
    dataset = exported(given, tmp_path, layout="tokens")
    trainer = trainer_of(given, dataset, tmp_path)
    rows = [row for batch in dataset.batches() for row in batch.to_pylist()]
    assert [row["labels"] for row in trainer.train_dataset] == [row["labels"] for row in rows]
    assert [row["input_ids"] for row in trainer.train_dataset] == [row["input_ids"] for row in rows]
    assert learned(trainer, trainer.train_dataset[0]) == "\n<think>easy</think>\n2<|endoftext|>"
    losses = trained(trainer)
    assert len(losses) == 2 and all(0 < loss < 20 for loss in losses)


@pytest.mark.parametrize("layout", ["messages", "completion"])
@pytest.mark.parametrize("thinking", ["given", "both"])
def test_messages(layout: str, thinking: str, given: dict[str, str], tmp_path: Path) -> None:
    """TRL's own template for training, which it takes for assistant_only_loss, ends an answer in <|user|>: then its loss is ours."""
    dataset = exported(given, tmp_path, layout=layout, arguments="json", rows="turn", thinking=thinking)
    trainer = trainer_of(given, dataset, tmp_path, assistant_only_loss=True)
    tokens = exported(given, tmp_path / "tokens", layout="tokens", end="<|user|>", thinking=thinking)
    wanted = [row for batch in tokens.batches() for row in batch.to_pylist()]
    assert [row["input_ids"] for row in trainer.train_dataset] == [row["input_ids"] for row in wanted]
    for ours, theirs in zip(wanted, trainer.train_dataset, strict=True):
        if layout == "completion" and ours["enable_thinking"]:  # token for token
            assert theirs["labels"] == ours["labels"]
        # messages: answers of earlier turns as well. Direct: after a call TRL's loss holds the empty <think></think>.
        assert learned(trainer, theirs).replace("\n<think></think>", "").endswith(learned(trainer, ours))
    losses = trained(trainer)
    assert len(losses) == 2 and all(0 < loss < 20 for loss in losses)

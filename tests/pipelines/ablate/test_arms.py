"""Arms: what a path stands for, and the tokens and masks that are written of each kind of document."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from given_rows import dataset_of
from tiny_stories import documents, story

from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message
from pipelines.ablate.arms import prepare
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import Draw, open_arms
from pipelines.ablate.stream import MASK, STARTS, TOKENS
from pipelines.ablate.vocabulary import Vocabulary, tokenizer_of

CONFIG = Ablate(size="tiny", vocab_size=512)
BOTH = ("Document", "Sequence")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return documents([story(number) for number in range(60)], tmp_path_factory.mktemp("plain") / "docs", "a")


@pytest.fixture(scope="module")
def vocabulary(plain: str, tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("words")
    return Vocabulary(tokenizer_of(open_arms([("a", plain)], "arm", BOTH), None, folder / "tokenizer", CONFIG), CONFIG)


def written(
    path: str, folder: Path, vocabulary: Vocabulary, most: int = 10**9
) -> tuple[list[list[int]], list[list[int]]]:
    facts = prepare(open_arms([("x", path)], "arm", BOTH)[0], folder, vocabulary, most)
    tokens = np.fromfile(folder / TOKENS, facts["dtype"])
    mask = np.fromfile(folder / MASK, np.uint8)
    ends = np.load(folder / STARTS)[1:-1]
    assert len(tokens) == len(mask) == facts["tokens"] and facts["masked"] == (not mask.all())
    return [part.tolist() for part in np.split(tokens, ends)], [part.tolist() for part in np.split(mask, ends)]


def test_documents_are_closed_and_come_back_as_text(plain: str, tmp_path: Path, vocabulary: Vocabulary) -> None:
    tokens, _ = written(plain, tmp_path / "arm", vocabulary)
    assert sorted(vocabulary.decode(tokens)) == sorted(story(number) for number in range(60))
    assert all(each[-1] == vocabulary.eos and vocabulary.eos not in each[:-1] for each in tokens)


def test_fill_in_the_middle_has_its_control_tokens_and_other_documents_have_none(
    tmp_path: Path, vocabulary: Vocabulary
) -> None:
    text = "<|code_prefix|>Ada finds <|code_suffix|> drum.<|code_middle|>the"
    rows = [
        Document("a", text, "s", metadata={"fim": "psm"}), Document("b", text, "s"),
        Document("c", story(1), "s", metadata={"epoch": "0"}), Document("c", story(1), "s", metadata={"epoch": "1"}),
    ]  # fmt: skip
    tokens, _ = written(dataset_of("Document", rows, str(tmp_path / "docs")), tmp_path / "arm", vocabulary)
    assert vocabulary.fim is not None
    assert [sum(token in vocabulary.fim for token in each) for each in tokens] == [3, 0, 0, 0]
    assert tokens[2] == tokens[3]


def test_only_answers_of_conversations_are_in_the_loss_unless_all_is_asked_for(
    plain: str, tmp_path: Path, vocabulary: Vocabulary
) -> None:
    from sequences.render_chat import STAGE, RenderChat

    rows = [Conversation("c", [Message("user", "Where is Ada?"), Message("assistant", "Near the river.")], "s")]
    given = dataset_of("Conversation", rows, str(tmp_path / "talk"))
    chat = execute(STAGE, RenderChat(), {"input": [given]}, str(tmp_path / "chat")).dataset.url
    tokens, masks = written(chat, tmp_path / "arm", vocabulary)
    learned = [token for token, inside in zip(tokens[0], masks[0], strict=True) if inside]
    assert vocabulary.decode([learned])[0].strip().endswith("Near the river.")
    assert "Ada" in vocabulary.decode(tokens)[0] and "Ada" not in vocabulary.decode([learned])[0]
    everything = CONFIG.model_copy(update={"chat_loss": "all"})
    other = Vocabulary(
        tokenizer_of(open_arms([("a", plain)], "arm", BOTH), None, tmp_path / "tokenizer", everything), everything
    )
    same, all_in = written(chat, tmp_path / "arm", other)
    assert same == tokens and all(all_in[0])


def test_documents_that_do_not_become_tokens_are_not_passed_over(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = [Document("a", "no sentinel", "s", metadata={"fim": "psm"}), Document("b", story(2), "s")]
    broken = dataset_of("Document", rows, str(tmp_path / "docs"))
    with pytest.raises(InputError, match=r"1 of 2 documents do not become tokens \(fim_tokens"):
        written(broken, tmp_path / "arm", vocabulary)
    empty = dataset_of("Document", [Document("a", "  ", "s")], str(tmp_path / "empty"))
    with pytest.raises(InputError, match="no tokens to train on"):
        written(empty, tmp_path / "arm", vocabulary)


def test_a_draw_is_the_same_for_any_order_of_rows_and_grows_by_adding(tmp_path: Path) -> None:
    texts = [story(number) for number in range(60)]
    rows = [Document(f"a{number}", text, "s") for number, text in enumerate(texts)]
    drawn = []
    for turn, (order, most) in enumerate([(rows, 20_000), (rows[::-1], 20_000), (rows, 40_000)]):
        arm = open_arms([("x", dataset_of("Document", order, str(tmp_path / str(turn))))], "arm", BOTH)[0]
        draw = Draw(arm, most)
        ids = {each for batch in draw.batches(["id", "text"]) for each in batch.column("id").to_pylist()}
        assert most <= draw.bytes <= most + 3000 and draw.all_bytes == sum(map(len, texts))
        drawn.append(ids)
    assert drawn[0] == drawn[1] and drawn[0] < drawn[2]


def test_a_name_given_twice_is_one_arm_and_a_run_stands_for_what_it_packed(plain: str, tmp_path: Path) -> None:
    from sequences.pack import STAGE as PACK
    from sequences.pack import Pack
    from sequences.tokenizer import STAGE as TRAIN
    from sequences.tokenizer import TrainTokenizer

    more = documents([story(number) for number in range(60, 70)], tmp_path / "run" / "docs", "b")
    both = open_arms([("x", plain), ("y", plain), ("x", more)], "arm", BOTH)
    assert [(arm.name, arm.rows) for arm in both] == [("x", 70), ("y", 60)]
    tokenizer = execute(
        TRAIN, TrainTokenizer(vocab_size=512), {"input": [more]}, str(tmp_path / "run" / "tok")
    ).dataset.url
    packed = execute(
        PACK, Pack(sequence_length=128), {"input": [more], "tokenizer": [tokenizer]}, str(tmp_path / "run" / "packed")
    ).dataset.url  # fmt: skip
    of_run = open_arms([("x", str(tmp_path / "run"))], "arm", BOTH)[0]
    assert of_run.fingerprints == open_arms([("x", more)], "arm", BOTH)[0].fingerprints
    with pytest.raises(UsageError, match="is a Model dataset"):
        open_arms([("x", tokenizer)], "arm", BOTH)
    with pytest.raises(UsageError, match="mixes Document and Sequence"):
        open_arms([("x", plain), ("x", packed)], "arm", BOTH)

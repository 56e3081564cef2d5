"""What is measured on: no document that an arm holds, none twice, each cut alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tiny_stories import documents, story

from arcmill.errors import InputError
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import open_arms
from pipelines.ablate.heldout import Overlap, add_loss, candidates, chosen
from pipelines.ablate.spans import Items
from pipelines.ablate.vocabulary import Vocabulary, tokenizer_of

CONFIG = Ablate(size="tiny", vocab_size=512, heldout_tokens=100_000)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("words")
    arms = open_arms([("a", documents([story(n) for n in range(60)], folder / "a", "a"))], "arm", ("Document",))
    return Vocabulary(tokenizer_of(arms, None, folder / "tokenizer", CONFIG), CONFIG)


def held(texts: list[str], folder: Path) -> list:  # type: ignore[type-arg]
    path = documents(texts, folder / "held", "h")
    return candidates(open_arms([("clean", path)], "--heldout", ("Document",)), CONFIG)


def test_a_document_that_an_arm_holds_is_left_out_however_it_is_written(tmp_path: Path, vocabulary: Vocabulary) -> None:
    texts = [story(number) for number in range(100, 106)]
    found = held([*texts, texts[0], "☃ ☃ ☃", "   "], tmp_path)
    assert len(found) == 7  # one text came twice, one is empty
    overlap = Overlap(found, CONFIG.overlap_ngram)
    overlap.look("a", [pa.array([story(7), texts[2].upper().replace(". ", " ;\n")], pa.large_string())])
    overlap.look("b", [pa.array(["The start. " + " ".join(texts[4].split()[:40])], pa.large_string())])
    kept, facts = chosen(found, overlap, vocabulary, CONFIG)
    assert {each.text for each in kept} == {"☃ ☃ ☃", *(texts[number] for number in (0, 1, 3, 5))}
    assert facts["clean"]["left_out"] == 2 and facts["clean"]["left_out_by_arm"] == {"a": 1, "b": 1}
    assert facts["clean"]["tokens"] == sum(len(each.ids) for each in kept)


def test_a_set_of_which_nothing_is_left_is_an_error(tmp_path: Path, vocabulary: Vocabulary) -> None:
    found = held([story(1)], tmp_path)
    overlap = Overlap(found, 13)
    overlap.look("a", [pa.array([story(1)], pa.large_string())])
    with pytest.raises(InputError, match="none is left"):
        chosen(found, overlap, vocabulary, CONFIG)


def test_the_loss_is_of_every_token_once_and_bits_are_by_all_bytes(tmp_path: Path, vocabulary: Vocabulary) -> None:
    found = held([story(number, 40) for number in range(200, 204)], tmp_path)
    overlap = Overlap(found, 13)
    overlap.look("a", [])
    config = CONFIG.model_copy(update={"document_tokens": 150})
    kept, _ = chosen(found, overlap, vocabulary, config)
    items = Items()
    add_loss(items, kept, vocabulary, 32)
    for each, bits, loss in zip(kept, items.measures[::2], items.measures[1::2], strict=True):
        assert len(each.ids) <= 190 and each.held.text.startswith(each.text)
        assert vocabulary.decode([each.ids.tolist()]) == [each.text]
        assert bits.below == len(each.text.encode()) and loss.below == len(each.ids)
        scored = [items.tokens[span][items.since[span] :] for span in bits.spans]
        assert np.array_equal(np.concatenate(scored), each.ids)
        assert all(len(items.tokens[span]) <= 33 for span in bits.spans)
        assert all(items.since[span] >= 16 for span in bits.spans[1:]), "half a window stands before what is scored"


def test_the_same_documents_are_chosen_whatever_the_order_of_the_rows(tmp_path: Path, vocabulary: Vocabulary) -> None:
    texts = [story(number) for number in range(300, 330)]
    small = CONFIG.model_copy(update={"heldout_tokens": 900})
    chose = []
    for turn, order in enumerate((texts, texts[::-1])):
        found = held(order, tmp_path / str(turn))
        overlap = Overlap(found, 13)
        overlap.look("a", [])
        kept, facts = chosen(found, overlap, vocabulary, small)
        assert 900 <= facts["clean"]["tokens"] < 1400
        chose.append(len(kept))
    assert chose[0] < 30

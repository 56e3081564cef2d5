"""Questions: one right answer, wrong ones of the same kind, the same for every arm."""

from __future__ import annotations

import pytest
from tiny_stories import PLACES, documents, story

from pipelines.ablate.cloze import add_continuation, add_last_word
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import open_arms
from pipelines.ablate.heldout import Held, Kept
from pipelines.ablate.spans import Items
from pipelines.ablate.vocabulary import Vocabulary, tokenizer_of

CONFIG = Ablate(size="tiny", vocab_size=512, items=50)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("words")
    arms = open_arms([("a", documents([story(n) for n in range(60)], folder / "a", "a"))], "arm", ("Document",))
    return Vocabulary(tokenizer_of(arms, None, folder / "tokenizer", CONFIG), CONFIG)


@pytest.fixture(scope="module")
def kept(vocabulary: Vocabulary) -> list[Kept]:
    texts = [story(number) for number in range(500, 530)] + ["短い文です。" * 60, "too short"]
    return [
        Kept(Held("clean", f"h{number}", text, {}), text, vocabulary.encode([text])[0])
        for number, text in enumerate(texts)
    ]


def said(items: Items, vocabulary: Vocabulary, span: int) -> tuple[str, str]:
    tokens, since = items.tokens[span], items.since[span]
    before, after = vocabulary.decode([tokens[:since].tolist(), tokens[since:].tolist()])
    return before.lstrip("\ufffd"), after  # a context may begin inside a character


def test_the_first_continuation_is_the_true_one_and_the_others_are_of_other_documents(
    kept: list[Kept], vocabulary: Vocabulary
) -> None:
    items = Items()
    add_continuation(items, kept, vocabulary, CONFIG.model_copy(update={"context": 512, "batch_tokens": 1024}))
    texts = {each.held.id: each.text for each in kept}
    assert 40 <= len(items.measures) <= 50
    for measure in items.measures:
        assert len(measure.spans) == 4 and measure.below == 1.0
        before, answer = said(items, vocabulary, measure.spans[0])
        assert before + answer in texts[measure.unit]
        for span, size in zip(measure.spans, measure.sizes, strict=True):
            context, other = said(items, vocabulary, span)
            assert context == before and len(other.encode()) == size
            if span != measure.spans[0]:
                assert before + other not in texts[measure.unit]
                assert any(other in text for document, text in texts.items() if document != measure.unit)


def test_a_last_word_is_asked_for_among_last_words_of_other_sentences(kept: list[Kept], vocabulary: Vocabulary) -> None:
    items = Items()
    add_last_word(items, kept, vocabulary, CONFIG.model_copy(update={"choices": 3}))
    assert len(items.measures) == 50
    texts = {each.held.id: each.text for each in kept}
    for measure in items.measures:
        answers = [said(items, vocabulary, span)[1] for span in measure.spans]
        assert len(set(answers)) == 3
        assert all(answer[0] == " " and answer[-1] == "." and answer[1:-1] in PLACES for answer in answers)
        before = said(items, vocabulary, measure.spans[0])[0]
        assert before + answers[0] in texts[measure.unit]


def test_questions_do_not_depend_on_anything_but_the_documents(kept: list[Kept], vocabulary: Vocabulary) -> None:
    made = []
    for _ in range(2):
        items = Items()
        add_continuation(items, kept, vocabulary, CONFIG)
        add_last_word(items, kept, vocabulary, CONFIG)
        made.append(items.digest)
    assert made[0] == made[1]


def test_nothing_is_asked_where_there_are_too_few_documents(kept: list[Kept], vocabulary: Vocabulary) -> None:
    items = Items()
    add_continuation(items, kept[:3], vocabulary, CONFIG)
    add_last_word(items, kept[-2:], vocabulary, CONFIG)
    assert not items.measures


def test_a_context_that_does_not_fit_loses_its_start(kept: list[Kept], vocabulary: Vocabulary) -> None:
    items = Items()
    add_continuation(items, kept, vocabulary, CONFIG.model_copy(update={"context": 32}))
    assert items.tokens and all(len(tokens) <= 33 for tokens in items.tokens)
    assert all(since >= 1 for since in items.since)

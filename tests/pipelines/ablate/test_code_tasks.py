"""Infilling and cross-file loss: what is asked is the file's own text, cut at the right places."""

from __future__ import annotations

import json

import pytest
from tiny_stories import documents

from pipelines.ablate.code_tasks import add_cross_file, add_infill
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import open_arms
from pipelines.ablate.heldout import Held, Kept
from pipelines.ablate.spans import Items
from pipelines.ablate.vocabulary import Vocabulary, tokenizer_of

CONFIG = Ablate(size="tiny", vocab_size=512, context=96)


def module(number: int) -> str:
    return f'"""Module {number}, naïve."""\n\n' + "".join(
        f"def step_{line}(first, second):\n    total = first + {number * line}\n    return total * second\n\n\n"
        for line in range(4)
    )


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("code")
    arms = open_arms([("a", documents([module(n) for n in range(60)], folder / "a", "a"))], "arm", ("Document",))
    return Vocabulary(tokenizer_of(arms, None, folder / "tokenizer", CONFIG), CONFIG)


def test_prefix_middle_and_suffix_stand_in_the_file_one_after_another(vocabulary: Vocabulary) -> None:
    texts = [module(number) for number in range(100, 110)]
    kept = [
        Kept(Held("code", f"h{n}", text, {"programming_language": "Python"}), text, vocabulary.encode([text])[0])
        for n, text in enumerate(texts)
    ]
    kept.append(Kept(Held("code", "prose", "total = 1\n" * 30, {}), "total = 1\n" * 30, kept[0].ids))
    items = Items()
    add_infill(items, kept, vocabulary, CONFIG)
    assert {measure.unit for measure in items.measures} == {f"h{n}" for n in range(10)}
    assert vocabulary.fim is not None
    prefix, suffix, middle = vocabulary.fim
    names = [f"infill_{mode}{kind}" for mode in ("", "spm_", "prefix_") for kind in ("exact", "bits")]
    for start in range(0, len(items.measures), 7):
        exact, bits, spm, _, alone, _, gain = items.measures[start : start + 7]
        assert [each.metric for each in items.measures[start : start + 7]] == [*names, "infill_gain"]
        assert gain.spans == (alone.spans[0], spm.spans[0])
        tokens, since = items.tokens[exact.spans[0]].tolist(), items.since[exact.spans[0]]
        assert len(tokens) <= 97 and tokens[0] == vocabulary.eos and tokens[1] == prefix and tokens[since - 1] == middle
        at = tokens.index(suffix)
        before, after, wanted = vocabulary.decode([tokens[2:at], tokens[at + 1 : since - 1], tokens[since:]])
        assert before + wanted + after in texts[int(exact.unit[1:])]
        assert "\n" not in wanted and len(wanted) >= 4 and bits.below == len(wanted.encode())
        assert items.tokens[alone.spans[0]].tolist() == [vocabulary.eos, *tokens[2:at], *tokens[since:]]
        behind, ahead, asked = tokens[at + 1 : since - 1], tokens[2:at], tokens[since:]
        turned = [vocabulary.eos, suffix, *behind, prefix, *ahead, middle, *asked]  # the form of GLM's sentinels
        assert items.tokens[spm.spans[0]].tolist() == turned
        assert items.since[spm.spans[0]] == len(turned) - len(asked)


def test_a_piece_inside_a_line_lies_between_words_with_more_of_the_line_behind(vocabulary: Vocabulary) -> None:
    text = "    for item_one in items:\n        call(item_one, x)\nshort = 1\n"
    kept = [Kept(Held("code", "h", text, {"programming_language": "Python"}), text, vocabulary.encode([text])[0])]
    items = Items()
    add_infill(items, kept, vocabulary, CONFIG, "infill_span")
    asked = [
        items.tokens[m.spans[0]][items.since[m.spans[0]] :] for m in items.measures if m.metric == "infill_span_bits"
    ]
    told = {*vocabulary.decode([each.tolist() for each in asked])}
    assert told == {
        " item_one",
        " in items",
        " items",
        "(item_one",
    }  # not ", x", which is short, nor " = 1", which ends the line
    assert {m.metric.removeprefix("infill_span_") for m in items.measures} == {
        "exact", "bits", "spm_exact", "spm_bits", "prefix_exact", "prefix_bits", "gain"
    }  # fmt: skip


def test_spm_is_asked_in_the_form_that_is_set(vocabulary: Vocabulary) -> None:
    text = module(7)
    kept = [Kept(Held("code", "h", text, {"programming_language": "Python"}), text, vocabulary.encode([text])[0])]
    asked = {}
    for order in ("joined", "suffix_first"):
        items = Items()
        add_infill(items, kept, vocabulary, CONFIG.model_copy(update={"spm_order": order}))
        asked[order] = [items.tokens[m.spans[0]].tolist() for m in items.measures if m.metric == "infill_spm_bits"]
    assert vocabulary.fim is not None and asked["joined"]
    prefix, suffix, middle = vocabulary.fim
    for joined, first in zip(asked["joined"], asked["suffix_first"], strict=True):
        assert joined[1:3] == [prefix, suffix] and first[1] == suffix
        at = joined.index(middle)
        before, after = vocabulary.decode([joined[at + 1 :], joined[3:at]])  # prefix and middle without a mark between
        assert before in text and before + after in text


def context(sizes: list[int]) -> Held:
    text, files = "# Repository: acme/thing\n", []
    for number in range(len(sizes)):
        text += f"# File: file_{number}.py\n"
        body = module(number)[: sizes[number]]
        files.append(
            {"id": str(number), "path": f"file_{number}.py", "start": len(text.encode()), "bytes": len(body.encode())}
        )
        text += body + "\n"
    return Held("repo", "r1", text, {"files": json.dumps(files)}, "acme/thing")


def test_a_file_is_measured_after_those_before_it_in_order_shuffled_and_alone(vocabulary: Vocabulary) -> None:
    held = context([120, 100, 90, 110])
    items = Items()
    config = CONFIG.model_copy(update={"context": 512})
    add_cross_file(
        items,
        [held, Held("repo", "plain", "no files", {}), Held("repo", "x", "y", {"files": "[{}]"})],
        vocabulary,
        config,
    )
    by_metric: dict[str, list] = {}  # type: ignore[type-arg]
    for measure in items.measures:
        by_metric.setdefault(measure.metric, []).append(measure)
    assert {metric: len(found) for metric, found in by_metric.items()} == dict.fromkeys(
        ("cross_file_bits", "cross_file_shuffled_bits", "cross_file_alone_bits", "cross_file_gain"), 3
    )
    for ordered, shuffled, alone, gain in zip(*by_metric.values(), strict=True):
        told = []
        for measure in (ordered, shuffled, alone):
            tokens, since = items.tokens[measure.spans[0]].tolist(), items.since[measure.spans[0]]
            told.append(tuple(vocabulary.decode([tokens[:since], tokens[since:]])))
        (before, target), (other, same), (header, again) = told
        assert target == same == again and ordered.below == len(target.encode())
        assert held.text.startswith(before + target)
        assert sorted(before) == sorted(other)
        assert before.endswith(header) and header.strip().startswith("# File")
        assert gain.spans == (alone.spans[0], ordered.spans[0])


def test_what_stands_before_is_cut_to_the_context(vocabulary: Vocabulary) -> None:
    items = Items()
    add_cross_file(items, [context([300, 300, 300])], vocabulary, CONFIG)
    assert items.tokens and all(len(tokens) <= 97 for tokens in items.tokens)
    assert all(len(tokens) - since <= 48 for tokens, since in zip(items.tokens, items.since, strict=True))

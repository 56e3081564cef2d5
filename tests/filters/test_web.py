"""filter-web against datatrove's own filters, its rules at their boundaries, and what must not decide anything."""

from __future__ import annotations

import string
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcmill.records import Document, documents_to_batch
from arcmill.stage import Outcome
from filters.web import chunks
from filters.web.stage import STAGE, FilterWeb, WebFilter, core, setup

datatrove_filters = pytest.importorskip("datatrove.pipeline.filters")

PROSE = (
    "It was a bright day in the spring, and all of the clocks that stood in the old hall had begun to strike.\n"
    "She walked to the window with a cup of tea, and thought that nobody could have been happier than she was.\n"
    "There had been letters from the coast, which told of storms and of ships that would never come home.\n"
    "Nobody in the village knew what to make of them, but the schoolmaster read each one aloud to the children.\n"
    "When the evening came they lit the lamps, shut the doors against the wind, and waited for more news to come.\n"
    'His sister asked, "Do you believe it?" and he answered that he did not know what else to believe.\n'
)


def four(**groups: Any) -> WebFilter:
    """The four groups that datatrove has filters for."""
    return setup(FilterWeb.model_validate({"url": {"enabled": False}, "pii": {"enabled": False}, **groups}))


def only(group: str, **values: Any) -> WebFilter:
    """One group of rules."""
    names = ("url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")
    groups = {name: {"enabled": name == group} for name in names}
    return setup(FilterWeb.model_validate({**groups, group: values}))


@pytest.fixture(scope="module")
def ours() -> WebFilter:
    return four()


class Peer:
    """datatrove's filters one after the other, each with its defaults."""

    def __init__(self) -> None:
        self.filters = [
            datatrove_filters.GopherRepetitionFilter(),
            datatrove_filters.GopherQualityFilter(),
            datatrove_filters.C4QualityFilter(),
            datatrove_filters.FineWebQualityFilter(),
        ]

    def judge(self, text: str) -> tuple[str | None, str]:
        from datatrove.data import Document as PeerDocument

        document = PeerDocument(text=text, id="x")
        for rule in self.filters:
            answer = rule.filter(document)
            if answer is not True:
                return str(answer[1]), text
        return None, document.text


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


def agree(ours: WebFilter, peer: Peer, text: str) -> None:
    outcome, cleaned = ours.judge(text)
    reason, expected = peer.judge(text)
    assert (outcome is None) == (reason is None), (outcome, reason)
    assert cleaned == expected


EDGES = {
    "prose": PROSE,
    "blank": "   \n \t\n",
    "crlf": PROSE.replace("\n", "\r\n"),
    "form feeds and separators": PROSE.replace("\n", "\x0c").replace(", ", ",\u2028", 2),
    "no-break spaces": PROSE.replace(" of ", "\u00a0of\u00a0"),
    "double spaces": PROSE.replace(". ", ".  ").replace(" that ", "  that "),
    "tabs": PROSE.replace(" and ", "\tand\t"),
    "citations": PROSE.replace(".", ".[1]").replace(" the ", " the[12] "),
    "citation makes a phrase": PROSE + "You must use coo[3]kies here, all of you.\n",
    "policy": PROSE + "This site uses cookies to be of use.\nRead the Privacy Policy and the rest of it.\n",
    "javascript": PROSE + "Please turn on JavaScript to read all of this.\n",
    "kelvin sign": PROSE + "This site uses coo\u212aies to be of use.\n",
    "lorem": PROSE + "And then Lorem Ipsum was all that she could say.\n",
    "bracket": PROSE + "There is a { in this line of the text.\n",
    "no final marks": PROSE.replace(".\n", "\n"),
    "ellipses": PROSE.replace(".\n", "...\n"),
    "ellipsis characters": PROSE.replace(".\n", "…\n"),
    "bullets": "".join(f"- {line}\n" for line in PROSE.splitlines()),
    "hashes": PROSE.replace(" the ", " # the # "),
    "short lines": PROSE.replace(", ", ",\n").replace(" that ", "\nthat "),
    "long word": PROSE + "x" * 1001 + " of the and is here.\n" + "y" * 1000 + " of the and is here.\n",
    "repeated lines": PROSE + PROSE.splitlines(keepends=True)[0] * 2,
    "repeated paragraphs": PROSE.replace("\n", "\n\n") + "\n\n\n" + PROSE.splitlines(keepends=True)[3] * 3,
    "one n-gram": PROSE + "again and again " * 12,
    "emoticons": PROSE.replace(".", " :) 8-) (x_x) o_O;").replace(" and ", " and... :( "),
    "contractions": PROSE.replace(" had ", " hadn't ").replace(" she ", " she’d’ve ") + "Cannot gonna we're y'all.\n",
    "urls and units": PROSE + "See http://a.example.com/b?c=d,e (12.5km, $3m, 10am-5pm, 50%) of the U.S., e.g. him.\n",
    "no words shared": "ab c a bc " * 30 + PROSE,
    "combining": PROSE.replace("e", "e\u0301"),
    "emoji": PROSE.replace(" and ", " 👩‍👩‍👧 and🎉 "),
    "han": "这是一个测试。它没有空格。" * 40,
    "mixed scripts": PROSE + "Это предложение, которое написано по-русски. Ελληνικά: «ναι», 5км. 終わり。\n",
    "nul": PROSE + "\x00" * 300,
    "marks": PROSE + "!?,;" * 80 + " (((" + "'" * 90 + "\n",
}


@pytest.mark.parametrize("name", EDGES)
def test_decision_and_text_are_those_of_datatrove(name: str, ours: WebFilter, peer: Peer) -> None:
    agree(ours, peer, EDGES[name])


LENIENT = {
    "gopher_repetition": {"enabled": False},
    "gopher_quality": {"enabled": False},
    "c4": {"remove_unpunctuated_lines": False, "min_words_per_line": -1, "min_sentences": 3, "max_word_length": -1},
    "fineweb": {"min_punctuated_lines": 0.5, "max_line_feeds_per_word": 0.1},
}


@pytest.mark.parametrize("name", EDGES)
def test_c4_options_are_those_of_datatrove(name: str, peer: Peer) -> None:
    lenient = Peer()
    lenient.filters = [
        datatrove_filters.C4QualityFilter(
            filter_no_terminal_punct=False, min_words_per_line=-1, min_num_sentences=3, max_word_length=-1
        ),
        datatrove_filters.FineWebQualityFilter(line_punct_thr=0.5, new_line_ratio=0.1),
    ]
    agree(four(**LENIENT), lenient, EDGES[name])


@pytest.mark.parametrize("name", EDGES)
def test_sentences_as_units_are_those_of_datatrove(name: str) -> None:
    by_sentence = Peer()
    by_sentence.filters = [datatrove_filters.C4QualityFilter(split_paragraph=False)]
    agree(only("c4", unit="sentence"), by_sentence, EDGES[name])


PIECES = st.sampled_from(
    [*PROSE.split(), "the", "of", "and", "to", "that", "have", "with", "a.b", "x_y", ":)", "don't", "it's", "…", "...",
     "#", "•", "-", "[1]", "[edit]", "{", "12,5", "$5", "3km", "(", ")", '"', "'", "Lorem ipsum",
     "use cookies", "JavaScript", "\n", "\n\n", "\n\n\n", ".\n", "\t", "  ", "\u00a0", "\r\n", "\u2028",
     "。", "é", "!", "?", "“", "”", "’s", "--", "—", "N.A.S.A.", "www.x.com", "a" * 40]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(PIECES, st.sampled_from(["", " ", " ", " "])), max_size=160), st.booleans())
def test_random_texts_get_datatroves_decision(
    ours: WebFilter, peer: Peer, pieces: list[tuple[str, str]], prose: bool
) -> None:
    text = "".join(piece + space for piece, space in pieces)
    agree(ours, peer, PROSE + text if prose else text)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.text(
            st.one_of(st.sampled_from(string.printable + "’“”–—…°€²"), st.characters(exclude_categories=["Cs"])),
            min_size=1,
            max_size=24,
        ),
        max_size=40,
    )
)
def test_words_are_those_of_datatrove(ours: WebFilter, pieces: list[str]) -> None:
    from datatrove.utils.text import split_into_words

    # A line feed between the chunks: spaCy's special cases of several words reach across single spaces.
    text = "\n".join(" ".join(pieces).split())
    table = ours._tables._table("en")
    table.begin()
    found = [word.decode() for number in table.scan(text).numbers.tolist() for word in table.words(number)]
    assert found == split_into_words(text)


@pytest.mark.parametrize("size", [99, 400, 3000])
@pytest.mark.parametrize(
    "unit", ["!", ".", "a-", "'", "1.2", "US$", "(:", "a.b/", "--", "漢。", "x..", "$5", "5km", ":x"]
)
def test_long_chunks_split_as_spacy_splits_them(ours: WebFilter, unit: str, size: int) -> None:
    from datatrove.utils.text import split_into_words

    chunk = "q" + unit * (min(size, 600 if unit in "!'(:" else size) // len(unit)) + "Z"
    assert ours._tables._table("en").tokenizer.words(chunk) == split_into_words(chunk)


def test_special_cases_do_not_reach_across_spaces(ours: WebFilter) -> None:
    assert ours._tables._table("de").tokenizer.words("z.B.") == ["z.B."]
    assert list(ours._tables._table("en").tokenizer.words("can't")) == ["ca", "n't"]


# What datatrove's own test cases decide.


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I am your father.\n" * 4, "duplicate-lines"),
        ("I am your father.\n\n" * 4, "duplicate-paragraphs"),
        (
            "I am groot.\n\nYou are a wizard.\n\nI am your father.\n\n" + f"{'x' * 30}.\n\n" * 2,
            "duplicate-paragraph-characters",
        ),
        ("I am groot.\nYou are a wizard.\nI am your father.\n" + f"{'x' * 40}.\n" * 2, "duplicate-line-characters"),
        ("I am Frank, I am Frank, I am Frank", "top-2-gram"),
        ("I am Frank, you are Jhon. I am Frank. I am Frank you are Jhon", "top-3-gram"),
        ("", "empty"),
    ],
)  # fmt: skip
def test_gopher_repetition(text: str, rule: str, ours: WebFilter) -> None:
    outcome, _ = ours.judge(text)
    assert outcome is not None
    assert outcome.rule == f"gopher-repetition/{rule}"
    assert outcome.score is not None
    assert outcome.threshold is not None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I am too small...", "short-doc"),
        ("I am " * 20, "short-words"),
        ("interconnection " * 20, "long-words"),
        ("# comment " * 20, "hashes"),
        ("... comment " * 20, "ellipses"),
        ("the ./!*?<><> apple <?////> orange  ++ interconnection !<>??? have" * 20, "alphabetic-words"),
        ("- one of the three\n" * 10, "bullet-lines"),
        ("one of the three and the many others of it...\n" * 10, "ellipsis-lines"),
        ("seven words stand here without help " * 3, "stop-words"),
        ("the word of this one " * 500, "long-doc"),
    ],
)
def test_gopher_quality(text: str, rule: str) -> None:
    outcome, _ = only("gopher_quality", min_words=10, max_words=1000).judge(text)
    assert outcome is not None
    assert outcome.rule == f"gopher-quality/{rule}"


@pytest.mark.parametrize("text", ["", "   \n  \n"])
def test_a_text_without_words_is_dropped_even_where_no_length_is_asked_for(text: str) -> None:
    outcome, _ = only("gopher_quality", min_words=None).judge(text)
    assert outcome == Outcome("gopher-quality/empty", score=0.0, threshold=1.0)


def test_thresholds_are_reached_not_passed() -> None:
    words = " ".join(["the", "and"] + ["word"] * 48)
    rule = only("gopher_quality")
    assert rule.judge(words)[0] is None
    outcome, _ = rule.judge(words.removesuffix(" word"))
    assert outcome == Outcome("gopher-quality/short-doc", score=49, threshold=50)
    lines = ["A line that is long enough to count here." for _ in range(2)] + ["short."]
    assert only("fineweb", max_short_lines=1 / 3, max_duplicate_characters=1).judge("\n".join(lines))[0] is None
    outcome, _ = only("fineweb", max_short_lines=0.33, max_duplicate_characters=1).judge("\n".join(lines))
    assert outcome is not None
    assert (outcome.rule, outcome.threshold) == ("fineweb/short-lines", 0.33)


def test_c4_removes_lines_and_says_why_a_page_goes() -> None:
    rule = only("c4")
    text = PROSE + "Menu\nThis page uses cookies to be better.\nJust two.\nShe did not know that.[4]\n"
    outcome, cleaned = rule.judge(text)
    assert outcome is None
    assert cleaned == PROSE + "She did not know that."
    outcome, unchanged = rule.judge(PROSE + "One { here is too many.\n")
    assert outcome is not None
    assert outcome.rule == "c4/curly-bracket"
    assert outcome.detail == "One { here is too many."
    assert unchanged.endswith("many.\n")
    outcome, _ = rule.judge("One is here. Two are here. Three are here. Four are here.")
    assert outcome == Outcome("c4/few-sentences", score=4, threshold=5)


def test_order_and_enabled_decide_which_rule_speaks_first() -> None:
    text = "A { b"
    assert only("c4").judge(text)[0] == Outcome("c4/few-sentences", score=0, threshold=5)
    first = setup(FilterWeb.model_validate({"order": ["fineweb", "gopher_quality"]})).judge(text)[0]
    assert first is not None
    assert first.rule == "fineweb/punctuated-lines"
    second = setup(FilterWeb.model_validate({"gopher_repetition": {"enabled": False}})).judge(text)[0]
    assert second is not None
    assert second.rule == "gopher-quality/short-doc"


def test_rules_after_c4_read_what_c4_left(peer: Peer) -> None:
    # C4 first: the repetition and quality rules then see the cleaned text, as when datatrove's filters stand so.
    reordered = Peer()
    reordered.filters = [peer.filters[i] for i in (2, 1, 0, 3)]
    ours = four(order=["c4", "gopher_quality", "gopher_repetition", "fineweb"])
    for text in EDGES.values():
        agree(ours, reordered, text)


# What must not decide anything.


def batch_of(texts: list[str], languages: list[str | None] | None = None) -> pa.RecordBatch:
    languages = languages or [None] * len(texts)
    rows = enumerate(zip(texts, languages, strict=True))
    return documents_to_batch([Document(str(i), text, "test", language=language) for i, (text, language) in rows])


def test_batches_order_and_forgetting_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(EDGES.values())
    config = FilterWeb()
    whole = core(batch_of(texts), config, setup(config))
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 50)
    monkeypatch.setattr("filters.web.stage.READ_AHEAD", 500)
    state = setup(config)
    for i in reversed(range(len(texts))):
        alone = core(batch_of([texts[i]]), config, state)
        assert alone.outcomes.get(0) == whole.outcomes.get(i)
        if 0 not in alone.outcomes:
            assert alone.columns.get("text", [texts[i]])[0] == whole.columns["text"][i]


def test_memory_is_bounded_by_the_table_not_by_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 1000)
    state = setup(FilterWeb())
    for start in range(0, 60_000, 600):
        state.judge(" ".join(f"word{i}" for i in range(start, start + 600)))
    assert state._tables._table("en")._chunks.members <= 1000 + 600


def test_text_column_is_returned_only_when_something_changed() -> None:
    config = FilterWeb.model_validate({"c4": {"enabled": False}})
    assert core(batch_of([PROSE, "x"]), config, setup(config)).columns == {}
    changes = core(batch_of([PROSE, PROSE + "Write to ann@corp.io, or to the others.\n"]), config, setup(config))
    assert changes.columns["text"][0] == PROSE
    assert "ann@corp.io" not in changes.columns["text"][1]


def test_the_stage_declares_its_list_files() -> None:
    config = FilterWeb.model_validate({"url": {"banned_domain_files": ["a.txt"], "soft_word_files": ["b.txt"]}})
    assert STAGE.model_files is not None
    assert STAGE.model_files(config) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    "text",
    ["\0" * 300_000, "!" * 30_000, "word " * 200_000, "漢" * 200_000, "a.a@" * 50_000, "\n" * 500_000, "1." * 100_000],
)
def test_hostile_texts_take_linear_time(text: str, ours: WebFilter) -> None:
    import time

    # The seconds allowed are many times what is taken; what they exclude is quadratic time (minutes).
    began = time.process_time()
    assert ours.judge(text)[0] is not None
    assert time.process_time() - began < 10


# Other languages


def test_chinese_is_counted_in_units_not_in_spaces() -> None:
    sentences = [f"第{i}天的早上，我们在河边看到了很多不同的鸟和一些小船。" for i in range(12)]
    distinct = [s + "风雨雷电山川草木日月星辰"[i] * 1 for i, s in enumerate(sentences)]
    text = "\n".join(s[:-2] + s[-1] + "。" for s in distinct)
    rule = only("gopher_quality")
    assert rule.judge(text, "zh")[0] is None
    outcome, _ = rule.judge(text, "en")
    assert outcome is not None
    assert outcome.rule == "gopher-quality/short-doc"
    assert only("c4").judge(text, "zh")[0] is None


def test_a_language_without_stop_words_is_not_dropped_for_lack_of_them() -> None:
    text = "tämä lause kertoo meille jotakin uutta " * 10
    assert only("gopher_quality").judge(text, "fi")[0] is None
    outcome, _ = only("gopher_quality").judge(text, "en")
    assert outcome is not None
    assert outcome.rule == "gopher-quality/stop-words"
    assert only("gopher_quality", stop_words=["tämä", "uutta"]).judge(text, "en")[0] is None


def test_german_words_are_spacys_german_words() -> None:
    from datatrove.utils.text import split_into_words

    text = "Das kostet z.B. 5km, d.h. „viel“ (bzw. 3.000€) für's Auto.\nUnd so weiter usw."
    table = setup(FilterWeb())._tables._table("de")
    found = [word.decode() for number in table.scan(text).numbers.tolist() for word in table.words(number)]
    assert found == split_into_words(text, "de")

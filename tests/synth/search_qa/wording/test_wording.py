"""Questions of the templates: what is said is read back as the same query, whatever names it holds."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_graph import FakeGraph
from random_queries import hostile_graph, random_query

from synth.search_qa.query import Bound, Clue, Fact, Query, Term, node
from synth.search_qa.wording import LANGUAGES, isomorphic, parse, say
from synth.search_qa.wording.lexicon import entries, nouns, symmetric
from synth.search_qa.wording.quoting import masked, quoted

X, Y, Z = (Term("variable", name) for name in ("?x", "?y", "?z"))
FILMS = FakeGraph(
    {"1": ["Kismet"], "2": ["Drama", "剧情"], "3": ["Ilse"], "4": ["Twin"], "5": ["Twin", "the other Twin"], "6": ["Twin"],
     "c": ["film"], "d": ["Film"], "e": ["film"]},
    {"directed_by": "directed_by", "has_genre": "has_genre", "release_year": "release_year", "P31": "instance of",
     "odd": "colour of hat", "votes": "votes"},
    type_relations=["P31"], classes=["c", "d"], labels={("2", "zh"): "剧情"},
)  # fmt: skip


def told(query: Query, language: str = "en", seeds: int = 40) -> set[str]:
    return {say(query, FILMS, language, random.Random(seed)) for seed in range(seeds)}  # type: ignore[arg-type]


def query(*clues: Clue) -> Query:
    return Query(X, clues)


@pytest.mark.parametrize("language", LANGUAGES)
def test_random_queries_with_hostile_names_come_back(language: str) -> None:
    graph = hostile_graph()
    shapes = set()
    for number in range(2500):
        asked = random_query(random.Random(f"query {number}"))
        text = say(asked, graph, language, random.Random(number))  # type: ignore[arg-type]
        assert isomorphic(parse(text, graph, language), asked), text  # type: ignore[arg-type]
        shapes.add((len(asked.variables()), len(asked.facts), "\n" in masked(text)[0]))
    assert len(shapes) > 60


def test_a_wording_of_another_query_is_not_taken_for_it() -> None:
    """Each clue of a random query is changed: the parse of the changed query's text is never isomorphic to the first."""
    graph = hostile_graph()
    for number in range(300):
        draw = random.Random(f"other {number}")
        asked = random_query(draw)
        place = draw.randrange(len(asked.clues))
        clue = asked.clues[place]
        if isinstance(clue, Bound) or len(set(asked.clues)) < len(asked.clues):
            continue
        changed = (
            Fact(clue.subject, ("x6",), clue.object)
            if clue.relations != ("x6",)
            else Fact(clue.subject, ("x7",), clue.object)
        )
        other = Query(asked.answer, (*asked.clues[:place], changed, *asked.clues[place + 1 :]))
        read = parse(say(other, graph, "en", draw), graph, "en")  # type: ignore[arg-type]
        assert not isomorphic(read, asked) and isomorphic(read, other)


def test_a_short_chain_is_one_sentence() -> None:
    asked = query(
        Fact(X, ("has_genre",), node("2")), Fact(X, ("directed_by",), Y), Fact(node("1"), ("directed_by",), Y)
    )
    clause = "was directed by someone who directed “Kismet”"
    genre = "(falls into|belongs to) the genre “Drama”"
    assert any(re.fullmatch(f"Which film {genre} and {clause}\\?", text) for text in told(asked))
    assert "哪部电影属于“剧情”类型，并且由某人执导，而此人执导了“Kismet”？" in told(asked, "zh", 80)


def test_a_cycle_has_letters() -> None:
    asked = query(
        Fact(X, ("directed_by",), Y),
        Fact(X, ("odd",), Z),
        Fact(Z, ("directed_by",), Y),
        Fact(Y, ("has_genre",), node("2")),
    )
    for text in told(asked):
        assert "Which film is A?" in text or "Which film is A, given these clues?" in text
        assert re.search(r"was directed by [BC]|[BC] directed", text) and "“Drama”" in text
    assert any("\n1. A" in text for text in told(asked)) and any(". B " in text for text in told(asked))


PACKAGES = FakeGraph(
    {"1": ["Kismet"], "2": ["MIT"], "c": ["package"], "d": ["软件包"]},
    {"requires": "requires", "licence": "licence", "maintainer": "maintainer", "P31": "instance of"},
    type_relations=["P31"], classes=["c", "d"],
)  # fmt: skip


def packages(language: str, *clues: Clue) -> set[str]:
    asked = query(*clues)
    texts = {say(asked, PACKAGES, language, random.Random(seed)) for seed in range(60)}  # type: ignore[arg-type]
    assert all(isomorphic(parse(text, PACKAGES, language), asked) for text in texts)  # type: ignore[arg-type]
    return texts


def test_of_two_things_of_one_noun_the_latter_is_taken_up_again() -> None:
    two = (Fact(X, ("requires",), Y), Fact(Y, ("requires",), node("1")))
    assert all("，而后者" in text for text in packages("zh", *two))
    assert "Which package requires a package that requires “Kismet”?" in packages("en", *two)
    between = (Fact(X, ("maintainer",), Y), Fact(Z, ("maintainer",), Y), Fact(Z, ("requires",), node("1")))
    assert all("，而此人" in text and "，而后者" in text for text in packages("zh", *between))


@pytest.mark.parametrize("first", [(), (Fact(X, ("P31",), node("c")), Fact(X, ("P31",), node("d")))])
def test_things_of_one_noun_that_a_sentence_cannot_tell_apart_have_letters(first: tuple[Clue, ...]) -> None:
    clauses = (Fact(X, ("requires",), Y), Fact(Y, ("requires",), node("1")), Fact(Y, ("licence",), node("2")))
    for language in LANGUAGES:  # whose licence it is: of the first package, or of the second
        assert all("A" in masked(text)[0] and "B" in masked(text)[0] for text in packages(language, *first, *clauses))
    three = (Fact(X, ("requires",), Y), Fact(Y, ("requires",), Z), Fact(Z, ("requires",), node("1")))
    assert all("B" in masked(text)[0] for text in packages("zh", *three))
    beside = (Fact(X, ("requires",), Y), Fact(X, ("requires",), Z), Fact(Z, ("requires",), node("1")))
    assert all("B" in masked(text)[0] for text in packages("zh", *beside))


def test_a_clause_that_may_be_about_a_place_or_its_country_has_a_letter() -> None:
    graph = FakeGraph(
        {"1": ["Kismet"], "2": ["Ilse"]}, {"P131": "r", "P17": "country", "P30": "continent", "P37": "s", "odd": "o"}
    )
    clauses = (Fact(X, ("P17",), Y), Fact(Y, ("P37",), node("1")), Fact(Y, ("P30",), node("2")))
    for number, lettered in ((2, False), (3, True)):
        for seed in range(20):
            text = say(query(*clauses[:number]), graph, "en", random.Random(seed))  # type: ignore[arg-type]
            assert (re.search(r"\bB\b", text) is not None) == lettered, text


def test_a_noun_stands_only_for_what_is_of_its_kind() -> None:
    asked = query(
        Fact(X, ("directed_by",), node("3")), Fact(X, ("release_year",), Y), Fact(node("1"), ("release_year",), Y)
    )
    years = Query(Y, asked.clues)
    for kinds, words in (({"date"}, "Which year "), ({"node"}, "What "), ({"node", "date"}, "What ")):
        graph = FakeGraph(
            {"1": ["Kismet"], "3": ["Ilse"]}, {"directed_by": "directed_by", "release_year": "release_year"},
            kinds={"release_year": kinds, "directed_by": {"node"}},
        )  # fmt: skip
        texts = {say(years, graph, "en", random.Random(seed)) for seed in range(20)}  # type: ignore[arg-type]
        assert all(words in text for text in texts if not text.startswith("Name "))
        assert any("a year" in text for text in texts) == (kinds == {"date"})
        bound = query(
            Fact(X, ("release_year",), Y), Bound(Y, "date", "1990", "1999")
        )  # whatever else the relation leads to
        assert "in a year in the 1990s" in say(bound, graph, "en", random.Random(1))  # type: ignore[arg-type]


def test_phrases_that_misled_a_reader_are_gone() -> None:
    for key in ("P136", "has_genre"):
        phrases = entries("en")[key.casefold()].forward + entries("en")[key.casefold()].inverse
        assert all("genre" in phrase.before or phrase.only == "noun" for phrase in phrases)
    told_of = {phrase.before for entry in entries("en").values() for phrase in (*entry.forward, *entry.inverse)}
    assert not [
        before for before in told_of if re.search(r"of the kind|least asked|place the formation|finds $", before)
    ]
    asked = query(Fact(X, ("directed_by",), node("3")), Fact(X, ("has_genre",), node("2")))
    assert any("is of the genre “Drama”" in text for text in told(asked))


def test_classes_bounds_unknown_and_vague_relations() -> None:
    asked = query(Fact(X, ("P31",), node("c")), Fact(X, ("odd",), node("3")))
    assert "Which “film” has as “colour of hat” “Ilse”?" in told(asked)  # the noun of other relations here is "film"
    years = query(Fact(X, ("release_year",), Y), Bound(Y, "date", "1990", "1999"))
    assert "Which film came out in a year in the 1990s?" in told(years)
    assert "哪部电影上映于1990年代的某个年份？" in told(years, "zh")
    vague = query(Fact(X, ("odd", "directed_by"), node("3")))
    assert "Which film has as director or “colour of hat” “Ilse”?" not in told(vague)  # the nouns differ: thing
    assert "What has as director or “colour of hat” “Ilse”?" in told(vague)
    assert "哪个事物的导演或“colour of hat”是“Ilse”？" in told(vague, "zh")


@pytest.mark.parametrize(
    ("low", "high", "en"),
    [
        ("1960", "1969", "a date in the 1960s"),
        ("1961", "1969", "a date from 1961 through 1969"),
        ("1967", "1967", "a date in 1967"),
        ("1967-03", None, "a date no earlier than March 1967"),
        (None, "1967-03-21", "a date no later than 21 March 1967"),
        ("-0044", None, "a date no earlier than the date “-0044”"),
    ],
)
def test_bounds_of_dates_are_as_precise_as_they_are(low: str | None, high: str | None, en: str) -> None:
    asked = query(Fact(X, ("odd",), Y), Bound(Y, "date", low, high))
    assert any(en in text for text in told(asked))
    for text in told(asked, "zh"):
        assert isomorphic(parse(text, FILMS, "zh"), asked)  # type: ignore[arg-type]


def test_anchors_have_names_of_their_own() -> None:
    assert any("“the other Twin”" in text for text in told(query(Fact(X, ("odd",), node("5")))))
    with pytest.raises(ValueError, match="own"):
        told(query(Fact(X, ("odd",), node("4"))))
    with pytest.raises(ValueError, match="no node"):
        told(query(Fact(X, ("odd",), node("gone"))))
    with pytest.raises(ValueError, match="no relation"):
        told(query(Fact(X, ("gone",), node("1"))))
    with pytest.raises(ValueError, match="language"):
        told(query(Fact(X, ("odd",), node("1"))), "tlh")


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "Which film?", "Which film was directed by?", "Which film was directed by “Kismet”", "Which film was painted by “Kismet”?",
        "Which film was directed by “Nobody” and?", "Which film was directed by “Kismet”? Really?", "Which film is A?",
        "Which film was directed by “Kismet” who directed “Ilse”?", "Which film was directed by “Kismet?", "”", "A was directed by B.\nWhich film is C?",
        "1. A was directed by B\nWhich film is A?", "Which film has as “weight” “Kismet”?", "Which film was directed by “Twin”?",
        "Name someone.", "Who?", "Which film is A, given these clues?", "\ue0001\ue001",
    ],
)  # fmt: skip
def test_what_no_template_writes_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text, FILMS, "en")  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_of_the_lexicon_holds_words_that_join_clauses(language: str) -> None:
    joints = re.compile(r"\b(?:and|who|that)\b|[,.?]" if language == "en" else "，|。|？|而此|并且|其")
    known = nouns(language)
    for key, entry in entries(language).items():
        assert {entry.subject, entry.object} <= set(known), key
        assert entry.forward and entry.inverse and entry.role
        for phrase in (*entry.forward, *entry.inverse):
            assert not joints.search(phrase.before) and not joints.search(phrase.after), (key, phrase)
            assert quoted("x") not in phrase.before and (language == "zh" or phrase.after == "")
            assert phrase.before.strip() or phrase.after
        assert (
            not joints.search(entry.role) and " or " not in entry.role and "或" not in entry.role.replace("或姐妹", "")
        )
        if language == "zh":
            assert "的" not in entry.role and "是" not in entry.role
    assert entries("en").keys() == entries("zh").keys() and nouns("en").keys() == nouns("zh").keys()


def test_symmetric_relations_are_marked_alike_in_all_languages() -> None:
    marked = {
        language: {key for key, entry in entries(language).items() if entry.is_symmetric} for language in LANGUAGES
    }
    assert marked["en"] == marked["zh"]
    assert {"p26", "p47", "p3373", "p451", "p530", "p1327", "neighbor"} <= marked["en"]
    for language in LANGUAGES:  # an end of a symmetric relation is as the other
        assert all(entries(language)[key].subject == entries(language)[key].object for key in marked[language])


def test_a_symmetric_relation_is_known_by_its_id_or_its_label() -> None:
    graph = FakeGraph({}, {"P26": "spouse", "r1": "Sibling", "P40": "child", "r2": "colour of hat"}, type_relations=[])
    found = [relation for relation in graph.relations if symmetric(relation, graph)]  # type: ignore[arg-type]
    assert found == ["P26", "r1"]


@pytest.mark.parametrize("name", ["", "a", "“", "”", "”””", "“”‘’«»「」『』〔〕", "a”\n“b", "\ue000"])
def test_any_name_comes_back_from_its_marks(name: str) -> None:
    assert masked(f"x {quoted(name)} y {quoted('other')}.") == ("x \ue0000\ue001 y \ue0001\ue001.", [name, "other"])


def test_the_same_draw_says_the_same() -> None:
    asked = query(
        Fact(X, ("directed_by",), Y), Fact(Y, ("odd",), Z), Fact(Z, ("odd",), node("1")), Fact(Y, ("odd",), node("3"))
    )
    assert told(asked, seeds=1) == told(asked, seeds=1) and len(told(asked)) > 3


def test_a_text_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "import random, hashlib; from random_queries import hostile_graph, random_query; from synth.search_qa.wording import say\n"
        "graph = hostile_graph()\n"
        "texts = [say(random_query(random.Random(n)), graph, l, random.Random(n)) for n in range(150) for l in ('en', 'zh')]\n"
        "print(hashlib.sha256(repr(texts).encode('utf-8', 'backslashreplace')).hexdigest())"
    )
    root = Path(__file__).resolve().parents[4]
    made = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={"PATH": "", "PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}:{root / 'tests'}"},
        ).stdout
        for seed in ("1", "2", "77")
    }  # fmt: skip
    assert len(made) == 1 and len(made.pop().strip()) == 64

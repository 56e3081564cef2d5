"""build-graph: recognising, cleaning, the whole graph at once, bad input. Formats have tests of their own beside."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from given_rows import dataset_of

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Edge, stable_id
from pipelines.catalogue import get_stage
from synth.graph.clean import read_literals
from synth.graph.facts import Refused, date, name, number, plain_date

STAGE = get_stage("build-graph")


def build(
    folder: Path, inputs: dict[str, Any] | None = None, output: str = "out", workers: int = 1, **settings: Any
) -> Dataset:
    config = validate(STAGE.config, {"max_error_rate": 1.0, **settings}, "test")
    given = {key: [str(path) for path in paths] for key, paths in (inputs or {}).items()}
    return execute(STAGE, config, given, str(folder / output), workers=workers).dataset


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def facts(dataset: Dataset) -> list[tuple[str, ...]]:
    return [(row["subject"], row["relation"], row["object"], row["kind"]) for row in rows(dataset)]


def ledger(dataset: Dataset) -> list[dict[str, Any]]:
    folder = Path(dataset.path) / "ledger"
    return [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_triples_become_edges_with_their_place(tmp_path: Path) -> None:
    path = written(tmp_path, "in/a.tsv", "# a comment\nAda\tborn in\tLondon\r\n\nAda\twrote\tNotes\n")
    made = build(tmp_path, {"input": [path]}, license="CC0-1.0", source="mine")
    assert facts(made) == [("Ada", "born in", "London", "node"), ("Ada", "wrote", "Notes", "node")]
    first = rows(made)[0]
    assert first["id"] == stable_id("edge", "Ada", "born in", "London", "node")
    assert (first["origin"], first["source"], first["license"]) == ("a.tsv:2", "mine", "CC0-1.0")
    assert first["document"] is None and first["sentence"] is None
    assert made.statistics["nodes"] == 3 and made.statistics["edges"] == 2 and made.statistics["connected_parts"] == 1


def test_pipes_columns_in_another_order_and_packed_files_are_read(tmp_path: Path) -> None:
    pipes = written(tmp_path, "kb.txt", "Kismet|directed_by|William Dieterle\nKismet|release_year|1944\n")
    assert facts(build(tmp_path, {"input": [pipes]})) == [
        ("Kismet", "directed_by", "William Dieterle", "node"), ("Kismet", "release_year", "1944", "date"),
    ]  # fmt: skip
    packed = written(tmp_path, "k.txt.gz", gzip.compress(b"uncle\tAda\tBen\n"))
    assert facts(build(tmp_path, {"input": [packed]}, "b", order="rso")) == [("Ada", "uncle", "Ben", "node")]


def test_names_of_columns_are_no_fact_and_a_broken_line_hides_no_form(tmp_path: Path) -> None:
    path = written(tmp_path, "g.tsv", "Head\tRelation\tTail\nbroken\nAda\twrote\tNotes\nhead\trelation\ttail\n")
    made = build(tmp_path, {"input": [path]})
    assert [fact[:3] for fact in facts(made)] == [("Ada", "wrote", "Notes"), ("head", "relation", "tail")]
    assert {row["id"]: row["rule"] for row in ledger(made)} == {"g.tsv:1": "header", "g.tsv:2": "not-a-triple"}


def test_what_is_wrong_with_a_fact_is_ledgered(tmp_path: Path) -> None:
    lines = [
        "a\tr\tb", "a\tr\tb", "c\tr\tc", "a\tr", "a\t\tb", "a\tno\tb", "\u00e9\tr\te\u0301x", "e\u0301\tr\t\u00e9x", "x\0\tr\tb",
    ]  # fmt: skip
    path = written(tmp_path, "g.tsv", "\n".join(lines).encode() + b"\nd\tr\t\xff\n")
    made = build(tmp_path, {"input": [path]}, relations=["r", ""], format="triples")
    assert facts(made) == [("a", "r", "b", "node"), ("\u00e9", "r", "\u00e9x", "node")]
    left = {row["detail"].partition(": ")[0]: row for row in ledger(made)}
    assert {where: (row["outcome"], row["rule"]) for where, row in left.items()} == {
        "g.tsv:2": ("merged", "duplicate"), "g.tsv:3": ("dropped", "self-loop"), "g.tsv:4": ("errored", "not-a-triple"),
        "g.tsv:5": ("errored", "empty-name"), "g.tsv:6": ("dropped", "unknown-relation"), "g.tsv:8": ("merged", "duplicate"),
        "g.tsv:9": ("errored", "nul-bytes"), "g.tsv:10": ("errored", "bad-utf8"),
    }  # fmt: skip
    assert (
        left["g.tsv:2"]["into_id"] == stable_id("edge", "a", "r", "b", "node")
        and "first at g.tsv:1" in left["g.tsv:2"]["detail"]
    )
    assert facts(build(tmp_path, {"input": [path]}, "loops", relations=["r"], self_loops=True, format="triples"))[1] == (
        "c", "r", "c", "node",
    )  # fmt: skip


def test_names_are_any_unicode_and_only_that() -> None:
    assert name(" Zoe\u0308  \u5c71\u7530\u00a0\u592a\u90ce ", 100) == "Zo\u00eb \u5c71\u7530 \u592a\u90ce"
    assert name("\U0001f469\u200d\U0001f680 \u202eabc", 100) == "\U0001f469\u200d\U0001f680 abc"
    for text, rule in (
        *(
            (blank, "empty-name")
            for blank in ("\u200b", " \ufeff\u2060 ", "\u200d", "\u3164", "\u2800\ufe0f", "\x01", "\u202e")
        ),
        ("\ud800", "lone-surrogate"),
        ("a\0", "nul-bytes"),
        (" \u3000", "empty-name"),
        ("x" * 101, "too-long"),
    ):
        with pytest.raises(Refused) as failed:
            name(text, 100)
        assert failed.value.rule == rule


def test_format_characters_leave_a_name_and_joiners_stay_where_scripts_need_them() -> None:
    assert name("A\u200bda\u200d Love\u00adlace\ufeff", 100) == "Ada Lovelace"
    assert name("\u2067abc\u2069 \u200e(x)\u200f\u061c", 100) == "abc (x)"
    assert name("e\u200b\u0301", 100) == "\u00e9"  # what stood between them hid that they are one letter
    for kept in (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: a letter that does not join
        "\u0d28\u0d4d\u200d",  # Malayalam: a joiner after a virama ends the word
        "\U0001f3f3\ufe0f\u200d\U0001f308", "\u0600\u0661\u0662",
    ):  # fmt: skip
        assert name(kept, 100) == kept
    assert name("\u0645\u200c\u200c\u200b\u200d\u062e\u200c ", 100) == "\u0645\u200c\u062e"
    own = [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)]
    held = [
        code for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == "Cf" and name(f"a{chr(code)}b", 100) != "ab"
    ]  # fmt: skip
    assert held and set(held) <= set(own)


def test_numbers_and_dates_have_one_form() -> None:
    assert [number(text) for text in ("+1,234.50", "-0.0", "2e3", "\u22125", ".5", "007", "1e999", "x", "", "12,34", "1_0", "\u0661")] == [
        "1234.5", "0", "2000", "-5", "0.5", None, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [date(text) for text in ("1967", "1967-03", "1967-03-21T10:00:00Z", "-0043", "1967-13", "1967-02-30", "67")] == [
        "1967", "1967-03", "1967-03-21", "-0043", None, None, None,
    ]  # fmt: skip
    assert plain_date("9999") is None and plain_date("1967") == "1967"
    assert number("1" * 61) is None and number("1e-99999999999") is None


def test_a_relation_to_literals_is_known_by_all_of_its_objects(tmp_path: Path) -> None:
    lines = ["label\tlabel\tx"]  # a name of nothing
    lines += [
        f"film{n}\tyear\t{1900 + n}\nfilm{n}\tlength\t{n}.50\nfilm{n}\tcode\t00{n}\nfilm{n}\tcalled\t{n}"
        for n in range(9)
    ]
    lines += ["film1\tcalled\tNine", "29101\tlink\t1944", "7\tlink\t1945"]
    path = written(tmp_path, "g.tsv", "\n".join(lines))
    made = facts(build(tmp_path, {"input": [path]}))
    kinds = {relation: kind for _, relation, _, kind in made}
    assert kinds == {"year": "date", "length": "number", "code": "node", "called": "node", "link": "node"}
    assert ("film2", "length", "2.5", "number") in made
    told = facts(
        build(tmp_path, {"input": [path]}, "told", kinds={"year": "number", "called": "number", "code": "text"})
    )
    assert {(r, k) for _, r, _, k in told} == {
        ("year", "number"), ("called", "number"), ("called", "text"), ("code", "text"), ("length", "number"), ("link", "node"),
    }  # fmt: skip
    with pytest.raises(UsageError, match="label"):
        validate(STAGE.config, {"kinds": {"label": "node"}}, "test")


def test_a_few_stray_objects_do_not_hide_a_kind() -> None:
    assert read_literals(["1990", "x"], [199, 1], None) == ("date", ["1990", None])
    assert read_literals(["1990", "x"], [198, 2], None)[0] == "node"
    assert read_literals(["1990", "x"], [99, 1], None)[0] == "node"
    assert read_literals(["1990", "12"], [99, 1], None)[0] == "number"


def test_contradictions_are_found_where_a_relation_has_one_value(tmp_path: Path) -> None:
    lines = [f"p{n}\tborn\t{1800 + n % 99}\np{n}\tlikes\tt{n % 7}" for n in range(500)]
    lines += ["p5\tborn\t1999", "p6\tborn\t1806-03", "p7\tlikes\tt9"]
    path = written(tmp_path, "g.tsv", "\n".join(lines))
    made = build(tmp_path, {"input": [path]})
    left = [row for row in ledger(made) if row["rule"] == "contradiction"]
    assert [row["detail"].partition("; ")[2] for row in left] == ["values: 1805, 1999"] * 2
    assert not [fact for fact in facts(made) if fact[:2] == ("p5", "born")]
    assert {fact[2] for fact in facts(made) if fact[:2] == ("p6", "born")} == {"1806", "1806-03"}
    assert made.statistics["single_valued_relations"] == 1
    listed = build(tmp_path, {"input": [path]}, "listed", single_valued=["likes"])
    assert {row["detail"].partition("; ")[2] for row in ledger(listed)} == {"values: t0, t9"}
    assert not [
        row
        for row in ledger(build(tmp_path, {"input": [path]}, "none", single_valued=[]))
        if row["outcome"] == "dropped"
    ]


def test_hubs_and_parts_are_counted_and_kept(tmp_path: Path) -> None:
    lines = [f"x{n}\tis\thub" for n in range(50)] + ["alone\tknows\tother"]
    made = build(tmp_path, {"input": [written(tmp_path, "g.tsv", "\n".join(lines))]}, hub_degree=20)
    assert len(facts(made)) == 51
    told = made.statistics
    assert (told["hubs"], told["largest_degree"], told["connected_parts"], told["largest_part"]) == (1, 50, 2, 51)


def test_domains_give_types(tmp_path: Path) -> None:
    path = written(tmp_path, "g.tsv", "Kismet\tdirected_by\tDieterle\nKismet\tyear\t1944\n")
    made = facts(
        build(tmp_path, {"input": [path]}, domains={"directed_by": ["film", "person"], "year": ["film", None]})
    )
    assert ("Kismet", "type", "type:film", "node") in made and ("Dieterle", "type", "type:person", "node") in made
    assert ("type:film", "label", "film", "text") in made and ("Kismet", "year", "1944", "date") in made


def _extracted(subject: str, relation: str, value: str, document: str, **more: Any) -> Edge:
    key = stable_id("edge", subject, relation, value, more.get("kind", "node"))
    return Edge(
        key,
        subject,
        relation,
        value,
        more.pop("kind", "node"),
        "pages",
        f"{document}:0-9",
        document,
        f"{subject} {value}",
        **more,
    )


def test_extracted_edges_are_cleaned_together_with_files(tmp_path: Path) -> None:
    path = written(tmp_path, "g.tsv", "Ada\tborn_in\tLondon\n")
    edges = dataset_of(
        "Edge",
        [
            _extracted("Ada", "born_in", "London", "d1"), _extracted("Ada", "wrote", "Notes", "d1", license="MIT"),
            _extracted("Ada", "wrote", "Notes", "d2"), _extracted("Ada", "x", "y", "d2", kind="strange"),
            _extracted("Ada", "likes", "Ada", "d2"),
        ],
        str(tmp_path / "edges"), 2,
    )  # fmt: skip
    made = build(tmp_path, {"input": [path], "edges": [edges]})
    assert facts(made) == [("Ada", "born_in", "London", "node"), ("Ada", "wrote", "Notes", "node")]
    second = rows(made)[1]
    assert second["sentence"] == "Ada Notes" and second["document"] in ("d1", "d2") and second["source"] == "pages"
    assert Counter(row["rule"] for row in ledger(made)) == {"duplicate": 2, "unknown-kind": 1, "self-loop": 1}
    alone = build(tmp_path, {"edges": [edges]}, "alone")
    assert len(facts(alone)) == 2 and all(row["sentence"] for row in rows(alone))
    assert made.counts["in"] == 6 and alone.counts["in"] == 5


def test_nothing_to_build_of_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known form"):
        build(tmp_path, {"input": [written(tmp_path, "prose.txt", "Call me Ishmael. Some years ago\n")]})
    with pytest.raises(InputError, match=r"empty\.tsv: empty"):
        build(tmp_path, {"input": [written(tmp_path, "empty.tsv", "")]})
    with pytest.raises(InputError, match="nothing to build"):
        build(tmp_path, {"input": [written(tmp_path, "comment.tsv", "# only\n")]}, format="triples")
    with pytest.raises(InputError, match="tables"):
        build(tmp_path, {"input": [written(tmp_path, "t.csv", "a,b\n1,2\n")]})
    with pytest.raises(InputError, match="no such file"):
        build(tmp_path, {"input": [tmp_path / "gone"]})
    loops = build(tmp_path, {"input": [written(tmp_path, "loops.tsv", "a\tr\ta\n")]}, "loops")
    assert facts(loops) == [] and loops.counts["dropped"] == 1 and loops.statistics["edges"] == 0


def test_links_in_a_folder_are_not_followed_and_that_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "g.tsv", "a\tr\tb\n")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/g.tsv").symlink_to(path)
    for given in ("links", "links/*"):
        with pytest.raises(
            InputError, match=r"1 symbolic link such as g\.tsv not followed, since .* name each file itself"
        ):
            build(tmp_path, {"input": [tmp_path / given]})
    assert len(facts(build(tmp_path, {"input": [tmp_path / "links/g.tsv"]}))) == 1


def test_files_of_no_known_form_beside_others_are_ledgered(tmp_path: Path) -> None:
    for file, text in (("a.tsv", "a\tr\tb\n"), ("LICENSE", "a\tr\tc\n"), ("notes.md", "Some words.\n")):
        written(tmp_path, f"in/{file}", text)
    made = build(tmp_path, {"input": [tmp_path / "in"]})
    assert facts(made) == [("a", "r", "b", "node")]
    assert sorted(row["id"] for row in ledger(made) if row["rule"] == "no-graph-file") == ["LICENSE", "notes.md"]


def test_a_graph_beyond_its_bound_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "g.tsv", "".join(f"a{n}\tr\tb\n" for n in range(20)))
    with pytest.raises(InputError, match=r"more than 10 facts at g\.tsv:11"):
        build(tmp_path, {"input": [path]}, max_edges=10)
    assert len(facts(build(tmp_path, {"input": [path]}, max_edges=20))) == 20


def test_hostile_files_cost_only_their_lines(tmp_path: Path) -> None:
    bomb = gzip.compress(b"x" * 8_000_000 + b"\na\tr\tb\n")
    assert facts(
        build(tmp_path, {"input": [written(tmp_path, "b.gz", bomb)]}, "1", format="triples", max_line_bytes=1000)
    ) == [("a", "r", "b", "node")]
    cut = gzip.compress(b"".join(b"a%d\tr\tb\n" % n for n in range(5000)))[:-200]
    made = build(tmp_path, {"input": [written(tmp_path, "cut.tsv.gz", cut)]}, "2")
    assert made.counts["kept"] > 1000 and [row["rule"] for row in ledger(made)] == ["truncated"]
    deep = b"[" * 100_000
    with pytest.raises(InputError):
        build(tmp_path, {"input": [written(tmp_path, "deep.json", deep)]}, "3")
    wide = build(tmp_path, {"input": [written(tmp_path, "w.tsv", "a\tr\t" + "b" * 20_000 + "\n")]}, "4")
    assert [row["rule"] for row in ledger(wide)] == ["too-long"]


def test_the_same_bytes_for_any_workers_and_after_a_kill(tmp_path: Path, digest: Callable[[Path], str]) -> None:
    for part in range(3):
        lines = (f"n{(n * 37) % 9001}\tr{n % 5}\tn{n % 977}" for n in range(part * 20_000, (part + 1) * 20_000))
        written(tmp_path, f"in/{part}.tsv", "\n".join(lines))
    one = digest(Path(build(tmp_path, {"input": [tmp_path / "in"]}, "one").path))
    assert digest(Path(build(tmp_path, {"input": [tmp_path / "in"]}, "four", workers=4).path)) == one
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "build-graph",
        "--input",
        str(tmp_path / "in"),
        "--output",
        str(tmp_path / "killed"),
    ]
    command += ["--set", "max_error_rate=1.0", "--workers", "1"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        running.wait(0.9)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
    running.communicate()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "killed") == one


def test_metaqa_s_folder_is_read_as_a_whole(tmp_path: Path) -> None:
    root = tmp_path / "MetaQA"
    written(root, "train.tsv", "0\t0\t1\n0\t3\t7\n0\t5\t9\n")
    written(root, "test.tsv", "0\t0\t1\n5\t3\t8\n")
    written(
        root, "entity2text.txt", "0\tKismet\n1\tWilliam Dieterle\n7\t1944\n8\t1950\n5\t1900\n6\tNobody\n9\tKismet\n"
    )
    written(root, "relation2text.txt", "0\tdirected by\n3\trelease year\n5\thas tags\n")
    written(root, "LICENSE", "words\n")
    row = {"question": "?", "triples": [{"h": "William Dieterle", "r": "directed_by [inverse]", "t": "1900"}, {"h": 1}]}
    written(root, "1-hop/dev.json", json.dumps(row) + "\n")
    written(root, "1-hop/dev.txt", "who directed [Kismet]\tWilliam Dieterle\n")
    made = build(tmp_path, {"input": [root]})
    assert sorted(fact for fact in facts(made) if fact[1] != "label") == [
        ("0", "directed_by", "1", "node"), ("0", "has_tags", "9", "node"), ("0", "release_year", "1944", "date"),
        ("5", "directed_by", "1", "node"), ("5", "release_year", "1950", "date"),
    ]  # fmt: skip
    labels = {fact[0]: fact[2] for fact in facts(made) if fact[1] == "label"}
    assert labels == {
        "0": "Kismet", "1": "William Dieterle", "5": "1900", "9": "Kismet", "directed_by": "directed by",
        "release_year": "release year", "has_tags": "has tags",
    }  # fmt: skip
    told = Counter(row["rule"] for row in ledger(made))
    assert told == {"duplicate": 1, "unused-name": 3, "no-graph-file": 2, "not-a-triple": 1}


def test_codex_s_folder_is_read_as_a_whole(tmp_path: Path) -> None:
    data = tmp_path / "data"
    written(data, "triples/codex-s/train.txt", "Q1\tP50\tQ2\nQ1\tP50\tQ3\n")
    written(data, "triples/codex-s/test_negatives.txt", "Q1\tP50\tQ9\n")
    for language, label in (("en", "author"), ("zh", "作者"), ("de", "Autor")):
        table = {
            "P50": {"label": label, "description": f"{label}?"},
            "P9": {"label": "unused", "description": ""},
            "P8": 3,
        }
        written(data, f"relations/{language}/relations.json", json.dumps(table))
    written(data, "types/en/types.json", json.dumps({"Q7": {"label": "book", "description": "", "wiki": "u"}}))
    written(data, "types/entity2types.json", json.dumps({"Q1": ["Q7"], "Q99": ["Q7"], "Q2": "Q7"}))
    made = build(tmp_path, {"input": [data]})
    assert [fact for fact in facts(made) if fact[3] == "node"] == [
        ("Q1", "P50", "Q2", "node"), ("Q1", "P50", "Q3", "node"), ("Q1", "type", "Q7", "node"),
    ]  # fmt: skip
    names = {
        (row["subject"], row["relation"], row["language"], row["object"]) for row in rows(made) if row["kind"] == "text"
    }
    assert {("P50", "label", "en", "author"), ("P50", "label", "zh", "作者"), ("Q7", "label", "en", "book")} <= names
    assert not [found for found in names if found[2] == "de"]
    told = Counter(row["rule"] for row in ledger(made))
    assert told == {"no-graph-file": 2, "not-a-name": 2, "unused-name": 2, "not-in-triples": 1, "not-types": 1}
    assert "negatives" in next(row["detail"] for row in ledger(made) if "negatives" in row["id"])
    everything = build(tmp_path, {"input": [data]}, "all", languages=None)
    assert ("P50", "label", "Autor", "text") in facts(everything)

"""The readers of N-Triples, Wikidata's dump and tables, each line by line."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arcmill.config import validate
from arcmill.errors import InputError, UsageError
from arcmill.stage import SourceFile
from synth.graph.build import BuildGraph, TableOf
from synth.graph.facts import Fact
from synth.graph.formats import ntriples, tables, wikidata

RDFS, XSD = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2001/XMLSchema#"


def source(folder: Path, name: str, data: str | bytes) -> SourceFile:
    path = folder / name
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return SourceFile(str(path), name, path.stat().st_size)


def told(items: Any) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    """The facts without their lines, and (place, rule) of the rest."""
    items = list(items)
    good = [tuple(item)[:5] for item in items if isinstance(item, Fact)]
    return good, [(item.id, item.outcome.rule) for item in items if not isinstance(item, Fact)]


def nt(folder: Path, text: str, **more: Any) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    return told(ntriples.read(source(folder, "g.nt", text), 1 << 20, **more))


def test_n_triples_keep_kinds_languages_and_escapes(tmp_path: Path) -> None:
    lines = [
        "# a comment",
        "<http://x/a> <http://x/p> <http://x/b> .",
        "  <http://x/a>\t<http://x/p>\t_:b0 . # said",
        f'<http://x/a> <{RDFS}label> "Zo\\u00EB \\"Z\\"\\\\ \\U0001F680"@en .',
        f'<http://x/a> <{RDFS}label> "Zoe"@de-AT .',
        '<http://x/a> <http://www.w3.org/2004/02/skos/core#altLabel> "Z" .',
        '<http://x/a> <https://schema.org/description> "a person"@en-GB.',
        "<http://x/a> <http://www.w3.org/2002/07/owl#sameAs> <http://x/c> .",
        "<http://x/a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://x/Person> .",
        f'<http://x/a> <http://x/age> "+042.50"^^<{XSD}decimal> .',
        f'<http://x/a> <http://x/mass> "1.5E3"^^<{XSD}double> .',
        f'<http://x/a> <http://x/born> "1967-03-21T10:00:00Z"^^<{XSD}dateTime> .',
        f'<http://x/a> <http://x/wed> "1990Z"^^<{XSD}gYear> .',
        '<http://x/a> <http://x/motto> "Ave"@la .',
        f'<http://x/a> <http://x/code> "007"^^<{XSD}string> .',
        '<http://x/\\u00e9> <http://x/p> <http://x/b> <http://x/graph> .',
    ]  # fmt: skip
    good, bad = nt(tmp_path, "\r\n".join(lines) + "\n", languages=["en"])
    assert good == [
        ("http://x/a", "http://x/p", "http://x/b", "node", None),
        ("http://x/a", "http://x/p", "_:g.nt#b0", "node", None),
        ("http://x/a", "label", 'Zoë "Z"\\ 🚀', "text", "en"),
        ("http://x/a", "alias", "Z", "text", None),
        ("http://x/a", "description", "a person", "text", "en-gb"),
        ("http://x/a", "redirect", "http://x/c", "node", None),
        ("http://x/a", "type", "http://x/Person", "node", None),
        ("http://x/a", "http://x/age", "42.5", "number", None),
        ("http://x/a", "http://x/mass", "1500", "number", None),
        ("http://x/a", "http://x/born", "1967-03-21", "date", None),
        ("http://x/a", "http://x/wed", "1990", "date", None),
        ("http://x/a", "http://x/motto", "Ave", "text", "la"),
        ("http://x/a", "http://x/code", "007", "text", None),
        ("http://x/é", "http://x/p", "http://x/b", "node", None),
    ]
    assert bad == [("g.nt:5", "language")]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("<http://x/a> <http://x/p> <http://x/b>", "not-a-triple"),
        ("<http://x/a> <http://x/p> .", "not-a-triple"),
        ('"a" <http://x/p> <http://x/b> .', "not-a-triple"),
        ("<http://x/a b> <http://x/p> <http://x/b> .", "not-a-triple"),
        ('<http://x/a> <http://x/p> "\\ud800" .', "bad-escape"),
        ('<http://x/a> <http://x/p> "\\U00110000" .', "bad-escape"),
        ('<http://x/a> <http://x/p> "\\q" .', "bad-escape"),
        (f'<http://x/a> <http://x/p> "1967-13"^^<{XSD}gYearMonth> .', "bad-date"),
        (f'<http://x/a> <http://x/p> "NaN"^^<{XSD}double> .', "bad-number"),
        (f'<http://x/a> <http://x/p> "1e999999999"^^<{XSD}double> .', "bad-number"),
        ('<http://x/a> <http://www.w3.org/2002/07/owl#sameAs> "b" .', "bad-redirect"),
        ('<http://x/a> <http://x/p> "' + "\\\\" * 20_000 + " .", "not-a-triple"),
    ],
)  # fmt: skip
def test_a_bad_statement_is_one_errored_row(tmp_path: Path, line: str, rule: str) -> None:
    good, bad = nt(tmp_path, f"{line}\n<http://x/a> <http://x/p> <http://x/b> .\n")
    assert bad == [("g.nt:1", rule)] and len(good) == 1


def _snak(relation: str, kind: str, value: Any, rank: str = "normal", **more: Any) -> dict[str, Any]:
    return {
        "rank": rank,
        "mainsnak": {"snaktype": "value", "property": relation, "datavalue": {"type": kind, "value": value}, **more},
    }


def _entity() -> dict[str, Any]:
    item = {"entity-type": "item", "numeric-id": 7}
    return {
        "type": "item", "id": "Q1",
        "labels": {"en": {"language": "en", "value": "Ada"}, "zh": {"language": "zh", "value": "阿达"}, "de": {"value": "Ada"}},
        "descriptions": [], "aliases": {"en": [{"language": "en", "value": "A. L."}]},
        "claims": {
            "P31": [_snak("P31", "wikibase-entityid", {"id": "Q5"})],
            "P27": [_snak("P27", "wikibase-entityid", item), _snak("P27", "wikibase-entityid", {"id": "Q8"}, "deprecated")],
            "P569": [
                _snak("P569", "time", {"time": "+1815-12-10T00:00:00Z", "precision": 11}, "preferred"),
                _snak("P569", "time", {"time": "+1816-00-00T00:00:00Z", "precision": 9}),
            ],
            "P570": [_snak("P570", "time", {"time": "+1852-11-00T00:00:00Z", "precision": 10})],
            "P571": [_snak("P571", "time", {"time": "-0043-00-00T00:00:00Z", "precision": 9})],
            "P580": [_snak("P580", "time", {"time": "+1850-00-00T00:00:00Z", "precision": 8})],
            "P2048": [_snak("P2048", "quantity", {"amount": "+1.650", "unit": "1"})],
            "P1477": [_snak("P1477", "monolingualtext", {"text": "Augusta", "language": "en"})],
            "P214": [_snak("P214", "string", "123", datatype="external-id")],
            "P1": [_snak("P1", "string", "plain"), {"rank": "normal", "mainsnak": {"snaktype": "somevalue"}}, "x"],
            "P2": [_snak("P2", "globecoordinate", {"latitude": 1}), _snak("P2", "time", {"time": "soon", "precision": 11})],
            "P3": "broken",
        },
    }  # fmt: skip


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_a_dump_s_entities_become_facts(tmp_path: Path, pack: Any) -> None:
    lines = [json.dumps(_entity(), ensure_ascii=False), '{"entity":"Q9","redirect":"Q1"}', '{"type":"item","id":"Q2","redirects":{"from":"Q3","to":"Q2"}}', "{", '{"id":3}']  # fmt: skip
    data = pack(("[\n" + ",\n".join(lines) + "\n]\n").encode())
    good, bad = told(wikidata.read(source(tmp_path, "dump.json", data), 1 << 20, ["en", "zh"]))
    assert good == [
        ("Q1", "label", "Ada", "text", "en"), ("Q1", "label", "阿达", "text", "zh"), ("Q1", "alias", "A. L.", "text", "en"),
        ("Q1", "P31", "Q5", "node", None), ("Q1", "P27", "Q7", "node", None), ("Q1", "P569", "1815-12-10", "date", None),
        ("Q1", "P570", "1852-11", "date", None), ("Q1", "P571", "-0043", "date", None), ("Q1", "P2048", "1.65", "number", None),
        ("Q1", "P1477", "Augusta", "text", "en"), ("Q1", "P1", "plain", "text", None),
        ("Q9", "redirect", "Q1", "node", None), ("Q3", "redirect", "Q2", "node", None),
    ]  # fmt: skip
    assert [rule for _, rule in bad] == [
        "not-the-best-rank", "not-the-best-rank", "vague-date", "external-id", "no-value", "not-a-claim", "unknown-value",
        "bad-date", "not-a-claim", "bad-json", "not-an-entity",
    ]  # fmt: skip
    assert {where for where, _ in bad} == {"dump.json:2", "dump.json:5", "dump.json:6"}


def test_every_line_of_a_dump_ends_as_a_fact_or_in_the_ledger(tmp_path: Path) -> None:
    lines = [
        '{"id":"Q7","redirect":"Q1"}', '{"entity":"Q8","redirect":"elsewhere"}', '{"id":"Q9","redirect":3}',
        '{"id":"Q2","labels":{"en":{"language":"en","value":" "}},"claims":{}}', '{"id":"Q3","labels":[],"claims":[]}',
        '{"id":"Q4","labels":{"de":{"language":"de","value":"Ada"}},"claims":{"P31":[]}}', '{"id":"Q5","claims":"x"}', "{}",
    ]  # fmt: skip
    data = "[\n" + ",\n".join(lines) + "\n]\n"
    good, bad = told(wikidata.read(source(tmp_path, "dump.json", data), 1 << 20, ["en", "zh"]))
    assert good == [("Q7", "redirect", "Q1", "node", None)]
    assert bad == [
        ("dump.json:3", "bad-redirect"), ("dump.json:4", "bad-redirect"), ("dump.json:5", "no-fact"),
        ("dump.json:6", "no-fact"), ("dump.json:7", "no-fact"), ("dump.json:8", "not-a-claim"), ("dump.json:9", "not-an-entity"),
    ]  # fmt: skip


def test_a_row_of_a_table_that_says_nothing_is_dropped(tmp_path: Path) -> None:
    good, bad = read(tmp_path, "b.csv", "id,by\n1,A\n2,\n", subject="id", relations={"author": "by"})
    assert len(good) == 1 and bad == [("b.csv:3", "no-fact")]


def test_forms_are_told_by_their_first_lines() -> None:
    assert wikidata.looks_so(["[", json.dumps(_entity())[:65536] + ","]) and not wikidata.looks_so(['{"id": "x"}'])
    assert ntriples.looks_so(["# c", "<http://a> <http://b> <http://c> ."]) and not ntriples.looks_so(["a\tb\tc"])


def read(
    folder: Path, name: str, data: str | bytes, **table: Any
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    config = validate(BuildGraph, {"tables": [table]}, "test")
    return told(tables.read(source(folder, name, data), config.tables[0], config))


def test_cells_hold_values_lists_objects_and_separated_texts(tmp_path: Path) -> None:
    rows = [
        {"code": "FR", "name": {"common": "France"}, "capital": ["Paris"], "borders": ["BE", "FR"], "area": 551695.0,
         "money": {"EUR": {"name": "Euro"}, "XPF": {"name": "Franc"}}, "latlng": [46, 2], "landlocked": False, "tags": "a; b;"},
        {"code": None}, 3, {"code": "X", "name": {"common": "X"}, "capital": [{"no": 1}]},
    ]  # fmt: skip
    relations = {
        "capital": {"column": "capital", "prefix": "city:"}, "borders": {"column": "borders", "prefix": "country:"},
        "area": "area", "currency": {"column": "money.*.name", "kind": "node"}, "latitude": "latlng.0",
        "landlocked": {"column": "landlocked", "kind": "text", "language": "en"}, "tag": {"column": "tags", "separator": ";"},
        "alias": {"column": "code", "language": "en"},
    }  # fmt: skip
    good, bad = read(
        tmp_path, "countries.json", json.dumps(rows), subject="code", prefix="country:", label="name.common",
        type="country", relations=relations,
    )  # fmt: skip
    assert good[:14] == [
        ("country:FR", "label", "France", "text", None), ("country:FR", "type", "type:country", "node", None),
        ("type:country", "label", "country", "text", None), ("city:Paris", "label", "Paris", "text", None),
        ("country:FR", "capital", "city:Paris", "node", None), ("country:FR", "borders", "country:BE", "node", None),
        ("country:FR", "borders", "country:FR", "node", None), ("country:FR", "area", "551695.0", "auto", None),
        ("country:FR", "currency", "Euro", "node", None), ("country:FR", "currency", "Franc", "node", None),
        ("country:FR", "latitude", "46", "auto", None), ("country:FR", "landlocked", "false", "text", "en"),
        ("country:FR", "tag", "a", "auto", None), ("country:FR", "tag", "b", "auto", None),
    ]  # fmt: skip
    assert bad == [
        ("countries.json:2", "no-subject"),
        ("countries.json:3", "not-an-object"),
        ("countries.json:4", "not-a-string"),
    ]


def test_csv_and_parquet_are_tables_too(tmp_path: Path) -> None:
    good, bad = read(tmp_path, "b.csv", 'id,by\n1,"A, B"\n2,C,D\n', subject="id", relations={"author": "by"})
    assert good == [("1", "author", "A, B", "auto", None)] and bad == [("b.csv:3", "bad-csv")]
    pq.write_table(pa.table({"id": [1, 2], "by": [["A"], None]}), tmp_path / "b.parquet")
    good, _ = read(
        tmp_path, "b.parquet", (tmp_path / "b.parquet").read_bytes(), subject="id", relations={"author": "by"}
    )
    assert good == [("1", "author", "A", "auto", None)]
    with pytest.raises(InputError, match="no column 'who'"):
        read(tmp_path, "c.csv", "id,by\n1,A\n", subject="id", relations={"author": "who"})
    with pytest.raises(UsageError, match="subject"):
        validate(BuildGraph, {"tables": [{"relations": {"a": "b"}}]}, "test")
    assert isinstance(
        validate(BuildGraph, {"tables": [{"subject": "s", "relations": {"a": "b"}}]}, "test").tables[0], TableOf
    )

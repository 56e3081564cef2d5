"""N-Triples (https://www.w3.org/TR/n-triples/), and N-Quads, whose graph is left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from arcmill.stage import Failure, SourceFile
from synth.graph.facts import TYPE, Fact, Read, date, dropped, errored, number
from synth.graph.formats.lines import text_lines

_IRI = r"<([^\x00-\x20<>\"{}|^`]*)>"
_BLANK = r"_:([\w](?:[\w.·-]*[\w·-])?)"
_LINE = re.compile(
    rf"[ \t]*(?:{_IRI}|{_BLANK})[ \t]*{_IRI}[ \t]*"
    rf'(?:{_IRI}|{_BLANK}|"([^"\\\r\n]*(?:\\.[^"\\\r\n]*)*)"(?:@([a-zA-Z]+(?:-[a-zA-Z0-9]+)*)|\^\^{_IRI})?)[ \t]*'
    rf"(?:(?:{_IRI}|{_BLANK})[ \t]*)?\.[ \t]*(?:#.*)?\r?\Z"
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.?))", re.DOTALL)
_SIGNS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_XSD = "http://www.w3.org/2001/XMLSchema#"
_RDF, _RDFS, _SCHEMA = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://www.w3.org/2000/01/rdf-schema#",
    "schema.org/",
)
_NUMBERS = frozenset(
    "integer decimal double float long int short byte nonNegativeInteger positiveInteger nonPositiveInteger negativeInteger "
    "unsignedLong unsignedInt unsignedShort unsignedByte".split()
)
_DATES = frozenset({"date", "dateTime", "dateTimeStamp", "gYear", "gYearMonth"})
_ZONE = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z")
_SKOS = "http://www.w3.org/2004/02/skos/core#"
# What says how a thing is called, and what it is.
NAMING_IRIS = {
    _RDFS + "label": "label", _SKOS + "prefLabel": "label", "http://xmlns.com/foaf/0.1/name": "label",
    "http://purl.org/dc/terms/title": "label", "http://purl.org/dc/elements/1.1/title": "label",
    _SKOS + "altLabel": "alias", _SKOS + "hiddenLabel": "alias",
    _RDFS + "comment": "description", "http://purl.org/dc/terms/description": "description",
    "http://purl.org/dc/elements/1.1/description": "description", "http://dbpedia.org/ontology/abstract": "description",
    "http://www.w3.org/2002/07/owl#sameAs": "redirect", "http://dbpedia.org/ontology/wikiPageRedirects": "redirect",
    **{f"{scheme}://{_SCHEMA}{name}": relation for scheme in ("http", "https") for name, relation in
       (("name", "label"), ("alternateName", "alias"), ("description", "description"))},
}  # fmt: skip
TYPE_IRI = _RDF + "type"


def looks_so(first: Sequence[str]) -> bool:
    """Whether the first lines are statements of this form."""
    shown = [line for line in first if line.strip() and not line.lstrip().startswith("#")]
    return bool(shown) and sum(_LINE.match(line) is not None for line in shown) * 2 > len(shown)


def read(file: SourceFile, limit: int, languages: Collection[str] | None = None) -> Iterator[Read]:
    """The facts of a file. rdf:type is the relation `type`; labels, comments and alike are names; a blank node's id
    holds the file's name, since it means nothing beyond it."""
    for found in text_lines(file, limit):
        if isinstance(found, Failure):
            yield found
            continue
        line, text = found
        where = f"{file.name}:{line}"
        if text.lstrip().startswith("#"):
            continue
        match = _LINE.match(text)
        if match is None:
            yield errored("not-a-triple", where, f"no statement of N-Triples: {text[:80]!r}")
            continue
        try:
            yield _fact(match, file.name, line, where, languages)
        except ValueError as error:
            yield errored("bad-escape", where, str(error))


def _fact(match: re.Match[str], file: str, line: int, where: str, languages: Collection[str] | None) -> Read:
    subject, blank, relation, other, other_blank, literal, language, datatype = match.groups()[:8]
    start = _plain(subject) if subject is not None else f"_:{file}#{blank}"
    relation = _plain(relation)
    called = NAMING_IRIS.get(relation, TYPE if relation == TYPE_IRI else relation)
    if literal is None:
        end = _plain(other) if other is not None else f"_:{file}#{other_blank}"
        return Fact(start, called, end, "text" if called in ("label", "alias", "description") else "node", None, line)
    value = _plain(literal)
    if called == "redirect":
        return errored("bad-redirect", where, "the other name of a thing is an IRI, not a text")
    naming = called in ("label", "alias", "description")
    if language is not None:
        language = language.lower()
        if (
            naming
            and languages is not None
            and language.partition("-")[0] not in languages
            and language not in languages
        ):
            return dropped("language", where, f"{called} in {language}")
        return Fact(start, called, value, "text", language, line)
    if datatype is not None and not naming and datatype.startswith(_XSD):
        kind = datatype.removeprefix(_XSD)
        if kind in _NUMBERS:
            return _literal(start, called, number(value, padded=True), "number", line, where, value, kind)
        if kind in _DATES:
            bare = value if "T" in value else _ZONE.sub("", value)
            return _literal(start, called, date(bare), "date", line, where, value, kind)
    return Fact(start, called, value, "text", None, line)


def _literal(
    subject: str, relation: str, value: str | None, kind: str, line: int, where: str, shown: str, told: str
) -> Read:
    if value is None:
        return errored(f"bad-{kind}", where, f"{shown[:60]!r} is no xsd:{told} that can be compared")
    return Fact(subject, relation, value, kind, None, line)


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        number_ = int(code, 16)
        if number_ > 0x10FFFF or 0xD800 <= number_ <= 0xDFFF:
            raise ValueError(f"\\{'u' if found[1] else 'U'}{code} is no character")
        return chr(number_)
    if found[3] not in _SIGNS:
        raise ValueError(f"\\{found[3]} is no escape of N-Triples")
    return _SIGNS[found[3]]

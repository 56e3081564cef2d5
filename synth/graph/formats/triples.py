"""Triples in columns: subject, relation and object, parted by tabs, or by `|` as MetaQA's kb.txt has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from arcmill.stage import Failure, SourceFile
from synth.graph.facts import AUTO, Fact, Read, dropped, errored
from synth.graph.formats.lines import text_lines

_HEADERS = (
    frozenset({"subject", "head", "h", "s", "from", "source"}),
    frozenset({"relation", "predicate", "property", "r", "p", "relation_id"}),
    frozenset({"object", "tail", "t", "o", "to", "target", "value"}),
)
SIGNS = {"\t": "tabs", "|": "|"}


def sign_of(first: Sequence[str]) -> str | None:
    """The sign that parts most of the first lines into three; None where none does."""
    shown = [line for line in first if line and not line.isspace() and not line.startswith("#")]
    for sign in SIGNS:
        if sum(line.count(sign) == 2 for line in shown) * 2 > len(shown):
            return sign
    return None


def read(
    file: SourceFile,
    limit: int,
    sign: str = "\t",
    kind: str = AUTO,
    relations: Mapping[str, str] | None = None,
    order: str = "sro",
) -> Iterator[Read]:
    """The facts of a file. `relations` puts names in the place of a relation's ids. Lines that begin with # are comments; names of columns in the first line are no fact."""
    renamed = relations or {}
    places = first, middle, last = [order.index(part) for part in "sro"]
    for found in text_lines(file, limit):
        if isinstance(found, Failure):
            yield found
            continue
        number, line = found
        fields = line.rstrip("\r").split(sign)
        if len(fields) != 3:
            if line.startswith("#"):
                continue
            yield errored(
                "not-a-triple", f"{file.name}:{number}", f"{len(fields)} fields parted by {SIGNS[sign]}, 3 are needed"
            )
            continue
        relation = fields[middle]
        if number == 1 and all(
            fields[place].strip().lower() in words for place, words in zip(places, _HEADERS, strict=True)
        ):
            yield dropped("header", f"{file.name}:1", "names of columns")
            continue
        yield Fact(fields[first], renamed.get(relation, relation), fields[last], kind, None, number)

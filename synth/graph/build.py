"""build-graph: triples, dumps, tables, or the environment's package metadata, cleaned into one graph of edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import field_validator

from arcmill.config import Field, Settings, StageConfig
from arcmill.dataset import Dataset
from arcmill.records import NAMING
from arcmill.stage import SourceFile, Stage

Kind = Literal["auto", "node", "text", "number", "date"]
FORMATS = ("auto", "triples", "pipes", "metaqa", "codex", "ntriples", "wikidata", "table")


class Column(Settings):
    """Where the objects of a relation stand in a table."""

    column: str = Field(
        description="column; `name.common` is a value inside an object, `.0` an element of a list, `.*` all of either"
    )
    kind: Kind = Field("auto", description="what the objects are; auto: dates or numbers where all are, else nodes")
    prefix: str = Field("", description='put before a node\'s id, such as "city:"; the value itself is then its label')
    separator: str | None = Field(None, description="text between several values of one cell; null: one value")
    language: str | None = Field(None, description="language of texts, such as en")


class TableOf(Settings):
    """How the rows of CSV, JSON or Parquet files become facts: a row is a subject."""

    files: str = Field("*", description="glob of the names of the files that are meant")
    subject: str = Field(description="column of the subject's id")
    prefix: str = Field("", description='put before a subject\'s id, such as "country:"')
    label: str | None = Field(None, description="column of the subject's name; null: its id is its name")
    type: str | None = Field(None, description="what each subject is, such as country: an edge of the relation `type`")
    relations: dict[str, str | Column] = Field(
        min_length=1, description="relation -> column, or what is known of the column; label, alias and description name the "
        "subject"
    )  # fmt: skip


class BuildGraph(StageConfig):
    """What is read, and what of it is kept."""

    format: Literal["auto", "triples", "pipes", "metaqa", "codex", "ntriples", "wikidata", "table"] = Field(
        "auto", description="auto: by the layout of the folder and the first lines of each file; triples: parted by tabs; "
        "pipes: parted by |; metaqa and codex: folders as these are distributed; ntriples; wikidata: JSON dump; table: as "
        "`tables` say"
    )  # fmt: skip
    tables: list[TableOf] = Field(
        default_factory=list, description="how tables are read; the first that fits a file counts"
    )
    environment: bool | None = Field(
        None, description="read the metadata of the installed packages; null: where neither files nor edges are given"
    )
    distributions: list[str] | None = Field(
        None, description="globs of installed distributions, such as num*; null: all"
    )
    order: Literal["sro", "rso", "sor"] = Field(
        "sro", description="order of the columns of triples: s(ubject), r(elation), o(bject)"
    )
    source: str | None = Field(None, description="`source` of every edge read from files; null: by the format")
    license: str | None = Field(None, description="`license` of every edge read from files")
    languages: list[str] | None = Field(
        ["en", "zh"], description="languages of labels, aliases and descriptions that are taken; null: all. Texts without a "
        "language are always taken"
    )  # fmt: skip
    relations: list[str] | None = Field(
        None, description="relations that are kept, besides those that name things; null: all"
    )
    kinds: dict[str, Kind] = Field(
        default_factory=dict, description="relation -> kind of its objects, where it should not be found out"
    )
    single_valued: list[str] | None = Field(
        None, description="relations that have one value, so that several contradict one another; null: those to literals "
        "where 99.5 % of at least 200 subjects have one"
    )  # fmt: skip
    self_loops: bool = Field(False, description="keep edges from a thing to itself; false: they are dropped")
    domains: dict[str, tuple[str | None, str | None]] = Field(
        default_factory=dict, description="relation -> [type of its subjects, type of its objects], such as directed_by: "
        "[film, person]: edges of the relation `type` are added"
    )  # fmt: skip
    max_edges: int = Field(50_000_000, ge=1, le=2_000_000_000, description="facts read, at most; more is refused")
    max_characters: int = Field(10_000, ge=1, description="longest name or text; characters. A longer one is errored")
    max_line_bytes: int = Field(64 << 20, ge=64, description="bytes; a longer line is passed by, and errored")
    hub_degree: int = Field(
        1000, ge=1, description="edges from which `statistics` counts a thing as a hub; none is left out"
    )

    @field_validator("relations", "single_valued")
    @classmethod
    def _each_once(cls, names: list[str] | None) -> list[str] | None:
        return None if names is None else sorted(set(names))

    @field_validator("kinds")
    @classmethod
    def _naming_is_text(cls, kinds: dict[str, Kind]) -> dict[str, Kind]:
        if named := sorted(set(NAMING) & set(kinds)):
            raise ValueError(f"{', '.join(named)}: objects of relations that name things are texts")
        return kinds


def find(urls: Sequence[str], config: BuildGraph) -> list[SourceFile]:
    """All files as one unit of work, so that the whole graph is seen at once."""
    from arcmill.gathered import gathered

    return gathered(urls, (), identity(config) if config.environment else "")


def setup(config: BuildGraph, inputs: Mapping[str, Any]) -> list[Dataset]:
    """The datasets of edges that are cleaned together with what is read."""
    return list(inputs.get("edges", ()))


def splits(config: BuildGraph) -> list[str]:
    """One unit: nothing less is a graph."""
    return ["environment"]


def identity(config: BuildGraph) -> str:
    """Digest of the installed packages' metadata."""
    if config.environment is False:
        return "none"
    from synth.graph.environment import digest

    return digest(config.distributions)


def core(unit: SourceFile | str, config: BuildGraph, edges: list[Dataset]) -> Iterator[Any]:
    """The edges of the graph in batches, a Failure for each fact that is not among them, and statistics."""
    from synth.graph.assemble import graph

    return graph(unit, config, edges)


STAGE = Stage(
    name="build-graph",
    version=2,
    help="Build a knowledge graph of triples, N-Triples, Wikidata, MetaQA, CoDEx, tables, extracted edges or installed packages.",
    example="arcmill build-graph --input MetaQA/ --output graph",
    config=BuildGraph,
    reads={"input?": "Files", "edges?": "Edge"},
    writes="Edge",
    engine="datatrove",
    core=core,
    setup=setup,
    find=find,
    splits=splits,
    identity=identity,
)

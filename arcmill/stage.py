"""What a stage is: one typed, declared transformation. Command, recipe entry and Airflow task come from it.

A core knows no engine. Its shape follows from the declaration:

| declaration | core |
|---|---|
| engine datatrove, reads Document | `core(batch, config[, state]) -> Changes` |
| … and `each=True` | `core(document, config[, state]) -> Document or Outcome` |
| … and `makes=True` (another record is written) | `core(batches, config[, state])` yields batches, `(id, Outcome)`, or counts for `statistics` |
| … and `edits=True` (the same record is written) | `core(part, config[, state]) -> Edited`: parts keep their names, unchanged ones their bytes |
| … and `gathers=` | `core` also yields `Rest`; `gathers(batches of rests, config[, state])` yields batches, or counts, once the tasks are done |
| engine datatrove, reads Files | `core(file, config[, state])` yields Document (or another row, or a batch of rows), Failure, or counts for `statistics` |
| … and `splits=` | `core(split, config[, state])` yields the same, where no raw files are given; datasets reach `setup` alone |
| engine spark | `core(df, config, inputs) -> decisions` (see `arcmill.engines.spark`) |
| … and `rewrites=True` | `core(dfs, config, inputs) -> (rows, ledger, statistics)` |
| … and `assembles=` | rows are plans; `assembles(plans, config, datasets)` yields the rows, with `_copy` |
| engine local | `core(inputs, config, output) -> statistics`; raw files are a list of `SourceFile` |
| engine vllm | `core(row, config[, state])`, a generator that yields requests (see `arcmill.generation`) |
| engine faiss | `core(inputs, config, threads) -> (decisions, statistics)` (see `arcmill.engines.faiss`) |

`inputs` and `setup` get further inputs by name: the path of a Model, a list of Datasets of rows.

A stage may read either of two records: `reads={"input": "Document|Problem"}`. Where `writes` says the same, it writes what
its main input holds. `arcmill.records.text_column` tells such a core which column the text is in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from arcmill.config import StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.dataset import Dataset

ENGINES = ("datatrove", "spark", "local", "faiss", "vllm")
ENGINE_SETTINGS = ("spark", "llm", "datatrove", "slurm", "ray")  # `--set spark.KEY=VALUE`: of engines, never of a stage


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why an input row is not in the output: one ledger entry."""

    rule: str
    outcome: str = "dropped"  # dropped | merged | errored
    score: float | None = None
    threshold: float | None = None
    into_id: str | None = None  # the survivor of a merged row
    detail: str | None = None


class Failure(NamedTuple):
    """An input row of an ingest stage that does not become a document."""

    id: str
    outcome: Outcome


class Changes(NamedTuple):
    """What a batch core decided: new values for columns, the rows that leave, and what it counted.

    `tallies` are summed over all batches into the manifest's `statistics`, so they must be sums over rows.
    """

    columns: Mapping[str, Sequence[Any] | pa.Array]
    outcomes: Mapping[int, Outcome]
    tallies: Mapping[str, int] | None = None


class Edited(NamedTuple):
    """What an editing core made of one part. `table` None: it held nothing to change, and its file is copied as it is.

    `removed` goes to the ledger. `kept` counts what stays (rows; of sequences their segments, which `removed` are too),
    `created` the rows of sequences where the part was changed. `found`: what was looked for and met, for `conclude`.
    """

    table: pa.Table | None
    removed: Sequence[tuple[str, Outcome]]
    kept: int
    created: int = 0
    found: Collection[str] = ()
    tallies: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Rows that a task leaves to `Stage.gathers`, to be made anew with those of other tasks. Their schema is the stage's own;
    where sequences are made, they have its columns `segments`."""

    rows: pa.RecordBatch


class Whole(NamedTuple):
    """What all tasks of a stage made together, for `Stage.conclude`, which is asked once, after the last task.

    It returns the manifest's `statistics` (JSON values), in the order they are to stand; without it they are `counted`. It may
    judge, too: an ArcmillError that it raises ends the run before anything is committed, and the finished tasks are kept.
    """

    inputs: Mapping[str, Sequence[Dataset]]  # by input name
    counted: Mapping[str, int]  # the sums of all tallies, by name in sorted order
    found: frozenset[str]  # all that parts named as `Edited.found`


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One raw input file. `name` is relative to the folder that was given, so it is the same on every machine.

    `digest` says what is read of it, where that is not the bytes of a file, such as a commit of a repository.
    """

    path: str
    name: str
    size: int
    digest: str | None = None

    def open(self) -> BinaryIO:
        """The raw bytes, as they are stored."""
        from arcmill.storage import locate

        filesystem, path = locate(self.path)
        stream: BinaryIO = filesystem.open(path, "rb")
        return stream


def takes(declared: str, record: str) -> bool:
    """Whether an input that is declared so may hold rows of a record."""
    return declared == "Dataset" or record in declared.split("|")


def in_words(declared: str) -> str:
    """A declared record, to be read: "Document or Problem"."""
    return declared.replace("|", " or ")


@dataclass(frozen=True)
class Stage:
    """The one declaration of a stage. `version` is raised whenever the same input would give other rows."""

    name: str
    version: int
    help: str
    config: type[StageConfig]
    writes: str
    engine: str
    core: Callable[..., Any]
    # input name -> record, or several with | between; "name?" optional; "*" any names
    reads: Mapping[str, str] = field(default_factory=dict)
    # (config, inputs) -> state, once a worker; an input is a model's path, or the list of its datasets
    setup: Callable[..., Any] | None = None
    each: bool = False
    makes: bool = False
    rewrites: bool = False
    joins: bool = False  # engine local: several datasets of an input are given as one, of which rows are read
    edits: bool = False
    # (batches of rests, config[, state]) -> as a making core: after all tasks, over what they left
    gathers: Callable[..., Any] | None = None
    # engine datatrove: (config, what all tasks made) -> the manifest's statistics, where they are more than its sums
    conclude: Callable[[Any, Whole], dict[str, Any]] | None = None
    # (batches of plans, config, input name -> datasets) -> batches of rows, in the same order: where rows are plans
    assembles: Callable[..., Any] | None = None
    accepts: tuple[str, ...] = ()  # suffixes that a folder of raw files is searched for
    # (paths, config) -> the units of raw input, with digests, where they are not simply files
    find: Callable[[Sequence[str], Any], list[SourceFile]] | None = None
    splits: Callable[[Any], list[str]] | None = None  # (config) -> names of the units of work, without an input
    identity: Callable[[Any], str] | None = None  # (config) -> digest of what the splits hold
    # (config) -> files whose digests decide the output; a mapping names them, where their own names say nothing
    model_files: Callable[[Any], Sequence[str] | Mapping[str, str]] | None = None
    width: Callable[[Any], int] | None = None  # (config) -> dimensions, where it writes Embedding
    layout: Callable[[Any], pa.Schema] | None = None  # (config) -> the columns, where it writes Export
    open_rows: Callable[[Any], int | None] | None = None  # engine vllm: (config) -> rows that may be under way at once
    example: str = ""
    place: str = ""  # module:NAME where it is the user's own, by which a command and a recipe name it; never declared

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"stage {self.name}: engine {self.engine!r} is none of {', '.join(ENGINES)}")
        if (self.writes == "Export") != (self.layout is not None):
            raise ValueError(f"stage {self.name}: Export needs a layout, and no other record has one")

    @property
    def inputs(self) -> dict[str, tuple[str, bool]]:
        """Input name -> (record, required)."""
        return {name.rstrip("?"): (record, not name.endswith("?")) for name, record in self.reads.items()}

    def record_of(self, name: str) -> str:
        """The record kind of an input."""
        return self.inputs[name if name in self.inputs else "*"][0]

    def made(self, read: str | None) -> str | None:
        """The record that is written, where the main input holds `read`; None where that decides and is not known."""
        return read if "|" in self.writes else self.writes

    @property
    def main_input(self) -> str | None:
        """The input whose rows are counted `in`: the first that is declared."""
        return next(iter(self.inputs), None)

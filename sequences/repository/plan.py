"""The Spark plan of concat-repo.

Texts are read twice and shuffled never: once for what a file imports, where it lies, and once by the tasks that write
(`assemble`). What meets by repository is a path, imports and sizes, some hundred bytes a file, so that the plan of the
largest repository fits in a task's memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from arcmill.engines.frames import keep, sorted_map
from arcmill.syntax import programming_language
from sequences.repository.contexts import Context, contexts
from sequences.repository.extract import TokenCounter, facts
from sequences.repository.languages import File
from sequences.repository.roles import is_test
from sequences.repository.threads import Post, post

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from sequences.repository.stage import ConcatRepo

INPUTS = ("input", "forge")
# One row a document: which repository it belongs to, where it lies, and what its plan needs, as JSON.
_FACTS = "repository string, id string, input int, part int, row long, facts string"
_PLANS = (
    "kind string, _bucket int, _order long, _copy int, id string, _plan string, outcome string, rule string, "
    "score double, threshold double, into_id string, detail string"
)
_LEDGER = ("id", "outcome", "rule", "score", "threshold", "into_id", "detail")
_MISSING = "\x00"  # no repository's name: of rows that are in none


def plan(
    dfs: dict[str, DataFrame], config: ConcatRepo, inputs: Mapping[str, Any]
) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Rows of plans, the ledger, and the figures of all repositories."""
    tokenizer = inputs.get("tokenizer")
    first = [0, 0]
    for number, name in enumerate(INPUTS):
        if number and name in dfs:
            first[number] = sum(len(dataset.parts) for dataset in inputs.get(INPUTS[0], ()))
    read: DataFrame | None = None
    for number, name in enumerate(INPUTS):
        if name not in dfs:
            continue
        one = dfs[name].select("id", "text", "repo", "path", "created", "tags", "metadata", "_part", "_row")
        rows = one.mapInArrow(_reader(number, config, tokenizer), _FACTS)
        read = rows if read is None else read.unionByName(rows)
    assert read is not None  # the kernel refuses a stage without inputs
    partitions = int(read.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    order = [(name, "ascending") for name in ("input", "part", "row")]
    made = keep(sorted_map(read, "repository", order, _planner(config, first), _PLANS, partitions))  # type: ignore[arg-type]
    rows = made.where("kind = 'context'").select("_bucket", "_order", "_copy", "id", "_plan")
    ledger = made.where("kind = 'ledger'").select(*_LEDGER)
    return rows, ledger, _statistics(made)


def _reader(number: int, config: ConcatRepo, tokenizer: str | None) -> Any:
    """What is needed of each document, read where it lies."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        count = TokenCounter(config.bytes_per_token, tokenizer)
        for batch in batches:
            columns = {name: batch.column(name).to_pylist() for name in batch.schema.names if name != "text"}
            keys, found = [], []
            for row, value in enumerate(batch.column("text")):
                text = value.as_py()
                metadata = dict(columns["metadata"][row] or ())
                path, size = columns["path"][row] or "", len(text.encode("utf-8"))
                entry: dict[str, Any] = {"tokens": count(text, size), "created": columns["created"][row] or ""}
                repo = columns["repo"][row] or ""
                if number:
                    entry["metadata"] = {
                        key: metadata[key] for key in ("kind", "number", "sha", "links") if key in metadata
                    }
                else:
                    family, names, declares = facts(path, programming_language(metadata), text, config.max_parse_bytes)
                    test = is_test(path, columns["tags"][row] or ())
                    entry |= {"path": path, "family": family, "imports": names, "declares": declares, "test": test}
                revision = metadata.get(config.apart_by, "") if config.apart_by and not number else ""
                whole = bool(repo and (number or path))
                keys.append(json.dumps([repo, revision]) if whole else _MISSING)
                found.append(json.dumps(entry))
            yield pa.RecordBatch.from_pydict(
                {
                    "repository": pa.array(keys, pa.string()), "id": batch.column("id").cast(pa.string()),
                    "input": pa.array([number] * len(keys), pa.int32()),
                    "part": batch.column("_part").cast(pa.int32()), "row": batch.column("_row").cast(pa.int64()),
                    "facts": pa.array(found, pa.string()),
                }
            )  # fmt: skip

    return read


def _planner(config: ConcatRepo, first: list[int]) -> Any:
    """Repository by repository: its contexts, the ledger of its rows, and its figures."""

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
        for batch in batches:
            yield from batch.to_pylist()

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        kinds = {"string": pa.string(), "int": pa.int32(), "long": pa.int64(), "double": pa.float64()}
        wanted = pa.schema([(part.split()[0], kinds[part.split()[1]]) for part in _PLANS.split(", ")])
        held: list[dict[str, Any]] = []
        for repository, group in groupby(rows(batches), key=lambda row: row["repository"]):
            for row in _repository(repository, group, config, first):
                held.append(row)
                if len(held) >= 1024:
                    yield pa.RecordBatch.from_pylist(held, schema=wanted)
                    held = []
        yield pa.RecordBatch.from_pylist(held, schema=wanted)

    return work


def _missing(group: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in group:
        lacks = "repo" if row["input"] else "repo or path"
        yield {
            "kind": "ledger",
            "id": row["id"],
            "outcome": "dropped",
            "rule": "no-repository",
            "detail": f"no {lacks}",
        }


def _repository(
    repository: str, group: Iterator[dict[str, Any]], config: ConcatRepo, first: list[int]
) -> Iterator[dict[str, Any]]:
    if repository == _MISSING:
        yield from _missing(group)
        return
    repo, revision = json.loads(repository)
    files: list[File] = []
    posts: list[Post] = []
    for row in group:
        found = json.loads(row["facts"])
        place = (row["input"], row["part"], row["row"])
        if row["input"]:
            posts.append(post(row["id"], found["metadata"], found["created"], found["tokens"], place))
            continue
        entry = {name: found[name] for name in ("path", "family", "imports", "declares", "tokens", "test", "created")}
        files.append(File(id=row["id"], place=place, **entry))
    made = contexts(repo, files, posts, config)
    # A repository's contexts lie together, where its first row lay.
    places = [one.place for one in files] + [one.place for one in posts]
    bucket, row_number = min((first[number] + part, row) for number, part, row in places)
    for number, context in enumerate(made.made):
        yield {
            "kind": "context", "_bucket": bucket, "_order": (row_number << 24) + number, "_copy": 1, "id": context.id,
            "_plan": _written(repo, revision, context),
        }  # fmt: skip
        for nth, piece in enumerate(context.pieces, 1):
            name = piece.path if isinstance(piece, File) else piece.title
            detail = f"{name}: {nth} of {len(context.pieces)}"
            yield {
                "kind": "ledger", "id": piece.id, "outcome": "merged", "rule": context.kind, "into_id": context.id,
                "detail": detail,
            }  # fmt: skip
    for id, outcome in made.left:
        yield {
            "kind": "ledger", "id": id, "outcome": outcome.outcome, "rule": outcome.rule, "score": outcome.score,
            "threshold": outcome.threshold, "detail": outcome.detail,
        }  # fmt: skip
    yield {"kind": "figures", "id": repo, "_plan": json.dumps(made.figures)}


def _written(repo: str, revision: str, context: Context) -> str:
    """What `assemble` needs: where each piece lies, and how it is headed."""
    pieces = [[*piece.place, piece.path if isinstance(piece, File) else "", "" if isinstance(piece, File) else piece.title]
              for piece in context.pieces]  # fmt: skip
    return json.dumps(
        {"repo": repo, "revision": revision, "kind": context.kind, "part": context.part, "parts": context.parts,
         "pieces": pieces}
    )  # fmt: skip


def _statistics(made: DataFrame) -> dict[str, Any]:
    """Sums over all repositories."""
    from pyspark.sql import functions as F

    names = (
        "files", "contexts", "parts", "threads", "imports", "imports_target_first", "imports_in_circles",
        "imports_in_circles_target_first", "circles", "files_in_circles",
    )  # fmt: skip
    figures = made.where("kind = 'figures'")

    def figure(name: str) -> Any:
        return F.get_json_object("_plan", f"$.{name}").cast("long")

    cut = F.sum((figure("parts") > 1).cast("long")).alias("repositories_cut")
    row = figures.agg(
        F.count(F.lit(1)).alias("repositories"), cut, *(F.sum(figure(name)).alias(name) for name in names)
    ).collect()[0]
    found = {name: int(row[name] or 0) for name in ("repositories", "repositories_cut", *names)}
    outside = found["imports"] - found["imports_in_circles"]
    first = found["imports_target_first"] - found["imports_in_circles_target_first"]
    found["acyclic_share_target_first"] = round(first / outside, 6) if outside else None  # type: ignore[assignment]
    return found

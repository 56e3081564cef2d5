"""The Spark plan of mix.

A document with e epochs occurs floor(e) times, and once more if it is among the first of its class (source,
bucket) in the order of hash(seed, source, id) / fraction(e). How many are the first is not left to chance:
tokens are summed along that order, in 2^16 steps, and the cut falls where the class has the tokens that its
fractions ask for. So a source meets its budget to within a document or so, whatever the partitioning; with
plain chance it would be off by the square root of the number of documents.
"""

from __future__ import annotations

import json
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from arcmill.engines.frames import keep
from arcmill.errors import UsageError
from sequences.budget import MICRO, capped_epochs, natural, shares

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from sequences.mix import Mix

_STEPS = 1 << 16  # of the hash, along which the cut is searched
_NO_BUCKET = -1
Class = tuple[str, int]  # source and quality bucket


def mix_documents(dfs: dict[str, DataFrame], config: Mix) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Rows with `_order` and `_copy`, ledger rows, and the receipt. Raises UsageError for weights of no input."""
    from pyspark.sql import functions as F

    unknown = sorted(set(config.weights) - set(dfs))
    if unknown:
        raise UsageError(f"mix: weights names {', '.join(unknown)}; the inputs are {', '.join(sorted(dfs))}")
    documents: DataFrame | None = None
    for name in sorted(dfs):
        one = dfs[name].withColumn("_source", F.lit(name))
        documents = one if documents is None else documents.unionByName(one)
    assert documents is not None  # the kernel refuses a stage without inputs
    own = F.coalesce(F.col("epochs"), F.lit(1.0))
    sound = ~F.isnan(own) & own.between(0, 1e6)
    documents = (
        documents.withColumn("_own", F.when(sound, F.round(own * MICRO).cast("long")))
        .withColumn("_class", F.coalesce("quality_bucket", F.lit(_NO_BUCKET)))
        .withColumn("_tokens", F.ceil(F.octet_length("text") / F.lit(config.bytes_per_token)).cast("long"))
        .withColumn(
            "_draw", F.shiftrightunsigned(F.xxhash64(F.lit(config.seed), "_source", "id"), 11) * F.lit(2.0**-53)
        )
    )
    narrow = keep(documents.where("_own is not null").select("_source", "_class", "_own", "_tokens", "_draw"))
    masses = _masses(narrow)
    asked = shares({name: _of_source(masses, name) for name in dfs}, config.budget_tokens, config.weights)
    epochs = {name: capped_epochs(_of_source(masses, name), asked[name], config.max_epochs) for name in dfs}
    whole, part = _epoch_columns(epochs)
    narrow = narrow.withColumn("_whole", whole).withColumn("_part_epoch", part)
    cuts = _cuts(narrow, masses, epochs)
    extra = _extra(F.col("_part_epoch"), cuts)
    receipt = _receipt(narrow.withColumn("_times", F.col("_whole") + extra), asked, masses, config)

    realised = documents.withColumn("_whole", whole).withColumn("_part_epoch", part)
    realised = realised.withColumn("_times", (F.col("_whole") + extra).cast("int"))
    text = F.xxhash64("text")  # only orders rows that share source and id
    rows = realised.where("_times > 0").withColumn("_copy", F.explode(F.sequence(F.lit(0), F.col("_times") - 1)))
    own_entries = F.map_filter("metadata", lambda key, _: ~key.isin("epoch", "mix_source"))
    added = F.create_map(F.lit("epoch"), F.col("_copy").cast("string"), F.lit("mix_source"), F.col("_source"))
    columns = [name for name in next(iter(dfs.values())).columns if not name.startswith("_")]
    new = {
        "metadata": F.when(F.col("metadata").isNull(), added).otherwise(F.map_concat(own_entries, added)),
        "epochs": F.col("_times").cast("double"),
    }
    output = rows.select(
        *(new.get(name, F.col(name)).alias(name) for name in columns),
        F.xxhash64(F.lit(config.seed + 1), "_source", "id", "_copy", text).alias("_order"),
        "_copy",
    )
    bad = F.col("_own").isNull()
    ledger = realised.where("_own is null or _times = 0").select(
        "id",
        F.when(bad, "errored").otherwise("dropped").alias("outcome"),
        F.when(bad, "bad-epochs").otherwise("budget").alias("rule"),
        F.when(bad, F.col("epochs")).otherwise(F.col("_whole") + F.col("_part_epoch")).alias("score"),
        F.lit(None).cast("double").alias("threshold"),
        F.lit(None).cast("string").alias("into_id"),
        F.concat(F.lit("input "), "_source").alias("detail"),
    )
    return output, ledger, receipt


def _masses(narrow: DataFrame) -> dict[Class, dict[int, tuple[int, int]]]:
    """Class -> epochs in millionths -> documents and tokens."""
    from pyspark.sql import functions as F

    rows = narrow.groupBy("_source", "_class", "_own").agg(F.count(F.lit(1)).alias("n"), F.sum("_tokens").alias("t"))
    masses: dict[Class, dict[int, tuple[int, int]]] = defaultdict(dict)
    for row in rows.collect():
        masses[row["_source"], row["_class"]][row["_own"]] = (row["n"], row["t"])
    return {key: masses[key] for key in sorted(masses)}


def _of_source(masses: dict[Class, dict[int, tuple[int, int]]], name: str) -> dict[int, int]:
    tokens: dict[int, int] = defaultdict(int)
    for (source, _), by_epochs in masses.items():
        if source == name:
            for epochs, (_, mass) in by_epochs.items():
                tokens[epochs] += mass
    return dict(sorted(tokens.items()))


def _split(epochs: Fraction) -> tuple[int, float]:
    """Whole epochs and the fraction; fractions below 1e-9 are rounding, not a wish."""
    rounded = Fraction(round(epochs * 10**9), 10**9)
    return int(rounded), float(rounded - int(rounded))


def _epoch_columns(epochs: dict[str, dict[int, Fraction]]) -> tuple[Column, Column]:
    """Whole epochs (int) and fraction (double) of a document, from constants keyed by source and own weight."""
    from pyspark.sql import functions as F

    split = {f"{own}/{name}": _split(value) for name, by_own in epochs.items() for own, value in by_own.items()}
    key = F.concat(F.col("_own").cast("string"), F.lit("/"), F.col("_source"))

    def constant(place: int, kind: str) -> Column:
        values = json.dumps({name: pair[place] for name, pair in split.items()})
        return F.element_at(F.from_json(F.lit(values), f"map<string, {kind}>"), key)

    return constant(0, "int"), constant(1, "double")


def _extra(part: Column, cuts: dict[Class, int]) -> Column:
    """1 for a document that occurs once more: its step along the hash is before its class's cut."""
    from pyspark.sql import functions as F

    constant = F.from_json(
        F.lit(json.dumps({f"{b}/{name}": cut for (name, b), cut in cuts.items()})), "map<string, bigint>"
    )
    cut = F.element_at(constant, F.concat(F.col("_class").cast("string"), F.lit("/"), F.col("_source")))
    return F.when((part > 0) & (_step(part) < cut), 1).otherwise(0)


def _step(part: Column) -> Column:
    from pyspark.sql import functions as F

    return F.when(part > 0, F.floor(F.least(F.col("_draw") * _STEPS / part, F.lit(2.0**60)))).cast("long")


def _cuts(
    narrow: DataFrame, masses: dict[Class, dict[int, tuple[int, int]]], epochs: dict[str, dict[int, Fraction]]
) -> dict[Class, int]:
    """The first step that no longer counts, of each class; what rounding one class leaves over goes to the next."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    wanted = {
        (source, bucket): sum(
            (tokens * Fraction(_split(epochs[source][own])[1]) for own, (_, tokens) in by_epochs.items()), Fraction(0)
        )
        for (source, bucket), by_epochs in masses.items()
    }
    if not any(wanted.values()):
        return dict.fromkeys(wanted, 0)
    target = F.element_at(
        F.from_json(
            F.lit(json.dumps({f"{b}/{name}": float(value) for (name, b), value in wanted.items()})),
            "map<string, double>",
        ),
        F.concat(F.col("_class").cast("string"), F.lit("/"), F.col("_source")),
    )
    steps = (
        narrow.where("_part_epoch > 0")
        .groupBy("_source", "_class", _step(F.col("_part_epoch")).alias("step"))
        .agg(F.sum("_tokens").alias("tokens"))
    )
    along = Window.partitionBy("_source", "_class").orderBy("step")
    # Of each class two cuts matter: the last at or below the target, and the first above it.
    summed = steps.withColumn("sum", F.sum("tokens").over(along)).withColumn("over", F.col("sum") > target)
    rows = (
        summed.groupBy("_source", "_class")
        .agg(
            F.max(F.when(~F.col("over"), F.struct("sum", "step"))).alias("below"),
            F.min(F.when(F.col("over"), F.struct("sum", "step"))).alias("above"),
        )
        .collect()
    )
    choices: dict[Class, list[tuple[int, int]]] = {key: [(0, 0)] for key in wanted}
    for row in rows:
        key = row["_source"], row["_class"]
        found = [(end["sum"], end["step"] + 1) for end in (row["below"], row["above"]) if end is not None]
        choices[key] = found if row["below"] is not None else [(0, 0), *found]
    cuts: dict[Class, int] = {}
    over: dict[str, Fraction] = defaultdict(Fraction)
    for key in sorted(wanted):
        source = key[0]
        tokens, cuts[key] = min(choices[key], key=lambda c: (abs(over[source] + c[0] - wanted[key]), c[1]))
        over[source] += tokens - wanted[key]
    return cuts


def _receipt(
    narrow: DataFrame, asked: dict[str, Fraction], masses: dict[Class, dict[int, tuple[int, int]]], config: Mix
) -> dict[str, Any]:
    """Per source and bucket: what there is, what is used, what it comes to; per source: what was asked."""
    from pyspark.sql import functions as F

    used = F.col("_times") > 0
    rows = narrow.groupBy("_source", "_class").agg(
        F.sum(used.cast("long")).alias("documents"),
        F.sum("_times").cast("long").alias("occurrences"),
        F.coalesce(F.sum(F.when(used, F.col("_tokens"))), F.lit(0)).alias("unique_tokens"),
        F.sum(F.col("_times") * F.col("_tokens")).alias("tokens"),
    )
    found = {(row["_source"], row["_class"]): row for row in rows.collect()}
    fields = ("documents", "occurrences", "unique_tokens", "tokens")
    sources = []
    for name in sorted(asked):
        buckets = []
        for (source, bucket), by_epochs in masses.items():
            if source == name:
                buckets.append(
                    {
                        "bucket": None if bucket == _NO_BUCKET else bucket,
                        "available_documents": sum(n for n, _ in by_epochs.values()),
                        "available_tokens": sum(tokens for _, tokens in by_epochs.values()),
                        **{field: found[source, bucket][field] for field in fields},
                    }
                )
        total = {field: sum(entry[field] for entry in buckets) for field in fields}
        wanted = round(asked[name])
        sources.append(
            {
                "source": name,
                "asked_tokens": wanted,
                "natural_tokens": round(natural(_of_source(masses, name))),
                **total,
                "shortfall_tokens": max(0, wanted - total["tokens"]),
                "buckets": buckets,
            }
        )
    return {
        "budget_tokens": config.budget_tokens,
        "asked_tokens": sum(entry["asked_tokens"] for entry in sources),
        "tokens": sum(entry["tokens"] for entry in sources),
        "occurrences": sum(entry["occurrences"] for entry in sources),
        "sources": sources,
    }

"""The Spark plan of mix: what decides is measured and kept, the texts are read once more when the mixture is written.

How often a document then occurs is the concern of `sequences.mix_draw`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arcmill.engines.frames import keep
from arcmill.errors import UsageError
from sequences.budget import MICRO, Masses, capped_epochs, shares
from sequences.mix import NO_BUCKET
from sequences.mix_draw import occurrences
from sequences.mix_receipt import Class, ClassMasses, Drawn, make_receipt

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sequences.mix import Mix

_COUNTED = r"^[0-9]{1,15}$"
_DECIDING = ("_source", "_class", "_epochs", "_counted", "_by", "_estimate", "_draw", "_part", "_row", "_same")


def mix_documents(dfs: dict[str, DataFrame], config: Mix) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Rows with `_order` and `_copy`, ledger rows, and the receipt. Raises UsageError for settings of no input."""
    from pyspark.sql import functions as F

    _check_names(dfs, config)
    documents: DataFrame | None = None
    for name in sorted(dfs):
        one = dfs[name].withColumn("_source", F.lit(name))
        documents = one if documents is None else documents.unionByName(one)
    assert documents is not None  # the kernel refuses a stage without inputs
    documents = _measured(documents, config)
    # All that is decided on, kept: the texts are read once for it, and once more when they are written.
    narrow = keep(documents.select(*_DECIDING))
    counters = _counters(narrow, sorted(dfs))
    documents = _weighed(documents, counters, config)
    narrow = _weighed(narrow, counters, config).where("_own is not null")
    masses = _masses(narrow)
    _check_buckets(masses, config)
    caps = {name: config.cap(name) for name in dfs}
    asked = shares({name: _of_source(masses, name) for name in dfs}, config.tokens_asked, config.weights, caps)
    epochs = {name: capped_epochs(_of_source(masses, name), asked[name], caps[name]) for name in dfs}
    whole, part, times = occurrences(narrow, masses, epochs)
    narrow = narrow.withColumn("_whole", whole).withColumn("_part_epoch", part).withColumn("_times", times)
    receipt = make_receipt(_drawn(narrow), masses, asked, epochs, counters, config) | {"shared": _shared(narrow)}

    realised = documents.withColumn("_whole", whole).withColumn("_part_epoch", part).withColumn("_times", times)
    return _rows(realised, next(iter(dfs.values())).columns, config), _ledger(realised), receipt


def _check_names(dfs: Mapping[str, Any], config: Mix) -> None:
    for setting, named in (
        ("weights", config.weights), ("epochs", config.epochs), ("source_max_epochs", config.source_max_epochs)
    ):  # fmt: skip
        if unknown := sorted(set(named) - set(dfs)):
            raise UsageError(f"mix: {setting} names {', '.join(unknown)}; the inputs are {', '.join(sorted(dfs))}")


def _check_buckets(masses: ClassMasses, config: Mix) -> None:
    """A weight for a bucket that nobody has would do nothing, and leave the mixture other than it was meant."""
    for name, entry in sorted(config.epochs.items()):
        there = sorted({bucket for source, bucket, _ in masses if source == name})
        named = (
            {bucket: -1 if bucket == NO_BUCKET else int(bucket) for bucket in entry} if isinstance(entry, dict) else {}
        )
        if there and (unknown := sorted(bucket for bucket, number in named.items() if number not in there)):
            held = ", ".join(NO_BUCKET if bucket == -1 else str(bucket) for bucket in there)
            raise UsageError(
                f"mix: epochs.{name}.{unknown[0]}: no document of {name} is in bucket {unknown[0]}; its buckets: {held} "
                f"({NO_BUCKET}: documents without a quality_bucket)"
            )


def _measured(documents: DataFrame, config: Mix) -> DataFrame:
    """With `_class` (bucket, -1 without one), `_epochs` (its own), `_counted` and `_by` (its tokens, and by which tokenizer, if
    they were counted), `_estimate` (tokens by bytes), `_draw` (0 to 1) and `_same` (hash of the id)."""
    from pyspark.sql import functions as F

    told = F.element_at("metadata", "tokens")
    counted = told.rlike(_COUNTED)
    draw = F.shiftrightunsigned(F.xxhash64(F.lit(config.seed), "_source", "id"), 11) * F.lit(2.0**-53)
    return (
        documents.withColumn("_class", F.coalesce("quality_bucket", F.lit(-1)))
        .withColumn("_epochs", F.coalesce(F.col("epochs"), F.lit(1.0)))
        .withColumn("_counted", F.when(counted, told).cast("long"))
        .withColumn("_by", F.when(counted, F.coalesce(F.element_at("metadata", "tokens_by"), F.lit("?"))))
        .withColumn("_estimate", F.ceil(F.octet_length("text") / F.lit(config.bytes_per_token)).cast("long"))
        .withColumn("_draw", draw)
        .withColumn("_same", F.xxhash64("id"))
    )


def _counters(narrow: DataFrame, names: list[str]) -> dict[str, str | None]:
    """By whose tokenizer the tokens of each input were counted; None where they were not. Raises UsageError."""
    from pyspark.sql import functions as F

    found: dict[str, str | None] = dict.fromkeys(names)
    rows = narrow.groupBy("_source").agg(
        F.count(F.lit(1)).alias("rows"), F.count("_by").alias("counted"), F.min("_by").alias("first"),
        F.max("_by").alias("last"),
    )  # fmt: skip
    for row in rows.collect():
        name = row["_source"]
        if row["counted"] == 0:
            continue
        if row["counted"] < row["rows"]:
            raise UsageError(
                f"mix: input {name}: {row['counted']} of {row['rows']} documents have metadata 'tokens'; run count-tokens "
                "over all of it, or over none"
            )
        if row["first"] != row["last"]:
            raise UsageError(
                f"mix: input {name}: its tokens were counted by different tokenizers ({row['first']}, {row['last']}); "
                "run count-tokens over it with one"
            )
        found[name] = row["first"]
    if len({by for by in found.values() if by is not None}) > 1:
        told = ", ".join(f"{name} by {by}" for name, by in sorted(found.items()) if by is not None)
        raise UsageError(
            f"mix: the inputs' tokens were counted by different tokenizers ({told}); run count-tokens with one"
        )
    return found


def _weighed(documents: DataFrame, counters: Mapping[str, str | None], config: Mix) -> DataFrame:
    """What was measured, with `_tokens`, `_long` (0 or 1) and `_own` (weight in millionths; null: unsound)."""
    from pyspark.sql import functions as F

    counted = F.col("_source").isin([name for name, by in counters.items() if by is not None])
    weight = F.col("_epochs")
    for name, entry in sorted(config.epochs.items()):
        of_source = F.col("_source") == name
        if not isinstance(entry, dict):
            weight = F.when(of_source, F.lit(float(entry))).otherwise(weight)
            continue
        for bucket, value in sorted(entry.items()):
            there = F.col("_class") == (-1 if bucket == NO_BUCKET else int(bucket))
            weight = F.when(of_source & there, F.lit(float(value))).otherwise(weight)
    long = F.lit(0) if config.long_tokens is None else (F.col("_tokens") >= config.long_tokens).cast("int")
    sound = ~F.isnan("_weight") & F.col("_weight").between(0, 1e6)
    factor = F.when(F.col("_long") == 1, F.lit(config.long_factor)).otherwise(F.lit(1.0))
    return (
        documents.withColumn("_tokens", F.when(counted, F.col("_counted")).otherwise(F.col("_estimate")))
        .withColumn("_long", long)
        .withColumn("_weight", weight)
        .withColumn("_own", F.when(sound, F.round(F.col("_weight") * factor * MICRO).cast("long")))
    )


def _masses(narrow: DataFrame) -> ClassMasses:
    """Class -> epochs in millionths -> documents and tokens."""
    from pyspark.sql import functions as F

    rows = narrow.groupBy("_source", "_class", "_long", "_own").agg(
        F.count(F.lit(1)).alias("n"), F.sum("_tokens").alias("t")
    )
    masses: dict[Class, dict[int, tuple[int, int]]] = defaultdict(dict)
    for row in rows.collect():
        masses[row["_source"], row["_class"], row["_long"]][row["_own"]] = (row["n"], row["t"])
    return {key: masses[key] for key in sorted(masses)}


def _of_source(masses: ClassMasses, name: str) -> Masses:
    tokens: dict[int, int] = defaultdict(int)
    for (source, *_), by_epochs in masses.items():
        if source == name:
            for epochs, (_, mass) in by_epochs.items():
                tokens[epochs] += mass
    return dict(sorted(tokens.items()))


def _drawn(narrow: DataFrame) -> Drawn:
    """Class -> how often documents occur -> how many documents, and their tokens."""
    from pyspark.sql import functions as F

    rows = narrow.groupBy("_source", "_class", "_long", "_times").agg(
        F.count(F.lit(1)).alias("n"), F.sum("_tokens").alias("t")
    )
    drawn: dict[Class, dict[int, tuple[int, int]]] = defaultdict(dict)
    for row in rows.collect():
        drawn[row["_source"], row["_class"], row["_long"]][row["_times"]] = (row["n"], row["t"])
    return {key: dict(sorted(drawn[key].items())) for key in sorted(drawn)}


def _shared(narrow: DataFrame) -> dict[str, int]:
    """Documents that are drawn from more than one input (or twice from one): weights, caps and counts hold for each by itself."""
    from pyspark.sql import functions as F

    ids = narrow.where("_times > 0").groupBy("_same").agg(
        F.count(F.lit(1)).alias("n"), F.sum("_times").alias("times"), F.sum("_tokens").alias("t"), F.max("_tokens").alias("once")
    )  # fmt: skip
    row = ids.where("n > 1").agg(
        F.count(F.lit(1)).alias("documents"), F.sum(F.col("t") - F.col("once")).alias("tokens"), F.max("times").alias("most")
    ).collect()[0]  # fmt: skip
    return {
        "documents": row["documents"], "tokens_counted_again": row["tokens"] or 0, "most_occurrences": row["most"] or 0
    }  # fmt: skip


def _rows(realised: DataFrame, names: list[str], config: Mix) -> DataFrame:
    """A row an occurrence, with its number in metadata.epoch."""
    from pyspark.sql import functions as F

    text = F.xxhash64("text")  # only orders rows that share source and id
    rows = realised.where("_times > 0").withColumn("_copy", F.explode(F.sequence(F.lit(0), F.col("_times") - 1)))
    own_entries = F.map_filter("metadata", lambda key, _: ~key.isin("epoch", "mix_source"))
    added = F.create_map(F.lit("epoch"), F.col("_copy").cast("string"), F.lit("mix_source"), F.col("_source"))
    new = {
        "metadata": F.when(F.col("metadata").isNull(), added).otherwise(F.map_concat(own_entries, added)),
        "epochs": F.col("_times").cast("double"),
    }
    return rows.select(
        *(new.get(name, F.col(name)).alias(name) for name in names if not name.startswith("_")),
        F.xxhash64(F.lit(config.seed + 1), "_source", "id", "_copy", text).alias("_order"),
        "_copy",
    )


def _ledger(realised: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    bad = F.col("_own").isNull()
    return realised.where("_own is null or _times = 0").select(
        "id",
        F.when(bad, "errored").otherwise("dropped").alias("outcome"),
        F.when(bad, "bad-epochs").otherwise("budget").alias("rule"),
        F.when(bad, F.col("epochs")).otherwise(F.col("_whole") + F.col("_part_epoch")).alias("score"),
        F.lit(None).cast("double").alias("threshold"),
        F.lit(None).cast("string").alias("into_id"),
        F.concat(F.lit("input "), "_source").alias("detail"),
    )

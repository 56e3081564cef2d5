"""The Spark plan of mix.

A document with e epochs occurs floor(e) times, and once more if it is among the first of its class (source,
bucket, long or not) in the order of hash(seed, source, id) / fraction(e). How many are the first is not left to chance:
tokens are summed along that order, in 2^16 steps, and the cut falls where the class has the tokens that its
fractions ask for. What it then misses, a part of a document, is made up by exchanging documents next to the
cut (`sequences.trim`). So a source, and each of its classes, meets its budget to the token or nearly so, whatever the partitioning; with
plain chance it would be off by the square root of the number of documents.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from arcmill.engines.frames import keep
from arcmill.errors import UsageError
from sequences.budget import MICRO, Masses, capped_epochs, shares
from sequences.mix import NO_BUCKET
from sequences.mix_receipt import Class, ClassMasses, Drawn, make_receipt
from sequences.trim import trim

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from sequences.mix import Mix

_STEPS = 1 << 16  # of the hash, along which the cut is searched
_GOAL = Fraction(1, 20_000)  # of what is asked of a class; what misses by less is left
_AT_CUT = 3000  # documents of a class, nearest to the cut, that may be exchanged
_COUNTED = r"^[0-9]{1,15}$"
_DECIDING = ("_source", "_class", "_epochs", "_counted", "_by", "_estimate", "_draw", "_part", "_row")


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
    caps = {name: config.cap(name) for name in dfs}
    asked = shares({name: _of_source(masses, name) for name in dfs}, config.tokens_asked, config.weights, caps)
    epochs = {name: capped_epochs(_of_source(masses, name), asked[name], caps[name]) for name in dfs}
    whole, part = _epoch_columns(epochs)
    narrow = narrow.withColumn("_whole", whole).withColumn("_part_epoch", part)
    cuts, missing = _cuts(narrow, masses, epochs)
    extra = _extra(F.col("_part_epoch"), cuts)
    extra = extra + _exchanged(narrow.withColumn("_extra", extra), cuts, missing, masses, epochs)
    times = (F.col("_whole") + extra).cast("int")
    drawn = _drawn(narrow.withColumn("_times", times))
    receipt = make_receipt(drawn, masses, asked, epochs, counters, config)

    realised = documents.withColumn("_whole", whole).withColumn("_part_epoch", part).withColumn("_times", times)
    return _rows(realised, next(iter(dfs.values())).columns, config), _ledger(realised), receipt


def _check_names(dfs: Mapping[str, Any], config: Mix) -> None:
    for setting, named in (
        ("weights", config.weights), ("epochs", config.epochs), ("source_max_epochs", config.source_max_epochs)
    ):  # fmt: skip
        if unknown := sorted(set(named) - set(dfs)):
            raise UsageError(f"mix: {setting} names {', '.join(unknown)}; the inputs are {', '.join(sorted(dfs))}")


def _measured(documents: DataFrame, config: Mix) -> DataFrame:
    """With `_class` (bucket, -1 without one), `_epochs` (its own), `_counted` and `_by` (its tokens, and by which tokenizer, if
    they were counted), `_estimate` (tokens by bytes) and `_draw` (0 to 1)."""
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


def _split(epochs: Fraction) -> tuple[int, float]:
    """Whole epochs and the fraction; fractions below 1e-9 are rounding, not a wish."""
    rounded = Fraction(round(epochs * 10**9), 10**9)
    return int(rounded), float(rounded - int(rounded))


def _constant(values: Mapping[str, Any], kind: str, key: Column) -> Column:
    """A value by key, from constants of the plan."""
    from pyspark.sql import functions as F

    return F.element_at(F.from_json(F.lit(json.dumps(values)), f"map<string, {kind}>"), key)


def _epoch_columns(epochs: Mapping[str, Mapping[int, Fraction]]) -> tuple[Column, Column]:
    """Whole epochs (int) and fraction (double) of a document, from constants keyed by source and own weight."""
    from pyspark.sql import functions as F

    split = {f"{own}/{name}": _split(value) for name, by_own in epochs.items() for own, value in by_own.items()}
    key = F.concat(F.col("_own").cast("string"), F.lit("/"), F.col("_source"))
    whole = _constant({name: pair[0] for name, pair in split.items()}, "int", key)
    return whole, _constant({name: pair[1] for name, pair in split.items()}, "double", key)


def _of_class(values: Mapping[Class, Any], kind: str) -> Column:
    from pyspark.sql import functions as F

    named = {f"{long}/{bucket}/{name}": value for (name, bucket, long), value in values.items()}
    slash = F.lit("/")
    key = F.concat(F.col("_long").cast("string"), slash, F.col("_class").cast("string"), slash, F.col("_source"))
    return _constant(named, kind, key)


def _extra(part: Column, cuts: Mapping[Class, int]) -> Column:
    """1 for a document that occurs once more: its step along the hash is before its class's cut."""
    from pyspark.sql import functions as F

    return F.when((part > 0) & (_step(part) < _of_class(cuts, "bigint")), 1).otherwise(0)


def _step(part: Column) -> Column:
    from pyspark.sql import functions as F

    return F.when(part > 0, F.floor(F.least(F.col("_draw") * _STEPS / part, F.lit(2.0**60)))).cast("long")


def _cuts(
    narrow: DataFrame, masses: ClassMasses, epochs: Mapping[str, Mapping[int, Fraction]]
) -> tuple[dict[Class, int], dict[Class, int]]:
    """Of each class the first step that no longer counts, and the tokens that it lacks then (negative: has too many)."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    wanted = {
        key: sum(
            (tokens * Fraction(_split(epochs[key[0]][own])[1]) for own, (_, tokens) in by_epochs.items()), Fraction(0)
        )
        for key, by_epochs in masses.items()
    }
    if not any(wanted.values()):
        return dict.fromkeys(wanted, 0), {}
    target = _of_class({key: float(value) for key, value in wanted.items()}, "double")
    columns = ("_source", "_class", "_long")
    steps = (
        narrow.where("_part_epoch > 0")
        .groupBy(*columns, _step(F.col("_part_epoch")).alias("step"))
        .agg(F.sum("_tokens").alias("tokens"))
    )
    along = Window.partitionBy(*columns).orderBy("step")
    # Of each class two cuts matter: the last at or below the target, and the first above it.
    summed = steps.withColumn("sum", F.sum("tokens").over(along)).withColumn("over", F.col("sum") > target)
    rows = (
        summed.groupBy(*columns)
        .agg(
            F.max(F.when(~F.col("over"), F.struct("sum", "step"))).alias("below"),
            F.min(F.when(F.col("over"), F.struct("sum", "step"))).alias("above"),
        )
        .collect()
    )
    choices: dict[Class, list[tuple[int, int]]] = {key: [(0, 0)] for key in wanted}
    for row in rows:
        key = row["_source"], row["_class"], row["_long"]
        found = [(end["sum"], end["step"] + 1) for end in (row["below"], row["above"]) if end is not None]
        choices[key] = found if row["below"] is not None else [(0, 0), *found]
    cuts: dict[Class, int] = {}
    missing: dict[Class, int] = {}
    for key, wish in wanted.items():
        tokens, cuts[key] = min(choices[key], key=lambda c: (abs(c[0] - wish), c[1]))
        missing[key] = round(wish - tokens)
    return cuts, missing


def _exchanged(
    narrow: DataFrame, cuts: Mapping[Class, int], missing: Mapping[Class, int],
    masses: ClassMasses, epochs: Mapping[str, Mapping[int, Fraction]],
) -> Column:  # fmt: skip
    """1 or -1 for the few documents that change places at the cut of their class, else 0.

    What one class cannot make up goes to the next: from the long documents of a bucket to its others, then to the next
    bucket of the source, the largest last.
    """
    from pyspark.sql import functions as F

    wishes = {key: sum(epochs[key[0]][own] * t for own, (_, t) in by.items()) for key, by in masses.items()}
    goals = {key: int(wish * _GOAL) for key, wish in wishes.items()}
    of_bucket: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for (source, bucket, _), wish in wishes.items():
        of_bucket[source, bucket] += wish
    order = sorted(missing, key=lambda key: (key[0], of_bucket[key[:2]], key[1], -key[2]))
    off = {key[0] for key, lack in missing.items() if abs(lack) > goals[key]}
    at_cut = _at_cut(narrow, cuts, [key for key in order if key[0] in off])
    changes: dict[str, int] = {}
    carried: dict[str, int] = defaultdict(int)
    # What is still left over then, where the largest is of few huge documents, others get in a second round.
    for lacking in (missing, dict.fromkeys(missing, 0)):
        for key in order:
            lack, goal = lacking[key] + carried[key[0]], goals[key]
            rows = [(f"{row['_part']}/{row['_row']}/{key[0]}", row) for row in at_cut.get(key, [])]
            inside, outside = ([r for r in rows if r[1]["_extra"] + changes.get(r[0], 0) == side] for side in (1, 0))
            out, into = trim(lack, [row["_tokens"] for _, row in inside], [row["_tokens"] for _, row in outside], goal)
            for place, row in (*(inside[n] for n in out), *(outside[n] for n in into)):
                change = -1 if row["_extra"] + changes.get(place, 0) else 1
                changes[place] = changes.get(place, 0) + change
                lack -= change * row["_tokens"]
            carried[key[0]] = lack
    if not changes:
        return F.lit(0)
    at = F.concat(F.col("_part").cast("string"), F.lit("/"), F.col("_row").cast("string"), F.lit("/"), "_source")
    return F.coalesce(_constant(changes, "int", at), F.lit(0))


def _at_cut(narrow: DataFrame, cuts: Mapping[Class, int], classes: list[Class]) -> dict[Class, list[Any]]:
    """Of some classes the documents nearest to their cut that may occur once more or not."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if not classes:
        return {}
    among = F.coalesce(_of_class(dict.fromkeys(classes, 1), "int"), F.lit(0)) == 1
    away = F.abs(F.col("_draw") / F.col("_part_epoch") - _of_class(cuts, "bigint") / F.lit(float(_STEPS)))
    columns = ("_source", "_class", "_long")
    order = Window.partitionBy(*columns).orderBy("away", "_part", "_row")
    rows = (
        narrow.where(among & (F.col("_part_epoch") > 0))
        .select(*columns, "_extra", "_tokens", "_part", "_row", away.alias("away"))
        .withColumn("place", F.row_number().over(order))
        .where(F.col("place") <= _AT_CUT)
        .collect()
    )
    found: dict[Class, list[Any]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["place"]):
        found[row["_source"], row["_class"], row["_long"]].append(row)
    return found


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

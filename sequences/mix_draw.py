"""How often each document of a mixture occurs: the fractions of epochs, met to the token or nearly so.

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

from sequences.mix_receipt import Class, ClassMasses
from sequences.trim import trim

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_STEPS = 1 << 16  # of the hash, along which the cut is searched
_GOAL = Fraction(1, 20_000)  # of what is asked of a class; what misses by less is left
_AT_CUT = 3000  # documents of a class, nearest to the cut, that may be exchanged


def occurrences(
    narrow: DataFrame, masses: ClassMasses, epochs: Mapping[str, Mapping[int, Fraction]]
) -> tuple[Column, Column, Column]:
    """Of a document its whole epochs (int), the fraction (double), and how often it occurs (int; it reads columns
    `_whole` and `_part_epoch`, which are the first two).

    `narrow`: the documents, with what decides. `epochs`: source -> own weight in millionths -> epochs.
    """
    from pyspark.sql import functions as F

    whole, part = _epoch_columns(epochs)
    narrow = narrow.withColumn("_whole", whole).withColumn("_part_epoch", part)
    cuts, missing = _cuts(narrow, masses, epochs)
    extra = _extra(F.col("_part_epoch"), cuts)
    extra = extra + _exchanged(narrow.withColumn("_extra", extra), cuts, missing, masses, epochs)
    return whole, part, (F.col("_whole") + extra).cast("int")


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

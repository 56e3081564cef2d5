"""Which of several like documents survives: one order for all stages that merge.

Best first: higher quality_score (a missing one is last), then more UTF-8 bytes of text, then the smaller id,
then the position in the input, which decides only between rows that have the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_ROW_BITS = 40


def uid() -> Column:
    """`_part` and `_row` as one long, below 2^62."""
    from pyspark.sql import functions as F

    return F.shiftleft(F.col("_part").cast("long"), _ROW_BITS) + F.col("_row").cast("long")


def locate(df: DataFrame) -> DataFrame:
    """The columns that decide: uid (locator as one long), id, source, quality (NaN is missing), size (bytes), text."""
    from pyspark.sql import functions as F

    quality = F.col("quality_score").cast("double")
    return df.select(
        uid().alias("uid"),
        "id",
        "source",
        F.when(~F.isnan(quality), quality + F.lit(0.0)).alias("quality"),
        F.octet_length("text").cast("long").alias("size"),
        "text",
    )


def rank(prefix: str = "") -> Column:
    """A struct whose minimum is the best document."""
    from pyspark.sql import functions as F

    quality = F.col(f"{prefix}quality")
    return F.struct(
        quality.isNull().alias("unscored"),
        (-quality).alias("quality"),
        (-F.col(f"{prefix}size")).alias("size"),
        F.col(f"{prefix}id").alias("id"),
        F.col(f"{prefix}uid").alias("uid"),
    )


def locator(uid: str = "uid") -> list[Column]:
    """`_part` and `_row` back from a uid."""
    from pyspark.sql import functions as F

    return [
        F.shiftright(F.col(uid), _ROW_BITS).cast("int").alias("_part"),
        F.col(uid).bitwiseAND(F.lit((1 << _ROW_BITS) - 1)).alias("_row"),
    ]

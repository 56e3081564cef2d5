"""The Spark plan of dedup-minhash: sign, pair, verify, decide.

1. sign: text to band keys, where the text lies (one Arrow pass, numba);
2. pair: rows meet by band key, sorted best first; pairs of a bucket, each pair once;
3. verify: the shingle sets of candidate documents meet; exact Jaccard of each pair;
4. decide: greedy in rank order over the verified pairs; where buckets were too large for all pairs, those that follow
   of the verified ones are verified, too (`dedup.clusters`).
Documents that were there before (`dedup.known`) join in at 2 with their stored keys, rank first, and never go.
Where the pairs are few, 3 and 4 are one task, else joins and rounds of joins; the result is the same.
Nothing but a few sums comes to the driver. Every step depends on sets of rows, never on their order or partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from arcmill.engines.frames import keep, sorted_map
from arcmill.errors import EngineError
from dedup.known import Known
from dedup.losses import losses_by_source
from dedup.survivor import holds_problems, locate, locator, rank

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from arcmill.dataset import Dataset
    from dedup.minhash import DedupMinhash

    Batches = Iterator[pa.RecordBatch]
    Mapper = Callable[[Batches], Batches]

# Up to here one task verifies and decides, without the joins: pairs, and bytes of text of their documents,
# each counted once a pair. Shingle sets take about 1.3 times the bytes (at most four times).
ONE_TASK_PAIRS = 200_000
ONE_TASK_BYTES = 256 << 20
# `formal` and `answered` tell Problems of nearly the same words apart (`dedup.answers`); 0 for documents.
_SET = (
    "uid long, id string, source string, quality double, size long, short boolean, formal long, answered long, "
    "shingles binary"
)
_MERGED = (
    "uid long, id string, source string, into_id string, short boolean, score double, verified long, variants long"
)


def find_duplicates(
    df: DataFrame, config: DedupMinhash, stage: str, known: list[Dataset], known_signatures: list[Dataset]
) -> tuple[DataFrame, dict[str, Any]]:
    """Decisions (merged rows) and statistics for the manifest. Raises UsageError for signatures that do not fit."""
    from pyspark.sql import functions as F

    documents, problems = locate(df), holds_problems(df)
    signed = sign(documents, config)
    before = Known.read(df.sparkSession, known, known_signatures, config, problems)
    apart = problems and config.variants == "keep"
    if before is not None:
        signed = signed.unionByName(before.signed())
    pairs = keep(candidate_pairs(signed, config))
    if before is not None:
        documents = documents.unionByName(before.documents_of(pairs))
    found = pairs.agg(
        F.count_if(F.col("a") >= 0).alias("pairs"),
        F.sum("bytes").alias("bytes"),
        F.sum("skipped").alias("skipped"),
        F.sum("hot").alias("hot"),
    ).first()
    assert found is not None  # an aggregate without keys has one row
    in_rounds = found["pairs"] > ONE_TASK_PAIRS or (found["bytes"] or 0) > ONE_TASK_BYTES
    if not found["pairs"]:
        empty = (F.lit(None).cast(kind).alias(name) for name, kind in map(str.split, _MERGED.split(", ")))
        merged = df.sparkSession.range(0).select(*empty)
    elif not in_rounds:
        merged = merged_in_one_task(documents, pairs, config, apart, follow=bool(found["hot"]))
    else:
        from dedup.clusters import FOLLOWS, followed_pairs, merged_in_rounds

        near = keep(verified_edges(documents, pairs, config, apart))
        edges = near.where("same")
        decided = merged_in_rounds(edges)
        tried = pairs.where("a >= 0").select("a", "b")
        for _ in range(FOLLOWS if found["hot"] else 0):
            further = keep(followed_pairs(edges, decided, tried))
            if further.isEmpty():
                break
            near = keep(near.unionByName(verified_edges(documents, further, config, apart)))
            edges, tried = near.where("same"), tried.union(further)
            decided = merged_in_rounds(edges)
        merged = decided.select(
            F.col("b_uid").alias("uid"),
            F.col("b_id").alias("id"),
            F.col("b_source").alias("source"),
            F.col("a_id").alias("into_id"),
            F.col("a_short").alias("short"),
            "score",
            F.lit(0).cast("long").alias("verified"),
            F.lit(0).cast("long").alias("variants"),
        )
    merged = keep(merged)
    variants = merged.agg(F.sum("variants").alias("sum")).first() if apart else None
    merged = merged.where("uid >= 0")
    losses = losses_by_source(df, merged, config.alarm_share, stage)
    if in_rounds:
        losses["verified_pairs"] = edges.count()
    if variants is not None:
        losses["variant_pairs_kept"] = near.count() - edges.count() if in_rounds else variants["sum"] or 0
    decisions = merged.select(
        *locator(),
        F.lit("merged").alias("outcome"),
        F.when(F.col("short"), "minhash-short").otherwise("minhash").alias("rule"),
        "score",
        F.when(F.col("short"), 1.0).otherwise(config.min_jaccard).alias("threshold"),
        "into_id",
    )
    counts = {
        "candidate_pairs": found["pairs"],
        "hot_buckets": found["hot"] or 0,
        "pairs_skipped": found["skipped"] or 0,
    }
    return decisions, counts | losses


def sign(documents: DataFrame, config: DedupMinhash) -> DataFrame:
    """key, uid, quality, size, tie, short: a row a document and band."""
    from pyspark.sql import functions as F

    # Inside a bucket the order only decides who is an anchor, so a hash stands for the id.
    return documents.select("uid", "quality", "size", F.xxhash64("id").alias("tie"), "text").mapInArrow(
        _signer(config),
        "key long, uid long, quality double, size long, tie long, short boolean",
    )


def candidate_pairs(signed: DataFrame, config: DedupMinhash) -> DataFrame:
    """a, b (uids, a < b), once each, with bytes of text; a row with a = -1 carries the counts `skipped` and `hot`."""
    from pyspark.sql import functions as F

    pairs = sorted_map(
        signed,
        "key",
        [("quality", "descending"), ("size", "descending"), ("tie", "ascending"), ("uid", "ascending")],
        _pairer(config.bucket_cap, config.anchors),
        "a long, b long, bytes long, skipped long, hot long",
        int(signed.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1),
    )
    return pairs.groupBy("a", "b").agg(
        F.max("bytes").alias("bytes"), F.sum("skipped").alias("skipped"), F.sum("hot").alias("hot")
    )


def _sets(documents: DataFrame, pairs: DataFrame, ngram: int, apart: bool) -> DataFrame:
    """The shingle sets of the documents that are in a pair."""
    from pyspark.sql import functions as F

    wanted = pairs.where("a >= 0").select(F.explode(F.array("a", "b")).alias("uid"))
    return documents.join(wanted, "uid", "left_semi").mapInArrow(_shingler(ngram, apart), _SET)


def merged_in_one_task(
    documents: DataFrame, pairs: DataFrame, config: DedupMinhash, apart: bool, follow: bool
) -> DataFrame:
    """Sets and pairs meet in one task, which verifies, follows and decides; `verified` sums to the verified pairs.

    A row of uid -1 carries in `variants` how many near pairs of Problems are kept apart.
    """
    from pyspark.sql import functions as F

    from dedup.clusters import FOLLOWS

    sets = _sets(documents, pairs, config.ngram, apart).withColumns({end: F.lit(-1).cast("long") for end in "ab"})
    bare = [F.lit(None).cast(sets.schema[name].dataType).alias(name) for name in sets.columns[:-2]]
    both = sets.unionAll(pairs.where("a >= 0").select(*bare, "a", "b"))
    return both.repartition(1).mapInArrow(_decider(config.min_jaccard, FOLLOWS if follow else 0), _MERGED)


def verified_edges(documents: DataFrame, pairs: DataFrame, config: DedupMinhash, apart: bool) -> DataFrame:
    """The pairs whose exact Jaccard reaches the threshold, the better document as `a`; `same`: no variants."""
    from pyspark.sql import functions as F

    ends = pairs.where("a >= 0").select("a", "b")
    sets = _sets(documents, pairs, config.ngram, apart)

    def side(name: str) -> DataFrame:
        return sets.select(*(F.col(column).alias(f"{name}_{column}") for column in sets.columns))

    joined = ends.join(side("a"), F.col("a") == F.col("a_uid")).join(side("b"), F.col("b") == F.col("b_uid"))
    # The larger set bounds the index from above: most false candidates need no comparison.
    sizes = F.octet_length("a_shingles"), F.octet_length("b_shingles")
    near = joined.where(F.least(*sizes) >= F.greatest(*sizes) * (config.min_jaccard - 1e-9))
    names = [name for name in near.columns if name not in ("a", "b", "a_shingles", "b_shingles")]
    schema = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in near.select(names).schema)
    verified = near.select(*names, "a_shingles", "b_shingles").mapInArrow(
        _verifier(config.min_jaccard), f"{schema}, score double, same boolean"
    )
    forward = rank("a_") < rank("b_")

    def oriented(column: str) -> Column:
        other = ("b" if column[0] == "a" else "a") + column[1:]
        return F.when(forward, F.col(column)).otherwise(F.col(other)).alias(column)

    return verified.select(*(oriented(column) for column in names), "score", "same")


def _signer(config: DedupMinhash) -> Mapper:
    ngram, bands, rows, seed, groupings = config.ngram, config.bands, config.rows, config.seed, config.groupings

    def sign(batches: Batches) -> Batches:
        import numpy as np
        import pyarrow as pa

        from dedup.shingles import shingle
        from dedup.signatures import document_keys

        for batch in batches:
            shingles = shingle(batch.column("text"), ngram)
            keys, counts = document_keys(shingles, bands, rows, seed, groupings)
            owner = np.repeat(np.arange(batch.num_rows), counts)
            columns = [batch.column(name).take(pa.array(owner)) for name in ("uid", "quality", "size", "tie")]
            yield pa.RecordBatch.from_arrays(
                [pa.array(keys), *columns, pa.array(shingles.short[owner])],
                names=["key", "uid", "quality", "size", "tie", "short"],
            )

    return sign


def _pairer(cap: int, anchors: int) -> Mapper:
    def pair(batches: Batches) -> Batches:
        import numpy as np
        import pyarrow as pa

        from dedup.candidates import stream_pairs

        def rows(*columns: Any) -> pa.RecordBatch:
            arrays = [pa.array(np.asarray(values, np.int64)) for values in columns]
            return pa.RecordBatch.from_arrays(arrays, names=["a", "b", "bytes", "skipped", "hot"])

        for pairs in stream_pairs(batches, cap, anchors):
            zero = np.zeros(pairs.a.size, np.int64)
            yield rows(pairs.a, pairs.b, pairs.size, zero, zero)
            if pairs.hot:
                yield rows([-1], [-1], [0], [pairs.skipped], [pairs.hot])

    return pair


def _shingler(ngram: int, apart: bool) -> Mapper:
    def sets(batches: Batches) -> Batches:
        import pyarrow as pa

        from dedup.answers import answer_key, formal_key
        from dedup.jaccard import as_set
        from dedup.shingles import shingle

        for batch in batches:
            shingles = shingle(batch.column("text"), ngram)
            starts = shingles.starts
            packed = [as_set(shingles.hashes[starts[i] : starts[i + 1]]).tobytes() for i in range(batch.num_rows)]
            told = [[0] * batch.num_rows] * 2
            if apart:
                told = [
                    [formal_key(text) for text in batch.column("text").to_pylist()],
                    [answer_key(answer) for answer in batch.column("answer").to_pylist()],
                ]
            names = ["uid", "id", "source", "quality", "size"]
            yield pa.RecordBatch.from_arrays(
                [*(batch.column(name) for name in names), pa.array(shingles.short),
                 *(pa.array(keys, pa.int64()) for keys in told), pa.array(packed, pa.binary())],
                names=[*names, "short", "formal", "answered", "shingles"],
            )  # fmt: skip

    return sets


def _verifier(threshold: float) -> Mapper:
    def verify(batches: Batches) -> Batches:
        import pyarrow as pa

        from dedup.jaccard import jaccard

        for batch in batches:
            sides: list[Any] = []
            for name in ("a_shingles", "b_shingles"):
                sides += _hash_sets(batch.column(name))
            scores = jaccard(*sides)
            same = _same(*(batch.column(f"{end}_{key}").to_numpy() for key in ("formal", "answered") for end in "ab"))
            table = pa.RecordBatch.from_arrays(
                [*batch.columns[:-2], pa.array(scores), pa.array(same)],
                names=[*batch.schema.names[:-2], "score", "same"],
            )
            yield table.filter(pa.array(scores >= threshold))

    return verify


def _same(formal_a: Any, formal_b: Any, answered_a: Any, answered_b: Any) -> Any:
    """Of pairs with nearly the same words: whether nothing else tells them apart. 0 is no answer, which fits any."""
    either = (answered_a == answered_b) | (answered_a == 0) | (answered_b == 0)
    return (formal_a == formal_b) & either


def _hash_sets(column: pa.Array) -> tuple[Any, Any, Any]:
    """The hashes of a binary column, and where the set of each row begins and ends."""
    import numpy as np

    from dedup.shingles import byte_buffers

    data, offsets = byte_buffers(column)
    first = int(offsets[0])
    bounds = (offsets - first) // 8
    # A copy, because Arrow promises no alignment to eight bytes for a slice.
    return np.ascontiguousarray(data[first : int(offsets[-1])]).copy().view(np.uint64), bounds[:-1], bounds[1:]


def _decider(threshold: float, follows: int) -> Mapper:
    def decide(batches: Batches) -> Batches:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from dedup.candidates import KNOWN
        from dedup.clusters import followed, greedy
        from dedup.jaccard import jaccard

        parts = [batch for batch in batches if batch.num_rows]
        if not parts:
            return
        rows = pa.Table.from_batches(parts)
        is_set = pc.equal(rows.column("a"), -1)
        order = [("quality", "descending"), ("size", "descending"), ("id", "ascending"), ("uid", "ascending")]
        nodes = rows.filter(is_set).sort_by(order)  # a document's place is its rank
        uids = nodes.column("uid").to_numpy()
        by_uid = np.argsort(uids)
        pairs = rows.filter(pc.invert(is_set))
        wanted = [pairs.column(end).to_numpy() for end in "ab"]
        ends = [by_uid[np.minimum(np.searchsorted(uids, end, sorter=by_uid), uids.size - 1)] for end in wanted]
        if any((uids[end] != uid).any() for end, uid in zip(ends, wanted, strict=True)):
            raise EngineError("dedup-minhash: a candidate pair names a document that did not come")
        better, worse = np.minimum(*ends), np.maximum(*ends)
        hashes, begin, end = _hash_sets(pa.concat_arrays(nodes.column("shingles").cast(pa.large_binary()).chunks))
        formal, answered = nodes.column("formal").to_numpy(), nodes.column("answered").to_numpy()

        def verified(better: Any, worse: Any) -> tuple[Any, Any, Any, int]:
            scores = jaccard(hashes, begin[better], end[better], hashes, begin[worse], end[worse])
            near = scores >= threshold
            same = _same(formal[better], formal[worse], answered[better], answered[worse])
            told_apart = int((near & ~same).sum())
            near &= same
            return better[near], worse[near], scores[near], told_apart

        tried = better * uids.size + worse
        better, worse, scores, variants = verified(better, worse)
        merging = greedy(better, worse)
        for _ in range(follows):
            further = followed(better, worse, merging, uids >= KNOWN, tried)
            if not further[0].size:
                break
            tried = np.concatenate((tried, further[0] * uids.size + further[1]))
            found = verified(*further)
            better, worse, scores = (np.concatenate(both) for both in zip((better, worse, scores), found, strict=False))
            variants += found[3]
            merging = greedy(better, worse)
        edges = merging[merging >= 0]
        counted = np.zeros(edges.size, np.int64)
        counted[:1] = better.size
        gone = nodes.take(pa.array(worse[edges])).select(["uid", "id", "source"])
        into = nodes.take(pa.array(better[edges])).select(["id", "short"])
        none = np.zeros(edges.size, np.int64)
        columns = [
            *gone.columns,
            *into.columns,
            *(pa.chunked_array([values]) for values in (scores[edges], counted, none)),
        ]
        names = ["uid", "id", "source", "into_id", "short", "score", "verified", "variants"]
        table = pa.Table.from_arrays(columns, names=names)
        if variants:
            row = {"uid": -1, "id": "", "source": "", "into_id": "", "short": False, "score": 0.0, "verified": 0}
            table = pa.concat_tables(
                [table, pa.Table.from_pylist([{**row, "variants": variants}], schema=table.schema)]
            )
        yield from table.combine_chunks().to_batches()

    return decide

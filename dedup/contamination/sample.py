"""The background sample: documents evenly spread over a dataset, the same for every worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.dataset import Dataset

GROUPS = 16  # row groups that are read: some 8 MiB of rows each


def sample_texts(datasets: Sequence[Dataset], documents: int) -> Iterator[pa.Array]:
    """Texts of about `documents` rows: from up to `GROUPS` row groups of up to `GROUPS` parts, rows evenly spaced.

    So it reads at most `GROUPS` row groups, not the dataset. InputError for a part that cannot be read.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from arcmill.errors import InputError
    from arcmill.records import TEXT

    parts = [(dataset, part["path"]) for dataset in datasets for part in dataset.parts]
    groups: list[tuple[Any, str, int, int]] = []
    try:
        for dataset, name in _spread(parts, GROUPS):
            with dataset.filesystem.open(dataset.file(name), "rb") as stream:
                metadata = pq.ParquetFile(stream).metadata
                groups += [(dataset, name, g, metadata.row_group(g).num_rows) for g in range(metadata.num_row_groups)]
        chosen = _spread(groups, GROUPS)
        step = max(1, -(-sum(rows for *_, rows in chosen) // max(documents, 1)))
        for dataset, name, group, rows in chosen:
            text = TEXT[dataset.record]
            with dataset.filesystem.open(dataset.file(name), "rb") as stream:
                table = pq.ParquetFile(stream, page_checksum_verification=True).read_row_group(
                    group, columns=[text], use_threads=False
                )
            texts = table.column(text).take(pa.array(np.arange(0, rows, step)))
            yield from texts.chunks
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{name}: a damaged part ({' '.join(str(error).split())[:200]})") from None


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]

"""What the packaged model `hand-written-vs-generated-code` is measured by, on files that nothing was trained on.

The model never sees a mark. score-code reads marks beside it, and so do the labels of most generated files, by rules of their
own (`marks.py`): what it reaches on "files as they come" is true of files with marks, and says nothing of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from filters.code_quality.default.corpus import KINDS, Sample
from filters.code_quality.score import MARKED, marked
from filters.quality.calibration import roc_auc

if TYPE_CHECKING:
    from filters.code_quality.model import CodeQualityModel

__all__ = ["evaluate"]

_BATCH = 500  # files


def evaluate(model: CodeQualityModel, files: Iterable[Sample]) -> dict[str, dict[str, float]]:
    """By language: files and packages of each kind, AUC of hand-written files against each kind of bad ones and against
    generated and minified ones together, by the model alone, and the last by score-code on files as they come, with marks. Then
    shares of files (0-1): of the generated and minified ones, those that bear a mark, that filter-code drops, that the model alone
    and score-code put into the low tier, and filter-code or score-code; of the hand-written ones, those that are wrongly
    held for marked, and those that pass filter-code and score-code.
    """
    rows: list[tuple[str, str, str, float, bool, bool, bool]] = []
    batch: list[Sample] = []
    for file in files:
        batch.append(file)
        if len(batch) == _BATCH:
            rows += _judged(model, batch)
            batch = []
    rows += _judged(model, batch) if batch else []
    out: dict[str, dict[str, float]] = {}
    languages = np.array([row[0] for row in rows])
    kinds, names = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    scores, low, dropped, says = (np.array([row[column] for row in rows]) for column in (3, 4, 5, 6))
    seen = np.where(says, scores * MARKED, scores) if rows else scores
    for language in sorted(set(languages.tolist())):
        of = languages == language
        hand = of & (kinds == "hand")
        row: dict[str, float] = {}
        for kind in KINDS:
            row[f"{kind}, files"] = float((of & (kinds == kind)).sum())
            row[f"{kind}, packages"] = float(len(set(names[of & (kinds == kind)].tolist())))
        for name, bad in {**{kind: (kind,) for kind in KINDS[1:]}, "generated or minified": KINDS[1:3]}.items():
            other = of & np.isin(kinds, bad)
            if hand.any() and other.any():
                row[name] = round(roc_auc(scores[hand | other], hand[hand | other]), 4)
        other = of & np.isin(kinds, KINDS[1:3])
        if hand.any() and other.any():
            row["generated or minified, as they come"] = round(roc_auc(seen[hand | other], hand[hand | other]), 4)
        wrote = of & np.isin(kinds, KINDS[1:3])
        if wrote.any():
            row["marked"] = round(float(says[wrote].mean()), 4)
            row["caught by rules"] = round(float(dropped[wrote].mean()), 4)
            row["caught by model"] = round(float(low[wrote].mean()), 4)
            row["caught by score-code"] = round(float((low | says)[wrote].mean()), 4)
            row["caught by either"] = round(float((low | says | dropped)[wrote].mean()), 4)
        if hand.any():
            row["hand marked"] = round(float(says[hand].mean()), 4)
            row["hand passes both"] = round(float((~(low | says | dropped))[hand].mean()), 4)
        out[language] = row
    return out


def _judged(model: CodeQualityModel, files: list[Sample]) -> list[tuple[str, str, str, float, bool, bool, bool]]:
    """Language, kind, package, the model's score, whether that is of the low tier, whether filter-code drops it, whether it is marked."""
    import pyarrow as pa

    from arcmill.records import schema
    from filters.code import stage as filter_code

    given: list[dict[str, Any]] = [
        {"id": str(n), "text": file.text, "source": "", "path": file.path,
         "metadata": [("programming_language", file.language)]}
        for n, file in enumerate(files)
    ]  # fmt: skip
    config = filter_code.FilterCode()
    batch = pa.RecordBatch.from_pylist(given, schema=schema("Document"))
    dropped = filter_code.core(batch, config, filter_code.setup(config)).outcomes
    out = []
    for n, file in enumerate(files):
        score = model.score(file.text, file.language, file.path)
        low = score < model.language(file.language)[1].low
        mark = marked(file.text, file.language, None) is not None
        out.append((file.language, file.kind, file.package, score, low, n in dropped, mark))
    return out

"""A sheet to label: `python -m filters.stem.sheet SAMPLE labels.csv` writes a CSV with an empty column `label`.

Filled in (by a person, or by a program that asks a model), it is what `train-stem --set labels=labels.csv` reads.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from arcmill.dataset import Dataset
from arcmill.errors import ArcmillError, UsageError

__all__ = ["COLUMNS", "RUBRIC", "write_sheet"]

COLUMNS = ("id", "label", "source", "url", "text")
SHOWN = 4000  # characters

RUBRIC = """How much does a reader learn of mathematics or natural science here? Label the whole text, not its subject.
0  nothing: another subject, or no content (menus, legal text, configuration)
1  the subject is touched: a tool, file or data of a science, without an idea of it
2  an idea is named or used, not explained: a reference for one who knows it
3  an idea, method or formula is explained so that a reader can learn it
4  a full explanation: definitions, formulas or derivations, assumptions, cases
5  outstanding teaching: self-contained, step by step, with worked examples"""


def write_sheet(dataset: Dataset, path: Path, shown: int = SHOWN) -> int:
    """Write a row a document, the text cut to `shown` characters. Returns the rows; an existing file is refused."""
    try:
        stream = open(path, "x", encoding="utf-8", newline="")  # noqa: SIM115
    except FileExistsError:
        raise UsageError(f"{path} exists: it may hold labels; name another file") from None
    with stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        rows = 0
        for batch in dataset.batches(columns=["id", "source", "url", "text"]):
            for row in batch.to_pylist():
                writer.writerow(
                    [row["id"], "", row["source"], row["url"] or "", row["text"][:shown].replace("\0", " ")]
                )
                rows += 1
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog=RUBRIC, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sample", help="dataset of sample-stem")
    parser.add_argument("sheet", type=Path, help="CSV file to write")
    parser.add_argument("--characters", type=int, default=SHOWN, help="of each text (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        rows = write_sheet(Dataset.open(arguments.sample), arguments.sheet, arguments.characters)
    except ArcmillError as error:
        sys.exit(str(error))
    print(f"{rows} documents\n\n{RUBRIC}")


if __name__ == "__main__":
    main()

"""The FineWeb chain of datatrove (`fineweb_chain.py`), with the settings of its example `fineweb.py`, as a process.

    python benchmarks/ablation_peer.py WARC FOLDER

`FOLDER/output` holds its texts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fineweb_chain import Settings, chain

# The example's: English, its URL filter, C4 without the rule on terminal punctuation. What is compared are the texts, so
# Trafilatura may take 10 s a page: its default of 1 s would leave out pages on a busy machine.
SETTINGS = Settings(languages=("en",), urls=True, extract_seconds=10, terminal_punctuation=False)


def main() -> int:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    chain(arguments.warc, arguments.folder, SETTINGS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

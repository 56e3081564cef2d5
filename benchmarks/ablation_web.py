"""Does what we keep of a crawl train a better model than the raw pages, or than a plain FineWeb chain?

    python benchmarks/ablation_web.py --data DIR --root DIR [--set KEY=VALUE …] [--only-arms]

One WARC (`ablation_crawl.py` lists what is in it) is read by four arms, each then trained on equally many tokens:

| arm | made by |
|---|---|
| `raw` | `ingest-web`: the main text of every page, nothing left out |
| `fineweb` | datatrove's FineWeb chain with the settings of its example (`ablation_peer.py`) |
| `web` | `recipes/web.yaml`, English |
| `web_code` | the same, and the pages about code by their own way (`ablation_web.yaml`), 70 : 30 |

The held-out sets (encyclopedia, news, speeches, articles, manuals) lie apart from the crawl by host or page; documents
that an arm holds all the same are left out for all arms by `arcmill ablate`.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import ablation_crawl
import ablation_steps as steps

SETTINGS: dict[str, Any] = {
    "size": "small",
    "tokens": 600_000,
    "seeds": 3,
    "tasks": ["continuation", "last_word"],
    "items": 100,
}


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public collections")
    arguments = parser.parse_args()
    arms, held_out = build(arguments.data, arguments.root)
    steps.ablate(arguments, arms, held_out, **SETTINGS)
    return 0


def build(data: Path, root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Datasets of the arms, and of the held-out sets."""
    root.mkdir(parents=True, exist_ok=True)
    warc = root / "pages.warc.gz"
    if not warc.exists():
        made = root / "unfinished.warc.gz"
        count = ablation_crawl.write_warc(made, ablation_crawl.pages(data, root))
        made.rename(warc)
        print(f"{count} pages", file=sys.stderr)
    crawl = (f"pages.input={warc}", "pages.max_error_rate=1")
    steps.recipe("web", root / "run", *crawl, "language.languages=[en]")
    steps.recipe("ablation_web", root / "ours", *crawl)
    peer = root / "peer"
    if not (peer / "logs" / "output" / "completions").exists():
        subprocess.run([sys.executable, str(steps.HERE / "ablation_peer.py"), str(warc), str(peer)], check=True)
    fineweb = steps.texts(peer_rows(peer), root / "fineweb", "max_error_rate=0")
    arms = {
        "raw": root / "run" / "pages",
        "fineweb": fineweb,
        "web": root / "run" / "mixed",
        "web_code": root / "ours" / "mixed",
    }
    return arms, held_out_sets(data, root)


def peer_rows(peer: Path) -> Iterator[dict[str, Any]]:
    """What the peer's chain put out."""
    for path in sorted(peer.glob("output/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                yield {"id": row["id"], "text": row["text"], "url": row["metadata"]["url"], "source": "fineweb"}


def held_out_sets(data: Path, root: Path) -> dict[str, Path]:
    """A dataset each, of what is English by identify-language."""
    made = {}
    for name, rows in groupby(ablation_crawl.held_out(data), key=lambda row: row[0]):
        told = ({"id": key, "text": text, "source": name} for _, key, text in rows)
        read = steps.texts(told, root / "heldout" / name / "texts")
        made[name] = root / "heldout" / name / "english"
        if not (made[name] / "manifest.json").exists():
            steps.arcmill("identify-language", "--input", str(read), "--output", str(made[name]), "--quiet", "--set",
                          "languages=[en]")  # fmt: skip
    return made


if __name__ == "__main__":
    raise SystemExit(main())

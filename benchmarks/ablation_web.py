"""Does what we keep of a crawl train a better model than the raw pages, or than a plain FineWeb chain; and do buckets help?

    python benchmarks/ablation_web.py --data DIR --root DIR [--set KEY=VALUE …] [--only-arms] [--development]

One WARC (`ablation_crawl.py` lists what is in it) is read by four arms, each then trained on equally many tokens:

| arm | made by |
|---|---|
| `raw` | `ingest-web`: the main text of every page, nothing left out |
| `fineweb` | datatrove's FineWeb chain with the settings of its example (`ablation_peer.py`) |
| `web` | `recipes/web.yaml`, English: every document that the filters and dedup kept, equally often |
| `lowest_out` | that without its lowest bucket, 7 of 20 equal shares of the tokens |
| `weighted` | the others of these 1 to 3.2 times by bucket: the defaults of `bucket-quality`, as in the report |
| `web_code` | `web`, and the pages about code by their own way (`ablation_web.yaml`), 70 : 30 |

The held-out sets (encyclopedia, news, speeches, articles, manuals) lie apart from the crawl by host or page; documents
that an arm holds all the same are left out for all arms by `arcmill ablate`. Each is in two halves by a hash of the
document's name: with `--development` settings are chosen, without it the result is measured.
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
    "size": "small", "tokens": 2_000_000, "seeds": 3, "tasks": ["continuation", "last_word"], "items": 150, "compile": True,
}  # fmt: skip


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public collections")
    parser.add_argument(
        "--development", action="store_true", help="the half of the held-out texts for choosing settings"
    )
    arguments = parser.parse_args()
    arms = build(arguments.data, arguments.root)
    held_out = held_out_sets(arguments.data, arguments.root, arguments.development)
    steps.ablate(arguments, arms, held_out, **SETTINGS)
    return 0


def build(data: Path, root: Path) -> dict[str, Path]:
    """Datasets of the arms."""
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
    for name, epochs in (("lowest_out", "[0,1,1,1,1]"), ("by_weight", "null")):
        if not (root / name / "manifest.json").exists():
            steps.arcmill("bucket-quality", "--input", str(root / "run" / "minhash"), "--output", str(root / name), "--quiet",
                          "--set", f"epochs={epochs}")  # fmt: skip
    if not (root / "weighted" / "manifest.json").exists():
        steps.arcmill("mix", "--input", f"web={root / 'by_weight'}", "--output", str(root / "weighted"), "--quiet")
    peer = root / "peer"
    if not (peer / "logs" / "output" / "completions").exists():
        subprocess.run([sys.executable, str(steps.HERE / "ablation_peer.py"), str(warc), str(peer)], check=True)
    return {
        "raw": root / "run" / "pages",
        "fineweb": steps.texts(peer_rows(peer), root / "fineweb", "max_error_rate=0"),
        "web": root / "run" / "mixed",
        "lowest_out": root / "lowest_out",
        "weighted": root / "weighted",
        "web_code": root / "ours" / "mixed",
    }


def peer_rows(peer: Path) -> Iterator[dict[str, Any]]:
    """What the peer's chain put out."""
    for path in sorted(peer.glob("output/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                yield {"id": row["id"], "text": row["text"], "url": row["metadata"]["url"], "source": "fineweb"}


def held_out_sets(data: Path, root: Path, development: bool) -> dict[str, Path]:
    """A dataset each, of what is English by identify-language."""
    made = {}
    folder = root / ("development" if development else "heldout")
    for name, rows in groupby(ablation_crawl.held_out(data, development), key=lambda row: row[0]):
        told = ({"id": key, "text": text, "source": name} for _, key, text in rows)
        read = steps.texts(told, folder / name / "texts")
        made[name] = folder / name / "english"
        if not (made[name] / "manifest.json").exists():
            steps.arcmill("identify-language", "--input", str(read), "--output", str(made[name]), "--quiet", "--set",
                          "languages=[en]")  # fmt: skip
    return made


if __name__ == "__main__":
    raise SystemExit(main())

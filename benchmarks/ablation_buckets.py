"""Do quality buckets help: documents by their bucket's epochs, against every document equally often?

    python benchmarks/ablation_buckets.py --data DIR --root DIR [--set KEY=VALUE …] [--only-arms]

The prose of `ablation_web.py`'s crawl (the same folder `--root` of that command can be given, and is taken up):

| arm | holds |
|---|---|
| `equal` | every document that the filters and dedup kept, once (`minhash`) |
| `lowest_out` | the lowest bucket left out, the others once |
| `weighted` | the lowest left out, the others 1 to 3.2 times by bucket, as `bucket-quality` and `mix` do (`prose`) |

The budget is less than each arm holds, so none is read twice but by its weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ablation_steps as steps
import ablation_web

SETTINGS: dict[str, Any] = {**ablation_web.SETTINGS, "tokens": 400_000}


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public collections")
    arguments = parser.parse_args()
    root = arguments.root
    _, held_out = ablation_web.build(arguments.data, root)
    once = root / "lowest_out"
    if not (once / "manifest.json").exists():
        steps.arcmill("bucket-quality", "--input", str(root / "ours" / "minhash"), "--output", str(once), "--quiet", "--set",
                      "epochs=[0,1,1,1,1]")  # fmt: skip
    arms = {"equal": root / "ours" / "minhash", "lowest_out": once, "weighted": root / "ours" / "prose"}
    arguments.root = root / "buckets"
    steps.ablate(arguments, arms, held_out, **SETTINGS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Does fill-in-the-middle teach infilling, and what does it cost left to right?

    python benchmarks/ablation_fim.py --root DIR [--set KEY=VALUE …] [--only-arms]

Arms, of the source code of this Python's packages, packed to 512 tokens (`ablation_fim.yaml`): `without`, and `recipe`,
of whose runs of a file pack rearranges nine in ten (`context_fim`, the rate of `recipes/code.yaml`); `--half` adds one
of half the runs. Rearranged as wholes, before packing, files are longer than the window of so small a decoder, which
then never sees prefix, suffix and middle together. Held out: `packages`, one package in six by a hash of its name,
filtered and scored by the same stages.

Read `infill_exact` (the rest of a line, given what stands before and behind it, written greedily), `infill_bits` (bits
per byte of it) and the plain loss. An arm that never saw the sentinels cannot infill; `infill_prefix_bits` says what it
knows from what stands before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ablation_steps as steps

SETTINGS: dict[str, Any] = {
    "size": "small", "tokens": 5_000_000, "seeds": 3, "context": 512, "tasks": ["infill"], "items": 400, "compile": True
}  # fmt: skip


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--half", action="store_true", help="a third arm, of whose files half are rearranged")
    arguments = parser.parse_args()
    arms, held_out = build(arguments.root)
    if not arguments.half:
        del arms["half"]
    steps.ablate(arguments, arms, held_out, tokenizer=arguments.root / "fim" / "tokenizer", **SETTINGS)
    return 0


def build(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Datasets of the arms, and of the held-out packages."""
    trained, held = steps.packages()
    steps.recipe("ablation_fim", root / "fim", f"files.distributions={json.dumps(trained)}")
    steps.recipe("ablation_fim", root / "held", f"files.distributions={json.dumps(held)}", "files.max_documents=null")
    arms = {name: root / "fim" / name for name in ("without", "half", "recipe")}
    return arms, {"packages": root / "held" / "minhash"}


if __name__ == "__main__":
    raise SystemExit(main())

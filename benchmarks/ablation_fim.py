"""Does fill-in-the-middle teach infilling, and what does it cost left to right?

    python benchmarks/ablation_fim.py --root DIR [--set KEY=VALUE …] [--only-arms] [--development]

Arms, of the source code of this Python's packages, packed to rows of 256 tokens (`ablation_fim.yaml`): `without`;
`recipe`, of whose runs of a file pack rearranges nine in ten (`context_fim`, the rate of `recipes/code.yaml`, GLM's form
of SPM); and `joined`, the same with the other published form of SPM, in which the middle stands right behind the prefix.
Rearranged as wholes, before packing, files are longer than the window of so small a decoder, which then never sees
prefix, suffix and middle together. Held out: packages, one in four by a hash of its name, filtered and scored by the same
stages. With `--development` those of a third of them, by which settings are chosen; without it the others.

The trainings are measured twice, in either form of SPM: `ablation/` in GLM's, `ablation-joined/` in the joined one. Read
`infill_exact` (the rest of a line, given what stands before and behind it), `infill_bits` (bits per byte of it),
`infill_gain` (what the suffix saves) and the plain loss. An arm that never saw the sentinels cannot infill;
`infill_prefix_bits` says what it knows from what stands before.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ablation_steps as steps

SETTINGS: dict[str, Any] = {
    "size": "small", "tokens": 2_400_000, "seeds": 3, "context": 256, "tasks": ["infill", "infill_span"], "items": 500,
    "heldout_tokens": 100_000, "compile": True,
}  # fmt: skip


def main() -> int:
    """Build, train, measure."""
    parser = steps.parser(__doc__)
    parser.add_argument("--development", action="store_true", help="the held-out packages for choosing settings")
    arguments = parser.parse_args()
    arms, held_out = build(arguments.root, arguments.development)
    given = {"tokenizer": arguments.root / "fim" / "tokenizer", **SETTINGS}
    steps.ablate(arguments, arms, held_out, **given, spm_order="joined")
    if not arguments.only_arms:
        keep(arguments.root / "ablation", arguments.root / "ablation-joined")
    steps.ablate(arguments, arms, held_out, **given, spm_order="suffix_first")
    return 0


def keep(measured: Path, output: Path) -> None:
    """Copy the results: the same trainings are measured again in the other form."""
    output.mkdir(exist_ok=True)
    for path in measured.iterdir():
        if path.is_file():
            shutil.copy2(path, output / path.name)


def build(root: Path, development: bool) -> tuple[dict[str, Path], dict[str, Path]]:
    """Datasets of the arms, and of the held-out packages."""
    trained, held, chosen_by = steps.packages()
    half, names = ("development", chosen_by) if development else ("held", held)
    steps.recipe("ablation_fim", root / "fim", f"files.distributions={json.dumps(trained)}")
    steps.recipe("ablation_fim", root / half, f"files.distributions={json.dumps(names)}")
    arms = {name: root / "fim" / name for name in ("without", "recipe", "joined")}
    return arms, {"packages": root / half / "minhash"}


if __name__ == "__main__":
    raise SystemExit(main())

"""What the ablation commands share: arms built by stages, each once; held-out sets; then `arcmill ablate`."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
HELD_OUT_PACKAGES = 4  # one package in so many is held out of arms of code
DEVELOPMENT = 3  # of those, one in so many is for choosing settings


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that each command has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--root", type=Path, required=True, help="folder for arms, held-out sets and results; taken up again"
    )
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of arcmill ablate")
    made.add_argument("--only-arms", action="store_true", help="build arms and held-out sets, train nothing")
    made.add_argument("--workers", type=int, default=1, help="trainings at a time, a thread each (default 1)")
    made.add_argument(
        "--python", default=sys.executable, help="Python with torch, for arcmill ablate (default: this one)"
    )
    return made


def arcmill(*arguments: str, python: str = sys.executable) -> None:
    """Run arcmill of this tree."""
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY))
    subprocess.run([python, "-m", "pipelines.cli", *arguments], check=True, env=environment)


def recipe(name: str, root: Path, *assignments: str) -> None:
    """Run a recipe of this folder, or one of arcmill's; what stands is taken up."""
    path = HERE / f"{name}.yaml"
    flags = [flag for each in assignments for flag in ("--set", each)]
    arcmill("run", str(path) if path.exists() else name, "--root", str(root), "--quiet", *flags)


def texts(rows: Iterable[Mapping[str, Any]], output: Path, *settings: str) -> Path:
    """Documents of rows with id and text (and url, repo, path, metadata columns), by ingest-text."""
    if (output / "manifest.json").exists():
        return output
    output.parent.mkdir(parents=True, exist_ok=True)
    lines = output.with_suffix(".jsonl")
    with lines.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    flags = [flag for each in settings for flag in ("--set", each)]
    arcmill("ingest-text", "--input", str(lines), "--output", str(output), "--quiet", *flags)
    return output


def packages(names: Iterable[str] | None = None) -> tuple[list[str], list[str], list[str]]:
    """Names of this Python's packages by a hash of the name: those of the arms, those held out, those to choose settings by."""
    if names is None:
        names = {str(each.metadata["Name"]).lower().replace("_", "-") for each in importlib.metadata.distributions()}
    trained, held, development = [], [], []
    for name in sorted(names):
        number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
        if number % HELD_OUT_PACKAGES:
            trained.append(name)
        else:
            (held if number // HELD_OUT_PACKAGES % DEVELOPMENT else development).append(name)
    return trained, held, development


def ablate(
    arguments: argparse.Namespace, arms: Mapping[str, Path], held_out: Mapping[str, Path], *,
    tokenizer: Path | None = None, **settings: Any,
) -> None:  # fmt: skip
    """Train and measure. `--set` of the command wins over the settings given here. `tokenizer`: of packed arms."""
    if arguments.only_arms:
        return
    flags = [f"{name}={path}" for name, path in arms.items()]
    for name, path in held_out.items():
        flags += ["--heldout", f"{name}={path}"]
    flags += ["--tokenizer", str(tokenizer)] if tokenizer else []
    flags += ["--output", str(arguments.root / "ablation"), "--workers", str(arguments.workers)]
    for each in [*(f"{key}={json.dumps(value)}" for key, value in settings.items()), *arguments.set]:
        flags += ["--set", each]
    started = time.perf_counter()
    arcmill("ablate", *flags, python=arguments.python)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)

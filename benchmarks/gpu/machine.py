"""The machine that is measured on: what it is, what it can do at most, and how long a call takes on it."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
PACKAGES = (
    "torch", "triton", "transformers", "sentence-transformers", "tokenizers", "vllm", "faiss-gpu-cu12", "faiss-cpu", "cuvs-cu12",
    "cuvs-cu13", "numpy", "pyarrow", "numba",
)  # fmt: skip


class NotMeasured(Exception):
    """What this machine cannot be asked, and why: a row of the table, never a failure."""


def device(wanted: str = "auto") -> str:
    """cuda where torch finds a GPU, else cpu."""
    import torch

    found = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and found == "cpu":
        raise NotMeasured("torch finds no GPU")
    return found if wanted == "auto" else wanted


def installed(name: str) -> bool:
    """Whether a module can be imported, without importing it."""
    from importlib.util import find_spec

    return find_spec(name) is not None


def facts(place: str) -> dict[str, str]:
    """Device, driver, versions and commit, as a reader of the table needs them."""
    import torch

    told = {
        "platform": platform.platform(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
    }
    if place.startswith("cuda"):
        known = torch.cuda.get_device_properties(0)
        told["device"] = known.name
        told["memory"] = f"{known.total_memory / 2**30:.1f} GiB, {known.multi_processor_count} multiprocessors"
        told["driver"] = said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").splitlines()[0]
        told["cuda"] = str(torch.version.cuda)
    else:
        told["device"] = "processor " + processor()
        told["driver"] = "none: no GPU was used"
    for name in PACKAGES:
        try:
            told[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            told[name] = "not installed"
    changed = "" if said("git", "-C", str(ROOT), "status", "--porcelain") in ("", "unknown") else " with changes"
    told["commit"] = said("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD") + changed
    return told


def said(*command: str) -> str:
    """What a command prints, or `unknown`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.strip() or ("" if "status" in command else "unknown")) if done.returncode == 0 else "unknown"


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def waited(place: str) -> None:
    """Until the device has done all that it was given."""
    if place.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def seconds(call: Callable[[], Any], place: str, turns: int = 5, warm: int = 1) -> float:
    """Median wall seconds of a call, its device work included, after `warm` that do not count."""
    for _ in range(warm):
        call()
    times = []
    for _ in range(turns):
        waited(place)
        started = time.perf_counter()
        call()
        waited(place)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def ceilings(place: str) -> dict[str, float]:
    """What the device does at most: bytes/s of a copy (read and written), operations/s of products of random matrices."""
    import torch

    big = place.startswith("cuda")
    torch.manual_seed(0)
    found = {"copy bytes/s": _copied((1 << 30) if big else (1 << 24), place)}
    side = 8192 if big else 512
    a, b = (torch.randn(side, side, device=place) for _ in range(2))
    work = 2.0 * side**3
    torch.backends.cuda.matmul.allow_tf32 = True
    found["float32 op/s"] = work / seconds(lambda: a @ b, place, 10, 3)  # TF32 on a GPU
    for kind in (torch.bfloat16, torch.float16) if big else (torch.bfloat16,):
        x, y = a.to(kind), b.to(kind)
        found[f"{str(kind).removeprefix('torch.')} op/s"] = work / seconds(lambda x=x, y=y: x @ y, place, 10, 3)
    found.setdefault("float16 op/s", found["float32 op/s"])
    return found


def _copied(numbers: int, place: str) -> float:
    """Bytes a second, read and written, of a copy of this many float32."""
    import torch

    source = torch.rand(numbers, device=place)
    target = torch.empty_like(source)
    return 8.0 * numbers / seconds(lambda: target.copy_(source), place, 10)

"""How the cost of the main stages grows: recipe `web` at three sizes, one process a step, and what that means for 1 TB and more.

Pages are made here from a seed (tests/pages.py: prose, near-copies, one in eight), stored as WARC. Of each step: CPU of the
process and its children, the largest resident set of any of them, bytes written, and with a master of Spark's own the bytes
that were shuffled (from Spark's event log). Growth is fitted as CPU = start + rate * size; the exponent between the last two
sizes, start taken off, says whether that is fair: near 1 it is. Nothing here says how a cluster's network behaves.

Example:
  python benchmarks/cluster_growth.py --sizes 30,100,300 --master 'local[2]' --workers 2
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
STEPS = "pages language filtered scored exact minhash buckets tokenizer counted mixed packed".split()
TARGETS = {"1 TB": 1e6, "100 TB": 1e8, "full crawl (400 TB of HTML)": 4e8}  # MB of HTML


def write_archives(folder: Path, megabytes: float) -> float:
    """WARC files of generated pages, about 16 MB of HTML each; the MB of HTML that were written."""
    from pages import prose

    folder.mkdir(parents=True)
    chance, written, number, before = random.Random(7), 0, 0, ""
    while written < megabytes * 1e6:
        begun = written
        with gzip.open(folder / f"{number:05d}.warc.gz", "wb", compresslevel=1) as stream:
            while written < megabytes * 1e6 and written - begun < 16e6:
                body = "".join(f"<p>{text}</p>" for text in prose(chance, chance.randint(8, 60)))
                if chance.random() < 0.125 and before:
                    body = before.replace(" old ", " aged ", 1)
                before = body
                html = f"<html><head><title>Page</title></head><body>{body}</body></html>".encode()
                http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
                head = (
                    f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://a{chance.randrange(1 << 40)}.example/\r\n"
                    f"WARC-Date: 2024-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{chance.getrandbits(128):032x}>\r\n"
                    f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
                )
                stream.write(head.encode() + http + b"\r\n\r\n")
                written += len(html)
        number += 1
    return written / 1e6


def run_step(step: str, root: Path, source: Path, master: str, workers: int) -> dict[str, float]:
    """Run one step in a process of its own."""
    events = root / "events" / step
    events.mkdir(parents=True)
    command = [
        sys.executable, "-m", "pipelines.cli", "run", "web", "--root", str(root / "run"), "--only", step, "--workers", str(workers),
        "--quiet", "--set", f"pages.input={source}", "--set", "tokenizer.vocab_size=4096", "--set", f"spark.master={master}",
    ]  # fmt: skip
    if master != "embedded":
        command += ["--set", "spark.eventLog.enabled=true", "--set", f"spark.eventLog.dir=file://{events}"]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ, PYTHONPATH=str(ROOT)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{step} failed")
    metrics = json.loads((root / "run" / step / "metrics.json").read_text())
    return {
        "wall": time.monotonic() - began, "cpu": usage.ru_utime + usage.ru_stime, "memory_mb": usage.ru_maxrss / 1024,
        "out_mb": metrics["bytes_out"] / 1e6, "shuffle_mb": shuffled(events) / 1e6,
    }  # fmt: skip


def shuffled(folder: Path) -> int:
    """Bytes that Spark's tasks wrote for shuffles."""
    total = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            for line in path.read_text(errors="replace").splitlines():
                if '"SparkListenerTaskEnd"' in line:
                    told = json.loads(line).get("Task Metrics") or {}
                    total += told.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
    return total


def fit(sizes: list[float], costs: list[float]) -> tuple[float, float, float]:
    """(start, rate, exponent) by least squares."""
    n, mean_x, mean_y = len(sizes), sum(sizes) / len(sizes), sum(costs) / len(costs)
    spread = sum((x - mean_x) ** 2 for x in sizes)
    rate = sum((x - mean_x) * (y - mean_y) for x, y in zip(sizes, costs, strict=True)) / spread if n > 1 else 0.0
    start = max(0.0, mean_y - rate * mean_x)
    rest = [cost - start for cost in costs]
    usable = n > 1 and rest[-1] > 0 and rest[-2] > 0
    exponent = math.log(rest[-1] / rest[-2]) / math.log(sizes[-1] / sizes[-2]) if usable else math.nan
    return start, rate, exponent


def tell(sizes: list[float], found: dict[str, list[dict[str, float]]]) -> None:
    """Print the measured table and the extrapolated one, as Markdown."""
    print(f"\n| step | CPU s at {', '.join(f'{size:.0f}' for size in sizes)} MB | s/MB | start s | exponent | MB out/MB | shuffle MB/MB "
          "| largest process MB |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    rates: dict[str, float] = {}
    for step, rows in found.items():
        start, rate, exponent = fit(sizes, [row["cpu"] for row in rows])
        rates[step] = rate
        costs = ", ".join(f"{row['cpu']:.1f}" for row in rows)
        memory = ", ".join(f"{row['memory_mb']:.0f}" for row in rows)
        print(f"| {step} | {costs} | {rate:.3f} | {start:.1f} | {exponent:.2f} | {rows[-1]['out_mb'] / sizes[-1]:.3f} | "
              f"{rows[-1]['shuffle_mb'] / sizes[-1]:.3f} | {memory} |")  # fmt: skip
    print("\n| corpus | " + " | ".join(rates) + " | all, core hours |\n|" + "---|" * (len(rates) + 2))
    for name, megabytes in TARGETS.items():
        hours = [max(rate, 0.0) * megabytes / 3600 for rate in rates.values()]
        print(f"| {name} | " + " | ".join(f"{each:,.0f}" for each in hours) + f" | {sum(hours):,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="30,100,300", help="MB of HTML, ascending (default 30,100,300)")
    parser.add_argument(
        "--master", default="local[2]", help="spark.master; embedded tells no shuffle (default local[2])"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--json", type=Path, help="also write what was measured here")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {step: [] for step in STEPS}
    sizes: list[float] = []
    folder = Path(tempfile.mkdtemp(prefix="arcmill-growth-"))
    try:
        for asked_size in map(float, asked.sizes.split(",")):
            root = folder / f"{asked_size:g}"
            sizes.append(write_archives(root / "pages", asked_size))
            for step in STEPS:
                row = run_step(step, root, root / "pages", asked.master, asked.workers)
                found[step].append(row)
                told = "  ".join(f"{key} {value:.1f}" for key, value in row.items())
                print(f"{sizes[-1]:.0f} MB {step}: {told}", file=sys.stderr, flush=True)
            shutil.rmtree(root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tell(sizes, found)
    if asked.json:
        asked.json.write_text(json.dumps({"sizes_mb": sizes, "steps": found}, indent=1))


if __name__ == "__main__":
    main()

"""`arcmill report` and `arcmill inspect` with a run of 100,000 documents and more behind them, and its page in a real Chromium.

    python benchmarks/report_page.py [--documents 120000] [--folder DIR] [--rounds 3]

Two days are made by real stages, from texts of this machine in pieces of 200 to 3,000 characters: each tenth is a near-duplicate
(one word is another), each thirtieth an exact one. The second day lacks a source and has a stricter setting. Then each command
runs in a process of its own, the best round counts: CPU seconds of that process, and its peak resident set. The page's times
are Chromium's own: until it is parsed (DOMContentLoaded), and until it is laid out and painted once (load, then a frame).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

RECIPE = """
name: day
steps:
  texts:    {{stage: ingest-text, input: {texts}}}
  language: {{stage: identify-language, input: texts, config: {{languages: [en]}}}}
  filtered: {{stage: filter-web, input: language, config: {{gopher_quality: {{min_alphabetic_words: 0.6, min_words: {words}}}, c4: {{remove_unpunctuated_lines: false}}}}}}
  scored:   {{stage: score-quality, input: filtered}}
  exact:    {{stage: dedup-exact, input: scored}}
  minhash:  {{stage: dedup-minhash, input: exact}}
  buckets:  {{stage: bucket-quality, input: minhash}}
"""


def write_texts(path: Path, documents: int, day: int) -> None:
    """JSON lines; the same for the same number and day."""
    from pack import machine_texts

    drawn = random.Random(day)
    with path.open("w") as stream:
        held: list[str] = []
        number = 0
        while number < documents:
            for text in machine_texts():
                at = drawn.randrange(2000)
                while at < len(text) and number < documents:
                    length = int(min(200 + drawn.expovariate(1 / 500), 3000))
                    piece, at = text[at : at + length], at + length
                    if held and number % 30 == 0:
                        piece = drawn.choice(held)
                    elif held and number % 10 == 0:
                        words = drawn.choice(held).split(" ")
                        words[drawn.randrange(len(words))] = f"other{number}"
                        piece = " ".join(words)
                    if number % 7 == 0:
                        held = [*held[-499:], piece]
                    row = {"id": f"{day}-{number}", "text": piece, "source": f"source-{number % (11 + day)}"}
                    stream.write(json.dumps(row) + "\n")
                    number += 1


def make(folder: Path, documents: int, workers: int) -> None:
    """Both days; what stands is left."""
    from pipelines import runner
    from pipelines.recipe import load_recipe

    for day in (0, 1):
        texts, recipe = folder / f"day-{day}.jsonl", folder / f"day-{day}.yaml"
        if not texts.exists():
            write_texts(texts, documents, day)
        recipe.write_text(RECIPE.format(texts=texts, words=(20, 40)[day]))
        runner.run(load_recipe(str(recipe)), str(folder / f"run-{day}"), workers=workers)


def ledger_rows(run: Path) -> int:
    """Rows of all ledgers of a run."""
    from pipelines.lineage import open_run

    return sum(int(p["rows"]) for s in open_run(str(run)).steps if s.dataset for p in s.dataset.ledger_parts)


def timed(arguments: list[str]) -> dict[str, Any]:
    """CPU seconds and peak memory of a command, as the system counted them."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit status {process.returncode}")
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "peak_mib": round(used.ru_maxrss / 1024)}


def opened(page: Path, scratch: Path) -> dict[str, Any] | str:
    """Milliseconds of a real Chromium with the page; why not, where there is none."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "pipelines"))
    from browser import CHROMIUM, Tab, browse

    if CHROMIUM is None:
        return "no Chromium here"

    async def act(tab: Tab) -> dict[str, Any]:
        found = []
        for _ in range(3):
            await tab.reload()
            await asyncio.sleep(0.5)
            found.append(await tab.run(
                "(() => { const n = performance.getEntriesByType('navigation')[0], p = performance.getEntriesByType('paint')[0];"
                " return {parsed: n.domContentLoadedEventEnd, loaded: n.loadEventEnd, painted: p ? p.startTime : null}; })()"
            ))  # fmt: skip
        return dict(min(found, key=lambda told: told["loaded"]))

    return dict(browse(page.resolve(), scratch, act))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=120_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, given.documents, given.workers)
        earlier, run = folder / "run-0", folder / "run-1"
        page = folder / "page.html"
        told: dict[str, Any] = {"documents": given.documents, "ledger_rows": ledger_rows(run)}
        commands = {
            "report": ["report", str(run), "--output", str(page)],
            "report --since": ["report", str(run), "--output", str(page), "--since", str(earlier)],
            "report --json": ["report", str(run), "--json"],
            "inspect, all rows": ["inspect", str(run / "texts")],
            "inspect, a ledger": ["inspect", str(run / "filtered")],
        }
        for name, arguments in commands.items():
            rounds = [timed(arguments) for _ in range(given.rounds)]
            told[name] = min(rounds, key=lambda one: float(one["cpu_seconds"]))
        told["page_kb"] = round(page.stat().st_size / 1000)
        told["chromium_ms"] = opened(page, Path(scratch) / "browser")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

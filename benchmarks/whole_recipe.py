"""The whole web recipe against the same chain in datatrove: a WARC of pages in, packed tokens out, one core each.

    python benchmarks/whole_recipe.py [--pages DIR] [--times N] [--sides arcmill,datatrove]

Both sides read the same WARC, each as a process of its own pinned to one core, one after the other. datatrove's chain
(`fineweb_chain.py`): WarcReader, Trafilatura, LanguageFilter, Gopher repetition, Gopher quality, C4, FineWeb, PIIFormatter, the same
fastText quality model, the four MinHash steps (14 x 8, 5-grams), DocumentTokenizer with the tokenizer that arcmill
trained. arcmill runs `recipes/web.yaml`, which does more (exact duplicates, verified pairs, buckets, mixture, training of
the tokenizer, ledger, manifests, checksums). DIR holds .html files (also .gz); without it, HTML pages of the
documentation on this machine, by `ingest-environment`. `--times N` writes every page N times with other values in
its text, to see how time and memory grow. Before the clock, arcmill runs once on some of the pages, which compiles its
kernels where this machine never ran it (10 to 20 s, once; --cold leaves that in).
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fineweb_chain import MODELS, Settings, chain

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the sides and print seconds, pages per second, ratio, memory by stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, help="folder of .html files, searched below (default: see above)")
    parser.add_argument("--times", type=int, default=1, help="write every page so often, numbers changed (default 1)")
    parser.add_argument("--sides", default="arcmill,datatrove", help="which to run (default both)")
    parser.add_argument("--cold", action="store_true", help="no run before the clock")
    parser.add_argument("--peer", nargs=3, metavar=("WARC", "TOKENIZER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        warc, tokenizer, into = arguments.peer
        chain(Path(warc), into, peer_settings(tokenizer))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pages = write_warc(folder / "pages.warc.gz", html_pages(arguments.pages, folder), arguments.times)
        print(f"{pages} pages, {(folder / 'pages.warc.gz').stat().st_size / 1e6:.1f} MB of WARC")
        took: dict[str, float] = {}
        sides = arguments.sides.split(",")
        if "arcmill" in sides:
            if not arguments.cold:
                some = itertools.islice(html_pages(arguments.pages, folder), 0, 2000, 3)
                write_warc(folder / "first.warc.gz", some, 1)
                timed(recipe(folder / "first.warc.gz", folder / "first"), check=False)
            took["arcmill"] = timed(recipe(folder / "pages.warc.gz", folder / "run"))
            report_stages(folder / "run")
        if "datatrove" in sides:
            tokenizer = folder / "run" / "tokenizer" / "tokenizer.json"
            command = [
                sys.executable,
                __file__,
                "--peer",
                str(folder / "pages.warc.gz"),
                str(tokenizer),
                str(folder / "peer"),
            ]
            took["datatrove"] = timed(command)
            report_peer(folder / "peer")
        for name, seconds in took.items():
            print(f"{name:<10} {seconds:8.1f} s  {pages / seconds:8.1f} pages/s")
        if len(took) == 2:
            print(f"ratio      {took['datatrove'] / took['arcmill']:8.1f}")
    return 0


def recipe(warc: Path, root: Path) -> list[str]:
    """The command that runs our side."""
    return [
        sys.executable, "-m", "pipelines.cli", "run", str(REPOSITORY / "recipes" / "web.yaml"), "--set",
        f"pages.input={warc}", "--root", str(root), "--workers", "1", "--set", "pages.max_error_rate=1", "--quiet",
    ]  # fmt: skip


def html_pages(folder: Path | None, scratch: Path) -> Iterator[bytes]:
    """The pages, as bytes, in the order of their names."""
    if folder is None:
        from arcmill.dataset import Dataset

        made = scratch / "environment"
        command = [sys.executable, "-m", "pipelines.cli", "ingest-environment", "--output", str(made), "--set", "keep_html=true",
                   "--set", "kinds=[docs]"]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for batch in Dataset.open(str(made)).batches(["html"]):
            yield from (page.encode() for page in batch.column(0).to_pylist() if page)
        return
    for path in sorted(folder.rglob("*")):
        if path.name.endswith((".html", ".htm")):
            yield path.read_bytes()
        elif path.name.endswith(".html.gz"):
            yield gzip.decompress(path.read_bytes())


def write_warc(path: Path, pages: Iterator[bytes], times: int) -> int:
    """One response record a page. Returns how many.

    Only pages that libmagic takes for HTML: datatrove's WarcReader passes over the others, without a word.
    """
    import magic
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    number = 0
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for page in pages:
            if magic.from_buffer(page, mime=True) not in ("text/html", "application/xhtml+xml"):
                continue
            for copy in range(times):
                body = page if not copy else re.sub(rb">([^<>]*\d)", rb">\g<1>%d" % copy, page)
                http = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
                uri = f"https://site{number % 97}.example.org/page/{number}"
                headers = {"WARC-Date": "2026-01-01T00:00:00Z"}
                writer.write_record(
                    writer.create_warc_record(
                        uri, "response", payload=io.BytesIO(body), http_headers=http, warc_headers_dict=headers
                    )
                )
                number += 1
    return number


def timed(command: list[str], check: bool = True) -> float:
    """Wall seconds of a command that has one core."""
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS="1", RAYON_NUM_THREADS="1")
    core = {max(os.sched_getaffinity(0))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        command,
        check=check,
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"  {wall:.1f} s wall, {processor:.1f} s processor")
    return wall


def report_stages(run: Path) -> None:
    """Rows, seconds and peak memory of each of our stages."""
    for metrics in sorted(run.glob("*/metrics.json"), key=lambda path: path.stat().st_mtime):
        values, manifest = json.loads(metrics.read_text()), json.loads((metrics.parent / "manifest.json").read_text())
        print(f"  {metrics.parent.name:<10} in {manifest['counts']['in']:>7}  kept {manifest['counts']['kept']:>7}"
              f"  {values['seconds']:7.1f} s  {values['peak_memory_bytes'] / 1e6:7.0f} MB")  # fmt: skip


def report_peer(folder: Path) -> None:
    """What datatrove counted."""
    for stats in sorted(folder.glob("logs/*/stats.json"), key=lambda path: path.stat().st_mtime):
        for step in json.loads(stats.read_text()):
            counts = {k: v.get("total", v) if isinstance(v, dict) else v for k, v in step["stats"].items()
                      if k in ("total", "forwarded", "dropped", "documents", "doc_len_tokens", "tokens")}  # fmt: skip
            seconds = step["time_stats"].get("total", 0)
            print(f"  {step['name'][:34]:<34} {seconds:7.1f} s  {counts}")


def peer_settings(tokenizer: str) -> Settings:
    """What `recipes/web.yaml` does: its languages, its quality model, tokens out; all else as datatrove has it by default.

    No URL filter: `write_warc` makes the hosts up, so it would cost the peer time and drop nothing.
    C4's rule on lines without a final mark, which web.yaml does not apply, spares the peer work in the steps after it.
    """
    models = (MODELS / "prose-vs-boilerplate-en").iterdir()
    quality = next(path for path in models if path.suffix in (".ftz", ".bin"))
    return Settings(
        languages=("en", "zh"), urls=False, extract_seconds=1, terminal_punctuation=True, classifier=quality,
        tokenizer=tokenizer,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())

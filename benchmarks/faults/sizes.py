"""Input of odd sizes: many tiny files beside one file with the same rows; one document of 2 GB in each kind of file; skew.

    python benchmarks/faults/sizes.py --work DIR [--only tiny huge skew] [--files 100000] [--gigabytes 2] [--documents 20000]

Processor time and memory are of all processes of a command, with one worker; times of the two sides of a row are of the same run,
so read their ratio. DIR needs room for the files: 1 GB, and 9 GB for those of 2 GB (which are removed one by one).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from command import counts, digest, metrics
from measured import Took, measured
from raw import WORDS, prose

CHUNK = 1 << 20


def line(took: Took, output: Path) -> str:
    """What a command took and gave."""
    told = f"exit {took.ran.status}, {took.cpu:.1f} CPU s, {took.peak >> 20} MiB"
    if took.ran.status:
        return f"{told}: {took.ran.last[:300]}"
    found, took_what = counts(output), metrics(output)
    parts = len(list(output.glob("part-*.parquet")))
    return f"{told}, {took_what['tasks']} tasks, {parts} parts, " + ", ".join(
        f"{key} {value}" for key, value in found.items() if value
    )


# -- many tiny files ---------------------------------------------------------------------------------------------


def tiny(work: Path, files: int) -> Iterator[str]:
    """Each stage that reads files: one row a file, and the same rows in one file."""
    for kind, stage in (("text", "ingest-text"), ("code", "ingest-code"), ("web", "ingest-web")):
        place = work / f"tiny-{kind}"
        if not place.exists():
            write_tiny(place, kind, files)
        sides = {}
        for side in ("many", "one"):
            shutil.rmtree(work / "out", ignore_errors=True)
            given = next((place / "one").iterdir()) if side == "one" else place / "many"
            sides[side] = measured(
                stage, "--input", str(given), "--output", "out", "--workers", "1", "--set", "max_error_rate=1", cwd=work
            )
            yield f"{stage}, {files:,} rows, {side}: {line(sides[side], work / 'out')}"
        yield f"{stage}: {sides['many'].cpu / sides['one'].cpu:.2f} times the processor time, {sides['many'].peak / sides['one'].peak:.2f} times the memory of one file"
        shutil.rmtree(place)


def write_tiny(place: Path, kind: str, files: int) -> None:
    """`many/`, and `one/` with a file that holds the same."""
    chance = random.Random(3)
    (place / "one").mkdir(parents=True)
    made: dict[str, Callable[[int], str]] = {
        "text": lambda n: json.dumps({"id": f"d{n}", "text": f"{n} {prose(chance, 20)}"}) + "\n",
        "code": lambda n: f"# {n}\ndef f(x):\n    return x + {n}\n",
        "web": lambda n: f"<html><body><main><h1>{n}</h1><p>{prose(chance, 40)}</p></main></body></html>",
    }
    suffix = {"text": "jsonl", "code": "py", "web": "html"}[kind]
    names = []
    for number in range(files):
        folder = place / "many" / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:06d}.{suffix}"
        path.write_text(made[kind](number))
        names.append(path)
    if kind == "text":
        with (place / "one" / "all.jsonl").open("wb") as stream:
            for path in names:
                stream.write(path.read_bytes())
    elif kind == "code":
        with zipfile.ZipFile(place / "one" / "all.zip", "w", zipfile.ZIP_STORED) as archive:
            for path in names:
                archive.write(path, f"all/{path.parent.name}/{path.name}")
    else:
        with tarfile.open(place / "one" / "all.tar", "w") as tar:
            for path in names:
                tar.add(path, f"{path.parent.name}/{path.name}")


# -- one huge document -------------------------------------------------------------------------------------------


def huge(work: Path, size: int, kinds: list[str]) -> Iterator[str]:
    """One document of `size` bytes between two small ones, in each kind of file."""
    for name in kinds:
        stage, write, settings = HUGE[name]
        place = work / "huge"
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(work / "out", ignore_errors=True)
        place.mkdir(parents=True)
        write(place, size)
        took = measured(
            stage,
            "--input",
            "huge",
            "--output",
            "out",
            "--workers",
            "1",
            "--set",
            "max_error_rate=1",
            *settings,
            cwd=work,
        )
        said = f"{name}: {line(took, work / 'out')}"
        if took.ran.status == 0:
            said += f"; {ledger(work / 'out')}"
        yield said
        shutil.rmtree(place)


def ledger(folder: Path) -> str:
    """The rules by which rows left."""
    import pyarrow.parquet as pq

    rules = []
    for path in sorted(folder.glob("ledger/*.parquet")):
        for row in pq.ParquetFile(path).read(use_threads=False).to_pylist():
            rules.append(f"{row['outcome']} as {row['rule']} ({(row['detail'] or '')[:80]})")
    return "; ".join(rules) or "nothing left"


def filled(stream: object, before: bytes, size: int, after: bytes, text: bytes = b"word " * (CHUNK // 5)) -> None:
    """A file of `size` bytes of text between two ends, a piece at a time."""
    write = stream.write  # type: ignore[attr-defined]
    write(before)
    for _ in range(size // len(text)):
        write(text)
    write(after)


def jsonl(place: Path, size: int) -> None:
    with (place / "rows.jsonl").open("wb") as stream:
        stream.write(b'{"id": "a", "text": "small"}\n')
        filled(stream, b'{"id": "b", "text": "', size, b'"}\n')
        stream.write(b'{"id": "c", "text": "small, too"}\n')


def csv(place: Path, size: int) -> None:
    with (place / "rows.csv").open("wb") as stream:
        stream.write(b"id,text\na,small\n")
        filled(stream, b'b,"', size, b'"\n')
        stream.write(b"c,small\n")


def parquet(place: Path, size: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = "word " * (
        size // 40
    )  # an eighth: a page of Parquet holds less than 2 GiB, and its writer takes three times a cell
    kinds = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    with pq.ParquetWriter(place / "rows.parquet", kinds, compression="zstd", use_dictionary=False) as writer:
        for values in (["small"], [text], ["small"]):
            writer.write_table(pa.table({"id": ["x"], "text": pa.array(values, pa.large_string())}, kinds))


def small_pages(place: Path) -> None:
    for name in ("a", "c"):
        (place / f"{name}.html").write_text(
            f"<html><body><main><p>{prose(random.Random(1), 80)}</p></main></body></html>"
        )


def html(place: Path, size: int) -> None:
    small_pages(place)
    with (place / "b.html").open("wb") as stream:
        filled(stream, b"<html><body><main><p>", size, b"</p></main></body></html>")


def html_packed(place: Path, size: int) -> None:
    import gzip

    small_pages(place)
    with gzip.open(place / "b.html.gz", "wb", compresslevel=1) as stream:
        filled(stream, b"<html><body><main><p>", size, b"</p></main></body></html>")


def warc(place: Path, size: int) -> None:
    page = b"<html><body><main><p>small page</p></main></body></html>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"

    def record(stream: object, number: int, length: int) -> None:
        told = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Target-URI: http://x/{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {length}\r\n\r\n"
        stream.write(told.encode())  # type: ignore[attr-defined]

    with (place / "crawl.warc").open("wb") as stream:
        for number in range(3):
            if number != 1:
                record(stream, number, len(head + page))
                stream.write(head + page)
            else:
                text = b"word " * (CHUNK // 5)
                record(stream, number, len(head) + size // len(text) * len(text))
                filled(stream, head, size, b"")
            stream.write(b"\r\n\r\n")


def tree(place: Path, size: int) -> None:
    (place / "a.py").write_text("x = 1\n")
    (place / "c.py").write_text("y = 2\n")
    with (place / "b.py").open("wb") as stream:
        filled(stream, b"x = '", size, b"'\n")


def git(place: Path, size: int) -> None:
    tree(place, size)
    named = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "core.bigFileThreshold=1m"]
    for arguments in (["init", "-q"], ["add", "."], [*named, "commit", "-qm", "All"]):
        subprocess.run(["git", *named, *arguments], cwd=place, check=True)
    (place / "b.py").unlink()  # what is read is the commit


def tar_gz(place: Path, size: int) -> None:
    inner = place.parent / "huge-tree"
    shutil.rmtree(inner, ignore_errors=True)
    inner.mkdir()
    tree(inner, size)
    with tarfile.open(place / "name-1.0.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(inner, "name-1.0")
    shutil.rmtree(inner)


Write = Callable[[Path, int], None]
HUGE: dict[str, tuple[str, Write, list[str]]] = {
    "one line of JSON lines": ("ingest-text", jsonl, []),
    "one cell of CSV": ("ingest-text", csv, []),
    "one cell of Parquet, an eighth as large": ("ingest-text", parquet, []),
    "one HTML file": ("ingest-web", html, []),
    "one HTML file, gzip": ("ingest-web", html_packed, []),
    "one page of a WARC": ("ingest-web", warc, []),
    "one file of a source tree": ("ingest-code", tree, []),
    "one file of a git repository": ("ingest-code", git, []),
    "one file of a tar.gz": ("ingest-code", tar_gz, []),
}


# -- skew --------------------------------------------------------------------------------------------------------


def skew(work: Path, documents: int) -> Iterator[str]:
    """Half of the documents in one duplicate key, one MinHash cluster or one repository, beside none; one worker and two."""
    for stage, settings in (
        ("dedup-exact", []),
        ("dedup-minhash", ["--set", "alarm_share=1"]),
        ("concat-repo", ["--set", "budget_tokens=8000"]),
    ):
        cpu = {}
        for side in ("even", "skewed"):
            source, given = work / f"{stage}-{side}.jsonl", work / f"{stage}-{side}"
            write_rows(source, stage, side, documents if stage != "concat-repo" else documents // 4)
            columns = ["--set", "columns={repo: repo, path: path}"] if stage == "concat-repo" else []
            shutil.rmtree(given, ignore_errors=True)
            measured("ingest-text", "--input", str(source), "--output", str(given), *columns, cwd=work)
            digests = set()
            for workers in ("1", "2"):
                shutil.rmtree(work / "out", ignore_errors=True)
                took = measured(
                    stage, "--input", str(given), "--output", "out", "--workers", workers, *settings, cwd=work
                )
                digests.add(digest(work / "out"))
                cpu.setdefault(side, took)
                yield f"{stage}, {side}, {workers} workers: {line(took, work / 'out')}"
            yield f"{stage}, {side}: {'the same bytes' if len(digests) == 1 and '' not in digests else 'OTHER BYTES'} with one worker and two"
            shutil.rmtree(given)
            source.unlink()
        yield f"{stage}: {cpu['skewed'].cpu / cpu['even'].cpu:.2f} times the processor time, {cpu['skewed'].peak / cpu['even'].peak:.2f} times the memory without skew"


def write_rows(path: Path, stage: str, side: str, documents: int) -> None:
    """Rows of documents; of the skewed side every second one is of the same cluster, text or repository."""
    chance = random.Random(5)
    base = [chance.choice(WORDS) + str(n % 7) for n in range(200)]
    with path.open("w") as stream:
        for number in range(documents):
            alike = side == "skewed" and number % 2 == 0
            words = [chance.choice(WORDS) + str(chance.randrange(50)) for _ in range(200)]
            row = {"id": f"d{number}", "text": " ".join(words)}
            if stage == "dedup-exact" and alike:
                row["text"] = " ".join(base)
            elif stage == "dedup-minhash" and alike:
                near = list(base)
                near[chance.randrange(200)] = f"new{number}"
                row["text"] = " ".join(near)
            elif stage == "concat-repo":
                repo = 0 if alike else number % 100
                row |= {
                    "text": f"import m{number // 3}\n\n\ndef f{number}(x):\n    return x\n" * 5,
                    "repo": f"o/r{repo}",
                    "path": f"m{number}.py",
                }
            stream.write(json.dumps(row) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=Path, help="folder that is this command's alone")
    parser.add_argument("--only", nargs="+", choices=["tiny", "huge", "skew"], default=["tiny", "huge", "skew"])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--kinds", nargs="+", choices=list(HUGE), default=list(HUGE), help="of huge documents")
    parser.add_argument("--documents", type=int, default=20_000)
    given = parser.parse_args()
    work = given.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    told: list[str] = []
    sources = {
        "tiny": lambda: tiny(work, given.files), "huge": lambda: huge(work, int(given.gigabytes * (1 << 30)), given.kinds),
        "skew": lambda: skew(work, given.documents),
    }  # fmt: skip
    for name in given.only:
        for said in sources[name]():
            print(said, flush=True)
            told.append(said)
    return int(any("OTHER BYTES" in said or "TRACEBACK" in said for said in told))


if __name__ == "__main__":
    sys.exit(main())

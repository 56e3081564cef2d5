"""Files per second of ingest-code beside a plain loop over the same input, on one core; accuracy of its licences and names.

    python benchmarks/ingest_code.py [--input PATH …] [--rounds 3] [--linguist languages.yml]

The plain loop reads every file and decodes it, no more: `git archive` into tarfile for a repository, tarfile or zipfile for an
archive, open() for a tree. Without --input: a wheel-like zip, a tar.gz and a repository of this environment's own packages.
Licences: texts of the installed distributions whose metadata state one SPDX licence, against that statement.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.code.stage import IngestCode, core, find

PACKAGES = ("pydantic", "networkx", "pandas", "rich", "fsspec", "pyarrow", "click", "packaging")


def ours(path: Path) -> int:
    """Files that ingest-code decides on."""
    config = IngestCode()
    return sum(1 for unit in find([str(path)], config) for _ in core(unit, config))


def plain(path: Path) -> int:
    """Files that a loop reads and decodes."""
    return sum(1 for data in _bytes(path) if data.decode("utf-8", "replace") is not None)


def _bytes(path: Path) -> Iterator[bytes]:
    if (path / ".git").exists():
        process = subprocess.Popen(["git", "-C", str(path), "archive", "--format=tar", "HEAD"], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            yield from (archive.extractfile(member).read() for member in archive if member.isfile())  # type: ignore[union-attr]
        process.wait()
    elif path.is_dir():
        for folder, _, names in os.walk(path):
            for name in names:
                yield Path(folder, name).read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            yield from (zipped.read(info) for info in zipped.infolist() if not info.is_dir())
    else:
        with tarfile.open(path) as archive:
            yield from (archive.extractfile(member).read() for member in archive if member.isfile())  # type: ignore[union-attr]


def made_inputs(folder: Path) -> list[Path]:
    """The sources of some installed packages as a tree, a tar.gz, a zip and a repository."""
    import importlib.util
    import shutil

    tree = folder / "tree"
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            shutil.copytree(
                Path(spec.origin).parent, tree / name, ignore=shutil.ignore_patterns("*.so*", "__pycache__", "*.pyc")
            )
    with tarfile.open(folder / "tree.tar.gz", "w:gz") as archive:
        archive.add(tree, "tree")
    shutil.make_archive(str(folder / "tree"), "zip", folder, "tree")
    shutil.copytree(tree, folder / "repository")
    git = [
        "git",
        "-C",
        str(folder / "repository"),
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        "-c",
        "gc.auto=0",
    ]
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-qm", "all"], ["repack", "-qad"]):
        subprocess.run([*git, *words], check=True)
    return [tree, folder / "tree.tar.gz", folder / "tree.zip", folder / "repository"]


def licences() -> None:
    """Print how often a licence file is told as its distribution states it."""
    from arcmill.installed import installed
    from ingest.environment_holdings import license_files
    from ingest.spdx import canonical, of_text

    seen: Counter[str] = Counter()
    spent = 0.0
    for item in installed():
        stated = canonical(item.distribution.metadata.json.get("license_expression"))  # type: ignore[arg-type]
        if not stated or " " in stated:
            continue
        for name in license_files(item.files()):
            if ".dist-info/" not in name or not item.locate(name).is_file():
                continue
            text = item.locate(name).read_text("utf-8", "replace")
            started = time.perf_counter()
            found = of_text(text)
            spent += time.perf_counter() - started
            seen[
                "same"
                if found == stated
                else "none"
                if found is None
                else "with others"
                if stated in found.split()
                else "other"
            ] += 1
            if found != stated:
                print(f"  {item.name} states {stated}; {name.rpartition('/')[2]} ({len(text):,} characters): {found}")
    print(f"licence texts: {dict(seen)}, {1000 * spent / max(1, sum(seen.values())):.1f} ms each")


def linguist(path: str) -> None:
    """Print how the tables of names agree with Linguist's languages.yml."""
    import yaml

    from ingest.code.language_names import EXTENSIONS, SHARED

    table: dict[str, set[str]] = {}
    for name, facts in yaml.safe_load(Path(path).read_text(encoding="utf-8")).items():
        for ending in facts.get("extensions") or []:
            table.setdefault(ending[1:].lower(), set()).add("typescript" if name == "TSX" else name.lower())
    known = [ending for ending in EXTENSIONS if ending in table]
    other = [ending for ending in known if EXTENSIONS[ending] not in table[ending]]
    both = sum(ending in table for ending in SHARED)
    print(
        f"extensions: {len(known) + both} of Linguist's {len(table)} known, {len(EXTENSIONS) - len(known)} of ours are not its; other language: {other}"
    )


def best(work: Callable[[Path], int], path: Path, times: list[float]) -> int:
    """Run once more, and keep the time."""
    started = time.perf_counter()
    made = work(path)
    times.append(time.perf_counter() - started)
    return made


def main() -> None:
    """Print one line an input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", nargs="*", type=Path, default=[], help="repositories, archives or folders")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns; the fastest counts")
    parser.add_argument("--linguist", help="Linguist's languages.yml, to compare the tables with")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'input':28}{'files':>8}{'ours files/s':>14}{'plain files/s':>15}{'ratio':>8}")
        for path in options.input or made_inputs(Path(folder)):
            mine: list[float] = []
            theirs: list[float] = []
            for _ in range(options.rounds):
                made, read = best(ours, path, mine), best(plain, path, theirs)
            speeds = f"{made / min(mine):>14,.0f}{read / min(theirs):>15,.0f}{min(theirs) / min(mine):>8.2f}"
            print(f"{path.name[:27]:28}{made:>8}{speeds}")
    licences()
    if options.linguist:
        linguist(options.linguist)


if __name__ == "__main__":
    main()

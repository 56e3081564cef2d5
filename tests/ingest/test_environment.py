"""ingest-environment: the same bytes each time, nothing of the machine, no module run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Failure
from ingest import environment_holdings as holdings
from ingest.environment import STAGE, IngestEnvironment, core, identity, splits

SMALL = ["click", "six", "pyyaml", "packaging"]
ROOT = Path(__file__).parents[2]


def documents(config: IngestEnvironment) -> list[Document]:
    return [item for split in splits(config) for item in core(split, config) if isinstance(item, Document)]


def test_kinds_sources_and_origin() -> None:
    kinds = ["docs", "readme", "license", "source"]
    made = documents(IngestEnvironment(kinds=kinds, distributions=["click"]))
    assert {d.source for d in made} == {"env-docs", "env-readme", "env-license", "env-source"}
    assert {d.repo for d in made} == {"click"}
    assert {d.license for d in made} == {"BSD-3-Clause"}
    by_path = {(d.source, d.path): d.text for d in made}
    assert by_path["env-source", "click/core.py"] == Path(_module_file("click"), "core.py").read_text("utf-8")
    core_file = next(d for d in made if (d.source, d.path) == ("env-source", "click/core.py"))
    assert (core_file.metadata or {})["programming_language"] == "python" and core_file.tags is None
    assert "\n\nclass Command\n\n" in by_path["env-docs", "click.core"]
    assert len({d.id for d in made}) == len(made)


def _module_file(name: str) -> str:
    import importlib.util

    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)


def test_splits_cover_every_name_once() -> None:
    config = IngestEnvironment(kinds=["readme", "docs"])
    for kind, names in (
        ("stdlib", list(holdings.standard_library())),
        ("dist", [item.name for item in holdings.installed()]),
    ):
        spans = [s.split(":")[1].split("..") for s in splits(config) if s.startswith(kind)]
        covered = [name for first, last in spans for name in names if first <= name <= last]
        assert covered == names
    assert 8 <= len(splits(config)) <= 64


def test_max_documents_bounds_and_is_shared_out() -> None:
    made = documents(IngestEnvironment(kinds=["docs", "license"], distributions=SMALL, max_documents=7))
    assert 4 <= len(made) <= 7
    assert len({d.repo for d in made}) > 1


def test_no_documented_module_is_run() -> None:
    # antigravity opens a browser and `this` prints a poem when they are imported; tkinter may need a display
    script = (
        "import sys\n"
        "from ingest.environment import IngestEnvironment, core, splits\n"
        "config = IngestEnvironment(kinds=['docs'])\n"
        "for split in splits(config):\n"
        "    first, _, last = split.removeprefix('stdlib:').partition('..')\n"
        "    if split.startswith('stdlib') and any(first <= m <= last for m in ('antigravity', 'this')):\n"
        "        list(core(split, config))\n"
        "print([m for m in ('antigravity', 'this', 'tkinter', 'idlelib', 'turtle') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_same_bytes_for_any_hash_seed_place_and_user(tmp_path: Path) -> None:
    script = (
        "import hashlib\n"
        "from arcmill.records import Document\n"
        "from ingest.environment import IngestEnvironment, core, identity, splits\n"
        f"config = IngestEnvironment(distributions={SMALL[:2]!r}, keep_html=True)\n"
        "digest = hashlib.sha256(identity(config).encode())\n"
        "for split in [*splits(config), 'topics', 'extensions']:\n"
        "    for item in core(split, config):\n"
        "        digest.update(repr(item).encode())\n"
        "print(digest.hexdigest())\n"
    )
    found = set()
    for seed in ("0", "1"):
        home = str(tmp_path / seed)  # what else lies in a folder would be imported by python -c
        os.mkdir(home)
        variables = {"PYTHONHASHSEED": seed, "HOME": home, "USER": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True, text=True, check=True, env=variables, cwd=home, timeout=120,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


def test_nothing_of_the_machine_is_in_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCMILL_SECRET", "do-not-tell-7531")
    config = IngestEnvironment(kinds=["docs"], keep_html=True)
    pages = [d for split in ("topics", "extensions") for d in core(split, config) if isinstance(d, Document)]
    pages += [d for split in splits(config) if "..os" in split or ":os" in split for d in core(split, config)
              if isinstance(d, Document)]  # fmt: skip
    assert len(pages) > 50
    for page in pages:
        shown = page.text + (page.html or "")
        for trace in (
            "do-not-tell-7531",
            sys.prefix,
            sys.base_prefix,
            " object at 0x7",
            os.uname().nodename + ".",
        ):
            assert trace not in shown, (page.path, trace)


def test_identity_follows_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    info = folder / "thing-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "thing.py").write_text('"""' + "A thing that is documented at length. " * 10 + '"""\n')
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Thing\nVersion: 1.0\nLicense: Apache 2.0\n\nUNKNOWN\n")
    record = "thing.py,sha256=abc,10\nthing-1.0.dist-info/METADATA,,\n"
    (info / "RECORD").write_text(record + "../../bin/thing,sha256=one,1\n__pycache__/thing.pyc,,\n")
    monkeypatch.setattr(sys, "path", [str(folder)])
    config = IngestEnvironment()
    first = identity(config)
    (info / "RECORD").write_text(record + "../../bin/thing,sha256=other,1\n")  # scripts hold paths of the machine
    assert identity(config) == first
    (info / "RECORD").write_text(record.replace("abc", "abd"))
    assert identity(config) != first
    only = IngestEnvironment(distributions=["thi*"])
    [made] = documents(only)
    assert (made.source, made.repo, made.path, made.license) == ("env-docs", "thing", "thing", "Apache-2.0")


def test_bad_files_are_ledger_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    info = folder / "bad-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1\n\n")
    deep = "x = " + "(" * 50_000
    files = {
        "old.py": b'print "two"\n', "deep.py": deep.encode(), "latin.py": b'"""\xe9"""\n', "nul.py": b"\0",
        "short.py": b'"""Hi."""\n', "long.py": b"#" * 5000,
        "chars.py": b'"""' + b"words of it " * 30 + b'\\x00 \\ud800"""\n',
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*files, "gone.py"]))
    monkeypatch.setattr(sys, "path", [str(folder)])
    config = IngestEnvironment(kinds=["docs"], distributions=["bad"], max_file_bytes=60_000)
    items = [item for split in splits(config) for item in core(split, config)]
    assert [i.path for i in items if isinstance(i, Document)] == ["chars"]
    assert next(i.text for i in items if isinstance(i, Document)).endswith(r"\x00 \ud800")
    found = {(i.outcome.detail or "").split(": ")[1]: i.outcome.rule for i in items if isinstance(i, Failure)}
    assert found == {
        "old": "syntax-error", "deep": "syntax-error", "latin": "syntax-error", "nul": "syntax-error",
        "short": "no-documentation", "long": "no-documentation",
    }  # fmt: skip
    config = IngestEnvironment(kinds=["source"], distributions=["bad"], max_file_bytes=1000)
    rules = {
        (i.outcome.detail or "").split(": ")[1]: i.outcome.rule
        for split in splits(config)
        for i in core(split, config)
        if isinstance(i, Failure)
    }
    assert rules == {
        "deep.py": "too-large",
        "long.py": "too-large",
        "latin.py": "bad-utf8",
        "nul.py": "nul-bytes",
    }


def test_through_the_kernel_for_any_number_of_workers(tmp_path: Path) -> None:
    config = IngestEnvironment(kinds=["readme", "license"], distributions=SMALL)
    manifests = []
    for workers in (1, 2):
        output = tmp_path / str(workers)
        dataset = execute(STAGE, config, {}, str(output), workers=workers).dataset
        manifests.append((output / "manifest.json").read_bytes())
        assert dataset.manifest["counts"]["kept"] >= 7
    assert hashlib.sha256(manifests[0]).digest() == hashlib.sha256(manifests[1]).digest()

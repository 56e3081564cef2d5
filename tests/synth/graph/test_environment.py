"""The graph of installed packages: what metadata says, without anyone's address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from arcmill.config import validate
from arcmill.execute import execute
from pipelines.catalogue import get_stage
from synth.graph.environment import facts, licenses
from synth.graph.people import people

STAGE = get_stage("build-graph")


@pytest.mark.parametrize(
    ("plain", "addressed", "expected"),
    [
        ("Terence Parr, Sam Harwell", "parrt@x.edu", [("person", "Terence Parr"), ("person", "Sam Harwell")]),
        ("Hugging Face, Inc.", "", [("team", "Hugging Face, Inc")]),
        ("", '"Charlie Marsh" <c@x>, Ann Lee <a@x.org>', [("person", "Charlie Marsh"), ("person", "Ann Lee")]),
        ("dev@list.org", "dev@list.org", []),
        ("Travis E. Oliphant et al.", "", [("person", "Travis E. Oliphant")]),
        ("Ann Lee and Bo Ek", "Ann Lee <a@x>", [("person", "Ann Lee"), ("person", "Bo Ek")]),
        ("The pip developers", "", [("team", "The pip developers")]),
        ("UNKNOWN", "", []), ("Jan Pomikálek", "", [("person", "Jan Pomikálek")]),
        ("A B (a@b.c)", "<broken", [("person", "A B")]), ("x" * 100_000, "y" * 100_000, []),
    ],
)  # fmt: skip
def test_names_are_told_from_addresses(plain: str, addressed: str, expected: list[tuple[str, str]]) -> None:
    assert people(plain, addressed) == expected


def test_licences_have_their_identifiers() -> None:
    assert licenses("Apache-2.0 OR (BSD-2-Clause AND MIT)", "", []) == ["Apache-2.0", "BSD-2-Clause", "MIT"]
    assert licenses("Apache-2.0 WITH LLVM-exception", "", []) == ["Apache-2.0"]
    assert licenses("", "The MIT License", []) == ["MIT"] and licenses("", "MPL-2.0", []) == ["MPL-2.0"]
    assert licenses("", "", ["License :: OSI Approved :: MIT License", "License :: OSI Approved"]) == ["MIT"]
    assert licenses("", "Copyright (c) 2001 by somebody. All rights reserved, and so on", []) == []


def test_the_installed_packages_are_a_graph_to_ask_about(tmp_path: Path) -> None:
    made = execute(STAGE, validate(STAGE.config, {}, "test"), {}, str(tmp_path / "out")).dataset
    rows = [row for batch in made.batches() for row in batch.to_pylist()]
    edges = {(row["subject"], row["relation"], row["object"]) for row in rows}
    assert ("package:pydantic", "requires", "package:pydantic-core") in edges
    assert ("package:pydantic", "type", "type:package") in edges and (
        "package:pydantic",
        "license",
        "license:MIT",
    ) in edges
    assert ("type:package", "label", "软件包") in edges and ("requires", "label", "依赖") in edges
    assert ("package:pytest", "command", "command:pytest") in edges
    relations = Counter(row["relation"] for row in rows)
    assert len([r for r in relations if r not in ("label", "description")]) >= 18
    # What leaves says that a thing is its own: setuptools, where it is installed, is built by itself.
    left = [rule for batch in made.ledger() for rule in batch.column("rule").to_pylist()]
    assert made.counts["kept"] == len(rows) and set(left) <= {"self-loop"} and len(left) < 5, "nothing is said twice"
    assert len({row["id"] for row in rows}) == len(rows)
    assert not [row for row in rows if row["relation"] in ("author", "maintainer", "label") and "@" in row["object"]]
    labels = Counter(
        row["object"].casefold()
        for row in rows
        if row["relation"] == "label" and row["language"] == "en" and ":" in row["subject"]
    )
    twice = [name for name, count in labels.items() if count > 1]
    assert not twice, f"names that two things share: {twice[:5]}"


def test_a_part_of_it_may_be_asked_for_and_joined_with_files(tmp_path: Path) -> None:
    some = [fact for _, fact in facts(["pydantic*"], ["en"])]
    assert {fact.subject for fact in some if fact.relation == "version"} == {
        "package:pydantic",
        "package:pydantic-core",
    }
    assert not [fact for fact in some if fact.language == "zh"]
    path = tmp_path / "mine.tsv"
    path.write_text("package:pydantic\tliked by\tperson:me\n")
    config = validate(STAGE.config, {"environment": True, "distributions": ["pydantic"]}, "test")
    made = execute(STAGE, config, {"input": [str(path)]}, str(tmp_path / "out")).dataset
    sources = Counter(row["source"] for batch in made.batches() for row in batch.to_pylist())
    assert sources["triples"] == 1 and sources["environment"] > 20


def test_the_same_bytes_for_any_hash_seed(tmp_path: Path, digest: Callable[[Path], str]) -> None:
    made = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        steps = (
            ["build-graph", "--set", "distributions=[p*]"],
            ["build-nodes", "--input", str(folder / "build-graph")],
        )
        for stage, *more in steps:
            command = [sys.executable, "-m", "pipelines.cli", stage, *more, "--output", str(folder / stage)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        made.append([digest(folder / stage) for stage, *_ in steps])
    assert made[0] == made[1]

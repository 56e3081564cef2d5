"""Orders, cuts and threads of one repository, without Spark."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from sequences.repository.contexts import Contexts, contexts, ordered
from sequences.repository.graph import build
from sequences.repository.languages import File
from sequences.repository.order import components
from sequences.repository.roles import is_readme, is_test
from sequences.repository.stage import ConcatRepo
from sequences.repository.threads import Post, post, threads

ROOMY = ConcatRepo(budget_tokens=10**9)


def paths(made: Contexts) -> list[list[str]]:
    return [[piece.path for piece in context.pieces if isinstance(piece, File)] for context in made.made]


def plan(files: list[File], config: ConcatRepo = ROOMY, posts: tuple[Post, ...] = ()) -> list[list[str]]:
    made = contexts("repo", files, posts, config)
    held = [piece.id for context in made.made for piece in context.pieces]
    assert sorted(held + [id for id, _ in made.left]) == sorted(one.id for one in (*files, *posts)), "not conserved"
    assert len({context.id for context in made.made}) == len(made.made)
    return paths(made)


def test_readme_first_then_what_is_imported_then_tests(files: Any) -> None:
    texts = {
        "a.py": "import z.low\n", "z/__init__.py": "", "z/low.py": "", "z/test_low.py": "from z import low\n",
        "docs/README.md": "docs", "README.rst": "readme", "tests/test_a.py": "import a\n", "docs/index.md": "",
        "pyproject.toml": "",
    }  # fmt: skip
    (order,) = plan(files(texts))
    assert order[0] == "README.rst"
    assert order.index("z/low.py") < order.index("a.py") < order.index("tests/test_a.py")
    assert order.index("z/low.py") < order.index("z/test_low.py")
    assert order.index("docs/README.md") < order.index("docs/index.md")


def test_tests_follow_what_they_are_named_after_though_they_import_nothing_of_it(files: Any) -> None:
    texts = {
        "a_test.go": "package a\n", "z.go": "package a\n", "a.go": "package a\n",
        "lib/__tests__/aa.spec.ts": "import {x} from 'chai'\n", "src/aa.ts": "", "other/aa.py": "",
        "FooTest.java": "class FooTest {}", "zz/Foo.java": "class Foo {}",
    }  # fmt: skip
    (order,) = plan(files(texts))
    assert order.index("a.go") < order.index("a_test.go")
    assert order.index("src/aa.ts") < order.index("lib/__tests__/aa.spec.ts")
    assert order.index("zz/Foo.java") < order.index("FooTest.java")


def test_circles_stay_together_and_self_imports_and_missing_targets_do_no_harm(files: Any) -> None:
    texts = {
        "a.py": "import c\nimport gone\n", "b.py": "import b\n", "c.py": "import d\n", "d.py": "import e\nimport base\n",
        "e.py": "import c\n", "base.py": "", "between.py": "",
    }  # fmt: skip
    (order,) = plan(files(texts))
    assert order.index("base.py") < min(order.index(f"{name}.py") for name in "cde")
    assert max(order.index(f"{name}.py") for name in "cde") - min(order.index(f"{name}.py") for name in "cde") == 2
    assert order[-1] == "a.py" or order.index("a.py") > max(order.index(f"{name}.py") for name in "cde")
    # Of the circle's three imports two are served: c needs d, d needs e.
    assert order.index("e.py") < order.index("d.py") < order.index("c.py") or sum(
        order.index(f"{b}.py") < order.index(f"{a}.py") for a, b in ("cd", "de", "ec")
    ) == 2  # fmt: skip


def test_a_chain_of_ten_thousand_files_and_a_circle_as_long(files: Any) -> None:
    count = 10_000
    chain = {f"m{n:05d}.py": f"import m{n + 1:05d}\n" for n in range(count)}
    (order,) = plan(files(chain))
    assert order == [f"m{n:05d}.py" for n in reversed(range(count))]
    circle = {f"m{n:05d}.py": f"import m{(n + 1) % count:05d}\n" for n in range(count)}
    found = files(circle)
    assert [len(unit) for unit in components(build(found, "repo"))] == [count]
    (order,) = plan(found)
    places = {path: place for place, path in enumerate(order)}
    assert sum(places[f"m{(n + 1) % count:05d}.py"] < places[f"m{n:05d}.py"] for n in range(count)) == count - 1


def test_paths_that_differ_in_case_are_different_files(files: Any) -> None:
    texts = {
        "Util.py": "",
        "util.py": "",
        "README.md": "",
        "readme.md": "",
        "a.py": "import util\n",
        "0.py": "import Util\n",
    }
    (order,) = plan(files(texts))
    assert sorted(order) == sorted(texts)
    assert order[0] == "README.md"
    assert order.index("Util.py") < order.index("0.py") and order.index("util.py") < order.index("a.py")


def test_one_file_and_none(files: Any) -> None:
    assert plan(files({"x.py": "import x"})) == [["x.py"]]
    assert plan([]) == []


def random_repository(seed: int, count: int) -> dict[str, str]:
    """Packages of files that import lower numbers, and now and then a higher one."""
    rng = random.Random(seed)
    names = [f"p{rng.randrange(6)}/q{rng.randrange(3)}/m{n:03d}" for n in range(count)]
    texts = {}
    for number, name in enumerate(names):
        targets = rng.sample(names[:number], min(number, rng.randrange(4)))
        if rng.random() < 0.05:
            targets.append(rng.choice(names))
        texts[f"{name}.py"] = "".join(
            f"import {target.replace('/', '.')}\n" for target in targets
        ) + "#" * rng.randrange(400)
    return texts


@pytest.mark.parametrize("seed", range(5))
def test_cut_repositories(files: Any, seed: int) -> None:
    found = files(random_repository(seed, 150))
    config = ConcatRepo(budget_tokens=2000, bytes_per_token=1.0)
    parts = plan(found, config)
    assert len(parts) > 5
    cost = {file.path: file.tokens + len(file.path) + 24 for file in found}
    room = 2000 - len("repo") - 24
    assert all(sum(cost[path] for path in part) <= room for part in parts)
    # Parts are cuts of one order: no import outside circles points to a later file, in whichever part.
    graph = build(found, "repo")
    numbers = {file.path: number for number, file in enumerate(found)}
    position = {numbers[path]: place for place, path in enumerate(path for part in parts for path in part)}
    unit = {node: number for number, nodes in enumerate(components(graph)) for node in nodes}
    edges = [(node, target) for node in range(graph.files) for target in graph.imported(node)]
    assert edges and all(position[t] < position[n] for n, t in edges if unit[n] != unit[t])
    # Circles that fit are not cut.
    part_of = {numbers[path]: number for number, part in enumerate(parts) for path in part}
    for nodes in components(graph):
        if sum(cost[found[node].path] for node in nodes) <= room:
            assert len({part_of[node] for node in nodes if node < graph.files}) == 1
    # No part could have been put with the next one without loss: parts are not wasted.
    full = [sum(cost[path] for path in part) for part in parts]
    assert sum(full) / room <= len(parts) <= 2 * sum(full) / room + 1
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    assert plan(shuffled, config) == parts


def test_cuts_fall_between_packages(files: Any) -> None:
    texts = {f"{package}/m{n}.py": "#" * 90 for package in ("a", "b", "c") for n in range(5)}
    config = ConcatRepo(budget_tokens=1100, bytes_per_token=1.0)  # room for about eight files
    assert plan(files(texts), config) == [[f"{package}/m{n}.py" for n in range(5)] for package in ("a", "b", "c")]


def test_a_flat_folder_is_cut_along_its_communities(files: Any) -> None:
    # Three groups of names that interleave; the files of a group import one another in a chain.
    texts = {
        f"m{n:02d}.py": (f"import m{n - 3:02d}\n" if n >= 3 else "") + (f"import m{n - 6:02d}\n" if n >= 6 else "") + "#" * 80
        for n in range(18)
    }  # fmt: skip
    config = ConcatRepo(budget_tokens=950, bytes_per_token=1.0)
    parts = plan(files(texts), config)
    groups = [{int(path[1:3]) % 3 for path in part} for part in parts]
    assert len(parts) == 3 and all(len(group) == 1 for group in groups)


@pytest.mark.parametrize("oversize", ["keep", "drop"])
def test_a_file_over_the_budget(files: Any, oversize: str) -> None:
    texts = {"a.py": "import huge\n", "huge.py": "import b\n" + "x = 1\n" * 500, "b.py": "", "c.py": ""}
    config = ConcatRepo(budget_tokens=300, bytes_per_token=1.0, oversize=oversize)
    found = files(texts)
    made = contexts("repo", found, [], config)
    parts = paths(made)
    if oversize == "keep":
        assert ["huge.py"] in parts and made.left == []
        assert [path for part in parts for path in part].index("b.py") < [p for q in parts for p in q].index("huge.py")
    else:
        assert [path for part in parts for path in part if path == "huge.py"] == []
        ((id, outcome),) = made.left
        assert (id, outcome.outcome, outcome.rule) == ("id:huge.py", "dropped", "oversize")
        assert outcome.score and outcome.threshold and outcome.score > outcome.threshold


def test_of_several_documents_for_a_path_the_latest_counts() -> None:
    found = [
        File("a.py", id="old", created="2020-01-01", tokens=1), File("a.py", id="new", created="2021-01-01", tokens=1),
        File("b.py", id="only", tokens=1),
    ]  # fmt: skip
    made = contexts("repo", found, [], ROOMY)
    assert [[piece.id for piece in context.pieces] for context in made.made] == [["new", "only"]]
    assert [(id, outcome.rule) for id, outcome in made.left] == [("old", "duplicate-path")]


def test_ties_go_by_path_and_neighbours_stay_together(files: Any) -> None:
    texts = {f"{folder}/{name}.py": "" for folder in ("b", "a", "a/x") for name in "zy"}
    found = files(texts)
    graph = build(found, "repo")
    runs, _ = ordered(found, graph, [1] * len(found), 10**9)
    order = [found[run[0]].path for run in runs]
    assert order == ["a/y.py", "a/z.py", "a/x/y.py", "a/x/z.py", "b/y.py", "b/z.py"]


def test_names_of_readmes_and_tests() -> None:
    assert all(map(is_readme, ("README", "a/readme.md", "Readme.zh-CN.md")))
    assert not any(map(is_readme, ("readme.py.txt2", "readmes/x", "a/README/x.md", "my_readme.md")))
    assert all(map(is_test, ("tests/a.py", "a/test/b.go", "a_test.go", "x.spec.ts", "FooTest.java", "a/test_b.py")))
    assert not any(map(is_test, ("latest/a.py", "contest.py", "attest_x.py", "testament.go", "Fastest.java")))
    assert is_test("a.py", ["test"])


def posts() -> tuple[Post, ...]:
    return (
        Post("i1", "issue", 1, links=["#3"], tokens=10), Post("i2", "issue", 2, links=["#1"], tokens=10),
        Post("p3", "pull", 3, links=["@abcdef0123456789"], tokens=10), Post("r3", "review", 3, links=[], tokens=10),
        Post("c1", "commit", sha="abcdef0123456789aaaa", created="2020-01-02", links=[], tokens=10),
        Post("c0", "commit", sha="1234567890aaaa", created="2020-01-01", links=["#3"], tokens=10),
        Post("c2", "commit", sha="99999999", links=["#2"], tokens=10), Post("c3", "commit", sha="777777777", tokens=10),
        Post("p4", "pull", 4, links=["#1", "#99"], tokens=10),
    )  # fmt: skip


def test_an_issue_its_pull_request_and_its_commits_are_one_thread() -> None:
    expected = [["i1", "p3", "r3", "c0", "c1"], ["i2", "c2"], ["p4"], ["c3"]]
    for seed in range(4):
        shuffled = list(posts())
        random.Random(seed).shuffle(shuffled)
        assert sorted([post.id for post in thread] for thread in threads(shuffled)) == sorted(expected)


def test_threads_apart_or_behind_the_files(files: Any) -> None:
    found = files({"a.py": "", "b.py": "import a"})
    made = contexts("repo", found, posts(), ROOMY)
    assert [context.kind for context in made.made] == ["repository", *["thread"] * 4]
    behind = contexts("repo", found, posts(), ROOMY.model_copy(update={"threads": "after"}))
    (only,) = behind.made
    assert [piece.id for piece in only.pieces][:7] == ["id:a.py", "id:b.py", "i1", "p3", "r3", "c0", "c1"]
    alone = contexts("repo", [], posts(), ROOMY.model_copy(update={"threads": "after"}))
    assert sorted(piece.id for context in alone.made for piece in context.pieces) == sorted(p.id for p in posts())


def test_behind_the_files_comes_each_thread_that_fits(files: Any) -> None:
    found = files({"a.py": "", "b.py": "import a"}, tokens=20)
    several = [
        Post(f"c{n}", "commit", sha=f"{n:09d}", created=f"2020-{n:02d}", tokens=size)
        for n, size in enumerate((300, 30, 280, 20))
    ]
    long = [Post("p", "pull", 1, tokens=280), Post("c9", "commit", sha="9" * 9, links=["#1"], tokens=30)]
    config = ConcatRepo(budget_tokens=420, bytes_per_token=1.0, threads="after")
    made = contexts("r", found, [*several, *long], config).made
    held = [[piece.id for piece in context.pieces] for context in made]
    # The thread of p and c0 are too long for the room that the files leave; what comes after them is not.
    assert held[0] == ["id:a.py", "id:b.py", "c1", "c3"]
    assert held[1:] == [["p", "c9"], ["c0"], ["c2"]]


def test_a_thread_over_the_budget_is_cut_between_its_posts() -> None:
    many = [Post("p", "pull", 1, tokens=30)]
    many += [
        Post(f"c{n}", "commit", sha=f"{n:09d}", links=["#1"], created=f"2020-{n:02d}", tokens=30) for n in range(9)
    ]
    huge = Post("huge", "commit", sha="f" * 20, links=["#1"], created="2021", tokens=9000)
    config = ConcatRepo(budget_tokens=300, bytes_per_token=1.0, oversize="drop")
    made = contexts("repo", [], [*many, huge], config)
    held = [[piece.id for piece in context.pieces] for context in made.made]
    assert [id for part in held for id in part] == ["p", *(f"c{n}" for n in range(9))]
    assert len(held) > 1 and [(id, outcome.rule) for id, outcome in made.left] == [("huge", "oversize")]
    assert all(len(one) + len(other) > 3 for one, other in pairwise(held))


def test_a_number_of_thousands_of_digits_is_none() -> None:
    for told, number in (("#12", 12), ("9" * 5000, None), ("²", None)):
        assert post("a", {"number": told}, None, 1, (0, 0, 0)).number == number

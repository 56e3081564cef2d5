from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sequences.repository.extract import facts
from sequences.repository.graph import Graph, build
from sequences.repository.languages import File
from sequences.repository.roles import is_test

Texts = Mapping[str, str]


def files_of(texts: Texts, tokens: int | None = None, languages: Mapping[str, str] | None = None) -> list[File]:
    """Files as the plan sees them, of path: text."""
    found = []
    for number, path in enumerate(sorted(texts)):
        text = texts[path]
        read = facts(path, (languages or {}).get(path), text, 1 << 20)
        size = len(text.encode()) if tokens is None else tokens
        place = (0, 0, number)
        found.append(
            File(path, read.family, read.imports, read.declares, size, is_test(path), f"id:{path}", "", place)
        )  # fmt: skip
    return found


@pytest.fixture(scope="session")
def files() -> Callable[..., list[File]]:
    return files_of


@pytest.fixture(scope="session")
def imported() -> Callable[..., dict[str, list[str]]]:
    """{path: the paths that it imports}, for the files that import any."""

    def run(texts: Texts, repo: str = "repo", **more: Any) -> dict[str, list[str]]:
        found = files_of(texts, **more)
        graph: Graph = build(found, repo, tests=False)
        edges = {file.path: [found[target].path for target in graph.imported(n)] for n, file in enumerate(found)}
        return {path: targets for path, targets in edges.items() if targets}

    return run

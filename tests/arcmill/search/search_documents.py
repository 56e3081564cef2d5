"""Small documents and an index of them, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.search import SearchIndex
from arcmill.search.stage import STAGE, IndexDocuments
from arcmill.stage import Stage

LONG = "\n\n".join(
    f"Paragraph {number}. It tells of the river {'Amstel' if number == 7 else 'Rhine'} and of little else."
    for number in range(40)
)
DOCUMENTS = [
    Document(
        "d3", "# Amélie\n\nA film by Jean-Pierre Jeunet, shot in Paris.", "tiny", metadata={"title": "Amélie (film)"}
    ),
    Document("d1", "The director Jean-Pierre Jeunet was born in Roanne in 1953.", "tiny"),
    Document("d4", "龙城飞将是一部小说，作者是王昌龄。故事发生在长安。", "tiny", metadata={"title": "龙城飞将"}),
    Document("d2", LONG, "tiny", path="rivers.md"),
    Document("d6", "same words here", "tiny"),
    Document("d5", "same words here", "tiny"),
    Document("d0", "", "tiny"),
]


class Rows(StageConfig):
    held: list[dict[str, Any]] = Field(default_factory=list, description="documents")


def given(split: str, config: Rows) -> Any:
    for row in config.held:
        yield Document(**row)


GIVEN = Stage(
    name="given", version=1, help="Documents as they are given.", config=Rows, writes="Document", engine="datatrove",
    core=given, splits=lambda config: ["all"],
)  # fmt: skip


def dataset(folder: Path, documents: list[Document], name: str = "docs") -> str:
    rows = [
        {key: getattr(d, key) for key in ("id", "text", "source", "path", "metadata", "repo", "url")} for d in documents
    ]
    execute(GIVEN, Rows(held=rows), {}, str(folder / name))
    return str(folder / name)


def indexed(folder: Path, documents: list[Document], name: str = "index", **config: Any) -> SearchIndex:
    made = dataset(folder, documents, f"{name}-docs")
    execute(STAGE, IndexDocuments(**config), {"input": [made]}, str(folder / name))
    return SearchIndex.open(str(folder / name))

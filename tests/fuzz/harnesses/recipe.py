"""Recipes, files of settings, and values of --set."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..harness import Harness

FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")
OWN = """name: q
description: &d "words"
settings: {spark.master: embedded, a: *d}
steps:
  pages: {stage: ingest-environment, config: {max_documents: 10}}
  language: {stage: identify-language, input: pages, config: {<<: {min_score: 0.65}}}
  web: {stage: filter-web, input: [language]}
"""


def seeds() -> list[bytes]:
    from importlib.resources import files

    return [OWN.encode(), *(entry.read_bytes() for entry in files("recipes").iterdir() if entry.name.endswith(".yaml"))]


def run(data: bytes) -> str:
    from arcmill.config import assign, parse_assignment
    from arcmill.errors import UsageError
    from pipelines.recipe import load_recipe

    path = Path(FOLDER.name, "a.yaml")
    path.write_bytes(data)
    assign({}, *parse_assignment("a.b=" + data[:200].decode("utf-8", "replace")))
    try:
        return f"{len(load_recipe(str(path)).steps)} steps"
    except UsageError as error:
        return "not YAML" if "not YAML" in str(error) else "refused"


TOKENS = (
    "&a ",
    "*a",
    "<<: ",
    "!!python/object:os.system ",
    "!!binary ",
    "!!timestamp ",
    "!!int ",
    "!!set ",
    "- ",
    "? ",
    "|",
    ">",
    "steps:",
    "stage: ",
    "input: ",
    "config: ",
    "{",
    "[",
    "2001-99-99",
)
HARNESS = Harness("recipe", seeds, run, tokens=TOKENS)

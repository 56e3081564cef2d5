"""Documents of the Python environment, unit of work by unit of work (see `environment`)."""

from __future__ import annotations

import ast
import importlib
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from arcmill.installed import Installed, installed
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome
from ingest.code.documents import describe
from ingest.environment import IngestEnvironment
from ingest.environment_holdings import (
    EXTENSION_MODULES,
    document_files,
    license_files,
    module_files,
    module_name,
    standard_library,
)
from ingest.environment_licenses import spdx
from ingest.environment_pages import Page, extension_page, module_page, topic_page

Items = Iterator[Document | Failure]
_STANDARD_UNITS, _DISTRIBUTION_UNITS = 8, 32
_CODE_SUFFIXES = (
    ".py", ".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".cuh", ".f", ".f90",
    ".js", ".ts", ".java", ".scala", ".go", ".rs", ".sh", ".sql", ".R", ".r", ".lua",
)  # fmt: skip


@dataclass
class _Origin:
    """Whose documents are made: the standard library (`item` is None) or a distribution."""

    config: IngestEnvironment
    item: Installed | None = None

    @property
    def repo(self) -> str:
        return self.item.name if self.item else "python"

    @property
    def version(self) -> str:
        return self.item.version if self.item else ""

    @cached_property
    def files(self) -> list[str]:
        return [f for f in self.item.files() if self.item.locate(f).is_file()] if self.item else []

    @cached_property
    def license(self) -> str | None:
        if self.item is None:
            return "PSF-2.0"
        metadata, locate = self.item.distribution.metadata, self.item.locate
        texts = (locate(file).read_text("utf-8", "replace") for file in license_files(self.files))
        expression, free = metadata.json.get("license_expression"), metadata.json.get("license")
        return spdx(str(expression or ""), str(free or ""), metadata.get_all("Classifier") or [], texts)

    def key(self, source: str, name: str) -> str:
        return stable_id(source, self.repo, self.version, name)

    def document(self, source: str, name: str, text: str, least: int) -> Document | Failure:
        """A Document, unless its text is too little or no text at all."""
        key, length = self.key(source, name), len(text.strip())
        if length < least:
            return self.dropped(source, name, "no-documentation", length, least)
        if "\0" in text:
            outcome = Outcome("nul-bytes", detail=f"{self.repo}: {name}: the file is binary")
            return Failure(key, outcome)
        facts = {"distribution": self.repo, "version": self.version} if self.item else {}
        made = Document(key, text, source, repo=self.repo, path=name, license=self.license)
        if source == "env-source":  # as ingest-code says it
            described = describe(name, text)
            made.tags, facts = described.tags or None, facts | described.metadata()
        made.metadata = facts or None
        return made

    def dropped(self, source: str, name: str, rule: str, score: float, threshold: float) -> Failure:
        outcome = Outcome(rule, score=score, threshold=threshold, detail=f"{self.repo}: {name}")
        return Failure(self.key(source, name), outcome)

    def page(self, source: str, name: str, page: Page) -> Document | Failure:
        config = self.config
        if page.prose < config.min_characters:
            return self.dropped(source, name, "no-documentation", page.prose, config.min_characters)
        made = self.document(source, name, page.text, 1)
        if config.keep_html and isinstance(made, Document):
            made.html = page.html(f"{name} - {self.repo} documentation")
        return made

    def module(self, source: str, name: str, path: Path) -> Document | Failure:
        """The documentation page of a module."""
        data = self.data(source, name, path)
        if isinstance(data, Failure):
            return data
        try:
            page = module_page(data, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            # Templates, and code for another Python: no documentation can be read from them.
            detail = f"{self.repo}: {name}: {type(error).__name__}: {error}"
            return Failure(self.key(source, name), Outcome("syntax-error", detail=detail))
        return self.page(source, name, page)

    def file(self, source: str, name: str, path: Path, least: int) -> Document | Failure:
        """A text file as it is."""
        data = self.data(source, name, path)
        if isinstance(data, Failure):
            return data
        try:
            encoding = "utf-8-sig"
            if name.endswith(".py"):
                encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            text = data.decode(encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            # An old file in Latin-1 is no fault of the run: it is left out, and said so.
            outcome = Outcome("bad-utf8", detail=f"{self.repo}: {name}: {error}")
            return Failure(self.key(source, name), outcome)
        return self.document(source, name, text.replace("\r\n", "\n"), least)

    def data(self, source: str, name: str, path: Path) -> bytes | Failure:
        try:
            size = path.stat().st_size
            if size > self.config.max_file_bytes:
                return self.dropped(source, name, "too-large", size, self.config.max_file_bytes)
            return path.read_bytes()
        except OSError as error:
            outcome = Outcome("unreadable", "errored", detail=f"{self.repo}: {name}: {error.strerror}")
            return Failure(self.key(source, name), outcome)


def splits(config: IngestEnvironment) -> list[str]:
    """See `environment.splits`."""
    units: list[str] = []
    if config.distributions is None and {"docs", "source", "license"} & set(config.kinds):
        sizes = [(name, path.stat().st_size) for name, path in standard_library().items()]
        units += [f"stdlib:{span}" for span in _ranges(sizes, _STANDARD_UNITS)]
    if config.distributions is None and "docs" in config.kinds:
        units += ["topics", "extensions"]
    weights = [(item.name, _weight(item)) for item in installed(config.distributions)]
    units += [f"dist:{span}" for span in _ranges(weights, _DISTRIBUTION_UNITS)]
    if config.max_documents is None:
        return units
    share, more = divmod(config.max_documents, len(units) or 1)
    quotas = [share + (number < more) for number in range(len(units))]
    return [f"{unit}#{quota}" for unit, quota in zip(units, quotas, strict=True) if quota]


def _ranges(weights: list[tuple[str, int]], units: int) -> list[str]:
    """Sorted names in at most some `units` ranges of about the same weight: "a..c"."""
    target = sum(weight for _, weight in weights) / units
    spans: list[str] = []
    held: list[str] = []
    room = target
    for name, weight in weights:
        held.append(name)
        room -= weight
        if room <= 0:
            spans.append(f"{held[0]}..{held[-1]}")
            held, room = [], target
    if held:
        spans.append(f"{held[0]}..{held[-1]}")
    return spans


def _weight(item: Installed) -> int:
    """Length of RECORD, which grows with the number of files."""
    return 2000 + len(item.distribution.read_text("RECORD") or "")


def documents(split: str, config: IngestEnvironment) -> Items:
    """The documents of one unit, at most as many as its quota."""
    unit, _, quota = split.partition("#")
    left = int(quota) if quota else None
    for item in _unit(unit, config):
        yield item
        if left is not None and isinstance(item, Document):
            left -= 1
            if not left:
                return


def _unit(unit: str, config: IngestEnvironment) -> Items:
    kind, _, span = unit.partition(":")
    first, _, last = span.partition("..")
    if kind == "stdlib":
        for name, path in standard_library().items():
            if first <= name <= last:
                yield from _standard_module(name, path, _Origin(config))
    elif kind == "topics":
        yield from _topics(_Origin(config))
    elif kind == "extensions":
        yield from _extensions(_Origin(config))
    else:
        for item in installed(config.distributions):
            if first <= item.name <= last:
                yield from _distribution(item, _Origin(config, item))


def _standard_module(name: str, path: Path, origin: _Origin) -> Items:
    kinds = origin.config.kinds
    if "docs" in kinds and name != "pydoc_data.topics":  # which are pages of their own
        yield origin.module("env-stdlib", name, path)
    if "source" in kinds:
        ending = "/__init__.py" if path.name == "__init__.py" else ".py"
        yield origin.file("env-source", name.replace(".", "/") + ending, path, 1)


def _topics(origin: _Origin) -> Items:
    """The language topics, read from their source: they are one dictionary of strings."""
    path = standard_library().get("pydoc_data.topics")
    if path is None:
        return
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign):
            for name, text in sorted(ast.literal_eval(node.value).items()):
                yield origin.page("env-stdlib", f"topics/{name}", topic_page(name, text))


def _extensions(origin: _Origin) -> Items:
    for name in EXTENSION_MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue  # not on this platform: it is no part of the environment
        yield origin.page("env-stdlib", name, extension_page(module))


def _distribution(item: Installed, origin: _Origin) -> Items:
    config, files = origin.config, origin.files
    if "readme" in config.kinds:
        text = item.distribution.metadata.json.get("description")
        if isinstance(text, str) and text.strip() not in ("", "UNKNOWN"):
            yield origin.document("env-readme", "description", text, config.min_characters)
        for file in document_files(files):
            yield origin.file("env-readme", file, item.locate(file), config.min_characters)
    if "license" in config.kinds:
        for file in license_files(files):
            yield origin.file("env-license", file, item.locate(file), config.min_characters)
    if "docs" in config.kinds:
        pages = 0
        for file in module_files(files):
            made = origin.module("env-docs", module_name(file), item.locate(file))
            yield made
            pages += isinstance(made, Document)
            if config.max_pages is not None and pages >= config.max_pages:
                break
    if "source" in config.kinds:
        for file in files:
            if file.endswith(_CODE_SUFFIXES):
                yield origin.file("env-source", file, item.locate(file), 1)

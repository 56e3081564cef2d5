"""One page: bytes to main text, within the limits, or the reason why not."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING, NamedTuple

from arcmill.stage import Outcome
from ingest import charset, content_type
from ingest.extract import CONTROL, SHALLOW, main_text
from ingest.layout.page import asks_for_layout, layout_text
from ingest.limits import measure, without_scripts

if TYPE_CHECKING:
    from ingest.web import IngestWeb

BAD_SHARE = 0.1  # share of characters that are U+FFFD or NUL from which bytes are no text


class Page(NamedTuple):
    """What became of a page."""

    text: str
    title: str | None
    charset: str
    html: str
    extractor: str


def read_page(body: bytes, declared: str, config: IngestWeb, *, is_html: bool = False) -> Page | Outcome:
    """The main text of a page. `declared` is its Content-Type; `is_html`: it is HTML by its name."""
    kind = content_type.media_type(body, "text/html" if is_html and not declared else declared)
    if kind != "text/html":
        return Outcome("content-type", detail=kind)
    if len(body) > config.max_page_bytes:
        return too_large(len(body), config)
    html, name = charset.decode(body, declared)
    bad = html.count("\ufffd") + html.count("\0")
    if bad > BAD_SHARE * len(html) and bad > 8:
        return Outcome("undecodable", "errored", bad / len(html), BAD_SHARE, detail=f"read as {name}")
    clean = name == "utf-8" and not bad and not body.startswith(BOM_UTF8)
    source = body if clean else html.encode("utf-8", "replace")
    shape = measure(source, config.max_nesting, config.max_attributes, config.max_elements)
    for rule, value, limit in (
        ("nesting-too-deep", shape.depth, config.max_nesting),
        ("too-many-attributes", shape.attributes, config.max_attributes),
        ("too-many-elements", shape.elements, config.max_elements),
    ):
        if value > limit:
            return Outcome(rule, "errored", float(value), float(limit))
    if not shape.formulas:  # MathJax keeps formulas in scripts
        source = without_scripts(source, shape.cuts)
    extractor: str = config.extractor
    if config.layout == "rich" or (config.layout == "auto" and asks_for_layout(source)):
        extractor = "layout"
        text, title = layout_text(source)
    if extractor == "careful":
        if len(source) > config.max_careful_bytes:
            extractor = "fast"
        else:
            from ingest.careful import careful_text

            text, title = careful_text(source, shape.formulas > 0)
    if extractor == "fast":
        text, title = main_text(source, shallow=shape.depth <= SHALLOW, formulas=shape.formulas > 0)
    if not text.strip():
        return Outcome("no-main-text")
    return Page(text, title, name, html, extractor)


def plain_text(body: bytes, declared: str) -> Page | Outcome:
    """Text that an archive holds extracted already (WET): taken as it is, without control characters."""
    text, name = charset.decode(body, declared)
    text = CONTROL.sub("", text.replace("\r\n", "\n")).strip("\n")
    return Page(text, None, name, "", "none") if text.strip() else Outcome("no-main-text")


def too_large(size: int, config: IngestWeb) -> Outcome:
    return Outcome("page-too-large", "errored", float(size), float(config.max_page_bytes), detail="bytes as stored")


def expands(config: IngestWeb) -> Outcome:
    return Outcome(
        "decompressed-too-large", "errored", None, float(config.max_decompressed_bytes), detail="bytes decompressed"
    )

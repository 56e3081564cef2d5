"""The form of a review: one local HTML file. Its script is ours alone, named by its hash; data is text and stays text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pipelines.report.markup import Html, h, short


def page(rows: Sequence[Mapping[str, Any]], name: str, key: str) -> str:
    """The form for rows of `shown_rows`. `name` is that of the files it saves, `key` that of the draft the browser keeps."""
    style, script = ((files("pipelines.review") / f"form.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    # Nothing is fetched, and nothing runs but the script of this hash, whatever a text holds.
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=Html(policy)),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", f"Review of {short(name)} · arcmill"),
        h("style", Html(style)),
    )
    data = {"name": name, "key": key, "rows": [_row(row) for row in rows]}
    body = h(
        "body",
        _header(len(rows)),
        h("main", _list(), _card(), id="main"),
        _help(),
        h("noscript", h("p", "This form needs scripts. The CSV table beside it holds the same rows.", cls="lone")),
        h("script", Html(_inert(data)), type="application/json", id="data"),
        h("script", Html(script)),
    )
    return f"<!doctype html>\n{h('html', head, body, lang='en')}\n"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _inert(data: Any) -> str:
    """JSON that cannot end the element it stands in."""
    told = json.dumps(data, ensure_ascii=True, sort_keys=True)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """As the script reads it: places in UTF-16 units, as its strings count."""
    original = row["original"]

    def units(place: int) -> int:
        return len(original[:place].encode("utf-16-le", "surrogatepass")) // 2

    spans = [{**span, "start": units(span["start"]), "end": units(span["end"])} for span in row["spans"]]
    return {**row, "spans": spans}


def _header(count: int) -> Html:
    return h(
        "header",
        h("h1", "Review", h("span", "", id="place", cls="quiet")),
        h(
            "div",
            h("label", "Your name", for_="reviewer"),
            h("input", id="reviewer", type="text", autocomplete="name", required=True, maxlength=120),
            cls="who",
        ),
        h(
            "div",
            h("progress", "", id="progress", max=count, value=0, aria_labelledby="told"),
            h("span", "", id="told", role="status", aria_live="polite"),
            cls="progress",
        ),
        h(
            "div",
            h("button", "Save CSV", id="save-csv", type="button", cls="strong"),
            h("button", "Save JSON", id="save-json", type="button"),
            h("button", "Keys", id="keys", type="button", aria_expanded="false", aria_controls="help"),
            cls="actions",
        ),
    )


def _list() -> Html:
    return h("nav", h("h2", "Rows", cls="unseen"), h("ol", "", id="rows"), aria_label="Rows")


def _card() -> Html:
    return h(
        "article",
        h(
            "div",
            h("h2", "", id="title"),
            h("p", "", id="facts", cls="quiet"),
            cls="top",
        ),
        h("section", h("h3", "What the page says"), h("p", "", id="passage", cls="passage", dir="auto"),
          h("p", "Each suggestion can be switched off and on: press it.", cls="quiet"), id="original"),
        h("section", h("h3", "Answer"), h("p", "", id="answer", cls="passage", dir="auto")),
        h("section", h("h3", h("label", "Text of the question", for_="text", id="text-label")),
          h("p", "", id="question", cls="quiet", dir="auto"),
          h("textarea", "", id="text", rows=7, dir="auto", spellcheck="false", aria_describedby="warning"),
          h("p", "", id="warning", cls="warning", role="alert"),
          h("button", "Back to the suggestion", id="reset", type="button")),
        h("section", h("h3", h("label", "Note, such as why it is refused", for_="note")),
          h("input", id="note", type="text", dir="auto", maxlength=2000)),
        h(
            "div",
            h("button", h("span", "Accept", id="accept-label"), h("kbd", "A"), id="accept", type="button", cls="accept", aria_pressed="false"),
            h("button", "Edit", h("kbd", "E"), id="edit", type="button"),
            h("button", "Refuse", h("kbd", "R"), id="refuse", type="button", cls="refuse", aria_pressed="false"),
            h("button", "Undecided", h("kbd", "U"), id="clear", type="button"),
            h("span", "", cls="space"),
            h("button", "Previous", h("kbd", "K"), id="previous", type="button"),
            h("button", "Next", h("kbd", "J"), id="next", type="button"),
            cls="actions", role="group", aria_label="Decision",
        ),
        id="card", tabindex=-1, aria_labelledby="title",
    )  # fmt: skip


def _help() -> Html:
    keys = (
        ("A", "accept (as edited, where the text was changed), and go on"), ("E", "edit the text"),
        ("R", "refuse; a reason may be typed"), ("U", "undecided again"), ("J, K", "next, previous"),
        ("S", "save the CSV"), ("Ctrl Enter", "in the text: accept it as edited; in the note: go on"), ("Esc", "leave a field"),
    )  # fmt: skip
    told = [h("div", h("dt", h("kbd", key)), h("dd", what)) for key, what in keys]
    kept = (
        "What you decide stays in this browser as a draft until you save it. Take the saved file back with "
        "arcmill review import FILE --input DATASET --output REVIEWED --by NAME."
    )
    return h(
        "aside", h("h2", "Keys"), h("dl", told), h("p", kept, cls="quiet"), id="help", hidden=True, aria_label="Keys"
    )

"""The way of a token, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.why import render_steps, shown

MOST_SHOWN = 300  # characters of a value that a row was made with


def render(found: dict[str, Any]) -> str:
    """For a terminal."""
    head = f"{found['dataset']}/{found['part']}, row {found['row']}"
    if found["row"] != found["dataset_row"]:
        head += f" (row {found['dataset_row']} of the dataset)"
    lines = [
        f"{shown(head)}, token {found['token']}: id {found['token_id']} {shown(repr(found.get('written', '')))}",
        f"  {shown(found['end'])}",
    ]
    segment = found["segment"]
    if segment is not None:
        last = segment["start"] + segment["length"] - 1
        bucket = "" if segment["bucket"] is None else f", bucket {segment['bucket']}"
        lines.append(
            f"  segment {segment['place']} of {segment['of']}: tokens {segment['start']} to {last}, "
            f"role {segment['role']}{bucket}, from token {segment['offset']} of the document on"
        )
    document = found.get("document")
    if document is not None:
        if "at_characters" in document:
            start, end = document["at_characters"]
            lines.append(
                f"  token {found['document_token']} of the document's {document['tokens']}, characters {start} to {end} of "
                f"{document['characters']} (text of step {document['step']})"
            )
            lines.append(f"    …{shown(document['before'])}⟦{shown(document['text'])}⟧{shown(document['after'])}…")
        if document.get("message"):
            lines.append(
                f"    message {document['message']['number']} of the conversation, {document['message']['role']}"
            )
        if "fim" in document:
            lines.append(
                f"    arranged for fill-in-the-middle before: {', '.join(f'{k} {shown(v)}' for k, v in document['fim'].items())}"
            )
    if found.get("steps"):
        lines += ["", *render_steps(found["id"], found["steps"])]
    for origin in found.get("origins", ()):
        lines += _render_origin(origin)
    for told in found["unknown"]:
        lines.append(f"  NOT known: {shown(told)}")
    return "\n".join(lines)


def _render_origin(origin: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    more = "".join(
        f", {name} {shown(value)[:MOST_SHOWN]}"
        for name, value in origin.items()
        if name not in ("relation", "id", "steps", "origins")
    )
    yield f"{origin['relation']}{more}"
    if origin["steps"]:
        yield from render_steps(origin["id"], origin["steps"])
    else:
        yield f"{origin['id']}: no step of this run knows it"
    for inner in origin["origins"]:
        yield from _render_origin(inner)

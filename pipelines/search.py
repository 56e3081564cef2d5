"""What `arcmill search` prints for people."""

from __future__ import annotations

import json
from typing import Any


def render(text: str) -> str:
    """The JSON text of a tool's answer, to be read."""
    told: dict[str, Any] = json.loads(text)
    if "results" in told:
        if not told["results"]:
            return str(told["note"])
        return "\n\n".join(
            f"{number}. {hit['title'] or '(no title)'}\n   {hit['id']} at {hit['start']}\n   {hit['snippet']}"
            for number, hit in enumerate(told["results"], 1)
        )
    more = f"\n\n(more: --start {told['next']})" if "next" in told else ""
    end = told["start"] + len(told["text"])
    head = f"{told['title'] or '(no title)'}\n{told['id']}, characters {told['start']} to {end} of {told['length']}"
    return f"{head}\n\n{told['text']}{more}"

"""The calls that read what the evidence of a search task names: a search for the question, then the pages of each hop.

The gold player makes them, so that its rows show where an answer comes from; a judge makes them to know what there was to read.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from agent_data.goal import Goal

LONGEST = 1000  # characters of a query that `search` takes (arcmill.search.tools)


def reading_calls(goal: Goal, tools: Collection[str], question: str | None = None) -> list[dict[str, Any]]:
    """Calls of `search` and `open` for a goal of kind answer; none where the task has a blueprint, or does not offer these tools.

    Of several pages for one hop, the first is opened, where its passage begins (make-search-tasks, docs/search.md).
    """
    if goal.kind != "answer" or goal.calls:
        return []
    made: list[dict[str, Any]] = []
    if question and "search" in tools:
        made.append({"name": "search", "arguments": {"query": " ".join(question.split())[:LONGEST]}})
    evidence = goal.more.get("evidence")
    pages = evidence.get("pages") if isinstance(evidence, dict) else None
    if "open" not in tools or not isinstance(evidence, dict) or not isinstance(pages, dict):
        return made
    starts = evidence.get("page_starts")
    order = [edge for edge in evidence.get("edges") or () if edge in pages]
    for edge in [*order, *(edge for edge in pages if edge not in order)]:
        held = pages[edge]
        if not isinstance(held, list) or not held:
            continue
        begins = starts.get(edge) if isinstance(starts, dict) else None
        start = begins[0] if isinstance(begins, list) and begins and isinstance(begins[0], int) else 0
        call = {"name": "open", "arguments": {"id": str(held[0]), **({"start": start} if start > 0 else {})}}
        if call not in made:
            made.append(call)
    return made

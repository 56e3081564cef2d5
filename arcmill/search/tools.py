"""The two tools of the search environment, `search` and `open`, for agents.

`call` gives one text for one call, through Python, the command line and MCP alike. There is no state: the same index and
arguments give the same bytes, so a trajectory can be run again. A mistake of the agent is an answer that says what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from arcmill.search.index import PAGE, SearchIndex

MOST_HITS = 20
DEFAULT_HITS = 5
LONGEST_QUERY = 1000  # characters

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Search the documents by words. Gives the best pages, each with its id, title and a snippet, and "
            "the character at which the passage that was found begins.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": f"Words to look for, at most {LONGEST_QUERY} characters."},
                    "k": {
                        "type": "integer", "minimum": 1, "maximum": MOST_HITS,
                        "description": f"How many pages to show, 1 to {MOST_HITS}; {DEFAULT_HITS} where it is left out.",
                    },
                },
                "required": ["query"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "open",
            "description": f"Read a page by its id, {PAGE} characters at a time.",
            "parameters": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "The id of a page, as search gives it."},
                    "start": {
                        "type": "integer", "minimum": 0,
                        "description": "Character to begin at, such as `start` of a hit or `next` of a page; 0 where it is left out.",
                    },
                },
                "required": ["id"],
                "additionalProperties": False,
            },
        },
    },
]  # fmt: skip


class Refused(Exception):
    """A call that cannot be answered; the text tells the agent why."""


def call(index: SearchIndex, name: str, arguments: Mapping[str, Any] | str | None) -> str:
    """The answer to a call, as one line of JSON: {"results": [...]}, a page, or {"error": ...}. Never raises for bad arguments.

    `arguments` is an object, or the JSON text of one, as models write it.
    """
    return answer(index, name, arguments)[0]


def answer(index: SearchIndex, name: str, arguments: Mapping[str, Any] | str | None) -> tuple[str, bool]:
    """As `call`, and whether it is an error."""
    try:
        tool = _CALLS.get(name)
        if tool is None:
            raise Refused(f"no tool named {_shown(name)}; there are: {', '.join(_CALLS)}")
        given = _object(arguments)
        for key in given:
            if key not in _PARAMETERS[name]:
                raise Refused(f"{name} has no argument {_shown(key)}; it takes: {', '.join(_PARAMETERS[name])}")
        return json.dumps(tool(index, given), ensure_ascii=False), False
    except Refused as refused:
        return json.dumps({"error": str(refused)}, ensure_ascii=False), True


def _object(arguments: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            raise Refused('the arguments are not JSON; write an object, such as {"query": "..."}') from None
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise Refused("the arguments are not a JSON object")
    return arguments


def _search(index: SearchIndex, given: Mapping[str, Any]) -> dict[str, Any]:
    query = _text(given, "query")
    if len(query) > LONGEST_QUERY:
        raise Refused(f"query has {len(query)} characters; at most {LONGEST_QUERY} are taken")
    hits = index.search(query, _number(given, "k", DEFAULT_HITS, 1, MOST_HITS))
    found = [{"id": hit.id, "title": hit.title, "start": hit.start, "snippet": hit.snippet} for hit in hits]
    return {"results": found} if found else {"results": [], "note": "no page holds a word of this query"}


def _open(index: SearchIndex, given: Mapping[str, Any]) -> dict[str, Any]:
    identifier = _text(given, "id")
    try:
        page = index.open_page(identifier, _number(given, "start", 0, 0, None))
    except KeyError:
        raise Refused(f"no page has the id {_shown(identifier)}; search gives the ids of pages") from None
    except ValueError as error:
        raise Refused(str(error)) from None
    told: dict[str, Any] = {
        "id": page.id,
        "title": page.title,
        "start": page.start,
        "length": page.length,
        "text": page.text,
    }
    if page.end < page.length:
        told["next"] = page.end
    return told


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if value is None:
        raise Refused(f"the argument {key} (a string) is missing")
    if not isinstance(value, str):
        raise Refused(f"{key} is {_shown(value)}, which is no string")
    if not value.strip():
        raise Refused(f"{key} is empty")
    return value


def _number(given: Mapping[str, Any], key: str, default: int, low: int, high: int | None) -> int:
    value = given.get(key)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        limits = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise Refused(f"{key} is {_shown(value)}; it must be a whole number {limits}")
    return value


def _shown(value: Any) -> str:
    """A value as it may stand in an answer: short, and ASCII, since it can hold anything."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list in itself
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


_CALLS: dict[str, Callable[[SearchIndex, Mapping[str, Any]], dict[str, Any]]] = {"search": _search, "open": _open}
_PARAMETERS: dict[str, list[str]] = {
    tool["function"]["name"]: list(tool["function"]["parameters"]["properties"]) for tool in TOOLS
}

"""A fake OpenAI-compatible server with a scripted player of the search tools: `python fake_search_model.py PORT`.

It is no model. What it does is said by a word in brackets in the question: `known` is answered without tools, `loops` searches for ever,
`broken` first writes calls that cannot be answered, `lost` answers wrongly; all others search, open the first page, and
answer with what follows "comes from " there.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from aiohttp import web


def play(body: Any) -> dict[str, Any]:
    """The message that answers a request: {"content": ...} or {"tool_calls": [...]}."""
    messages = body["messages"]
    if "<tools>" in messages[0]["content"]:  # calls in the text: as with tools of its own, written down
        results = [m["content"].split("\n")[1] for m in messages if m["content"].startswith("<tool_response>")]
        asked = [messages[1], *({"role": "tool", "content": result} for result in results)]
        made = play({"messages": asked, "tools": [1]})
        calls = [call["function"] for call in made.get("tool_calls", ())]
        told = [
            f'<tool_call>{{"name": "{call["name"]}", "arguments": {call["arguments"]}}}</tool_call>' for call in calls
        ]
        return {"content": "".join(told) or made["content"]}
    asked = next(message["content"] for message in messages if message["role"] == "user")
    if not body.get("tools"):
        return {"content": _without_tools(asked)}
    results = [message["content"] for message in messages if message["role"] == "tool"]
    if "(loops)" in asked:
        return _call("search", json.dumps({"query": f"Roanne {len(results)}"}))
    if "(broken)" in asked and len(results) < 3:
        return [_call("search", "{"), _call("delete", "{}"), _call("open", '{"id": 5}')][len(results)]
    if "(known)" in asked or "(lost)" in asked:
        return {"content": "Answer: Roanne" if "(known)" in asked else "Answer: Lyon"}
    done = [json.loads(result) for result in results if "error" not in json.loads(result)]
    if not done:
        return _call("search", json.dumps({"query": "Jeunet born town"}))
    if len(done) == 1:
        return _call("open", json.dumps({"id": done[0]["results"][0]["id"]}))
    found = re.search(r"comes from (\w+)", done[-1]["text"])
    return {"content": f"<think>read it</think>I read it.\nAnswer: {found[1] if found else 'unknown'}"}


def _without_tools(asked: str) -> str:
    if "Which search" in asked:
        return "Jeunet Roanne" if "(easy)" in asked else "nothingofthekind"
    if "<page>" in asked:
        return "Answer: Lyon" if "(misread)" in asked else "Answer: Roanne" if "Roanne" in asked else "Answer: unknown"
    return "Answer: Roanne" if "(known)" in asked else "Answer: unknown"


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}]}


async def respond(request: web.Request) -> web.Response:
    body = await request.json()
    if "huge" in json.dumps(body) and len(body["messages"]) > 3:
        return web.json_response({"error": {"message": "this model's maximum context length is 10 tokens"}}, status=400)
    message = {"role": "assistant", "content": None, **play(body)}
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choices = [{"index": 0, "finish_reason": finish, "message": message}]
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return web.json_response({"id": "x", "object": "x", "model": body["model"], "choices": choices, "usage": usage})


async def models(request: web.Request) -> web.Response:
    return web.json_response({"data": [{"id": "player"}]})


def main() -> None:
    app = web.Application(client_max_size=1 << 26)
    app.add_routes([web.post("/v1/chat/completions", respond), web.get("/v1/models", models)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)


if __name__ == "__main__":
    main()

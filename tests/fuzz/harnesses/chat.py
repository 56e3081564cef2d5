"""Chat formats: a text as a rendering, as an answer with reasoning and calls, and as a judge's JSON."""

from __future__ import annotations

from ..harness import Harness, Unsound

TOOL = '{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "s": {"type": "string"}}}}}'


def seeds() -> list[bytes]:
    from arcmill.chat import render

    call = {"id": "c", "function": {"name": "add", "arguments": {"a": 1, "s": "two"}}}
    talk = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "One and two?"},
        {"role": "assistant", "reasoning_content": "Add.", "tool_calls": [call], "content": ""}, {"role": "tool", "content": "3", "tool_call_id": "c"},
        {"role": "assistant", "content": "Three.", "reasoning_content": "Known."},
    ]  # fmt: skip
    texts = [render(talk, [TOOL], dialect) for dialect in ("glm45", "glm47")]
    texts += [render(talk[:2], None, dialect, generation_prompt=True, thinking=False) for dialect in ("glm45", "glm47")]
    texts += [
        "<think>so</think>\nIt is.\n<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
        'Yes: {"verdict": true, "why": "x"} end',
    ]
    return [text.encode() for text in texts]


def run(data: bytes) -> str:
    from arcmill.chat import parse, render
    from arcmill.chat.answer import parse_calls, split_reasoning
    from arcmill.chat.dialect import ChatError
    from arcmill.replies import json_objects

    text = data.decode("utf-8", "surrogatepass" if data[:1] == b"\xed" else "replace")
    found = []
    for dialect in ("glm45", "glm47"):
        split_reasoning(text)
        calls = parse_calls(text, dialect, [TOOL])
        found.append(f"{len(calls.calls) > 0}{len(calls.malformed) > 0}")
        try:
            parsed = parse(text, dialect)
        except ChatError as error:
            found.append(error.reason)
            continue
        again = render(
            parsed.messages, parsed.tools, dialect, generation_prompt=parsed.generation_prompt, thinking=parsed.thinking
        )
        if again + (parsed.stop or "") != text:
            raise Unsound("what was parsed is not rendered again")
        found.append("parsed")
    list(json_objects(text))
    return " ".join(found)


def _tokens() -> tuple[str, ...]:
    from arcmill.chat.dialect import SPECIAL_TOKENS, TOOLS_FOOT, TOOLS_HEAD

    return (*SPECIAL_TOKENS, TOOLS_HEAD, TOOLS_FOOT, "/nothink", "\\n")


HARNESS = Harness("chat", seeds, run, tokens=_tokens())

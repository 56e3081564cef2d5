"""Chat formats: messages to text and back, byte for byte, in the two dialects of GLM (DESIGN section 6).

from arcmill.chat import render, parse, spans, training_rows
text = render(messages, tools, "glm45", generation_prompt=True)   # what a server's template makes of a request
parse(text, "glm45").messages                                     # and back; ChatError where that cannot be
for row in training_rows(conversation):                           # one row a user turn: reasoning is not lost
    spans(row.messages, conversation.tools, "glm45", stop=row.stop)   # [(text, in the loss?), …]
"""

from arcmill.chat.answer import Calls, parse_calls, split_reasoning
from arcmill.chat.dialect import DIALECTS, SPECIAL_TOKENS, ChatError, Dialect
from arcmill.chat.json_calls import parse_json_calls
from arcmill.chat.messages import normal, to_message
from arcmill.chat.parse import Parsed, parse
from arcmill.chat.render import TrainingRow, render, spans, training_rows

__all__ = [
    "Calls", "ChatError", "DIALECTS", "Dialect", "Parsed", "SPECIAL_TOKENS", "TrainingRow", "normal", "parse",
    "parse_calls", "parse_json_calls", "render", "spans", "split_reasoning", "to_message", "training_rows",
]  # fmt: skip

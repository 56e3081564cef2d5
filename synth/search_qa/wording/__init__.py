"""Questions in words without a language model: a query as text in English or Chinese, and that text back to the query."""

from synth.search_qa.wording.lexicon import LANGUAGES
from synth.search_qa.wording.names import named, revealed
from synth.search_qa.wording.parse import parse
from synth.search_qa.wording.same import isomorphic
from synth.search_qa.wording.say import say

__all__ = ["LANGUAGES", "isomorphic", "named", "parse", "revealed", "say"]

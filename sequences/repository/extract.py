"""What is read of a file's text before its repository is planned: imports, bytes, tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from arcmill.syntax import parse
from sequences.repository.languages import FAMILIES, MANIFESTS, family, grammar_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PIECE = 1 << 17  # characters that are tokenised at once: the library needs over 100 bytes a token


class Facts(NamedTuple):
    """Of one file. `family` is a grammar's name, or None where no imports are read."""

    family: str | None
    imports: list[str]
    declares: list[str]


def facts(path: str, language: str | None, text: str, max_bytes: int) -> Facts:
    """The imports of a file, in the words of its language's resolver. Never fails: a broken file gives what parses."""
    name = path.rpartition("/")[2]
    if name in MANIFESTS:
        return Facts(None, [], family(MANIFESTS[name]).manifest(text) if len(text) <= max_bytes else [])
    grammar = grammar_of(path, language)
    if grammar is None:
        return Facts(None, [], [])
    reader = family(FAMILIES[grammar])
    source = text.encode("utf-8")
    if len(source) > max_bytes or not any(hint in source for hint in reader.HINTS):
        return Facts(grammar, [], [])
    # Where a language wants its imports first, what comes behind the last one need not be parsed. A beginning that does
    # not parse without an error may have been cut in a string or a comment: then the whole file tells.
    head = reader.head(source) if hasattr(reader, "head") else None
    if head is not None:
        tree = parse(head, grammar)
        assert tree is not None  # there is a grammar
        if not tree.root_node.has_error:
            found = reader.imports(tree.root_node, head, grammar)
            if not reader.needs_all(found[0]):
                return Facts(grammar, *found)
    tree = parse(source, grammar)
    assert tree is not None
    return Facts(grammar, *reader.imports(tree.root_node, source, grammar))


class TokenCounter:
    """Tokens of a text: estimated from its bytes, or counted by a tokenizer."""

    def __init__(self, bytes_per_token: float, folder: str | None = None) -> None:
        self.bytes_per_token = bytes_per_token
        self._tokenizer = None if folder is None else _load(folder)

    def __call__(self, text: str, size: int) -> int:
        if self._tokenizer is None:
            return math.ceil(size / self.bytes_per_token)
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        return sum(len(found.ids) for found in self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False))


def _load(folder: str) -> Tokenizer:
    from tokenizers import Tokenizer

    from arcmill.errors import UsageError
    from arcmill.storage import locate

    filesystem, path = locate(f"{folder}/tokenizer.json")
    try:
        loaded = Tokenizer.from_str(filesystem.cat_file(path).decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"input tokenizer={folder}: it holds no tokenizer.json") from None
    except Exception as error:  # the library raises bare Exception for what it cannot read
        raise UsageError(f"{folder}/tokenizer.json: not a tokenizer ({error})") from None
    loaded.no_truncation()
    loaded.no_padding()
    return loaded

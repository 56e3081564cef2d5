"""How spaCy splits words in a language: read from spaCy once, then kept in the user's cache folder.

Importing spaCy takes a second and 100 MB in every worker, for six regular expressions and a list of special cases.
What is kept is keyed by spaCy's version; a file that is not whole is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import uuid
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 1
_METHODS = {"prefix": "search", "suffix": "search", "infix": "finditer", "token": "match", "url": "match"}


class SplittingRules(NamedTuple):
    """Patterns (None: no such rule) and special cases of a spaCy tokenizer; characters that end a sentence."""

    prefix: re.Pattern[str] | None
    suffix: re.Pattern[str] | None
    infix: re.Pattern[str] | None
    token: re.Pattern[str] | None
    url: re.Pattern[str] | None
    specials: dict[str, list[str]]
    stop_marks: frozenset[str]


def splitting_rules(code: str) -> SplittingRules:
    """The rules of a spaCy language code. ImportError where spaCy is missing, TypeError where it cuts whole texts."""
    path = _place(code)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, re.error):
        if path is not None:
            return _parse(path.read_bytes())
    plain = read_from_spacy(code)
    if path is not None:
        _keep(path, plain)
    return _compile(plain)


def read_from_spacy(code: str) -> dict[str, Any]:
    """The rules as plain data."""
    import spacy
    from spacy.pipeline.sentencizer import Sentencizer
    from spacy.symbols import ORTH
    from spacy.tokenizer import Tokenizer

    tokenizer: Any = spacy.blank(code).tokenizer
    if not isinstance(tokenizer, Tokenizer):
        raise TypeError(f"spaCy's {code} does not split chunks on their own")
    found = {
        "prefix": tokenizer.prefix_search, "suffix": tokenizer.suffix_search, "infix": tokenizer.infix_finditer,
        "token": tokenizer.token_match, "url": tokenizer.url_match,
    }  # fmt: skip
    specials = {
        text: [word[ORTH] for word in words]
        for text, words in (tokenizer.rules or {}).items()
        if not any(map(str.isspace, text))
    }
    patterns = {name: _pattern(code, function, _METHODS[name]) for name, function in found.items()}
    return {"patterns": patterns, "specials": specials, "stop_marks": sorted(Sentencizer.default_punct_chars)}


def _pattern(code: str, function: Any, method: str) -> tuple[str, int] | None:
    if not function:
        return None
    pattern = getattr(function, "__self__", None)
    if not isinstance(pattern, re.Pattern) or function.__name__ != method:
        raise TypeError(f"spaCy's {code} splits by more than regular expressions")
    return pattern.pattern, pattern.flags


def _compile(plain: dict[str, Any]) -> SplittingRules:
    patterns = {name: None if given is None else re.compile(*given) for name, given in plain["patterns"].items()}
    return SplittingRules(**patterns, specials=plain["specials"], stop_marks=frozenset(plain["stop_marks"]))


def _place(code: str) -> Path | None:
    version = importlib.metadata.version("spacy")
    with contextlib.suppress(RuntimeError):  # nobody's home
        folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(folder) / "arcmill" / f"spacy-{version}-{code}-{FORMAT}.json"
    return None


def _parse(data: bytes) -> SplittingRules:
    digest, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("the file is not whole")
    return _compile(json.loads(body))


def _keep(path: Path, plain: dict[str, Any]) -> None:
    body = json.dumps(plain).encode()
    with contextlib.suppress(OSError):  # a read-only home: the next process asks spaCy again
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        temporary.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(temporary, path)

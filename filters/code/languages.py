"""What the rules know of languages: how comments and strings are written, and which texts are no programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Syntax:
    """How a language writes comments and strings."""

    line: tuple[bytes, ...] = ()  # at most two, each of at most two bytes
    block: tuple[bytes, bytes] | None = None  # at most four bytes each
    quotes: bytes = b"\"'"
    triple: bool = False  # three quotes open a string that runs over lines
    lifetimes: bool = False  # 'a without a second quote is no string


_C = Syntax((b"//",), (b"/*", b"*/"))
_HASH = Syntax((b"#",))
_MARKUP = Syntax((), (b"<!--", b"-->"), b'"')

SYNTAX = {
    **dict.fromkeys(("c", "c++", "java", "c#", "kotlin", "scala", "swift", "dart", "objective-c", "css", "scss"), _C),
    **dict.fromkeys(("javascript", "typescript", "tsx", "go", "groovy"), Syntax((b"//",), (b"/*", b"*/"), b"\"'`")),
    "rust": Syntax((b"//",), (b"/*", b"*/"), b"\"'", lifetimes=True),
    "php": Syntax((b"//", b"#"), (b"/*", b"*/")),
    "python": Syntax((b"#",), None, b"\"'", triple=True),
    **dict.fromkeys(("ruby", "perl", "shell", "r", "yaml", "toml", "makefile", "dockerfile", "julia", "cmake"), _HASH),
    **dict.fromkeys(("sql", "haskell", "lua", "ada", "elm"), Syntax((b"--",))),
    **dict.fromkeys(("lisp", "common lisp", "clojure", "scheme", "emacs lisp", "assembly"), Syntax((b";",), None, b'"')),
    **dict.fromkeys(("tex", "erlang", "matlab", "prolog"), Syntax((b"%",), None, b'"')),
    **dict.fromkeys(("html", "xml", "svg", "xslt", "vue"), _MARKUP),
    **dict.fromkeys(("json", "csv", "tsv"), Syntax((), None, b'"')),
    **dict.fromkeys(("text", "markdown", "restructuredtext"), Syntax((), None, b"")),
}  # fmt: skip
OTHER = Syntax((b"//", b"#"), (b"/*", b"*/"), b'"')

# Texts that are no programs: the rules on tokens, strings, tests and repetition do not read them.
DATA = frozenset({"json", "yaml", "toml", "csv", "tsv", "xml", "svg", "ini"})
PROSE = frozenset({"text", "markdown", "restructuredtext", "tex", "html", "asciidoc", "org"})


def syntax(language: str) -> Syntax:
    """How a language writes comments and strings; a guess for languages that are not listed."""
    return SYNTAX.get(language, OTHER)


def is_program(language: str) -> bool:
    """Whether texts of a language are programs, and neither data nor prose."""
    return language not in DATA and language not in PROSE

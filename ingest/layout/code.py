"""The text and the language of a code block of an HTML page, and its Markdown."""

from __future__ import annotations

import re

from ingest.layout.nodes import Node, children, classes, descendants, is_element

__all__ = ["code_text", "fenced", "inline", "language_of", "listing_lines"]

# Beside the code, not in it: line numbers and buttons that copy.
GUTTER = re.compile(
    r"linenos?|linenodiv|lineno-?rows?|lineno|line-?numbers?(?:-rows)?|gutter|rouge-gutter|hljs-ln-numbers|blob-num"
    r"|copy(?:btn|-?button|-to-clipboard-button)?|prompt-gutter|toolbar"
)
LINES = {"div", "p", "li", "tr", "ol", "ul", "table", "tbody"}
UNTOLD = {"default", "none", "text", "txt", "plain", "plaintext", "nohighlight", "no-highlight", "notranslate", "raw",
          "guess", "auto", "undefined", "null", "literal", "unknown", "wrapper", "block", "box", "container", "inline",
          "example", "snippet", "area", "view", "toolbar", "copy", "content", "text-plain"}  # fmt: skip
ALIASES = {"python3": "python", "py": "python", "py3": "python", "python2": "python", "ipython": "pycon",
           "ipython3": "pycon", "python-repl": "pycon", "pycon3": "pycon", "js": "javascript", "jscript": "javascript",
           "node": "javascript", "ts": "typescript", "c++": "cpp", "cxx": "cpp", "c#": "csharp", "cs": "csharp",
           "sh": "bash", "shell": "bash", "zsh": "bash", "shell-session": "console", "shellsession": "console",
           "sh-session": "console", "terminal": "console", "yml": "yaml", "rb": "ruby", "rs": "rust", "golang": "go",
           "objectivec": "objective-c", "objc": "objective-c", "ps1": "powershell", "kt": "kotlin", "hs": "haskell",
           "htm": "html", "md": "markdown", "tex": "latex", "bat": "batch", "dosbatch": "batch", "pgsql": "sql",
           "postgresql": "sql", "mysql": "sql", "plpgsql": "sql", "vbnet": "vb", "fs": "fsharp", "perl5": "perl",
           "text-html": "html"}  # fmt: skip
# Class names that are languages by themselves (`class="hljs python"`); others count only behind `language-` and such.
NAMES = set(
    "python pycon javascript typescript java c cpp csharp go rust ruby php perl lua swift kotlin scala haskell bash "
    "console sql json yaml xml html css scss less r julia matlab fortran erlang elixir clojure ocaml fsharp lisp "
    "scheme prolog ada pascal delphi vb powershell batch makefile cmake dockerfile diff ini toml latex markdown "
    "graphql protobuf groovy dart zig nim d asm nasm verilog vhdl tcl awk sed vim http nginx apache objective-c jsx "
    "tsx mathematica sas stata coffeescript solidity".split()
)
SHORT = {"c", "d", "r", "go", "sh", "js", "py", "rb", "ts", "cs", "vb", "less", "sed", "node", "shell"}  # layout too
BEHIND = re.compile(r"(?:language|lang|highlight-source|highlight-text|highlight|brush|code|src|syntax)[-:_](.+)")
ATTRIBUTES = ("data-lang", "data-language", "data-code-language", "data-enlighter-language", "syntax")
NAMED_BY = {"hljs", "sourcecode", "highlight", "prettyprint", "code", "src", "codehilite", "brush:", "syntax",
            "programlisting", "mw-highlight"}  # fmt: skip
RUN = re.compile(r"`+")
SAFE = re.compile(r"[a-z0-9][a-z0-9+#._-]{0,30}")


def code_text(node: Node) -> str:
    """Text of a <pre>, every space and tab kept: <br> and the ends of block elements break lines, as in a browser.

    Line breaks are `\\n`; those at both ends, which the markup puts there, are left out. Line numbers set beside the
    lines in elements of their own are left out.
    """
    out: list[str] = []
    stack: list[tuple[Node, bool]] = [(child, False) for child in children(node)][::-1]
    while stack:
        found, leaving = stack.pop()
        tag = found.tag
        if tag == "#text":
            out.append(found.value or "")
        elif leaving:
            if not _at_line_start(out):
                out.append("\n")
        elif tag == "br":
            out.append("\n")
        elif is_element(found) and tag not in ("script", "style", "button") and not is_gutter(found):
            if tag in LINES:
                if not _at_line_start(out):
                    out.append("\n")
                stack.append((found, True))
            stack.extend([(child, False) for child in children(found)][::-1])
    text = "".join(out)
    if "\n" not in text.strip("\n"):
        lines = [child for child in children(node) if is_element(child)]
        if len(lines) > 1 and all(line.tag == "code" for line in lines):  # one <code> a line, stacked by a style sheet
            text = "\n".join(code_text(line) for line in lines)
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def _at_line_start(out: list[str]) -> bool:
    for piece in reversed(out):
        if piece:
            return piece.endswith("\n")
    return True


def is_gutter(node: Node) -> bool:
    """Whether an element holds line numbers or a button, as its class says."""
    return any(GUTTER.fullmatch(name) for name in classes(node))


def listing_lines(node: Node) -> str | None:
    """Text of a listing that is laid out without <pre>: SyntaxHighlighter's and GitHub's tables; None if it is none."""
    names = classes(node)
    if not {"syntaxhighlighter", "js-file-line-container"}.intersection(names):
        return None
    if node.query_selector(".syntaxhighlighter,.js-file-line-container") is not None:  # only the innermost is one
        return None
    if "syntaxhighlighter" in names:
        cells = [found for found in descendants(node) if found.tag == "td" and "code" in classes(found)]
        lines = [
            n for n in descendants(cells[0] if cells else node) if n.tag in ("div", "code") and "line" in classes(n)
        ]
    elif "js-file-line-container" in names:
        lines = [n for n in descendants(node) if n.tag == "td" and "js-file-line" in classes(n)]
    else:
        return None
    text = "\n".join(code_text(line).replace("\xa0", " ").rstrip() for line in lines)
    return text.strip("\n") or None


def language_of(node: Node, text: str) -> str | None:
    """The language that the page names for a block, in the usual short form; `pycon` for a Python session."""
    told = _told(node)
    if text.lstrip().startswith(">>> ") and told in (None, "python"):
        return "pycon"
    return told


def _told(node: Node) -> str | None:
    around = [node]
    inner = next((child for child in children(node) if is_element(child)), None)
    if inner is not None and inner.tag == "code":
        around.insert(0, inner)
    above = node.parent
    for _ in range(3):
        if above is None or not above.tag or above.tag in ("body", "td", "li", "section", "article", "main"):
            break
        around.append(above)
        above = above.parent
    for place in around:
        for name in ATTRIBUTES:
            if place.hasattr(name) and (language := _normal(place.getattr(name) or "")):
                return language
        names = classes(place)
        for at, name in enumerate(names):
            name = name.rstrip(";")
            if name == "brush:" and at + 1 < len(names):
                if language := _normal(names[at + 1].rstrip(";")):
                    return language
            elif (behind := BEHIND.fullmatch(name)) and (language := _normal(behind[1])):
                return language
        known = NAMED_BY.intersection(names)
        for name in names:
            if (name not in SHORT or known) and (language := _normal(name)) in NAMES and name not in NAMED_BY:
                return language
    return None


def _normal(name: str) -> str | None:
    name = name.strip().lower()
    name = ALIASES.get(name, name)
    return name if name not in UNTOLD and SAFE.fullmatch(name) else None


def fenced(text: str, language: str | None) -> str:
    """A code block in Markdown. The fence is longer than any run of backticks inside, so nothing inside ends it."""
    fence = "`" * max(3, 1 + max(map(len, RUN.findall(text)), default=0))
    return f"{fence}{language or ''}\n{text}\n{fence}"


def inline(text: str) -> str:
    """A code span in Markdown."""
    if "`" not in text:
        return f"`{text}`"
    ticks = "`" * (1 + max(map(len, RUN.findall(text))))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"

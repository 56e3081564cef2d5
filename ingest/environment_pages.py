"""Documentation pages of Python modules, as pydoc shows them, without running a line of the module.

pydoc documents living objects: it would have to import every module (some open windows, start servers or
print), and its pages hold what the machine holds, such as the values of `os.environ`, paths and addresses of
objects. So a page is made from the syntax tree of the source instead: the same module, class and function
documentation, and the same bytes each time. Definitions are headed as they are called, `dumps(obj, *,
skipkeys)`, without annotations and defaults. Modules written in C have no source; a fixed list of them,
harmless to import, is read from their docstrings and text signatures, as pydoc does. The language topics are
pydoc's own pages (`pydoc_data.topics`).
"""

from __future__ import annotations

import ast
import html
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

_WRAPPED_FROM = 50  # a line of prose shorter than this was ended on purpose, not wrapped at a margin
_BULLET = re.compile(r"([-*+•]|\(?\d{1,2}[.)]|:\w[^:]*:|\.\. )\s*\S")
_RULE = re.compile(r"[=\-~^#*_+|`'\s]{3,}$")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_CODE = re.compile(r">>> |\.\.\. |\$ |In \[\d|[|+].*[|+]$")


@dataclass(frozen=True)
class Block:
    """A piece of a page: a heading (level 1-3), a paragraph, or verbatim lines."""

    kind: str  # h1 | h2 | h3 | p | pre
    text: str
    tight: bool = False  # follows the line above without a blank line, as the items of a list do


@dataclass
class Page:
    """One page. `prose` counts the characters of docstrings, which is what a page is worth."""

    blocks: list[Block] = field(default_factory=list)
    prose: int = 0

    def heading(self, level: int, text: str) -> None:
        self.blocks.append(Block(f"h{level}", text))

    def docstring(self, text: str) -> None:
        # A docstring may write control characters and lone surrogates as escapes: shown, as pydoc would show
        # them.
        text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", inspect.cleandoc(text))
        text = text.encode("utf-8", "backslashreplace").decode()
        self.prose += len(text)
        self.blocks.extend(paragraphs(text))

    @property
    def text(self) -> str:
        """The main text: prose unwrapped, blocks set apart by a blank line unless they are tight."""
        parts: list[str] = []
        for block in self.blocks:
            parts += ["\n" if block.tight else "\n\n", block.text]
        return "".join(parts[1:])

    def html(self, title: str) -> str:
        """The same blocks as an HTML page."""
        body = "\n".join(f"<{b.kind}>{html.escape(b.text, quote=False)}</{b.kind}>" for b in self.blocks)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
            f"<title>{html.escape(title)}</title></head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )


def module_page(source: bytes, name: str) -> Page:
    """The page of a module from its source. Raises SyntaxError, ValueError or RecursionError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in other people's strings
        tree = ast.parse(source)
    page = Page()
    page.heading(1, name)
    if doc := ast.get_docstring(tree, clean=False):
        page.docstring(doc)
    exported = _exported(tree)
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
            node.name in exported if exported is not None else not node.name.startswith("_")
        ):
            _definition(page, node)
    return page


def _exported(tree: ast.Module) -> set[str] | None:
    """What `__all__` lists, or None where it is not a plain list of names."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                names = ast.literal_eval(node.value)
                return {name for name in names if isinstance(name, str)} or None
            except (ValueError, TypeError):
                return None
    return None


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _definition(page: Page, node: Definition, owner: str = "") -> None:
    doc = ast.get_docstring(node, clean=False)
    if isinstance(node, ast.ClassDef):
        members = [m for m in node.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef))]
        documented = [m for m in members if not m.name.startswith("_") and ast.get_docstring(m, clean=False)]
        if not doc and not documented:
            return
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        page.heading(2, f"class {owner}{node.name}" + (f"({bases})" if bases else ""))
        if doc:
            page.docstring(doc)
        for member in documented:
            _definition(page, member, f"{owner}{node.name}.")
    elif doc:
        page.heading(3 if owner else 2, f"{owner}{node.name}{_call(node, bool(owner))}")
        page.docstring(doc)


def _call(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> str:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    if method and names[:1] in (["self"], ["cls"]):
        names.pop(0)
    if node.args.vararg or node.args.kwonlyargs:
        names.append("*" + (node.args.vararg.arg if node.args.vararg else ""))
    names += [a.arg for a in node.args.kwonlyargs]
    if node.args.kwarg:
        names.append("**" + node.args.kwarg.arg)
    return f"({', '.join(names)})"


def extension_page(module: ModuleType) -> Page:
    """The page of a module written in C: docstrings and text signatures only, never a value."""
    page = Page()
    page.heading(1, module.__name__)
    if module.__doc__:
        page.docstring(module.__doc__)
    for name, item in _members(module):
        if inspect.isclass(item) and item.__module__ == module.__name__:
            page.heading(2, f"class {name}{_text_signature(item)}")
            page.docstring(item.__doc__ or "")
            for method, value in _members(item):
                if method in vars(item) and inspect.isroutine(value) and value.__doc__:
                    page.heading(3, f"{name}.{method}{_text_signature(value)}")
                    page.docstring(value.__doc__)
        elif inspect.isbuiltin(item) and item.__module__ == module.__name__ and item.__doc__:
            page.heading(2, f"{name}{_text_signature(item)}")
            page.docstring(item.__doc__)
    return page


def _members(owner: object) -> Iterator[tuple[str, object]]:
    for name in sorted(vars(owner)):
        if not name.startswith("_"):
            yield name, vars(owner)[name]


def _text_signature(item: object) -> str:
    signature = getattr(item, "__text_signature__", None)
    return signature if isinstance(signature, str) else "(...)"


def topic_page(name: str, text: str) -> Page:
    """One of the language topics of pydoc (`help("truth")`)."""
    page = Page()
    lines = text.split("\n")
    if len(lines) > 1 and _RULE.match(lines[1]):
        page.heading(1, lines[0])
        text = "\n".join(lines[2:])
    else:
        page.heading(1, name)
    page.docstring(text)
    return page


def paragraphs(text: str) -> Iterator[Block]:
    """Split documentation into prose, unwrapped to one line a paragraph, and verbatim blocks."""
    lines = text.expandtabs().split("\n")
    at = 0
    tight = False
    literal_above = -1  # indentation of a paragraph that ended in "::": what is deeper is verbatim
    while at < len(lines):
        line = lines[at]
        bare = line.strip()
        indent = len(line) - len(line.lstrip())
        if not bare:
            at, tight = at + 1, False
            continue
        if (literal_above >= 0 and indent > literal_above) or bare.startswith("```") or _CODE.match(bare):
            end = _verbatim_end(lines, at, literal_above)
            yield Block("pre", "\n".join(_dedented(lines[at:end])))
            at, tight = end, False
            continue
        literal_above = -1
        if _RULE.fullmatch(line) and len(bare) > 2:
            at += 1  # the underline of a heading, or a rule
            continue
        parts = [bare]
        hanging = indent
        if _BULLET.match(bare):
            hanging = indent + 1
        at += 1
        while at < len(lines) and _continues(parts[-1], indent, hanging, lines[at]):
            parts.append(lines[at].strip())
            at += 1
        joined = " ".join(parts)
        if joined.endswith("::"):
            literal_above = indent
            joined = joined[:-1] if not joined.endswith(" ::") else joined[:-3]
        if joined:
            yield Block("p", joined, tight)
            tight = True


def _continues(previous: str, indent: int, hanging: int, line: str) -> bool:
    bare = line.strip()
    if not bare or _BULLET.match(bare) or _CODE.match(bare) or _RULE.fullmatch(line) or bare.startswith("```"):
        return False
    depth = len(line) - len(line.lstrip())
    if hanging > indent:
        return depth >= hanging and not previous.endswith("::")
    return depth == indent and len(previous) + indent >= _WRAPPED_FROM and "   " not in previous


def _verbatim_end(lines: list[str], start: int, literal_above: int) -> int:
    """Where a verbatim block ends: the closing fence, the dedent of a literal block, or the blank line."""
    if lines[start].strip().startswith("```"):
        fenced = next((n for n in range(start + 1, len(lines)) if lines[n].strip().startswith("```")), None)
        return len(lines) if fenced is None else fenced + 1
    end = start + 1
    while end < len(lines):
        line = lines[end]
        if literal_above >= 0 and line.strip() and len(line) - len(line.lstrip()) <= literal_above:
            break
        if literal_above < 0 and not line.strip():
            break
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return end


def _dedented(lines: list[str]) -> list[str]:
    depth = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [line[depth:].rstrip() for line in lines]

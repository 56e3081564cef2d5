"""What a docstring says of a function and its parameters: the styles of Google, NumPy and Sphinx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import cleandoc

_GOOGLE = re.compile(r"(Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters)\s*:\s*$")
_OTHER = re.compile(
    r"(Returns?|Yields?|Raises|Examples?|Notes?|Warnings?|Warns|See Also|References|Attributes|Todo|Usage)\s*:\s*$"
)
_GOOGLE_ITEM = re.compile(r"(\*{0,2}\w+)\s*(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?\s*:(?:\s+(.*)|\s*)$")
_RULE = re.compile(r"-{3,}\s*$")
_NUMPY = ("parameters", "other parameters", "keyword arguments")
_NUMPY_ITEM = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::\s*(.*))?$")
_SPHINX = re.compile(r":(param|parameter|arg|argument|key|keyword)\s+(?:([^:]+?)\s+)?(\*{0,2}\w+)\s*:\s*(.*)$")
_SPHINX_TYPE = re.compile(r":type\s+(\w+)\s*:\s*(.*)$")
_SPHINX_OTHER = re.compile(r":(returns?|rtype|raises?|yields?|except|exception|var|ivar|cvar|meta)\b[^:]*:")
CHARACTERS = 20_000  # of a docstring that are read


@dataclass(slots=True)
class Docstring:
    """`summary` is what stands before the parameters; `parameters` and `types` are by name, as they are written."""

    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, kind: str | None, text: Sequence[str]) -> None:
        """Keep a parameter; the first mention counts."""
        name = name.lstrip("*")
        if said := " ".join(" ".join(text).split()):
            self.parameters.setdefault(name, said)
        if kind and (kind := re.sub(r",?\s*\boptional\b\s*$|,\s*(default|optional)\b.*$", "", kind.strip())):
            self.types.setdefault(name, kind)


def read_docstring(text: str | None) -> Docstring:
    """A docstring, taken apart. Sections other than those of parameters are left out; nothing is refused."""
    found, lines = Docstring(), cleandoc((text or "")[:CHARACTERS]).split("\n")
    summary: list[str] = []
    at = 0
    in_summary = True
    while at < len(lines):
        line = lines[at]
        bare = line.strip()
        ruled = at + 1 < len(lines) and bare != "" and _RULE.match(lines[at + 1].strip()) is not None
        if ruled:
            read = _numpy if bare.lower() in _NUMPY else _passed
            at, in_summary = read(lines, at + 2, found), False
        elif _GOOGLE.match(bare) and at + 1 < len(lines):
            at, in_summary = _google(lines, at + 1, _indent(line), found), False
        elif _OTHER.match(bare):
            at, in_summary = _block(lines, at + 1, _indent(line))[0], False
        elif match := _SPHINX.match(bare):
            at, in_summary = _sphinx(lines, at, match, found), False
        elif match := _SPHINX_TYPE.match(bare):
            found.types.setdefault(match[1], match[2].strip())
            at, in_summary = at + 1, False
        elif _SPHINX_OTHER.match(bare):
            at, in_summary = _block(lines, at + 1, _indent(line))[0], False
        else:
            if in_summary:
                summary.append(line)
            at += 1
    found.summary = "\n".join(summary).strip()
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(lines: Sequence[str], at: int, indent: int) -> tuple[int, list[str]]:
    """The lines that stand deeper than `indent`, and the place after them."""
    held = []
    while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) > indent):
        held.append(lines[at])
        at += 1
    return at, held


def _google(lines: Sequence[str], at: int, indent: int, found: Docstring) -> int:
    at, held = _block(lines, at, indent)
    depth = min((_indent(line) for line in held if line.strip()), default=0)
    name: str | None = None
    kind: str | None = None
    text: list[str] = []
    for line in held:
        match = _GOOGLE_ITEM.match(line.strip()) if line.strip() and _indent(line) == depth else None
        if match is None:
            text.append(line)
            continue
        if name is not None:
            found.add(name, kind, text)
        name, kind, text = match[1], match[2], [match[3] or ""]
    if name is not None:
        found.add(name, kind, text)
    return at


def _numpy(lines: Sequence[str], at: int, found: Docstring) -> int:
    while at < len(lines):
        bare = lines[at].strip()
        if not bare:
            at += 1
            continue
        if at + 1 < len(lines) and _RULE.match(lines[at + 1].strip()):
            return at
        match = _NUMPY_ITEM.match(bare)
        if match is None:
            return at
        at, held = _block(lines, at + 1, _indent(lines[at]))
        for name in match[1].split(","):
            found.add(name.strip(), match[2], held)
    return at


def _passed(lines: Sequence[str], at: int, found: Docstring) -> int:
    """Over a NumPy section that says nothing of parameters."""
    while at < len(lines):
        if lines[at].strip() and at + 1 < len(lines) and _RULE.match(lines[at + 1].strip()):
            return at
        at += 1
    return at


def _sphinx(lines: Sequence[str], at: int, match: re.Match[str], found: Docstring) -> int:
    indent = _indent(lines[at])
    end, held = _block(lines, at + 1, indent)
    found.add(match[3], match[2], [match[4], *held])
    return end

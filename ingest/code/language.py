"""The programming language of a file: by its name, its first lines, and where a name is shared its content.

The order is Linguist's: an editor's modeline, a whole file name, the "#!" line of a file whose name says nothing, the
longest known extension, and rules for extensions that languages share. None is a file that nothing tells about.
"""

from __future__ import annotations

import re

from ingest.code.language_names import ALIASES, EXTENSIONS, INTERPRETERS, LANGUAGES, NAMES, PREFIXES, SHARED
from ingest.code.shared_names import decide

_EMACS = re.compile(
    r"-\*-[ \t]*(?:[^*\n]{0,200}?\bmode[ \t]*:[ \t]*)?([A-Za-z+#][\w+#-]*)[ \t]*(?:;[^*\n]{0,200})?-\*-", re.IGNORECASE
)
_VIM = re.compile(r"(?:^|[ \t])(?:vim?|ex)(?:[<=>]?\d+)?:[^\n]{0,200}?\b(?:ft|filetype|syntax)[ \t]*=[ \t]*([\w+#-]+)")
_NOT_MODES = frozenset({"coding", "mode", "utf-8", "encoding", "tab-width", "indent-tabs-mode", "fill-column"})
_MODELINES = 5  # first and last lines in which editors look for one
_VERSION = re.compile(r"[\d.]+$")
_MINIMAL = {"sh.in": "sh", "h.in": "h", "py.in": "py", "hpp.in": "hpp", "c.in": "c", "pc.in": "pc", "xml.in": "xml",
            "yml.example": "yml", "yaml.example": "yaml", "json.example": "json", "php.dist": "php", "xml.dist": "xml",
            "py-tpl": "py", "pyx.tp": "pyx", "pxd.tp": "pxd", "pxi.tp": "pxi", "js.map": "json", "ts.map": "json",
            "css.map": "json", "mjs.map": "json", "cjs.map": "json", "mts.map": "json", "yml.dist": "yml", "py.example": "py", "py.tmpl": "py", "h.cmake": "h", "toml.example": "toml"}  # fmt: skip


def detect(path: str, text: str) -> str | None:
    """Linguist's name of the language in lower case ("c++", "python", "markdown"); None where nothing tells.

    path: with '/'; only its last component counts. text: the file's text, or its beginning.
    """
    name = path.rpartition("/")[2].lower()
    head = text[:512] if text.startswith("#!") else ""
    if ("-*-" in text[:2000] or "vim:" in text[:2000] or ":" in text[-2000:]) and (mode := _modeline(text)):
        return mode
    if name in NAMES:
        return NAMES[name]
    if (found := _by_ending(name, text)) is not None:
        return found
    if head and (found := _shebang(head)) is not None:
        return found
    for prefix, language in PREFIXES:
        if name.startswith(prefix):
            return language
    if "." not in name and text.startswith("<?xml"):
        return "xml"
    return None


def _by_ending(name: str, text: str) -> str | None:
    """The longest known ending decides: ".blade.php" before ".php"."""
    at = name.find(".", 1) if name.startswith(".") else name.find(".")
    while at >= 0:
        ending = name[at + 1 :]
        ending = _MINIMAL.get(ending, ending)
        if ending in SHARED:
            return decide(ending, text)
        if ending in EXTENSIONS:
            return EXTENSIONS[ending]
        at = name.find(".", at + 1)
    return None


def _shebang(head: str) -> str | None:
    words = head[2:].split("\n", 1)[0].split()
    while words:
        word = words.pop(0).rpartition("/")[2].lower()
        if word == "env" or word.startswith("-") or "=" in word or word in ("exec", "sudo"):
            continue
        for name in (word, _VERSION.sub("", word)):
            if name in INTERPRETERS:
                return _handed_on(head) if name == "sh" else INTERPRETERS[name]
        return None
    return None


def _handed_on(head: str) -> str:
    """`#!/bin/sh` with a second line that hands the file to another interpreter: exec tclsh "$0"."""
    match = re.search(r"^[^\n]*\bexec[ \t]+([\w./+-]+)[ \t][^\n]*\$0", head, re.MULTILINE)
    name = _VERSION.sub("", match[1].rpartition("/")[2].lower()) if match else ""
    return INTERPRETERS.get(name, "shell")


def _modeline(text: str) -> str | None:
    """The language that an editor's modeline names in the first or last lines; None where it is no language."""
    first = text[:2000].split("\n")[:_MODELINES]
    last = text[-2000:].split("\n")[-_MODELINES:] if len(text) > 2000 else []
    for line in (*first, *last):
        match = _EMACS.search(line) if "-*-" in line else _VIM.search(line) if "=" in line else None
        if match is None:
            continue
        mode = match[1].lower()
        if mode in _NOT_MODES:
            continue
        mode = ALIASES.get(mode, mode)
        if mode in LANGUAGES:
            return mode
    return None

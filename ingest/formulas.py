"""Formulas as LaTeX in the text: MathML annotations, MathJax scripts, images whose alt text is LaTeX."""

from __future__ import annotations

import re
from html import escape

MATH = re.compile(rb"<math\b([^<>]*)>", re.IGNORECASE)
MATH_END = re.compile(rb"</math\s*>", re.IGNORECASE)
HIDDEN = re.compile(rb"<span\b[^<>]{0,300}\bdisplay:\s*none[^<>]{0,100}>\s*(?=<math)", re.IGNORECASE)
ANNOTATION = re.compile(rb"<annotation\b[^<>]*\btex\b[^<>]*>([^<]*)<", re.IGNORECASE)
ALTTEXT = re.compile(rb"""\balttext=(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
BLOCK = re.compile(rb"""\bdisplay=["']?block""", re.IGNORECASE)
SCRIPT = re.compile(rb"""<script\b[^<>]{0,200}type=["']?math/tex([^<>]{0,100})>""", re.IGNORECASE)
SCRIPT_END = re.compile(rb"</script\s*>", re.IGNORECASE)
IMAGE = re.compile(rb"<img\b[^<>]*>", re.IGNORECASE)
CLASS = re.compile(
    rb"""\bclass=["']?[^"'<>]*\b(?:[\w-]*(?:latex|katex|mathjax)[\w-]*|math|tex|equation)\b""", re.IGNORECASE
)
ALT = re.compile(rb"""\balt=(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
DISPLAY_STYLE = re.compile(rb"^\{\\displaystyle\s*(.*)\}$", re.DOTALL)


def keep_formulas(source: bytes) -> bytes:
    """The page with `$…$` (displayed: `$$…$$`) in place of formulas whose LaTeX it holds. Time: linear."""
    source = HIDDEN.sub(b"<span>", source)  # MediaWiki hides the MathML beside an image
    source = _replace(source, MATH, MATH_END, _mathml)
    source = _replace(source, SCRIPT, SCRIPT_END, _script)
    return IMAGE.sub(_image, source)


def _replace(source: bytes, start: re.Pattern[bytes], end: re.Pattern[bytes], make) -> bytes:  # type: ignore[no-untyped-def]
    parts, at = [], 0
    opening = start.search(source)
    while opening and (closing := end.search(source, opening.end())):
        text = make(opening[1], source[opening.end() : closing.start()])
        if text:
            parts += [source[at : opening.start()], text]
            at = closing.end()
        opening = start.search(source, closing.end())
    return b"".join((*parts, source[at:]))


def _mathml(attributes: bytes, inner: bytes) -> bytes:
    note = ANNOTATION.search(inner)
    alt = None if note else ALTTEXT.search(attributes)
    tex = note[1] if note else (alt[1] or alt[2] or b"") if alt else b""
    return _marked(tex, BLOCK.search(attributes) is not None)


def _script(kind: bytes, inner: bytes) -> bytes:
    return _marked(escape(inner.decode("utf-8", "replace"), quote=False).encode(), b"display" in kind)


def _image(match: re.Match[bytes]) -> bytes:
    tag = match[0]
    alt = ALT.search(tag)
    if not alt or not CLASS.search(tag) or b"mwe-math" in tag:  # MediaWiki's image repeats its MathML
        return tag
    tex = alt[1] or alt[2] or b""
    return _marked(tex, False) if re.search(rb"[\\^_{}=$]", tex) else tag


def _marked(tex: bytes, display: bool) -> bytes:
    tex = b" ".join(tex.split())
    if wrapped := DISPLAY_STYLE.match(tex):
        tex = wrapped[1].strip()
    tex = tex.strip(b"$").strip()
    mark = b"$$" if display else b"$"
    return b" ".join((b"", mark + tex + mark, b"")) if tex else b""

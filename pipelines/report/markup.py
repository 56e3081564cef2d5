"""HTML that is escaped unless said otherwise: texts of a run are untrusted, and none becomes markup."""

from __future__ import annotations

import html
import re
from typing import Union

# C0 and C1 controls, bidirectional controls, invisible format characters, tags, surrogates and noncharacters: all
# that could hide, reorder or break what stands beside it. Joiners stay, since scripts need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


Child = Union["Html", str, int, None, "list[Html]"]
_VOID = frozenset(
    {"meta", "rect", "line", "input", "path", "circle", "ellipse", "polygon"}
)  # closed in the tag itself, as SVG needs it


def h(name: str, /, *children: Child, **attributes: object) -> Html:
    """An element. Plain strings are escaped. Of attributes, `cls` is class, `_` is `-`, and None leaves one out."""
    pairs = []
    for key, value in attributes.items():
        if value is not None and value is not False:
            shown = "" if value is True else f'="{html.escape(plain(str(value)))}"'
            pairs.append(f" {'class' if key == 'cls' else key.rstrip('_').replace('_', '-')}{shown}")
    opening = f"<{name}{''.join(pairs)}"
    return Html(f"{opening}/>") if name in _VOID else Html(f"{opening}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Several pieces one after the other."""
    pieces: list[str] = []
    for child in children:
        if isinstance(child, list):
            pieces.extend(child)
        elif child is not None:
            pieces.append(child if isinstance(child, Html) else visible(str(child)))
    return Html("".join(pieces))


def visible(text: str) -> Html:
    """Escaped text, with the characters that would hide or reorder it shown by name."""
    escaped = html.escape(text.replace("\r\n", "\n"), quote=True)
    return Html(_HIDDEN.sub(lambda match: f'<span class="hid">{_name(match[0])}</span>', escaped))


def short(text: object, characters: int = 80) -> str:
    """At most so many characters, an ellipsis where there were more."""
    text = str(text)
    return text if len(text) <= characters else text[: characters - 1] + "…"


def plain(text: str) -> str:
    """Text with the characters that would hide or reorder it by name, for attributes and drawings; not escaped."""
    return _HIDDEN.sub(lambda match: _name(match[0]), text)


def _name(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"U+{code:04X}"


# -- figures ---------------------------------------------------------------------------------------------------


def number(value: float | int | None) -> str:
    """1,234,567; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else decimal(value)


def decimal(value: float) -> str:
    """Four significant digits, without trailing noise."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def compact(value: float) -> str:
    """1.23 M."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return decimal(float(value))


def size(count: float | None) -> str:
    """Bytes, in decimal units."""
    if count is None:
        return "–"
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.3g} {unit}" if count < 999.5 * limit else f"{count / limit:.0f} {unit}"
    return f"{count:.0f} B"


def share(part: float, whole: float) -> str:
    """A percentage; what is not nothing never shows as 0."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.2f} %" if percent < 1 else f"{percent:.1f} %"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"

"""How deep, how large and how crowded a page's tree would be, told from its bytes before any parser sees them.

HTML parsing (https://html.spec.whatwg.org/#parsing) has traps that grow with the square of the page: unclosed
formatting elements are opened again in every paragraph, attributes of one tag are compared with each other, and
extractors walk up from every node. One pass over the bytes, compiled, follows the standard's stack of open
elements closely enough to refuse such pages; it stops at the first limit that is passed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

VOID, FORMAT, BLOCK, SPECIAL, SCOPE, RAW, MARKER, TABLE = 1, 2, 4, 8, 16, 32, 64, 128
TABLE_SIZE = 4096
MAX_STACK = 1 << 15  # hard bound of the arrays; the limits that callers set lie below
MAX_CUTS = 1 << 10  # scripts and styles whose bytes are left out
MIN_CUT = 64  # bytes of a script from which leaving it out pays
MAX_ACTIVE = 1 << 9  # formatting elements that may stay unclosed

GROUPS = {
    VOID: "area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen image",
    FORMAT: "a b big code em font i nobr s small strike strong tt u",
    BLOCK: "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header "
    "hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre listing form li dd dt table hr",
    SPECIAL: "address applet area article aside base basefont bgsound blockquote body br button caption center col "
    "colgroup dd details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 "
    "head header hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes "
    "noscript object ol p param plaintext pre script search section select source style summary table tbody td "
    "template textarea tfoot th thead title tr track ul wbr xmp",
    SCOPE: "applet caption html table td th marquee object template",
    RAW: "script style textarea title xmp iframe noembed noframes",
    MARKER: "td th caption applet object marquee template",
    TABLE: "tbody thead tfoot tr td th caption colgroup",
}


def _hash(name: str) -> int:
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def _flags() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Open-addressed table of (hash, flags)."""
    words: dict[str, int] = {}
    for flag, names in GROUPS.items():
        for name in names.split():
            words[name] = words.get(name, 0) | flag
    table = np.zeros(2 * TABLE_SIZE, np.int64)
    for name, flag in words.items():
        slot = _hash(name) % TABLE_SIZE
        while table[2 * slot]:
            slot = (slot + 1) % TABLE_SIZE
        table[2 * slot], table[2 * slot + 1] = _hash(name), flag
    return table


FLAGS = _flags()
P, LI, DD, DT, A, NOBR, BUTTON, OPTION, SVG, MATH, TBL, IMG, SCRIPT, STYLE = map(
    _hash, ("p", "li", "dd", "dt", "a", "nobr", "button", "option", "svg", "math", "table", "img", "script", "style")
)
H1, H2, H3, H4, H5, H6 = map(_hash, ("h1", "h2", "h3", "h4", "h5", "h6"))
_DIV, _ADDRESS = _hash("div"), _hash("address")
TR, TD, TH = map(_hash, ("tr", "td", "th"))


@njit(cache=True, inline="always")
def _is_heading(name):  # type: ignore[no-untyped-def]
    return name == H1 or name == H2 or name == H3 or name == H4 or name == H5 or name == H6


@njit(cache=True)
def _names_tex(data, start, stop):  # type: ignore[no-untyped-def]
    """Whether a tag holds `math`, `atex` (latex, katex) or `"tex"`."""
    for k in range(start, stop):
        if data[k + 1] == 97 and data[k + 2] == 116 and data[k] == 109 and data[k + 3] == 104:
            return 1
        tex = data[k + 1] == 116 and data[k + 2] == 101 and data[k + 3] == 120
        if tex and (data[k] == 97 or (data[k] == 34 and data[k + 4] == 34)):
            return 1
    return 0


@njit(cache=True, nogil=True)
def _scan(data, flags, max_depth, max_attributes, max_elements):  # type: ignore[no-untyped-def]
    """(depth, attributes of the fullest tag, elements, formulas, cuts): stops as soon as one is over its limit."""
    n = data.size
    names = np.empty(MAX_STACK, np.int64)
    kinds = np.empty(MAX_STACK, np.int64)
    entry = np.empty(MAX_STACK, np.int64)  # which active formatting element this is, or -1
    a_name = np.empty(MAX_ACTIVE, np.int64)  # 0 is a marker
    a_tag = np.empty(MAX_ACTIVE, np.int64)
    a_open = np.empty(MAX_ACTIVE, np.int64)
    cuts = np.empty(2 * MAX_CUTS, np.int64)
    cut = 0
    depth = active = foreign = elements = deepest = fullest = formulas = 0
    i = 0
    while i < n:
        if data[i] != 60:  # text up to the next '<'
            seen = False
            while i < n and data[i] != 60:
                if data[i] > 32:
                    seen = True
                i += 1
            if seen and active:
                k = active
                while k > 0 and a_name[k - 1] != 0 and a_open[k - 1] == 0:
                    k -= 1
                while k < active:
                    if depth >= max_depth:
                        return depth + 1, fullest, elements, formulas, cuts[:cut]
                    names[depth], kinds[depth], entry[depth] = a_name[k], FORMAT, k
                    a_open[k] = 1
                    depth += 1
                    elements += 1
                    k += 1
                if depth > deepest:
                    deepest = depth
                if elements > max_elements:
                    return deepest, fullest, elements, formulas, cuts[:cut]
            continue
        i += 1
        if i >= n:
            break
        byte = data[i]
        if byte == 33 or byte == 63:  # <! or <?
            if i + 2 < n and data[i + 1] == 45 and data[i + 2] == 45:
                i += 1  # so that <!--> ends at once
                while i < n and not (data[i] == 62 and data[i - 1] == 45 and data[i - 2] == 45):
                    i += 1
            else:
                while i < n and data[i] != 62:
                    i += 1
            i += 1
            continue
        closing = byte == 47
        if closing:
            i += 1
            if i >= n:
                break
            byte = data[i]
        if not (65 <= byte <= 90 or 97 <= byte <= 122):
            if closing:
                while i < n and data[i] != 62:
                    i += 1
                i += 1
            continue
        # the name
        name = 2166136261
        while i < n:
            byte = data[i]
            if byte <= 32 or byte == 47 or byte == 62:
                break
            if 65 <= byte <= 90:
                byte += 32
            name = ((name ^ byte) * 16777619) & 0xFFFFFFFF
            i += 1
        # the attributes
        begin = i
        tag, count, slash = name, 0, False
        while i < n and data[i] != 62:
            byte = data[i]
            if byte <= 32 or byte == 47:
                slash = byte == 47
                i += 1
                continue
            slash = False
            count += 1
            first = True
            while i < n and (first or data[i] != 61) and data[i] > 32 and data[i] != 47 and data[i] != 62:
                tag = ((tag ^ data[i]) * 16777619) & 0xFFFFFFFF
                first = False
                i += 1
            j = i
            while j < n and data[j] <= 32:
                j += 1
            if j < n and data[j] == 61:
                j += 1
                while j < n and data[j] <= 32:
                    j += 1
                if j < n and (data[j] == 34 or data[j] == 39):
                    quote = data[j]
                    j += 1
                    while j < n and data[j] != quote:
                        tag = ((tag ^ data[j]) * 16777619) & 0xFFFFFFFF
                        j += 1
                    j += 1
                else:
                    while j < n and data[j] > 32 and data[j] != 62:
                        tag = ((tag ^ data[j]) * 16777619) & 0xFFFFFFFF
                        j += 1
                i = j
            if count > max_attributes:
                return deepest, count, elements, formulas, cuts[:cut]
        i += 1
        if count > fullest:
            fullest = count
        if formulas == 0:
            if name == MATH:
                formulas = 1
            elif name == IMG or name == SCRIPT:
                formulas = _names_tex(data, begin, min(i, n) - 4)
        slot = name % TABLE_SIZE
        while flags[2 * slot] != 0 and flags[2 * slot] != name:
            slot = (slot + 1) % TABLE_SIZE
        kind = flags[2 * slot + 1] if flags[2 * slot] == name else 0

        target = -1  # the stack is cut back to here
        if closing:
            if kind & FORMAT:
                k = active - 1
                while k >= 0 and a_name[k] != 0 and a_name[k] != name:
                    k -= 1
                if k >= 0 and a_name[k] == name:
                    # adoption: the element leaves the stack; blocks within it stay
                    for m in range(depth):
                        if entry[m] > k:
                            entry[m] -= 1
                        elif entry[m] == k:
                            entry[m] = -2
                    for m in range(k, active - 1):
                        a_name[m], a_tag[m], a_open[m] = a_name[m + 1], a_tag[m + 1], a_open[m + 1]
                    active -= 1
                    kept = 0
                    for m in range(depth):
                        if entry[m] != -2:
                            names[kept], kinds[kept], entry[kept] = names[m], kinds[m], entry[m]
                            kept += 1
                    if kept < depth - 1 or (depth and kept == depth):
                        elements += 1
                    depth = kept
                continue
            if kind & VOID:
                elements += 1
                continue
            k = depth - 1
            while k >= 0 and names[k] != name:
                if kind & SPECIAL:
                    if kinds[k] & SCOPE and not (kind & TABLE and names[k] != TBL) and name != TBL:
                        k = -1
                        break
                elif kinds[k] & SPECIAL:
                    k = -1
                    break
                k -= 1
            if k < 0:
                if name == P:
                    elements += 1
                continue
            target = k
        else:
            elements += 1
            if elements > max_elements:
                return deepest, fullest, elements, formulas, cuts[:cut]
            if kind & RAW and foreign == 0:
                # raw text runs to its own end tag
                begin, commented = i, False
                while i < n:
                    if data[i] == 60 and i + 1 < n and data[i + 1] == 33:
                        commented = True  # <!-- in a script changes where it ends
                    if data[i] == 60 and i + 1 < n and data[i + 1] == 47:
                        j, other = i + 2, 2166136261
                        while j < n and (65 <= data[j] <= 90 or 97 <= data[j] <= 122):
                            byte = data[j]
                            if 65 <= byte <= 90:
                                byte += 32
                            other = ((other ^ byte) * 16777619) & 0xFFFFFFFF
                            j += 1
                        if other == name:
                            plain = (name == SCRIPT or name == STYLE) and not commented
                            if plain and i - begin >= MIN_CUT and cut < 2 * MAX_CUTS:
                                cuts[cut], cuts[cut + 1] = begin, i
                                cut += 2
                            i = j
                            while i < n and data[i] != 62:
                                i += 1
                            i += 1
                            break
                    i += 1
                continue
            if kind & VOID:
                continue
            if foreign and slash and kind & BLOCK == 0:
                continue
            k = depth - 1
            if kind & TABLE:
                # cells, rows and groups end what lies open in their table
                while k >= 0 and names[k] != TBL:
                    if kinds[k] & TABLE:
                        inner = names[k] == TD or names[k] == TH
                        cell = name == TD or name == TH
                        if inner or (not cell and names[k] == TR) or (not cell and name != TR):
                            target = k
                    k -= 1
                if k < 0:
                    continue  # a cell outside tables makes no element
            elif name == LI or name == DD or name == DT:
                while k >= 0:
                    if names[k] == name or (name != LI and (names[k] == DD or names[k] == DT)):
                        target = k
                        break
                    if kinds[k] & SPECIAL and not (names[k] == P or names[k] == _DIV or names[k] == _ADDRESS):
                        break
                    k -= 1
            elif _is_heading(name):
                if depth and _is_heading(names[depth - 1]):
                    target = depth - 1
            elif name == OPTION:
                if depth and names[depth - 1] == OPTION:
                    target = depth - 1
            elif name == BUTTON:
                while k >= 0 and not kinds[k] & SCOPE:
                    if names[k] == BUTTON:
                        target = k
                        break
                    k -= 1
            if kind & BLOCK:
                k = (depth if target < 0 else target) - 1
                while k >= 0 and not kinds[k] & SCOPE and names[k] != BUTTON:
                    if names[k] == P:
                        target = k
                        break
                    k -= 1
        if target >= 0:
            for k in range(target, depth):
                if entry[k] >= 0 and entry[k] < active:
                    a_open[entry[k]] = 0
                if names[k] == SVG or names[k] == MATH:
                    foreign -= 1
            marked = False
            for k in range(target, depth):
                marked = marked or kinds[k] & MARKER != 0
            if marked:
                # formatting elements opened in a cell end with it
                for k in range(target, depth):
                    if kinds[k] & MARKER:
                        while active and a_name[active - 1] != 0:
                            active -= 1
                        if active:
                            active -= 1
            depth = target
        if closing:
            continue
        if kind & FORMAT:
            if name == A or name == NOBR:
                k = active - 1
                while k >= 0 and a_name[k] != 0 and a_name[k] != name:
                    k -= 1
                if k >= 0 and a_name[k] == name:
                    for m in range(depth):
                        if entry[m] > k:
                            entry[m] -= 1
                        elif entry[m] == k:
                            entry[m] = -1 if kinds[m] & FORMAT == 0 else -2
                    for m in range(k, active - 1):
                        a_name[m], a_tag[m], a_open[m] = a_name[m + 1], a_tag[m + 1], a_open[m + 1]
                    active -= 1
                    kept = 0
                    for m in range(depth):
                        if entry[m] != -2:
                            names[kept], kinds[kept], entry[kept] = names[m], kinds[m], entry[m]
                            kept += 1
                    depth = kept
            # those that a block's end closed open again
            k = active
            while k > 0 and a_name[k - 1] != 0 and a_open[k - 1] == 0:
                k -= 1
            while k < active:
                if depth >= max_depth:
                    return depth + 1, fullest, elements, formulas, cuts[:cut]
                names[depth], kinds[depth], entry[depth] = a_name[k], FORMAT, k
                a_open[k] = 1
                depth += 1
                elements += 1
                k += 1
            # of equal ones the list holds three at most
            same, oldest, k = 0, -1, active - 1
            while k >= 0 and a_name[k] != 0:
                if a_tag[k] == tag:
                    same += 1
                    oldest = k
                k -= 1
            if same >= 3:
                for m in range(depth):
                    if entry[m] > oldest:
                        entry[m] -= 1
                    elif entry[m] == oldest:
                        entry[m] = -1
                for m in range(oldest, active - 1):
                    a_name[m], a_tag[m], a_open[m] = a_name[m + 1], a_tag[m + 1], a_open[m + 1]
                active -= 1
        if depth >= max_depth:
            return depth + 1, fullest, elements, formulas, cuts[:cut]
        names[depth], kinds[depth], entry[depth] = name, kind, -1
        if kind & FORMAT or kind & MARKER:
            if active >= MAX_ACTIVE:
                return max_depth + 1, fullest, elements, formulas, cuts[:cut]
            a_name[active] = name if kind & FORMAT else 0
            a_tag[active] = tag
            a_open[active] = 1
            if kind & FORMAT:
                entry[depth] = active
            active += 1
        if name == SVG or name == MATH:
            foreign += 1
        depth += 1
        if depth > deepest:
            deepest = depth
    return deepest, fullest, elements, formulas, cuts[:cut]


class Shape(NamedTuple):
    """What a page's bytes would become."""

    depth: int
    attributes: int  # of the tag that has most
    elements: int
    formulas: int  # 1 if there may be formulas
    cuts: list[int]  # starts and ends of what scripts and styles hold: nothing that a parser need see


def measure(page: bytes, max_depth: int, max_attributes: int, max_elements: int) -> Shape:
    """The shape of a page in UTF-8; counting stops at the first value over its limit (time: linear in the bytes)."""
    depth = min(max_depth, MAX_STACK - 1)
    data = np.frombuffer(page, np.uint8)
    depth, attributes, elements, formulas, cuts = _scan(data, FLAGS, depth, max_attributes, max_elements)
    return Shape(depth, attributes, elements, formulas, cuts.tolist())


def without_scripts(page: bytes, cuts: list[int]) -> bytes:
    """The page with the insides of its scripts and styles left out: about half of its bytes, on today's web."""
    edges = [0, *cuts, len(page)]
    return b"".join([page[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)])

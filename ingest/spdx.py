"""SPDX licence expressions: read, told from licence texts, and held against a list of allowed ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

MAX_TEXT = 1 << 18  # characters of a licence text that are looked at
# The licences that ask for notices at most (no copyleft, no field of use), as Blue Oak's and OSI's lists hold them.
PERMISSIVE = frozenset(
    "0BSD AFL-3.0 Apache-1.1 Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause "
    "BSD-3-Clause-Clear BSD-3-Clause-LBNL BSD-4-Clause BSD-Source-Code BSL-1.0 CC-BY-4.0 CC-BY-3.0 CC0-1.0 CNRI-Python curl "
    "ECL-2.0 FSFAP FSFUL FSFULLR FTL HPND HPND-sell-variant ICU IJG ISC JasPer-2.0 Libpng libpng-2.0 libtiff LicenseRef-Public-Domain "
    "MIT MIT-0 MIT-CMU MIT-Modern-Variant MulanPSL-2.0 NCSA NTP OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Python-2.0.1 "
    "Ruby SMLNJ TCL Unicode-3.0 Unicode-DFS-2015 Unicode-DFS-2016 Unicode-TOU Unlicense UPL-1.0 Vim W3C WTFPL X11 Xnet Zlib "
    "zlib-acknowledgement ZPL-2.0 ZPL-2.1".split()
)
UNKNOWN = "unknown"  # in a list of allowed licences: files without a known one
_WORDS = re.compile(r"[()]|[^\s()]+")
_HEADER = re.compile(r"SPDX-License-Identifier:[ \t]*([^\n\r]{1,200})")
_TAIL = re.compile(r"(?:\*/|-->|\*\)|#}|['\"]{3}|-}|%>|\]\]|[*#;/|\"'\s])+$")
# What a header must say before the slower look at its text is worth it.
_GRANTS = (
    "general public license", "permission is hereby granted", "redistribution and use in source", "licensed under the",
    "mozilla public license", "permission to use, copy", "boost software license", "eclipse public license",
    "common development and distribution license", "public domain", "creative commons",
)  # fmt: skip
_GRANT_WORDS = ("licen", "permission", "redistribution", "public domain", "creative commons")  # each grant has one
_HEADER_CHARACTERS = 6144


@lru_cache(4096)
def canonical(expression: str | None) -> str | None:
    """An expression in SPDX's own spelling, or None: it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not expression or len(expression) > 200:
        return None
    try:
        found = str(canonicalize_license_expression(expression.strip()))
    except (InvalidLicenseExpression, RecursionError):
        return None
    bare = found.startswith("(") and found.endswith(")") and found.count("(") == 1
    return found[1:-1] if bare else found


def loose(expression: str | None) -> str | None:
    """As `canonical`, also for what Cargo and npm write: `MIT/Apache-2.0` is a choice, "SEE LICENSE IN" no expression."""
    if not expression:
        return None
    return canonical(expression) or (canonical(expression.replace("/", " OR ")) if "/" in expression else None)


def allows(expression: str | None, allowed: Collection[str]) -> bool:
    """Whether the licences of an expression can be met: OR asks for one side, AND for both; WITH adds rights only.

    An expression that cannot be read counts as unknown.
    """
    tokens = _WORDS.findall(expression or "")
    if not tokens:
        return UNKNOWN in allowed
    held, at = _either(tokens, 0, allowed)
    return held if at == len(tokens) else UNKNOWN in allowed


def _either(tokens: list[str], at: int, allowed: Collection[str]) -> tuple[bool, int]:
    held, at = _both(tokens, at, allowed)
    while at < len(tokens) and tokens[at] == "OR":
        more, at = _both(tokens, at + 1, allowed)
        held = held or more
    return held, at


def _both(tokens: list[str], at: int, allowed: Collection[str]) -> tuple[bool, int]:
    held, at = _one(tokens, at, allowed)
    while at < len(tokens) and tokens[at] == "AND":
        more, at = _one(tokens, at + 1, allowed)
        held = held and more
    return held, at


def _one(tokens: list[str], at: int, allowed: Collection[str]) -> tuple[bool, int]:
    if at >= len(tokens):
        return False, at
    if tokens[at] == "(":
        held, at = _either(tokens, at + 1, allowed)
        return held, at + 1
    name = tokens[at]
    if at + 2 < len(tokens) and tokens[at + 1] == "WITH":
        return name in allowed or " ".join(tokens[at : at + 3]) in allowed, at + 3
    return name in allowed, at + 1


def both(expressions: Iterable[str]) -> str | None:
    """All of them at once: the reading under which no licence is overlooked. None where there is none."""
    parts = sorted(set(expressions))
    if len(parts) < 2:
        return parts[0] if parts else None
    return canonical(" AND ".join(f"({part})" if " OR " in part else part for part in parts)) or _joined(parts)


def _joined(parts: list[str]) -> str:
    return " AND ".join(f"({part})" if " OR " in part else part for part in parts)


@lru_cache(1024)
def of_text(text: str) -> str | None:
    """The licence or licences that a text is: all that it holds, joined by AND; None where it is mostly something else.

    Matched by licenseclassifier (the engine and templates of Google's licensecheck, all of SPDX's list).
    """
    return both(_found(text[:MAX_TEXT], 75.0))


@lru_cache(256)
def _found(text: str, coverage: float) -> tuple[str, ...]:
    from licenseclassifier import identify_license

    return tuple(dict.fromkeys(match.id for match in identify_license(text, coverage_threshold=coverage)))


def of_header(text: str) -> str | None:
    """The licence that a source file states in its first lines: SPDX-License-Identifier, or the grant of a known licence."""
    head = text[:_HEADER_CHARACTERS]
    if "SPDX-License-Identifier" in head:
        found = [canonical(_TAIL.sub("", match)) for match in _HEADER.findall(head)]
        return both(name for name in found if name)
    lower = head.lower()
    if not any(word in lower for word in _GRANT_WORDS) or not any(grant in lower for grant in _GRANTS):
        return None
    return both(_found(_comment(head), 0.0))


def _comment(head: str) -> str:
    """Without the marks of comments, at which the matching of words would stumble; the same for files of one header."""
    lines = [line.strip().strip("/*#;%!-\"'").strip() for line in head.split("\n")]
    return "\n".join(lines[:120])

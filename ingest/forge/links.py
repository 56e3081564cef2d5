"""What issues, pull requests and commits say of one another: by number and by SHA.

Parents of a commit and the base of a pull request are no links: they would tie a whole history together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![\w/&#`])(?:#|GH-)(\d{1,7})(?![\w])")
_ELSEWHERE = re.compile(r"(?<![\w/.-])([\w.-]+/[\w.-]+)(?:#|@)([0-9a-f]{7,40}|\d{1,7})\b")
_URL = re.compile(r"github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|commit)/([0-9a-f]{40}|\d{1,7})\b")
_SHA = re.compile(r"(?<![\w/-])([0-9a-f]{40})(?![\w-])")


def keys(
    repo: str, texts: Iterable[str], shas: Iterable[str | None] = (), numbers: Iterable[int | str | None] = ()
) -> str:
    """The keys of what is linked, sorted and separated by spaces: "#12" for a number of this repository, "@<sha>" for a commit."""
    found = {f"@{sha}" for sha in shas if sha} | {f"#{number}" for number in numbers if number}
    for text in texts:
        found |= {f"#{number}" for number in _NUMBER.findall(text)}
        found |= {f"@{sha}" for sha in _SHA.findall(text)}
        for name, what in (*_ELSEWHERE.findall(text), *_URL.findall(text)):
            if name.lower() == repo.lower():
                found.add(f"#{what}" if what.isdecimal() and len(what) < 8 else f"@{what}")
    return " ".join(sorted(found, key=lambda key: (key[0], len(key), key)))

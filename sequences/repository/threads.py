"""Issues, pull requests, reviews and commits: what belongs together, by the keys in their `links`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ORDER = ("issue", "pull", "review", "commit")


@dataclass(slots=True)
class Post:
    """One document of a forge. `links` are keys such as "#12" and "@" with the first characters of a commit's SHA."""

    id: str
    kind: str  # issue | pull | review | commit; anything else stands alone
    number: int | None = None
    sha: str | None = None
    links: Sequence[str] = ()
    created: str = ""
    tokens: int = 0
    place: tuple[int, int, int] = (0, 0, 0)  # input, part, row

    @property
    def title(self) -> str:
        """How the header names it."""
        name = {"pull": "pull request", "review": "review of pull request"}.get(self.kind, self.kind)
        if self.kind == "commit" and self.sha:
            return f"{name} {self.sha[:12]}"
        return f"{name} #{self.number}" if self.number is not None else name


def post(id: str, metadata: Mapping[str, str], created: str | None, tokens: int, place: tuple[int, int, int]) -> Post:
    """A forge Document as a post."""
    number = metadata.get("number", "").lstrip("#")
    return Post(
        id, metadata.get("kind", ""), int(number) if number.isdecimal() and len(number) < 20 else None, metadata.get("sha") or None,
        metadata.get("links", "").split(), created or "", tokens, place,
    )  # fmt: skip


def threads(posts: Sequence[Post]) -> list[list[Post]]:
    """Posts that belong in one context, in the order in which they are read: issues, pull request, reviews, commits.

    Each post has one place: with the lowest pull request that it is linked with, either way; without one, a commit goes to
    the lowest issue. So a discussion that mentions half the tracker does not draw all of it together.
    """
    ordered = sorted(posts, key=_position)
    anchors: dict[str, list[int]] = defaultdict(list)  # key: the posts that have it
    for number, found in enumerate(ordered):
        for key in _own(found):
            anchors[key].append(number)
    neighbours: list[set[int]] = [set() for _ in ordered]
    for number, found in enumerate(ordered):
        for link in found.links:
            for other in anchors.get(_short(link), ()):
                if other != number:
                    neighbours[number].add(other)
                    neighbours[other].add(number)
    home: list[int] = []
    for number, found in enumerate(ordered):
        same = [o for o in anchors.get(f"#{found.number}", ()) if o != number] if found.kind == "review" else []
        linked = sorted({*neighbours[number], *same})
        pulls = [other for other in linked if ordered[other].kind == "pull"]
        issues = [other for other in linked if ordered[other].kind == "issue"]
        if found.kind in ("issue", "review", "commit") and pulls:
            home.append(pulls[0])
        elif found.kind in ("review", "commit") and issues:
            home.append(issues[0])
        else:
            home.append(number)
    for number, place in enumerate(home):  # a commit of an issue that went to a pull request follows it there
        home[number] = home[place]
    groups: dict[int, list[Post]] = defaultdict(list)
    for number, place in enumerate(home):
        groups[place].append(ordered[number])
    return list(groups.values())  # by their first post


def _position(found: Post) -> tuple[int, int, str, str]:
    kind = _ORDER.index(found.kind) if found.kind in _ORDER else len(_ORDER)
    return kind, found.number if found.number is not None else 1 << 62, found.created, found.id


def _own(found: Post) -> list[str]:
    keys = [f"#{found.number}"] if found.number is not None and found.kind in ("issue", "pull", "review") else []
    return [*keys, _short(f"@{found.sha}")] if found.sha and found.kind == "commit" else keys


def _short(key: str) -> str:
    """Commits are told by the first seven characters of their SHA, which is what people write."""
    return key[:8].lower() if key.startswith("@") else key

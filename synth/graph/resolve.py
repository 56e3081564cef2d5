"""Which ids mean one thing: redirects over chains and cycles, and extracted names that are written alike."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


class Groups:
    """Union-find over numbers (path halving); `root` of a group is any of its members."""

    def __init__(self) -> None:
        self._up: dict[int, int] = {}
        self._joined: set[int] = set()

    def root(self, number: int) -> int:
        up = self._up
        while (above := up.get(number, number)) != number:
            up[number] = up.get(above, above)
            number = up[number]
        return number

    def join(self, left: int, right: int) -> int:
        self._joined.update((left, right))
        low, high = sorted((self.root(left), self.root(right)))
        self._up[high] = low
        return low

    def __contains__(self, number: int) -> bool:
        """Whether it was joined with anything."""
        return number in self._joined

    def members(self, numbers: Iterable[int]) -> dict[int, list[int]]:
        """Root -> its members among the numbers, in their order."""
        found: dict[int, list[int]] = defaultdict(list)
        for number in numbers:
            found[self.root(number)].append(number)
        return found


def key(name: str) -> str:
    """A name as it is compared: NFKC, casefold, letters and digits with one space between words. C++ and C# are not C."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(
        "".join(
            sign if sign.isalnum() or sign in "+#" or unicodedata.category(sign)[0] == "M" else " " for sign in folded
        ).split()
    )


def standing(
    members: Sequence[int], moved: Mapping[int, Collection[int]], known: Callable[[int], int], ids: Sequence[str]
) -> int:
    """Which member of a group of redirects stands for it: where the chain ends. In a cycle, or where several ends are,
    the one with most edges, then the smallest id; an end that no edge knows stands for nothing that has edges."""
    ends = [number for number in members if number not in moved and known(number)]
    return min(ends or members, key=lambda number: (-known(number), ids[number]))


def same_names(
    names: Mapping[int, Collection[str]],  # node -> the keys it is called by
    types: Mapping[int, frozenset[str]],
    curated: Collection[int],
    ids: Sequence[str],
    groups: Groups,
) -> tuple[dict[int, str], int]:
    """Join extracted nodes that have a name in common with each other, or with the one curated node that has it.

    Returns node -> the key that joined it, and how many names were left alone because two curated nodes carry them.
    Nodes whose known types have nothing in common stay apart, and no group ever holds two curated nodes.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for number, keys in names.items():
        for name in keys:
            by_name[name].append(number)
    of_group = {number: types.get(number, frozenset()) for number in names}
    owner: dict[int, int] = {groups.root(number): number for number in names if number in curated}
    why: dict[int, str] = {}
    ambiguous = 0
    for name in sorted(by_name):
        if len(by_name[name]) < 2 or not name:
            continue
        known = sorted({groups.root(n) for n in by_name[name] if n in curated}, key=lambda n: ids[n])
        found = sorted((n for n in by_name[name] if n not in curated), key=lambda n: ids[n])
        if not found:
            continue
        if len(known) > 1:
            ambiguous += 1
            continue
        heads = known[:1] + found
        for number in found:
            for head in heads:
                left, right = groups.root(head), groups.root(number)
                if left == right:
                    if head != number:
                        break
                    continue
                if left in owner and right in owner:
                    continue
                mine, other = of_group.get(left, frozenset()), of_group.get(right, frozenset())
                if mine and other and not mine & other:
                    continue
                who = owner.get(left, owner.get(right))
                root = groups.join(left, right)
                of_group[root] = mine | other
                if who is not None:
                    owner[root] = who
                why.setdefault(number, name)
                why.setdefault(head, name)
                break
    return why, ambiguous

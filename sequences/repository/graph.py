"""The import graph of a repository. Nodes are the files, in the order of their paths, and then the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sequences.repository.languages import FAMILIES, File, resolvers
from sequences.repository.roles import tested
from sequences.repository.tree import Tree


@dataclass(frozen=True)
class Graph:
    """`needs[n]`: the nodes that must come before node n. Nodes from `files` on are groups: no file, only members."""

    files: int
    needs: list[set[int]]

    def imported(self, number: int) -> list[int]:
        """The files that a file imports, groups taken apart; without itself."""
        found: set[int] = set()
        for target in self.needs[number]:
            found.update((target,) if target < self.files else self.needs[target])
        found.discard(number)
        return sorted(found)


def build(files: Sequence[File], repo: str, *, tests: bool = True) -> Graph:
    """The graph of files, which must be sorted by path, each path once. `tests`: with edges to what tests are named after."""
    tree = Tree([file.path for file in files])
    found = resolvers(files, tree, repo)
    groups: dict[str, int] = {}
    needs: list[set[int]] = [set() for _ in files]
    for resolver in found.values():
        for name, members in sorted(resolver.groups.items()):
            groups[name] = len(needs)
            needs.append(set(members))
    for number, file in enumerate(files):
        if file.family in FAMILIES and file.imports:
            targets = found[FAMILIES[file.family]].targets(number)
            needs[number] = {groups[t] if isinstance(t, str) else t for t in targets}
            needs[number].discard(number)
            # A file of a package may import that package under its own path: it does not wait for itself.
            needs[number] = {t for t in needs[number] if t < len(files) or number not in needs[t]}
    if tests:
        for number, subject in tested(files, tree, needs).items():
            needs[number].add(subject)
    return Graph(len(files), needs)

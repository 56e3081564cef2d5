"""Files in the order of their imports: what is imported comes first, and neighbours stay together.

Files that import one another in a circle (strongly connected components, Tarjan 1972) come as one run. Within a circle
no order serves every import: the heuristic of Eades, Lin and Smyth (1993) picks one that serves many. Of the
files whose imports have all come, the next is one of the same folder, else of the folder that shares most of its path.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Sequence

from sequences.repository.graph import Graph

Key = tuple[str, ...]  # where a node belongs: its folder, step by step


def components(graph: Graph) -> list[list[int]]:
    """Strongly connected components, each sorted, by their first node."""
    import networkx as nx

    directed = nx.DiGraph()
    directed.add_nodes_from(range(len(graph.needs)))
    directed.add_edges_from((node, target) for node, targets in enumerate(graph.needs) for target in sorted(targets))
    return sorted(sorted(found) for found in nx.strongly_connected_components(directed))


def order(graph: Graph, keys: Sequence[Key], ranks: Sequence[int], start: Key = ()) -> list[list[int]]:
    """Runs of files: a run is one file, or a circle of imports. `ranks` order the files of a folder before their paths.

    `keys` and `ranks` are of files, which are numbered in the order of their paths. Same graph, same order.
    """
    units = components(graph)
    unit_of = {node: number for number, unit in enumerate(units) for node in unit}
    needs: list[set[int]] = [set() for _ in units]
    for number, unit in enumerate(units):
        needs[number] = {unit_of[target] for node in unit for target in graph.needs[node]} - {number}
    heads = [next((node for node in unit if node < graph.files), -1) for unit in units]
    unit_keys = [keys[head] if head >= 0 else () for head in heads]
    unit_ranks = [(ranks[head], head) if head >= 0 else (-1, unit[0]) for head, unit in zip(heads, units, strict=True)]
    runs: list[list[int]] = []
    for number in _by_place(needs, unit_keys, unit_ranks, start, [head < 0 for head in heads]):
        unit = units[number]
        run = unit if len(unit) == 1 else _circle(unit, graph, keys, ranks, unit_keys[number])
        files = [node for node in run if node < graph.files]
        if files:
            runs.append(files)
    return runs


def _by_place(
    needs: Sequence[set[int]], keys: Sequence[Key], ranks: Sequence[tuple[int, int]], start: Key, silent: Sequence[bool]
) -> list[int]:
    """A topological order that stays where it is as long as it can. `silent` nodes take no place: they come at once."""
    wanted_by: list[list[int]] = [[] for _ in needs]
    waiting = [len(found) for found in needs]
    for node, found in enumerate(needs):
        for target in found:
            wanted_by[target].append(node)
    ready: dict[Key, list[tuple[tuple[int, int], int]]] = {}
    places: list[Key] = []
    done: list[int] = []
    here = start

    def release(first: list[int]) -> None:
        pending = first
        while pending:
            node = pending.pop()
            if silent[node]:
                done.append(node)
                for other in wanted_by[node]:
                    waiting[other] -= 1
                    if not waiting[other]:
                        pending.append(other)
                continue
            heap = ready.get(keys[node])
            if heap is None:
                heap = ready[keys[node]] = []
                insort(places, keys[node])
            heapq.heappush(heap, (ranks[node], node))

    release([node for node, count in enumerate(waiting) if not count])
    while places:
        if here not in ready:
            here = _nearest(places, here)
        heap = ready[here]
        node = heapq.heappop(heap)[1]
        if not heap:
            del ready[here]
            places.pop(bisect_left(places, here))
        done.append(node)
        free = []
        for other in wanted_by[node]:
            waiting[other] -= 1
            if not waiting[other]:
                free.append(other)
        release(free)
    return done


def _nearest(places: Sequence[Key], here: Key) -> Key:
    """Of sorted places one of the two beside `here`: the one that shares more steps, else the first."""
    at = bisect_left(places, here)
    beside = [places[number] for number in (at - 1, at) if 0 <= number < len(places)]
    return max(beside, key=lambda place: shared(place, here))


def shared(one: Key, other: Key) -> int:
    """How many first steps are the same."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _circle(
    unit: Sequence[int], graph: Graph, keys: Sequence[Key], ranks: Sequence[int], start: Key
) -> list[int]:  # fmt: skip
    """The nodes of a circle: the imports that a greedy order breaks are left out, and the rest is ordered by place."""
    inside = set(unit)
    position = {node: place for place, node in enumerate(_greedy(unit, graph, inside))}
    local = {node: number for number, node in enumerate(unit)}
    needs = [
        {local[target] for target in graph.needs[node] if target in inside and position[target] < position[node]}
        for node in unit
    ]
    files = graph.files
    local_keys = [keys[node] if node < files else () for node in unit]
    local_ranks = [(ranks[node], node) if node < files else (-1, node) for node in unit]
    return [unit[number] for number in _by_place(needs, local_keys, local_ranks, start, [n >= files for n in unit])]


def _greedy(unit: Sequence[int], graph: Graph, inside: set[int]) -> list[int]:
    """An order with few imports against it: nodes that need nothing come first, nodes that nobody needs last.

    Where there is neither, the node that is needed most beyond its own needs comes next.
    """
    needs = {node: {target for target in graph.needs[node] if target in inside} for node in unit}
    needed: dict[int, set[int]] = {node: set() for node in unit}
    for node, targets in needs.items():
        for target in targets:
            needed[target].add(node)
    heap = [(len(needs[node]) - len(needed[node]), node) for node in unit]
    heapq.heapify(heap)
    free = sorted((node for node in unit if not needs[node]), reverse=True)
    unwanted = sorted((node for node in unit if not needed[node]), reverse=True)
    gone: set[int] = set()
    front: list[int] = []
    back: list[int] = []

    def take(node: int, end: list[int]) -> None:
        gone.add(node)
        end.append(node)
        for other in sorted(needed.pop(node)):
            needs[other].discard(node)
            _again(other)
        for other in sorted(needs.pop(node)):
            needed[other].discard(node)
            _again(other)

    def _again(node: int) -> None:
        if not needs[node]:
            free.append(node)
        elif not needed[node]:
            unwanted.append(node)
        heapq.heappush(heap, (len(needs[node]) - len(needed[node]), node))

    while len(gone) < len(unit):
        if free:
            node, end = free.pop(), front
        elif unwanted:
            node, end = unwanted.pop(), back
        else:
            score, node = heapq.heappop(heap)
            if node not in gone and score != len(needs[node]) - len(needed[node]):
                continue  # an older score of the node; the present one lies in the heap as well
            end = front
        if node not in gone:
            take(node, end)
    return front + back[::-1]

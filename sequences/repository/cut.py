"""A repository over the budget: the order of its files, cut where packages end and few imports cross."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from sequences.repository.graph import Graph
from sequences.repository.order import Key, shared

_FOLDER = 2.0  # of cutting a folder, in parts: rather two more contexts than a folder in pieces


def communities(graph: Graph, members: Sequence[int]) -> dict[int, int]:
    """File -> community, named by its first file: Louvain on the imports among the files of one folder."""
    import networkx as nx

    inside = set(members)
    undirected = nx.Graph()
    undirected.add_nodes_from(members)
    for node in members:
        undirected.add_edges_from((node, target) for target in graph.imported(node) if target in inside)
    if not undirected.number_of_edges():
        return {}
    found = nx.community.louvain_communities(undirected, seed=0)
    return {node: min(group) for group in found for node in group}


def cut(
    runs: Sequence[Sequence[int]], tokens: Sequence[int], budget: int, keys: Sequence[Key], graph: Graph
) -> list[list[int]]:
    """Parts of files in order, each of at most `budget` tokens; a file that alone has more is a part of its own.

    A run stays whole where it fits. Among all such cuts the one is taken for which the number of parts and the price of
    the places of the cuts are least together; a place costs up to `_FOLDER` for a shared folder, up to 1 for imports across.
    """
    blocks: list[list[int]] = []
    for run in runs:
        whole = sum(tokens[node] for node in run) <= budget
        blocks += [list(run)] if whole else [[node] for node in run]
    parts: list[list[int]] = []
    held: list[list[int]] = []
    for block in blocks:  # a file over the budget parts the rest in two
        if sum(tokens[node] for node in block) > budget:
            parts += _cut_between(held, tokens, budget, keys, graph)
            parts.append(list(block))
            held = []
        else:
            held.append(block)
    return parts + _cut_between(held, tokens, budget, keys, graph)


def _cut_between(
    blocks: Sequence[Sequence[int]], tokens: Sequence[int], budget: int, keys: Sequence[Key], graph: Graph
) -> list[list[int]]:
    if not blocks:
        return []
    sizes = [sum(tokens[node] for node in block) for block in blocks]
    if sum(sizes) <= budget:
        return [[node for block in blocks for node in block]]
    prices = _prices(blocks, keys, graph)
    count = len(blocks)
    best = [0.0] * (count + 1)
    came = [0] * (count + 1)
    window: deque[int] = deque()  # starts of the last part, by rising price: the first is the cheapest
    start, held = 0, 0
    for end in range(1, count + 1):
        new = end - 1
        price = best[new] + (prices[new] if new else 0.0)
        while window and best[window[-1]] + (prices[window[-1]] if window[-1] else 0.0) > price:
            window.pop()
        window.append(new)
        held += sizes[end - 1]
        while held > budget:
            held -= sizes[start]
            start += 1
        while window[0] < start:
            window.popleft()
        first = window[0]
        came[end] = first
        best[end] = best[first] + (prices[first] if first else 0.0) + 1.0
    ends = [count]
    while ends[-1]:
        ends.append(came[ends[-1]])
    ends.reverse()
    return [
        [node for block in blocks[low:high] for node in block] for low, high in pairwise(ends)
    ]  # fmt: skip


def _prices(blocks: Sequence[Sequence[int]], keys: Sequence[Key], graph: Graph) -> list[float]:
    """What it costs to cut before each block."""
    place = {node: number for number, block in enumerate(blocks) for node in block}
    crossing = [0] * (len(blocks) + 1)
    for node, number in place.items():
        for target in graph.imported(node):
            low = place.get(target, number)
            if low < number:  # the import crosses every place from behind its target up to itself
                crossing[low + 1] += 1
                crossing[number + 1] -= 1
    most = 1
    for number in range(1, len(blocks)):
        crossing[number] += crossing[number - 1]
        most = max(most, crossing[number])
    prices = [0.0]
    for number in range(1, len(blocks)):
        one, other = keys[blocks[number - 1][-1]], keys[blocks[number][0]]
        prices.append(_FOLDER * shared(one, other) / max(1, len(one), len(other)) + crossing[number] / most)
    return prices

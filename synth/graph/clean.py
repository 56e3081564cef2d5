"""Which facts stay: over the whole graph, in numbers; every fact that leaves has a rule, and names what it clashed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from synth.graph.facts import AUTO, date, number, plain_date
from synth.graph.table import KINDS, NODE, Table, of_names

if TYPE_CHECKING:
    import numpy as np

KEPT, DUPLICATE, SELF_LOOP, CONTRADICTION, UNUSED_NAME = range(5)
RULES = ("", "duplicate", "self-loop", "contradiction", "unused-name")
SINGLE_SUBJECTS, SINGLE_SHARE = 200, 0.995  # from when on a relation counts as one of a single value
LITERAL_USES, LITERAL_SHARE = 200, 0.995  # likewise, as one to dates or numbers in spite of a few other objects
_SHOWN = 5  # values that the detail of a contradiction names


@dataclass
class Cleaned:
    """What becomes of each fact: `rule` is a place in RULES, `other` the fact it was merged into, or clashes with."""

    rule: np.ndarray[Any, Any]
    other: np.ndarray[Any, Any]
    object: np.ndarray[Any, Any]  # as it stands after literals were read
    kind: np.ndarray[Any, Any]
    values: dict[int, str]  # row -> the values that contradict one another
    single: list[str]  # relations held to have one value


def clean(table: Table, kinds: Mapping[str, str], single: Sequence[str] | None, loops: bool = False) -> Cleaned:
    """Decide on every fact. `kinds`: relation -> kind of its objects; `single`: relations of one value, None to detect
    them; `loops`: whether a thing may be related to itself."""
    import numpy as np

    size = len(table)
    made = Cleaned(
        np.zeros(size, np.int8), np.full(size, -1, np.int64), table.column("object").copy(), table.column("kind").copy(), {}, []
    )  # fmt: skip
    if size:
        literals(table, made, kinds)
        if not loops:
            made.rule[(table.column("subject") == made.object) & (made.kind == NODE)] = SELF_LOOP
        duplicates(table, made)
        contradictions(table, made, single)
        unused_names(table, made)
    return made


def literals(table: Table, made: Cleaned, kinds: Mapping[str, str]) -> None:
    """Give AUTO objects a kind: by `kinds`, else literals where (nearly) every object of the relation is a date or a number.

    An object counts by its label where it has one: MetaQA's node 7 is called 1944. Where the subjects are mostly figures
    too, the figures are ids, and stay nodes.
    """
    import numpy as np

    relation, subject = table.column("relation"), table.column("subject")
    naming = np.isin(relation, table.naming())
    made.kind[(made.kind == KINDS.index(AUTO)) & naming] = KINDS.index("text")
    open_rows = np.flatnonzero(
        (made.kind == KINDS.index(AUTO)) | (np.isin(relation, of_names(table, list(kinds))) & ~naming)
    )
    if not len(open_rows):
        return
    called = np.arange(len(table.names))
    label = table.find("label")
    rows = np.flatnonzero(relation == label)[::-1] if label is not None else open_rows[:0]
    called[subject[rows]] = made.object[rows]  # reversed: the first label wins
    order = open_rows[np.argsort(relation[open_rows], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(relation[order])) + 1):
        told = kinds.get(table.names[relation[group[0]]])
        objects, back = np.unique(made.object[group], return_inverse=True)
        kind, values = read_literals([table.names[n] for n in called[objects]], np.bincount(back).tolist(), told)
        if kind == "node" or (told is None and _are_ids(table, called[np.unique(subject[group])])):
            made.kind[group] = NODE
            continue
        put = np.array([-1 if value is None else table.number(value) for value in values])[back]
        right = put >= 0
        made.object[group[right]] = put[right]
        made.kind[group[right]] = KINDS.index(kind)
        made.kind[group[~right]] = NODE if told is None else KINDS.index("text")


def read_literals(texts: Sequence[str], uses: Sequence[int], told: str | None) -> tuple[str, list[str | None]]:
    """The kind of a relation's objects and their canonical forms, None for those that are not of it.

    `told` decides where it is given; else all must be of the kind, or nearly all uses of a relation that is used often.
    """
    if told in ("node", "text"):
        return told, list(texts)
    total = sum(uses)
    spare = int((1 - LITERAL_SHARE) * total) if total >= LITERAL_USES else 0
    for kind, reader in (("date", date if told else plain_date), ("number", number)):
        if told in (None, AUTO, kind):
            values: list[str | None] = []
            strange = 0
            for text, used in zip(texts, uses, strict=True):
                values.append(reader(text))
                strange += used if values[-1] is None else 0
                if strange > spare and told != kind:
                    break
            else:
                return kind, values
    return "node", []


def _are_ids(table: Table, subjects: np.ndarray[Any, Any]) -> bool:
    figures = sum(number(table.names[place]) is not None for place in subjects[:1000])
    return figures * 2 > min(len(subjects), 1000)


def duplicates(table: Table, made: Cleaned) -> None:
    """The first of equal facts stays, in the order of reading."""
    import numpy as np

    rows = np.flatnonzero(made.rule == KEPT)
    # One fact, one key of two numbers: names are numbered in 31 bits.
    ends = (table.column("subject")[rows].astype(np.int64) << 32) | made.object[rows].astype(np.int64)
    middle = (table.column("relation")[rows].astype(np.int64) << 24) | (
        table.column("language")[rows].astype(np.int64) << 4
    )
    middle |= made.kind[rows]
    order = np.lexsort((middle, ends))  # stable: the first read comes first
    ends, middle = ends[order], middle[order]
    new = np.ones(len(rows), bool)
    new[1:] = (ends[1:] != ends[:-1]) | (middle[1:] != middle[:-1])
    first = rows[order][np.flatnonzero(new)][np.cumsum(new) - 1]
    made.other[rows[order][~new]] = first[~new]
    made.rule[rows[order][~new]] = DUPLICATE


def contradictions(table: Table, made: Cleaned, single: Sequence[str] | None) -> None:
    """Of relations that have one value, all facts of a subject that has several leave: which is right nobody knows.

    A date that says less than another (1967 and 1967-03) is no contradiction.
    """
    import numpy as np

    relation, subject = table.column("relation"), table.column("subject")
    rows = np.flatnonzero((made.rule == KEPT) & ~np.isin(relation, table.naming()))
    if single is not None:
        rows = rows[np.isin(relation[rows], of_names(table, single))]
    order = rows[np.lexsort((subject[rows], relation[rows]))]
    found: list[str] = []
    for group in np.split(order, np.flatnonzero(np.diff(relation[order])) + 1):
        if not len(group):
            continue
        starts = np.flatnonzero(np.diff(subject[group], prepend=-1))
        sizes = np.diff(starts, append=len(group))
        if single is None and (
            len(starts) < SINGLE_SUBJECTS
            or (sizes == 1).sum() < SINGLE_SHARE * len(starts)
            or (made.kind[group] == NODE).any()
        ):
            continue
        found.append(table.names[relation[group[0]]])
        for place in np.flatnonzero(sizes > 1):
            _contradict(table, made, group[starts[place] : starts[place] + sizes[place]])
    made.single = sorted(found)


def _contradict(table: Table, made: Cleaned, rows: np.ndarray[Any, Any]) -> None:
    values = sorted({table.names[made.object[row]] for row in rows})
    dates = all(KINDS[made.kind[row]] == "date" for row in rows)
    if dates and all(longer.startswith(f"{value}-") for value, longer in pairwise(values)):
        return
    told = ", ".join(values[:_SHOWN]) + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
    made.rule[rows] = CONTRADICTION
    made.values.update(dict.fromkeys(rows.tolist(), told))


def unused_names(table: Table, made: Cleaned) -> None:
    """Names of what no fact speaks of leave: of literals, of things without a fact, of relations that are not used."""
    import numpy as np

    relation, subject = table.column("relation"), table.column("subject")
    naming = np.isin(relation, table.naming())
    kept = (made.rule == KEPT) & ~naming
    used = np.zeros(len(table.names), bool)
    used[subject[kept]] = used[relation[kept]] = True
    used[made.object[kept & (made.kind == NODE)]] = True
    redirect = table.find("redirect")
    moved = np.flatnonzero((made.rule == KEPT) & (relation == redirect)) if redirect is not None else subject[:0]
    while len(moved) and (more := used[made.object[moved]] & ~used[subject[moved]] | used[subject[moved]] & ~used[made.object[moved]]).any():  # fmt: skip
        used[subject[moved[more]]] = used[made.object[moved[more]]] = True
    made.rule[naming & (made.rule == KEPT) & ~used[subject]] = UNUSED_NAME


def statistics(table: Table, made: Cleaned, hub: int) -> dict[str, int]:
    """What the graph is: sizes, degrees, connected parts. Names are not counted as edges."""
    import numpy as np

    relation = table.column("relation")
    kept = (made.rule == KEPT) & ~np.isin(relation, table.naming())
    subject, value, kind = (
        table.column("subject")[kept].astype(np.int64),
        made.object[kept].astype(np.int64),
        made.kind[kept],
    )
    found = {f"edges.{name}": int((kind == place).sum()) for place, name in enumerate(KINDS[:-1])}
    found |= {"edges": len(subject), "names": int((made.rule == KEPT).sum()) - len(subject)}
    # A literal is another thing than a node of the same name.
    ends = np.concatenate([subject, np.where(kind == NODE, value, value + len(table.names) * kind.astype(np.int64))])
    things, ends = np.unique(ends, return_inverse=True)
    degree = np.bincount(ends, minlength=1)
    found |= {"nodes": int((things < len(table.names)).sum()), "relations": len(np.unique(relation[kept]))}
    found |= {"literals": len(things) - found["nodes"], "largest_degree": int(degree.max()) if len(things) else 0}
    found["hubs"] = int((degree > hub).sum())
    parts = _parts(ends[: len(subject)], ends[len(subject) :], len(things))
    sizes = np.bincount(parts, minlength=1)
    found |= {"connected_parts": int((sizes > 0).sum()), "largest_part": int(sizes.max())}
    found |= {"single_valued_relations": len(made.single)}
    return found


def _parts(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """The smallest number of each thing's connected part, by hooking and pointer jumping (Shiloach and Vishkin 1982)."""
    import numpy as np

    part = np.arange(size)
    while True:
        low = np.minimum(part[left], part[right])
        high = np.maximum(part[left], part[right])
        if (low == high).all():
            return part
        np.minimum.at(part, high, low)
        while (part[part] != part).any():
            part = part[part]

"""Names of nodes and relations: labels by language, aliases, descriptions, and which ids mean the same thing."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

Longs = npt.NDArray[np.int64]
_NAME, _LABEL, _ALIAS, _DESCRIPTION = range(4)  # the order in which a node's names are told
_SIMPLIFIED = ("zh-hans", "zh-cn")  # a label tagged zh may be in either script
_RANKS = {"label": _LABEL, "alias": _ALIAS, "description": _DESCRIPTION}


def folded(name: str) -> str:
    """A name as it is compared: NFKC, casefolded, runs of white space as one blank."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


@dataclass
class Said:
    """What edges and Node rows say of names: (id, rank, language, text), and redirects resolved to what stands."""

    ids: list[str] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    types: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: list[str] = field(
        default_factory=list
    )  # names of what is no node of the graph: of its relations above all

    def add(self, identifier: str, rank: int, language: str | None, text: str) -> None:
        if text.strip():
            self.ids.append(identifier)
            self.ranks.append(rank)
            self.languages.append(language or "")
            self.texts.append(text)

    def arranged(self, terms: pa.Array, nodes: int) -> Names:
        """The names of the first `nodes` of the sorted terms."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.ids or not nodes:
            return Names.empty(len(terms))
        keys = pa.array([f"0{self.redirects.get(name, name)}" for name in self.ids], pa.large_string())
        found = np.asarray(pc.fill_null(pc.index_in(keys, value_set=terms.slice(0, nodes)), -1), np.int64)
        self.elsewhere = [self.texts[at] for at in np.flatnonzero(found < 0).tolist() if self.ranks[at] != _DESCRIPTION]
        texts = pa.array(self.texts, pa.large_string())
        ranks = np.array(self.ranks, np.int8)
        tags = pa.array(self.languages, pa.string()).dictionary_encode()
        codes = np.asarray(tags.indices, np.int32)
        held = np.flatnonzero(found >= 0)
        # By text last, so that the order of the rows does not matter.
        by_text = np.empty(len(texts), np.int64)
        by_text[np.asarray(pc.array_sort_indices(texts))] = np.arange(len(texts))
        by_tag = np.argsort(np.argsort(np.array(tags.dictionary.to_pylist() or [""])))[codes]
        own = np.array([name not in self.redirects for name in self.ids])  # names of the id that stands come first
        order = held[np.lexsort((by_text[held], by_tag[held], ~own[held], ranks[held], found[held]))]
        return Names(
            len(terms), found[order], ranks[order], codes[order], tags.dictionary.to_pylist(), texts.take(order)
        )

    def of_relations(self, relations: Iterable[str]) -> dict[str, dict[str, str]]:
        """relation -> language -> label."""
        wanted, made = set(relations), defaultdict[str, dict[str, str]](dict)
        rows = sorted(zip(self.ranks, self.ids, self.languages, self.texts, strict=True))
        for rank, name, language, text in rows:
            name = self.redirects.get(name, name)
            if name in wanted and rank in (_NAME, _LABEL):
                made[name].setdefault(language or "en", text)
        return dict(made)


def read_names(said: Sequence[pa.Table], nodes: Sequence[Dataset]) -> Said:
    """Gather what NAMING edges (tables of subject, relation, object, language) and Node datasets say."""
    found = Said()
    redirects: dict[str, str] = {}
    for table in said:
        columns = (table[name].to_pylist() for name in ("subject", "relation", "object", "language"))
        for subject, relation, text, language in zip(*columns, strict=True):
            if relation == "redirect":
                _redirect(redirects, subject, text)
            else:
                found.add(subject, _RANKS[relation], language, text)
    for dataset in nodes:
        wanted = ["id", "name", "labels", "aliases", "types", "description", "members"]
        for batch in dataset.batches(wanted):
            for row in batch.to_pylist():
                _take(found, redirects, row)
    found.redirects = _resolved(redirects)
    return found


def _take(found: Said, redirects: dict[str, str], row: Mapping[str, Any]) -> None:
    name = row["id"]
    if row["name"] != name:
        found.add(name, _NAME, None, row["name"])
    for language, text in row["labels"] or ():
        found.add(name, _LABEL, language, text)
    for text in row["aliases"] or ():
        found.add(name, _ALIAS, None, text)
    if row["description"]:
        found.add(name, _DESCRIPTION, None, row["description"])
    if row["types"]:
        found.types[name] = row["types"]
    for member in row["members"] or ():
        _redirect(redirects, member, name)


def _redirect(redirects: dict[str, str], source: str, target: str) -> None:
    """Of contradictory redirects the smaller target stands, whatever came first."""
    if source != target and target < redirects.get(source, target + "\x00"):
        redirects[source] = target


def _resolved(redirects: Mapping[str, str]) -> dict[str, str]:
    """Chains followed to their end; of a circle its smallest id stands."""
    made: dict[str, str] = {}
    for source in redirects:
        path, at = dict[str, None](), source
        while at in redirects and at not in path and at not in made:
            path[at] = None
            at = redirects[at]
        if at in path:  # a circle: those from `at` on
            walked = list(path)
            at = min(walked[walked.index(at) :])
        end = made.get(at, at)
        made.update((name, end) for name in path)
    return {source: target for source, target in made.items() if source != target}


class Names:
    """Names of nodes, in rows sorted by node, rank and language; `start[n]:start[n + 1]` are those of node n."""

    def __init__(
        self, size: int, nodes: Longs, ranks: npt.NDArray[np.int8], languages: npt.NDArray[np.int32], tags: list[str],
        texts: pa.Array,
    ) -> None:  # fmt: skip
        self.start = np.zeros(size + 1, np.int64)
        np.cumsum(np.bincount(nodes, minlength=size), out=self.start[1:])
        self._nodes, self._ranks, self._languages, self._tags, self._texts = nodes, ranks, languages, tags, texts
        self._index: tuple[npt.NDArray[np.uint64], Longs] | None = None

    @classmethod
    def empty(cls, size: int) -> Names:
        import pyarrow as pa

        return cls(
            size,
            np.empty(0, np.int64),
            np.empty(0, np.int8),
            np.empty(0, np.int32),
            [],
            pa.array([], pa.large_string()),
        )

    def _rows(self, number: int) -> range:
        return range(int(self.start[number]), int(self.start[number + 1]))

    def best(self, number: int, language: str) -> str | None:
        """The label in the language (or a variant of it; of Chinese a simplified one first), else the name, else the English
        or first label, else an alias."""
        rows = [at for at in self._rows(number) if self._ranks[at] != _DESCRIPTION]
        if not rows:
            return None

        def rank(at: int) -> tuple[int, int]:
            tag = self._tags[self._languages[at]]
            if self._ranks[at] == _LABEL:
                if language == "zh" and tag.lower() in _SIMPLIFIED:
                    return -1, at
                if tag == language:
                    return 0, at
                if tag.partition("-")[0] == language:
                    return 1, at
                return (3 if tag in ("en", "") else 4), at
            return (2 if self._ranks[at] == _NAME else 5), at

        return str(self._texts[min(rows, key=rank)].as_py())

    def all(self, number: int) -> list[str]:
        """Every name and alias, each once."""
        rows = self._rows(number)
        return list(dict.fromkeys(self._texts[at].as_py() for at in rows if self._ranks[at] != _DESCRIPTION))

    def description(self, number: int) -> str | None:
        rows = self._rows(number)
        return next((self._texts[at].as_py() for at in rows if self._ranks[at] == _DESCRIPTION), None)

    def bearers(self, name: str, terms: pa.Array, nodes: int) -> list[int]:
        """Nodes that may carry a folded name: all that do, and those whose names hash alike. Indexed at the first call."""
        if self._index is None:
            self._index = self._indexed(terms, nodes)
        hashes, owners = self._index
        key = _hash(name)
        first, last = hashes.searchsorted(key), hashes.searchsorted(key, "right")
        return sorted({int(owner) for owner in owners[first:last]})

    def shared(self, terms: pa.Array, nodes: int) -> npt.NDArray[np.bool_]:
        """Of each node, whether another may carry one of its names: all of which it is so, and hash collisions."""
        if self._index is None:
            self._index = self._indexed(terms, nodes)
        hashes, owners = self._index
        found = np.zeros(nodes, bool)
        alike = (hashes[1:] == hashes[:-1]) & (owners[1:] != owners[:-1])
        found[owners[1:][alike]] = found[owners[:-1][alike]] = True
        return found

    def _indexed(self, terms: pa.Array, nodes: int) -> tuple[npt.NDArray[np.uint64], Longs]:
        named = np.flatnonzero(self._ranks != _DESCRIPTION)
        hashes = np.empty(named.size + nodes, np.uint64)
        owners = np.empty(named.size + nodes, np.int64)
        total = 0
        for at in named.tolist():
            hashes[total], owners[total] = _hash(folded(self._texts[at].as_py())), self._nodes[at]
            total += 1
        carries = np.zeros(nodes, bool)
        carries[self._nodes[named]] = True
        for number in np.flatnonzero(~carries).tolist():
            hashes[total], owners[total] = _hash(folded(terms[number].as_py()[1:])), number
            total += 1
        order = np.argsort(hashes[:total], kind="stable")
        return hashes[:total][order], owners[:total][order]


def _hash(text: str) -> np.uint64:
    from hashlib import blake2b

    return np.uint64(int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"))

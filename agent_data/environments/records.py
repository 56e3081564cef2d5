"""Records of a large world, each copied only when a call looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent_data.environments.environment import canonical

_UNREAD = object()


class Records(dict[str, Any]):
    """A mapping of ids to records that begins as `first` (id -> JSON text) and is this episode's own."""

    __slots__ = ("_first",)

    def __init__(self, first: Mapping[str, bytes]) -> None:
        super().__init__(dict.fromkeys(first, _UNREAD))
        self._first = first

    def __getitem__(self, key: str) -> Any:
        held = super().__getitem__(key)
        if held is _UNREAD:
            import orjson

            held = orjson.loads(self._first[key])
            super().__setitem__(key, held)
        return held

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401  (this is `get`)

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            self[key]  # read first: what is taken out is the record
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        key = next(reversed(self))
        return key, self.pop(key)

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        return self.copy() == other

    __hash__ = None

    def difference(self) -> dict[str, Any]:
        """What differs from the first records: those that are new or changed, and the ids of those that are gone."""
        changed = {key: held for key, held in self._read() if key not in self._first or not self._same(key, held)}
        return {"changed": changed, "gone": sorted(self._first.keys() - self.keys())}

    def written(self, first: Mapping[str, Any]) -> dict[str, Any]:
        """All records, where those that nobody has looked at stand as `first` has them written."""
        return {key: first[key] if held is _UNREAD else held for key, held in super().items()}

    def _read(self) -> Iterator[tuple[str, Any]]:
        return ((key, held) for key, held in super().items() if held is not _UNREAD)

    def _same(self, key: str, held: Any) -> bool:
        import orjson

        first = self._first[key]
        try:
            if orjson.dumps(held) == first:
                return True
        except TypeError:
            pass  # what orjson cannot write, `canonical` may
        return canonical(held) == canonical(orjson.loads(first))

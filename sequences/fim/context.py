"""Context-level fill in the middle: packed runs of tokens are rearranged once it is known where a sequence ends.

Bavarian et al. 2022 (arXiv 2207.14255, section 3.2): rearranged before packing, a document is cut at the end of a
sequence like any other, and its middle may lose prefix and suffix. So each run of a document that lies within one
sequence is rearranged by itself, in token space. Peers then drop the tokens that the sentinels displace; here `pack`
keeps room for them, so that every token of every document is still in the output exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import EngineError, InputError
from sequences.fim.draw import happens, span, words
from sequences.fim.sentinels import SpmOrder

if TYPE_CHECKING:
    from sequences.pack import ContextFim
    from sequences.pack_documents import Origin

Ids = np.ndarray[Any, np.dtype[np.int32]]
ROOM = 3  # tokens that the sentinels take


class RunArranger:
    """Decides on the runs of a pack, and rearranges them. `sentinels`: ids of prefix, suffix and middle.

    `continuing` tells of each token whether it begins inside a character: no cut is made before such a token.
    """

    def __init__(
        self, settings: ContextFim, seed: int, sentinels: tuple[int, int, int], spm_order: SpmOrder,
        eos_id: int | None, continuing: np.ndarray[Any, np.dtype[np.bool_]],
    ) -> None:  # fmt: skip
        self._settings, self._seed, self._eos_id = settings, seed, eos_id
        self._sentinels, self._joined, self._continuing = sentinels, spm_order == "joined", continuing
        self.tallies: Counter[str] = Counter()

    def fits(self, origin: Origin, offset: int, rest: int, room: int) -> int:
        """How many of the `rest` tokens of a document go into a rearranged run from token `offset` on; 0: none.

        Where the rest fits into `room` only without sentinels it stays whole, and plain.
        """
        count = min(rest, room - ROOM)
        if not origin.qualifies or (count < rest <= room):
            return 0
        body = count - (self._eos_id is not None)
        if body < self._settings.min_tokens:
            return 0
        return count if happens(self._words(origin, offset)[0], self._settings.rate) else 0

    def arranged(self, origin: Origin, offset: int, run: Ids) -> tuple[Ids, str]:
        """The tokens of a run in their new order, with sentinels, and the mode. A closing token stays at the end."""
        _, by_spm, high, low, *_ = self._words(origin, offset)
        closed = self._eos_id is not None and run[-1] == self._eos_id
        body, closing = (run[:-1], run[-1:]) if closed else (run, run[:0])
        drawn = span(len(body), self._settings.min_span, self._settings.max_span, high, low)
        assert drawn is not None  # min_span is at most min_tokens
        start, end = self._at_characters(body, *drawn)
        prefix, suffix, middle = (np.array([token], dtype=np.int32) for token in self._sentinels)
        spm = happens(by_spm, self._settings.spm_share)
        if not spm:
            parts = [prefix, body[:start], suffix, body[end:], middle, body[start:end]]
        elif self._joined:
            parts = [prefix, suffix, body[end:], middle, body[:end]]
        else:
            parts = [suffix, body[end:], prefix, body[:start], middle, body[start:end]]
        mode = "spm" if spm else "psm"
        made = np.concatenate([*parts, closing])
        if not np.array_equal(restore_run(made, self._sentinels, self._eos_id), run):
            raise EngineError(f"pack: the run of {origin.id} at token {offset} is not put back")
        self.tallies.update((f"context_fim.{mode}", "context_fim.runs"))
        self.tallies["context_fim.tokens"] += len(run)
        return made, mode

    def _words(self, origin: Origin, offset: int) -> tuple[int, ...]:
        return words(self._seed, "context", origin.id, origin.epoch, offset)

    def _at_characters(self, body: Ids, start: int, end: int) -> tuple[int, int]:
        """The span with its cuts moved to where characters begin; it does not become empty."""
        while start > 0 and self._continuing[body[start]]:
            start -= 1
        first = end
        while end > start and end < len(body) and self._continuing[body[end]]:
            end -= 1
        if end == start:
            end = first
            while end < len(body) and self._continuing[body[end]]:
                end += 1
        return start, end


def restore_run(run: Ids, sentinels: tuple[int, int, int], eos_id: int | None) -> Ids:
    """The tokens of a segment of role psm or spm in the order of its document, without sentinels.

    They are the document's tokens from the segment's `offset` on. Raises InputError as `run_order` does.
    """
    restored: Ids = run[run_order(run, sentinels, eos_id)]
    return restored


def run_order(run: Ids, sentinels: tuple[int, int, int], eos_id: int | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which places of a psm or spm run hold the document's tokens, in the document's order; sentinels are left out.

    No text becomes a control token, so the sentinels part the run without doubt. Raises InputError where it does not
    hold each exactly once, the middle one last.
    """
    closed = eos_id is not None and len(run) > 0 and run[-1] == eos_id
    held = len(run) - closed
    places = sorted(
        (int(place), which) for which, token in enumerate(sentinels) for place in np.nonzero(run[:held] == token)[0]
    )
    if sorted(number for _, number in places) != [0, 1, 2] or places[0][0] != 0 or places[2][1] != 2:
        raise InputError("not a fill-in-the-middle run: it must begin with a sentinel and hold each exactly once")
    ends = [place for place, _ in places[1:]] + [held]
    sections = {number: np.arange(place + 1, end) for (place, number), end in zip(places, ends, strict=True)}
    return np.concatenate([sections[0], sections[2], sections[1], np.arange(held, len(run))])


# The letters by which byte-level BPE writes the bytes 80-BF, which only go on with a character.
_CONTINUATION = frozenset(map(chr, (*range(0xA1, 0xAD), *range(0xAE, 0xC0), *range(0x122, 0x144))))
_FALLBACK = frozenset(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))


def continuing(tokens: Mapping[str, int], byte_level: bool) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of each token id, whether its text begins inside a UTF-8 character."""
    found = np.zeros(max(tokens.values(), default=0) + 1, dtype=np.bool_)
    for token, number in tokens.items():
        found[number] = token[:1] in _CONTINUATION if byte_level else token in _FALLBACK
    return found

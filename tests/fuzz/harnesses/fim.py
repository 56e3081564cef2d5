"""Fill-in-the-middle: what is arranged comes back, and what is not is refused."""

from __future__ import annotations

import contextlib

from ..harness import Harness, Unsound


def seeds() -> list[bytes]:
    from sequences.fim.sentinels import SETS, Marks

    text = "def f(x):\n    return x * 2  # ä\n".encode()
    return [
        bytes([number, 3, 9]) + Marks(marks).arranged(text, 5, 12, spm)
        for number, marks in enumerate(SETS.values())
        for spm in (False, True)
    ]


def run(data: bytes) -> str:
    from arcmill.errors import InputError
    from sequences.fim.sentinels import SETS, Marks, restore

    names = list(SETS)
    number, start, size = (*data[:3], 0, 0, 0)[:3]
    marks = SETS[names[number % len(names)]]
    text = data[3:]
    held = Marks(marks)
    found = held.restored(text)
    with contextlib.suppress(InputError):
        restore(text.decode("utf-8", "replace"), marks)
    plain = not held.places(text)
    start = min(start, len(text))
    end = min(start + size, len(text))
    for spm in (False, True):
        again = held.restored(held.arranged(text, start, end, spm))
        if plain and again is not None and again != text:
            raise Unsound("another text came back")
        if plain and again is None and len(held.places(held.arranged(text, start, end, spm))) == 3:
            raise Unsound("it did not come back")
    return f"{found is not None} {plain}"


def _tokens() -> tuple[str, ...]:
    from sequences.fim.sentinels import SETS

    return tuple(token for marks in SETS.values() for token in (*marks.tokens, marks.middle[:5], marks.prefix[3:]))


HARNESS = Harness("fim", seeds, run, tokens=_tokens())

"""Inputs made of others: bytes that are turned, cut, repeated and joined, and values of JSON that become odd ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

LARGEST = 1 << 18  # bytes of an input
TOKENS = (
    b"\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN",
    b"\r\n\r\n", b"\n", b"<", b">", b"</", b"<script>", b"\"", b"'", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"../", b"/etc/passwd",
    b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"%s%n", b"{{7*7}}", b"&#x0;", b"&lt;", b" ", b"\t", b"\x1b[2J",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2**31, 2**63, 2**64, -(2**63), 1e308, -0.0, 0.5, "", "a", "\ud800", "\x00", "\u202e", "../../x", "/etc/passwd",
    "#/", "#/a/b", "#", "{{7*7}}", "<|user|>", "x" * 5000, [], {}, [[]], [{}], {"": None}, ["a", 1, None], {"$ref": "#"}, [None] * 50,
)  # fmt: skip


def of_bytes(held: Sequence[bytes], tokens: Sequence[bytes], turn: random.Random) -> bytes:
    """An input made of one or two of those that are held."""
    data = bytearray(turn.choice(held))
    for _ in range(1 << turn.randrange(4)):
        size = len(data)
        at = turn.randrange(size + 1)
        end = min(size, at + (1 << turn.randrange(9)))
        kind = turn.randrange(9)
        if kind == 0 and size:
            data[at % size] ^= 1 << turn.randrange(8)
        elif kind == 1 and size:
            data[at % size] = turn.randrange(256)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * turn.choice((1, 2, 10, 300))
        elif kind == 4:
            data[at:at] = turn.choice((*TOKENS, *tokens)) * turn.choice((1, 1, 1, 2, 50, 2000))
        elif kind == 5:
            data[at:end] = turn.choice((*TOKENS, *tokens))
        elif kind == 6:
            other = turn.choice(held)
            cut = turn.randrange(len(other) + 1)
            data[at:] = other[cut:]
        elif kind == 7:
            del data[at:]
        else:
            _number(data, turn)
        del data[LARGEST:]
    return bytes(data)


def _number(data: bytearray, turn: random.Random) -> None:
    """A number that is written in digits becomes another."""
    places = [at for at, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if places:
        begin = end = turn.choice(places)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        data[begin:end] = turn.choice((b"0", b"-1", b"1", b"00000000007", b"4294967296", b"9" * 25, b"9" * 5000))


def of_json(held: Sequence[bytes], words: Sequence[str], turn: random.Random) -> bytes:
    """A JSON text with some of its values and keys changed; as `of_bytes` where it is none."""
    try:
        value = json.loads(turn.choice(held))
    except (ValueError, RecursionError):
        return of_bytes(held, [word.encode("utf-8", "surrogatepass") for word in words], turn)
    box = [value]
    for _ in range(1 << turn.randrange(4)):
        places: list[tuple[Any, Any]] = []
        _places(box, places)
        inside, key = turn.choice(places)
        kind = turn.randrange(6)
        if kind < 3:
            inside[key] = json.loads(json.dumps(turn.choice((*ODD, *words))))  # its own copy
        elif kind == 3:
            inside[key] = json.loads(json.dumps(turn.choice(places)[0]))
        elif isinstance(inside, dict):
            moved = inside.pop(key)
            if kind == 4:
                inside[turn.choice((*words, "", "x", "$ref", "\u202e"))] = moved
        elif inside is not box:
            if kind == 4:
                inside.insert(key, inside[key])
            else:
                del inside[key]
        if turn.randrange(60) == 0:
            for _ in range(turn.choice((30, 200, 3000))):
                box[0] = [box[0]] if turn.randrange(2) else {"a": box[0]}
            break
    return _dumped(box[0])[:LARGEST]


def _dumped(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=True).encode()
    except RecursionError:
        return b"[" * 3000 + b"]" * 3000


def _places(value: Any, found: list[tuple[Any, Any]]) -> None:
    """(collection, key) of every value."""
    ahead = [value]
    while ahead and len(found) < 2000:
        held = ahead.pop()
        for key, inner in list(held.items()) if isinstance(held, dict) else list(enumerate(held)):
            found.append((held, key))
            if isinstance(inner, dict | list):
                ahead.append(inner)


def shrunk(data: bytes, fails: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """A smaller input that still fails, by leaving out ever smaller pieces."""
    step = max(1, len(data) // 2)
    while tries > 0:
        at, before = 0, len(data)
        while at < len(data) and tries > 0:
            shorter = data[:at] + data[at + step :]
            tries -= 1
            if fails(shorter):
                data = shorter
            else:
                at += step
        if step == 1 and len(data) == before:
            break
        step = max(1, step // 2)
    return data

"""Which Han characters only one national character set holds: evidence between Chinese and Japanese without kana.

GB 2312 lists the simplified characters of the mainland, Big5 the traditional ones of Taiwan, JIS X 0208 the Japanese
ones. What only one side lists (`气`/`氣` against `気`) tells the language of a title of a few characters.
"""

from __future__ import annotations

from functools import cache

__all__ = ["han_evidence"]


@cache
def _variants() -> tuple[frozenset[str], frozenset[str]]:
    chinese, japanese = set(), set()
    for code in range(0x4E00, 0xA000):
        character = chr(code)
        in_china = _encodable(character, "gb2312") or _encodable(character, "big5")
        in_japan = _encodable(character, "euc_jp") and len(character.encode("euc_jp")) == 2  # not JIS X 0212
        if in_china and not in_japan:
            chinese.add(character)
        elif in_japan and not in_china:
            japanese.add(character)
    return frozenset(chinese), frozenset(japanese)


def _encodable(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def han_evidence(text: str) -> tuple[int, int]:
    """How many characters of `text` are only Chinese, and how many are only Japanese."""
    chinese, japanese = _variants()
    return sum(c in chinese for c in text), sum(c in japanese for c in text)

"""Two texts beside one another: words that one alone has are marked, long stretches that both have are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pipelines.report.markup import Html, h, join, number, share, visible

CHARACTERS = 8_000  # of each text, compared
_PAIRS = 40_000  # pairs of equal words in two texts
_AROUND = 14  # words kept on each side of a difference
_WORDS, _ALIKE = 320, 110  # shown of each text; of texts without a difference
# Scripts without blanks between words are compared character by character.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af]|[^\W\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af]+|\s+|[^\w\s]"
)


@dataclass(frozen=True)
class Beside:
    """Both sides as markup, and how far they differ, in words."""

    left: Html
    right: Html
    told: str


def beside(left: str, left_characters: int, right: str, right_characters: int) -> Beside:
    """`left` and `right` are beginnings of texts of so many characters. Words only on the left are <del>, on the right <ins>."""
    one, two = _words(left, left_characters), _words(right, right_characters)
    codes = _opcodes(one, two)
    sides: list[list[Html]] = [[], []]
    shown = [0, 0]
    cut = False
    for place, (kind, a, b, c, d) in enumerate(codes):
        if cut := max(shown) >= _WORDS:
            break
        if kind == "equal":
            pieces = _stretch(one[a:b], first=place == 0, last=place == len(codes) - 1)
            for at in range(2):
                sides[at] += pieces
                shown[at] += min(b - a, 2 * _AROUND)
            continue
        for at, words in enumerate((one[a:b], two[c:d])):
            if words:
                kept = words[: max(_WORDS - shown[at], 1)]
                sides[at].append(h("del" if at == 0 else "ins", visible("".join(kept))))
                sides[at] += [_gap(_counted(words[len(kept) :]), "more words")] if len(kept) < len(words) else []
                shown[at] += len(kept)
    for at, (characters, held) in enumerate(((left_characters, left), (right_characters, right))):
        rest = characters - len(held)
        if cut:
            sides[at].append(h("span", " … more follows", cls="gap"))
        elif rest > 0:
            sides[at].append(h("span", f" … {number(rest)} more characters, not compared", cls="gap"))
    return Beside(join(sides[0]), join(sides[1]), _told(one, two, codes))


def _words(text: str, characters: int) -> list[str]:
    words = _WORD.findall(text)
    return words[:-1] if characters > len(text) else words  # the last was cut


Code = tuple[str, int, int, int, int]


def _opcodes(one: list[str], two: list[str]) -> list[Code]:
    """As of difflib, which is spared what both begin and end with."""
    head = 0
    while head < min(len(one), len(two)) and one[head] == two[head]:
        head += 1
    tail = 0
    while tail < min(len(one), len(two)) - head and one[-1 - tail] == two[-1 - tail]:
        tail += 1
    a, b = one[head : len(one) - tail], two[head : len(two) - tail]
    often = Counter(b)
    # Two texts of one character each would take seconds to align: what is too frequent is then left out of it.
    crowded = sum(often[word] for word in a) > _PAIRS
    if crowded and len(b) < 200:  # difflib leaves out nothing of so few
        inner: Sequence[Code] = [("replace", 0, len(a), 0, len(b))]
    else:
        inner = SequenceMatcher(None, a, b, autojunk=crowded).get_opcodes()
    codes: list[Code] = [("equal", 0, head, 0, head)] if head else []
    codes += [(kind, i + head, j + head, k + head, n + head) for kind, i, j, k, n in inner]
    if tail:
        codes.append(("equal", len(one) - tail, len(one), len(two) - tail, len(two)))
    return codes


def _stretch(words: list[str], first: bool, last: bool) -> list[Html]:
    """Words that both have: the ends next to a difference, and how many lie between."""
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    if first and last:  # no difference at all
        head = _ALIKE
    if len(words) - head - tail <= _AROUND:
        return [visible("".join(words))]
    end = len(words) - tail
    return [
        visible("".join(words[:head])),
        _gap(_counted(words[head:end]), "same words"),
        visible("".join(words[end:])),
    ]


def _counted(words: list[str]) -> int:
    return sum(not word.isspace() for word in words)


def _gap(count: int, what: str) -> Html:
    return h("span", f" … {number(count)} {what} … ", cls="gap")


def _told(one: list[str], two: list[str], codes: list[Code]) -> str:
    apart = [code for code in codes if code[0] != "equal"]
    left = sum(_counted(one[a:b]) for _, a, b, _, _ in apart)
    right = sum(_counted(two[c:d]) for *_, c, d in apart)
    if not left and not right:
        return "No word differs in what was compared."
    whole = _counted(one), _counted(two)
    return (
        f"{number(left)} of {number(whole[0])} words ({share(left, whole[0])}) are only on the left, "
        f"{number(right)} of {number(whole[1])} ({share(right, whole[1])}) only on the right."
    )

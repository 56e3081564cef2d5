"""Both opinions on an answer, and what follows from them."""

from __future__ import annotations

import re

from synth.verifiers import final
from synth.verifiers.math.compare import compare
from synth.verifiers.math.nodes import LONGEST, Node, Unreadable
from synth.verifiers.math.peer import SECONDS, opinion
from synth.verifiers.math.reader import read
from synth.verifiers.math.tokens import FUNCTIONS
from synth.verifiers.math.units import is_unit
from synth.verifiers.verdict import Verdict

_SHORT = 300  # characters of a response that may be an answer as a whole
_FEW = 3  # words of one that is no sentence
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
# Other runs of two or three letters are products of variables.
_SHORT_WORDS = frozenset(
    "is so it we as to in of at be an if by no on he us do my the are for was has but not all can you she get one two six "
    "ten how now say use sum new its out too our her his who why did got set per thus than then them they have".split()
)
_GROUPS = re.compile(
    r"(?<![\d.,])\d{1,3}(?:(?:\\[,;: ]|[~ \u00a0\u2009\u202f])+\d{3})+(?![\d,]|[~ \u00a0\u2009\u202f]+\d)"
)
_KNOWN = FUNCTIONS | {"pi", "and", "or", "infinity", "percent"}


def observe(response: str) -> str | None:
    """The final answer that a response gives; None where it gives none.

    The last box counts, whatever stands behind it; without a box what follows the last #### or "answer is"; else the
    response itself where it is nothing but an answer; else its last formula or number. Alternatives ("3 or 4") are
    kept together, so that they do not pass for one of them.
    """
    if final.boxes(response):
        return final.boxed(response) or None
    clause = final.stated(response)
    if clause is not None:
        return _of_clause(clause)
    whole = re.sub(r"^\\[\[(]|\\[\])]$", "", final.unmarked(response)).strip()
    if len(whole) <= _SHORT and _bare(whole) and _read(whole) is not None:
        return whole
    return final.last_piece(response)


def _of_clause(clause: str) -> str | None:
    if not clause or _read(clause) is not None or final.hedged(clause):
        return clause or None
    found = final.pieces(clause)
    return found[0][0] if found else clause


def _bare(text: str) -> bool:
    """Whether a text may be an answer and nothing else: no sentence, no second formula."""
    if len(re.findall(r"(?<!\\)\$", text)) > 2:
        return False
    if len(text.split()) >= _FEW and not re.search(r"[0-9\\=<>+*/^|(\[{]", text):
        return False
    words = _WORDS.findall(re.sub(r"\\(?:text|mbox|mathrm|textbf)\s*\{[^{}]*\}|\\(?:begin|end)\s*\{[^{}]*\}", "", text))
    return len(text.split()) <= _FEW or all(
        w.lower() in _KNOWN or w.isupper() or is_unit(w) or _product(w) for w in words
    )


def _product(word: str) -> bool:
    return len(word) < 4 and word.islower() and word not in _SHORT_WORDS


def _read(text: str) -> Node | None:
    try:
        return read(text)
    except Unreadable:
        return None


def _ungrouped(text: str) -> str:
    """Digits in groups of three, set apart by spaces as in "1 000 000", put together: Math-Verify reads such groups as factors."""
    whole = text[1:-1] if re.fullmatch(r"\$[^$]+\$", text) else text
    return _GROUPS.sub(lambda match: re.sub(r"\D", "", match[0]), whole)


def _says(same: bool | None, why: str | None) -> str:
    return {True: "right", False: "wrong", None: "no opinion"}[same] + (f" ({why})" if why else "")


def verify(answer: str, expected: str, *, seconds: float = SECONDS) -> Verdict:
    """Whether `answer`, a response or a bare answer, gives `expected`.

    Right where both checkers say so, wrong where both deny it; where they differ, or one gives up, `right` is None and
    `detail` holds both opinions. A response without an answer is wrong. `seconds` of processor time bound Math-Verify;
    ours is bounded by what it may compute. Safe in threads and in processes.
    """
    gold = (observe(expected) if "\\boxed" in expected else expected.strip().strip("$").strip()) or ""
    found = observe(answer)
    if not gold:
        return Verdict("math", None, expected, found, "no expected answer")
    if found is None:
        return Verdict("math", False, gold, None, "no answer")
    if len(found) > LONGEST or len(gold) > LONGEST:
        return Verdict("math", None, gold, found[:200], f"longer than {LONGEST} characters")
    asked, told = _ungrouped(found), _ungrouped(gold)
    ours, why = compare(asked, told)
    theirs, because = opinion(asked, told, seconds)
    right = ours if ours == theirs else None
    detail = None if right is not None else f"ours: {_says(ours, why)}; Math-Verify: {_says(theirs, because)}"
    return Verdict("math", right, gold, found, detail)

"""Is the chosen option the right one? Reads a letter out of a response, and refuses what is no choice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from synth.verifiers import final
from synth.verifiers.exact import normal
from synth.verifiers.verdict import Verdict

_MARKUP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|textit)\s*\{([^{}]*)\}|[$*`{}\\]|__")
_NEGATED = re.compile(
    r"\b(?:not|neither|nor|never|except|cannot|incorrect|wrong|false|eliminated?|rule[sd]?\s+out"
    r"|(?:any|every)(?:thing|\s+option)?\s+but|all\s+but|other\s+than)\b|n['’]t\b",
    re.IGNORECASE,
)
_HENCE = re.compile(r"\b(?:so|thus|hence|therefore)\b[\s,:]*(.+)$", re.IGNORECASE)
_WHOLE = re.compile(r"[\s(\[]*([A-Za-z])[\s)\].:,]*")
_LEADING = re.compile(r"[\s(\[]*([A-Z])\s?(?:[)\].:]|\s-)\s*(\S.*)", re.DOTALL)
_MARKED = re.compile(r"[(\[]\s*([A-Za-z])\s*[)\]]|\b(?:option|choice|letter|answer)s?\s*:?\s*([A-Z])\b")
_BARE = re.compile(r"(?<![\w'’.+\-*/^=])([A-Z])(?![\w'’+*/^=]|\.\w)")
_OTHER = "a letter with the text of another option"
_OPTION = re.compile(r"^\s*[(\[]?([A-Z])[)\].:]\s*(\S.*?)\s*$", re.MULTILINE)


def options_of(prompt: str) -> list[str]:
    """The options that stand in a question in lines "A. …", "(B) …", "C) …"; empty where they are not A, B, C, …"""
    found = _OPTION.findall(prompt)
    while found and found[0][0] != "A":
        found = found[1:]
    letters = "".join(letter for letter, _ in found)
    return [text for _, text in found] if len(found) > 1 and letters == ascii_uppercase[: len(found)] else []


def _clean(text: str) -> str:
    for _ in range(3):
        text = _MARKUP.sub(lambda match: match[1] or "", text)
    return " ".join(text.split())


def _plain(text: str) -> str:
    return normal(_clean(text)).removesuffix(".")


def letter_of(text: str, options: Sequence[str] = ()) -> tuple[str | None, str | None]:
    """The one letter that a short text chooses, or why there is none."""
    clean = _clean(text)
    texts = {letter: _plain(option) for letter, option in zip(ascii_uppercase, options, strict=False)}
    same = [letter for letter, option in texts.items() if option == _plain(clean)]
    if len(same) == 1 and not (_WHOLE.fullmatch(clean) and len(options) and clean.strip("()[]. ").isupper()):
        return same[0], None
    if whole := _WHOLE.fullmatch(clean):
        return whole[1].upper(), None
    if lead := _LEADING.fullmatch(clean):
        said = [letter for letter, option in texts.items() if option == _plain(lead[2])]
        if len(said) == 1:
            return (lead[1], None) if said[0] == lead[1] else (None, _OTHER)
    if _NEGATED.search(clean):  # "B is wrong, so A" chooses all the same
        told = _HENCE.search(clean)
        return letter_of(told[1], options) if told else (None, "a negation")
    found = {(match[1] or match[2]).upper() for match in _MARKED.finditer(clean)}
    if lead:
        found.add(lead[1])
    bare = {
        match[1]
        for match in _BARE.finditer(clean)
        if match[1] not in "AI"
        or not re.match(r"\s+[a-z]", clean[match.end() :])
        or re.match(r"\s+(?:or|and|is)\b", clean[match.end() :])
    }
    letters = found | bare
    if len(letters) > 1:
        return None, "several letters"
    return (letters.pop(), None) if letters else (None, "no letter")


def _other(line: str, found: str, options: Sequence[str]) -> bool:
    """Whether a line such as "A. 15" names a letter and then another option: its sentence ended after the letter."""
    lead = _LEADING.fullmatch(_clean(line))
    return lead is not None and lead[1] == found and letter_of(line, options)[1] == _OTHER


def observe(response: str, options: Sequence[str] = ()) -> tuple[str | None, str | None]:
    """The letter that a response ends with, or why there is none: out of its last box, else of what follows the last
    "answer is" or ####, else of the response if it is short, else of its last line."""
    if final.boxes(response):
        inside = final.boxed(response)
        return letter_of(inside, options) if inside else (None, "no answer")
    clause = final.stated(response)
    if clause:
        found, why = letter_of(clause, options)
        if why == "no letter":  # "Rs. 500" is cut after its full stop
            found, why = letter_of(final.stated(response, sentence=False) or "", options)
        elif found and options and _other(final.stated(response, sentence=False) or "", found, options):
            return None, _OTHER
        return found, why
    lines = [line for line in response.strip().splitlines() if line.strip()]
    if not lines:
        return None, "no answer"
    return letter_of(lines[-1][-1_000:], options)


def verify(answer: str, expected: str, *, options: Sequence[str] = ()) -> Verdict:
    """Right where the response `answer` chooses the option of `expected`: a letter, with or without brackets.

    `options` are their texts, in order, where these may be given instead of a letter. Several letters, a negation
    ("not B") and a letter with the text of another option are no choice, hence wrong; `detail` says which.
    """
    gold, why = letter_of(expected, options)
    if gold is None:
        return Verdict("choice", None, expected, None, f"the expected answer is no letter: {why}")
    found, why = observe(answer, options)
    if found is None:
        return Verdict("choice", False, gold, None, why)
    return Verdict("choice", found == gold, gold, found)

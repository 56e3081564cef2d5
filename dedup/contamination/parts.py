"""A benchmark item in its parts: passage, question, choices, answer, tests. They are matched apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

# "Passage: … Question: …": how prompts of reading tasks are written. The last marker begins the question.
_QUESTION = re.compile(r"(?:^|\n)[ \t]*(?:\*\*)?(?:question|q|query|problem)(?:\*\*)?[ \t]*:(?:\*\*)?", re.IGNORECASE)
_PASSAGE = re.compile(r"\s*(?:\*\*)?(?:passage|context|article|text|document|paragraph)(?:\*\*)?[ \t]*:", re.IGNORECASE)
_ANSWER = re.compile(r"\n[ \t]*(?:\*\*)?(?:answer|a|solution)(?:\*\*)?[ \t]*:[^\n]{0,40}\Z", re.IGNORECASE)
_CHOICE = re.compile(r"\n[ \t]*(?:\(?([A-Za-z])[).:]|\[([A-Za-z])\]|([1-9])[).])[ \t]+(?=\S)")
PASSAGE_CHARACTERS = 200  # what stands before "Question:" without a marker of its own is a passage from here on
SOURCE_CHARACTERS = 400  # and what stands in lines of its own before a last line that asks, from here on
ASKED_CHARACTERS = 40  # that a last line has at least, to be the question by itself


@dataclass(frozen=True, slots=True)
class Parts:
    """The texts of one item; empty where it has none. `answer` is the text of the choice that a letter names."""

    question: str
    passage: str
    choices: str  # as they are listed, with their letters
    answer: str
    tests: str


def parts_of(prompt: str, answer: str | None, tests: str | None) -> Parts:
    """Take a prompt apart by the markers that it holds; without markers all of it is the question."""
    prompt = _ANSWER.sub("", prompt)
    passage = ""
    markers = list(_QUESTION.finditer(prompt))
    if markers:
        before = prompt[: markers[-1].start()]
        opened = _PASSAGE.match(before)
        if opened or len(before) >= PASSAGE_CHARACTERS:
            passage, prompt = before[opened.end() if opened else 0 :], prompt[markers[-1].end() :]
        elif not before.strip():
            prompt = prompt[markers[-1].end() :]
    question, choices, listed = _choices(prompt)
    if not passage:
        passage, question = _quoted(question)
    answer = (answer or "").strip()
    if len(answer.strip("().")) == 1:
        answer = listed.get(answer.strip("().").upper(), answer)
    return Parts(question.strip(), passage.strip(), choices.strip(), answer, (tests or "").strip())


def _quoted(question: str) -> tuple[str, str]:
    """A long text quoted above a last line that asks is a passage: whoever quotes it too has not seen the question."""
    before, newline, last = question.rstrip().rpartition("\n")
    if newline and len(before) >= SOURCE_CHARACTERS and len(last) >= ASKED_CHARACTERS and last[-1] in "?:.？：。_":
        return before, last
    return "", question


def _choices(prompt: str) -> tuple[str, str, dict[str, str]]:
    """The question without its list of choices, the list, and the choices by letter; a list begins with A or 1."""
    marks = list(_CHOICE.finditer(prompt))
    labels = [(mark[1] or mark[2] or mark[3]).upper() for mark in marks]
    for start in range(len(marks) - 2, -1, -1):
        if labels[start] in ("A", "1"):
            run = 1
            while start + run < len(marks) and ord(labels[start + run]) == ord(labels[start]) + run:
                run += 1
            if run >= 2:
                ends = [mark.start() for mark in marks[start + 1 :]] + [len(prompt)]
                chosen = zip(labels[start : start + run], marks[start : start + run], ends[:run], strict=False)
                at = marks[start].start()
                return (
                    prompt[:at],
                    prompt[at:],
                    {label: prompt[mark.end() : end].strip() for label, mark, end in chosen},
                )
    return prompt, "", {}

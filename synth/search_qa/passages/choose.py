"""Which passages of a document are taken: those about the thing of its title that have the most details to hide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from arcmill.records import Document
from arcmill.stage import Outcome
from synth.search_qa.passages import spans as found_in
from synth.search_qa.passages.known import Known, fold
from synth.search_qa.passages.spans import MASK, Span
from synth.search_qa.passages.stage import SuggestObfuscations
from synth.search_qa.wording.names import named

_HEADING = re.compile(r"^(?:#{1,6}\s+|=+\s*)?(.{2,80}?)(?:\s*[=#]+)?$")
_BLANK_LINES = re.compile(r"\n\s*\n")
_END = re.compile(r"[.!?。！？](?=\s|$|[\u3400-\u9fff])")
_HAN = re.compile("[\u3400-\u9fff]")
_BOTH = re.compile(r"\w\w")
_LETTER = re.compile(r"[^\W\d_]")
_LONGEST_TITLE = 80
_PARTS = 4  # characters of a word of the title that is masked where it stands alone
_COMMON = frozenset("the a an of and in on for with from to by at as or de la le der die das von".split())


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage, where it begins in its document (characters), whose name it hides, and its suggestions."""

    start: int
    text: str
    title: str
    aliases: list[str]
    language: str
    spans: list[Span]

    def obfuscated(self) -> str:
        """The text with every suggestion taken."""
        return found_in.apply(self.text, self.spans)


def passages_of(document: Document, config: SuggestObfuscations, known: Known) -> list[Passage] | Outcome:
    """The passages of a document in their order, or why there are none."""
    title = title_of(document, config.title)
    if title is None:
        return Outcome("no-title")
    language = language_of(document)
    if language is None:
        return Outcome("language", detail=document.language)
    aliases = [name for name in known.names(title) if fold(name) != fold(title)]
    made: list[Passage] = []
    most, leaks = 0, 0
    for start, text in paragraphs(document.text, config.min_characters, config.max_characters):
        passage = Passage(
            start, text, title, aliases, language, suggestions(text, title, aliases, language, config, known)
        )
        details = sum(span.kind != "name" for span in passage.spans)
        most = max(most, details)
        if details == len(passage.spans):
            continue  # it does not name the thing: nobody knows whether it is about it
        if named(passage.obfuscated(), (title, *aliases)):
            leaks += 1
        elif details >= config.min_suggestions:
            made.append(passage)
    if not made:
        rule = "names-itself" if leaks else "too-few-details" if most else "no-passage"
        return Outcome(rule, score=most, threshold=config.min_suggestions, detail=title)
    best = sorted(made, key=lambda one: (-sum(span.kind != "name" for span in one.spans), one.start))
    return sorted(best[: config.passages], key=lambda one: one.start)


def title_of(document: Document, key: str) -> str | None:
    """The title by the metadata, by a first line that reads like a heading, or by the name of the path."""
    told = (document.metadata or {}).get(key, "").strip()
    if told and len(told) <= _LONGEST_TITLE:
        return told
    first, newline, _ = document.text.lstrip().partition("\n")
    found = _HEADING.match(first.strip())
    if newline and found and not re.search(r"[.!?:;,。！？：；，]$", found[1]) and _LETTER.search(found[1]):
        return found[1].strip()
    stem = (document.path or "").rstrip("/").rpartition("/")[2].partition(".")[0]
    stem = re.sub(r"[_\-]+", " ", stem).strip()
    return stem if len(_LETTER.findall(stem)) >= 3 else None


def language_of(document: Document) -> str | None:
    """en or zh; None for a document that says it is in another language, or that has no letters."""
    if document.language and document.language[:2] not in ("en", "zh"):
        return None
    letters, han = len(_LETTER.findall(document.text[:4000])), len(_HAN.findall(document.text[:4000]))
    return None if not letters else "zh" if han > 0.3 * letters else "en"


def paragraphs(text: str, shortest: int, longest: int) -> Iterator[tuple[int, str]]:
    """(where it begins, text) of paragraphs that are long enough, cut at the end of a sentence where they are too long."""
    begin = 0
    for end in [*(found.start() for found in _BLANK_LINES.finditer(text)), len(text)]:
        part = text[begin:end]
        start = begin + len(part) - len(part.lstrip())
        part = part.strip()
        begin = end
        if len(part) > longest:
            ends = [found.end() for found in _END.finditer(part[:longest])]
            part = part[: ends[-1]] if ends else ""
        if len(part) >= shortest:
            yield start, part


def suggestions(
    text: str, title: str, aliases: list[str], language: str, config: SuggestObfuscations, known: Known
) -> list[Span]:
    """Spans that do not overlap: the name first, then what is quoted, known, a date, a number."""
    candidates = list(masks(text, title, aliases))
    if "quoted-names" in config.kinds:
        candidates += found_in.quoted(text, language)
    if "known-names" in config.kinds:
        candidates += known.find(text, language, title)
    if "dates" in config.kinds:
        candidates += found_in.dates(text, language, config.years)
    if "numbers" in config.kinds:
        candidates += found_in.numbers(text, language, config.min_number)
    return found_in.without_overlap(candidates)


def masks(text: str, title: str, aliases: list[str]) -> Iterator[Span]:
    """Every place of the name, of its other names, and of its longer words."""
    core = re.sub(r"\s*\([^()]*\)\s*$", "", title).strip() or title  # "Mercury (planet)"
    whole = sorted({title, core, *aliases}, key=lambda name: (-len(name), name))
    for name in whole:
        yield from _places(text, name, "the name of what is asked for")
    for word in sorted({w for name in whole for w in re.findall(r"\w+", name)}, key=lambda word: (-len(word), word)):
        if len(word) >= _PARTS and word.lower() not in _COMMON and word[0].isupper() and not word.isdigit():
            yield from _places(text, word, "a part of the name of what is asked for", 0)


def _places(text: str, name: str, reason: str, flags: int = re.IGNORECASE) -> Iterator[Span]:
    pattern = r"\s+".join(re.escape(word) for word in name.split())
    # A pattern takes longer to make than to look whether its first word stands there at all.
    first = name.split()[0] if pattern else ""
    if not first or (first.isascii() and first.lower() not in text.lower()):
        return
    for found in re.finditer(pattern, text, flags):
        start, end = found.span()
        if not _runs_on(text[start - 1 : start + 1]) and not _runs_on(text[end - 1 : end + 1]):
            yield Span(start, end, found[0], MASK, "name", reason)


def _runs_on(pair: str) -> bool:
    """Whether no word ends between two characters; Chinese has no borders."""
    return len(pair) == 2 and bool(_BOTH.match(pair)) and not _HAN.search(pair)

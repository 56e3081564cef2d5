"""A question of the templates back to its query, by the grammar that `say` writes by. Nothing else is understood."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from synth.search_qa.query import Bound, Clue, Fact, Query, Term
from synth.search_qa.wording.lexicon import Speech, speech
from synth.search_qa.wording.quoting import PLACE, masked
from synth.search_qa.wording.values import read_bounds, read_constant

if TYPE_CHECKING:
    from synth.graph.store import Graph

_LETTER = re.compile(r"[A-Z]\d*\Z")
_SPLIT = {"en": re.compile(r"( who | that | and |, )"), "zh": re.compile(r"(，并且|，而)")}
_ASKED = {
    "en": (re.compile(r"(?s)(?:Who|What|Which .+?) is ([A-Z]\d*), given these clues\?\s(.+)\Z"),
           re.compile(r"(?s)(.+)\n(?:Who|What|Which .+?) is ([A-Z]\d*)\?\Z")),
    "zh": (re.compile(r"(?s)根据下列线索，([A-Z]\d*)是[^？]+？(.+)\Z"), re.compile(r"(?s)(.+)\n请问([A-Z]\d*)是[^？]+？\Z")),
}  # fmt: skip
_NUMBERED = re.compile(r"\d+\. ")
_SUBJECT = re.compile(rf"(?P<term>[A-Z]\d*|(?:the text |文本)?{PLACE.pattern}) ?(?=.)")


def parse(text: str, graph: Graph, language: str) -> Query:
    """The query that a text of `say` states; its variables have names of their own. ValueError where it is no such text."""
    spoken = speech(graph, language)
    words, names = masked(text)
    return _Reader(spoken, names).question(words)


class _Reader:
    def __init__(self, spoken: Speech, names: list[str]) -> None:
        self.speech, self.names = spoken, names
        self.language = spoken.language
        self.clues: list[Clue] = []
        self.lettered: dict[str, Term] = {}
        self.count = 0

    def question(self, words: str) -> Query:
        for number, pattern in enumerate(_ASKED[self.language]):
            if (found := pattern.match(words)) is not None:
                letter, body = (found[1], found[2]) if number == 0 else (found[2], found[1])
                for sentence in _sentences(body.strip(), self.language):
                    self._sentence(sentence)
                if letter not in self.lettered:
                    raise ValueError(f"no clue is about {letter}")
                return Query(self.lettered[letter], tuple(self.clues))
        return self._nested(words)

    def _nested(self, words: str) -> Query:
        answer = self._fresh()
        if self.language == "zh":
            words = words.removeprefix("请问，")
        if not words.endswith("?" if self.language == "en" else "？"):
            if self.language == "en" and words.startswith("Name ") and words.endswith("."):
                pieces = _SPLIT["en"].split(words[5:-1])
                if len(pieces) > 2 and pieces[1] in (" who ", " that ") and self._is_thing(pieces[0], answer):
                    self._clauses(answer, pieces[2:])
                    return Query(answer, tuple(self.clues))
            raise ValueError("it does not end as a question does")
        words = words[:-1]
        for form in self.speech.questions:
            form += " " if self.language == "en" else ""
            if words.startswith(form) and self._tried(answer, words[len(form) :]):
                return Query(answer, tuple(self.clues))
        opening = "Which " if self.language == "en" else "哪个"
        if not words.startswith(opening):
            raise ValueError("it does not begin as a question does")
        rest = words[len(opening) :]
        for end in range(1, len(rest)):
            if self.language == "en" and rest[end] != " ":
                continue
            if (named := self._class(rest[:end])) is not None:
                first = Fact(answer, (self.speech.class_relation or "",), named)
                if self._tried(answer, rest[end:].removeprefix(" "), first):
                    return Query(answer, tuple(self.clues))
        raise ValueError("no clause follows what is asked for")

    def _tried(self, answer: Term, words: str, *first: Clue) -> bool:
        """Whether the words are clauses about the answer; if not, nothing is kept of them."""
        self.clues = list(first)
        try:
            self._clauses(answer, _SPLIT[self.language].split(words))
        except ValueError:
            self.clues = []
            return False
        return True

    def _sentence(self, words: str) -> None:
        found = _SUBJECT.match(words)
        if found is None:
            raise ValueError(f"a clue about nothing: {words!r}")
        self._clauses(self._subject(found["term"]), _SPLIT[self.language].split(words[found.end() :]))

    def _subject(self, said: str) -> Term:
        if _LETTER.match(said):
            return self._letter(said)
        term = self._constant(said)
        if term is None:
            raise ValueError(f"a clue about nothing: {said!r}")
        return term

    def _clauses(self, subject: Term, pieces: list[str]) -> None:
        """Clauses with what joins them between: "and" goes on about the same thing, "who" about the one named last."""
        last = self._clause(subject, pieces[0])
        for joint, words in zip(pieces[1::2], pieces[2::2], strict=True):
            if joint in (" who ", " that ", "，而"):
                if last is None:
                    raise ValueError(f"{joint.strip()!r} follows no hidden thing")
                subject = last
                if self.language == "zh":
                    words = self._after_back(words)
            elif words.startswith("其"):
                words = f"的{words[1:]}"
            last = self._clause(subject, words)

    def _after_back(self, words: str) -> str:
        for form in sorted({noun.back for noun in self.speech.nouns} | {"后者"}, key=lambda form: (-len(form), form)):
            if words.startswith(form):
                return words[len(form) :]
        raise ValueError(f"nothing is taken up again: {words!r}")

    def _clause(self, subject: Term, words: str) -> Term | None:
        """One clause; the hidden thing that it ends in, if it does."""
        if self.language == "en" and words.startswith("is ") and self._is_thing(words[3:], subject, hint=False):
            return None
        if self.language == "zh" and words.startswith("是"):
            if words.startswith("是一个") and (named := self._class(words[3:])) is not None:
                self.clues.append(Fact(subject, (self.speech.class_relation or "",), named))
                return None
            if self._is_thing(words[1:], subject, hint=False):
                return None
        for relations, forward, middle in self._meanings(words):
            thing, is_hidden = self._thing(middle)
            if thing is not None:
                fact = Fact(subject, relations, thing) if forward else Fact(thing, relations, subject)
                self.clues.append(fact)
                return thing if is_hidden else None
        raise ValueError(f"no relation is said so: {words!r}")

    def _meanings(self, words: str) -> list[tuple[tuple[str, ...], bool, str]]:
        """What the clause may say: relations, whether the subject is theirs, and what is said of the other end. The longest
        phrase comes first."""
        found: list[tuple[tuple[str, ...], bool, str]] = []
        for after in self.speech.ends:
            if not words.endswith(after):
                continue
            stem = words[: len(words) - len(after)] if after else words
            for end in range(len(stem) - 1, 0, -1):
                if (meant := self.speech.heard.get((stem[:end], after))) is not None:
                    found.append(((meant[0],), meant[1], stem[end:]))
            if (meant := self.speech.heard.get(("", after))) is not None:
                found.append(((meant[0],), meant[1], stem))
        found.extend(self._generic(words))
        return found

    def _generic(self, words: str) -> list[tuple[tuple[str, ...], bool, str]]:
        found = []
        if self.language == "en":
            for opening, forward in (("has as ", True), ("is a ", False), ("is an ", False)):
                if words.startswith(opening):
                    rest = words[len(opening) :]
                    for end in (end for end, sign in enumerate(rest) if sign == " "):
                        called = rest[:end] if forward else rest[:end].removesuffix(" of")
                        if (forward or rest[:end].endswith(" of")) and (relations := self._called(called)):
                            found.append((relations, forward, rest[end + 1 :]))
        elif words.startswith("的"):
            for end in (end for end, sign in enumerate(words) if sign == "是"):
                if relations := self._called(words[1:end]):
                    found.append((relations, True, words[end + 1 :]))
        elif words.startswith("是"):
            for end in (end for end, sign in enumerate(words) if sign == "的"):
                if relations := self._called(words[end + 1 :]):
                    found.append((relations, False, words[1:end]))
        return found

    def _called(self, words: str) -> tuple[str, ...]:
        """The relations of roles; none where one is not known."""
        found: set[str] = set()
        for called in words.split(" or " if self.language == "en" else "或"):
            if (place := PLACE.fullmatch(called)) is not None:
                relation = self.speech.labels.get(self.names[int(place[1])])
            else:
                relation = self.speech.roles.get(called)
            if relation is None:
                return ()
            found.add(relation)
        return tuple(sorted(found))

    def _thing(self, words: str) -> tuple[Term | None, bool]:
        """What stands at the other end, and whether it is hidden there: a new variable."""
        if _LETTER.match(words):
            return self._letter(words), False
        if (term := self._constant(words)) is not None:
            return term, False
        held, fresh = list(self.clues), self._fresh()
        if self._is_thing(words, fresh):
            return fresh, True
        self.clues = held
        return None, False

    def _is_thing(self, words: str, term: Term, *, hint: bool = True) -> bool:
        """Whether the words say what a thing is: a noun that says nothing, a bound, a class; what they say is kept."""
        if hint and words in self.speech.hidden:
            return True
        if (bound := read_bounds(words, self.names, self.language)) is not None:
            self.clues.append(Bound(term, *bound))
            return True
        opening = re.match(r"an? " if self.language == "en" else "某个", words)
        if opening is not None and (named := self._class(words[opening.end() :])) is not None:
            self.clues.append(Fact(term, (self.speech.class_relation or "",), named))
            return True
        return False

    def _class(self, words: str) -> Term | None:
        if self.speech.class_relation is None:
            return None
        if (place := PLACE.fullmatch(words)) is not None:
            return self.speech.node(self.names[int(place[1])], classes=True)
        return self.speech.node(words, classes=True) if self.speech.is_plain(words) else None

    def _constant(self, words: str) -> Term | None:
        if (place := PLACE.fullmatch(words)) is not None:
            name = self.names[int(place[1])]
            return self.speech.node(name) or Term("text", name)
        read = read_constant(words, self.names, self.language)
        return Term(*read) if read is not None else None

    def _letter(self, said: str) -> Term:
        if said not in self.lettered:
            self.lettered[said] = self._fresh()
        return self.lettered[said]

    def _fresh(self) -> Term:
        self.count += 1
        return Term("variable", f"?v{self.count}")


def _sentences(body: str, language: str) -> list[str]:
    stop = "." if language == "en" else "。"
    lines = body.split("\n")
    if _NUMBERED.match(lines[0]):
        said = [_NUMBERED.sub("", line, count=1) for line in lines]
    else:
        said = [f"{piece}{stop}" for piece in body.removesuffix(stop).split(f"{stop} " if language == "en" else stop)]
    if not all(sentence.endswith(stop) for sentence in said):
        raise ValueError("a clue is no sentence")
    return [sentence[: -len(stop)] for sentence in said]

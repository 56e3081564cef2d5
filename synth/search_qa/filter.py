"""filter-search-qa: questions that are worth searching for, and how hard they are (GLM-4.5, section 3.2).

In this order, each of them to be switched off: a model knows the answer by heart (`closed-book`); one search gives it
(`one-search`); the linked pages say something else, or nothing (`wrong-in-corpus`); the share of attempts with the search tools that
come to the answer, which is the difficulty. Without a model (`ask_model: false`) the mechanical half of each is done, and no
server is started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from arcmill.config import Field
from arcmill.generation import GenerationConfig, Made, served_name
from arcmill.records import Problem
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template, read_template

if TYPE_CHECKING:
    from arcmill.search import Hit, SearchIndex

TEMPLATES = Path(__file__).parent / "templates"
PLACES = {"closed_book": {"question"}, "query": {"question"}, "read": {"pages", "question"}, "agent": {"question"}}
UNKNOWN = frozenset({"unknown", "none", "n/a", "not known", "i don't know", "未知", "不知道"})
Check = Literal["closed-book", "one-search", "corpus", "solve"]
Class = Literal["easy", "moderate", "unsolved"]


class FilterSearchQa(GenerationConfig):
    """Which checks are made, how often a model is asked, and what stays."""

    checks: list[Check] = Field(
        ["closed-book", "one-search", "corpus", "solve"],
        min_length=1,
        description="checks that are made, always in this order",
    )
    ask_model: bool = Field(
        True,
        description="false: the mechanical half of one-search and corpus alone; no model is asked, no server started",
    )
    closed_book_tries: int = Field(4, ge=1, description="answers without tools")
    max_closed_book: int = Field(0, ge=0, description="right answers without tools that a question may have")
    one_search_pages: int = Field(3, ge=1, le=20, description="pages of one search that are read")
    one_search_names: int = Field(
        1, ge=1, le=20, description="without a model: snippets of one search, the best, that must not name the answer"
    )
    corpus_tries: int = Field(3, ge=1, description="answers from the linked pages")
    max_wrong: float = Field(
        0.5, ge=0, lt=1, description="share of those answers (0-1) that may agree on another thing than the answer"
    )
    page_characters: int = Field(2000, ge=100, description="characters shown of a page that is read at once")
    pages_read: int = Field(12, ge=1, description="linked pages that are shown, at most; each hop's best come first")
    attempts: int = Field(8, ge=1, description="attempts with the search tools")
    max_turns: int = Field(
        12, ge=1, description="messages of one attempt; one that has not answered by then has failed"
    )
    tool_calls: Literal["server", "text"] = Field(
        "server",
        description="server: the endpoint's own tool calls; text: <tool_call> JSON in the text, for endpoints without them",
    )
    keep: list[Class] = Field(
        ["easy", "moderate", "unsolved"], min_length=1,
        description="classes that stay: all attempts right, some, none; others are dropped with the class as rule",
    )  # fmt: skip

    @model_validator(mode="after")
    def _reachable(self) -> FilterSearchQa:
        if not self.ask_model and not {"one-search", "corpus"} & set(self.checks):
            raise ValueError("closed-book and solve ask a model: with ask_model false, one-search or corpus is needed")
        if self.max_closed_book >= self.closed_book_tries:
            raise ValueError(
                f"max_closed_book {self.max_closed_book} can never be exceeded in {self.closed_book_tries} tries"
            )
        return self


@dataclass(frozen=True)
class State:
    """The index, and the templates by name."""

    index: SearchIndex
    templates: dict[str, Template]


def setup(config: FilterSearchQa, inputs: dict[str, Any]) -> State:
    """The index and the packaged templates."""
    from arcmill.search import SearchIndex

    templates = {name: read_template(_path(name), frozenset(places)) for name, places in PLACES.items()}
    return State(SearchIndex.open(inputs["index"]), templates)


@dataclass
class Row:
    """A question under way: what was found of it so far."""

    problem: Problem
    evidence: dict[str, Any]
    answers: tuple[str, ...]
    found: dict[str, Any]

    def right(self, text: str) -> bool:
        """Whether a response ends in one of the names of the answer."""
        from synth.verifiers.exact import verify

        return any(verify(text, name).right for name in self.answers)


Checked = Generator[Any, list[Any], Outcome | None]


def core(problem: Problem, config: FilterSearchQa, state: State) -> Generator[Any, list[Any], Any]:
    """The question with what was found in its evidence (`filter`), or the check that it fails."""
    from synth.search_qa.question import names_of, with_evidence

    try:
        evidence, answers = names_of(problem)
        if "corpus" in config.checks:
            _linked(evidence, state.index)
    except ValueError as error:
        return Outcome("evidence", "errored", detail=str(error))
    row = Row(problem, evidence, answers, {})
    checks = {"closed-book": _closed_book, "one-search": _one_search, "corpus": _corpus, "solve": _solve}
    for name, check in checks.items():
        if name in config.checks and (outcome := (yield from check(row, config, state))):
            return outcome
    if config.ask_model:
        row.found["model"] = served_name(config.model)
    problem.evidence = with_evidence(evidence, filter=row.found)
    tallies = Counter({problem.difficulty: 1} if problem.difficulty and "solve" in row.found else {})
    return Made([problem], tallies)


def _closed_book(row: Row, config: FilterSearchQa, state: State) -> Checked:
    if not config.ask_model:
        return None
    messages = state.templates["closed_book"].messages({"question": row.problem.prompt})
    tries = config.closed_book_tries
    answers = yield [config.ask(messages, row.problem.id, "closed-book", number) for number in range(tries)]
    right = sum(row.right(text) for text in _finals(answers))
    row.found["closed_book"] = {"tries": tries, "right": right}
    if right <= config.max_closed_book:
        return None
    detail = f"{right} of {tries} answers without tools were right"
    return Outcome("closed-book", score=right, threshold=config.max_closed_book, detail=detail)


def _one_search(row: Row, config: FilterSearchQa, state: State) -> Checked:
    queries = [row.problem.prompt]
    if config.ask_model:
        messages = state.templates["query"].messages({"question": row.problem.prompt})
        answers = yield [config.ask(messages, row.problem.id, "query")]
        queries += [line.strip()[:1000] for line in _finals(answers)[0].splitlines() if line.strip()][:1]
    told: list[dict[str, Any]] = []
    row.found["one_search"] = told
    for number, query in enumerate(dict.fromkeys(queries)):
        hits = state.index.search(query, config.one_search_pages if config.ask_model else config.one_search_names)
        rank = _named(row, hits, config, state)
        told.append({"by": "model" if number else "question", "query": query, "rank": rank})
        if rank is None:
            continue
        if config.ask_model:
            shown = [(hit.id, hit.start) for hit in hits]
            messages = _reading(row, shown, config, state)
            answers = yield [config.ask(messages, row.problem.id, "one-search", number)]
            told[-1]["right"] = right = row.right(_finals(answers)[0])
            if not right:
                continue
        detail = f"{told[-1]['by']} as the query: page {rank} names the answer"
        return Outcome("one-search", score=rank, threshold=len(hits), detail=detail)
    return None


def _named(row: Row, hits: list[Hit], config: FilterSearchQa, state: State) -> int | None:
    """The place of the first page that names the answer: in what a model would read of it, or without one in the snippet."""
    from synth.search_qa.naming import PageText

    for place, hit in enumerate(hits, 1):
        text = _page(hit.id, hit.start, config, state) if config.ask_model else f"{hit.title}\n{hit.snippet}"
        if PageText(text).any(row.answers):
            return place
    return None


def _corpus(row: Row, config: FilterSearchQa, state: State) -> Checked:
    pages: dict[str, list[str]] = row.evidence["pages"]
    starts: dict[str, list[int]] = row.evidence.get("page_starts") or {}
    if bare := [edge for edge, linked in pages.items() if not linked]:
        share = 1 - len(bare) / len(pages)
        return Outcome("wrong-in-corpus", score=share, threshold=1.0, detail=f"no page says the hop of edge {bare[0]}")
    if not config.ask_model:
        return None
    hops = [list(zip(linked, starts.get(edge) or [0] * len(linked), strict=False)) for edge, linked in pages.items()]
    ranked = [hop[place] for place in range(max(map(len, hops), default=0)) for hop in hops if place < len(hop)]
    messages = _reading(row, list(dict.fromkeys(ranked))[: config.pages_read], config, state)
    tries = config.corpus_tries
    answers = yield [config.ask(messages, row.problem.id, "corpus", number) for number in range(tries)]
    finals = _finals(answers)
    wrong = [said for text in finals if not row.right(text) and (said := _said(text))]
    # Only what several answers agree on was read there: a model that guesses says something else each time.
    other, agreed = Counter(wrong).most_common(1)[0] if wrong else ("", 0)
    right = sum(map(row.right, finals))
    row.found["corpus"] = {"tries": tries, "right": right, "wrong": len(wrong), "agreed": agreed}
    if agreed <= config.max_wrong * tries:
        return None
    detail = f"{agreed} of {tries} answers from the linked pages are {other[:100]!r}, {right} are right"
    return Outcome("wrong-in-corpus", score=agreed / tries, threshold=config.max_wrong, detail=detail)


def _solve(row: Row, config: FilterSearchQa, state: State) -> Checked:
    from synth.difficulty import wilson
    from synth.search_qa.attempts import attempts

    if not config.ask_model:
        return None
    messages = state.templates["agent"].messages({"question": row.problem.prompt})
    made = yield from attempts(
        messages, config.attempts, config.max_turns, config, state.index, row.problem.id, config.tool_calls == "text"
    )
    passes = sum(attempt.text is not None and row.right(attempt.text) for attempt in made)
    tries = len(made)
    low, high = wilson(passes, tries)
    kind: Class = "easy" if passes == tries else "moderate" if passes else "unsolved"
    row.found["solve"] = {
        "attempts": tries, "passes": passes, "wilson_95": [round(low, 6), round(high, 6)],
        "turns": sum(attempt.turns for attempt in made), "calls": sum(attempt.calls for attempt in made),
        "refused_calls": sum(attempt.refused for attempt in made),
        "unanswered": sum(attempt.text is None for attempt in made),
    }  # fmt: skip
    row.problem.pass_rate, row.problem.attempts, row.problem.difficulty = passes / tries, tries, kind
    if kind in config.keep:
        return None
    return Outcome(kind, score=passes / tries, detail=f"{passes} of {tries} attempts with the search tools were right")


def _finals(answers: list[Any]) -> list[str]:
    """The final texts of answers, without reasoning."""
    from synth.reasoning.stage import apart

    return [apart(answer.choice, None)[1] for answer in answers]


def _said(text: str) -> str | None:
    """The answer that a response clearly gives; None where it gives none, or says that it does not know."""
    from synth.verifiers.exact import normal, observe

    found = observe(text)
    return None if found is None or normal(found) in UNKNOWN or not normal(found) else normal(found)


def _reading(row: Row, pages: list[tuple[str, int]], config: FilterSearchQa, state: State) -> list[dict[str, str]]:
    texts = [f"<page>\n{_page(identifier, start, config, state)}\n</page>" for identifier, start in pages]
    return state.templates["read"].messages({"pages": "\n\n".join(texts), "question": row.problem.prompt})


def _page(identifier: str, start: int, config: FilterSearchQa, state: State) -> str:
    page = state.index.open_page(identifier, start, config.page_characters)
    return f"{page.title}\n\n{page.text}"


def _linked(evidence: dict[str, Any], index: SearchIndex) -> None:
    """ValueError where the row holds no pages of this index."""
    pages = evidence.get("pages")
    if not isinstance(pages, dict):
        raise ValueError("the row has no linked pages: run link-pages first, or leave out the check corpus")
    if evidence.get("index") != index.fingerprint:
        raise ValueError("its pages are of another index: run link-pages over this one")


def _path(name: str) -> str:
    return str(TEMPLATES / f"{name}.txt")


STAGE = Stage(
    name="filter-search-qa",
    version=1,
    help="Drop questions that need no search, that one search answers, or that the documents answer otherwise; measure the rest.",
    example="arcmill filter-search-qa --input linked --input index=index --output hard --set model=zai-org/GLM-4.5-Air\n"
    "arcmill filter-search-qa --input linked --input index=index --output hard --set ask_model=false",
    config=FilterSearchQa,
    reads={"input": "Problem", "index": "Model"},
    writes="Problem",
    engine="vllm",
    core=core,
    setup=setup,
    model_files=lambda config: [_path(name) for name in PLACES],
)

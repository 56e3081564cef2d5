"""rewrite-questions: template questions in natural words by a language model, refused where they no longer say the query.

A second request, which knows nothing of the query, writes down what the rewritten text states; that must be the query again.
Besides, the text must hold the names of the clues, and no name of the answer, of what is hidden, or of what lies around it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field
from arcmill.generation import EMBEDDED, GenerationConfig, Made, served_name
from arcmill.records import Problem
from arcmill.replies import json_objects
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template, read_template

if TYPE_CHECKING:
    from synth.graph.store import Graph
    from synth.search_qa.query import Query, Term

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_NAMES = {"en": "English", "zh": "Chinese"}
_REPLY = {
    "type": "object", "additionalProperties": False, "required": ["question"], "properties": {"question": {"type": "string"}},
}  # fmt: skip
SCHEMA = {"type": "json_schema", "json_schema": {"name": "question", "schema": _REPLY, "strict": True}}


class RewriteQuestions(GenerationConfig):
    """How questions are rewritten, and what becomes of those that were refused."""

    template: str | None = Field(
        None, description="file of the request to rewrite, with {{question}}, {{names}} and {{language}}; null: the packaged one"
    )  # fmt: skip
    extract_template: str | None = Field(
        None, description="file of the request for clues, with {{question}}, {{relations}} and {{names}}; null: the packaged one"
    )  # fmt: skip
    structured: bool | None = Field(
        None, description="ask the server to hold replies to the JSON schemas; null: yes, but not the embedded model, whose "
        "server cannot"
    )  # fmt: skip
    tries: int = Field(2, ge=1, le=20, description="rewrites asked for, until one is not refused")
    on_refusal: Literal["keep", "drop"] = Field(
        "keep", description="a question none of whose rewrites will do: keep (in the template's words, with the reason in its "
        "evidence) or drop (a ledger row)"
    )  # fmt: skip
    other_relations: int = Field(
        6, ge=0, description="relations of the graph that are listed for the reader beside those of the query, so that the list "
        "does not give it away"
    )  # fmt: skip
    other_names: int = Field(4, ge=0, description="names of the graph that are listed beside those of the query")
    neighbour_edges: int = Field(
        200, ge=0, description="edges of the answer, each bridge and each anchor whose other end must not be named; 0: none"
    )  # fmt: skip
    max_edges: int = Field(50_000_000, ge=1, description="edges that the graph may have at most; it is held in memory")


@dataclass
class State:
    """The graph and the two requests."""

    graph: Graph
    rewrite: Template
    extract: Template


def template_paths(config: RewriteQuestions) -> list[str]:
    """The files of the requests."""
    return [
        config.template or str(TEMPLATES / "rewrite.txt"),
        config.extract_template or str(TEMPLATES / "extract.txt"),
    ]


def setup(config: RewriteQuestions, inputs: Mapping[str, Any]) -> State:
    """The graph in memory, and the templates."""
    from synth.graph.given import given_graph

    rewrite, extract = template_paths(config)
    return State(
        given_graph(inputs["edges"], inputs.get("nodes") or (), max_edges=config.max_edges),
        read_template(rewrite, frozenset({"question"}), frozenset({"names", "language"})),
        read_template(extract, frozenset({"question", "relations"}), frozenset({"names"})),
    )


def core(problem: Problem, config: RewriteQuestions, state: State) -> Generator[Any, list[Any], Made | Outcome]:
    """The question in other words, or as it was with the reason, or why it leaves."""
    from synth.search_qa.wording.checks import missing, must_name, neighbours
    from synth.search_qa.wording.claims import SCHEMA as CLUES
    from synth.search_qa.wording.claims import claimed, refusal
    from synth.search_qa.wording.lexicon import speech
    from synth.search_qa.wording.lists import Lists
    from synth.search_qa.wording.names import named

    try:
        evidence, query, hidden = _read(problem)
        if sorted(evidence.get("graph") or ()) != sorted(state.graph.fingerprints):
            return Outcome("other-graph", "errored", detail="it was made of other edges or nodes than are given here")
        language = str(evidence.get("language"))
        spoken = speech(state.graph, language)
        lists = Lists.of(problem.id, query, spoken, config.other_relations, config.other_names)
        wanted = must_name(query, spoken)
    except ValueError as error:
        return Outcome("not-a-search-question", "errored", detail=str(error))
    secret = [name for term in hidden if (n := state.graph.index(term)) is not None for name in state.graph.names(n)]
    secret += [problem.answer or "", *(str(name) for name in evidence.get("aliases") or ())]
    # What the template names was proved to give nothing away: the year 1994 is hidden in "from 1994 through 1999".
    told = set(named(problem.prompt, secret))
    secret = [name for name in secret if name and name not in told]
    around = neighbours(query, hidden, spoken, config.neighbour_edges)
    allowed = {*named(problem.prompt, around), *(name for name in around if named(" ; ".join(wanted), [name]))}
    structured = config.model != EMBEDDED if config.structured is None else config.structured
    asked = state.rewrite.messages({
        "question": problem.prompt, "names": _listed(wanted), "language": LANGUAGE_NAMES[language],
    })  # fmt: skip
    refused, text = ("not-parsed", "no rewrite was asked for"), ""
    for attempt in range(config.tries):
        body: dict[str, Any] = {"response_format": SCHEMA} if structured else {}
        (answer,) = yield [config.ask(asked, problem.id, "rewrite", attempt, **body)]
        text = next((str(held["question"]).strip() for held in json_objects(answer.text) if held.get("question")), "")
        if not text:
            refused = ("not-parsed", "the reply holds no question")
            continue
        if found := named(text, secret):
            refused = ("name-in-text", f"{found[0]!r} stands in the text")
            continue
        if (lost := missing(text, wanted)) is not None:
            refused = ("constraint-lost", f"{lost!r} does not stand in the text")
            continue
        if found := [name for name in named(text, around) if name not in allowed]:
            refused = ("constraint-added", f"{found[0]!r} stands in the text, and in no clue")
            continue
        messages = state.extract.messages({"question": text, "relations": lists.told(), "names": _listed(lists.terms)})
        body = {"response_format": CLUES} if structured else {}
        (answer,) = yield [config.ask(messages, problem.id, "clues", attempt, temperature=0.0, **body)]
        said: Any = next(_whole(answer.text), None)
        try:
            if said is None:
                raise ValueError("the reply holds no clues")
            differs = refusal(query, claimed(said, lists.relations, lists.terms))
        except ValueError as error:
            refused = ("not-parsed", str(error))
            continue
        if differs is None:
            record = {
                "template": problem.prompt, "clues": {"asked": said["asked"], "clues": said["clues"]}, "attempt": attempt,
                "terms": {name: {term.kind: term.value} for name, term in lists.terms.items()}, "names": wanted,
                "relations": lists.relations, "model": served_name(config.model),
            }  # fmt: skip
            return _made(problem, evidence, text, "rewrite", record, "rewritten")
        refused = differs
    if config.on_refusal == "drop":
        return Outcome(refused[0], detail=refused[1])
    record = {"refused": refused[0], "detail": refused[1], "text": text, "model": served_name(config.model)}
    return _made(problem, evidence, problem.prompt, "template", record, f"refused.{refused[0]}")


def _listed(names: Iterable[str]) -> str:
    return json.dumps(list(names), ensure_ascii=False)


def _whole(reply: str) -> Any:
    """The objects of a reply that hold clues: each clue is an object, too."""
    return (held for held in json_objects(reply) if "clues" in held and "asked" in held)


def _read(problem: Problem) -> tuple[dict[str, Any], Query, list[Term]]:
    """Evidence, query, and the nodes that stay hidden: the answer and the witnesses."""
    from synth.search_qa.query import Query, Term

    evidence = json.loads(problem.evidence or "null")
    if not isinstance(evidence, dict) or evidence.get("kind") != "search-qa":
        raise ValueError("its evidence is not that of synth-search-qa")
    if evidence.get("language") not in LANGUAGE_NAMES:
        raise ValueError(f"its language is {evidence.get('language')!r}")
    held = [evidence.get("answer"), *(evidence.get("witness") or {}).values()]
    hidden = [Term(kind, value) for told in held if isinstance(told, dict) for kind, value in told.items()]
    return evidence, Query.from_json(evidence.get("query")), hidden


def _made(
    problem: Problem, evidence: dict[str, Any], text: str, wording: str, record: dict[str, Any], tally: str
) -> Made:
    problem.prompt = text
    problem.evidence = json.dumps(
        {**evidence, "wording": wording, "rewrite": record}, sort_keys=True, ensure_ascii=False
    )
    return Made([problem], {tally: 1})


STAGE = Stage(
    name="rewrite-questions",
    version=1,
    help="Rewrite template questions in natural words, and refuse what no longer says the same.",
    example="arcmill rewrite-questions --input questions --input edges=graph --input nodes=nodes --output rewritten "
    "--set model=zai-org/GLM-4.5-Air",
    config=RewriteQuestions,
    reads={"input": "Problem", "edges": "Edge", "nodes?": "Node"},
    writes="Problem",
    engine="vllm",
    core=core,
    setup=setup,
    model_files=template_paths,
)

"""extract-graph: facts that documents state, asked for from a language model and checked against the document.

A fact is kept only where its sentence stands in the document, and names subject and object both. The sentence is the edge's
evidence. What is not kept is counted by reason.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from pydantic import field_validator, model_validator

from arcmill.config import Field
from arcmill.generation import EMBEDDED, Answer, GenerationConfig, Made, Step
from arcmill.records import NAMING, Document
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template, read_template

TEMPLATE = Path(__file__).parent / "templates" / "extract.txt"


class ExtractGraph(GenerationConfig):
    """What is asked for, and what is kept of it."""

    max_tokens: int = Field(2048, ge=1, description="longest answer, reasoning included; tokens")
    template: str | None = Field(
        None,
        description="file of the request, with {{passage}}, {{count}}, {{relations}} and {{types}}; null: the packaged one",
    )
    structured: bool | None = Field(
        None, description="ask the server to hold replies to the JSON schema; null: yes, but not the embedded model, whose "
        "server cannot. Replies are read and checked the same way"
    )  # fmt: skip
    relations: dict[str, str] = Field(
        default_factory=dict, description="relation -> what it means: the only ones that are kept; empty: any"
    )
    types: list[str] = Field(
        ["person", "organisation", "place", "work", "event", "product", "species", "concept"],
        description="types that things may have; another one counts as unknown",
    )
    count: int = Field(10, ge=1, le=100, description="facts asked for, of each passage")
    passage_characters: int = Field(
        3000, ge=200, description="longest passage of one request; characters. Documents are cut between paragraphs"
    )
    min_characters: int = Field(100, ge=1, description="a shorter passage is not asked about; characters")
    max_passages: int = Field(8, ge=1, description="passages of a document that are asked about, the first ones")
    max_name_characters: int = Field(100, ge=1, description="longest subject or object that is kept; characters")
    max_sentence_characters: int = Field(1000, ge=1, description="longest sentence that is kept; characters")

    @model_validator(mode="after")
    def _passages_can_be_long_enough(self) -> ExtractGraph:
        if self.min_characters > self.passage_characters:
            raise ValueError("min_characters is at most passage_characters")
        return self

    @field_validator("relations")
    @classmethod
    def _own_names(cls, relations: dict[str, str]) -> dict[str, str]:
        if taken := sorted({*NAMING, "type"} & set(relations)):
            raise ValueError(f"{', '.join(taken)}: names and types are found without being asked for")
        return relations


def template_of(config: ExtractGraph) -> str:
    """The file of the request."""
    return config.template or str(TEMPLATE)


def setup(config: ExtractGraph, inputs: Mapping[str, Any]) -> Template:
    """The template, once a worker. UsageError where it has no place for the passage."""
    return read_template(template_of(config), frozenset({"passage"}), frozenset({"count", "relations", "types"}))


def core(document: Document, config: ExtractGraph, template: Template) -> Generator[Step, list[Answer], Made | Outcome]:
    """Edges of a document; an Outcome where it has no passage that is long enough."""
    from synth.graph.extract_facts import SCHEMA, kept
    from synth.problems.extract_pairs import passages

    found = passages(document.text, config.passage_characters, config.min_characters)[: config.max_passages]
    if not found:
        return Outcome("too-short", score=len(document.text), threshold=config.min_characters)
    told = "; ".join(f"{name} ({meaning})" if meaning else name for name, meaning in config.relations.items())
    fixed = {
        "count": str(config.count), "types": ", ".join(config.types) or "anything",
        "relations": f"{told}. Use no other" if told else "founded by; born in; part of; published in; capital of",
    }  # fmt: skip
    structured = config.model != EMBEDDED if config.structured is None else config.structured
    body = {"response_format": SCHEMA} if structured else {}
    answers = yield [
        config.ask(template.messages({**fixed, "passage": passage.strip()}), document.id, start, **body)
        for start, passage in found
    ]
    return kept(document, found, [answer.text for answer in answers], config)


STAGE = Stage(
    name="extract-graph",
    version=2,
    help="Ask a language model for the facts that documents state, and keep those whose sentence stands there.",
    example="arcmill extract-graph --input pages --output facts --set relations.founded_by='who founded it'",
    config=ExtractGraph,
    reads={"input": "Document"},
    writes="Edge",
    engine="vllm",
    core=core,
    setup=setup,
    makes=True,
    model_files=lambda config: [template_of(config)],
)

"""suggest-obfuscations: passages about a titled thing, with suggestions of what to hide, for people to accept, edit or refuse.

After GLM-4.5 (arXiv 2508.06471, section 3.3): search questions "through human-in-the-loop extraction and selective obfuscation
of content from web pages". The stage only suggests: its rows are pending until `apply-review` brings a person's decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.records import Problem, batch_to_documents, rows_to_batch, stable_id
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from synth.search_qa.passages.known import Known

Kind = Literal["dates", "numbers", "known-names", "quoted-names"]
QUESTIONS = {
    "en": "A page says the following; names and details are left out or made vague on purpose. "
    "What is it about: which name stands in the place of [X]?",
    "zh": "某个网页上有下面这段话，其中的名称和细节被有意省略或模糊化了。它讲的是什么：[X] 处应填什么名称？",
}
_ROWS = 256


class SuggestObfuscations(StageConfig):
    """Which passages are taken, and what is suggested."""

    title: str = Field(
        "title", description="key of a document's metadata that holds its title; where there is none, the first line is taken "
        "if it reads like a heading, else the name of its path"
    )  # fmt: skip
    passages: int = Field(1, ge=1, le=20, description="passages of a document, at most: those with the most to hide")
    min_characters: int = Field(150, ge=20, description="shortest passage; characters")
    max_characters: int = Field(
        1200, ge=50, description="longest passage; characters. A longer paragraph ends at a sentence"
    )
    min_suggestions: int = Field(
        2,
        ge=1,
        description="details (beside the name itself) that a passage must have; with fewer there is nothing to search by",
    )
    kinds: list[Kind] = Field(
        default=["dates", "numbers", "known-names", "quoted-names"],
        description="details that are made vague: dates (to years of a range), numbers (to bounds), known-names (of the Node "
        "datasets, to their description or class), quoted-names (to a general word)",
    )  # fmt: skip
    years: int = Field(10, ge=2, le=100, description="years of the range that a date becomes; 10 gives decades")
    min_number: int = Field(10, ge=0, description="numbers of a smaller value (no unit) stay as they are")

    @model_validator(mode="after")
    def _a_passage_can_be_long_enough(self) -> SuggestObfuscations:
        if self.min_characters > self.max_characters:
            raise ValueError("min_characters is at most max_characters")
        return self


def setup(config: SuggestObfuscations, inputs: Mapping[str, Any]) -> Known:
    """The names of the Node datasets, once a worker; none where none were given."""
    from synth.search_qa.passages.known import Known

    return Known.load(inputs.get("nodes", ()))


def core(
    batches: Iterator[pa.RecordBatch], config: SuggestObfuscations, known: Known
) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    """Pending Problems of every document, or why it has none."""
    from synth.search_qa.passages.choose import passages_of

    made: list[Problem] = []
    for batch in batches:
        for document in batch_to_documents(batch):
            found = passages_of(document, config, known)
            if isinstance(found, Outcome):
                yield document.id, found
                continue
            for passage in found:
                evidence = {
                    "kind": "passage-qa", "document": document.id, "url": document.url, "start": passage.start,
                    "end": passage.start + len(passage.text), "title": passage.title, "aliases": passage.aliases,
                    "language": passage.language, "question": QUESTIONS[passage.language], "passage": passage.text,
                    "spans": [span.told() for span in passage.spans], "text": passage.obfuscated(),
                    "review": {"decision": "pending"},
                }  # fmt: skip
                made.append(
                    Problem(
                        id=stable_id("passage-qa", document.id, str(passage.start)),
                        prompt=f"{QUESTIONS[passage.language]}\n\n{passage.obfuscated()}",
                        answer_type="exact",
                        source=document.source,
                        answer=passage.title,
                        domain="search",
                        evidence=json.dumps(evidence, ensure_ascii=False, sort_keys=True),
                    )
                )
            if len(made) >= _ROWS:
                yield rows_to_batch("Problem", made)
                made = []
    if made:
        yield rows_to_batch("Problem", made)


STAGE = Stage(
    name="suggest-obfuscations",
    version=1,
    help="Pick passages about a titled thing, mask its name, and suggest vaguer words for details, for people to review.",
    example="arcmill suggest-obfuscations --input pages --input nodes=graph-nodes --output suggested\n"
    "arcmill review export suggested --output review.csv --html review.html",
    config=SuggestObfuscations,
    reads={"input": "Document", "nodes?": "Node"},
    writes="Problem",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
)

"""`format-fim`: documents of source code with a span moved to their end, for models that insert code.

Document-level fill in the middle (Bavarian et al. 2022, arXiv 2207.14255, section 3): a text is cut into prefix, middle
and suffix, and written in the order prefix, suffix, middle (PSM) or suffix, prefix, middle (SPM), each part after its
sentinel. Spans are random ones of characters, or nodes of the syntax tree (Gong et al. 2025, arXiv 2506.00204). GLM-4.5
(arXiv 2508.06471, section 2.2) trains all source code so. `pack` knows the sentinels as control tokens in documents
with metadata `fim`; for the context-level form, applied after packing, see the setting `context_fim` of `pack`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from arcmill.config import Field, Settings, StageConfig
from arcmill.stage import Changes, Stage
from sequences.fim.sentinels import SETS, Sentinels, SpmOrder

if TYPE_CHECKING:
    import pyarrow as pa

    from sequences.fim.rearrange import Rearranger


class NodeWeights(Settings):
    """How often each kind of syntax node is looked for first; only the ratios matter."""

    function: float = Field(1.0, ge=0, le=1e6, description="weight of functions, methods and classes")
    block: float = Field(2.0, ge=0, le=1e6, description="weight of blocks and bodies")
    statement: float = Field(3.0, ge=0, le=1e6, description="weight of statements, declarations and clauses")
    expression: float = Field(3.0, ge=0, le=1e6, description="weight of expressions and literals")
    argument: float = Field(1.0, ge=0, le=1e6, description="weight of single arguments and parameters")


class FormatFim(StageConfig):
    """Which documents are rearranged, at which spans, and with which sentinels."""

    rate: float = Field(
        1.0, ge=0, le=1, description="share (0-1) of the documents that qualify which is rearranged; the rest stay as "
        "they are"
    )  # fmt: skip
    spm_share: float = Field(0.5, ge=0, le=1, description="share (0-1) of SPM among the rearranged; the rest is PSM")
    node_share: float = Field(
        0.5, ge=0, le=1, description="share (0-1) of the rearranged whose middle is a syntax node; the rest, and files "
        "without a grammar, a fitting node or under max_parse_bytes, get a span of characters"
    )  # fmt: skip
    node_weights: NodeWeights = Field(NodeWeights(), description="which kinds of nodes become the middle")
    min_span: int = Field(1, ge=1, description="fewest characters of a middle; shorter documents are left alone")
    max_span: int | None = Field(None, ge=1, description="most characters of a middle; null: no limit")
    languages: tuple[str, ...] | None = Field(
        None, description="values of metadata programming_language that qualify, such as [python, c++]; null: any"
    )
    sentinels: Literal["glm", "qwen", "deepseek", "starcoder", "own"] = Field(
        "glm", description="whose control tokens mark the parts; own: those of own_sentinels"
    )
    own_sentinels: tuple[str, str, str] | None = Field(
        None, description="with sentinels=own: the tokens before prefix, suffix and middle"
    )
    spm_order: SpmOrder | None = Field(
        None, description="SPM as <suffix>S<prefix>P<middle>M (suffix_first) or <prefix><suffix>S<middle>PM (joined); "
        "null: as the sentinel set has it (own: joined)"
    )  # fmt: skip
    max_parse_bytes: int = Field(
        1 << 18, ge=0, description="larger files are not parsed: their spans are of characters"
    )
    seed: int = Field(0, ge=0, description="with the id, decides everything about a document")

    @model_validator(mode="after")
    def _fits_together(self) -> FormatFim:
        own = self.own_sentinels
        if (self.sentinels == "own") != (own is not None):
            raise ValueError("own_sentinels goes with sentinels=own, and only with it")
        if own is not None and any(a in b for n, a in enumerate(own) for m, b in enumerate(own) if n != m):
            raise ValueError(f"own_sentinels needs three tokens, none empty and none part of another: {list(own)}")
        if self.max_span is not None and self.max_span < self.min_span:
            raise ValueError(f"max_span {self.max_span} is less than min_span {self.min_span}")
        if not any(self.node_weights.model_dump().values()):
            raise ValueError("node_weights are all 0; set node_share=0 for spans of characters alone")
        return self

    def marks(self) -> Sentinels:
        """The sentinels, with their form of SPM."""
        found = SETS[self.sentinels] if self.own_sentinels is None else Sentinels(*self.own_sentinels)
        return found if self.spm_order is None else found._replace(spm_order=self.spm_order)


def setup(config: FormatFim, inputs: Mapping[str, str]) -> Rearranger:
    """What a worker keeps between batches."""
    from sequences.fim.rearrange import Rearranger

    return Rearranger(config)


def core(batch: pa.RecordBatch, config: FormatFim, state: Rearranger) -> Changes:
    """Text, metadata (`fim`, `fim_span`, `fim_kind`) and tags of the documents that change. None leaves."""
    return state.changes(batch)


STAGE = Stage(
    name="format-fim",
    version=1,
    help="Rearrange source code for fill-in-the-middle: PSM and SPM, spans of characters and of syntax nodes.",
    example="arcmill format-fim --input code --output code-fim --set rate=0.9 --set sentinels=qwen",
    config=FormatFim,
    reads={"input": "Document"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
)

"""The stage `filter-web`: rules in order, the first that fails drops the document and is named in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage
from filters.web import c4, fineweb, gopher_quality, gopher_repetition, pii, url
from filters.web.c4 import C4
from filters.web.fineweb import FineWeb
from filters.web.gopher_quality import GopherQuality
from filters.web.gopher_repetition import GopherRepetition
from filters.web.pii import Pii
from filters.web.url import Url

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.web.analysis import Analysis

Rule = Literal["url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii"]
# FineWeb's order: cheap and structural first, C4 (which removes lines) before the rules on what is left.
ORDER: tuple[Rule, ...] = ("url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")
Check = Callable[["Analysis"], Outcome | None]
MAKERS: dict[str, tuple[Callable[[Any], Check], ...]] = {
    "url": (url.rule,),
    "gopher_repetition": (gopher_repetition.line_rule, gopher_repetition.ngram_rule),
    "gopher_quality": (gopher_quality.rule,),
    "c4": (c4.rule,),
    "fineweb": (fineweb.rule,),
    "pii": (pii.rule,),
}
WORDLESS = frozenset({url.rule, gopher_repetition.line_rule})  # need no words: what they drop is never read

READ_AHEAD = 500_000  # characters of a batch read at once; more gains nothing and takes memory


class FilterWeb(StageConfig):
    """Settings of filter-web. Every group has `enabled`; `--set c4.enabled=false` switches one off."""

    order: tuple[Rule, ...] = Field(
        ORDER, description="the groups in the order they are applied; a group that is not named is not applied"
    )
    default_language: str = Field("en", description="language of documents that carry none (ISO 639)")
    url: Url = Field(default_factory=Url, description="banned hosts, words and substrings in the URL")
    gopher_repetition: GopherRepetition = Field(
        default_factory=GopherRepetition, description="repeated lines, paragraphs and n-grams"
    )
    gopher_quality: GopherQuality = Field(
        default_factory=GopherQuality, description="length, word shape, symbols, stop words"
    )
    c4: C4 = Field(default_factory=C4, description="removes lines; drops pages by phrase, bracket, sentences")
    fineweb: FineWeb = Field(default_factory=FineWeb, description="punctuated, short and repeated lines; line feeds")
    pii: Pii = Field(default_factory=Pii, description="replaces e-mail, IP addresses and phone numbers")

    def enabled(self) -> list[Rule]:
        """The groups that are applied, in order."""
        return [name for name in self.order if getattr(self, name).enabled]


class WebFilter:
    """What a worker keeps: the rules with their lists loaded, and one chunk table for each way of splitting words."""

    def __init__(self, config: FilterWeb) -> None:
        from filters.web.language_tables import LanguageTables

        makers = [(maker, getattr(config, name)) for name in config.enabled() for maker in MAKERS[name]]
        first = next((i for i, (maker, _) in enumerate(makers) if maker not in WORDLESS), len(makers))
        checks = [maker(settings) for maker, settings in makers]
        self._wordless, self._checks = checks[:first], checks[first:]
        self._tables = LanguageTables(config.gopher_quality.stop_words)
        self._default_language = config.default_language
        self._tables.load(config.default_language)

    def judge(self, text: str, language: str | None = None, url: str | None = None) -> tuple[Outcome | None, str]:
        """Why the document goes (None: it stays), and its text after the rules that rewrite it."""
        return next(self.judge_all([text], [language], [url]))

    def judge_all(
        self, texts: list[str], languages: list[str | None], urls: list[str | None]
    ) -> Iterator[tuple[Outcome | None, str]]:
        """`judge` of each document; the texts are read some at a time, which is faster."""
        for some in slices(texts):
            analyses = [
                self._tables.begin(text, language or self._default_language, url)
                for text, language, url in zip(texts[some], languages[some], urls[some], strict=True)
            ]
            outcomes = [_first(self._wordless, analysis) for analysis in analyses]
            self._tables.read([a for a, outcome in zip(analyses, outcomes, strict=True) if outcome is None])
            for analysis, outcome in zip(analyses, outcomes, strict=True):
                text = analysis.text
                outcome = outcome or _first(self._checks, analysis)
                yield outcome, text if outcome else analysis.text


def _first(checks: list[Check], analysis: Analysis) -> Outcome | None:
    """The outcome of the first check that fails."""
    for check in checks:
        if (outcome := check(analysis)) is not None:
            return outcome
    return None


def slices(texts: list[str]) -> Iterator[slice]:
    """Cut a batch into pieces of about `READ_AHEAD` characters."""
    start = size = 0
    for i, text in enumerate(texts):
        if size and size + len(text) > READ_AHEAD:
            yield slice(start, i)
            start, size = i, 0
        size += len(text)
    if start < len(texts):
        yield slice(start, len(texts))


def setup(config: FilterWeb, inputs: object = None) -> WebFilter:
    """Load lists and word tables, once a worker. Raises UsageError for a list file that cannot be read."""
    return WebFilter(config)


def core(batch: pa.RecordBatch, config: FilterWeb, state: WebFilter) -> Changes:
    """Judge each row on its own: how rows are batched changes nothing."""
    texts = batch.column("text").to_pylist()
    languages, urls = batch.column("language").to_pylist(), batch.column("url").to_pylist()
    outcomes: dict[int, Outcome] = {}
    cleaned = list(texts)
    for row, (outcome, text) in enumerate(state.judge_all(texts, languages, urls)):
        if outcome is not None:
            outcomes[row] = outcome
        cleaned[row] = text
    changed = cleaned != texts
    return Changes({"text": cleaned} if changed else {}, outcomes)


STAGE = Stage(
    name="filter-web",
    version=1,
    help="Drop low-quality web text by URL, Gopher, C4 and FineWeb rules; replace personal data",
    example="arcmill filter-web --input web-en --output web-filtered --set gopher_quality.min_words=30",
    config=FilterWeb,
    reads={"input": "Document"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=lambda config: config.url.files(),
)

"""What is left: the final documents by length, score, language, source and bucket, and the tokens by origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report import charts
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.holdings import DocumentHoldings, Histogram, SequenceHoldings, Share
from pipelines.report.markup import Child, Html, compact, decimal, h, join, number, share, short
from pipelines.report.sections import name, section, table

_LISTED = 15
_TITLES = {
    "quality_score": "Quality score",
    "language_score": "Language score",
    "length": "Document length, characters",
}
_GROUPS = {"language": "Languages", "source": "Sources", "license": "Licences"}


def documents(facts: Facts) -> Html | None:
    """The final documents, dataset by dataset."""
    final = [(f, f.documents) for f in facts.steps if f.documents is not None]
    if not final:
        return None
    blocks = [_documents(found, held) for found, held in final]
    which = (
        "The documents as they stand before they become tokens."
        if len(final) == 1
        else "The documents as they stand at the end of each branch."
    )
    return section("documents", "What is left", which, *blocks)


def _documents(found: StepFacts, held: DocumentHoldings) -> Html:
    copies = found.counts["created"]
    told = f"{number(held.rows)} documents" + (f", {number(copies)} of them repeats of others" if copies else "")
    if held.scanned < held.rows:
        told += f"; the figures here are from {number(held.scanned)} of them, from parts spread evenly over all"
    if not held.rows:
        return h("article", h("h3", name(found.step.name)), h("p", "No document is left."))
    charts_ = [_histogram(histogram) for histogram in held.histograms]
    tables = [_bars(title, held.by[key], held.scanned) for key, title in _GROUPS.items() if _told(held.by.get(key, {}))]
    buckets = held.by.get("quality_bucket", {})
    return h(
        "article",
        h("h3", name(found.step.name), h("span", name(found.step.stage), cls="stage")),
        h("p", f"{told}."),
        h("div", charts_, cls="charts") if charts_ else None,
        h("div", tables, cls="columns") if tables else None,
        _buckets(buckets, held) if _told(buckets) else None,
    )


def _told(shares: Mapping[Any, Share]) -> bool:
    """Whether a column says anything: more than one value that is not null, or one that is not null at all."""
    return any(key is not None for key in shares)


def _histogram(found: Histogram) -> Html:
    title = _TITLES.get(found.name, found.name)
    low, middle, high = found.quantiles
    show = compact if found.log else lambda value: decimal(round(value, 3))
    note = f"80 % lie between {show(low)} and {show(high)}"
    label = f"{title}: histogram of {number(found.values)} values, median {show(middle)}; {note}"
    picture = charts.histogram(found.low, found.high, found.counts, label, log=found.log, median=middle)
    return h("figure", h("figcaption", h("b", title), h("span", note, cls="note")), picture)


def _bars(title: str, shares: Mapping[Any, Share], total: int) -> Html:
    ordered = sorted(shares.items(), key=lambda item: (-item[1].rows, str(item[0])))
    most = max((held.rows for _, held in ordered), default=1)
    rows: list[list[Child]] = []
    for key, held in ordered[:_LISTED]:
        label = f"{short(key)}: {share(held.rows, total)}"
        rows.append(
            [
                _key(key),
                charts.bar([("kept", held.rows)], most, label),
                number(held.rows),
                share(held.rows, total),
                compact(held.characters),
            ]
        )
    rest = ordered[_LISTED:]
    if rest:
        rows.append(
            [
                h("span", f"{number(len(rest))} others", cls="quiet"),
                None,
                number(sum(s.rows for _, s in rest)),
                share(sum(s.rows for _, s in rest), total),
                compact(sum(s.characters for _, s in rest)),
            ]
        )
    heads = [(title, "key"), ("", "short"), ("Documents", "num"), ("Share", "num"), ("Characters", "num")]
    return table(heads, rows, title, cls="bars")


def _buckets(shares: Mapping[Any, Share], whole: DocumentHoldings) -> Html:
    total = whole.scanned
    ordered = sorted(shares.items(), key=lambda item: (item[0] is None, -(item[0] or 0)))
    weighted = sum(held.weighted_characters for _, held in ordered)
    rows: list[list[Child]] = []
    for key, held in ordered:
        epochs = "–"
        if held.epochs_low is not None and held.epochs_high is not None:
            low, high = decimal(held.epochs_low), decimal(held.epochs_high)
            epochs = low if low == high else f"{low} – {high}"
        label = f"bucket {key}: {share(held.weighted_characters, weighted)} of the text as seen in training"
        rows.append(
            [
                _key(key),
                number(held.rows),
                share(held.rows, total),
                compact(held.characters),
                epochs,
                charts.bar([("kept", held.weighted_characters)], weighted, label),
                share(held.weighted_characters, weighted),
            ]
        )
    heads = [
        ("Bucket", "key"),
        ("Documents", "num"),
        ("Share", "num"),
        ("Characters", "num"),
        ("Epochs", "num"),
        ("", "short"),
        ("Share as seen", "num"),
    ]
    return join(
        h("h4", "Quality buckets"),
        h(
            "p",
            "Highest first. "
            + (
                "A document stands here as often as it will be seen; 'epochs' says how often that is."
                if whole.repeated
                else "'Share as seen' is of the text times its epochs, as training will see it."
            ),
            cls="note",
        ),
        table(heads, rows, "Quality buckets with epochs", cls="bars"),
    )


def _key(key: Any) -> Child:
    return h("span", "not set", cls="quiet") if key is None else name(key, 60)


def tokens(facts: Facts) -> Html | None:
    """The sequences, dataset by dataset."""
    packed = [(f, f.sequences) for f in facts.steps if f.sequences is not None]
    if not packed:
        return None
    lede = "Each token in a sequence is traced to its document by the sequence's segments."
    return section("tokens", "Tokens", lede, *[_sequences(found, held) for found, held in packed])


def _sequences(found: StepFacts, held: SequenceHoldings) -> Html:
    head = h("h3", name(found.step.name), h("span", name(found.step.stage), cls="stage"))
    if not held.scanned:
        return h("article", head, h("p", "No sequence could be read." if held.rows else "No sequence was made."))
    low, high = held.length_low, held.length_high
    figures = [
        (
            number(held.rows),
            "sequences",
            f"of {number(low)} tokens" if low == high else f"of {number(low)} to {number(high)} tokens",
        ),
        (number(held.tokens), "tokens", ""),
        (number(held.loss_tokens), "count in the loss", share(held.loss_tokens, held.tokens)),
        (number(held.padding), "padding", share(held.padding, held.tokens)),
        (
            number(held.segments),
            "segments",
            f"{decimal(held.segments / held.scanned)} a sequence, "
            f"{number(round(held.segment_tokens / held.segments)) if held.segments else 0} tokens each",
        ),
    ]
    told = None
    if held.scanned < held.rows:
        told = h(
            "p",
            f"The token figures are from {number(held.scanned)} of {number(held.rows)} sequences, read from "
            "parts spread evenly over the dataset.",
            cls="note",
        )
    parts: list[tuple[str, float]] = [
        ("kept", held.loss_tokens),
        ("merged", held.segment_tokens - held.loss_tokens),
        ("rest", held.padding),
    ]
    label = f"{number(held.loss_tokens)} tokens in the loss, {number(held.padding)} padding"
    names = {"kept": "in the loss", "merged": "read, not in the loss", "rest": "padding"}
    legend = h(
        "p",
        [
            h("span", h("i", cls=f"key {kind}", aria_hidden="true"), names[kind], cls="entry")
            for kind, value in parts
            if value > 0
        ],
        cls="legend",
    )
    return h(
        "article",
        head,
        told,
        h(
            "dl",
            [
                h("div", h("dt", what), h("dd", h("b", value), h("span", note, cls="note") if note else None))
                for value, what, note in figures
            ],
            cls="figures small",
        ),
        charts.bar(parts, held.tokens, label, thick=True),
        legend,
        h("div", _token_bars("Source", held.total(0), held.segment_tokens), _matrix(held), cls="columns"),
        _token_bars("Role", held.by_role, held.segment_tokens) if len(held.by_role) > 1 else None,
    )


def _token_bars(title: str, tokens: Mapping[Any, int], total: int) -> Html:
    ordered = sorted(tokens.items(), key=lambda item: (-item[1], str(item[0])))
    most = max((count for _, count in ordered), default=1)
    rows: list[list[Child]] = [
        [
            _key(key),
            charts.bar([("kept", count)], most, f"{short(key)}: {share(count, total)}"),
            number(count),
            share(count, total),
        ]
        for key, count in ordered[:_LISTED]
    ]
    if rest := ordered[_LISTED:]:
        count = sum(count for _, count in rest)
        rows.append([h("span", f"{number(len(rest))} others", cls="quiet"), None, number(count), share(count, total)])
    return table(
        [(title, "key"), ("", "short"), ("Tokens", "num"), ("Share", "num")],
        rows,
        f"Tokens by {title.lower()}",
        cls="bars",
    )


def _matrix(held: SequenceHoldings) -> Html:
    """Tokens by bucket (down) and epoch (across)."""
    buckets = sorted(held.total(1), key=lambda key: (key is None, -(key or 0)))
    epochs: Sequence[Any] = sorted(held.total(2), key=lambda key: (key is None, key or 0))[:12]
    cells: dict[tuple[Any, Any], int] = {}
    for (_, bucket, epoch), count in held.by.items():
        cells[bucket, epoch] = cells.get((bucket, epoch), 0) + count
    heads = [
        ("Bucket", "key"),
        *[("no epoch" if epoch is None else f"epoch {epoch}", "num") for epoch in epochs],
        ("All", "num"),
    ]
    rows: list[list[Child]] = [
        [
            _key(bucket),
            *[
                number(cells[bucket, epoch]) if (bucket, epoch) in cells else h("span", "0", cls="zero")
                for epoch in epochs
            ],
            h("b", number(held.total(1)[bucket])),
        ]
        for bucket in buckets[:40]
    ]
    return table(heads, rows, "Tokens by quality bucket and epoch")

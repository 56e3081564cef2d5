"""Why rows left: by stage and rule, with scores, thresholds and texts to read."""

from __future__ import annotations

from pipelines.report import charts
from pipelines.report.departures import TEXT_CHARACTERS, Departures, Rule, Sample
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share, short, visible
from pipelines.report.sections import chip, fold, name, section, table
from pipelines.report.side_by_side import beside

_ERRORS = 60  # reasons that are listed


def reasons(facts: Facts, samples: int, rules: int) -> Html:
    """The section, with at most `samples` texts of each of `rules` rules of each stage."""
    blocks = [
        _stage(found, found.departures, samples, rules)
        for found in facts.steps
        if found.departures is not None and found.departures.rules
    ]
    lede = "Every row that is not in the output is in a ledger, with the rule that took it and what was measured."
    if not blocks:
        return section("reasons", "Why rows left", "No row left: every stage kept all that it read.")
    return section("reasons", "Why rows left", lede, *blocks)


def errors(facts: Facts) -> Html | None:
    """Errored rows by reason, each with an example."""
    rows: list[list[Child]] = []
    for found in facts.steps:
        for rule in found.departures.rules if found.departures is not None else ():
            if rule.outcome == "errored":
                example = next((sample.detail for sample in rule.samples if sample.detail), None)
                rows.append([name(found.step.name, 40), name(rule.rule), number(rule.rows),
                             share(rule.rows, found.counts["in"]), name(example, 200) if example else "–"])  # fmt: skip
    if not rows:
        return None
    heads = [("Step", "key"), ("Reason", ""), ("Rows", "num"), ("Of input", "num"), ("Such as", "meaning")]
    more = h("p", f"{len(rows) - _ERRORS} more reasons.", cls="note") if len(rows) > _ERRORS else None
    lede = "Rows that could not be read or judged. None of them is in the output, and none is lost silently."
    return section("errors", "Errors", lede, table(heads, rows[:_ERRORS], "Errored rows by reason"), more)


def _stage(found: StepFacts, ledger: Departures, samples: int, rules: int) -> Html:
    shown, rest = ledger.rules[:rules], ledger.rules[rules:]
    total = found.counts["in"]
    told = f"{number(found.left)} of {number(total)} rows left here ({share(found.left, total)})."
    if ledger.partial:
        told += f" The figures below are from {number(ledger.scanned)} of {number(ledger.total)} ledger rows."
    most = max((rule.rows for rule in shown), default=1)
    base = max(total, 1) if not ledger.partial else max(ledger.scanned, 1)
    rows: list[list[Child]] = [_rule(rule, base, most) for rule in shown]
    heads = [("Rule", "rule"), ("Outcome", ""), ("Rows", "num"),
             ("Of input" if not ledger.partial else "Of ledger", "num"), ("", "short"), ("Scores", "spark"),
             ("Low – median – high", "num"), ("Threshold", "num")]  # fmt: skip
    more = (
        h("p", f"{len(rest)} more rules with {number(sum(r.rows for r in rest))} rows.", cls="note") if rest else None
    )
    read = [_samples(rule, ledger, samples) for rule in shown if rule.samples] if samples else []
    return h(
        "article",
        h("h3", name(found.step.name), h("span", name(found.step.stage), cls="stage")),
        h("p", told),
        table(heads, rows, f"Why rows left {short(found.step.name)}", cls="rules cards"),
        more,
        h("div", h("h4", "Samples to read"), _no_text(ledger), read, cls="samples") if read else None,
    )


def _no_text(ledger: Departures) -> Html | None:
    return h("p", ledger.no_text, cls="note") if ledger.no_text else None


def _rule(rule: Rule, base: int, most: int) -> list[Child]:
    spark: Child = None
    span: Child = "–"
    if rule.scores and rule.median is not None:
        span = " – ".join(decimal(value) for value in (rule.low, rule.median, rule.high))
        if rule.low == rule.high:
            span = decimal(rule.low)
    if rule.bins is not None:
        label = f"Scores of {rule.rule} from {decimal(rule.low)} to {decimal(rule.high)}"
        spark = charts.sparkline(rule.bins, rule.thresholds, label)
    threshold: Child = "–"
    if rule.thresholds is not None:
        low, high = rule.thresholds
        threshold = decimal(low) if low == high else f"{decimal(low)} – {decimal(high)}"
    wide = charts.bar([(rule.outcome if rule.outcome in ("dropped", "merged") else "errored", rule.rows)], most,
                      f"{rule.rule}: {share(rule.rows, base)}")  # fmt: skip
    return [
        name(rule.rule),
        chip(rule.outcome),
        number(rule.rows),
        share(rule.rows, base),
        wide,
        spark,
        span,
        threshold,
    ]


def _samples(rule: Rule, ledger: Departures, samples: int) -> Html:
    chosen = rule.samples[:samples]
    title = join(
        chip(rule.outcome), " ", h("b", name(rule.rule)), h("span", f"{len(chosen)} of {number(rule.rows)}", cls="note")
    )
    return fold(title, [_sample(sample, ledger) for sample in chosen], cls="sample-set")


def _sample(sample: Sample, ledger: Departures) -> Html:
    facts: list[Child] = []
    if sample.score is not None:
        told = f"score {decimal(sample.score)}"
        if sample.threshold is not None:
            told += f", threshold {decimal(sample.threshold)}"
        facts.append(h("span", told, cls="entry"))
    if sample.place:
        facts.append(h("span", sample.place, cls="entry quiet"))
    if sample.source is not None:
        facts.append(h("span", "source ", name(sample.source, 60), cls="entry quiet"))
    head = h("p", h("code", name(sample.id, 100)), *facts, cls="facts")
    rows: list[Child] = [head]
    if sample.detail:
        rows.append(h("p", name(sample.detail, 300), cls="detail"))
    if sample.url:
        rows.append(h("p", name(sample.url, 160), cls="address"))
    if sample.into_id:
        rows.append(_compared(sample))
    elif sample.text is not None:
        rows.append(_text(sample.text, sample.characters))
    elif ledger.no_text is None:
        rows.append(h("p", "Its text was not found among the rows that were searched.", cls="note"))
    return h("div", *rows, cls="sample")


def _text(text: str, characters: int) -> Html:
    if not characters:
        return h("p", "The text is empty.", cls="note")
    rest = characters - min(len(text), TEXT_CHARACTERS)
    return join(
        h("div", visible(text[:TEXT_CHARACTERS]), cls="text", dir="auto", tabindex=0),
        h("p", f"… {number(rest)} more characters", cls="note") if rest > 0 else None,
    )


def _compared(sample: Sample) -> Html:
    """Both texts, with the words marked that only one of them has."""
    gone = h("p", "Its text was not found.", cls="note")
    told: Html | None = None
    if sample.text is None or sample.survivor is None:
        left = gone if sample.text is None else _text(sample.text, sample.characters)
        right = gone if sample.survivor is None else _text(sample.survivor, sample.survivor_characters)
    else:
        both = beside(sample.text, sample.characters, sample.survivor, sample.survivor_characters)
        told = h("p", both.told, cls="note")
        left, right = (h("div", side, cls="text", dir="auto", tabindex=0) for side in (both.left, both.right))
    return join(
        told,
        h("div",
          h("div", h("p", "This one left", cls="side"), left),
          h("div", h("p", "Merged into ", h("code", name(sample.into_id, 100)), cls="side"), right), cls="pair"),
    )  # fmt: skip

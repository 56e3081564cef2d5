"""The page itself: one HTML document, no script, no network, the same bytes for the same run."""

from __future__ import annotations

from importlib.resources import files

from pipelines.lineage import DONE
from pipelines.report.agents import agents
from pipelines.report.alarms import alarms
from pipelines.report.attention import attention, verdict
from pipelines.report.canaries import canaries
from pipelines.report.changes import Changes
from pipelines.report.code import code
from pipelines.report.composition import documents, tokens
from pipelines.report.funnel import funnel, key_figures
from pipelines.report.gather import Facts
from pipelines.report.markup import Html, h, join, number
from pipelines.report.mixtures import mixtures
from pipelines.report.reasons import errors, reasons
from pipelines.report.record import settings, times
from pipelines.report.search_qa import search_qa
from pipelines.report.sections import name
from pipelines.report.since import since
from pipelines.report.synthesis import synthesis

# Nothing may be fetched and nothing may run, whatever a text of the run holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_PARTS = (
    ("changes", "What changed"),
    ("funnel", "Funnel"),
    ("reasons", "Why rows left"),
    ("alarms", "Sources that lost much"),
    ("errors", "Errors"),
    ("code", "Source code"),
    ("synthesis", "Synthesis"),
    ("search-qa", "Search questions"),
    ("agents", "Agent trajectories"),
    ("documents", "What is left"),
    ("mixtures", "Mixtures"),
    ("tokens", "Tokens"),
    ("canaries", "Canaries"),
    ("times", "Time"),
    ("settings", "Settings"),
)


def render(facts: Facts, samples: int = 3, rules: int = 40, changes: Changes | None = None, asked: bool = False) -> str:
    """The page about a run, with at most `samples` texts of each of `rules` rules of a stage.

    `changes` since an earlier run; `asked`: one was asked for, found or not.
    """
    sections = {
        "changes": since(changes, asked),
        "funnel": funnel(facts),
        "reasons": reasons(facts, samples, rules),
        "alarms": alarms(facts),
        "errors": errors(facts),
        "code": code(facts),
        "synthesis": synthesis(facts),
        "search-qa": search_qa(facts),
        "agents": agents(facts),
        "documents": documents(facts),
        "mixtures": mixtures(facts),
        "tokens": tokens(facts),
        "canaries": canaries(facts),
        "times": times(facts),
        "settings": settings(facts),
    }
    style = (files("pipelines.report") / "report.css").read_text(encoding="utf-8")
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", f"{facts.run.name} · arcmill report"),
        h("style", Html(style)),
    )
    links = [h("a", title, href=f"#{anchor}") for anchor, title in _PARTS if sections[anchor]]
    body = h(
        "body",
        h("a", "Skip to the content", href="#content", cls="skip"),
        _header(facts, links, changes),
        h("main", attention(facts, changes), [part for part in sections.values() if part], id="content", tabindex=-1),
        _footer(facts),
    )
    return f"<!doctype html>\n{h('html', head, body, lang='en')}\n"


def _header(facts: Facts, links: list[Html], changes: Changes | None) -> Html:
    steps = facts.run.steps
    done, never = sum(step.state == DONE for step in steps), len(facts.run.never_begun)
    told = f"{number(len(steps) + never)} step{'' if len(steps) + never == 1 else 's'}"
    if facts.run.planned is None:  # what never began leaves no trace in a folder
        told += " here"
    if done == len(steps) + never:
        told += ", all finished"
    else:
        told += f", {number(done)} finished"
        told += f", {number(len(steps) - done)} not" if len(steps) > done else ""
        told += f", {number(never)} never begun" if never else ""
    return h(
        "header",
        h("p", "arcmill report", cls="eyebrow"),
        h("h1", name(facts.run.name, 120)),
        verdict(facts, f"{told}.", changes),
        key_figures(facts, changes),
        h("nav", links, aria_label="Sections"),
    )


def _footer(facts: Facts) -> Html:
    marks = [step.fingerprint[:12] for step in facts.run.steps if not facts.run.consumers(step) and step.fingerprint]
    ends = h("code", ", ".join(marks[:4])) if marks else None
    return h(
        "footer",
        h(
            "p",
            "Made from the manifests, ledgers and parts of the run alone. ",
            "A step that never began leaves nothing here: arcmill report --recipe tells of those. "
            if facts.run.planned is None
            else None,
            join("Ends in fingerprint ", ends, ". ") if ends else None,
            "Texts are data of the run, shown as they are: characters that hide or reorder text are shown by name.",
        ),
    )

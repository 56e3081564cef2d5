"""Web pages made from a seed: prose that passes the filters, near-copies, junk, and broken ones."""

from __future__ import annotations

import random
from pathlib import Path

ADJECTIVES = """old young quiet northern southern wooden famous small retired local early broken narrow empty difficult
distant generous careful hungry modern ancient bright stubborn curious rural coastal private public golden silent patient
honest clumsy elegant lonely cheerful damp frozen royal humble""".split()
NOUNS = """committee engineer school neighbour harbour historian museum district orchestra newspaper botanist painter
company teacher mayor library student river baker bridge letter market church map clock festival street lighthouse song
garden plan mine wall question train factory recipe sailor valley castle meadow doctor poet carpenter ferry orchard
village theatre soldier merchant kitchen tower forest printer shepherd hospital violin window cousin""".split()
VERBS = """described repaired remembered visited studied changed opened collected measured abandoned restored painted
discussed celebrated followed explained protected crossed sold discovered borrowed photographed counted hid carried
inherited admired ignored rebuilt translated defended polished watched refused planted copied""".split()
JOINS = "before because while after until although since whenever and but so".split()
PLACES = """in the mountains|near the coast|at the end of the road|behind the station|on the island|across the border|
beside the canal|in the capital|under the arches|along the railway|by the lake|in the cellar|on the hill|outside the gates
|in the courtyard|at the market|above the shop|between the fields|within the walls|beyond the marsh""".replace(
    "\n", ""
).split("|")


def _clause(chance: random.Random) -> str:
    def thing() -> str:
        return f"{chance.choice(('the', 'a', 'that', 'every', 'our', 'his'))} {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}"

    place = f" {chance.choice(PLACES)}" if chance.random() < 0.6 else ""
    return f"{thing()} {chance.choice(VERBS)} {thing()}{place}"


def prose(chance: random.Random, sentences: int) -> list[str]:
    """Paragraphs of a few sentences."""
    paragraphs, current = [], []
    for number in range(sentences):
        sentence = f"{_clause(chance)} {chance.choice(JOINS)} {_clause(chance)}"
        current.append(sentence[0].upper() + sentence[1:] + ".")
        if number % 4 == 3:
            paragraphs.append(" ".join(current))
            current = []
    return [*paragraphs, " ".join(current)] if current else paragraphs


def page(title: str, paragraphs: list[str]) -> str:
    """A page with a menu, an article and a footer."""
    menu = "".join(f"<li><a href='/{n}'>Section {n}</a></li>" for n in range(8))
    article = "".join(f"<p>{text}</p>" for text in paragraphs)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head><body><nav><ul>{menu}</ul>"
        f"</nav><main><article><h1>{title}</h1>{article}</article></main><footer>All rights reserved</footer></body></html>"
    )


def write_pages(folder: Path, pages: int, seed: int = 1) -> None:
    """`pages` good pages; every tenth has an exact copy, every seventh a near-copy; and six that are junk or broken."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    for number in range(pages):
        paragraphs = prose(chance, 24 + number % 20)
        (folder / f"page-{number:04d}.html").write_text(page(f"Story {number}", paragraphs))
        if number % 10 == 0:
            (folder / f"copy-{number:04d}.html").write_text(page(f"Story {number}", paragraphs))
        if number % 7 == 0:
            near = [*paragraphs[:-1], paragraphs[-1] + " Corrected on the following day by the editor of the paper."]
            (folder / f"near-{number:04d}.html").write_text(page(f"Story {number}", near))
    (folder / "nul.html").write_bytes(b"\0" * 5000)
    (folder / "empty.html").write_bytes(b"")
    (folder / "deep.html").write_text("<div>" * 100_000)
    (folder / "short.html").write_text(page("Short", ["Only this."]))
    (folder / "repeat.html").write_text(page("Repeat", ["The same line is here again and again."] * 200))
    (folder / "german.html").write_text(
        page("Deutsch", ["Der alte Hafen wurde im Winter geschlossen, weil niemand mehr kam."] * 9)
    )

"""Training texts that every Python installation holds, and rules: a part of those of `prose-vs-boilerplate-en`.

Good are paragraphs of edited explanation: docstrings of the standard library and of a few libraries, and the language
reference (`pydoc_data`). Bad are texts in words like theirs that nobody would read: listings, code, licences, menus,
advertising from templates, logs, tables, shuffled and repeated prose. No web page, book or mail is among them.
"""

from __future__ import annotations

import ast
import platform
import re
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from random import Random

__all__ = ["LIBRARIES", "bad_makers", "bad_texts", "good_texts", "trees", "versions", "vocabulary"]

LIBRARIES = ("numpy", "pandas", "pydantic", "pyspark")  # what arcmill itself needs

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_NO_PROSE = re.compile(r">>>|::|\.\. |--|==|\|\||[{}<>\\]|^\s*[-*:@]|\w+\(.*\)\s*->")


def versions() -> dict[str, str]:
    """What decides the texts: the versions of Python and of the libraries."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


def _sources() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    roots = [library, *(Path(str(metadata.distribution(name).locate_file(name))) for name in LIBRARIES)]
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).parts
            if not {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3"}.intersection(parts):
                yield path


def trees() -> Iterator[tuple[str, ast.Module]]:
    """(source, syntax tree) of the modules of the standard library and of the libraries, tests left out."""
    for path in _sources():
        try:
            source = path.read_text(encoding="utf-8")
            yield source, ast.parse(source)
        except (SyntaxError, ValueError):
            continue  # templates and files for other Python versions are no material


def _is_prose(paragraph: str) -> bool:
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    return (
        len(paragraph.split()) >= 12
        and paragraph[0].isupper()
        and paragraph.rstrip()[-1] in ".!?"
        and letters >= 0.9 * len(paragraph)
        and not _NO_PROSE.search(paragraph)
    )


def _paragraphs(text: str) -> list[str]:
    found = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    return [paragraph.replace("``", "").replace("`", "") for paragraph in found if paragraph and _is_prose(paragraph)]


def good_texts() -> list[str]:
    """Documents of one to eight paragraphs, each paragraph once."""
    documents: list[str] = []
    seen: set[str] = set()
    random = Random("good")
    waiting: list[str] = []
    wanted = 1

    def take(paragraphs: list[str]) -> None:
        nonlocal wanted
        for paragraph in paragraphs:
            if paragraph in seen:
                continue
            seen.add(paragraph)
            waiting.append(paragraph)
            if len(waiting) >= wanted:
                documents.append("\n\n".join(waiting))
                waiting.clear()
                wanted = random.choice((1, 1, 1, 2, 2, 3, 5, 8))

    from pydoc_data.topics import topics

    for name in sorted(topics):
        take(_paragraphs(topics[name]))
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                take(_paragraphs(ast.get_docstring(node) or ""))
    return documents


def bad_texts(good: list[str]) -> list[str]:
    """As many documents as `good` has, in equal shares of every kind of bad_makers()."""
    makers = [*bad_makers(Random("bad"), good).values()]
    return [makers[number % len(makers)]() for number in range(len(good))]


def vocabulary(good: list[str]) -> list[str]:
    """The longer words of texts, lower-case, each once."""
    words = [word.strip(".,;:()\"'") for text in good for word in text.split()]
    return sorted({word.lower() for word in words if word.isalpha() and len(word) > 4})


def bad_makers(random: Random, good: list[str]) -> dict[str, Callable[[], str]]:
    """By kind, what makes one more bad text, out of words and sentences of `good` where it needs any."""
    nouns = vocabulary(good)
    chunks, listings, licences = _code(), _listings(), _licences()
    return {
        "shuffled": lambda: _shuffled(random, good),
        "repeated": lambda: _repeated(random, good),
        "teasers": lambda: _teasers(random, good),
        "keywords": lambda: _keywords(random, nouns),
        "advertising": lambda: _advertising(random, nouns),
        "headlines": lambda: _headlines(random, nouns),
        "menu": lambda: _page_furniture(random, nouns),
        "log": lambda: _log(random, nouns),
        "table": lambda: _table(random, nouns),
        "code": lambda: random.choice(chunks),
        "listing": lambda: random.choice(listings),
        "licence": lambda: random.choice(licences),
    }


@cache
def _code() -> list[str]:
    """Runs of 20 lines of source, without docstrings and comments."""
    found = []
    for number, (_, tree) in enumerate(trees()):
        if number % 4 == 0:
            lines = [line for line in ast.unparse(tree).split("\n") if '"""' not in line and "'''" not in line]
            found += ["\n".join(lines[start : start + 20]) for start in range(0, len(lines) - 20, 200)]
    return found


@cache
def _listings() -> list[str]:
    """Runs of the file lists (RECORD) and the headers (METADATA) of the libraries."""
    found = []
    for name in LIBRARIES:
        distribution = metadata.distribution(name)
        lines = (distribution.read_text("RECORD") or "").split("\n")
        found += ["\n".join(lines[start : start + 25]) for start in range(0, len(lines) - 25, 50)]
        headers = (distribution.read_text("METADATA") or "").split("\n\n")[0].split("\n")
        found += ["\n".join(headers[start : start + 12]) for start in range(0, len(headers), 12)]
    return found


@cache
def _licences() -> list[str]:
    """Paragraphs of licences, in runs of four."""
    found = []
    for name in LIBRARIES:
        for file in metadata.files(name) or []:
            if "LICENSE" in file.name.upper():
                paragraphs = re.split(r"\n\s*\n", Path(str(file.locate())).read_text("utf-8", "replace"))
                found += ["\n\n".join(paragraphs[i : i + 4]) for i in range(0, min(len(paragraphs), 400), 4)]
    return found


def _shuffled(random: Random, good: list[str]) -> str:
    words = random.choice(good).split()
    random.shuffle(words)
    return " ".join(words)


def _repeated(random: Random, good: list[str]) -> str:
    sentences = _SENTENCE_END.split(random.choice(good))
    return "\n".join([random.choice(sentences)] * random.randint(4, 20))


def _teasers(random: Random, good: list[str]) -> str:
    """Openings of texts, each cut off: the index page of a blog."""
    more = random.choice(("... Read more", "... Continue reading", "[...]", "... More »", "..."))
    return "\n".join(
        " ".join(random.choice(good).split()[: random.randint(6, 14)]) + more for _ in range(random.randint(3, 10))
    )


def _keywords(random: Random, nouns: list[str]) -> str:
    separator = random.choice((", ", " | ", "; ", " - ", " ", "\n"))
    return separator.join(random.choice(nouns) for _ in range(random.randint(15, 120)))


_OFFERS = (
    "Buy {0} online at the lowest price!", "Cheap {0} for sale, free shipping on every order.", "Order {0} NOW!!!",
    "Best {0} deals of the week, up to {n}% off.", "Click here for your FREE {0}.",
    "Limited time offer on {0} and {1}!",
    "Save ${n} today with this {0} coupon.", "100% satisfaction guaranteed or your money back.", 
    "Act now and earn ${n}00 a week!",
    "No risk, no fees, no obligation.",
    "You have been selected to receive a {0}.",
    "Subscribe to our newsletter and win a {0}.",
    "Visit our store for {0}, {1} and much more.", "Compare {0} prices and {0} reviews.",
    "Call toll free 1-800-{n}-{n}00.",
    "Get {0} without any {1}!", "Our customers love our {0}.", "Unlimited {0} for only ${n}.99 per month.",
    "To be removed from this list reply with remove in the subject.", "Make money fast from home with {0}.",
)  # fmt: skip


def _advertising(random: Random, nouns: list[str]) -> str:
    one, two = random.choice(nouns), random.choice(nouns)
    lines = random.sample(_OFFERS, random.randint(3, 12))
    return random.choice((" ", "\n")).join(line.format(one, two, n=random.randint(10, 99)) for line in lines)


_HEADLINES = (
    "{n} things you did not know about {0}", "Why {0} will change your {1} forever", "This {0} trick is amazing",
    "You will never guess what this {0} did next", "{n} reasons to love {0}", "Is your {0} bad for your {1}?",
    "How {0} made me rich in {n} days", "Which {0} are you? Take this quiz",
    "{n} photos of {0} that will make you smile",
)  # fmt: skip


def _headlines(random: Random, nouns: list[str]) -> str:
    def one() -> str:
        line = random.choice(_HEADLINES)
        line = line.format(random.choice(nouns), random.choice(nouns), n=random.randint(5, 40))
        return line.title() if random.random() < 0.5 else line

    return "\n".join(one() for _ in range(random.choice((1, 1, 2, 4, 8))))


_FURNITURE = (
    "Home", "About us", "Contact", "Log in", "Sign up", "Search", "Privacy policy", "Terms of use", "Sitemap", "Share",
    "All rights reserved.", "This site uses cookies. Accept", "Previous", "Next", "Page 1 of {n}", "Leave a comment",
    "Posted by admin", "{n} comments", "Related posts", "Add to cart", "My account", "Skip to main content", "FAQ",
    "Back to top", "Print this page", "Follow us", "Copyright 20{n}", "Categories", "Archive", "Tags: {0}, {1}", "Menu",
    "Download", "Help", "Advertise", "RSS", "Email this", "{0} ({n})", "View all {0}", "Filed under {0}", "Reply",
)  # fmt: skip


def _page_furniture(random: Random, nouns: list[str]) -> str:
    separator = random.choice((" | ", "\n", " » ", " "))
    some = random.choices(_FURNITURE, k=random.randint(8, 40))
    return separator.join(
        item.format(random.choice(nouns), random.choice(nouns), n=random.randint(2, 60)) for item in some
    )


def _log(random: Random, nouns: list[str]) -> str:
    lines = []
    for _ in range(random.randint(4, 20)):
        clock = f"20{random.randint(10, 30)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d} "
        clock += f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"
        level = random.choice(("INFO", "WARNING", "ERROR", "DEBUG"))
        where = f"{random.choice(nouns)}.{random.choice(nouns)}"
        lines.append(
            f"{clock} {level} [{where}] {random.choice(nouns)} {random.choice(nouns)}={random.randint(0, 9999)}"
        )
    return "\n".join(lines)


def _table(random: Random, nouns: list[str]) -> str:
    width = random.randint(2, 8)
    separator = random.choice(("\t", "  ", ", ", " | "))
    rows = [[random.choice(nouns) for _ in range(width)]]
    rows += [
        [random.choice(nouns), *(f"{random.uniform(0, 10000):.{width % 3}f}" for _ in range(width - 1))]
        for _ in range(random.randint(4, 25))
    ]
    return "\n".join(separator.join(row) for row in rows)

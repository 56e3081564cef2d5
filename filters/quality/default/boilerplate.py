"""The bad training texts of the packaged model `prose-vs-boilerplate-en`: found in packages, and made by rule.

Their words and sentences are those of the good texts of all kinds, so that no topic is good or bad by itself.
"""

from __future__ import annotations

import ast
import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from arcmill.errors import EngineError
from filters.quality.default.corpus import bad_makers, trees, vocabulary
from filters.quality.default.readers import entries, furniture
from filters.quality.default.sources import beside, members, sources

__all__ = ["found", "makers"]

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def found(folder: Path) -> dict[str, list[str]]:
    """Boilerplate as it stands in packages, by kind: runs of lines of one file."""
    kinds: dict[str, list[str]] = {
        "changelog": [], "licence found": [], "page furniture": [], "fact fields": [], "file list": [], "settings": []
    }  # fmt: skip
    for source in sources():
        if source.registry == "deb":
            for name, data in beside(source, folder):
                text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8", "replace")
                kinds["licence found" if name.endswith("copyright") else "changelog"] += _runs(
                    text.split("\n"), 18, 120
                )
            kinds["file list"] += _runs([name for name, _ in members(source, folder)], 15, 20)
        if source.reader == "page":
            for _, data in members(source, folder):
                kinds["page furniture"] += _runs(furniture(data), 24, 4)
        elif source.reader == "country":
            for _, data in members(source, folder):
                kinds["fact fields"] += _runs(entries(data), 12, 4)
        elif source.reader == "wml":
            for _, data in members(source, folder):
                lines = [line.strip() for line in data.decode("utf-8", "replace").split("\n") if '"' not in line]
                kinds["settings"] += _runs([line for line in lines if line], 25, 2)
    kinds["signatures"] = _runs(list(_signatures()), 14, 200)
    if missing := [kind for kind, texts in kinds.items() if not texts]:
        raise EngineError(f"the archives in {folder} hold no text of these kinds: {', '.join(missing)}")
    return kinds


def _runs(lines: list[str], length: int, most: int) -> list[str]:
    """Runs of half to all of `length` lines, at most `most` of them, spread over the whole."""
    starts = range(0, max(1, len(lines) - length // 2), length)
    step = max(1, len(starts) // most)
    runs = ("\n".join(lines[start : start + length - at % (length // 2)]) for at, start in enumerate(starts[::step]))
    return [run for run in runs if run.strip()]


def _signatures() -> Iterator[str]:
    """Bare references, as generators of documentation list them: a signature and the first words about it."""
    for number, (_, tree) in enumerate(trees()):
        if number % 5 == 0:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    about = (ast.get_docstring(node) or "").split("\n")[0]
                    yield f"{node.name}({', '.join(argument.arg for argument in node.args.args)}) {about}"


def makers(random: Random, good: list[str], real: dict[str, list[str]]) -> dict[str, Callable[[], str]]:
    """By kind, what makes or takes one more bad text."""
    nouns = vocabulary(good)
    sentences = [s for text in random.sample(good, min(len(good), 2000)) for s in _SENTENCE_END.split(text)]

    def fill(lines: tuple[str, ...], least: int, most: int, joints: tuple[str, ...]) -> str:
        some = random.choices(lines, k=random.randint(least, most))
        filled = (line.format(*random.sample(nouns, 3), n=random.randint(2, 99), w=_title(random)) for line in some)
        return random.choice(joints).join(filled)

    def _title(random: Random) -> str:
        words = [word.strip(".,;:()\"'“”?!") for word in random.choice(sentences).split()]
        return " ".join(words[: random.randint(3, 9)])

    def headline_list() -> str:
        style = random.choice((str.title, str, str.upper))
        lines = [style(_title(random)) for _ in range(random.choice((1, 2, 4, 8, 16)))]
        return "\n".join(line + random.choice(("", "", f" ({random.randint(2, 99)})", " Read more")) for line in lines)

    taken: dict[str, Callable[[], str]] = {kind: partial(random.choice, texts) for kind, texts in real.items()}
    return {
        **bad_makers(random, good),
        **taken,
        "headline list": headline_list,
        "spam": lambda: fill(_SPAM, 3, 14, (" ", "\n")),
        "shop": lambda: fill(_SHOP, 5, 25, ("\n", " ", " | ")),
        "comments": lambda: fill(_COMMENTS, 4, 20, ("\n", " ")),
        "notices": lambda: fill(_NOTICES, 2, 8, ("\n", " ")),
        "listings by date": lambda: fill(_EVENTS, 4, 25, ("\n", " - ")),
        "mail": lambda: fill(_MAIL, 6, 22, ("\n",)),
    }


_SPAM = (
    "Dear friend, I have a business proposal worth {n},000,000 US dollars for you.", "Lose {n} pounds in {n} days with {0}!",
    "You are a winner! Claim your {0} prize today.", "Earn ${n}00 per day working from home, no experience needed.",
    "Refinance your {0} now at only {n}% interest, bad credit OK!", "Our {0} pills are {n}% cheaper than the pharmacy.",
    "Increase your {1} naturally, results guaranteed in {n} days.", "This is not spam. You receive this because you opted in.",
    "To unsubscribe click the link below or send a blank email.", "Hot {0} waiting for you, join free now!!!",
    "Get your university {0} diploma fast, no exams, call {n}0-{n}{n}.", "Play {0} casino online and get ${n} bonus free.",
    "Please reply with your bank account and telephone number for the transfer.", "Cheapest {0} {1} software, download now.",
    "Bulk email {n} million addresses on CD only ${n}!", "Rank your site on top of search engines with our {0} links.",
    "Congratulations!!! Your {0} has been approved.", "We offer the best {0} {1} {2} at wholesale price, contact us.",
    "buy {0} {1} cheap {0} online {0} for sale best {0} price", "This {0} stock is about to explode, target price ${n}!",
)  # fmt: skip
_SHOP = (
    "{0} {1} - ${n}.99", "Add to basket", "In stock", "Free delivery on orders over ${n}", "Size: S M L XL", "Colour: {0}",
    "Customer reviews ({n})", "Item no. {n}{n}{n}", "Was ${n}.00 now ${n}.95", "Quantity: 1 2 3 4 5", "You may also like",
    "Brand new {0} with {1}, ships within {n} hours.", "Rated {n} out of 5 by {n} people", "{n} bed {0}, {n} bath, garage",
    "Sold by {0} Store", "Save {n}%", "Compare at ${n}.00", "Sort by price: low to high", "Seller: {1}{n}", "Wish list",
    "Great for {0} and {1}!", "Material: {0}", "Weight: {n} g", "Shipping calculated at checkout", "Sold out",
)  # fmt: skip
_COMMENTS = (
    "lol", "First!", "{0}{n} says: great post, thanks for sharing!", "Nice article, please visit my site about {0}.",
    "Reply | Report | Like ({n})", "posted {n} hours ago by {1}", "I agree with {0}!!!", "this sucks", "+1", "wow so true",
    "Anonymous wrote on 20{n}:", "thx {0} u r the best :)", "Can anyone help with my {0}? its urgent plz", "Show {n} more replies",
    "Joined: Mar 20{n} Posts: {n}{n}", "Quote:", "bump", "Thanks in advance", "Thread starter: {0}", "I really like your blog, it is very {0}.",
)  # fmt: skip
_NOTICES = (
    "We use cookies to improve your experience. By continuing to browse you agree to our cookie policy.",
    "Copyright 20{n} {0} {1} Inc. All rights reserved.", "No part of this site may be reproduced without permission.",
    "Your browser does not support JavaScript, please enable it to view this page.", "You must be logged in to view {0}.",
    "Sign up for our newsletter and never miss a story.", "This page was last modified on {n} May 20{n}.",
    "The page you requested could not be found. Go back to the home page.", "Please enter a valid email address.",
    "By using this site you accept our terms of service and privacy statement.", "Powered by {0}{1}. Theme by {2}.",
    "Subscribe to read the full story, only ${n} a month.", "Follow us on social media for more {0}.",
    "The information on this site is provided as is, without warranty of any kind.", "Click here if you are not redirected.",
    "Forgot your password? Create an account.", "Advertisement. Story continues below.", "Download our app for {0} and {1}.",
)  # fmt: skip
_EVENTS = (
    "{n} Jan 20{n}: {w}", "{n}:{n} {w}", "Mon {n} {w}", "{0} {n} - {1} {n}", "Dec {n}, 20{n} | {w} | {n} comments",
    "{w} [{n}]", "Vol. {n} No. {n} pp. {n}-{n}{n}", "{0} v {1} {n}:{n}", "{w} by {0}", "20{n}-0{n}-{n} {w}", "Tickets: ${n}",
    "{n}. {w} ({n} votes)", "{0}, {1} (20{n})", "Tags: {0}, {1}, {2}", "Room {n}, {w}", "Next event: {w}",
)  # fmt: skip
_MAIL = (
    "From: {0} <{1}@{2}.com>", "To: {0}-list@{1}.org", "Subject: Re: {w}", "Date: {n} Nov 20{n} {n}:{n}:00 +0{n}00",
    "> {w}", ">> {w}", "On {n} Mar, {0} wrote:", "_______________________", "{0} mailing list", "Best regards,", "{0} {1}, {2} Inc.",
    "Tel: +{n} {n}{n} {n}{n}", "Sent from my phone", "Message-ID: <{n}{n}{0}@{1}>", "http://www.{0}.com/{1}/{2}", "Content-Type: text/plain",
    "To unsubscribe from this list send mail to {0}-request@{1}.org", "[{0}] {w}", "--", "Cheers, {0}", "attachment: {0}.{1}",
)  # fmt: skip

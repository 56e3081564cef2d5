"""Pages made from templates with other values: what is drawn, and the templates that nothing was tuned on.

`<kind>` draws a value: n:LOW-HIGH a number, person, place, thing, quality, trade, word (made up), month, day, code, mail, or
phrase (some words); `((...))` is there in two pages of three, as sites leave out fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

_THINGS = """harbour kettle ladder violin orchard engine blanket compass lantern bridge saddle barrel mirror piano tower
basket needle anchor candle pillow wagon furnace curtain bottle hammer garden ribbon drawer window cellar""".split()
_QUALITIES = """quiet narrow golden broken early wooden bitter distant gentle hollow silver modern crowded frozen humble
velvet ancient plain curved rapid steady pale heavy crisp fragile""".split()
_TRADES = """carpenter nurse surveyor baker editor plumber teacher chemist driver welder gardener auditor dentist tailor
librarian sculptor butcher painter pilot clerk""".split()
_VERBS = (
    "shows follows answers repairs carries measures opens crosses paints borrows counts lifts studies covers".split()
)
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_FIRST = "Ada Bruno Celia Dario Elif Farid Greta Hugo Ines Jonas Kira Leon Mina Nils Olga Pavel Rosa Sven Tara".split()
_START = "ka lo me ri su ta ven dor hal mi bra gos tel fa ner ul".split()
_END = "ton ford ra lin gate mouth dale vik berg sso nia mar holt by wick pur".split()
_FIELD = re.compile(r"<(\w+)(?::(\d+)-(\d+))?>")
_OPTIONAL = re.compile(r"\(\((.*?)\)\)", re.DOTALL)

HELD_OUT: Mapping[str, str] = {
    "film": """<quality> <thing> is a <n:1950-2023> drama film directed by <person> and written by <person>. It stars
        <person>, <person> and <person>. The film had its world premiere at the <place> Film Festival on <month> <n:1-28>,
        <n:1950-2023>, and was released in cinemas by <word> Pictures. It received mixed reviews from critics and grossed
        <n:2-400> million dollars worldwide against a production budget of <n:1-90> million.""",
    "station": """<place> railway station serves the town of <place>. It is <n:2-190> kilometres from <place> on the line to
        <place>, and has <n:1-9> platforms. ((The ticket office is open on weekdays from <n:5-8> to <n:17-22>.)) The station
        was opened on <n:1-28> <month> <n:1840-1930>. Trains call every <n:10-90> minutes in each direction. There is a car
        park with <n:10-900> spaces, and step-free access to all platforms. In <n:2001-2022> it was used by <n:1000-999999>
        passengers.""",
    "exchange": """<n:1-28> <month> <n:2001-2023>: one <word> buys <n:1-9>.<n:1000-9999> <word>. Low <n:1-9>.<n:1000-9999>, high
        <n:1-9>.<n:1000-9999>, close <n:1-9>.<n:1000-9999>. Change on the day <n:0-3>.<n:10-99> per cent, on the month
        <n:0-9>.<n:10-99> per cent, on the year <n:0-30>.<n:10-99> per cent. Volume <n:100-99999> million. Mean of the last
        thirty days <n:1-9>.<n:1000-9999>, of the last two hundred days <n:1-9>.<n:1000-9999>. Source: central bank.""",
    "hotel": """Hotel <quality> <thing>, <place>. This hotel offers <n:12-400> comfortable rooms with free wireless internet, air
        conditioning and a private bathroom. ((Pets are allowed on request.)) Breakfast is served from <n:5-7> to <n:9-12> every
        morning. The centre of <place> is a <n:2-40> minute walk away, and <place> airport can be reached in <n:10-90> minutes
        by car. Guests liked the <thing> and the <quality> <thing>. Check in from <n:12-17>, check out until <n:9-12>. Rooms
        start at <n:40-400> euros a night. Contact: <mail>.""",
    "option": """The option <code> sets the <quality> <thing> of the server. Its default is <n:1-4096>. It takes a whole number
        between <n:0-9> and <n:100-99999>; a larger value uses more memory, and a smaller one makes the <thing> slower. It can
        only be set in the configuration file or on the command line, and a change takes effect when the server is started
        again. See also <code> and <code>. Added in version <n:1-9>.<n:0-30>.""",
    "election": """In the constituency of <place>, <person> of the <word> Party won the seat with <n:9000-40000> votes, a majority
        of <n:100-9000> over <person> of the <word> Party, who had <n:5000-20000>. ((<person> stood as an independent and lost
        the deposit.)) Turnout was <n:40-80> per cent, which is <n:1-9> points below that of the last election. There were
        <n:20-900> spoilt papers. The result was declared at <n:1-6> in the morning in the town hall of <place>.""",
    "compound": """<word> <word>ate is an inorganic compound with a molar mass of <n:60-500>.<n:10-99> g/mol. It is a <quality>
        crystalline solid that melts at <n:90-1900> degrees and boils at <n:300-2900> degrees. Its density is
        <n:1-9>.<n:10-99> grams per cubic centimetre, and <n:1-900> grams dissolve in a litre of water at room temperature. It
        is made by heating <word> oxide with <word> acid, and is used in the manufacture of <thing>s and <thing>s. It is
        harmful if swallowed; wear gloves and protect the eyes.""",
    "album": """<quality> <thing> is the <n:2-14>th studio album by the singer <person>, released on <n:1-28> <month>
        <n:1965-2022> by <word> Records. It was recorded in <place> and produced by <person>. The album reached number
        <n:1-99> in the charts and stayed there for <n:2-60> weeks. The lead single, <quality> <thing>, was written by
        <person>. ((A tour of <n:9-80> shows followed in the same year.)) Reviewers praised the <quality> sound of the
        <thing>, and found the second half too long.""",
    "obituary": """<person>, a retired <trade> of <place>, died on <day> at the age of <n:60-99>. Born in <place> in
        <n:1900-1950>, <person> worked as a <trade> for <n:10-45> years and was known to many for a <quality> sense of humour.
        The family will receive friends at the <word> Funeral Home in <place> from <n:1-4> until <n:5-8>. In place of flowers,
        gifts may be made to the <thing> fund of the church. Survivors are <n:1-6> children and <n:2-14> grandchildren.""",
    "blurb": """<person>: <quality> <thing>. <word> Press, <place>, <n:90-800> pages. <phrase>. <phrase>. For readers who
        love a good story about family, loss and the courage to begin again. <phrase>. This edition has a new preface by
        <person> and a reading guide with questions for your book group. Add to basket, or save for later; delivery is free
        on orders above <n:10-50> pounds.""",
    "haltestelle": """Die Haltestelle <place> liegt an der Linie <n:1-99> zwischen <place> und <place>. Von hier fährt werktags
        alle <n:5-60> Minuten ein Bus, am Wochenende alle <n:20-120> Minuten. Die erste Abfahrt ist um <n:4-7> Uhr, die letzte um
        <n:20-24> Uhr. Fahrkarten gibt es am Automaten oder beim Fahrer; ein Einzelfahrschein kostet <n:2-9> Euro. Wegen
        Bauarbeiten an der Brücke in <place> kann es bis <month> zu Verspätungen von <n:5-30> Minuten kommen.""",
    "rfe": """[<code>] <quality> <thing> does not open after the update to <n:1-9>.<n:0-30>.<n:0-9>. Steps to reproduce: install
        version <n:1-9>.<n:0-30>.<n:0-9>, open the <thing>, press the <quality> button and wait. Expected: the <thing> opens.
        What happens: an error with the number <n:100-9999> is shown and the program must be closed. Environment: <word>
        <n:8-22>, <n:4-64> GB of memory. Reported by <mail> on <n:1-28> <month> <n:2015-2023>. ((Assigned to <person>.)) Severity
        normal, no milestone yet.""",
}


def page(template: str, number: int) -> str:
    """Page `number` of a template, the same each time."""
    chance = Random(f"{template[:40]} {number}")
    kept = _OPTIONAL.sub(lambda match: match[1] if chance.random() < 2 / 3 else "", " ".join(template.split()))
    return _FIELD.sub(lambda match: _value(match, chance), kept).replace("  ", " ")


def _value(match: re.Match[str], chance: Random) -> str:
    kind, low, high = match.groups()
    if kind == "n":
        return str(chance.randint(int(low), int(high)))
    lists = {
        "thing": _THINGS, "quality": _QUALITIES, "trade": _TRADES, "month": _MONTHS, "day": _DAYS,
    }  # fmt: skip
    if kind in lists:
        return chance.choice(lists[kind])
    made = "".join(chance.choice(_START) for _ in range(chance.randint(1, 2))) + chance.choice(_END)
    if kind == "person":
        return f"{chance.choice(_FIRST)} {made.title()}"
    if kind == "mail":
        return f"{made}{chance.randint(1, 99)}@{chance.choice(_THINGS)}.invalid"
    if kind == "code":
        return f"{chance.choice(_THINGS)}_{made}_{chance.choice(_THINGS)}"
    if kind == "phrase":
        words = [
            f"A {chance.choice(_QUALITIES)} {chance.choice(_TRADES)} {chance.choice(_VERBS)} the {chance.choice(_THINGS)}",
            f"{chance.choice(_VERBS)} a {chance.choice(_QUALITIES)} {chance.choice(_THINGS)} near the {chance.choice(_THINGS)}",
        ]
        return " and ".join(words[: chance.randint(1, 2)])
    return made if kind == "word" else made.title()

"""A lending library, small enough to be read: a world for tests of tasks. Nobody's data is given before the card was shown."""

from __future__ import annotations

import random
from typing import Any

from agent_data.environments.data import DataEpisode
from agent_data.environments.environment import Environment, Tool, ToolError, Trace
from agent_data.environments.hints import Hints, Person

TITLES = ("Kelp", "Low Tide", "The Copper Lantern", "Night Trains", "A Meadow Year", "Quartz", "Paper Maps", "Otters")
NAMES = ("Mei Kato", "Ines Duarte", "Omar Haddad", "Lena Brandt")


def load(seed: int) -> dict[str, Any]:
    draw = random.Random(f"library {seed}")
    books = {
        f"B{number}": {"book_id": f"B{number}", "title": title, "shelf": f"{draw.choice('CDEF')}{draw.randint(10, 99)}", "free": number >= 5}
        for number, title in enumerate(draw.sample(TITLES, len(TITLES)))
    }  # fmt: skip
    members, loans = {}, {}
    for number, name in enumerate(NAMES):
        card = str(draw.randint(10_000, 99_999))
        own = []
        for book in draw.sample(list(books)[:5], 2 if number < 2 else 1):
            loan = f"L{100 + len(loans)}"
            loans[loan] = {
                "loan_id": loan,
                "book_id": book,
                "member_id": f"M{number}",
                "due": f"2031-05-{10 + len(loans)}",
                "renewed": 0,
            }
            own.append(loan)
        members[f"M{number}"] = {"member_id": f"M{number}", "name": name, "card": card, "city": "Oslo", "loans": own}
    return {"books": books, "members": members, "loans": loans, "holds": []}


def find_member(data: Any, card: str) -> Any:
    for member in data["members"].values():
        if member["card"] == card:
            return {"member_id": member["member_id"], "name": member["name"]}
    raise ToolError("no such card")


def get_member(data: Any, member_id: str) -> Any:
    return _of(data["members"], member_id)


def get_loan(data: Any, loan_id: str) -> Any:
    loan = _of(data["loans"], loan_id)
    return {**loan, "title": data["books"][loan["book_id"]]["title"]}


def list_books(data: Any, only_free: bool = False) -> Any:
    return [
        {"book_id": book["book_id"], "title": book["title"]}
        for book in data["books"].values()
        if book["free"] or not only_free
    ]


def get_book(data: Any, book_id: str) -> Any:
    return _of(data["books"], book_id)


def renew_loan(data: Any, loan_id: str, days: int) -> Any:
    loan = _of(data["loans"], loan_id)
    if loan["renewed"]:
        raise ToolError("it was renewed before")
    loan["renewed"] = days
    return {"loan_id": loan_id, "renewed": days}


def hold_book(data: Any, member_id: str, book_id: str) -> Any:
    book = _of(data["books"], book_id)
    if not book["free"]:
        raise ToolError("it is lent")
    book["free"] = False
    data["holds"].append([member_id, book_id])
    return {"held": book_id}


def change_city(data: Any, member_id: str, city: str) -> Any:
    _of(data["members"], member_id)["city"] = city
    return "changed"


def send_home(data: Any, member_id: str, loan_ids: list[str], way: str) -> Any:
    for loan in loan_ids:
        _of(data["loans"], loan)["way"] = way
    return {"sent": len(loan_ids)}


def call_librarian(data: Any, reason: str) -> Any:
    return "a librarian comes"


def _of(held: Any, name: str) -> Any:
    if name not in held:
        raise ToolError(f"there is no {name}")
    return held[name]


def _tool(function: Any, writes: bool, ends: bool = False, **properties: Any) -> Tool:
    optional = {"only_free"}
    schema = {
        "type": "object", "properties": properties, "additionalProperties": False,
        "required": [name for name in properties if name not in optional],
    }  # fmt: skip
    return Tool(function.__name__, function.__name__.replace("_", " ").capitalize() + ".", schema, writes, ends)


TEXT = {"type": "string"}
TOOLS = (
    _tool(find_member, False, card=TEXT),
    _tool(get_member, False, member_id=TEXT),
    _tool(get_loan, False, loan_id=TEXT),
    _tool(list_books, False, only_free={"type": "boolean"}),
    _tool(get_book, False, book_id=TEXT),
    _tool(renew_loan, True, loan_id=TEXT, days={"type": "integer"}),
    _tool(hold_book, True, member_id=TEXT, book_id=TEXT),
    _tool(change_city, True, member_id=TEXT, city=TEXT),
    _tool(send_home, True, member_id=TEXT, loan_ids={"type": "array", "items": TEXT}, way={"type": "string", "enum": ["by post", "by bicycle"]}),
    _tool(call_librarian, False, True, reason=TEXT),
)  # fmt: skip
FUNCTIONS = {
    function.__name__: function
    for function in (
        find_member, get_member, get_loan, list_books, get_book, renew_loan, hold_book, change_city, send_home, call_librarian,
    )
}  # fmt: skip


def people(state: Any) -> list[Person]:
    return [
        Person(f"I am {member['name']}, my card has the number {member['card']}.", {"card": member["card"]})
        for member in state["members"].values()
    ]


def _erase_fine(state: Any, draw: random.Random, person: Person | None) -> tuple[str, str] | None:
    return f"Please take {draw.randint(3, 30)} crowns off my fines.", "fines stand"


HINTS = Hints(
    people,
    {"days": lambda state, draw: draw.randint(3, 20), "change_city.city": lambda state, draw: draw.choice(("Bergen", "Lima", "Hanoi"))},
    {
        "renew_loan": ("renew the loan {loan_id} by {days} days",),
        "hold_book": ("put {book_id} aside for me", "hold the book {book_id}"),
        "change_city": ("note that I live in {city} now",),
        "send_home": ("send {loan_ids} to my home {way}",),
    },
    {"loan_id": ("the loan of {title}", "the loan that is due on {due}"), "book_id": ("the book {title}",)},
    {"get_book.shelf": ("on which shelf {book_id} stands",), "get_loan.due": ("when {loan_id} is due",), "get_member.city": ("which city you have on file for me",)},
    (_erase_fine,),
)  # fmt: skip


class Library(Environment):
    """The world."""

    version = "1"
    policy = "Ask for the card before you speak of anybody's loans. Fines stand."
    tools = TOOLS

    def begin(self, seed: int, tools: Any = None) -> Any:
        return DataEpisode(load(seed), FUNCTIONS)

    def hints(self) -> Hints:
        return HINTS

    def breaches(self, trace: Trace) -> list[str]:
        shown = False
        for call in trace.calls:
            shown = shown or (call.name == "find_member" and not call.error)
            if call.name in ("get_member", "get_loan", "renew_loan", "send_home") and not shown:
                return [f"card: {call.name} before a card was shown"]
        return []


def environment() -> Library:
    return Library()

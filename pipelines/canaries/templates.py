"""Texts of our own: pages of one template with other values, personal data of ranges set aside, and words to fill in."""

from __future__ import annotations

import random

_TOWNS = """Ashcombe Birkdale Carnford Dunmore Elmstead Fairholt Glenrick Harwell Inverley Kestwick Longmere Marsden
Norbury Oakridge Penhurst Quenby Ravensby Stanmoor Thornleigh Wexcombe""".split()
_NAMES = """Adair Bellamy Corwin Dalton Everard Fenwick Garrick Hollis Ingram Jessop Kendrick Lorimer Merrick Norwood
Osborne Prescott Radley Selwyn Tavish Warwick""".split()
_THINGS = """bakery library chapel mill ferry orchard museum workshop theatre school market garden brewery observatory
pottery stable lighthouse gallery nursery foundry""".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_FIRST = """Agnes Bernard Clara Desmond Edith Frederick Gwendolyn Harold Isobel Julian Katherine Leonard Margery Nigel
Olive Percival Rosalind Stanley Ursula Winifred""".split()

# About one shingle in three is touched by a value: siblings look alike, and are no near-copies by their words.
TEMPLATES = (
    """The {thing} of {town} was founded in {year} and has been run by the same family ever since.
It lies a short walk from the station, and the way there is easy to find even for those who have never been to the town.
Visitors are welcome on every day of the week but {day}, and in summer the house is open until {hour} in the evening.
Last year the place had {count} guests, of whom more than a half came from {other} or {third} to see it.
The host of the place, {name}, says that the house next door will be part of it as soon as the work on the roof is done.
A ticket for the tour costs {price} pounds, while children under the age of ten pay only a little or nothing at all.
Groups should write to {name2} at least {age} days before they come, since there are only a few guides who show the rooms.""",
    """On {day} evening the council met in the hall behind the church to talk about the old {thing} at the end of the road.
Its owner, {name}, wants to sell the house because the {thing2} beside it would cost too much for one family.
There were {count} letters from people in {town} who asked the council to keep it, and most of them were very kind.
The house has stood there since the summer of {year}, and many people in the town went there when they were young.
The council could buy it for {price} thousand pounds, but then there would be no money for the new bridge to {other} this year.
The next meeting will be held on the {age} of the month at {hour}, and whoever wants to speak there should write before then.
Until that day nothing will be done about the house, and the doors will stay closed to those who come to see it.""",
    """In this week's walk we leave from {town}, which is a pleasant old place with a small {thing2} and a good place to eat.
We begin at the {thing}, where {name} wrote a book about the life of the people who worked on the land around {other} in those days.
After {hour} miles there is a farm owned by {name2} on the left side of the road, and the owner sells fresh bread there on {day} morning.
The hill behind the farm is {count} feet high, and from the top you can see all the way to the sea when the air is clear.
In the cold months the path is often wet, so take good boots with you, and do not forget that the last bus leaves early.
The whole walk has been described in a guide of {year} that costs {price} pounds and can be found in any shop in the town.
If you would rather stay on flat ground, turn left at the farm and follow the river for {age} miles until you are back in {third}.""",
)


def from_template(number: int, chance: random.Random) -> str:
    """A page of template `number` with values drawn anew."""
    towns, names, things = chance.sample(_TOWNS, 3), chance.sample(_NAMES, 2), chance.sample(_THINGS, 2)
    return TEMPLATES[number % len(TEMPLATES)].format(
        thing=things[0], thing2=things[1], town=towns[0], other=towns[1], third=towns[2], day=chance.choice(_DAYS),
        name=f"{chance.choice(_FIRST)} {names[0]}", name2=f"{chance.choice(_FIRST)} {names[1]}",
        year=chance.randint(1700, 2010), hour=chance.randint(5, 9), age=chance.randint(3, 28),
        count=chance.randint(200, 9000), price=chance.randint(11, 99),
    )  # fmt: skip


PII_SORTS = ("email", "ipv4", "phone")


def personal(sort: str, chance: random.Random) -> tuple[str, str]:
    """A value of that sort, and a sentence that holds it. Nobody is written to or called by one.

    Mail goes to `.invalid` (RFC 2606), phone numbers are of ranges kept for fiction (Ofcom; NANP 555-01xx). A public
    IPv4 range for tests does not exist (those of RFC 5737 count as replaced), so addresses are drawn from 25.0.0.0/8.
    """
    if sort == "email":
        value = f"{chance.choice(_NAMES).lower()}.{chance.choice(_TOWNS).lower()}{chance.randint(10, 99)}@{chance.choice(_THINGS)}.invalid"
        return value, f"Write to {value} for more."
    if sort == "ipv4":
        value = ".".join(str(number) for number in (25, *(chance.randint(1, 254) for _ in range(3))))
        return value, f"The machine at {value} answers."
    if chance.random() < 0.5:
        value = f"+44 20 7946 0{chance.randint(100, 999)}"
    else:
        value = f"({chance.randint(201, 989)}) 555-01{chance.randint(10, 99)}"
    return value, f"Call us on {value} any day."

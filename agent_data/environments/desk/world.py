"""The desk's state: contacts, rooms, events and mails of one owner, from a seed. It is always `NOW` there."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from agent_data.environments.desk.matters import (
    DOMAIN,
    EQUIPMENT,
    FILES,
    LABELS,
    MEETINGS,
    OUTSIDE,
    PLACES,
    PROJECTS,
    ROLES,
    ROOMS,
    TEAMS,
    THREADS,
)  # fmt: skip
from agent_data.environments.dice import Dice
from agent_data.environments.names import FIRST, LAST, ascii_letters

NOW = datetime(2031, 6, 2, 8, 0)  # a Monday
DAYS = [date(2031, 6, 2) + timedelta(days=day) for week in range(3) for day in range(7 * week, 7 * week + 5)]
OPENS, CLOSES = 8 * 60, 18 * 60  # minutes of the day
CONTACTS, OWN_EVENTS, OTHER_EVENTS, THREAD_COUNT = 32, 34, 26, 26


def load(seed: int) -> dict[str, Any]:
    """The state of a seed. The owner is the first contact."""
    dice = Dice(f"desk {seed}")
    state: dict[str, Any] = {
        "owner": "", "contacts": {}, "rooms": {}, "events": {}, "mails": {}, "last_event": 300 + dice.below(90),
        "last_mail": 5000 + dice.below(900), "last_thread": 700 + dice.below(90),
    }  # fmt: skip
    for number, (first, last) in enumerate(zip(dice.sample(FIRST, CONTACTS), dice.sample(LAST, CONTACTS), strict=True)):
        contact_id = f"K{10 + number}"
        state["contacts"][contact_id] = {
            "contact_id": contact_id, "name": f"{first} {last}", "email": f"{ascii_letters(first)}.{ascii_letters(last)}@{DOMAIN}",
            "team": dice.choice(TEAMS), "role": dice.choice(ROLES), "phone": f"+00 55 {dice.between(100, 999)} {dice.between(1000, 9999)}",
            "office": f"{dice.choice('ABC')}{dice.between(101, 420)}",
        }  # fmt: skip
    state["owner"] = state["contacts"]["K10"]["email"]
    for number, (name, seats) in enumerate(ROOMS):
        equipment = sorted(dice.sample(EQUIPMENT, dice.between(0, 3)))
        state["rooms"][f"R{number + 1}"] = {
            "room_id": f"R{number + 1}",
            "name": name,
            "seats": seats,
            "equipment": equipment,
        }
    _events(dice, state)
    _mails(dice, state)
    return state


def minutes_of(clock: str) -> int:
    """A time of day as minutes: "09:30" is 570. ValueError for anything else."""
    hours, colon, minutes = clock.partition(":")
    if not (
        colon
        and hours.isdecimal()
        and minutes.isdecimal()
        and len(minutes) == 2
        and int(hours) < 24
        and int(minutes) < 60
    ):
        raise ValueError(f"{clock!r:.20} is no time such as 09:30")
    return 60 * int(hours) + int(minutes)


def clock(minutes: int) -> str:
    """Minutes of the day as "09:30"."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def clashes(state: dict[str, Any], day: str, start: int, end: int, but: str = "") -> list[dict[str, Any]]:
    """Events that overlap a span of a day, without the one named `but`, and without cancelled ones."""
    return [
        event for event in state["events"].values()
        if event["date"] == day and event["event_id"] != but and event["status"] == "planned"
        and minutes_of(event["start"]) < end and start < minutes_of(event["end"])
    ]  # fmt: skip


def _events(dice: Dice, state: dict[str, Any]) -> None:
    owner = state["owner"]
    others = [contact["email"] for contact in state["contacts"].values() if contact["email"] != owner]
    titles = dice.sample(
        [
            title.format(project=project, team=team)
            for title in MEETINGS
            for project, team in zip(PROJECTS, TEAMS * 2, strict=False)
        ],
        500,
    )
    titles = list(dict.fromkeys(titles))
    while len(state["events"]) < OWN_EVENTS + OTHER_EVENTS:
        own = len(state["events"]) < OWN_EVENTS
        day, start = dice.choice(DAYS).isoformat(), OPENS + 30 * dice.below(18)
        end = start + 30 * dice.weighted((1, 2, 3), (3, 5, 1))
        there = clashes(state, day, start, end)
        people = dice.sample(others, dice.weighted((1, 2, 3, 5), (4, 4, 3, 1)))
        organizer = owner if own and dice.chance(0.65) else people[0]
        everybody = [owner, *people] if own else people
        rooms = [room for room in state["rooms"].values() if room["seats"] >= len(everybody)]
        room = dice.choice(rooms)["room_id"] if dice.chance(0.7) else None
        busy = {person for event in there for person in event["attendees"]}
        if end > CLOSES or busy & set(everybody) or room in {event["room_id"] for event in there} - {None}:
            continue
        state["last_event"] += dice.between(1, 4)
        event_id = f"E{state['last_event']}"
        state["events"][event_id] = {
            "event_id": event_id, "title": titles[len(state["events"])], "date": day, "start": clock(start), "end": clock(end),
            "organizer": organizer, "attendees": everybody, "room_id": room, "status": "planned",
            "answer": "organizer" if organizer == owner else "none",
        }  # fmt: skip


def _mails(dice: Dice, state: dict[str, Any]) -> None:
    owner = state["contacts"]["K10"]
    inside = list(state["contacts"].values())[1:]
    subjects: set[str] = set()
    while len(subjects) < THREAD_COUNT:
        subject, lines = dice.choice(THREADS)
        held = {
            "project": dice.choice(PROJECTS), "team": dice.choice(TEAMS), "place": dice.choice(PLACES),
            "day": dice.choice(DAYS).isoformat(), "number": dice.between(3, 90), "amount": f"{dice.between(20, 980) * 10}.00",
            "amount2": f"{dice.between(20, 980) * 10}.00",
        }  # fmt: skip
        subject = subject.format(**held)
        # A stranger now and then writes from outside; otherwise a colleague does.
        other = dice.choice(inside)
        name, email = other["name"], other["email"]
        if dice.chance(0.25):
            name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
            email = f"{ascii_letters(name).replace(' ', '.')}@{dice.choice(OUTSIDE)}"
        lines = lines[: dice.between(1, len(lines))]
        labels = [dice.choice(LABELS)] if dice.chance(0.3) else []
        if subject in subjects:
            continue
        subjects.add(subject)
        state["last_thread"] += dice.between(1, 3)
        sent = NOW - timedelta(days=dice.between(1, 14), minutes=5 * dice.between(-108, -12))
        for number, (who, text) in enumerate(lines):
            state["last_mail"] += dice.between(1, 5)
            mail_id, mine = f"M{state['last_mail']}", who == "owner"
            state["mails"][mail_id] = {
                "mail_id": mail_id, "thread_id": f"T{state['last_thread']}", "folder": "sent" if mine else "inbox",
                "sender": owner["email"] if mine else email, "sender_name": owner["name"] if mine else name,
                "recipients": [email if mine else owner["email"]], "subject": f"Re: {subject}" if number else subject,
                "received": (sent + timedelta(minutes=25 * number)).isoformat(timespec="minutes"),
                "body": text.format(**held), "attachments": [dice.choice(FILES)] if "attached" in text.lower() else [],
                "read": mine or dice.chance(0.5), "flagged": dice.chance(0.15), "labels": list(labels),
            }  # fmt: skip

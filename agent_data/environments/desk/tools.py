"""What an assistant at the desk can do. Every function looks before it writes: a call that is refused changes nothing."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from agent_data.environments.data import record, writes
from agent_data.environments.desk.world import CLOSES, NOW, OPENS, clashes, clock, minutes_of
from agent_data.environments.environment import ToolError

Data = dict[str, Any]
Team = Literal["Design", "Engineering", "Finance", "Legal", "Operations", "Sales"]
Folder = Literal["inbox", "sent", "archive", "trash"]
Keep = Literal["inbox", "archive", "trash"]
Answer = Literal["accepted", "declined", "tentative"]
Label = Literal["confidential", "urgent", "later", "private"]


def search_contacts(data: Data, query: str = "", team: Team | None = None) -> list[Data]:
    """Colleagues whose name holds all words of the query.

    Args:
        query: Words of the name; empty for all.
        team: Only people of this team.
    """
    words = query.casefold().split()
    return [
        {key: contact[key] for key in ("contact_id", "name", "email", "team", "role")}
        for contact in data["contacts"].values()
        if all(word in contact["name"].casefold() for word in words) and team in (None, contact["team"])
    ]


def get_contact(data: Data, contact_id: str) -> Data:
    """A colleague with phone and office.

    Args:
        contact_id: The contact, such as K14.
    """
    contact: Data = record(data["contacts"], contact_id, "contact")
    return contact


def list_events(data: Data, from_date: str | None = None, to_date: str | None = None) -> list[Data]:
    """The owner's planned events in the order of time.

    Args:
        from_date: First day, such as 2031-06-02; without it the calendar's first.
        to_date: Last day; without it the calendar's last.
    """
    first, last = _day(from_date, past=True) if from_date else "", _day(to_date, past=True) if to_date else "9999"
    held = [
        event for event in data["events"].values()
        if data["owner"] in event["attendees"] and event["status"] == "planned" and first <= event["date"] <= last
    ]  # fmt: skip
    held.sort(key=lambda event: (event["date"], event["start"], event["event_id"]))
    return [{key: event[key] for key in ("event_id", "title", "date", "start", "end")} for event in held]


def get_event(data: Data, event_id: str) -> Data:
    """An event of the owner with its people and its room. `answer` is the owner's: organizer, none, accepted, declined, tentative.

    Args:
        event_id: The event, such as E312.
    """
    event = _event(data, event_id)
    names = {contact["email"]: contact["name"] for contact in data["contacts"].values()}
    return {
        **{key: event[key] for key in ("event_id", "title", "date", "start", "end", "status", "answer", "room_id")},
        "room_name": data["rooms"][event["room_id"]]["name"] if event["room_id"] else None,
        "organizer_name": names[event["organizer"]],
        "attendees": [{"email": email, "name": names[email]} for email in event["attendees"]],
    }


def find_free_times(data: Data, emails: list[str], date: str, minutes: int) -> list[str]:
    """Times of a day at which the owner and all of these colleagues are free for so long, between 08:00 and 18:00.

    Args:
        emails: Email addresses of colleagues.
        date: The day, such as 2031-06-04.
        minutes: How long, a multiple of 15.
    """
    day = _day(date)
    _long(minutes)
    people = {data["owner"], *(_colleague(data, email) for email in emails)}
    return [
        clock(start) for start in range(OPENS, CLOSES - minutes + 1, 30)
        if not any(people & set(event["attendees"]) for event in clashes(data, day, start, start + minutes))
    ]  # fmt: skip


def list_rooms(data: Data, seats: int = 1) -> list[Data]:
    """Meeting rooms with at least so many seats.

    Args:
        seats: Seats that are needed.
    """
    return [room for room in data["rooms"].values() if room["seats"] >= seats]


def find_free_rooms(data: Data, date: str, start: str, minutes: int, seats: int = 1) -> list[Data]:
    """Meeting rooms that nobody has at a time.

    Args:
        date: The day, such as 2031-06-04.
        start: The time, such as 09:30.
        minutes: How long, a multiple of 15.
        seats: Seats that are needed.
    """
    day, begin, end = _span(date, start, minutes)
    taken = {event["room_id"] for event in clashes(data, day, begin, end)}
    return [room for room in data["rooms"].values() if room["room_id"] not in taken and room["seats"] >= seats]


def search_mails(
    data: Data, query: str = "", folder: Folder | None = None, unread: bool = False, sender: str | None = None
) -> list[Data]:
    """Mails whose subject, text or sender's name hold all words of the query, newest first.

    Args:
        query: Words that are searched for; empty for all.
        folder: Only mails of this folder.
        unread: Only mails that have not been read.
        sender: Only mails of this email address.
    """
    words = query.casefold().split()
    held = [
        mail for mail in data["mails"].values()
        if folder in (None, mail["folder"]) and not (unread and mail["read"]) and sender in (None, mail["sender"])
        and all(word in f"{mail['subject']} {mail['body']} {mail['sender_name']}".casefold() for word in words)
    ]  # fmt: skip
    held.sort(key=lambda mail: (mail["received"], mail["mail_id"]), reverse=True)
    keys = ("mail_id", "thread_id", "folder", "sender_name", "subject", "received", "read", "flagged")
    return [{key: mail[key] for key in keys} for mail in held]


def read_mail(data: Data, mail_id: str) -> Data:
    """A mail with its text, labels and the names of attachments. It does not count as read by this.

    Args:
        mail_id: The mail, such as M5021.
    """
    mail: Data = record(data["mails"], mail_id, "mail")
    return mail


def read_thread(data: Data, thread_id: str) -> list[Data]:
    """The mails of a thread, oldest first: sender, time and text.

    Args:
        thread_id: The thread, such as T712.
    """
    held = [mail for mail in data["mails"].values() if mail["thread_id"] == thread_id]
    if not held:
        raise ToolError(f"no thread {thread_id!r:.40}")
    held.sort(key=lambda mail: (mail["received"], mail["mail_id"]))
    return [{key: mail[key] for key in ("mail_id", "sender_name", "subject", "received", "body")} for mail in held]


@writes
def create_event(
    data: Data, title: str, date: str, start: str, minutes: int, emails: list[str], room_id: str | None = None
) -> Data:
    """Put an event into the calendar and invite colleagues. The owner, the colleagues and the room must be free.

    Args:
        title: What it is called.
        date: The day, such as 2031-06-04.
        start: The time, such as 09:30.
        minutes: How long, a multiple of 15.
        emails: Email addresses of the colleagues who are invited.
        room_id: The room, such as R3.
    """
    day, begin, end = _span(date, start, minutes)
    people = [data["owner"], *sorted({_colleague(data, email) for email in emails} - {data["owner"]})]
    event = {
        "event_id": f"E{data['last_event'] + 1}", "title": _text(title, "title"), "date": day, "start": clock(begin), "end": clock(end),
        "organizer": data["owner"], "attendees": people, "room_id": room_id, "status": "planned", "answer": "organizer",
    }  # fmt: skip
    _possible(data, event)
    data["last_event"] += 1
    data["events"][event["event_id"]] = event
    return {
        "event_id": event["event_id"],
        "title": event["title"],
        "date": day,
        "start": event["start"],
        "end": event["end"],
    }


@writes
def move_event(data: Data, event_id: str, date: str, start: str) -> Data:
    """Move an event that the owner organises to another time, in the same length. Everybody and the room must be free.

    Args:
        event_id: The event, such as E312.
        date: The new day, such as 2031-06-04.
        start: The new time, such as 09:30.
    """
    event = _own(data, event_id)
    day, begin, end = _span(date, start, minutes_of(event["end"]) - minutes_of(event["start"]))
    changed = {"date": day, "start": clock(begin), "end": clock(end)}
    _possible(data, {**event, **changed})
    event.update(changed)
    return {"event_id": event_id, **changed}


@writes
def rename_event(data: Data, event_id: str, title: str) -> Data:
    """Give another title to an event that the owner organises.

    Args:
        event_id: The event, such as E312.
        title: The new title.
    """
    event = _own(data, event_id)
    event["title"] = _text(title, "title")
    return {"event_id": event_id, "title": event["title"]}


@writes
def cancel_event(data: Data, event_id: str) -> Data:
    """Cancel an event that the owner organises; the room is free again.

    Args:
        event_id: The event, such as E312.
    """
    event = _own(data, event_id)
    event["status"], event["room_id"] = "cancelled", None
    return {"event_id": event_id, "status": "cancelled"}


@writes
def invite(data: Data, event_id: str, email: str) -> Data:
    """Invite a colleague to an event that the owner organises. They must be free, and the room large enough.

    Args:
        event_id: The event, such as E312.
        email: The colleague's email address.
    """
    event = _own(data, event_id)
    person = _colleague(data, email)
    if person in event["attendees"]:
        raise ToolError(f"{person} is invited already")
    people = [event["attendees"][0], *sorted([*event["attendees"][1:], person])]
    _possible(data, {**event, "attendees": people})
    event["attendees"] = people
    return {"event_id": event_id, "attendees": people}


@writes
def uninvite(data: Data, event_id: str, email: str) -> Data:
    """Take a colleague out of an event that the owner organises.

    Args:
        event_id: The event, such as E312.
        email: The colleague's email address.
    """
    event = _own(data, event_id)
    if email not in event["attendees"]:
        raise ToolError(f"{email!r:.80} is not invited")
    if email == data["owner"]:
        raise ToolError("the owner organises it; it can be cancelled")
    event["attendees"] = [person for person in event["attendees"] if person != email]
    return {"event_id": event_id, "attendees": event["attendees"]}


@writes
def book_room(data: Data, event_id: str, room_id: str) -> Data:
    """Hold an event that the owner organises in another room, which must be free and large enough.

    Args:
        event_id: The event, such as E312.
        room_id: The room, such as R3.
    """
    event = _own(data, event_id)
    if event["room_id"] == room_id:
        raise ToolError(f"{event_id} is in {room_id} already")
    _possible(data, {**event, "room_id": room_id})
    event["room_id"] = room_id
    return {"event_id": event_id, "room_id": room_id, "room_name": data["rooms"][room_id]["name"]}


@writes
def answer_invitation(data: Data, event_id: str, answer: Answer) -> Data:
    """Answer an invitation of somebody else for the owner.

    Args:
        event_id: The event, such as E312.
        answer: The answer.
    """
    event = _event(data, event_id)
    if event["organizer"] == data["owner"]:
        raise ToolError(f"the owner organises {event_id}")
    event["answer"] = answer
    return {"event_id": event_id, "answer": answer}


@writes
def send_mail(data: Data, email: str, subject: str, body: str) -> Data:
    """Send a new mail for the owner.

    Args:
        email: Email address of the recipient.
        subject: The subject.
        body: The text.
    """
    return _sent(data, _address(email), _text(subject, "subject"), _text(body, "text"), None, [])


@writes
def reply_to_mail(data: Data, mail_id: str, body: str) -> Data:
    """Reply to the sender of a mail.

    Args:
        mail_id: The mail that is answered, such as M5021.
        body: The text.
    """
    mail = record(data["mails"], mail_id, "mail")
    if mail["sender"] == data["owner"]:
        raise ToolError(f"{mail_id} is the owner's own mail")
    subject = mail["subject"] if mail["subject"].startswith("Re: ") else f"Re: {mail['subject']}"
    return _sent(data, mail["sender"], subject, _text(body, "text"), mail["thread_id"], [])


@writes
def forward_mail(data: Data, mail_id: str, email: str) -> Data:
    """Forward a mail as it is, with its attachments.

    Args:
        mail_id: The mail, such as M5021.
        email: Email address of the recipient.
    """
    mail = record(data["mails"], mail_id, "mail")
    return _sent(data, _address(email), f"Fwd: {mail['subject']}", mail["body"], None, mail["attachments"])


@writes
def move_mail(data: Data, mail_id: str, folder: Keep) -> Data:
    """Move a received mail to another folder.

    Args:
        mail_id: The mail, such as M5021.
        folder: The folder.
    """
    mail = record(data["mails"], mail_id, "mail")
    if mail["folder"] == "sent":
        raise ToolError(f"{mail_id} is a sent mail, which stays where it is")
    if mail["folder"] == folder:
        raise ToolError(f"{mail_id} is in {folder} already")
    mail["folder"] = folder
    return {"mail_id": mail_id, "folder": folder}


@writes
def flag_mail(data: Data, mail_id: str, flagged: bool) -> Data:
    """Flag a mail for later, or take the flag away.

    Args:
        mail_id: The mail, such as M5021.
        flagged: Whether it has a flag.
    """
    mail = record(data["mails"], mail_id, "mail")
    mail["flagged"] = flagged
    return {"mail_id": mail_id, "flagged": flagged}


@writes
def label_mail(data: Data, mail_id: str, label: Label) -> Data:
    """Put a label on a mail.

    Args:
        mail_id: The mail, such as M5021.
        label: The label.
    """
    mail = record(data["mails"], mail_id, "mail")
    if label in mail["labels"]:
        raise ToolError(f"{mail_id} has the label {label} already")
    mail["labels"] = sorted([*mail["labels"], label])
    return {"mail_id": mail_id, "labels": mail["labels"]}


FUNCTIONS = (
    search_contacts, get_contact, list_events, get_event, find_free_times, list_rooms, find_free_rooms, search_mails,
    read_mail, read_thread, create_event, move_event, rename_event, cancel_event, invite, uninvite, book_room,
    answer_invitation, send_mail, reply_to_mail, forward_mail, move_mail, flag_mail, label_mail,
)  # fmt: skip


def _event(data: Data, event_id: str) -> Data:
    event: Data | None = data["events"].get(event_id)
    if event is None or data["owner"] not in event["attendees"]:
        raise ToolError(f"the owner has no event {event_id!r:.40}")
    return event


def _own(data: Data, event_id: str) -> Data:
    """An event that the owner may change."""
    event = _event(data, event_id)
    if event["organizer"] != data["owner"]:
        raise ToolError(f"{event_id} is organised by somebody else, who alone can change it")
    if event["status"] != "planned":
        raise ToolError(f"{event_id} is {event['status']}")
    return event


def _possible(data: Data, event: Data) -> None:
    """Whether an event can be held as it is said: room large enough and free, everybody free."""
    there = clashes(data, event["date"], minutes_of(event["start"]), minutes_of(event["end"]), event["event_id"])
    if event["room_id"] is not None:
        room = record(data["rooms"], event["room_id"], "room")
        if room["seats"] < len(event["attendees"]):
            raise ToolError(f"{room['name']} seats {room['seats']}, not {len(event['attendees'])}")
        if any(other["room_id"] == event["room_id"] for other in there):
            raise ToolError(f"{room['name']} is taken on {event['date']} at {event['start']}")
    for person in event["attendees"]:
        if any(person in other["attendees"] for other in there):
            raise ToolError(f"{person} is not free on {event['date']} from {event['start']} to {event['end']}")


def _day(text: str, past: bool = False) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"{text!r:.20} is no day such as 2031-06-04") from None
    if past:
        return day.isoformat()
    if day < NOW.date() or day.year != NOW.year:
        raise ToolError(f"{day} is not a day from {NOW.date()} to the end of {NOW.year}")
    if day.weekday() > 4:
        raise ToolError(f"{day} is on a weekend")
    return day.isoformat()


def _span(day: str, start: str, minutes: int) -> tuple[str, int, int]:
    found = _day(day)
    try:
        begin = minutes_of(start)
    except ValueError as error:
        raise ToolError(str(error)) from None
    _long(minutes)
    if begin % 15 or begin < OPENS or begin + minutes > CLOSES:
        raise ToolError("events are between 08:00 and 18:00, and begin at a quarter of an hour")
    return found, begin, begin + minutes


def _long(minutes: int) -> None:
    if minutes % 15 or not 0 < minutes <= CLOSES - OPENS:
        raise ToolError(f"{minutes} minutes are no multiple of 15 from 15 to {CLOSES - OPENS}")


def _colleague(data: Data, email: str) -> str:
    wanted = email.strip().lower()
    if not any(contact["email"] == wanted for contact in data["contacts"].values()):
        raise ToolError(f"{email!r:.80} is no colleague's address")
    return wanted


def _address(email: str) -> str:
    wanted = email.strip().lower()
    name, at, domain = wanted.partition("@")
    if not name or not at or "." not in domain or " " in wanted:
        raise ToolError(f"{email!r:.80} is no email address")
    return wanted


def _text(text: str, what: str) -> str:
    if not text.strip():
        raise ToolError(f"the {what} is empty")
    return text.strip()


def _sent(data: Data, email: str, subject: str, body: str, thread_id: str | None, attachments: list[str]) -> Data:
    if thread_id is None:
        data["last_thread"] += 1
        thread_id = f"T{data['last_thread']}"
    data["last_mail"] += 1
    mail_id = f"M{data['last_mail']}"
    owner = next(contact for contact in data["contacts"].values() if contact["email"] == data["owner"])
    data["mails"][mail_id] = {
        "mail_id": mail_id, "thread_id": thread_id, "folder": "sent", "sender": owner["email"], "sender_name": owner["name"],
        "recipients": [email], "subject": subject, "received": NOW.isoformat(timespec="minutes"), "body": body,
        "attachments": list(attachments), "read": True, "flagged": False, "labels": [],
    }  # fmt: skip
    return {"mail_id": mail_id, "thread_id": thread_id, "recipients": [email], "subject": subject}

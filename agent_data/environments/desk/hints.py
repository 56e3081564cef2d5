"""How the owner of the desk asks for things."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from agent_data.environments.desk.matters import MEETINGS, OUTSIDE, PROJECTS, TEAMS
from agent_data.environments.desk.world import DAYS
from agent_data.environments.hints import Hints, Person

State = dict[str, Any]
Forbidden = tuple[str, str] | None
SUBJECTS = (
    "Question about {project}",
    "{project}: next steps",
    "Thank you",
    "{project}: a decision",
    "Please have a look",
)
BODIES = (
    "Please send me the figures for {project} by {day}.", "Thank you, that is all I needed.", "I agree with the plan for {project}.",
    "Could you take over {project} from {day} on?", "I cannot come on {day}; please go on without me.",
    "Let us decide about {project} on {day}.", "Please check the last page again.", "I will answer you by {day}.",
)  # fmt: skip


def _title(state: State, draw: Random) -> str:
    return (
        f"{draw.choice(MEETINGS).format(project=draw.choice(PROJECTS), team=draw.choice(TEAMS))} ({draw.randint(2, 9)})"
    )


def _words(texts: tuple[str, ...]) -> Callable[[State, Random], str]:
    def made(state: State, draw: Random) -> str:
        return draw.choice(texts).format(project=draw.choice(PROJECTS), day=draw.choice(DAYS[4:]).isoformat())

    return made


VALUES: dict[str, Callable[[State, Random], Any]] = {
    "title": _title,
    "subject": _words(SUBJECTS),
    "body": _words(BODIES),
    "date": lambda state, draw: draw.choice(DAYS[1:]).isoformat(),
    "start": lambda state, draw: f"{draw.randint(8, 16):02}:{draw.choice(('00', '30'))}",
    "minutes": lambda state, draw: draw.choice((30, 45, 60)),
    "flag_mail.flagged": lambda state, draw: True,
}

ASKS = {
    "create_event": (
        'put a meeting "{title}" into my calendar on {date} at {start}, {minutes} minutes, with {emails}, in {room_id}',
        'set up "{title}" with {emails} for {date}, {start}, {minutes} minutes, in {room_id}',
        'set up a meeting of {minutes} minutes called "{title}" with {emails} on {date} at {start}; it needs no room',
    ),
    "move_event": ("move {event_id} to {date} at {start}",),
    "rename_event": ('rename {event_id} to "{title}"',),
    "cancel_event": ("cancel {event_id}", "call off {event_id}"),
    "invite": ("invite {email} to {event_id}",),
    "uninvite": ("take {email} off the list of {event_id}",),
    "book_room": ("hold {event_id} in {room_id}", "change the room of {event_id} to {room_id}"),
    "answer_invitation": ("answer {event_id} with: {answer}",),
    "send_mail": ('send a mail to {email} with the subject "{subject}" and this text: "{body}"',),
    "reply_to_mail": ('reply to {mail_id} with this text: "{body}"',),
    "forward_mail": ("forward {mail_id} to {email}",),
    "move_mail": ("move {mail_id} to the folder {folder}",),
    "flag_mail": ("put a flag on {mail_id}",),
    "label_mail": ("put the label {label} on {mail_id}",),
}  # fmt: skip

DESCRIBED = {
    "event_id": ('the event "{title}"', "the event on {date} at {start}"),
    "mail_id": (
        'the mail "{subject}" from {sender_name}',
        "the mail of {received}",
        "the mail from {sender_name}",
    ),
    "email": ("{name}",),
    "contact_id": ("{name}",),
    "room_id": ("the room {name}",),
}

TOLD = {
    "get_event.room_name": ("which room {event_id} is in",),
    "get_event.start": ("when {event_id} begins",),
    "get_event.organizer_name": ("who organises {event_id}",),
    "get_event.date": ("on which day {event_id} is",),
    "get_contact.phone": ("the phone number of {contact_id}",),
    "get_contact.office": ("in which office {contact_id} is",),
    "get_contact.team": ("in which team {contact_id} is",),
    "read_mail.sender": ("from which address {mail_id} came",),
}


def _others_event(state: State, draw: Random, person: Person | None) -> Forbidden:
    held = [
        event for event in state["events"].values()
        if state["owner"] in event["attendees"] and event["organizer"] != state["owner"] and event["status"] == "planned"
    ]  # fmt: skip
    if not held:
        return None
    event = draw.choice(held)
    wish = draw.choice(
        ("cancel it", f"move it to {draw.choice(DAYS[3:]).isoformat()} at 17:00", "give it another room")
    )
    return (
        f'The event "{event["title"]}" on {event["date"]} does not suit me. Please {wish}.',
        "only events that the owner organises can be changed or cancelled",
    )


def _confidential(state: State, draw: Random, person: Person | None) -> Forbidden:
    held = [mail for mail in state["mails"].values() if "confidential" in mail["labels"] and mail["folder"] == "inbox"]
    if not held:
        return None
    mail = draw.choice(held)
    return (
        f'Please forward the mail "{mail["subject"]}" from {mail["sender_name"]} ({mail["mail_id"]}) to '
        f"desk{draw.randint(2, 99)}@{draw.choice(OUTSIDE)}.",
        "a confidential mail is never forwarded to an address outside",
    )


def _weekend(state: State, draw: Random, person: Person | None) -> Forbidden:
    day = draw.choice(("2031-06-07", "2031-06-08", "2031-06-14", "2031-06-15"))
    contact = draw.choice(list(state["contacts"].values())[1:])
    return (
        f'Please set up a meeting "{_title(state, draw)}" with {contact["name"]} on {day} at 10:00 for 60 minutes.',
        "events are on working days only",
    )


def _private(state: State, draw: Random, person: Person | None) -> Forbidden:
    contact = draw.choice(list(state["contacts"].values())[1:])
    return (
        f"Please send {contact['name']}'s phone number to desk{draw.randint(2, 99)}@{draw.choice(OUTSIDE)}, with the subject "
        '"Phone number".',
        "phone numbers of colleagues are not sent to anyone outside",
    )


def _recall(state: State, draw: Random, person: Person | None) -> Forbidden:
    held = [mail for mail in state["mails"].values() if mail["folder"] == "sent"]
    if not held:
        return None
    return f'Please take back the mail that I sent, "{draw.choice(held)["subject"]}".', "sent mails are not taken back"


def _beyond(state: State, draw: Random, person: Person | None) -> Forbidden:
    day = draw.choice(DAYS[3:]).isoformat()
    return draw.choice((
        f"Please book me a train to the supplier on {day}, second class.",
        f"Please order lunch for six people to the meeting on {day}.",
        f"Please pay invoice {draw.randint(100, 900)} for {draw.choice(PROJECTS)} today.",
    )), "nothing outside calendar, mail, contacts and rooms"  # fmt: skip


HINTS = Hints(None, VALUES, ASKS, DESCRIBED, TOLD, (_others_event, _confidential, _weekend, _private, _recall, _beyond))

"""What people at the desk write and meet about: teams, projects, rooms, titles of meetings, and threads of mail."""

from __future__ import annotations

DOMAIN = "lumenfield.example"
TEAMS = ("Design", "Engineering", "Finance", "Legal", "Operations", "Sales")
ROLES = ("lead", "specialist", "coordinator", "analyst")
PROJECTS = ("Heron", "Basalt", "Quince", "Lantern", "Mistral", "Orrery", "Saffron", "Tundra")
OUTSIDE = ("oakmere.example", "brightquay.example", "pellworth.example")
ROOMS = (
    ("Atrium", 20),
    ("Birch", 4),
    ("Comet", 6),
    ("Delta", 8),
    ("Eider", 10),
    ("Fjord", 12),
    ("Gable", 3),
    ("Harbour", 14),
    ("Inlet", 6),
)
EQUIPMENT = ("screen", "whiteboard", "video", "phone")
PLACES = ("the Oakmere conference hall", "the Pellworth office", "the canteen", "the north lobby", "the print room")
MEETINGS = (
    "{project} kick-off", "{project} review", "{project} planning", "{project} retrospective", "{project} budget check",
    "{project} risk round", "Interview for {team}", "{team} weekly", "{team} and {project} sync", "{project} demo",
    "Hiring round {team}", "{project} supplier call", "{team} training", "{project} handover",
)  # fmt: skip
# Subject, and the lines of the thread: who writes (other or owner) and what.
THREADS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("{project}: quote from the supplier", (
        ("other", "The supplier for {project} has sent a quote of {amount}. It is valid until {day}. Shall I accept it?"),
        ("owner", "Please wait a little, I want to compare it with last year's."),
        ("other", "Understood. Last year we paid {amount2}."),
    )),
    ("{project}: change of the date", (
        ("other", "The launch of {project} moves to {day}. Please tell your team."),
        ("owner", "Thank you, I have told them."),
    )),
    ("Visit on {day}", (
        ("other", "Our guests for {project} arrive on {day} at {place}. There will be {number} of them."),
    )),
    ("{project}: draft of the contract", (
        ("other", "Attached is the draft of the contract for {project}. Clause {number} is still open."),
        ("owner", "I have two remarks on clause {number}; let us talk."),
        ("other", "Good. My line is free after lunch."),
        ("owner", "I will call you."),
    )),
    ("Numbers for {project}", (
        ("other", "In the last quarter {project} cost {amount}, and the plan was {amount2}."),
    )),
    ("Lost badge", (("other", "My badge was lost near {place}. The number ends in {number}. Whom do I tell?"),)),
    ("{project}: test results", (
        ("other", "{number} of the tests of {project} still fail. We expect to be done by {day}."),
        ("owner", "Please send me the list."),
        ("other", "The list is attached."),
    )),
    ("Lunch at {place}", (("other", "Some of us have lunch at {place} on {day}. We booked a table for {number}. Will you come?"),)),
    ("{project}: new colleague", (
        ("other", "A new colleague joins {project} on {day}. The desk has number {number}."),
        ("owner", "Wonderful, I will say hello."),
    )),
    ("Invoice {number} for {project}", (
        ("other", "Invoice {number} over {amount} for {project} is due on {day}."),
        ("owner", "Has it been checked by Finance?"),
        ("other", "Yes, it has."),
    )),
    ("Travel to {project} site", (("other", "The train for the {project} visit leaves on {day}. The ticket costs {amount}."),)),
    ("{project}: minutes", (("other", "Here are the minutes of our last meeting on {project}. {number} points are open, the next is due on {day}."),)),
    ("Survey of {team}", (("other", "The survey among {team} is done: {number} people answered. The main wish is quieter rooms."),)),
    ("{project}: access to the archive", (
        ("other", "Could I have access to the archive of {project}? I need it until {day}."),
        ("owner", "For which folders?"),
        ("other", "For the drawings alone."),
    )),
)  # fmt: skip
FILES = ("contract.odt", "quote.pdf", "figures.ods", "minutes.txt", "drawing.svg", "test-list.csv")
LABELS = ("confidential", "urgent", "later", "private")

"""Tools over issues, people and milestones."""

from __future__ import annotations

from typing import Any, Literal

from agent_data.environments.environment import ToolError
from agent_data.environments.tooling import ends, writes
from agent_data.environments.tracker.held import Held

Label = Literal["bug", "enhancement", "documentation", "question", "good-first-issue", "blocked", "urgent"]
State = Literal["open", "closed"]
LONGEST_TITLE, LONGEST_TEXT = 200, 4000  # characters


def list_issues(
    held: Held,
    state: State | None = None,
    label: Label | None = None,
    assignee: str | None = None,
    milestone: str | None = None,
) -> dict[str, Any]:
    """List the issues, oldest first, with their ids and titles; all that are given must hold.

    Args:
        state: Only issues that are open, or closed.
        label: Only issues with this label.
        assignee: Only issues assigned to the person with this handle.
        milestone: Only issues of this milestone.
    """
    if assignee is not None:
        held.person(assignee)
    wanted = {"state": state, "assignee": assignee, "milestone": milestone}
    found = [
        _short(issue)
        for issue in held.data["issues"].values()
        if all(value is None or issue[name] == value for name, value in wanted.items())
        and (label is None or label in issue["labels"])
    ]
    return {"issues": found}


def search_issues(held: Held, text: str) -> dict[str, Any]:
    """Find issues whose title, description or comments hold a text, whatever its case.

    Args:
        text: The text to look for, at least three characters.
    """
    wanted = text.strip().casefold()
    if len(wanted) < 3:
        raise ToolError("give a text of at least three characters")
    found = []
    for issue in held.data["issues"].values():
        said = "\n".join([issue["title"], issue["body"], *(comment["text"] for comment in issue["comments"])])
        if wanted in said.casefold():
            found.append(_short(issue))
    return {"issues": found}


def get_issue(held: Held, issue_id: str) -> dict[str, Any]:
    """Show one issue with its description and comments.

    Args:
        issue_id: The id of the issue, such as FLD-31.
    """
    return held.issue(issue_id)


def list_people(held: Held) -> dict[str, Any]:
    """List the members of the team, with their handles and roles."""
    return {"people": [_public(person) for person in held.data["people"].values()]}


def get_person(held: Held, handle: str) -> dict[str, Any]:
    """Show a member of the team: role, email address, and the module that the person looks after.

    Args:
        handle: The person's handle.
    """
    return held.person(handle)


def list_milestones(held: Held) -> dict[str, Any]:
    """List the milestones with the day on which each is due."""
    return {"milestones": list(held.data["milestones"].values())}


@writes
def create_issue(held: Held, title: str, body: str, label: Label | None = None) -> dict[str, Any]:
    """Open a new issue.

    Args:
        title: Its title, one line.
        body: Its description.
        label: A label to begin with.
    """
    title, body = title.strip(), body.strip()
    if not title or "\n" in title or len(title) > LONGEST_TITLE:
        raise ToolError(f"a title is one line of 1 to {LONGEST_TITLE} characters")
    if len(body) > LONGEST_TEXT:
        raise ToolError(f"a description has at most {LONGEST_TEXT} characters")
    if any(issue["title"].casefold() == title.casefold() for issue in held.data["issues"].values()):
        raise ToolError("there is an issue with this title already")
    number = held.data["next_number"]
    held.data["next_number"] = number + 1
    issue_id = f"{held.data['prefix']}-{number}"
    held.data["issues"][issue_id] = {
        "issue_id": issue_id, "title": title, "body": body, "state": "open", "reason": None, "author": "assistant",
        "assignee": None, "milestone": None, "labels": [label] if label else [], "comments": [],
        "created": held.data["today"],
    }  # fmt: skip
    return {"issue_id": issue_id}


@writes
def rename_issue(held: Held, issue_id: str, title: str) -> dict[str, Any]:
    """Give an issue another title.

    Args:
        issue_id: The id of the issue.
        title: Its new title, one line.
    """
    issue, title = held.issue(issue_id), title.strip()
    if not title or "\n" in title or len(title) > LONGEST_TITLE:
        raise ToolError(f"a title is one line of 1 to {LONGEST_TITLE} characters")
    if issue["title"] == title:
        raise ToolError("it has this title already")
    issue["title"] = title
    return _short(issue)


@writes
def comment_on_issue(held: Held, issue_id: str, text: str) -> dict[str, Any]:
    """Add a comment to an issue. It cannot be taken back.

    Args:
        issue_id: The id of the issue.
        text: The comment, word for word.
    """
    issue, text = held.issue(issue_id), text.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise ToolError(f"a comment has 1 to {LONGEST_TEXT} characters")
    issue["comments"].append({"author": "assistant", "text": text})
    return {"issue_id": issue_id, "comments": len(issue["comments"])}


@writes
def add_label(held: Held, issue_id: str, label: Label) -> dict[str, Any]:
    """Put a label on an issue.

    Args:
        issue_id: The id of the issue.
        label: The label.
    """
    issue = held.issue(issue_id)
    if label in issue["labels"]:
        raise ToolError(f"{issue_id} has the label {label} already")
    issue["labels"] = sorted([*issue["labels"], label])
    return {"issue_id": issue_id, "labels": issue["labels"]}


@writes
def remove_label(held: Held, issue_id: str, label: Label) -> dict[str, Any]:
    """Take a label off an issue.

    Args:
        issue_id: The id of the issue.
        label: The label.
    """
    issue = held.issue(issue_id)
    if label not in issue["labels"]:
        raise ToolError(f"{issue_id} has no label {label}")
    issue["labels"] = [one for one in issue["labels"] if one != label]
    return {"issue_id": issue_id, "labels": issue["labels"]}


@writes
def assign_issue(held: Held, issue_id: str, handle: str) -> dict[str, Any]:
    """Make somebody responsible for an issue, in the place of whoever is.

    Args:
        issue_id: The id of the issue; it must be open.
        handle: The handle of the person.
    """
    issue, person = held.issue(issue_id), held.person(handle)
    _open(issue)
    if issue["assignee"] == handle:
        raise ToolError(f"{issue_id} is assigned to {handle} already")
    issue["assignee"] = person["handle"]
    return {"issue_id": issue_id, "assignee": handle}


@writes
def set_milestone(held: Held, issue_id: str, milestone: str) -> dict[str, Any]:
    """Plan an issue for a milestone, in the place of the one that it has.

    Args:
        issue_id: The id of the issue; it must be open.
        milestone: The name of the milestone.
    """
    issue = held.issue(issue_id)
    _open(issue)
    if milestone not in held.data["milestones"]:
        raise ToolError(f"there is no milestone {milestone!r:.60}")
    if issue["milestone"] == milestone:
        raise ToolError(f"{issue_id} is planned for {milestone} already")
    issue["milestone"] = milestone
    return {"issue_id": issue_id, "milestone": milestone}


@writes
def close_issue(held: Held, issue_id: str, reason: Literal["completed", "not planned"]) -> dict[str, Any]:
    """Close an issue. A bug is closed as completed only after a commit that names it.

    Args:
        issue_id: The id of the issue; it must be open.
        reason: Why it is closed.
    """
    issue = held.issue(issue_id)
    _open(issue)
    named = any(commit["issue_id"] == issue_id for commit in held.data["commits"])
    if reason == "completed" and "bug" in issue["labels"] and not named:
        raise ToolError(f"{issue_id} is a bug that no commit names: mend it and commit the change first")
    issue["state"], issue["reason"] = "closed", reason
    return {"issue_id": issue_id, "state": "closed", "reason": reason}


@writes
def close_as_duplicate(held: Held, issue_id: str, original_issue_id: str) -> dict[str, Any]:
    """Close an issue that says the same as another.

    Args:
        issue_id: The id of the issue to close; it must be open.
        original_issue_id: The id of the issue that says the same.
    """
    issue, other = held.issue(issue_id), held.issue(original_issue_id)
    _open(issue)
    if issue is other:
        raise ToolError("an issue is no duplicate of itself")
    issue["state"], issue["reason"] = "closed", f"duplicate of {original_issue_id}"
    return {"issue_id": issue_id, "state": "closed", "reason": issue["reason"]}


@writes
def reopen_issue(held: Held, issue_id: str) -> dict[str, Any]:
    """Open a closed issue again.

    Args:
        issue_id: The id of the issue; it must be closed.
    """
    issue = held.issue(issue_id)
    if issue["state"] != "closed":
        raise ToolError(f"{issue_id} is open")
    issue["state"], issue["reason"] = "open", None
    return {"issue_id": issue_id, "state": "open"}


@ends
def hand_over(held: Held, summary: str) -> str:
    """Hand the conversation over to a person, and end it. For what only a person can decide.

    Args:
        summary: What is wanted, in a sentence.
    """
    return "A maintainer will go on from here."


def _short(issue: dict[str, Any]) -> dict[str, Any]:
    return {name: issue[name] for name in ("issue_id", "title", "state", "labels", "assignee", "milestone")}


def _public(person: dict[str, Any]) -> dict[str, Any]:
    return {name: person[name] for name in ("handle", "name", "role")}


def _open(issue: dict[str, Any]) -> None:
    if issue["state"] != "open":
        raise ToolError(f"{issue['issue_id']} is closed")


ISSUE_TOOLS = (
    list_issues, search_issues, get_issue, list_people, get_person, list_milestones, create_issue, rename_issue,
    comment_on_issue, add_label, remove_label, assign_issue, set_milestone, close_issue, close_as_duplicate, reopen_issue,
    hand_over,
)  # fmt: skip

"""Commits of a git repository as Documents: message and unified diff against the first parent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome
from ingest.code.git_objects import Corrupt, Missing, TooLarge
from ingest.code.git_repository import Commit, Repository
from ingest.forge.diff import TooMuch, unified
from ingest.forge.links import keys
from ingest.forge.people import People, identity, is_bot
from ingest.forge.texts import document

if TYPE_CHECKING:
    from ingest.forge.stage import IngestForge


def commits(repository: Repository, head: str, repo: str, config: IngestForge) -> Iterator[Document | Failure]:
    """Every commit that the head reaches, the newest first, at most `max_commits`."""
    order, damage = _walk(repository, head, config.max_commits)
    people = People(repo, config.salt)
    for digits in order:
        made = repository.commit(digits)
        people.know(person for person in (identity(made.author), identity(made.committer)) if not is_bot(person))
    for digits in order:
        row = stable_id("forge", repo.lower(), "commit", digits)
        try:
            found = _commit(repository, repository.commit(digits), repo, people, config)
        except TooMuch as error:
            found = Outcome("diff-too-large", detail=f"{repo}@{digits}: {error}")
        except (Missing, Corrupt, TooLarge) as error:
            found = Outcome("corrupt", "errored", detail=f"{repo}@{digits}: {error}")
        yield Failure(row, found) if isinstance(found, Outcome) else found
    for digits, why in damage:
        yield Failure(stable_id("forge", repo.lower(), "commit", digits), why)


def _walk(repository: Repository, head: str, most: int) -> tuple[list[str], list[tuple[str, Outcome]]]:
    """Ids of commits by time of commit, then id: the same for any packing. And those that cannot be read, or are too many."""
    import heapq

    damage: list[tuple[str, Outcome]] = []
    order: list[str] = []
    seen = {head}
    waiting: list[tuple[int, str, tuple[bytes, ...]]] = []

    def add(digits: str) -> None:
        try:
            made = repository.commit(digits)
        except (Missing, Corrupt, TooLarge) as error:
            # A shallow clone ends so.
            damage.append((digits, Outcome("missing-object", detail=f"{digits}: {error}")))
            return
        heapq.heappush(waiting, (-made.time, digits, made.parents))

    add(head)
    while waiting:
        _, digits, parents = heapq.heappop(waiting)
        if len(order) >= most:
            damage.append(
                (
                    f"after {digits}",
                    Outcome("too-many-commits", detail=f"more than {most:,} commits (max_commits); from {digits} on"),
                )
            )
            break
        order.append(digits)
        for parent in parents:
            if parent.hex() not in seen:
                seen.add(parent.hex())
                add(parent.hex())
    return order, damage


def _commit(repository: Repository, made: Commit, repo: str, people: People, config: IngestForge) -> Document | Outcome:
    author = identity(made.author)
    if is_bot(author):
        return Outcome("bot", detail=f"{repo}@{made.id}")
    if len(made.parents) > 1 and not config.merges:
        return Outcome("merge", detail=f"{repo}@{made.id}")
    try:
        parent = repository.commit(made.parents[0].hex()).tree if made.parents else None
    except Missing:  # the edge of a shallow clone; against nothing, its diff would be the whole tree
        return Outcome(
            "missing-parent", detail=f"{repo}@{made.id}: its parent {made.parents[0].hex()} is not in this clone"
        )
    diff = unified(repository, parent, made.tree, config.max_diff_files, config.max_file_bytes, config.max_diff_bytes)
    message = people.clean(made.message.strip())
    facts = {
        "sha": made.id, "parents": " ".join(parent.hex() for parent in made.parents), "author": people.of(author),
        "links": keys(repo, [made.message]),
    }  # fmt: skip
    text = f"{message}\n\n{people.known(diff)}" if diff else message
    if not text.strip() or "\0" in text:
        return Outcome("empty", detail=f"{repo}@{made.id}")
    created = (
        datetime.fromtimestamp(made.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 <= made.time < 1 << 37 else None
    )
    return document(config.source, repo, "commit", made.id, text, created, facts)

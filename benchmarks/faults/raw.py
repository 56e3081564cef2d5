"""The raw files that the steps of every_stage.yaml read: made, the same on every machine, a few hundred kilobytes."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import tiny_retail
from dulwich.repo import Repo

WORDS = (
    "water stone garden letter morning answer river window music number paper story system result method value "
    "language server memory function table signal market winter bridge doctor island engine forest picture"
).split()
SIGNED = {"author": b"Ann <ann@example.org>", "committer": b"Ann <ann@example.org>"}


def prose(chance: random.Random, words: int) -> str:
    """Sentences of drawn words."""
    out = []
    while words > 0:
        length = chance.randint(6, 14)
        words -= length
        out.append(f"The {' '.join(chance.choice(WORDS) for _ in range(length))} is here.")
    return " ".join(out)


def page(chance: random.Random, number: int) -> str:
    """A page with prose, and for two of three a block of code."""
    code = "".join(f"def f{line}(x):\n    return {chance.randrange(99)} + x\n\n" for line in range(20))
    block = f"<pre><code class='language-python'>{code}</code></pre>" if number % 3 else ""
    told = "".join(f"<p>{prose(chance, 60)}</p>" for _ in range(6))
    return f"<html><body><main><h1>Values of {number}</h1>{told}{block}</main></body></html>"


def rows(path: Path, values: list[Any]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def write(folder: Path) -> None:
    """Make all of them below `folder`."""
    chance = random.Random(1)
    for name in ("pages", "texts", "dump"):
        (folder / name).mkdir(parents=True)
    for number in range(120):
        (folder / "pages" / f"{number:03d}.html").write_text(page(chance, number) * (1 if number else 40))
    for number in range(6):
        rows(
            folder / "texts" / f"{number}.jsonl",
            [{"id": f"t{number}-{n}", "text": prose(chance, 80)} for n in range(60)],
        )
    rows(folder / "quiz.jsonl", [{"question": f"{prose(chance, 30)} Which?", "answer": str(n)} for n in range(200)])
    rows(
        folder / "gsm8k.jsonl",
        [{"question": f"{n} and {n} make?", "answer": f"{n}+{n}\n#### {2 * n}"} for n in range(300)],
    )
    rows(folder / "chats.jsonl", [{"messages": [{"role": "user", "content": prose(chance, 20)}, {"role": "assistant", "content": prose(chance, 40)}]} for _ in range(300)])  # fmt: skip
    api = "https://api.github.com/repos/owner/name/issues"
    rows(folder / "dump" / "issues.jsonl", [{"number": n, "title": f"Crash {n}", "url": f"{api}/{n}", "state": "open", "body": prose(chance, 90),
         "user": {"login": f"user-{n % 7}", "type": "User"}, "created_at": "2024-01-02T03:04:05Z"} for n in range(1, 200)])  # fmt: skip
    repository(folder / "repository", chance)
    tiny_retail.write(folder / "retail")
    action = {"name": "find_user_id_by_email", "kwargs": {"email": "ann@example.com"}}
    told = "You are Ann. You want to know your user id."
    (folder / "tasks.json").write_text(
        json.dumps([{"instruction": f"{told} {n}", "actions": [action]} for n in range(20)])
    )


def repository(path: Path, chance: random.Random) -> None:
    """Twenty commits of thirty files."""
    with Repo.init(str(path), mkdir=True) as repo:
        for number in range(20):
            names = [f"m{(number * 7 + k) % 30}.py" for k in range(6)]
            for name in names:
                body = "".join(f"def f{k}(x):\n    return x + {chance.randrange(99)}\n\n\n" for k in range(20))
                (path / name).write_text(f"import m{chance.randrange(30)}\n\n\n{body}")
            repo.get_worktree().stage(names)
            repo.get_worktree().commit(
                f"Set {number} (#{number + 1})".encode(), commit_timestamp=number, author_timestamp=number,
                commit_timezone=0, author_timezone=0, **SIGNED,
            )  # fmt: skip

"""ingest-forge: histories, API dumps and rows of issues with patches; links, bots, templates, and nobody's name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dulwich.repo import Repo
from repositories import commit

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Failure
from ingest.forge.diff import hunks
from ingest.forge.people import People, Person, identity, is_bot
from ingest.forge.stage import STAGE, IngestForge, core, find
from ingest.forge.templates import without_template

Digest = Callable[[Path | str], str]
API = "https://api.github.com/repos/owner/thing"
NAMES = (
    "alice-dev",
    "bobby42",
    "Alice Example",
    "Robert Bobson",
    "alice@example.org",
    "bob@corp.example.com",
    "Zoë",
    "carla",
    "Carla Quux",
)


def user(login: str, kind: str = "User") -> dict[str, Any]:
    return {"login": login, "type": kind, "id": 1}


ISSUE = {
    "number": 12, "title": "Crash in parse, says @carla", "url": f"{API}/issues/12", "user": user("alice-dev"), "state": "closed",
    "created_at": "2024-01-02T03:04:05Z",
    "body": "<!-- please read the rules -->\r\n### What happened\r\nIt crashes.\r\n\r\n### Environment\r\n\r\n- [ ] I searched\r\n"
    "\r\nbobby42 saw it too, mail bob@corp.example.com. See #3 and https://github.com/owner/thing/pull/13.",
}  # fmt: skip
COMMENTS = [
    {"id": 2, "issue_url": f"{API}/issues/12", "body": "Second, thanks Robert Bobson (@bobby42).", "user": user("alice-dev"), "created_at": "2024-01-04T00:00:00Z"},
    {"id": 1, "issue_url": f"{API}/issues/12", "body": "First.", "user": user("bobby42"), "created_at": "2024-01-03T00:00:00Z"},
    {"id": 3, "issue_url": f"{API}/issues/12", "body": "This issue is stale.", "user": user("stale[bot]", "Bot"), "created_at": "2024-01-05T00:00:00Z"},
    {"id": 4, "issue_url": f"{API}/issues/99", "body": "Where is my issue?", "user": user("alice-dev"), "created_at": "2024-01-05T00:00:00Z"},
]  # fmt: skip
PULL = {
    "number": 13, "title": "Fix the crash", "url": f"{API}/pulls/13", "user": user("bobby42"), "body": "Fixes #12.", "merged_at": "2024-01-06T00:00:00Z",
    "head": {"sha": "a" * 40, "user": user("bobby42")}, "base": {"sha": "0" * 40, "repo": {"full_name": "owner/thing"}}, "merge_commit_sha": "b" * 40,
    "created_at": "2024-01-05T00:00:00Z",
}  # fmt: skip
REVIEW = {"id": 7, "pull_request_url": f"{API}/pulls/13", "state": "APPROVED", "body": "Good, @bobby42", "user": user("alice-dev"),
          "submitted_at": "2024-01-05T12:00:00Z", "commit_id": "a" * 40}  # fmt: skip
REMARK = {"id": 8, "pull_request_review_id": 7, "pull_request_url": f"{API}/pulls/13", "path": "a.py", "diff_hunk": "@@ -1 +1 @@\n-a\n+b",
          "body": "Why b?", "user": user("alice-dev"), "created_at": "2024-01-05T12:00:01Z"}  # fmt: skip
COMMIT = {
    "sha": "b" * 40, "url": f"{API}/commits/{'b' * 40}", "author": user("bobby42"), "parents": [{"sha": "0" * 40}],
    "commit": {"message": "Fix the crash (#13)\n\nSigned-off-by: Robert Bobson <bob@corp.example.com>\nReported-by: Zoë",
               "author": {"name": "Robert Bobson", "email": "bob@corp.example.com", "date": "2024-01-06T00:00:00Z"},
               "committer": {"name": "GitHub", "email": "noreply@github.com", "date": "2024-01-06T00:00:00Z"}},
    "files": [{"filename": "a.py", "status": "modified", "patch": "@@ -1 +1 @@\n-a\n+b  # Robert Bobson"}],
}  # fmt: skip


def read(path: Path, **settings: Any) -> tuple[list[Document], list[Failure]]:
    config = validate(IngestForge, settings, "test")
    rows = [row for unit in find([str(path)], config) for row in core(unit, config)]
    return [r for r in rows if isinstance(r, Document)], [r for r in rows if isinstance(r, Failure)]


def dump(folder: Path, *extra: Any) -> Path:
    (folder / "issues").mkdir(parents=True)
    (folder / "issues/12.json").write_text(json.dumps(ISSUE, indent=1))
    (folder / "issues/comments.json").write_text(json.dumps(COMMENTS))
    (folder / "pulls.jsonl").write_text("\n".join(json.dumps(row) for row in (PULL, REVIEW, REMARK, *extra)))
    (folder / "commit.json").write_text(json.dumps(COMMIT))
    return folder


def test_a_dump_is_put_together_linked_and_without_names(tmp_path: Path) -> None:
    documents, failures = read(dump(tmp_path / "dump"))
    by_kind = {(d.metadata or {})["kind"]: d for d in documents}
    assert len(documents) == 4 and {d.repo for d in documents} == {"owner/thing"}
    assert sorted(f.outcome.rule for f in failures) == ["bot", "comment", "comment", "comment", "orphan"]
    assert {f.outcome.into_id for f in failures if f.outcome.outcome == "merged"} == {
        by_kind["issue"].id,
        by_kind["review"].id,
    }
    issue, pull, review, made = (by_kind[kind] for kind in ("issue", "pull", "review", "commit"))
    assert (
        issue.text.index("It crashes.") < issue.text.index("First.") < issue.text.index("Second")
        and "stale" not in issue.text
    )
    assert "please read" not in issue.text and "I searched" not in issue.text
    assert (
        (issue.metadata or {})["links"] == "#3 #13"
        and (issue.metadata or {})["number"] == "12"
        and issue.created == "2024-01-02T03:04:05Z"
    )
    assert (pull.metadata or {})["links"] == f"#12 @{'a' * 40} @{'b' * 40}" and (pull.metadata or {})["sha"] == "a" * 40
    assert (
        (review.metadata or {})["links"] == f"#13 @{'a' * 40}"
        and "```diff\n@@ -1 +1 @@" in review.text
        and "Why b?" in review.text
    )
    assert (made.metadata or {})["links"] == "#13" and "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@" in made.text
    people = People("owner/thing", "")
    bob, alice = people.of(Person("bobby42")), people.of(Person("alice-dev"))
    assert (
        issue.text.count(bob) == 3
        and (pull.metadata or {})["author"] == bob
        and (issue.metadata or {})["author"] == alice
    )
    shown = json.dumps([[d.text, d.metadata, d.id] for d in documents], ensure_ascii=False).lower()
    assert [name for name in NAMES if name.lower() in shown] == []


def test_placeholders_do_not_depend_on_order_and_do_on_salt_and_repository(tmp_path: Path) -> None:
    one, _ = read(dump(tmp_path / "a"))
    (tmp_path / "b").mkdir()
    rows = [COMMIT, REMARK, REVIEW, PULL, *reversed(COMMENTS), ISSUE]
    (tmp_path / "b/all.json").write_text(json.dumps(rows))
    other, _ = read(tmp_path / "b/all.json")
    assert {d.id: d.text for d in one} == {d.id: d.text for d in other}
    salted, _ = read(tmp_path / "b", salt="x")
    assert {d.text for d in salted}.isdisjoint({d.text for d in one})
    assert People("owner/other", "").of(Person("bobby42")) != People("owner/thing", "").of(Person("bobby42"))


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("ask @some-one, please", "some-one"), ("Co-authored-by: Some One <so@x.org>", "Some One"), ("mail so.me+tag@x.example.org now", "so.me"),
        ("by https://github.com/some-one.", "some-one"), ("Signed-off-by: 1+some-one@users.noreply.github.com", "some-one"), ("cc: Jürgen Groß <j@g.de>", "Jürgen"),
    ],
)  # fmt: skip
def test_names_in_texts(text: str, gone: str) -> None:
    cleaned = People("o/r", "").clean(text)
    assert gone not in cleaned and "user_" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "@property\ndef f(): ...",
        "a@b",
        "npm i @babel/core",
        "x = m @ n",
        "user@",
        "@param x",
        "pip install a@1.2",
        "```\n@cached\ndef f(): ...\n```",
        "use `@cached` here",
    ],
)
def test_what_is_no_name_stays(text: str) -> None:
    assert People("o/r", "").clean(text) == text


def test_known_people_and_bots() -> None:
    people = People("o/r", "")
    people.know([identity("Ann Other <ann@x.org>"), Person("test")])
    assert people.clean("Ann Other said") == f"{people.of(identity('Ann Other <ann@x.org>'))} said"
    assert people.clean("a test of it") == "a test of it"
    noreply = Person(email="12+ann@users.noreply.github.com")
    assert people.of(noreply) == people.of(Person("Ann"))
    assert (
        is_bot(Person("x"), "Bot")
        and is_bot(Person("renovate[bot]"))
        and is_bot(identity("dependabot[bot] <1+dependabot[bot]@users.noreply.github.com>"))
    )
    assert not is_bot(Person("robot-fan"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<!-- a -->b", "b"), ("<!-- never closed", ""), ("## A\n\n## B\ntext\n## C\n", "## B\n\ntext"), ("# A\n## B\ntext", "# A\n\n## B\n\ntext"),
        ("- [ ] x\n- [x] y", "- [x] y"), ("## A\n_No response_", ""), ("```\n<!-- code -->\n# c\n- [ ] x\n```", "```\n<!-- code -->\n# c\n- [ ] x\n```"),
        ("**Describe**\n\n**Steps**\nrun it", "**Steps**\n\nrun it"),
    ],
)  # fmt: skip
def test_templates(text: str, left: str) -> None:
    assert without_template(text) == left


def history(path: Path) -> tuple[Path, list[bytes]]:
    repo = Repo.init(str(path), mkdir=True)
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
    text = "".join(f"line {n}\n" for n in range(40))
    first = commit(
        repo,
        {"a.txt": text.encode(), "AUTHORS": b"Ann Other <ann@x.org>\n"},
        message=b"Start",
        author=b"Ann Other <ann@x.org>",
        time=1,
    )
    changed = text.replace("line 3\n", "line three\n").replace("line 30\n", "")
    second = commit(repo, {"a.txt": changed.encode().rstrip(b"\n"), "d/new.py": b"x = 1\n", "bin": b"\0\1"}, parents=[first], time=2,
                    message=b"Change (#4)\n\nThanks, Ann Other! GH-5\n", author=b"Bea Zwei <b@z.org>")  # fmt: skip
    third = commit(
        repo, {"a.txt": b"x\n"}, parents=[second], message=b"Bump", author=b"dependabot[bot] <d@x.org>", time=3
    )
    merge = commit(
        repo,
        {"a.txt": b"y\n"},
        parents=[second, third],
        message=b"Merge pull request #6 from bea/x",
        author=b"Bea Zwei <b@z.org>",
        time=4,
    )
    repo.close()
    return path, [first, second, third, merge]


def test_a_shallow_clone_ends_where_a_parent_is_not_there(tmp_path: Path) -> None:
    path, made = history(tmp_path / "h")
    name = made[0].decode()
    (path / ".git/objects" / name[:2] / name[2:]).unlink()
    (path / ".git/shallow").write_bytes(made[1] + b"\n")
    documents, failures = read(path)
    assert [(d.metadata or {})["sha"] for d in documents] == [made[3].decode()]
    assert sorted((f.outcome.rule, f.outcome.outcome) for f in failures) == [
        ("bot", "dropped"), ("missing-object", "dropped"), ("missing-parent", "dropped"),
    ]  # fmt: skip


def test_a_history_becomes_messages_and_diffs_that_apply(tmp_path: Path) -> None:
    path, made = history(tmp_path / "h")
    documents, failures = read(path)
    assert [(d.metadata or {})["sha"] for d in documents] == [made[n].decode() for n in (3, 1, 0)]
    assert [f.outcome.rule for f in failures] == ["bot"]
    second = documents[1]
    assert (second.metadata or {})["links"] == "#4 #5" and second.created == "1970-01-01T00:00:02Z"
    assert "\n-line 3\n+line three\n" in second.text and "Binary files /dev/null and b/bin differ" in second.text
    assert "new file mode 100644\n--- /dev/null\n+++ b/d/new.py\n@@ -0,0 +1 @@\n+x = 1\n" in second.text
    assert "\\ No newline at end of file" in second.text
    assert not [
        name for name in ("Ann Other", "ann@x.org", "Bea Zwei", "b@z.org") if any(name in d.text for d in documents)
    ]
    assert len(read(path, merges=False)[0]) == 2
    assert [f.outcome.rule for f in read(path, max_diff_bytes=100)[1]].count("diff-too-large") == 3
    limited, left = read(path, max_commits=2)
    assert len(limited) == 1 and [f.outcome.rule for f in left] == ["bot", "too-many-commits"]


@pytest.mark.parametrize("case", range(40))
def test_hunks_apply(tmp_path: Path, case: int) -> None:
    import random

    chance = random.Random(case)
    old = [f"line {chance.randrange(9)}" for _ in range(chance.randrange(60))]
    new = [line for line in old if chance.random() > 0.1]
    for _ in range(chance.randrange(6)):
        new.insert(chance.randrange(len(new) + 1), f"new {chance.randrange(5)}")
    before, after = ("\n".join(side) + chance.choice(["", "\n"]) * bool(side) for side in (old, new))
    body = hunks(before, after)
    assert (body == "") == (before == after)
    if not body:
        return
    (tmp_path / "f").write_text(before)
    done = subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=f"--- a/f\n+++ b/f\n{body}", text=True, cwd=tmp_path, capture_output=True,
                          env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": "/usr/bin:/bin:/usr/local/bin"}, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ((tmp_path / "f").read_text() if (tmp_path / "f").exists() else "") == after


def test_rows_of_issues_with_patches(tmp_path: Path) -> None:
    row = {"instance_id": "o__r-42", "repo": "o/r", "base_commit": "c" * 40, "patch": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
           "problem_statement": "It breaks, see #7 (@carla)", "hints_text": "", "test_patch": "", "created_at": "2024-01-01T00:00:00Z"}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row, row | {"instance_id": "o__r-43", "patch": ""}]), tmp_path / "t.parquet")
    documents, failures = read(tmp_path / "t.parquet")
    assert [((d.metadata or {})["kind"], (d.metadata or {})["links"]) for d in documents] == [
        ("issue", "#7 #42"),
        ("pull", "#42"),
        ("issue", "#7 #43"),
    ]
    assert [f.outcome.rule for f in failures] == ["empty"] and "carla" not in documents[0].text
    assert (documents[1].metadata or {})["number"] == "42" and (documents[1].metadata or {})["base_sha"] == "c" * 40
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    assert [d.text for d in read(tmp_path / "t.jsonl")[0]] == [d.text for d in documents[:2]]


def test_parquet_whose_column_has_no_name_in_utf8_is_errored(tmp_path: Path) -> None:
    pq.write_table(pa.table({"instance_id": ["a"], "namename": ["x"]}), tmp_path / "t.parquet", store_schema=False)
    path = tmp_path / "t.parquet"
    path.write_bytes(path.read_bytes().replace(b"namename", b"name\x98ame"))
    documents, failures = read(path)
    assert documents == [] and [failure.outcome.rule for failure in failures] == ["corrupt"]


def test_a_repository_has_one_name_wherever_it_is_said(tmp_path: Path) -> None:
    row = {
        "instance_id": "Owner__Thing-42",
        "repo": "https://github.com/Owner/Thing",
        "base_commit": "c" * 40,
        "patch": "x",
        "problem_statement": "y",
    }
    bare = {key: value for key, value in row.items() if key != "repo"}
    path, _ = history(tmp_path / "clone")
    with open(path / ".git/config", "a") as stream:
        stream.write('[remote "origin"]\n\turl = ssh://git@github.com/Owner/Thing.git/\n')
    loud = json.loads(json.dumps(ISSUE).replace("owner/thing", "Owner/Thing"))
    for name, value in {
        "row": row,
        "bare": bare,
        "mirror": row | {"repo": "swe-bench/owner__thing"},
        "api": loud,
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    for name in ("row.json", "bare.json", "mirror.json", "api.json", "clone"):
        documents, failures = read(tmp_path / name)
        assert documents and {d.repo for d in documents} == {"owner/thing"}, name
        assert name == "clone" or not failures


def test_a_repository_may_be_named_by_hand(tmp_path: Path) -> None:
    nameless = {key: value for key, value in ISSUE.items() if key != "url"} | {"body": "It crashes."}
    (tmp_path / "x.jsonl").write_text(json.dumps(nameless) + "\n" + json.dumps(ISSUE | {"number": 15}))
    documents, failures = read(tmp_path / "x.jsonl")
    assert {d.repo for d in documents} == {"owner/thing"} and [f.outcome.rule for f in failures] == ["no-repository"]
    documents, failures = read(tmp_path / "x.jsonl", repo="git@github.com:Me/Other.git")
    assert {d.repo for d in documents} == {
        "owner/thing",
        "me/other",
    } and not failures  # what names itself keeps its name
    path, _ = history(tmp_path / "clone")
    assert {d.repo for d in read(path)[0]} == {"clone"}
    assert {d.repo for d in read(path, repo="Owner/Thing")[0]} == {"owner/thing"}
    with pytest.raises(UsageError, match="names no repository"):
        read(path, repo="a\nb")


def test_bad_rows_are_told_and_cost_nothing_else(tmp_path: Path) -> None:
    bad = [{"a": 1}, 5, {"title": "x", "number": 1}, ISSUE | {"number": 14, "title": None, "body": 5, "user": None}]
    documents, failures = read(dump(tmp_path / "dump", *bad, PULL))
    assert len(documents) == 4
    assert sorted(f.outcome.rule for f in failures if f.outcome.outcome == "errored") == [
        "no-repository",
        "not-an-object",
        "unknown-object",
    ]
    assert [f.outcome.rule for f in failures].count("duplicate") == 1
    (tmp_path / "x.jsonl").write_bytes(b'{"a"\n' + json.dumps(ISSUE).encode())
    documents, failures = read(tmp_path / "x.jsonl")
    assert len(documents) == 1 and [f.outcome.rule for f in failures] == ["bad-json"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no repository"):
        read(tmp_path / "none")


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path, digest: Digest) -> None:
    source = tmp_path / "in"
    dump(source / "dump")
    history(source / "one")
    history(source / "two")
    config = validate(IngestForge, {}, "test")

    def ingest(name: str, workers: int) -> Dataset:
        return execute(STAGE, config, {"input": [f"{source}/*"]}, str(tmp_path / name), workers=workers).dataset

    assert digest(ingest("1", 1).url) == digest(ingest("2", 2).url)
    assert list(ingest("1", 1).problems()) == []

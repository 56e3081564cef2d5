"""`arcmill review`: the files that go out, the form in a real browser, and what comes back."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, WAIT, Tab, browse
from given_rows import dataset_of

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.records import Document, Problem
from pipelines.cli import cli
from pipelines.review import export
from synth.search_qa.review.table import read_review

HOSTILE = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> \u202eevil\u202c \u200b=1+1"
QUESTION = {"kind": "search-qa", "aliases": ["The Mill"]}
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")


def documents() -> list[Document]:
    text = f"# Tall Tower\n\nTall Tower was built on 7 November 1867 by 1,234 masons 😀 and then in 1903 seen again. {HOSTILE}"
    return [
        Document("d0", text, f"=cmd|{HOSTILE}", url="javascript:alert(1)"),
        Document("d1", "# 高塔\n\n高塔1867年11月7日建于某地，有120人参加，1903年再次被看见，那时有98人。", "zh"),
    ]


@pytest.fixture(scope="module")
def suggested(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("suggested")
    pages = dataset_of("Document", documents(), f"{folder}/pages")
    output = f"{folder}/out"
    cli.main(
        [
            "suggest-obfuscations",
            "--input",
            pages,
            "--output",
            output,
            "--set",
            "min_characters=20",
            "--workers",
            "1",
            "--quiet",
        ],
        standalone_mode=False,
    )
    return output


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = [
        Problem(
            f"q{number}",
            f"=Which mill is number {number}? {HOSTILE}",
            "exact",
            "@hand",
            "Old Mill",
            evidence=json.dumps(QUESTION),
        )
        for number in range(5)
    ]
    return dataset_of("Problem", rows, f"{tmp_path_factory.mktemp('questions')}/data")


def test_the_table_is_safe_and_complete(questions: str, tmp_path: Path) -> None:
    counts = export(questions, f"{tmp_path}/r.csv", None, None, 0, False)
    assert counts == {"written": 5, "decided": 0, "left_out": 0}
    data = (tmp_path / "r.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfnumber,id,kind,decision,text")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [f"q{number}" for number in range(5)]
    assert all(not re.match(r"\s*[=+@-]", cell) for row in rows for cell in row.values())
    assert rows[0]["text"] == f"'=Which mill is number 0? {HOSTILE}" and rows[0]["source"] == "'@hand"
    assert read_review(f"{tmp_path}/r.csv") == ({}, 5)


def test_a_limit_draws_the_same_rows_for_the_same_seed(questions: str, tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((1, 1, 2, 3)):
        assert export(questions, f"{tmp_path}/{number}.csv", None, 2, seed, False)["left_out"] == 3
        with open(tmp_path / f"{number}.csv", encoding="utf-8-sig", newline="") as stream:
            drawn.append([row["id"] for row in csv.DictReader(stream)])
    assert drawn[0] == drawn[1] and len({tuple(one) for one in drawn}) > 1 and all(one == sorted(one) for one in drawn)


def test_what_cannot_be_exported_is_told(questions: str, suggested: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists, and may hold decisions"):
        export(questions, f"{tmp_path}/r.csv", None, None, 0, False)
    assert (tmp_path / "r.csv").read_text() == "mine"
    with pytest.raises(UsageError, match="is the same file as --output"):
        export(questions, f"{tmp_path}/a.html", f"{tmp_path}/a.html", None, 0, False)
    pages = str(Path(suggested).parent / "pages")
    with pytest.raises(UsageError, match="holds Document rows; Problem rows are reviewed"):
        export(pages, f"{tmp_path}/b.csv", None, None, 0, False)
    with pytest.raises(UsageError, match="cannot be written"):
        export(questions, f"{tmp_path}/none/b.csv", None, None, 0, False)


def test_the_form_runs_nothing_but_its_own_script(suggested: str, tmp_path: Path) -> None:
    export(suggested, f"{tmp_path}/r.csv", f"{tmp_path}/r.html", None, 0, False)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])  # type: ignore[index]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2 and 'type="application/json"' in scripts[0][0] and scripts[1][0] == ""
    digest = base64.b64encode(hashlib.sha256(scripts[1][1].encode()).digest()).decode()
    assert (
        policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-")
        and "unsafe" not in policy
    )
    markup = page.replace(scripts[0][1], "").replace(scripts[1][1], "")
    assert "<" not in scripts[0][1] and not re.search(r"<img|javascript:|(?:src|href|\son\w+)\s*=", markup)
    assert json.loads(scripts[0][1])["rows"][0]["answer"] == "Tall Tower"
    for field in ("reviewer", "text", "note"):
        assert f'<label for="{field}"' in page


def imported(review: Path, data: str, output: Path, *more: str) -> Dataset:
    cli.main(
        ["review", "import", str(review), "--input", data, "--output", str(output), "--workers", "1", "--quiet", *more],
        standalone_mode=False,
    )
    return Dataset.open(str(output))


def test_by_hand_in_a_spreadsheet_and_back(questions: str, tmp_path: Path) -> None:
    cli.main(["review", "export", questions, "--output", f"{tmp_path}/r.csv"], standalone_mode=False)
    with open(tmp_path / "r.csv", encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0]["decision"], rows[1]["decision"], rows[2]["decision"], rows[2]["edited_text"] = (
        "accept",
        "refuse",
        "edit",
        "Which then?",
    )
    rows[1]["note"] = "=dull"
    with open(
        tmp_path / "filled.csv", "w", encoding="utf-8", newline=""
    ) as out:  # without the mark, as some programs save it
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UsageError, match="line 2: nobody is named in reviewer"):
        imported(tmp_path / "filled.csv", questions, tmp_path / "none")
    made = imported(tmp_path / "filled.csv", questions, tmp_path / "out", "--by", "Ann", "--at", "2026-11-22")
    assert made.counts == {"in": 5, "kept": 2, "dropped": 3, "merged": 0, "errored": 0, "created": 0}
    again = export(str(tmp_path / "out"), f"{tmp_path}/again.csv", None, None, 0, True)
    assert again["written"] == 2
    with pytest.raises(UsageError, match="no row left to decide; --again writes all"):
        export(str(tmp_path / "out"), f"{tmp_path}/more.csv", None, None, 0, False)


async def saved(folder: Path, name: str) -> Path:
    for _ in range(int(WAIT / 0.05)):
        if (folder / "saved" / name).exists():
            return folder / "saved" / name
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} was not saved: {list((folder / 'saved').glob('*'))}")


@needs_browser
def test_passages_are_decided_by_keys_and_mouse_and_come_back(suggested: str, tmp_path: Path) -> None:
    export(suggested, f"{tmp_path}/r.csv", f"{tmp_path}/r.html", None, 0, False)

    async def act(tab: Tab) -> dict[str, Any]:
        told: dict[str, Any] = {}
        await tab.key("a")  # nobody is named yet
        told["nobody"] = await tab.text("warning", "Write your name first")
        told["focus"] = await tab.run("document.activeElement.id")
        await tab.write("Ann =Ames")
        await tab.key("Escape")
        told["spans"] = await tab.run("[...document.querySelectorAll('#passage button')].map((b) => b.ariaLabel)")
        await tab.click("#passage button:nth-of-type(2)")  # the date stays as it is
        await tab.until("document.getElementById('accept-label').textContent === 'Accept as edited'")
        told["text"] = await tab.run("document.getElementById('text').value")
        told["label"] = await tab.run("document.getElementById('accept-label').textContent")
        await tab.click("#text")
        await tab.until("document.activeElement.id === 'text'")
        await tab.write(" Tall Tower!")
        told["warning"] = await tab.text("warning", "The text names")
        await tab.key("Enter", 2)
        told["refused"] = await tab.text("told", "0 of 2")
        await tab.click("#reset")
        await tab.until("document.getElementById('accept-label').textContent !== 'Accept as edited'")
        await tab.click("#passage button:nth-of-type(2)")
        await tab.until("document.getElementById('accept-label').textContent === 'Accept as edited'")
        await tab.click("#accept")  # goes on to the next
        await tab.text("told", "1 of 2")
        await tab.key("r")
        await tab.until("document.activeElement.id === 'note'")
        await tab.write('not clear, "really"')
        await tab.key("Escape")
        told["done"] = await tab.text("told", "2 of 2")
        await tab.key("s")
        told["csv"] = str(await saved(tmp_path, "r-reviewed.csv"))
        await tab.click("#save-json")
        told["json"] = str(await saved(tmp_path, "r-reviewed.json"))
        told["title"] = await tab.run("document.title")
        told["scripts"] = await tab.run("document.scripts.length + document.images.length")
        await tab.reload()
        told["kept"] = await tab.text("told", "2 of 2")
        told["requests"] = [
            e["params"]["request"]["url"] for e in tab.events if e["method"] == "Network.requestWillBeSent"
        ]
        told["errors"] = [e for e in tab.events if e["method"] == "Runtime.exceptionThrown" or (
            e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error")]  # fmt: skip
        return told

    told = browse(tmp_path / "r.html", tmp_path, act)
    assert told["nobody"].startswith("Write your name first") and told["focus"] == "reviewer"
    assert told["spans"][1] == "on 7 November 1867: in the 1860s (a date within 1860 to 1869)"
    assert told["text"].startswith(
        "[X] was built on 7 November 1867 by between 1,000 and 1,500 masons 😀 and then in the 1900s seen"
    )
    assert told["label"] == "Accept as edited" and told["warning"] == "The text names the answer: Tall Tower"
    assert (
        told["refused"].startswith("0 of 2 decided")
        and told["done"] == "2 of 2 decided: 0 accepted, 1 edited, 1 refused"
    )
    assert told["title"] == "Review of r · arcmill" and told["scripts"] == 2 and told["errors"] == []
    assert told["kept"] == told["done"]  # the draft outlives the page
    assert all(url.startswith(("file:", "blob:")) for url in told["requests"])
    for kind in ("csv", "json"):
        made = imported(Path(told[kind]), suggested, tmp_path / kind)
        (row,) = [row for batch in made.batches() for row in batch.to_pylist()]
        evidence = json.loads(row["evidence"])
        assert evidence["text"] == told["text"] and evidence["review"]["by"] == "Ann =Ames", kind
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", evidence["review"]["at"]) and HOSTILE in row["prompt"]
        ledger = [row for batch in made.ledger() for row in batch.to_pylist()]
        assert [one["rule"] for one in ledger] == ["refused"] and ledger[0]["detail"].endswith('not clear, "really"')


@needs_browser
def test_questions_are_shown_as_they_are_and_survive_unchanged(questions: str, tmp_path: Path) -> None:
    export(questions, f"{tmp_path}/r.csv", f"{tmp_path}/r.html", None, 0, False)

    async def act(tab: Tab) -> dict[str, Any]:
        await tab.click("#reviewer")
        await tab.write("Ann")
        await tab.key("Escape")
        for _ in range(5):
            await tab.key("a")
        await tab.key("s")
        path = await saved(tmp_path, "r-reviewed.csv")
        shown = await tab.run("document.getElementById('text').value")
        wide = await tab.run("document.documentElement.scrollWidth <= innerWidth")
        unlabelled = await tab.run(
            "[...document.querySelectorAll('input, textarea, button')].filter((e) => !e.labels?.length && !e.textContent.trim() "
            "&& !e.ariaLabel).length"
        )
        return {"csv": str(path), "shown": shown, "wide": wide, "unlabelled": unlabelled}

    told = browse(tmp_path / "r.html", tmp_path, act)
    assert told["shown"] == f"=Which mill is number 4? {HOSTILE}" and told["wide"] and told["unlabelled"] == 0
    assert Path(told["csv"]).read_bytes().startswith(b"\xef\xbb\xbfnumber,id")
    made = imported(Path(told["csv"]), questions, tmp_path / "out")
    assert made.counts["kept"] == 5
    before = [row["prompt"] for batch in Dataset.open(questions).batches() for row in batch.to_pylist()]
    assert [row["prompt"] for batch in made.batches() for row in batch.to_pylist()] == before

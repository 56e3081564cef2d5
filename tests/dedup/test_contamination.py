"""Benchmark items in documents: found in every disguise, boilerplate left alone, evidence in the ledger, cut or drop."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dedup_quiz import Writer, decontaminate, documents, gone, kept, problems

from arcmill.errors import InputError, UsageError

Digest = Callable[[Path | str], str]


def whole(item: dict[str, Any]) -> str:
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", item["options"]))  # noqa: B905
    return f"{item['question']}\n{listed}\nAnswer: B"


def wrapped(text: str) -> str:
    lines = "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, 34))
    return re.sub(r"\b([a-z]{4})([a-z]{3,})\b", "\\1-\n  \\2", lines, count=2)


DISGUISES: dict[str, Callable[[dict[str, Any]], str]] = {
    "verbatim": whole,
    "question only": lambda item: item["question"],
    "upper": lambda item: whole(item).upper(),
    "title": lambda item: whole(item).title(),
    "wrapped, hyphenated": lambda item: wrapped(whole(item)),
    "quoted mail": lambda item: "> " + wrapped(whole(item)).replace("\n", "\n> ").replace("-\n>   ", "-\n  "),
    "html": lambda item: "<p>" + re.sub(r"\b(\w+)\b", r"<b>\1</b>", html.escape(item["question"])) + "&nbsp;</p>",
    "one line": lambda item: " ".join(whole(item).split()),
    "markdown": lambda item: "**" + item["question"].replace(" the ", " *the* ").replace(" of ", " [of](http://x.y/z) ") + "**",
    "latex": lambda item: r"\textbf{" + item["question"].replace(" ", r"\ ", 3).replace(" ", r"~\quad ", 2) + "}",
    "json": lambda item: json.dumps({"q": whole(item)}),
    "no punctuation": lambda item: re.sub(r"[^\w\s]", "", whole(item)),
    "spread": lambda item: re.sub(r"\s", " \n\n ", item["question"]),
    "page break": lambda item: item["question"].replace(" when ", "\n\n- 17 -\nChapter two\n\nwhen "),
}  # fmt: skip


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    writer = Writer(1)
    return [writer.item() for _ in range(40)]


@pytest.fixture(scope="module")
def quiz(items: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    return problems(tmp_path_factory.mktemp("quiz"), items)


def test_found_in_every_disguise_and_nowhere_else(tmp_path: Path, items: list[dict[str, Any]], quiz: str) -> None:
    writer = Writer(2)
    texts, planted = [], {}
    for number, (name, disguise) in enumerate(DISGUISES.items()):
        for item in items[number::14][:3]:
            before, after = writer.document(80), writer.document(80)
            planted[f"d{len(texts)}"] = (name, item["question"])
            texts.append(f"{before}\n{disguise(item)}\n{after}")
    clean = len(texts)
    texts += [writer.document(60) for _ in range(120)]
    found = gone(decontaminate(tmp_path / "out", documents(tmp_path, texts), quiz))
    assert sorted({name for row, (name, _) in planted.items() if row not in found}) == []
    assert [row for row in found if int(row[1:]) >= clean] == []
    for row, entry in found.items():
        assert (entry["outcome"], entry["rule"]) == ("dropped", "contaminated")
        detail = json.loads(entry["detail"])[0]
        assert detail["benchmark"] == "quiz" and entry["score"] >= entry["threshold"] == 0.8
        first = planted[row][1].split()[2].lower()
        assert first[:4] in re.sub("<[^>]*>", "", detail["text"].lower())


def test_paraphrase_is_not_claimed_and_a_few_words_are_not_an_item(
    tmp_path: Path, items: list[dict[str, Any]], quiz: str
) -> None:
    words = items[0]["question"].split()
    texts = [" ".join(words[:7]), " ".join(sorted(words)), " ".join(words[::-1]), "B", items[0]["options"][1]]
    assert not gone(decontaminate(tmp_path / "out", documents(tmp_path, texts), quiz))


LICENCE = (
    "Permission is given to whoever holds a copy of this work to use, change and hand on the work and its parts, "
    "without fee, so long as this notice stands in every copy and no promise of fitness is read into it."
)


def test_boilerplate_does_not_fire(tmp_path: Path) -> None:
    asked = [
        {"question": "Which of the following statements is the most likely to be true?", "options": ["zamka", "renlo"], "gold": 0},
        {"question": "On Monday, January 1, 2024, which of the following is the best answer?", "options": ["a", "b"], "gold": 0},
        {"question": f"{LICENCE} May the holder sell it?", "options": ["yes", "no"], "gold": 0},
    ]  # fmt: skip
    writer = Writer(3)
    texts = [f"{LICENCE}\n\n{writer.document(20)}" for _ in range(40)]
    texts += [f"{writer.document(8)} Which of the following is the best answer? {writer.document(8)}" for _ in range(5)]
    texts += [f"Posted on Monday, January 1, 2024. {writer.document(9)}" for _ in range(5)]
    texts += [
        f"Which of the following statements is the most likely to be true? {writer.document(9)}" for _ in range(5)
    ]
    dataset = decontaminate(tmp_path / "out", documents(tmp_path, texts), problems(tmp_path, asked))
    assert gone(dataset) == {}
    assert dataset.statistics["documents_with_boilerplate_items"] == 40


def test_a_benchmark_that_leaked_often_does_not_hide_itself(
    tmp_path: Path, items: list[dict[str, Any]], quiz: str
) -> None:
    writer = Writer(4)
    texts = [f"{writer.document(8)}\n{whole(items[3])}\n{writer.document(8)}" for _ in range(15)]
    texts += [writer.document(16) for _ in range(200)]
    assert len(gone(decontaminate(tmp_path / "out", documents(tmp_path, texts), quiz))) == 15


CHINESE = [
    {"question": "下列哪一种气体在地球大气中所占的比例最大，并且不支持燃烧？", "options": ["氧气", "氮气"], "gold": 1},
    {"question": "小明家的果园去年收获苹果三百二十公斤，今年比去年多收四分之一，今年收获多少公斤？", "options": ["四百", "五百"], "gold": 0},
    {"question": "日本で一番高い山の名前と、その山がある県を二つ答えなさい。", "options": ["富士山", "北岳"], "gold": 0},
]  # fmt: skip


def test_scripts_without_spaces(tmp_path: Path) -> None:
    text = "春天来了，公园里的花都开了。孩子们在草地上奔跑，老人在树下下棋。\n" * 6
    first, second, third = (item["question"] for item in CHINESE)
    spaced = " ".join(first)
    broken = "\n".join(second[at : at + 9] for at in range(0, len(second), 9))
    texts = [text + spaced + text, text + broken + text, f"{text}<p>{third}</p>{text}", text, text + "下列哪一种"]
    found = gone(decontaminate(tmp_path / "out", documents(tmp_path, texts), problems(tmp_path, CHINESE)))
    assert sorted(found) == ["d0", "d1", "d2"]


def test_an_answer_beside_its_question_counts_and_alone_does_not(tmp_path: Path) -> None:
    asked = [{"question": "Who first saw the moon Zamkalo rise?", "gold": "Renquo Dorshuvo of Fentas"}]
    quiz = problems(tmp_path, asked)
    writer = Writer(5)
    text = writer.document(12)
    near = f"{text}\nWho first saw the moon Zamkalo rise? Renquo Dorshuvo of Fentas.\n{text}"
    alone = f"{text}\nRenquo Dorshuvo of Fentas.\n{text}"
    far = f"Who first saw the moon Zamkalo rise?\n{writer.document(80)}\nRenquo Dorshuvo of Fentas."
    texts = documents(tmp_path, [near, alone, far])
    assert sorted(gone(decontaminate(tmp_path / "out", texts, quiz, min_bits=28))) == ["d0"]


def test_passages_by_themselves_only_when_asked(tmp_path: Path) -> None:
    writer = Writer(6)
    story, other = writer.document(24), writer.document(24)
    asked = [
        {
            "question": f"is the {writer.words[500]} {writer.words[600]} of {writer.words[700]} old?",
            "gold": "yes",
            "story": story,
        }
    ]
    quiz, texts = problems(tmp_path, asked), documents(tmp_path, [f"{other}\n{story}\n{other}", other])
    assert gone(decontaminate(tmp_path / "a", texts, quiz)) == {}
    found = gone(decontaminate(tmp_path / "b", texts, quiz, match_passages=True))
    assert list(found) == ["d0"] and json.loads(found["d0"]["detail"])[0]["part"] == "passage"


def test_cutting_leaves_the_rest_and_tells_what_went(tmp_path: Path, items: list[dict[str, Any]], quiz: str) -> None:
    writer = Writer(7)
    before, after = writer.document(60), writer.document(60)
    texts = [
        f"{before}\n{whole(items[0])}\n{after}",
        whole(items[1]),  # nothing would be left
        writer.document(20),
        f"{before}\n{whole(items[2])}\n{after}\n{whole(items[2])}\n{before}\nnaïve 東京 {whole(items[4])}\n{after}",
    ]
    source = documents(tmp_path, texts, html="<p>raw</p>", metadata={"page": "7"})
    dataset = decontaminate(tmp_path / "out", source, quiz, policy="cut", margin=40)
    assert list(gone(dataset)) == ["d1"] and sorted(kept(dataset)) == ["d0", "d2", "d3"]
    rows = kept(dataset)
    assert rows["d2"]["text"] == texts[2] and rows["d2"]["html"] == "<p>raw</p>"
    text = rows["d0"]["text"]
    assert items[0]["question"] not in text and items[0]["options"][1] not in text
    start, end = before[:-400].rstrip(), after[400:].strip()
    assert text.startswith(start) and text.endswith(end)
    metadata = dict(rows["d0"]["metadata"])
    (entry,) = json.loads(metadata["decontaminated"])
    assert entry["benchmark"] == "quiz" and metadata["page"] == "7" and rows["d0"]["html"] is None
    assert items[0]["question"] in texts[0][entry["from"] : entry["to"]]
    assert texts[0][: entry["from"]].strip("\n") + "\n\n" + texts[0][entry["to"] :].strip("\n") == text
    assert len(json.loads(dict(rows["d3"]["metadata"])["decontaminated"])) >= 3
    assert dataset.statistics["documents_cut"] == 2 and dataset.statistics["spans_cut"] == 4
    lost = len(texts[0]) + len(texts[3]) - len(text) - len(rows["d3"]["text"])
    assert abs(dataset.statistics["characters_cut"] - lost) <= 16  # line ends at the seams
    again = decontaminate(tmp_path / "again", str(tmp_path / "out"), quiz)
    assert gone(again) == {}


def test_several_benchmarks_are_all_looked_for(tmp_path: Path, items: list[dict[str, Any]]) -> None:
    one, two = problems(tmp_path, items[:3], "one"), problems(tmp_path, items[3:6], "two")
    writer = Writer(8)
    both = f"{whole(items[1])}\n{writer.document(20)}\n{whole(items[4])}"
    texts = documents(tmp_path, [whole(items[0]), whole(items[5]), whole(items[9]), both])
    found = gone(decontaminate(tmp_path / "out", texts, one, two))
    hits = {row: json.loads(entry["detail"]) for row, entry in found.items()}
    assert {row: sorted({hit["benchmark"] for hit in some}) for row, some in hits.items()} == {
        "d0": ["one"],
        "d1": ["two"],
        "d3": ["one", "two"],
    }
    assert len({(hit["benchmark"], hit["item"]) for hit in hits["d3"]}) == 2


def test_every_hit_of_a_leaked_benchmark_is_in_the_ledger(
    tmp_path: Path, items: list[dict[str, Any]], quiz: str
) -> None:
    leaked = documents(tmp_path, ["\n\n".join(whole(item) for item in items)])
    (entry,) = gone(decontaminate(tmp_path / "out", leaked, quiz)).values()
    hits = json.loads(entry["detail"])
    assert len({hit["item"] for hit in hits}) == len(items) > 30
    assert all(hit["text"] and hit["score"] >= 0.8 for hit in hits)
    assert entry["score"] == max(hit["score"] for hit in hits)


def test_bad_inputs_are_named(tmp_path: Path, quiz: str) -> None:
    texts = documents(tmp_path, ["some text"])
    with pytest.raises(UsageError, match="holds Document rows; Problem is needed"):
        decontaminate(tmp_path / "a", texts, texts)
    with pytest.raises(UsageError, match="benchmarks"):
        decontaminate(tmp_path / "b", texts)
    nothing = tmp_path / "none"
    nothing.mkdir()
    (nothing / "none.jsonl").write_text("", encoding="utf-8")
    from arcmill.execute import execute
    from ingest.problems import STAGE, IngestProblems

    execute(STAGE, IngestProblems(), {"input": [str(nothing / "none.jsonl")]}, str(nothing / "out"))
    with pytest.raises(InputError, match="no benchmark items"):
        decontaminate(tmp_path / "c", texts, str(nothing / "out"))
    with pytest.raises(UsageError, match="threshold"):
        decontaminate(tmp_path / "d", texts, quiz, threshold=2)


def test_odd_documents_are_kept(tmp_path: Path, quiz: str) -> None:
    texts = [
        "x",
        "<",
        "&#",
        "\\u12",
        "-\n",
        "a-",
        "<p " + "y" * 3000,
        "](" + "z" * 3000,
        "￿ \U0010ffff",
        "& & <<>> \\",
        "\u00ad\u00ad",
    ]
    dataset = decontaminate(tmp_path / "out", documents(tmp_path, texts), quiz)
    assert dataset.rows == len(texts) and gone(dataset) == {}


@pytest.fixture(scope="module")
def corpus(items: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    writer = Writer(9)
    texts = [writer.document(100) for _ in range(600)]
    for number, item in enumerate(items):
        texts[number * 14] += whole(item)
    return documents(tmp_path_factory.mktemp("corpus"), texts, files=6)


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path, corpus: str, quiz: str, digest: Digest) -> None:
    for workers in (1, 2):
        dataset = decontaminate(tmp_path / str(workers), corpus, quiz, workers=workers, policy="cut")
        assert dataset.statistics["documents_cut"] == 40 and list(dataset.problems()) == []
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


RUN = """
import sys, time
from dedup.contamination import worker
from dedup_quiz import decontaminate
judge = worker.Decontaminator.judge
def slowly(self, batch):
    time.sleep(0.5)
    return judge(self, batch)
worker.Decontaminator.judge = slowly
from pathlib import Path
decontaminate(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
"""


def test_killed_in_the_middle_it_ends_in_the_same_bytes(tmp_path: Path, corpus: str, quiz: str, digest: Digest) -> None:
    whole_run = decontaminate(tmp_path / "whole", corpus, quiz)
    assert whole_run.counts["in"] == 600 and whole_run.counts["dropped"] == 40
    root = Path(__file__).parents[2]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(root), str(root / "tests" / "dedup")]))
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "cut"), corpus, quiz], env=environment)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "cut").glob("_staging/task-*.json")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(list((tmp_path / "cut").glob("_staging/task-*.json"))) < 6
    assert not (tmp_path / "cut" / "manifest.json").exists()
    decontaminate(tmp_path / "cut", corpus, quiz)
    assert digest(tmp_path / "whole") == digest(tmp_path / "cut")

"""From a training token back to its characters, its document and what was decided on it."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from given_rows import dataset_of

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Conversation, Document, Message, batch_to_documents
from pipelines.catalogue import get_stage
from pipelines.cli import cli
from pipelines.token_address import Address, address_in, parse_address
from pipelines.why import explain
from pipelines.why_token import explain_token
from pipelines.why_token_text import render

CODE = 'def f{0}(x):\n    """Größe 日本語 👩‍👧 {0}"""\n    return x + {0}\n\n'


def make(stage: str, output: Path, inputs: dict[str, list[str]], **settings: object) -> Dataset:
    declared = get_stage(stage)
    return execute(declared, validate(declared.config, settings, "test"), inputs, str(output)).dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents (code in repositories) -> format-fim -> pack twice; contexts of repositories -> pack with context FIM."""
    folder = tmp_path_factory.mktemp("why") / "run"
    rows = [
        Document(
            f"{number:032x}", "".join(CODE.format(number + each) for each in range(3 + number % 17)) + "\ufefftail\r\n",
            f"source-{number % 2}", repo=f"o/r{number % 5}", path=f"m{number}.py", quality_bucket=number % 3,
            metadata={"programming_language": "python"},
        )
        for number in range(40)
    ]  # fmt: skip
    docs = dataset_of("Document", rows, str(folder / "docs"), parts=3)
    tokenizer = make("train-tokenizer", folder / "tokenizer", {"input": [docs]}, vocab_size=512).url
    middles = make("format-fim", folder / "middles", {"input": [docs]}, rate=0.6).url
    make("pack", folder / "packed", {"input": [middles], "tokenizer": [tokenizer]}, sequence_length=256)
    contexts = make("concat-repo", folder / "contexts", {"input": [docs]}).url
    make("pack", folder / "long", {"input": [contexts], "tokenizer": [tokenizer]}, sequence_length=2048, mode="best_fit",
         context_fim={"rate": 0.7})  # fmt: skip
    return folder


def texts(dataset: str) -> dict[str, Document]:
    return {d.id: d for batch in Dataset.open(dataset).batches() for d in batch_to_documents(batch)}


def walk(run: Path, step: str, number: int) -> list[dict[str, Any]]:
    dataset = Dataset.open(str(run / step))
    drawn = random.Random(step)
    found = []
    for _ in range(number):
        part = drawn.choice(dataset.parts)
        length = dataset.manifest["config"]["sequence_length"]
        place = f"{dataset.url}/{part['path']}"
        found.append(explain_token(Address(place, drawn.randrange(part["rows"]), drawn.randrange(length))))
    return found


@pytest.mark.parametrize(("step", "source"), [("packed", "docs"), ("long", "contexts")])
def test_random_tokens_are_the_characters_they_are_said_to_be(run: Path, step: str, source: str) -> None:
    originals = texts(str(run / source))
    files = texts(str(run / "docs"))
    seen: Counter[str] = Counter()
    for found in walk(run, step, 120):
        assert not found["unknown"] and render(found)
        seen[found["kind"]] += 1
        if found["kind"] == "padding":
            assert found["segment"] is None and not found["in_loss"]
            continue
        seen[found["segment"]["role"]] += 1
        text = originals[found["id"]].text
        if found["kind"] == "text":
            held = found["document"]
            start, end = held["at_characters"]
            first, last = held["at_bytes"]
            assert text[start:end] == held["text"] and end > start
            data = text.encode()[first:last]
            assert data.decode("utf-8", "replace") == found["written"] or found["written"].count("\ufffd")
            assert data in text[start:end].encode()
            assert text[max(0, start - 60) : start] == held["before"]
        assert found["steps"][0]["became"] == "kept" and found["steps"][-1]["became"] == "packed"
        for origin in found["origins"]:
            if origin["relation"] == "from file":
                held_file = files[origin["id"]].text.encode()
                rest = held_file[origin["at_byte"] :]  # a token may hold the end of a file and what follows it
                assert rest.startswith(data) or data.startswith(rest)
                assert origin["steps"][0]["step"] == "docs-documents" or origin["steps"][0]["step"] == "docs"
                seen["file"] += 1
    wanted = {"packed": {"text", "fim", "document"}, "long": {"text", "psm", "spm", "file"}}[step]
    assert wanted <= set(seen), seen


def test_the_tokens_of_a_document_in_turn_are_its_text(run: Path) -> None:
    dataset = Dataset.open(str(run / "packed"))
    (row,) = next(iter(dataset.batches())).slice(1, 1).to_pylist()
    segment = next(s for s in row["segments"] if s["role"] == "document")
    tokens = range(segment["start"], segment["start"] + segment["length"])
    told = [explain_token(Address(dataset.url, 1, token)) for token in tokens]
    text = texts(str(run / "docs"))[segment["id"]].text
    spans = [t["document"]["at_bytes"] for t in told if t["kind"] == "text"]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))
    whole = text.encode()[spans[0][0] : spans[-1][1]].decode()
    assert "".join(t["written"] for t in told if "\ufffd" not in t["written"])[:20] in whole
    if told[-1]["kind"] == "eos":
        assert spans[-1][1] == len(text.encode())


def test_sentinels_and_padding_are_told(run: Path) -> None:
    dataset = Dataset.open(str(run / "long"))
    kinds = set()
    number = 0
    for batch in dataset.batches():
        for row in batch.to_pylist():
            for segment in row["segments"]:
                if segment["role"] in ("psm", "spm"):
                    kinds.add(explain_token(Address(dataset.url, number, segment["start"]))["kind"])
            used = max(s["start"] + s["length"] for s in row["segments"])
            if used < len(row["input_ids"]):
                kinds.add(explain_token(Address(dataset.url, number, used))["kind"])
            number += 1
    assert kinds == {"sentinel", "padding"}


def test_command_takes_three_ways_to_name_a_token(run: Path) -> None:
    ways = ([f"{run}/packed/part-00000.parquet:0:9"], [str(run), "packed/part-00000:0:9"], [str(run), "packed:0:9"])
    told = [json.loads(CliRunner().invoke(cli, ["why", *way, "--json"]).stdout) for way in ways]
    assert told[0] == told[1] == told[2] and told[0]["token"] == 9
    assert "segment" in CliRunner().invoke(cli, ["why", *ways[0]]).stdout
    assert explain(str(run), told[0]["id"])["steps"][-1]["step"] in ("packed", "long")


@pytest.mark.parametrize(
    ("place", "told"),
    [("packed/part-00000:99999:0", "rows, counted from 0"), ("packed/part-00000:0:256", "256 tokens, counted from 0"),
     ("packed/part-00077:0:0", "no part 'part-00077.parquet'"), ("docs/part-00000:0:0", "holds Document rows"),
     ("packed:99999:0", "rows, counted from 0")],
)  # fmt: skip
def test_addresses_that_are_not_there(run: Path, place: str, told: str) -> None:
    address = address_in(str(run), place)
    assert address is not None
    with pytest.raises(UsageError, match=told):
        explain_token(address)


def test_an_id_with_colons_stays_an_id(run: Path) -> None:
    assert address_in(str(run), "web:page:17:3") is None
    assert parse_address("web") is None
    assert CliRunner().invoke(cli, ["why", str(run)]).exception is not None


def test_deleted_steps_are_said_to_be_unknown(run: Path, tmp_path: Path) -> None:
    for step in ("docs", "middles", "packed", "tokenizer"):
        shutil.copytree(run / step, tmp_path / "run" / step)
    address = Address(str(tmp_path / "run/packed"), 0, 3)
    whole = explain_token(address)
    assert any("before docs" in told for told in whole["unknown"])  # docs-documents was not copied
    assert explain_token(address, also=[str(run / "docs-documents")])["unknown"] == []
    shutil.rmtree(tmp_path / "run/middles")
    found = explain_token(address)
    assert any("'input'" in told and "packed" in told for told in found["unknown"])
    assert found["segment"]["role"] == "fim" and "document" not in found  # docs has not the text that was packed
    assert any("text of the document" in told for told in found["unknown"])
    assert [event["step"] for event in found["steps"]] == ["docs", "packed"]
    assert found["segment"] == whole["segment"]
    shutil.rmtree(tmp_path / "run/tokenizer")
    assert any("--tokenizer" in told for told in explain_token(address)["unknown"])
    named = explain_token(address, tokenizer=str(run / "tokenizer"), also=[str(run)])
    assert named["document"] == {**whole["document"], "step": "run/middles"}


def test_a_document_tells_who_was_merged_into_it(tmp_path: Path) -> None:
    docs = dataset_of("Document", [Document(name, "the same text", "s") for name in "ab"], str(tmp_path / "run/docs"))
    make("dedup-exact", tmp_path / "run/distinct", {"input": [docs]})
    events = [step for name in "ab" for step in explain(str(tmp_path / "run"), name)["steps"]]
    assert [step["rows"] for step in events if step["became"] == "survivor"] == [1]


def test_a_rendered_conversation_leads_to_its_problem(tmp_path: Path) -> None:
    from pipelines.why_origins import origins

    evidence = json.dumps({"problem": "p1", "verifier": "math", "expected": "2"})
    talk = Conversation("c1", [Message("user", "1+1?"), Message("assistant", "2")], "sums", evidence=evidence)
    url = dataset_of("Conversation", [talk], str(tmp_path / "run/talks"))
    from pipelines.lineage import open_run

    steps = open_run(str(tmp_path / "run")).steps
    way = [{"step": "talks", "became": "kept"}]
    assert Dataset.open(url).rows == 1
    assert origins(steps, way, "c1", None) == [("answers problem", "p1", {"verifier": "math", "expected": "2"})]


def test_tokens_of_a_rendered_conversation(run: Path, tmp_path: Path) -> None:
    """Each token of a conversation: its characters, its message, whether it is in the loss, and the conversation behind."""
    evidence = json.dumps({"problem": "p1", "verifier": "math", "expected": "2"})
    talk = [Message("user", "1+1? 日本"), Message("assistant", "It is 2.", "One and one."), Message("user", "ok?"),
            Message("assistant", "yes")]  # fmt: skip
    talks = dataset_of(
        "Conversation", [Conversation("c1", talk, "sums", evidence=evidence)], str(tmp_path / "run/talks")
    )
    chats = make("render-chat", tmp_path / "run/chats", {"input": [talks]}).url
    packed = make("pack", tmp_path / "run/packed", {"input": [chats], "tokenizer": [str(run / "tokenizer")]},
                  sequence_length=128, mode="best_fit")  # fmt: skip
    shutil.copytree(run / "tokenizer", tmp_path / "run/tokenizer")
    text = texts(chats)["c1#1"].text
    number, row = next(
        (n, row)
        for n, row in enumerate(next(iter(packed.batches())).to_pylist())
        if row["segments"][-1]["id"] == "c1#1"
    )
    segment = row["segments"][-1]
    told = [explain_token(Address(packed.url, number, segment["start"] + n)) for n in range(segment["length"])]
    spans = [each["document"]["at_bytes"] for each in told]
    assert spans[0][0] == 0 and spans[-1][1] == len(text.encode())
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))
    assert {each["kind"] for each in told} == {"text", "control"}
    assert "".join(each["document"]["text"] for each in told if each["in_loss"]).endswith("yes<|endoftext|>")
    assert told[-2]["document"]["message"]["role"] == "assistant"
    (origin,) = told[0]["origins"]
    assert (origin["relation"], origin["id"], origin["turn"]) == ("rendered from conversation", "c1", "1")
    assert origin["origins"][0]["id"] == "p1" and not [line for line in told[0]["unknown"] if "talks" not in line][1:]


def test_a_token_after_documents_were_removed(run: Path, tmp_path: Path) -> None:
    """The way goes through remove-documents to pack, and where pack's dataset is gone its settings are still known."""
    for step in ("docs-documents", "docs", "middles", "packed", "tokenizer"):
        shutil.copytree(run / step, tmp_path / "run" / step)
    packed = str(tmp_path / "run/packed")
    less = make("remove-documents", tmp_path / "run/less", {"input": [packed]}, ids=[f"{3:032x}"])
    found = explain_token(Address(less.url, less.rows - 2, 20))
    assert [step["step"] for step in found["steps"]][-2:] == ["packed", "less"] and not found["unknown"]
    shutil.rmtree(packed)
    again = explain_token(Address(less.url, less.rows - 2, 20))
    assert again["document"] == found["document"] and any(
        "less (remove-documents)" in told for told in again["unknown"]
    )


def test_nothing_that_steers_a_terminal_gets_through(run: Path, tmp_path: Path) -> None:
    rows = [Document("evil\x1b[2J", "red \x1b[31m text \x07" * 40, "s\x1b]0;x\x07")]
    docs = dataset_of("Document", rows, str(tmp_path / "run/docs"))
    inputs = {"input": [docs], "tokenizer": [str(run / "tokenizer")]}
    packed = make("pack", tmp_path / "run/packed", inputs, sequence_length=64)
    told = render(explain_token(Address(packed.url, 0, 7), tokenizer=str(run / "tokenizer")))
    assert told.replace("\n", "").isprintable() and "\\x1b[31m" in told


def test_another_tokenizer_is_refused(run: Path, tmp_path: Path) -> None:
    """It would tell texts that the tokens never were."""
    other = make("train-tokenizer", tmp_path / "other", {"input": [str(run / "docs")]}, vocab_size=600).url
    address = Address(f"{run}/packed/part-00000.parquet", 0, 5)
    with pytest.raises(UsageError, match="the tokens were made by"):
        explain_token(address, tokenizer=other)
    assert explain_token(address, tokenizer=str(run / "tokenizer"))["kind"] == explain_token(address)["kind"]

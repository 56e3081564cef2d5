"""import-tokenizer: forms that are read, what is mended, what is refused, and that stages take its output."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from arcmill.config import validate
from arcmill.errors import ArcmillError, InputError, UsageError
from arcmill.execute import execute
from sequences.export_tokens import ChatTokenizer
from sequences.pack import Pack, setup
from sequences.tokenizer import SPECIAL_TOKENS
from sequences.tokenizer_checks import SAMPLES, byte_letters, kind_of_loss, structure
from sequences.tokenizer_import import STAGE, ImportTokenizer
from sequences.tokenizer_ranks import BYTES, guessed_encoding, read_tiktoken
from sequences.tokenizer_training import learn


@pytest.fixture(autouse=True)
def _fewer_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequences.tokenizer_checks.CHARACTERS", 0x1400)


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """A byte-level tokenizer.json without control tokens."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdeht", k=6)) for _ in range(300)]
    learned = learn([" ".join(words) + " the word and the word"], 400, 1)
    assert learned.get_vocab_size() == 400
    return json.loads(learned.to_str())  # type: ignore[no-any-return]


def entry(token: str, number: int, **flags: Any) -> dict[str, Any]:
    return {
        "id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
        "special": True, **flags,
    }  # fmt: skip


def with_tokens(spec: dict[str, Any], *tokens: str) -> dict[str, Any]:
    first = len(spec["model"]["vocab"])
    return {**spec, "added_tokens": [entry(token, first + place) for place, token in enumerate(tokens)]}


def imported(
    tmp_path: Path, given: dict[str, Any] | Path, beside: Any = None, **settings: Any
) -> tuple[Path, dict[str, Any]]:
    """Run the stage; returns its output and its report."""
    number = len(list(tmp_path.iterdir()))
    source = given if isinstance(given, Path) else tmp_path / f"in-{number}"
    if not isinstance(given, Path):
        source.mkdir()
        (source / "tokenizer.json").write_text(json.dumps(given))
        if beside:
            (source / "tokenizer_config.json").write_text(json.dumps(beside))
    output = tmp_path / f"out-{number}"
    config = validate(ImportTokenizer, settings, "import-tokenizer")
    execute(STAGE, config, {"input": [str(source)]}, str(output))
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["record"] == "Model"
    return output, manifest["statistics"]


def test_a_tokenizer_json_comes_through_as_it_is(tmp_path: Path, plain: dict[str, Any]) -> None:
    given = with_tokens(plain, "<|endoftext|>", "<|user|>")
    output, report = imported(tmp_path, given)
    before = Tokenizer.from_str(json.dumps(given))
    after = Tokenizer.from_file(str(output / "tokenizer.json"))
    for text in SAMPLES:
        assert after.encode(text).ids == before.encode(text).ids
    assert report["eos_token"] == report["pad_token"] == "<|endoftext|> 400"
    assert (report["vocab_size"], report["control_tokens"], report["holes_filled"]) == (402, 2, "")
    assert (report["losses"], report["characters_changed"], report["characters_tried"]) == ({}, 0, 0x1400 - 0x800)
    encoder = setup(Pack(), {"tokenizer": str(output)})
    assert encoder.eos_id == 400


def test_the_same_bytes_whatever_the_order_of_keys(tmp_path: Path, plain: dict[str, Any]) -> None:
    given = with_tokens(plain, "<|endoftext|>")
    first, _ = imported(tmp_path, given)
    second, _ = imported(tmp_path, dict(reversed(given.items())))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_its_own_output_and_that_of_train_tokenizer_are_read(tmp_path: Path, plain: dict[str, Any]) -> None:
    first, _ = imported(tmp_path, with_tokens(plain, "<|endoftext|>"))
    second, report = imported(tmp_path, first)
    assert (first / "tokenizer.json").read_bytes() == (second / "tokenizer.json").read_bytes()
    assert report["form"] == "tokenizer.json"


def test_missing_tokens_are_added_only_where_that_is_asked(tmp_path: Path, plain: dict[str, Any]) -> None:
    given = with_tokens(plain, "</s>")
    with pytest.raises(InputError, match=r"no token <\|fim_prefix\|>.*add_missing"):
        imported(tmp_path, given, fim_tokens="qwen")
    output, report = imported(
        tmp_path, given, fim_tokens="qwen", chat=True, add_missing=True, extra_tokens=["<|tool|>"]
    )
    assert report["eos_token"] == "</s> 400"
    assert report["added"][:3] == ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
    assert report["added"][-1] == "<|tool|>"
    assert set(SPECIAL_TOKENS) <= set(report["added"])
    assert report["known_fim_sets"] == ["glm", "qwen"]
    assert report["chat"]
    ChatTokenizer.load(str(output))
    encoder = setup(
        validate(Pack, {"eos_token": "</s>", "fim_tokens": "qwen", "context_fim": {"rate": 0.5}}, "pack"),
        {"tokenizer": str(output)},
    )
    assert encoder.fim_ids(("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")) == (401, 402, 403)


def test_a_token_of_the_vocabulary_is_made_a_control_token(tmp_path: Path, plain: dict[str, Any]) -> None:
    given = {**plain, "model": {**plain["model"], "vocab": {**plain["model"]["vocab"], "</s>": 400}}}
    output, report = imported(tmp_path, given, eos_token="</s>")
    assert report["marked_as_control"] == ["</s>"]
    tokenizer = Tokenizer.from_file(str(output / "tokenizer.json"))
    assert tokenizer.encode("a</s>b").ids.count(400) == 1
    assert 400 not in setup(Pack(eos_token="</s>"), {"tokenizer": str(output)})._plain.encode("a</s>b").ids


def test_holes_are_filled_or_refused(tmp_path: Path, plain: dict[str, Any]) -> None:
    given = {**plain, "added_tokens": [entry("<|endoftext|>", 402), entry("<|late|>", 405)]}
    assert Tokenizer.from_str(json.dumps(given)).token_to_id("<|endoftext|>") == 400  # what goes wrong without
    with pytest.raises(InputError, match=r"4 ids have no token \(400-401, 403-404\)"):
        imported(tmp_path, given, fill_holes=False)
    output, report = imported(tmp_path, given)
    assert report["holes_filled"] == "400-401, 403-404"
    tokenizer = Tokenizer.from_file(str(output / "tokenizer.json"))
    assert [tokenizer.token_to_id(token) for token in ("<|endoftext|>", "<|late|>")] == [402, 405]
    assert tokenizer.get_vocab_size() == 406


def test_what_a_folder_says_beside_the_tokenizer(tmp_path: Path, plain: dict[str, Any]) -> None:
    beside = {"eos_token": {"content": "<done>"}, "pad_token": "<pad>", "chat_template": "{{ x }}", "other": 1}
    output, report = imported(tmp_path, with_tokens(plain, "<done>", "<pad>"), beside)
    assert (report["eos_token"], report["pad_token"], report["pad_is_eos"]) == ("<done> 400", "<pad> 401", False)
    written = json.loads((output / "tokenizer_config.json").read_text())
    assert (written["eos_token"], written["pad_token"], written["chat_template"]) == ("<done>", "<pad>", "{{ x }}")
    assert "other" not in written
    with pytest.raises(UsageError, match=r"eos_token '<\|endoftext\|>' is not a token.*names '<done>'"):
        setup(Pack(), {"tokenizer": str(output)})
    # A turn of a chat is not the end of a document.
    _, report = imported(tmp_path, with_tokens(plain, "<|im_end|>", "<|endoftext|>"), {"eos_token": "<|im_end|>"})
    assert report["eos_token"] == "<|endoftext|> 401"


def normalised(plain: dict[str, Any], step: Any) -> dict[str, Any]:
    made = Tokenizer.from_str(json.dumps(with_tokens(plain, "<|endoftext|>")))
    made.normalizer = step
    return json.loads(made.to_str())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("step", "kind"),
    [(normalizers.NFKC(), "nfkc"), (normalizers.Lowercase(), "lowercase"), (normalizers.Strip(), "strip"),
     (normalizers.Replace("  ", " "), "white-space"), (normalizers.StripAccents(), "characters")],
)  # fmt: skip
def test_normalisers_that_lose_text_are_named(tmp_path: Path, plain: dict[str, Any], step: Any, kind: str) -> None:
    given = normalised(plain, step)
    with pytest.raises(InputError, match=f"does not come back.*{kind} "):
        imported(tmp_path, given)
    folder = next(tmp_path.glob("in-*"))
    with pytest.raises(UsageError, match=f"does not come back.*{kind} "):
        setup(Pack(), {"tokenizer": str(folder)})  # a plain folder is held to the same
    kinds = ["nfc", "metaspace-mark", "leading-space", "strip", "nfkc", "lowercase", "white-space", "characters"]
    output, report = imported(tmp_path, given, accept_losses=kinds)
    assert kind in report["losses"]
    assert report["characters_changed"] > 0 or kind in ("strip", "white-space")
    setup(Pack(), {"tokenizer": str(output)})  # accepted once


def test_canonical_composition_is_taken_and_reported(tmp_path: Path, plain: dict[str, Any]) -> None:
    _, report = imported(tmp_path, normalised(plain, normalizers.NFC()))
    assert list(report["losses"]) == ["nfc"]
    assert report["characters_changed"] > 10
    with pytest.raises(InputError, match="nfc"):
        imported(tmp_path, normalised(plain, normalizers.NFC()), accept_losses=[])


def test_bytes_without_a_token(tmp_path: Path, plain: dict[str, Any]) -> None:
    """The library loses such bytes without a word."""
    letter = byte_letters()[4]
    kept = [token for token in plain["model"]["vocab"] if token != letter]
    given = with_tokens(
        {**plain, "model": {**plain["model"], "vocab": {token: n for n, token in enumerate(kept)}}}, "<|endoftext|>"
    )
    assert Tokenizer.from_str(json.dumps(given)).encode("\x04").ids == []
    with pytest.raises(InputError, match=r"bytes \(no token for 1 bytes of UTF-8: 0x04"):
        imported(tmp_path, given)
    output, report = imported(tmp_path, given, accept_losses=["bytes"])
    assert report["losses"].keys() == {"bytes"}
    encoder = setup(Pack(), {"tokenizer": str(output)})
    assert encoder.parts("a\x04b").rule == "lost_bytes"  # type: ignore[union-attr]
    assert not hasattr(encoder.parts("a\x05b"), "rule")


def test_an_ascii_character_stands_for_its_byte(tmp_path: Path) -> None:
    """Gemma 2 has a token of the tab, and no <0x09>."""
    pieces = ["<unk>", "</s>", "\t", *(f"<0x{byte:02X}>" for byte in range(256) if byte != 9), "\u2581", "a"]
    made = Tokenizer(
        models.BPE(
            {piece: n for n, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True
        )
    )
    made.normalizer = normalizers.Replace(" ", "\u2581")
    made.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(["</s>"])
    output, report = imported(tmp_path, json.loads(made.to_str()))
    assert "bytes" not in report["losses"]
    parts = setup(Pack(eos_token="</s>"), {"tokenizer": str(output)}).parts("a\tb")
    assert isinstance(parts, list)
    without = json.loads(made.to_str())
    del without["model"]["vocab"]["\t"]
    without["model"]["vocab"]["x"] = 2
    with pytest.raises(InputError, match=r"no token for 1 bytes of UTF-8: 0x09"):
        imported(tmp_path, without)


def test_models_that_forget_are_refused(tmp_path: Path, plain: dict[str, Any]) -> None:
    piece = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "[SEP]": 2}, unk_token="[UNK]"))
    piece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    with pytest.raises(InputError, match=r"WordPiece.*cannot come back"):
        imported(tmp_path, json.loads(piece.to_str()), eos_token="[SEP]")
    with pytest.raises(UsageError, match="WordPiece"):
        setup(Pack(eos_token="[SEP]"), {"tokenizer": str(next(tmp_path.glob("in-*")))})
    with pytest.raises(InputError, match="dropout"):
        imported(tmp_path, with_tokens({**plain, "model": {**plain["model"], "dropout": 0.1}}, "<|endoftext|>"))


def test_unigram_with_bytes_is_taken(tmp_path: Path) -> None:
    pieces = [
        ("<unk>", 0.0),
        ("</s>", 0.0),
        *((f"<0x{byte:02X}>", -9.0) for byte in range(BYTES)),
        ("\u2581", -2.0),
        ("a", -2.5),
    ]
    made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    made.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    given = json.loads(made.to_str())
    with pytest.raises(InputError, match=r"byte-names .*<0x0A>"):  # the library takes the text for the token
        imported(tmp_path, given)
    output, report = imported(tmp_path, given, accept_losses=["byte-names", "metaspace-mark"])
    assert (report["model"], report["encoded_by_chunk"]) == ("Unigram", True)
    assert report["losses"].keys() == {"byte-names", "metaspace-mark"}
    setup(Pack(eos_token="</s>"), {"tokenizer": str(output)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spec: spec["added_tokens"].append(entry("<b>", 400)), "'<|endoftext|>' and '<b>' have the same id 400"),
        (lambda spec: spec["added_tokens"].append(entry("<|endoftext|>", 401)), "has two ids, 400 and 401"),
        (lambda spec: spec["model"].update(merges=[["x", "no-such"]]), "cannot load it"),
        (lambda spec: spec.update(model={"type": "BPE"}), "no vocab"),
        (lambda spec: spec.update(model=3), "no model in it"),
    ],
)
def test_broken_files(tmp_path: Path, plain: dict[str, Any], change: Any, message: str) -> None:
    given = json.loads(json.dumps(with_tokens(plain, "<|endoftext|>")))
    change(given)
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        imported(tmp_path, given)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model": {}, "model": {}}', "\ud800"])
def test_what_is_no_tokenizer(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text, errors="surrogatepass")
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        imported(tmp_path, tmp_path / "tokenizer.json")


def test_a_renumbering_is_seen_without_loading(plain: dict[str, Any]) -> None:
    for tokens in (
        [("<a>", 400), ("<b>", 401)],
        [("<a>", 401)],
        [("<a>", 400), ("<b>", 402)],
        [("the", None), ("<a>", 400)],
    ):
        entries = [entry(token, plain["model"]["vocab"].get(token, number)) for token, number in tokens]
        spec = {**plain, "added_tokens": entries}
        loaded = Tokenizer.from_str(json.dumps(spec))
        wrong = any(loaded.token_to_id(each["content"]) != each["id"] for each in entries)
        assert bool(structure(spec)) == wrong, tokens


def ranks(*longer: bytes) -> bytes:
    tokens = [*(bytes([byte]) for byte in range(BYTES)), *longer]
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def test_a_tiktoken_file(tmp_path: Path) -> None:
    path = tmp_path / "small.tiktoken"
    path.write_bytes(ranks(b"th", b"the", b" the", b"he", "\u00e9".encode(), b"aa", b"aaaa"))
    with pytest.raises(UsageError, match="whose ranks"):
        imported(tmp_path, path)
    output, report = imported(
        tmp_path,
        path,
        encoding="cl100k",
        special_tokens={"<|endoftext|>": 265, "<|fim_prefix|>": 263},
        eos_token="<|endoftext|>",
    )
    assert (report["form"], report["holes_filled"], report["vocab_size"]) == ("tiktoken cl100k", "264", 266)
    tokenizer = Tokenizer.from_file(str(output / "tokenizer.json"))
    assert tokenizer.encode("the the\u00e9 aaaaa").ids == [257, 258, 260, 32, 262, 97]
    assert tokenizer.token_to_id("<|endoftext|>") == 265
    setup(Pack(), {"tokenizer": str(output)})


def test_control_tokens_among_the_ranks_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "p50k.tiktoken"
    path.write_bytes(ranks() + base64.b64encode(b"ab") + b" 257\n")
    output, _ = imported(tmp_path, path, special_tokens={"<|endoftext|>": 256})
    tokenizer = Tokenizer.from_file(str(output / "tokenizer.json"))
    assert tokenizer.encode("ab<|endoftext|>").ids == [257, 256]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"!!! 3\n", "line 1: not a line"), (b"YQ== x\n", "line 1"), (b"YQ== 0\nYQ== 1\n", "line 2.*twice"),
        (b"YQ== 0\n", "no token for 255 of the 256 bytes"), (ranks() + b"YWI= 3\n", "two tokens have the id 3"),
        (b"\n\x0e\n\x05<unk>\x15\x00\x00", "SentencePiece"),
    ],
)  # fmt: skip
def test_broken_ranks(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "cl100k.tiktoken"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        imported(tmp_path, path)


def test_a_tekken_file(tmp_path: Path) -> None:
    rows = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate([*(bytes([byte]) for byte in range(BYTES)), b"th", b"the", b"cut off"])
    ]
    config = {"pattern": "[a-z]+|[^a-z]+", "default_vocab_size": 278, "default_num_special_tokens": 20}
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps({"config": config, "vocab": rows}))
    output, report = imported(tmp_path, path)
    assert (report["form"], report["vocab_size"], report["eos_token"]) == ("tekken", 278, "</s> 2")
    assert Tokenizer.from_file(str(output / "tokenizer.json")).encode("the").ids == [277]
    path.write_text(json.dumps({"config": {}, "vocab": [{"token_bytes": ""}]}))
    with pytest.raises(InputError, match=r"not a tekken\.json"):
        imported(tmp_path, path)


def test_which_file_of_a_folder(tmp_path: Path, plain: dict[str, Any]) -> None:
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    (folder / "cl100k.tiktoken").write_bytes(ranks())
    (folder / "tokenizer.json").write_text(json.dumps(with_tokens(plain, "<|endoftext|>")))
    _, report = imported(tmp_path, folder)
    assert report["form"] == "tokenizer.json"
    (folder / "tokenizer.json").unlink()
    (folder / "r50k.tiktoken").write_bytes(ranks())
    with pytest.raises(UsageError, match="several tokenizers"):
        imported(tmp_path, folder)


def test_whose_ranks() -> None:
    few = read_tiktoken(ranks(), "x").ranks
    assert guessed_encoding("o200k_base.tiktoken", few) == "o200k"
    assert guessed_encoding("qwen.tiktoken", few) == "qwen"
    assert guessed_encoding("tokenizer.model", few) is None
    more = {number.to_bytes(4, "big"): number for number in range(151_644)}
    assert guessed_encoding("qwen3_6.tiktoken", more) is None  # other words: not those of Qwen before 3.5
    more = {number.to_bytes(4, "big"): number for number in range(248_044)}
    assert guessed_encoding("qwen3_6.tiktoken", more) == "qwen3.5"


def test_control_tokens_that_have_the_id_of_a_rank(tmp_path: Path) -> None:
    path = tmp_path / "qwen.tiktoken"
    path.write_bytes(ranks())
    with pytest.raises(InputError, match=r"the id 7; is '<\|x\|>' a control token"):
        imported(tmp_path, path, special_tokens={"<|x|>": 7})


@pytest.mark.parametrize(
    ("text", "back", "kind"),
    [(" a", "a", "leading-space"), ("e\u0301", "\u00e9", "nfc"), ("\ufb01", "fi", "nfkc"), ("A b", "a b", "lowercase"),
     ("a  b", "a b", "white-space"), ("a ", "a", "strip"), ("a\u2581b", "a b", "metaspace-mark"), ("abc", "ac", "characters")],
)  # fmt: skip
def test_names_of_losses(text: str, back: str, kind: str) -> None:
    assert kind_of_loss(text, back) == kind


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoding": "gpt5"}, "encoding"), ({"fim_tokens": ["<a>", "<a>", "<b>"]}, "twice"), ({"fim_tokens": ["<a>"]}, "three"),
        ({"extra_tokens": [" "]}, "visible"), ({"eos": "x"}, "unknown setting 'eos'"),
    ],
)  # fmt: skip
def test_mistakes_in_the_config(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArcmillError, match=message):
        validate(ImportTokenizer, settings, "import-tokenizer")

"""Whether a tokenizer can be trusted with a corpus: bytes, ids, control tokens, and text that comes back.

`structure` reads the file; `lost` encodes and decodes. Both are asked by `import-tokenizer`, and by every stage that
takes a tokenizer, so that a plain folder is held to the same.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from arcmill.errors import UsageError
from sequences.chunk_merges import METASPACE
from sequences.tokenizer_spec import Spec, all_tokens, steps, unknown_ids, vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RoundTrip = Callable[[str], str]  # a text to what its tokens decode to

# What may be lost without a word in the settings: the canonical form of characters (NFC: Qwen), U+2581 read back as the
# space that it is the sign of, and the first space of a document (SentencePiece with a prefix).
HARMLESS = ("nfc", "metaspace-mark", "leading-space")
# Each for one kind of loss; together with `every_character` they are the proof that text comes back.
SAMPLES = (
    "plain words, and 1234567 numbers: 3.14 1e-9 0x1F", " a leading space", "a trailing space ", "  two  spaces   three ",
    "tab\tand\tmore\t\t", "line\nfeeds\n\n\nthree", "CR LF\r\nand CR\ralone\r\r\n", "\n first line empty", "    indented\n\tby tab\n",
    "NUL\x00 and \x01\x02\x07\x08\x1b\x1c\x1f\x7f", "UPPER lower Title cAMEL", "don't we'll IT'S 'quoted'",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \u4e2d\u6587\u6587\u672c\u3002\ud55c\uad6d\uc5b4",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea \u0939\u093f\u0928\u094d\u0926\u0940",
    "e\u0301 o\u0308 a\u030a (not composed)", "\u00e9 \u00f6 \u00e5 (composed)", "\ufb01 \u2460 \u00bd \uff21 \u2122 \u1d400".replace("\u1d400", "\U0001d400"),
    "\U0001f469\u200d\U0001f4bb \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd \u2764\ufe0f", "\u00a0 \u2003 \u3000 \u2028 \u2029 \u200b \u00ad",
    "\ufeff byte order mark, \ufffd replaced, \U0010ffff last", "<|endoftext|> </s> <s> <unk> [UNK] <0x0A> <think> [MASK] <pad>",
    "metaspace \u2581 sign \u2581\u2581", "aaaaaaaa" * 64, " " * 300 + "x", "\n" * 100 + "x", "=" * 200, "\u00e9" * 200,
    "{\"json\": [1, 2.5, null], \"key\": \"va\\\\lue\"}", "$\\frac{a}{b}$ \\begin{align} x &= y \\\\ \\end{align}",
    "def f(x):\n    if x is None:\n        return [y for y in range(10)]\n\n\nclass A:\n    pass\n",
)  # fmt: skip
UTF8_BYTES = (*range(0xC0), *range(0xC2, 0xF5))  # the others never occur in UTF-8
ACCEPTED = "accepted_losses"  # in tokenizer_config.json: what import-tokenizer was told to accept
_BYTE_NAME = re.compile("<0x([0-9A-F]{2})>")
LARGEST_ID = (1 << 24) - 1
MOST_STEPS, MOST_GROWTH = 64, 1000  # steps of one kind, and how often each character may be repeated by them
CHARACTERS = 0x110000  # code points that are tried, surrogates aside
BLOCK = 256  # characters that are tried together


def structure(spec: Spec) -> list[str]:
    """What is wrong with the file, a sentence each."""
    found = []
    model = spec["model"]
    kind = model["type"]
    if kind in ("WordPiece", "WordLevel"):
        found.append(
            f"{kind} has no tokens for unknown characters and forgets white space: text cannot come back from it"
        )
        return found
    if model.get("dropout"):
        found.append(f"BPE dropout {model['dropout']} makes encoding random; set it to null")
    if byte_level(spec) and not spec.get("decoder"):
        found.append("it turns text into bytes and has no decoder to turn them back; set decoder to ByteLevel")
    if not (byte_level(spec) or model.get("byte_fallback") or unknown_ids(spec)):
        found.append(f"{kind} without bytes, byte_fallback or an unknown token: text outside the vocabulary is lost")
    return [*found, *_growth(spec), *_ids(spec), *_renumbered(spec)]


def _growth(spec: Spec) -> Iterator[str]:
    """Steps that could make a text a million times as long: each Replace and Prepend multiplies what the ones before gave."""
    for key, inner in (("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers"), ("decoder", "decoders")):
        each = steps(spec.get(key), inner)
        given = [step.get("content") if step["type"] == "Replace" else step.get("prepend") for step in each]
        times = math.prod(max(1, len(text)) for text in given if isinstance(text, str))
        if len(each) > MOST_STEPS or times > MOST_GROWTH:
            yield f"its {key} of {len(each)} steps can make a text {float(times):.2g} times as long"


def missing_bytes(spec: Spec) -> bytes:
    """The bytes of UTF-8 that are lost without a word: they have no token, and nothing stands for what is unknown."""
    tokens = vocabulary(spec)
    if byte_level(spec):
        letters = byte_letters()
        return bytes(byte for byte in UTF8_BYTES if letters[byte] not in tokens)
    if spec["model"].get("byte_fallback"):
        return bytes(byte for byte in UTF8_BYTES if not has_byte(byte, tokens))
    return b""


def has_byte(byte: int, tokens: Collection[str]) -> bool:
    """Whether a `byte_fallback` vocabulary holds a byte: its token, or for ASCII the character (Gemma 2 has a tab and no <0x09>)."""
    return f"<0x{byte:02X}>" in tokens or (byte < 0x80 and chr(byte) in tokens)


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary (as GPT-2 published it)."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(hidden)) for byte in range(256)]


def byte_level(spec: Spec) -> bool:
    """Whether text is turned into bytes before the model sees it."""
    found = [*steps(spec.get("pre_tokenizer"), "pretokenizers"), *steps(spec.get("normalizer"), "normalizers")]
    return any(step["type"] == "ByteLevel" for step in found)


def _ids(spec: Spec) -> Iterator[str]:
    added_ids = [entry["id"] for entry in spec.get("added_tokens") or []]
    for number in (*vocabulary(spec).values(), *added_ids):
        if type(number) is not int or not 0 <= number <= LARGEST_ID:
            yield f"{number!r:.40} is no id; ids are whole numbers from 0 to {LARGEST_ID:,}"
            return
    owner: dict[int, str] = {}
    for token, number in vocabulary(spec).items():
        if number in owner:
            yield f"{owner[number]!r} and {token!r} have the same id {number}"
        owner[number] = token
    given: dict[str, int] = {}
    for entry in spec.get("added_tokens") or []:
        token, number = entry["content"], entry["id"]
        if given.setdefault(token, number) != number:
            yield f"{token!r} has two ids, {given[token]} and {number}"
        if owner.get(number, token) != token:
            yield f"{owner[number]!r} and {token!r} have the same id {number}"
        own = vocabulary(spec).get(token, number)
        if own != number:
            yield f"{token!r} has two ids, {own} and {number}"
        owner[number] = token


def many_holes(spec: Spec) -> int:
    """The ids below the greatest that no token has, where they are more than those that one has; else 0."""
    taken = {*all_tokens(spec).values()}
    count = max(taken, default=-1) + 1 - len(taken)
    return count if count > len(taken) else 0


def holes(spec: Spec) -> list[int]:
    """Ids below the greatest that no token has."""
    taken = {*vocabulary(spec).values(), *(entry["id"] for entry in spec.get("added_tokens") or [])}
    return [number for number in range(max(taken, default=-1) + 1) if number not in taken]


def _renumbered(spec: Spec) -> Iterator[str]:
    """The library numbers added tokens anew, behind the model's, where ids have holes, and says nothing."""
    own = vocabulary(spec)
    following = len(own)
    for entry in spec.get("added_tokens") or []:
        token, number = entry["content"], entry["id"]
        if token in own:
            continue
        if number != following:
            yield f"the library would give {token!r} the id {following}, not {number} as the file says (holes among the ids)"
            return
        following += 1


def control(spec: Spec, tokenizer: Tokenizer, wanted: Collection[str]) -> Iterator[str]:
    """What is wrong with control tokens: each must be one id where it stands in a text, and decode to itself."""
    added = {entry["content"]: entry for entry in spec.get("added_tokens") or []}
    for token in wanted:
        if token not in added:
            kind = "is an ordinary token of the vocabulary" if token in vocabulary(spec) else "is not there"
            yield f"control token {token!r} {kind}"
            continue
        number = added[token]["id"]
        ids = tokenizer.encode(f"a{token}b", add_special_tokens=False).ids
        if ids.count(number) != 1 or tokenizer.decode([number], skip_special_tokens=False).strip() != token.strip():
            yield f"control token {token!r} (id {number}) is not one token in a text: a{token}b has the ids {ids}"


def lost(round_trip: RoundTrip, missing: bytes = b"", samples: Collection[str] = SAMPLES) -> dict[str, str]:
    """Kind of loss -> an example, for texts that do not come back. `missing`: bytes that are known to be lost ("bytes")."""
    found: dict[str, str] = {}
    if missing:
        some = ", ".join(f"0x{byte:02X}" for byte in missing[:5])
        found["bytes"] = f"no token for {len(missing)} bytes of UTF-8: {some}{', ...' if len(missing) > 5 else ''}"
    for text in samples:
        if holds(text, missing):
            continue
        back = round_trip(text)
        if back != text:
            found.setdefault(kind_of_loss(text, back), f"{text[:60]!r} came back as {back[:60]!r}")
    return found


def holds(text: str, missing: bytes) -> bool:
    """Whether a text holds one of these bytes."""
    return bool(missing) and len(data := text.encode("utf-8", "surrogatepass")) > len(data.translate(None, missing))


def every_character(round_trip: RoundTrip, missing: bytes = b"") -> tuple[dict[str, str], int]:
    """As `lost` for each character of Unicode, between letters, and how many do not come back."""
    found: dict[str, str] = {}
    count = 0
    for start in range(0, CHARACTERS, BLOCK):
        signs = [chr(number) for number in range(start, start + BLOCK) if not 0xD800 <= number < 0xE000]
        text = "".join(f"{sign}x" for sign in signs)
        if not text or round_trip(text) == text:
            continue
        for sign in signs:
            if holds(sign, missing):
                count += 1
                continue
            back = round_trip(f"x{sign}x")
            if back != f"x{sign}x":
                count += 1
                kind = kind_of_loss(f"x{sign}x", back)
                found.setdefault(kind, f"U+{ord(sign):04X} between letters came back as {back[:20]!r}")
    return found, count


def accepted(folder: Path) -> tuple[str, ...]:
    """The kinds of loss that the import of a folder's tokenizer accepted."""
    try:
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get(ACCEPTED, ())
        return tuple(map(str, named))
    except (OSError, ValueError, AttributeError, TypeError):
        return ()


def prove(path: Path, spec: Spec, round_trip: Callable[[str], str | None]) -> None:
    """Refuse a tokenizer that a corpus cannot be trusted to. `round_trip` gives None for texts that it refuses itself.

    Raises UsageError. Costs milliseconds: `import-tokenizer` tries every character, this the samples.
    """
    if problems := structure(spec):
        raise UsageError(
            f"{path}: cannot be used: {'; '.join(problems[:3])} (import-tokenizer mends what can be mended)"
        )
    try:
        found = lost(lambda text: text if (back := round_trip(text)) is None else back)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the compiled library's own, which is no Exception
            raise
        raise UsageError(f"{path}: a text cannot be encoded ({str(error)[:300]})") from None
    known = {*HARMLESS, *accepted(path.parent)}
    if refused := [f"{kind} ({example})" for kind, example in found.items() if kind not in known]:
        raise UsageError(
            f"{path}: text does not come back from its tokens: {'; '.join(refused)}; where that is wanted, import-tokenizer "
            "takes it with accept_losses"
        )


def kind_of_loss(text: str, back: str) -> str:
    """The name of what changed a text into another."""
    normal = unicodedata.normalize
    if back == text[1:] and text[:1] == " ":
        return "leading-space"
    if back == text.replace(METASPACE, " "):
        return "metaspace-mark"
    if normal("NFC", text) == normal("NFC", back):
        return "nfc"
    if _BYTE_NAME.sub(lambda found: chr(int(found[1], 16)), text) == back:
        return "byte-names"  # the text "<0x0A>" is taken for the token of that byte
    if text.strip() == back.strip():
        return "strip"
    if "\ufffd" in back and "\ufffd" not in text:
        return "bytes"
    if normal("NFKC", text) == normal("NFKC", back):
        return "nfkc"
    if text.casefold() == back.casefold():
        return "lowercase"
    if normal("NFKC", text).casefold().split() == normal("NFKC", back).casefold().split():
        return "white-space"
    if "".join(text.split()) == "".join(back.split()):
        return "white-space"
    return "characters"

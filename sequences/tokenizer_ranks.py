"""Files of merge ranks (tiktoken, Mistral's tekken) as a tokenizer.json.

tiktoken joins the pair of neighbours whose bytes together have the lowest rank; the tokenizers library joins by a list of
pairs. So the list holds every way to cut a token into two tokens, in the order of the ranks, and a word that is a token
itself is taken whole (`ignore_merges`), as tiktoken does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from arcmill.errors import InputError
from sequences.chunk_plans import GPT2, O200K, SPLIT, SPLIT_MARKS, SPLIT_ONE, TEKKEN
from sequences.tokenizer_checks import LARGEST_ID, byte_letters
from sequences.tokenizer_spec import Spec

Encoding = Literal["gpt2", "r50k", "p50k", "cl100k", "o200k", "llama3", "qwen", "qwen3.5", "tekken"]
PATTERNS: dict[str, str] = {
    "gpt2": GPT2, "r50k": GPT2, "p50k": GPT2, "cl100k": SPLIT, "o200k": O200K, "llama3": SPLIT, "qwen": SPLIT_ONE,
    "qwen3.5": SPLIT_MARKS, "tekken": TEKKEN,
}  # fmt: skip
# Ranks in a published file; one with more is another encoding, whatever its name says (Qwen 3.5's words are not Qwen 3's).
PUBLISHED = {"llama3": 128000, "qwen": 151643, "qwen3.5": 248044, "cl100k": 100256, "o200k": 199998}
# Control tokens published with the ranks, where the file does not hold them.
SPECIAL: dict[str, dict[str, int]] = {
    "gpt2": {"<|endoftext|>": 50256},
    "r50k": {"<|endoftext|>": 50256},
    "p50k": {"<|endoftext|>": 50256},
    "cl100k": {
        "<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260,
        "<|endofprompt|>": 100276,
    },
    "o200k": {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    "llama3": {
        "<|begin_of_text|>": 128000, "<|end_of_text|>": 128001, "<|start_header_id|>": 128006, "<|end_header_id|>": 128007,
        "<|eot_id|>": 128009,
    },
    "qwen": {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645},
    "qwen3.5": {"<|endoftext|>": 248044, "<|im_start|>": 248045, "<|im_end|>": 248046},
}  # fmt: skip
BYTES = 256


class Ranks(NamedTuple):
    """Tokens as bytes with their ids, control tokens with theirs, and the pattern that words are found by, if it is told."""

    ranks: dict[bytes, int]
    special: dict[str, int]
    pattern: str | None


def read_tiktoken(data: bytes, name: str) -> Ranks:
    """Lines of base64 and rank. Raises InputError naming the line."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            encoded, rank = line.split()
            token = base64.b64decode(encoded, validate=True)
            if not token or int(rank) < 0:
                raise ValueError("an empty token or a negative rank")
        except (ValueError, binascii.Error) as error:
            raise InputError(f"{name}, line {number}: not a line of base64 and rank ({error})") from None
        if token in ranks:
            raise InputError(f"{name}, line {number}: the token {token!r} stands there twice")
        ranks[token] = int(rank)
    return Ranks(ranks, {}, None)


def read_tekken(data: bytes, name: str) -> Ranks:
    """Mistral's tekken.json: the special tokens come first, ranks are counted behind them; the vocabulary may be cut short."""
    try:
        read = json.loads(data)
        config = read["config"]
        count, size = config["default_num_special_tokens"], config["default_vocab_size"]
        if type(count) is not int or type(size) is not int or not 0 <= count <= size <= LARGEST_ID + 1:
            raise ValueError(f"{size!r:.30} tokens, {count!r:.30} of them special")
        rows = sorted(read["vocab"], key=lambda row: row["rank"])[: size - count]
        ranks = {base64.b64decode(row["token_bytes"]): row["rank"] + count for row in rows}
        listed: list[dict[str, Any]] = read.get("special_tokens") or TEKKEN_SPECIAL
        named: dict[str, int] = {row["token_str"]: row["rank"] for row in listed}
        pattern: str = config["pattern"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: not a tekken.json ({type(error).__name__}: {error})") from None
    taken = set(named.values())
    special: dict[str, int] = {**named, **{f"<SPECIAL_{n}>": n for n in range(count) if n not in taken}}
    return Ranks(ranks, special, pattern)


# What files that name no special tokens mean (versions before v7 of mistral-common's tekken files).
TEKKEN_SPECIAL: list[dict[str, Any]] = [
    {"rank": rank, "token_str": token}
    for rank, token in enumerate(
        ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
         "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
         "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]")
    )
]  # fmt: skip


def guessed_encoding(name: str, ranks: Mapping[bytes, int]) -> str | None:
    """Whose ranks a file holds, by its name; Llama 3 and Qwen are told by their published sizes, too."""
    lower = name.lower()
    for encoding in get_args(Encoding):
        if encoding in lower and len(ranks) <= PUBLISHED.get(encoding, len(ranks)):
            return str(encoding)
    return {size: encoding for encoding, size in PUBLISHED.items()}.get(len(ranks))


def spec_of(ranks: Ranks, pattern: str, name: str) -> Spec:
    """The tokenizer.json. Raises InputError where a byte has no token or two tokens have one id."""
    letters = byte_letters()
    if missing := [byte for byte in range(BYTES) if bytes([byte]) not in ranks.ranks]:
        raise InputError(f"{name}: no token for {len(missing)} of the 256 bytes, such as 0x{missing[0]:02X}")
    ids = [*ranks.ranks.values(), *ranks.special.values()]
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        control = next((token for token, number in ranks.special.items() if number == twice), None)
        hint = f"; is {control!r} a control token of this file? Set special_tokens" if control else ""
        raise InputError(f"{name}: two tokens have the id {twice}{hint}")

    def written(token: bytes) -> str:
        return "".join(map(letters.__getitem__, token))

    vocabulary = {written(token): rank for token, rank in sorted(ranks.ranks.items(), key=lambda item: item[1])}
    model: dict[str, Any] = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": True, "vocab": vocabulary,
        "merges": [[written(left), written(right)] for left, right in _merges(ranks.ranks)],
    }  # fmt: skip
    to_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_bytes]}, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}, "model": model,
    }  # fmt: skip


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        ways = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(left, right) for left, right in ways if left in ranks and right in ranks]
        merges += sorted(known, key=lambda way: (ranks[way[0]], ranks[way[1]]))
    return merges

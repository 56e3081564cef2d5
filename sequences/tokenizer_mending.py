"""Reading a tokenizer, mending what the settings allow, checking all of it, and writing it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from arcmill.errors import InputError, UsageError
from sequences import tokenizer_checks as checks
from sequences.chunk_plans import plan_for
from sequences.fim.sentinels import SETS
from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS
from sequences.tokenizer_import import ImportTokenizer
from sequences.tokenizer_ranks import PATTERNS, SPECIAL, guessed_encoding, read_tekken, read_tiktoken, spec_of
from sequences.tokenizer_spec import Spec, all_tokens, control_tokens, vocabulary, without_control_tokens
from sequences.tokenizer_trial import proven

if TYPE_CHECKING:
    from arcmill.stage import SourceFile

STAGE = "import-tokenizer"
# Tokens that close documents. They go before a folder's own, which closes turns where its model is one for chats.
CLOSING = ("<|endoftext|>", "<|end_of_text|>", "<eos>", "</s>", "<EOT>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
KEPT = ("bos_token", "unk_token", "chat_template", "model_max_length")  # of a folder's tokenizer_config.json


class Source(NamedTuple):
    """What was read: the tokenizer, what a folder says beside it, and the form it was in."""

    spec: Spec
    beside: dict[str, Any]
    form: str


def import_files(files: Sequence[SourceFile], config: ImportTokenizer, output: Path) -> dict[str, Any]:
    """Read, mend, check, write; returns the report. Raises InputError and UsageError."""
    source = read(files, config)
    spec = source.spec
    special = {entry["content"] for entry in spec.get("added_tokens") or [] if entry.get("special")}
    eos = (
        config.eos_token or next((token for token in CLOSING if token in special), None) or _named(source, "eos_token")
    )
    if eos is None:
        raise UsageError(f"{STAGE}: which token closes a document? Nothing beside the file says it; set eos_token")
    pad = config.pad_token or _named(source, "pad_token") or eos
    chat = (*SPECIAL_TOKENS, *STRUCTURE_TOKENS) if config.chat else ()
    asked = tuple(dict.fromkeys((eos, pad, *config.fim_tokens, *chat, *config.extra_tokens)))
    mended = _mend(spec, asked, config)
    if problems := checks.structure(spec):
        raise InputError(f"{STAGE}: {source.form} cannot be used: " + "; ".join(problems[:5]))
    made = proven(spec, source.form, asked, config.accept_losses)
    _write(made.text, output, {**source.beside, "eos_token": eos, "pad_token": pad}, sorted(made.losses))
    tokens = all_tokens(spec)
    known_fim = [name for name, each in SETS.items() if all(token in tokens for token in each.tokens)]
    return {
        "form": source.form, "model": spec["model"]["type"], "vocab_size": made.vocab_size,
        "model_tokens": len(vocabulary(spec)), "control_tokens": len(control_tokens(spec, asked)),
        "eos_token": f"{eos} {tokens[eos]}", "pad_token": f"{pad} {tokens[pad]}", "pad_is_eos": pad == eos,
        "fim_tokens": " ".join(config.fim_tokens), "known_fim_sets": known_fim, "chat": config.chat or all(
            token in tokens for token in (*SPECIAL_TOKENS, *STRUCTURE_TOKENS[:-1])
        ), **mended, "losses": made.losses, "characters_changed": made.characters, "texts_tried": len(checks.SAMPLES),
        "characters_tried": checks.CHARACTERS - 0x800, "encoded_by_chunk": plan_for(without_control_tokens(spec, asked)) is not None,
    }  # fmt: skip


def read(files: Sequence[SourceFile], config: ImportTokenizer) -> Source:
    """The tokenizer that is among the files: tokenizer.json first, then tekken.json, then ranks."""
    top = [file for file in files if "/" not in file.name] or list(files)
    names = {file.name.rsplit("/", 1)[-1]: file for file in top}
    beside = _beside(names)
    config_only = {"tokenizer_config.json", "manifest.json", "metrics.json"}
    if "tokenizer.json" in names:
        return Source(_json(names["tokenizer.json"]), beside, "tokenizer.json")
    others = [file for name, file in names.items() if name not in config_only]
    if not others:
        raise InputError(f"{STAGE}: no tokenizer.json, .tiktoken or tekken.json among {', '.join(names) or 'no files'}")
    if len(others) > 1:
        raise UsageError(f"{STAGE}: several tokenizers: {', '.join(file.name for file in others)}; give one")
    file = others[0]
    with file.open() as stream:
        data = stream.read()
    name = file.name.rsplit("/", 1)[-1]
    if name.endswith(".json"):
        if b'"token_bytes"' in data and b'"config"' in data:
            return Source(_of_ranks(read_tekken(data, file.name), name, config, "tekken"), beside, "tekken")
        return Source(_json(file), beside, "tokenizer.json")
    if b"\x00" in data[:4096] or data[:1] == b"\n":
        raise InputError(
            f"{STAGE}: {file.name} is a SentencePiece model; give the tokenizer.json that belongs to it (transformers "
            "writes one: AutoTokenizer.from_pretrained(folder).save_pretrained(folder))"
        )
    ranks = read_tiktoken(data, file.name)
    encoding = config.encoding or guessed_encoding(name, ranks.ranks)
    if encoding is None and config.pattern is None:
        raise UsageError(
            f"{STAGE}: {file.name}: whose ranks are these? Set encoding ({', '.join(PATTERNS)}) or pattern"
        )
    return Source(_of_ranks(ranks, name, config, encoding), beside, f"tiktoken {encoding or 'with a pattern'}")


def _of_ranks(ranks: Any, name: str, config: ImportTokenizer, encoding: str | None) -> Spec:
    special = (
        config.special_tokens if config.special_tokens is not None else ranks.special or SPECIAL.get(encoding or "", {})
    )
    pattern = (
        config.pattern or (PATTERNS[config.encoding] if config.encoding else ranks.pattern) or PATTERNS[encoding or ""]
    )
    spec = spec_of(ranks._replace(special=special), pattern, name)
    _place(spec, dict(special))
    return spec


def _place(spec: Spec, tokens: dict[str, int]) -> None:
    """Give control tokens their ids: those below the model's greatest are in its vocabulary, too, or the library renumbers."""
    own = vocabulary(spec)
    last = max(own.values(), default=-1)
    inside = {token: number for token, number in tokens.items() if number <= last and token not in own}
    if inside:
        spec["model"]["vocab"] = dict(sorted({**own, **inside}.items(), key=lambda item: item[1]))
    present = {entry["content"] for entry in spec["added_tokens"]}
    spec["added_tokens"] += [_entry(token, number) for token, number in tokens.items() if token not in present]
    spec["added_tokens"].sort(key=lambda entry: entry["id"])


def _entry(token: str, number: int, special: bool = True) -> dict[str, Any]:
    return {
        "id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
        "special": special,
    }  # fmt: skip


def _beside(names: dict[str, SourceFile]) -> dict[str, Any]:
    if "tokenizer_config.json" not in names:
        return {}
    read = _json(names["tokenizer_config.json"], what="tokenizer_config.json")
    return {key: read[key] for key in ("eos_token", "pad_token", *KEPT) if read.get(key) is not None}


def _json(file: SourceFile, what: str = "tokenizer.json") -> dict[str, Any]:
    try:
        with file.open() as stream:
            read = json.loads(stream.read(), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{STAGE}: {file.name}: not a {what} ({error})") from None
    if not isinstance(read, dict):
        raise InputError(f"{STAGE}: {file.name}: not a {what} (no mapping)")
    if what == "tokenizer.json" and (trouble := _shape(read)):
        raise InputError(f"{STAGE}: {file.name}: not a {what} ({trouble})")
    return read


def _shape(spec: Spec) -> str | None:
    """What else is missing or of another form than all that follows relies on."""
    model, added = spec.get("model"), spec.get("added_tokens") or []
    if not isinstance(model, dict):
        return "no model in it"
    if not isinstance(model.get("vocab"), dict | list) or not model["vocab"]:
        return "no vocab in its model"
    model.setdefault(
        "type", "BPE" if "merges" in model else "Unigram" if isinstance(model["vocab"], list) else "WordPiece"
    )
    if not isinstance(added, list) or not all(
        isinstance(each, dict) and isinstance(each.get("content"), str) and isinstance(each.get("id"), int)
        for each in added
    ):
        return "added_tokens are not a list of tokens with content and id"
    if isinstance(model["vocab"], dict):
        if wrong := [number for number in model["vocab"].values() if type(number) is not int]:
            return f"{wrong[0]!r:.40} is no id; ids are whole numbers from 0 to {checks.LARGEST_ID:,}"
    elif not all(isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) for each in model["vocab"]):
        return "its vocab is no list of tokens with scores"
    steps = (("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers"), ("decoder", "decoders"))
    return next((f"its {key} is no step" for key, inner in steps if not _is_step(spec.get(key), inner)), None)


def _is_step(step: Any, inner: str, depth: int = 0) -> bool:
    """Whether a step has a type, and one of several steps holds steps: None is one, too."""
    if step is None:
        return True
    if not isinstance(step, dict) or not isinstance(step.get("type"), str):
        return False
    held = step.get(inner)
    return step["type"] != "Sequence" or (
        isinstance(held, list) and depth < 20 and all(_is_step(each, inner, depth + 1) for each in held)
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} stands there twice")
    return made


def _named(source: Source, key: str) -> str | None:
    value = source.beside.get(key)
    name = value.get("content") if isinstance(value, dict) else value
    return name if isinstance(name, str) and name in all_tokens(source.spec) else None


def _mend(spec: Spec, asked: Collection[str], config: ImportTokenizer) -> dict[str, Any]:
    """Mark, fill, add, as far as the settings allow."""
    spec["added_tokens"] = spec.get("added_tokens") or []
    own = vocabulary(spec)
    added = {entry["content"] for entry in spec["added_tokens"]}
    marked = [token for token in asked if token in own and token not in added]
    spec["added_tokens"] += [_entry(token, own[token]) for token in marked]
    spec["added_tokens"].sort(key=lambda entry: entry["id"])
    if count := checks.many_holes(spec):
        raise InputError(
            f"{STAGE}: {count:,} ids have no token, more than have one; these ids are not those of this tokenizer"
        )
    filled = checks.holes(spec) if config.fill_holes and isinstance(spec["model"]["vocab"], dict) else []
    if left := [number for number in checks.holes(spec) if number not in set(filled)]:
        raise InputError(
            f"{STAGE}: {len(left)} ids have no token ({_ranges(left)}): the library would number control tokens anew; "
            "set fill_holes=true to give them reserved control tokens"
        )
    _place(spec, {f"<|reserved_{number}|>": number for number in filled})
    missing = [token for token in asked if token not in all_tokens(spec)]
    if missing and not config.add_missing:
        raise InputError(
            f"{STAGE}: it has no token {' '.join(missing)}; name others, or set add_missing=true to add control tokens"
        )
    following = max(all_tokens(spec).values(), default=-1) + 1
    spec["added_tokens"] += [
        _entry(token, following + place, token not in STRUCTURE_TOKENS) for place, token in enumerate(missing)
    ]
    for key in ("truncation", "padding"):
        spec[key] = None
    return {"marked_as_control": marked, "holes_filled": _ranges(filled), "added": missing}


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers in order, as "3, 7-9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def _write(text: str, output: Path, beside: dict[str, Any], losses: Sequence[str]) -> None:
    (output / "tokenizer.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    made = {
        "tokenizer_class": "PreTrainedTokenizerFast", **beside, "clean_up_tokenization_spaces": False,
        checks.ACCEPTED: list(losses),
    }  # fmt: skip
    beside_it = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    (output / "tokenizer_config.json").write_text(beside_it, encoding="utf-8", newline="\n")

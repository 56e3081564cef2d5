"""What a tokenizer.json says: its tokens, which of them are control tokens, its steps. Plain data; no library is loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

Spec = dict[str, Any]


def vocabulary(spec: Spec) -> dict[str, int]:
    """The model's own tokens and their ids."""
    tokens = spec["model"]["vocab"]
    if isinstance(tokens, list):  # Unigram: [token, score] in the order of the ids
        return {token: number for number, (token, _) in enumerate(tokens)}
    return tokens  # type: ignore[no-any-return]


def all_tokens(spec: Spec) -> dict[str, int]:
    """Token -> id. Read from the file itself: loading the tokenizer twice would double the start of a worker."""
    return {**vocabulary(spec), **{token["content"]: token["id"] for token in spec.get("added_tokens") or []}}


def control_tokens(spec: Spec, named: Collection[str] = ()) -> dict[str, int]:
    """The added tokens that no text may become, and their ids.

    Text are white space, and what the model's own vocabulary holds and nothing calls special: the symbols that
    SentencePiece was told to keep whole, as Gemma's `<table>`. `named` tokens are control tokens whatever they are.
    """
    own = vocabulary(spec)
    return {
        token["content"]: token["id"]
        for token in spec.get("added_tokens") or []
        if token["content"] in named
        or (token["content"].strip() and (token.get("special") or token["content"] not in own))
    }


def without_control_tokens(spec: Spec, named: Collection[str] = ()) -> Spec:
    """The tokenizer.json for ordinary text: no control tokens, template, truncation or padding."""
    control = control_tokens(spec, named)
    added = [token for token in spec.get("added_tokens") or [] if token["content"] not in control]
    model, own = spec["model"], vocabulary(spec)
    outside = {token["content"]: token["id"] for token in added if token["content"] not in own}
    if outside and isinstance(model["vocab"], dict):
        # The library numbers added tokens anew, without those that are gone here: what the model knows keeps its id.
        model = {**model, "vocab": {**own, **outside}}
    return {
        **spec, "model": model, "added_tokens": added, "post_processor": None, "truncation": None, "padding": None,
    }  # fmt: skip


def unknown_ids(spec: Spec) -> list[int]:
    """The ids of the token that stands for lost characters."""
    model = spec["model"]
    tokens = vocabulary(spec)
    found = [tokens[model["unk_token"]]] if model.get("unk_token") in tokens else []
    return found if model.get("unk_id") is None else [*found, model["unk_id"]]


def steps(step: Spec | None, key: str) -> list[Spec]:
    """The steps of a normaliser ("normalizers"), pre-tokenizer ("pretokenizers") or decoder ("decoders"), in order."""
    if step is None:
        return []
    return [each for inner in step[key] for each in steps(inner, key)] if step["type"] == "Sequence" else [step]

"""The one tokenizer of an ablation: given, or trained on equal shares of all arms."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from arcmill.dataset import MANIFEST, Dataset
from arcmill.errors import InputError, UsageError
from arcmill.stage import Outcome
from pipelines.ablate.config import Ablate
from pipelines.ablate.draw import Arm, Draw
from sequences.pack_encode import DocumentEncoder

TOKENIZER, LEARNED = "tokenizer.json", "learned.json"
Ids = np.ndarray[Any, np.dtype[np.int32]]


class Vocabulary:
    """The shared tokenizer, read from a folder: text to ids without control tokens, and back."""

    def __init__(self, folder: Path, config: Ablate) -> None:
        from tokenizers import Tokenizer

        self.digest = digest(folder)
        self.chat_loss = config.chat_loss
        self.encoder = DocumentEncoder.load(
            str(folder), eos=config.eos_token, pad=config.eos_token, fim=config.fim_tokens,
            chat_in_loss=config.chat_loss == "all",
        )  # fmt: skip
        self._whole = Tokenizer.from_file(str(folder / TOKENIZER))
        tokens = self._whole.get_vocab(with_added_tokens=True)
        self.size = max(tokens.values()) + 1
        self.eos = tokens[config.eos_token]
        found = [tokens[token] for token in config.fim_tokens if token in tokens]
        self.fim = (found[0], found[1], found[2]) if len(found) == 3 else None  # prefix, suffix, middle

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Ids of each text, none of them a control token. Raises InputError for a text that has none."""
        made = []
        for text, ids in zip(texts, self.encoder.encode([self._parts(text) for text in texts]), strict=True):
            if isinstance(ids, Outcome):
                raise InputError(f"held-out text does not become tokens ({ids.detail}): {text[:60]!r}")
            made.append(ids[:-1])
        return made

    def _parts(self, text: str) -> list[str | int]:
        parts = self.encoder.parts(text)
        assert not isinstance(parts, Outcome)
        return parts

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts, control tokens left out."""
        return list(self._whole.decode_batch(ids, skip_special_tokens=True))


def tokenizer_of(arms: Sequence[Arm], given: str | None, folder: Path, config: Ablate) -> Path:
    """The folder of the shared tokenizer. Raises UsageError where arms of tokens do not go with it."""
    packed = [arm for arm in arms if arm.record == "Sequence"]
    if given is not None:
        if not os.path.isfile(os.path.join(given, TOKENIZER)):
            raise UsageError(f"--tokenizer {given}: it holds no {TOKENIZER}; give the output of train-tokenizer")
        for arm in packed:
            _check_same(arm, given)
        return Path(given)
    if packed:
        named = ", ".join(arm.name for arm in packed)
        raise UsageError(f"arms of packed sequences ({named}) need --tokenizer PATH, the one they were packed with")
    return _trained(arms, folder, config)


def digest(folder: Path) -> str:
    """SHA-256 of the tokenizer's file."""
    return sha256((folder / TOKENIZER).read_bytes()).hexdigest()


def _check_same(arm: Arm, given: str) -> None:
    known = digest(Path(given))
    own = Dataset.open(given).fingerprint if os.path.exists(os.path.join(given, MANIFEST)) else None
    for dataset in arm.datasets:
        stated = [each["fingerprint"] for each in dataset.manifest["inputs"] if each["name"] == "tokenizer"]
        digests = list(dataset.manifest.get("models", {}).values())
        if stated and own not in stated and known not in stated and known not in digests:
            raise UsageError(
                f"arm {arm.name}: {dataset.url} was packed with another tokenizer ({stated[0][:12]}) than "
                f"--tokenizer {given} ({(own or known)[:12]})"
            )


def _trained(arms: Sequence[Arm], folder: Path, config: Ablate) -> Path:
    from tokenizers import AddedToken

    from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS
    from sequences.tokenizer_training import learn, write

    wanted = config.vocab_size or config.scale.vocab_size
    share = max(1, config.tokenizer_bytes // len(arms))
    identity: dict[str, Any] = {
        "arms": [[arm.name, arm.fingerprints] for arm in arms], "vocab_size": wanted, "share": share,
        "extra": [config.eos_token, *config.fim_tokens],
    }  # fmt: skip
    try:
        if json.loads((folder / LEARNED).read_text()) == identity:
            return folder
    except (OSError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draws = [Draw(arm, share) for arm in arms]
    least = min(draw.bytes for draw in draws)
    if not least:
        raise InputError(f"arm {arms[[draw.bytes for draw in draws].index(0)].name}: no text to learn a tokenizer from")
    tokenizer = learn(_texts(draws, least), wanted - len(control := _control(config)), 2)
    special = {config.eos_token, *SPECIAL_TOKENS}
    assert STRUCTURE_TOKENS
    tokenizer.add_tokens([AddedToken(token, special=token in special, normalized=False) for token in control])
    write(tokenizer, folder)
    (folder / LEARNED).write_text(json.dumps(identity))
    return folder


def _control(config: Ablate) -> list[str]:
    from sequences.tokenizer import SPECIAL_TOKENS, STRUCTURE_TOKENS

    return list(dict.fromkeys([*SPECIAL_TOKENS, *STRUCTURE_TOKENS, config.eos_token, *config.fim_tokens]))


def _texts(draws: Sequence[Draw], most: int) -> Iterator[str]:
    """As many bytes of each draw as the smallest has."""
    for draw in draws:
        left = most
        for batch in draw.batches(["id", "text"]):
            for value in batch.column("text"):
                try:
                    text = value.as_py() or ""
                except UnicodeDecodeError:
                    continue
                if left <= 0:
                    break
                text = text[:left]
                left -= len(text.encode("utf-8"))
                yield text

"""The decoder and its training: causal, repeatable to the bit, taken up where it was killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pipelines.ablate import train as training  # noqa: E402
from pipelines.ablate.draw import keys_of  # noqa: E402
from pipelines.ablate.evaluate import scores  # noqa: E402
from pipelines.ablate.model import Shape, _attended, initialised  # noqa: E402
from pipelines.ablate.spans import Items  # noqa: E402
from pipelines.ablate.stream import FACTS, KEYS, MASK, STARTS, TOKENS, Stream  # noqa: E402

SHAPE = Shape(2, 32, 2, 64, 16)
JOB = training.Job(SHAPE, 30, 8, 1e-2, 0.1, 0.1, 0.1, 3, 5, "cpu", "fp32", False, 1)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    folder = tmp_path / "arm"
    folder.mkdir()
    documents = [[(start + 3 * n) % 64 for n in range(12)] for start in range(60)]
    np.array(documents, np.uint16).ravel().tofile(folder / TOKENS)
    np.ones(720, np.uint8).tofile(folder / MASK)
    np.save(folder / STARTS, np.arange(0, 721, 12))
    np.save(folder / KEYS, keys_of([str(n) for n in range(60)]))
    (folder / FACTS).write_text(json.dumps({"dtype": "uint16", "masked": True}))
    return Stream(folder, 1)


def weights(model: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_token_is_not_seen_before_its_place(precision: str) -> None:
    model = initialised(SHAPE, 1)
    ids = torch.arange(16)[None] * 3 % 64
    other = ids.clone()
    other[0, 9] = 63
    with torch.inference_mode(), training.autocast("cpu", precision):
        one, two = model.logits(model(ids)), model.logits(model(other))
    assert torch.equal(one[0, :9], two[0, :9]) and not torch.equal(one[0, 9:], two[0, 9:])


def test_plain_attention_says_what_the_fused_one_says() -> None:
    chance = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 3, 16, 8, generator=chance) for _ in range(3))
    hidden = torch.full((16, 16), float("-inf")).triu(1)
    fused = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(_attended(q, k, v, hidden), fused, atol=1e-5)


def test_initial_weights_follow_from_the_seed() -> None:
    one, same, other = (weights(initialised(SHAPE, seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["embedding.weight"], other["embedding.weight"])


def test_a_training_that_was_killed_goes_on_to_the_same_weights(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, told = training.train(JOB, stream, _folder(tmp_path / "whole"), "key", lambda step: None)
    assert told["curve"][-1][1] < 0.7 * told["curve"][0][1], "it learns"
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    seen: list[int] = []

    def killed(step: int) -> None:
        seen.append(step)
        if len(seen) == 17:
            raise KeyboardInterrupt

    folder = _folder(tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        training.train(JOB, stream, folder, "key", killed)
    again, told_again = training.train(JOB, stream, folder, "key", killed)
    assert seen[17] in (16, 17) and seen[-1] == 30, "it began where the checkpoint stood"
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())
    assert told_again["curve"] == told["curve"]
    held = training.trained(JOB, folder, "key")
    assert held is not None and all(torch.equal(v, weights(held[0])[name]) for name, v in weights(whole).items())
    assert training.trained(JOB, folder, "other key") is None
    assert not (folder / training.CHECKPOINT).exists()


def test_a_damaged_checkpoint_is_trained_again(stream: Stream, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "damaged")
    (folder / training.CHECKPOINT).write_bytes(b"half a file")
    seen: list[int] = []
    training.train(JOB, stream, folder, "key", seen.append)
    assert seen == list(range(1, 31))


def test_pieces_of_a_step_give_the_gradients_of_the_whole(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = training.train(JOB, stream, _folder(tmp_path / "one"), "key", lambda step: None)
    monkeypatch.setitem(training.PIECE, "cpu", 48)
    pieces, _ = training.train(JOB, stream, _folder(tmp_path / "two"), "key", lambda step: None)
    for name, value in weights(whole).items():
        assert torch.allclose(value, weights(pieces)[name], atol=2e-2), name


def test_a_span_scores_the_same_alone_and_in_a_batch(stream: Stream, tmp_path: Path) -> None:
    model, _ = training.train(JOB, stream, _folder(tmp_path / "m"), "key", lambda step: None)
    items = Items()
    for length in (4, 9, 16, 7):
        items.span((np.arange(length) * 3 + length) % 64, 2)
    nats, right = scores(model, items, "cpu", "fp32")
    for number, tokens in enumerate(items.tokens):
        ids = torch.from_numpy(tokens.astype(np.int64))[None]
        with torch.inference_mode():
            logits = model.logits(model(ids[:, :-1]))[0, 1:]
        expected = torch.nn.functional.cross_entropy(logits, ids[0, 2:], reduction="sum").item()
        assert nats[number] == pytest.approx(expected, rel=1e-4)
        assert right[number] == bool((logits.argmax(-1) == ids[0, 2:]).all())


def test_only_tokens_of_the_loss_mask_count(stream: Stream, tmp_path: Path) -> None:
    targets = torch.full((1, 15), -1)
    targets[0, 4] = 7
    model = initialised(SHAPE, 1)
    ids = torch.arange(15)[None]
    with torch.inference_mode():
        expected = torch.nn.functional.cross_entropy(model.logits(model(ids))[0, 4:5], torch.tensor([7]))
        assert model.loss(ids, targets).item() == pytest.approx(expected.item(), rel=1e-5)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path

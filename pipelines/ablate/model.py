"""The decoder that every arm trains: the usual parts, small.

Pre-norm blocks with RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et al. 2021), SwiGLU (Shazeer 2020), no
biases, input and output embedding tied; nothing that an arm could profit from by accident, such as dropout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

ROPE_BASE = 10_000.0
SHORT = 1024  # up to so many tokens plain products beat the fused attention on a CPU, in bf16


@dataclass(frozen=True)
class Shape:
    """How large a decoder is. `width` is a multiple of `heads`."""

    layers: int
    width: int
    heads: int
    vocabulary: int
    context: int

    @property
    def inner(self) -> int:
        """Width inside a SwiGLU: 8/3 of `width`, as a multiple of 32, so that a block has 12 width² parameters."""
        return -(-self.width * 8 // 96) * 32


class Block(nn.Module):  # type: ignore[misc]
    """Attention and SwiGLU, each on a normalised input and added to it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before_attention = nn.RMSNorm(shape.width)
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.before_mlp = nn.RMSNorm(shape.width)
        self.up = nn.Linear(shape.width, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Any, cos: Any, sin: Any, hidden: Any) -> Any:
        rows, length, width = x.shape
        qkv = self.qkv(self.before_attention(x)).view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = _turned(q, cos, sin), _turned(k, cos, sin)
        if hidden is None:
            attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            attended = _attended(q, k, v, hidden)
        x = x + self.out(attended.transpose(1, 2).reshape(rows, length, width))
        gate, value = self.up(self.before_mlp(x)).chunk(2, dim=-1)
        return x + self.down(functional.silu(gate) * value)


class Decoder(nn.Module):  # type: ignore[misc]
    """Token ids (rows, length) to hidden states; `loss` and `log_probabilities` take them to the vocabulary."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.last = nn.RMSNorm(shape.width)
        half = shape.width // shape.heads // 2
        angles = torch.outer(torch.arange(shape.context).float(), ROPE_BASE ** (-torch.arange(half).float() / half))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: Any) -> Any:
        length = ids.shape[1]
        x = self.embedding(ids)
        hidden = None
        if ids.device.type == "cpu" and torch.is_autocast_enabled("cpu") and length <= SHORT:
            hidden = torch.full((length, length), float("-inf"), dtype=torch.bfloat16).triu(1)
        for block in self.blocks:
            x = block(x, self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype), hidden)
        return self.last(x)

    def logits(self, hidden: Any) -> Any:
        """Of the next token, over the vocabulary."""
        return functional.linear(hidden, self.embedding.weight)

    def loss(self, ids: Any, targets: Any) -> Any:
        """Mean cross-entropy in nats of the targets that are not negative."""
        logits = self.logits(self(ids)).float()
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)

    @property
    def parameters_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def _attended(q: Any, k: Any, v: Any, hidden: Any) -> Any:
    """Causal attention by plain products; `hidden` is minus infinity where a token must not look."""
    rows, heads, length, width = q.shape
    q, k, v = (each.reshape(rows * heads, length, width) for each in (q, k, v))
    looks = torch.baddbmm(hidden.expand(rows * heads, length, length), q, k.transpose(1, 2), alpha=width**-0.5)
    return (looks.softmax(-1) @ v).view(rows, heads, length, width)


def _turned(x: Any, cos: Any, sin: Any) -> Any:
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


def initialised(shape: Shape, seed: int) -> Decoder:
    """A decoder with weights that follow from shape and seed alone: normal, 0.02; less where a block adds (GPT-2)."""
    model = Decoder(shape)
    chance = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        if parameter.dim() > 1:
            deviation = 0.02 / (2 * shape.layers) ** 0.5 if name.endswith(("out.weight", "down.weight")) else 0.02
            with torch.no_grad():
                parameter.normal_(0.0, deviation, generator=chance)
    return model

"""One OpenAI-compatible server: sends a request, tells what kind of failure a failure is, reads its load."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from arcmill.engines.llm.wire import decode, encode

LARGEST_BODY = 64 << 20  # bytes of an answer; more is no answer
_REJECTED = (400, 413, 415, 422)
_DOWN = (502, 503, 504)
_HALF = re.compile("[\ud800-\udfff]")


class Retry(Exception):
    """A failure that another try may mend.

    `down`: the server was not there at all; `busy`: it asks for less; `late`: it said nothing; `after`: seconds it asked for.
    """

    def __init__(
        self, reason: str, *, down: bool = False, busy: bool = False, late: bool = False, after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.down, self.busy, self.late, self.after = down, busy, late, after


class Rejected(Exception):
    """The server refuses this request, and would again."""


class Refused(Exception):
    """The server refuses every request of ours: the key, or the model's name."""


@dataclass(frozen=True, slots=True)
class Load:
    """What vLLM's /metrics tell: requests that run and wait, share of the KV cache in use, preemptions and tokens so far."""

    running: int
    waiting: int
    cache: float
    preemptions: int
    tokens: int | None = None


class Endpoint:
    """A base URL that ends in /v1, and the session that talks to it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, key: str | None, timeout: float) -> None:
        self.move(url)
        self.session, self._key = session, key
        self.alias: str | None = None  # the model's name there, where it is another one
        self.omit: frozenset[str] = frozenset()  # fields of requests that it cannot take
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._timeout = timeout

    def move(self, url: str) -> None:
        """Take another base URL: a server that was started again may have another port."""
        self.url = url if url.endswith("/v1") else f"{url}/v1"
        self.root = self.url.removesuffix("/v1")

    def redact(self, text: str) -> str:
        """A message without the key, should a server quote it."""
        return text.replace(self._key, "***") if self._key else text

    async def ask(self, body: Mapping[str, Any], patience: float | None = None) -> dict[str, Any]:
        """The answer in the journal's form, in `patience` seconds at most. Raises Retry, Rejected or Refused."""
        seconds = min(patience or self._timeout, self._timeout)
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=min(10.0, seconds))
        path = "completions" if "prompt" in body else "chat/completions"
        if self.alias is not None:
            body = {**body, "model": self.alias}
        if self.omit:
            body = {name: value for name, value in body.items() if name not in self.omit}
        try:
            async with self.session.post(
                f"{self.url}/{path}", data=encode(body), headers=self._headers, timeout=limit
            ) as response:
                status = response.status
                raw = await _read(response)
                after = response.headers.get("Retry-After")
        except aiohttp.ClientConnectorError as error:
            raise Retry(
                f"{self.root}: cannot be reached ({error.os_error.strerror or 'connection refused'})", down=True
            ) from None
        except TimeoutError:
            raise Retry(f"{self.root}: no answer in {seconds:.0f} s", late=True) from None
        except (aiohttp.ClientError, ConnectionError, OSError, ValueError) as error:
            raise Retry(f"{self.root}: the connection broke ({type(error).__name__})") from None
        if status != 200:
            self._fail(status, raw, body, after)
        try:
            return _normal(decode(raw), int(body.get("n") or 1))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            said = self.redact(f"{type(error).__name__}: {error}")
            raise Retry(f"{self.root}: a malformed answer ({said})"[:300]) from None

    def _fail(self, status: int, raw: bytes, body: Mapping[str, Any], after: str | None) -> None:
        # Without the key first, short then: what is left of a key that was cut could not be told any more.
        said = self.redact(_message(raw))[:300]
        if status in _REJECTED:
            raise Rejected(f"{status}: {said}")
        if status in (401, 403):
            raise Refused(f"{self.root} refuses the API key ({status}: {said})")
        if status == 404:
            raise Refused(f"{self.root} does not know the model {body.get('model')!r} or the path ({said})")
        # 504 is a proxy that lost patience with this very request: it counts as a try, or it would be asked for ever.
        raise Retry(
            f"{self.root}: {status} {said}", down=status in _DOWN, busy=status in (429, *_DOWN), late=status == 504,
            after=_seconds(after),
        )  # fmt: skip

    async def models(self) -> list[str] | None:
        """Names of the models that are served; None where the server does not tell. Raises as `ask` does."""
        try:
            async with self.session.get(
                f"{self.url}/models", headers=self._headers, timeout=aiohttp.ClientTimeout(total=20)
            ) as response:
                raw = await _read(response)
                if response.status in (401, 403):
                    self._fail(response.status, raw, {}, None)
                if response.status != 200:
                    return None
                return [self.redact(str(model["id"])) for model in json.loads(raw)["data"]]
        except aiohttp.ClientConnectorError as error:
            raise Retry(f"{self.root}: cannot be reached ({error.os_error.strerror or error})", down=True) from None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    async def alive(self) -> bool:
        """Whether anything answers at all."""
        try:
            async with self.session.get(
                f"{self.root}/health", headers=self._headers, timeout=aiohttp.ClientTimeout(total=5)
            ) as response:
                return response.status not in _DOWN
        except (TimeoutError, aiohttp.ClientError, OSError, asyncio.IncompleteReadError):
            return False

    async def load(self) -> Load | None:
        """vLLM's own figures; None where there are none."""
        try:
            async with self.session.get(
                f"{self.root}/metrics", headers=self._headers, timeout=aiohttp.ClientTimeout(total=5)
            ) as response:
                if response.status != 200:
                    return None
                return _load((await _read(response)).decode("utf-8", "replace"))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, OverflowError):
            return None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_chunked(1 << 18):
        size += len(piece)
        if size > LARGEST_BODY:
            raise ValueError("the answer is larger than 64 MiB")
        pieces.append(piece)
    return b"".join(pieces)


def _seconds(after: str | None) -> float | None:
    """What Retry-After says: seconds, or a date (RFC 9110, section 10.2.3). None where it cannot be read."""
    if not after:
        return None
    if after.isascii() and after.replace(".", "", 1).isdigit():
        return float(after)
    try:
        return max(0.0, parsedate_to_datetime(after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _message(raw: bytes) -> str:
    """What an error body says, in one line."""
    text = raw[: 1 << 16].decode("utf-8", "replace")
    try:
        found = json.loads(text)
        inner = found.get("error", found) if isinstance(found, dict) else found
        text = str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
    except (ValueError, RecursionError):
        pass
    return " ".join(text.split())


def _normal(found: Any, wanted: int) -> dict[str, Any]:
    """The parts of a response that matter, checked. ValueError, KeyError or TypeError where it is no answer."""
    choices = []
    for choice in sorted(found["choices"], key=lambda choice: choice.get("index") or 0):
        finish = choice.get("finish_reason")
        if finish in ("abort", "error"):
            raise ValueError(f"finish_reason {finish}")
        message = choice.get("message")
        if message is None:
            message = {"content": choice["text"]}
        content = message.get("content")
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        calls = [
            {"id": _sound(str(call.get("id") or f"call_{number}")), "name": _sound(str(call["function"]["name"])),
             "arguments": _sound(_arguments(call["function"].get("arguments")))}
            for number, call in enumerate(message.get("tool_calls") or [])
        ]  # fmt: skip
        if content is None and reasoning is None and not calls and finish is None:
            raise ValueError("a choice without content")  # with a finish it is an empty answer, which was paid for
        if not isinstance(content or "", str) or not isinstance(reasoning or "", str):
            raise ValueError("content that is no text")
        kept: dict[str, Any] = {"text": _sound(content or ""), "finish": finish}
        if reasoning:
            kept["reasoning"] = _sound(reasoning)
        if calls:
            kept["tool_calls"] = calls
        if choice.get("logprobs") is not None:
            kept["logprobs"] = choice["logprobs"]
        choices.append(kept)
    if len(choices) != wanted:
        raise ValueError(f"{len(choices)} choices instead of {wanted}")
    usage = found.get("usage") or {}
    return {
        "choices": choices, "prompt_tokens": int(usage.get("prompt_tokens") or 0),
        "completion_tokens": int(usage.get("completion_tokens") or 0),
    }  # fmt: skip


def _sound(text: str) -> str:
    """Half a character, which a cut of tokens may leave and no file can hold, becomes U+FFFD: one answer must not cost its row."""
    return _HALF.sub("\ufffd", text)


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value if value is not None else {}, ensure_ascii=False)


def _load(text: str) -> Load | None:
    """Sums over the engines of a server: each data-parallel copy has lines of its own."""
    sums = {"running": 0.0, "waiting": 0.0, "preemptions": 0.0}
    cache: list[float] = []
    tokens: float | None = None
    found = False
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        name = name.partition("{")[0]
        if name == "vllm:num_requests_running":
            sums["running"] += float(value)
            found = True
        elif name == "vllm:num_requests_waiting":
            sums["waiting"] += float(value)
        elif name == "vllm:generation_tokens_total":
            tokens = (tokens or 0.0) + float(value)
        elif name == "vllm:num_preemptions_total":
            sums["preemptions"] += float(value)
        elif name in ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"):
            cache.append(float(value))
    if not found:
        return None
    written = None if tokens is None else int(tokens)
    return Load(int(sums["running"]), int(sums["waiting"]), max(cache, default=0.0), int(sums["preemptions"]), written)

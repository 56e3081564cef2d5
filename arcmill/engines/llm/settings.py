"""Where and how requests are sent: the `llm.*` settings. None of them decides an answer, so none is in a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import field_validator

from arcmill.config import Field, Settings, validate

PREFIX = "llm."


class LlmSettings(Settings):
    """Settings of the LLM engine, given as `--set llm.NAME=VALUE` or in a recipe's `settings`."""

    endpoint: list[str] = Field(
        default_factory=list,
        description="OpenAI-compatible base URLs, such as http://node1:8000/v1; several share the load. None: a server "
        "is started here",
    )
    api_key_env: str = Field(
        "ARCMILL_API_KEY",
        description="environment variable that holds the endpoint's API key; its value is never written",
    )
    timeout: float = Field(600.0, gt=0, description="longest wait for one answer; seconds")
    retries: int = Field(8, ge=0, description="times a request is sent again after a server's failure")
    outage: float = Field(600.0, gt=0, description="how long no server may answer before the stage stops; seconds")
    drain: float = Field(
        30.0, ge=0, description="how long answers under way are still gathered after a stage was killed; seconds"
    )
    omit: list[str] = Field(
        default_factory=list,
        description="fields of requests that are not sent, for servers that cannot take them, such as [seed]; they stay in the "
        "journal's key. vllm on a processor gets no seed: it dies of them (0.32) when a prompt is computed in pieces",
    )
    concurrency: int | None = Field(
        None,
        ge=1,
        description="most requests under way at each endpoint; null: found from the server's queue and cache",
    )
    journal: str | None = Field(
        None,
        description="local folder of the journal; null: the output folder's name with `.journal`, which must be local then",
    )
    python: str | None = Field(None, description="interpreter of the environment that has vllm; null: this one")
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one copy of the model")
    data_parallel_size: int = Field(1, ge=1, description="copies of the model")
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1, description="share of GPU memory for vllm (0-1)")
    max_model_len: int | None = Field(None, ge=1, description="context length of the server; tokens")
    quantization: str | None = Field(None, description="quantization of the weights at load, such as fp8")
    port: int | None = Field(None, ge=1, le=65535, description="port of the server that is started; null: a free one")
    serve_args: list[str] = Field(default_factory=list, description="further arguments of `vllm serve`")
    start_seconds: float = Field(1800.0, gt=0, description="longest wait for a started server; seconds")
    restarts: int = Field(5, ge=0, description="times a started server that died is started again")

    @field_validator("journal")
    @classmethod
    def _local(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:  # every answer is synced to it before anyone learns of it
            raise ValueError("a journal is a folder of this machine, or of a shared filesystem, and no URL")
        return value

    @field_validator("endpoint", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (
            [part.strip().rstrip("/") for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("endpoint")
    @classmethod
    def _http(cls, urls: list[str]) -> list[str]:
        from urllib.parse import urlsplit

        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url!r} is no http or https URL")
            if parts.username or parts.password or parts.query:
                raise ValueError("a URL holds no key: name an environment variable in llm.api_key_env")
        return urls


def llm_settings(settings: Mapping[str, Any]) -> LlmSettings:
    """The `llm.*` keys of the engines' settings. UsageError names an unknown key or a wrong value."""
    values = {key.removeprefix(PREFIX): value for key, value in settings.items() if key.startswith(PREFIX)}
    return validate(LlmSettings, values, "llm")

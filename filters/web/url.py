"""URL rules of RefinedWeb: Penedo et al. 2023 (arXiv 2306.01116), section 3.1 and appendix G.1.

No list of words or domains comes with arcmill: such lists carry judgements that belong to a team. They are given in
the config or in files; the built-in rules are structural (a host that is an IP address).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arcmill.config import Field, Settings
from arcmill.errors import UsageError
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.web.analysis import Analysis

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_NUMERIC_HOST = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9]{8,10}|0x[0-9a-f]{8}|\[[0-9a-f:.]+\]")
_FILES = "one entry a line, '#' begins a comment line, .gz is unpacked"


class Url(Settings):
    """Rules over the URL alone; a document without one passes. Case does not matter."""

    enabled: bool = Field(True, description="apply these rules")
    drop_ip_hosts: bool = Field(True, description="drop pages whose host is an IP address")
    banned_domains: tuple[str, ...] = Field((), description="registered domains (example.com) or whole hosts")
    banned_domain_files: tuple[str, ...] = Field((), description=f"files of banned domains: {_FILES}")
    banned_urls: tuple[str, ...] = Field((), description="whole URLs")
    banned_url_files: tuple[str, ...] = Field((), description=f"files of banned URLs: {_FILES}")
    banned_words: tuple[str, ...] = Field((), description="one of these as a whole word of the URL drops the page")
    banned_word_files: tuple[str, ...] = Field((), description=f"files of banned words: {_FILES}")
    soft_words: tuple[str, ...] = Field((), description="`max_soft_words` + 1 different ones of these drop the page")
    soft_word_files: tuple[str, ...] = Field((), description=f"files of soft words: {_FILES}")
    max_soft_words: int = Field(1, ge=0, description="most different soft words in a URL that stays")
    banned_substrings: tuple[str, ...] = Field(
        (), description="one of these anywhere drops the page; letters and digits of the URL are run together first"
    )
    banned_substring_files: tuple[str, ...] = Field((), description=f"files of banned substrings: {_FILES}")

    def files(self) -> list[str]:
        """Every list file that the settings name."""
        return [
            *self.banned_domain_files, *self.banned_url_files, *self.banned_word_files, *self.soft_word_files,
            *self.banned_substring_files,
        ]  # fmt: skip


def rule(settings: Url) -> Callable[[Analysis], Outcome | None]:
    """Read the lists and check URLs against them. Raises UsageError for a list that cannot be read."""
    s = settings
    domains = {entry.lower().strip(".") for entry in _entries(s.banned_domains, s.banned_domain_files)}
    urls = {_bare(entry) for entry in _entries(s.banned_urls, s.banned_url_files)}
    words = {_joined(entry) for entry in _entries(s.banned_words, s.banned_word_files)} - {""}
    soft = {_joined(entry) for entry in _entries(s.soft_words, s.soft_word_files)} - {""}
    find = _finder({_joined(entry) for entry in _entries(s.banned_substrings, s.banned_substring_files)} - {""})
    registered = _registered_domain() if domains else None

    def check(analysis: Analysis) -> Outcome | None:
        url = analysis.url
        if not url:
            return None
        lowered = url.lower()
        host = _host(lowered)
        if s.drop_ip_hosts and _NUMERIC_HOST.fullmatch(host):
            return Outcome("url/ip-host", detail=host)
        if registered and domains:
            if host in domains:
                return Outcome("url/domain", detail=host)
            # The public suffix list is asked only when some parent is banned.
            parents = host.split(".")
            if any(".".join(parents[i:]) in domains for i in range(1, len(parents))):
                domain = registered(host)
                if domain in domains:
                    return Outcome("url/domain", detail=domain)
        if _bare(url) in urls:
            return Outcome("url/url", detail=url[:200])
        if words or soft:
            parts = set(_SEPARATORS.split(lowered))
            if found := words & parts:
                return Outcome("url/banned-word", detail=min(found))
            if len(found := soft & parts) > s.max_soft_words:
                return Outcome(
                    "url/soft-words", score=len(found), threshold=s.max_soft_words, detail=" ".join(sorted(found))
                )
        if find and (entry := find(_joined(lowered))):
            return Outcome("url/banned-substring", detail=entry)
        return None

    return check


def _entries(given: Iterable[str], files: Iterable[str]) -> list[str]:
    import fsspec

    entries = list(given)
    for path in files:
        try:
            with fsspec.open(path, "rt", encoding="utf-8", errors="replace", compression="infer") as lines:
                entries += lines
        except (OSError, EOFError) as error:
            raise UsageError(f"url list {path}: cannot be read ({error})") from None
    return [entry.strip() for entry in entries if entry.strip() and not entry.startswith("#")]


def _joined(text: str) -> str:
    return _SEPARATORS.sub("", text.lower())


def _bare(url: str) -> str:
    """A URL without scheme and closing slash, so that http and https are one."""
    return url.strip().partition("://")[2].rstrip("/") if "://" in url else url.strip().rstrip("/")


def _host(url: str) -> str:
    try:
        host = urlsplit(url if "://" in url else f"//{url}").netloc
    except ValueError:  # broken brackets of an IPv6 host
        return ""
    host = host.rpartition("@")[2]
    return (host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]).strip(".")


def _registered_domain() -> Callable[[str], str]:
    from tldextract import TLDExtract

    extract = TLDExtract(suffix_list_urls=(), cache_dir=None)  # the list inside the package: no network

    def registered(host: str) -> str:
        parts = extract(host)
        return f"{parts.domain}.{parts.suffix}" if parts.suffix else ""

    return registered


def _finder(entries: set[str]) -> Callable[[str], str | None] | None:
    """Find the first of many substrings: entries are looked up by their first few characters."""
    if not entries:
        return None
    width = min(4, min(map(len, entries)))
    by_head: dict[str, list[str]] = {}
    for entry in sorted(entries):
        by_head.setdefault(entry[:width], []).append(entry)

    def find(text: str) -> str | None:
        for i in range(len(text) - width + 1):
            for entry in by_head.get(text[i : i + width], ()):
                if text.startswith(entry, i):
                    return entry
        return None

    return find

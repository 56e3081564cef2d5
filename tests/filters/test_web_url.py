"""URL rules of filter-web."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from arcmill.errors import UsageError
from filters.web.stage import FilterWeb, setup

NAMES = ("url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")


def judge(url: str | None, **values: Any) -> str | None:
    groups = {name: {"enabled": name == "url"} for name in NAMES}
    outcome, _ = setup(FilterWeb.model_validate({**groups, "url": values})).judge("text", None, url)
    return outcome.rule if outcome else None


BANNED = ("blocked.com", "danger.org", "badsubdomain.nice.com", "shop.co.uk")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://blocked.com/some-sub-url?with=stuff", "url/domain"),
        ("https://hey.danger.org/some-sub-url?with=stuff", "url/domain"),
        ("http://www.danger.org:8080/", "url/domain"),
        ("https://nice.com/some-sub-url?with=stuff", None),
        ("https://badsubdomain.nice.com/some-sub-url?with=stuff", "url/domain"),
        # Only the registered domain or the whole host counts, as in datatrove.
        ("https://sdsd.badsubdomain.nice.com/some-sub-url?with=stuff", None),
        ("https://blocke.dcom/some-sub-url?with=stuff", None),
        ("https://notblocked.com/", None),
        ("https://www.SHOP.co.uk/x", "url/domain"),
        ("https://user:pw@blocked.com/", "url/domain"),
        ("blocked.com/without/scheme", "url/domain"),
        (None, None),
        ("", None),
    ],
)
def test_domains(url: str | None, rule: str | None) -> None:
    assert judge(url, banned_domains=BANNED) == rule


@pytest.mark.parametrize(
    ("url", "dropped"),
    [
        ("http://192.0.2.7/index.html", True),
        ("http://192.0.2.7:8080/", True),
        ("http://[2001:db8::1]/", True),
        ("http://3221225985/", True),
        ("http://0xC0000207/", True),
        ("http://1.2.3.4.example.org/", False),
        ("http://example.org/192.0.2.7", False),
        ("http://[broken/", False),
    ],
)
def test_ip_hosts(url: str, dropped: bool) -> None:
    assert (judge(url) == "url/ip-host") is dropped
    assert judge(url, drop_ip_hosts=False) is None


def test_words_are_whole_words_and_substrings_are_not() -> None:
    assert judge("http://a.com/Spam-page", banned_words=["spam"]) == "url/banned-word"
    assert judge("http://a.com/spammer", banned_words=["spam"]) is None
    assert judge("http://a.com/win-a-free-prize", banned_substrings=["freeprize"]) == "url/banned-substring"
    assert judge("http://a.com/freedom", banned_substrings=["freeprize", "doms"]) is None


def test_soft_words_need_company() -> None:
    soft = {"soft_words": ["cheap", "pills", "now"]}
    assert judge("http://a.com/cheap-flights", **soft) is None
    assert judge("http://a.com/cheap-cheap", **soft) is None
    assert judge("http://a.com/cheap/pills", **soft) == "url/soft-words"
    assert judge("http://a.com/cheap/pills", **soft, max_soft_words=2) is None


def test_whole_urls_without_scheme_and_closing_slash() -> None:
    assert judge("https://a.com/x/", banned_urls=["http://a.com/x"]) == "url/url"
    assert judge("https://a.com/x/y", banned_urls=["http://a.com/x"]) is None


def test_list_files_plain_and_packed(tmp_path: Path) -> None:
    plain, packed = tmp_path / "domains.txt", tmp_path / "words.txt.gz"
    plain.write_text("# comment\nblocked.com\n\n")
    packed.write_bytes(gzip.compress(b"spam\n"))
    lists = {"banned_domain_files": [str(plain)], "banned_word_files": [str(packed)]}
    assert judge("http://blocked.com", **lists) == "url/domain"
    assert judge("http://a.com/spam", **lists) == "url/banned-word"
    assert judge("http://a.com/comment", **lists) is None


def test_a_list_that_cannot_be_read_is_a_mistake_of_the_config(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        judge("http://a.com", banned_url_files=[str(tmp_path / "nowhere.txt")])

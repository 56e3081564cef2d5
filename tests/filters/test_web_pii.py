"""Replacement of personal data in filter-web."""

from __future__ import annotations

from typing import Any

import pytest

from filters.web.stage import FilterWeb, WebFilter, setup

NAMES = ("url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")


def pii(**values: Any) -> WebFilter:
    groups = {name: {"enabled": name == "pii"} for name in NAMES}
    return setup(FilterWeb.model_validate({**groups, "pii": values}))


@pytest.fixture(scope="module")
def marked() -> WebFilter:
    return pii(
        email_replacements=["EMAIL"], ip_replacements=["IP"], ipv6_replacements=["IP6"], phone_replacements=["PHONE"]
    )


def clean(rule: WebFilter, text: str) -> str:
    outcome, cleaned = rule.judge(text)
    assert outcome is None
    return cleaned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to firstname+lastname@sub.corp.com.", "Write to EMAIL."),
        ("<ann@corp.co.jp>", "<EMAIL>"),
        ("1234567890@corp.museum", "EMAIL"),
        ("email@123.123.123.123", "EMAIL"),
        ("email@[123.123.123.123]", "EMAIL"),
        ("email..email@corp.com", "email..EMAIL"),
        ("email@email@corp.com", "email@EMAIL"),
        ("much.”unusual”@corp.com", "much.”unusual”@corp.com"),
        ("plainaddress", "plainaddress"),
        ("@corp.com", "@corp.com"),
        ("email@corp", "email@corp"),
        ("email@-corp.com", "email@-corp.com"),
        ("x = a@b @ c", "x = a@b @ c"),
    ],
)
def test_emails(text: str, expected: str, marked: WebFilter) -> None:
    assert clean(marked, text) == expected


@pytest.mark.parametrize("address", ["163.36.107.25", "4.132.211.142", "8.8.8.8", ".3.3.3.0"])
def test_public_addresses_are_replaced(address: str, marked: WebFilter) -> None:
    assert clean(marked, f"from {address}, port") == f"from {'.' if address[0] == '.' else ''}IP, port"


@pytest.mark.parametrize(
    "text",
    ["999.999.999.999.", "108.0.0.01", "0.1.2.3", "192.168.1.2", "172.16.0.9", "127.0.0.2", "10.255.255.254",
     "912.456.123.123", "192.168.o.0", "section 1.2.3", "version 8.8.8.8.1", "18.8.8.8888"],
)  # fmt: skip
def test_other_addresses_and_numbers_stay(text: str, marked: WebFilter) -> None:
    assert clean(marked, text) == text


def test_private_addresses_on_request() -> None:
    rule = pii(public_ips_only=False, ip_replacements=["IP"])
    assert clean(rule, "at 192.168.1.2 and 8.8.8.8") == "at IP and IP"


def test_ipv6_is_told_from_code(marked: WebFilter) -> None:
    assert clean(marked, "ping 2a00:1450:4001:81b::200e now") == "ping IP6 now"
    for text in ("std::vector a::b", "abc::def", "at 12:30:45", "2001:db8::1", "fe80::1:2", "2024:10:11"):
        assert clean(marked, text) == text


@pytest.mark.parametrize(
    "number",
    ["+49 30 1234567", "+1 212 736 5000", "+44 (0)20 7946 0958", "+14155552671", "(212) 736-5000", "212-736-5000",
     "1-212-736-5000", "212.736.5000"],
)  # fmt: skip
def test_phone_numbers_are_replaced(number: str, marked: WebFilter) -> None:
    assert clean(marked, f"Call {number}, please.") == "Call PHONE, please."


@pytest.mark.parametrize(
    "text",
    ["in 2019-2020", "2024-01-15", "ISBN 978-0-306-40615-7", "1234567890", "3.14159265358979", "192-168-1-1",
     "x+12345678901", "$1,234,567.89", "12-345-6789", "112-736-5000", "212-736-50001", "a/212-736-5000", "+1 2 3",
     "1 2 3 4 5 6 7 8 9 10"],
)  # fmt: skip
def test_other_numbers_stay(text: str, marked: WebFilter) -> None:
    assert clean(marked, text) == text


def test_replacements_take_turns_in_each_document_and_a_second_run_changes_nothing() -> None:
    rule = pii()
    text = "From a@b.com, c@d.org to 8.8.8.8 and 9.9.9.9; call (212) 736-5000 or 2a00:1450:4001:81b::200e."
    once = clean(rule, text)
    assert once == (
        "From user@example.com, firstname.lastname@example.org to 192.0.2.1 and 198.51.100.1; call 555-0100 "
        "or 2001:db8::1."
    )
    assert clean(rule, text) == once
    assert clean(rule, once) == once


@pytest.mark.parametrize(("setting", "kept"), [("emails", "a@b.com"), ("ips", "8.8.8.8"), ("phones", "(212) 736-5000")])
def test_each_kind_can_be_left(setting: str, kept: str) -> None:
    text = "a@b.com 8.8.8.8 (212) 736-5000"
    cleaned = clean(pii(**{setting: False}), text)
    assert kept in cleaned
    assert cleaned != text


def test_datatroves_own_cases_where_rules_are_the_same(marked: WebFilter) -> None:
    formatters = pytest.importorskip("datatrove.pipeline.formatters")
    peer = formatters.PIIFormatter(email_replacement="EMAIL", ip_replacement="IP")
    for line in ("_______@corp.com", "NAME@MYSITE.COM", "email.@corp.com", "あいうえお@corp.com", "Abc..123@corp.com",
                 "29.116.31.158", "172.31.254.254", "00.0000.00.00", "email@111.222.333.44444", "a”not”right@corp.com",
                 "#@%^%#$@#$@#.com", 'this\\ is"really"not\\allowed@corp.com', "214.70.227.4:8080"):  # fmt: skip
        assert clean(marked, line) == peer.format(line)

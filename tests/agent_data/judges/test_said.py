"""Values in texts: as people write them, and never by a part of something longer."""

from __future__ import annotations

import pytest

from agent_data.judges.said import declines, says


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("You still owe $54.04.", "54.04"), ("It is 54.040 USD", "54.04"), ("**1,234.50** in all", "1234.5"), ("owes 3.00", "3"),
        ("that makes 10%", "10"), ("12 items", "12"), ("A balance of -5", "-5"), ("\u22125 degrees", "-5"), ("$1234", "$1,234.00"),
        ("Order W-12 has 3 items", "3"), ("order #W123 is sent", "#W123"), ("It ships on May 3, 2025.", "2025-05-03"),
        ("on 3rd of May", "2025-05-03"), ("on 2025-05-03.", "2025-05-03"), ("5/3/2025", "2025-05-03"), ("2025年5月3日", "2025-05-03"),
        ("at 2 pm", "14:00"), ("at 2:30 p.m.", "14:30"), ("at 14:30", "14:30"), ("at noon", "12:00"), ("at 9:05", "09:05"),
        ("May 3, 2025 at 2:30 pm", "2025-05-03T14:30:00Z"), ("The \u201cBlue\u00a0Lamp\u201d is out", '"Blue Lamp"'),
        ("blue   LAMP", "Blue Lamp"), ("The status is `shipped`.", "shipped"), ("code 0042", "0042"), ("订单已发货。", "已发货"),
    ],
)  # fmt: skip
def test_said(text: str, value: str) -> None:
    assert says(text, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("112 items", "12"), ("12.50", "12"), ("1,200", "200"), ("1,200", "1"), ("W12", "12"), ("w-12", "12"), ("12abc", "12"),
        ("on 2025-05-03", "5"), ("on 2025-05-03", "3"), ("at 14:30", "30"), ("May 30, 2025", "2025-05-03"), ("May 3, 2024", "2025-05-03"),
        ("at 2 am", "14:00"), ("at 12:30", "2:30"), ("at 2:30 am", "14:30"), ("unshipped", "shipped"), ("shipped_late", "shipped"),
        ("42", "0042"), ("-5", "5"), ("", "x"), ("anything", ""), ("#W1234", "#W123"), ("3 mayors", "2025-05-03"),
    ],
)  # fmt: skip
def test_not_said(text: str, value: str) -> None:
    assert not says(text, value)


def test_refusals_are_told_by_their_words() -> None:
    for text in (
        "I am sorry, I cannot do that: no loan goes beyond 60 days.", "I'm unable to help with this.", "That isn’t possible.",
        "I do not have a tool for that.", "Our policy does not allow refunds.", "很抱歉，无法办理。",
    ):  # fmt: skip
        assert declines(text), text
    for text in ("It is done.", "You can renew it by 14 days.", "I have cancelled the order.", "All of it is done."):
        assert not declines(text), text

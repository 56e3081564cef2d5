"""Personal data: e-mail addresses, public IP addresses and phone numbers are replaced. This rule rewrites the text.

As RefinedWeb's and FineWeb's releases do (Penedo et al. 2024, arXiv 2406.17557, appendix "PII"); phone numbers are
an addition, and only forms that can hardly be anything else are taken. Replacements are of ranges set aside for
examples (RFC 2606, RFC 5737, RFC 3849, the 555-01xx numbers), so nobody is reached and a second run changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from itertools import cycle
from typing import TYPE_CHECKING

from arcmill.config import Field, Settings
from arcmill.stage import Outcome

if TYPE_CHECKING:
    from filters.web.analysis import Analysis

# Lengths are bounded (RFC 5321: 64 before the @, 255 after it), so that no text makes the search quadratic.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|0?[0-9]?[0-9])"
_EMAIL = re.compile(
    rf"\b{_ATOM}(?:\.{_ATOM}){{0,31}}@(?:(?:{_LABEL}\.){{1,31}}{_LABEL}|\[{_OCTET}(?:\.{_OCTET}){{3}}\])"
)
_IPV4 = re.compile(rf"(?<![0-9])(?<![0-9]\.){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9]|\.[0-9])")
# Global unicast only (2000::/3): C++ and Rust names such as abc::def are hexadecimal as well.
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
# "+" and a country code (E.164: 8 to 15 digits), or the North American 3-3-4 with separators.
# It begins with a set, which the engine finds twenty times as fast as it tries a look-behind at every character.
_PHONE = re.compile(
    r"[+(1-9](?:(?<=\+)(?<![\w+.-]\+)[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,4}\)?){2,6}(?![\w])"
    r"|(?<![\w+./-][(1-9])"
    r"(?:(?<=1)[ .-](?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])|(?<=\()[2-9][0-9]{2}\) ?|(?<=[2-9])[0-9]{2}[ .-])"
    r"[2-9][0-9]{2}[.-][0-9]{4}(?![\w-]|\.[0-9]))"
)


class Pii(Settings):
    """What is replaced, and by what; replacements are taken in turn, from the first in every document."""

    enabled: bool = Field(True, description="apply these replacements to the documents that are kept")
    emails: bool = Field(True, description="replace e-mail addresses")
    ips: bool = Field(True, description="replace IP addresses (version 4 and 6)")
    public_ips_only: bool = Field(True, description="leave private, local and reserved addresses alone")
    phones: bool = Field(True, description="replace phone numbers: +CC ... and North American 3-3-4")
    email_replacements: tuple[str, ...] = Field(
        ("user@example.com", "firstname.lastname@example.org"), min_length=1, description="in place of e-mails"
    )
    ip_replacements: tuple[str, ...] = Field(
        ("192.0.2.1", "198.51.100.1", "203.0.113.1"), min_length=1, description="in place of IPv4 addresses"
    )
    ipv6_replacements: tuple[str, ...] = Field(("2001:db8::1",), min_length=1, description="in place of IPv6 addresses")
    phone_replacements: tuple[str, ...] = Field(("555-0100",), min_length=1, description="in place of phone numbers")


def rule(settings: Pii) -> Callable[[Analysis], Outcome | None]:
    """Replace personal data in the text of an analysis; never drops a document."""
    from filters.web.columns import HINT_DIGITS, HINT_EMAIL, HINT_IPV4, HINT_IPV6

    s = settings
    kept_emails = frozenset(s.email_replacements)

    def is_personal_email(found: str) -> bool:
        return found not in kept_emails

    def is_personal_ip(found: str) -> bool:
        try:
            address = ip_address(found)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and found.count(":") < 7 and "::" not in found:
            return False
        return address.is_global or not s.public_ips_only

    def is_phone(found: str) -> bool:
        digits = sum(map(str.isdigit, found))
        return digits in (10, 11) if found[0] != "+" else 8 <= digits <= 15

    steps: list[tuple[int, re.Pattern[str], tuple[str, ...], Callable[[str], bool]]] = []
    if s.emails:
        steps.append((HINT_EMAIL, _EMAIL, s.email_replacements, is_personal_email))
    if s.ips:
        steps.append((HINT_IPV4, _IPV4, s.ip_replacements, is_personal_ip))
        steps.append((HINT_IPV6, _IPV6, s.ipv6_replacements, is_personal_ip))
    if s.phones:
        steps.append((HINT_DIGITS, _PHONE, s.phone_replacements, is_phone))

    def check(analysis: Analysis) -> Outcome | None:
        hints = analysis.totals.hints
        text = analysis.text
        for hint, pattern, replacements, accepted in steps:
            if hints & hint:
                text = _replace(text, pattern, replacements, accepted)
        if text != analysis.text:
            analysis.rewrite(text)
        return None

    return check


def _replace(
    text: str, pattern: re.Pattern[str], replacements: tuple[str, ...], accepted: Callable[[str], bool]
) -> str:
    turn = cycle(replacements)

    def choose(match: re.Match[str]) -> str:
        return next(turn) if accepted(match.group()) else match.group()

    return pattern.sub(choose, text)

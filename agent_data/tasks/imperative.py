"""What a tool does, as one asks for it: "Returns a list of pets." -> "return a list of pets"."""

from __future__ import annotations

import re

_VERBS = frozenset(
    """accept activate add adjust allow analyse analyze answer append apply approve archive arrange assign attach authorize block book
    browse build buy calculate call cancel change charge check choose clear close combine compare complete compute confirm connect
    convert copy count create deactivate decline decode delete deploy describe detect determine disable display download draw edit
    enable encode end enter estimate evaluate exchange execute export extract fetch fill filter find fix flag follow forward generate
    get give grant group handle hide hold identify import initiate insert inspect install invite invoke issue join label launch leave
    link list load locate lock log look lookup make manage mark match measure merge modify monitor move mute obtain offer open order
    parse pause pay perform pick pin place play post predict prepare preview print process produce provide publish purchase put query
    rate read receive recommend record redeem refresh refund register reject release remove rename render renew reopen replace reply
    report request reserve reset resize resolve restart restore resume retrieve return reverse review revoke roll rotate run save scan
    schedule search select sell send set share ship show shut sign solve sort split start stop store stream submit subscribe suggest
    summarize suspend swap switch synchronize tag take tell test toggle track transfer translate trigger turn unblock unfollow
    unlock unsubscribe update upgrade upload use validate verify view vote wait watch withdraw write""".split()
)


def imperative(words: str) -> str | None:
    """A description with its verb as one asks, in small letters at the start; None where it does not begin with a verb that is known."""
    found = re.match(r"[A-Za-z]+", words)
    if found is None:
        return None
    first = found[0].lower()
    ways = [first, first.removesuffix("s"), first.removesuffix("es"), re.sub(r"ies$", "y", first)]
    verb = next((way for way in ways if way in _VERBS), None)
    return None if verb is None else verb + words[found.end() :]

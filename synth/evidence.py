"""Evidence, checked again: what `arcmill verify` does with a synthetic row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from arcmill.errors import EngineError
from arcmill.records import Conversation

NOT_NAMED = " (not arcmill's: name it by --verifier)"  # behind a verifier of the user's own that was not run again


def replay(row: Conversation, own: Mapping[str, str] | None = None) -> tuple[str, str | None]:
    """(what was done: verifier's name, `judged` or `none`; what does not hold, or None).

    A verdict of `right` must come out again from the row alone, with the same observation. What a judge model said cannot
    be had again without the model: of it only the form is checked. `own`: verifiers of the user's, by answer type; one that
    a row names is never imported because the row names it.
    """
    try:
        evidence: Any = json.loads(row.evidence) if row.evidence else {}
    except ValueError as error:
        return "none", f"{row.id}: evidence is no JSON ({error})"
    if not isinstance(evidence, dict) or "verdict" not in evidence:
        return "none", None
    verifier = str(evidence.get("verifier"))
    if evidence["verdict"] != "right":
        return verifier, f"{row.id}: kept with the verdict {evidence['verdict']!r}"
    if verifier == "judged":
        return verifier, None if evidence.get("judge") and evidence.get("observed") else f"{row.id}: no judge is named"
    from synth.verifiers.own import verify_by

    answer = row.messages[-1].content or ""
    prompt = next((message.content for message in row.messages if message.role == "user"), None)
    kind, expected, tests = str(evidence.get("answer_type")), evidence.get("expected"), evidence.get("tests")
    if ":" in verifier and verifier not in (own or {}).values():
        return f"{verifier}{NOT_NAMED}", None
    try:
        found = verify_by(own or {}, kind, answer, expected, tests, prompt=prompt)
    except EngineError:  # generated code is not run where nothing holds it
        return f"{verifier} (no sandbox here: not run)", None
    if found.right is not True:
        said = "wrong" if found.right is False else "undecided"
        return verifier, f"{row.id}: recorded as right, is {said} now ({found.observed!r} against {found.expected!r})"
    if found.observed != evidence.get("observed"):
        return verifier, f"{row.id}: observed {found.observed!r} now, {evidence.get('observed')!r} is recorded"
    return verifier, None

from __future__ import annotations

import pytest

from arcmill.ledger import ERROR_CHARACTERS, ledger_batch
from arcmill.stage import Outcome


def test_evidence_is_kept_whole_and_messages_are_cut() -> None:
    long = "x" * (4 * ERROR_CHARACTERS)
    outcomes = [Outcome("rule", kind, detail=long) for kind in ("dropped", "merged", "errored")]
    details = ledger_batch([(f"d{n}", outcome) for n, outcome in enumerate(outcomes)]).column("detail").to_pylist()
    assert details == [long, long, long[:ERROR_CHARACTERS]]


def test_what_utf8_cannot_hold_is_escaped_and_unknown_outcomes_refused() -> None:
    batch = ledger_batch([("a\udc80", Outcome("rule", detail="b\udc80"))])
    assert batch.column("id").to_pylist() == ["a\\udc80"]
    assert batch.column("detail").to_pylist() == ["b\\udc80"]
    with pytest.raises(ValueError, match="none of dropped, merged, errored"):
        ledger_batch([("a", Outcome("rule", "lost"))])

"""Verifiers of the user's own, in the place of arcmill's: `function(answer, expected)`, which says True, False or None.

Settings name them (`verifiers: {exact: units:same}`). What one raises is no verdict: the answer is undecided, and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from arcmill.config import Field
from arcmill.outside import file_of, function
from synth.verifiers.verdict import Verdict
from synth.verifiers.verify import verify

Checked = Literal["math", "choice", "code", "exact"]
Verifiers = Mapping[Any, str]  # answer type -> place
_LONGEST = 500  # characters of an answer that evidence repeats


def verifiers_field() -> Any:
    """The setting that stages with answers have."""
    return Field(
        default_factory=dict,
        description="answer type -> module:function of yours, called with answer and expected, in the place of arcmill's verifier; "
        "it is IMPORTED, and a digest of its file is part of the dataset's identity",
    )


def verify_by(
    own: Verifiers, answer_type: str, answer: str, expected: str | None, tests: str | None = None, *,
    prompt: str | None = None, unsafe: bool = False,
) -> Verdict:  # fmt: skip
    """As `verify`, by the user's own function where settings name one for the type. UsageError where that cannot be imported."""
    place = own.get(answer_type)
    if place is None:
        return verify(answer_type, answer, expected, tests, prompt=prompt, unsafe=unsafe)
    reference = expected if answer_type != "code" else tests
    shown = answer.strip()[-_LONGEST:]
    check = function(place, f"verifier of {answer_type}")
    try:
        said = check(answer, reference)
    except Exception as error:  # a function of the user's may raise whatever it likes
        return Verdict(place, None, reference or "", shown, f"{type(error).__name__}: {error}")
    if isinstance(said, Verdict):
        return Verdict(place, said.right, said.expected, said.observed, said.detail)
    if said is not None and not isinstance(said, bool):
        return Verdict(place, None, reference or "", shown, f"it said {said!r}, which is none of True, False, None")
    return Verdict(place, said, reference or "", shown)


def files_of(own: Verifiers) -> list[str]:
    """The files of the functions, for the identity of what they judge. UsageError where one cannot be imported."""
    found = []
    for kind, place in own.items():
        function(place, f"verifier of {kind}")
        found.append(file_of(place))
    return sorted({path for path in found if path is not None})

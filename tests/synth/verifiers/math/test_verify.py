import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from synth.verifiers.changes import EQUAL, changed
from synth.verifiers.corruptions import WRONG
from synth.verifiers.math import observe, peer, verify

GOLDS = ["42", "\\frac{3}{8}", "14,\\!400", "6\\frac{1}{5}", "(3,-4)", "[0,7)", "(-\\infty,2)\\cup(3,\\infty)", "2+3\\sqrt{5}", "x^2+5x-6",
         "1, 2, -7", "45^\\circ", "20\\%", "5\\text{ cm}", "12\\pi", "\\text{even}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "3-4i", "x=9",
         "1202_3", "2^{2005}"]  # fmt: skip


@pytest.mark.parametrize("gold", GOLDS)
def test_gold_is_accepted_and_no_corruption_is(gold):
    assert verify(f"We add both.\n\nSo it is $\\boxed{{{gold}}}$.", gold).right is True
    wrong = dict(changed(gold, WRONG))
    assert wrong
    for rule, form in wrong.items():
        assert verify(f"\\boxed{{{form}}}", gold).right is not True, rule
    for rule, form in changed(gold, EQUAL):
        assert verify(f"\\boxed{{{form}}}", gold).right is not False, rule


@pytest.mark.parametrize(
    ("answer", "expected"), [("1/2^{99}", "1/2^{98}"), ("\\boxed{1-1/e}", "1+1/e"), ("10^{-50}", "0"), ("\\boxed{3, 4}", "3"),
                             ("\\boxed{3} or \\boxed{4}", "4"), ("The answer is either 3 or 4.", "3"), ("It is 3 or 4", "4"),
                             ("x = 3 or x = 4", "4"), ("\\boxed{0.333333}", "\\frac13"), ("\\boxed{3", "3"), ("", "3")],
)  # fmt: skip
def test_named_traps_are_wrong(answer, expected):
    assert verify(answer, expected).right is False


@pytest.mark.parametrize(
    ("response", "observed"),
    [
        ("a \\boxed{1} b \\boxed{2} c", "2"), ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"), ("\\boxed 5", "5"), ("\\boxed{1}, \\boxed{2}", "1, 2"),
        ("\\boxed{1} \\text{ and } \\boxed{2}", "1, 2"), ("cut \\boxed{1", None), ("It is 5. The answer is 7.", "7"), ("#### 1,200", "1,200"),
        ("**Final answer:** $\\frac12$", "$\\frac12$"), ("She has 18 eggs left.", "18"), ("so $x = 3$.", "x = 3"), ("", None), ("??", None),
        ("\\boxed{\\boxed{4}}", "4"), ("answer:\n\n12", "12"), ("\\[ x = 2 \\]", "x = 2"), ("3qr + 6q - 15r - 30", "3qr + 6q - 15r - 30"), ("I cannot say", None), ("\\boxed{7} I hope 8", "7"),
    ],
)  # fmt: skip
def test_which_answer_is_read(response, observed):
    found = observe(response)
    assert (found or "").strip(" ,") == (observed or "")


def test_two_opinions_that_differ_are_kept_apart():
    verdict = verify("\\boxed{5\\text{ m}}", "5\\text{ cm}")
    assert verdict.right is None and "ours: wrong" in verdict.detail and "Math-Verify: right" in verdict.detail
    assert verdict.evidence()["verdict"] == "undecided"


def test_without_expected_answer_nothing_is_decided():
    assert verify("3", "").right is None
    assert verify("3", " $ $ ").right is None


def test_nothing_is_executed(tmp_path):
    target = tmp_path / "made"
    for text in (f'__import__("os").system("touch {target}")', f'\\boxed{{__import__("os").mkdir("{target}")}}'):
        assert verify(text, "3").right is not True
    assert not target.exists()


@pytest.mark.parametrize(
    "text",
    ["{" * 100_000, "\\boxed{" * 10_000, "\\boxed{3}" * 5_000, "$" * 200_000, "answer is " * 20_000, "3 " * 50_000, "a" * 1_000_000,
     "\\boxed{" + "(" * 200 + "}", "\\boxed{" + "{" * 100_000 + "3" + "}" * 100_000 + "}", "\\boxed{" + "7" * 1_900 + "}", "\ud800",
     "\\boxed{\x00}"],
)  # fmt: skip
def test_hostile_texts_end(text):
    assert verify(text, "4", seconds=0.5).right is not True


def test_a_comparison_that_takes_too_long_is_given_up():
    verdict = verify("\\boxed{9^{9^{9^9}}}", "3", seconds=0.3)
    assert verdict.right is None and "0.3 s" in verdict.detail
    assert verify("\\boxed{3}", "3").right is True


def test_threads_and_forks():
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda k: verify(f"\\boxed{{{k}}}", str(k + k % 2)).right, range(100, 124)))
    assert found == [k % 2 == 0 for k in range(100, 124)]
    with multiprocessing.get_context("fork").Pool(1) as forked:
        assert forked.starmap(verify, [("1/2", "0.5")])[0].right is True
    assert verify("\\boxed{161}", "161").right is True


def test_a_process_that_was_killed_is_replaced():
    assert verify("\\boxed{1009}", "1009").right is True
    for worker in peer._pool.idle:
        os.kill(worker.process.pid, signal.SIGKILL)
    assert verify("\\boxed{1013}", "1013").right is True


def test_words_behind_a_number_reach_math_verify_as_text():
    assert peer._written("1,234 dollars") == "1,234\\text{ dollars}"
    assert peer._written("$10°$") == "10^\\circ "
    assert peer._written("2 sin") == "2 sin"


@pytest.mark.parametrize(
    "written",
    ["the answer is $1 000 000$", "\\boxed{1\\,000\\,000}", "\\boxed{1 000 000}", "\\boxed{1\u202f000\u202f000}"],
)
def test_groups_of_three_digits(written: str) -> None:
    assert verify(written, "1000000").right is True
    assert verify(written, "1000001").right is False and verify(written, "100000").right is False


@pytest.mark.parametrize("written", ["\\boxed{100 2000}", "\\boxed{3 100 50}", "\\boxed{1 2}"])
def test_other_groups_are_no_number_of_ours(written: str) -> None:
    digits = "".join(filter(str.isdigit, written))
    assert verify(written, digits).right is not True

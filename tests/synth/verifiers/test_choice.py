import pytest

from synth.verifiers.choice import observe, options_of, verify

OPTIONS = ["12 km", "Rs. 500", "40*pi", "None of these", "A train"]


@pytest.mark.parametrize("letter", "ABCDE")
@pytest.mark.parametrize(
    "form",
    ["{0}", "({0})", "**{0}**", "The answer is ({0}).", "So the final answer: {0}", "\\boxed{{{0}}}", "\\boxed{{\\text{{({0})}}}}", "{0}) {1}",
     "Thus option {0} is correct.", "The answer is {0}) {1}.", "the answer is {1}", "Answer: {0}. {1}", "#### {0}", "First.\nThen.\n{0}",
     "The answer is $\\mathbf{{({0})}}$", "\\boxed{{{1}}}"],
)  # fmt: skip
def test_every_form_of_a_letter_is_read(form, letter):
    text = form.format(letter, OPTIONS["ABCDE".index(letter)])
    for gold in "ABCDE":
        assert verify(text, gold, options=OPTIONS).right is (gold == letter)


@pytest.mark.parametrize(
    ("text", "why"),
    [("B or C", "several"), ("not B", "negation"), ("It is not (B)", "negation"), ("(A) and (B)", "several"), ("both A and B", "several"),
     ("either A or B", "several"), ("", "no answer"), ("A train is fast", "no letter"), ("The answer isn't B", "negation"), ("\\boxed{", "no answer"),
     ("\\boxed{A, B}", "several"), ("\\boxed{A} or \\boxed{B}", "several"), ("B is wrong", "negation"), ("B) 12 km", "another option"),
     ("The answer is B. 12 km", "another option"), ("Answer: B. 40*pi.", "another option"), ("anything but B", "negation"),
     ("The answer is other than B", "negation"), ("42", "no letter")],
)  # fmt: skip
def test_what_is_no_choice_is_refused(text, why):
    assert observe(text, OPTIONS)[0] is None and why in observe(text, OPTIONS)[1]
    assert verify(text, "B", options=OPTIONS).right is False


def test_expected_without_a_letter_decides_nothing():
    assert verify("B", "42").right is None
    assert verify("B", "(b)").right is True


def test_options_are_read_out_of_a_question():
    assert options_of("Which?\nA. one\nB. two\nC. three") == ["one", "two", "three"]
    assert options_of("Which?\n(A) one\n(B) two") == ["one", "two"]
    assert options_of("A. one\nC. three") == [] and options_of("no options") == []


@pytest.mark.parametrize(
    ("response", "letter"),
    [("B is wrong, so A", "A"), ("It cannot be B, therefore the answer is (D).", "D"), ("not B, hence: C", "C")],
)
def test_what_follows_from_a_negation_is_a_choice(response: str, letter: str) -> None:
    assert verify(response, letter).right is True
    assert verify(response, "B").right is False


def test_a_negation_that_only_another_follows_from_is_none() -> None:
    assert verify("not B, so not A", "A").right is False and verify("A is so wrong", "A").right is False

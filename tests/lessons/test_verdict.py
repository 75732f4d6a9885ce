"""A verdict names what is wrong: nothing, an error with its line, a shape, a value, a slip."""

import numpy as np
import pytest
import torch

from srgformer_lab.lessons.catalog import lesson
from srgformer_lab.lessons.verdict import Case, judge, shown

HINTS = {"adds": "You add; multiply instead."}
CASES = [Case((2.0, np.array([1.0, 3.0])), [2.0, 6.0], {"adds": [3.0, 5.0]})]


def said(answer):
    verdict = judge(answer, CASES, HINTS, "Right.")
    return verdict.passed, verdict.misconception, verdict.message


def divides(a, x):
    nothing = 0
    return a / nothing


def spoils(a, x):
    x *= a
    return x


@pytest.mark.parametrize(
    ("answer", "misconception", "words"),
    [
        (None, "no function", "must be a function"),
        (lambda a, x: None, "nothing returned", "gives nothing back"),
        (lambda a, x: a + x, "adds", "You add; multiply instead."),
        (lambda a, x: a * x[:1], "wrong shape", "has shape (1,); it must have (2,)"),
        (lambda a, x: a * x * np.nan, "not finite", "not finite"),
        (lambda a, x: "six", "no number", "numbers of shape (2,)"),
        (lambda a, x: [[1], [2, 3]], "no number", "numbers of shape (2,)"),
        (lambda a, x: x > 2, "", "gives [False, True]"),
        (lambda a, x: a * x + 1, "", "by hand it is [2.0, 6.0]"),
        (lambda a: a, "stops with an error", "must take 2 arguments"),
        (divides, "stops with an error", "in the line “return a / nothing”: ZeroDivisionError"),
        (lambda a, x: ... * x, "stops with an error", "a function that it calls gives nothing back yet"),
        (spoils, "changes its input", "Work on a copy"),
    ],
)
def test_what_is_wrong_is_named(answer, misconception, words):
    passed, slip, message = said(answer)
    assert not passed
    assert slip == misconception
    assert words in message


def test_a_slip_that_ends_in_an_error_is_named_with_its_line():
    def paired(ours, theirs):
        return [ours[seed] - theirs[seed] for seed in sorted(ours)]

    verdict = lesson(11).check("paired")(paired)
    assert verdict.misconception == "keeps lonely seeds"
    assert "for seed in sorted(ours)]”: KeyError: 7. A seed that one of the two lacks" in verdict.message


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_an_error_about_shapes_says_which_were_given_and_another_does_not(kind):
    case = Case((kind([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), kind([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 2), 0.0)
    message = judge(lambda a, b, k: a @ b, [case], {}, "Right.").message
    assert message.endswith("Given were the shapes (3, 2), (3, 2), in this order: which axis should meet which?")
    other = judge(lambda a, b, k: k / 0, [case], {}, "Right.").message
    assert other.endswith("ZeroDivisionError: division by zero.")


def test_one_number_is_asked_for_in_words():
    assert judge(lambda: [[1.0]], [Case((), 1.0)], {}, "Right.").message.endswith("has shape (1, 1); it must be one number.")


def test_a_large_value_is_told_where_it_differs():
    large = torch.full((6, 6), 0.5**0.5)
    spoilt = large.clone()
    spoilt[4, 1] = 3
    message = judge(lambda: spoilt, [Case((), large)], {}, "Right.").message
    assert "gives [[0.7071, 0.7071, " in message
    assert "(they differ first at [4, 1]: 3, not 0.7071)" in message


def test_numbers_of_any_precision_are_shown_rounded():
    assert shown(torch.tensor([0.018, 0.98201])) == shown(np.array([0.018, 0.98201])) == "[0.018, 0.982]"
    assert shown(torch.tensor([1, 2])) == "[1, 2]"


def test_right_values_pass_as_list_array_or_tensor():
    for kind in (list, np.asarray, torch.tensor):
        assert said(lambda a, x, kind=kind: kind(a * x)) == (True, "", "Right.")


def test_a_forgotten_way_out_is_told_with_its_example():
    verdict = judge(lambda part: 1 if part == "image" else None, [Case(("image",), 1), Case(("text",), 1)], {}, "Right.")
    assert verdict.misconception == "nothing returned"
    assert "('text') gives nothing back. Let every way through it end" in verdict.message

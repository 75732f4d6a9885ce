"""The faults of lesson 10 are what it says they are, and a test that a learner writes is judged by what it tells apart."""

import importlib

import numpy as np
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab.lessons import faults
from srgformer_lab.lessons.verdict import Specimen, judge_test


def recall(model):
    return lab.evaluate(model, faults.shop(), "test", (20,))["recall@20"]


def test_overwritten_memberships_are_the_texts_shares_and_raw_logits():
    sound, broken = (model.trace().hypergraph for model in (faults.sound_model(), faults.overwritten_model()))
    torch.testing.assert_close(broken["image"].membership.users, sound["text"].membership.users)
    torch.testing.assert_close(broken["text"].membership.users, sound["text"].logits.users)
    for name in sound:
        torch.testing.assert_close(broken[name].membership.items, sound[name].membership.items)


def test_two_faults_hardly_show_in_the_table_and_a_leak_helps_more_the_larger_it_is():
    right = recall(faults.sound_model())
    assert abs(recall(faults.overwritten_model()) - right) < 0.01
    with faults.sound_model().edit(*faults.noise(1)):
        assert abs(recall(faults.sound_model()) - right) < 0.01
    leaked = [recall(faults.leaking_model(share)) for share in (0, 0.2, 1)]
    assert leaked[0] == pytest.approx(right, abs=1e-9)
    assert leaked[0] + 0.02 < leaked[1] < leaked[2]


def test_leak_moves_test_pairs_and_no_others():
    data, leaking = faults.shop(), faults.leaking(0.05)
    seen, hidden = (set(map(tuple, pairs.tolist())) for pairs in (leaking.pairs("train"), data.pairs("test")))
    assert len(seen & hidden) == round(0.05 * len(hidden))
    assert seen - hidden == set(map(tuple, data.pairs("train").tolist()))


def test_descents_differ_from_the_second_step_on():
    places = {every: faults.descent(every, torch.float64)(0, 1, 0.1, 2) for every in (0, 1, 2)}
    np.testing.assert_allclose(places[1], [0, 0.1, 0.19])
    np.testing.assert_allclose(places[0], [0, 0.1, 0.1 + 0.1 * (1 + 0.9)])
    np.testing.assert_allclose(places[2], places[0])


def test_each_fault_rings_its_own_alarm_alone():
    rung = importlib.import_module("solutions.lesson_10").alarms()
    assert [[test for test, rings in tests.items() if rings] for tests in rung.values()] == [
        ["memberships_hold"],
        ["scores_repeat"],
        ["steps_are_fresh"],
        ["chooses_blindly"],
        ["hides_test"],
    ]


SOUND, BROKEN = (
    Specimen("three", True, (lambda a: 3 * a,), "condemns three", "Three is well."),
    Specimen("four", False, (lambda a: 4 * a,), "misses four", "Look again."),
)


def test_what_is_condemned_or_missed_is_told_with_what_the_test_saw():
    condemned = judge_test(lambda times: times(2) == 7, [SOUND, BROKEN], "Right.")
    assert (condemned.passed, condemned.misconception) == (False, "condemns three")
    assert "times(2) = 6" in condemned.message
    missed = judge_test(lambda times: times(2) > 5, [SOUND, BROKEN], "Right.")
    assert (missed.passed, missed.misconception) == (False, "misses four")
    assert "times(2) = 8" in missed.message
    assert judge_test(lambda times: times(2) == 6, [SOUND, BROKEN], "Right.").passed


@pytest.mark.parametrize("answer", ["yes", 2, [True, False], torch.tensor([True, False]), float("nan")])
def test_what_is_neither_true_nor_false_is_named(answer):
    verdict = judge_test(lambda times: answer, [SOUND, BROKEN], "Right.")
    assert verdict.misconception == "no yes or no"


def test_nothing_and_errors_are_told_as_everywhere():
    assert judge_test(lambda times: None, [SOUND], "Right.").misconception == "nothing returned"
    assert "ZeroDivisionError" in judge_test(lambda times: 1 / 0, [SOUND], "Right.").message
    assert "must take 1 argument" in judge_test(lambda: True, [SOUND], "Right.").message
    assert judge_test(3, [SOUND], "Right.").misconception == "no function"

"""What lesson 1 says is so: its solutions judge as the library does, and its claims hold in the built-in shop."""

import importlib

import numpy as np
import pytest
import torch

import srgformer_lab as lab


@pytest.fixture
def by_hand():
    return importlib.import_module("solutions.lesson_01")


@pytest.fixture(scope="module")
def shop():
    return lab.studio()


@pytest.fixture(scope="module")
def model(shop):
    return lab.ItemKNN(shop)


def scores(model, shop):
    return model.scorer()(torch.arange(shop.n_users)).numpy()


def test_the_most_taken_fifth_holds_about_half(shop):
    taken = np.sort(np.asarray(shop.matrix("all").sum(axis=0)).ravel())[::-1]
    assert shop.n_items == 240
    assert taken[:48].sum() / taken.sum() == pytest.approx(0.5, abs=0.02)


def test_judging_by_hand_is_the_librarys(by_hand, shop, model):
    board = by_hand.scoreboard(scores(model, shop), shop, by_hand.RIGHT, 20)
    judged = lab.evaluate(model, shop, "test", (20,))
    assert board["recall"] == pytest.approx(judged["recall@20"], abs=1e-6)
    assert board["ndcg"] == pytest.approx(judged["ndcg@20"], abs=1e-6)


def test_some_ways_of_judging_flatter_and_some_make_it_look_worse(by_hand, shop, model):
    boards = {slip: by_hand.scoreboard(scores(model, shop), shop, slip, 20) for slip in by_hand.SLIPS}
    right, stays, learned, few, by_k = (boards[slip] for slip in by_hand.SLIPS)
    assert learned["ndcg"] > right["ndcg"] + 0.1
    assert few["recall"] > right["recall"] + 0.1
    assert stays["recall"] < right["recall"] - 0.05
    assert by_k["recall"] < right["recall"] - 0.2

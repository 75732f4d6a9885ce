"""The rows that lesson 11 tells of are those of the project's results, and its tables come to the same numbers."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from srgformer_lab.statistics import over_seeds

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("name", ["ablation", "baselines"])
def test_stored_rows_are_the_results(name):
    stored = importlib.import_module("solutions.lesson_11").stored(name)
    rows = pd.read_csv(RESULTS / f"{name}-studio" / "rows.csv")
    assert list(stored["name"]) == list(rows.iloc[:, 0])
    for short, column in {"seed": "seed", "best_epoch": "best_epoch", "valid": "valid.recall@20", "test": "test.recall@20"}.items():
        np.testing.assert_allclose(stored[short], rows[column], atol=1e-6)


def test_table_made_rightly_is_the_one_of_the_results():
    by_hand = importlib.import_module("solutions.lesson_11")
    made = by_hand.table(by_hand.stored("ablation"), "whole", range(5)).set_index("name")
    known = pd.read_csv(RESULTS / "ablation-studio" / "table.csv").set_index("variant")
    for column in ("recall@20", "gain", "gain_low", "gain_high"):
        np.testing.assert_allclose(made[column], known[column], atol=2e-6)


def test_interval_is_the_librarys():
    by_hand, values = importlib.import_module("solutions.lesson_11"), np.array([0.1, -0.2, 0.4])
    known = over_seeds(values)
    np.testing.assert_allclose(by_hand.interval(values), (known.low, known.high))


def test_the_luckiest_seed_makes_every_part_look_useful_and_without_pairs_none_is():
    by_hand = importlib.import_module("solutions.lesson_11")
    rows = by_hand.stored("ablation")
    assert (by_hand.table(rows, "whole", range(5), by_hand.LUCKY)["gain"].dropna() < 0).all()
    assert not (by_hand.table(rows, "whole", range(5), by_hand.APART)["gain_high"] < 0).any()
    right = by_hand.table(rows, "whole", range(5))
    assert set(right.loc[right["gain_high"] < 0, "name"]) == {"image alone", "text alone"}

"""The rows that lesson 11 tells of are those of the project's results, and its tables come to the same numbers."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from srgformer_lab.statistics import over_seeds
from tests.lessons.conftest import TUTORIALS

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("name", ["ablation", "baselines"])
def test_stored_rows_are_the_results(name):
    stored = importlib.import_module("solutions.lesson_11").stored(name)
    rows = pd.read_csv(RESULTS / f"{name}-studio" / "rows.csv")
    assert list(stored["name"]) == list(rows.iloc[:, 0])
    for short, column in {"seed": "seed", "best_epoch": "best_epoch", "valid": "valid.recall@20", "test": "test.recall@20"}.items():
        np.testing.assert_allclose(stored[short], rows[column], atol=1e-6)


def test_stored_structure_is_the_results():
    stored = pd.read_csv(TUTORIALS / "stored" / "structure.csv")
    rows = pd.read_csv(RESULTS / "structure-studio" / "rows.csv")
    known = rows[rows["form"].isin(["published", "found"])].reset_index(drop=True)
    assert list(stored["form"]) == ["as published"] * 5 + ["found"] * 5
    assert list(stored["seed"]) == list(known["seed"])
    for column in stored.columns[2:]:
        np.testing.assert_allclose(stored[column], known[f"structure.{column}"], atol=1e-5)


def test_what_is_said_of_both_forms_holds_over_the_stored_worlds():
    """Published hyperedges are where they began, and weights below; found ones learned; no weight is a reason: lessons 4, 5 and 9."""
    kit = importlib.import_module("kit")
    measures = ["NMI image", "NMI text", "AUC attention", "ρ attention", "ρ contribution"]
    above = kit.over_worlds({name: name for name in measures}).set_index(["run", "group"])
    published, found = above.loc["as published"], above.loc["found"]
    assert (published.loc[measures[:2], "low"] < 0).all()
    assert (published.loc[measures[:2], "high"] > 0).all()
    assert -0.1 < published.loc["AUC attention", "low"] < published.loc["AUC attention", "high"] < 0
    assert (found.loc[measures[:3], "low"] > 0.3).all()
    assert (above.xs("ρ attention", level="group")["low"] < 0).all()
    assert (above.xs("ρ contribution", level="group")["low"] > 0.4).all()


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

"""What a table says of all its comparisons together is what the tests of its differences say."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from srgformer_lab.experiments import multiplicity
from srgformer_lab.statistics import holm, over_seeds

DIFFERENCES = {"a": [0.02, 0.03, 0.025, 0.021, 0.027], "b": [0.01, -0.02, 0.0, 0.015, 0.002], "c": [0.004, 0.02, 0.011, 0.001, 0.017]}


def table_of(differences) -> pd.DataFrame:
    rows = [{"model": "reference", "seeds": 5}, {"model": "reference again", "seeds": 5, "gain": 0.0, "gain_low": 0.0, "gain_high": 0.0}]
    for name, values in differences.items():
        interval = over_seeds(np.array(values))
        rows.append({"model": name, "seeds": len(values), "gain": interval.mean, "gain_low": interval.low, "gain_high": interval.high})
    return pd.DataFrame(rows)


def test_p_values_are_those_of_paired_t_tests_corrected_for_the_rows_that_differ():
    found = multiplicity.corrected(table_of(DIFFERENCES))
    plain = [stats.ttest_1samp(values, 0).pvalue for values in DIFFERENCES.values()]
    assert found["seeds"].tolist()[2:] == pytest.approx(holm(np.array(plain)))
    assert found["seeds"].isna().tolist() == [True, True, False, False, False]
    assert found["users"].isna().all()


def test_words_name_what_is_left_and_how_many_were_looked_at():
    experiment = SimpleNamespace(by=("model",), reference={"model": "reference"}, others=())
    words = multiplicity.in_words(table_of(DIFFERENCES), experiment)
    assert words == "What differs from reference after Holm's correction for the 3 comparisons: over seeds a (p < .001)."
    assert stats.ttest_1samp(DIFFERENCES["c"], 0).pvalue < 0.05  # alone it would count
    assert "over seeds nothing" in multiplicity.in_words(table_of({"b": DIFFERENCES["b"], "c": DIFFERENCES["c"]}), experiment)
    assert multiplicity.in_words(table_of({"b": DIFFERENCES["b"]}), experiment) == ""


def test_users_bounds_give_the_normal_tests():
    table = pd.DataFrame({"model": ["a", "b"], "seeds": [1, 1], "gain": [0.02, -0.01]})
    table["users_low"], table["users_high"] = table["gain"] - [0.01, 0.02], table["gain"] + [0.01, 0.02]
    sizes = np.array([0.02, 0.01]) / (np.array([0.01, 0.02]) / stats.norm.ppf(0.975))
    assert multiplicity.corrected(table)["users"].tolist() == pytest.approx(holm(2 * stats.norm.sf(sizes)))
    assert multiplicity.corrected(table)["seeds"].isna().all()

"""Lesson 11: its solutions, small trainings, the stored rows, and tables that can be made wrongly."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import srgformer_lab as lab


def report(valid, test):
    return test.ravel()[valid.argmax()]


def paired(ours, theirs):
    return np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def interval(differences):
    n = len(differences)
    half = stats.t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / n**0.5
    return differences.mean() - half, differences.mean() + half


def stored(table):
    """Read rows of experiments that took too long for a lesson: name, seed, best_epoch, valid, test (Recall@20)."""
    rows = pd.read_csv(Path(__file__).parents[1] / "stored" / "studio.csv")
    return rows[rows["table"] == table].drop(columns="table").reset_index(drop=True)


def trained(seed, rates, epochs):
    """Train a factorisation on the world of a seed at some learning rates: valid and test Recall@20, rates × epochs each."""
    data, found = lab.studio(seed=seed), []
    for rate in rates:
        model = lab.MatrixFactorization(data, lab.MatrixFactorizationConfig(seed=seed))
        settings = lab.TrainConfig(epochs=epochs, patience=epochs, learning_rate=rate, batch_size=1024, seed=seed)
        curve = [
            (record.metrics["recall@20"], lab.evaluate(model, data, "test", (20,))["recall@20"])
            for record in lab.epochs(model, data, settings)
        ]
        found.append(curve)
    valid, test = np.array(found).transpose(2, 0, 1)
    return valid, test


def counted(seed):
    """Judge what needs no training on the world of a seed: test Recall@20 by name."""
    data = lab.studio(seed=seed)
    models = {"Popularity": lab.Popularity(data), "ItemKNN": lab.ItemKNN(data)}
    return {name: lab.evaluate(model, data, "test", (20,))["recall@20"] for name, model in models.items()}


RIGHT = "nothing: five seeds, paired"
LUCKY, ALONE, APART = "each row shows the seed in which the whole looks best", "one seed, no interval", "the two sides are not paired"
WAYS = (RIGHT, ALONE, LUCKY, APART)


def by_seed(rows, name):
    """Return a row's test values by seed."""
    return rows[rows["name"] == name].set_index("seed")["test"].to_dict()


def table(rows, reference, seeds, way=RIGHT):
    """Make a table of the rows with some seeds: its mean, its gain over the reference, and the bounds that a way of working gives."""
    theirs, found = {seed: by_seed(rows, reference)[seed] for seed in seeds}, []
    for name in dict.fromkeys(rows["name"]):
        ours = {seed: by_seed(rows, name)[seed] for seed in seeds}
        gains, values = paired(ours, theirs), np.array(list(ours.values()))
        row = {"name": name, "seeds": len(seeds), "unfinished": 0, "recall@20": values.mean()}
        if name == reference:
            found.append(row)
            continue
        low, high = (np.nan, np.nan) if len(seeds) < 2 or way in (ALONE, LUCKY) else interval(gains)
        if way == APART:
            low, high = unpaired(values, np.array(list(theirs.values())))
        gain = gains.min() if way == LUCKY else gains.mean()
        row |= {"recall@20": np.mean(list(theirs.values())) + gain, "gain": gain, "gain_low": low, "gain_high": high}
        found.append(row)
    return pd.DataFrame(found)


def unpaired(ours, theirs):
    """Bound a difference of means as if the two sides had nothing in common (Welch)."""
    bounds = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    return float(bounds.low), float(bounds.high)

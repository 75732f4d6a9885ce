"""Lesson 9: its solutions, the stored removals, and ways to test attention that can be wrong."""

from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.statistics import over_users


def take_apart(brought, item):
    return (brought @ item).sum(axis=1)


def rank_agreement(claimed, effect):
    ranks = [np.argsort(np.argsort(values)) for values in (claimed, effect)]
    away = [rank - rank.mean() for rank in ranks]
    return (away[0] * away[1]).sum() / np.sqrt((away[0] ** 2).sum() * (away[1] ** 2).sum())


def deletion(claims, score_without):
    order = [int(row) for row in np.argsort(-np.asarray(claims), kind="stable")]
    return [score_without([]) - score_without(order[:n]) for n in range(len(order) + 1)]


def stored(table):
    """Read what lab.faithfulness(lab.shipped_run's model, its data, n_users=20) measured: effects, correlations or curves."""
    return pd.read_csv(Path(__file__).parents[1] / "stored" / f"lesson_09_{table}.csv")


RIGHT = "each person by themselves, all 20"
TESTS = (RIGHT, "only the person with whom attention looks best", "only the three people with whom it looks best", "all people in one pot")


def tested(effects, claim, how):
    """Return the rank correlation of a claim with the removals, tested in one of the ways."""
    people = [rank_agreement(rows[claim].to_numpy(), rows["effect"].to_numpy()) for _, rows in effects.groupby("user_id")]
    best = np.argsort([-rank_agreement(rows["attention"].to_numpy(), rows["effect"].to_numpy()) for _, rows in effects.groupby("user_id")])
    if how == TESTS[1]:
        return people[best[0]]
    if how == TESTS[2]:
        return float(np.mean([people[row] for row in best[:3]]))
    if how == TESTS[3]:
        return rank_agreement(effects[claim].to_numpy(), effects["effect"].to_numpy())
    return float(np.mean(people))


FORMS = {"studio": "as published", "studio_found": "found"}


def agreements():
    """Return how far claims rank removals in both shipped models, trained and not: mean rank correlation over people, and its bounds."""
    rows = []
    for (form, state), people in stored("forms").groupby(["form", "state"]):
        for claim, name in {"contribution": "exact share", "attention": "attention weight"}.items():
            each = np.array([rank_agreement(one[claim].to_numpy(), one["effect"].to_numpy()) for _, one in people.groupby("user_id")])
            known = over_users(each)
            rows.append({"form": FORMS[form], "state": state, "claim": name, "mean": known.mean, "low": known.low, "high": known.high})
    return pd.DataFrame(rows).set_index(["form", "state"])

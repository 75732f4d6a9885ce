"""Do explanations find the planted truth? Run as ``python benchmarks/explanations.py`` from the repository's root.

Trains SRGFormer on the built-in world over seeds and asks three things whose answers are known: do hyperedges gather the groups
that show in their modality, do attention and contribution tell real interactions from chance ones, and does an explanation
name the interest behind a recommendation. Beside each stands what chance or an untrained model reaches.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

import srgformer_lab as lab
from srgformer_lab.analysis.attention import attention_auc
from srgformer_lab.models.walks import Walks
from srgformer_lab.statistics import over_seeds

LISTED = 10


def main() -> None:
    """Train, ask, and print means with intervals over seeds."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--first-seed", type=int, default=0)
    options.add_argument("--preset", default="studio", help="studio as published, or studio_found")
    options.add_argument("--epochs", type=int, default=200)
    options.add_argument("--noise", type=float, help="share of chance interactions, instead of the world's usual one")
    options.add_argument("--heads", type=int)
    options.add_argument("--hyperedges", type=int)
    options.add_argument("--output", type=Path, default=Path("explanations.csv"))
    asked = options.parse_args()
    rows = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        world = {} if asked.noise is None else {"noise": asked.noise}
        data = lab.studio(seed=seed, **world)
        chosen = lab.preset(asked.preset)
        changes = {"n_heads": asked.heads, "n_hyperedges": asked.hyperedges}
        config = chosen.model.replace(seed=seed, **{name: value for name, value in changes.items() if value is not None})
        model = lab.SRGFormer(data, config)
        before = of_hyperedges(model.trace(), data)
        with tempfile.TemporaryDirectory() as folder:
            lab.fit(model, data, chosen.train.replace(epochs=asked.epochs, seed=seed, keep_epochs=0), folder)
        trace = model.trace()
        found = of_hyperedges(trace, data) | {f"{name}, untrained": value for name, value in before.items()}
        found |= {f"{split} recall@20": lab.evaluate(model, data, split)["recall@20"] for split in ("valid", "test")}
        found |= within_reach(data, config.n_hyperedges) | of_users(trace, data)
        rows.append({"seed": seed, **found})
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()), flush=True)
    table = pd.DataFrame(rows).set_index("seed")
    table.to_csv(asked.output)
    for name in table:
        print(f"{name:75s} {over_seeds(table[name].to_numpy()) if len(table) > 1 else table[name].iloc[0]}")


def of_hyperedges(trace: lab.Trace, data: lab.Dataset) -> dict[str, float]:
    """Compare each modality's arg-max memberships with the groups that show in it."""
    found = {}
    for name in data.modalities:
        compared = lab.against_labels(trace, data, name, lab.visible_labels(data, name))
        found[f"NMI of {name} hyperedges with the groups that show there"] = compared.nmi
    return found


def within_reach(data: lab.Dataset, n_hyperedges: int) -> dict[str, float]:
    """Ask what memberships that are linear in the features could reach, and what the number of hyperedges allows.

    The first is the arg-max of a linear classifier that is trained on the groups; the second merges groups evenly.
    """
    found = {}
    for name in data.modalities:
        labels = lab.visible_labels(data, name).to_numpy()
        known = labels != ""
        told = LogisticRegression(C=100.0, max_iter=2000).fit(data.features[name][known], labels[known])
        told_nmi = normalized_mutual_info_score(labels[known], told.predict(data.features[name][known]))
        found[f"NMI of {name}, a linear map that is told the groups"] = float(told_nmi)
        codes = np.unique(labels[known], return_inverse=True)[1]
        found[f"NMI of {name}, groups dealt out to {n_hyperedges} hyperedges"] = float(
            normalized_mutual_info_score(codes, codes % n_hyperedges)
        )
    return found


def of_users(trace: lab.Trace, data: lab.Dataset) -> dict[str, float]:
    """Ask of every user's list which history items carry it, and whether they are the real ones and of the right group."""
    walks, truth, train = Walks(trace), data.truth, data.matrix("train")
    noise = {(user, item): bool(flag) for user, item, flag in zip(data.interactions.user, data.interactions.item, truth.noise, strict=True)}
    auc, named = {"contribution": [], "product": [], "score": []}, {"sum": [], "first": [], "history": []}
    for user, user_id in enumerate(data.user_ids):
        history = train[user].indices
        rows = [data.item_row(item) for item in lab.recommend(trace, data, user_id, LISTED)["item_id"]]
        terms = walks.components(user, trace.fused.items[torch.tensor(rows)])
        reached = (terms.index["source"] == "neighbor").to_numpy()
        place = np.searchsorted(history, terms.index["neighbor"].to_numpy()[reached] - data.n_users)
        shares = np.zeros((len(history), len(rows)))
        np.add.at(shares, place, terms.values[reached])
        is_real = np.array([not noise[user, item] for item in history])
        if is_real.any() and not is_real.all():
            auc["contribution"].append(roc_auc_score(is_real, shares.mean(1)))
            product = trace.embedding.items[history] @ trace.embedding.users[user]
            auc["product"].append(roc_auc_score(is_real, product.numpy()))
            fused = trace.fused.items[history] @ trace.fused.users[user]
            auc["score"].append(roc_auc_score(is_real, fused.numpy()))
        for column, row in enumerate(rows):
            group = truth.item_group[row]
            if group in truth.user_interests[user]:
                by_group = np.bincount(truth.item_group[history], weights=shares[:, column], minlength=len(truth.group_names))
                named["sum"].append(by_group.argmax() == group)
                named["first"].append(truth.item_group[history[shares[:, column].argmax()]] == group)
                named["history"].append(np.bincount(truth.item_group[history]).argmax() == group)
    return {
        "AUC of contribution to the list, real against chance interactions": float(np.mean(auc["contribution"])),
        "AUC of attention weight, real against chance interactions": attention_auc(trace, data),
        "AUC of the score of the history item itself": float(np.mean(auc["score"])),
        "AUC of the product of the raw ID embeddings that attention reads": float(np.mean(auc["product"])),
        "interest named by the group with the largest total contribution": float(np.mean(named["sum"])),
        "interest named by the history item with the largest contribution": float(np.mean(named["first"])),
        "interest guessed as the commonest group of the history": float(np.mean(named["history"])),
    }


if __name__ == "__main__":
    main()

"""Lesson 5: its solutions, and what the trained model's attention does."""

import pandas as pd
import torch

import srgformer_lab as lab


def attention_weights(query, keys):
    score = (keys @ query).clamp(-10, 10)
    return score.exp() / score.exp().sum()


def attend(user, items, query_map, key_map, value_map):
    weight = attention_weights(user @ query_map, items @ key_map)
    return weight @ (items @ value_map)


def attend_with_heads(user, items, query_map, key_map, value_map, n_heads):
    width = len(user) // n_heads
    heads = []
    for head in range(n_heads):
        own = slice(head * width, (head + 1) * width)
        heads.append(attend(user, items, query_map[:, own], key_map[:, own], value_map[:, own]))
    return torch.cat(heads)


CHANGES = {
    "nothing": (),
    "all things weigh alike": (lab.uniform_attention(),),
    "one of four heads is muted": (lab.mute_head(0),),
    "all heads are muted": tuple(lab.mute_head(head) for head in range(4)),
}


def weights_of(trace, data, user, sharper=1.0):
    """Return a user's attention weights, a row for each item and head, with the scores multiplied by ``sharper`` before the clip."""
    own = trace.attention.node == user
    score = (trace.attention.score[own] * sharper).clamp(-10, 10)
    rows = (trace.attention.neighbor[own] - data.n_users).tolist()
    return pd.DataFrame(
        {
            "item_id": [data.item_ids[row] for row in rows for _ in range(score.shape[1])],
            "title": [data.cards.titles[row] for row in rows for _ in range(score.shape[1])],
            "head": list(range(score.shape[1])) * len(rows),
            "weight": score.softmax(0).flatten().tolist(),
        }
    )


def share_of_largest(trace, user, count):
    """Return the share of a user's ``count`` heaviest items, averaged over heads."""
    weight = trace.attention.weight[trace.attention.node == user]
    return float(weight.topk(count, dim=0).values.sum(0).mean())


def largest_against_even(trace, n_users):
    """Give, averaged over users and heads, how many times an even share the largest weight is."""
    values = []
    for user in range(n_users):
        weight = trace.attention.weight[trace.attention.node == user]
        values.append(float((weight.max(0).values * len(weight)).mean()))
    return sum(values) / len(values)


def changed(model, data, changes):
    """Judge the model by validation with some edits, and give the share of all users' first ten that stays."""
    before = _first_ten(model, data)
    with model.edit(*changes):
        recall = lab.evaluate(model, data, split="valid")["recall@20"]
        after = _first_ten(model, data)
    kept = sum(len(set(one) & set(other)) for one, other in zip(before, after, strict=True)) / sum(map(len, before))
    return recall, kept


def _first_ten(model, data):
    return [list(items) for _, items in lab.recommend_all(model, data, 10).groupby("user_id")["item_id"]]

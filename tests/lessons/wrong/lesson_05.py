"""Plausible wrong answers of lesson 5: exercise → the misconception that the check must name → an answer that has it."""

import torch


def scaled(query, keys):
    return (keys @ query / len(query) ** 0.5).clamp(-10, 10).softmax(0)


def shares(query, keys):
    score = (keys @ query).clamp(-10, 10)
    return score / score.sum()


def bare(query, keys):
    return (keys @ query).clamp(-10, 10)


def exponentials(query, keys):
    return bare(query, keys).exp()


def unclipped(query, keys):
    return (keys @ query).softmax(0)


def clipped_above(query, keys):
    return (keys @ query).clamp(max=10).softmax(0)


def clipped_late(query, keys):
    raised = (keys @ query).exp().clamp(-10, 10)
    return raised / raised.sum()


def shifted(query, keys):
    score = keys @ query
    return (score - score.max()).clamp(-10, 10).softmax(0)


def weigh(query, keys):
    return bare(query, keys).softmax(0)


def of_embeddings(user, items, query_map, key_map, value_map):
    return weigh(user @ query_map, items @ key_map) @ items


def of_keys(user, items, query_map, key_map, value_map):
    return weigh(user @ query_map, items @ key_map) @ (items @ key_map)


def mean(user, items, query_map, key_map, value_map):
    return (items @ value_map).mean(0)


def attend(user, items, query_map, key_map, value_map):
    return weigh(user @ query_map, items @ key_map) @ (items @ value_map)


def residual(user, items, *maps):
    return attend(user, items, *maps) + user


def residual_value(user, items, query_map, key_map, value_map):
    return attend(user, items, query_map, key_map, value_map) + user @ value_map


def unsummed(user, items, query_map, key_map, value_map):
    return weigh(user @ query_map, items @ key_map)[:, None] * (items @ value_map)


def query_from_the_left(user, items, query_map, key_map, value_map):
    return attend(user, items, query_map.T, key_map, value_map)


def swapped(user, items, query_map, key_map, value_map):
    return attend(user, items, key_map, query_map, value_map)


def from_the_left(user, items, *maps):
    return attend(user, items, *(values.T for values in maps))


def over_root(user, items, query_map, key_map, value_map):
    return scaled(user @ query_map, items @ key_map) @ (items @ value_map)


def one_softmax(user, items, query_map, key_map, value_map, n_heads):
    return attend(user, items, query_map, key_map, value_map)


def pieces(user, items, maps, n_heads):
    width = len(user) // n_heads
    return [attend(user, items, *(values[:, head * width : (head + 1) * width] for values in maps)) for head in range(n_heads)]


def summed(user, items, query_map, key_map, value_map, n_heads):
    return sum(pieces(user, items, (query_map, key_map, value_map), n_heads))


def averaged(user, items, query_map, key_map, value_map, n_heads):
    return summed(user, items, query_map, key_map, value_map, n_heads) / n_heads


def cut(user, items, maps, n_heads, columns):
    width, parts = len(user) // n_heads, []
    for head in range(n_heads):
        own = slice(head * width, (head + 1) * width)
        parts.append(attend(user[own], items[:, own], *(values[own, own if columns else slice(None)] for values in maps)))
    return torch.cat(parts)


def cut_rows(user, items, query_map, key_map, value_map, n_heads):
    return cut(user, items, (query_map, key_map, value_map), n_heads, columns=False)


def cut_both(user, items, query_map, key_map, value_map, n_heads):
    return cut(user, items, (query_map, key_map, value_map), n_heads, columns=True)


def whole(user, items, query_map, key_map, value_map, n_heads):
    return torch.cat([attend(user, items, query_map, key_map, value_map)] * n_heads)


def stacked(user, items, query_map, key_map, value_map, n_heads):
    return torch.stack(pieces(user, items, (query_map, key_map, value_map), n_heads))


def interleaved(user, items, query_map, key_map, value_map, n_heads):
    maps = (query_map, key_map, value_map)
    return torch.cat([attend(user, items, *(values[:, head::n_heads] for values in maps)) for head in range(n_heads)])


def unclipped_head(user, items, query_map, key_map, value_map):
    return ((items @ key_map) @ (user @ query_map)).softmax(0) @ (items @ value_map)


def unclipped_heads(user, items, query_map, key_map, value_map, n_heads):
    parts = [values.chunk(n_heads, dim=1) for values in (query_map, key_map, value_map)]
    return torch.cat([unclipped_head(user, items, *maps) for maps in zip(*parts, strict=True)])


WRONG = {
    "attention_weights": {
        "divides by √d": scaled,
        "shares of the scores": shares,
        "gives scores": bare,
        "no normalisation": exponentials,
        "forgets the clip": unclipped,
        "clips above only": clipped_above,
        "clips too late": clipped_late,
        "shifts before the clip": shifted,
    },
    "attend": {
        "forgets the clip": unclipped_head,
        "weighs the embeddings": of_embeddings,
        "weighs the keys": of_keys,
        "plain mean": mean,
        "adds the user": residual,
        "adds the user's value": residual_value,
        "not summed": unsummed,
        "query map on the left": query_from_the_left,
        "maps swapped": swapped,
        "maps on the left": from_the_left,
        "divides by √d": over_root,
    },
    "attend_with_heads": {
        "forgets the clip": unclipped_heads,
        "one softmax for all heads": one_softmax,
        "sums the heads": summed,
        "averages the heads": averaged,
        "every n-th column": interleaved,
        "cuts the rows": cut_rows,
        "cuts rows and columns": cut_both,
        "whole maps": whole,
        "stacks the heads": stacked,
    },
}

"""Lesson 3: its solutions, the small shop's hyperedges, and the built-in shop as a hypergraph that can be spoilt."""

import numpy as np
import pandas as pd


def incidence(groups, n_items):
    H = np.zeros((n_items, len(groups)))
    for column, group in enumerate(groups):
        H[group, column] = 1
    return H


def adjacency_of(H):
    shared = (H @ H.T > 0).astype(float)
    np.fill_diagonal(shared, 0)
    return shared


def pass_messages(H, Z):
    hyperedges = H.T @ Z  # what the items write
    return H @ hyperedges  # what they read


# ------------------------------------------------------------ the small shop

THINGS = ("skis", "goggles", "sled", "thermos", "tent", "boots")
GROUPS = {
    "winter sports": ("skis", "goggles", "sled", "thermos"),
    "camping": ("thermos", "tent", "boots"),
    "for children": ("sled", "boots"),
}


def drawn(groups, things):
    """Return the nodes and lines of a hypergraph to draw."""
    nodes = pd.DataFrame({"name": [*things, *groups], "side": [0] * len(things) + [1] * len(groups)})
    links = [(thing, group) for group, members in groups.items() for thing in members]
    return nodes, pd.DataFrame(links, columns=["left", "right"])


def signal(thing, n_half_steps):
    """Put 1 on one thing of the small shop, and let it walk to the hyperedges and back: what lies where after some half steps."""
    H = incidence([[THINGS.index(name) for name in members] for members in GROUPS.values()], len(THINGS))
    things, groups = np.eye(len(THINGS))[THINGS.index(thing)], np.zeros(len(GROUPS))
    for half in range(n_half_steps):
        if half % 2 == 0:
            things, groups = np.zeros(len(THINGS)), H.T @ things
        else:
            things, groups = H @ groups, np.zeros(len(GROUPS))
    nodes, links = drawn(GROUPS, THINGS)
    return nodes.assign(value=[*things, *groups]), links


def as_pairs(groups, things):
    """Return what an adjacency matrix keeps of groups: each two things that share one, by a name for the pair."""
    A = adjacency_of(incidence([[things.index(name) for name in members] for members in groups.values()], len(things)))
    return {f"{things[i]} and {things[j]}": (things[i], things[j]) for i, j in np.argwhere(np.triu(A))}


ONE_GROUP = {"camping": ("tent", "thermos", "boots")}
THREE_PAIRS = {"for tea": ("tent", "thermos"), "for a walk": ("thermos", "boots"), "for mud": ("tent", "boots")}
CAMPING = ("tent", "thermos", "boots")


# --------------------------------------------------------- the built-in shop


def shop_incidence(data, n_careless=0):
    """Return the built-in shop's hyperedges: a kind or an interest group each, and one that holds the first n_careless items."""
    kinds = data.cards.details["family"]
    groups = [np.flatnonzero(kinds == kind) for kind in sorted(set(kinds))]
    groups += [np.flatnonzero(data.truth.item_group == group) for group in range(len(data.truth.group_names))]
    return incidence([*groups, np.arange(n_careless)], data.n_items)


def after_rounds(H, n_rounds):
    """Draw a row for each item (the same at every call), pass messages, and give the rows divided by their lengths."""
    Z = np.random.default_rng(0).standard_normal((len(H), 16))
    for _ in range(n_rounds):
        Z = pass_messages(H, Z)
        Z = Z / np.linalg.norm(Z)  # one number for all items: only keeps the numbers small
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def likeness(data, units):
    """Return the mean cosine of two items that share only their kind, only their interest group, or neither."""
    cosine, group, kind = units @ units.T, data.truth.item_group, data.cards.details["family"].to_numpy()
    same_group, same_kind = (part[:, None] == part[None, :] for part in (group, kind))
    pairs = {"same kind": same_kind & ~same_group, "same group": same_group & ~same_kind, "neither": ~same_kind & ~same_group}
    return {name: float(cosine[chosen].mean()) for name, chosen in pairs.items()}


def most_alike(data, units, item, count):
    """Return the rows of the items most like one, and what each shares with it in words."""
    order = [row for row in np.argsort(-units @ units[item], kind="stable") if row != item][:count]
    kinds, groups = data.cards.details["family"].to_numpy(), data.truth.item_group
    said = []
    for row in order:
        shared = [word for word, same in (("kind", kinds[row] == kinds[item]), ("group", groups[row] == groups[item])) if same]
        said.append(f"same {' and '.join(shared)}" if shared else "shares neither")
    return [data.item_ids[row] for row in order], said

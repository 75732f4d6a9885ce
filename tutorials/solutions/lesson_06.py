"""Lesson 6: its solutions, and a small world in which only the contrast is trained."""

import numpy as np
import pandas as pd
import torch
from solutions.lesson_02 import normalized_adjacency

import srgformer_lab as lab


def cosines(first, second):
    length = [rows.norm(dim=1, keepdim=True).clamp_min(1e-12) for rows in (first, second)]
    return (first / length[0]) @ (second / length[1]).T


def info_nce(images, texts, rows, temperature):
    score = cosines(images[rows], texts) / temperature
    own = score[torch.arange(len(rows)), rows]
    return (score.exp().sum(1).log() - own).sum()


def pushes(cosine, own, temperature):
    share = (cosine / temperature).softmax(0)
    share[own] -= 1
    return share / temperature


RIGHT = "nothing: own pairs together, strangers apart"
NO_STRANGERS = "no strangers: own pairs are only pulled together"
OTHERS_TEXT = "every picture has the text of another thing"
SLIPS = {
    RIGHT: "Own pairs are near each other, strangers lie around 0, and many pictures find their own text among 240.",
    NO_STRANGERS: "Without strangers nothing keeps vectors apart: all move towards one line, in one direction or its opposite. Own pairs "
    "look better than ever, but strangers spread to both ends (their mean, near 0, hides it), and few pictures find their text. This is "
    "called **collapse**.",
    OTHERS_TEXT: "Each picture was pulled towards another thing's text, and its own was one of the strangers. Here the cosine of own "
    "pairs does show it: it is that of strangers, and hardly any picture finds its text.",
}


def own_shares(data, n_steps=2):
    """Return how much of each item's vector is its own after the walk, as against the other items' that arrive with it."""
    walk = torch.linalg.matrix_power(normalized_adjacency(torch.tensor(data.matrix("train").toarray())), n_steps)
    items = walk[data.n_users :, data.n_users :]
    return (items.diagonal() / items.sum(1)).tolist()


def trained(data, temperature, slip=RIGHT, width=16, steps=150):
    """Train two linear maps, of pictures and of texts, by the contrast alone; give both sides' vectors."""
    draws = torch.Generator().manual_seed(0)
    images, texts = (torch.tensor(np.asarray(data.features[name])) for name in ("image", "text"))
    maps = [(torch.randn(rows.shape[1], width, generator=draws) / rows.shape[1] ** 0.5).requires_grad_() for rows in (images, texts)]
    shown = texts.roll(1, 0) if slip == OTHERS_TEXT else texts
    descent = torch.optim.Adam(maps, lr=0.02)
    everything = torch.arange(len(images))
    for _ in range(steps):
        descent.zero_grad()
        mapped = images @ maps[0], shown @ maps[1]
        loss = -cosines(*mapped).diagonal().sum() / temperature if slip == NO_STRANGERS else info_nce(*mapped, everything, temperature)
        (loss / len(images)).backward()
        descent.step()
    return (images @ maps[0]).detach(), (texts @ maps[1]).detach()


def pairs(images, texts):
    """Return the cosines of own pairs (``positive``) and of strangers (``negative``), as the figure of distributions takes them."""
    cosine = cosines(images, texts)
    is_own = torch.eye(len(cosine), dtype=torch.bool)
    own, strangers = cosine[is_own], cosine[~is_own]
    return pd.DataFrame({"kind": ["positive"] * len(own) + ["negative"] * len(strangers), "cosine": torch.cat([own, strangers]).numpy()})


def summary(vectors, groups):
    """Return four means: own pairs, strangers of the same group, other strangers, and how often a picture finds its text among all."""
    cosine = cosines(*vectors)
    is_own = torch.eye(len(cosine), dtype=torch.bool)
    alike = torch.as_tensor(np.asarray(groups)[:, None] == np.asarray(groups)) & ~is_own
    found = (cosine.argmax(1) == torch.arange(len(cosine))).float().mean()
    return [float(value) for value in (cosine[is_own].mean(), cosine[alike].mean(), cosine[~alike & ~is_own].mean(), found)]


def weighed(data, weight, n_epochs=8):
    """Train a small SRGFormer with γ = ``weight`` and c = 0; give its own pairs' and strangers' mean cosines, and Recall@20 on valid."""
    small = lab.preset("studio")
    train = small.train.replace(epochs=n_epochs, modality_contrast_weight=weight, hypergraph_contrast_weight=0.0)
    model = lab.SRGFormer(data, small.model.replace(embedding_dim=32))
    for _ in lab.epochs(model, data, train):
        pass
    mean = lab.cosines(model.trace()).groupby("kind")["cosine"].mean()
    return float(mean["positive"]), float(mean["negative"]), lab.evaluate(model, data, split="valid")["recall@20"]


def strangers_size(images, texts):
    """Return the mean size of strangers' cosines: 1 where all vectors lie on one line, whichever way they point."""
    cosine = pairs(images, texts).query("kind == 'negative'")["cosine"]
    return float(cosine.abs().mean())

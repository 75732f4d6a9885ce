"""What lesson 12's functions must give, computed another way than its solutions do, and what comes out of known slips."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Contrasts = Sequence[tuple[float, Tensor, Tensor]]


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)


def assembled(
    collaborative: Tensor, modalities: list[Tensor], attention: Tensor, hyperedges: list[Tensor], alpha: float, beta: float
) -> Tensor:
    """Return the fused vectors of all nodes."""
    total = collaborative + alpha * _unit(attention) + beta * _unit(torch.stack(hyperedges).sum(0))
    return total + torch.stack([_unit(rows) for rows in modalities]).sum(0) if modalities else total


def wrong_assembled(
    collaborative: Tensor, modalities: list[Tensor], attention: Tensor, hyperedges: list[Tensor], alpha: float, beta: float
) -> dict[str, Any]:
    """Return what known slips of the fusion give, by slip."""
    whole, together = assembled(collaborative, modalities, attention, hyperedges, alpha, beta), torch.stack(hyperedges).sum(0)
    of_modalities = torch.stack([_unit(rows) for rows in modalities]).sum(0)
    structure = alpha * _unit(attention) + beta * _unit(together)

    def all_by(divide: Callable[[Tensor], Tensor]) -> Tensor:
        return collaborative + sum(map(divide, modalities)) + alpha * divide(attention) + beta * divide(together)

    wrong = {
        "as long as they are": whole - of_modalities + torch.stack(modalities).sum(0),
        "id brought to length 1": whole - collaborative + _unit(collaborative),
        "scaled first": collaborative + of_modalities + _unit(attention) + _unit(together),
        "exchanged": assembled(collaborative, modalities, together, [attention], alpha, beta),
        "one length for all": all_by(lambda rows: rows / rows.norm()),
        "by columns": all_by(lambda rows: rows / rows.norm(dim=0, keepdim=True).clamp_min(1e-12)),
        "structure alone": (structure, collaborative + structure, of_modalities + structure),
        "attention as long as it is": (
            whole - structure + alpha * attention + beta * _unit(together),
            whole - structure + alpha * _unit(attention) + beta * together,
            whole - structure + alpha * attention + beta * together,
        ),
    }
    if len(hyperedges) > 1:
        wrong["each by itself"] = whole - beta * _unit(together) + beta * torch.stack([_unit(rows) for rows in hyperedges]).sum(0)
    return wrong


def _info_nce(images: Tensor, texts: Tensor, rows: Tensor, tau: float) -> Tensor:
    score = _unit(images[rows]) @ _unit(texts).T / tau
    return torch.nn.functional.cross_entropy(score, rows, reduction="sum")


def _ranking(nodes: Tensor, triples: Tensor, n_users: int) -> Tensor:
    u, p, q = nodes[triples[:, 0]], nodes[n_users + triples[:, 1]], nodes[n_users + triples[:, 2]]
    return torch.nn.functional.softplus((u * (q - p)).sum(1)).mean()


def _contrast(images: Tensor, texts: Tensor, triples: Tensor, n_users: int, tau: float) -> Tensor:
    of_users = _info_nce(images[:n_users], texts[:n_users], triples[:, 0], tau)
    return of_users + _info_nce(images[n_users:], texts[n_users:], triples[:, 1], tau)


def loss(nodes: Tensor, contrasts: Contrasts, triples: Tensor, n_users: int, penalty: float, tau: float) -> Tensor:
    """Return the loss of a batch of triples."""
    lengths = sum(nodes[rows].norm() for rows in (triples[:, 0], n_users + triples[:, 1], n_users + triples[:, 2]))
    added = [weight * _contrast(images, texts, triples, n_users, tau) for weight, images, texts in contrasts]
    return _ranking(nodes, triples, n_users) + penalty * lengths / len(triples) + sum(added)


def mixed_up(nodes: Tensor, triples: Tensor) -> tuple[Tensor, ...]:
    """Return the ranking loss of nodes with the items first, and with items looked up among the users."""
    n_items = len(nodes) - 3
    items_first = _ranking(torch.cat([nodes[n_items:], nodes[:n_items]]), triples, 3)
    u, p, q = (nodes[triples[:, place]] for place in range(3))
    return items_first, torch.nn.functional.softplus((u * (q - p)).sum(1)).mean()


def wrong_lengths(nodes: Tensor, triples: Tensor, penalty: float) -> dict[str, Any]:
    """Return the loss with the lengths taken wrongly, by slip; without contrasts."""
    ranking, batch = _ranking(nodes, triples, 3), len(triples)
    rows = [nodes[triples[:, 0]], nodes[3 + triples[:, 1]], nodes[3 + triples[:, 2]]]
    lengths = [one.norm() for one in rows]
    squares = sum(length**2 for length in lengths)
    each = sum(one.norm(dim=1).sum() for one in rows)
    whole = nodes[:3].norm() + nodes[3:].norm()
    return {
        "squared lengths": (ranking + penalty * squares / batch, ranking + penalty * squares),
        "lengths not shared": ranking + penalty * sum(lengths),
        "length of each row": (ranking + penalty * each / batch, ranking + penalty * each),
        "all nodes' lengths": tuple(ranking + penalty * one / part for one in (whole, nodes.norm()) for part in (1, batch)),
        "without the others": ranking + penalty * (lengths[0] + lengths[1]) / batch,
    }


def wrong_contrasts(nodes: Tensor, contrasts: Contrasts, triples: Tensor) -> dict[str, Any]:
    """Return the loss with λ = 0.3 and τ = 0.5 and the contrasts taken wrongly, by slip."""
    rest, tau = loss(nodes, [], triples, 3, 0.3, 0.5), 0.5

    def added(one: Callable[[Tensor, Tensor], Tensor], weighed: bool = True) -> Tensor:
        return rest + sum((weight if weighed else 1) * one(images, texts) for weight, images, texts in contrasts)

    def right(images: Tensor, texts: Tensor) -> Tensor:
        return _contrast(images, texts, triples, 3, tau)

    wrong: dict[str, Tensor | tuple[Tensor, Tensor]] = {
        "no contrast": rest,
        "users only": added(lambda images, texts: _info_nce(images[:3], texts[:3], triples[:, 0], tau)),
        "others contrasted": added(lambda images, texts: right(images, texts) + _info_nce(images[3:], texts[3:], triples[:, 2], tau)),
        "one crowd": added(
            lambda images, texts: _info_nce(images, texts, triples[:, 0], tau) + _info_nce(images, texts, 3 + triples[:, 1], tau)
        ),
        "weights forgotten": added(right, False),
    }
    if len(contrasts) > 1:
        weight, images, texts = contrasts[0]
        last_weight, last_images, last_texts = contrasts[-1]
        wrong["first contrast only"] = (rest + weight * right(images, texts), rest + last_weight * right(last_images, last_texts))
    return wrong


def walks() -> dict[str, list[float]]:
    """Return the losses of four steps down w² + the number of the pass, from 4 at a rate of 0.25, by slip."""

    def walked(gradients: Sequence[float]) -> list[float]:
        w, losses = 4.0, []
        for number, gradient in enumerate(gradients, start=1):
            losses.append(w**2 + number)
            w -= 0.25 * gradient
        return losses

    summed, w, total = [], 4.0, 0.0
    for number in range(1, 5):
        summed.append(w**2 + number)
        total += 2 * w
        w -= 0.25 * total
    late = [4.0 / 2**number for number in range(5)]
    return {
        "does not move": walked([0, 0, 0, 0]),
        "never zeroed": summed,
        "computed twice": [late[number] ** 2 + 2 * number + 1 for number in range(4)],
        "loss afterwards": [late[number + 1] ** 2 + 2 * number + 2 for number in range(4)],
    }


def recall(scores: np.ndarray, known: Sequence[Sequence[int]], hidden: Sequence[set[int]], k: int) -> float:
    """Return the mean Recall@k of all who have something hidden."""
    values = []
    for row, own, left in zip(scores, known, hidden, strict=True):
        ranked = [item for item in np.argsort(-row, kind="stable").tolist() if item not in own][:k]
        values += [len(left & set(ranked)) / len(left)] if left else []
    return float(np.mean(values))

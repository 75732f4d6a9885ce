"""Plausible wrong answers of lesson 12: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np
import torch
from solutions.lesson_01 import top_k
from solutions.lesson_06 import info_nce
from solutions.lesson_12 import assemble, draw, mean_recall, total_loss
from torch.nn.functional import logsigmoid, normalize


def one_column(pairs, known, draws, other):
    rows = draw(pairs, known, draws)
    return torch.column_stack([rows[:, :2], other(rows, known, draws)])


def first_free(rows, known, draws):
    return known.int().argmin(1)[rows[:, 0]]


def free_but_never_last(rows, known, draws):
    left = ~known
    left[left.sum(1) > 1, known.shape[1] - 1] = False
    return torch.multinomial(left[rows[:, 0]].float(), 1, generator=draws)[:, 0]


def fused(collaborative, modalities, attention, hyperedges, alpha, beta, unit=lambda rows: normalize(rows, dim=1)):
    return collaborative + sum(map(unit, modalities)) + alpha * unit(attention) + beta * unit(sum(hyperedges))


def ranking(nodes, triples, n_users):
    u, p, q = nodes[triples[:, 0]], nodes[n_users + triples[:, 1]], nodes[n_users + triples[:, 2]]
    return -logsigmoid((u * p).sum(1) - (u * q).sum(1)).mean()


def with_lengths(length):
    def loss(nodes, contrasts, triples, n_users, penalty, tau):
        rows = nodes[triples[:, 0]], nodes[n_users + triples[:, 1]], nodes[n_users + triples[:, 2]]
        rest = total_loss(nodes, contrasts, triples, n_users, 0.0, tau)
        return rest + penalty * length(rows, len(triples), nodes, n_users)

    return loss


def with_contrasts(contrast, weighed=True):
    def loss(nodes, contrasts, triples, n_users, penalty, tau):
        rest = total_loss(nodes, [], triples, n_users, penalty, tau)
        return rest + sum(
            (weight if weighed else 1) * contrast(images, texts, triples, n_users, tau) for weight, images, texts in contrasts
        )

    return loss


def of_users(images, texts, triples, n_users, tau):
    return info_nce(images[:n_users], texts[:n_users], triples[:, 0], tau)


def of_items(images, texts, triples, n_users, tau, column=1):
    return info_nce(images[n_users:], texts[n_users:], triples[:, column], tau)


def both(*given):
    return of_users(*given) + of_items(*given)


def crowd(images, texts, triples, n_users, tau):
    return info_nce(images, texts, triples[:, 0], tau) + info_nce(images, texts, n_users + triples[:, 1], tau)


def rows_of_users(nodes, contrasts, triples, n_users, penalty, tau):
    u, p, q = (nodes[triples[:, place]] for place in range(3))
    return -logsigmoid((u * p).sum(1) - (u * q).sum(1)).mean() + total_loss(nodes, contrasts, triples, n_users, penalty, tau) * 0


def never_zeroed(optimizer, compute):
    loss = compute()
    loss.backward()
    optimizer.step()
    return loss.item()


def steps_first(optimizer, compute):
    optimizer.step()
    optimizer.zero_grad()
    loss = compute()
    loss.backward()
    return loss.item()


def computed_twice(optimizer, compute):
    optimizer.zero_grad()
    loss = compute()
    compute().backward()
    optimizer.step()
    return loss.item()


def loss_afterwards(optimizer, compute):
    optimizer.zero_grad()
    compute().backward()
    optimizer.step()
    return compute().item()


def no_step(optimizer, compute):
    optimizer.zero_grad()
    loss = compute()
    loss.backward()
    return loss.item()


def by_value(optimizer, compute):
    optimizer.zero_grad()
    loss = compute().item()
    loss.backward()
    optimizer.step()
    return loss


def each(scores, known, hidden, k, value, keep=bool):
    lists = [(top_k(row, own, k), left) for row, own, left in zip(scores, known, hidden, strict=True) if keep(left)]
    return float(np.mean([value(set(ranked.tolist()), left) for ranked, left in lists]))


def pooled(scores, known, hidden, k):
    hits = sum(len(set(top_k(row, own, k).tolist()) & left) for row, own, left in zip(scores, known, hidden, strict=True))
    return hits / sum(map(len, hidden))


WRONG = {
    "draw": {
        "no triples": lambda pairs, known, draws: draw(pairs, known, draws)[:, 2],
        "loses pairs": lambda pairs, known, draws: draw(pairs, known, draws)[: -(len(pairs) // 2) or None][:, [0, 1, 2]][:1],
        "draws taken items": lambda pairs, known, draws: draw(pairs, torch.zeros_like(known), draws),
        "given order": lambda pairs, known, draws: torch.column_stack(
            [pairs, torch.multinomial((~known)[pairs[:, 0]].float(), 1, generator=draws)[:, 0]]
        ),
        "one item for all": lambda pairs, known, draws: one_column(pairs, known, draws, first_free),
        "never some items": lambda pairs, known, draws: one_column(pairs, known, draws, free_but_never_last),
        "luck of its own": lambda pairs, known, draws: draw(pairs, known, None),
        "the same luck": lambda pairs, known, draws: draw(pairs, known, torch.Generator().manual_seed(0)),
    },
    "assemble": {
        "as long as they are": lambda c, m, a, h, alpha, beta: fused(c, [], a, h, alpha, beta) + sum(m),
        "id brought to length 1": lambda c, *rest: assemble(normalize(c, dim=1), *rest),
        "each by itself": lambda c, m, a, h, alpha, beta: (
            fused(c, m, a, [0 * h[0]], alpha, beta) + beta * sum(normalize(rows, dim=1) for rows in h)
        ),
        "scaled first": lambda c, m, a, h, alpha, beta: assemble(c, m, alpha * a, [beta * rows for rows in h], 1, 1),
        "exchanged": lambda c, m, a, h, alpha, beta: assemble(c, m, a, h, beta, alpha),
        "one length for all": lambda *given: fused(*given, lambda rows: rows / rows.norm()),
        "by columns": lambda *given: fused(*given, lambda rows: normalize(rows, dim=0)),
        "structure alone": lambda c, m, a, h, alpha, beta: alpha * normalize(a, dim=1) + beta * normalize(sum(h), dim=1),
        "attention as long as it is": lambda c, m, a, h, alpha, beta: (
            c + sum(normalize(one, dim=1) for one in m) + alpha * a + beta * sum(h)
        ),
    },
    "total_loss": {
        "squared lengths": with_lengths(lambda rows, batch, nodes, n_users: sum(one.norm() ** 2 for one in rows) / batch),
        "lengths not shared": with_lengths(lambda rows, batch, nodes, n_users: sum(one.norm() for one in rows)),
        "length of each row": with_lengths(lambda rows, batch, nodes, n_users: sum(one.norm(dim=1).sum() for one in rows) / batch),
        "all nodes' lengths": with_lengths(lambda rows, batch, nodes, n_users: (nodes[:n_users].norm() + nodes[n_users:].norm()) / batch),
        "without the others": with_lengths(lambda rows, batch, nodes, n_users: (rows[0].norm() + rows[1].norm()) / batch),
        "no contrast": with_contrasts(lambda *given: 0),
        "users only": with_contrasts(of_users),
        "others contrasted": with_contrasts(lambda *given: both(*given) + of_items(*given, 2)),
        "one crowd": with_contrasts(crowd),
        "weights forgotten": with_contrasts(both, weighed=False),
        "first contrast only": lambda nodes, contrasts, *rest: total_loss(nodes, contrasts[:1], *rest),
        "users and items exchanged": rows_of_users,
    },
    "train_step": {
        "never zeroed": never_zeroed,
        "steps first": steps_first,
        "computed twice": computed_twice,
        "loss afterwards": loss_afterwards,
        "does not move": no_step,
        "walks by the value": by_value,
    },
    "mean_recall": {
        "counts the empty": lambda *given: each(*given, lambda ranked, left: len(ranked & left) / max(len(left), 1), lambda left: True),
        "known items stay": lambda scores, known, hidden, k: mean_recall(scores, [[] for _ in known], hidden, k),
        "hides what is asked": lambda scores, known, hidden, k: mean_recall(
            scores, [[*own, *left] for own, left in zip(known, hidden, strict=True)], hidden, k
        ),
        "pooled": pooled,
        "divides by k": lambda scores, known, hidden, k: each(scores, known, hidden, k, lambda ranked, left: len(ranked & left) / k),
        "worst first": lambda scores, known, hidden, k: mean_recall(-scores, known, hidden, k),
    },
}

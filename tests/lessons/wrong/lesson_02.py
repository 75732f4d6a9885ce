"""Plausible wrong answers of lesson 2: exercise → the misconception that the check must name → an answer that has it."""

import torch


def blocks(R, back=True):
    users, items = R.shape
    A = torch.zeros(users + items, users + items)
    A[:users, users:] = R
    if back:
        A[users:, :users] = R.T
    return A


def rooted(A):
    degree = A.sum(1).clamp(min=1e-7)
    return A / torch.sqrt(torch.outer(degree, degree))


def plain(R):
    return blocks(R)


def row_means(R):
    A = blocks(R)
    return A / A.sum(1, keepdim=True).clamp(min=1)


def column_means(R):
    return row_means(R).T


def items_first(R):
    return rooted(blocks(R.T))


def on_the_diagonal(R):
    return rooted(torch.block_diag(R, R.T))


def no_root(R):
    A = blocks(R)
    degree = A.sum(1).clamp(min=1)
    return A / torch.outer(degree, degree)


def self_loops(R):
    A = blocks(R)
    return rooted(A + torch.eye(len(A)))


def one_way(R):
    return blocks(R / torch.sqrt(R.sum(1, keepdim=True) * R.sum(0)), back=False)


def rectangle(R):
    return R / torch.sqrt(R.sum(1, keepdim=True) * R.sum(0))


def divides_by_nothing(R):
    A = blocks(R)
    return A / torch.sqrt(torch.outer(A.sum(1), A.sum(1)))


def layers(adjacency, embedding, n_layers, act=lambda x: x):
    every = [embedding]
    for _ in range(n_layers):
        every.append(act(adjacency @ every[-1]))
    return every


def last(adjacency, embedding, n_layers):
    return layers(adjacency, embedding, n_layers)[-1]


def no_own(adjacency, embedding, n_layers):
    return torch.stack(layers(adjacency, embedding, n_layers)[1:] or [embedding]).mean(0)


def total(adjacency, embedding, n_layers):
    return sum(layers(adjacency, embedding, n_layers))


def one_too_few(adjacency, embedding, n_layers):
    return sum(layers(adjacency, embedding, n_layers)) / max(n_layers, 1)


def with_relu(adjacency, embedding, n_layers):
    return torch.stack(layers(adjacency, embedding, n_layers, torch.relu)).mean(0)


def walks_the_sum(adjacency, embedding, n_layers):
    for _ in range(n_layers):
        embedding = embedding + adjacency @ embedding
    return embedding / (n_layers + 1)


def never_onwards(adjacency, embedding, n_layers):
    return torch.stack([embedding, *([adjacency @ embedding] * n_layers)]).mean(0)


def summed(positive, negative):
    return -torch.nn.functional.logsigmoid(positive - negative).sum()


def swapped(positive, negative):
    return -torch.nn.functional.logsigmoid(negative - positive).mean()


def likelihood(positive, negative):
    return torch.nn.functional.logsigmoid(positive - negative).mean()


def probability(positive, negative):
    return 1 - torch.sigmoid(positive - negative).mean()


def early_mean(positive, negative):
    return -torch.log(torch.sigmoid(positive - negative).mean())


def one_by_one(positive, negative):
    return (torch.nn.functional.logsigmoid(negative) - torch.nn.functional.logsigmoid(positive)).mean()


def hinge(positive, negative):
    return (1 - (positive - negative)).relu().mean()


def overflows(positive, negative):
    return -torch.log(torch.sigmoid(positive - negative)).mean()


def through_numpy(adjacency, embedding, n_layers):
    layers = [embedding.detach().numpy()]
    for _ in range(n_layers):
        layers.append(adjacency.numpy() @ layers[-1])
    return sum(layers) / len(layers)


WRONG = {
    "normalized_adjacency": {
        "not normalised": plain,
        "divides by the row only": row_means,
        "divides by the column only": column_means,
        "items first": items_first,
        "R on the diagonal": on_the_diagonal,
        "no square root": no_root,
        "loops to itself": self_loops,
        "only one direction": one_way,
        "items only": rectangle,
        "divides by 0": divides_by_nothing,
    },
    "light_gcn": {
        "no gradient": through_numpy,
        "last layer only": last,
        "without layer 0": no_own,
        "sum of the layers": total,
        "divides by n_layers": one_too_few,
        "cuts negative values": with_relu,
        "walks the sum": walks_the_sum,
        "always from layer 0": never_onwards,
    },
    "bpr_loss": {
        "no gradient": lambda positive, negative: -torch.nn.functional.logsigmoid(positive - negative).mean().item(),
        "sum": summed,
        "wrong way round": swapped,
        "not negated": likelihood,
        "no logarithm": probability,
        "mean before the logarithm": early_mean,
        "σ of each score": one_by_one,
        "a hinge": hinge,
        "not finite": overflows,
    },
}

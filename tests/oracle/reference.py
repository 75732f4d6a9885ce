"""The model, its losses and its metrics written out again: dense, in float64, from the specification's formulas alone.

Everything is an n × n matrix or a loop; nothing is shared with the library but the numbers in a configuration. SRGFormer is dense torch, so
that autograd gives its gradients; LightGCN, LGMRec, the metrics and Adam are NumPy and plain loops, so that they also check the torch part.
Parameters come as a dictionary under the names that the library's modules give them.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

SPLIT_CODES = {"train": 0, "valid": 1, "test": 2}
TINY_NORM = 1e-12
TINY_DEGREE = 1e-7
CLIP = 10.0
RELEASED_DENOMINATOR = 1e-8


# ------------------------------------------------------------------------------------------------------------------- inputs


def parameters_of(model, requires_grad=False, dtype=torch.float64):
    """Copies of a model's parameters, by their names, in the order of registration; the pass computes in their precision."""
    return {name: value.detach().to(dtype).clone().requires_grad_(requires_grad) for name, value in model.named_parameters()}


def interaction_matrix(data, split="train"):
    """R, dense, from the table of interactions."""
    matrix = np.zeros((data.n_users, data.n_items))
    pairs = data.interactions
    for user, item, code in zip(pairs.user, pairs.item, pairs.split, strict=True):
        if code == SPLIT_CODES[split]:
            matrix[user, item] = 1.0
    return matrix


def adjacency(R):
    """A of section 3: users first."""
    n_users, n_items = R.shape
    return np.block([[np.zeros((n_users, n_users)), R], [R.T, np.zeros((n_items, n_items))]])


def normalised_adjacency(R):
    """Ã = D^-1/2 A D^-1/2 with D = diag(A1) + 1e-7."""
    A = adjacency(R)
    degree = A.sum(axis=1) + TINY_DEGREE
    return np.diag(degree**-0.5) @ A @ np.diag(degree**-0.5)


def feature_matrices(data, config):
    """X^m in float64, rows divided by their norms if the configuration says so."""
    chosen = data.modalities if config.modalities is None else [name for name in data.modalities if name in config.modalities]
    matrices = {}
    for name in chosen:
        X = with_stand_ins(np.asarray(data.features[name], dtype=np.float64), interaction_matrix(data), config.missing_features)
        matrices[name] = nz_numpy(X) if config.normalize_features else X
    return matrices


def with_stand_ins(X, R, treatment):
    """X with what stands for rows of 0: the mean row, or item by item the mean over whom the same users took, counted by shared users."""
    has = [bool(row.any()) for row in X]
    filled = X.copy()
    if treatment in ("zero", "omit") or not any(has):
        return filled
    mean = sum(row for row, known in zip(X, has, strict=True) if known) / sum(has)
    for item in range(len(X)):
        if has[item]:
            continue
        shared = [sum(R[user, item] * R[user, other] for user in range(len(R))) if has[other] else 0 for other in range(len(X))]
        near = treatment == "neighbors" and sum(shared) > 0
        filled[item] = sum(weight * X[other] for other, weight in enumerate(shared)) / sum(shared) if near else mean
    return filled


def centred(X):
    """(x − x̄)/‖x − x̄‖ with x̄ the mean over the rows that aren't 0; rows of 0, and rows at x̄, are 0."""
    filled = [row for row in X if row.any()]
    mean = sum(filled) / len(filled) if filled else np.zeros(X.shape[1])
    rows = []
    for row in X:
        apart = row - mean
        is_zero = not row.any() or np.linalg.norm(apart) <= 1e-5 * np.linalg.norm(row)
        rows.append(np.zeros_like(row) if is_zero else apart / np.linalg.norm(apart))
    return np.array(rows).reshape(X.shape)


def parameter_count(n_users, n_items, dim, n_hyperedges, widths):
    """nd + Σ_m d_m (d + K) + 3d²."""
    return (n_users + n_items) * dim + sum(width * (dim + n_hyperedges) for width in widths) + 3 * dim * dim


# ---------------------------------------------------------------------------------------------------------- SRGFormer, torch


def nz(x):
    return x / x.norm(dim=-1, keepdim=True).clamp_min(TINY_NORM)


def lightgcn(A_norm, E0, n_layers):
    """The mean of E, ÃE, …, Ã^L E."""
    powers = [torch.linalg.matrix_power(A_norm, power) @ E0 for power in range(n_layers + 1)]
    return sum(powers) / (n_layers + 1)


def modality_branch(A_norm, R, X, W, n_layers):
    """Ã^L [mean of the user's items; XW]: the last layer only."""
    items = X @ W
    users = (R @ items) / (R.sum(dim=1, keepdim=True) + TINY_DEGREE)
    return torch.linalg.matrix_power(A_norm, n_layers) @ torch.cat([users, items])


def memberships(logits, temperature, noise=None):
    shifted = logits if noise is None else logits + noise
    weight = torch.exp((shifted - shifted.max(dim=1, keepdim=True).values) / temperature)
    return weight / weight.sum(dim=1, keepdim=True)


def user_memberships(H_items, R, kind):
    """Row by row: the mean over the history, or its square over everybody's mean, summing to 1; without a history all alike."""
    K = H_items.shape[1]
    pairs = [(user, item) for user in range(len(R)) for item in range(R.shape[1]) if R[user, item]]
    everybody = sum(H_items[item] for _, item in pairs) / len(pairs)
    rows = []
    for user in range(len(R)):
        mine = [H_items[item] for who, item in pairs if who == user]
        if not mine:
            rows.append(torch.full((K,), 1 / K, dtype=H_items.dtype))
            continue
        mean = sum(mine) / len(mine)
        if kind == "lift":
            above = torch.where(mean > 0, mean**2 / everybody, torch.zeros_like(mean))
            mean = above / above.sum()
        rows.append(mean)
    return torch.stack(rows)


def changed_memberships(H, name, edits):
    """(H after the edits of this modality's memberships, in their order, and by how much the strongest hyperedge led at a hardening)."""
    margin = math.inf
    for kind, *arguments in edits:
        if kind == "merge_hyperedges" and arguments[0] == name:
            _, first, second = arguments
            move = torch.eye(H.shape[1], dtype=H.dtype)
            move[second, second], move[second, first] = 0.0, 1.0
            H = H @ move
        if kind == "harden_memberships" and arguments[0] == name:
            best = [max(range(len(row)), key=row.__getitem__) for row in H.tolist()]
            if H.shape[1] > 1:
                first, second = torch.sort(H.detach(), dim=1, descending=True).values.T[:2]
                margin = min(margin, (first - second).min().item())
            H = torch.stack([torch.eye(H.shape[1], dtype=H.dtype)[place] for place in best])
    return H, margin


def hypergraph_branch(H_users, H_items, items, n_layers, name="", edits=()):
    """(E^{m,H}, Λ of the last layer), with nothing divided out."""
    Z = items
    for layer in range(n_layers):
        edges = H_items.T @ Z
        if layer == n_layers - 1:
            lost = [kind[2] for kind in edits if kind[:2] == ("drop_hyperedge", name)]
            stays = [float(row not in lost and ("without_modality", name) not in edits) for row in range(len(edges))]
            edges = torch.diag(torch.tensor(stays, dtype=edges.dtype)) @ edges
        Z = H_items @ edges
    return torch.cat([H_users @ edges, Z]), edges


def attention_scores(A, E, W_query, W_key, n_heads, scaled=False, form="product"):
    """(scores of every head as (heads, n, n), how near one along an edge is to a clip, or a row to having no cosine)."""
    width, connected = E.shape[1] // n_heads, A.sum(dim=1) > 0
    scores, margins = [], [math.inf]
    for head in range(n_heads):
        columns = slice(head * width, (head + 1) * width)
        query, key = (E @ W_query)[:, columns], (E @ W_key)[:, columns]
        if form == "product":
            score = query @ key.T / (math.sqrt(width) if scaled else 1)
            margins.append((score.detach()[A > 0].abs() - CLIP).abs().min().item())
            score = score.clamp(-CLIP, CLIP)
        elif form == "cosine":
            score = 10 * (nz(query) @ nz(key).T)
            margins.append(min(rows.detach()[connected].norm(dim=1).min().item() for rows in (query, key)))
        elif form == "linear":
            score = elu_plus_one(query) @ elu_plus_one(key).T
        else:
            score = torch.zeros_like(A)
        scores.append(score)
    return torch.stack(scores), min(margins)


def one_score_an_interaction(c, n_users, W_query, W_key, n_heads, T):
    """(heads, n, n): s_ui = clip(T⟨c_u W_Q, c_i W_K⟩) at (u, i) and at (i, u); and how near one is to a clip."""
    width = W_query.shape[1] // n_heads
    scores, nearest = [], math.inf
    for head in range(n_heads):
        columns = slice(head * width, (head + 1) * width)
        inner = T * ((c[:n_users] @ W_query)[:, columns] @ (c[n_users:] @ W_key)[:, columns].T)
        nearest = min(nearest, (inner.detach().abs() - CLIP).abs().min().item())
        inner = inner.clamp(-CLIP, CLIP)
        score = torch.zeros(len(c), len(c), dtype=c.dtype)
        score[:n_users, n_users:], score[n_users:, :n_users] = inner, inner.T
        scores.append(score)
    return torch.stack(scores), nearest


def elu_plus_one(x):
    """x + 1 above 0, e^x - 1 + 1 below, without the two ones that would eat a small e^x."""
    return torch.where(x > 0, x + 1, torch.exp(torch.minimum(x, torch.zeros_like(x))))


def attention_branch(A, E, scores, W_value, released=False, edits=(), form="product"):
    """(E^att, weights of every head as (heads, n, n)), dense with a mask."""
    width = E.shape[1] // len(scores)
    mask = A > 0
    outputs, weights = [], []
    for head, score in enumerate(scores):
        columns = slice(head * width, (head + 1) * width)
        height = score if form == "linear" else torch.exp(score)
        if ("uniform_attention",) in edits:
            height = torch.ones_like(score)
        raised = torch.where(mask, height, torch.zeros_like(score))
        total = raised.sum(dim=1, keepdim=True)
        is_shifted = released and form != "linear"  # what the release adds belongs to its softmax
        total = total + RELEASED_DENOMINATOR if is_shifted else torch.where(total > 0, total, torch.ones_like(total))
        weight = raised / total
        weights.append(weight)
        outputs.append(weight @ (E @ W_value)[:, columns] * (("mute_head", head) not in edits))
    return torch.cat(outputs, dim=1), torch.stack(weights)


@dataclass
class Pass:
    """What one forward pass of the reference computed, everything for all nodes."""

    n_users: int
    collaborative: torch.Tensor
    modality: dict
    logits: dict
    membership: dict
    hyperedges: dict
    hypergraph: dict
    attention_score: torch.Tensor
    attention_weight: torch.Tensor
    attention: torch.Tensor
    reached: dict
    """By modality, which nodes its features flow to: the others get 0, whatever is learned."""
    parts: dict
    fused: torch.Tensor
    item_memberships: dict
    """softmax(S_i/τ) without noise, edits and dropout, with its gradient."""
    pair_score: torch.Tensor
    """What attention tells interactions apart by, as (heads, n, n), with its gradient."""
    margin: float
    """How far this pass is from where it bends or jumps: a score at the clip, a cosine with 0, equal memberships that are hardened."""

    def scores(self):
        return self.fused[: self.n_users] @ self.fused[self.n_users :].T


def forward(parameters, data, config, noise=None, keep=None, edits=(), kept=None):
    """One pass of section 3.

    ``noise`` maps (modality, "users" or "items") to the Gumbel draws g that the memberships see; ``keep`` maps the same keys to the factors
    that dropout multiplies the memberships by (0, or one over the keep rate). Leaving them out means no noise and no dropout.
    ``edits`` are what-ifs by name with their arguments, such as ("mute_head", 1) or ("drop_hyperedge", "image", 0), in the order in which
    they were asked for: those of memberships come before dropout, that of scores after the clip, that of Λ^m in the last layer alone.
    ``kept`` are constants from an earlier pass that stand in for this one's: its "logits", its (clipped) "score", or both.
    """
    kept = kept or {}
    E0 = torch.cat([parameters["user_embedding"], parameters["item_embedding"]])
    R_numpy = interaction_matrix(data)
    R, A, A_norm = (torch.from_numpy(matrix).to(E0.dtype) for matrix in (R_numpy, adjacency(R_numpy), normalised_adjacency(R_numpy)))
    features = {name: torch.from_numpy(X).to(E0.dtype) for name, X in feature_matrices(data, config).items()}
    noise, keep = ({place: value.to(E0.dtype) for place, value in given.items()} for given in (noise or {}, keep or {}))
    edits = [tuple(edit) for edit in edits]

    collaborative = lightgcn(A_norm, E0, config.n_id_layers)
    modality = {
        name: modality_branch(A_norm, R, X, parameters[f"projection.{name}"], config.n_modality_layers) for name, X in features.items()
    }
    has = {name: (X != 0).any(dim=1, keepdim=True).to(E0.dtype) for name, X in features.items()}
    reached = {
        name: modality_branch(A_norm, R, known, torch.ones(1, 1, dtype=E0.dtype), config.n_modality_layers)[:, 0] > 0
        for name, known in has.items()
    }
    for name in modality:
        if ("blank_modality", name) in edits or ("without_modality", name) in edits:
            modality[name] = 0 * modality[name]

    logits = {}
    for name, X in features.items():
        read = torch.from_numpy(centred(X.numpy())).to(E0.dtype) if config.membership_features == "unit" else X
        item_logits = read @ parameters[f"implicit_attribute.{name}"]
        logits[name] = {"users": R @ item_logits, "items": item_logits}
    logits = kept.get("logits", logits)
    item_memberships = {name: memberships(both["items"], config.membership_temperature) for name, both in logits.items()}
    is_ranked = config.membership_objective == "ranking"
    membership = {
        name: {
            side: memberships(value if is_ranked else value.detach(), config.membership_temperature, noise.get((name, side)))
            for side, value in both.items()
        }
        for name, both in logits.items()
    }
    if config.user_membership != "sum":
        for both in membership.values():
            both["users"] = user_memberships(both["items"], R, config.user_membership)
    if config.as_released:
        image, text = list(features)
        membership[image]["users"] = memberships(logits[text]["users"], config.membership_temperature, noise.get((image, "users")))
        membership[text]["users"] = logits[text]["users"]
    margins = []
    for name, both in membership.items():
        for side in both:
            both[side], margin = changed_memberships(both[side], name, edits)
            margins.append(margin)
    dropped = {
        name: {side: value * keep.get((name, side), torch.ones_like(value)) for side, value in both.items()}
        for name, both in membership.items()
    }
    hypergraph, hyperedges = {}, {}
    for name, both in dropped.items():
        hypergraph[name], hyperedges[name] = hypergraph_branch(
            both["users"], both["items"], collaborative[data.n_users :], config.n_hypergraph_layers, name, edits
        )

    W_query, W_key, W_value = (parameters[f"attention.{name}"] for name in ("query", "key", "value"))
    E_read = torch.linalg.matrix_power(A_norm, config.n_id_layers) @ E0 if config.attention_input == "propagated" else E0
    reads = sum(nz(value) for value in modality.values()).detach() if config.attention_reads == "content" else E_read
    if config.attention_objective == "contrast":
        T = parameters["attention.score_scale"]
        pair_score, margin = one_score_an_interaction(reads.detach(), data.n_users, W_query, W_key, config.n_heads, T)
        score = pair_score.detach()
    else:
        score, margin = attention_scores(A, reads, W_query, W_key, config.n_heads, config.scaled_attention, config.attention_form)
        pair_score = score
    score = kept.get("score", score)
    attention, weight = attention_branch(A, E_read, score, W_value, config.as_released, edits, config.attention_form)

    enters = {name: torch.ones(len(collaborative), 1, dtype=E0.dtype) for name in features}
    for name in features:
        for item, row in enumerate(data.features[name]):
            if config.missing_features == "omit" and not row.any():
                enters[name][data.n_users + item] = 0
    parts = {"id": collaborative, **{name: enters[name] * nz(value) for name, value in modality.items()}}
    parts["attention"] = config.attention_scale * nz(attention)
    of_hyperedges = sum((enters[name] * value for name, value in hypergraph.items()), torch.zeros_like(collaborative))
    parts["hypergraph"] = config.hypergraph_scale * nz(of_hyperedges)
    fused = sum(parts.values())
    return Pass(
        data.n_users,
        collaborative,
        modality,
        logits,
        dropped,
        hyperedges,
        hypergraph,
        score,
        weight,
        attention,
        reached,
        parts,
        fused,
        item_memberships,
        pair_score,
        min([margin, *margins]),
    )


def is_generic(outcome, data, edits=(), floor=1e-3):
    """Whether every row that a unit vector is made of is either 0 by construction or far from 0, where direction is noise.

    By construction 0 are what an isolated node gets from its neighbours, what nodes get that reach no item with features, what an edit
    blanked, and what flows through no hyperedge.
    What flows through some must also be no small rest of large hyperedges.
    """
    blank = {edit[1] for edit in edits if edit[0] in ("blank_modality", "without_modality")}
    is_mute = all(("mute_head", head) in edits for head in range(len(outcome.attention_weight)))
    degree = torch.from_numpy(adjacency(interaction_matrix(data)).sum(1))
    filled = {name: (values, outcome.reached[name]) for name, values in outcome.modality.items() if name not in blank}
    if not is_mute:
        filled["attention"] = outcome.attention, degree > 0
    if any(((values.norm(dim=1) < floor) & is_filled).any() for values, is_filled in filled.values()):
        return False
    if not outcome.hypergraph:
        return True
    flow = {
        name: torch.cat([both["users"], both["items"]]).abs() @ outcome.hyperedges[name].abs().sum(1)
        for name, both in outcome.membership.items()
    }
    single = [outcome.hypergraph[name].norm(dim=1)[flow[name] > 0] for name in flow]
    together = sum(outcome.hypergraph.values()).norm(dim=1)[sum(flow.values()) > 0]
    size = max(1.0, *(values.norm(dim=1).max().item() for values in outcome.hyperedges.values()))
    return all((norms > floor * size).all() for norms in (*single, together))


# ------------------------------------------------------------------------------------------------------------------- losses


def bpr(positive, negative):
    """Mean of −ln σ(r_up − r_uq)."""
    return torch.log1p(torch.exp(-(positive - negative))).mean()


def info_nce(a, b, rows, temperature):
    """Σ over the batch of −log of the own pair's share among all rows of b."""
    cosine = nz(a) @ nz(b).T
    raised = torch.exp(cosine / temperature)
    return sum(-torch.log(raised[row, row] / raised[row].sum()) for row in rows.tolist())


def contrast(by_modality, n_users, users, positives, temperature):
    """Users against all users plus items against all items, over the ordered pairs of modalities."""
    total = torch.zeros((), dtype=torch.float64)
    for first, second in combinations(by_modality, 2):
        a, b = by_modality[first], by_modality[second]
        total = total + info_nce(a[:n_users], b[:n_users], users, temperature)
        total = total + info_nce(a[n_users:], b[n_users:], positives, temperature)
    return total


def cointeraction(memberships, R, balance):
    """L_co of section 12.1, pair by pair of different items of one history."""
    total = torch.zeros((), dtype=torch.float64)
    for H in memberships.values():
        n_items, K = H.shape
        P = torch.zeros(K, K, dtype=H.dtype)
        for row in R:
            history = [item for item in range(n_items) if row[item]]
            for i in history:
                for j in history:
                    if i != j:
                        P = P + torch.outer(H[i], H[j]) / (len(history) - 1)
        P = P / P.sum() if P.sum() > 0 else P
        crowding = math.sqrt(K) / n_items * H.sum(dim=0).norm() - 1
        total = total - (torch.trace(P) - (P.sum(dim=1) ** 2).sum() - balance * crowding)
    return total


def attention_contrast(pair_score, bias, n_users, users, positives):
    """L_A of section 12.2, head by head and pair by pair; each is told from the pair of the same user and the item before."""
    terms = []
    for score in pair_score:
        for place, user in enumerate(users.tolist()):
            real = score[user, n_users + int(positives[place])] + bias
            shuffled = score[user, n_users + int(positives[place - 1])] + bias
            terms.append(torch.log1p(torch.exp(-real)) + torch.log1p(torch.exp(shuffled)))
    return sum(terms) / len(terms)


def structure_terms(outcome, data, batch, config, train, parameters):
    """The terms of section 12 that a configuration asks for."""
    user, positive, _ = batch
    terms = {}
    if config.membership_objective == "cointeraction":
        terms["cointeraction"] = cointeraction(outcome.item_memberships, interaction_matrix(data), train.membership_balance)
    if config.attention_objective == "contrast":
        bias = parameters["attention.score_bias"]
        terms["attention_contrast"] = attention_contrast(outcome.pair_score, bias, outcome.n_users, user, positive)
    return terms


def loss_terms(outcome, batch, train):
    """The four terms of section 4, weighted; their sum is the loss."""
    user, positive, negative = batch
    users, items = outcome.fused[: outcome.n_users], outcome.fused[outcome.n_users :]
    e_u, e_p, e_q = users[user], items[positive], items[negative]
    size = len(user)
    return {
        "ranking": bpr((e_u * e_p).sum(dim=1), (e_u * e_q).sum(dim=1)),
        "regularization": train.regularization_weight / size * sum(torch.sqrt((part**2).sum()) for part in (e_u, e_p, e_q)),
        "hypergraph_contrast": train.hypergraph_contrast_weight
        * contrast(outcome.hypergraph, outcome.n_users, user, positive, train.contrast_temperature),
        "modality_contrast": train.modality_contrast_weight
        * contrast(outcome.modality, outcome.n_users, user, positive, train.contrast_temperature),
    }


# --------------------------------------------------------------------------------------------- LightGCN and LGMRec, in NumPy


def nz_numpy(x):
    return x / np.maximum(np.sqrt((x**2).sum(axis=1, keepdims=True)), TINY_NORM)


def softmax_numpy(x):
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def lightgcn_numpy(R, E0, n_layers):
    """LightGCN node by node: each layer gathers neighbours over the root of both degrees; the layers' mean is the result."""
    n_users, n_items = R.shape
    neighbors = [[n_users + item for item in range(n_items) if R[user, item]] for user in range(n_users)]
    neighbors += [[user for user in range(n_users) if R[user, item]] for item in range(n_items)]
    degree = [len(found) + TINY_DEGREE for found in neighbors]
    layers = [np.array(E0, dtype=np.float64)]
    for _ in range(n_layers):
        following = np.zeros_like(layers[-1])
        for node, found in enumerate(neighbors):
            for neighbor in found:
                following[node] += layers[-1][neighbor] / math.sqrt(degree[node] * degree[neighbor])
        layers.append(following)
    return sum(layers) / len(layers)


def lgmrec_numpy(parameters, data, config):
    """LGMRec as its own paper composes it: local graph embeddings plus α times the normalised global hypergraph embeddings.

    Its α is the configuration's β. Gives (E*, E^m by modality, E^{m,H} by modality).
    """
    R, alpha, temperature = interaction_matrix(data), config.hypergraph_scale, config.membership_temperature
    p = {name: value.detach().numpy() for name, value in parameters.items()}
    collaborative = lightgcn_numpy(R, np.concatenate([p["user_embedding"], p["item_embedding"]]), config.n_id_layers)
    A_norm = normalised_adjacency(R)
    local, modality, hyper = collaborative.copy(), {}, {}
    for name in data.modalities:
        X = np.asarray(data.features[name], dtype=np.float64)
        items = X @ p[f"projection.{name}"]
        users = np.stack([items[row > 0].sum(axis=0) / ((row > 0).sum() + TINY_DEGREE) for row in R])
        spread = np.concatenate([users, items])
        for _ in range(config.n_modality_layers):
            spread = A_norm @ spread
        modality[name] = spread
        local += nz_numpy(spread)
        item_logits = X @ p[f"implicit_attribute.{name}"]
        H_items = softmax_numpy(item_logits / temperature)
        H_users = softmax_numpy(np.stack([item_logits[row > 0].sum(axis=0) for row in R]) / temperature)
        item_side = collaborative[data.n_users :]
        user_side = None
        for _ in range(config.n_hypergraph_layers):
            edges = H_items.T @ item_side
            item_side, user_side = H_items @ edges, H_users @ edges
        hyper[name] = np.concatenate([user_side, item_side])
    fused = local + alpha * nz_numpy(sum(hyper.values()))
    return fused, modality, hyper


def lgmrec_loss_numpy(fused, hyper, n_users, batch, regularization_weight, contrast_weight, contrast_temperature):
    """BPR + norms + hypergraph contrast, pair by pair; LGMRec has no contrast between the modality embeddings."""
    user, positive, negative = (rows.tolist() for rows in batch)
    size, ranking = len(user), 0.0
    for u, p, q in zip(user, positive, negative, strict=True):
        difference = fused[u] @ fused[n_users + p] - fused[u] @ fused[n_users + q]
        ranking += math.log1p(math.exp(-difference)) / size
    norms = sum(np.linalg.norm(fused[rows]) for rows in (user, [n_users + p for p in positive], [n_users + q for q in negative]))
    first, second = list(hyper)
    contrasts = 0.0
    for rows, sides in ((user, slice(None, n_users)), (positive, slice(n_users, None))):
        a, b = nz_numpy(hyper[first][sides]), nz_numpy(hyper[second][sides])
        for row in rows:
            share = math.exp(a[row] @ b[row] / contrast_temperature) / sum(math.exp(a[row] @ other / contrast_temperature) for other in b)
            contrasts -= math.log(share)
    return ranking + regularization_weight * norms / size + contrast_weight * contrasts


# ------------------------------------------------------------------------------------------------------- metrics and Adam


def ranking_of(scores, hidden):
    """All items that are not hidden, the best first; equal scores keep the order of rows."""
    return sorted((item for item in range(len(scores)) if item not in hidden), key=lambda item: (-scores[item], item))


def recall_at_k(ranked, positives, k):
    hits = sum(1 for item in ranked[:k] if item in positives)
    return hits / len(positives)


def ndcg_at_k(ranked, positives, k):
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:k]) if item in positives)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(positives), k)))
    return gain / ideal


def metrics_by_user(scores, data, split, cutoffs=(10, 20)):
    """{user row: {metric: value}} for the users who have a positive in the split; only training items are hidden."""
    train, positives = interaction_matrix(data), interaction_matrix(data, split)
    table = {}
    for user in range(data.n_users):
        wanted = {item for item in range(data.n_items) if positives[user, item]}
        if not wanted:
            continue
        hidden = {item for item in range(data.n_items) if train[user, item]}
        ranked = ranking_of([float(value) for value in scores[user]], hidden)
        table[user] = {f"recall@{k}": recall_at_k(ranked, wanted, k) for k in cutoffs}
        table[user] |= {f"ndcg@{k}": ndcg_at_k(ranked, wanted, k) for k in cutoffs}
    return table


def mean_metrics(table):
    names = next(iter(table.values()))
    return {name: sum(row[name] for row in table.values()) / len(table) for name in names}


def adam_step(value, gradient, state, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """One step of Adam; ``state`` is (step, mean, mean of squares), () before the first. Gives (new value, new state)."""
    step, mean, square = state or (0, np.zeros_like(value), np.zeros_like(value))
    step += 1
    mean = beta_1 * mean + (1 - beta_1) * gradient
    square = beta_2 * square + (1 - beta_2) * gradient**2
    unbiased_mean, unbiased_square = mean / (1 - beta_1**step), square / (1 - beta_2**step)
    return value - learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + epsilon), (step, mean, square)

"""Lesson 12: sampling, the whole model put together, its loss, a training step, and its evaluation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgformer_lab.lessons.checks.whole_model import (
    assembled,
    loss,
    mixed_up,
    recall,
    walks,
    wrong_assembled,
    wrong_contrasts,
    wrong_lengths,
)
from srgformer_lab.lessons.verdict import Case, Verdict, attempt, judge, numbers, shown

DRAW = {
    "no triples": "It must be a tensor of whole numbers with a row (user, taken item, other item) for each pair.",
    "loses pairs": "The first two columns must be the pairs, each once: an epoch sees everything that was taken. Is a pair dropped, "
    "repeated or torn apart?",
    "draws taken items": "A third column holds items that the same user took: they would be pushed down and pulled up at once. "
    "Draw again where `known[user, item]` is true, until nowhere is.",
    "given order": "The triples come in the order of the pairs. An epoch is shuffled, or every batch is of the same few people.",
    "one item for all": "The third column holds the same item everywhere (or one a user). Draw anew for every pair.",
    "never some items": "Some items are never drawn, though nobody took them. Each item is as likely as another: from 0 to the last.",
    "luck of its own": "Twice with the same state of `draws` it gives different triples. Hand `generator=draws` to all that is random.",
    "the same luck": "With another state of `draws` it gives the same triples, or the same other items. All luck comes from `draws`.",
}
ASSEMBLE = {
    "as long as they are": "The modalities come in as long as they are. Each row is divided by its length first: `normalize(rows, dim=1)`.",
    "id brought to length 1": "You bring the collaborative part to length 1 too. It alone keeps its length.",
    "each by itself": "You bring each modality's hyperedge rows to length 1, and then add. They are added first, normalised later.",
    "scaled first": "You scale by α or β before the division by the length, which takes it out again. Scale what has length 1.",
    "exchanged": "α scales the attention and β the hyperedges: here it is the other way round.",
    "one length for all": "You divide by the length of the whole matrix. Every row has a length of its own: dim=1.",
    "by columns": "You divide columns by their lengths. A node is a row: dim=1.",
    "structure alone": "The structure is there, but the collaborative part or the modalities are missing from the sum.",
    "attention as long as it is": "The attention, or the hyperedges, come in with their own length. Each row is brought to length 1 first.",
}
LOSS = {
    "squared lengths": "You add squared lengths. In the formula the three lengths stand as they are: `.norm()`.",
    "lengths not shared": "The lengths are of the whole batch: divide by how many triples it has.",
    "length of each row": "You add up each row's length. The length of a batch's matrix is one number: the root of the sum of all squares.",
    "all nodes' lengths": "You take the lengths of all nodes. Only the rows of the batch count: users, taken items, other items.",
    "without the others": "The length of the third column's rows is missing.",
    "no contrast": "The contrasts are missing. Each pair of sides adds its weight times the contrast of users and of items.",
    "users only": "You contrast users only. Taken items are contrasted as well, against all items.",
    "others contrasted": "You contrast the items of the third column too. Only the batch's users and its taken items are contrasted.",
    "one crowd": "You tell a user apart from all nodes. Users are told apart from users, items from items: cut both sides at n_users.",
    "weights forgotten": "Each contrast is multiplied by its own weight.",
    "first contrast only": "There are several contrasts; you add one of them.",
    "users and items exchanged": "Rows up to n_users are people; item p is row n_users + p.",
}
STEP = {
    "never zeroed": "Gradients add up from step to step: call optimizer.zero_grad() before the new ones come.",
    "steps first": "The optimizer steps before the new gradients are there, so it walks by the old ones: compute, backward, then step.",
    "computed twice": "You call compute() more than once. Each call draws anew and costs a pass; keep its value.",
    "loss afterwards": "The value is that after the step. Asked for is the loss that the step was computed from.",
    "does not move": "The weights do not move. After backward() it takes optimizer.step(), and no zero_grad() between the two.",
    "walks by the value": "The loss must stay a tensor until backward(): .item() or float() comes last.",
}
STOPS = (
    ("does not require grad", "walks by the value"),
    ("has no attribute 'backward'", "walks by the value"),
    ("modified by an inplace operation", "steps first"),
)
"""What torch says of a slip that ends in an error."""
RECALL = {
    "counts the empty": "People with nothing hidden can't be judged: leave them out of the mean, don't count them as 0.",
    "known items stay": "What a person is known to have fills the list. Hand known[user] to top_k.",
    "hides what is asked": "You hide what is to be found. Only known items are hidden.",
    "pooled": "You divide all hits by all hidden items, so that who has much counts more. Each person has a Recall; then take the mean.",
    "divides by k": "You divide by k. Recall asks which share of what is hidden was found: recall_at_k.",
    "worst first": "The list begins with the lowest scores.",
}


def check_draw(answer: Callable[..., Any]) -> Verdict:
    """Check ``draw(pairs, known, draws)``: the triples of one epoch."""
    for users, items, share in ((1, 2, 0.5), (3, 4, 0.4), (7, 5, 0.6), (40, 12, 0.3)):
        known = torch.rand(users, items, generator=_draws(users)) < share
        known[:, 0] |= ~known.any(1)
        known[:, -1] &= ~known.all(1)
        pairs = known.nonzero()
        found = attempt(answer, pairs, known, _draws(1))
        if isinstance(found, Verdict):
            return found
        told = f"draw({len(pairs)} pairs of {users} people and {items} items) gives {shown(found)}."
        if slip := _slip_of(found, pairs, known):
            return Verdict(False, f"{told} {DRAW[slip]}", slip)
    many, epochs = pairs, [numbers(attempt(answer, pairs, known, _draws(seed))) for seed in range(30)]
    for slip, is_so in _habits(epochs, numbers(many), numbers(known) > 0):
        if is_so:
            return Verdict(False, f"Over thirty epochs of {len(many)} pairs: {DRAW[slip]}", slip)
    again = attempt(answer, pairs, known, _draws(3))
    if not np.array_equal(numbers(again), epochs[3]):
        return Verdict(False, f"Over two epochs: {DRAW['luck of its own']}", "luck of its own")
    return Verdict(True, "Right: every pair once, in another order each epoch, each with an item that the person does not have.")


def _draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _slip_of(found: Any, pairs: Tensor, known: Tensor) -> str:
    """Name what is wrong with the triples of one epoch by themselves."""
    try:
        rows = numbers(found)
    except TypeError:
        return "no triples"
    if not isinstance(found, Tensor) or found.is_floating_point() or rows.shape != (len(pairs), 3):
        return "loses pairs" if isinstance(found, Tensor) and rows.ndim == 2 and rows.shape[1] == 3 else "no triples"
    if sorted(map(tuple, rows[:, :2].tolist())) != sorted(map(tuple, numbers(pairs).tolist())):
        return "loses pairs"
    if rows[:, 2].min() < 0 or rows[:, 2].max() >= known.shape[1]:
        return "no triples"
    return "draws taken items" if known[tuple(found[:, [0, 2]].long().T)].any() else ""


def _habits(epochs: Sequence[np.ndarray], pairs: np.ndarray, known: np.ndarray) -> Iterator[tuple[str, bool]]:
    """Say what only many epochs show."""
    yield "the same luck", all(np.array_equal(epochs[0], one) for one in epochs[1:])
    yield "given order", sum(np.array_equal(one[:, :2], pairs) for one in epochs) > 1
    yield "given order", all(np.array_equal(one[:, :2], epochs[0][:, :2]) for one in epochs)
    others = [{(user, item, other) for user, item, other in one.tolist()} for one in epochs]
    by_user = [len({(user, other) for user, _, other in one}) - len({user for user, _, _ in one}) for one in others]
    yield "one item for all", max(by_user) <= 0
    yield "the same luck", all(one == others[0] for one in others)
    drawn = np.zeros(known.shape)
    for one in epochs:
        np.add.at(drawn, (one[:, 0].astype(int), one[:, 2].astype(int)), 1)
    drawings = np.array([(pairs[:, 0] == user).sum() * len(epochs) for user in range(len(known))])
    expected = drawings[:, None] * ~known / np.maximum((~known).sum(1, keepdims=True), 1)
    by_item, spread = (drawn - expected).sum(0), np.sqrt(expected.sum(0)) + 1
    yield "never some items", bool((abs(by_item) > 6 * spread).any())


def check_assemble(answer: Callable[..., Any]) -> Verdict:
    """Check ``assemble(collaborative, modalities, attention, hyperedges, alpha, beta)``: all nodes' fused vectors."""
    first = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    small = (
        first,
        [torch.tensor([[0.0, 5.0], [3.0, 4.0]])],
        torch.tensor([[3.0, 4.0], [0.0, 0.0]]),
        [torch.tensor([[2.0, 0.0], [0.0, 1.0]])],
    )
    wide = tuple(torch.randn(5, 3, generator=_draws(seed)) * scale for seed, scale in enumerate((1, 2, 3, 4, 0.5, 6)))
    several = (wide[0], [wide[1], wide[2]], wide[3], [wide[4], wide[5]])
    none = (wide[0], [], wide[3], [wide[4]])
    cases = [
        Case((*small, 0.5, 0.1), assembled(*small, 0.5, 0.1), wrong_assembled(*small, 0.5, 0.1)),
        Case(
            (*several, 0.3, 0.7),
            assembled(*several, 0.3, 0.7),
            wrong_assembled(*several, 0.3, 0.7),
            "five nodes, two modalities, α = 0.3, β = 0.7",
        ),
        Case((*none, 0.2, 0.4), assembled(*none, 0.2, 0.4), {}, "five nodes, no modality, α = 0.2, β = 0.4"),
        Case(
            (*several, 0.0, 0.7),
            assembled(*several, 0.0, 0.7),
            {},
            "five nodes, two modalities, α = 0, β = 0.7",
            {},
            (2, torch.zeros(5, 3)),
        ),
        Case(
            (*several, 0.6, 0.0),
            assembled(*several, 0.6, 0.0),
            {},
            "five nodes, two modalities, α = 0.6, β = 0",
            {},
            (0, torch.ones(5, 3)),
        ),
    ]
    slope = wide[3].clone().requires_grad_()
    assembled(several[0], several[1], slope, several[3], 0.3, 0.7).sum().backward()
    cases.append(Case((*several, 0.3, 0.7), cases[1].expected, {}, cases[1].description, {}, (2, slope.grad)))
    return judge(
        answer, cases, ASSEMBLE, "Right: four kinds of parts, each with the length that the formula gives it, and gradients flow through."
    )


def check_total_loss(answer: Callable[..., Any]) -> Verdict:
    """Check ``total_loss(nodes, contrasts, triples, n_users, penalty, tau)``: ranking, lengths and contrasts of a batch."""
    nodes = torch.randn(7, 3, generator=_draws(0), dtype=torch.float64)
    images, texts, others, last = (torch.randn(7, 3, generator=_draws(seed), dtype=torch.float64) for seed in range(1, 5))
    triples = torch.tensor([[0, 1, 3], [2, 0, 1], [0, 2, 3], [1, 3, 0]])
    plain, both = [], [(0.5, images, texts), (0.2, others, last)]
    level = torch.zeros(7, 3, dtype=torch.float64)
    slope = nodes.clone().requires_grad_()
    loss(slope, both, triples, 3, 0.3, 0.5).backward()
    cases = [
        Case((level, plain, triples, 3, 0.0, 0.5), np.log(2), {}, "all vectors 0, no contrast, λ = 0"),
        Case(
            (nodes, plain, triples, 3, 0.0, 0.5),
            loss(nodes, plain, triples, 3, 0.0, 0.5),
            {"users and items exchanged": mixed_up(nodes, triples)},
            "four triples, no contrast, λ = 0",
        ),
        Case(
            (nodes, plain, triples, 3, 0.3, 0.5),
            loss(nodes, plain, triples, 3, 0.3, 0.5),
            wrong_lengths(nodes, triples, 0.3),
            "four triples, no contrast, λ = 0.3",
        ),
        Case(
            (nodes, both[:1], triples, 3, 0.3, 0.5),
            loss(nodes, both[:1], triples, 3, 0.3, 0.5),
            wrong_contrasts(nodes, both[:1], triples),
            "four triples, one contrast of weight 0.5",
        ),
        Case(
            (nodes, both, triples, 3, 0.3, 0.5),
            loss(nodes, both, triples, 3, 0.3, 0.5),
            wrong_contrasts(nodes, both, triples),
            "four triples, two contrasts of weights 0.5 and 0.2",
            {},
            (0, slope.grad),
        ),
        Case(
            (nodes, both, triples[:3], 3, 0.1, 0.2),
            loss(nodes, both, triples[:3], 3, 0.1, 0.2),
            {},
            "three triples, two contrasts, λ = 0.1, τ = 0.2",
        ),
    ]
    return judge(
        answer, cases, LOSS, "Right: ranking, lengths shared by the batch, and each contrast with its weight, of users and of items."
    )


def check_train_step(answer: Callable[..., Any]) -> Verdict:
    """Check ``train_step(optimizer, compute)``: the loss before the step that it takes."""
    where, wrong, passes = torch.tensor([4.0], requires_grad=True), walks(), 0

    def compute() -> Tensor:
        nonlocal passes
        passes += 1
        return (where**2).sum() + passes

    optimizer = torch.optim.SGD([where], 0.25)
    cases = []
    for number, expected in enumerate((17.0, 6.0, 4.0, 4.25)):
        slips = {name: values[number] for name, values in wrong.items() if values[number] != expected}
        cases.append(
            Case((optimizer, compute), expected, slips, f"step {number + 1} down w² + number of the pass, from w = 4 at a rate of 0.25")
        )
    verdict = judge(answer, cases, STEP, "Right: old gradients away, one pass, its gradients, a step, and the loss that it began from.")
    slip = next((name for words, name in STOPS if words in verdict.message), "")
    if verdict.passed and not np.isclose(where.item(), 0.25):
        slip, verdict = "steps first", replace(verdict, passed=False, message=f"After four steps w is {where.item():g}, not 0.25.")
    return replace(verdict, message=f"{verdict.message} {STEP[slip]}", misconception=slip) if slip else verdict


def check_mean_recall(answer: Callable[..., Any]) -> Verdict:
    """Check ``mean_recall(scores, known, hidden, k)``: the mean Recall@k of all who have something hidden."""
    scores = np.array([[0.9, 0.8, 0.1, 0.4, 0.3], [0.2, 0.7, 0.6, 0.5, 0.1], [0.5, 0.4, 0.3, 0.2, 0.1]])
    slips = {"counts the empty": 5 / 18, "pooled": 2 / 5, "divides by k": 1 / 2, "hides what is asked": 0.0, "worst first": 7 / 12}
    cases = [
        Case(
            (scores, [[0], [1], [2]], [{1, 2, 4}, {0, 2}, set()], 2),
            5 / 12,
            slips,
            "three people, the third has nothing hidden; k = 2",
        ),
        Case((scores, [[0], [1], [0, 1]], [{1}, {3}, {3}], 2), 1.0, {"known items stay": 1 / 3}, "three people, k = 2"),
        Case(
            (scores, [[3], [0, 4], [1]], [set(), {1, 2}, set()], 1), 0.5, {"counts the empty": 1 / 6}, "one of three has something hidden"
        ),
    ]
    for seed in range(8):
        draws = np.random.default_rng(seed)
        values = draws.random((4, 6))
        own = [draws.choice(6, draws.integers(0, 3), replace=False).tolist() for _ in range(4)]
        left = [set(draws.choice(sorted(set(range(6)) - set(one)), draws.integers(0, 4), replace=False).tolist()) for one in own]
        left[seed % 4] = left[seed % 4] or {next(item for item in range(6) if item not in own[seed % 4])}
        k = int(draws.integers(1, 5))
        cases.append(Case((values, own, left, k), recall(values, own, left, k), {}, f"four people drawn at random, k = {k}"))
    return judge(
        answer, cases, RECALL, "Right: known items are hidden, each person has a Recall, and who has nothing to find is not judged."
    )

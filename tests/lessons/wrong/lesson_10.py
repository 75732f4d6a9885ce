"""Plausible wrong answers of lesson 10: exercise → the misconception that the check must name → an answer that has it."""

import numpy as np
import torch


def rows_of(side):
    return torch.cat(list(side.values()))


def strictly_between(users, items):
    return all(bool(((part > 0) & (part < 1)).all()) for part in (rows_of(users), rows_of(items)))


def exactly_one(users, items):
    return all(bool((part.sum(1) == 1).all()) for part in (rows_of(users), rows_of(items)))


def images_alone(users, items):
    return all(torch.allclose(side["image"].sum(1), torch.ones(len(side["image"]))) for side in (users, items))


def only_sums(users, items):
    return all(torch.allclose(part.sum(1), torch.ones(len(part)), atol=1e-4) for part in (rows_of(users), rows_of(items)))


def only_range(users, items):
    return all(bool(((part >= 0) & (part <= 1)).all()) for part in (rows_of(users), rows_of(items)))


def users_alone(users, items):
    part = rows_of(users)
    return bool((part >= 0).all()) and torch.allclose(part.sum(1), torch.ones(len(part)), atol=1e-4)


def alone_and_among_others(scores):
    return bool((scores(torch.arange(600))[5] == scores(torch.tensor([5]))[0]).all())


def same_shape(scores):
    return scores(torch.arange(600)).shape == scores(torch.arange(600)).shape


def seeded(scores):
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        found.append(scores(torch.arange(600)))
    return torch.equal(*found)


def first_person(scores):
    return torch.equal(scores(torch.tensor([0])), scores(torch.tensor([0])))


def same_lists(scores):
    everyone = torch.arange(600)
    return torch.equal(scores(everyone).topk(20).indices, scores(everyone).topk(20).indices)


def slows_down(descend):
    steps = np.abs(np.diff(descend(0.0, 1.0, 0.1, 5)))
    return bool((np.diff(steps) < 0).all())


def arrives(descend):
    return abs(descend(0, 1, 0.1, 10)[-1] - 1) < 0.01


def to_the_digit(descend):
    return descend(0, 1, 0.5, 3) == [0, 0.5, 0.75, 0.875] and descend(0, 0.1, 0.5, 1)[-1] == 0.05


def first_step(descend):
    return abs(descend(0, 1, 0.1, 3)[1] - 0.1) < 1e-5


def arrives_in_time(descend):
    return abs(descend(0, 1, 0.3, 60)[-1] - 1) < 0.01


def wants_the_best(choose):
    return choose([0.1, 0.3, 0.2], [0.1, 0.2, 0.3]) == 2


def in_step(choose):
    return choose([0.1, 0.3, 0.2], [0.2, 0.4, 0.3]) == 1


def gently(choose):
    return choose([0.1, 0.5, 0.2], [0.1, 0.2, 0.3]) == 1


def middling(choose):
    return choose(np.array([0.1, 0.5, 0.2]), np.array([0.3, 0.5, 0.9])) == 1


def without_equals(choose):
    return choose([0.1, 0.3, 0.2], [0.3, 0.1, 0.2]) == 1


def items_alone(seen, hidden):
    return not set(seen[:, 1].tolist()) & set(hidden[:, 1].tolist())


def sums(seen, hidden):
    return not set(seen.sum(1).tolist()) & set(hidden.sum(1).tolist())


def counted(seen, hidden):
    return len(np.unique(np.concatenate([seen, hidden]), axis=0)) == len(seen) + len(hidden)


def row_by_row(seen, hidden):
    n = min(len(seen), len(hidden))
    return not (seen[:n] == hidden[:n]).all(1).any()


def first_hundred(seen, hidden):
    return not set(map(tuple, seen[:100].tolist())) & set(map(tuple, hidden[:100].tolist()))


def middling_rows(users, items):
    return all(rows_hold(shares[:100]) for side in (users, items) for shares in side.values())


def rows_hold(shares, atol=1e-4):
    return bool(((shares >= 0) & (shares <= 1)).all()) and torch.allclose(shares.sum(1), torch.ones(len(shares)), atol=atol)


def loosely(users, items):
    return all(rows_hold(shares, atol=0.1) for side in (users, items) for shares in side.values())


def but_one(scores):
    everyone = torch.arange(600)
    return bool((scores(everyone) == scores(everyone)).all(1).float().mean() > 0.99)


def any_rule(choose):
    valid = np.array([0.3, 0.3, 0.1])
    return len({choose(valid, np.array(test)) for test in ([0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0])}) == 1


WRONG = {
    "memberships_hold": {
        "overlooks a row": middling_rows,
        "tolerates too much": loosely,
        "forbids 0 and 1": strictly_between,
        "asks for exactly 1": exactly_one,
        "overlooks the text users": images_alone,
        "sums are enough": only_sums,
        "the range is enough": only_range,
        "overlooks the items": users_alone,
    },
    "scores_repeat": {
        "overlooks one person": but_one,
        "condemns the good one": alone_and_among_others,
        "overlooks noise": same_shape,
        "seeds the noise away": seeded,
        "asks for a few people": first_person,
        "compares the lists": same_lists,
    },
    "steps_are_fresh": {
        "condemns the good one": arrives,
        "asks for the last digit": to_the_digit,
        "misses the second step": first_step,
        "looks only where it ends": arrives_in_time,
        "the shape is enough": slows_down,
    },
    "chooses_blindly": {
        "blesses any rule": any_rule,
        "condemns the good one": wants_the_best,
        "both curves agree": in_step,
        "one kind of peeking": gently,
        "sorted out before": middling,
        "no equals": without_equals,
    },
    "hides_test": {
        "users and items apart": items_alone,
        "two pairs, one number": sums,
        "counts repeats": counted,
        "compares row by row": row_by_row,
        "overlooks a few": first_hundred,
    },
}

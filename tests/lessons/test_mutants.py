"""No check lets a slip of a solution pass: each mutant is refused, or stands below with the reason why it is right as well.

An ordinary run tries a sample of each exercise's mutants, the same at every run. All of them, after a change of a check or a solution:
SRGFORMER_LAB_MUTANTS=all pytest tests/lessons/test_mutants.py
"""

import os
import random
import re
import warnings

import pytest

from tests.lessons.conftest import EXERCISES, NAMES, solution
from tests.lessons.mutants import mutants

TRAINED = {"light_gcn", "bpr_loss", "cosines", "info_nce", "assemble", "total_loss"}
"""Exercises through whose value a model is trained: a gradient must come back."""

SAMPLE = 12
"""Mutants of an exercise that an ordinary run tries."""

COSTLY = {"memberships_hold": 6, "scores_repeat": 6}
"""Fewer, where one check builds several models."""

RIGHT_AS_WELL = {
    "no value is below 0": {
        "top_k|recall_at_k|ndcg_at_k|normalized_adjacency|bpr_loss|incidence|adjacency_of|memberships|user_memberships|gumbel_softmax"
        "|attention_weights|attend|info_nce|without|knowing_nothing|stop|report|draw|total_loss|train_step|mean_recall": "sizes only",
    },
    "the order of a sum, or of independent steps, does not matter": {
        "recall_at_k|ndcg_at_k|light_gcn|incidence|fuse|descend|rank_agreement|memberships_hold"
        "|assemble|total_loss|mean_recall": r".*\[::-1\].*",
    },
    "the last of two axes is axis 1": {
        "normalized_adjacency|memberships|user_memberships|gumbel_softmax|fuse|shares|take_apart|cosines|info_nce|pushes"
        "|memberships_hold|assemble|total_loss": r".*(axis=|dim=|sum\(|softmax\()-1.*",
        "draw": r".*known\.shape\[-1\].*",
        "cosines|rank_agreement": r".*(length|away)\[-1\].*",
    },
    "an adjacency is symmetric": {
        "normalized_adjacency": r"root = A\.sum\(0\).*|transposed or reversed",
        "adjacency_of": "transposed or reversed",
    },
    "broadcasting adds the axis by itself, and booleans are 0 and 1": {
        "normalized_adjacency": re.escape("return A / (root[:, None] * root)"),
        "adjacency_of": re.escape("shared = H @ H.T > 0"),
    },
    "the first value is above −∞ and sets both epochs": {"stop": r"best, best_epoch, epoch = \(float\('-inf'\), .*"},
    "a bound against 0 may be any small number; a degree that is not 0 is at least 1": {
        "normalized_adjacency": r".*clamp\(min=(1\.0000001|2e-07)\).*",
        "cosines|fuse": ".*2e-12.*",
    },
    "the same function, or arguments of a function that treats them alike": {
        "top_k": r".*min\(n_left, k\).*",
        "ndcg_at_k": re.escape("ideal = sum(gain[:min(k, len(relevant))])"),
        "fuse": r".*np\.maximum\(1e-12, .*",
        "paired": r".*(ours & theirs\.keys\(\)|ours\.keys\(\) & theirs\)).*",
    },
    "a factor on all gains cancels, and no list is longer than its gains": {
        "ndcg_at_k": r"gain = .*(2|-1) / log2.*|gain = .*range\(1, k \+ 2\).*|ideal = sum\(gain\[:len\(relevant\)\]\)",
    },
    "scores are floats, known items a list without repeats, and no two scores are the same": {
        "top_k": r"shown = np\.array\(scores\)|shown\[known\] = -np\.inf|n_left = len\(shown\) - len\(known\)"
        r"|return np\.argsort\(-shown\).*",
        "deletion": r"order = .*",
    },
    "one constant on all scores of a row leaves its softmax as it is": {"gumbel_softmax": r".*np\.log2\(u\).*"},
    "the maps are square": {"attend_with_heads": r"width = len\((key|query|value)_map\) // n_heads"},
    "ranks without ties have the same sum of squares": {"rank_agreement": r"return .*np\.sqrt\(\(away\[.\] \*\* 2\).*"},
    "what is not below 0 and sums to 1 is not above 1; a tolerance may be any that is far above rounding": {
        "memberships_hold": r"in_range = \(shares >= 0\)\.all\(\)|in_range = .*shares <= 2.*"
        r"|if .*torch\.allclose.*(atol=0|atol=0\.0002)?\).*",
    },
    "an exact 0 is 0 whatever its sign and type, and rounding is far below any tolerance here": {
        "scores_repeat": r"return torch\.allclose.*",
        "steps_are_fresh": r"(places|by_hand) = .*(0|-0\.0).*|return np\.allclose.*|for _ in .*::-1.*",
    },
    "there are more curves than are needed: the others still catch every rule": {"chooses_blindly": r"(valid|choices) = .*"},
    "tuples of NumPy's integers are equal to those of Python's": {"hides_test": "return .*"},
    "a factor before the division by the length cancels": {"assemble": r"groups = .*mean\(0\)"},
    "rows are normalised along axis 1 by default": {"assemble": r".*normalize\((attention|groups|rows)\).*"},
    "rows of users are picked out of the first n_users": {
        "total_loss": r"users, items = \(nodes(\[:(n_users \+ 1)?\])?, .*"
        r"|of_users = info_nce\(images(\[:(n_users \+ 1)?\])?, texts\[:n_users\].*",
    },
    "a loss may stay a tensor": {"train_step": "return loss"},
    "a list is as good as an array": {"paired": r"return \[ours\[seed\].*"},
}


def reasons(exercise, change):
    tables = [(reason, *pair) for reason, table in RIGHT_AS_WELL.items() for pair in table.items()]
    return {reason for reason, who, what in tables if re.fullmatch(who, exercise) and re.fullmatch(what, change)}


def chosen(every, exercise):
    """Return all mutants or a sample of them, with that whose gradient is cut in any case."""
    most = len(every) if os.environ.get("SRGFORMER_LAB_MUTANTS") == "all" else COSTLY.get(exercise, SAMPLE)
    cut = [mutant for mutant in every if mutant.change == "gradient cut"]
    rest = [mutant for mutant in every if mutant not in cut]
    return cut + random.Random(exercise).sample(rest, min(most, len(every)) - len(cut))


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=NAMES)
def test_every_mutant_is_refused_or_right_as_well(lesson, exercise):
    check = lesson.check(exercise)
    every = list(mutants(solution(lesson, exercise), exercise in TRAINED))
    assert len(every) >= 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mutant that divides by 0 is told so by its value
        survivors = [mutant.change for mutant in chosen(every, exercise) if check(mutant.answer).passed]
    assert check(solution(lesson, exercise)).passed
    assert [change for change in survivors if not reasons(exercise, change)] == []

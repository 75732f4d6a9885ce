"""Lesson 10: five tests, each of which must tell a fault from what is in order. A test gives True where all is well."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from srgformer_lab.lessons import faults
from srgformer_lab.lessons.verdict import Specimen, Verdict, judge_test

BLIND = "It does not look at test, nor does it choose by validation. Which epoch must a rule in order take from your lists?"


def check_memberships_hold(answer: Callable[..., Any]) -> Verdict:
    """Check ``memberships_hold(users, items)``: memberships by modality, rows × hyperedges."""
    users, items = faults.memberships(faults.sound_model())
    logits = faults.text_logits()
    hard = {name: torch.eye(values.shape[1])[values.argmax(1)] for name, values in users.items()}
    below = users["text"].clone()
    below[5, :2] = torch.stack([torch.tensor(-0.05), below[5, :2].sum() + 0.05])
    given_away = items["text"].clone()
    given_away[:2] = torch.stack([torch.zeros(len(given_away[0])), given_away[:2].sum(0)])
    specimens = [
        Specimen(
            "every row is one hyperedge with 1 and seven with 0",
            True,
            (hard, {name: torch.eye(values.shape[1])[values.argmax(1)] for name, values in items.items()}),
            "forbids 0 and 1",
            "A membership may be 0 or 1: an item can belong to one hyperedge altogether.",
        ),
        Specimen(
            "the trained model, as it should be",
            True,
            (users, items),
            "asks for exactly 1",
            "Its rows sum to 1 up to rounding (1e-7 or so), and what is said of memberships in the text above holds.",
        ),
        Specimen(
            "the released form, in which the text users' memberships are raw logits",
            False,
            faults.memberships(faults.overwritten_model()),
            "overlooks the text users",
            "Does your test look at every modality, and at every row by itself?",
        ),
        Specimen(
            "logits that somebody divided by their sums",
            False,
            ({**users, "text": logits / logits.sum(1, keepdim=True)}, items),
            "sums are enough",
            "Each row sums to 1, but some entries are below 0 or above 1. A share can't be. What else must hold?",
        ),
        Specimen(
            "one row was mended by hand until it summed to 1: one of its entries is −0.05",
            False,
            ({**users, "text": below}, items),
            "sums are enough",
            "No entry is above 1 there, and the row sums to 1. But a share can't be below 0.",
        ),
        Specimen(
            "each logit was squashed by itself (a sigmoid), not with those of its row (a softmax)",
            False,
            ({**users, "text": logits.sigmoid()}, items),
            "the range is enough",
            "All entries are between 0 and 1, but the rows do not sum to 1.",
        ),
        Specimen(
            "every text membership of the users is a twentieth too small",
            False,
            ({**users, "text": users["text"] * 0.95}, items),
            "tolerates too much",
            "The rows sum to 0.95. Rounding is far smaller: 1e-7 or so.",
        ),
        Specimen(
            "one item's shares were added to another item's, by texts",
            False,
            (users, {**items, "text": given_away}),
            "overlooks the items",
            "Two rows of 240 sum to 0 and to 2. Does your test look at items as well as users, and at every row rather than a mean?",
        ),
    ]
    specimens += [_one_row_apart(users, items, side, name) for side in ("users", "items") for name in users]
    return judge_test(answer, specimens, "Right: every row, of both sides, in every modality, is made of shares that sum to 1.")


def _one_row_apart(users: faults.Memberships, items: faults.Memberships, side: str, name: str) -> Specimen:
    """Give one row of a side and modality, in its middle, to the next row."""
    given = {"users": users, "items": items}
    rows = given[side][name].clone()
    middle = len(rows) // 2
    rows[middle : middle + 2] = torch.stack([torch.zeros(len(rows[0])), rows[middle : middle + 2].sum(0)])
    given[side] = {**given[side], name: rows}
    what = f"two rows in the middle of the {side}, by {name}, sum to 0 and to 2"
    return Specimen(
        what, False, (given["users"], given["items"]), "overlooks a row", "All others are in order. Does your test read every row?"
    )


def check_scores_repeat(answer: Callable[..., Any]) -> Verdict:
    """Check ``scores_repeat(scores)``: ``scores`` takes user rows (a tensor) and gives the scores of all items."""
    specimens = [
        Specimen(
            "a model without any noise",
            True,
            (faults.sound_scores,),
            "condemns the good one",
            "Asked twice the same, it answers the same. Do you compare different users, or one person alone with the same person among "
            "others? The latter differ by rounding (1e-6 or so).",
        ),
        Specimen(
            "a model that draws noise at every call",
            False,
            (faults.noisy_scores,),
            "overlooks noise",
            "Ask for the same twice, and compare every score rather than a mean or a shape.",
        ),
        Specimen(
            "a model whose noise comes from torch's own generator",
            False,
            (faults.globally_noisy_scores,),
            "seeds the noise away",
            "You set the seed between the calls, and so the noise is the same in both. Whoever evaluates does not do that.",
        ),
        Specimen(
            "a model that draws noise for all but the first hundred people",
            False,
            (faults.partly_noisy_scores,),
            "asks for a few people",
            "The people whom you asked for happen to be spared. There are 600: rows 0 to 599.",
        ),
        Specimen(
            "a model that draws noise only for what stands below everybody's first fifty",
            False,
            (faults.deeply_noisy_scores,),
            "compares the lists",
            "The lists that people see are the same both times. The scores below them are not, and a longer list or an explanation "
            "would change from call to call. Compare every score.",
        ),
    ]
    specimens += [
        Specimen(
            f"a model that draws noise for one person only, row {row}",
            False,
            (faults.noisy_for(row),),
            "overlooks one person",
            "Do you ask for everybody, rows 0 to 599, and compare each score with the same one rather than a mean?",
        )
        for row in (317, 0, 599)
    ]
    return judge_test(answer, specimens, "Right: the same question, asked twice, of everybody, gets the same answer.")


def check_steps_are_fresh(answer: Callable[..., Any]) -> Verdict:
    """Check ``steps_are_fresh(descend)``: ``descend(start, target, rate, steps)`` gives the places from the start on."""
    specimens = [
        Specimen(
            "a descent that zeroes its gradients",
            True,
            (faults.descent(1, torch.float64),),
            "condemns the good one",
            "Each step goes η (g − w) and need not arrive within your number of steps. Do these places by hand.",
        ),
        Specimen(
            "the same, computed in float32",
            True,
            (faults.descent(1, torch.float32),),
            "asks for the last digit",
            "It is right up to rounding (1e-7 or so). Compare with a tolerance.",
        ),
        Specimen(
            "gradients are never zeroed",
            False,
            (faults.descent(0, torch.float64),),
            "misses the second step",
            "The first step is always right: there is nothing left over yet. And a sum of gradients goes down as well, at first. "
            "Where must the second step lead?",
        ),
        Specimen(
            "gradients are zeroed at every second step only",
            False,
            (faults.descent(2, torch.float64),),
            "looks only where it ends",
            "It arrives, and sooner than it should. That a loss falls does not show that the steps are right: compare every place.",
        ),
        Specimen(
            "a twentieth of the gradients is left at every step",
            False,
            (faults.descent(1, torch.float64, left=0.05),),
            "the shape is enough",
            "Each step is shorter than the one before, as it should be, but not by as much. Where exactly must the second one lead?",
        ),
    ]
    return judge_test(answer, specimens, "Right: what piles up shows from the second step on, and rounding is no fault.")


def check_chooses_blindly(answer: Callable[..., Any]) -> Verdict:
    """Check ``chooses_blindly(choose)``: ``choose(valid, test)`` gives the number of the chosen epoch, from 0."""
    specimens = [
        Specimen(
            "the earliest best epoch on validation",
            True,
            (faults.by_valid,),
            "condemns the good one",
            "It may choose an epoch that is poor on test: that is the price of not looking.",
        ),
        Specimen(
            "the best epoch on test",
            False,
            (faults.by_test,),
            "both curves agree",
            "Where both curves are best at the same epoch, nobody can see who was asked. Give curves that disagree.",
        ),
        Specimen(
            "the best mean of validation and test",
            False,
            (faults.by_both,),
            "one kind of peeking",
            "It listens to both. Make the test curve differ by far more than the validation curve does.",
        ),
        Specimen(
            "epochs that are poor on test are thrown out, then validation chooses",
            False,
            (faults.after_sorting_out,),
            "sorted out before",
            "Here test only removes epochs. Let the best epoch on validation be the very worst on test.",
        ),
        Specimen(
            "validation chooses, and of equals the one that is best on test",
            False,
            (faults.by_valid_then_test,),
            "no equals",
            "Test speaks only where two epochs are equal on validation, and on few people they often are. Give it such a pair.",
        ),
    ]
    specimens += [
        Specimen(f"a rule that always takes the {what}", False, (rule,), "blesses any rule", BLIND)
        for what, rule in (("first epoch", faults.first), ("last epoch", faults.last), ("worst epoch on validation", faults.worst))
    ]
    return judge_test(answer, specimens, "Right: whatever the test curve says, the choice stays.")


def check_hides_test(answer: Callable[..., Any]) -> Verdict:
    """Check ``hides_test(seen, hidden)``: arrays of pairs (user row, item row)."""
    data = faults.shop()
    seen, hidden = (pairs[pairs[:, 0] < 100] for pairs in (data.pairs("train"), data.pairs("test")))
    leak = np.concatenate([seen, hidden[-3:]])[np.random.default_rng(0).permutation(len(seen) + 3)]
    specimens = [
        Specimen(
            "seen (0, 5), (1, 7) and hidden (0, 7), (1, 5)",
            True,
            (np.array([[0, 5], [1, 7]]), np.array([[0, 7], [1, 5]])),
            "users and items apart",
            "Of course users and items come up on both sides. What must not come up twice is a pair.",
        ),
        Specimen(
            "seen (0, 12), (2, 3) and hidden (1, 2), (3, 2)",
            True,
            (np.array([[0, 12], [2, 3]]), np.array([[1, 2], [3, 2]])),
            "two pairs, one number",
            "Your way to make one number of a pair gives two different pairs the same one.",
        ),
        Specimen(
            "seen (0, 5), (0, 5), (1, 7) and hidden (1, 5)",
            True,
            (np.array([[0, 5], [0, 5], [1, 7]]), np.array([[1, 5]])),
            "counts repeats",
            "A pair may come twice on one side: somebody bought it again.",
        ),
        Specimen(
            "seen (4, 1), (2, 6), (0, 3) and hidden (0, 3), (4, 2)",
            False,
            (np.array([[4, 1], [2, 6], [0, 3]]), np.array([[0, 3], [4, 2]])),
            "compares row by row",
            "The pair (0, 3) is on both sides, in different rows. The order of the rows means nothing.",
        ),
        Specimen(
            "a hundred people's data, into which three of their test pairs have leaked",
            False,
            (leak, hidden),
            "overlooks a few",
            "A leak need not be large, nor among the first rows. One pair is too many.",
        ),
        Specimen("the same data without the leak", True, (seen, hidden), "condemns the good one", "No pair is on both sides there."),
    ]
    return judge_test(answer, specimens, "Right: not one hidden pair is among those that the model sees.")

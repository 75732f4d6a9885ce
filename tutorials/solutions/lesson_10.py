"""Lesson 10: five tests, and which of them rings for which fault."""

import numpy as np
import torch

from srgformer_lab.lessons import faults


def memberships_hold(users, items):
    for side in (users, items):
        for shares in side.values():
            in_range = ((shares >= 0) & (shares <= 1)).all()
            if not in_range or not torch.allclose(shares.sum(1), torch.ones(len(shares)), atol=1e-4):
                return False
    return True


def scores_repeat(scores):
    everyone = torch.arange(600)
    return torch.equal(scores(everyone), scores(everyone))


def steps_are_fresh(descend):
    places = descend(0.0, 1.0, 0.1, 5)
    by_hand = [0.0]
    for _ in range(5):
        by_hand.append(by_hand[-1] + 0.1 * (1.0 - by_hand[-1]))
    return np.allclose(places, by_hand, atol=1e-5)


def chooses_blindly(choose):
    valid = np.array([0.50, 0.52, 0.52])
    choices = [choose(valid, np.array(test)) for test in ([0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0])]
    return choices == [1, 1, 1, 1]


def hides_test(seen, hidden):
    return not set(map(tuple, seen.tolist())) & set(map(tuple, hidden.tolist()))


SOUND = {
    "memberships_hold": lambda: faults.memberships(faults.sound_model()),
    "scores_repeat": lambda: (faults.sound_scores,),
    "steps_are_fresh": lambda: (faults.descent(1, torch.float64),),
    "chooses_blindly": lambda: (faults.by_valid,),
    "hides_test": lambda: (faults.shop().pairs("train"), faults.shop().pairs("test")),
}
BROKEN = {
    "memberships overwritten": ("memberships_hold", lambda: faults.memberships(faults.overwritten_model())),
    "noise at evaluation": ("scores_repeat", lambda: (faults.noisy_scores,)),
    "gradients never zeroed": ("steps_are_fresh", lambda: (faults.descent(0, torch.float64),)),
    "chosen on test": ("chooses_blindly", lambda: (faults.by_test,)),
    "leaked positives": ("hides_test", lambda: (faults.leaking(0.05).pairs("train"), faults.shop().pairs("test"))),
}


def alarms():
    """Run all five tests under each fault: fault → test → whether it rings."""
    tests = {name: globals()[name] for name in SOUND}
    sound = {name: not tests[name](*give()) for name, give in SOUND.items()}
    return {
        fault: {name: not tests[name](*give()) if name == broken else quiet for name, quiet in sound.items()}
        for fault, (broken, give) in BROKEN.items()
    }

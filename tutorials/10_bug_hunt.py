# /// script
# [tool.marimo.opengraph]
# title = "10. Which of these models is broken?"
# description = "Write five tests that tell models with real faults from models that are in order."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium", app_title="10. Which of these models is broken?", css_file="../apps/lab.css", html_head_file="../apps/head.html"
)

with app.setup:
    import sys

    import marimo as mo
    import numpy as np  # noqa: F401 learners need it
    import pandas as pd
    import torch

    import srgformer_lab as lab
    from srgformer_lab import places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_10 as by_hand  # noqa: F401 for what the learner writes

    from srgformer_lab.lessons import faults

    LESSON = 10


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    data = faults.shop()
    shares = [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1]
    return dark, data, shares


@app.cell(hide_code=True)
def _(data, shares):
    leaks = {_share: lab.evaluate(faults.leaking_model(_share), data, "test", (20,))["recall@20"] for _share in shares}
    with faults.sound_model().edit(*faults.noise(1)):
        _drawn = lab.evaluate(faults.sound_model(), data, "test", (20,))["recall@20"]
    _trained = {"zeroed": faults.curve(True, 18), "never zeroed": faults.curve(False, 18)}
    curves = {_name: pd.DataFrame(_curve, columns=["valid", "test"]) for _name, _curve in _trained.items()}
    _whole = lab.evaluate(faults.sound_model(), data, "test", (20,))["recall@20"]
    _slip = lab.evaluate(faults.overwritten_model(), data, "test", (20,))["recall@20"]
    _picked = {_name: _curve["test"][_curve["valid"].argmax()] for _name, _curve in curves.items()}
    found = {
        "memberships overwritten": (_whole, _slip),
        "noise at evaluation": (_whole, _drawn),
        "gradients never zeroed": (_picked["zeroed"], _picked["never zeroed"]),
        "chosen on test": (_picked["zeroed"], curves["zeroed"]["test"].max()),
        "leaked positives": (leaks[0], leaks[0.2]),
    }
    return curves, found, leaks


@app.cell(hide_code=True)
def _(found):
    kit.stack(
        kit.step(
            "Look",
            "Five models, all broken",
            """
            Each of these five has one fault, of kinds that happen in real code and stay; two of them are in the code that SRGFormer's
            authors published, in `models/srgformer.py` of
            [this state](https://github.com/HubuKG/SRGFormer/tree/5b0c4665a6f9c1168fd87cf85362fb9386717bcb).
            Each number is the model's Recall@20 on the hidden test items of the built-in shop. Two kinds of model are
            among them: three times the SRGFormer that comes with this package, and twice a plain matrix factorisation. No program
            stopped, no warning came.
            """,
        ),
        kit.tiles(
            [
                (f"model {_letter}", plots.metric_value("recall", _broken), "factorisation" if _letter in "CD" else "SRGFormer")
                for _letter, (_, _broken) in zip("ABCDE", found.values(), strict=True)
            ]
        ),
        kit.markdown(
            "The five faults, in another order: **positives leaked** (hidden test pairs are in the training graph), **gradients never "
            "zeroed**, **memberships overwritten**, **chosen on test**, **noise at evaluation**."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    glance = kit.Question(
        "glance",
        "Which of these faults make the number better than the same model would have without its fault?",
        {
            "none of them": "A fault that harms is found sooner or later, as somebody looks for it. Those that **help** stay: "
            "whoever gets a better number seldom asks why.",
            "some of them": "A fault that helps survives. And a third kind moves the number hardly at all: no table shows it.",
            "all of them": "Leaks and peeking do. But unzeroed gradients do harm, and two of the five hardly move the number at all.",
        },
        right="some of them",
    )
    glance_guess = glance.ask()
    kit.stack(kit.step("Predict", "Which way does a fault push?"), glance_guess)
    return glance, glance_guess


@app.cell(hide_code=True)
def _(found, glance, glance_guess):
    _far = [_fault for _fault, (_sound, _broken) in found.items() if abs(_broken - _sound) > 0.02]
    glance.answer(
        LESSON,
        glance_guess.value,
        kit.finding(f"Only {len(_far)} of {len(found)} faults move Recall@20 by more than two points: {', '.join(_far)}"),
        kit.tiles(
            [
                (f"{_letter}: {_fault}", plots.metric_value("recall", _broken), f"in order: {plots.metric_value('recall', _sound)}")
                for _letter, (_fault, (_sound, _broken)) in zip("ABCDE", found.items(), strict=True)
            ]
        ),
        kit.markdown(
            "So a table does not find faults. A **test** does: a small piece of code that asks one question whose answer is known, "
            "and says True (in order) or False (broken)."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Explain",
            "What a good test is",
            """
            Each of your five tests will be run on models that are in order and on broken ones. It must give **True** for all of the first
            and **False** for all of the second. A test that always says False finds every fault, and is worth nothing.
            """,
        ),
        kit.explain(
            r"$$\text{test}(x) = \begin{cases}\text{True} & x \text{ is in order}\\ \text{False} & x \text{ is broken}\end{cases}$$",
            {
                "$x$": "what is tested: memberships, a function that scores, a descent, a rule of choice, two sets of pairs",
                "in order": "what is claimed of $x$ holds, up to rounding: single precision (float32) keeps about seven digits",
                "broken": "the claim fails somewhere, perhaps in a single row",
            },
            "Three sources of known answers: a **law** that must hold (shares sum to 1), a **small example** done by hand, and a **change "
            "that must not matter** (asking twice, other test numbers). `torch` and `np` (numpy) are imported already.",
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    _sums = {
        _said: {_name: _part.sum(1) for _name, _part in faults.memberships(_model)[0].items()}
        for _said, _model in {"in order": faults.sound_model(), "broken": faults.overwritten_model()}.items()
    }
    kit.stack(
        kit.step(
            "Write",
            "Test 1 of 5: memberships",
            """
            SRGFormer gives each user and each item shares in $K$ hyperedges, once by pictures and once by texts (lesson 4). In the authors'
            published code one line stores the text users' memberships under the image users' name. So the image users carry the texts'
            shares, and the text users are left with raw logits: what goes into the softmax, not what comes out.
            """,
        ),
        kit.explain(
            r"$$H_{xe} = \mathrm{softmax}_e\left(S_{xe} / \tau\right), \qquad 0 \le H_{xe} \le 1, \qquad \sum_{e=1}^{K} H_{xe} = 1$$",
            {
                "$x$": "a user or an item (a row)",
                "$e$": "one of the $K$ hyperedges (a column)",
                "$S_{xe}$": "the logit: how well $x$ fits $e$, any number",
                r"$\tau$": "the temperature",
                "$H_{xe}$": "the membership: which share of $x$ belongs to $e$",
            },
        ),
        kit.tiles(
            [
                (
                    f"{_name} users, {_said}",
                    f"{_rows.min():.2f} to {_rows.max():.2f}".replace("-", "−"),
                    "what the memberships of one user sum to",
                )
                for _said, _sides in _sums.items()
                for _name, _rows in _sides.items()
            ]
        ),
    )
    return


@app.function
def memberships_hold(users, items):
    """Return whether memberships are shares: True or False.

    users: {"image": tensor of users × K, "text": tensor of users × K}
    items: the same for items
    Hints: torch.allclose(a, b, atol=1e-4); users.values()
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, memberships_hold)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "memberships_hold")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Test 2 of 5: noise at evaluation",
            """
            While it learns, SRGFormer adds random noise to its logits (Gumbel-softmax, lesson 4). The published code adds it when it is
            judged, too. Its Recall@20 then differs from call to call, and the person who asks twice gets two lists.

            What is tested is a function: `scores(users)` takes a tensor of user rows, such as `torch.arange(600)` for all 600 users, and
            gives a tensor with a row of 240 item scores for each. A model in order gives **the same answer to the same question**, to the
            last digit.
            """,
        )
    )
    return


@app.function
def scores_repeat(scores):
    """Return whether a model that is asked twice answers the same: True or False.

    scores: function; scores(torch.arange(600)) is a tensor, 600 × 240
    Hint: torch.equal(a, b) is True where all numbers are the same.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, scores_repeat)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "scores_repeat")
    return


@app.cell(hide_code=True)
def _():
    falls = kit.Question(
        "falls",
        "A training loop never sets its gradients back to zero, so they pile up from step to step. What does its loss do?",
        {
            "it rises from the first step": "The first step is exactly right: nothing has piled up yet. And a sum of gradients points "
            "downhill as well, for a while.",
            "it falls at first, and everything looks well": "The pile works like a momentum without any brake: fast at first, then it runs "
            "past the goal, and back, and past it again.",
            "it becomes infinite": "Here nothing overflows: the steps run past the goal and come back, again and again. "
            "That is why it is so easily overlooked.",
        },
        right="it falls at first, and everything looks well",
    )
    falls_guess = falls.ask()
    kit.stack(kit.step("Predict", "Gradients that pile up"), falls_guess)
    return falls, falls_guess


@app.cell(hide_code=True)
def _():
    rate = kit.knob("rate", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8], 0.1)
    return (rate,)


@app.cell(hide_code=True)
def _(dark, falls, falls_guess, rate):
    _steps = 30
    _paths = {
        "zeroed": faults.descent(1, torch.float64)(0, 1, rate.value, _steps),
        "never zeroed": faults.descent(0, torch.float64)(0, 1, rate.value, _steps),
    }
    _frame = pd.concat([pd.DataFrame({"name": _name, "x": range(_steps + 1), "y": _path}) for _name, _path in _paths.items()])
    _over = next((_step for _step, _place in enumerate(_paths["never zeroed"]) if _place > 1), None)
    _said = f"runs past the goal at step {_over}" if _over else f"has not run past the goal in {_steps} steps"
    falls.answer(
        LESSON,
        falls_guess.value,
        kit.step("Drag", "One weight on its way from 0 to 1"),
        kit.knob_box(rate, "η", f"learning rate: {rate.value:g}"),
        kit.chart(
            plots.lines_over(
                _frame,
                f"Never zeroed, the weight {_said}",
                "The loss is ½ (w − 1)². Both take the same first step; look at the second.",
                x="step",
                y="weight w",
                dark=dark,
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _(curves, dark, falls_guess):
    _frame = pd.concat(
        [pd.DataFrame({"name": _name, "x": range(1, len(_curve) + 1), "y": _curve["valid"]}) for _name, _curve in curves.items()]
    )
    _best = {_name: _curve["valid"].max() for _name, _curve in curves.items()}
    kit.stack(
        kit.markdown("The same fault in a real training, of a factorisation on the shop. It learns, it is only worse. Who would know?"),
        kit.chart(
            plots.lines_over(
                _frame,
                f"Valid Recall@20 reaches {_best['never zeroed']:.2f} instead of {_best['zeroed']:.2f}",
                "Each line is one training. The dots are the best epochs.",
                x="epoch",
                y="valid Recall@20",
                marks={_name: int(_curve["valid"].argmax()) + 1 for _name, _curve in curves.items()},
                dark=dark,
            )
        ),
    ) if falls_guess.value else None
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Test 3 of 5: fresh gradients", "Make the problem so small that you can do it on paper: one weight."),
        kit.explain(
            r"$$\ell(w) = \tfrac12 (w - g)^2, \qquad w_{t+1} = w_t - \eta\,(w_t - g)$$",
            {
                "$w_t$": "the weight after $t$ steps",
                "$g$": "the goal, where the loss is 0",
                r"$\eta$": "the learning rate",
                "$w_t - g$": "the gradient of the loss at $w_t$: of this step alone",
            },
            "With $w_0 = 0$, $g = 1$, η = 0.1 the places are 0, 0.1, 0.19, …: each step goes a tenth of what is left.",
        ),
    )
    return


@app.function
def steps_are_fresh(descend):
    """Return whether each step uses its own gradient alone: True or False.

    descend: function; descend(0, 1, 0.1, 2) starts at w = 0, aims at
        g = 1 with η = 0.1, and gives the list of its places: w₀, w₁, w₂
    Hint: np.allclose(a, b, atol=1e-5)
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, steps_are_fresh)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "steps_are_fresh")
    return


@app.cell(hide_code=True)
def _(curves, dark):
    _curve = curves["zeroed"]
    _frame = pd.concat(
        [pd.DataFrame({"name": _split, "x": range(1, len(_curve) + 1), "y": _curve[_split]}) for _split in ("valid", "test")]
    )
    _valid, _test = int(_curve["valid"].argmax()), int(_curve["test"].argmax())
    _honest, _peeked = _curve["test"][_valid], _curve["test"][_test]
    kit.stack(
        kit.step(
            "Write",
            "Test 4 of 5: chosen on test",
            """
            A training gives a model after every epoch. Which one is reported? **Validation** says; **test** is read once, for the chosen
            epoch. Whoever takes the best epoch on test reports the luckiest of many numbers, and calls it skill. A common toolbox of
            the field, MMRec, chooses between settings that way (`best_test_value` in `src/utils/quick_start.py` of
            [this state](https://github.com/enoche/MMRec/tree/14d38fd03684777377ed06fb4fbbb46344d5ae80)).
            """,
        ),
        kit.chart(
            plots.lines_over(
                _frame,
                f"Choosing on test adds {_peeked - _honest:.3f} to test Recall@20, and nothing to the model",
                f"One training. Chosen on valid: epoch {_valid + 1}, test {_honest:.3f}. Chosen on test: epoch {_test + 1}, {_peeked:.3f}.",
                x="epoch",
                y="Recall@20",
                marks={"valid": _valid + 1, "test": _test + 1},
                dark=dark,
            )
        ),
        kit.markdown(
            "What is tested is the rule: `choose(valid, test)` takes two lists of equal length, a number for each epoch, and gives the "
            "number of the chosen epoch, from 0. You make up the lists. A rule in order takes the epoch that is best on valid and, of "
            "epochs that are equal there, the earliest."
        ),
    )
    return


@app.function
def chooses_blindly(choose):
    """Return whether a rule chooses on validation alone: True or False.

    choose: function; choose([0.1, 0.3], [0.2, 0.2]) gives 0 or 1
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, chooses_blindly)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "chooses_blindly")
    return


@app.cell(hide_code=True)
def _(shares):
    leak = kit.knob("leak", shares, 0.2)
    return (leak,)


@app.cell(hide_code=True)
def _(dark, leak, leaks):
    _frame = pd.DataFrame({"name": "Recall@20", "x": [100 * _share for _share in leaks], "y": list(leaks.values())})
    _now = leaks[leak.value]
    kit.stack(
        kit.step(
            "Write",
            "Test 5 of 5: leaked positives",
            """
            A graph is built from *all* interactions instead of the training ones: one forgotten filter. Then the hidden items are
            neighbours of their people, and LightGCN's steps (lesson 2) walk straight to them. Not one weight below was trained on the leak;
            only the graph has it.
            """,
        ),
        kit.knob_box(leak, "", f"share of the hidden test pairs in the graph: {plots.percent(leak.value)}"),
        kit.chart(
            plots.lines_over(
                _frame,
                f"With {plots.percent(leak.value)} leaked, test Recall@20 is {_now:.2f} instead of {leaks[0]:.2f}",
                "The trained SRGFormer, on graphs into which more and more leaks. A small leak looks like progress.",
                x="leaked share of the hidden pairs, %",
                y="test Recall@20",
                marks={"Recall@20": 100 * leak.value},
                dark=dark,
            )
        ),
        kit.markdown(
            "What is tested: `seen` and `hidden`, two arrays of pairs (user row, item row). In order is: no pair is in both. "
            "The order of the rows means nothing."
        ),
    )
    return


@app.function
def hides_test(seen, hidden):
    """Return whether no hidden pair is among those that a model sees: True or False.

    seen, hidden: integer arrays of shape (pairs, 2): user row, item row
    Hint: a set of tuples; map(tuple, seen.tolist())
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, hides_test)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "hides_test")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, memberships_hold, scores_repeat, steps_are_fresh, chooses_blindly, hides_test)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(own):
    rings = own.alarms()
    fault = mo.ui.dropdown(list(rings), value="noise at evaluation", label="Break the model by")
    return fault, rings


@app.cell(hide_code=True)
def _(fault, found, rings):
    _sound, _broken = found[fault.value]
    _who = [_test for _test, _rings in rings[fault.value].items() if _rings]
    kit.stack(
        kit.step(
            "Break it",
            "Five alarms",
            "Choose a fault: which of the five tests rings, and would the table have told you?",
        ),
        fault,
        kit.finding(
            f"{' and '.join(_who)} rings; Recall@20 goes from {plots.metric_value('recall', _sound)} "
            f"to {plots.metric_value('recall', _broken)}"
        ),
        kit.tiles([(_test, "✗ broken" if _rings else "✓ in order", "") for _test, _rings in rings[fault.value].items()]),
        kit.markdown("A test rings for what it asks, and for nothing else. Five tests in order do not show that there is no sixth fault."),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** Your model's Recall@20 jumps by a fifth over night, after a change that should only make it faster. What do you do "
                "first, and why not celebrate?": "Look for a leak: a better number without a reason is a fault until shown otherwise. Run "
                "hides_test on the graph, then undo the change and see whether the gain goes. A change that should only be faster has a "
                "known answer: the same scores as before. That is a test, too.",
                "**2.** The released code's slip costs nothing on this shop (over five seeds, Recall@20 is .5350 with it and "
                ".5337 without, on average). So why mend it?": "That a branch brings nothing here does not say that it brings nothing "
                "elsewhere. And a paper's claim is about the formula, which this code does not compute. The finding also says something of "
                "the branch: what can be spoiled without loss may not be needed (lesson 7).",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

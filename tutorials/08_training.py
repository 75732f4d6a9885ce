# /// script
# [tool.marimo.opengraph]
# title = "8. Is it still learning?"
# description = "Walk down a loss, hold each term of it against its yardstick, and stop at the right epoch."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="8. Is it still learning?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys
    from math import log

    import marimo as mo

    import srgformer_lab as lab
    from srgformer_lab import places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_08 as by_hand

    LESSON = 8


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    run = lab.shipped_run()
    data, history = run.open_data(), run.history()
    n_epochs = 3
    trainings = {_slip: by_hand.trained(data, n_epochs, **_changes) for _slip, _changes in by_hand.SLIPS.items()}
    fresh = trainings[by_hand.RIGHT]
    return dark, data, fresh, history, n_epochs, run, trainings


@app.cell(hide_code=True)
def _(dark, data, fresh, n_epochs, run):
    _popular = lab.evaluate(lab.Popularity(data), data, "valid", (20,))["recall@20"]
    _train = run.config.train
    _steps = -(-len(data.pairs("train")) // _train.batch_size)
    kit.stack(
        kit.step(
            "Look",
            "A training, just now",
            f"""
            While this page opened, it trained SRGFormer on the built-in shop for {n_epochs} epochs. One **epoch** shows every training pair
            once: {len(data.pairs("train")):,} pairs in **batches** of {_train.batch_size:,}, so {_steps} **steps**. After each step all
            weights move a little, so that the loss of that batch falls. After each epoch, validation is judged.
            """,
        ),
        kit.chart(
            plots.learning_curves(
                fresh, baseline={"popularity": _popular}, dark=dark, hint="Each point is one pass over all training pairs."
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: downhill",
            """
            A model has thousands of weights; think of one. If the weight grows a little, the loss rises or falls: the **gradient** says how
            steeply. So a step goes against the gradient. After it the slope is another one, and the next step starts from there.
            """,
        ),
        kit.explain(
            r"$$w_{t+1} = w_t - \eta\, \frac{\partial \mathcal L}{\partial w}(w_t)$$",
            {
                "$w_t$": "the weight after $t$ steps",
                r"$\partial \mathcal L / \partial w$": "the gradient of the loss, taken where the weight stands now",
                r"$\eta$": "the **learning rate**: which part of the gradient a step goes",
            },
            "SRGFormer is trained by Adam, which also fits the length of the step to each weight. The idea is this one.",
        ),
    )
    return


@app.function
def descend(weight, gradient, rate, steps):
    """Return the weight after some steps of gradient descent.

    weight: a number or an array; the caller's array must not change
    gradient: a function; gradient(w) is the slope of the loss at w
    rate: the learning rate; steps: how many
    Example: for the loss w * w the gradient is 2 * w. From 1.0, at a
        rate of 0.1, two steps lead to 0.8 and then to 0.64.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, descend)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "descend")
    return


@app.cell(hide_code=True)
def _(history):
    _fell = 1 - history["loss"].iloc[-1] / history["loss"].iloc[0]
    _rose = history["recall@20"].max() / history["recall@20"].iloc[0] - 1
    _ranking = 1 - history["loss.ranking"].iloc[-1] / history["loss.ranking"].iloc[0]
    _truth = (
        f"From the first epoch to the best, Recall@20 rises by {plots.percent(_rose)}. The ranking loss falls by "
        f"{plots.percent(_ranking)}; it is only a small "
        f"part "
        "of the sum."
    )
    total = kit.Question(
        "total",
        f"The shipped model was trained for {len(history)} epochs. Its total loss fell from {history['loss'].iloc[0]:.1f} to "
        f"{history['loss'].iloc[-1]:.1f}, by {plots.percent(_fell)}. What did valid Recall@20 do meanwhile?",
        {
            "it hardly moved": f"{_truth} A flat total does not say that nothing is learned.",
            f"it rose by about {plots.percent(_fell)}, too": f"{_truth} Loss and metric are different things, and no rule links their "
            f"percents.",
            "it rose by more than a third": _truth,
        },
        right="it rose by more than a third",
    )
    total_guess = total.ask()
    kit.stack(kit.step("Predict", "A loss that hardly falls"), total_guess)
    return total, total_guess


@app.cell(hide_code=True)
def _(dark, history, total, total_guess):
    total.answer(
        LESSON,
        total_guess.value,
        kit.step("Look", "Four losses under one name"),
        kit.chart(plots.loss_terms(history, dark=dark)),
        kit.markdown(
            "The total is a sum of four terms: **ranking** (lesson 2: a taken item should score above one drawn at random; level scores "
            "cost ln 2 on average); **regularization**, a small penalty on long vectors; and two **contrasts**, summed over the batch, "
            "which should find a node's texts among those of all nodes, by its pictures. The largest term is the flattest. Is it flat "
            "because it has learned all, or because it never learned? A curve alone can't say. A yardstick can: what would it be, if it "
            "knew nothing?"
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Explain", "What a contrast costs that knows nothing"),
        kit.explain(
            r"$$\mathcal L_{HCL} = \sum_{u \in B} -\ln\frac{e^{\cos(\mathbf a_u, \mathbf b_u)/\tau}}"
            r"{\sum_{u'} e^{\cos(\mathbf a_u, \mathbf b_{u'})/\tau}}$$"
            "\n\n"
            r"$$+\ \text{the same over the items } p \in B$$",
            {
                r"$\mathcal L_{HCL},\ B$": "the contrast in the hypergraph; a batch: triples with a person $u$ and a taken item $p$",
                r"$\mathbf a_u,\ \mathbf b_u$": "two vectors of the same person: from picture groups and from text groups (lesson 4)",
                "$u'$": "runs over **all** people of the shop, and for items over all items",
                r"$\cos$": "how alike two directions are, from −1 to 1",
                r"$\tau$": "the temperature: how much a difference of cosines counts (lesson 6)",
            },
            "Knowing nothing means that all cosines are equal. Then the fraction is one over the number of rows that the sum below the "
            "line runs over, whatever τ is.",
        ),
        kit.step("Write", "Exercise 2 of 3: knowing nothing"),
    )
    return


@app.function
def knowing_nothing(batch, n_users, n_items):
    """Return the value of the contrast for one batch if all cosines are equal.

    batch: how many triples. Who stands in several, counts in each
    n_users, n_items: how many there are in the shop
    log (natural) is imported. The contrast is summed over the batch.
    Example: one triple, 2 users and 4 items give log(8).
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, knowing_nothing)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "knowing_nothing")
    return


@app.cell(hide_code=True)
def _(data, history, run):
    _train, _n_pairs = run.config.train, len(data.pairs("train"))
    _steps = -(-_n_pairs // _train.batch_size)
    _nothing = by_hand.knowing_nothing(_n_pairs / _steps, data.n_users, data.n_items)
    _rows = {
        "contrast in the hypergraph": ("loss.hypergraph_contrast", _train.hypergraph_contrast_weight * _nothing),
        "contrast of the modalities": ("loss.modality_contrast", _train.modality_contrast_weight * _nothing),
        "ranking": ("loss.ranking", log(2)),
    }
    _lines = "".join(
        f"| {_name} | {_chance:.3g} | {history[_column].iloc[-1]:.3g} | {plots.percent(history[_column].iloc[-1] / _chance)} |\n"
        for _name, (_column, _chance) in _rows.items()
    )
    _points = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * _bound for _bound in by_hand.without_contrast())).replace("-", "−")
    _left = history["loss.hypergraph_contrast"].iloc[-1] / _rows["contrast in the hypergraph"][1]
    kit.stack(
        kit.finding(
            "The contrast in the hypergraph learned next to nothing"
            if abs(_left - 1) < 0.05
            else f"The contrast in the hypergraph ends at {plots.percent(_left)} of knowing nothing"
        ),
        kit.markdown(
            "Each term of the shipped run after its last epoch, with its weight, beside what it would be with no knowledge at all:\n\n"
            "| term | knowing nothing | last epoch | of that |\n|---|---|---|---|\n" + _lines
        ),
        kit.markdown(
            "So the largest term stands where chance would stand, while two that look small beside it fall far below. This fits what "
            f"training without it showed: over five shops Recall@20 changes by {_points} points, which may be chance. "
            "**Never read a sum where you can read its terms, and never a term without its yardstick.**"
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: when to stop",
            """
            Validation rises, then wavers. Whoever trains for too long wastes time and begins to learn the training pairs by heart; whoever
            stops at the first fall stops too soon. The usual rule has one number, the **patience**:
            """,
        ),
        kit.explain(
            r"$$e^* = \text{the earliest epoch with the highest } v_e \text{ so far}$$"
            "\n\n"
            r"$$\text{stop after epoch } e \text{ as soon as } e - e^* \ge P$$",
            {
                "$v_e$": "validation Recall@20 after epoch $e$; epochs are counted from 1",
                "$e^*$": "the best epoch so far; its weights are kept. Better means strictly greater",
                "$P$": "the patience: how many epochs without a better one",
            },
            "Where patience never runs out, the training ends with the last epoch that was planned.",
        ),
    )
    return


@app.function
def stop(valid, patience):
    """Give [best epoch, epoch after which the training stops], from 1.

    valid: list of validation values, one an epoch, as many as planned
    patience: whole number from 1
    Example: stop([0.1, 0.3, 0.2, 0.2, 0.9], 2) is [2, 4].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, stop)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "stop")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, stop)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(history, own):
    _valid = history["recall@20"].tolist()
    _two, _ten = (own.stop(_valid, _patience) for _patience in (2, 10))
    _lost = f"{100 * (_valid[_ten[0] - 1] - _valid[_two[0] - 1]):.1f}"
    _truth = (
        f"It stops after epoch {_two[1]} with the weights of epoch {_two[0]}. With a patience of 10 it reaches epoch {_ten[1]}, and its "
        f"best, "
        f"at epoch {_ten[0]}, is {_lost} points higher."
    )
    early = kit.Question(
        "early",
        f"The shipped training was planned for {len(_valid)} epochs. After which epoch would it have stopped with a patience of 2?",
        {
            "before epoch 10": _truth,
            "after about 25": f"Even earlier: two epochs without a better one come soon. {_truth}",
            f"after about {_ten[1]}": f"The curve wavers from the start, and two epochs without a better one come soon. {_truth}",
        },
        right="before epoch 10",
    )
    early_guess = early.ask()
    kit.stack(kit.step("Predict", "Little patience"), early_guess)
    return early, early_guess


@app.cell(hide_code=True)
def _():
    patience = kit.knob("patience", range(1, 21), 2)
    return (patience,)


@app.cell(hide_code=True)
def _(dark, early, early_guess, history, own, patience):
    _valid = history["recall@20"].tolist()
    _best, _last = own.stop(_valid, int(patience.value))
    early.answer(
        LESSON,
        early_guess.value,
        kit.step("Drag", "How long would you wait?", "What the shipped training would have seen of its own curve."),
        kit.knob_box(patience, "P", f"patience: {patience.value:g} epochs"),
        kit.tiles(
            [
                ("best epoch", str(_best), "whose weights are kept"),
                ("stopped after", str(_last), f"of {len(_valid)} planned"),
                ("valid Recall@20", plots.metric_value("recall", _valid[_best - 1]), "at the best epoch"),
            ]
        ),
        kit.chart(
            plots.learning_curves(
                history.head(_last),
                baseline={"best of all epochs": max(_valid)},
                dark=dark,
                hint="More patience costs epochs. When does it pay?",
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _(own, trainings):
    _recalls = {_slip: _frame["recall@20"].iloc[-1] for _slip, _frame in trainings.items()}
    _fast = trainings["learning rate 100 times larger"]
    _said = f"After {len(_fast)} epochs Recall@20 is {plots.metric_value('recall', _recalls['learning rate 100 times larger'])}, not " + (
        f"{plots.metric_value('recall', _recalls[own.RIGHT])}; the mean ranking loss went "
        f"{', '.join(f'{_value:.2f}' for _value in _fast['loss.ranking'])}, against {log(2):.2f} for knowing nothing."
    )
    rate = kit.Question(
        "rate",
        "The learning rate is made 100 times larger. What do you see after three epochs?",
        {
            "faster learning": f"A little more would be faster, but each step now jumps far past the place where it should land. {_said}",
            "numbers that look like numbers, and bad lists": f"Nothing warns you but the curves. {_said}",
            "an error: the loss is no longer a number": f"That can happen, but not here: the optimiser (Adam) bounds each step. {_said}",
        },
        right="numbers that look like numbers, and bad lists",
    )
    rate_guess = rate.ask()
    kit.stack(kit.step("Predict", "A hundred times faster"), rate_guess)
    return rate, rate_guess


@app.cell(hide_code=True)
def _(own):
    slip = mo.ui.dropdown(list(own.SLIPS), value=list(own.SLIPS)[2], label="What is done wrong")
    return (slip,)


@app.cell(hide_code=True)
def _(dark, fresh, own, rate, rate_guess, slip, trainings):
    _frame = trainings[slip.value]
    _now, _then = (plots.metric_value("recall", _one["recall@20"].iloc[-1]) for _one in (_frame, fresh))
    rate.answer(
        LESSON,
        rate_guess.value,
        kit.step(
            "Break it",
            "Know an illness by its curves",
            "Each was trained while this page opened. Which curve gives it away: the metric, the ranking loss, or another term?",
        ),
        slip,
        kit.finding(
            f"After {len(_frame)} epochs Recall@20 is {_now} instead of {_then}"
            if slip.value != own.RIGHT
            else f"Healthy: Recall@20 {_now}"
        ),
        kit.chart(plots.loss_terms(_frame, dark=dark)),
        mo.accordion({"Which curve": kit.markdown(own.diagnosis(_frame, fresh)[slip.value])}),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** Two models are compared, both with a patience of 10. One rises at once. The other rests on a plateau for its first "
                "20 epochs, and then climbs higher. What does the table say?": "That the first is better. The second was stopped on its "
                "plateau. So it went with LightGCN in an easier world of this kind. Give every model enough patience, and look at its "
                "curve before you "
                "believe its number.",
                "**2.** The ranking loss still falls at the last epoch, but validation has not risen for 15 epochs. Is the model still "
                "learning?": "Yes, but not what you want: it fits the training pairs better and better, and nothing of that reaches "
                "pairs it "
                "has not seen. This is overfitting, and the reason why validation decides when to stop.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

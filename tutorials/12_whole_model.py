# /// script
# [tool.marimo.opengraph]
# title = "12. Can you build it whole?"
# description = "Put sampling, model, loss, a training step and the evaluation together into an SRGFormer that trains."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="12. Can you build it whole?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import pandas as pd
    import torch  # noqa: F401 for what the learner writes
    from torch.nn.functional import normalize  # noqa: F401 for what the learner writes

    import srgformer_lab as lab
    from srgformer_lab import places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_12 as by_hand

    LESSON = 12


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    data = lab.studio()
    earlier = kit.earlier(by_hand.EARLIER)
    library = by_hand.stored("library")
    mean, low, high = by_hand.bounds(library)
    kit.stack(
        kit.step(
            "Look",
            "What is there, and what is missing",
            """
            Lessons 1 to 7 gave you the parts. A model that trains needs five more pieces, and none of them is long: **sampling** (which
            triples are learned from), the **fusion** of all parts with gradients, the **loss**, one **step**, and the **evaluation**.

            What this lesson calls of earlier ones. A function of yours is used where your copy of that lesson lies in the folder of this
            one, and passes:
            """,
        ),
        kit.markdown(earlier.text()),
        kit.markdown(
            f"The mark to reach: from five starts, the library's SRGFormer finds {plots.metric_value('recall', mean)} of what is hidden "
            f"(test Recall@20 on the built-in shop, at the best epoch by validation). One more start of the same model lies between "
            f"{plots.metric_value('recall', low)} and {plots.metric_value('recall', high)} nineteen times in twenty."
        ),
    )
    return dark, data, earlier, high, low, mean


@app.cell(hide_code=True)
def _():
    reach = kit.Question(
        "reach",
        "You write five short functions. How far will a model made of them be from the library's, which is some thousand lines long?",
        {
            "far behind: there is more to it": "The other lines check what they are given, save, resume, explain and draw. What is "
            "*learned* is in the formulas that you have.",
            "level with it, as far as starts differ": "The same formulas, the same settings, another start. What remains is what two "
            "starts of the library's own model differ by.",
            "ahead of it": "Nothing here is better than there. If yours comes out ahead by more than starts differ, look for a leak first "
            "(lesson 10).",
        },
        right="level with it, as far as starts differ",
    )
    reach_guess = reach.ask()
    kit.stack(kit.step("Predict", "Five functions against a library"), reach_guess)
    return reach, reach_guess


@app.cell(hide_code=True)
def _(high, low, mean, reach, reach_guess):
    reach.answer(
        LESSON,
        reach_guess.value,
        kit.markdown(
            f"You can hold your own model against it below: {plots.metric_value('recall', mean)}, and for one start from "
            f"{plots.metric_value('recall', low)} to {plots.metric_value('recall', high)}."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 5: what is learned from",
            """
            An epoch sees every pair (user $u$, taken item $p$) once, in another order each time, and beside each an item $q$ that $u$ did
            not take, drawn evenly from all of those. If $q$ happens to be taken, draw again.

            All luck comes from one generator, so that a training can be repeated: `torch.randperm(n, generator=draws)` is an order,
            `torch.randint(n, (m,), generator=draws)` gives `m` numbers from 0 to `n` − 1.
            """,
        ),
    )
    return


@app.function
def draw(pairs, known, draws):
    """Return the triples of one epoch: a tensor (pairs, 3) of u, p, q.

    pairs: whole numbers (pairs, 2), a row (user, item) for each pair
    known: true and false (users, items): what each user took;
        everybody lacks at least one item
    draws: the torch.Generator that all luck comes from
    Columns are joined by torch.column_stack.
    Example: one user who took item 0 of two gives [[0, 0, 1]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, draw)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "draw")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 2 of 5: the whole model"),
        kit.explain(
            r"$$\mathbf E^{*}=\mathbf E^{id}+\sum_m\mathrm{nz}(\mathbf E^m)+\alpha\,\mathrm{nz}(\mathbf E^{att})"
            r"+\beta\,\mathrm{nz}\Big(\sum_m\mathbf E^{m,H}\Big)$$",
            {
                r"$\mathbf E^{id}$": "the collaborative part: LightGCN (lesson 2); it alone keeps its length",
                r"$\mathbf E^m$": "pictures, or texts, walked over the graph (lesson 6)",
                r"$\mathbf E^{att}$": "what all heads tell (lesson 5)",
                r"$\mathbf E^{m,H}$": "what arrives over the hyperedges of one modality (lessons 3 and 4); they are added first",
                r"$\mathrm{nz}$": "brings every row to length 1, and leaves a row of zeros: `normalize(rows, dim=1)`",
            },
            "Lesson 7 did this in NumPy, for numbers that were there. Here a gradient has to flow back through it into every part, so all "
            "of it is torch.",
        ),
    )
    return


@app.function
def assemble(collaborative, modalities, attention, hyperedges, alpha, beta):
    """Return the vectors of all nodes: a tensor (nodes, width).

    collaborative, attention: tensors (nodes, width)
    modalities, hyperedges: lists of such tensors; modalities may be
        empty, hyperedges has at least one
    A gradient must flow back to all of them.
    Example with one node: [[1, 0]], [[[0, 5]]], [[3, 4]], [[[2, 0]]],
        0.5, 0.1 gives [[1.4, 1.4]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, assemble)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "assemble")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 3 of 5: what is made small"),
        kit.explain(
            r"$$\mathcal L=\mathrm{BPR}+\frac{\lambda}{|B|}\big(\lVert\mathbf E^*_{[u]}\rVert+\lVert\mathbf E^*_{[p]}\rVert"
            r"+\lVert\mathbf E^*_{[q]}\rVert\big)+\sum_{c}w_c\,\big(\mathrm{InfoNCE}_{users}+\mathrm{InfoNCE}_{items}\big)$$",
            {
                "BPR": "`by_hand.bpr_loss(scores of p, scores of q)` (lesson 2); a score is the inner product of two rows",
                r"$\lVert\cdot\rVert$": "the length of the matrix of the batch's rows: `rows.norm()`, not squared",
                r"$|B|$": "how many triples the batch has",
                "$w_c$": "the weight of a contrast of two sides, here pictures against texts, of the modalities and of the hyperedges",
                "InfoNCE": "`by_hand.info_nce(images, texts, rows, tau)` (lesson 6): of the batch's users among all users, and of its "
                "taken items among all items",
            },
            "Users come first in every matrix: item p is row `n_users + p`.",
        ),
    )
    return


@app.function
def total_loss(nodes, contrasts, triples, n_users, penalty, tau):
    """Return the loss of a batch: a tensor of one number.

    nodes: tensor (users + items, width), users first
    contrasts: a list, maybe empty, of (weight, images, texts), both
        tensors (users + items, width)
    triples: whole numbers (batch, 3): user u, taken item p, other item q
    penalty: the λ; tau: the temperature of the contrasts
    Example: with all vectors 0 and no contrasts it is ln 2 = 0.6931.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, total_loss)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "total_loss")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 4 of 5: one step",
            """
            An `optimizer` of torch knows all numbers that are trained. `optimizer.zero_grad()` forgets old gradients,
            `loss.backward()` computes new ones, `optimizer.step()` moves the numbers by them. `compute()` makes one pass and gives its
            loss as a tensor; every call draws new noise. In which order?
            """,
        ),
    )
    return


@app.function
def train_step(optimizer, compute):
    """Move the numbers that are trained by one step; return the loss
    that the step was computed from, as a float (.item()).

    optimizer: one of torch's; compute: a function without arguments
    Example: from w = 4 down the loss w² at a rate of 0.25, w becomes 2
        and 16.0 is returned.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, train_step)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "train_step")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 5 of 5: how good it is",
            """
            Rank all items for each person, hide what is known of them, and see which share of the hidden ones is among the first $k$.
            Then the mean over people. Whoever has nothing hidden can't be judged, and doesn't count.

            `by_hand.top_k(scores, known, k)` and `by_hand.recall_at_k(ranked, relevant, k)` are those of lesson 1.
            """,
        ),
    )
    return


@app.function
def mean_recall(scores, known, hidden, k):
    """Return the mean Recall@k of everybody who has something hidden.

    scores: array (users, items)
    known: a list with a list of items for each user
    hidden: a list with a set of items for each user; some are empty
    Example: one of two people has nothing hidden, the other's only
        hidden item is first in the list: 1.0.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, mean_recall)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "mean_recall")
    return


@app.cell(hide_code=True)
def _(earlier):
    own = kit.Own(LESSON, draw, assemble, total_loss, train_step, mean_recall, also=earlier.passed)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(data, own):
    shipped = own.shipped(data)
    alpha = kit.knob("alpha", [0, 0.1, 0.2, 0.3, 0.5, 0.8, 1, 2], 0.3)
    return alpha, shipped


@app.cell(hide_code=True)
def _(alpha, data, own, shipped):
    _recall = own.with_alpha(shipped, data, alpha.value)
    _library = lab.shipped_run().test_metrics()["recall@20"]
    kit.stack(
        kit.step(
            "Drag",
            "The library's weights in these functions",
            """
            A finished training is a few matrices. Here those of the shipped run go through the functions above instead of the library's:
            """,
        ),
        kit.knob_box(alpha, "α", f"attention: {alpha.value:g}", "attention"),
        kit.tiles(
            [
                ("Recall@20", plots.metric_value("recall", _recall), f"on the test items, with α = {alpha.value:g}"),
                ("the library's", plots.metric_value("recall", _library), "as the shipped run says, with α = 0.3"),
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    go = mo.ui.run_button(label="Train it (a minute or so)")
    kit.stack(
        kit.step(
            "Explain",
            "From nothing to a list",
            """
            Now without anybody's weights: drawn at random, at most 60 epochs of these functions with the shipped run's settings, until 20
            in a row bring nothing better on validation; the best epoch is kept.
            """,
        ),
        go,
    )
    return (go,)


@app.cell(hide_code=True)
def _(dark, data, go, high, low, mean, own):
    _found = own.trained(data) if go.value else None
    _stored = own.stored("slips")
    _rows = _found.history if _found else _stored[_stored["slip"] == own.RIGHT]
    _whose = "This training" if _found else "A stored training of the reference, 40 epochs"
    _last = _rows.iloc[-1]
    _curve = kit.chart(
        plots.lines_over(
            pd.DataFrame({"x": _rows["epoch"], "y": _rows["valid"], "name": "Recall@20"}),
            f"{_whose}: Recall@20 on validation, by epoch",
            f"From {_rows['valid'].iloc[0]:.2f} after the first epoch to {_last['valid']:.2f} after the last.",
            x="epoch",
            y="Recall@20",
            dark=dark,
        )
    )
    if _found:
        _place = "inside" if low <= _found.test <= high else ("above" if _found.test > high else "below")
        _verdict = kit.finding(
            f"Recall@20 on the test items is {plots.metric_value('recall', _found.test)} at epoch {_found.best_epoch}: {_place} the range "
            f"in which one start of the library's lies ({plots.metric_value('recall', low)} to {plots.metric_value('recall', high)}, "
            f"mean {plots.metric_value('recall', mean)})"
        )
    else:
        _verdict = kit.fact("Press the button to train your own.")
    kit.stack(_verdict, _curve)
    return


@app.cell(hide_code=True)
def _(own):
    slip = mo.ui.dropdown(list(own.SLIPS[1:]), value=own.SLIPS[1], label="Leave out")
    return (slip,)


@app.cell(hide_code=True)
def _(dark, own, slip):
    _stored = own.stored("slips")
    _names = {own.RIGHT: "as it should be", slip.value: slip.value}
    _pair = [_stored[_stored["slip"] == _one].assign(name=_said) for _one, _said in _names.items()]
    _rows = pd.concat(_pair).rename(columns={"epoch": "x", "valid": "y"})
    _best = [_one["valid"].max() for _one in _pair]
    _loss = [_one["loss"].iloc[-1] for _one in _pair]
    kit.stack(
        kit.step("Break it", "What each line is for", "Four trainings in which one thing is wrong (stored, 40 epochs, one start each)."),
        slip,
        kit.finding(
            f"Best Recall@20 on validation: {plots.metric_value('recall', _best[1])} instead of {plots.metric_value('recall', _best[0])}; "
            f"the loss ends at {_loss[1]:.2f} instead of {_loss[0]:.2f}"
        ),
        kit.chart(
            plots.lines_over(
                _rows[["x", "y", "name"]],
                f"Recall@20 on validation: {slip.value}, and as it should be",
                "One start each: differences of a point or two may be luck.",
                x="epoch",
                y="Recall@20",
                dark=dark,
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** Your catalogue has ten million items. Which of the five functions has to change first?": "`total_loss`: each "
                "contrast compares the batch with *all* rows; and `mean_recall`, which ranks all items for everybody. `draw` and "
                "`assemble` grow with what there is, those two with products of it. The library therefore streams the contrast in "
                "blocks, or samples it, and ranks in blocks; the value is the same (or, sampled, nearly).",
                "**2.** Somebody's training step gives the loss **after** the step. Does the model learn anything else?": "Hardly: but for "
                "other noise the walk is the same. The curve is another one: each value belongs to the next weights, with the batch that "
                "they have just been fitted to. It looks better than it is, and it costs a second pass.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

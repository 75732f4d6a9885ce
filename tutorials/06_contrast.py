# /// script
# [tool.marimo.opengraph]
# title = "6. What pulls pictures and words together?"
# description = "Write InfoNCE, and say what the temperature τ does."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium", app_title="6. What pulls pictures and words together?", css_file="../apps/lab.css", html_head_file="../apps/head.html"
)

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import torch

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_06 as by_hand

    LESSON = 6


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    run = lab.shipped_run()
    data, dark = run.open_data(), kit.dark()
    groups = lab.item_labels(data)
    modality = backend.trained_pass(run, data)[1].modality
    images, texts = (modality[name].items.detach() for name in ("image", "text"))
    return dark, data, groups, images, texts


@app.cell(hide_code=True)
def _(data, groups):
    armchair = 157  # its picture and its text both show its group, and its own text is not the nearest
    _alike = [item_id for item_id in groups.index[groups == groups.iloc[armchair]] if item_id != data.item_ids[armchair]][:4]
    kit.stack(
        kit.step(
            "Look",
            "One thing, a picture and a text",
            f"""
            A thing in a shop has a picture and a text. A model turns each into a vector and lets it walk over the graph of who took what
            (lesson 2), pictures and texts apart. So a thing's *picture vector* is mostly made of other things' pictures: of this armchair's
            its own is {plots.percent(by_hand.own_shares(data)[armchair])}. Both vectors stand for the same thing, so they should
            point the same way. But they come from different sources, and at first they have nothing to do with each other.

            Here is an armchair with its text, and then other things of its group. They share a pattern, and their texts are about
            chess as well:
            """,
        ),
        mo.Html(plots.card_row(backend.item_cards(data, [data.item_ids[armchair]]))),
        kit.markdown(f"*{data.cards.texts[armchair]}*"),
        mo.Html(plots.card_row(backend.item_cards(data, _alike, width=64), size="small")),
    )
    return (armchair,)


@app.cell(hide_code=True)
def _():
    pair = kit.Question(
        "pair",
        "Pictures and texts are to be brought together. Which two vectors does the model count as belonging together (a positive pair)?",
        {
            "the picture and the text of the same armchair": "A **positive pair** is one thing's own picture vector and own text vector. "
            "Everything else is a **negative pair**: this picture with any other thing's text, even of a thing that looks alike. "
            "For people it is the same: a person's picture vector begins as the mean over what they took, is then smoothed over the graph, "
            "and so is their text vector.",
            "the picture of the armchair and that of another thing with its pattern": "Nobody told the model that they match. Positive is "
            "only one thing's own picture and own text. The other thing's text even counts as **negative** for this picture, and it may "
            "be near.",
            "the armchair and a person who took it": "That is what the other part of the loss does (BPR): it compares people with things. "
            "The contrast compares one thing's picture with its own text, and one person's picture vector with their own text vector.",
        },
        right="the picture and the text of the same armchair",
    )
    pair_guess = pair.ask()
    kit.stack(kit.step("Predict", "What belongs together?"), pair_guess)
    return pair, pair_guess


@app.cell(hide_code=True)
def _(pair, pair_guess):
    pair.answer(LESSON, pair_guess.value)
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 1 of 3: the same way"),
        kit.explain(
            r"$$\cos(a, b) = \frac{\langle a, b\rangle}{\lVert a\rVert \, \lVert b\rVert}$$",
            {
                "$a, b$": "two vectors: a picture's, a text's",
                r"$\langle a, b\rangle$": "inner product: multiply number by number, and sum",
                r"$\lVert a\rVert$": "the length of $a$, at least $10^{-12}$, so that nothing is divided by 0",
                r"$\cos$": "1: the same way; 0: nothing in common; −1: opposite ways. How long they are does not matter",
            },
        ),
    )
    return


@app.function
def cosines(first, second):
    """Return the cosine of each row of first with each row of second.

    first: n × d tensor; second: m × d tensor; gives n × m
    A row of zeros has cosine 0 with everything.
    x.norm(dim=1, keepdim=True) gives lengths; tensors have clamp_min, and T.
    A gradient must flow back through it to both: a model is trained so.
    Example: the row (3, 4) with the row (0, 2) has cosine 8 / (5 · 2) = 0.8.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, cosines)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "cosines")
    return


@app.cell(hide_code=True)
def _():
    tau = kit.knob("τ", [0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.6, 1.0, 2.0, 3.0], 0.2)
    return (tau,)


@app.cell(hide_code=True)
def _(armchair, data, images, tau, texts):
    _cosine = by_hand.cosines(images[armchair : armchair + 1], texts)[0]
    _share = (_cosine / tau.value).softmax(0)
    _order = _cosine.argsort(descending=True)[:8].tolist()
    _place = _order.index(armchair) + 1
    _lines = [f"{'its own: ' if row == armchair else ''}cos {_cosine[row]:.2f}, {plots.percent(float(_share[row]))}" for row in _order]
    kit.stack(
        kit.step(
            "Drag",
            "Which text does the armchair's picture choose?",
            """
            These are the things whose *texts* are nearest to the armchair's *picture*, in a trained model. Each gets a share: softmax of
            cosine / τ over all texts. The **loss** is minus the logarithm of the own text's share. Make τ small, then large.
            """,
        ),
        kit.knob_box(tau, "τ", f"temperature: {tau.value:g}", "image"),
        kit.finding(
            f"Its own text, at place {_place}, gets {plots.percent(float(_share[armchair]))}, "
            f"the nearest one {plots.percent(float(_share[_order[0]]))}; the loss is {-float(_share[armchair].log()):.2f}"
        ),
        mo.Html(plots.card_row(backend.item_cards(data, [data.item_ids[row] for row in _order], _lines, 64), size="small")),
        kit.markdown(
            f"An even share would be {plots.percent(1 / data.n_items)}. Texts of things of the same group are nearest: to tell them "
            "apart is the hard part, and perhaps not even wanted."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 2 of 3: InfoNCE",
            """
            The share of the own text should be near 1. There the loss is 0; where the share is small, it is large. It is summed over a
            **batch**: the rows that training looks at in one step.
            """,
        ),
        kit.explain(
            r"$$\mathcal L = \sum_{x \in B} -\log \frac{\exp(\cos(a_x, b_x)/\tau)}{\sum_{x'} \exp(\cos(a_x, b_{x'})/\tau)}$$",
            {
                "$B$": "the batch: rows of things; one that stands there twice counts twice",
                "$a_x, b_x$": "picture vector and text vector of thing $x$: the own pair",
                "$x'$": "runs over **all** things, $x$ itself among them",
                r"$\tau$": "temperature; SRGFormer refuses less than 0.05",
            },
            "It goes one way: pictures look for texts.",
        ),
    )
    return


@app.function
def info_nce(images, texts, rows, temperature):
    """Return the loss of a batch: a tensor of one number, no float.

    A gradient must flow back through it to both: a model is trained so.

    images, texts: n × d tensors, row x for thing x
    rows: tensor of the batch's rows; temperature: τ
    by_hand.cosines(images[rows], texts): row k is of thing rows[k], column x of text x.
    Example: two things whose four vectors are all alike; each row of the batch adds log 2.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, info_nce)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "info_nce")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: who is pushed, and how hard?",
            """
            Training moves each cosine against the slope of the loss. So the slope says who is pushed. For one picture, with $p$ the
            shares of all texts:
            """,
        ),
        kit.explain(
            r"$$\mathcal L_x = -\log p_x, \qquad p_{x'} = \frac{e^{c_{x'}/\tau}}{\sum_{y} e^{c_{y}/\tau}}, \qquad "
            r"\frac{\partial \mathcal L_x}{\partial c_{x'}} = \;?$$",
            {
                "$c_{x'}$": "cosine of the picture of $x$ with the text of $x'$",
                "$p_{x'}$": "the share of the text of $x'$",
                "$x$": "the own text, one of the $x'$",
            },
            "Write the loss as $-c_x/\\tau + \\log \\sum_y e^{c_y/\\tau}$ and differentiate: the second term gives something for all, the "
            "first only for the own text.",
        ),
    )
    return


@app.function
def pushes(cosine, own, temperature):
    """Return the slope of one picture's loss by each cosine, n numbers.

    cosine: tensor of n cosines with all texts
    own: the row of its own text; temperature: τ
    Tensors have softmax(0). Below 0 is pulled nearer, above 0 pushed away.
    Example: pushes(torch.zeros(2), 0, 0.5) is [-1, 1].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, pushes)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "pushes")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, cosines, info_nce, pushes)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _():
    hardest = kit.Question(
        "hardest",
        "Make τ smaller. How do the strangers share the push?",
        {
            "all alike": "That is what a large τ does. A small one makes the shares steep, and the push follows the shares.",
            "the nearest get most of it": "The push on a stranger is its share / τ, and with a small τ nearly all of the share "
            "belongs to the nearest. These are often things of the same group.",
            "the farthest get most of it": "They are far away already, so their shares are tiny, and a small τ makes them tinier.",
        },
        right="the nearest get most of it",
    )
    hardest_guess = hardest.ask()
    kit.stack(kit.step("Predict", "What does a small τ do?"), hardest_guess)
    return hardest, hardest_guess


@app.cell(hide_code=True)
def _(data, own):
    temperatures = [0.05, 0.1, 0.2, 0.5, 1.0, 3.0]
    worlds = {step: own.trained(data, step) for step in temperatures}
    world_tau = kit.knob("τ", temperatures, 0.2)
    return world_tau, worlds


@app.cell(hide_code=True)
def _(armchair, dark, groups, hardest, hardest_guess, images, own, texts, world_tau, worlds):
    _tau, _cosine = world_tau.value, own.cosines(images[armchair : armchair + 1], texts)[0]
    _push = own.pushes(_cosine, armchair, _tau)
    _push[armchair] = 0
    _nearest = float(_push.topk(5).values.sum() / _push.sum())
    _own, _alike, _others, _found = own.summary(worlds[_tau], groups.to_numpy())
    hardest.answer(
        LESSON,
        hardest_guess.value,
        kit.step(
            "Drag",
            "A world in which only the contrast is trained",
            """
            Two matrices, one for pictures and one for texts, trained by the loss of exercise 2 alone, over all things,
            once for each τ. What happens to things of one group?
            """,
        ),
        kit.knob_box(world_tau, "τ", f"temperature: {_tau:g}", "image"),
        kit.finding(f"The nearest 5 of {len(groups) - 1} strangers get {plots.percent(_nearest)} of the armchair's push"),
        kit.tiles(
            [
                ("own pairs", plots.digits(_own), "mean cosine of a picture with its own text"),
                ("same group", plots.digits(_alike), "with the text of another thing of the group"),
                ("other groups", plots.digits(_others), "with the text of a thing of another group"),
                ("finds its own", plots.percent(_found), "pictures whose own text is the nearest of all"),
            ]
        ),
        kit.chart(plots.cosine_distributions(own.pairs(*worlds[_tau]), dark=dark, hint="Solid: own pairs; dashed: strangers.")),
        kit.markdown(
            """
            A **small τ** tells things apart: more pictures find their own text, and groups loosen. A **large τ** keeps groups together:
            own pairs are closer, but so are pairs of one group, and few find their own. Which is better depends on what the vectors
            are for. To recommend, another thing of the group may be just right.
            """
        ),
    )
    return


@app.cell(hide_code=True)
def _(data, own):
    broken = {name: own.trained(data, 0.2, name) for name in own.SLIPS}
    slip = mo.ui.dropdown(list(broken), value=own.NO_STRANGERS, label="What is done wrong")
    return broken, slip


@app.cell(hide_code=True)
def _(broken, dark, groups, own, slip):
    (_own, _, _, _found), (_own_right, _, _, _found_right) = (
        own.summary(broken[name], groups.to_numpy()) for name in (slip.value, own.RIGHT)
    )
    _size, _size_right = (own.strangers_size(*broken[name]) for name in (slip.value, own.RIGHT))
    kit.stack(
        kit.step("Break it", "A contrast without a contrast", "τ is 0.2. Which mistake would a look at the own pairs' cosine never show?"),
        slip,
        kit.tiles(
            [
                ("own pairs, mean cosine", plots.digits(_own), f"as it should be: {plots.digits(_own_right)}"),
                ("strangers, mean size of the cosine", plots.digits(_size), f"as it should be: {plots.digits(_size_right)}"),
                ("finds its own", plots.percent(_found), f"as it should be: {plots.percent(_found_right)}"),
            ]
        ),
        kit.chart(plots.cosine_distributions(own.pairs(*broken[slip.value]), dark=dark, hint="Where do the strangers lie?")),
        kit.markdown(own.SLIPS[slip.value]),
    )
    return


@app.cell(hide_code=True)
def _(data, own):
    weighed = {weight: own.weighed(data, weight) for weight in (0.0, 0.01)}
    return (weighed,)


@app.cell(hide_code=True)
def _(weighed):
    (_own, _strange, _recall), (_own_much, _, _recall_much) = weighed.values()
    kit.stack(
        kit.step(
            "Explain",
            "In SRGFormer: one term of several",
            """
            The contrast enters the loss with a weight, γ. It is summed for things and for people. A second one does the same for what
            flowed through the hyperedges; its weight is c. Here are two short trainings with c = 0, which differ in γ only:
            """,
        ),
        kit.tiles(
            [
                ("own pairs, γ = 0", f"{_own:.2f}", f"strangers: {_strange:.2f}"),
                ("own pairs, γ = 0.01", f"{_own_much:.2f}", "mean cosine of a picture with its own text"),
                ("Recall@20, γ = 0", plots.metric_value("recall", _recall), "on valid"),
                ("Recall@20, γ = 0.01", plots.metric_value("recall", _recall_much), "on valid"),
            ]
        ),
        kit.finding(
            f"Without any contrast own pairs reach {_own:.2f}; with γ = 0.01 it is {_own_much:.2f}, and recall is "
            f"{'lower' if _recall_much < _recall else 'not lower'}"
        ),
        kit.markdown(
            """
            Before training, own pairs are near 0. They come together without any contrast as well: both are smoothed over the same graph,
            and have to serve the same people. A strong contrast brings them closer, and the list gets no better by it. Longer trainings,
            measured in this shop with three seeds: γ = 0.0001 changes Recall@20 by −.0419 [−.0575, −.0263] (95 % bounds) from the
            usual γ = 0.000001, and
            γ = 0 can't be told from it. Over five seeds, leaving out either contrast can't be told from keeping it.
            **Being aligned is not the aim; a good list is.** (Two short trainings are an example and no proof.)
            """
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Three questions to take along"),
        kit.transfer(
            {
                "**1.** All 240 texts have the same cosine with a picture. What is the loss, and does τ matter?": "Every share is 1/240: "
                f"the loss is log 240 = {torch.log(torch.tensor(240.0)):.2f}, whatever τ is. A model that has learned nothing starts near "
                "there.",
                "**2.** Two things in the shop have the same text, word by word. How small can the loss of one of them get?": "Their texts "
                "have the same vector, so each gets at most half: the loss is at least log 2 = 0.69. No training can mend that, and a "
                "small τ makes it try hard.",
                "**3.** Float32 holds numbers up to about $e^{88}$. Someone sets τ = 0.01 and computes $e^{\\cos/\\tau}$. What "
                "happens?": "$e^{100}$ is too large: infinity divided by infinity. SRGFormer refuses τ below 0.05, where "
                "$e^{20}$ is the largest.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

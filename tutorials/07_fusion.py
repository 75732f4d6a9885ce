# /// script
# [tool.marimo.opengraph]
# title = "7. How much of each part?"
# description = "Fuse the parts with α and β, take a score apart, and set up an ablation that is fair."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="7. How much of each part?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import numpy as np

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_07 as by_hand

    LESSON = 7


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    run = lab.shipped_run()
    data = run.open_data()
    model = run.model(data)
    assert isinstance(model, lab.SRGFormer)
    trace = model.trace()
    dark = kit.dark()
    return dark, data, model, trace


@app.cell(hide_code=True)
def _(dark, data, trace):
    user = 29
    _user_id = data.user_ids[user]
    item_id = lab.recommend(trace, data, _user_id, 1)["item_id"][0]
    _, _parts = by_hand.score_table(trace, user, data.item_row(item_id))
    _known = data.history(_user_id)[-8:]
    kit.stack(
        kit.step(
            "Look",
            "One score, five parts",
            f"""
            This is a finished SRGFormer on the built-in shop. One person took, among {len(data.history(_user_id))} things, these:
            """,
        ),
        mo.Html(plots.card_row(backend.item_cards(data, _known, width=64), size="small")),
        kit.markdown(
            "The model recommends the item below first. Its score is a sum of five parts: what neighbours in the graph say "
            "(**collaborative**, or id), what "
            "**pictures** and **texts** say, and two branches that are meant to see structure: **attention** over the history, and the "
            "**hypergraph** of learned groups. This lesson is about how much of each comes in, and who may decide it."
        ),
        kit.side_by_side(
            mo.Html(plots.card_row(backend.item_cards(data, [item_id], width=64), size="small")),
            kit.chart(plots.waterfall(_parts, item=backend.title(data, item_id), dark=dark, hint="The parts add up to the score.")),
            widths="1fr 4fr",
        ),
    )
    return item_id, user


@app.cell(hide_code=True)
def _(data, trace):
    _taken = np.asarray(data.matrix("train").sum(axis=0)).ravel()
    _lengths = trace.collaborative.items.norm(dim=1).numpy()
    _alike = np.corrcoef(_taken, _lengths)[0, 1]
    _raw = {_name: float(_part.values.norm(dim=1).mean()) for _name, _part in trace.modality.items()}
    _said = " and ".join(f"{_length:.2f} for {plots.part_name(_name)}" for _name, _length in _raw.items())
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: the fusion",
            f"""
            Every person and every item has a vector from each branch. How long these vectors are is an accident of the branch: here the
            mean length is {_said}. So all but the id part are first brought to length 1, and only then weighed.
            The id part keeps its length, for that says something: over the items of this shop, the length goes with how often an item is
            taken (correlation {plots.digits(_alike)}).
            """,
        ),
        kit.explain(
            r"$$\mathbf e^* = \mathbf e^{id} + \sum_m \mathrm{nz}(\mathbf e^m) + \alpha\,\mathrm{nz}(\mathbf e^{att}) + "
            r"\beta\,\mathrm{nz}(\mathbf e^{H})$$"
            "\n\n"
            r"$$\hat r_{ui} = \langle \mathbf e^*_u, \mathbf e^*_i\rangle$$",
            {
                r"$\mathbf e^{id}$": "the collaborative or id part, from LightGCN: a node's neighbours, without content",
                r"$\mathbf e^m$": "from modality $m$: pictures, texts",
                r"$\mathbf e^{att},\ \mathbf e^{H}$": "from attention over the history, and from the hypergraph",
                r"$\mathrm{nz}(\mathbf x)$": r"$\mathbf x / \max(\lVert\mathbf x\rVert, 10^{-12})$: the same direction at length 1. "
                "A vector of zeros stays zero: someone without a history has no attention",
                r"$\alpha,\ \beta$": "the weights of attention and hypergraph, set by hand, the same for everyone; here both are 0.3",
                r"$\hat r_{ui}$": "the score of item $i$ for person $u$: the inner product of their fused vectors",
            },
        ),
    )
    return


@app.function
def fuse(collaborative, modalities, attention, hypergraph, alpha, beta):
    """Return the fused vectors of all nodes: an array (nodes, width).

    collaborative, attention, hypergraph: arrays (nodes, width), one row
        a node; attention may have rows of zeros
    modalities: a list of such arrays, maybe empty
    alpha, beta: numbers. numpy is imported as np.
    Example with width 2 and one node: [[1, 0]], [[[0, 5]]], [[3, 4]],
        [[2, 0]], 0.5, 0.1 gives [[1.4, 1.4]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, fuse)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "fuse")
    return


@app.cell(hide_code=True)
def _():
    square = kit.Question(
        "square",
        "α goes from 0.3 to 0.6. Part of the score is the user's attention vector times the item's attention vector. By what does it grow?",
        {
            "it doubles": "That holds for attention times any **other** part. But here both vectors carry α: α times α, so it grows "
            "fourfold.",
            "it grows fourfold": "Both vectors carry α. So attention × attention grows with α², and attention × anything else with α.",
            "it stays, because vectors are brought to length 1": "They are brought to length 1 first, and weighed by α afterwards. "
            "Both vectors carry α, so their product grows fourfold.",
        },
        right="it grows fourfold",
    )
    square_guess = square.ask()
    kit.stack(kit.step("Predict", "Twice as much attention"), square_guess)
    return square, square_guess


@app.cell(hide_code=True)
def _():
    _steps = [round(0.1 * _step, 1) for _step in range(11)]
    alpha, beta = kit.knob("α", _steps, 0.3), kit.knob("β", _steps, 0.3)
    return alpha, beta


@app.cell(hide_code=True)
def _(alpha, beta, dark, data, item_id, square, square_guess, trace, user):
    _fused = trace.fuse(attention_scale=alpha.value, hypergraph_scale=beta.value)
    _table, _ = by_hand.score_table(_fused, user, data.item_row(item_id))
    _list = lab.recommend(_fused, data, data.user_ids[user], 6)
    _lines = [f"place {_place}" for _place in _list["rank"]]
    square.answer(
        LESSON,
        square_guess.value,
        kit.step(
            "Drag",
            "Every part meets every part",
            "A user's five parts meet an item's five parts: 25 products, and their sum is the score. Move α to 0.6 and compare "
            "attention × attention with the rest of its row; then move both, and watch the list below.",
        ),
        kit.side_by_side(
            kit.knob_box(alpha, "α", f"attention: {alpha.value:g}", "attention"),
            kit.knob_box(beta, "β", f"hypergraph: {beta.value:g}", "hypergraph"),
        ),
        kit.chart(plots.parts_table(_table, dark=dark, hint="All cells sum to the score.")),
        mo.Html(plots.card_row(backend.item_cards(data, list(_list["item_id"]), _lines, 64), size="small")),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Explain",
            "From 25 numbers to five",
            "A score is a sum of 25 products: each part of the user with each part of the item. The bars at the top of this page are "
            "five. How? A product belongs to two parts, the user's and the item's. So each gets half of it.",
        ),
        kit.explain(
            r"$$s_p = \tfrac12 \sum_q \langle \mathbf u_p, \mathbf v_q\rangle + \tfrac12 \sum_q \langle \mathbf u_q, \mathbf v_p\rangle$$",
            {
                r"$\mathbf u_p,\ \mathbf v_p$": "part $p$ of the user's and of the item's vector, already weighed",
                r"$\langle \mathbf u_p, \mathbf v_q\rangle$": "one **cell** of the table: row $p$, column $q$",
                "$s_p$": "the share of part $p$ in the score; all shares add up to the score",
                "$q$": "runs over all parts, $p$ among them",
            },
            "Half and half is a choice. Another fair one would give other shares, though the cells stay the same.",
        ),
        kit.step("Write", "Exercise 2 of 3: the share of a part"),
    )
    return


@app.function
def shares(user_parts, item_parts):
    """Return the share of each part in the score: an array (parts,).

    user_parts, item_parts: arrays (parts, width); row p is part p
    Example: [[1, 0], [2, 0]] and [[3, 0], [1, 1]] have the cells
        [[3, 1], [6, 2]], so the shares are [6.5, 5.5], the score 12.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, shares)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "shares")
    return


@app.cell(hide_code=True)
def _(data, model, trace):
    off, anew = by_hand.switched_off(model, trace, data), by_hand.retrained()
    return anew, off


@app.cell(hide_code=True)
def _(off):
    _fell = f"{100 * off['attention']:+.1f}".replace("-", "−")
    ablation = kit.Question(
        "ablation",
        f"In this finished model, α = 0 changes test Recall@20 by {_fell} points. Now five shops like this one are drawn. In each, "
        "one model is **trained** whole, and one with α = 0 from the start. How does the second compare with the first?",
        {
            "worse by about as much": "So it seems, but no. The finished model had learned to count on attention; a model that never had "
            "it "
            "learns to do without. Over five shops no difference can be told from chance.",
            "much worse: it never learns structure": "It has other parts to learn from: the graph, the pictures, the texts. Over five "
            "shops "
            "no difference can be told from chance.",
            "no difference that can be told from chance": "The finished model had got used to attention; that is what switching off "
            "measures. A model that never had it loses nothing that five shops could show.",
        },
        right="no difference that can be told from chance",
    )
    ablation_guess = ablation.ask()
    kit.stack(
        kit.step(
            "Predict",
            "Switched off, or never there?",
            "An **ablation** asks what a part brings, by leaving it out. There are two ways: switch it off in a finished model, or train "
            "anew without it.",
        ),
        ablation_guess,
    )
    return ablation, ablation_guess


@app.cell(hide_code=True)
def _(ablation, ablation_guess, anew, off):
    def _points(_value):
        return f"{100 * _value:+.1f}".replace("-", "−")

    _rows = "".join(
        f"| {plots.part_name(_part)} | {_points(off[_part])} | {_points(_mean)} [{_points(_low)}, {_points(_high)}] |\n"
        for _part, (_mean, _low, _high) in anew.items()
    )
    _sure = [plots.part_name(_part) for _part, (_, _low, _high) in anew.items() if _high < 0 or _low > 0]
    ablation.answer(
        LESSON,
        ablation_guess.value,
        kit.finding(f"All four look needed when switched off; trained anew, only {' and '.join(_sure)} do"),
        kit.markdown(
            "Test Recall@20 without a part, less that of the whole model, in points (hundredths):\n\n"
            "| without | switched off, this model | trained anew, five shops [95 % interval] |\n|---|---|---|\n" + _rows
        ),
        kit.markdown(
            "An interval that holds 0 means: it may be chance. So on this shop the content brings the gain, and neither attention nor the "
            "hypergraph can be told from nothing. The right column took trainings longer than a lesson, so its rows are stored; lesson "
            "11 shows how to make such a table."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: a fair ablation",
            "To train without a part, **everything** that speaks of it must go, in the score and in the loss; and nothing else may change. "
            "Four settings say it all:",
        ),
        kit.explain(
            r"$$\mathcal L = \mathcal L_{rank} + \lambda\,\mathcal L_{reg} + c\,\mathcal L_{HCL} + \gamma\,\mathcal L_{MCL}$$",
            {
                r"$\alpha$": "the weight of attention in the score; attention stands nowhere in the loss but through the score",
                r"$\beta$": "the weight of the hypergraph in the score; its groups come from each modality that is read",
                r"$c,\ \mathcal L_{HCL}$": "the contrast **in the hypergraph**: a node's picture groups are held against its text groups",
                r"$\gamma,\ \mathcal L_{MCL}$": "the contrast **of the modalities**: a node's picture vector against its text vector",
                r"$\mathcal L_{rank},\ \lambda\,\mathcal L_{reg}$": "the ranking loss and a small penalty on long vectors; they stay",
            },
        ),
    )
    return


@app.function
def without(part, settings):
    """Return the settings [alpha, beta, c, gamma] of a training without a part.

    part: "attention", "hypergraph", "image" or "text". There are two
        modalities, image and text. Which of them is read is set elsewhere:
        here only say what becomes of these four numbers.
    settings: list [alpha, beta, c, gamma] of the whole model
    Example: without("attention", [0.3, 0.3, 0.1, 0.1])
        is [0, 0.3, 0.1, 0.1].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, without)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "without")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, fuse)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(data, trace):
    grid = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1]
    surfaces = {_split: lab.metric_surface(trace, data, grid, grid, _split) for _split in ("valid", "test")}
    split = mo.ui.radio({"validation": "valid", "test": "test"}, value="validation", label="Judged on", inline=True)
    return split, surfaces


@app.cell(hide_code=True)
def _(dark, split, surfaces, trace):
    _trained = (trace.config.attention_scale, trace.config.hypergraph_scale)
    _valid, _test = (surfaces[_split].set_index(["attention_scale", "hypergraph_scale"])["value"] for _split in ("valid", "test"))
    _chosen, _lucky = _valid.idxmax(), _test.idxmax()
    _gets, _would = (plots.metric_value("recall", _test[_point]) for _point in (_chosen, _lucky))
    kit.stack(
        kit.step(
            "Look",
            "α and β of the finished model",
            "Every point is the same model, fused with another α and β; nothing is trained. Compare the best point on validation with the "
            "best on test.",
        ),
        split,
        kit.chart(
            plots.metric_heatmap(
                surfaces[split.value],
                trained=_trained,
                dark=dark,
                hint="The ring is where the model was trained. It grew up there, so the map is kind to that spot.",
            )
        ),
        kit.markdown(
            f"Of {len(_valid)} points, validation chooses α = {_chosen[0]:g}, β = {_chosen[1]:g}. On test that gives {_gets}. Whoever "
            f"chooses on test takes α = {_lucky[0]:g}, β = {_lucky[1]:g} and writes {_would}: the luckiest of {len(_valid)} numbers, which "
            "other people's data would not repeat."
        ),
    )
    return


@app.cell(hide_code=True)
def _(data, model, own, trace):
    fusions = {_slip: own.fused_wrongly(model, trace, data, _slip) for _slip in own.SLIPS}
    slip = mo.ui.dropdown(list(fusions), value=own.SLIPS[1], label="What is done wrong")
    return fusions, slip


@app.cell(hide_code=True)
def _(fusions, own, slip):
    _recall, _lengths = fusions[slip.value]
    _right, _ = fusions[own.RIGHT]
    _now, _then = (plots.metric_value("recall", _value) for _value in (_recall, _right))
    kit.stack(
        kit.step(
            "Break it",
            "The same parts, put together wrongly",
            "Below: valid Recall@20, and how long each part is on average before the sum. A long part rules the score; a short one is "
            "not heard.",
        ),
        slip,
        kit.finding(f"Recall@20 is {_now} instead of {_then}" if _now != _then else "Nothing is wrong: choose a mistake"),
        kit.tiles([(plots.part_name(_part), f"{_length:.2f}", "mean length") for _part, _length in _lengths.items()]),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** With α = β = 0, is SRGFormer LightGCN?": "Not yet: pictures and texts are still in the sum, each at length 1. It "
                "is LightGCN's score only without the modalities too, and LightGCN's training only if both contrasts are off.",
                "**2.** A paper shows a table: each part of a finished model is switched off, and each time the score falls. “Every part "
                "is "
                "needed.” What do you ask for?": "For models trained anew without the part, each with its settings chosen by validation, "
                "over several seeds, with the interval of the paired difference. Switching off shows what this model relies on, not what a "
                "model without the part could do.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

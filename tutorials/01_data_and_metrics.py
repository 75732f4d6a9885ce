# /// script
# [tool.marimo.opengraph]
# title = "1. Is this list any good?"
# description = "Turn scores into a list, and judge it by Recall@k and NDCG@k that you wrote yourself."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="1. Is this list any good?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys
    from math import log2

    import marimo as mo
    import numpy as np
    import pandas as pd
    import torch

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_01 as by_hand  # noqa: F401 for what the learner writes

    LESSON = 1


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    data = lab.studio()
    dark = kit.dark()
    _pairs = pd.DataFrame(data.pairs("all"), columns=["user", "item"])
    kit.stack(
        kit.step(
            "Look",
            "Who took what",
            """
            This is a small shop that was made for this course: nothing about it is secret, so every claim can be checked.
            All that a recommender gets to see of people is this matrix.
            """,
        ),
        kit.chart(plots.interaction_matrix(_pairs, data.n_users, data.n_items, dark=dark)),
    )
    return dark, data


@app.cell(hide_code=True)
def _():
    tail = kit.Question(
        "tail",
        "Take the most popular fifth of the items (48 of 240). What share of all interactions is theirs?",
        {
            "about a fifth": "That would be a shop where all items are taken equally often. Look at the left edge of the matrix: "
            "the fullest column holds half of all people, the middle one about one in twenty.",
            "about half": "A few items hold half of everything, and the other four fifths share the rest. That is a **long tail**. "
            "In real shops it is steeper still.",
            "nearly all": "The head is strong, but the tail is long: each of its items is taken rarely, yet there are many of them. "
            "Together they hold about half.",
        },
        right="about half",
    )
    tail_guess = tail.ask()
    kit.stack(kit.step("Predict", "How unequal are the items?"), tail_guess)
    return tail, tail_guess


@app.cell(hide_code=True)
def _():
    head_share = kit.knob("share of the items, in percent", range(5, 100, 5), 20)
    return (head_share,)


@app.cell(hide_code=True)
def _(dark, data, head_share, tail, tail_guess):
    _taken = np.asarray(data.matrix("all").sum(axis=0)).ravel()
    _items = pd.DataFrame({"title": data.cards.titles, "taken": _taken})
    tail.answer(
        LESSON,
        tail_guess.value,
        kit.step("Drag", "How many items hold half of everything?"),
        kit.knob_box(head_share, "", f"share of the items that count as the head: {head_share.value} %"),
        kit.chart(plots.head_share(_items, head_share.value / 100, dark=dark)),
    )
    return


@app.cell(hide_code=True)
def _(data):
    user = 29  # three hidden items, and both models find some of them
    _user_id = data.user_ids[user]
    _known = data.history(_user_id, "train")[-9:]
    _hidden = data.history(_user_id, "test")
    _cards = [mo.Html(plots.card_row(backend.item_cards(data, _ids, width=64), size="small")) for _ids in (_known, _hidden)]
    kit.stack(
        kit.step(
            "Explain",
            "What may be learned, and what is hidden",
            f"""
            To judge a recommender, hide something from it. Each person's interactions are split: **train** (about 80 %) is what models
            learn from, **valid** (10 %) chooses between settings, and **test** (10 %) is looked at once, at the end.

            Here is one person. The model knows {len(data.history(_user_id))} things of them; these are the last {len(_known)}:
            """,
        ),
        _cards[0],
        kit.markdown(f"And these {len(_hidden)} are hidden in test. A good list has them near its top."),
        _cards[1],
    )
    return (user,)


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: from scores to a list",
            """
            A model gives every item a score. The list is made of the best `k`, but never of what the person already has.
            """,
        ),
        kit.explain(
            r"$$L_u = \text{the } k \text{ items } i \notin T_u \text{ with the highest } \hat r_{ui}$$",
            {
                "$L_u$": "the list for person $u$, the best item first",
                r"$\hat r_{ui}$": "the score that the model gives item $i$ for person $u$; only its order matters",
                "$T_u$": "what is known that $u$ has (train)",
                "$k$": "how long the list is",
            },
        ),
    )
    return


@app.function
def top_k(scores, known, k):
    """Return the k best items that are not known, best first.

    scores: array with a number for each item, of either sign
    known: items, each as its index in scores
    k: how many; where fewer are left, the list is shorter
    Example: top_k(np.array([0.9, 0.2, 0.8]), [0], 1) is [2].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, top_k)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "top_k")
    return


@app.cell(hide_code=True)
def _(data):
    models = {"popularity": lab.Popularity(data), "ItemKNN": lab.ItemKNN(data)}
    k_knob = kit.knob("k", range(1, 21), 10)
    _said = {"everyone gets what most took": "popularity", "people who took this also took (ItemKNN)": "ItemKNN"}
    chosen = mo.ui.radio(_said, value=list(_said)[1], label="Whose list?")
    return chosen, k_knob, models


@app.cell(hide_code=True)
def _(chosen, data, k_knob, models, user):
    _user_id, _k = data.user_ids[user], k_knob.value
    _list = lab.recommend(models[chosen.value], _user_id, _k, hide="train")
    _hidden = data.history(_user_id, "test")
    _cards = backend.item_cards(data, list(_list["item_id"]), [f"place {_place}" for _place in _list["rank"]], 64)
    _cards["hit"] = _list["item_id"].isin(_hidden).to_numpy()
    _hits = list(_list["rank"][_cards["hit"].to_numpy()])
    _judged = lab.evaluate_users(models[chosen.value], data, "test", (_k,)).set_index("user_id").loc[_user_id]
    _where = f", at {'places' if len(_hits) > 1 else 'place'} {' and '.join(map(str, _hits))}" if _hits else ""
    kit.stack(
        kit.step("Drag", "One person's list", "Make the list longer or shorter, and try the other model. ● is one of the hidden items."),
        kit.side_by_side(kit.knob_box(k_knob, "k", f"length of the list: {_k}"), chosen),
        kit.finding(f"The first {_k} hold {len(_hits)} of {len(_hidden)} hidden items{_where}"),
        mo.Html(plots.card_row(_cards, size="small")),
        kit.tiles(
            [
                (f"Recall@{_k}", plots.metric_value("recall", _judged[f"recall@{_k}"]), "of what was hidden, how much was found"),
                (f"NDCG@{_k}", plots.metric_value("ndcg", _judged[f"ndcg@{_k}"]), "the same, but early hits count more"),
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 2 of 3: Recall@k"),
        kit.explain(
            r"$$\text{Recall@}k = \frac{|L_u^{(k)} \cap H_u|}{|H_u|}$$",
            {
                "$L_u^{(k)}$": "the first $k$ items of the list",
                "$H_u$": "the hidden items of person $u$ (test), also called relevant or positive",
                r"$|\cdot|$": "how many there are",
            },
        ),
    )
    return


@app.function
def recall_at_k(ranked, relevant, k):
    """Return the share of the relevant items among the first k, in 0…1.

    ranked: list of items, the best first
    relevant: set of items, never empty; k: from 1
    Example: recall_at_k([5, 2, 8], {2, 4, 9}, 2) is 1 / 3.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, recall_at_k)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "recall_at_k")
    return


@app.cell(hide_code=True)
def _():
    move = kit.Question(
        "move",
        "A list of 10 has one hit, at place 10. Now the same hit moves up to place 1. What happens to Recall@10 and NDCG@10?",
        {
            "both rise": "Recall@10 does not see order within the first 10: one hit is one hit. Only NDCG rises.",
            "only NDCG rises": "Recall@10 only asks whether a hit is among the ten. NDCG asks where: with one hidden item it goes from "
            f"1 / log₂ 11 = {1 / log2(11):.2f} to 1.",
            "neither changes": "That is true of Recall@10, which does not see order within the ten. But a person reads from the top, "
            "and NDCG counts that.",
        },
        right="only NDCG rises",
    )
    move_guess = move.ask()
    kit.stack(kit.step("Predict", "Does order matter?"), move_guess)
    return move, move_guess


@app.cell(hide_code=True)
def _(move, move_guess):
    move.answer(LESSON, move_guess.value)
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: NDCG@k",
            "Normalised discounted cumulative gain: a hit counts less the later it comes, and the best list that is possible gets 1.",
        ),
        kit.explain(
            r"$$\text{DCG@}k = \sum_{p=1}^{k} \frac{[\,L_u(p) \in H_u\,]}{\log_2(p+1)} \qquad "
            r"\text{NDCG@}k = \frac{\text{DCG@}k}{\text{IDCG@}k}$$",
            {
                "$p$": "the place in the list, counted from 1",
                "$L_u(p)$": "the item at place $p$",
                r"$[\,\cdot\,]$": "1 where it is true, else 0",
                r"$\log_2(p+1)$": "the discount: 1 at place 1, 2 at place 3, 3 at place 7",
                r"$\text{IDCG@}k$": "the DCG of the best list of length $k$ that this person could get",
            },
        ),
    )
    return


@app.function
def ndcg_at_k(ranked, relevant, k):
    """Return the NDCG of the first k of the list, in 0…1.

    ranked: list of items, the best first
    relevant: set of items, never empty; k: from 1
    Example: ndcg_at_k([5, 2, 8], {2}, 3) is 1 / log2(3), about 0.63.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, ndcg_at_k)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "ndcg_at_k")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, top_k, recall_at_k, ndcg_at_k)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(data, models, own):
    _everyone = torch.arange(data.n_users)
    _scores = {_name: _model.scorer()(_everyone).numpy() for _name, _model in models.items()}
    boards = {_slip: {_name: own.scoreboard(_values, data, _slip, 20) for _name, _values in _scores.items()} for _slip in own.SLIPS}
    slip = mo.ui.dropdown(list(boards), value=own.SLIPS[3], label="What is done wrong")
    return boards, slip


@app.cell(hide_code=True)
def _(boards, own, slip):
    _names = {"recall": "Recall@20", "ndcg": "NDCG@20"}
    _cells = [
        (f"{_names[_metric]} of {_model}", _metric, _value, boards[own.RIGHT][_model][_metric])
        for _model, _values in boards[slip.value].items()
        for _metric, _value in _values.items()
    ]
    _what, _metric, _after, _before = max(_cells, key=lambda _cell: abs(_cell[2] - _cell[3]))
    _from, _to = (plots.metric_value(_metric, _value) for _value in (_before, _after))
    _finding = (
        f"The {_what} goes from {_from} to {_to}, and the model is the same" if _from != _to else "Nothing is wrong: choose a mistake"
    )
    kit.stack(
        kit.step(
            "Break it",
            "The same lists, judged wrongly",
            "The models stay as they are; only the judging changes. Which mistakes flatter a model, and which make it look worse?",
        ),
        slip,
        kit.finding(_finding),
        kit.tiles(
            [
                (_title, plots.metric_value(_metric, _now), f"judged rightly: {plots.metric_value(_metric, _then)}")
                for _title, _metric, _now, _then in _cells
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** Someone computes NDCG with the natural logarithm instead of $\\log_2$, and gets the same "
                "numbers. Why? Would DCG be the same too?": "Another base multiplies every discount by the same constant, "
                "in DCG and in IDCG; the ratio does not change. DCG alone does: it gets 1 / ln 2 = 1.44 times as large.",
                "**2.** A shop shows five items and most people have one hidden item. Which of Recall@20 and NDCG@5 would you choose a "
                "model by, and what would you measure beside it?": "What is shown is five, so places 6 to 20 help nobody: NDCG@5 "
                "(or Recall@5). Beside it, always popularity: it knows nothing of the person, so only what is above it is personal.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

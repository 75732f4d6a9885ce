# /// script
# [tool.marimo.opengraph]
# title = "9. Why this item?"
# description = "Take a score apart, and test the explanation."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="9. Why this item?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import numpy as np  # noqa: F401 for what the learner writes

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_09 as by_hand

    LESSON = 9


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    _run = lab.shipped_run()
    data = _run.open_data()
    model, _ = backend.trained_pass(_run, data)
    person = "u17"
    item = str(lab.recommend(model, person, k=1)["item_id"].iloc[0])
    why = lab.explain(model, person, item)
    kit.stack(
        kit.step(
            "Look",
            "One recommendation, and what its score is made of",
            f"""
            A trained SRGFormer recommends *{why.title}* to one person, before everything else. These are the first nine
            of the {len(why.history)} things that the model knows of them:
            """,
        ),
        mo.Html(plots.card_row(backend.item_cards(data, data.history(person)[:9], width=64), size="small")),
        kit.markdown(
            "The score is one number. But the model adds up a person from parts (collaborative, image, text, attention, hypergraph), and "
            "an item, too. So the number can be taken apart, as in lesson 7:"
        ),
        kit.chart(plots.waterfall(why.by_part, why.score, item=why.title, dark=dark, hint="Right of zero helps, left hurts.")),
    )
    return dark, data, item, model, person, why


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: down to single things",
            "The bars say which part speaks, but not because of what. Most of a person's parts are again sums, over the things that they "
            "took; the hypergraph's is a sum over groups. And a dot product goes through a sum: ⟨a + b, c⟩ = ⟨a, c⟩ + ⟨b, c⟩.",
        ),
        kit.explain(
            r"$$\hat r_{ui} = \langle \mathbf o, \mathbf e_i \rangle + \sum_j s_j \qquad "
            r"s_j = \sum_p \langle \mathbf x_j^{(p)}, \mathbf e_i \rangle$$",
            {
                r"$\hat r_{ui}$": "the score of item $i$ for person $u$",
                r"$\mathbf x_j^{(p)}$": "what thing $j$ brings to part $p$ of the person: a row of numbers, one for each dimension",
                r"$\mathbf e_i$": "the item's fused vector: its parts, already added up",
                "$s_j$": "the **exact share** of thing $j$",
                r"$\mathbf o$": "what no thing brings: the person's own embedding, and hyperedges",
                r"$\langle a, b \rangle$": "the dot product: multiply entry by entry, and sum",
            },
            "Nothing is estimated: lengths, attention weights and memberships are taken as the model has computed them.",
        ),
    )
    return


@app.function
def take_apart(brought, item):
    """Return the exact share of each thing in the score: an array (things,).

    brought: array (things, parts, dimensions); brought[j, p] is what
        thing j brings to part p of the person
    item: array (dimensions,), the item's fused vector
    Example with two things, two parts and three dimensions:
    [[[1, 0, 0], [0, 2, 0]], [[1, 1, 0], [0, 0, 1]]] and [3, 1, 2]
    give [5, 6].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, take_apart)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "take_apart")
    return


@app.cell(hide_code=True)
def _(dark, why):
    kit.stack(
        kit.step(
            "Explain",
            "The shares of this person's things",
            "A bar is one exact share, and a colour is one part's term of it. A colour does not add up to its bar at the top: there half "
            "of each product went to the item's part (lesson 7), here all of it goes to the person's. What no thing brings, **o**, "
            f"is {plots.signed(why.score - why.history['total'].sum())} here.",
        ),
        kit.chart(plots.history_bars(why.history, why.score, dark=dark, hint="Right of zero helps, left hurts; a mark shows the sum.")),
    )
    return


@app.cell(hide_code=True)
def _():
    correlations, curves, effects = (by_hand.stored(_table) for _table in ("correlations", "curves", "effects"))
    _of = {_row.order: f"{_row.spearman:.2f} [{_row.low:.2f}, {_row.high:.2f}]".replace("-", "−") for _row in correlations.itertuples()}
    _people = effects["user_id"].nunique()
    _told = (
        f"Over {_people} people and {len(effects)} removals, the rank correlation with what removal really cost "
        "(1 the same order, 0 none; in brackets the 95 % interval) "
        f"is {_of['contribution']} for exact shares and {_of['attention']} for attention weights; chance: {_of['random']}."
    )
    which = kit.Question(
        "which",
        "Each thing in the history has an exact share of the score, and an attention weight (lesson 5). Now really take a thing away, and "
        "run the model again. Which of the two tells how far the score falls?",
        {
            "the attention weight": f"A weight is easily taken for a reason. {_told} A weight says how much is looked at, not whether it "
            "speaks for the item or against it, nor how much the whole attention part counts.",
            "the exact share": f"{_told} It tells much, not all: when something is gone, lengths and weights change as well.",
            "both about alike": f"They are both numbers of the same model, but {_told[0].lower()}{_told[1:]}",
            "neither": f"It is good to doubt, and no number is perfect here. Yet {_told[0].lower()}{_told[1:]}",
        },
        right="the exact share",
    )
    which_guess = which.ask()
    kit.stack(kit.step("Predict", "Which number foretells a removal?"), which_guess)
    return correlations, curves, effects, which, which_guess


@app.cell(hide_code=True)
def _(correlations, dark, effects, which, which_guess):
    _less = float((effects["effect"] < effects["contribution"]).mean())
    which.answer(
        LESSON,
        which_guess.value,
        kit.chart(plots.effect_scatter(effects, "contribution", correlations=correlations, dark=dark)),
        kit.chart(plots.effect_scatter(effects, "attention", correlations=correlations, dark=dark)),
        kit.markdown(
            "A point is one thing taken away from one person; its contribution is its exact share. "
            f"Of all removals, {plots.percent(_less)} cost less than the share says: the others take over a part of what is gone. "
            "The removals took minutes, so they are stored; `lab.faithfulness(model, data, n_users=20)` makes them again."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 2 of 3: do two orders agree?",
            "A share and a weight have different units, so compare orders: the smallest value gets rank 1, the next one rank 2, and so on.",
        ),
        kit.explain(
            r"$$\rho = \frac{\sum_j (a_j - \bar a)(b_j - \bar b)}{\sqrt{\sum_j (a_j - \bar a)^2 \ \sum_j (b_j - \bar b)^2}}$$",
            {
                r"$\rho$": "Spearman's rank correlation: 1 the same order, −1 the reverse, about 0 if they are unrelated",
                "$a_j$": "the rank of thing $j$ among the claims",
                "$b_j$": "the rank of thing $j$ among the true effects",
                r"$\bar a, \bar b$": "the mean ranks",
            },
            "Claims 0.9, 0.1, 0.5 have the ranks 3, 1, 2.",
        ),
    )
    return


@app.function
def rank_agreement(claimed, effect):
    """Return Spearman's rank correlation, in -1…1.

    claimed, effect: arrays of the same length; within each, no two
    values are the same. np is imported already.
    Example: claims 0.9, 0.1, 0.5 give 1 with the effects 7, 2, 3, and
    -1 with 2, 7, 3.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, rank_agreement)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "rank_agreement")
    return


@app.cell(hide_code=True)
def _(data, item, model, person, why):
    counts = [0, 1, 2, 3, 5, 8, 12, len(why.history)]
    orders = {
        "exact share": why.history.sort_values("total", ascending=False),
        "attention weight": why.history.sort_values("weight", ascending=False),
    }
    fall = {
        (_name, _n): lab.what_if(model, person, lab.drop_items(*_rows["item_id"][:_n]), item_id=item).effect if _n else 0.0
        for _name, _rows in orders.items()
        for _n in counts
    }
    n_gone = kit.knob("things taken away", counts, 3)
    return fall, n_gone, orders


@app.cell(hide_code=True)
def _(data, fall, n_gone, orders, why):
    _n = n_gone.value
    _rows = []
    for _name, _order in orders.items():
        _ids = list(_order["item_id"][: min(_n, 9)])
        _rows.append(kit.markdown(f"Largest {_name} first:"))
        _rows.append(
            mo.Html(plots.card_row(backend.item_cards(data, _ids, width=64), size="small")) if _ids else kit.markdown("nothing is gone")
        )
    _first, _second = (fall[_name, _n] for _name in orders)
    kit.stack(
        kit.step(
            "Drag",
            "Take things away from this person",
            "The model is run again without them, with the same weights. More than nine are not drawn.",
        ),
        kit.knob_box(n_gone, "", f"things taken away: {_n} of {len(why.history)}"),
        kit.finding(
            f"The score of {plots.digits(why.score)} falls by {plots.digits(_first)} in the order of exact shares, "
            f"by {plots.digits(_second)} in the order of attention"
        ),
        *_rows,
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: the deletion test",
            "Things may stand in for each other: with one teapot gone, the other still speaks. So take several away together, the largest "
            "claim first, and measure each time.",
        ),
        kit.explain(
            r"$$d_n = s(\varnothing) - s(\{j_1, \dots, j_n\}), \qquad n = 0, 1, \dots, N$$",
            {
                "$d_n$": "how far the score has fallen when $n$ things are gone",
                "$s(G)$": r"the score when the things $G$ are gone; $\varnothing$: nothing is",
                r"$j_1, j_2, \dots$": "the things, the largest claim first",
                "$N$": "how many things there are",
            },
            "In a better order, the score falls earlier. At $n = N$ all orders meet.",
        ),
    )
    return


@app.function
def deletion(claims, score_without):
    """Return the falls of the score with 0, 1, ..., N things taken away.

    claims: array with a number for each thing, of either sign;
        those below 0 go last
    score_without: a function; score_without([2, 0]) is the score when
    the things 2 and 0 are gone, score_without([]) when nothing is
    Gives a list of N + 1 numbers, the first of which is 0.
    Example: claims 0.2 and 0.9; a score of 10, of 8 without thing 1,
    of 3 without both. First 1 goes, then 0 as well: [0, 2, 7].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, deletion)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "deletion")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, rank_agreement)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(curves, dark):
    _half = curves[(curves["kind"] == "comprehensiveness") & (curves["share"] == 0.5)].set_index("order")["drop"]
    _orders = {"contribution": "by exact share (“contribution”)", "attention": "by attention weight", "random": "by chance (“random”)"}
    _falls = ", ".join(f"{plots.digits(_half[_order])} {_said}" for _order, _said in _orders.items())
    kit.stack(
        kit.step(
            "Look",
            "The deletion test on 20 people",
            f"""
            With half of the history gone, the score has fallen by this much: {_falls}. The heading compares means over the whole
            curve. Where the bands of two orders meet, they are not told apart, and random is a single draw for each person. At half
            of a history attention lies a little above chance, and far below the exact share.
            """,
        ),
        kit.chart(plots.deletion_curves(curves, dark=dark)),
    )
    return


@app.cell(hide_code=True)
def _(own):
    how = mo.ui.dropdown(list(own.TESTS), value=own.TESTS[1], label="Who is looked at")
    return (how,)


@app.cell(hide_code=True)
def _(effects, how, own):
    _claims = {"contribution": "exact share", "attention": "attention weight", "random": "chance"}
    _now, _then = (
        {_claim: f"{own.tested(effects, _claim, _how):+.2f}".replace("-", "−") for _claim in _claims} for _how in (how.value, own.RIGHT)
    )
    kit.stack(
        kit.step(
            "Break it",
            "Make attention look like an explanation",
            "The removals stay as they are; only who is looked at changes. With one well-chosen person, attention seems to explain much.",
        ),
        how,
        kit.finding(f"Attention's rank correlation is {_now['attention']}; over all people, one by one, it is {_then['attention']}"),
        kit.tiles([(_said, _now[_claim], f"tested rightly: {_then[_claim]}") for _claim, _said in _claims.items()]),
    )
    return


@app.cell(hide_code=True)
def _():
    reason = kit.Question(
        "reason",
        "A second trained model, called found, was taught attention by a task of its own: its weights tell real things from chance ones "
        "(lesson 5). Take things away from people there. What do its weights foretell?",
        {
            "as much as the exact share": "It sounds as if it must. But what is real is not yet what this score is made of: a weight says "
            "nothing of the item that is recommended, and the attention part is one of several.",
            "no more than chance": "Its order of the removals still can't be told from chance. The weights learned what they were taught, "
            "which thing is real; nobody taught them which thing speaks for this item.",
            "something, but less than the exact share": "That is a fair guess. But person by person its weights can't be told from chance.",
        },
        right="no more than chance",
    )
    reason_guess = reason.ask()
    kit.stack(kit.step("Predict", "Did it learn to explain?"), reason_guess)
    return reason, reason_guess


@app.cell(hide_code=True)
def _(own):
    form = mo.ui.radio(list(kit.SHIPPED), value="found", label="Which model")
    state = mo.ui.radio(["trained", "untrained"], value="trained", label="At which time")
    agreements = own.agreements()
    return agreements, form, state


@app.cell(hide_code=True)
def _(agreements, form, reason, reason_guess, state):
    _worlds = {"exact share": "ρ contribution", "attention weight": "ρ attention"}
    _measured = agreements.loc[[(form.value, state.value)]]
    reason.answer(
        LESSON,
        reason_guess.value,
        kit.step(
            "Measure",
            "Find out",
            "Each of 20 people's things was really taken away, one by one, in both models and in both models before their first step. "
            "`rank_agreement` compares the orders person by person.",
        ),
        kit.side_by_side(form, state),
        kit.tiles(
            [
                (
                    _claim,
                    f"{_row.mean:+.2f}".replace("-", "−"),
                    f"rank correlation with what removals cost; 95 % over people [{_row.low:.2f}, {_row.high:.2f}]".replace("-", "−"),
                )
                for _claim, _row in zip(_measured["claim"], _measured.itertuples(), strict=True)
            ]
        ),
        kit.markdown("And in five other worlds, both forms trained anew in each, ten people a world:"),
        kit.worlds(_worlds, "chance", "rank correlation"),
        kit.markdown(
            """
            **Did it learn that?** The weights learned to see what is real, and that did not make them reasons: untrained ones, which know
            nothing, foretold removals no worse. And the exact share needs no learning at all: it agrees with removals as well before
            the first step, since it is a sum and not a skill. What a
            model has learned and what explains it are two questions, with a measurement each.
            """
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** A shop writes “because you bought the teapot” under an item, and takes the thing with the largest attention "
                "weight. What would you ask?": "What happens to the score without the teapot, for many people and not for one example. "
                "Here the order of the weights can't be told from chance where single things go, and lies a little above it where half of "
                "a history goes; both times far below the exact share. That, or the removal itself, is the better reason.",
                "**2.** The shares, with what no thing brings, sum to the score exactly. Why does the score not fall by exactly its "
                "share when a thing is removed?": "A share holds everything else fixed: lengths, attention weights, memberships. When a "
                "thing is really gone, those change as well, and the other things get more weight. Exact says that the sum is right, not "
                "that the world without it is foretold.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

# /// script
# [tool.marimo.opengraph]
# title = "5. What does the model look at?"
# description = "Compute attention over a history, without the feed-forward part."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium", app_title="5. What does the model look at?", css_file="../apps/lab.css", html_head_file="../apps/head.html"
)

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import torch

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    import widgets
    from solutions import lesson_05 as by_hand

    LESSON = 5


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    run = lab.shipped_run()
    data, dark = run.open_data(), kit.dark()
    model, trace = backend.trained_pass(run, data)
    user = 17
    user_id = data.user_ids[user]
    even, overall = 1 / len(data.history(user_id)), by_hand.largest_against_even(trace, data.n_users)
    return dark, data, even, model, overall, trace, user, user_id


@app.cell(hide_code=True)
def _(data, user_id):
    kit.stack(
        kit.step(
            "Look",
            "One person, and what they took",
            f"""
            A shopkeeper who knows these {len(data.history(user_id))} things would not count them all alike: some say more about the person
            than others. **Attention** lets a model learn how much each thing counts. Its answer is a list of shares that sum to 1: the
            **weights**.
            """,
        ),
        widgets.history(data, user_id, most=18),
    )
    return


@app.cell(hide_code=True)
def _(data, trace, user, user_id):
    _top = by_hand.share_of_largest(trace, user, 3)
    spread = kit.Question(
        "spread",
        f"A trained model weighs these {len(data.history(user_id))} things. What share do the three heaviest get together?",
        {
            "nearly all": f"Nothing forces attention to choose. A reason to choose must be learned, and this model has found little of it: "
            f"three things get {plots.percent(_top)}.",
            "about half": f"That is what drawings of attention like to show. Here it is {plots.percent(_top)}; three even shares are "
            f"{plots.percent(3 / len(data.history(user_id)))}.",
            "about a quarter": f"It is {plots.percent(_top)}, and three even shares would be "
            f"{plots.percent(3 / len(data.history(user_id)))}. Attention **can** choose; whether it does must be asked of each "
            "trained model.",
        },
        right="about a quarter",
    )
    spread_guess = spread.ask()
    kit.stack(kit.step("Predict", "How unequal are the weights?"), spread_guess)
    return spread, spread_guess


@app.cell(hide_code=True)
def _():
    sharper = kit.knob("times", [0, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40], 1)
    return (sharper,)


@app.cell(hide_code=True)
def _(dark, data, even, overall, sharper, spread, spread_guess, trace, user):
    _weights = by_hand.weights_of(trace, data, user, sharper.value)
    _largest = _weights.loc[_weights["weight"].idxmax()]
    spread.answer(
        LESSON,
        spread_guess.value,
        kit.step(
            "Drag",
            "From a mean to a choice",
            """
            The model has four **heads**: four lists of weights, side by side. It scores how well each thing fits the person, and makes
            weights of the scores. Multiply the scores: at 0 nothing is compared, and attention is a mean. What happens at 15, and at 40?
            """,
        ),
        kit.knob_box(sharper, "×", f"scores times {sharper.value:g}", "attention"),
        kit.finding(
            f"The largest weight is {plots.percent(_largest['weight'])}, for “{_largest['title']}” in head {_largest['head']}; "
            f"an even share is {plots.percent(even)}"
        ),
        kit.chart(plots.attention_heads(_weights, dark=dark, hint="A column sums to 1. As trained: × 1.")),
        kit.markdown(
            f"As trained, over all people and heads, the largest weight is {overall:.1f} times an even share. At 40 the scores run into a "
            "limit (the *clip*, below), and the things that have reached it share what there is."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: from scores to weights",
            """
            A person asks, with a vector $q$, the **query**. Each thing answers with a vector $k$, its **key**. Where both point alike
            their inner product is large. `softmax` turns such scores into shares: it makes every number positive by $e^s$, and divides by
            the sum.
            """,
        ),
        kit.explain(
            r"$$s_b = \text{clip}(\langle q, k_b\rangle,\, -10,\, 10) \qquad w_b = \frac{e^{s_b}}{\sum_{b'} e^{s_{b'}}}$$",
            {
                "$q$": "the query: what the person asks for",
                "$k_b$": "the key of thing $b$ of the history",
                r"$\langle q, k_b\rangle$": "inner product: multiply number by number, and sum",
                r"$\text{clip}$": "what is above 10 becomes 10, what is below −10 becomes −10",
                "$s_b, w_b$": "score and weight of thing $b$; the weights sum to 1 over the history",
            },
            "Most transformers divide the scores by √d. SRGFormer does not: it clips.",
        ),
    )
    return


@app.function
def attention_weights(query, keys):
    """Return the weight of each thing of a history; they sum to 1.

    query: tensor of d numbers; keys: tensor with a row of d for each thing
    keys @ query gives all inner products; tensors have clamp, exp and sum.
    Example: attention_weights(torch.tensor([1.0, 0.0]), torch.eye(2)) is [0.7311, 0.2689].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, attention_weights)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "attention_weights")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 2 of 3: one head",
            """
            Query and key come from **embeddings**: a learned vector for each person and thing. Three learned matrices read them. The first
            makes the query, the second the keys. The third makes **values**: what a thing hands over when it is looked at.
            """,
        ),
        kit.explain(
            r"$$q = e_a W_Q \qquad k_b = e_b W_K \qquad E^{att}_a = \sum_b w_b \, e_b W_V$$",
            {
                "$e_a, e_b$": "embeddings of person $a$ and thing $b$; an embedding is a row, so its matrix stands to the right",
                "$W_Q, W_K, W_V$": "the three maps",
                "$w_b$": "the weights of exercise 1, from $q$ and all $k_b$ (the helper is `by_hand.attention_weights`)",
                r"$E^{att}_a$": "what attention tells of person $a$",
            },
        ),
    )
    return


@app.function
def attend(user, items, query_map, key_map, value_map):
    """Return what one head tells of a person: a tensor as wide as value_map.

    user: embedding, d numbers; items: a row of d for each thing
    query_map, key_map, value_map: d rows each
    by_hand.attention_weights(query, keys) gives the weights.
    Example: the user [1, 0], items and all maps torch.eye(2): [0.7311, 0.2689].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, attend)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "attend")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: heads side by side",
            """
            One list of weights can follow one idea only: either what the things are made of, or what they are for. Several heads can follow
            several. Each reads the whole embedding, but owns only its own columns of the three maps.
            """,
        ),
        kit.explain(
            r"$$E^{att}_a = \big[\, \text{head}_1 \;\|\; \dots \;\|\; \text{head}_h \,\big]$$",
            {
                r"$\text{head}_r$": "`attend` with columns $(r-1)\\,d/h$ to $r\\,d/h - 1$ of each map, columns counted from 0",
                r"$\|$": "stand side by side (torch.cat)",
                "$h, d$": "the number of heads, and the width of an embedding; $h$ divides $d$",
            },
        ),
    )
    return


@app.function
def attend_with_heads(user, items, query_map, key_map, value_map, n_heads):
    """Return what all heads tell of a person, side by side: d numbers.

    user, items and the maps (d × d) as in exercise 2
    by_hand.attend(user, items, query_map, key_map, value_map) is one head.
    Example: what gave [0.7311, 0.2689] with one head gives [0.7311, 0.5] with two.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, attend_with_heads)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "attend_with_heads")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, attention_weights, attend, attend_with_heads)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(model, own, trace, user):
    _read, _maps = trace.attention.input, (model.attention.query, model.attention.key, model.attention.value)
    _history = _read[trace.attention.neighbor[trace.attention.node == user]]
    with torch.no_grad():
        _mine = own.attend_with_heads(_read[user], _history, *_maps, model.config.n_heads)
    _difference = float((_mine - trace.attention.output.values[user]).abs().max())
    kit.stack(
        kit.step(
            "Explain",
            "This is all of it, and a transformer has more",
            """
            A transformer's block goes on after its heads. SRGFormer, whose name ends in *former*, stops there:
            """,
        ),
        kit.markdown(
            """
            | a transformer's block | here | so |
            |:---|:---|:---|
            | scores divided by √d | clipped at ±10 | two things' weights differ by a factor of e²⁰ at most |
            | output map | none | the heads stay apart |
            | residual (adds the input) | none | the person's own embedding is not in $E^{att}$ |
            | layer norm | none; length 1 later, in the fusion | only the direction of $E^{att}$ counts |
            | **feed-forward network (FFN)** | **none** | no matrices beside the three maps, no non-linearity but the softmax |
            | position code | none | the order of the history is not seen |

            Every head's output is a weighted **mean of values**: it lies between them, and can be taken apart into them again.
            An FFN would end that. It would also cost $8\\,d^2$ parameters in its usual form, and the maps have $3\\,d^2$.
            """
        ),
        kit.finding(f"With the trained maps, attend_with_heads gives the model's own attention: they differ by {_difference:.0e} at most"),
        kit.markdown("Things attend too: each to the people who took it, with the same maps."),
    )
    return


@app.cell(hide_code=True)
def _():
    removal = kit.Question(
        "removal",
        "Take one thing away from a person's history, and run the model again. Does their first recommendation lose most "
        "when the thing with the largest attention weight goes?",
        {
            "yes, mostly": "That is how weights are often read, and it fails here: the weights' order could not be told from chance.",
            "no better than by chance": "A weight says how loudly a thing speaks in one of several branches. It does not say what it "
            "says, nor whether that speaks for this recommendation.",
            "no, it loses least": "The order is not reversed either. Whether there is a weak one can't be told from so few removals; "
            "a clear one there is not.",
        },
        right="no better than by chance",
    )
    removal_guess = removal.ask()
    kit.stack(kit.step("Predict", "Is a large weight a reason?"), removal_guess)
    return removal, removal_guess


@app.cell(hide_code=True)
def _(data, model):
    tried = lab.faithfulness(model, data, n_users=5, most_removals=10, shares=(1.0,))
    return (tried,)


@app.cell(hide_code=True)
def _():
    claim = mo.ui.radio(
        {"attention weight": "attention", "exact contribution": "contribution"}, value="attention weight", label="What is said before"
    )
    return (claim,)


@app.cell(hide_code=True)
def _(claim, dark, removal, removal_guess, tried):
    removal.answer(
        LESSON,
        removal_guess.value,
        kit.markdown(
            "Each point is a thing that was really taken away from one of five people. Across: what was said of it before. "
            "Up: how much their first recommendation lost."
        ),
        claim,
        kit.chart(plots.effect_scatter(tried.effects, claim.value, correlations=tried.correlations, dark=dark, hint="Try both.")),
        kit.markdown(
            "Five people are few. Over twenty, with 337 removals, the rank correlation of the weights is **−.01** [−.12, .10], and that of "
            "the exact contribution **.69** [.59, .78], with 95 % bounds in brackets. Lesson 9 shows where exact contributions come from."
        ),
    )
    return


@app.cell(hide_code=True)
def _(data, model, own):
    judged = {name: own.changed(model, data, changes) for name, changes in own.CHANGES.items()}
    change = mo.ui.radio(list(judged), value="all things weigh alike", label="What is changed in the trained model")
    return change, judged


@app.cell(hide_code=True)
def _(change, judged):
    _recall, _kept = judged[change.value]
    _whole = judged["nothing"][0]
    kit.stack(
        kit.step("Break it", "Take the attention away", "Nothing is trained again: the other parts stay as they are."),
        change,
        kit.finding(
            "Nothing is broken: choose a change"
            if change.value == "nothing"
            else f"{change.value.capitalize()}: {plots.percent(_kept)} of all recommended things stay"
        ),
        kit.tiles(
            [
                (
                    "Recall@20 on valid",
                    plots.metric_value("recall", _recall),
                    f"with nothing changed: {plots.metric_value('recall', _whole)}",
                ),
                ("stays in the first ten", plots.percent(_kept), "over all people"),
            ]
        ),
        kit.markdown(
            """
            So lists do change, and a little is lost. But this model was trained to lean on its attention. The fair question is whether one
            that is **trained** without it does worse. Over five seeds it does not: its Recall@20 on test differs by +.0011
            [−.0104, +.0126]. A model trained with even weights loses .0042 [−.0078, −.0006]; but that is the only one of six such
            comparisons whose bounds exclude 0, which six looks at nothing give about one time in four. In this shop,
            attention can't be told from nothing; pictures and words bring the gain. Elsewhere it may differ: measure it
            (`srgformer-lab experiment attention`).
            """
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    real = kit.Question(
        "real",
        "In which of the two models does a thing that was taken out of interest weigh more than one taken by chance?",
        {
            "in both: that is what attention is for": "It is what the word promises. In the published model nothing in the training asks "
            "for it, and its weights end a little on the side of chance.",
            "in the second alone": "Told to tell real pairs from shuffled ones, attention does. Before its first step it could not, so it "
            "was learned.",
            "in neither: no number knows who was interested": "A single taking says nothing. But over all of them real pairs of person "
            "and thing come in patterns, and shuffled ones don't: that can be learned.",
        },
        right="in the second alone",
    )
    real_guess = real.ask()
    kit.stack(
        kit.step(
            "Explain",
            "Attention with a task of its own",
            """
            Half of all takings in the built-in shop are chance, and the shop knows which. The published model is paid for its lists
            alone. A second trained model, called *found*, makes queries and keys of pictures and texts, and these have a task of their
            own: to tell the real pairs of person and thing from pairs with the things in another order.
            """,
        ),
        kit.step("Predict", "Did it learn that?"),
        real_guess,
    )
    return real, real_guess


@app.cell(hide_code=True)
def _(real_guess):
    form = mo.ui.radio(list(kit.SHIPPED), value="as published", label="Which model")
    against = mo.ui.radio(list(kit.AGAINST), value="chance", label="Held against")
    preference = {_form: kit.learned(_form, "attention AUC") for _form in kit.SHIPPED} if real_guess.value else {}
    return against, form, preference


@app.cell(hide_code=True)
def _(against, form, preference, real, real_guess):
    real.answer(
        LESSON,
        real_guess.value,
        kit.step(
            "Measure",
            "Find out",
            """
            Take a real and a chance thing of one history. The **AUC** is how often the real one has the larger weight: 1 always, .5 as
            often as not.
            """,
        ),
        kit.side_by_side(form, against),
        kit.held_against(preference[form.value], against.value) if preference else None,
        kit.markdown("The same in five other worlds, each trained anew: trained less untrained."),
        kit.worlds({"attention": "AUC attention"}, "untrained", "AUC"),
        kit.markdown(
            """
            So attention can learn what is real. Is a large weight now a reason? That is another question, and lesson 9 measures it.
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
                "**1.** A person took the same things in another order. Does this attention notice?": "No. A sum over the history does not "
                "see order, and there is no position code. A model for *what comes next* would need one.",
                "**2.** A person has taken one thing only. What is its weight? And which of $W_Q$, $W_K$ and $W_V$ can learn from this "
                "person's attention?": "The weight is 1, whatever the score: softmax over one thing. So the score has no effect, and $W_Q$ "
                "and $W_K$ learn nothing from it: their gradients are 0. Only $W_V$ learns.",
                "**3.** Someone shows you a recommendation with “because you took X”, and X has the largest attention weight. What do you "
                "ask?": "What happens to the recommendation when X is taken away, and whether a thing drawn by chance does less. "
                "Both can be measured.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

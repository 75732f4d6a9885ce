# /// script
# [tool.marimo.opengraph]
# title = "4. Can groups be learned?"
# description = "Let items choose their hyperedges by Gumbel-softmax."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="4. Can groups be learned?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import numpy as np
    from scipy.special import softmax

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_04 as by_hand

    LESSON = 4


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    data, run = lab.studio(), lab.shipped_run()
    model, trace = backend.trained_pass(run, data)
    tau_knob = kit.knob("temperature", (0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0), 0.2)
    return dark, data, model, run, tau_knob, trace


@app.cell(hide_code=True)
def _(dark, data, tau_knob, trace):
    changed = trace.fuse(membership_temperature=tau_knob.value)
    _items, _people = by_hand.sharpness(changed, "image")
    kit.stack(
        kit.step(
            "Look",
            "Groups that nobody named",
            """
            In lesson 3 somebody wrote down which thing is in which group. A trained SRGFormer did that by itself: it looked at the pictures
            of the built-in shop and gave every thing a share in each of 8 hyperedges. A row below is a thing, its shares add up to 1, and
            the darker the cell, the larger the share. So this is an incidence matrix again, a **soft** one. The hyperedge of a thing's
            largest share is its **first**.
            """,
        ),
        kit.step(
            "Drag", "How decided are they?", "The temperature τ acts on the trained model at once. This model was trained at τ = 0.2."
        ),
        kit.knob_box(tau_knob, "τ", f"temperature: {tau_knob.value:g}", "hypergraph"),
        kit.chart(plots.incidence_heatmap(lab.hyperedge_incidence(changed, data, "image", data.n_items), dark=dark)),
        kit.tiles(
            [
                ("a typical thing", plots.percent(_items), "is in its first hyperedge"),
                ("a typical person", plots.percent(_people), "is in their first hyperedge; why so much more? See “And people?”"),
            ]
        ),
    )
    return (changed,)


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: shares from features",
            """
            Each thing has **features**: a row of numbers that describes its picture (or its text). Each hyperedge has as many numbers,
            which are learned: what it looks for. Their inner product is a score, and a thing's scores become its shares.
            """,
        ),
        kit.explain(
            r"$$S=XV\qquad H_{ik}=\frac{e^{S_{ik}/\tau}}{\sum_{k'}e^{S_{ik'}/\tau}}$$",
            {
                "$X$": "the features: a row for each item; given, never trained",
                "$V$": "what the hyperedges look for: a **column** for each; trained",
                "$S$": "the scores (*logits*) of each item for each hyperedge; of either sign",
                r"$\tau$": "the temperature, above 0: it divides the scores, so a small one makes differences larger",
                "$H$": "the memberships; this way from scores to shares is called a **softmax**",
            },
            "The sum runs over the hyperedges of one item. `softmax` is imported for the exercises that follow, and the check would "
            "take it here too; write the exponentials yourself this once, to know what it does. Large scores overflow (e¹⁰⁰⁰ is no "
            "number any more): subtracting the same number from all scores of a row changes no share. Which number keeps all of them "
            "small?",
        ),
    )
    return


@app.function
def memberships(X, V, tau):
    """Return each item's share in each hyperedge; rows sum to 1.

    X: array (items, features); V: array (features, hyperedges)
    tau: the temperature, above 0
    Example: memberships(np.array([[1.0]]), np.array([[2.0, 0.0]]), 2) is [[0.7311, 0.2689]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, memberships)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "memberships")
    return


@app.cell(hide_code=True)
def _(data, run, trace):
    hyperedge = kit.knob("hyperedge", range(8), 6)
    cards = lab.hyperedge_cards(trace, data, "image", n_items=8, labels=lab.visible_labels(data, "image")).set_index("hyperedge")
    before_after = {
        (_modality, _epoch): by_hand.worth(data, run, _modality, _epoch) for _modality in ("image", "text") for _epoch in (0, "best")
    }
    return before_after, cards, hyperedge


@app.cell(hide_code=True)
def _(cards, data, hyperedge):
    _card = cards.loc[hyperedge.value]
    _shown = backend.item_cards(data, list(_card["top_items"]), width=64)
    kit.stack(
        kit.step(
            "Drag",
            "What does a hyperedge look for?",
            "Here are the things with the largest shares in one of the image hyperedges. Go through them: which can you name, and which "
            "not?",
        ),
        kit.knob_box(hyperedge, "k", f"hyperedge {hyperedge.value}", "hypergraph"),
        kit.finding(
            f"Of the things that are mostly in it, {_card['items']} in all, the commonest interest is “{_card['label']}”: "
            f"{plots.percent(_card['purity'])} of those that show one"
        ),
        mo.Html(plots.card_row(_shown, size="small")),
        kit.markdown(
            "In this shop every thing belongs to one of 18 interest groups, and two thirds of the groups show in pictures. The share of "
            "the commonest is called **purity**. With 8 hyperedges for 12 groups it can't be 100 % everywhere."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    chance = kit.Question(
        "chance",
        "We take the same model before its first training step: V is random. How well do its hyperedges match the interest groups?",
        {
            "no better than chance": "Random does not mean by chance here. Things that look alike have features alike, so whatever V is, "
            "they get scores alike and land together. The features do most of the grouping.",
            "better than chance already": "The features do most of the grouping: things that look alike get scores alike, whatever V is. "
            "Training moved the image groups a little nearer to the interests, and the text groups away from them.",
            "just as after training: training moves nothing": "Training does move the groups: in pictures a little nearer to the "
            "interests, in texts away from them. Nobody told it to find interests: it only pays for rankings and for the contrast of "
            "lesson 6.",
        },
        right="better than chance already",
    )
    chance_guess = chance.ask()
    kit.stack(kit.step("Predict", "What did learning add?"), chance_guess)
    return chance, chance_guess


@app.cell(hide_code=True)
def _(before_after, chance, chance_guess):
    _tiles = [
        (
            f"{_modality}, {'untrained' if _epoch == 0 else 'trained'}",
            plots.percent(_found.purity),
            f"purity over all hyperedges; shuffled things would give {plots.percent(_found.purity_chance)}",
        )
        for (_modality, _epoch), _found in before_after.items()
    ]
    chance.answer(
        LESSON,
        chance_guess.value,
        kit.tiles(_tiles),
        kit.markdown(
            "One run proves little; but keep the question. A picture of nice groups is no proof that they were *learned*. Compare with an "
            "untrained model before you believe it."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    long = kit.Question(
        "long",
        "A person's scores are the sum of the scores of what they took. Two people like the same sort of thing; one took 5 things, the "
        "other 40. Whose membership is more decided?",
        {
            "both alike: it is the same taste": "With the mean it would be. But the sum of 40 scores is eight times as large as that of "
            "5, and larger scores make a sharper softmax.",
            "who took 5": "Fewer things, smaller sums, smaller differences: the softmax stays soft.",
            "who took 40": "The sum grows with the history, and with it the differences between the hyperedges. It works like a smaller τ.",
        },
        right="who took 40",
    )
    long_guess = long.ask()
    kit.stack(kit.step("Predict", "And people?"), long_guess)
    return long, long_guess


@app.cell(hide_code=True)
def _(changed, data, long, long_guess, tau_knob):
    (_few, _soft), (_many, _sharp) = by_hand.by_history(data, changed, "image")
    long.answer(
        LESSON,
        long_guess.value,
        kit.tiles(
            [
                (f"at most {_few} things taken", plots.percent(_soft), "in the first hyperedge"),
                (f"at least {_many} things taken", plots.percent(_sharp), "in the first hyperedge"),
            ]
        ),
        kit.markdown(f"At τ = {tau_knob.value:g}, the knob of the first picture."),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 2 of 3: people in hyperedges",
            "From here on use `softmax(values, axis=1)`, which makes shares of each row.",
        ),
        kit.explain(
            r"$$S_u=R\,S\qquad H_u=\text{softmax}(S_u/\tau)$$",
            {
                "$R$": "who took what: a row for each person, a column for each item, 0 or 1",
                "$S$": "the scores of the items, before the softmax",
                "$S_u$": "the scores of the people: for each, the sum over what they took",
                "$H_u$": "the people's memberships; rows sum to 1",
            },
        ),
    )
    return


@app.function
def user_memberships(R, S, tau):
    """Return each person's share in each hyperedge; rows sum to 1.

    R: array (people, items) of 0 and 1
    S: array (items, hyperedges); tau: the temperature
    Example: who took two things of scores (1, 0) has at τ = 2 the row [0.7311, 0.2689].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, user_memberships)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "user_memberships")
    return


@app.cell(hide_code=True)
def _():
    draw = kit.Question(
        "draw",
        "Three hyperedges have the scores 2, 1 and 0. We add to each its own random number of a certain kind (Gumbel noise) and take the "
        "largest. How often does the first win?",
        {
            "always: it is the largest": "The noise is about as large as the differences: one time in three it lifts another above the "
            "first, as the softmax says.",
            "one time in three: noise makes all alike": "No hyperedge has better luck than another, so 2 keeps its head start: it wins as "
            "often as its softmax says.",
            "two times in three: as its softmax says": "That is what Gumbel noise is made for: the largest is hyperedge k exactly as "
            "often as softmax(2, 1, 0) says. So it is a fair draw, made by adding and comparing.",
        },
        right="two times in three: as its softmax says",
    )
    draw_guess = draw.ask()
    kit.stack(
        kit.step(
            "Explain",
            "Why noise?",
            """
            Suppose an item is put into its best hyperedge, and only there. Then a better one is never tried, and taking the largest has
            no slope that training could follow. The softmax has a slope, but always favours the same one. So while it trains, the model
            **draws** a hyperedge, the likelier ones more often; and it draws softly, so that there is a slope.
            """,
        ),
        kit.step("Predict", "A draw by noise"),
        draw_guess,
    )
    return draw, draw_guess


@app.cell(hide_code=True)
def _():
    n_draws = kit.knob("draws", by_hand.DRAWS, by_hand.DRAWS[-3])
    return (n_draws,)


@app.cell(hide_code=True)
def _(draw, draw_guess, n_draws, own):
    _wins, _shares = own.wins(n_draws.value), softmax(np.array(by_hand.SCORES))
    draw.answer(
        LESSON,
        draw_guess.value,
        kit.step("Drag", "Draw more often"),
        kit.knob_box(n_draws, "n", f"draws: {n_draws.value:,}", "hypergraph"),
        kit.tiles(
            [
                (f"score {_score:g}", plots.percent(_won / n_draws.value), f"of the draws won; softmax says {plots.percent(_share)}")
                for _score, _won, _share in zip(by_hand.SCORES, _wins, _shares, strict=True)
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 3 of 3: the Gumbel-softmax"),
        kit.explain(
            r"$$g=-\ln(-\ln u)\qquad H=\text{softmax}\big((S+g)/\tau\big)$$",
            {
                "$u$": "a number drawn evenly from between 0 and 1, a new one for each entry of $S$",
                "$g$": "the Gumbel noise that is made of it",
                r"$\tau$": "how soft the draw is: near 0 each row is nearly one 1 and else 0; large, and each row is nearly even",
            },
            "Which hyperedge of a row is the largest doesn't depend on τ, only how far it is ahead.",
        ),
    )
    return


@app.function
def gumbel_softmax(S, u, tau):
    """Return memberships with Gumbel noise; rows sum to 1.

    S: array (rows, hyperedges), the scores
    u: array of the same shape, each number between 0 and 1
    tau: the temperature, above 0
    Example: u = 0.3679 makes the noise 0, and u = 0.6922 makes it 1.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, gumbel_softmax)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "gumbel_softmax")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, gumbel_softmax)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(model):
    seed = kit.knob("noise", range(7), 1)
    beta = kit.knob("weight of the hypergraph", (0.0, 0.3, 1.0, 2.0, 5.0, 10.0), model.config.hypergraph_scale)
    return beta, seed


@app.cell(hide_code=True)
def _(beta, data, trace):
    quiet = trace.fuse(hypergraph_scale=beta.value)
    quiet_recall = lab.evaluate(quiet, data, "valid", (20,))["recall@20"]
    return quiet, quiet_recall


@app.cell(hide_code=True)
def _(beta, dark, data, model, own, quiet, quiet_recall, seed):
    _shown = own.noisy(model, data.modalities, seed.value, beta.value) if seed.value else quiet
    _recalls = (lab.evaluate(_shown, data, "valid", (20,))["recall@20"] if seed.value else quiet_recall, quiet_recall)
    _noisy, _without = (plots.metric_value("recall", value) for value in _recalls)
    _hint = "The rows are sorted anew at each draw, so look below for how many things changed their hyperedge."
    _other = own.replaced(data, quiet, _shown)
    kit.stack(
        kit.step(
            "Break it",
            "Forget to switch the noise off",
            """
            Noise is for training. Some code leaves it on when the model is judged, and then nothing comes out the same twice. Here it is
            on: every number above 0 is another draw, and 0 is off. How many things move, and do the lists suffer? Then raise β, the
            weight of the hypergraph in the score. That alone costs recall, so compare with the same β without noise.
            """,
        ),
        kit.side_by_side(
            kit.knob_box(seed, "g", "noise: " + (f"draw {seed.value}" if seed.value else "off, as it should be"), "hypergraph"),
            kit.knob_box(beta, "β", f"weight of the hypergraph: {beta.value:g}", "hypergraph"),
        ),
        kit.finding(f"{plots.percent(_other)} of everyone's list of 10 is another thing than without noise"),
        kit.chart(plots.incidence_heatmap(lab.hyperedge_incidence(_shown, data, "image", data.n_items), dark=dark, hint=_hint)),
        kit.tiles(
            [
                (
                    "things moved",
                    plots.percent(own.moved(quiet, _shown, "image")),
                    "are in another image hyperedge than without noise",
                ),
                ("Recall@20", _noisy, f"on the validation items; without noise {_without}"),
            ]
        ),
        kit.markdown(
            """
            With noise, things are thrown into hyperedges nearly by lot: their scores differ by about 0.2, the noise by about 1.3. And yet
            the lists hardly change. That is worth a thought: **it tells how little this branch carries here**. `docs/results.md` asks the
            same in another way: with the hypergraph left out of the model, over five seeds, Recall@20 changes by nothing that can be told
            from chance. Nice groups are no proof of use.
            """
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    taught = kit.Question(
        "taught",
        "Which of the two models learned the groups?",
        {
            "both: both agree with them far better than chance": "Far better than chance, yes. But so does the published model before its "
            "first step, as you saw above: chance is the wrong thing to hold it against.",
            "the second alone": "The published one agrees with the groups about as well as before its first step. The second began at the "
            "same place and ends near 1. Nobody told it a group: who takes what with what was enough.",
            "neither: nobody told them the groups": "Nobody did. But a group is things that the same people take, and the second model "
            "was paid for putting those together.",
        },
        right="the second alone",
    )
    taught_guess = taught.ask()
    kit.stack(
        kit.step(
            "Explain",
            "Hyperedges with a task of their own",
            """
            What pays $V$ in this model? Rankings and a contrast, and neither asks for groups. A second trained model comes with the lab,
            called *found*. Its 18 hyperedges have a task of their own: a pair of things that one person took should share a
            hyperedge more often than chance puts it there. No noise is drawn, and nothing else moves $V$.
            """,
        ),
        kit.step("Predict", "Did it learn that?"),
        taught_guess,
    )
    return taught, taught_guess


@app.cell(hide_code=True)
def _(taught_guess):
    form = mo.ui.radio(list(kit.SHIPPED), value="as published", label="Which model")
    against = mo.ui.radio(list(kit.AGAINST), value="chance", label="Held against")
    agreement = {_form: kit.learned(_form, "NMI with categories") for _form in kit.SHIPPED} if taught_guess.value else {}
    return against, agreement, form


@app.cell(hide_code=True)
def _(against, agreement, form, taught, taught_guess):
    taught.answer(
        LESSON,
        taught_guess.value,
        kit.step(
            "Measure",
            "Find out",
            """
            The **agreement** (NMI) of a model's first hyperedges with the interest groups is 1 if they tell the groups exactly and 0 if
            they tell nothing. Measure both models, and hold each against both.
            """,
        ),
        kit.side_by_side(form, against),
        kit.held_against(agreement[form.value], against.value) if agreement else None,
        kit.markdown("One run proves little, so here are both forms in five other worlds, each trained anew: trained less untrained."),
        kit.worlds({"image": "NMI image", "text": "NMI text"}, "untrained", "NMI"),
        kit.markdown(
            "**Did it learn that?** is answered by one subtraction: trained less untrained. Chance alone would have praised both."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** A new thing comes into the shop, with a picture; nobody has taken it. What can the walk of lesson 2 say about it, "
                "and what can a hyperedge?": "The walk nothing: no line leads to it. SRGFormer sends pictures along the same lines, so the "
                "picture does not arrive that way either. But a membership needs no line: $XV$ gives it shares in the hyperedges from its "
                "picture, and it reads what they hold. It is the only way in which its own features reach a score.",
                "**2.** Someone trains with K = 1 hyperedge, and finds that $V$ never changes. A bug?": "No. With one hyperedge every "
                "share is 1, whatever the score, so no change of $V$ changes anything: its slope is 0. Everyone is in the one group, and "
                "it tells nobody apart (the careless hyperedge of lesson 3).",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

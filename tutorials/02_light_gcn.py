# /// script
# [tool.marimo.opengraph]
# title = "2. Why does a neighbour help?"
# description = "Build LightGCN from scratch, and say why it has no weights."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="2. Why does a neighbour help?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import pandas as pd
    import torch  # noqa: F401 for what the learner writes

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_02 as by_hand

    LESSON = 2


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    kit.stack(
        kit.step(
            "Look",
            "Who took what is a graph",
            """
            Here is a shop with four people (*users*) and six things (*items*). A line says: this person took this thing. People and things
            together are the **nodes** of a graph, and lines run only between a person and a thing (such a graph is called *bipartite*).

            We put a **1** on person A, and let it walk one step: every node now takes what its neighbours had, each share made smaller by
            how busy both ends of the line are.
            """,
        ),
        kit.chart(plots.bipartite_graph(*by_hand.signal("person A", 1), ("people", "things"), dark=dark)),
        kit.markdown("The goggles get less than the skis: two people took them, so they say less about A. A itself is empty now."),
    )
    return (dark,)


@app.cell(hide_code=True)
def _():
    walk = kit.Question(
        "walk",
        "After one step the signal lies on A's things. Where does it lie after two?",
        {
            "on A's things": "That was one step. Lines join only people with things, so the next step must leave the things again.",
            "on A, and on B, who shares a thing with A": "Back to the people: to A, along its own lines, and to B, through the goggles. "
            "So B is like A in so far as they took the same things. Nobody said so; the graph did.",
            "on all four people": "One step goes along one line only. C shares nothing with A: it shares the sled with B, so A's signal "
            "needs two more steps to get there.",
        },
        right="on A, and on B, who shares a thing with A",
    )
    walk_guess = walk.ask()
    kit.stack(kit.step("Predict", "Two steps"), walk_guess)
    return walk, walk_guess


@app.cell(hide_code=True)
def _():
    steps = kit.knob("steps", range(9), 2)
    return (steps,)


@app.cell(hide_code=True)
def _(dark, steps, walk, walk_guess):
    walk.answer(
        LESSON,
        walk_guess.value,
        kit.step(
            "Drag",
            "How far does it walk?",
            """
            At an odd number of steps the signal lies on things. After 3 the sled holds something, though A never took it: that is a
            **recommendation**. When does it reach the boots?
            """,
        ),
        kit.knob_box(steps, "s", f"steps: {steps.value}", "id"),
        kit.chart(plots.bipartite_graph(*by_hand.signal("person A", steps.value), ("people", "things"), dark=dark)),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: the matrix that takes one step",
            """
            A step is a product with a matrix. It has one row and one column for every node: **users first, then items**. With $R$ the
            matrix of who took what (a row for each user, a column for each item):
            """,
        ),
        kit.explain(
            r"$$A=\begin{bmatrix}0&R\\R^\top&0\end{bmatrix}\qquad \tilde A_{ab}=\frac{A_{ab}}{\sqrt{d_a}\,\sqrt{d_b}}$$",
            {
                "$A$": "the adjacency matrix: 1 where a line joins two nodes, else 0; $R^\\top$ is $R$ with rows and columns exchanged",
                "$d_a$": "the degree of node $a$: how many lines it has, the sum of its row of $A$",
                r"$\tilde A$": "the normalised adjacency; where a node has no line, its row and its column are 0",
            },
            "You may use `torch`. In the picture above: person A has 2 lines and the goggles have 2, so they got 1 / (√2 · √2) = 0.5; the "
            "skis have 1, so they got 1 / √2 = 0.71.",
        ),
    )
    return


@app.function
def normalized_adjacency(R):
    """Return the normalised adjacency of all nodes, users first.

    R: float tensor (users, items) of 0 and 1; an item may have no line
    Gives a tensor (users + items, users + items).
    Example: normalized_adjacency(torch.ones(1, 1)) is [[0, 1], [1, 0]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, normalized_adjacency)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "normalized_adjacency")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Explain",
            "From a signal to an embedding",
            """
            A model does not walk with a single 1. Every node gets a row of $d$ numbers (here $d$ is no degree), its **embedding**, drawn
            at random at first. All rows walk at once: $\\tilde A E$ moves them one step. The score of an item for a user is the inner
            product of their two rows. Training changes the rows at the start until things that people took score high.

            One layer is one step. After a layer a node holds only what its neighbours had, and nothing of its own; so LightGCN takes the
            **mean over all layers**, the start included.
            """,
        ),
        kit.step("Write", "Exercise 2 of 3: LightGCN"),
        kit.explain(
            r"$$E^{(s)}=\tilde A\,E^{(s-1)}\qquad E^{id}=\frac1{L+1}\sum_{s=0}^{L}E^{(s)}$$",
            {
                "$E^{(0)}$": "the embeddings that are trained, a row for each node; nothing else is trained",
                "$E^{(s)}$": "the embeddings after $s$ steps",
                "$L$": "the number of layers (steps)",
                "$E^{id}$": "what goes into the score; *id*, because a node is known by its number alone, not by what it looks like",
            },
        ),
    )
    return


@app.function
def light_gcn(adjacency, embedding, n_layers):
    """Return the mean of the embeddings after 0, 1, …, n_layers steps.

    adjacency: tensor (nodes, nodes), normalised already
    embedding: tensor (nodes, d); n_layers: from 0
    Gives a tensor (nodes, d), through which a gradient flows back to the
    embedding: a model is trained through it.
    Example: with adjacency [[0, 1], [1, 0]], embedding [[4], [0]] and
    1 layer it is [[2], [2]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, light_gcn)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "light_gcn")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: what is trained for",
            """
            Nobody tells us what people dislike. So each thing $p$ that user $u$ took is compared with a thing $q$ that is drawn at random
            from those they did not take, and $p$ should score higher. This loss is called **BPR** (Bayesian personalised ranking).
            """,
        ),
        kit.explain(
            r"$$\mathcal L=\frac1{|B|}\sum_{(u,p,q)\in B}-\ln\sigma(\hat r_{up}-\hat r_{uq})\qquad \sigma(x)=\frac1{1+e^{-x}}$$",
            {
                "$B$": "a batch of triples (user, thing taken, thing not taken); $|B|$ is how many",
                r"$\hat r_{up}$": "the score of thing $p$ for user $u$: the inner product of their embeddings",
                r"$\sigma$": "squeezes any number into 0…1: read it as the probability that $p$ is ranked above $q$",
            },
            "Level scores cost ln 2 = 0.69. For very negative numbers σ becomes 0 and its logarithm infinite: "
            "`torch.nn.functional.logsigmoid` computes ln σ without that accident.",
        ),
    )
    return


@app.function
def bpr_loss(positive, negative):
    """Return the BPR loss of a batch: one number, from 0 up.

    positive: tensor with a score for each pair that was taken
    negative: tensor, same length: scores of what was not taken
    Gives a tensor (no float), through which a gradient flows back to both.
    Example: bpr_loss(torch.zeros(1), torch.zeros(1)) is 0.6931.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, bpr_loss)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "bpr_loss")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, normalized_adjacency, light_gcn, bpr_loss)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _():
    weights = kit.Question(
        "weights",
        "Earlier graph networks multiplied with a trained matrix W and applied a ReLU (negative numbers become 0) in every layer. We add "
        "both to LightGCN and train just as long. What happens?",
        {
            "better lists: more can be fitted": "More can be fitted in principle. But W acts on rows that are free numbers already; "
            "there was nothing that they could not fit. Look at the loss: it got worse.",
            "worse lists: it fits the training pairs too well": "The lists do get worse, but not by overfitting. An overfitted model "
            "would have the **lower** training loss. Look: its loss is the higher one.",
            "worse lists, and a worse training loss": "It learns more slowly: the same rows now have to be found through two further "
            "matrices and a ReLU, which throws away half of what arrives. It is not overfitted; it is harder to train.",
        },
        right="worse lists, and a worse training loss",
    )
    weights_guess = weights.ask()
    kit.stack(
        kit.step(
            "Predict",
            "Would weights help?",
            "Both models are being trained on your machine right now, on the built-in shop (600 people, 240 things), from the same start.",
        ),
        weights_guess,
    )
    return weights, weights_guess


@app.cell(hide_code=True)
def _(own):
    race = own.race()
    return (race,)


@app.cell(hide_code=True)
def _(dark, own, race, weights, weights_guess):
    _both = {own.NAMES[_has_weights]: (_history, _count) for _has_weights, (_history, _, _count) in race.items()}
    _light, _heavy = (_history for _history, _ in _both.values())
    _losses = pd.concat([_history.assign(name=_who, x=_history["epoch"], y=_history["loss"]) for _who, (_history, _) in _both.items()])
    _later = int(_light["epoch"][_heavy["loss"] > _light["loss"]].iloc[0])
    _best = own.best_of_longer()
    _gaps = [100 * (_one["recall@20"] - _other["recall@20"]) for _one, _other in ((_light.iloc[-1], _heavy.iloc[-1]), _best.values())]
    weights.answer(
        LESSON,
        weights_guess.value,
        kit.finding(
            f"LightGCN ends at a training loss of {_light['loss'].iloc[-1]:.2f}, with W and ReLU at {_heavy['loss'].iloc[-1]:.2f}; "
            f"LightGCN's lists hold {'more' if _light['recall@20'].iloc[-1] > _heavy['recall@20'].iloc[-1] else 'less'} of what is hidden"
        ),
        kit.chart(
            plots.lines_over(
                _losses,
                f"From epoch {_later} on, the training loss is the higher one with W and ReLU",
                "Not overfitted: that would be the lower curve here.",
                x="epoch",
                y="training loss",
                dark=dark,
            )
        ),
        kit.tiles(
            [
                (
                    f"{_who}: Recall@20 after {own.EPOCHS} epochs",
                    plots.metric_value("recall", _history["recall@20"].iloc[-1]),
                    f"training loss {_history['loss'].iloc[-1]:.3f}, {_count:,} trained numbers",
                )
                for _who, (_history, _count) in _both.items()
            ]
        ),
        kit.markdown(
            f"**How large is the gap?** Smaller than these tiles say. Both curves are cut after {own.EPOCHS} epochs, and who learns "
            f"more slowly looks worse for it. In a training four times as long (stored), each at its best, it is "
            + ", ".join(
                f"{plots.metric_value('recall', _at['recall@20'])} for {_who} (epoch {_at['epoch']:.0f})" for _who, _at in _best.items()
            )
            + f": {_gaps[1]:.1f} points instead of {_gaps[0]:.1f}. One start and one shop prove little; lesson 11 is about how much."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Explain",
            "Why LightGCN has no weights, and what SRGFormer keeps of that",
            r"""
            **1. The matrix adds nothing.** Without ReLU, a layer with a matrix is $\tilde A E^{(0)}W=\tilde A\,(E^{(0)}W)$. And $E^{(0)}W$
            is again a table of free numbers, a row for each node, which training could have found directly. A graph network for texts or
            pictures needs $W$, since its input is given and has to be translated. Here the input *is* what is trained.

            **2. The ReLU takes something away.** It sets negative numbers to 0, so fewer directions are left in which two people can
            differ.

            **3. All is harder to train**: it takes more epochs, and with them the best list is still a worse one.

            **Does SRGFormer keep this?** Yes, in its collaborative part $E^{id}$: that is the LightGCN you wrote. For each modality it has
            one matrix $W^m$, *before* the walk, because pictures and texts are given features; the walk itself has none. New
            non-linearities come where groups and attention are *chosen* (the softmax of lessons 4 and 5), never between two steps of the
            walk.
            """,
        ),
    )
    return


@app.cell(hide_code=True)
def _(own, race):
    data = lab.studio()
    by_depth = own.at_depths(data, race[False][1])
    depth = kit.knob("layers", own.DEPTHS, own.LAYERS)
    way = mo.ui.radio({"mean over all layers": "mean", "last layer only": "last"}, value="mean over all layers", label="What is used")
    return by_depth, data, depth, way


@app.cell(hide_code=True)
def _(by_depth, data, depth, own, way):
    _embedding = by_depth[way.value, depth.value]
    _model = own.Fixed(_embedding, data)
    _recall = lab.evaluate(_model, data, "valid", (20,))["recall@20"]
    _alike, _popular = own.likeness(data, _embedding)
    _user = data.user_ids[29]
    _top = lab.recommend(_model, data, _user, 8, hide="train")
    _cards = backend.item_cards(data, list(_top["item_id"]), [f"place {_place}" for _place in _top["rank"]], 64)
    kit.stack(
        kit.step(
            "Break it",
            "Walk too far",
            "These embeddings were trained with 2 layers. Drag to other depths, and try the last layer alone. 0 layers is no walk at all, "
            "as in plain matrix factorisation.",
        ),
        kit.side_by_side(kit.knob_box(depth, "L", f"layers: {depth.value}", "id"), way),
        kit.finding(f"{plots.percent(_popular)} of what people are shown is what popularity would show them too"),
        kit.tiles(
            [
                ("Recall@20", plots.metric_value("recall", _recall), "on the validation items"),
                ("people are alike", plots.digits(_alike, 2), "mean cosine of two people; 1 would be all the same"),
            ]
        ),
        kit.markdown("One person's list:"),
        mo.Html(plots.card_row(_cards, size="small")),
        kit.markdown(
            "After many steps every node has heard from every other, through all possible ways, and what arrives depends on little more "
            "than how many lines a node has. All people become alike (**over-smoothing**), and everyone is shown what is most popular."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** A new thing comes into the shop; nobody has taken it yet. What is its row of $\\tilde A$, and what does LightGCN "
                "know of it?": "The "
                "row is 0: nothing arrives. Of its mean only layer 0 is left, divided by $L+1$: random numbers, as no pair trained "
                "them. Its score for everyone is chance. (Had it been there in training, it could only have been drawn as $q$: pushed "
                "down.) Pictures and texts can help it, and the hyperedges of lessons 3 and 4 carry them.",
                "**2.** Someone puts the pictures' features into $E^{(0)}$ and freezes them. Is it still right to have no matrix?": "No. "
                "Now the rows are given and can't adapt, so a matrix has something to do: it says which directions of a picture matter "
                "for taste. SRGFormer's $W^m$ does that. It stands before the walk, but since the walk is linear, $\\tilde A(XW)=(\\tilde "
                "AX)W$: it could as well stand after it.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

# /// script
# [tool.marimo.opengraph]
# title = "3. What joins more than two?"
# description = "Write a hypergraph as an incidence matrix, and pass messages over it."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="3. What joins more than two?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo
    import numpy as np  # noqa: F401 for what the learner writes

    import srgformer_lab as lab
    from srgformer_lab import backend, places, plots

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_03 as by_hand

    LESSON = 3


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
            "A group is more than pairs",
            """
            A line in a graph joins two nodes. But “winter sports” holds four things (*items*) of this small shop at once: it is **one**
            fact about four of them, not six facts about pairs. An edge that holds any number of nodes is called a **hyperedge**, and nodes
            with hyperedges are a **hypergraph**. A thing may be in several, as the thermos is.

            To draw a hypergraph, we give each hyperedge a dot of its own, with a line to each of its members: the four of winter sports
            are one edge. We put a **1** on the thermos and let it go to its hyperedges.
            """,
        ),
        kit.chart(
            plots.bipartite_graph(
                *by_hand.signal("thermos", 1),
                ("things", "hyperedges"),
                part="hypergraph",
                dark=dark,
                hint="A line says: this thing is in this hyperedge.",
            )
        ),
    )
    return (dark,)


@app.cell(hide_code=True)
def _():
    pairs = kit.Question(
        "pairs",
        "Shop 1 has one hyperedge, camping, with tent, thermos and boots. Shop 2 has three: tent and thermos are for tea, thermos and "
        "boots for a walk, tent and boots for mud. Someone only writes down which pairs of things go together. Can you tell the shops "
        "apart?",
        {
            "yes, shop 1 has fewer pairs": "A group of three holds three pairs: each two of them go together. Shop 2 has the same three.",
            "no, both have the same three pairs": "The list of pairs is the same, so nothing that is computed from it can know that in "
            "shop 1 all three belong together for **one** reason.",
            "yes, some pairs count double in shop 2": "No pair is in two of its groups: each shares exactly one. Even with counts the "
            "lists are the same.",
        },
        right="no, both have the same three pairs",
    )
    pairs_guess = pairs.ask()
    kit.stack(kit.step("Predict", "What do pairs forget?"), pairs_guess)
    return pairs, pairs_guess


@app.cell(hide_code=True)
def _(dark, pairs, pairs_guess):
    _shops = [
        kit.chart(
            plots.bipartite_graph(
                *by_hand.drawn(_groups, by_hand.CAMPING),
                ("things", "groups"),
                part="hypergraph",
                dark=dark,
                hint=f"Shop {_number}: the pairs are tent–thermos, thermos–boots, tent–boots.",
            )
        )
        for _number, _groups in enumerate((by_hand.ONE_GROUP, by_hand.THREE_PAIRS), start=1)
    ]
    _pairs = [
        kit.chart(
            plots.bipartite_graph(
                *by_hand.drawn(by_hand.as_pairs(_groups, by_hand.CAMPING), by_hand.CAMPING),
                ("things", "pairs"),
                dark=dark,
                hint=f"Shop {_number}, from its adjacency matrix: each two things that go together.",
            )
        )
        for _number, _groups in enumerate((by_hand.ONE_GROUP, by_hand.THREE_PAIRS), start=1)
    ]
    pairs.answer(
        LESSON,
        pairs_guess.value,
        kit.side_by_side(*_shops),
        kit.markdown("And this is what is left of either when only pairs are written down, twice the same picture:"),
        kit.side_by_side(*_pairs),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 1 of 3: the incidence matrix",
            "A graph is written as an adjacency matrix, nodes × nodes. A hypergraph is written as an **incidence matrix**, nodes × "
            "hyperedges.",
        ),
        kit.explain(
            r"$$H_{ik}=\begin{cases}1&\text{item } i \text{ is in hyperedge } k\\0&\text{otherwise}\end{cases}$$",
            {
                "$H$": "the incidence matrix: a row for each item, a column for each hyperedge",
                "$i$": "an item, counted from 0",
                "$k$": "a hyperedge, counted from 0; there are $K$",
            },
            "A row says in which groups an item is. A column says which items a group holds: **the column is the group**, and it can have "
            "a name.",
        ),
    )
    return


@app.function
def incidence(groups, n_items):
    """Return the incidence matrix, items × hyperedges, of 0 and 1.

    groups: a list of items for each hyperedge
    n_items: how many items there are; some may be in no hyperedge
    Example: incidence([[0, 1], [1]], 2) is [[1, 0], [1, 1]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, incidence)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "incidence")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 2 of 3: what an adjacency matrix keeps",
            r"""
            Now throw the groups away and keep the pairs. The product $HH^\top$ counts for each two items how many hyperedges they share;
            what remains is whether there is one. (Its diagonal counts in how many hyperedges an item is, so it does tell the two shops
            apart, 1 against 2. But that is no pair, and $A$ drops it.)
            """,
        ),
        kit.explain(
            r"$$A_{ij}=\begin{cases}1&i\neq j\text{ and }(HH^\top)_{ij}>0\\0&\text{otherwise}\end{cases}$$",
            {
                "$A$": "the adjacency matrix: a row and a column for each item (this is called the *clique expansion* of the hypergraph)",
                "$H^\\top$": "$H$ with rows and columns exchanged",
                "$i, j$": "two items",
            },
        ),
    )
    return


@app.function
def adjacency_of(H):
    """Return which items share a hyperedge, items × items, of 0 and 1.

    H: incidence matrix, array (items, hyperedges) of 0 and 1
    Example: [[1], [1], [0]] gives [[0, 1, 0], [1, 0, 0], [0, 0, 0]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, adjacency_of)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "adjacency_of")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Explain",
            "“Winter sports items” has a place in H, and none in A",
            """
            In $H$, “winter sports” is a column. One can name it, count its members, ask how much of a new thing is in it, give it an
            embedding of its own, or take it away and see what changes. In $A$ it is smeared over all pairs of its members, mixed with every
            other group in which two of them meet. The column can be turned into pairs, but not back.
            """,
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    cost = kit.Question(
        "cost",
        "A hyperedge holds 1,000 things. In H it takes 1,000 ones. How many pairs are needed to say the same in A?",
        {
            "999": "A chain of 999 pairs reaches every thing. But each two of the things share the hyperedge, so each two need a pair.",
            "499,500": "1,000 · 999 / 2. So passing messages through the hyperedge is also cheaper: 1,000 messages in and 1,000 out, "
            "instead of one along each pair, both ways.",
            "1,000,000": "That is every cell of a block of 1,000 × 1,000. It has each pair twice, and each thing with itself.",
        },
        right="499,500",
    )
    cost_guess = cost.ask()
    kit.stack(kit.step("Predict", "And the cost?"), cost_guess)
    return cost, cost_guess


@app.cell(hide_code=True)
def _(cost, cost_guess):
    cost.answer(LESSON, cost_guess.value)
    return


@app.cell(hide_code=True)
def _():
    half_steps = kit.knob("half steps", range(7), 2)
    thing = mo.ui.dropdown(list(by_hand.THINGS), value="thermos", label="Begin at")
    return half_steps, thing


@app.cell(hide_code=True)
def _(dark, half_steps, thing):
    kit.stack(
        kit.step(
            "Drag",
            "Into the hyperedges and back",
            """
            A message goes in two half steps: things **write** into their hyperedges, and then **read** from them. After two half steps the
            thermos' message is on everything that shares a hyperedge with it (here on all), and most on itself: it gets its own message
            back, once through each of its groups. Which things need four half steps to reach the tent?
            """,
        ),
        kit.side_by_side(kit.knob_box(half_steps, "½", f"half steps: {half_steps.value}", "hypergraph"), thing),
        kit.chart(
            plots.bipartite_graph(
                *by_hand.signal(thing.value, half_steps.value),
                ("things", "hyperedges"),
                part="hypergraph",
                dark=dark,
                hint="A larger node carries more. Look how fast the numbers grow.",
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: pass messages",
            "Things carry rows of numbers (embeddings), and both half steps are products with the incidence matrix. This is exactly what "
            "SRGFormer's hypergraph part does in each layer.",
        ),
        kit.explain(
            r"$$\Lambda = H^\top Z\qquad Z' = H\,\Lambda$$",
            {
                "$Z$": "what the items carry, a row for each; in SRGFormer it begins as the items' rows of $E^{id}$ (lesson 2)",
                r"$\Lambda$": "what the hyperedges hold: a row for each, the sum of what its items wrote",
                "$Z'$": "what the items read: the sum over their hyperedges",
            },
            "$H$ need not hold only 0 and 1: who is half in a group writes half and reads half. Lesson 4 lives from that. Nothing is "
            "divided by the size of a group. SRGFormer divides each final row by its length instead, so that only its direction counts.",
        ),
    )
    return


@app.function
def pass_messages(H, Z):
    """Return what the items hold after one round through the hyperedges.

    H: array (items, hyperedges), each entry in 0…1
    Z: array (items, d)
    Gives an array (items, d).
    Example: H = [[1], [1]] and Z = [[2], [3]] give [[5], [5]].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, pass_messages)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "pass_messages")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, incidence, pass_messages)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _():
    data = lab.studio()
    careless = kit.knob("items in the careless hyperedge", (0, 15, 30, 60, 90, 120, 180, 240), 0)
    rounds = kit.knob("rounds", (1, 2, 3, 4), 1)
    return careless, data, rounds


@app.cell(hide_code=True)
def _(careless, data, own, rounds):
    _units = own.after_rounds(own.shop_incidence(data, careless.value), rounds.value)
    _alike = own.likeness(data, _units)
    _item = 0
    _ids, _said = own.most_alike(data, _units, _item, 8)
    _cards = backend.item_cards(data, [data.item_ids[_item], *_ids], ["this one", *_said], 64)
    kit.stack(
        kit.step(
            "Break it",
            "A hyperedge that holds everything",
            f"""
            The built-in shop has {data.n_items} things. Each is in two hyperedges: its kind (mug, lamp, …), and its interest group, of
            which there are {len(data.truth.group_names)}. All things begin with random rows, pass messages, and are compared by cosine (1:
            same direction, 0: nothing in common).

            Now someone adds a careless hyperedge, “on sale”, that says nothing about a thing. Fill it. Then try more rounds.
            """,
        ),
        kit.side_by_side(
            kit.knob_box(careless, "n", f"things on sale: {careless.value}", "hypergraph"),
            kit.knob_box(rounds, "L", f"rounds (layers): {rounds.value}", "hypergraph"),
        ),
        kit.finding(
            f"Two things of the same group have a cosine of {plots.digits(_alike['same group'], 2)}, two that share nothing "
            f"{plots.digits(_alike['neither'], 2)}"
        ),
        kit.tiles([(f"share: {_name}", plots.digits(_value, 2), "mean cosine") for _name, _value in _alike.items()]),
        kit.markdown("Most alike to this thing are now:"),
        mo.Html(plots.card_row(_cards, size="small")),
        kit.markdown(
            "Sums let a large hyperedge speak louder: a kind holds about 27 things, an interest group 13, so the same kind counts more "
            "than the same interest even before you break anything. A hyperedge that holds everyone drowns all others."
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** A new sled comes into the shop; nobody has taken it. The graph of lesson 2 brings it nothing. What does the "
                "hypergraph "
                "bring it, and what does it need for that?": "It reads what its hyperedges hold, so it gets the row of winter sports, as "
                "the old sled does. For that it needs a row of $H$: someone, or something, must see from the thing itself that it is a "
                "sled. From its picture or its text, for example: lesson 4.",
                "**2.** People are not in $H$: in SRGFormer they read from hyperedges, but never write into them. How could a person get "
                "a row, "
                "and what would change if they wrote as well?": "From what they took: the sum of their things' rows is a start (lesson 4 "
                "does nearly that). If they wrote too, a group would be what its *people* are like, and people with long histories would "
                "speak loudest. As it is, a group is made of things alone.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="full", app_title="What does it look at, and does that matter?", css_file="../lab.css", html_head_file="../head.html"
)

with app.setup:
    import sys
    from functools import partial
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import learned
    import marimo as mo
    import together
    import waiting
    import widgets

    from srgformer_lab import backend, faithfulness, plots
    from srgformer_lab.backend import attention

    ASKED = "What does it look at, and does that matter?"


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("instant")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(link):
    base = common.opened(link)
    get_user, set_user = mo.state(link.user)
    get_item, set_item = mo.state(link.item)
    get_epoch, set_epoch = mo.state(link.epoch)
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself

    def choose_user(user_id):
        if user_id != get_user():
            set_item("")  # another person has another list; its first item is shown
        set_user(user_id)

    return (
        base, choose_user, get_epoch, get_item, get_jump, get_news, get_trouble, get_user, set_epoch, set_item, set_jump, set_news,
        set_trouble,
    )  # fmt: skip


@app.cell
def _(base, set_epoch):
    epochs = dials.epoch_slider(base, set_epoch)
    return (epochs,)


@app.cell
def _(get_epoch, get_item, get_user, link):
    scene = common.opened(link, user=get_user(), item=get_item(), epoch=get_epoch())
    picked = {"user": scene.link.user, "item": scene.link.item, "epoch": scene.link.epoch}
    return scene, picked


@app.cell
def _(get_jump, get_trouble, scene, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(scene.data, set_jump, set_trouble)
    common.nothing_trained(scene, first_run, bool(jump), get_trouble(), ASKED, "model") if not scene.is_loaded else None
    return first_run, jump


@app.cell
def _(base, memory):
    mo.stop(not base.is_loaded)
    _heads = {"all heads, on average": attention.ALL_HEADS} | {f"head {_n}": _n for _n in attention.heads_of(base)}
    head = widgets.choice(memory, "attention.head", "Attention of", _heads)
    return (head,)


@app.cell
def _(base, epochs, head):
    _looks = (
        "Attention decides how much of each thing flows into a person’s part of the model. Read the weights, then see below what "
        "really happens when a thing is taken away: a weight is a place where the model looked, and not yet a reason."
    )
    _adds = "This model has no attention. What it claims is what each thing adds; what really happens without a thing, the page finds out."
    common.stack(
        common.heading(ASKED, _looks if base.trained else _adds, "instant"),
        mo.Html(f'<div class="lab-knobs"><div>{head.text if base.trained else ""}</div>{dials.epoch_box(base, epochs).text}</div>'),
    )
    return


@app.cell
def _(scene, set_item):
    mo.stop(not scene.is_loaded)
    _choose = partial(widgets.item_button, scene.data, choose=set_item)
    _first = scene.ranking().head(8).itertuples()
    items = mo.ui.array([_choose(_row.item_id, f"rank {_row.rank}", _row.item_id == scene.link.item) for _row in _first])
    return (items,)


@app.cell
def _(choose_user, scene, memory):
    people = widgets.people_picker(scene.data, scene.link.user, memory, choose_user, cohort=scene.link.cohort)
    return (people,)


@app.cell
def _(items, people):
    common.chooser("Another recommendation, or another person?", widgets.picker(items), widgets.picker(people))
    return


@app.cell
def _(head, scene):
    mo.stop(not scene.is_loaded)
    why = scene.explanation()
    weights = attention.head_weights(scene, head.value)
    return weights, why


@app.cell
def _(scene, link, weights, why):
    mo.stop(scene.trained is None, common.fact(why.note) if why.note else None)
    mo.stop(not len(weights), common.fact("This person has no history to look at. Choose another one above."))
    _lines = {_item: f"weight {plots.percent(_weight)}" for _item, _weight in weights.items()}
    _shown = [_item for _place, _item in enumerate(weights.index) if _place < 14 or _item in scene.link.items]
    _cards = backend.item_cards(scene.data, _shown, [_lines[_item] for _item in _shown], backend.SMALL_WIDTH)
    _cards = together.marked(_cards, scene.link.items)
    _even = f"Looking at all {len(weights)} alike would give each {plots.percent(1 / len(weights))}."
    _rest = f" Not shown: {len(weights) - len(_shown)} with less." if len(weights) > len(_shown) else ""
    _draw = partial(plots.attention_heads, why.heads, order=list(weights.index), dark=link.is_dark)
    _looks = _draw(hint="Each head has weights of its own: do they look at the same?")
    _adds = _draw("contribution", hint="The same rows: what each thing adds to the score through each head.")
    common.stack(
        common.fact(f"What this person took, what is looked at most first. {_even}{_rest}"),
        mo.Html(plots.card_row(_cards, size="small")),
        common.side_by_side(common.chart(_looks), common.chart(_adds)),
    )
    return


@app.cell
def _(memory):
    sample = widgets.choice(memory, "attention.people", "People", {str(_n): _n for _n in attention.N_USERS})
    return (sample,)


@app.cell
def _(get_news, sample, scene, set_news):
    get_news()  # a search began or ended
    harm, many = attention.removals(scene), attention.many(scene, sample.value)
    _words = f"Take each of the {len(scene.data.history(scene.link.user))} things away, one at a time"
    harm_button = waiting.task_button(harm, _words, set_news)
    many_button = waiting.task_button(many, f"Ask this of {sample.value} people", set_news)
    harm_ticks, many_ticks = waiting.ticker(harm, set_news), waiting.ticker(many, set_news)
    return harm, harm_button, harm_ticks, many, many_button, many_ticks


@app.cell
def _(harm, harm_button, harm_ticks, head, scene, link, weights, why):
    _title = backend.title(scene.data, why.item_id)
    _head = common.section(f"Take things away: what does that cost “{_title}”?", "instant")
    _line = common.fact("Each removal is a pass of the model of its own, on the changed data. Nothing is trained.")
    _body = [_line, waiting.task_line(harm, harm_button, harm_ticks)]
    if harm.is_ready:
        _effects = harm.value()
        _seen = attention.of_head(_effects, weights) if scene.trained else _effects
        _named = _seen.assign(removed=[backend.title(scene.data, _item) for _item in _effects["removed"]])
        _draw = partial(plots.effect_scatter, _named, dark=link.is_dark)
        _found = attention.correlations(scene, _effects)
        _tiles = [(_row.claim, plots.correlation(_row.spearman), "") for _row in _found.itertuples()]
        _claim = "attention" if head.value == attention.ALL_HEADS else f"head {head.value}"
        _means = plots.effect_meaning(_found.set_index("claim")["spearman"][_claim]) if scene.trained else ""
        _charts = [common.chart(_draw(_each)) for _each in attention.claims_of(scene)]
        _body = [
            common.finding(_means) if _means else None,
            common.side_by_side(*_charts),
            common.fact("Rank correlation with the true effects, for this person and this item: 1 is the same order, 0 is none."),
            common.tiles(_tiles),
        ]
    common.stack(_head, *_body)
    return


@app.cell
def _(many, many_button, many_ticks, link, sample, scene):
    _line = common.fact("One person may be an exception. Over many people, with intervals; this takes a while, and is kept.")
    _body = [_line, waiting.task_line(many, many_button, many_ticks)]
    if many.is_ready:
        _faith = many.value()
        _by = partial(plots.effect_scatter, _faith.effects, attention.claims_of(scene)[0], correlations=_faith.correlations)
        _figures = [_by(dark=link.is_dark), plots.deletion_curves(_faith.curves, dark=link.is_dark)]
        _body = [common.finding(_faith.verdict), common.side_by_side(*map(common.chart, _figures))]
    common.stack(common.section("Is it so for everybody?", "instant"), sample, *_body)
    return


@app.cell
def _(head, scene, link):
    mo.stop(scene.trained is None)
    _figure = plots.entropy_scatter(attention.spread(scene, head.value), scene.link.user, dark=link.is_dark)
    _line = "A point is a person. The weights of a long history can hardly be anything but small; their spread says whether a head chooses."
    _section = common.section("Does it choose, or look at everything alike?", "instant")
    _rows = backend.learned_structure(scene)
    _tiles = learned.tiles(_rows[_rows["modality"] == ""])
    common.stack(_section, _tiles, common.fact(learned.NOTE), common.chart(_figure), common.fact(_line))
    return


@app.cell
def _(memory, picked, link):
    common.way_on(link, picked, memory)
    return


@app.cell
def _():
    common.how(
        r"In head $r$, user $u$ weighs item $i$ of the history by $w_{ui}=\mathrm{softmax}_i"
        r"\langle\mathbf e_u\mathbf W_Q,\mathbf e_i\mathbf W_K\rangle$. "
        r"Its spread is $-\sum_i w_{ui}\ln w_{ui}/\ln n$ over the $n$ items. "
        "The true effect of an item is the score minus the score that the same weights give on the data without it; "
        "Spearman’s rank correlation compares the order of the weights with the order of the effects.",
        "Source: Eqs. 12–14 of the paper (Shi et al., arXiv 2511.00584); the test follows Serrano and Smith (2019) "
        "and DeYoung et al. (2020).",
        (backend.attention.attention_entropy, "surprise = "),
        (faithfulness, "measured = "),
    )
    return


if __name__ == "__main__":
    app.run()

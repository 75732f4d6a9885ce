import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Do pictures and texts agree?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import marimo as mo
    import together
    import waiting
    import widgets

    from srgformer_lab import LabError, backend, cosines, cross_modal_recall, geometry, plots, project

    ASKED = "Do pictures and texts agree?"
    METHODS = {"PCA (at once)": "pca", "UMAP (slower, keeps neighbourhoods)": "umap"}


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
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself
    return base, get_jump, get_news, get_trouble, set_jump, set_news, set_trouble


@app.cell
def _(base, get_jump, get_trouble, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(base.data, set_jump, set_trouble)
    common.nothing_trained(base, first_run, bool(jump), get_trouble(), ASKED) if base.trained is None else None
    return first_run, jump


@app.cell
def _(base, link):
    mo.stop(base.trained is None)
    mo.stop(not base.trace.modality, common.fact("This model knows no modality: there is nothing that could agree."))
    get_epoch, set_epoch = mo.state(link.epoch)
    get_item, set_item = mo.state(link.item or base.link.item)
    get_items, set_items = mo.state(link.items)
    get_hyperedge, set_hyperedge = mo.state(link.hyperedge)
    return get_epoch, get_hyperedge, get_item, get_items, set_epoch, set_hyperedge, set_item, set_items


@app.cell
def _(base, memory, set_epoch):
    epochs = dials.epoch_slider(base, set_epoch)
    methods = widgets.choice(memory, "alignment.method", "Draw by", METHODS)
    return epochs, methods


@app.cell
def _(get_epoch, link):
    scene = common.opened(link, epoch=get_epoch())
    space = backend.Alignment.of(scene)
    task = space.umap()
    return scene, task, space


@app.cell
def _(base, epochs, methods):
    common.stack(
        common.heading(
            ASKED,
            "Every item is drawn once for each modality and once as the sum of all. Circle some points to see what they are; "
            "every other page then knows these items too.",
            "instant",
        ),
        common.side_by_side(dials.epoch_box(base, epochs), methods),
    )
    return


@app.cell
def _(get_news, methods, set_news, task):
    get_news()
    if methods.value == "umap" and not task.is_ready and task.error is None:
        task.begin()
    button = waiting.task_button(task, "Draw by UMAP", set_news)
    ticks = waiting.ticker(task, set_news) if methods.value == "umap" else None
    is_umap = methods.value == "umap" and task.is_ready
    return button, is_umap, ticks


@app.cell
def _(button, methods, task, ticks):
    mo.stop(methods.value != "umap" or task.is_ready)
    _wait = common.fact("UMAP takes some seconds, and up to half a minute the first time. Until then PCA is shown.")
    common.stack(_wait, waiting.task_line(task, button, ticks))
    return


@app.cell
def _(is_umap, task, space):
    drawn, trouble = None, None
    try:
        drawn = task.value() if is_umap else space.projection()
    except LabError as _error:
        trouble = common.problem(_error, "Nothing was changed.", "Choose another epoch or other knobs.")
    return drawn, trouble


@app.cell
def _(get_hyperedge, scene):
    ringed = backend.items_of_hyperedge(scene) if get_hyperedge() is not None else []
    return (ringed,)


@app.cell
def _(drawn, ringed, trouble, link):
    mo.stop(drawn is None, trouble)
    # not made from what is circled in it: a figure that follows its own selection would lose it
    chart = common.chart(plots.alignment_scatter(drawn.points, drawn.quality, marked=ringed, current=link.item, dark=link.is_dark))
    return (chart,)


@app.cell
def _(ringed, set_hyperedge):
    unring = mo.ui.button(label="Show all alike", on_click=lambda count: set_hyperedge(None)) if ringed else None
    return (unring,)


@app.cell
def _(chart, drawn, set_item, set_items, space):
    _circled = space.items_at(drawn, chart.indices)
    if _circled:
        set_items(tuple(_circled))
    if len(_circled) == 1:
        set_item(_circled[0])
    return


@app.cell
def _(get_epoch, get_hyperedge, get_item, get_items):
    _kept = get_items()[: backend.MOST_ITEMS]
    picked = {"epoch": get_epoch(), "item": get_item(), "items": _kept, "hyperedge": get_hyperedge()}
    return (picked,)


@app.cell
def _(get_items, scene, set_item, set_items):
    wall = together.wall(scene.data, get_items(), set_item)
    let_go = mo.ui.button(label="Let them go", on_click=lambda count: set_items(()))
    return let_go, wall


@app.cell
def _(get_item, set_item, space):
    near = together.nearest(space, get_item(), set_item)
    return (near,)


@app.cell
def _(chart, drawn, get_item, get_items, let_go, near, scene, ringed, unring, wall):
    _plane = f"{plots.percent(sum(drawn.explained))} of the variance is in this plane."
    _of = _plane if drawn.explained else "UMAP keeps who is near whom; how far two clouds lie apart means nothing."
    _trust = common.fact(f"{_of} Trust the picture only as far as its trustworthiness goes: 1 is all, about 0.5 chance.")
    common.side_by_side(
        common.stack(together.ring(scene, len(ringed)), chart, _trust, unring),
        together.circled(scene, len(get_items()), get_item(), wall, let_go, together.shown_nearest(scene.data, get_item(), near)),
        widths="3fr 2fr",
    )
    return


@app.cell
def _(drawn, space):
    _quality = [
        (f"{_row.space} trustworthiness", plots.digits(_row.trustworthiness, 2), f"continuity {plots.digits(_row.continuity, 2)}")
        for _row in drawn.quality.itertuples()
    ]
    _measured = []
    try:
        if space.pair:
            _measured = [
                (_row.measure, plots.measured(_row.value), f"untrained {plots.measured(_row.untrained)}. {_row.meaning}")
                for _row in space.geometry().itertuples()
            ]
        _numbers = common.tiles([*_quality, *_measured])
    except LabError as _error:
        _numbers = common.problem(_error)
    common.stack(common.section("In numbers: the picture, and the spaces themselves", "instant"), _numbers)
    return


@app.cell
def _(space, link):
    mo.stop(not space.pair, common.fact("This model has one modality: there is no second one that it could agree with."))
    try:
        _recall = plots.recall_bars(space.recall(), dark=link.is_dark)
        _cosines = plots.cosine_distributions(space.cosines(), dark=link.is_dark)
        _near = space.neighbors()
        _pair = f"{plots.part_name(_near.first).capitalize()} and {plots.part_name(_near.second)}"
        _shown = common.stack(
            common.side_by_side(common.chart(_recall), common.chart(_cosines)),
            common.finding(
                f"{_pair} share {plots.percent(_near.mean)} of an item’s {_near.k} nearest; by chance it were {plots.percent(_near.chance)}"
            ),
            common.fact(space.since_training()),
        )
    except LabError as _error:
        _shown = common.problem(_error)
    common.stack(common.section("Does one find the other?", "instant"), _shown)
    return


@app.cell
def _(memory, picked, link):
    common.way_on(link, picked, memory)
    return


@app.cell
def _():
    common.how(
        r"With unit vectors $x_i$ (pictures) and $y_i$ (texts) of item $i$: alignment is the mean of $\lVert x_i-y_i\rVert^2$, uniformity "
        r"$\ln$ of the mean of $e^{-2\lVert x_i-x_j\rVert^2}$ over pairs, the modality gap $\lVert\bar x-\bar y\rVert$, and recall@k "
        r"how often $y_i$ is among the k vectors $y_j$ nearest to $x_i$. All are measured in the model's space, not in the plane.",
        "Sources: Wang and Isola 2020 (alignment, uniformity); Liang et al. 2022 (modality gap); Venna and Kaski 2001 (trustworthiness).",
        (geometry, "modality gap"),
        (cross_modal_recall, "shares ="),
        (cosines, "positive, negative ="),
        (project, "plane, explained ="),
    )
    return


if __name__ == "__main__":
    app.run()

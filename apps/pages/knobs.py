import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What does each knob do?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import marimo as mo
    import together
    import trained
    import widgets

    from srgformer_lab import Trace, backend, compare_lists, metric_surface, plots


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
    return base, get_jump, get_trouble, set_jump, set_trouble


@app.cell
def _(base, get_jump, get_trouble, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(base.data, set_jump, set_trouble)
    common.nothing_trained(base, first_run, bool(jump), get_trouble(), "What does each knob do?") if base.trained is None else None
    return first_run, jump


@app.cell
def _(base, link):
    mo.stop(base.trained is None)
    get_user, set_user = mo.state(link.user)
    get_rebuilt, set_rebuilt = mo.state(0)
    turned = dict(base.knobs)  # where the sliders stand; a reset changes it and has them made anew
    return get_rebuilt, get_user, set_rebuilt, set_user, turned


@app.cell
def _(base, set_rebuilt, turned):
    def _back(name):
        def reset(count):
            turned[name] = base.trained_knobs[name]
            set_rebuilt(lambda rebuilt: rebuilt + 1)
            return count

        return reset

    resets = mo.ui.dictionary(
        {name: mo.ui.button(label="reset", on_click=_back(name), tooltip="back to the trained value") for name in dials.KNOBS}
    )
    return (resets,)


@app.cell
def _(base, get_rebuilt, turned):
    get_rebuilt()
    sliders = mo.ui.dictionary(
        {
            name: dials.knob_slider(name, turned[name], lambda value, name=name: turned.update({name: value}), [base.trained_knobs[name]])
            for name in dials.KNOBS
        }
    )
    return (sliders,)


@app.cell
def _(base, get_user, sliders, link):
    _knobs = {
        short: None if sliders.value[knob] == base.trained_knobs[knob] else sliders.value[knob] for short, knob in backend.KNOB_OF.items()
    }
    picked = {"user": get_user()} | _knobs
    scene = common.opened(link, **picked)
    return scene, picked


@app.cell
def _(scene):
    _sides, _names, _said = (scene.ranking(as_trained=True), scene.ranking()), ("As trained", "At these knobs"), None
    if scene.knobs == scene.trained_knobs and scene.trained_knobs[dials.KNOBS[0]]:  # before anything is touched: what attention does
        _sides, _names = (common.opened(scene.link, alpha=0.0).ranking(), scene.ranking()), ("Without attention (α = 0)", "As trained")
        _said = common.fact("Nothing is turned yet: this is what attention alone moves. Turn a knob, and what that moves takes its place.")
    _moves = backend.with_pictures(compare_lists(*_sides, 10), scene.data, backend.SMALL_WIDTH)
    moves = common.stack(
        _said,
        mo.Html(plots.rank_moves_cards(_moves, 10, before=_names[0], after=_names[1])),
        together.places(scene),
    )
    return (moves,)


@app.cell
def _(scene):
    if scene.is_quick:
        _now, _then = scene.quality()["recall@20"], scene.quality(as_trained=True)["recall@20"]
        _line = f"Over all people, valid Recall@20 is {common.share(_now)} at these knobs; as trained it is {common.share(_then)}."
    else:
        _line = "This data is too large to evaluate while a slider moves; the list below follows at once."
    quality = common.fact(_line)
    return (quality,)


@app.cell
def _(base, scene, quality, resets, sliders, link):
    _boxes = [
        dials.knob_box(_name, sliders.elements[_name], base.trained_knobs[_name], link.is_dark, resets.elements[_name])
        for _name in dials.KNOBS
    ]
    controls = common.stack(*_boxes, quality)
    head = common.stack(
        common.heading(
            "What does each knob do?",
            "Nothing is trained here: the same weights, weighed anew. Pull attention (α) to 0 and see who falls out of the list.",
            "instant",
        ),
        widgets.history(scene.data, scene.link.user),
    )
    return controls, head


@app.cell
def _(scene):
    _now = scene.knobs[dials.KNOBS[2]]
    is_drawn = scene.knows_surface() or (scene.is_quick and _now == scene.trained_knobs[dials.KNOBS[2]])
    map_button = mo.ui.run_button(label=f"Draw the map at τ = {_now:g}")
    return is_drawn, map_button


@app.cell
def _(is_drawn, link, map_button, scene):
    _alpha, _beta, _tau = dials.KNOBS
    _shown, _map = scene.knobs[_tau] if is_drawn or map_button.value else scene.trained_knobs[_tau], None
    if scene.knows_surface(_shown) or scene.is_quick or map_button.value:
        _trained, _current = ((knobs[_alpha], knobs[_beta]) for knobs in (scene.trained_knobs, scene.knobs))
        _map = common.chart(plots.metric_heatmap(scene.surface(_shown), trained=_trained, current=_current, dark=link.is_dark))
    _said = common.fact(f"Every point is the same model with other α and β, at τ = {_shown:g}.")
    surface = common.stack(_map, _said, None if _shown == scene.knobs[_tau] else map_button)
    return (surface,)


@app.cell
def _(controls, get_user, head, scene, memory, moves, set_user, surface):
    people = widgets.people_picker(scene.data, get_user(), memory, set_user, cohort=scene.link.cohort)
    common.stack(head, common.chooser("Whose list?", widgets.picker(people)), common.knob_layout(controls, moves, surface))
    return


@app.cell
def _(base):
    mo.stop(base.trained is None)
    get_point, set_point = mo.state(backend.point_of(base.run))
    get_grid, set_grid = mo.state(backend.contrast_grid(base.data, base.link.run), allow_self_loops=True)
    get_marks, set_marks = mo.state(trained.marks(get_grid()), allow_self_loops=True)
    get_refused, set_refused = mo.state(None)
    get_loaded, set_loaded = mo.state("")
    stood = list(get_point())  # where the sliders of the grid stand
    notify = trained.notifier(set_grid, get_marks, set_marks)
    return get_grid, get_loaded, get_marks, get_point, get_refused, set_loaded, set_point, set_refused, stood, notify


@app.cell
def _(base, get_marks, set_point, stood):
    # not from the grid: sliders that are made anew lose the keyboard's focus
    movers = trained.sliders(get_marks(), stood, lambda: set_point(tuple(stood)))
    return (movers,)


@app.cell
def _(base, get_grid, get_point, set_loaded, set_refused, notify):
    queuers = trained.buttons(base, get_grid(), get_point(), notify, set_refused, set_loaded)
    return (queuers,)


@app.cell
def _(base, get_grid, notify):
    ticks = trained.ticker(base, get_grid(), notify)
    return (ticks,)


@app.cell
def _(base, get_grid, get_loaded, get_point, get_refused, memory, movers, queuers, link):
    loads = {"run": get_loaded()} if get_loaded() else {}
    trained.bench(base, get_grid(), get_point(), movers, queuers, get_refused(), common.way_on(link, loads, memory))
    return (loads,)


@app.cell
def _(get_grid, ticks):
    trained.progress(get_grid(), ticks)
    return


@app.cell
def _(base, get_grid, get_point, get_user):
    trained.lists(base, get_grid(), get_point(), get_user())
    return


@app.cell
def _():
    common.how(
        r"$\mathbf E^{*}=\mathbf E^{id}+\sum_m\mathrm{nz}(\mathbf E^m)+\alpha\,\mathrm{nz}(\mathbf E^{att})+"
        r"\beta\,\mathrm{nz}(\mathbf E^{H})$, and a score is $\langle \mathbf e^*_u,\mathbf e^*_i\rangle$. "
        "τ is the temperature of the softmax that says which learned "
        "groups (hyperedges) a person or item belongs to: low is one group alone, high is a little of each.",
        "Source: Eq. 15 of the paper (Shi et al., arXiv 2511.00584).",
        (Trace.fuse, "fused = replace"),
        (metric_surface, "evaluate("),
        (backend.contrast_grid, "_settings(known.config) == alike"),
    )
    return


if __name__ == "__main__":
    app.run()

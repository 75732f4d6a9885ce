import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="How does it learn?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import PRESETS, LabError, backend, plots, preset
    from srgformer_lab.models.objective import ranking_terms


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("needs training")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(link):
    _scene = common.opened(link)
    data = _scene.data
    _going = backend.going_on(data)
    get_watched, set_watched = mo.state(_going or link.run)
    get_ticking, set_ticking = mo.state(bool(_going), allow_self_loops=True)  # the ticker ends itself
    get_trouble, set_trouble = mo.state(None)
    return data, get_ticking, get_trouble, get_watched, set_ticking, set_trouble, set_watched


@app.cell
def _(data, memory):
    _variants = dict(backend.variants(data))
    _names = {key: name for name, key in _variants.items()}
    preset_box = mo.ui.dropdown(
        list(PRESETS), value=memory.get("preset", "studio"), label="Preset", on_change=lambda value: memory.update(preset=value)
    )
    variant_box = mo.ui.dropdown(
        _variants,
        value=_names.get(memory.get("variant"), _names["whole"]),
        label="What to train",
        on_change=lambda value: memory.update(variant=value),
    )
    return preset_box, variant_box


@app.cell
def _(preset_box):
    _model, _train, _widths = preset(preset_box.value).model, preset(preset_box.value).train, backend.widths()
    numbers = mo.ui.dictionary(
        {
            "epochs": mo.ui.number(1, backend.most_epochs(), value=min(_train.epochs, backend.most_epochs()), label="Most epochs"),
            "embedding_dim": mo.ui.dropdown([*map(str, _widths)], value=str(min(_model.embedding_dim, _widths[-1])), label="Width d"),
            "n_hyperedges": mo.ui.number(1, 256, value=_model.n_hyperedges, label="Hyperedges K"),
            "n_heads": mo.ui.dropdown(["1", "2", "4", "8", "16"], value=str(_model.n_heads), label="Attention heads h"),
            "device": mo.ui.dropdown(backend.devices(), value="auto", label="Device"),
        }
    )
    return (numbers,)


@app.cell
def _(data, numbers, preset_box, variant_box):
    asked, cost_line = None, None
    try:
        asked = variant_box.value, *backend.adjusted(preset_box.value, **numbers.value)
        cost_line = waiting.cost(backend.cost(data, *asked), asked[2])
    except LabError as _error:
        asked, cost_line = None, common.problem(_error, "Nothing was started.")
    return asked, cost_line


@app.cell
def _(asked, data, set_ticking, set_trouble, set_watched):
    def _begin(count):
        try:
            set_watched(backend.begin(data, *asked).name)
            set_ticking(True)
            set_trouble(None)
        except LabError as error:
            set_trouble(error)
        return count

    start = widgets.action("Train", _begin, disabled=asked is None)
    return (start,)


@app.cell
def _(get_trouble, numbers, preset_box, start, cost_line, variant_box):
    _answer = "Press Train, then move a knob while the curve grows: the training obeys at its next step, and a mark shows where."
    _row = [variant_box, preset_box, *numbers.elements.values(), start]
    _form = mo.Html(f'<div class="lab-form">{"".join(f"<div>{part.text}</div>" for part in _row)}</div>')
    _trouble = common.problem(get_trouble()) if get_trouble() else None
    _parts = [common.heading("How does it learn?", _answer, "needs training"), _form, cost_line, _trouble]
    common.stack(*_parts)
    return


@app.cell
def _(get_watched):
    _name = get_watched()
    run, _trouble = None, None
    try:
        run = backend.find_run(_name) if _name else None
    except LabError as _error:
        _trouble = common.problem(_error)
    drawn = {"size": run.history_size() if run is not None else 0}
    get_drawn, set_drawn = mo.state(drawn["size"])
    _trouble
    return drawn, get_drawn, run, set_drawn


@app.cell
def _(drawn, get_ticking, run, set_drawn, set_ticking):
    # not in a cell: explore.py does not see what follows from a state that a cell sets
    _check = waiting.check_for_news(run, drawn, set_drawn, set_ticking)
    ticker = mo.ui.refresh(default_interval="0.5s", on_change=_check) if run is not None and get_ticking() else None
    return (ticker,)


@app.cell
def _(run, ticker):
    mo.stop(run is None, common.fact("Nothing has been trained on this data yet. The form above is set for a first run."))
    ticker.value if ticker is not None else None
    status, _trouble = common.status_of(run)
    mo.stop(status is None, _trouble)
    return (status,)


@app.cell
def _(run, set_ticking, set_trouble):
    def _resume(count):
        try:
            backend.carry_on(run)
            set_ticking(True)
        except LabError as error:
            set_trouble(error)
        return count

    stop_button = mo.ui.button(label="Stop", on_click=common.tried(lambda: backend.stop_run(run), set_trouble))
    resume_button = widgets.action("Resume", _resume)
    return resume_button, stop_button


@app.cell
def _(get_watched, resume_button, run, status, stop_button, ticker):
    _stops = [stop_button] if backend.may_steer(run) else []
    _buttons = _stops if status.state in backend.GOING else [resume_button] if backend.can_go_on(run) else []
    _tick = mo.Html(f'<div class="lab-ticker">{ticker.text}</div>') if ticker is not None else mo.Html("")
    _line = mo.hstack([*_buttons, waiting.progress(run, status), _tick], justify="start", align="center", wrap=True)
    common.stack(common.section(f"Run {get_watched()}"), _line)
    return


@app.cell
def _(get_drawn, run, link):
    mo.stop(run is None)
    get_drawn()  # only what is new is drawn, and not at every tick
    _history, _steps, _turns = run.history(), run.steps(), run.knob_changes()
    _curve = common.chart(plots.learning_curves(_history, _steps, _turns, run.config.selection_metric, dark=link.is_dark))
    _losses = common.chart(plots.loss_terms(_history, _steps, _turns, dark=link.is_dark))
    common.side_by_side(_curve, _losses)
    return


@app.cell
def _(get_ticking, run, set_trouble):
    mo.stop(run is None)

    def _turn(name):
        def turn(value):
            try:
                backend.update_run_knobs(run, **{name: value})
            except LabError as error:
                set_trouble(error)

        return turn

    _now = run.knobs()
    _turned = [name for name in dials.LIVE_KNOBS if name in _now and get_ticking() and backend.may_steer(run)]
    sliders = mo.ui.dictionary({name: dials.knob_slider(name, _now[name], _turn(name), [dials.usual_knob(run, name)]) for name in _turned})
    return (sliders,)


@app.cell
def _(run, sliders, link):
    _boxes = [dials.knob_box(_name, _slider, dials.usual_knob(run, _name), link.is_dark) for _name, _slider in sliders.elements.items()]
    _knobs = mo.Html(f'<div class="lab-knobs">{"".join(box.text for box in _boxes)}</div>') if _boxes else None
    _knobs
    return


@app.cell
def _(data, get_ticking, get_watched, set_ticking, set_watched):
    get_ticking()  # the table is made anew when a training begins or ends, not at every tick

    def _watch(name):
        set_watched(name)
        set_ticking(backend.find_run(name).status().state in backend.GOING)

    runs = widgets.run_rows(backend.run_table(data), get_watched(), _watch)
    return (runs,)


@app.cell
def _(runs):
    _damaged = backend.damaged_lines()
    _parts = [common.section("Runs on this data", "from finished runs"), widgets.rows(runs)] if len(runs) else []
    common.stack(*_parts, common.notes(_damaged.values()))
    return


@app.cell
def _(get_ticking, get_watched, memory, run, link):
    picked = {}
    if run is not None and not get_ticking() and backend.can_show(run):
        picked = {"run": get_watched()}
    common.way_on(link, picked, memory)
    return (picked,)


@app.cell
def _():
    common.how(
        r"$\mathcal L=\frac1{|B|}\sum-\ln\sigma(\hat r_{up}-\hat r_{uq})+\lambda\,(\dots)+c\,\mathcal L_{HCL}+\gamma\,\mathcal L_{MCL}$: "
        "the pair that was taken should score above one that was not; λ keeps the embeddings short; the two contrasts pull the "
        "pictures' and the words' view of one person or item together, at temperature τ.",
        "Source: the objective of the paper (Shi et al., arXiv 2511.00584) as its authors released it.",
        (ranking_terms, '"ranking": bpr('),
    )
    return


if __name__ == "__main__":
    app.run()

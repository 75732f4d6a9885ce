import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="How does it learn?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import form
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import LabError, backend, plots
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
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    get_loaded, set_loaded = mo.state({}, allow_self_loops=True)
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_table, set_table = mo.state(backend.run_table(data), allow_self_loops=True)

    def look(name):
        set_loaded({"run": name})
        set_jump("why")

    return (
        data, get_jump, get_loaded, get_table, get_ticking, get_trouble, get_watched, look, set_loaded, set_table, set_ticking, set_trouble,
        set_watched,
    )  # fmt: skip


@app.cell
def _(data, memory):
    name_box, preset_box, variant_box = form.choosers(data, memory)
    return name_box, preset_box, variant_box


@app.cell
def _(preset_box):
    numbers = form.fields(preset_box.value)
    return (numbers,)


@app.cell
def _(data, set_ticking, set_trouble, set_watched):
    # a press reads what the form says then: a button that were made anew with every field could be gone when it is pressed
    wanted = {}

    def _begin():
        if wanted["asked"] is not None:  # else what is wrong stands above
            set_watched(backend.begin(data, *wanted["asked"], name=wanted["name"]).name)
            set_ticking(True)
            set_trouble(None)

    start = widgets.action("Train", common.tried(_begin, set_trouble))
    return start, wanted


@app.cell
def _(data, name_box, numbers, preset_box, set_loaded, variant_box, wanted):
    asked, cost_line, _same = None, None, ""
    try:
        asked = variant_box.value, *backend.adjusted(preset_box.value, **numbers.value)
        cost_line = waiting.cost(backend.cost(data, *asked), asked[2])
        _same = backend.same_run(data, *asked)
    except LabError as _error:
        asked, cost_line = None, common.problem(_error, "Nothing was started.")
    wanted.update(asked=asked, name=name_box.value.strip())
    open_same, same_line = form.there_already(_same, lambda name: set_loaded({"run": name}))
    return asked, cost_line, open_same, same_line


@app.cell
def _(asked, cost_line, get_ticking, get_trouble, name_box, numbers, preset_box, same_line, start, variant_box):
    get_ticking()  # the queue is another when a training begins or ends
    _answer = "Press Train, then move a knob while the curve grows: the training obeys at its next step, and a mark shows where."
    _model = "lightgcn" if variant_box.value == "lightgcn" else "srgformer"
    _form = form.layout((variant_box, preset_box), numbers, name_box, start, preset_box.value, _model)
    _queue = form.queue_line(backend.queue_ahead()) if asked else None
    _trouble = common.problem(get_trouble()) if get_trouble() else None
    common.stack(common.heading("How does it learn?", _answer, "needs training"), _form, cost_line, _queue, same_line, _trouble)
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
def _(drawn, get_ticking, run, set_drawn, set_ticking, set_trouble):
    def _tick_on(is_on):
        set_ticking(is_on)
        set_trouble(None)  # what was refused while it ran may be allowed now

    # not in a cell: explore.py does not see what follows from a state that a cell sets
    _check = waiting.check_for_news(run, drawn, set_drawn, _tick_on)
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
    def _resume():
        backend.carry_on(run)
        set_ticking(True)

    stop_button = mo.ui.button(label="Stop", on_click=common.tried(lambda: backend.stop_run(run), set_trouble))
    resume_button = widgets.action("Resume", common.tried(_resume, set_trouble))
    return resume_button, stop_button


@app.cell
def _(get_watched, resume_button, run, status, stop_button, ticker):
    _stops = [stop_button] if backend.may_steer(run) else []
    _buttons = _stops if status.state in backend.GOING else [resume_button] if backend.can_go_on(run) else []
    _line = mo.hstack([*_buttons, waiting.progress(run, status), waiting.beat(ticker)], justify="start", align="center", wrap=True)
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
def _(data, get_table, get_ticking, get_watched, link, look, run, set_ticking, set_trouble, set_watched):
    get_table()  # something changed in the folder of runs

    def _watch(name):
        set_watched(name)
        set_trouble(None)
        set_ticking(backend.find_run(name).status().state in backend.GOING)

    runs = widgets.run_rows(backend.run_table(data), get_watched(), _watch)
    see, offer = form.ended(None if get_ticking() else run, get_watched(), get_watched() == link.run, look)
    return offer, runs, see


@app.cell
def _(data, get_ticking, set_table):
    table_ticks = waiting.table_ticker(data, set_table) if get_ticking() else None
    return (table_ticks,)


@app.cell
def _(offer, runs, table_ticks):
    _damaged = backend.damaged_lines()
    _parts = [common.section("Runs on this data", "from finished runs"), widgets.rows(runs)] if len(runs) else []
    common.stack(offer, *_parts, common.notes(_damaged.values()), waiting.beat(table_ticks))
    return


@app.cell
def _(get_jump, get_loaded, get_ticking, get_watched, memory, link, run):
    loads, jump = get_loaded(), get_jump()
    picked = {}
    if not link.run and run is not None and not get_ticking() and backend.can_show(run):
        picked = {"run": get_watched()}  # nothing was looked at before it
    common.stack(common.way_on(link, loads, memory), common.only_here(jump, memory))
    return jump, loads, picked


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

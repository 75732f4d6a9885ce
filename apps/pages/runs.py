import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Which runs are there?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import LabError, backend, plots
    from srgformer_lab.training import managing

    MOST_SHOWN = 40


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("from finished runs")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(memory, link):
    scene, gone = common.open_scene(link)
    if scene is None:  # the run that was looked at is gone: the list is where one chooses another
        scene = common.opened(link, run="", runs=())
    data = scene.data
    get_link, set_link = mo.state({"run": scene.link.run, "runs": scene.link.runs}, allow_self_loops=True)  # what becomes of the view
    get_chosen, set_chosen = mo.state(scene.link.run, allow_self_loops=True)
    get_table, set_table = mo.state(backend.run_table(data), allow_self_loops=True)
    get_said, set_said = mo.state(None)
    get_jump, set_jump = mo.state("")
    ticked = memory.setdefault("runs.ticked", set())
    return (
        data,
        get_chosen,
        get_jump,
        get_link,
        get_said,
        get_table,
        gone,
        scene,
        set_chosen,
        set_jump,
        set_link,
        set_said,
        set_table,
        ticked,
    )


@app.cell
def _(data, set_table):
    ticker = waiting.table_ticker(data, set_table)
    return (ticker,)


@app.cell
def _(ticker):
    waiting.beat(ticker)
    return


@app.cell
def _(memory):
    words = mo.ui.text(
        value=memory.get("runs.words", ""),
        label="Only those with these words",
        placeholder="finished, K 8, …",
        on_change=lambda value: memory.update({"runs.words": value}),
    )
    order = widgets.choice(memory, "runs.order", "Order", dict(backend.RUN_ORDERS))
    return order, words


@app.cell
def _(data, get_chosen, get_table, order, set_chosen, set_link, ticked, words):
    found = backend.ordered_runs(backend.matching_runs(get_table(), words.value), data, order.value)
    _shown, _can = found.head(MOST_SHOWN), backend.comparable_runs(data)
    ticked.intersection_update(_can)

    def _choose(name):
        set_chosen(name)
        if name in backend.comparable_runs(data):
            set_link(lambda link: {**link, "run": name})

    runs = widgets.run_rows(_shown, get_chosen(), _choose)
    ticks = widgets.tick_boxes(_shown["run"], _can, ticked)
    return found, runs, ticks


@app.cell
def _(get_link, set_jump, set_link, ticked, ticks):
    ticks.value  # `ticked` has it, also where the rows are made anew in the same moment

    def _compare(count):
        first, *others = sorted(ticked, key=lambda name: (name != get_link()["run"], name))
        set_link(lambda link: {**link, "run": first, "runs": tuple(others)})
        set_jump("compare")
        return count

    compare = mo.ui.button(
        label=f"Compare the {len(ticked)} ticked" if ticked else "Compare the ticked",
        on_click=_compare,
        disabled=not 2 <= len(ticked) <= backend.MOST_RUNS,
        tooltip=f"tick two to {backend.MOST_RUNS} runs that have weights",
    )
    return (compare,)


@app.cell
def _(data, get_link, set_chosen, set_link, set_said, set_table, ticked, link):
    def act(done, *names):
        """Do something to run folders, and let view and list follow: `done` gives what is said, and the name that is chosen then."""
        try:
            said, now = done(*names)
        except LabError as error:
            set_said(common.problem(error))
            return
        followed = backend.without_run(link.change(**get_link()), names[0], now)
        set_link(lambda link: {**link, **followed})
        ticked.discard(names[0])
        set_chosen(now or get_link()["run"])
        set_said(common.fact(said))
        set_table(backend.run_table(data))

    def rename(name, wanted):
        new = backend.rename_run(name, wanted)
        return f"{name} is called {new} now.", new

    def delete(name):
        backend.delete_run(name)
        return f"{name} is deleted. The button below brings it back.", ""

    def restore(waiting):
        name = backend.restore_run(waiting)
        return f"{name} is back.", name

    return act, delete, rename, restore


@app.cell
def _(act, data, get_table, restore, set_jump, set_said):
    get_table()  # read anew whenever the list is
    first_run = common.first_run(data, set_jump, lambda error: set_said(common.problem(error)))
    undo = widgets.named_buttons(
        {_key: f"Bring {_name} back" for _key, _name in backend.deleted_runs(data).items()}, lambda key: act(restore, key)
    )
    return first_run, undo


@app.cell
def _(compare, first_run, found, get_jump, get_said, get_table, gone, scene, memory, order, runs, ticks, undo, words):
    jump = get_jump()
    _answer = "Everything that was trained on this data, here or in a terminal. Tick two runs and hold them against one another."
    _head = common.heading("Which runs are there?", _answer, "from finished runs")
    _rest = len(found) - len(runs)
    _more = common.fact(f"{_rest} more; type words to narrow them down.") if _rest else None
    _none = None if len(found) else common.fact("No run has these words.")
    _bar = mo.Html(f'<div class="lab-form"><div>{words.text}</div><div>{order.text}</div><div>{compare.text}</div></div>')
    _first = common.nothing_trained(scene, first_run, bool(jump), None)
    _bar, _none = (_bar, _none) if len(get_table()) else (_first, None)
    _undo = mo.hstack([common.fact("Deleted within a day:"), *undo.elements.values()], justify="start", wrap=True) if len(undo) else None
    common.stack(_head, gone, _bar, get_said(), _undo, widgets.ticked_rows(ticks, runs), _none, _more, common.only_here(jump, memory))
    return (jump,)


@app.cell
def _(act, delete, get_chosen, rename):
    # nothing that is typed and nothing that is trained makes these anew: a press in that moment would go to what is no longer there
    _name, _box = get_chosen(), mo.ui.text(value=get_chosen(), label="Another name")
    manage = (
        _box,
        mo.ui.button(label="Rename", on_change=lambda _: act(rename, _name, _box.value)),
        mo.ui.button(label="Delete this run", on_change=lambda _: act(delete, _name)),
    )
    return (manage,)


@app.cell
def _(get_chosen, get_table, manage):
    mo.stop(not len(get_table()))
    _name = get_chosen()
    _note = common.fact("This run comes with the package and stays as it is." if _name else "Choose a run above.")
    _offer = mo.Html(f'<div class="lab-form">{"".join(f"<div>{part.text}</div>" for part in manage)}</div>')
    _title = common.section(f"The chosen run: {_name}" if _name else "The chosen run")
    if not backend.may_manage():
        _note = common.fact("In a class the runs belong to all: nobody renames or deletes them.")
    common.stack(_title, _offer if backend.may_manage() and _name not in ("", *backend.SHIPPED_RUNS) else _note)
    return


@app.cell
def _(get_chosen, get_table, link):
    get_table()  # drawn anew whenever something was trained
    _curve = None
    try:
        if get_chosen():
            _run, _hint = backend.find_run(get_chosen()), "Choose another run above: its curve takes this place."
            _drawn = plots.learning_curves(
                _run.history(), _run.steps(), _run.knob_changes(), _run.config.selection_metric, dark=link.is_dark, hint=_hint
            )
            _curve = common.chart(_drawn)
    except LabError as _error:
        _curve = common.problem(_error, "The other runs are unharmed.", "Choose another run above.")
    _curve
    return


@app.cell
def _(act, data, delete, get_table):
    get_table()  # read anew whenever the list is
    _damaged = backend.damaged_lines()
    sweepers = widgets.named_buttons(dict.fromkeys(_damaged, "Delete it"), lambda name: act(delete, name))
    _lines = [common.stack(common.notes([line]), sweepers.elements[name]) for name, line in _damaged.items()]
    common.stack(common.section("What can’t be read"), *_lines) if _lines else None
    return (sweepers,)


@app.cell
def _(get_link, memory, link):
    picked = get_link()
    common.way_on(link, picked, memory)
    return (picked,)


@app.cell
def _():
    common.how(
        "A run is a folder in `runs/`; its name here is the folder's name. Deleting moves it into the hidden `runs/.trash`, where it waits "
        "for a day and goes for good at the next deletion after that. What is being trained is neither moved nor renamed.",
        "A run knows its data by a fingerprint; a list shows the runs of one data set.",
        (managing.rename_run, "moved(run.path"),
        (managing.delete_run, "run.path.rename("),
    )
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What is this?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import glossary
    import marimo as mo
    import tour
    import wizard

    from srgformer_lab import backend, plots


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("instant")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(link):
    get_user, set_user = mo.state(link.user)
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    return get_jump, get_trouble, get_user, set_jump, set_trouble, set_user


@app.cell
def _(get_user, link):
    scene = common.opened(link, user=get_user())
    return (scene,)


@app.cell
def _(scene, memory, set_user):
    def _next_person(count):
        memory["start.person"] = memory.get("start.person", -1) + 1
        set_user(backend.people(scene.data, memory["start.person"], 1, scene.link.cohort)[0])
        return count

    another = mo.ui.button(label="Another person", on_click=_next_person)
    return (another,)


@app.cell
def _(another, scene):
    _data, _link = scene.data, scene.link
    _taken = _data.history(_link.user)
    _seen = backend.item_cards(_data, _taken[-18:], width=backend.SMALL_WIDTH)
    if scene.trained is None:
        _none = "No model is trained on this data yet." if scene.run is None else f"{_link.run} is no SRGFormer, which this page shows."
        _answer = f"{_none} Below are the things that one person took; a model learns from all such lists."
        _body = [common.heading("What is this?", _answer, "needs training"), mo.Html(plots.card_row(_seen, size="small"))]
    else:
        _list = scene.ranking().head(5)
        _lines = [f"score {plots.digits(_score)}" for _score in _list["score"]]
        _top = backend.item_cards(_data, list(_list["item_id"]), _lines, width=backend.SMALL_WIDTH)
        _parts = scene.explanation().by_part
        _answer = (
            "A recommender that looks at who took what, at pictures and at words. Each stream below is one part of the model; "
            "its width is what the part adds to the score of the first item."
        )
        _drawing = plots.flow_diagram(_seen, _parts, _top, more=len(_taken) - len(_seen))
        _finding = plots.flow_finding(_parts, backend.title(_data, _list["item_id"].iloc[0]))
        _body = [common.heading("What is this?", _answer, "instant"), common.finding(_finding), mo.Html(_drawing)]
    common.stack(
        *_body,
        mo.hstack(
            [
                another,
                common.fact("Try it: the streams change from person to person." if scene.trained else "Everybody has another history."),
                common.fact(f"Only people with {backend.COHORTS[_link.cohort]}, as you chose.") if _link.cohort else common.fact(""),
            ],
            justify="start",
            align="center",
            wrap=True,
        ),
    )
    return


@app.cell
def _(get_jump, get_trouble, scene, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(scene.data, set_jump, set_trouble)
    common.nothing_trained(scene, first_run, bool(jump), get_trouble()) if scene.trained is None else None
    return first_run, jump


@app.cell
def _(scene, link):
    mo.stop(scene.trained is None)
    _health = backend.health(scene)
    _best, _ = common.open_scene(scene.link, epoch=None)
    _sure = backend.sureness(_best) if _best and _health.metric == "recall@20" else None
    _name = plots.metric_name(_health.metric)
    _found = "of the things held back for validation are in the first 20" if _health.metric == "recall@20" else "on validation"
    _spread = f"; over other such users {common.span(_sure.recall)}, at 95 %" if _sure else ""
    _lead = [common.difference(_health.metric, bound) for bound in (_sure.lead.low, _sure.lead.high)] if _sure else []
    _ahead = f"; over other such users {' to '.join(_lead)}, at 95 %" if _lead else ""
    _curve = plots.learning_curves(
        scene.run.history(), None, scene.run.knob_changes(), _health.metric, baseline={"popularity": _health.popularity}, dark=link.is_dark
    )
    _tiles = common.tiles(
        [
            (_name, common.score(_health.metric, _health.recall), f"{_found}{_spread}"),
            (
                "Against popularity",
                common.difference(_health.metric, _health.recall - _health.popularity),
                f"against the {common.score(_health.metric, _health.popularity)} of recommending what most people took{_ahead}",
            ),
            ("Best epoch", f"{_health.best_epoch} of {_health.epochs}", "later ones were no better on validation"),
            (
                "On the test split",
                common.score(_health.metric, _health.test) if _health.test is not None else "–",
                f"{_name}, looked at once, at the best epoch",
            ),
        ]
    )
    common.stack(common.section("Is this run any good?", "from finished runs"), common.side_by_side(_tiles, common.chart(_curve)))
    return


@app.cell
def _(memory, set_jump):
    steps, ways = tour.buttons(memory, set_jump)
    return steps, ways


@app.cell
def _(jump, memory, steps, ways):
    common.stack(
        common.section("A short tour"),
        tour.steps(steps, memory),
        common.section("Where to go for which question"),
        tour.ways(ways),
        common.section("What is SRGFormer?"),
        glossary.about(),
        common.only_here(jump, memory),
    )
    return


@app.cell
def _(scene, link):
    _runs = {common.run_line(name, run): name for name, run in backend.runs_of(scene.data).items()}
    _here = next((line for line, name in _runs.items() if name == link.run), None)
    run_box = mo.ui.dropdown(_runs, value=_here, label="Run", full_width=True)
    return (run_box,)


@app.cell
def _(link, set_opened):
    _words, _choices = link.only().to_params(), backend.data_choices() or {"the built-in data": backend.built_in()}
    _here = next((label for label, words in _choices.items() if words.items() <= _words.items()), None)
    data_box = mo.ui.dropdown(_choices, value=_here, label="Data that is always here", full_width=True, on_change=set_opened)
    return (data_box,)


@app.cell
def _(data_box, scene, run_box):
    _run = run_box if run_box.options else common.fact("There is no run on this data yet.")
    common.stack(
        common.section("What is loaded"),
        common.fact(common.data_line(scene.data)),
        wizard.how_it_was_read(scene.data),
        common.side_by_side(_run, data_box),
    )
    return


@app.cell
def _(memory):
    get_wanted, set_wanted = mo.state(memory.get("wizard.wanted"))
    get_refused, set_refused = mo.state(None, allow_self_loops=True)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself
    get_opened, set_opened = mo.state({})
    ask = wizard.asker(set_wanted, set_refused, memory)
    return ask, get_news, get_opened, get_refused, get_wanted, set_news, set_opened, set_refused


@app.cell
def _(ask, link):
    folder, dropped = wizard.folder_form(link, ask), wizard.drop_area(ask)
    return dropped, folder


@app.cell
def _(dropped, folder, get_refused):
    _refused = get_refused()
    common.stack(
        common.section("Open your own data"),
        common.fact("A download, a shop's export, tables of any kind. Nothing opens before you have seen what was understood of it."),
        common.side_by_side(folder, dropped),
        common.problem(backend.in_page_words(str(_refused)), "What you were looking at is still open.") if _refused else None,
    )
    return


@app.cell
def _(get_news, get_wanted, set_news):
    get_news()
    wanted = get_wanted()
    ticks, report, fault = wizard.looked_through(wanted, set_news)
    wizard.understood(wanted, report, fault, ticks) if wanted else None
    return report, ticks, wanted


@app.cell
def _(ask, report, set_opened, set_refused, wanted):
    answers = wizard.answers(wanted, report, ask)
    open_button = wizard.open_button(wanted, report, set_opened)
    save_form = wizard.save_form(wanted, report, set_opened, set_refused)
    return answers, open_button, save_form


@app.cell
def _(answers, open_button, save_form, wanted):
    mo.stop(wanted is None)
    common.stack(answers, wizard.ways_on(wanted, open_button, save_form))
    return


@app.cell
def _(get_opened, get_user, memory, run_box, link):
    picked, loads = {"user": get_user()}, {}
    if get_opened() and link.change(**get_opened()) != link:
        loads = get_opened()
        memory.pop("wizard.wanted", None)
    elif run_box.value and run_box.value != link.run:
        loads = {"run": run_box.value}
    common.way_on(link, loads, memory)
    return loads, picked


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Does it use pictures and texts?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from functools import partial
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import LabError, audit, backend, plots

    ASKED = "Does it use pictures and texts?"


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
    common.nothing_trained(base, first_run, bool(jump), get_trouble(), ASKED) if base.run is None else None
    return first_run, jump


@app.cell
def _(base, get_news, set_news):
    mo.stop(base.run is None)
    get_news()  # the asking began or ended
    asking = backend.audited(base)
    if base.is_quick and not asking.is_ready and asking.error is None:
        asking.begin()
    ask = waiting.task_button(asking, "Take away what they tell", set_news)
    ticks = waiting.ticker(asking, set_news)
    return ask, asking, ticks


@app.cell
def _(ask, asking, ticks):
    found, _wait = None, None
    if not asking.is_ready:
        _wait = common.stack(
            common.fact("Everybody’s list is made anew for each change of the features."), waiting.task_line(asking, ask, ticks)
        )
    else:
        try:
            found = asking.value()
        except LabError as _error:
            _wait = common.problem(_error, "Nothing else is harmed.", "Choose another run on the page “Which runs are there?”.")
    _answer = "The weights stay as they are; what pictures or texts tell is taken away, and everybody’s list is made anew."
    common.stack(common.heading(ASKED, _answer, "instant"), _wait)
    return (found,)


@app.cell
def _(found, link):
    mo.stop(found is None)
    _hint = "Filled: the 95 % interval over people leaves out 0."
    _whole, _cohorts = (
        common.chart(plots.paired_differences(_frame, "as they are", found.metric, dark=link.is_dark, hint=_hint))
        for _frame in (backend.audit_changes(found), backend.audit_cohorts(found))
    )
    _left = common.stack(common.section("Whatever is done to them"), _whole)
    _right = common.stack(common.section("Dealt out anew: for whom it matters"), _cohorts)
    _sentences = found.sentences(partial(common.change, found.metric))
    common.stack(*map(common.finding, _sentences), common.side_by_side(_left, _right))
    return


@app.cell
def _(base, found, memory):
    mo.stop(found is None)
    modality = widgets.choice(memory, "audit.modality", "Features", {_name: _name for _name in found.items["modality"].unique()})
    done = widgets.choice(memory, "audit.done", "are", {_words: _name for _name, _words in backend.INTERVENTION_WORDS.items()})
    return done, modality


@app.cell
def _(base, done, found, modality):
    _lost = backend.audit_losses(found, modality.value, done.value)
    _lines = [f"found by {row.before:g} of {row.held}, then by {row.after:g}" for row in _lost.itertuples()]
    _cards = plots.card_row(backend.item_cards(base.data, _lost["item_id"], _lines, backend.SMALL_WIDTH), size="small")
    common.stack(
        common.section("What is found no longer"),
        mo.hstack([modality, done], justify="start", wrap=True),
        mo.Html(_cards) if len(_lost) else common.fact("Whoever found an item still finds it."),
    )
    return


@app.cell
def _(jump, memory):
    common.only_here(jump, memory)
    return


@app.cell
def _():
    common.how(
        r"$\Delta=\frac1{|U|}\sum_u R_u(\theta,X')-R_u(\theta,X)$: the same weights θ on other features $X'$, the mean over people of what "
        "is found then and what was found before. An interval is the middle 95 % of the means of 2,000 samples of the people.",
        "A model learns to tell items apart by whatever features it is given, chance ones too: that its lists rest on them does not say "
        "that they bring anything. Only a training without them tells that; `srgformer-lab experiment audit` makes it.",
        (audit, "carry_over("),
    )
    return


if __name__ == "__main__":
    app.run()

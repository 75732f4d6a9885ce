import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What changed between runs?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import comparison
    import marimo as mo
    import widgets

    from srgformer_lab import LabError, compare_lists, figures, workspace


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    view, _top = common.view_alone("from finished runs")
    memory = {"alone": True}
    _top
    return memory, view


@app.cell
def _(view):
    base, _trouble = common.open_scene(view)
    mo.stop(base is None, _trouble)
    assert base is not None
    get_user, set_user = mo.state(base.view.user)
    get_cohort, set_cohort = mo.state(base.view.cohort)
    get_jump, set_jump = mo.state("")
    get_trouble, set_trouble = mo.state(None)
    return base, get_cohort, get_jump, get_trouble, get_user, set_cohort, set_jump, set_trouble, set_user


@app.cell
def _(base):
    known = workspace.comparable_runs(base.data)
    first = base.view.run if base.view.run in known else next(iter(known), "")
    others = [name for name in known if name != first]
    return first, others


@app.cell
def _(base, others, set_jump, set_trouble):
    def _begin(count):
        try:
            workspace.begin_small(base.data, "no-hypergraph" if base.run is not None else "whole")
            set_jump("train")
        except LabError as error:
            set_trouble(error)
        return count

    begin = widgets.action("Train a run to compare with", _begin, disabled=bool(others))
    return (begin,)


@app.cell
def _(begin, get_jump, get_trouble, others):
    jump = get_jump()
    _trouble = common.problem(get_trouble(), "Nothing was started.") if get_trouble() else None
    _said = "Two trained runs of this data are needed, and there are not two yet. Train one without the hypergraph: what does it lose?"
    _head = common.heading("What changed between runs?", _said, "from finished runs")
    common.stack(_head, begin, _trouble) if not others else None
    return (jump,)


@app.cell
def _(base, first, others):
    mo.stop(not others)
    _chosen = [name for name in base.view.compared_runs if name in others][: workspace.MOST_RUNS - 1]
    against = mo.ui.multiselect(others, value=_chosen or others[:1], label=f"Hold against {first}", max_selections=workspace.MOST_RUNS - 1)
    return (against,)


@app.cell
def _(against, get_cohort, get_user, others):
    chosen = against.value or others[:1]
    picked = {"user": get_user(), "cohort": get_cohort(), "runs": workspace.joined(chosen)}
    return chosen, picked


@app.cell
def _(against, base, chosen, first, get_user):
    _answer = "The same person, the same data, other runs. Which things are new, which are dropped, and which were truly taken?"
    _head = common.heading("What changed between runs?", _answer, "from finished runs")
    try:
        _lists = comparison.lists(base.data, (first, *chosen), get_user())
    except LabError as _error:
        _lists = common.problem(_error, "The other runs are unharmed.", "Choose other runs above.")
    common.stack(_head, against, widgets.history(base.data, get_user()), _lists)
    return


@app.cell
def _(memory, others):
    mo.stop(not others)
    metric = widgets.choice(memory, "compare.metric", "Judged by", {figures.metric_name(name): name for name in comparison.METRICS})
    judge = mo.ui.run_button(label="Judge everybody’s lists")
    return judge, metric


@app.cell
def _(base, chosen, first, judge, metric, view):
    _wait = "Judging everybody’s lists takes a moment on data of this size."
    try:
        _is_asked = base.is_quick or judge.value or workspace.knows_quality(base.data, (first, *chosen))
    except LabError:
        _is_asked = True  # what is wrong is said below
    mo.stop(not _is_asked, common.stack(common.section("Who is served how well?"), common.fact(_wait), judge))
    differences, _trouble = None, None
    try:
        with mo.status.spinner("Everybody’s lists are made and judged", remove_on_exit=True):
            _quality = workspace.run_quality(base.data, (first, *chosen))
            differences = workspace.cohort_differences(base.data, first, chosen, metric.value)
        _named = differences.assign(group=differences["cohort"].map(workspace.cohort_name))
        _figure = common.chart(figures.paired_differences(_named, first, metric.value, dark=view.is_dark))
        _beside = common.side_by_side(_figure, comparison.quality_table(_quality))
        _shown = common.stack(_beside, comparison.cohort_table(differences, first, metric.value))
    except LabError as _error:
        _shown = common.problem(_error, "The other runs are unharmed.", "Choose other runs above.")
    common.stack(common.section("Who is served how well?", "from finished runs"), metric, _shown)
    return (differences,)


@app.cell
def _(chosen, get_cohort, memory, set_cohort):
    _names = {workspace.cohort_name(cohort): cohort for cohort in ("", *workspace.COHORTS)}
    group = mo.ui.dropdown(_names, value=workspace.cohort_name(get_cohort()), label="Among", on_change=set_cohort)
    rival = widgets.choice(memory, "compare.rival", "Who gains from", {name: name for name in chosen})
    return group, rival


@app.cell
def _(base, differences, first, get_cohort, get_user, metric, rival, set_user):
    mo.stop(differences is None)
    _changed = workspace.changed_users(base.data, first, rival.value, get_cohort(), metric.value)
    gaining, losing = comparison.winners(base.data, _changed, get_user(), set_user)
    return gaining, losing


@app.cell
def _(gaining, group, losing, rival):
    _gain = common.stack(common.finding("They gain most"), widgets.picker(gaining) if len(gaining) else common.fact("Nobody gains."))
    _lose = common.stack(common.finding("They lose most"), widgets.picker(losing) if len(losing) else common.fact("Nobody loses."))
    _controls = mo.hstack([group, rival], justify="start", align="end", wrap=True)
    common.stack(common.section("Whose list changed for better or worse?"), _controls, common.side_by_side(_gain, _lose))
    return


@app.cell
def _(memory, picked, view):
    common.way_on(view, picked, memory)
    return


@app.cell
def _():
    common.how(
        r"For every person the difference $m_u^{(2)}-m_u^{(1)}$ of the metric under both runs is taken, so that easy and hard people "
        "cancel out. An interval is the middle 95 % of the means of 2,000 samples of the people, drawn with replacement: it says how "
        "sure the difference is over people, not over other seeds of the training.",
        "Source: paired percentile bootstrap; every item competes, training items are left out.",
        (workspace.cohort_differences, "_against("),
        (compare_lists, 'both["moved"]'),
    )
    return


if __name__ == "__main__":
    app.run()

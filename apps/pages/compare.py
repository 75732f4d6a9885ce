import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What changed between runs?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import comparison
    import learned
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import LabError, backend, compare_lists, plots


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("from finished runs")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(link):
    base = common.opened(link)
    get_user, set_user = mo.state(base.link.user)
    get_cohort, set_cohort = mo.state(base.link.cohort)
    get_jump, set_jump = mo.state("")
    get_trouble, set_trouble = mo.state(None)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself
    return base, get_cohort, get_jump, get_news, get_trouble, get_user, set_cohort, set_jump, set_news, set_trouble, set_user


@app.cell
def _(base):
    first = backend.first_side(base)
    others = backend.other_sides(first) if first else {}
    return first, others


@app.cell
def _(base, others, set_jump, set_trouble):
    def _begin():
        backend.begin_small(base.data, "no-hypergraph" if base.run is not None else "whole")
        set_jump("train")

    begin = widgets.action("Train a run to compare with", common.tried(_begin, set_trouble), disabled=bool(others))
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
def _(first, others):
    mo.stop(not others)
    _most, _words = backend.MOST_RUNS - 1, f"Hold against {backend.side_name(first)}"
    _kept = [words for words, name in others.items() if name in first.link.runs][:_most]
    against = mo.ui.multiselect(others, value=_kept or list(others)[:1], label=_words, max_selections=_most)
    return (against,)


@app.cell
def _(against, get_cohort, get_user, others):
    chosen = against.value or list(others.values())[:1]
    picked = {"user": get_user(), "cohort": get_cohort(), "runs": tuple(chosen)}
    return chosen, picked


@app.cell
def _(chosen, first):
    sides, trouble = comparison.opened(first, chosen)
    return sides, trouble


@app.cell
def _(base, get_cohort, get_user, memory, others, set_user):
    mo.stop(not others)
    people = widgets.people_picker(base.data, get_user(), memory, set_user, cohort=get_cohort())
    return (people,)


@app.cell
def _(against, base, first, get_user, people, sides, trouble):
    _answer = "The same person, the same data, other runs. Which things are new, which are dropped, and which were truly taken?"
    _head = common.heading("What changed between runs?", _answer, "from finished runs")
    _lists = trouble
    if sides:
        try:
            _lists = comparison.lists(sides, get_user())
        except LabError as _error:
            _lists = comparison.problem(_error)
    _who = common.chooser("Another person?", widgets.picker(people))
    common.stack(_head, against, comparison.how_it_counts(first), widgets.history(base.data, get_user()), _who, _lists)
    return


@app.cell
def _(base, memory, others):
    mo.stop(not others)
    metrics = comparison.metrics(base.data)
    metric = widgets.choice(memory, "compare.metric", "Judged by", metrics)
    return metric, metrics


@app.cell
def _(memory, metric, metrics):
    _rest = {words: name for words, name in metrics.items() if name != metric.value}
    second_metric = widgets.choice(memory, "compare.second", "and by", _rest)
    return (second_metric,)


@app.cell
def _(get_news, set_news, sides):
    mo.stop(not sides)
    get_news()  # the judging began or ended
    judged = backend.run_quality(sides)
    judge = waiting.task_button(judged, "Judge everybody’s lists", set_news)
    judging = waiting.ticker(judged, set_news)
    return judge, judged, judging


@app.cell
def _(first, judge, judged, judging, metric, second_metric, sides, link):
    _controls = mo.hstack([metric, second_metric], justify="start", wrap=True)
    differences, _shown = None, common.stack(common.fact(comparison.LARGE), waiting.task_line(judged, judge, judging))
    if judged.is_ready:
        try:
            _quality, (_first, *_) = judged.value(), sides
            differences = backend.cohort_differences(sides, metric.value)
            _named = differences.assign(group=differences["cohort"].map(backend.cohort_name))
            _paired = plots.paired_differences(_named, _first, metric.value, dark=link.is_dark)
            _plane = plots.metric_plane(_quality, metric.value, second_metric.value, dark=link.is_dark)
            _tables = comparison.cohort_table(differences, _first, metric.value), comparison.quality_table(_quality)
            _charts = common.side_by_side(common.chart(_paired), common.chart(_plane))
            _shown = common.stack(
                common.fact(comparison.JUDGED),
                comparison.turned(sides),
                _controls,
                _charts,
                common.side_by_side(*_tables),
                comparison.list_table(_quality, first.data),
                learned.table(sides),
            )
        except LabError as _error:
            _shown = comparison.problem(_error)
    common.stack(common.section("Who is served how well?", "from finished runs"), _shown)
    return (differences,)


@app.cell
def _(get_cohort, memory, set_cohort, sides):
    _names = {backend.cohort_name(cohort): cohort for cohort in ("", *backend.cohorts_of(sides[next(iter(sides))].data))}
    group = mo.ui.dropdown(_names, value=backend.cohort_name(get_cohort()), label="Among", on_change=set_cohort)
    rival = widgets.choice(memory, "compare.rival", "Who gains from", {name: name for name in list(sides)[1:]})
    return group, rival


@app.cell
def _(differences, first, get_cohort, get_user, metric, rival, set_user, sides):
    mo.stop(differences is None)
    _changed = backend.changed_users(first, sides[rival.value], get_cohort(), metric.value)
    gaining, losing = comparison.winners(first, sides[rival.value], _changed, metric.value, get_user(), set_user)
    return gaining, losing


@app.cell
def _(gaining, group, losing, rival):
    _gain = common.stack(common.finding("They gain most"), widgets.picker(gaining) if len(gaining) else common.fact("Nobody gains."))
    _lose = common.stack(common.finding("They lose most"), widgets.picker(losing) if len(losing) else common.fact("Nobody loses."))
    _controls = mo.hstack([group, rival], justify="start", align="end", wrap=True)
    common.stack(common.section("Whose list changed most?"), _controls, common.side_by_side(_gain, _lose))
    return


@app.cell
def _(memory, picked, link):
    common.way_on(link, picked, memory)
    return


@app.cell
def _():
    common.how(
        r"For every person the difference $m_u^{(2)}-m_u^{(1)}$ of the metric under both runs is taken, so that easy and hard people "
        "cancel out. An interval is the middle 95 % of the means of 2,000 samples of the people, drawn with replacement: it says how "
        "sure the difference is over people, not over other seeds of the training.",
        "Source: paired percentile bootstrap; every item competes, training items are left out.",
        (backend.cohort_differences, "_against("),
        (compare_lists, 'both["moved"]'),
    )
    return


if __name__ == "__main__":
    app.run()

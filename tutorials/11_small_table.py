# /// script
# [tool.marimo.opengraph]
# title = "11. What does a table prove?"
# description = "Make a small table with seeds, selection on validation and paired intervals, and say what it does not show."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="11. What does a table prove?", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup:
    import sys

    import marimo as mo
    import numpy as np
    import pandas as pd
    from scipy import stats  # noqa: F401 learners need it

    from srgformer_lab import places, plots
    from srgformer_lab.plots.frames import points

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit
    from solutions import lesson_11 as by_hand

    LESSON = 11


@app.cell(hide_code=True)
def _():
    kit.header(LESSON)
    return


@app.cell(hide_code=True)
def _():
    dark = kit.dark()
    parts = by_hand.stored("ablation")
    models = by_hand.stored("baselines")
    seeds = sorted(parts["seed"].unique().tolist())
    return dark, models, parts, seeds


@app.cell(hide_code=True)
def _(dark, parts):
    _one = by_hand.table(parts, "whole", [0])
    _gains = _one.set_index("name")["gain"].dropna()
    _n_down = int((_gains < 0).sum())
    kit.stack(
        kit.step(
            "Look",
            "A table as papers print it",
            """
            Below is an **ablation**: SRGFormer on the built-in shop, whole, and trained anew with one part left out or changed. A row is
            one training; the number is test Recall@20. These trainings took longer than a lesson, so their rows are stored; how they were
            made stands in the project's results page. “w/o both” lacks attention and hypergraph, HCL and MCL are the two contrasts.
            """,
        ),
        kit.chart(
            plots.comparison_dots(
                _one,
                "name",
                "whole",
                about="losses",
                hint=f"One training a row. {_n_down} of {len(_gains)} rows lie below the whole. Does each part bring something?",
                dark=dark,
            )
        ),
        kit.markdown(
            "A **seed** is the number that chance starts from. Here it decides the weights at the start, the order of the training pairs, "
            "and the shop itself: another seed is another shop of the same kind."
        ),
    )
    return


@app.cell(hide_code=True)
def _(parts):
    _gains = by_hand.paired(by_hand.by_seed(parts, "whole"), by_hand.by_seed(parts, "w/o attention"))
    _said = ", ".join(f"{100 * _gain:+.1f}" for _gain in _gains).replace("-", "−") + " points"
    again = kit.Question(
        "again",
        f"Here the whole model is ahead of the one without attention, by {100 * _gains[0]:.1f} points. What do four more seeds say?",
        {
            "ahead each time, by about as much": f"The differences are {_said}: not even their sign stays.",
            "sometimes ahead, sometimes behind": f"The differences are {_said}. Whoever had run only the third seed would have written the "
            "opposite paper.",
            "ahead each time, but by very different amounts": f"The differences are {_said}. The amounts differ, and the sign does, too.",
        },
        right="sometimes ahead, sometimes behind",
    )
    again_guess = again.ask()
    kit.stack(kit.step("Predict", "The same table, once more"), again_guess)
    return again, again_guess


@app.cell(hide_code=True)
def _(seeds):
    which = kit.knob("seed", seeds, 0)
    return (which,)


@app.cell(hide_code=True)
def _(again, again_guess, dark, parts, which):
    again.answer(
        LESSON,
        again_guess.value,
        kit.step("Drag", "Five tables of one training each", "Move the seed, and watch which row is best."),
        kit.knob_box(which, "", f"seed: {which.value:g}"),
        kit.chart(plots.comparison_dots(by_hand.table(parts, "whole", [int(which.value)]), "name", "whole", dark=dark)),
    )
    return


@app.cell(hide_code=True)
def _():
    rates, n_epochs = (0.01, 0.03), 6
    trainings = {_seed: by_hand.trained(_seed, rates, n_epochs) for _seed in range(3)}
    counted = {_seed: by_hand.counted(_seed) for _seed in trainings}
    return counted, n_epochs, rates, trainings


@app.cell(hide_code=True)
def _(dark, n_epochs, rates, trainings):
    _valid, _test = trainings[0]
    _frame = pd.concat(
        [
            pd.DataFrame({"name": f"{_split}, lr {_rate:g}", "x": range(1, n_epochs + 1), "y": _curve})
            for _split, _curves in (("valid", _valid), ("test", _test))
            for _rate, _curve in zip(rates, _curves, strict=True)
        ]
    )
    _setting, _epoch = np.unravel_index(_valid.argmax(), _valid.shape)
    kit.stack(
        kit.step(
            "Explain",
            "One number of a training",
            f"""
            Now make a table yourself. This page has just trained a small model, a factorisation, on three shops (seeds 0, 1, 2), each with
            two learning rates for {n_epochs} epochs. That is {_valid.size} candidates a shop, and the table has room for **one** number.
            """,
        ),
        kit.chart(
            plots.lines_over(
                _frame,
                f"On seed 0, validation chooses lr {rates[_setting]:g} and epoch {_epoch + 1}",
                f"Test there: {by_hand.report(_valid, _test):.3f}. The best test number of all is {_test.max():.3f}.",
                x="epoch",
                y="Recall@20",
                marks={f"{_split}, lr {rates[_setting]:g}": _epoch + 1 for _split in ("valid", "test")},
                dark=dark,
            )
        ),
        kit.explain(
            r"$$(i^*, e^*) = \underset{i,\,e}{\operatorname{arg\,max}}\; V_{ie}, \qquad \text{reported} = T_{i^* e^*}$$",
            {
                "$i$": "a setting (a row): here a learning rate",
                "$e$": "an epoch (a column)",
                "$V_{ie}$": "Recall@20 on **validation**: it chooses, setting and epoch at once",
                "$T_{ie}$": "Recall@20 on **test**: it is read once, at the chosen place",
            },
            "Where two cells are level on validation, the earliest counts, row by row. Such a rule must stand before anybody looks.",
        ),
        kit.step("Write", "Exercise 1 of 3: what is reported"),
    )
    return


@app.function
def report(valid, test):
    """Return the test number at the earliest best validation number.

    valid, test: arrays of settings × epochs
    Example: report(np.array([[0.1, 0.2], [0.3, 0.2]]),
                    np.array([[0.5, 0.6], [0.4, 0.7]])) is 0.4.
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, report)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "report")
    return


@app.cell(hide_code=True)
def _(models):
    _values = {_name: list(by_hand.by_seed(models, _name).values()) for _name in ("SRGFormer", "LightGCN")}
    _range = {_name: f"{100 * min(_all):.0f} to {100 * max(_all):.0f} %" for _name, _all in _values.items()}
    overlap = kit.Question(
        "overlap",
        f"Over five seeds SRGFormer reaches {_range['SRGFormer']}, LightGCN {_range['LightGCN']}. Can five seeds show which is better?",
        {
            "no: the two ranges overlap": "The ranges overlap since some shops are harder than others, for **both** models. Compare them "
            "on the same shop, and that goes away.",
            "yes: the higher mean is better": "A higher mean alone shows nothing: in the first table, rows changed places. What counts is "
            "how the differences on the **same** shop vary.",
            "perhaps: it depends on the differences seed by seed": "Hard shops are hard for both. Subtract on the same shop, and only what "
            "differs between the models is left.",
        },
        right="perhaps: it depends on the differences seed by seed",
    )
    overlap_guess = overlap.ask()
    kit.stack(kit.step("Predict", "Two models, five shops"), overlap_guess)
    return overlap, overlap_guess


@app.cell(hide_code=True)
def _(dark, models, overlap, overlap_guess):
    _frame = models[models["name"].isin(["SRGFormer", "LightGCN"])].rename(columns={"seed": "x", "test": "y"}).sort_values("name")
    _gains = by_hand.paired(by_hand.by_seed(models, "SRGFormer"), by_hand.by_seed(models, "LightGCN"))
    overlap.answer(
        LESSON,
        overlap_guess.value,
        kit.chart(
            plots.lines_over(
                _frame,
                f"SRGFormer is ahead in {int((_gains > 0).sum())} of {len(_gains)} shops",
                "Both lines rise and fall together: what a shop does to one, it does to the other.",
                x="seed",
                y="test Recall@20",
                dark=dark,
            )
        ),
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Write", "Exercise 2 of 3: differences in pairs"),
        kit.explain(
            r"$$d_j = a_j - b_j \qquad \text{for each seed } j \text{ that both have}$$",
            {
                "$j$": "a seed",
                "$a_j$": "what our model reports with it",
                "$b_j$": "what their model reports with the same seed: the same shop",
                "$d_j$": "the paired difference; above 0, ours is better there",
            },
        ),
    )
    return


@app.function
def paired(ours, theirs):
    """Return the list of differences ours − theirs, the lowest seed first.

    ours, theirs: {seed: number}; seeds in any order, and one may lack some
    Example: paired({2: 0.5, 0: 0.6}, {0: 0.2, 1: 0.3}) is [0.4].
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, paired)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "paired")
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step(
            "Write",
            "Exercise 3 of 3: how sure is the mean?",
            """
            Five differences have a mean. With five other seeds it would be another. A **95 % interval** is made so that, if the whole
            experiment were repeated again and again, 95 of 100 such intervals would hold the mean over all seeds there are. If it
            holds 0, the difference can't be told from nothing. That is not the same as “there is none”.
            """,
        ),
        kit.explain(
            r"$$\bar d \;\pm\; t_{0.975,\,n-1}\,\frac{s}{\sqrt n}, \qquad s = \sqrt{\frac{1}{n-1}\sum_j (d_j - \bar d)^2}$$",
            {
                r"$\bar d$": "the mean of the differences",
                "$n$": "how many seeds",
                "$s$": "their spread (standard deviation); np.std(d, ddof=1)",
                r"$t_{0.975,\,n-1}$": "Student's quantile: 12.7 for two seeds, 2.78 for five, near 1.96 for very many",
            },
            "For the differences 0.1 and 0.3: $\\bar d = 0.2$, $s/\\sqrt 2 = 0.1$, and 0.2 ± 12.7 · 0.1 goes from −1.07 to 1.47. "
            "`np` (numpy) and `stats` (of scipy) are imported already; the quantile is `stats.t.ppf(0.975, n - 1)`.",
        ),
    )
    return


@app.function
def interval(differences):
    """Return the two ends (low, high) of the 95 % interval of the mean.

    differences: array of numbers, one for each seed, at least two
    """
    answer = ...  # write here
    return answer


@app.cell(hide_code=True)
def _():
    kit.check(LESSON, interval)
    return


@app.cell(hide_code=True)
def _():
    kit.solution(LESSON, "interval")
    return


@app.cell(hide_code=True)
def _():
    own = kit.Own(LESSON, report, paired, interval)
    own.said()
    return (own,)


@app.cell(hide_code=True)
def _(counted, dark, own, trainings):
    _rows = pd.DataFrame(
        [
            {"name": _name, "seed": _seed, "test": _value}
            for _seed, _curves in trainings.items()
            for _name, _value in (counted[_seed] | {"factorisation": own.report(*_curves)}).items()
        ]
    )
    _table = own.table(_rows, "Popularity", list(trainings))
    _shown = list(_table.loc[_table["gain_low"] > 0, "name"])
    _open = [_name for _name in _table["name"][1:] if _name not in _shown]
    kit.stack(
        kit.step("Look", "Your small table", "Made by the solutions of the three exercises, of what this page has trained on three shops."),
        kit.chart(plots.comparison_dots(_table, "name", "Popularity", dark=dark)),
        kit.markdown(
            f"Shown to be ahead of popularity with three seeds: {', '.join(_shown) or 'nothing'}"
            f"{'; not shown: ' + ', '.join(_open) if _open else ''}. What this does **not** show: that factorisation is worse than ItemKNN "
            "in general. It had six epochs and two settings; the results page gave it up to 200 "
            "epochs and more settings. **A row is a model and the effort spent on it.**"
        ),
    )
    return


@app.cell(hide_code=True)
def _(seeds):
    how_many = kit.knob("seeds", range(2, len(seeds) + 1), 2)
    return (how_many,)


@app.cell(hide_code=True)
def _(dark, how_many, own, parts, seeds):
    _n = int(how_many.value)
    _table = own.table(parts, "whole", seeds[:_n])
    _points = 100 * _table.dropna().set_index("name")[["gain", "gain_low", "gain_high"]]
    _written = {_row.Index: [f"{_value:+.2f}".replace("-", "−") for _value in _row[1:]] for _row in _points.itertuples()}
    _wide = (_table["gain_high"] - _table["gain_low"]).median()
    _sure = list(_table[(_table["gain_high"] < 0) | (_table["gain_low"] > 0)]["name"])
    kit.stack(
        kit.step(
            "Drag",
            "The ablation again, with intervals",
            "Differences in points of Recall@20. More seeds, narrower intervals: which rows can be told from the whole?",
        ),
        kit.knob_box(how_many, "n", f"seeds: {_n}"),
        kit.finding(f"With {_n} seeds, {', '.join(_sure) if _sure else 'no row'} can be told from the whole"),
        kit.tiles([(_name, _gain, f"[{_low}, {_high}]") for _name, (_gain, _low, _high) in _written.items()]),
        kit.fact(
            f"Half of the intervals are wider than {100 * _wide:.1f} points. A row that stands out with two seeds may not with three."
        ),
    )
    return


@app.cell(hide_code=True)
def _(own):
    way = mo.ui.dropdown(list(own.WAYS), value=own.LUCKY, label="What is done wrong")
    return (way,)


@app.cell(hide_code=True)
def _(dark, models, own, parts, seeds, way):
    _used = [0] if way.value == own.ALONE else seeds
    _table = own.table(parts, "whole", _used, way.value)
    _down = int((_table["gain"] < 0).sum())
    _all = len(_table) - 1
    _ours, _theirs = (np.array(list(own.by_seed(models, _name).values())) for _name in ("SRGFormer", "LightGCN"))
    _gain = {"gain": (_ours - _theirs).mean()}
    _paired, _apart = (
        points(pd.Series(_gain | dict(zip(("gain_low", "gain_high"), _bounds, strict=True))), signs=True)
        for _bounds in (own.interval(_ours - _theirs), own.unpaired(_ours, _theirs))
    )
    _n_shown = int((_table["gain_high"] < 0).sum())
    _hint = "A filled dot: the interval excludes 0." if _table["gain_low"].notna().any() else "No interval, no judgement."
    if way.value == own.LUCKY:
        _hint = "A row: the whole's mean, and the row's difference to it in its one seed."
    _says = {
        own.RIGHT: f"Paired, over five seeds: {_n_shown} of {_all} rows are worse than the whole, beyond chance",
        own.ALONE: f"One seed: {_down} of {_all} rows are below the whole, and nothing says whether that is chance",
        own.LUCKY: f"The luckiest seed for each row: {_down} of {_all} rows are below the whole. Every part “brings a gain”",
        own.APART: f"Not paired, the shops' own spread drowns everything: {_n_shown} rows are worse beyond chance. "
        f"SRGFormer − LightGCN would be {_apart} instead of {_paired}",
    }
    kit.stack(
        kit.step("Break it", "The same trainings, told wrongly", "No training changes; only how the table is made."),
        way,
        kit.finding(_says[way.value]),
        kit.chart(plots.comparison_dots(_table, "name", "whole", about="losses", dark=dark, hint=_hint)),
    )
    return


@app.cell(hide_code=True)
def _():
    looks = kit.knob("rows", range(1, 31), 9)
    return (looks,)


@app.cell(hide_code=True)
def _(looks):
    _n = int(looks.value)
    _chance = 1 - 0.95**_n
    kit.stack(
        kit.step(
            "Drag",
            "Many rows, one of them “significant”",
            "Suppose no part did anything at all. Each row's 95 % interval still misses 0 one time in twenty.",
        ),
        kit.knob_box(looks, "n", f"rows that are looked at: {_n}"),
        kit.finding(f"With {_n} rows, at least one misses 0 by chance {plots.percent(_chance)} of the time"),
        kit.fact("Counted as if rows were independent: 1 − 0.95ⁿ. Say how many rows you looked at, not only the one that shone."),
    )
    return


@app.cell(hide_code=True)
def _(own, parts, seeds):
    _hidden = -100 * own.table(parts, "whole", seeds).set_index("name")["gain_low"]
    kit.stack(
        kit.step(
            "Explain",
            "What these tables do not show",
            f"""
            - **Not that attention or the hypergraph bring nothing.** On five shops of this kind and size, one a seed, a gain of
              {_hidden["w/o attention"]:.1f} points and one of {_hidden["w/o hypergraph"]:.1f} points could hide in their intervals.
            - **Not that it is so elsewhere.** One kind of shop, 600 people, content planted so that it can help.
            - **Not that the paper is wrong.** Its data are larger, its width is 256, its features are others.
            - **Not that modalities help in general.** Here each of the two is shown to bring something; without a signal in pictures and
              texts the same model loses to LightGCN (see the results page).

            What they do show: on shops of this kind, leaving out pictures or texts costs more than chance does. That is a claim with an
            edge, and it can be checked by whoever has an hour.
            """,
        )
    )
    return


@app.cell(hide_code=True)
def _():
    kit.stack(
        kit.step("Transfer", "Two questions to take along"),
        kit.transfer(
            {
                "**1.** A paper reports one seed: a gain of 1 % over the best baseline, which was copied from another paper. Name three "
                "things that you would ask.": "How much does the number move from seed to seed? Were both models chosen on validation, "
                "with the same effort, at the same width? Is it the same split, the same features, the same way to hide positives? "
                "Without an answer, 1 % is not a finding.",
                "**2.** You may train ten times. Would you rather try ten settings with one seed, or two settings with five seeds?": "For "
                "finding a setting, several settings on validation; for a **claim**, seeds. A common way is both: choose the setting with "
                "one seed on validation, fix it, then run five seeds of the two models that the claim is about, and look at test once.",
            }
        ),
    )
    return


if __name__ == "__main__":
    app.run()

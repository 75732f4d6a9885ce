import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What did the hyperedges learn?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import dials
    import groups
    import learned
    import marimo as mo
    import waiting

    from srgformer_lab import Trace, agreement, backend, hyperedge_cards, plots

    TAU = "membership_temperature"


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
    _asked = "What did the hyperedges learn?"
    common.nothing_trained(base, first_run, bool(jump), get_trouble(), _asked) if base.trained is None else None
    return first_run, jump


@app.cell
def _(base, link):
    mo.stop(base.trained is None)
    mo.stop(not base.trace.hypergraph, common.fact("This model has no hyperedges: it has no modality, or was trained without them."))
    first_modality = link.modality if link.modality in base.trace.hypergraph else next(iter(base.trace.hypergraph))
    get_modality, set_modality = mo.state(first_modality)
    get_hyperedge, set_hyperedge = mo.state(link.hyperedge)
    get_item, set_item = mo.state(link.item)
    get_epoch, set_epoch = mo.state(link.epoch)
    get_tau, set_tau = mo.state(link.tau)
    get_rebuilt, set_rebuilt = mo.state(0)
    get_noted, set_noted = mo.state(0)
    get_refused, set_refused = mo.state(None)

    def choose_modality(name):
        set_hyperedge(None)  # numbers mean something else in another modality
        set_modality(name)

    def reset_tau(count):
        set_tau(None)
        set_rebuilt(count)
        return count

    return (
        choose_modality, first_modality, get_epoch, get_hyperedge, get_item, get_modality, get_noted, get_rebuilt, get_refused, get_tau,
        reset_tau, set_epoch, set_hyperedge, set_item, set_noted, set_refused, set_tau,
    )  # fmt: skip


@app.cell
def _(base, choose_modality, first_modality, reset_tau, set_epoch):
    _label = "Hyperedges of"
    modalities = mo.ui.radio(list(base.trace.hypergraph), value=first_modality, inline=True, label=_label, on_change=choose_modality)
    epochs = dials.epoch_slider(base, set_epoch)
    reset = mo.ui.button(label="reset", value=0, on_click=lambda count: reset_tau(count + 1), tooltip="back to the trained value")
    return epochs, modalities, reset


@app.cell
def _(base, get_rebuilt, set_tau, link):
    _trained = base.trained_knobs[TAU]
    _start = _trained if get_rebuilt() else (_trained if link.tau is None else link.tau)
    tau = dials.knob_slider(TAU, _start, lambda value: set_tau(None if value == _trained else value), [_trained])
    return (tau,)


@app.cell
def _(get_epoch, get_hyperedge, get_item, get_modality, get_tau, link):
    picked = {"modality": get_modality(), "hyperedge": get_hyperedge(), "item": get_item(), "epoch": get_epoch(), "tau": get_tau()}
    scene = common.opened(link, **picked)
    hyperedges = backend.Hyperedges(scene, get_modality())
    cards = hyperedges.cards
    return cards, hyperedges, scene, picked


@app.cell
def _(base, epochs, modalities, reset, tau, link):
    _knob = dials.knob_box(TAU, tau, base.trained_knobs[TAU], link.is_dark, reset)
    common.stack(
        common.heading(
            "What did the hyperedges learn?",
            "A hyperedge is a group that nobody named: training decides how far each thing and each person is in it. "
            "Choose one below; go back to epoch 0, and see what was there before training.",
            "instant",
        ),
        modalities,
        mo.Html(f'<div class="lab-knobs">{dials.epoch_box(base, epochs).text}{_knob.text}</div>'),
    )
    return


@app.cell
def _(memory):
    words = mo.ui.text(
        value=memory.get("hyperedges.words", ""),
        label="Only those with these words",
        placeholder="a name, a thing, a word, …",
        on_change=lambda value: memory.update({"hyperedges.words": value}),
    )
    words
    return (words,)


@app.cell
def _(get_noted, hyperedges, set_hyperedge, words):
    get_noted()  # a name was given
    wall = groups.wall(hyperedges, set_hyperedge, words.value)
    return (wall,)


@app.cell
def _(hyperedges, wall, words):
    groups.shown_wall(hyperedges, wall, words.value)
    return


@app.cell
def _(hyperedges, set_item):
    members = groups.members(hyperedges, set_item)
    return (members,)


@app.cell
def _(get_noted, hyperedges, members):
    get_noted()
    groups.chosen_one(hyperedges, members)
    return


@app.cell
def _(hyperedges, set_noted, set_refused):
    naming = groups.naming(hyperedges, set_noted, set_refused)
    return (naming,)


@app.cell
def _(get_noted, get_refused, hyperedges, naming):
    get_noted()
    groups.shown_naming(hyperedges, naming, get_refused())
    return


@app.cell
def _(hyperedges):
    groups.without_chosen(hyperedges)
    return


@app.cell
def _(hyperedges):
    common.stack(common.section("Did it learn that?", "instant"), common.fact(learned.NOTE), learned.tiles(hyperedges.learned))
    return


@app.cell
def _(cards, hyperedges, scene, link):
    _figures = [
        plots.incidence_heatmap(hyperedges.incidence, dark=link.is_dark),
        plots.usage_bars(hyperedges.named_cards, dark=link.is_dark),
    ]
    _asked = "How decided are the memberships, and is each hyperedge used?"
    common.stack(common.section(_asked, "instant"), common.side_by_side(*map(common.chart, _figures)))
    return


@app.cell
def _(hyperedges, link):
    groups.agreements(hyperedges, link.is_dark)
    return


@app.cell
def _(base, get_modality, get_news, set_news):
    get_news()  # a search began or ended
    river = backend.Hyperedges(base, get_modality()).river()
    river_button = waiting.task_button(river, f"Follow the things over {len(base.run.epochs())} epochs", set_news)
    river_ticks = waiting.ticker(river, set_news)
    return river, river_button, river_ticks


@app.cell
def _(river, river_button, river_ticks, link):
    _shown = waiting.task_line(river, river_button, river_ticks)
    if river.is_ready:
        _shown = common.chart(plots.river(river.value(), dark=link.is_dark))
    common.stack(common.section("When did they settle?", "from finished runs"), _shown)
    return


@app.cell
def _(memory, picked, link):
    common.way_on(link, {"item": picked["item"]}, memory)
    return


@app.cell
def _():
    common.how(
        r"The membership of an item in the hyperedges of modality $m$ is $\mathbf H^m=\mathrm{softmax}(\mathbf X^m\mathbf V^{m}/\tau)$, "
        "row by row, so that each row sums to 1; a person's is made of the sum of their things' logits, or of their memberships. "
        "An item belongs where its membership is largest. "
        "Memberships are not probabilities that somebody estimated: they are what the model found useful for ranking.",
        "Source: Eqs. 9–11 of the paper (Shi et al., arXiv 2511.00584).",
        (hyperedge_cards, "home, users = homes"),
        (agreement, "home, other = homes"),
        (Trace._relaxed, "return relax("),
    )
    return


if __name__ == "__main__":
    app.run()

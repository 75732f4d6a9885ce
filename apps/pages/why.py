import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Why this item?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import changes
    import common
    import marimo as mo
    import reasons
    import waiting
    import widgets

    from srgformer_lab import backend, explain, what_if

    MOST_FOUND = 24


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
    get_item, set_item = mo.state(link.item)
    get_group, set_group = mo.state({})
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself

    def open_hyperedge(hyperedge):
        set_group(dict(zip(("modality", "hyperedge"), hyperedge, strict=True)))
        set_jump("hyperedges")

    def choose_user(user_id):
        if user_id != get_user():
            set_item("")  # another person has another list; its first item is shown
        set_user(user_id)

    return (
        choose_user, get_group, get_item, get_jump, get_news, get_trouble, get_user, open_hyperedge, set_item, set_jump, set_news,
        set_trouble,
    )  # fmt: skip


@app.cell
def _(get_group, get_item, get_user, link):
    scene = common.opened(link, user=get_user(), item=get_item())
    picked = {"user": scene.link.user, "item": scene.link.item} | get_group()
    return scene, picked


@app.cell
def _(get_jump, get_trouble, scene, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(scene.data, set_jump, set_trouble)
    _asked = "Why this item?", "model"
    common.nothing_trained(scene, first_run, bool(jump), get_trouble(), *_asked) if not scene.is_loaded else None
    return first_run, jump


@app.cell
def _(scene):
    mo.stop(not scene.is_loaded)
    why = scene.explanation()
    ranking = scene.ranking()
    return ranking, why


@app.cell
def _(scene, ranking, why):
    reasons.standing(scene.data, why, len(ranking))
    return


@app.cell
def _(memory, ranking):
    mo.stop(ranking is None)
    search = mo.ui.text(
        value=memory.get("why.search", ""),
        label="Find an item by its title, text or details",
        placeholder="a word of its title",
        on_change=lambda value: memory.update({"why.search": value}),
    )
    return (search,)


@app.cell
def _(scene, ranking, search, set_item):
    _ids = backend.found_in_list(scene.data, search.value, ranking) if search.value else list(ranking["item_id"].head(8))
    _rank = ranking.set_index("item_id")["rank"]
    _shown = _ids[:MOST_FOUND]
    found = "The first of this person’s list:"
    if search.value:
        _many = f"{len(_ids):,} are found, the best placed first" + ("." if len(_ids) <= MOST_FOUND else f"; here are {MOST_FOUND}.")
        found = _many if _ids else "No title, text or detail holds these words; try fewer."
    items = mo.ui.array(
        [
            widgets.item_button(
                scene.data, _id, f"rank {_rank[_id]}" if _id in _rank.index else "taken already", _id == scene.link.item, set_item
            )
            for _id in _shown
        ]
    )
    return found, items


@app.cell
def _(choose_user, scene, memory):
    people = widgets.people_picker(scene.data, scene.link.user, memory, choose_user, cohort=scene.link.cohort)
    return (people,)


@app.cell
def _(found, items, people, search):
    common.chooser(
        "Another item, or another person?", common.stack(search, common.fact(found), widgets.picker(items)), widgets.picker(people)
    )
    return


@app.cell
def _(scene, link, why):
    common.stack(reasons.sum_of_parts(scene.data, why, link.is_dark), reasons.similar(why, link.is_dark), reasons.left_out(scene))
    return


@app.cell
def _(scene, link, why):
    mo.stop(not len(why.history), None if why.note else common.fact("This person has no history that could carry a score."))
    reasons.history(scene.data, why, link.is_dark)
    return


@app.cell
def _(memory, ranking, why):
    lost = widgets.choice(memory, "why.lost", "It is to be off", backend.places_to_lose(why, ranking))
    return (lost,)


@app.cell
def _(get_news, lost, scene, set_news):
    mo.stop(not lost.value)
    get_news()  # a search began or ended
    hanging = backend.hangs_on(scene, lost.value)
    hang_button = waiting.task_button(hanging, "Find the fewest things that it hangs on", set_news)
    hang_ticks = waiting.ticker(hanging, set_news)  # last: an element is known by its place
    return hang_button, hang_ticks, hanging


@app.cell
def _(hang_button, hang_ticks, hanging, lost, scene):
    _line = (
        "Which things must go so that it is no longer there? Each set that is tried is a run of the model without it; nothing is trained."
    )
    _found = reasons.hangs_on(scene.data, hanging.value()) if hanging.is_ready else waiting.task_line(hanging, hang_button, hang_ticks)
    common.stack(common.section("What does it hang on?", "instant"), common.fact(_line), lost, _found)
    return


@app.cell
def _(scene, memory, ranking, why):
    asked = reasons.questions(scene, why, ranking, memory)
    return (asked,)


@app.cell
def _(asked, scene, why):
    _changes = changes.asked_changes(**asked.value)
    _ask, _said = (lambda: scene.what_if(*_changes), "") if _changes else reasons.example(scene, why)
    _answer = common.stack(common.fact(_said) if _said else None, reasons.what_if(scene.data, why, _ask))
    _controls = mo.hstack(list(asked.elements.values()), justify="start", align="end", wrap=True)
    common.stack(common.section("What if?", "instant"), _controls, _answer)
    return


@app.cell
def _(scene, memory, ranking):
    _others = widgets.named_items(scene.data, [item for item in ranking["item_id"].head(20) if item != scene.link.item])
    rival = widgets.choice(memory, "why.rival", "Against", _others)
    return (rival,)


@app.cell
def _(scene, rival, link):
    mo.stop(not rival.value)
    common.stack(common.section("Why this one above that one?", "instant"), rival, reasons.versus(scene.versus(rival.value), link.is_dark))
    return


@app.cell
def _(scene, open_hyperedge, why):
    carried = reasons.hyperedge_buttons(scene.data, backend.carrying_hyperedges(scene, why), open_hyperedge)
    return (carried,)


@app.cell
def _(carried, jump, scene, memory, link):
    common.stack(reasons.hyperedges(scene, carried, link.is_dark), common.only_here(jump, memory))
    return


@app.cell
def _(choose_user, scene, why):
    audience = reasons.audience(scene.data, why, choose_user)
    return (audience,)


@app.cell
def _(audience):
    mo.stop(not len(audience))
    _said = "Neighbours in the graph who took this item and moved the score most; click one to see their own list."
    common.stack(common.section("Which people carried it?", "instant"), common.fact(_said), widgets.picker(audience))
    return


@app.cell
def _(why):
    mo.stop(len(why.parts) == 1)
    mo.accordion({f"All {len(why.parts)} cells as a table": mo.ui.table(why.parts.round(6), selection=None, page_size=36)})
    return


@app.cell
def _():
    common.how(
        r"$\hat r_{ui}=\langle\mathbf e^*_u,\mathbf e^*_i\rangle=\sum_{p,q}\langle\mathbf e_u^{(p)},\mathbf e_i^{(q)}\rangle$ "
        r"over the parts $p,q\in\{id, image, text, \dots, attention, hypergraph\}$. "
        "A bar is half of its part's row plus half of its column, "
        "so the bars sum to the score as the cells do. It is an identity, not an estimate. "
        "A thing's share is what flowed through it with norms, weights and memberships held at their values; "
        "a what-if runs the model again, so that these change too.",
        "Source: follows from the fusion, Eq. 15 of the paper (Shi et al., arXiv 2511.00584).",
        (explain, "user_parts @ item_parts.T"),
        (what_if, "variant(model"),
    )
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="What is in the data?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import cohorts
    import common
    import inventory
    import marimo as mo
    import waiting
    import widgets

    from srgformer_lab import backend, evaluate_users


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
    get_chosen, set_chosen = mo.state({name: getattr(base.link, name) for name in ("user", "item", "cohort", "items")})
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    get_news, set_news = mo.state(0, allow_self_loops=True)  # the ticker ends itself

    def choosing(name):
        return lambda value: set_chosen({**get_chosen(), name: value})

    def choose_user(user_id):  # another person has another list; its first item is shown
        set_chosen(get_chosen() if get_chosen()["user"] == user_id else {**get_chosen(), "user": user_id, "item": ""})

    def ask_why(item_id):
        choosing("item")(item_id)
        set_jump("why")

    return ask_why, base, choose_user, choosing, get_chosen, get_jump, get_news, get_trouble, set_jump, set_news, set_trouble


@app.cell
def _(get_chosen, link):
    scene = common.opened(link, **get_chosen())
    picked = {name: getattr(scene.link, name) for name in ("user", "item", "cohort", "items")}
    return scene, picked


@app.cell
def _(base, link):
    _answer = "Who took what, and what is known of the things. Click a thing or a person: every other page then shows it."
    common.stack(common.heading("What is in the data?", _answer, "instant"), inventory.overview(base.data, link.is_dark))
    return


@app.cell
def _(choosing, scene):
    together = mo.ui.array(
        [widgets.item_button(scene.data, _id, "", _id == scene.link.item, choosing("item"), "card") for _id in scene.link.items]
    )
    let_go = mo.ui.button(label="Let go of them", value=(), on_change=choosing("items"))
    return let_go, together


@app.cell
def _(let_go, scene, together):
    _said = common.section(f"What you chose together: {len(together)} items")
    _chosen = [_said, widgets.picker(together), let_go] if len(together) else []
    common.stack(*_chosen, inventory.newcomer(scene))
    return


@app.cell
def _(base, memory):
    wishes = inventory.filters(base.data, memory)
    return (wishes,)


@app.cell
def _(base, choosing, wishes):
    found = backend.choose_items(base.data, **wishes.value)
    get_count, set_count = mo.state(inventory.STEP)
    more = mo.ui.button(label="Show more", on_change=lambda _: set_count(get_count() + inventory.STEP))
    carry = inventory.carrying(found, choosing("items"))
    return carry, found, get_count, more


@app.cell
def _(choosing, found, get_count, scene):
    wall = inventory.wall(scene.data, found, get_count(), scene.link.item, choosing("item"))
    return (wall,)


@app.cell
def _(carry, found, more, wall, wishes):
    common.stack(
        common.section("The things"),
        mo.hstack(list(wishes.elements.values()), justify="start", align="end", wrap=True),
        common.fact(f"{len(found):,} fit, the most taken first." if len(found) else "Nothing fits all of this; take one wish back."),
        widgets.picker(wall),
        mo.hstack([more, carry] if len(found) > len(wall) else [carry], justify="start", wrap=True),
    )
    return


@app.cell
def _(choosing, scene, set_jump):
    _users = backend.takers(scene.data, scene.link.item)  # the item stays when one of them is chosen
    takers = mo.ui.array([widgets.person_button(scene.data, _user, _user == scene.link.user, choosing("user")) for _user in _users])
    why = mo.ui.button(label="Why does it stand where it stands?", on_change=lambda _: set_jump("why"))
    like = mo.ui.button(
        label="I like it: add it to what you chose together",
        on_change=lambda _: choosing("items")(tuple(dict.fromkeys([*scene.link.items, scene.link.item]))[-backend.MOST_ITEMS :]),
    )
    return like, takers, why


@app.cell
def _(like, scene, takers, why):
    _panel = inventory.item_panel(scene.data, scene.link.item, takers, [like, *([why] if scene.trained else [])])
    common.stack(common.section("The item that you look at"), _panel)
    return


@app.cell
def _(base, get_jump, get_trouble, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(base.data, set_jump, set_trouble)
    common.nothing_trained(base, first_run, bool(jump), get_trouble()) if base.trained is None else None
    return first_run, jump


@app.cell
def _(memory):
    order = widgets.choice(memory, "cohorts.order", "Who comes first?", cohorts.ORDERS)
    return (order,)


@app.cell
def _(base, get_news, set_news):
    get_news()  # the judging began or ended
    served = backend.cohort_table(base)
    judge = waiting.task_button(served, "Judge everybody’s list", set_news)
    judging = waiting.ticker(served, set_news)
    return judge, judging, served


@app.cell
def _(base, served):
    is_judged = base.trained is not None and served.is_ready
    table = served.value() if is_judged else backend.cohort_sizes(base.data)
    return is_judged, table


@app.cell
def _(choosing, scene, table):
    rows = cohorts.cohort_rows(table, scene.link.cohort, choosing("cohort"))
    return (rows,)


@app.cell
def _(choose_user, is_judged, scene, memory, order):
    if is_judged:
        _served = backend.cohort_served(scene, scene.link.cohort, order.value)
        people = cohorts.served_people(scene.data, _served, scene.link.user, memory, choose_user)
    else:
        people = widgets.people_picker(scene.data, scene.link.user, memory, choose_user, cohorts.SHOWN, scene.link.cohort)
    return (people,)


@app.cell
def _(is_judged, judge, judging, scene, order, people, rows, served, table):
    if is_judged:
        _shown = [common.finding(cohorts.finding(table)), widgets.rows(rows), common.fact(cohorts.MEANING)]
    else:
        _wait = [common.fact(cohorts.LARGE), waiting.task_line(served, judge, judging)]
        _shown = [widgets.rows(rows), *(_wait if scene.trained else [common.fact(cohorts.SIZES)])]
    common.stack(
        common.section("Who is served how well?" if scene.trained else "Who has how long a history?", "instant"),
        *_shown,
        common.finding(f"Choose a person: {backend.cohort_name(scene.link.cohort)}"),
        order if is_judged else None,
        widgets.picker(people),
    )
    return


@app.cell
def _(ask_why, scene):
    mo.stop(scene.trained is None)
    _ranking = backend.tested_ranking(scene, scene.link.user)
    listed = cohorts.listed_items(scene.data, _ranking.head(20), ask_why)
    held_back = cohorts.listed_items(scene.data, _ranking[_ranking["hit"]], ask_why)
    return held_back, listed


@app.cell
def _(held_back, listed, scene):
    _said = "What was held back for validation, and its place:" if len(held_back) else "Nothing was held back, so nothing can be found."
    common.stack(
        common.section("This person’s list", "instant"),
        widgets.history(scene.data, scene.link.user),
        common.fact("The first twenty that the model would show. Click one: why is it there?"),
        widgets.picker(listed),
        common.fact(_said),
        widgets.picker(held_back),
    )
    return


@app.cell
def _(jump, memory, picked, link):
    common.stack(common.way_on(link, picked, memory), common.only_here(jump, memory))
    return


@app.cell
def _():
    common.how(
        r"Density is $|\mathcal R|/(|\mathcal U|\,|\mathcal I|)$, the known pairs over all. "
        "Histories and popularity count what there is to learn from, the training split. An interval is the middle 95 % of the means of "
        "2,000 samples of the users, drawn with replacement.",
        "Source: the protocol of the paper (Shi et al., arXiv 2511.00584): every item competes, training items are left out.",
        (evaluate_users, "accuracy("),
        (backend.facts, "density ="),
    )
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="SRGFormer Lab", css_file="lab.css", html_head_file="head.html")

with app.setup:
    from importlib import import_module

    import marimo as mo

    PAGES = {  # module → the question that it answers, what it must know beyond the data, and how its figures come about
        "start": ("What is this?", ("run", "user", "cohort", "epoch"), "instant"),
        "data": ("What is in the data?", ("run", "user", "item", "cohort", "items", "alpha", "beta", "tau", "epoch"), "instant"),
        "train": ("How does it learn?", ("run",), "needs training"),
        "runs": ("Which runs are there?", ("run", "runs", "alpha", "beta", "tau", "epoch", "hyperedge"), "from finished runs"),
        "knobs": ("What does each knob do?", ("run", "user", "cohort", "items", "alpha", "beta", "tau", "epoch"), "instant"),
        "hyperedges": (
            "What did the hyperedges learn?",
            ("run", "user", "item", "items", "alpha", "beta", "tau", "epoch", "modality", "hyperedge"),
            "instant",
        ),
        "attention": (
            "What does it look at, and does that matter?",
            ("run", "user", "item", "cohort", "items", "alpha", "beta", "tau", "epoch"),
            "instant",
        ),
        "alignment": (
            "Do pictures and texts agree?",
            ("run", "item", "items", "alpha", "beta", "tau", "epoch", "modality", "hyperedge"),
            "instant",
        ),
        "audit": ("Does it use pictures and texts?", ("run", "alpha", "beta", "tau", "epoch"), "instant"),
        "why": ("Why this item?", ("run", "user", "item", "cohort", "items", "alpha", "beta", "tau", "epoch"), "instant"),
        "compare": (
            "What changed between runs?",
            ("run", "user", "cohort", "runs", "alpha", "beta", "tau", "epoch"),
            "from finished runs",
        ),
        "report": (
            "How do I keep and share this?",
            ("run", "user", "item", "items", "alpha", "beta", "tau", "epoch", "modality", "hyperedge", "cohort", "runs"),
            "instant",
        ),
    }
    FIRST = "start"


@app.cell
def _():
    # the only cell that names `query`: a cell that reads it runs again at every change of the address
    query = mo.query_params()
    asked = query.to_dict()
    get_page, set_page = mo.state(asked["page"] if asked.get("page") in PAGES else FIRST, allow_self_loops=True)
    apps, sent, known, told, memory = {}, {}, {}, {}, {}

    def write_link(values):
        for name, value in values.items():
            if value and query.get(name) != value:
                query.set(name, value)
            elif not value and name in query:
                query.remove(name)

    return apps, asked, get_page, known, memory, sent, set_page, told, write_link


@app.cell
def _(apps, known, set_page):
    def go(page, anew=False):
        if anew:
            apps.pop(page, None)
            known.pop(page, None)
        set_page(page)

    return (go,)


@app.cell
def _(get_page, go):
    def entry(page, question):
        mark = '<span class="lab-here">, this page</span>' if page == get_page() else ""
        return mo.ui.button(label=f'<span class="lab-page">{question}{mark}</span>', on_click=lambda _: go(page))

    nav = mo.ui.array([entry(page, question) for page, (question, *_) in PAGES.items()])
    _brand = '<div class="lab-brand"><b>SRGFormer Lab</b><span>see, turn and question a recommender</span></div>'
    mo.sidebar(mo.Html(f'{_brand}<nav class="lab-pages" aria-label="Pages">{"".join(button.text for button in nav)}</nav>'))
    return (nav,)


@app.cell
def _(apps, get_page):
    # the App itself must be a global name: interaction in the page runs the cells that name it
    page = get_page()
    if page not in apps:
        apps[page] = import_module(f"pages.{page}").app.clone()
    page_app = apps[page]
    return page, page_app


@app.cell
def _(asked):
    import common
    import top
    import tour

    from srgformer_lab import backend

    first_scene = common.arrive(asked)
    get_scene, set_scene = mo.state(first_scene)
    return backend, common, first_scene, get_scene, set_scene, top, tour


@app.cell
def _(backend, set_scene):
    def change(scene, link):
        followed = backend.SESSION.follow(scene, link)
        set_scene(followed)
        return followed

    return (change,)


@app.cell
def _(change, get_scene, top):
    def _choose(name):
        scene = get_scene()
        change(scene, scene.link.change(run=name))

    forms = top.form_switch(get_scene(), _choose)
    return (forms,)


@app.cell
def _(common, go, memory, page, tour):
    guide = tour.guide(page, memory, go)
    common.stack(tour.shown_guide(page, memory, guide))
    return (guide,)


@app.cell
def _(asked, common, forms, get_scene, page, top):
    _scene = get_scene()  # its notes say what the link got wrong, until something is chosen
    _question, _, _kind = PAGES[page]
    _strip, _bar = top.strip(_scene, _kind), top.bar(_scene.link, forms, page)
    _wrong = top.wrong_page(asked, PAGES, page)
    named = _scene.link
    common.stack(top.page_name(_question, _scene), common.styles(), _strip, _bar, common.notes((*_wrong, *_scene.notes)))
    return (named,)


@app.cell
async def _(apps, change, get_scene, go, known, memory, page, page_app, sent, top):
    _page, _scene, _needs = page, get_scene(), PAGES[page][1]
    for _ in range(3):
        _link = _scene.link
        if known.get(_page) != _link.only(*_needs):  # first visit, or the strip or another page chose
            sent[_page] = {"link": _link.only(*_needs), "memory": memory}
        _result = await page_app.embed(defs=sent[_page])
        _chosen = _link.change(**_result.defs.get("picked", {}))
        known[_page] = _chosen.only(*_needs)  # the page follows what it picked by itself; with what it loads it is run anew
        _wanted = _chosen.change(**_result.defs.get("loads", {}))
        if _wanted != _link:
            _scene = change(_result.defs.get("scene") or _scene, _wanted)
        if _scene.link.only(*_needs) == known[_page]:  # the page chose and nothing else follows: it is not run again
            break
    if _result.defs.get("jump") in PAGES:  # the page asks for another one; it starts anew when it is shown again
        del apps[_page], known[_page]
        go(_result.defs["jump"], anew=True)
    shown = top.main(_result.output)
    shown
    return (shown,)


@app.cell
def _(first_scene, get_scene, named, page, shown, told, write_link):
    shown  # the address says what is to be seen, so it is the last to change
    if named == get_scene().link:
        if told.get("shown", (page, first_scene.link)) != (page, named):
            write_link({"page": page, **named.to_params()})
        told["shown"] = page, named
    return


if __name__ == "__main__":
    app.run()

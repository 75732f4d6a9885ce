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
    get_page, set_page = mo.state(asked["page"] if asked.get("page") in PAGES else FIRST)
    apps, sent, known, memory = {}, {}, {}, {}

    def write_link(values):
        for name, value in values.items():
            if value and query.get(name) != value:
                query.set(name, value)
            elif not value and name in query:
                query.remove(name)

    return apps, asked, get_page, known, memory, sent, set_page, write_link


@app.cell
def _(get_page, write_link):
    nav = mo.ui.radio(
        {question: page for page, (question, *_) in PAGES.items()},
        value=PAGES[get_page()][0],
        on_change=lambda page: write_link({"page": page}),
    )
    mo.sidebar([mo.Html('<div class="lab-brand"><b>SRGFormer Lab</b><span>see, turn and question a recommender</span></div>'), nav])
    return (nav,)


@app.cell
def _(asked):
    import common
    import top

    from srgformer_lab import backend

    first_scene = common.arrive(asked)
    get_scene, set_scene = mo.state(first_scene)
    return backend, common, first_scene, get_scene, set_scene, top


@app.cell
def _(backend, set_scene, write_link):
    def change(scene, link):
        followed = backend.SESSION.follow(scene, link)
        write_link(followed.link.to_params())
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
def _(common, forms, get_scene, nav, top):
    _scene = get_scene()  # its notes say what the link got wrong, until something is chosen
    _strip, _bar = top.strip(_scene, PAGES[nav.value][2]), top.bar(_scene.link, forms, nav.value)
    common.stack(common.styles(), _strip, _bar, common.notes(_scene.notes))
    return


@app.cell
def _(apps, nav):
    # the App itself must be a global name: interaction in the page runs the cells that name it
    if nav.value not in apps:
        apps[nav.value] = import_module(f"pages.{nav.value}").app.clone()
    page_app = apps[nav.value]
    return (page_app,)


@app.cell
async def _(apps, change, get_scene, known, memory, nav, page_app, sent, set_page, write_link):
    _page, _scene, _needs = nav.value, get_scene(), PAGES[nav.value][1]
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
        write_link({"page": _result.defs["jump"]})
        set_page(_result.defs["jump"])
    _result.output
    return


if __name__ == "__main__":
    app.run()

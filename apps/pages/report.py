import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="How do I keep and share this?", css_file="../lab.css", html_head_file="../head.html")

with app.setup:
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import common
    import marimo as mo
    import widgets

    from srgformer_lab import LabError, backend, plots

    ASKED = "How do I keep and share this?"


@app.cell
def _():
    # explore.py replaces this whole cell, output included; alone, the link decides
    link, _top = common.alone("instant")
    memory = {"alone": True}
    _top
    return memory, link


@app.cell
def _(link):
    scene = common.opened(link)
    get_jump, set_jump = mo.state("", allow_self_loops=True)
    get_trouble, set_trouble = mo.state(None, allow_self_loops=True)
    picked = {}
    return get_jump, get_trouble, scene, picked, set_jump, set_trouble


@app.cell
def _(get_jump, get_trouble, scene, set_jump, set_trouble):
    jump, first_run = get_jump(), common.first_run(scene.data, set_jump, set_trouble)
    common.nothing_trained(scene, first_run, bool(jump), get_trouble(), ASKED, "model") if not scene.is_loaded else None
    return first_run, jump


@app.cell
def _(scene, memory):
    mo.stop(not scene.is_loaded)
    _unwanted = memory.setdefault("report.unwanted", set())

    def _wish(name):
        return lambda wanted: _unwanted.discard(name) if wanted else _unwanted.add(name)

    boxes = mo.ui.dictionary(
        {
            name: mo.ui.checkbox(value=name not in _unwanted, label=backend.SECTIONS[name][0], on_change=_wish(name))
            for name in backend.sections_of(scene)
        }
    )
    return (boxes,)


@app.cell
def _(boxes, scene):
    report, trouble = None, None
    try:
        report = backend.Report(scene, [name for name, wanted in boxes.value.items() if wanted])
        _ = report.sections  # made here, so that what goes wrong is said here
    except LabError as _error:
        report, trouble = None, common.problem(_error, "Nothing was written.", "Leave out the part that this is about.")
    return report, trouble


@app.cell
def _(report):
    mo.stop(report is None)
    _name = f"srgformer-{report.scene.data.name}-{report.scene.link.user}-{report.scene.link.item}"
    _name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in _name)
    page_button = mo.download(lambda: report.html().encode(), f"{_name}.html", "text/html", label="Save the report (HTML)")
    tables_button = mo.download(report.tables, f"{_name}.zip", "application/zip", label="Save the tables (CSV in a ZIP)")
    return page_button, tables_button


@app.cell
def _(boxes, scene, page_button, report, tables_button, trouble):
    _size = f"{len(report.html().encode()) / 1e6:.1f} MB, most of it what draws the figures" if report else ""
    _frames = len(report.frames()) if report else 0
    _ticks = mo.Html(f'<div class="lab-ticks">{"".join(box.text for box in boxes.elements.values())}</div>')
    common.stack(
        common.heading(
            ASKED,
            "One file holds what the pages say about this person and item: live figures, pictures, numbers, settings and versions. "
            "It opens without a network and without this app.",
            "instant",
        ),
        widgets.history(scene.data, scene.link.user),
        common.section("What goes in?"),
        _ticks,
        trouble,
        None if trouble else mo.hstack([page_button, tables_button], justify="start", wrap=True),
        None if trouble else common.fact(f"The report: {_size}. The tables: {_frames} CSV files and a README that says what each holds."),
        common.fact("Every figure can be saved: point at it, and a camera shows at its upper right. The app saves PNG, the report SVG."),
    )
    return


@app.cell
def _(scene, report):
    mo.stop(report is None)
    _address = scene.link.address("report")
    common.stack(
        common.section("Share what you look at"),
        common.fact("This link opens the same data, run, person, item and knobs for whoever runs the app on the same folder:"),
        mo.Html(f'<p class="lab-fact"><a href="{_address.replace("&", "&amp;")}">{_address.replace("&", "&amp;")}</a></p>'),
    )
    return


@app.cell
def _(scene):
    mo.stop(not scene.link.items)
    _items = scene.link.items
    common.stack(
        common.section(f"{len(_items)} items chosen together"),
        mo.Html(f'<div class="lab-wall">{plots.card_wall(backend.item_cards(scene.data, _items, width=backend.SMALL_WIDTH))}</div>'),
    )
    return


@app.cell
def _(report):
    mo.stop(report is None)
    _figures = [_figure for _section in report.sections for _figure in _section.block.figures][:2]
    common.stack(
        common.section("The first figures of the report", "instant"),
        common.side_by_side(*(common.chart(_figure) for _figure in _figures)) if _figures else None,
    )
    return


@app.cell
def _(report):
    mo.stop(report is None)
    _lines = [f"<b>{_name}.csv</b> {_about} ({len(_frame):,} rows)" for _name, (_about, _frame) in report.frames().items()]
    mo.accordion({f"The {len(_lines)} tables": mo.Html("<br>".join(_lines))})
    return


@app.cell
def _():
    common.how(
        "Nothing is computed anew for the report: it asks what the pages ask, and writes the same numbers. In a terminal: "
        "`srgformer-lab report RUN --user U --item I --output report.html`.",
        "",
        (backend.Report.html, "plots.offline_page"),
    )
    return


if __name__ == "__main__":
    app.run()

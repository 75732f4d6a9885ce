# /// script
# [tool.marimo.opengraph]
# title = "Index"
# description = "All questions, and what is solved on this machine."
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Lessons", css_file="../apps/lab.css", html_head_file="../apps/head.html")

with app.setup(hide_code=True):
    import sys

    import marimo as mo

    from srgformer_lab import places
    from srgformer_lab.lessons import catalog, progress

    sys.path.insert(0, str(places.tutorials_folder()))
    import kit


@app.cell(hide_code=True)
def _():
    _known = progress.read()
    _lessons = catalog.available()
    _left = sum(len(_one.exercises) - len(_known.solved(_one.number) & set(_one.exercises)) for _one in _lessons)
    _said = f"{_left} exercises are left on this machine" if _left else "Everything is solved on this machine"
    _how = "Click a title to read a lesson. To write in it, run its command in a terminal: your own copy opens."
    kit.stack(kit.contents(_lessons, _known, _said, _how), mo.md(_known.trouble) if _known.trouble else None)
    return


if __name__ == "__main__":
    app.run()

"""A list on a page without a server, that its reader ranks anew by α and β."""

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from srgformer_lab.errors import DataError
from srgformer_lab.plots.cards import HTML_TEMPLATES, card_data, macros
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import knob_name
from srgformer_lab.plots.pages import knob_words

SCALES = ("attention_scale", "hypergraph_scale")


def reranked_list(
    items: pd.DataFrame, terms: pd.DataFrame, steps: Mapping[str, Sequence[float]], at: Mapping[str, float], length: int
) -> str:
    """Return a list with sliders for α and β as HTML that needs nothing but itself: the browser computes all scores from the terms.

    Args:
        items: ``title``, ``picture``, ``line``, ``row`` (which breaks ties, the lower first); the items that can come into the list,
            best first at the values ``at``.
        terms: The coefficients of 1, α, β, α², β² and αβ in each item's score, in this order; a row an item.
        steps: The values of ``attention_scale`` and ``hypergraph_scale`` that can be chosen, increasing.
        at: The values at which the list stands at first; each is one of its steps.
        length: How many items the list shows.

    Raises:
        DataError: A column is missing, the frames differ in length, or a value is none of its steps.
    """
    require(items, ["title", "picture", "line", "row"], "reranked items")
    if terms.shape != (len(items), 6):
        raise DataError(f"reranked items: {len(items)} items and terms of shape {terms.shape}; give six coefficients an item")
    if missing := [name for name in SCALES if at[name] not in steps[name]]:
        raise DataError(f"reranked items: {missing[0]}={at[missing[0]]!r} is none of its steps; put it among them")
    knobs = [
        {"label": knob_words(name), "name": knob_name(name), "last": len(steps[name]) - 1, "place": list(steps[name]).index(at[name])}
        for name in SCALES
    ]
    cards = [card_data(str(row.title), row.picture, str(row.line)) for row in items.itertuples()]
    numbers = {"length": length, "rows": items["row"].tolist(), "steps": [list(steps[name]) for name in SCALES]}
    numbers |= {"terms": terms.to_numpy(float).tolist()}
    script = Markup(HTML_TEMPLATES.get_template("reranking.js").render())
    return str(macros("reranking.html").reranked(knobs, cards, length, Markup(json.dumps(numbers)), script))

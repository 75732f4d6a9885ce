"""What was chosen on one page, several items together or a hyperedge, is shown on the others, with the numbers of the package."""

import html
import importlib

import numpy as np
import pytest

import srgformer_lab as lab
from srgformer_lab import backend

ITEMS = 7


@pytest.fixture
def chosen(shop):
    """The shop with items chosen together, one of which its user has taken."""
    data = backend.SESSION.dataset(shop)
    taken = data.history(shop.user)[0]
    others = [item for item in data.item_ids if item not in data.history(shop.user)][: ITEMS - 1]
    return shop.change(items=(*others, taken))


def test_every_page_that_shows_things_knows_those_chosen_together(page, shop):
    page("start", shop)
    pages = importlib.import_module("explore").app.run()[1]["PAGES"]
    assert {name for name, (_, needs, _) in pages.items() if "items" in needs} == {
        "data", "knobs", "hyperedges", "attention", "alignment", "why", "report",
    }  # fmt: skip
    assert {name for name, (_, needs, _) in pages.items() if "hyperedge" in needs} == {"runs", "hyperedges", "alignment", "report"}


def test_the_strip_shows_what_was_chosen_together(page, shop, chosen):
    page("start", shop)
    strip = importlib.import_module("top").strip
    shown = strip(backend.SESSION.open(chosen), "instant").text
    titles = [backend.title(backend.SESSION.dataset(chosen), item) for item in chosen.items]
    assert f"{ITEMS} chosen together" in shown
    for title in titles[: lab.plots.MOST_FACES]:
        assert html.escape(title) in shown
    assert "chosen together" not in strip(backend.SESSION.open(shop), "instant").text


def rank_by_hand(trace, data, user, item):
    """Count what scores higher, among all that the user has not taken."""
    users, items = trace.fused.users.double().numpy(), trace.fused.items.double().numpy()
    scores = items @ users[data.user_row(user)]
    known = {data.item_row(known) for split in ("train", "valid", "test") for known in data.history(user, split)}
    own = data.item_row(item)
    return None if own in known else 1 + sum(scores[row] > scores[own] for row in range(data.n_items) if row not in known)


def test_knobs_say_where_the_chosen_stand_before_and_after(page, chosen):
    link = chosen.change(alpha=1.0, beta=0.0)
    shown, names = page("knobs", link)
    scene = names["scene"]
    places = backend.chosen_places(scene).set_index("item_id")
    assert set(places.index) == set(link.items)
    for item in link.items:
        before, after = (rank_by_hand(trace, scene.data, link.user, item) for trace in (scene.trained, scene.trace))
        if before is None or after is None:
            assert places.loc[item].isna().all()
            continue
        assert (places["rank_before"][item], places["rank_after"][item]) == (before, after)
        assert places["moved"][item] == before - after
        assert (f"place {before} → {after}" if before != after else f"place {before}<") in shown
    assert (places["moved"] != 0).any()
    assert "taken already" in shown
    assert places["rank_after"].dropna().is_monotonic_increasing


def test_hyperedges_count_the_chosen_that_they_hold(page, chosen):
    link = chosen.change(modality="text")
    _, names = page("hyperedges", link)
    scene = names["scene"]
    membership = scene.trace.hypergraph["text"].membership.items.double().numpy()
    rows = [scene.data.item_row(item) for item in link.items]
    counts = np.bincount(membership[rows].argmax(axis=1), minlength=membership.shape[1])
    told = {int(button.value): button.text for button in names["wall"].elements}
    assert counts.sum() == ITEMS
    for hyperedge, count in enumerate(counts):
        assert (f"{count} of the {ITEMS} chosen" in told[hyperedge]) == bool(count)
    fullest = int(counts.argmax())
    shown, names = page("hyperedges", link.change(hyperedge=fullest))
    assert f"Of the {ITEMS} items chosen together, {counts[fullest]} ha" in shown
    held = names["hyperedges"].held_items
    assert set(held.index) == {scene.data.item_ids[row] for row in rows if membership[row].argmax() == fullest}
    assert held.to_numpy() == pytest.approx(sorted((membership[scene.data.item_row(item), fullest] for item in held.index), reverse=True))


def test_attention_marks_the_chosen_of_a_history(page, chosen):
    _, names = page("attention", chosen)
    marked = names["together"].marked(backend.item_cards(names["scene"].data, list(names["weights"].index)), chosen.items)
    assert list(marked["item_id"][marked["mark"] != ""]) == [names["scene"].data.history(chosen.user)[0]]
    shown, _ = page("attention", chosen)
    assert shown.count("● chosen") == 1


def test_alignment_rings_the_items_of_the_chosen_hyperedge_until_they_are_let_go(page, shop):
    link = shop.change(modality="text", hyperedge=1)
    shown, names = page("alignment", link)
    scene = names["scene"]
    membership = scene.trace.hypergraph["text"].membership.items.double().numpy()
    inside = [scene.data.item_ids[row] for row in np.flatnonzero(membership.argmax(axis=1) == 1)]
    assert names["ringed"] == inside
    assert inside
    assert f"what has text hyperedge 1 as its first, {lab.plots.counted(len(inside), 'item')} in all" in shown
    assert link.change(**names["picked"]) == link
    names["unring"]._update(1)
    assert names["get_hyperedge"]() is None


def test_nothing_is_said_of_the_chosen_where_nothing_is_chosen(page, shop):
    for name in ("knobs", "hyperedges", "attention"):
        shown, _ = page(name, shop)
        assert "chosen" not in shown.replace("lab-chosen", "").split("How is this computed?")[0]
    shown, names = page("alignment", shop)
    assert "In full colour" not in shown
    assert names["unring"] is None

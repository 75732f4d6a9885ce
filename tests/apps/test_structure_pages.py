"""The pages of hyperedges and of attention show what the package finds by another way, and follow the epoch that was chosen."""

import html

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.analysis.grouping import categories, memberships
from srgformer_lab.backend import attention


def trace_of(names, epoch="best", **knobs):
    scene = names["scene"]
    trace = scene.run.model(scene.data, epoch).trace()
    return trace.fuse(**knobs) if knobs else trace


def test_hyperedges_are_those_of_the_package(page, shop):
    shown, names = page("hyperedges", shop)
    data = names["scene"].data
    cards = lab.hyperedge_cards(trace_of(names), data, "image")
    pd.testing.assert_frame_equal(names["cards"], cards)
    shares = memberships(trace_of(names), "image").users[data.user_row(shop.user)]
    own = cards.loc[cards["hyperedge"] == int(shares.argmax())].iloc[0]  # the one that this person is most in
    assert names["hyperedges"].chosen == own["hyperedge"]
    assert html.escape(lab.plots.hyperedge_finding(own)) in shown
    assert f"{own['users']:,}" in shown
    for title in own["top_titles"]:
        assert html.escape(title) in shown
    assert {key: names["picked"][key] for key in ("modality", "hyperedge", "epoch", "tau")} == {
        "modality": "image",
        "hyperedge": None,
        "epoch": None,
        "tau": None,
    }


def test_hyperedges_follow_epoch_modality_tau_and_choice(page, shop):
    link = shop.change(epoch=0, modality="text", hyperedge=2, tau=1.0)
    shown, names = page("hyperedges", link)
    membership = trace_of(names, 0, membership_temperature=1.0).hypergraph["text"].membership
    data = names["scene"].data
    items, users = membership.items.double().numpy(), membership.users.double().numpy()
    best = np.argsort(-items[:, 2], kind="stable")[:12]
    assert names["hyperedges"].members["item_id"].tolist() == [data.item_ids[row] for row in best]
    assert names["hyperedges"].share_of_user == pytest.approx(users[data.user_row(shop.user), 2], rel=1e-5)
    assert lab.plots.percent(items[best[0], 2]) + " in it" in shown
    assert shop.change(**names["picked"]) == link
    assert "before training" in shown


def test_a_hyperedge_and_a_thing_that_are_chosen_go_to_the_other_pages(page, shop):
    _, names = page("hyperedges", shop)
    assert shop.change(**names["picked"]) == shop
    second = names["wall"].elements[1]
    chosen = []
    again = names["groups"].button(names["scene"].data, names["hyperedges"].largest(2)[1], False, chosen.append)
    again._update(second._value)
    assert chosen == [names["cards"].sort_values("mass", ascending=False)["hyperedge"].iloc[1]]


def test_hyperedges_say_what_their_absence_would_change(page, shop):
    shown, names = page("hyperedges", shop)
    scene = names["scene"]
    model = scene.run.model(scene.data)
    found = lab.what_if(model, scene.data, shop.user, lab.drop_hyperedge("image", names["hyperedges"].chosen))
    assert html.escape(lab.plots.describe_moves(lab.compare_lists(found.before, found.after), 10)) in shown


def test_a_name_that_is_given_is_shown_on_the_wall_sought_and_said_of_a_score(page, shop):
    shown, names = page("hyperedges", shop)
    run, chosen = names["scene"].run, names["hyperedges"].chosen
    assert "Keep with the run" in shown
    try:
        names["naming"]._on_change({"name": "Straw & felt", "note": "to be checked"})
        row = run.hyperedge_notes().iloc[0]
        assert row.to_dict() == {"modality": "image", "hyperedge": chosen, "name": "Straw & felt", "note": "to be checked"}
        shown, names = page("hyperedges", shop, **{"hyperedges.words": "felt"})
        assert [card["hyperedge"] for card in names["hyperedges"].largest(9, "felt")] == [chosen]
        assert len(names["wall"].elements) == 1
        assert "“Straw &amp; felt”" in html.unescape(shown)
        assert "to be checked" in shown
        names["naming"]._on_change({"name": "x" * 99, "note": ""})
        assert run.hyperedge_notes()["name"].tolist() == ["Straw & felt"]
        shown, names = page("hyperedges", shop, **{"hyperedges.words": "nothing has these"})
        assert "No hyperedge has these words" in shown
        carried = backend.carrying_hyperedges(names["scene"], names["scene"].explanation(), count=50)
        of_it = (carried["modality"] == "image") & (carried["hyperedge"] == chosen)
        assert set(carried.loc[of_it, "name"]) == {"Straw & felt"}
        run.note_hyperedge(str(carried["modality"].iloc[0]), int(carried["hyperedge"].iloc[0]), "carries most")
        assert "“carries most”" in html.unescape(page("why", shop)[0])
    finally:
        run.notes_path.unlink(missing_ok=True)


def test_pages_say_what_the_untrained_model_has(page, shop):
    _, names = page("hyperedges", shop.change(tau=1.0))
    scene = names["scene"]
    kept = scene.run.model(scene.data, 0).trace().fuse(membership_temperature=1.0)
    first = names["hyperedges"].learned.set_index("measure")["untrained"]
    assert first["membership entropy"] == pytest.approx(lab.hyperedge_usage(kept, "image").membership_entropy)
    labels = categories(scene.data, "image")
    if labels is not None:
        assert first["NMI with categories"] == pytest.approx(lab.against_labels(kept, scene.data, "image", labels).nmi)
    assert names["hyperedges"].beside_untrained("text") == pytest.approx(lab.agreement(kept, scene.data, "image", "text").nmi)
    for name, modality in (("hyperedges", "image"), ("attention", "")):
        shown, names = page(name, shop)
        rows = backend.learned_structure(backend.SESSION.open(shop))
        for value in rows.loc[rows["modality"] == modality, "untrained"]:
            assert f"untrained {lab.plots.digits(value, 2)}" in shown or f"untrained {value:.0f}" in shown


def test_the_river_is_that_of_the_kept_epochs(page, shop):
    shown, names = page("hyperedges", shop)
    scene = names["scene"]
    traces = {epoch: scene.run.model(scene.data, epoch).trace() for epoch in scene.run.epochs()}
    expected = lab.plots.river(lab.hyperedge_river(traces, scene.data, "image"))
    assert html.escape(lab.plots.finding_of(expected)) in shown


def test_figures_say_their_finding_to_those_who_do_not_see_them(page, shop):
    for name in ("hyperedges", "attention", "why", "knobs"):
        shown, _ = page(name, shop)
        charts = shown.count("<marimo-plotly")
        assert charts
        assert shown.count('<div role="img" aria-label="') + shown.count('<div role="group" aria-label="') >= charts
        assert 'aria-label=""' not in shown


def test_attention_shows_the_weights_of_the_pass(page, shop):
    shown, names = page("attention", shop)
    data, trace = names["scene"].data, trace_of(names)
    edges = trace.attention.node == data.user_row(shop.user)
    items = [data.item_ids[int(node) - data.n_users] for node in trace.attention.neighbor[edges]]
    weights = dict(zip(items, trace.attention.weight[edges].mean(1).tolist(), strict=True))
    assert names["weights"].to_dict() == pytest.approx(weights)
    assert list(names["weights"]) == sorted(names["weights"], reverse=True)
    for weight in weights.values():
        assert f"weight {lab.plots.percent(weight)}" in shown


def test_attention_of_one_head_is_set_beside_true_removals(page, shop):
    shown, names = page("attention", shop, **{"attention.head": "head 1"})
    scene = names["scene"]
    heads = lab.explain(trace_of(names), scene.data, shop.user, shop.item).heads
    weights = heads[heads["head"] == 1].set_index("item_id")["weight"]
    model = scene.run.model(scene.data)
    effects = [lab.what_if(model, scene.data, shop.user, lab.drop_items(item), item_id=shop.item).effect for item in weights.index]
    spearman = stats.spearmanr(weights, effects).statistic
    assert lab.plots.effect_meaning(spearman) in shown
    assert f"<dd>{lab.plots.correlation(spearman)}</dd>" in shown
    assert shop.change(**names["picked"]) == shop


def test_attention_over_many_people_is_what_faithfulness_finds(page, shop, monkeypatch):
    monkeypatch.setattr(attention, "N_USERS", (2,))
    shown, names = page("attention", shop)
    assert "Ask this of" in shown
    assert "Spearman" not in shown.split("How is this computed?")[0]
    many = names["many"]
    found = many.value()
    model = names["scene"].run.model(names["scene"].data)
    expected = lab.faithfulness(model, names["scene"].data, n_users=2)
    pd.testing.assert_frame_equal(found.correlations, expected.correlations)
    shown, _ = page("attention", shop)
    assert html.escape(expected.verdict) in shown


def test_attention_answers_under_the_knobs_and_the_epoch_of_the_view(page, shop):
    link = shop.change(epoch=0, alpha=0.9)
    _, names = page("attention", link)
    first, data = names["weights"].index[0], names["scene"].data
    model = names["scene"].run.model(data, 0)
    model.update_knobs(attention_scale=0.9)
    expected = lab.what_if(model, data, shop.user, lab.drop_items(first), item_id=shop.item)
    effects = names["harm"].value().set_index("removed")["effect"]
    assert effects[first] == pytest.approx(expected.effect, abs=1e-5)


def test_the_slider_of_epochs_holds_the_kept_ones_and_the_best(page, shop):
    _, names = page("attention", shop)
    run, heard = names["scene"].run, []
    best = run.status().best_epoch
    slider = names["dials"].epoch_slider(names["base"], heard.append)
    assert slider.steps == sorted({*run.epochs(), best})
    assert slider.value == best
    for place in (0, slider.steps.index(best)):
        slider._update(place)
    assert heard == [0, None]


def test_a_knob_above_one_has_steps_up_to_there(page, shop):
    _, names = page("knobs", shop)
    make = names["dials"].knob_slider
    for value, last in ((0.3, 1.0), (3.0, 3.0)):
        steps = make("hypergraph_scale", value, None, [0.3]).steps
        assert {0.0, 0.3, value, last} <= set(steps)
        assert (steps[0], steps[-1], max(np.diff(steps))) == (0.0, last, pytest.approx(last / 20))
    assert make("membership_temperature", 3.0).steps == list(backend.KNOB_STEPS["membership_temperature"])


def test_categories_are_planted_groups_or_a_column_of_words(tiny):
    planted = categories(tiny, "image")
    assert set(planted) - {""} <= set(tiny.truth.group_names)

"""Every page runs with real data, shows what the package computed, and says what it picked."""

import ast
import html
import importlib
import os
import re
import subprocess
import sys

import marimo as mo
import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from tests.apps.conftest import APPS, PAGES
from tests.shops import resolve, train_shop, write_shop

LARGEST_PAGE = 500_000


@pytest.mark.parametrize("name", PAGES)
def test_every_page_runs_and_stays_small(page, shop, name):
    shown, _ = page(name, shop)
    assert "lab-question" in shown
    assert len(shown) < LARGEST_PAGE


def test_every_page_runs_alone_and_reads_the_command_line(shop):
    # a page that runs by itself has no explore.py to tell it what to show
    paths = [str(APPS / "pages" / f"{name}.py") for name in PAGES]
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['page.py', '--', '--data', {shop.data!r}]\n"
        f"for path in {paths}:\n"
        "    names = runpy.run_path(path)['app'].run()[1]\n"
        "    print(names['link'].data, names['link'].run)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(APPS.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == [shop.data, "first"] * len(PAGES), done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_pages_stay_readable(name):
    assert len((APPS / "pages" / f"{name}.py").read_text().splitlines()) <= 250


def _calls(node):
    """Return what is called inside a piece of code, without the modules that it comes from; marimo's elements by their whole names."""
    names = {ast.unparse(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    return {name if name.startswith("mo.ui.") else name.rpartition(".")[2] for name in names}


def _leading_to(wanted):
    """Return the names in ``wanted``, and those of the pages' helpers that call one of them or another such helper."""
    trees = [ast.parse(path.read_text()) for path in APPS.glob("*.py")]
    calls = {node.name: _calls(node) for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = set(wanted)
    while more := {name for name, called in calls.items() if called & found} - found:
        found |= more
    return found


@pytest.mark.parametrize("name", PAGES)
def test_what_ticks_by_itself_has_a_cell_without_buttons_whose_place_it_could_take(name):
    # marimo knows an element by its place among those of its cell: a late tick would press what stands there by then
    cells = ast.parse((APPS / "pages" / f"{name}.py").read_text()).body
    ticking, making = _leading_to({"mo.ui.refresh"}), _leading_to({f"mo.ui.{kind}" for kind in mo.ui.__all__})
    for cell in cells:
        called = _calls(cell) & making
        assert not called & ticking or called <= ticking | {"task_button"}, f"line {cell.lineno}"


def test_explore_embeds_the_first_page(shop, page, monkeypatch):
    import importlib

    monkeypatch.setattr("marimo.cli_args", lambda: type("Args", (), {"to_dict": lambda self: {"data": shop.data}})())
    outputs, names = importlib.import_module("explore").app.run()
    assert names["get_scene"]().link == shop
    assert names["page"] == "start"
    assert any("srg-flow" in getattr(output, "text", "") for output in outputs)


def test_start_draws_the_parts_that_explain_gives(page, shop):
    shown, names = page("start", shop)
    for value in names["scene"].explanation().by_part["contribution"]:
        assert lab.plots.signed(value) in shown
    assert names["picked"] == {"user": shop.user}


def test_start_asks_for_nothing_else_until_something_is_chosen(page, shop):
    _, names = page("start", shop)
    assert shop.change(**names["picked"]) == shop
    assert not names["jump"]


@pytest.mark.parametrize("name", ["start", "data", "knobs", "hyperedges", "attention", "why"])
def test_without_a_run_a_page_offers_to_train_one(page, shop, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begun = []
    monkeypatch.setattr("srgformer_lab.training.worker.start", begun.append)
    link, _ = resolve(backend.Link(data=shop.data))
    assert link.run == ""
    shown, names = page(name, link)
    assert "No model is trained on this data yet" in shown
    names["first_run"]._update(1)
    assert [run.config.fingerprint for run in begun] == [backend.SESSION.dataset(link).fingerprint]
    assert begun[0].path.parent.resolve() == (tmp_path / "runs").resolve()


def test_knobs_show_the_list_that_the_package_ranks(page, shop):
    shown, names = page("knobs", shop.change(alpha=0.0, beta=1.0))
    assert names["scene"].knobs == {"attention_scale": 0.0, "hypergraph_scale": 1.0, "membership_temperature": 0.2}
    trace = names["base"].trained.fuse(attention_scale=0.0, hypergraph_scale=1.0)
    best = lab.recommend(trace, names["scene"].data, shop.user, k=10)
    for title in best["title"]:
        assert html.escape(title) in shown
    assert names["picked"] == {"user": shop.user, "alpha": 0.0, "beta": 1.0, "tau": None}


def test_knobs_at_their_trained_value_are_left_out_of_the_link(page, shop):
    _, names = page("knobs", shop)
    assert names["picked"] == {"user": shop.user, "alpha": None, "beta": None, "tau": None}


def test_a_reset_brings_the_trained_value_back(page, shop):
    _, names = page("knobs", shop.change(alpha=0.85))
    assert names["turned"]["attention_scale"] == 0.85
    names["resets"].elements["attention_scale"]._update(1)
    assert names["turned"]["attention_scale"] == names["base"].trained_knobs["attention_scale"]


def test_why_states_the_sum_that_explain_gives(page, shop):
    shown, names = page("why", shop)
    why = names["why"]
    expected = lab.explain(names["scene"].trained, names["scene"].data, shop.user, shop.item)
    assert why.score == expected.score
    assert f"The {len(expected.parts)} cells sum to {expected.parts['contribution'].sum():.6f}; the score is {expected.score:.6f}" in shown
    assert names["picked"] == {"user": shop.user, "item": shop.item}


def test_why_answers_under_the_knobs_of_the_view(page, shop):
    _, names = page("why", shop.change(alpha=0.0))
    parts = names["why"].parts
    assert (parts.loc[parts["user_part"] == "attention", "contribution"] == 0).all()


def test_why_of_a_known_item_has_no_rank(page, shop):
    data = backend.SESSION.dataset(shop)
    shown, names = page("why", shop.change(item=data.history(shop.user)[0]))
    assert names["why"].rank is None
    assert "is not ranked, as it is known already" in shown


def test_why_finds_an_item_by_its_title(page, shop):
    data = backend.SESSION.dataset(shop)
    shown, names = page("why", shop, **{"why.search": data.cards.titles[7]})
    assert names["items"].elements
    assert html.escape(data.cards.titles[7]) in shown


def test_why_adds_up_over_the_history(page, shop):
    shown, names = page("why", shop)
    shares = names["why"].sources.groupby("kind")["contribution"].sum()
    assert shares.sum() == pytest.approx(names["why"].score, rel=1e-5)
    for kind in ("own", "history", "hyperedge"):
        assert lab.plots.signed(shares[kind]) in shown


def test_why_takes_things_away_and_turns_the_model(page, shop):
    data = backend.SESSION.dataset(shop)
    first = data.history(shop.user)[0]
    memory = {"why.taken": [data.cards.titles[data.item_row(first)]], "why.changed": "without image"}
    shown, names = page("why", shop.change(alpha=0.9), **memory)
    model = names["scene"].model
    expected = lab.what_if(
        model, data, shop.user, lab.set_knobs(attention_scale=0.9), lab.drop_items(first), lab.without_modality("image"), item_id=shop.item
    )
    assert names["asked"].value["taken"] == [first]
    before = names["why"].score
    assert html.escape(lab.plots.before_after(before, expected.score_after)) in shown
    assert model.config.attention_scale != 0.9
    assert model.hooks.active == ()


def test_why_sets_an_item_against_another(page, shop):
    data = backend.SESSION.dataset(shop)
    _, names = page("why", shop)
    rival = names["rival"].value
    assert rival == lab.recommend(names["scene"].trace, data, shop.user, k=2)["item_id"].tolist()[1]
    found = names["scene"].versus(rival)
    assert found.difference == pytest.approx(found.parts["difference"].sum(), rel=1e-5)


def test_train_says_beforehand_what_it_takes(page, shop):
    shown, names = page("train", shop)
    expected = backend.cost(names["data"], *names["asked"])
    assert re.search(r"About .* an epoch, at most .* in all, and \d+\.\d GB of memory", shown)
    assert f"{expected.memory_bytes / 1e9:.1f} GB" in shown
    assert names["asked"][0] == "whole"
    assert names["asked"][1] == lab.preset("studio").model


def test_train_shows_a_finished_run_without_ticking(page, shop):
    shown, names = page("train", shop)
    assert names["status"].state == "finished"
    assert names["ticker"] is None
    assert "finished" in shown
    assert names["picked"] == names["loads"] == {}  # what is looked at stays


def test_train_names_damaged_runs(page, shop, shop_root):
    broken = shop_root / "runs" / "broken"
    broken.mkdir()
    try:
        shown, _ = page("train", shop)
        assert "broken is left out" in shown
    finally:
        broken.rmdir()


@pytest.fixture(scope="module")
def scripted_root(tiny, tmp_path_factory):
    """A shop whose titles are scripts, with a run."""
    root = tmp_path_factory.mktemp("scripted")
    folder = write_shop(root / "shop", tiny)
    items = (folder / "items.csv").read_text().splitlines()
    lines = [f"{line.split(',')[0]},<script>alert({n})</script>" for n, line in enumerate(items[1:])]
    (folder / "items.csv").write_text("\n".join([items[0], *lines]))
    train_shop(folder, root, epochs=1)
    return root


@pytest.mark.parametrize("name", PAGES)
def test_text_of_the_data_is_never_markup(page, scripted_root, monkeypatch, name):
    monkeypatch.chdir(scripted_root)
    link = resolve(backend.Link(data=str(scripted_root / "shop")))[0]
    assert "<script>" in backend.SESSION.dataset(link).cards.titles[0]
    shown, _ = page(name, link)
    assert "<script>alert" not in shown


def test_data_shows_the_numbers_that_the_package_counts(page, shop):
    shown, names = page("data", shop)
    data = names["scene"].data
    assert f"{len(data.interactions):,}" in shown
    assert f"{lab.plots.digits(100 * len(data.interactions) / (data.n_users * data.n_items))} %" in shown
    for title in backend.item_counts(data)["title"].head(24):
        assert html.escape(title) in shown
    assert names["picked"] == {"user": shop.user, "item": shop.item, "cohort": "", "items": ()}


def test_data_narrows_the_items_down(page, shop):
    data = backend.SESSION.dataset(shop)
    word = data.cards.titles[3].split()[0]
    shown, names = page("data", shop, **{"data.words": word, "data.popularity": backend.POPULARITY["tail"]})
    expected = backend.choose_items(data, word, popularity="tail")
    assert list(names["found"]["item_id"]) == list(expected["item_id"])
    assert f"{len(expected)} fit" in shown or not len(expected)
    assert len(names["wall"]) == min(len(expected), 24)


def test_data_shows_what_was_chosen_together_first(page, shop):
    data = backend.SESSION.dataset(shop)
    chosen = data.item_ids[5:8]
    shown, names = page("data", shop.change(items=tuple(chosen)))
    assert "What you chose together: 3 items" in shown
    assert [button.value for button in names["together"].elements] == list(chosen)
    assert shown.index("What you chose together") < shown.index("The things")
    assert names["picked"]["items"] == tuple(chosen)


def test_data_says_how_well_each_cohort_is_served(page, shop):
    shown, names = page("data", shop.change(cohort="heavy"))
    model = names["scene"].model
    users = lab.evaluate_users(model, names["scene"].data).set_index("user_id")
    for cohort in backend.COHORTS:
        those = [user for user in backend.cohort_users(names["scene"].data, cohort) if user in users.index]
        assert lab.plots.metric_value("ndcg@20", users.loc[those, "ndcg@20"].mean()) in shown
    worst = users.loc[[user for user in backend.cohort_users(names["scene"].data, "heavy") if user in users.index], "ndcg@20"].min()
    assert f"NDCG {lab.plots.digits(worst)}, " in shown


def test_data_ranks_and_marks_what_was_held_back(page, shop):
    _, names = page("data", shop)
    data, held_back = names["scene"].data, names["scene"].data.history(shop.user, "valid")
    best = lab.rank_items(names["scene"].trace, data, shop.user, hide="train")
    assert len(names["held_back"]) == len(held_back)
    for place, button in enumerate(names["listed"].elements):
        hit = "● hit" if best["item_id"][place] in held_back else "○ miss"
        assert f"{place + 1}. {hit}" in button.text


def test_data_without_a_run_shows_the_things_all_the_same(page, shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown, names = page("data", resolve(backend.Link(data=shop.data))[0])
    assert len(names["wall"]) == 24
    assert "No model is trained on this data yet" in shown


def test_data_without_a_run_offers_the_cohorts_all_the_same(page, shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown, names = page("data", resolve(backend.Link(data=shop.data, cohort="heavy"))[0])
    data = names["scene"].data
    lengths = {user: len(data.history(user)) for user in data.user_ids}
    for button, cohort in zip(names["rows"].elements, [*backend.COHORTS, ""], strict=True):
        those = [lengths[user] for user in backend.cohort_users(data, cohort)]
        assert f"{len(those):,}, {min(those)}–{max(those)} items" in button.text
        assert "Recall" not in button.text
    assert "Choose a person: long histories" in shown
    offered = [button.value for button in names["people"].elements[:-2]]
    assert offered == backend.people(data, 0, len(offered), "heavy")
    names["rows"].elements[0]._update(1)
    assert names["get_chosen"]()["cohort"] == "cold"


def test_start_says_how_sure_the_run_is(page, shop):
    shown, names = page("start", shop)
    sure = backend.sureness(names["scene"])
    assert f"{lab.plots.digits(100 * sure.recall.low)} to {lab.plots.digits(100 * sure.recall.high)} %" in shown


def test_start_keeps_to_the_cohort(page, shop):
    shown, names = page("start", shop.change(cohort="cold"))
    assert "Only people with short histories" in shown
    names["another"]._update(1)
    assert names["get_user"]() in backend.cohort_users(names["scene"].data, "cold")


def test_every_step_of_the_tour_and_every_question_leads_to_a_page(page, shop):
    _, names = page("start", shop)
    buttons = [*names["steps"].elements, *names["ways"].elements]
    assert len(buttons) > len(PAGES)
    for button in buttons:
        button._update(1)
        assert (APPS / "pages" / f"{names['get_jump']()}.py").is_file()


def test_why_adds_things_and_gives_the_rank_before_and_after(page, shop):
    data = backend.SESSION.dataset(shop)
    _, plain = page("why", shop)
    added = backend.addable_items(plain["scene"], plain["ranking"])[0]
    shown, names = page("why", shop, **{"why.added": [data.cards.titles[data.item_row(added)]]})
    expected = lab.what_if(names["scene"].model, data, shop.user, lab.add_items(added), item_id=shop.item)
    assert names["asked"].value["added"] == [added]
    first, last = expected.ranks
    assert f"number {first:,} → number {last:,}" in shown
    assert html.escape(lab.plots.before_after(expected.score_before, expected.score_after)) in shown


def test_why_names_the_hyperedges_and_people_that_carried_it(page, shop):
    shown, names = page("why", shop)
    mine = names["why"].hyperedges
    most = mine[mine["side"] == "user"].sort_values("contribution", key=abs, ascending=False).iloc[0]
    assert f"{most['modality']} hyperedge {most['hyperedge']}" in shown
    assert lab.plots.signed(most["contribution"]) in shown
    assert len(names["audience"]) == min(6, len(names["why"].audience))


def test_why_carries_a_hyperedge_to_its_page(page, shop):
    _, names = page("why", shop)
    names["open_hyperedge"](("text", 2))
    assert (names["get_group"](), names["get_jump"]()) == ({"modality": "text", "hyperedge": 2}, "hyperedges")


def test_a_page_that_runs_alone_says_where_the_others_are(page, shop):
    _, names = page("why", shop, alone=True)
    assert names["common"].only_here("", {"alone": True}) is None
    assert names["common"].only_here("data", {}) is None
    assert "srgformer-lab app" in names["common"].only_here("data", names["memory"]).text


def test_the_strip_names_the_cohort(page, shop):
    _, names = page("data", shop.change(cohort="cold"))
    assert "cohort: short histories" in importlib.import_module("top").strip(names["scene"], "instant").text

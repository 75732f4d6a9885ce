"""The page of comparisons says of several runs what the package computes of each."""

import shutil

import pytest

import srgformer_lab as lab
from srgformer_lab import backend
from srgformer_lab.models import catalog
from tests.shops import resolve
from tests.worlds import as_if_ended, as_if_trained


@pytest.fixture(scope="module")
def root(shop_root, tmp_path_factory):
    """Keep to a copy of the shop, so that other tests don't meet the runs that are made here."""
    return shutil.copytree(shop_root, tmp_path_factory.mktemp("compared"), dirs_exist_ok=True)


@pytest.fixture
def shop(root, monkeypatch):
    """Look at the first run, whether or not another one is better."""
    monkeypatch.chdir(root)
    return resolve(backend.Link(data=str(root / "shop"), run="first"))[0]


@pytest.fixture
def three(shop):
    """Put an ablation and a LightGCN run beside the finished run."""
    data = backend.SESSION.dataset(shop)
    small, train = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2), lab.TrainConfig(epochs=2, batch_size=256)
    for variant in ("no-hypergraph", "lightgcn"):
        if variant not in backend.runs_of(data):
            name, config, wanted = backend.settings(variant, small, train)
            lab.fit(catalog.kind(name).build(data, config), data, wanted, "runs", variant)
    return data


def test_runs_of_any_model_are_set_beside_one_another(page, shop, three):
    names = ("first", "no-hypergraph", "lightgcn")
    shown, found = page("compare", shop.change(runs=tuple(names[1:])))
    assert found["chosen"] == list(names[1:])
    for name in names:
        quality = lab.evaluate(backend.find_run(name).model(three), three, "valid")
        assert lab.plots.metric_value("ndcg@20", quality["ndcg@20"]) in shown
    assert found["picked"]["runs"] == ("no-hypergraph", "lightgcn")


def test_what_each_side_learned_stands_beside_its_untrained_self(page, shop, three):
    shown, _ = page("compare", shop.change(runs=("no-hypergraph", "lightgcn")))
    table = shown.partition("Did they learn that?")[2].partition("</table>")[0]
    trace = backend.find_run("first").model(three).trace()
    learned = lab.measure_structure(trace)
    assert table.count("<tr>") == 1 + len(learned)
    assert "lightgcn" not in table  # it has neither hyperedges nor attention
    for row in learned[learned["measure"] == "membership entropy"].itertuples():
        assert f"<td>{lab.plots.digits(row.value, 2)}<br><small>untrained {lab.plots.digits(row.untrained, 2)}</small>" in table


def test_without_a_choice_the_best_other_run_is_shown(page, shop, three):
    _, found = page("compare", shop)
    best = max(("no-hypergraph", "lightgcn"), key=lambda name: backend.find_run(name).status().best_metric)
    assert found["chosen"] == [best]


def test_an_item_of_both_lists_has_the_ranks_that_the_models_give(shop, three):
    scene = backend.SESSION.open(shop)
    moves = backend.run_moves(scene, backend.as_trained(scene, "lightgcn"), shop.user, 5)
    taken = set(three.history(shop.user, "valid"))
    for name, column in (("first", "rank_before"), ("lightgcn", "rank_after")):
        listed = lab.recommend(backend.find_run(name).model(three), three, shop.user, 5, hide="train")["item_id"].tolist()
        assert moves[moves[column] <= 5].sort_values(column)["item_id"].tolist() == listed
    assert set(moves.loc[moves["hit"], "item_id"]) == taken & set(moves["item_id"])


def test_differences_are_paired_and_agree_with_the_cohorts(shop, three):
    table = backend.cohort_differences(backend.sides(backend.SESSION.open(shop), ["lightgcn"])).set_index("cohort")
    users = {name: lab.evaluate_users(backend.find_run(name).model(three), three, "valid") for name in ("first", "lightgcn")}
    for cohort, row in table.iterrows():
        people = backend.cohort_users(three, cohort)
        means = [frame.loc[frame["user_id"].isin(people), "recall@20"].mean() for frame in users.values()]
        assert [row["first"], row["value"]] == pytest.approx(means)
        assert row["difference"] == pytest.approx(means[1] - means[0])
        assert row["low"] <= row["difference"] <= row["high"]
    assert table.loc["", "judged"] == table.drop("")["judged"].sum()


def test_a_run_against_itself_changes_nothing(shop, three):
    scene = backend.SESSION.open(shop)
    moves = backend.run_moves(scene, scene, shop.user)
    assert (moves["moved"] == 0).all()
    table = backend.cohort_differences({"first": scene, "again": backend.as_trained(scene, "first")})
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


@pytest.fixture
def turned(shop, three):
    """Look at the first run before its training, without attention; give the view, and the pass that this is."""
    link, said = resolve(shop.change(alpha=0.0, epoch=0, runs=("first", "lightgcn")))
    assert said == ()
    return link, backend.find_run("first").model(three, 0).trace().fuse(attention_scale=0.0)


def test_the_loaded_run_counts_at_the_epoch_and_knobs_of_the_view(page, three, turned):
    link, trace = turned
    shown, found = page("compare", link)
    names = ["first at epoch 0, α 0", "first as trained", "lightgcn"]
    assert list(found["sides"]) == names
    assert (found["chosen"], found["picked"]["runs"]) == (["first", "lightgcn"], ("first", "lightgcn"))
    readers = [trace, *(backend.find_run(name).model(three) for name in ("first", "lightgcn"))]
    users = {name: lab.evaluate_users(reader, three, "valid") for name, reader in zip(names, readers, strict=True)}
    for row in found["judged"].value().to_dict("records"):
        assert {name: row[name] for name in backend.COMPARED_METRICS} == pytest.approx(
            users[row["run"]].drop(columns="user_id").mean().to_dict()
        )
    told = found["differences"].set_index(["cohort", "run"])
    expected = users["first as trained"]["recall@20"].mean() - users[names[0]]["recall@20"].mean()
    assert expected != 0
    assert told.loc[("", "first as trained"), "difference"] == pytest.approx(expected)
    listed = lab.recommend(trace, three, link.user, 3, hide="train")["title"].tolist()
    lists = shown[shown.index("lab-chooser") :].partition("</details>")[2]  # people to choose from have pictures of the same items
    places = [lists.index(title) for title in listed]
    assert places == sorted(places)
    assert "first counts here as you turned it" in shown


def test_a_changed_run_is_held_against_itself_and_an_unchanged_one_is_not(page, shop, turned):
    link, _ = turned
    _, found = page("compare", link.change(runs=()))
    assert (next(iter(found["others"])), found["chosen"]) == ("first as trained", ["first"])
    trained = backend.SESSION.open(link).trained_knobs["attention_scale"]
    for same in (shop, shop.change(alpha=trained, runs=("first",)), resolve(link.change(alpha=None, epoch=None))[0]):
        shown, found = page("compare", same)
        assert "first" not in found["others"].values()
        assert next(iter(found["sides"])) == "first"
        assert "as you turned it" not in shown


def test_who_gains_and_loses_most_says_how_much(page, shop, three):
    _, found = page("compare", shop.change(runs=("lightgcn",)), **{"compare.metric": "NDCG@20"})
    scene = backend.SESSION.open(shop)
    changed = backend.changed_users(scene, backend.as_trained(scene, "lightgcn"), metric="ndcg@20")
    for buttons, row in ((found["gaining"], changed.iloc[0]), (found["losing"], changed.iloc[-1])):
        assert f"NDCG@20 {lab.plots.signed(row['difference'])}" in buttons.elements[0].text
        assert buttons.elements[0].value == row["user_id"]
    _, found = page("compare", shop.change(runs=("lightgcn",)))
    most = backend.changed_users(scene, backend.as_trained(scene, "lightgcn"))["difference"].iloc[0]
    assert f"Recall@20 {lab.plots.signed(100 * most)} points" in found["gaining"].elements[0].text


def test_the_two_metrics_of_the_plane_are_never_the_same(page, shop, three):
    for words, second in (("Recall@20", "ndcg@20"), ("NDCG@20", "recall@20")):
        _, found = page("compare", shop, **{"compare.metric": words, "compare.second": words})
        assert found["second_metric"].value == second


def test_a_run_without_weights_is_refused_by_name(shop, three):
    run = lab.Run.create("runs", "waiting", three, "lightgcn", catalog.kind("lightgcn").config(), lab.TrainConfig())
    assert "waiting" not in backend.comparable_runs(three)
    with pytest.raises(lab.RunError, match="waiting has no weights yet"):
        backend.tested_ranking(backend.as_trained(backend.SESSION.open(shop), "waiting"), shop.user)
    run.delete()


def test_a_full_queue_refuses_one_more_and_leaves_no_folder(shop, three, monkeypatch):
    monkeypatch.setattr(backend.training, "MOST_WAITING", 1)
    monkeypatch.setattr(backend.training.worker, "MAX_RUNNING", 1)
    started = []
    monkeypatch.setattr(backend.training.worker, "start", lambda run: (as_if_trained(run), started.append(run)))  # they stay in the queue
    begun = [backend.begin_small(three), backend.begin_small(three, "lightgcn")]
    before = set(backend.runs_of(three))
    with pytest.raises(lab.RunError, match="1 of at most 1 places in the queue are taken"):
        backend.begin_small(three)
    with pytest.raises(lab.RunError, match="places in the queue"):
        backend.carry_on(backend.find_run("first"))
    assert started == begun
    assert set(backend.runs_of(three)) == before
    for run in begun:
        as_if_ended(run)
        run.delete()


def test_what_lists_are_like_stands_beside_and_is_compared_person_by_person(page, shop, three):
    shown, found = page("compare", shop.change(runs=("lightgcn",)), **{"compare.metric": "image distance@20"})
    table = shown.partition("What are the lists like?")[2].partition("</table>")[0]
    judged = {name: lab.judge_lists(backend.find_run(name).model(three), three, cutoffs=(20,)) for name in ("first", "lightgcn")}
    for rows in judged.values():
        for row in rows[~rows["metric"].isin(backend.COMPARED_METRICS)].to_dict("records"):
            value, low, high = (lab.plots.metric_value(row["metric"], row[name]) for name in ("value", "low", "high"))
            assert f'<td>{value}<br><small style="white-space:nowrap">[{low}, {high}]</small></td>' in table
    assert table.count("<tr>") == 1 + len(judged["first"]) - 2
    told = found["differences"].set_index("cohort").loc[""]
    between = lab.judge_differences({name: backend.find_run(name).model(three) for name in judged}, three, cutoffs=(20,))
    row = between.set_index("metric").loc["image_distance@20"]
    assert (told["first"], told["value"], told["difference"]) == pytest.approx((row["first"], row["value"], row["difference"]))


def test_lists_are_made_once_for_all_that_judges_them(shop, three, monkeypatch):
    made = []
    monkeypatch.setattr(backend.cohorts, "rank_lists", lambda *given, **options: made.append(given) or lab.rank_lists(*given, **options))
    scene = backend.SESSION.open(shop.change(alpha=0.123))
    backend.run_quality({"turned": scene}).value()
    backend.cohort_table(scene).value()
    assert len(made) == 1

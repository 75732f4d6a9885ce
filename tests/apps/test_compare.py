"""The page of comparisons says of several runs what the package computes of each."""

import pytest

import srgformer_lab as lab
from srgformer_lab import workspace
from srgformer_lab.model import catalog


@pytest.fixture
def three(shop):
    """Put an ablation and a LightGCN run beside the finished run."""
    data = workspace.dataset(shop)
    small, train = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2), lab.TrainConfig(epochs=2, batch_size=256)
    for variant in ("no-hypergraph", "lightgcn"):
        if variant not in workspace.runs_of(data):
            name, config, wanted = workspace.settings(variant, small, train)
            lab.fit(catalog.kind(name).build(data, config), data, wanted, "runs", variant)
    return data


def test_runs_of_any_model_are_set_beside_one_another(page, shop, three):
    names = ("first", "no-hypergraph", "lightgcn")
    shown, found = page("compare", shop.change(runs=workspace.joined(names[1:])))
    assert found["chosen"] == list(names[1:])
    for name in names:
        quality = lab.evaluate(workspace.find_run(name).model(three), three, "valid")
        assert lab.figures.metric_value("ndcg@20", quality["ndcg@20"]) in shown
    assert found["picked"]["runs"] == "no-hypergraph,lightgcn"


def test_without_a_choice_the_best_other_run_is_shown(page, shop, three):
    _, found = page("compare", shop)
    best = max(("no-hypergraph", "lightgcn"), key=lambda name: workspace.find_run(name).status().best_metric)
    assert found["chosen"] == [best]


def test_an_item_of_both_lists_has_the_ranks_that_the_models_give(shop, three):
    moves = workspace.run_moves(three, "first", "lightgcn", shop.user, 5)
    taken = set(three.history(shop.user, "valid"))
    for name, column in (("first", "rank_before"), ("lightgcn", "rank_after")):
        listed = lab.recommend(workspace.find_run(name).model(three), three, shop.user, 5, hide="train")["item_id"].tolist()
        assert moves[moves[column] <= 5].sort_values(column)["item_id"].tolist() == listed
    assert set(moves.loc[moves["hit"], "item_id"]) == taken & set(moves["item_id"])


def test_differences_are_paired_and_agree_with_the_cohorts(three):
    table = workspace.cohort_differences(three, "first", ["lightgcn"]).set_index("cohort")
    users = {name: lab.evaluate_users(workspace.find_run(name).model(three), three, "valid") for name in ("first", "lightgcn")}
    for cohort, row in table.iterrows():
        people = workspace.cohort_users(three, cohort)
        means = [frame.loc[frame["user_id"].isin(people), "recall@20"].mean() for frame in users.values()]
        assert [row["first"], row["value"]] == pytest.approx(means)
        assert row["difference"] == pytest.approx(means[1] - means[0])
        assert row["low"] <= row["difference"] <= row["high"]
    assert table.loc["", "judged"] == table.drop("")["judged"].sum()


def test_a_run_against_itself_changes_nothing(shop, three):
    moves = workspace.run_moves(three, "first", "first", shop.user)
    assert (moves["moved"] == 0).all()
    table = workspace.cohort_differences(three, "first", ["first"])
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_a_run_without_weights_is_refused_by_name(three, tmp_path):
    run = lab.Run.create("runs", "waiting", three, "lightgcn", catalog.kind("lightgcn").config(), lab.TrainConfig())
    assert "waiting" not in workspace.comparable_runs(three)
    with pytest.raises(lab.RunError, match="waiting has no weights yet"):
        workspace.run_ranking(three, "waiting", three.user_ids[0])
    run.delete()


def test_a_full_queue_refuses_one_more_and_leaves_no_folder(shop, three, monkeypatch):
    monkeypatch.setattr(workspace.training, "MOST_WAITING", 1)
    monkeypatch.setattr(workspace.training.worker, "MAX_RUNNING", 1)
    started = []
    monkeypatch.setattr(workspace.training.worker, "start", started.append)  # they stay in the queue
    begun = [workspace.begin_small(three), workspace.begin_small(three, "lightgcn")]
    before = set(workspace.runs_of(three))
    with pytest.raises(lab.RunError, match="1 of at most 1 places in the queue are taken"):
        workspace.begin_small(three)
    with pytest.raises(lab.RunError, match="places in the queue"):
        workspace.carry_on(workspace.find_run("first"))
    assert started == begun
    assert set(workspace.runs_of(three)) == before
    for run in begun:
        run.delete()

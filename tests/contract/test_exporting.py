"""What leaves for other tools opens again as the same data, holds the run's lists, and is judged by them as it is here."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

import srgformer_lab as lab
from srgformer_lab import cli
from srgformer_lab.training import exporting
from tests.worlds import shop, with_isolated_nodes


def pairs(data, split):
    return {(data.user_ids[user], data.item_ids[item]) for user, item in data.pairs(split).tolist()}


@pytest.mark.parametrize("layout", ["recbole", "mmrec"])
def test_data_and_split_open_again_as_they_were(trained, tiny, tmp_path, layout):
    folder = lab.export_run(trained[0], tmp_path / "out", layout, 5, tiny)
    again = lab.open_data(folder)
    users, items = (list(ids) for ids in (tiny.user_ids, tiny.item_ids))
    if layout == "mmrec":
        for kind, ids in (("u", users), ("i", items)):
            mapping = pd.read_csv(folder / f"{kind}_id_mapping.csv", sep="\t", dtype=str)
            assert mapping.to_numpy().tolist() == [[name, str(row)] for row, name in enumerate(ids)]
        users, items = ([str(row) for row in range(len(ids))] for ids in (users, items))
    assert (sorted(again.user_ids), sorted(again.item_ids)) == (sorted(users), sorted(items))
    for split in ("train", "valid", "test"):
        expected = {(users[user], items[item]) for user, item in tiny.pairs(split).tolist()}
        assert pairs(again, split) == expected
    assert again.modalities == tiny.modalities
    for modality, matrix in tiny.features.items():
        np.testing.assert_array_equal(again.features[modality][[again.item_row(item) for item in items]], matrix)


@pytest.mark.parametrize(("layout", "split"), [("recbole", "valid"), ("mmrec", "test"), ("trec", "test")])
def test_the_lists_beside_it_are_the_runs_and_are_judged_as_it_is(trained, tiny, tmp_path, layout, split):
    run, _ = trained
    folder = lab.export_run(run, tmp_path / "out", layout, 20, tiny)
    data = lab.open_data(folder) if layout == "mmrec" else tiny
    lists = lab.read_lists(folder / f"run.{split}.txt", data, columns="user=1,item=3,rank=4,score=5")
    assert lab.evaluate(lists, split=split) == pytest.approx(lab.evaluate(run.model(tiny), split=split))
    first = (folder / f"run.{split}.txt").read_text().split("\n", 1)[0].split(" ")
    assert (first[1], first[3:]) == ("Q0", ["1", "20", run.name])
    assert "NOT hidden" in (folder / "README.txt").read_text()


def test_qrels_are_what_is_to_be_found(trained, tiny, tmp_path):
    folder = lab.export_run(trained[0], tmp_path / "out", "trec", data=tiny)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.txt",
        *(f"{of}.{at}.txt" for of in ("qrels", "run") for at in ("test", "valid")),
    ]
    for split in ("valid", "test"):
        rows = [line.split(" ") for line in (folder / f"qrels.{split}.txt").read_text().splitlines()]
        assert {(user, item) for user, _, item, _ in rows} == pairs(tiny, split)


def test_a_taken_name_gets_a_number_and_nothing_half_written_stays(trained, tiny, tmp_path, monkeypatch):
    run, _ = trained
    assert [lab.export_run(run, tmp_path / "out", "trec", 2, tiny).name for _ in range(2)] == ["out", "out-2"]
    monkeypatch.setattr(exporting, "_run_lines", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(lab.RunError, match="the disk is full"):
        lab.export_run(run, tmp_path / "third", "trec", 2, tiny)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-2"]


def test_what_a_layout_can_not_hold_is_refused_by_name(trained, tiny, tmp_path):
    run, _ = trained
    with pytest.raises(lab.ConfigError, match="layout='csv' must be one of recbole, mmrec, trec"):
        lab.export_run(run, tmp_path / "out", "csv", data=tiny)
    with pytest.raises(lab.ConfigError, match="k=0"):
        lab.export_run(run, tmp_path / "out", "trec", 0, tiny)
    spaced = dataclasses.replace(tiny, user_ids=["a b", *tiny.user_ids[1:]])
    other = lab.fit(lab.MatrixFactorization(spaced), spaced, lab.TrainConfig(epochs=1), tmp_path / "runs")
    with pytest.raises(lab.DataError, match="the id 'a b' can't stand in files that spaces divide"):
        lab.export_run(other, tmp_path / "out", "trec", data=spaced)
    assert lab.export_run(other, tmp_path / "out", "mmrec", data=spaced).name == "out"


def test_what_hiding_validation_brings_is_what_a_model_finds_whose_data_has_it_in_training():
    data = shop(n_users=25, n_items=30, density=0.15)
    train_and_valid = dataclasses.replace(
        data, interactions=dataclasses.replace(data.interactions, split=np.where(data.interactions.split == 1, 0, data.interactions.split))
    )
    scores = np.random.default_rng(0).normal(size=(25, 30))
    found = lab.second_opinion(Written(data, scores), cutoffs=(3, 10)).set_index("metric")
    assert found["ours"].to_dict() == lab.evaluate(Written(data, scores), "test", (3, 10))
    assert found["valid_hidden"].to_dict() == pytest.approx(lab.evaluate(Written(train_and_valid, scores), "test", (3, 10)))
    assert (found["valid_hidden"] >= found["ours"]).all()
    lists = lab.rank_lists(Written(data, scores), data, "test", 10)
    assert lab.second_opinion(lists, cutoffs=(3, 10))["valid_hidden"].isna().all()


def test_another_tool_finds_the_same_in_the_same_lists():
    """Users whose list is empty, or who have nothing to find, and short lists included."""
    pytest.importorskip("ir_measures")
    for data in (shop(n_users=25, n_items=12, density=0.3), with_isolated_nodes()):
        scores = np.random.default_rng(1).integers(0, 3, (data.n_users, data.n_items)).astype(float)
        for split in ("valid", "test"):
            found = lab.second_opinion(Written(data, scores), split=split, cutoffs=(2, 5))
            assert found["ir_measures"].to_numpy() == pytest.approx(found["ours"].to_numpy(), abs=1e-9)


def test_the_command_writes_and_tells_what_others_find(trained, tiny, tmp_path, capsys, monkeypatch):
    run, _ = trained
    assert cli.main(["export", str(run.path), "--format", "trec", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert f"written: {tmp_path / 'out'}" in told
    assert f"{lab.evaluate(run.model(tiny), split='test')['recall@10']:.4f}" in told.partition("recall@10")[2].splitlines()[0]


class Written(lab.Recommender):
    """Scores that were written down."""

    def __init__(self, data, scores):
        super().__init__(data)
        self.register_buffer("scores", torch.as_tensor(scores))

    def scorer(self):
        return lambda users: self.scores[users].clone()

"""Lists from anybody's file: what is in it is judged as a model is, and all that can't be is counted and said."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import srgformer_lab as lab
from tests.worlds import shop, world

DATA = world(
    [(0, 0), (1, 1), (2, 2), (3, 3)], 4, 8, valid=[(0, 5), (1, 5), (2, 6), (3, 6)], test=[(0, 6), (1, 7), (2, 7), (3, 1)], name="little"
)
"""Four users with one item each to learn from."""


def read(folder, text, name="lists.csv", **options):
    (folder / name).write_text(text)
    return lab.read_lists(folder / name, DATA, **options)


def said(lists, pattern):
    """Return the one sentence of a reading that fits."""
    (found,) = [note for note in lists.reading if re.search(pattern, note)]
    return found


def by_user(lists):
    return {
        lists.data.user_ids[user]: [lists.data.item_ids[item] for item in items if item >= 0]
        for user, items in zip(lists.users, lists.items, strict=True)
    }


@pytest.mark.parametrize("kind", ["rank", "score"])
def test_ranks_and_scores_order_a_list_however_the_rows_stand(tmp_path, kind):
    values = {"rank": (3, 1, 2), "score": (0.1, 2.5, 1e-3 + 0.2)}[kind]
    lists = read(tmp_path, f"item_id,{kind},user_id\ni4,{values[0]},u0\ni7,{values[1]},u0\ni5,{values[2]},u0\ni6,1,u2\n")
    assert by_user(lists) == {"u0": ["i7", "i5", "i4"], "u2": ["i6"]}
    assert lists.items.tolist() == [[7, 5, 4], [6, -1, -1]]
    assert said(lists, "2 of 4 users have no list")
    assert repr(lists) == "Lists(lists: 2 of 4 users, up to 3 items each)"


def test_all_that_does_not_count_is_counted_and_said(tmp_path):
    rows = [
        "u0,i4,0", "u0,i5,1", "u0,i4,2",  # again
        "u0,i0,3", "u0,i6,4",  # in training
        "u1,i6,1", "u1,i5,1",  # a shared place
        "u9,i1,0", "u8,i1,0", "u1,x1,2", ",i5,3",  # nobody, nothing
    ]  # fmt: skip
    lists = read(tmp_path, "user_id,item_id,rank\n" + "\n".join(rows))
    assert by_user(lists) == {"u0": ["i4", "i5", "i6"], "u1": ["i5", "i6"]}
    assert "1 row left out" in said(lists, "without a user")
    assert "2 rows left out, of 2 users" in said(lists, "u9, u8")
    assert "1 row left out, of 1 item " in said(lists, "x1")
    assert "1 time, in lists of 1 user" in said(lists, "stands again")
    assert "1 time, in lists of 1 user" in said(lists, "in training")
    assert "1 time, in lists of 1 user" in said(lists, "place is shared")
    assert said(lists, "ranks start at 0")
    assert "2 of 4 users have no list" in said(lists, "have no list")
    assert len(lists.reading) == 10


def test_lists_are_cut_and_it_is_said(tmp_path):
    lists = read(tmp_path, "user_id,item_id,rank\n" + "\n".join(f"u0,i{item},{item}" for item in range(1, 8)), k=3)
    assert by_user(lists) == {"u0": ["i1", "i2", "i3"]}
    assert said(lists, "1 list longer than 3 places")


def test_lists_that_hide_a_split_are_told_so(tmp_path):
    hides_valid = read(tmp_path, "user_id,item_id,rank\nu0,i6,1\nu1,i7,1\n")
    assert "valid split, as if those were hidden; that raises the metrics of the other" in said(hides_valid, "hidden")
    hides_both = read(tmp_path, "user_id,item_id,rank\nu0,i4,1\n")
    assert sum("as if those were hidden" in note for note in hides_both.reading) == 2
    assert lab.evaluate(hides_both, cutoffs=[1])["recall@1"] == 0


def test_users_without_a_list_find_nothing_and_count(tmp_path):
    lists = read(tmp_path, "user_id,item_id,rank\nu0,i5,1\n")
    assert lab.evaluate(lists, cutoffs=[1]) == {"recall@1": 0.25, "ndcg@1": 0.25}
    found = lab.judge_lists(lists, cutoffs=[1]).set_index("metric")
    assert found.loc["popularity@1", ["value", "users"]].tolist() == [0, 1]


def test_ranks_and_scores_that_say_the_same_are_taken_and_others_asked_about(tmp_path):
    same = read(tmp_path, "user_id,item_id,rank,score\nu0,i5,1,9\nu0,i4,2,9\nu0,i6,3,1\n")
    assert by_user(same) == {"u0": ["i5", "i4", "i6"]}
    text = "user_id,item_id,rank,score\nu0,i5,1,1\nu0,i4,2,9\n"
    with pytest.raises(lab.DataError, match=r"both ranks and scores.* 1 user, such as 'u0'; say by='rank' or by='score'"):
        read(tmp_path, text)
    assert by_user(read(tmp_path, text, by="score")) == {"u0": ["i4", "i5"]}
    assert by_user(read(tmp_path, text, by="rank")) == {"u0": ["i5", "i4"]}


REFUSED = {
    "": "is empty",
    "user_id,item_id,rank\n": "no row",
    "user_id,item_id\nu0,i1\n": "neither a column rank nor a column score among user_id, item_id",
    "user_id,rank\nu0,1\n": "no column item_id among user_id, rank",
    "who,what,rank\nu0,i1,1\n": "no column user_id",
    "user_id,item_id,rank\nu0,i1,first\n": "row 2: rank 'first' is no finite number",
    "user_id,item_id,score\nu0,i1,nan\nu0,i2,inf\n": "row 2: score 'nan' is no finite number",
    "user_id,item_id,rank\nx,i1,1\n": "no row is of users of little",
    "user_id,item_id,rank\nu0,x,1\n": "no row is of items of little",
    "user_id,item_id,rank\nu0,i0,1\n": "every item is one that its user has in training",
    "user_id,item_id,rank\nu00,i1,1\nU0,i1,1\n": "ids='match'",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_list_is_refused_by_name(tmp_path, text):
    with pytest.raises(lab.DataError, match=REFUSED[text]):
        read(tmp_path, text)


def test_files_and_options_that_are_not_there_are_refused_by_name(tmp_path):
    with pytest.raises(lab.DataError, match=r"none\.csv is missing"):
        lab.read_lists(tmp_path / "none.csv", DATA)
    with pytest.raises(lab.DataError, match="can't be read"):
        lab.read_lists(tmp_path, DATA)
    with pytest.raises(lab.ConfigError, match="path=3 is no path"):
        lab.read_lists(3, DATA)
    text = "user_id,item_id,rank\nu0,i1,1\n"
    for options, fault in (
        ({"by": "score"}, "no column that tells the score"),
        ({"by": "place"}, "must be 'rank' or 'score'"),
        ({"ids": "from1"}, "must be 'exact' or 'match'"),
        ({"k": 0}, "k=0"),
        ({"columns": "time=rank"}, "there are user, item, rank, score$"),
    ):
        with pytest.raises(lab.ConfigError, match=fault):
            read(tmp_path, text, **options)
    with pytest.raises(lab.DataError, match="no Dataset"):
        lab.read_lists(tmp_path / "lists.csv", "little")


def test_columns_by_name_and_by_place_and_ids_that_nearly_match(tmp_path):
    assert by_user(read(tmp_path, "who;what;how\nu0;i5;3\nu0;i4;7\n", columns="user=who,item=what,score=how")) == {"u0": ["i4", "i5"]}
    trec = "u0 Q0 i5 1 9.5 mine\nu0 Q0 i4 2 9.0 mine\nu1 Q0 i4 1 2.0 mine\n"
    assert by_user(read(tmp_path, trec, "run.txt", columns="user=1,item=3,rank=4")) == {"u0": ["i5", "i4"], "u1": ["i4"]}
    assert by_user(read(tmp_path, "user_id,item_id,rank\n U0 ,I5,1\n", ids="match")) == {"u0": ["i5"]}


def test_parquet_and_json_are_read_as_text_is(tmp_path):
    frame = pd.DataFrame({"user_id": ["u0", "u0", "u1"], "item_id": ["i5", "i4", "i6"], "rank": [0, 1, 0]})
    frame.to_parquet(tmp_path / "lists.parquet")
    (tmp_path / "lists.jsonl").write_text("\n".join(map(json.dumps, frame.to_dict("records"))))
    for name in ("lists.parquet", "lists.jsonl"):
        assert by_user(lab.read_lists(tmp_path / name, DATA)) == {"u0": ["i5", "i4"], "u1": ["i6"]}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(["rank", "score"]), st.sampled_from([1, 5, 20]))
def test_a_models_lists_come_back_from_a_file_and_are_judged_alike(tmp_path_factory, seed, kind, k):
    data = shop(n_users=15, n_items=20, density=0.2, seed=seed)
    lists = lab.rank_lists(lab.Popularity(data), data, "test", k)
    user, place = np.nonzero(lists.items >= 0)
    frame = pd.DataFrame({"user_id": [data.user_ids[lists.users[row]] for row in user]})
    frame["item_id"] = [data.item_ids[item] for item in lists.items[user, place]]
    frame[kind] = place if kind == "rank" else -1.5 * place
    file = tmp_path_factory.mktemp("lists") / "lists.csv"
    frame.sample(frac=1, random_state=seed).to_csv(file, index=False)
    again = lab.read_lists(file, data)
    np.testing.assert_array_equal(again.users, lists.users)
    np.testing.assert_array_equal(again.items, lists.items[:, : again.items.shape[1]])
    longest = (again.items.shape[1],)
    pd.testing.assert_frame_equal(lab.evaluate_users(again, data, "test", longest), lab.evaluate_users(lists, data, "test", longest))


def test_an_item_that_is_repeated_at_its_own_place_shares_it_with_no_other(tmp_path):
    lists = read(tmp_path, "user_id,item_id,rank\nu0,i5,1\nu0,i5,1\nu0,i4,2\n")
    assert by_user(lists) == {"u0": ["i5", "i4"]}
    assert said(lists, "stands again")
    assert not any("place is shared" in note for note in lists.reading)

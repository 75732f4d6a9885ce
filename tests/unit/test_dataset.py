"""A data set is what it was given, copied, checked and in one order; its fingerprint is equal for equal data and for no other."""

import dataclasses
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import srgformer_lab as lab
from srgformer_lab.data import changing
from srgformer_lab.data.dataset import SPLITS, DataSource, Interactions, ItemCards, Truth
from srgformer_lab.data.fingerprint import fingerprint_of_0_1_0
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError
from tests.worlds import recipes, shop, small

N_USERS, N_ITEMS = 3, 4
USER, ITEM, SPLIT = [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 2, 1, 2, 3, 0, 2, 3], [0, 1, 2] * 3
STUDIO = {"n_users": 30, "n_items": 20, "n_groups": 3, "n_interactions": 200}


def parts(**changes):
    """All the parts of a little data set that has something everywhere, fresh and writable."""
    rng = np.random.default_rng(4)
    details = pd.DataFrame({"year": [2001, 2002, 2003, 2004], "maker": list("abcd")})
    given = {
        "name": "hand",
        "user_ids": [f"u{row}" for row in range(N_USERS)],
        "item_ids": [f"i{row}" for row in range(N_ITEMS)],
        "interactions": Interactions(np.array(USER), np.array(ITEM), np.array(SPLIT), np.arange(100, 109)),
        "features": {name: rng.standard_normal((N_ITEMS, 3)).astype(np.float32) for name in ("text", "image", "audio")},
        "cards": ItemCards(list("ABCD"), ["", "one", "two", ""], [None, b"x", b"y", None], details),
        "truth": Truth(("red", "tea"), ("image", "text"), np.array([0, 1, 0, 1]), ((0,), (1,), (0, 1)), np.arange(9) % 2 == 0),
        "neighbors": {"text": np.array([[1, 2], [0, 2], [3, 0], [2, 1]])},
    }
    return given | changes


def hand(**changes):
    return lab.Dataset(**parts(**changes))


def pairs(**changes):
    return Interactions(**({"user": np.array(USER), "item": np.array(ITEM), "split": np.array(SPLIT)} | changes))


def shuffled(data, order):
    """The same data set from its rows in another order."""
    truth = data.truth and replace(data.truth, noise=data.truth.noise[order])
    return replace(data, interactions=data.interactions.take(order), truth=truth)


def losses(data, model=lab.SRGFormer, config=None):
    config = config or small()
    training = lab.TrainConfig(epochs=2, batch_size=5, seed=1)
    return [dict(record.losses) | dict(record.metrics) for record in lab.epochs(model(data, config), data, training)]


# ------------------------------------------------------------------------------------------------------------------- one order


@given(st.permutations(range(len(USER))))
def test_rows_in_any_order_are_one_data_set(order):
    data, other = hand(), shuffled(hand(), np.array(order))
    for part in ("user", "item", "split", "timestamp"):
        np.testing.assert_array_equal(getattr(other.interactions, part), getattr(data.interactions, part))
    np.testing.assert_array_equal(other.truth.noise, data.truth.noise)
    assert other.fingerprint == data.fingerprint


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rows_in_any_order_train_bit_identically(random):
    data = shop()
    order = random.sample(range(len(data.interactions)), len(data.interactions))
    assert losses(shuffled(data, np.array(order))) == losses(data)


def test_the_layout_of_memory_takes_no_part():
    data = hand()
    turned = replace(data, features={name: np.asfortranarray(matrix) for name, matrix in data.features.items()})
    assert turned.fingerprint == data.fingerprint
    assert losses(turned) == losses(data)


# ----------------------------------------------------------------------------------------------------------------- fingerprint


def with_part(part, values):
    given = hand()
    if part in {field.name for field in dataclasses.fields(Interactions)}:
        return replace(given, interactions=replace(given.interactions, **{part: values}))
    if part in {field.name for field in dataclasses.fields(ItemCards)}:
        return replace(given, cards=replace(given.cards, **{part: values}))
    if part in {field.name for field in dataclasses.fields(Truth)}:
        return replace(given, truth=replace(given.truth, **{part: values}))
    return replace(given, **{part: values})


def a_little_more(values):
    copy = np.array(values)
    copy.flat[3] += 1
    return copy


CHANGES = {
    "user id": ("user_ids", ["u0", "u1", "u9"]),
    "item id": ("item_ids", ["i0", "i1", "i2", "i9"]),
    "ids, joined alike": ("user_ids", ["u0", "u1\x1fu2", "u3"]),
    "item": ("item", [0, 1, 3, *ITEM[3:]]),
    "user": ("user", [1, *USER[1:]]),
    "split": ("split", [0, 2, 1, *SPLIT[3:]]),
    "timestamp": ("timestamp", a_little_more(np.arange(100, 109))),
    "no timestamp": ("timestamp", None),
    "feature": ("features", {**parts()["features"], "image": a_little_more(parts()["features"]["image"])}),
    "order of features": ("features", {**parts()["features"], "image": parts()["features"]["image"][::-1]}),
    "names of features": ("features", {**parts()["features"], "image": parts()["features"]["text"], "text": parts()["features"]["image"]}),
    "one feature less": ("features", {name: matrix for name, matrix in parts()["features"].items() if name != "audio"}),
    "sign of zero": ("features", {**parts()["features"], "image": np.negative(np.zeros((4, 3), np.float32))}),
    "neighbours": ("neighbors", {"text": np.array([[2, 1], [0, 2], [3, 0], [2, 1]])}),
    "no neighbours": ("neighbors", {}),
    "title": ("titles", list("ABCE")),
    "text": ("texts", ["", "one", "two", "three"]),
    "text in another row": ("texts", ["one", "", "two", ""]),
    "picture": ("pictures", [None, b"x", b"z", None]),
    "picture of another item": ("pictures", [b"x", None, b"y", None]),
    "detail": ("details", pd.DataFrame({"year": [2001, 2002, 2003, 2005], "maker": list("abcd")})),
    "type of a detail": ("details", pd.DataFrame({"year": ["2001", "2002", "2003", "2004"], "maker": list("abcd")})),
    "name of a detail": ("details", pd.DataFrame({"age": [2001, 2002, 2003, 2004], "maker": list("abcd")})),
    "planted group": ("item_group", [0, 1, 1, 1]),
    "noise": ("noise", np.arange(9) % 2 == 1),
    "no truth": ("truth", None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_single_change_changes_the_fingerprint(change):
    assert with_part(*CHANGES[change]).fingerprint != hand().fingerprint


def test_plus_and_minus_zero_are_not_the_same_features():
    zero = np.zeros((N_ITEMS, 3), np.float32)
    assert hand(features={"image": zero}).fingerprint != hand(features={"image": np.negative(zero)}).fingerprint


def test_names_and_paths_take_no_part():
    assert hand(name="other", source=DataSource("memory", "/elsewhere", {"seed": 3})).fingerprint == hand().fingerprint


@pytest.mark.parametrize("part", ["features", "cards", "timestamp", "truth"])
def test_a_generated_world_with_other_content_is_another(part):
    data, other = lab.studio(**STUDIO), lab.studio(**STUDIO, seed=1)
    if part == "timestamp":
        changed = replace(data, interactions=replace(data.interactions, timestamp=data.interactions.timestamp + 1))
    else:
        changed = replace(data, **{part: None if part == "truth" else getattr(other, part)})
    assert changed.source.reader == "studio"
    assert changed.fingerprint != data.fingerprint
    assert not changed.matches(data.fingerprint)
    assert not changed.matches(fingerprint_of_0_1_0(data))


def test_a_generated_world_is_hashed_by_its_recipe_while_it_is_as_made():
    data = lab.studio(**STUDIO)
    nearly = {name: np.nextafter(matrix, np.float32(2)) for name, matrix in data.features.items()}
    elsewhere = replace(data, features=nearly)  # a machine whose libraries round otherwise
    elsewhere = replace(elsewhere, source=replace(data.source, made=lab.data.fingerprint.content_digest(elsewhere)))
    assert elsewhere.fingerprint == data.fingerprint == lab.studio(**{**STUDIO, "noise": 0.5, "image_signal": 1}).fingerprint
    assert data.fingerprint != lab.studio(**STUDIO, noise=0.4).fingerprint
    assert "made" not in data.source.to_dict()


def test_shuffling_a_modality_of_the_world_changes_its_fingerprint():
    data = lab.studio(**STUDIO)
    assert changing.with_shuffled_modality(data, "image").fingerprint != data.fingerprint


def test_runs_of_0_1_0_know_their_data_again():
    run = lab.shipped_run()
    data = run.open_data()
    assert run.config.fingerprint == data.fingerprint
    assert fingerprint_of_0_1_0(data) == "f8091037b73a2744"
    assert data.matches("f8091037b73a2744")
    assert not data.matches("76beb6c34daea7fd")


def test_the_shipped_run_refuses_other_features():
    run = lab.shipped_run()
    data = run.open_data()
    other = replace(data, features={name: np.ones_like(matrix) for name, matrix in data.features.items()})
    with pytest.raises(lab.RunError, match="was trained on"):
        run.model(other)


def test_a_picture_file_counts_by_its_content(tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (5, 5), "red").save(first)
    second.write_bytes(first.read_bytes())
    of = {
        path: hand(cards=ItemCards(list("ABCD"), [""] * 4, [path, None, None, None], pd.DataFrame(index=range(4))))
        for path in (first, second)
    }
    before = of[first].fingerprint
    assert before == of[second].fingerprint
    size = first.stat().st_size
    first.write_bytes(b"\x00" * size)
    assert replace(of[first], cards=replace(of[first].cards)).fingerprint != before
    assert of[second].fingerprint == before
    first.unlink()
    with pytest.raises(DataError, match=r"a\.png can't be read"):
        _ = replace(of[first], cards=replace(of[first].cards)).fingerprint


# --------------------------------------------------------------------------------------------------------------- never changes


def test_the_callers_own_parts_stay_writable_and_apart():
    given, before = parts(), hand()
    rows = {name: np.array(getattr(before.interactions, name)) for name in ("user", "item", "split", "timestamp")}
    noise, group, details = np.array(before.truth.noise), np.array(before.truth.item_group), before.cards.details
    titles, options = list("ABCD"), {"seed": 1}
    given["interactions"] = Interactions(**rows)
    given["truth"] = replace(before.truth, noise=noise, item_group=group)
    given["cards"] = ItemCards(titles, given["cards"].texts, given["cards"].pictures, details)
    data = lab.Dataset(**given, source=DataSource("memory", "", options))
    arrays = [*rows.values(), noise, group, *given["features"].values(), *given["neighbors"].values()]
    for array in arrays:
        array[...] = 0
    details.loc[0, "maker"] = "changed"
    titles[0], given["user_ids"][0], options["seed"] = "changed", "changed", 2
    given["features"].clear()
    for part in ("user", "item", "split", "timestamp"):
        np.testing.assert_array_equal(getattr(data.interactions, part), getattr(before.interactions, part))
    assert data.fingerprint == before.fingerprint
    assert dict(data.source.options) == {"seed": 1}


def arrays_of(data):
    pairs, truth, matrices = data.interactions, data.truth, [data.matrix(split) for split in (*SPLITS, "all")]
    yield from (pairs.user, pairs.item, pairs.split, pairs.timestamp, truth.noise, truth.item_group)
    yield from (*data.features.values(), *data.neighbors.values(), *(data.pairs(split) for split in (*SPLITS, "all")))
    yield from (array for matrix in matrices for array in (matrix.data, matrix.indices, matrix.indptr))


def test_nothing_that_is_handed_out_can_be_written_to():
    data = hand()
    for array in arrays_of(data):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
    for ids in (data.user_ids, data.item_ids, data.cards.titles, data.cards.texts, data.cards.pictures):
        assert isinstance(ids, tuple)
    for mapping in (data.features, data.neighbors, data.source.options):
        with pytest.raises(TypeError):
            mapping["new"] = 1
    mine = data.cards.details
    mine["new"] = 1
    mine.loc[0, "maker"] = "changed"
    assert data.cards.details.equals(parts()["cards"].details)


def test_whoever_changes_a_matrix_changes_their_own():
    data = hand()
    mine, before = data.matrix("train"), data.matrix("train").toarray()
    mine.data, mine.indices = mine.data * 9, mine.indices[::-1].copy()
    np.testing.assert_array_equal(data.matrix("train").toarray(), before)
    other = data.matrix("train")
    with pytest.raises(ValueError, match="read-only"):
        other[0, 0] = 5
    np.testing.assert_array_equal(data.matrix("train").toarray(), before)


@given(recipes())
def test_a_matrix_is_scipys_own(recipe):
    data = recipe.make()
    for split in (*SPLITS, "all"):
        rows = data.pairs(split)
        oracle = np.zeros((data.n_users, data.n_items))
        oracle[rows[:, 0], rows[:, 1]] = 1
        found = data.matrix(split)
        np.testing.assert_array_equal(found.toarray(), oracle)
        found.check_format(full_check=True)
        assert found.has_sorted_indices


def test_parts_that_are_frozen_already_are_shared():
    data = hand()
    fewer = changing.without_interactions(data, "u0", ["i0"])
    assert fewer.features["image"] is data.features["image"]
    view = np.zeros((N_ITEMS, 2), np.float32)
    shown = view[:]
    shown.setflags(write=False)
    assert hand(features={"image": shown}).features["image"] is not shown


def test_a_data_set_travels_to_another_process_and_stays_frozen():
    data = lab.studio(**STUDIO)
    again = pickle.loads(pickle.dumps(data))
    assert again.fingerprint == data.fingerprint
    assert again.source.to_dict() == data.source.to_dict()
    assert not any(array.flags.writeable for array in (again.interactions.user, again.truth.noise, *again.features.values()))


# ------------------------------------------------------------------------------------------------------------------ validation

BAD = {
    "unknown split": (lambda: hand(interactions=pairs(split=np.array([0, 7, *SPLIT[2:]]))), "split holds 7; give 0 for train"),
    "negative split": (lambda: hand(interactions=pairs(split=np.array([0, -1, *SPLIT[2:]]))), "split holds -1"),
    "short split": (lambda: hand(interactions=pairs(split=np.array([0]))), "split has 1 entries for 9 pairs"),
    "short item": (lambda: pairs(item=np.array(ITEM[1:])), "item has 8 entries for 9 pairs"),
    "short timestamp": (lambda: pairs(timestamp=np.array([5])), "timestamp has 1 entries"),
    "float rows": (lambda: pairs(user=np.array(USER, float)), "user is float64"),
    "truth values as splits": (lambda: pairs(split=np.array(SPLIT) == 1), "split is bool"),
    "table of rows": (lambda: pairs(user=np.array([USER])), r"shape \(1, 9\)"),
    "user out of range": (lambda: hand(interactions=pairs(user=np.array([3, *USER[1:]]))), "user rows must lie in 0…2"),
    "item out of range": (lambda: hand(interactions=pairs(item=np.array([-1, *ITEM[1:]]))), "item rows must lie in 0…3"),
    "pair twice": (lambda: hand(interactions=pairs(item=np.array([1, *ITEM[1:]]))), "stands twice"),
    "no pair": (lambda: hand(interactions=Interactions(*[np.empty(0, int)] * 3), truth=None), "no interaction"),
    "no user": (lambda: hand(user_ids=[]), "there is no user"),
    "no item": (lambda: hand(item_ids=()), "there is no item"),
    "float id": (lambda: hand(user_ids=[1.0, 2.0, 3.0]), r"user id 1\.0 in row 0"),
    "missing id": (lambda: hand(item_ids=["a", None, "c", "d"]), "item id None in row 1"),
    "empty id": (lambda: hand(item_ids=["a", "", "c", "d"]), "item id '' in row 1"),
    "truth value as an id": (lambda: hand(user_ids=["a", True, "b"]), "user id True in row 1"),
    "id twice": (lambda: hand(user_ids=["1", 1, "2"]), "user id '1' stands twice"),
    "name": (lambda: hand(name=None), "name=None"),
    "modality": (lambda: hand(features={3: np.zeros((4, 2), np.float32)}), "a modality is called 3"),
    "infinite feature": (lambda: hand(features={"image": np.full((4, 2), np.inf, np.float32)}), "infinite value"),
    "double feature": (lambda: hand(features={"image": np.zeros((4, 2))}), "convert them to float32"),
    "short features": (lambda: hand(features={"image": np.zeros((3, 2), np.float32)}), "3 feature rows for 4 items"),
    "short titles": (lambda: hand(cards=replace(hand().cards, titles=["A"])), r"cards\.titles has 1 rows for 4 items"),
    "short details": (lambda: hand(cards=replace(hand().cards, details=pd.DataFrame(index=range(3)))), r"cards\.details has 3 rows"),
    "title": (lambda: replace(hand().cards, titles=["A", None, "C", "D"]), r"cards\.titles: row 1 holds None"),
    "picture": (lambda: replace(hand().cards, pictures=[None, 3, None, None]), r"cards\.pictures: row 1 holds a int"),
    "details": (lambda: replace(hand().cards, details=[1, 2]), "pandas DataFrame"),
    "short noise": (lambda: hand(truth=replace(hand().truth, noise=np.array([True]))), r"truth\.noise has 1 entries where 9 belong"),
    "short groups": (lambda: hand(truth=replace(hand().truth, item_group=np.array([0]))), r"truth\.item_group has 1 entries where 4"),
    "short interests": (lambda: hand(truth=replace(hand().truth, user_interests=((0,),))), r"truth\.user_interests has 1 entries where 3"),
    "unknown group": (lambda: replace(hand().truth, item_group=np.array([0, 1, 2, 1])), "groups 0…2; give each group"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_does_not_fit_is_refused(fault):
    make, words = BAD[fault]
    with pytest.raises(DataError, match=words):
        make()


def test_whole_numbers_as_ids_become_their_digits():
    data = hand(user_ids=[1, np.int32(20), "x"])
    assert data.user_ids == ("1", "20", "x")
    assert data.user_row(1) == data.user_row("1") == 0
    assert data.user_row(20) == 1
    with pytest.raises(UnknownIdError):
        data.user_row(1.0)
    assert data.fingerprint == hand(user_ids=["1", "20", "x"]).fingerprint


@pytest.mark.parametrize("read", [lambda one, *of: one.history("u1", *of), lab.Dataset.pairs, lab.Dataset.matrix])
def test_a_misspelt_split_is_named(read):
    with pytest.raises(ConfigError, match="no split 'vaild'; there are train, valid, test, and all"):
        read(hand(), "vaild")


# --------------------------------------------------------------------------------------------------------- nothing to learn from


@pytest.mark.parametrize("missing", ["valid", "test"])
def test_a_training_that_nothing_judges_does_not_begin(tmp_path, missing):
    data = hand(interactions=pairs(split=np.where(np.array(SPLIT) == SPLITS.index(missing), 0, SPLIT)), truth=None)
    with pytest.raises(DataError, match=f"nothing in its {missing} split"):
        lab.fit(lab.SRGFormer(data, small()), data, lab.TrainConfig(epochs=1), tmp_path)
    assert not list(tmp_path.iterdir())


def test_epochs_without_validation_are_refused():
    data = hand(interactions=pairs(split=np.array(SPLIT) * (np.array(SPLIT) == 2)), truth=None)
    with pytest.raises(DataError, match="nothing in its valid split"):
        lab.epochs(lab.SRGFormer(data, small()), data)


def test_a_training_without_an_order_to_learn_is_refused():
    user, item, split = [0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 2, 2], [0, 0, 0, 0, 1, 1]
    data = hand(interactions=Interactions(*map(np.array, (user, item, split))), truth=None)
    with pytest.raises(DataError, match="has all 2 items that occur in training"):
        lab.epochs(lab.SRGFormer(data, small()), data)


# ------------------------------------------------------------------------------------------------------------------ unknown ids


class Counted(dict):
    """A catalogue that counts how many of its names are read."""

    read = 0

    def __iter__(self):
        for name in super().__iter__():
            self.read += 1
            yield name


def test_a_slip_in_a_large_catalogue_is_found_without_reading_it_whole():
    names = Counted.fromkeys(f"A{row * 7919 % 10**9:013d}" for row in range(300_000))
    last = list(dict.__iter__(names))[-1]
    for slip in (last[:5] + last[6:], last + "0", last[:-2] + last[:-3:-1], "B" + last[1:]):
        assert last in str(UnknownIdError("item", slip, names))
        assert names.read <= UnknownIdError.MANY
        names.read = 0
    assert "among 300000" in str(UnknownIdError("item", "x" * 100_000, names))


def test_numbers_are_named_too():
    assert "did you mean 11, 12" in str(UnknownIdError("lesson", "112", range(1, 13)))
    assert "among 1000000" in str(UnknownIdError("item", "7654a21", range(1_000_000)))


def test_an_unknown_item_of_a_data_set_names_what_is_near():
    with pytest.raises(UnknownIdError, match="did you mean i3"):
        hand().item_row("i33")

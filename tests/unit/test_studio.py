import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from srgformer_lab.data import studio_art as art
from srgformer_lab.data import studio_shapes as shapes
from srgformer_lab.data import studio_words as words
from srgformer_lab.data.studio import MAX_GROUPS, SMALLEST_HISTORY, studio
from srgformer_lab.errors import ConfigError

SMALL = {"n_users": 30, "n_items": 20, "n_groups": 3, "n_interactions": 250}


@pytest.fixture(scope="module")
def world():
    return studio()


@pytest.fixture(scope="module")
def blind():
    return studio(image_signal=0.0, text_signal=0.0)


def purity(data, modality, where, k=5):
    """Share of the nearest neighbours, among the items of groups that show ``where``, that are of the item's group; and chance."""
    group = data.truth.item_group
    rows = np.flatnonzero(np.array([data.truth.group_modality[g] == where for g in group]))
    features, group = data.features[modality][rows], group[rows]
    near = features @ features.T
    np.fill_diagonal(near, -np.inf)
    neighbours = np.argsort(-near, axis=1, kind="stable")[:, :k]
    return (group[neighbours] == group[:, None]).mean(), 1 / len(set(group.tolist()))


@pytest.mark.parametrize(("modality", "where"), [("image", "image"), ("image", "both"), ("text", "text"), ("text", "both")])
def test_features_find_the_groups_that_they_show(world, modality, where):
    assert purity(world, modality, where)[0] > 0.8


@pytest.mark.parametrize(("modality", "where"), [("image", "text"), ("text", "image")])
def test_features_are_at_chance_where_the_groups_do_not_show(world, modality, where):
    found, chance = purity(world, modality, where)
    assert abs(found - chance) < 0.1


@pytest.mark.parametrize("modality", ["image", "text"])
@pytest.mark.parametrize("where", ["image", "text", "both"])
def test_without_signal_nothing_shows(blind, modality, where):
    found, chance = purity(blind, modality, where)
    assert abs(found - chance) < 0.1


def test_signal_is_the_share_of_items_that_show_their_group(world):
    halves = [purity(studio(text_signal=signal), "text", "text")[0] for signal in (0.3, 0.7)]
    assert purity(world, "text", "text")[0] > halves[1] > halves[0]


def test_the_signal_changes_what_items_look_like_but_not_who_takes_what(world, blind):
    np.testing.assert_array_equal(world.pairs("all"), blind.pairs("all"))
    np.testing.assert_array_equal(world.interactions.split, blind.interactions.split)
    assert world.truth.user_interests == blind.truth.user_interests


def test_the_default_world_has_its_sizes(world):
    assert (world.n_users, world.n_items, len(world.interactions)) == (600, 240, 12_000)
    assert world.user_ids[0] == "u0"
    assert world.item_ids[-1] == "i239"
    assert np.bincount(world.truth.item_group).tolist() == [14] * 6 + [13] * 12
    assert {where: world.truth.group_modality.count(where) for where in ("image", "text", "both")} == {"image": 6, "text": 6, "both": 6}
    assert {len(interests) for interests in world.truth.user_interests} == {1, 2, 3}


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_noise_is_marked_and_all_else_follows_interests(noise):
    data = studio(noise=noise, n_groups=12)  # twenty items a group: enough to take without noise
    pairs, marked = data.pairs("all"), data.truth.noise
    liked = np.array([data.truth.item_group[item] in data.truth.user_interests[user] for user, item in pairs])
    assert len(marked) == len(pairs)
    assert liked[~marked].all()
    assert marked.mean() == pytest.approx(noise, abs=0.01)


def test_popularity_has_a_long_tail_and_every_user_a_history(world):
    taken = np.sort(np.asarray(world.matrix("all").sum(axis=0)).ravel())
    assert taken[-24:].sum() > 4 * taken[:24].sum()
    assert np.asarray(world.matrix("all").sum(axis=1)).min() >= SMALLEST_HISTORY


def test_the_same_seed_gives_the_same_world_and_another_gives_another():
    first, again, other = studio(**SMALL), studio(**SMALL), studio(**SMALL, seed=1)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert list(first.cards.pictures) == list(again.cards.pictures)
    np.testing.assert_array_equal(first.features["image"], again.features["image"])
    np.testing.assert_array_equal(first.interactions.timestamp, again.interactions.timestamp)


def test_cards_are_small_portraits_with_unique_titles(world):
    assert len(set(world.cards.titles)) == world.n_items
    assert all(len(picture) < 8_000 for picture in world.cards.pictures)
    picture = Image.open(io.BytesIO(world.cards.pictures[0]))
    assert picture.size == (120, 180)
    assert set(world.cards.details["family"]) == set(shapes.FAMILIES)


def test_texts_name_no_look_and_a_theme_only_where_it_shows(world):
    looks = {*art.PATTERNS, *art.PALETTES}
    themed = {word for vocabulary, _ in words.THEMES.values() for word in vocabulary}
    for group, title, text in zip(world.truth.item_group, world.cards.titles, world.cards.texts, strict=True):
        said = set(f"{title} {text}".lower().replace(".", " ").replace(",", " ").split())
        assert not said & looks
        assert bool(said & themed) == (world.truth.group_modality[group] != "image")


def test_every_thing_can_be_drawn_in_every_way():
    for family in shapes.FAMILIES:
        for variant in range(shapes.N_VARIANTS):
            one = art.draw_item(family, variant, "dots", "sky")
            other = art.draw_item(family, variant, "bands", "plum", (31, 31), mirrored=True)
            assert np.asarray(one).std() > 5
            assert np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).mean() > 5
    looks = {art.draw_item("mug", 0, pattern, palette).tobytes() for pattern in art.PATTERNS for palette in art.PALETTES}
    assert len(looks) == len(art.PATTERNS) * len(art.PALETTES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_users": 1}, "n_users"),
        ({"n_items": 3}, "n_items"),
        ({"n_groups": 0}, "n_groups"),
        ({"n_groups": MAX_GROUPS + 1, "n_items": 240}, "ask for fewer groups"),
        ({"n_groups": 21}, "at most"),
        ({"n_interactions": 80}, "90…300"),
        ({"n_interactions": 301}, "90…300"),
        ({"noise": 1.1}, "noise"),
        ({"image_signal": -0.1}, "image_signal"),
        ({"text_signal": float("nan")}, "text_signal"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_out_of_range_are_refused_with_a_remedy(changes, said):
    with pytest.raises(ConfigError, match=said):
        studio(**{**SMALL, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"n_groups": 1},
        {"n_groups": MAX_GROUPS, "n_items": 40},
        {"noise": 0.0},
        {"noise": 1.0},
        {"n_interactions": 300},
        {"n_interactions": 90},
        {"n_interactions": 130, "noise": 0.5},
    ],
)
def test_worlds_at_the_edges_are_whole(changes):
    sizes = {**SMALL, **changes}
    data = studio(**sizes)
    assert len(data.interactions) == sizes["n_interactions"]
    assert all(len(data.pairs(split)) for split in ("train", "valid", "test"))


def test_it_opens_without_torch_and_scikit_learn():
    build = f"import sys; from srgformer_lab.data.studio import studio; studio(**{SMALL!r})"
    code = f"{build}; print({{'torch', 'sklearn'}} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "set()"

"""What no baseline can be built from is refused, lists of neighbours are checked, and an estimate fits every kind of model."""

import re
from dataclasses import replace

import numpy as np
import pytest
from folders import N_ITEMS, write_baby

import srgformer_lab as lab
from srgformer_lab.data.changing import with_interactions, with_item, with_shuffled_modality
from srgformer_lab.data.fingerprint import fingerprint_of_0_1_0
from srgformer_lab.errors import ConfigError, DataError, UnknownIdError
from srgformer_lab.models import catalog
from srgformer_lab.training import estimate
from tests.worlds import shop

LISTS = (np.arange(N_ITEMS)[:, None] + np.arange(3)) % N_ITEMS


def refused(folder, *words):
    """Read a folder that must be refused; the checker must say the same and go on."""
    with pytest.raises(DataError) as caught:
        lab.read_mmrec(folder)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value) in lab.check(folder).problems


# ----------------------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize(("build", "name"), [(lab.VBPR, "VBPR"), (lab.FREEDOM, "FREEDOM"), (lab.BM3, "BM3"), (lab.MGCN, "MGCN")])
def test_a_multimodal_baseline_needs_a_modality(build, name):
    with pytest.raises(ConfigError, match=f"{name} needs at least one modality, and shop has none; give features, or train .* mf"):
        build(shop(()))
    config = catalog.kind(name.lower()).config
    with pytest.raises(ConfigError, match="of which shop has image, text"):
        build(shop(), config(modalities=()))
    with pytest.raises(ConfigError, match="shop has no modality 'smell'; it has image, text"):
        build(shop(), config(modalities=("smell",)))
    with pytest.raises(ConfigError, match="name each once"):
        config(modalities=("text", "text"))


def test_freedom_weighs_two_modalities_at_most_and_says_how_to_choose():
    with pytest.raises(ConfigError, match=re.escape("one or two modalities, not 3; choose two with modalities=('image', 'text')")):
        lab.FREEDOM(shop(("image", "text", "audio")))
    lab.FREEDOM(shop(("image", "text", "audio")), lab.FREEDOMConfig(modalities=("image", "audio")))


@pytest.mark.parametrize(("build", "config"), [(lab.FREEDOM, lab.FREEDOMConfig), (lab.MGCN, lab.MGCNConfig)])
def test_lists_that_are_shorter_than_asked_for_are_refused(build, config):
    lists = np.arange(6)[:, None] + np.zeros((1, 1), dtype=int)
    data = replace(shop(), neighbors={"text": lists})
    with pytest.raises(ConfigError, match="n_neighbors=3, but the text lists of shop hold 1; ask for that many at most"):
        build(data, config(n_neighbors=3))
    build(data, config(n_neighbors=1))


@pytest.mark.parametrize("name", catalog.MODELS)
def test_an_estimate_fits_every_kind_of_model(name):
    data, kind = lab.studio(), catalog.kind(name)
    short, long = (lab.estimate(data, kind.config(), lab.TrainConfig(epochs=epochs, device="cpu", **kind.train)) for epochs in (1, 100))
    assert 0 < short.seconds_per_epoch < 60
    assert short.seconds_at_most == short.seconds_per_epoch
    if kind.learns:
        assert long.seconds_at_most == pytest.approx(100 * long.seconds_per_epoch)
    else:
        assert long.seconds_at_most == long.seconds_per_epoch  # nothing is done again
    assert 1e8 < short.memory_bytes < 4e9


@pytest.mark.parametrize(
    "option", [{"membership_objective": "cointeraction"}, {"user_membership": "lift"}, {"attention_objective": "contrast"}], ids=str
)
def test_an_estimate_counts_what_finding_structure_takes(option):
    data, train = lab.studio(), lab.TrainConfig()
    published, found = (estimate.work_of_epoch(data, lab.ModelConfig(**changes), train) for changes in ({}, option))
    assert published.flops < found.flops < 2 * published.flops
    assert published.traffic < found.traffic < 2 * published.traffic


def test_a_configuration_leads_to_its_kind_of_model():
    for kind in catalog.MODELS.values():
        assert catalog.kind_of(kind.config()) is kind
        assert kind.learns is not (kind.model in (lab.Popularity, lab.ItemKNN))
    with pytest.raises(UnknownIdError, match="TrainConfig"):
        catalog.kind_of(lab.TrainConfig())


# -------------------------------------------------------------------------------------------------------------- neighbours


def test_lists_of_neighbours_are_read_and_told(tmp_path):
    before = lab.read_mmrec(write_baby(tmp_path))
    assert dict(before.neighbors) == {}
    np.savez(tmp_path / "text_knn.npz", indices=LISTS.astype(np.int32), similarity=np.zeros(3))
    data = lab.read_mmrec(tmp_path)
    np.testing.assert_array_equal(data.neighbors["text"], LISTS)
    assert "modality      text, 3 wide, with 3 neighbours of each item" in str(lab.check(tmp_path))
    assert lab.check(tmp_path).problems == []
    assert data.fingerprint != before.fingerprint
    assert replace(data, neighbors={}).fingerprint == before.fingerprint
    assert replace(data, neighbors={"text": LISTS[:, ::-1].copy()}).fingerprint != data.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        data.neighbors["text"][0, 0] = 5


def test_the_fingerprint_of_0_1_0_is_still_computed():
    assert fingerprint_of_0_1_0(shop()) == "76beb6c34daea7fd"


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        (LISTS[:4], ["lists of neighbours of shape (4, 3) for 6 items; give one list an item"]),
        (LISTS[0], ["indices holds int64 of shape (3,); give the rows of items as a matrix (items, k) of whole"]),
        (LISTS[:, :0], ["must be a matrix (items, k), not of shape (6, 0)"]),
        (
            LISTS.astype(np.float32),
            ["indices holds float32 of shape (6, 3); give the rows of items as a matrix (items, k) of whole"],
        ),
        (np.where(LISTS == 5, 6, LISTS), ["the list in row 3 leaves the items' rows 0…5; 3 such lists"]),
        (np.where(LISTS == 0, -1, LISTS), ["the list in row 0 leaves the items' rows 0…5"]),
        (np.where(LISTS == 1, 0, LISTS), ["the list in row 0 names an item twice; 2 such lists"]),
        (
            np.array([[None] * 3] * 6),
            ["indices holds object of shape (6, 3); give the rows of items as a matrix (items, k) of whole"],
        ),
    ],
    ids=str,
)
def test_lists_that_are_no_neighbours_are_refused(tmp_path, lists, words):
    np.savez(write_baby(tmp_path) / "image_knn.npz", indices=lists)
    refused(tmp_path, "image_knn.npz: ", *words)


def test_damaged_files_of_neighbours_are_refused(tmp_path):
    path = write_baby(tmp_path) / "image_knn.npz"
    np.savez(path, neighbours=LISTS)
    refused(tmp_path, "image_knn.npz: no array indices, only neighbours", "numpy.savez(path, indices=lists)")
    np.savez_compressed(path, indices=LISTS)
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:60] + b"\0\1\2\3" + whole[64:]):
        path.write_bytes(damaged)
        refused(tmp_path, "image_knn.npz: no lists of neighbours can be read from it")
    with path.open("wb") as file:
        np.save(file, LISTS)
    refused(tmp_path, "image_knn.npz: no lists of neighbours can be read from it", "write it anew with numpy.savez(path, indices=lists)")


def test_lists_need_the_features_whose_rows_they_name(tmp_path):
    np.savez(write_baby(tmp_path) / "sound_knn.npz", indices=LISTS)
    refused(tmp_path, "sound_knn.npz: there is no sound_feat.npy whose rows it could list; add it, or remove the lists")


def test_features_that_are_damaged_are_the_only_problem_of_their_lists(tmp_path):
    np.savez(write_baby(tmp_path) / "text_knn.npz", indices=LISTS)
    (tmp_path / "text_feat.npy").write_bytes(b"nothing")
    problems = lab.check(tmp_path).problems
    assert len(problems) == 1
    assert problems[0].startswith("text_feat.npy")


def test_neighbours_stay_with_changed_histories_and_go_where_they_no_longer_hold():
    data = replace(shop(), neighbors={name: LISTS.copy() for name in ("image", "text")})
    user = next(row for row in range(data.n_users) if len(data.history(f"u{row}")) < data.n_items)
    free = next(item for item in data.item_ids if item not in data.history(f"u{user}"))
    assert set(with_interactions(data, f"u{user}", [free]).neighbors) == {"image", "text"}
    assert set(with_shuffled_modality(data, "image").neighbors) == {"text"}
    assert dict(with_item(data, "new", {name: matrix[0] for name, matrix in data.features.items()}).neighbors) == {}

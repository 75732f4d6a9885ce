"""Settings: their ranges, what a refusal says, the published presets, and what may move while a training runs."""

import dataclasses
import json

import pytest

from srgformer_lab.config import KNOBS, MODEL_KNOBS, TRAIN_KNOBS, ModelConfig, TrainConfig
from srgformer_lab.errors import ConfigError, LabError, UnknownIdError
from srgformer_lab.models.baselines.bm3 import BM3Config
from srgformer_lab.models.baselines.freedom import FREEDOMConfig
from srgformer_lab.models.baselines.item_knn import ItemKNNConfig
from srgformer_lab.models.baselines.light_gcn import LightGCNConfig
from srgformer_lab.models.baselines.matrix_factorization import MatrixFactorizationConfig
from srgformer_lab.models.baselines.mgcn import MGCNConfig
from srgformer_lab.models.baselines.mult_vae import MultVAEConfig
from srgformer_lab.models.baselines.vbpr import VBPRConfig
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.presets import PRESETS, preset
from srgformer_lab.training.loop import Training
from tests.worlds import shop

OURS = [ModelConfig, TrainConfig]
BASELINES = [LightGCNConfig, ItemKNNConfig, MatrixFactorizationConfig, VBPRConfig, MultVAEConfig, FREEDOMConfig, BM3Config, MGCNConfig]
ALL = [*OURS, *BASELINES]
RANGES = [(kind, item) for kind in ALL for item in dataclasses.fields(kind) if item.type in (int, float)]
NUMBERS = [(kind, item) for kind, item in RANGES if kind in OURS]  # the baselines' types are checked by the tests' own hook before it can
WHOLE = [(kind, item) for kind, item in NUMBERS if item.type is int]


def name_of(value):
    return value.__name__ if isinstance(value, type) else getattr(value, "name", str(value))


@pytest.mark.parametrize(("kind", "item"), RANGES, ids=name_of)
def test_both_ends_of_a_range_are_taken_and_what_lies_beyond_is_refused(kind, item):
    low, high = item.metadata["low"], item.metadata["high"]
    step = 1 if item.type is int else 1e-9
    others = {"n_heads": {"embedding_dim": 1024}, "embedding_dim": {"n_heads": 1}}.get(item.name, {}) if kind is ModelConfig else {}
    assert getattr(kind(**{item.name: low, **others}), item.name) == low
    assert getattr(kind(**{item.name: high, **others}), item.name) == high
    for beyond in (low - step, high * 2 + step):
        with pytest.raises(ConfigError, match=f"^{item.name}=.* must lie between") as refusal:
            kind(**{item.name: beyond, **others})
        assert f"{low:g} and {high:g}" in str(refusal.value)
        assert item.metadata["meaning"] in str(refusal.value)


@pytest.mark.parametrize("value", ["3", None, True, [3], float("nan"), float("inf"), -float("inf")], ids=str)
@pytest.mark.parametrize(("kind", "item"), NUMBERS, ids=name_of)
def test_what_is_no_finite_number_is_refused(kind, item, value):
    with pytest.raises(ConfigError, match=item.name):
        kind(**{item.name: value})


@pytest.mark.parametrize(("kind", "item"), WHOLE, ids=name_of)
def test_a_count_is_a_whole_number(kind, item):
    with pytest.raises(ConfigError, match=f"{item.name}=2.5 must be a whole number"):
        kind(**{item.name: 2.5})


def test_a_count_that_json_wrote_as_a_float_becomes_an_integer_or_is_refused():
    """torch takes no float for a size, so 64.0 must not reach it."""
    try:
        config = ModelConfig(embedding_dim=64.0)
    except ConfigError:
        return
    assert type(config.embedding_dim) is int


@pytest.mark.parametrize("name", ["scaled_attention", "normalize_features", "as_released"])
@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_a_switch_is_true_or_false(name, value):
    with pytest.raises(ConfigError, match=f"{name}=.* must be true or false"):
        ModelConfig(**{name: value})


@pytest.mark.parametrize("item", [item for kind in ALL for item in dataclasses.fields(kind)], ids=name_of)
def test_every_setting_says_its_symbol_and_meaning(item):
    assert item.metadata["symbol"]
    assert len(item.metadata["meaning"]) > 10


@pytest.mark.parametrize(("n_heads", "width", "remedy"), [(3, 64, "1, 2, 4, 8"), (4, 6, "1, 2, 3, 6"), (2, 7, "1, 7"), (5, 1, "try 1")])
def test_heads_must_divide_the_width_and_the_message_names_what_would(n_heads, width, remedy):
    with pytest.raises(ConfigError, match=f"n_heads={n_heads} must divide embedding_dim={width}; try .*{remedy.removeprefix('try ')}"):
        ModelConfig(n_heads=n_heads, embedding_dim=width)


@pytest.mark.parametrize("temperature", ["membership_temperature", "contrast_temperature"])
def test_temperatures_below_a_twentieth_are_refused(temperature):
    kind = ModelConfig if temperature.startswith("membership") else TrainConfig
    assert getattr(kind(), temperature) == 0.2
    kind(**{temperature: 0.05})
    with pytest.raises(ConfigError, match=r"between 0\.05 and"):
        kind(**{temperature: 0.049})


def test_a_modality_is_named_once():
    with pytest.raises(ConfigError, match="name each once"):
        ModelConfig(modalities=("image", "image"))


@pytest.mark.parametrize("modalities", ["image", 3, ("image", 3)])
def test_modalities_are_a_tuple_of_names(modalities):
    with pytest.raises(ConfigError, match="modalities"):
        ModelConfig(modalities=modalities)


WORDS = [(kind, item) for kind in ALL for item in dataclasses.fields(kind) if item.metadata["choices"]]


@pytest.mark.parametrize(("kind", "item"), WORDS, ids=name_of)
def test_a_word_is_one_of_its_choices_and_a_refusal_names_them(kind, item):
    assert all(getattr(kind(**{item.name: word}), item.name) == word for word in item.metadata["choices"])
    assert item.default in item.metadata["choices"]
    for other in ("", "softmax", item.default.upper()):
        with pytest.raises(ConfigError, match=f"{item.name}='{other}' must be ") as refusal:
            kind(**{item.name: other})
        assert all(word in str(refusal.value) for word in item.metadata["choices"])
        assert item.metadata["meaning"] in str(refusal.value)
    with pytest.raises(ConfigError, match=f"{item.name}=3 must be a word"):
        kind(**{item.name: 3})


def test_attention_has_its_choices():
    of_attention = {"attention_form", "attention_input", "attention_reads", "attention_objective"}
    others = {"membership_objective", "membership_features", "user_membership", "missing_features"}
    assert {item.name for _, item in WORDS} == of_attention | others


@pytest.mark.parametrize("form", ["cosine", "linear", "uniform"])
def test_only_products_are_scaled(form):
    assert ModelConfig(scaled_attention=True, attention_form="product").scaled_attention
    with pytest.raises(ConfigError, match=f"scaled_attention divides inner products, and attention_form='{form}' has none"):
        ModelConfig(scaled_attention=True, attention_form=form)


def test_settings_that_were_written_before_attention_had_forms_mean_what_they_meant():
    written = ModelConfig(scaled_attention=True, n_heads=2).to_dict()
    del written["attention_form"], written["attention_input"]
    read = ModelConfig.from_dict(written)
    assert (read.scaled_attention, read.attention_form, read.attention_input) == (True, "product", "raw")


@pytest.mark.parametrize("device", ["gpu", "", "CPU", "tpu:0", "cpu:", "cuda:x", "auto:0", 3, None])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(ConfigError, match="auto, cpu, cuda or mps"):
        TrainConfig(device=device)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_known_devices_are_taken_whether_or_not_this_machine_has_them(device):
    assert TrainConfig(device=device).device == device


@pytest.mark.parametrize("kind", ALL)
def test_settings_cannot_be_changed_in_place(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().seed = 1


@pytest.mark.parametrize(
    "config",
    [ModelConfig(n_heads=2, modalities=("text",), as_released=False), TrainConfig(device="cpu", epochs=3), LightGCNConfig(n_layers=1)],
)
def test_settings_survive_json(config):
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert hash(type(config).from_dict(json.loads(json.dumps(config.to_dict())))) == hash(config)


@pytest.mark.parametrize("kind", ALL)
def test_a_name_that_is_no_setting_is_refused_with_those_that_are(kind):
    known = ", ".join(sorted(item.name for item in dataclasses.fields(kind)))
    with pytest.raises(ConfigError, match=f"{kind.__name__} has no setting n_head; known are {known}"):
        kind.from_dict({"n_head": 2})
    with pytest.raises(ConfigError, match="n_head"):
        kind().replace(n_head=2)


def test_a_changed_copy_is_validated_and_leaves_the_first_alone():
    config = ModelConfig()
    assert config.replace(n_heads=8).n_heads == 8
    assert config.n_heads == 4
    with pytest.raises(ConfigError, match="n_heads=3 must divide"):
        config.replace(n_heads=3)


def test_a_refusal_is_a_lab_error_and_a_value_error():
    with pytest.raises(ValueError, match="epochs=0") as refusal:
        TrainConfig(epochs=0)
    assert isinstance(refusal.value, LabError)


# ---------------------------------------------------------------------------------------------------------------- presets

TABLE = {
    "embedding_dim": (256, 256, 256),
    "n_id_layers": (4, 4, 4),
    "n_modality_layers": (2, 3, 2),
    "n_hypergraph_layers": (1, 3, 2),
    "n_hyperedges": (4, 4, 64),
    "dropout": (0.5, 0.6, 0.8),
    "attention_scale": (0.1, 0.6, 0.2),
    "hypergraph_scale": (0.3, 0.4, 0.3),
    "n_heads": (4, 4, 4),
    "membership_temperature": (0.2, 0.2, 0.2),
    "seed": (999, 999, 999),
    "scaled_attention": (False, False, False),
    "attention_form": ("product", "product", "product"),
    "attention_input": ("raw", "raw", "raw"),
    "attention_reads": ("input", "input", "input"),
    "attention_objective": ("ranking", "ranking", "ranking"),
    "membership_objective": ("ranking", "ranking", "ranking"),
    "membership_noise": (1, 1, 1),
    "membership_features": ("raw", "raw", "raw"),
    "user_membership": ("sum", "sum", "sum"),
    "normalize_features": (False, False, False),
    "missing_features": ("zero", "zero", "zero"),
    "as_released": (False, False, False),
    "modalities": (None, None, None),
}
TRAIN_TABLE = {
    "hypergraph_contrast_weight": (1e-3, 1e-4, 1e-4),
    "modality_contrast_weight": (1e-6, 1e-6, 1e-6),
    "regularization_weight": (1e-6, 1e-6, 1e-6),
    "contrast_temperature": (0.2, 0.2, 0.2),
    "learning_rate": (1e-3, 1e-3, 1e-3),
    "batch_size": (2048, 2048, 2048),
    "epochs": (1000, 1000, 1000),
    "patience": (20, 20, 20),
    "seed": (999, 999, 999),
}


SHORTCUTS = {
    "contrast_sample": 0,
    "modality_contrast_rows": 0,
    "memberships_every": 1,
    "attention_every": 1,
    "freeze_after": 0,
    "mixed_precision": False,
}


@pytest.mark.parametrize(("column", "name"), list(enumerate(["baby", "sports", "clothing"])))
def test_presets_are_the_published_ones(column, name):
    chosen = preset(name)
    assert chosen.model.to_dict() == {setting: values[column] for setting, values in TABLE.items()}
    found = chosen.train.to_dict()
    assert {setting: found[setting] for setting in TRAIN_TABLE} == {setting: values[column] for setting, values in TRAIN_TABLE.items()}
    assert set(found) - set(TRAIN_TABLE) == {"device", "keep_epochs", "membership_balance", *SHORTCUTS}
    assert {setting: found[setting] for setting in SHORTCUTS} == SHORTCUTS  # off: the published training is the exact one


LGMREC_TABLE = {
    "embedding_dim": (64, 64, 64),
    "n_id_layers": (2, 4, 2),
    "n_modality_layers": (2, 2, 2),
    "n_hypergraph_layers": (1, 1, 2),
    "n_hyperedges": (4, 4, 64),
    "dropout": (0.5, 0.6, 0.8),
    "attention_scale": (0, 0, 0),
    "hypergraph_scale": (0.3, 0.6, 0.2),
}


@pytest.mark.parametrize(("column", "name"), list(enumerate(["lgmrec_baby", "lgmrec_sports", "lgmrec_clothing"])))
def test_lgmrec_is_srgformer_without_attention_and_modality_contrast(column, name):
    """Its forward pass and loss, written out again, equal ours at α = 0 and γ = 0: see the oracle's tests."""
    chosen = preset(name)
    given = {setting: values[column] for setting, values in LGMREC_TABLE.items()}
    assert chosen.model == ModelConfig(**given)
    assert chosen.train == TrainConfig(hypergraph_contrast_weight=1e-4, modality_contrast_weight=0)


def test_the_grids_of_the_paper_are_in_range():
    for n_layers in range(1, 5):
        ModelConfig(n_id_layers=n_layers, n_modality_layers=n_layers, n_hypergraph_layers=n_layers)
    for keep_rate in (0.1, 0.5, 1.0):
        ModelConfig(dropout=1 - keep_rate)
    for scale in (0, 0.5, 1):
        ModelConfig(attention_scale=scale, hypergraph_scale=scale)
    for n_hyperedges in (2, 64, 256):
        ModelConfig(n_hyperedges=n_hyperedges)
    for weight in (0, 1e-6, 1e-3, 0.1):
        TrainConfig(hypergraph_contrast_weight=weight, modality_contrast_weight=weight, regularization_weight=weight)


def test_there_is_a_preset_for_the_built_in_data_and_presets_cannot_be_changed():
    assert set(PRESETS) == {"baby", "sports", "clothing", "studio", "studio_found", "lgmrec_baby", "lgmrec_sports", "lgmrec_clothing"}
    with pytest.raises(TypeError):
        PRESETS["baby"] = PRESETS["sports"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset("baby").model = ModelConfig()


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(UnknownIdError, match="no preset 'cloth' among 8; did you mean clothing"):
        preset("cloth")


# ------------------------------------------------------------------------------------------------------------------ knobs


CPU = TrainConfig(device="cpu")


def training() -> Training:
    data = shop()
    return Training(SRGFormer(data, ModelConfig()), data, CPU)


def test_knobs_are_the_settings_that_no_shape_or_draw_depends_on():
    assert set(MODEL_KNOBS) == {"attention_scale", "hypergraph_scale", "membership_temperature"}
    assert {"modality_contrast_weight", "hypergraph_contrast_weight", "contrast_temperature"} <= set(TRAIN_KNOBS)
    assert training().knobs == {
        "attention_scale": 0.1,
        "hypergraph_scale": 0.3,
        "membership_temperature": 0.2,
        "modality_contrast_weight": 1e-6,
        "hypergraph_contrast_weight": 1e-3,
        "contrast_temperature": 0.2,
        "regularization_weight": 1e-6,
        "learning_rate": 1e-3,
    }
    assert set(training().knobs) == set(KNOBS)


def test_a_changed_knob_reaches_the_configuration_that_owns_each():
    found = training()
    assert set(found.update_knobs({"attention_scale": 0.7, "modality_contrast_weight": 0.01})) == {
        "attention_scale",
        "modality_contrast_weight",
    }
    assert found.model.config == ModelConfig(attention_scale=0.7)
    assert found.config == CPU.replace(modality_contrast_weight=0.01)
    assert found.update_knobs({}) == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_heads": 2}, "n_heads can't change while this training runs; its knobs are attention_scale"),
        ({"dropout": 0.1, "attention_scale": 0.3}, "dropout can't change"),
        ({"attention_scale": 11}, "attention_scale=11 must lie between 0 and 10"),
        ({"contrast_temperature": 0.01}, "contrast_temperature=0.01 must lie between 0.05"),
    ],
)
def test_changing_what_is_no_knob_or_too_far_is_refused(values, message):
    found = training()
    with pytest.raises(ConfigError, match=message):
        found.update_knobs(values)
    assert (found.model.config, found.config) == (ModelConfig(), CPU)

"""Models and trainings that belong together: the settings of SRGFormer's public release, and those for the built-in data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.errors import UnknownIdError


@dataclass(frozen=True)
class Preset:
    """A model and a training that belong together."""

    model: ModelConfig
    train: TrainConfig
    about: str = "Settings of one's own"
    """What it is for, in a sentence without its full stop."""

    def quick(self) -> "Preset":
        """Return the same model with a training that is as good after far fewer seconds, and no longer exact.

        Returns:
            A preset whose training has larger steps and contrasts with samples; docs/speed.md has what each saves and costs.
        """
        return replace(self, train=self.train.replace(**QUICK))


QUICK: Mapping[str, Any] = MappingProxyType({"learning_rate": 6e-3, "contrast_sample": 2048, "modality_contrast_rows": 256})
"""What a quick training changes; found on the validation split of Amazon Baby, with samples of about its sizes."""


def _lgmrec(name: str, n_id_layers: int, n_hypergraph_layers: int, n_hyperedges: int, dropout: float, hypergraph_scale: float) -> Preset:
    """Return LGMRec, which is SRGFormer without attention and modality contrast: α = 0, γ = 0, its own α being our β."""
    model = ModelConfig(
        n_id_layers=n_id_layers,
        n_hypergraph_layers=n_hypergraph_layers,
        n_hyperedges=n_hyperedges,
        dropout=dropout,
        attention_scale=0.0,
        hypergraph_scale=hypergraph_scale,
    )
    about = f"LGMRec, the model without attention that SRGFormer grew out of, as it was published for Amazon's {name}"
    return Preset(model, TrainConfig(hypergraph_contrast_weight=1e-4, modality_contrast_weight=0.0), about)


PUBLISHED = "SRGFormer as it was published for Amazon's {}, a set of some ten thousand items"

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "baby": Preset(ModelConfig(embedding_dim=256), TrainConfig(), PUBLISHED.format("Baby")),
        "sports": Preset(
            ModelConfig(
                embedding_dim=256, n_modality_layers=3, n_hypergraph_layers=3, dropout=0.6, attention_scale=0.6, hypergraph_scale=0.4
            ),
            TrainConfig(hypergraph_contrast_weight=1e-4),
            PUBLISHED.format("Sports"),
        ),
        "clothing": Preset(
            ModelConfig(embedding_dim=256, n_hypergraph_layers=2, n_hyperedges=64, dropout=0.8, attention_scale=0.2),
            TrainConfig(hypergraph_contrast_weight=1e-4),
            PUBLISHED.format("Clothing"),
        ),
        "studio": Preset(
            ModelConfig(n_id_layers=2, n_hyperedges=8, attention_scale=0.3),
            TrainConfig(epochs=60, batch_size=1024, learning_rate=3e-3),
            "SRGFormer as published, in sizes for the built-in shop and other small data",
        ),
        "studio_found": Preset(
            ModelConfig(
                n_id_layers=2,
                n_hyperedges=18,
                attention_scale=0.3,
                hypergraph_scale=3.0,
                attention_input="propagated",
                attention_reads="content",
                attention_objective="contrast",
                membership_objective="cointeraction",
                membership_noise=0.0,
                user_membership="lift",
            ),
            TrainConfig(epochs=60, batch_size=1024, learning_rate=3e-3, hypergraph_contrast_weight=0.0, modality_contrast_weight=0.0),
            "With objectives of their own for hyperedges and attention, by which they find groups that people know, for small data",
        ),
        "lgmrec_baby": _lgmrec("Baby", 2, 1, 4, 0.5, 0.3),
        "lgmrec_sports": _lgmrec("Sports", 4, 1, 4, 0.6, 0.6),
        "lgmrec_clothing": _lgmrec("Clothing", 2, 2, 64, 0.8, 0.2),
    }
)


def preset(name: str) -> Preset:
    """Return a preset by its name.

    Args:
        name: The paper's ``baby``, ``sports`` or ``clothing``, ``studio`` for the built-in data, ``studio_found`` with the
            objectives by which hyperedges and attention find what was planted, or ``lgmrec_baby``, ``lgmrec_sports`` or
            ``lgmrec_clothing``: the model that SRGFormer grew out of, at its own width of 64.

    Returns:
        The configurations of model and training.

    Raises:
        UnknownIdError: No preset has that name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise UnknownIdError("preset", name, PRESETS)
    return PRESETS[name]

"""What several baselines are made of: drawn tables and linear maps, and the choice of modalities."""

import torch
from torch import nn

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import ConfigError


def table(rows: int, columns: int, draws: torch.Generator) -> nn.Parameter:
    """Draw a matrix of weights, Xavier uniform."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns), generator=draws))


def linear(n_in: int, n_out: int, draws: torch.Generator) -> nn.Linear:
    """Make a linear map with bias: weights Xavier uniform, bias 0. The caller's random state stays untouched."""
    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own first
        layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=draws)
    nn.init.zeros_(layer.bias)
    return layer


def chosen_modalities(data: Dataset, wanted: tuple[str, ...] | None, model: str) -> tuple[str, ...]:
    """Name the modalities that a model uses, in the data's order; ``wanted`` None means all.

    Raises:
        ConfigError: There is none, or the data lacks one of them.
    """
    names = data.modalities if wanted is None else wanted
    if missing := [name for name in names if name not in data.modalities]:
        raise ConfigError(f"{data.name} has no modality {missing[0]!r}; it has {', '.join(data.modalities) or 'none'}")
    if not names:
        has = f"of which {data.name} has {', '.join(data.modalities)}" if data.modalities else f"and {data.name} has none"
        raise ConfigError(f"{model} needs at least one modality, {has}; give features, or train a model without modalities such as mf")
    return tuple(name for name in data.modalities if name in names)

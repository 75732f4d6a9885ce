"""Weights, and the optimiser's state, as safetensors: no pickle anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from srgformer_lab.errors import RunError
from srgformer_lab.training.files import write_bytes
from srgformer_lab.training.loop import Training

WEIGHT, MOMENT = "weight/", "adam/"


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write a model's weights, with facts about them as JSON beside them."""
    _write(path, _weights(model), facts)


def save_training(path: Path, training: Training, facts: Mapping[str, Any]) -> None:
    """Write the weights and the optimiser's moments: all that resuming needs."""
    names = [name for name, _ in training.model.named_parameters()]
    state = training.optimizer.state_dict()["state"]
    moments = {f"{MOMENT}{names[index]}/{key}": torch.as_tensor(value) for index, parts in state.items() for key, value in parts.items()}
    _write(path, _weights(training.model) | moments, facts, durable=True)


def load_weights(path: Path, model: nn.Module) -> dict[str, Any]:
    """Put weights into a model and give the facts that were saved with them.

    Raises:
        RunError: The file is missing, damaged, or of a model of another shape.
    """
    tensors, facts = _read(path)
    weights = {name.removeprefix(WEIGHT): value for name, value in tensors.items() if name.startswith(WEIGHT)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{path} holds the weights of another model: {str(error).splitlines()[-1].strip()}") from error
    return facts


def check_weights(path: Path) -> None:
    """See by its head whether a file of weights is whole, without reading them.

    Raises:
        RunError: The file is missing or damaged.
    """
    _read(path, with_tensors=False)


def load_training(path: Path, training: Training) -> dict[str, Any]:
    """Put weights and moments back, and give the facts that were saved with them.

    Raises:
        RunError: The file is missing, damaged, or of a model of another shape.
    """
    facts = load_weights(path, training.model)
    tensors, _ = _read(path)
    state: dict[int, dict[str, Tensor]] = {}
    for index, (name, _) in enumerate(training.model.named_parameters()):
        prefix = f"{MOMENT}{name}/"
        if parts := {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}:
            state[index] = parts
    training.optimizer.load_state_dict({"state": state, "param_groups": training.optimizer.state_dict()["param_groups"]})
    return facts


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {f"{WEIGHT}{name}": value for name, value in model.state_dict().items()}


def _write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], durable: bool = False) -> None:
    content = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(content, {"facts": json.dumps(facts)}), durable)


def _read(path: Path, with_tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            names = file.keys() if with_tensors else ()
            return {name: file.get_tensor(name) for name in names}, json.loads((file.metadata() or {}).get("facts", "{}"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; the run has no weights of that epoch") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}; delete it and resume the run, or delete the run") from error

"""Weights, and the optimiser's state, as safetensors: no pickle anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from srgformer_lab.data.files import open_file
from srgformer_lab.errors import RunError
from srgformer_lab.training.files import is_number, parse_json, write_bytes
from srgformer_lab.training.loop import Training

MOST_BYTES = 2**40
"""The most that weights take; they are mapped into memory, and not read before they prove to be some."""
WEIGHT, MOMENT = "weight/", "adam/"
AGAIN = "choose another epoch, or delete latest.safetensors and resume the run: it is then trained again from its first epoch"
"""What helps when weights are lost: a training without its last state begins anew, and comes to the same weights."""


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, Any], durable: bool = False) -> None:
    """Write a model's weights, with facts about them as JSON beside them."""
    _write(path, _weights(model), facts, durable)


def save_training(path: Path, training: Training, facts: Mapping[str, Any]) -> None:
    """Write the weights and the optimiser's moments: all that resuming needs."""
    names = [name for name, _ in training.model.named_parameters()]
    state = training.optimizer.state_dict()["state"]
    moments = {f"{MOMENT}{names[index]}/{key}": torch.as_tensor(value) for index, parts in state.items() for key, value in parts.items()}
    _write(path, _weights(training.model) | moments, facts, durable=True)


def load_weights(path: Path, model: nn.Module) -> dict[str, Any]:
    """Put weights into a model and give the facts that were saved with them.

    Raises:
        RunError: The file is missing, damaged, of a model of another shape, or holds what is no number.
    """
    tensors, facts = _read(path)
    _put_weights(path, model, tensors)
    return facts


def check_weights(path: Path) -> None:
    """See by its head whether a file of weights is whole, without reading them.

    Raises:
        RunError: The file is missing or damaged.
    """
    _read(path, with_tensors=False)


def weight_names(path: Path) -> list[str]:
    """Name the weights that a file holds, without reading them.

    Raises:
        RunError: The file is missing or damaged.
    """
    check_weights(path)
    with safe_open(path, "pt") as file:
        return [name.removeprefix(WEIGHT) for name in file.keys() if name.startswith(WEIGHT)]  # noqa: SIM118 it is no mapping


def load_training(path: Path, training: Training) -> dict[str, Any]:
    """Put weights, moments and progress back, and give the facts that were saved with them.

    Raises:
        RunError: The file is missing, damaged, of a model of another shape, or holds what is no number.
    """
    tensors, facts = _read(path)
    state: dict[int, dict[str, Tensor]] = {}
    for index, (name, parameter) in enumerate(training.model.named_parameters()):
        prefix = f"{MOMENT}{name}/"
        if parts := {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}:
            if any(part.dim() and part.shape != parameter.shape for part in parts.values()):
                raise RunError(f"{path} holds the optimiser of another model: {name} has another shape; {AGAIN}")
            _check_finite(path, parts)
            state[index] = parts
    numbers = [facts.get(name) for name in ("epoch", "best_epoch", "history_bytes", "best_value", "seconds")]
    whole, knobs = numbers[:3], facts.get("knobs")
    if not all(type(number) is int and number >= 0 for number in whole) or not all(map(is_number, numbers)) or not isinstance(knobs, dict):
        raise RunError(f"{path} is damaged: it does not say how far the training was; {AGAIN}")
    _put_weights(path, training.model, tensors)
    training.optimizer.load_state_dict({"state": state, "param_groups": training.optimizer.state_dict()["param_groups"]})
    training.epoch, training.best_epoch, training.best_value = facts["epoch"], facts["best_epoch"], float(facts["best_value"])
    training.update_knobs(knobs)
    return facts


def _put_weights(path: Path, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    weights = {name.removeprefix(WEIGHT): value for name, value in tensors.items() if name.startswith(WEIGHT)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{path} holds the weights of another model: {str(error).splitlines()[-1].strip()}") from error
    _check_finite(path, weights)


def _check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse what is no number; only where shapes are known to be those of the model, since a file can claim any."""
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise RunError(f"{path} is damaged: {name} holds values that are no finite numbers; {AGAIN}")


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {f"{WEIGHT}{name}": value for name, value in model.state_dict().items()}


def _write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], durable: bool = False) -> None:
    content = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(content, {"facts": json.dumps(facts)}), durable)


def _read(path: Path, with_tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        open_file(path, MOST_BYTES).close()  # what is no file might be waited for without end
        with safe_open(path, "pt") as file:
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
            facts = parse_json((file.metadata() or {}).get("facts", "{}").encode())
    except FileNotFoundError as error:
        lost = "is missing; the run has no weights of that epoch"
        raise RunError(f"{path} {lost}" + (f": {AGAIN}" if path.stem == "best" else "")) from error
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, MemoryError, RuntimeError) as error:
        raise RunError(f"{path} is damaged: {error}; {AGAIN}") from error
    if not isinstance(facts, dict):
        raise RunError(f"{path} is damaged: it says nothing of its training; {AGAIN}")
    return tensors, facts

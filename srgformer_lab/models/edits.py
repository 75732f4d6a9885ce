"""Ready-made edits: what-ifs that change one site of a model inside ``with model.edit(…)``."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from srgformer_lab import runtime
from srgformer_lab.config import ModelConfig
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.hypergraph import Noise
from srgformer_lab.models.identity import checked


@checked
def mute_head(head: int) -> Edit:
    """Return an edit that sets one attention head's output to 0.

    Args:
        head: Which one, from 0 to heads − 1.

    Returns:
        An edit for ``model.edit`` and ``what_if``; they raise ``ConfigError`` when it runs, if the model has no such head.

    Raises:
        ConfigError: The head is no whole number.
    """

    def change(output: Tensor) -> Tensor:
        _check_index("head", head, output.shape[1])
        keep = torch.arange(output.shape[1], device=output.device) != head
        return output * keep[:, None]  # (rows, heads, head width)

    return Edit(f"mute_head({head})", lambda hooks: hooks.attention_output, change)


@checked
def uniform_attention() -> Edit:
    """Return an edit that makes every node attend to all its neighbours alike: equal scores, so that weights are 1/degree.

    Returns:
        An edit for ``model.edit`` and ``what_if``.
    """
    return Edit("uniform_attention()", lambda hooks: hooks.attention_score, torch.zeros_like)


@checked
def drop_hyperedge(modality: str, hyperedge: int) -> Edit:
    """Return an edit that lets nothing flow through one hyperedge in the last layer.

    Args:
        modality: Whose hyperedge.
        hyperedge: Which one, from 0 to K − 1.

    Returns:
        An edit for ``model.edit`` and ``what_if``; they raise ``ConfigError`` if the model has no such modality or hyperedge.

    Raises:
        ConfigError: An argument is of a wrong type.
    """

    def change(hyperedges: Tensor) -> Tensor:
        _check_index("hyperedge", hyperedge, len(hyperedges))
        keep = torch.arange(len(hyperedges), device=hyperedges.device) != hyperedge
        return hyperedges * keep[:, None]

    return Edit(f"drop_hyperedge({modality!r}, {hyperedge})", lambda hooks: hooks.of(hooks.hyperedges, modality), change)


@checked
def blank_modality(modality: str) -> Edit:
    """Return an edit that sets a modality's embeddings E^m to 0; its hyperedges stay.

    Args:
        modality: Such as ``image``.

    Returns:
        An edit for ``model.edit`` and ``what_if``; they raise ``ConfigError`` if the model has no such modality.

    Raises:
        ConfigError: The modality is no text.
    """
    return Edit(f"blank_modality({modality!r})", lambda hooks: hooks.of(hooks.modality, modality), torch.zeros_like)


@checked
def without_modality(modality: str) -> tuple[Edit, Edit]:
    """Return edits that take a modality out of the score altogether, E^m and its hyperedges.

    Args:
        modality: Such as ``image``.

    Returns:
        Two edits for ``model.edit(*without_modality("image"))``, or as they are for ``what_if``; both raise ``ConfigError`` if the
        model has no such modality.

    Raises:
        ConfigError: The modality is no text.
    """
    name = f"without_modality({modality!r})"
    return (
        Edit(name, lambda hooks: hooks.of(hooks.modality, modality), torch.zeros_like),
        Edit(name, lambda hooks: hooks.of(hooks.hyperedges, modality), torch.zeros_like),
    )


@checked
def merge_hyperedges(modality: str, first: int, second: int) -> tuple[Edit, Edit]:
    """Return edits that let the members of the second hyperedge belong to the first instead.

    Args:
        modality: Whose hyperedges.
        first: The one that gets the members, from 0 to K − 1.
        second: The one that is left empty, from 0 to K − 1.

    Returns:
        Two edits for ``model.edit(*merge_hyperedges("image", 0, 3))``, or as they are for ``what_if``; both raise ``ConfigError``
        if the model has no such modality or hyperedge.

    Raises:
        ConfigError: The two are the same.
    """
    if first == second:
        raise ConfigError(f"hyperedge {first} can't be merged with itself; name two")

    def change(membership: Tensor) -> Tensor:
        for hyperedge in (first, second):
            _check_index("hyperedge", hyperedge, membership.shape[1])
        target = torch.arange(membership.shape[1], device=membership.device)
        target[second] = first
        return torch.zeros_like(membership).index_add(1, target, membership)

    name = f"merge_hyperedges({modality!r}, {first}, {second})"
    return _of_both_memberships(name, modality, change)


@checked
def harden_memberships(modality: str) -> tuple[Edit, Edit]:
    """Return edits that let each user and item belong to its strongest hyperedge alone.

    Args:
        modality: Whose memberships.

    Returns:
        Two edits for ``model.edit(*harden_memberships("image"))``, or as they are for ``what_if``; both raise ``ConfigError`` if the
        model has no such modality.

    Raises:
        ConfigError: The modality is no text.
    """

    def change(membership: Tensor) -> Tensor:
        return one_hot(membership.argmax(1), membership.shape[1]).to(membership.dtype)

    return _of_both_memberships(f"harden_memberships({modality!r})", modality, change)


@checked
def noisy_memberships(modality: str, temperature: float, seed: int = 0) -> tuple[Edit, Edit]:
    """Return edits that put the Gumbel noise of training into the memberships that are read, as the public release does at evaluation too.

    H = softmax(S/τ) tells S/τ up to a constant for each row, which a softmax doesn't see. So softmax(log H + g/τ) with standard
    Gumbel g is softmax((S + g)/τ) exactly, and the strongest hyperedge of a row is k with probability softmax(S)_k whatever τ.
    A membership that rounded to 0 counts as the smallest positive number: logits more than about 87 τ below the row's largest
    in single precision (708 τ in double) count as 87 τ below it.

    Every pass inside the block sees the same noise; users and items draw apart. The release draws anew at each evaluation: take
    another seed for each.

    Args:
        modality: Whose memberships.
        temperature: τ of the pass, the model's ``membership_temperature``, 0.05 to 100. An edit sees memberships and no model, so it
            must be told; with another number the noise is that of other logits.
        seed: What the draws depend on, together with the modality and the side.

    Returns:
        The users' edit and the items', for ``model.edit(*noisy_memberships("image", 0.2))``, or as they are for ``what_if``. Both raise
        ``ConfigError`` if the model has no such modality, or where rows don't sum to 1, as the second modality's users in the released
        form, which have raw logits and in the release no noise.

    Raises:
        ConfigError: The temperature is outside a model's range, or an argument is of a wrong type.

    Source: Maddison et al. 2014 (the Gumbel-max property); H = softmax((S + g)/τ) of the paper (arXiv 2511.00584).
    """
    tau = ModelConfig(membership_temperature=temperature).membership_temperature

    def noisy(side: str) -> Callable[[Tensor], Tensor]:
        def change(membership: Tensor) -> Tensor:
            if not torch.allclose(membership.sum(1), membership.new_ones(len(membership)), atol=1e-3):
                raise ConfigError(
                    f"the {modality} memberships of the {side} don't sum to 1, so no noise can be put into them; in the released form "
                    f"use the edit of the items alone: noisy_memberships({modality!r}, …)[1]"
                )
            logits = tau * membership.clamp_min(torch.finfo(membership.dtype).tiny).log()
            draws = runtime.generator(membership.device, seed, modality, side)
            return torch.softmax(Noise(draws).disturb(logits) / tau, dim=1)

        return change

    name = f"noisy_memberships({modality!r}, {tau:g}, {seed})"
    return _of_both_memberships(name, modality, noisy("users"), noisy("items"))


def _of_both_memberships(
    name: str, modality: str, change: Callable[[Tensor], Tensor], of_items: Callable[[Tensor], Tensor] | None = None
) -> tuple[Edit, Edit]:
    return (
        Edit(name, lambda hooks: hooks.of(hooks.user_membership, modality), change),
        Edit(name, lambda hooks: hooks.of(hooks.item_membership, modality), of_items or change),
    )


def _check_index(kind: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise ConfigError(f"there is no {kind} {index}; the model's {kind}s are 0 to {count - 1}")

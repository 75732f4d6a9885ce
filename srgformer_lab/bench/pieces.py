"""The pieces of a training step, each alone and as a whole: forwards and backwards, on the fast path and on the plain one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from srgformer_lab.bench.plain import Plain
from srgformer_lab.config import TrainConfig
from srgformer_lab.models.hypergraph import HypergraphTrace, Noise, UserItemPair, relax
from srgformer_lab.models.losses import anchors, hypergraph_contrast, modality_contrast
from srgformer_lab.models.propagation import light_gcn
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.step import Step

Pieces = Mapping[str, Callable[[], object]]

PIECES = {
    "propagation": "LightGCN",
    "features": "features, propagated",
    "memberships": "memberships and hyperedges",
    "attention": "attention",
    "ranking": "fusion, BPR, norms",
    "hypergraph_contrast": "InfoNCE, hypergraph",
    "modality_contrast": "InfoNCE, modalities",
}


def fast_pieces(model: SRGFormer, batch: Batch, config: TrainConfig) -> Pieces:
    """Take the model's own step apart; every piece starts from constants and goes back to them."""
    graph, settings, step = model.graph, model.config, Step()
    step.advance(config, settings)
    trace = model(model.nodes_of(batch))
    embedding = leaf(trace.embedding.values)
    logits = {name: leaf(values) for name, values in model.project_features(step)[1].items()}
    items = leaf(trace.collaborative.items)
    draws = torch.Generator(model.device).manual_seed(0)
    users = anchors(batch.user, graph.n_users, config.contrast_sample, draws)
    positives = anchors(batch.positive, graph.n_items, config.contrast_sample, draws)

    def features() -> None:
        projected, logits = model.project_features(step)
        back([*model.modality_embeddings(projected, step).values(), *logits.values()])

    def memberships() -> None:
        noise = Noise(draws, settings.dropout) if model.training else Noise()
        both = model.membership_logits(logits)
        made = relax(both, items, settings.membership_temperature, settings.n_hypergraph_layers, model.hooks, noise=noise)
        back(part.of(trace.nodes) for part in made.values())

    def ranking() -> None:
        apart = replace(
            trace,
            collaborative=trace.collaborative.with_values(leaf(trace.collaborative.values)),
            modality={name: part.with_values(leaf(part.values)) for name, part in trace.modality.items()},
            hypergraph={name: cut(part) for name, part in trace.hypergraph.items()},
            attention=replace(trace.attention, output=trace.attention.output.with_values(leaf(trace.attention.output.values))),
        )
        back(model.ranking_terms(apart, batch, config.regularization_weight).values())

    def of_hypergraph() -> None:
        back([hypergraph_contrast([cut(part) for part in trace.hypergraph.values()], users, positives, config.contrast_temperature)])

    def of_modality() -> None:
        parts = [part.with_values(leaf(part.values)) for part in trace.modality.values()]
        back([modality_contrast(parts, users, positives, config.contrast_temperature)])

    return {
        "propagation": lambda: back([light_gcn(embedding, graph.propagate, settings.n_id_layers)]),
        "features": features,
        "memberships": memberships,
        "attention": lambda: back([model.attention(embedding, graph, trace.nodes, model.hooks).output.values]),
        "ranking": ranking,
        "hypergraph_contrast": of_hypergraph,
        "modality_contrast": of_modality,
    }


def plain_pieces(plain: Plain, batch: Batch, config: TrainConfig) -> Pieces:
    """Take the plain step apart in the same places."""
    model, names = plain.model, plain.model.modalities
    embedding = leaf(plain.embedding())
    with torch.no_grad():
        _, modality, hypergraph = plain.forward()
        collaborative, attention = plain.collaborative(embedding), plain.attention(embedding)
    items = leaf(collaborative[plain.n_users :])

    def ranking() -> None:
        parts = [{name: leaf(values) for name, values in part.items()} for part in (modality, hypergraph)]
        back(plain.ranking(plain.fused(leaf(collaborative), parts[0], parts[1], leaf(attention)), batch))

    def contrast(parts: Mapping[str, Tensor]) -> None:
        back([plain.contrast({name: leaf(values) for name, values in parts.items()}, batch, config.contrast_temperature)])

    return {
        "propagation": lambda: back([plain.collaborative(embedding)]),
        "features": lambda: back(plain.modality(name) for name in names),
        "memberships": lambda: back(plain.hypergraph(name, items) for name in model.modalities),
        "attention": lambda: back([plain.attention(embedding)]),
        "ranking": ranking,
        "hypergraph_contrast": lambda: contrast(hypergraph),
        "modality_contrast": lambda: contrast(modality),
    }


def leaf(values: Tensor) -> Tensor:
    """Return the same values as the start of a computation."""
    return values.detach().clone().requires_grad_()


def cut(part: HypergraphTrace) -> HypergraphTrace:
    """Return the same factors as the start of a computation."""
    membership = UserItemPair(leaf(part.membership.users), leaf(part.membership.items))
    return HypergraphTrace(part.logits, membership, leaf(part.hyperedges))


def back(results: Iterable[Tensor]) -> None:
    """Go back from the sum of the results, as far as they come from anything."""
    if made := [values.sum() for values in results if values.requires_grad]:
        torch.stack(made).sum().backward()

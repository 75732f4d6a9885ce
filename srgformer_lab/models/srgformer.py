"""SRGFormer: LightGCN, modalities, learned hypergraphs and edge attention, fused into one embedding a node.

The whole model is read here from top to bottom; each branch has a module of its own.

Source: Shi et al., *Structurally Refined Graph Transformer for Multimodal Recommendation*, arXiv 2511.00584.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab import runtime
from srgformer_lab.config import MODEL_KNOBS, ModelConfig, TrainConfig
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.matrices import RESERVED
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.attention import EdgeAttention
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.hooks import Edit, Hooks
from srgformer_lab.models.hypergraph import Noise, UserItemPair, relax
from srgformer_lab.models.identity import checked
from srgformer_lab.models.losses import anchors, bpr, cointeraction, hypergraph_contrast, modality_contrast, norm_sum
from srgformer_lab.models.parts import ByModality, Embeddings
from srgformer_lab.models.propagation import Features, mean_and_last, modality_embedding
from srgformer_lab.models.protocol import Trainable, table
from srgformer_lab.models.sampling import Batch, TripleSampler
from srgformer_lab.models.step import Step
from srgformer_lab.models.trace import Trace

RELEASED_OFFSET = 1e-8


class SRGFormer(Trainable[Batch]):
    """The complete model on one data set.

    E* = E^id + Σ_m nz(E^m) + α nz(E^att) + β nz(E^H), and a user's score for an item is ⟨e*_u, e*_i⟩.

    Examples:
        >>> lab.SRGFormer(lab.studio(), lab.ModelConfig(embedding_dim=32))
        SRGFormer(600 users × 240 items, image, text, 4 heads, 4 hyperedges, width 32, 32,256 weights)

    Source: Eq. 15 of the paper (arXiv 2511.00584).
    """

    def __init__(self, data: Dataset, config: ModelConfig | None = None) -> None:
        """Draw the weights (Xavier uniform, from ``config.seed``) and keep the features and the graph as constants.

        Raises:
            ConfigError: The configuration names a modality that the data set lacks, or asks for the released form with
                another number of modalities than two.
        """
        super().__init__(data)
        self.config: ModelConfig = config or ModelConfig()
        self.modalities = self._chosen_modalities(data)
        draws = runtime.generator("cpu", self.config.seed, "weights")

        dim, n_hyperedges = self.config.embedding_dim, self.config.n_hyperedges
        self.graph = Graph(data)
        self.user_embedding = table(data.n_users, dim, draws)
        self.item_embedding = table(data.n_items, dim, draws)
        self.projection = ByModality({name: table(data.features[name].shape[1], dim, draws) for name in self.modalities})
        self.implicit_attribute = ByModality({name: table(data.features[name].shape[1], n_hyperedges, draws) for name in self.modalities})
        offset = RELEASED_OFFSET if self.config.as_released else 0.0
        form, is_contrasted = self.config.attention_form, self.config.attention_objective == "contrast"
        self.attention = EdgeAttention(dim, self.config.n_heads, draws, self.config.scaled_attention, offset, form, is_contrasted)
        centres = self.config.membership_features == "unit"
        features = {name: Features(data, name, self.config.normalize_features, centres) for name in self.modalities}
        self.features = ByModality(features)
        self.sampler = TripleSampler(data)
        self.hooks = Hooks(self.modalities)
        self._draws: torch.Generator | None = None
        self._step = Step()

    def _chosen_modalities(self, data: Dataset) -> tuple[str, ...]:
        wanted = data.modalities if self.config.modalities is None else self.config.modalities
        if missing := [name for name in wanted if name not in data.modalities]:
            raise ConfigError(f"{data.name} has no modality {missing[0]!r}; it has {', '.join(data.modalities) or 'none'}")
        if clash := [name for name in wanted if name in RESERVED]:
            raise ConfigError(f"a modality can't be called {clash[0]!r}; rename it to a plain word such as {clash[0]}_feature")
        if self.config.as_released and len(wanted) != 2:
            raise ConfigError(f"as_released needs exactly two modalities, not {len(wanted)}; choose two, or the paper's form")
        if self.config.attention_reads == "content" and not wanted:
            raise ConfigError(f"attention_reads='content' needs a modality, and {data.name} has none; take attention_reads='input'")
        return tuple(name for name in data.modalities if name in wanted)

    def adopt_centres(self, other: "SRGFormer") -> None:
        """Centre the features that memberships read as another model does, whose weights this one takes over."""
        for name, theirs in other.features.items():
            if theirs.centre is not None:
                self.features[name].centre_on(theirs.centre)

    def __repr__(self) -> str:
        """Say sizes, branches and the number of weights."""
        c, graph, count = self.config, self.graph, sum(weight.numel() for weight in self.parameters())
        branches = f"{', '.join(self.modalities) or 'no modality'}, {c.n_heads} heads, {c.n_hyperedges} hyperedges"
        return f"SRGFormer({graph.n_users:,} users × {graph.n_items:,} items, {branches}, width {c.embedding_dim}, {count:,} weights)"

    def forward(self, nodes: Int[Tensor, " rows"] | None = None, step: Step | None = None) -> Trace:
        """Compute every branch of the model.

        In training mode the memberships carry Gumbel noise and dropout, drawn from what ``start_epoch`` was given.

        Args:
            nodes: Increasing node numbers (rows,), users first, that the attention and fused parts cover; all by default.
            step: What a training keeps, rounds and leaves out: a branch that no term reads has a part of 0, and no factors.

        Returns:
            The pass, with gradients.
        """
        config, graph, hooks, step = self.config, self.graph, self.hooks, step or Step()
        everyone = torch.arange(graph.n_nodes, device=self.device)
        nodes = everyone if nodes is None else nodes
        embedding = hooks.id_embedding(torch.cat([self.user_embedding, self.item_embedding]))  # (nodes, dim)
        collaborative, last_layer = mean_and_last(embedding, graph.propagate, config.n_id_layers)
        collaborative = hooks.collaborative(collaborative)
        projected, item_logits = self.project_features(step)
        modality = {name: hooks.modality[name](values) for name, values in self.modality_embeddings(projected, step).items()}
        logits = self.membership_logits(item_logits) if step.logits is None else step.logits
        if step.wants_logits:
            step.logits = {name: pair.detach() for name, pair in logits.items()}
        hypergraph = relax(
            logits if step.with_hypergraph else {},
            collaborative[graph.n_users :],
            config,
            graph,
            hooks,
            Noise(self._noise_draws(), config.dropout, config.membership_noise) if self.training else Noise(),
        )
        parts = {name: Embeddings(values, everyone, graph.n_users, graph.n_nodes) for name, values in modality.items()}
        content = sum(part.unit.values for part in parts.values()) if config.attention_reads == "content" else None
        attended = embedding if config.attention_input == "raw" else last_layer
        attention = self.attention(attended, graph, nodes, hooks, step, content)
        trace = Trace(
            config=config,
            graph=graph,
            embedding=Embeddings(embedding, everyone, graph.n_users, graph.n_nodes),
            projected=projected,
            collaborative=Embeddings(collaborative, everyone, graph.n_users, graph.n_nodes),
            modality=parts,
            hypergraph=hypergraph,
            attention=attention,
            hooks=hooks,
            edits=hooks.active,
        )
        trace.fused  # noqa: B018 computed now, so that its hook sees this pass and no later edit
        return trace

    def project_features(self, step: Step) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Compute X W (items × dim), where the step reads it, and X V (items × hyperedges) of every modality.

        Args:
            step: What the training keeps, rounds and leaves out.

        Returns:
            X W and X V by modality.
        """
        maps = self.implicit_attribute if step.learns_memberships else {name: V.detach() for name, V in self.implicit_attribute.items()}
        projected, logits = {}, {}
        for name, features in self.features.items():
            if not step.with_projected and features.propagates_once(self.graph, self.config.n_modality_layers):
                logits[name] = features.logits(maps[name])
            else:
                projected[name], logits[name] = features.project(self.projection[name], maps[name], step.product)
        return projected, logits

    def modality_embeddings(self, projected: Mapping[str, Tensor], step: Step) -> dict[str, Tensor]:
        """Compute E^m (nodes × dim) of every modality, from X W or from features that are propagated once.

        Args:
            projected: X W (items × dim) by modality.
            step: What the training keeps, rounds and leaves out.

        Returns:
            E^m by modality.
        """
        graph, n_layers = self.graph, self.config.n_modality_layers
        return {
            name: step.product(X.propagate(graph, n_layers), self.projection[name])
            if X.propagates_once(graph, n_layers)
            else modality_embedding(projected[name], graph, n_layers)
            for name, X in self.features.items()
        }

    def membership_logits(self, items: Mapping[str, Float[Tensor, "items hyperedges"]]) -> dict[str, UserItemPair]:
        """Compute the users' logits, the sums over their histories, beside the items'.

        Args:
            items: X V (items × hyperedges) by modality.

        Returns:
            Both by modality.
        """
        return {name: UserItemPair(self.graph.history_sum(values), values) for name, values in items.items()}

    def _noise_draws(self) -> torch.Generator:
        if self._draws is None:
            self._draws = runtime.generator(self.device, self.config.seed, "noise")
        return self._draws

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.user_embedding.device

    def trace(self, nodes: Int[Tensor, " rows"] | None = None) -> Trace:
        """Compute one deterministic pass: no noise, no dropout, no gradients; the mode is restored.

        Args:
            nodes: Increasing node numbers (rows,), users first, that the attention and fused parts cover; all by default.

        Returns:
            The pass.
        """
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            with torch.no_grad():
                return self.forward(nodes)
        finally:
            for module, mode in modes:
                module.training = mode

    def trace_for(self, users: Int[Tensor, " chosen"] | Sequence[int]) -> Trace:
        """Compute what it takes to rank all items for some users: their rows and all items', which is half the work or less.

        Args:
            users: User rows, each from 0 to users − 1.

        Returns:
            The pass.

        Raises:
            ConfigError: There is no such row.
        """
        chosen = torch.unique(torch.as_tensor(users, device=self.device))
        if chosen.is_floating_point() or chosen.ndim != 1 or not len(chosen) or chosen[0] < 0 or chosen[-1] >= self.graph.n_users:
            raise ConfigError(f"users={users!r} must be user rows from 0 to {self.graph.n_users - 1}; data.user_row(id) finds a user's")
        items = torch.arange(self.graph.n_users, self.graph.n_nodes, device=self.device)
        return self.trace(torch.cat([chosen, items]))

    @checked
    def edit(self, *edits: Edit | tuple[Edit, ...]) -> AbstractContextManager[None]:
        """Change what flows through the model inside a ``with`` block, while reading or training; nothing stays behind.

        Args:
            *edits: Such as ``mute_head(0)`` or ``without_modality("image")``, in the order in which they are applied.

        Returns:
            What ``with`` enters and leaves.

        Raises:
            ConfigError: Something else is given, or the model has no such head, modality or hyperedge.
        """
        return self.hooks.edit(*edits)

    def with_own_hooks(self) -> "SRGFormer":
        """Return a model of the very same weights whose hooks and knobs are its own.

        Returns:
            A model on which an edit changes no other reader.
        """
        own = copy(self)
        own._modules = {**self._modules, "hooks": Hooks(self.modalities)}
        return own

    def update_knobs(self, **knobs: float) -> None:
        """Change α, β or the membership temperature of this model.

        Args:
            **knobs: ``attention_scale`` (α, 0 to 10), ``hypergraph_scale`` (β, 0 to 10), ``membership_temperature`` (τ, 0.05 to 100).

        Raises:
            ConfigError: A name is not one of these knobs, or a value is outside its range.
        """
        if unknown := sorted(set(knobs) - set(MODEL_KNOBS)):
            raise ConfigError(f"{', '.join(unknown)} can't be set on a model; its knobs are {', '.join(MODEL_KNOBS)}")
        self.config = self.config.replace(**knobs)

    def start_epoch(self, draws: torch.Generator, epoch: int = 1) -> None:
        """Take the generator that this epoch's noise, dropout and contrast samples are drawn from."""
        self._draws, self._step = draws, Step(epoch)

    def losses(self, batch: Batch, config: TrainConfig) -> dict[str, Float[Tensor, ""]]:
        """Compute the weighted terms of the objective on one batch; their sum is what is minimised.

        A term whose weight is 0 is not computed, nor a branch that no term reads.

        Returns:
            The scalars ``ranking``, λ ``regularization``, c ``hypergraph_contrast`` and γ ``modality_contrast``; where the
            configuration asks for them, also ``cointeraction``, which alone moves the implicit attributes V, and
            ``attention_contrast``, which alone moves W_Q, W_K, T and b.

        Source: the paper's objective (arXiv 2511.00584): BPR + λ norms + c HCL + γ MCL; the last two are this library's own.
        """
        step = self._step
        step.advance(config, self.config)
        learns = step.learns_memberships, step.learns_attention
        trace = self.forward(None if step.wants_score else self.nodes_of(batch), step)
        hypergraph, modality, zero = list(trace.hypergraph.values()), list(trace.modality.values()), trace.fused.values.new_zeros(())
        users = anchors(batch.user, self.graph.n_users, config.contrast_sample, self._noise_draws())
        items = anchors(batch.positive, self.graph.n_items, config.contrast_sample, self._noise_draws())
        tau, c, gamma = config.contrast_temperature, config.hypergraph_contrast_weight, config.modality_contrast_weight
        return self.ranking_terms(trace, batch, config.regularization_weight) | {
            "hypergraph_contrast": c * hypergraph_contrast(hypergraph, users, items, tau) if c else zero,
            "modality_contrast": gamma * modality_contrast(modality, users, items, tau) if gamma else zero,
            **self._structure_terms(trace, batch, config.membership_balance, *learns),
        }

    def _structure_terms(
        self, trace: Trace, batch: Batch, balance: float, learns_memberships: bool, learns_attention: bool
    ) -> dict[str, Float[Tensor, ""]]:
        """Compute the terms that teach memberships and attention alone; 0 where this step has left out the branch."""
        settings, step, terms = self.config, self._step, {}
        zero = trace.fused.values.new_zeros(())

        def of_memberships() -> Tensor:
            found = [torch.softmax(part.logits.items / settings.membership_temperature, dim=1) for part in trace.hypergraph.values()]
            return cointeraction(found, self.graph, balance)

        def of_attention() -> Tensor:
            reads = trace.attention.reads
            return self.attention.contrast(reads.index_select(0, batch.user), reads.index_select(0, self.graph.n_users + batch.positive))

        if settings.membership_objective == "cointeraction":
            terms["cointeraction"] = step.term("cointeraction", learns_memberships, of_memberships) if trace.hypergraph else zero
        if settings.attention_objective == "contrast":
            terms["attention_contrast"] = step.term("attention_contrast", learns_attention, of_attention) if step.with_attention else zero
        return terms

    def ranking_terms(self, trace: Trace, batch: Batch, regularization_weight: float) -> dict[str, Float[Tensor, ""]]:
        """Compute the terms that read the fused embeddings.

        Args:
            trace: The pass.
            batch: Rows of users, positives and negatives, (batch,) each.
            regularization_weight: λ.

        Returns:
            The scalars ``ranking`` and λ ``regularization``.
        """
        rows = trace.fused.of(self._all_of(batch)).unflatten(0, (3, -1))  # (users, positives and negatives, batch, dim)
        user, positive, negative = rows.unbind()
        return {
            "ranking": bpr((user * positive).sum(1), (user * negative).sum(1)),
            "regularization": regularization_weight * norm_sum(rows),
        }

    def _all_of(self, batch: Batch) -> Int[Tensor, " three_batches"]:
        n_users = self.graph.n_users
        return torch.cat([batch.user, n_users + batch.positive, n_users + batch.negative])

    def nodes_of(self, batch: Batch) -> Int[Tensor, " rows"] | None:
        """Return the nodes that a batch reads; on an accelerator, where counting them takes longer than it saves, none is named.

        Args:
            batch: Rows of users, positives and negatives, (batch,) each.

        Returns:
            Increasing node numbers, or None for all.
        """
        if runtime.is_accelerator(self.device) or sum(map(len, batch)) >= self.graph.n_nodes:
            return None
        return torch.unique(self._all_of(batch))

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Read the model once and give a function from user rows to the scores of all items."""
        return self.trace().scores

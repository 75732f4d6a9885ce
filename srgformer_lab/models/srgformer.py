"""SRGFormer: LightGCN, modalities, learned hypergraphs and edge attention, fused into one embedding a node.

The whole model is read here from top to bottom; each branch has a module of its own.

Source: Shi et al., *Structurally Refined Graph Transformer for Multimodal Recommendation*, arXiv 2511.00584.
"""

from collections.abc import Callable, Sequence
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
from srgformer_lab.models.hypergraph import Noise, logits_of, relax
from srgformer_lab.models.identity import checked
from srgformer_lab.models.objective import contrast_terms, nodes_in, ranking_terms, structure_terms
from srgformer_lab.models.parts import ByModality, Embeddings
from srgformer_lab.models.propagation import FeatureReading, Features, mean_and_last
from srgformer_lab.models.protocol import Trainable, known_modalities, table
from srgformer_lab.models.sampling import Batch, TripleSampler
from srgformer_lab.models.step import Step
from srgformer_lab.models.trace import Trace
from srgformer_lab.models.walks import Walks

RELEASED_OFFSET = 1e-8


class SRGFormer(Trainable[Batch]):
    """The complete model on one data set.

    E* = E^id + Σ_m nz(E^m) + α nz(E^att) + β nz(E^H), and a user's score for an item is ⟨e*_u, e*_i⟩.

    Examples:
        >>> lab.SRGFormer(lab.studio(), lab.ModelConfig(embedding_dim=32))
        SRGFormer(600 users × 240 items, image, text, 4 heads, 4 hyperedges, width 32, 32,256 weights)

    Source: Eq. 15 of the paper (arXiv 2511.00584).
    """

    is_divisible = True

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
        stored, missing = self.config.normalize_features, self.config.missing_features
        self.features = ByModality({name: Features(data, name, stored, centres, missing) for name in self.modalities})
        self.sampler = TripleSampler(data)
        self.hooks = Hooks(self.modalities)
        self._draws: torch.Generator | None = None
        self._step = Step()

    def _chosen_modalities(self, data: Dataset) -> tuple[str, ...]:
        wanted = known_modalities(data, self.config.modalities)
        if clash := [name for name in wanted if name in RESERVED]:
            raise ConfigError(f"a modality can't be called {clash[0]!r}; rename it to a plain word such as {clash[0]}_feature")
        if self.config.as_released and len(wanted) != 2:
            raise ConfigError(f"as_released needs exactly two modalities, not {len(wanted)}; choose two, or the paper's form")
        if self.config.attention_reads == "content" and not wanted:
            raise ConfigError(f"attention_reads='content' needs a modality, and {data.name} has none; take attention_reads='input'")
        return wanted

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
        read = self.read_features(step)
        modality = {name: hooks.modality[name](reading.embedding) for name, reading in read.items()}
        logits = step.logits or {name: logits_of(reading.logits, graph) for name, reading in read.items()}
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
            projected={name: reading.projected for name, reading in read.items() if reading.projected is not None},
            collaborative=Embeddings(collaborative, everyone, graph.n_users, graph.n_nodes),
            modality=parts,
            entering={name: X.entering for name, X in self.features.items() if X.entering is not None},
            hypergraph=hypergraph,
            attention=attention,
            hooks=hooks,
            edits=hooks.active,
        )
        trace.fused  # noqa: B018 computed now, so that its hook sees this pass and no later edit
        return trace

    def read_features(self, step: Step) -> dict[str, FeatureReading]:
        """Compute X W, E^m and X V of every modality.

        Args:
            step: What a training keeps, rounds and leaves out.

        Returns:
            What each modality's features give, by modality.
        """
        maps = self.implicit_attribute if step.learns_memberships else {name: V.detach() for name, V in self.implicit_attribute.items()}
        n_layers = self.config.n_modality_layers
        return {name: X.read(self.projection[name], maps[name], self.graph, n_layers, step) for name, X in self.features.items()}

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

    def for_users(self, users: Int[Tensor, " chosen"]) -> Trace:
        """Compute what it takes to score these users, as ``trace_for`` does."""
        return self.trace_for(users)

    def reading(self, users: Int[Tensor, " chosen"]) -> Walks:
        """Return the walks, heads and hyperedges behind these users' scores."""
        return Walks(self.trace_for(users))

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

    def adopt(self, other: "SRGFormer") -> None:
        """Take over what stands for missing features and what memberships are centred on, and the edits that are active."""
        for name, features in other.features.items():
            self.features[name].learned_as(features)
        self.hooks.adopt(other.hooks)

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
        trace = self.forward(None if step.wants_score else self.nodes_of(batch), step)
        return {
            **ranking_terms(trace, batch, config.regularization_weight, self.together),
            **contrast_terms(trace, batch, config, self._noise_draws(), self.together),
            **structure_terms(trace, batch, config.membership_balance, step, self.attention, self.together),
        }

    def nodes_of(self, batch: Batch) -> Int[Tensor, " rows"] | None:
        """Return the nodes that this process reads of a batch; on an accelerator, where counting them takes longer than it saves, none.

        Args:
            batch: Rows of users, positives and negatives, (batch,) each.

        Returns:
            Increasing node numbers, or None for all.
        """
        if runtime.is_accelerator(self.device) or sum(map(len, batch)) >= self.graph.n_nodes:
            return None
        own = Batch(*map(self.together.part, batch))
        return torch.unique(nodes_in(own if len(own.user) else batch, self.graph.n_users))

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Read the model once and give a function from user rows to the scores of all items."""
        return self.trace().scores

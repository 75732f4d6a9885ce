"""The settings of a model and of a training, with symbol, meaning and range; and what readers of data may be told."""

import math
import numbers
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from srgformer_lab.errors import ConfigError

LOWEST_TEMPERATURE = 0.05
TREATMENTS = ("zero", "mean", "neighbors", "omit")
"""What may stand for an item's features of a modality that it lacks: zeros, the mean of all, that of items with the same users, nothing."""
SEEDS = (0, 2**62)
"""The least and the largest seed."""


def setting(
    default: Any, symbol: str, meaning: str, low: float = float("-inf"), high: float = float("inf"), choices: tuple[str, ...] = ()
) -> Any:
    """Declare one field of a configuration: its default, its symbol, what it means, and its inclusive range or its words."""
    return field(default=default, metadata={"symbol": symbol, "meaning": meaning, "low": low, "high": high, "choices": choices})


class Config:
    """What both configurations share: range checks, a dictionary form, and changed copies."""

    def __post_init__(self) -> None:
        """Refuse a value that is of the wrong type, outside its range, or not among its words."""
        for item in fields(self):  # type: ignore[arg-type]
            if item.type in (int, float):
                about = (item.metadata["low"], item.metadata["high"], item.metadata["meaning"], item.type is int)
                object.__setattr__(self, item.name, check_number(item.name, getattr(self, item.name), *about))
            elif item.type in (bool, str) and not isinstance(getattr(self, item.name), item.type):
                expected = "true or false" if item.type is bool else "a word"
                raise ConfigError(f"{item.name}={getattr(self, item.name)!r} must be {expected}: {item.metadata['meaning']}")
            if (words := item.metadata["choices"]) and getattr(self, item.name) not in words:
                known = f"{', '.join(words[:-1])} or {words[-1]}"
                raise ConfigError(f"{item.name}={getattr(self, item.name)!r} must be {known}: {item.metadata['meaning']}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a plain dictionary, ready for JSON.

        Returns:
            All settings by name.
        """
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build a configuration from a dictionary.

        Args:
            values: Settings by name; a list counts as a tuple, and what is missing keeps its default.

        Returns:
            The configuration.

        Raises:
            ConfigError: It is no dictionary, a name is not a setting, or a value is outside its range.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} is built from a dictionary of settings, not from {values!r}; take it from to_dict")
        refuse_unknown(f"{cls.__name__} has", values, cls.names())
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all settings.

        Returns:
            In alphabetical order.
        """
        return sorted(item.name for item in fields(cls))  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, validated anew.

        Args:
            **changes: Settings by name.

        Returns:
            The copy.

        Raises:
            ConfigError: A name is not a setting, or a value is outside its range.
        """
        refuse_unknown(f"{type(self).__name__} has", changes, self.names())
        return replace(self, **changes)  # type: ignore[type-var]


def check_number(name: str, value: Any, low: float, high: float, meaning: str, is_whole: bool = False) -> Any:
    """Return a value as the ``int`` or ``float`` that it must be; ConfigError if it is not finite, or outside its inclusive range."""
    if not _is_number(value) or (is_whole and value != int(value)):
        raise ConfigError(f"{name}={value!r} must be a {'whole ' if is_whole else ''}number: {meaning}")
    if not low <= value <= high:
        raise ConfigError(f"{name}={value!r} must lie between {low:g} and {high:g}: {meaning}")
    return int(value) if is_whole else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def check_seed(seed: Any, meaning: str = "the same seed draws the same") -> int:
    """Return a seed as the ``int`` that it must be; ConfigError if it is no whole number from 0 to 2⁶²."""
    return check_number("seed", seed, *SEEDS, meaning, is_whole=True)


def refuse_unknown(owner: str, names: Iterable[object], known: Collection[str]) -> None:
    """Refuse, by a ConfigError, names that are no settings; ``owner`` says whose, as in "ModelConfig has"."""
    if unknown := [str(name) for name in names if name not in known]:
        from rapidfuzz import fuzz, process  # only errors pay for it

        near = [other for name in unknown for other, *_ in process.extract(name, known, scorer=fuzz.ratio, limit=2, score_cutoff=60)]
        hint = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        raise ConfigError(f"{owner} no setting {', '.join(sorted(unknown))}; known are {', '.join(known)}{hint}")


def check_modalities(given: object) -> None:
    """Refuse, by a ConfigError, what is no choice of modalities: a tuple of different names, or none for all."""
    if given is None:
        return
    if not (isinstance(given, tuple) and all(isinstance(name, str) for name in given)):
        raise ConfigError(f"modalities={given!r} must be a tuple of names, such as ('image', 'text'), or none for all")
    if len(set(given)) != len(given):
        raise ConfigError(f"modalities={given} names one twice; name each once")


@dataclass(frozen=True)
class ModelConfig(Config):
    """What SRGFormer is: widths, depths and the three scales that weigh its branches.

    The paper calls attention the *global* and the hypergraph the *local* structure; the names here say the mechanism.
    """

    embedding_dim: int = setting(64, "d", "width of every embedding", 1, 65_536)
    n_id_layers: int = setting(4, "L_id", "LightGCN layers over the ID embeddings", 0, 64)
    n_modality_layers: int = setting(2, "L_m", "propagation layers of the modality embeddings", 0, 64)
    n_hypergraph_layers: int = setting(1, "L_h", "hypergraph layers", 1, 16)
    n_hyperedges: int = setting(4, "K", "learned hyperedges of each modality", 1, 65_536)
    n_heads: int = setting(4, "h", "attention heads; must divide the embedding width", 1, 1_024)
    attention_scale: float = setting(0.1, "α", "weight of the attention branch (the paper's global structure) in the fusion", 0, 10)
    hypergraph_scale: float = setting(0.3, "β", "weight of the hypergraph branch (the paper's local structure) in the fusion", 0, 10)
    membership_temperature: float = setting(0.2, "τ_H", "temperature of the Gumbel-softmax over hyperedges", LOWEST_TEMPERATURE, 100)
    dropout: float = setting(0.5, "p", "share of membership entries that are dropped while training (1 − keep rate)", 0, 0.99)
    scaled_attention: bool = setting(False, "1/√d_h", "divide attention scores by the root of the head width")
    attention_form: str = setting(
        "product",
        "w_ab",
        "what weighs neighbours: softmax of clipped products, softmax of 10 cosines, shares of positive products, or all alike",
        choices=("product", "cosine", "linear", "uniform"),
    )
    attention_input: str = setting(
        "raw", "E⁰, E^(L)", "what attention reads: the ID embeddings, or their last LightGCN layer", choices=("raw", "propagated")
    )
    attention_reads: str = setting(
        "input",
        "e, c",
        "what queries and keys are made of: attention's input, or the modalities Σ_m nz(E^m), which get no gradient from it",
        choices=("input", "content"),
    )
    attention_objective: str = setting(
        "ranking",
        "L_A",
        "what teaches queries and keys: the ranking, or telling interactions from shuffled ones",
        choices=("ranking", "contrast"),
    )
    membership_objective: str = setting(
        "ranking",
        "L_co",
        "what teaches memberships: the ranking and its contrast, only that items taken together share a hyperedge, or nothing",
        choices=("ranking", "cointeraction", "none"),
    )
    membership_noise: float = setting(1.0, "g", "scale of the Gumbel noise in memberships while training; 0: none", 0, 1)
    membership_features: str = setting(
        "raw",
        "x V",
        "what memberships are read from: the features, or these centred and divided by their norms",
        choices=("raw", "unit"),
    )
    user_membership: str = setting(
        "sum",
        "H_u",
        "how a history becomes memberships: softmax of its logits' sum, its items' mean, or how far that is above everybody's",
        choices=("sum", "mean", "lift"),
    )
    normalize_features: bool = setting(False, "nz(X)", "divide each feature row by its norm")
    missing_features: str = setting(
        "zero", "x_i", "what stands for features that an item lacks; omit leaves its terms out of the fusion", choices=TREATMENTS
    )
    as_released: bool = setting(False, "–", "repeat the public release's slip in the user memberships, to compare with the paper's numbers")
    modalities: tuple[str, ...] | None = setting(None, "m", "names of the modalities to use; none given means all of the data set")
    seed: int = setting(999, "–", "seed of the initial weights", *SEEDS)

    def __post_init__(self) -> None:
        """Check ranges and words, that heads divide the width, and that options which exclude each other are not both taken."""
        super().__post_init__()
        if self.scaled_attention and self.attention_form != "product":
            raise ConfigError(
                f"scaled_attention divides inner products, and attention_form={self.attention_form!r} has none to divide; "
                "leave scaled_attention off, or choose attention_form='product'"
            )
        self._check_found_structure()
        if self.embedding_dim % self.n_heads:
            fitting = [str(heads) for heads in range(1, min(self.embedding_dim, 64) + 1) if self.embedding_dim % heads == 0]
            raise ConfigError(f"n_heads={self.n_heads} must divide embedding_dim={self.embedding_dim}; try {', '.join(fitting[:8])}")
        check_modalities(self.modalities)

    def _check_found_structure(self) -> None:
        """Refuse pairs of which one would silently undo the other."""
        if self.as_released and (self.membership_objective, self.user_membership) != ("ranking", "sum"):
            name = "membership_objective" if self.membership_objective != "ranking" else "user_membership"
            raise ConfigError(
                f"as_released repeats the release, whose text users have sums of logits and learn by ranking; "
                f"{name}={getattr(self, name)!r} can't go with it; take the paper's form"
            )
        if self.attention_objective == "contrast" and (self.attention_form != "product" or self.scaled_attention):
            other = "scaled_attention=True" if self.scaled_attention else f"attention_form={self.attention_form!r}"
            raise ConfigError(
                f"attention_objective='contrast' learns how far inner products are scaled, so {other} can't go with it; "
                "take attention_form='product', unscaled, or attention_objective='ranking'"
            )
        if self.attention_reads == "content" and self.modalities == ():
            raise ConfigError("attention_reads='content' needs a modality, and modalities=() has none; take attention_reads='input'")


@dataclass(frozen=True)
class TrainConfig(Config):
    """How SRGFormer learns: the objective's weights, the optimiser, and when to stop."""

    epochs: int = setting(1000, "–", "most epochs", 1, 1_000_000)
    patience: int = setting(20, "–", "epochs without a better valid recall@20 before the training stops", 1, 1_000_000)
    batch_size: int = setting(2048, "|B|", "positive pairs in a batch", 1, 10_000_000)
    learning_rate: float = setting(1e-3, "lr", "step length of Adam", 1e-9, 10)
    regularization_weight: float = setting(1e-6, "λ", "weight of the norms of the batch's fused embeddings", 0, 1e6)
    hypergraph_contrast_weight: float = setting(1e-3, "c", "weight of the contrast between the modalities' hypergraph embeddings", 0, 1e6)
    modality_contrast_weight: float = setting(1e-6, "γ", "weight of the contrast between the modalities' embeddings", 0, 1e6)
    contrast_temperature: float = setting(0.2, "τ_C", "temperature of both contrastive losses", LOWEST_TEMPERATURE, 100)
    membership_balance: float = setting(
        0.1, "ρ", "weight that keeps all hyperedges in use where membership_objective is cointeraction", 0, 1e6
    )
    contrast_sample: int = setting(0, "n_C", "rows drawn at each step to contrast the batch with; 0 takes all rows, exactly", 0, 2**31)
    modality_contrast_rows: int = setting(0, "n_B", "rows of a batch in the modality contrast, counted |B|/n_B times; 0: all", 0, 2**31)
    memberships_every: int = setting(1, "k_H", "steps between two computations of the membership logits; 0: once an epoch", 0, 2**31)
    attention_every: int = setting(1, "k_A", "steps between two computations of the attention scores; 0: once an epoch", 0, 2**31)
    freeze_after: int = setting(0, "–", "epochs after which memberships and attention scores learn no more; 0: never", 0, 1_000_000)
    mixed_precision: bool = setting(False, "bf16", "project features and embeddings in bfloat16 while training; all else stays as it is")
    keep_epochs: int = setting(24, "–", "most epochs whose weights stay in the run folder", 0, 100_000)
    device: str = setting("auto", "–", "auto, cpu, cuda or mps")
    seed: int = setting(999, "–", "seed of the draws while training", *SEEDS)

    def __post_init__(self) -> None:
        """Check ranges and the device's name."""
        super().__post_init__()
        check_device(self.device)


def check_device(name: object) -> None:
    """Refuse, by a ConfigError, what names no device: auto, cpu, mps, cuda, or one of several as in cuda:1."""
    if not isinstance(name, str) or not re.fullmatch(r"auto|(cpu|mps)(:0)?|cuda(:\d{1,3})?", name):
        raise ConfigError(f"device={name!r} must be auto, cpu, cuda or mps, or one of several, such as cuda:1")


FOUND_STRUCTURE = (
    *("attention_reads", "attention_objective"),
    *("membership_objective", "membership_noise", "membership_features", "user_membership"),
)
"""Settings of a model by which structure is found; their defaults are the published form."""
MODEL_KNOBS = ("attention_scale", "hypergraph_scale", "membership_temperature")
TRAIN_KNOBS = ("modality_contrast_weight", "hypergraph_contrast_weight", "contrast_temperature", "regularization_weight", "learning_rate")
KNOBS = MODEL_KNOBS + TRAIN_KNOBS


READER_OPTIONS: Mapping[str, tuple[type, str]] = {
    "min_rating": (float, "keep ratings of at least this"),
    "k_core": (int, "keep users and items with at least this many interactions, again and again"),
    "split": (str, "protocol or time"),
    "duplicates": (str, "merge or error"),
    "seed": (int, "seed of the split, or of the built-in world"),
    "layout": (str, "the layout of the folder, where it is not to be recognised"),
    "columns": (str, "which columns are what: user=buyer,item=sku,rating=,time=,title=,text=,image="),
    "encoding": (str, "of the text files, where it is not recognised"),
    "dates": (str, "day-first or month-first"),
    "events": (str, "the kinds of events to keep, a,b,c, or all"),
    "ids": (str, "exact, match (zeros, .0 and case don't count) or from1"),
}
"""What readers of folders may be told, with type and meaning: the command line and links read it from here."""
WORLD_OPTIONS: Mapping[str, tuple[type, str]] = {
    "n_users": (int, "number of users (built-in world)"),
    "n_items": (int, "number of items (built-in world)"),
    "n_groups": (int, "number of interest groups (built-in world)"),
    "n_interactions": (int, "number of interactions (built-in world)"),
    "noise": (float, "share of the interactions drawn regardless of interests, 0 to 1 (built-in world)"),
    "image_signal": (float, "how much pictures tell of an item's group, 0 to 1 (built-in world)"),
    "text_signal": (float, "how much texts tell of an item's group, 0 to 1 (built-in world)"),
}
"""What only the built-in data set may be told."""

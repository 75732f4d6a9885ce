"""What hyperedges and attention mean, beside what they mean in the same model before its first step."""

import math

import pandas as pd

from srgformer_lab.analysis.attention import attention_auc, attention_entropy
from srgformer_lab.analysis.grouping import against_labels, categories
from srgformer_lab.analysis.hyperedges import hyperedge_usage
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace

NMI, PURITY, AUC = "NMI with categories", "purity", "attention AUC"
USAGE = {"balance": "balance", "dead": "n_dead", "twins": "n_twins", "membership entropy": "membership_entropy"}
"""Measures of how hyperedges are used, and what ``Usage`` calls them."""
EVENNESS = "attention entropy"


@checked
def untrained(model: SRGFormer | Trace) -> SRGFormer:
    """Return the model that a training began with: the same settings on the same data, the weights as they were drawn.

    Args:
        model: A model, or a pass of one.

    Returns:
        Another model, on the CPU. Its knobs are those of the one that is given.
    """
    return SRGFormer(model.data, model.config)


@on_own_data
def measure_structure(trace: Trace, data: Dataset) -> pd.DataFrame:
    """Measure what hyperedges and attention mean, each number beside that of the untrained model and that of chance.

    What is no better than in the untrained model was there before anything was learned: features alone put like items together.

    Args:
        trace: A pass of the model.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``measure``, ``modality`` (empty for attention), ``value``, ``untrained``, ``chance`` (NaN where there is no such thing).
        One row for each modality's

        - ``NMI with categories``, ``purity``: agreement with the planted groups that show in it, or with a column of few words of
          the item table; left out where neither is known. See ``against_labels``.
        - ``balance``, ``dead``, ``twins``, ``membership entropy``: see ``hyperedge_usage``.

        and one each for

        - ``attention AUC``: how well weights tell real interactions from chance ones; left out where nobody knows which are which.
        - ``attention entropy``: how evenly users' weights are spread, mean over users and heads: 1 if all weigh the same, 0 if one has
          everything; left out where every history is of one item.

    Raises:
        DataError: The pass was made on other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio(), lab.ModelConfig(n_hyperedges=8))
        >>> bool((table := lab.measure_structure(model.trace()))["value"].equals(table["untrained"]))  # nothing was learned yet
        True
    """
    return beside_untrained(structure(trace, data), structure(untrained(trace).trace(), data))


def structure(trace: Trace, data: Dataset) -> pd.DataFrame:
    """Measure one pass: the columns of ``measure_structure`` but ``untrained``."""
    rows: list[tuple[str, str, float, float]] = []
    for modality in trace.hypergraph:
        labels = categories(data, modality)
        if labels is not None:
            found = against_labels(trace, data, modality, labels)
            rows += [(NMI, modality, found.nmi, found.chance), (PURITY, modality, found.purity, found.purity_chance)]
        usage = hyperedge_usage(trace, modality)
        rows += [(measure, modality, float(getattr(usage, name)), math.nan) for measure, name in USAGE.items()]
    if data.truth is not None:
        rows.append((AUC, "", attention_auc(trace, data), 0.5))
    if not math.isnan(evenness := float(attention_entropy(trace, data)["entropy"].mean())):
        rows.append((EVENNESS, "", evenness, math.nan))
    return pd.DataFrame(rows, columns=["measure", "modality", "value", "chance"])


def beside_untrained(found: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Put what ``structure`` finds in a model beside what it finds in the untrained one."""
    by = ["measure", "modality"]
    joined = found.merge(before[[*by, "value"]].rename(columns={"value": "untrained"}), on=by, how="left")
    return joined[[*by, "value", "untrained", "chance"]]

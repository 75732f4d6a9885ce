"""What a what-if can change, in words, and how its list is shown beside the one before."""

import html
from collections.abc import Sequence
from typing import Any

import marimo as mo
import pandas as pd

from srgformer_lab import (
    Dataset,
    Trace,
    add_items,
    backend,
    blank_modality,
    drop_hyperedge,
    drop_items,
    mute_head,
    plots,
    set_knobs,
    uniform_attention,
    without_modality,
)

NO_CHANGE = "nothing"
SOURCES = {
    "own": "the person's own embedding",
    "history": "the things they took",
    "hyperedge": "hyperedges",
    "everyone": "what all have alike",
    "rest": "what no single thing brings",
}


def model_changes(trace: Trace) -> dict[str, Any]:
    """Return the changes of a model that a what-if can make, in words."""
    changes: dict[str, Any] = {NO_CHANGE: ()}
    changes |= {f"without {name}": without_modality(name) for name in trace.modality}
    changes |= {f"{name} features blank, its hyperedges kept": blank_modality(name) for name in trace.modality}
    changes |= {"attention to all things alike": uniform_attention(), "no attention (α = 0)": set_knobs(attention_scale=0.0)}
    changes |= {f"head {head} muted": mute_head(head) for head in range(trace.config.n_heads)}
    changes["no hypergraph (β = 0)"] = set_knobs(hypergraph_scale=0.0)
    for name, part in trace.hypergraph.items():
        count = part.hyperedges.shape[0]
        changes |= {f"without {name} hyperedge {place}": drop_hyperedge(name, place) for place in range(count)} if count <= 16 else {}
    return changes


def moved_list(data: Dataset, moved: pd.DataFrame, names: tuple[str, str], hint: str, k: int = 10) -> mo.Html:
    """Show what ``compare_lists`` found as two lists joined by lines; where nothing moved, in one sentence."""
    if not moved["moved"].any():
        return mo.Html(f'<p class="lab-fact">{html.escape(plots.describe_moves(moved, k))}. {html.escape(hint)}</p>')
    shown = backend.with_pictures(moved, data, backend.SMALL_WIDTH)
    return mo.Html(plots.rank_moves_cards(shown, k, before=names[0], after=names[1], hint=hint))


def asked_changes(taken: Sequence[str], added: Sequence[str], changed: Any = ()) -> tuple[Any, ...]:
    """Put together what a person chose."""
    history = (*((drop_items(*taken),) if taken else ()), *((add_items(*added),) if added else ()))
    return (*history, *((changed,) if changed else ()))

"""How results look: tidy frames in, plotly figures and item cards out.

A room of its own so that one thing looks the same everywhere, and so that nothing else in the package needs plotly.
It knows neither models nor data sets, only columns.
"""

from srgformer_lab.errors import require

require("plotly")  # before a module of this room fails to import it

from srgformer_lab.plots.agreement import cosine_distributions, recall_bars
from srgformer_lab.plots.alignment import alignment_scatter
from srgformer_lab.plots.bipartite import bipartite_graph
from srgformer_lab.plots.card_moves import rank_moves_cards
from srgformer_lab.plots.card_style import STYLE
from srgformer_lab.plots.cards import card, card_column, card_row, card_wall, hue, initials, thumbnail_uri
from srgformer_lab.plots.comparison import comparison_dots
from srgformer_lab.plots.contrast import depth_bars, versus_bars
from srgformer_lab.plots.deletion import deletion_curves
from srgformer_lab.plots.effects import effect_meaning, effect_scatter
from srgformer_lab.plots.entropy import entropy_scatter
from srgformer_lab.plots.flow import flow_diagram, flow_finding
from srgformer_lab.plots.grid import knob_grid
from srgformer_lab.plots.growth import growth_curves
from srgformer_lab.plots.heads import attention_heads
from srgformer_lab.plots.history import history_bars, sources_waterfall
from srgformer_lab.plots.hyperedge_bars import hyperedge_finding, hyperedge_warning, usage_bars
from srgformer_lab.plots.hyperedges import agreement_table, incidence_heatmap
from srgformer_lab.plots.inventory import coverage_bars, history_histogram, long_tail
from srgformer_lab.plots.knobs import metric_heatmap
from srgformer_lab.plots.labels import MOST_FACES, Kind, badge, knob_label, part_knob_style, strip
from srgformer_lab.plots.language import (
    PART_COLORS,
    PARTS,
    before_after,
    counted,
    digits,
    knob_color,
    knob_name,
    knob_symbol,
    measured,
    metric_name,
    metric_unit,
    metric_value,
    part_color,
    part_name,
    part_order,
    percent,
    setting,
    signed,
)
from srgformer_lab.plots.lines_over import lines_over
from srgformer_lab.plots.losses import loss_terms
from srgformer_lab.plots.moves import describe_moves, rank_moves
from srgformer_lab.plots.offline import Block, offline_page
from srgformer_lab.plots.paired import paired_differences
from srgformer_lab.plots.plane import metric_plane
from srgformer_lab.plots.river import river
from srgformer_lab.plots.rows import correlation
from srgformer_lab.plots.score import parts_table, waterfall
from srgformer_lab.plots.sparsity import sparsity_curves
from srgformer_lab.plots.sweep import sweep_curve
from srgformer_lab.plots.tail import head_share, interaction_matrix
from srgformer_lab.plots.template import TEMPLATES, finding_of, plot_config, register
from srgformer_lab.plots.training import learning_curves

__all__ = [
    "MOST_FACES",
    "PARTS",
    "PART_COLORS",
    "STYLE",
    "TEMPLATES",
    "Block",
    "Kind",
    "agreement_table",
    "alignment_scatter",
    "attention_heads",
    "badge",
    "before_after",
    "bipartite_graph",
    "card",
    "card_column",
    "card_row",
    "card_wall",
    "comparison_dots",
    "correlation",
    "cosine_distributions",
    "counted",
    "coverage_bars",
    "deletion_curves",
    "depth_bars",
    "describe_moves",
    "digits",
    "effect_meaning",
    "effect_scatter",
    "entropy_scatter",
    "finding_of",
    "flow_diagram",
    "flow_finding",
    "growth_curves",
    "head_share",
    "history_bars",
    "history_histogram",
    "hue",
    "hyperedge_finding",
    "hyperedge_warning",
    "incidence_heatmap",
    "initials",
    "interaction_matrix",
    "knob_color",
    "knob_grid",
    "knob_label",
    "knob_name",
    "knob_symbol",
    "learning_curves",
    "lines_over",
    "long_tail",
    "loss_terms",
    "measured",
    "metric_heatmap",
    "metric_name",
    "metric_plane",
    "metric_unit",
    "metric_value",
    "offline_page",
    "paired_differences",
    "part_color",
    "part_knob_style",
    "part_name",
    "part_order",
    "parts_table",
    "percent",
    "plot_config",
    "rank_moves",
    "rank_moves_cards",
    "recall_bars",
    "register",
    "river",
    "setting",
    "signed",
    "sources_waterfall",
    "sparsity_curves",
    "strip",
    "sweep_curve",
    "thumbnail_uri",
    "usage_bars",
    "versus_bars",
    "waterfall",
]

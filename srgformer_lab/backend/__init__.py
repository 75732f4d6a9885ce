"""What the apps look at: data sets, runs and passes, loaded once for all visitors of a process, and named by links.

Visitors are threads of one process, and a page reload starts a visitor anew, so whatever is heavy lives here: bounded, locked and
read-only. A link can be old or mistyped, so what it says is checked here against what there is.
"""

from srgformer_lab.backend import attending
from srgformer_lab.backend.aligning import MOST_ITEMS, Alignment
from srgformer_lab.backend.chosen import chosen_places, items_of_hyperedge
from srgformer_lab.backend.class_room import arrival, data_choices, may_manage, may_steer, most_epochs, widths
from srgformer_lab.backend.cohorts import COHORTS, cohort_name, cohort_users
from srgformer_lab.backend.comparing import (
    COMPARED_METRICS,
    MOST_RUNS,
    as_trained,
    changed_users,
    cohort_differences,
    comparable_runs,
    first_side,
    is_changed,
    other_sides,
    run_moves,
    run_quality,
    side_name,
    sides,
)
from srgformer_lab.backend.finding import find_items, people, takers, usual_user
from srgformer_lab.backend.grid import GRID_KNOBS, begin_points, contrast_grid, missing_neighbours, point_of, run_at, with_missing
from srgformer_lab.backend.inventory import POPULARITY, Facts, choose_items, coverage, facts, history_lengths, item_counts, item_groups
from srgformer_lab.backend.items import PICTURE_WIDTH, SMALL_WIDTH, item_cards, picture, title, with_pictures
from srgformer_lab.backend.judging import Health, Sureness, health, popularity_quality, sureness
from srgformer_lab.backend.managing import (
    delete_run,
    deleted_runs,
    matching_runs,
    rename_run,
    restore_run,
    runs_stamp,
    without_run,
)
from srgformer_lab.backend.reasoning import addable_items, carrying_hyperedges, membership_paths
from srgformer_lab.backend.report import Report
from srgformer_lab.backend.report_parts import SECTIONS, sections_of
from srgformer_lab.backend.scene import Scene, dataset, find_run, runs_of, scene, trained_pass
from srgformer_lab.backend.serving import SERVED_METRICS, cohort_served, cohort_sizes, cohort_table, served, served_users, tested_ranking
from srgformer_lab.backend.settling import settle, usual_run
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.backend.slow import Slow
from srgformer_lab.backend.structure import Hyperedges, categories
from srgformer_lab.backend.training import (
    GOING,
    MOST_WAITING,
    adjusted,
    begin,
    begin_small,
    can_go_on,
    can_show,
    carry_on,
    cost,
    damaged_lines,
    devices,
    going_on,
    is_going,
    run_table,
    settings,
    variants,
)
from srgformer_lab.backend.view import KNOB_OF, SHIPPED, STUDIO, View, joined
from srgformer_lab.statistics import Interval
from srgformer_lab.training.estimate import Estimate
from srgformer_lab.training.run import Status

__all__ = [
    "COHORTS",
    "COMPARED_METRICS",
    "GOING",
    "GRID_KNOBS",
    "KNOB_OF",
    "MOST_ITEMS",
    "MOST_RUNS",
    "MOST_WAITING",
    "PICTURE_WIDTH",
    "POPULARITY",
    "SECTIONS",
    "SERVED_METRICS",
    "SHIPPED",
    "SMALL_WIDTH",
    "STUDIO",
    "Alignment",
    "Estimate",
    "Facts",
    "Health",
    "Hyperedges",
    "Interval",
    "Report",
    "Scene",
    "Shelf",
    "Slow",
    "Status",
    "Sureness",
    "View",
    "addable_items",
    "adjusted",
    "arrival",
    "as_trained",
    "attending",
    "begin",
    "begin_points",
    "begin_small",
    "can_go_on",
    "can_show",
    "carry_on",
    "carrying_hyperedges",
    "categories",
    "changed_users",
    "choose_items",
    "chosen_places",
    "cohort_differences",
    "cohort_name",
    "cohort_served",
    "cohort_sizes",
    "cohort_table",
    "cohort_users",
    "comparable_runs",
    "contrast_grid",
    "cost",
    "coverage",
    "damaged_lines",
    "data_choices",
    "dataset",
    "delete_run",
    "deleted_runs",
    "devices",
    "facts",
    "find_items",
    "find_run",
    "first_side",
    "going_on",
    "health",
    "history_lengths",
    "is_changed",
    "is_going",
    "item_cards",
    "item_counts",
    "item_groups",
    "items_of_hyperedge",
    "joined",
    "matching_runs",
    "may_manage",
    "may_steer",
    "membership_paths",
    "missing_neighbours",
    "most_epochs",
    "other_sides",
    "people",
    "picture",
    "point_of",
    "popularity_quality",
    "rename_run",
    "restore_run",
    "run_at",
    "run_moves",
    "run_quality",
    "run_table",
    "runs_of",
    "runs_stamp",
    "scene",
    "sections_of",
    "served",
    "served_users",
    "settings",
    "settle",
    "side_name",
    "sides",
    "sureness",
    "takers",
    "tested_ranking",
    "title",
    "trained_pass",
    "usual_run",
    "usual_user",
    "variants",
    "widths",
    "with_missing",
    "with_pictures",
    "without_run",
]

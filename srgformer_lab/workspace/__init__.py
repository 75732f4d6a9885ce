"""What the apps look at: data sets, runs and passes, loaded once for all visitors of a process, and named by links.

Visitors are threads of one process, and a page reload starts a visitor anew, so whatever is heavy lives here: bounded, locked and
read-only. A link can be old or mistyped, so what it says is checked here against what there is.
"""

from srgformer_lab.learn.estimate import Estimate
from srgformer_lab.learn.run import Status
from srgformer_lab.statistics import Interval
from srgformer_lab.workspace import attending
from srgformer_lab.workspace.aligning import MOST_ITEMS, Alignment
from srgformer_lab.workspace.class_room import arrival, data_choices, may_manage, may_steer, most_epochs, widths
from srgformer_lab.workspace.cohorts import COHORTS, cohort_name, cohort_users
from srgformer_lab.workspace.comparing import (
    MOST_RUNS,
    changed_users,
    cohort_differences,
    comparable_runs,
    knows_quality,
    run_moves,
    run_quality,
    run_ranking,
)
from srgformer_lab.workspace.finding import find_items, people, takers, usual_user
from srgformer_lab.workspace.grid import GRID_KNOBS, begin_points, contrast_grid, missing_neighbours, point_of, run_at, with_missing
from srgformer_lab.workspace.inventory import POPULARITY, Facts, choose_items, coverage, facts, history_lengths, item_counts, item_groups
from srgformer_lab.workspace.items import PICTURE_WIDTH, SMALL_WIDTH, item_cards, picture, title, with_pictures
from srgformer_lab.workspace.judging import Health, Sureness, health, popularity_quality, sureness
from srgformer_lab.workspace.managing import (
    delete_run,
    deleted_runs,
    matching_runs,
    rename_run,
    restore_run,
    runs_stamp,
    without_run,
)
from srgformer_lab.workspace.reasoning import addable_items, carrying_hyperedges, membership_paths
from srgformer_lab.workspace.report import Report
from srgformer_lab.workspace.report_parts import SECTIONS, sections_of
from srgformer_lab.workspace.scene import Scene, dataset, find_run, runs_of, scene, trained_pass
from srgformer_lab.workspace.serving import cohort_served, cohort_table, knows_served, served_users, tested_ranking
from srgformer_lab.workspace.settling import settle, usual_run
from srgformer_lab.workspace.shelf import Shelf
from srgformer_lab.workspace.slow import Slow
from srgformer_lab.workspace.structure import Hyperedges, categories
from srgformer_lab.workspace.training import (
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
from srgformer_lab.workspace.view import KNOB_OF, SHIPPED, STUDIO, View, joined

__all__ = [
    "COHORTS",
    "GOING",
    "GRID_KNOBS",
    "KNOB_OF",
    "MOST_ITEMS",
    "MOST_RUNS",
    "MOST_WAITING",
    "PICTURE_WIDTH",
    "POPULARITY",
    "SECTIONS",
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
    "cohort_differences",
    "cohort_name",
    "cohort_served",
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
    "going_on",
    "health",
    "history_lengths",
    "is_going",
    "item_cards",
    "item_counts",
    "item_groups",
    "joined",
    "knows_quality",
    "knows_served",
    "matching_runs",
    "may_manage",
    "may_steer",
    "membership_paths",
    "missing_neighbours",
    "most_epochs",
    "people",
    "picture",
    "point_of",
    "popularity_quality",
    "rename_run",
    "restore_run",
    "run_at",
    "run_moves",
    "run_quality",
    "run_ranking",
    "run_table",
    "runs_of",
    "runs_stamp",
    "scene",
    "sections_of",
    "served_users",
    "settings",
    "settle",
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

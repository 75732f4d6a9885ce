"""What the apps look at: data sets, runs and passes, loaded once for all visitors of a process, and named by links.

Visitors are threads of one process, and a page reload starts a visitor anew, so whatever is heavy lives here: bounded, locked and
read-only. A link can be old or mistyped, so what it says is checked here against what there is.
"""

from srgformer_lab.learn.estimate import Estimate
from srgformer_lab.learn.run import Status
from srgformer_lab.workspace.aligning import MOST_ITEMS, Alignment
from srgformer_lab.workspace.cohorts import COHORTS, cohort_users
from srgformer_lab.workspace.finding import find_items, people, usual_user
from srgformer_lab.workspace.judging import Health, health, popularity_quality
from srgformer_lab.workspace.report import Report
from srgformer_lab.workspace.report_parts import SECTIONS, sections_of
from srgformer_lab.workspace.scene import Scene, dataset, find_run, runs_of, scene, trained_pass
from srgformer_lab.workspace.settling import settle, usual_run
from srgformer_lab.workspace.shelf import Shelf
from srgformer_lab.workspace.slow import Slow
from srgformer_lab.workspace.training import (
    GOING,
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
    run_table,
    settings,
    variants,
)
from srgformer_lab.workspace.view import KNOB_OF, SHIPPED, STUDIO, View, joined

__all__ = [
    "COHORTS",
    "GOING",
    "KNOB_OF",
    "MOST_ITEMS",
    "SECTIONS",
    "SHIPPED",
    "STUDIO",
    "Alignment",
    "Estimate",
    "Health",
    "Report",
    "Scene",
    "Shelf",
    "Slow",
    "Status",
    "View",
    "adjusted",
    "begin",
    "begin_small",
    "can_go_on",
    "can_show",
    "carry_on",
    "cohort_users",
    "cost",
    "damaged_lines",
    "dataset",
    "devices",
    "find_items",
    "find_run",
    "going_on",
    "health",
    "joined",
    "people",
    "popularity_quality",
    "run_table",
    "runs_of",
    "scene",
    "sections_of",
    "settings",
    "settle",
    "trained_pass",
    "usual_run",
    "usual_user",
    "variants",
]

from . import attention as attention
from . import background as background
from . import limits as limits
from . import session as session
from . import training as training
from .alignment import Alignment as Alignment
from .background import BackgroundTask as BackgroundTask
from .cache import Cache as Cache
from .cohorts import (
    SERVED_METRICS as SERVED_METRICS,
)
from .cohorts import (
    Health as Health,
)
from .cohorts import (
    Sureness as Sureness,
)
from .cohorts import (
    cohort_served as cohort_served,
)
from .cohorts import (
    cohort_sizes as cohort_sizes,
)
from .cohorts import (
    cohort_table as cohort_table,
)
from .cohorts import (
    health as health,
)
from .cohorts import (
    popularity_quality as popularity_quality,
)
from .cohorts import (
    served as served,
)
from .cohorts import (
    served_users as served_users,
)
from .cohorts import (
    sureness as sureness,
)
from .cohorts import (
    tested_ranking as tested_ranking,
)
from .comparing import (
    COMPARED_METRICS as COMPARED_METRICS,
)
from .comparing import (
    MOST_RUNS as MOST_RUNS,
)
from .comparing import (
    as_trained as as_trained,
)
from .comparing import (
    changed_users as changed_users,
)
from .comparing import (
    cohort_differences as cohort_differences,
)
from .comparing import (
    comparable_runs as comparable_runs,
)
from .comparing import (
    first_side as first_side,
)
from .comparing import (
    is_changed as is_changed,
)
from .comparing import (
    other_sides as other_sides,
)
from .comparing import (
    run_moves as run_moves,
)
from .comparing import (
    run_quality as run_quality,
)
from .comparing import (
    side_name as side_name,
)
from .comparing import (
    sides as sides,
)
from .grid import (
    GRID_KNOBS as GRID_KNOBS,
)
from .grid import (
    begin_points as begin_points,
)
from .grid import (
    contrast_grid as contrast_grid,
)
from .grid import (
    missing_neighbours as missing_neighbours,
)
from .grid import (
    point_of as point_of,
)
from .grid import (
    run_at as run_at,
)
from .grid import (
    with_missing as with_missing,
)
from .hyperedges import (
    Hyperedges as Hyperedges,
)
from .hyperedges import (
    addable_items as addable_items,
)
from .hyperedges import (
    carrying_hyperedges as carrying_hyperedges,
)
from .hyperedges import (
    categories as categories,
)
from .hyperedges import (
    chosen_places as chosen_places,
)
from .hyperedges import (
    items_of_hyperedge as items_of_hyperedge,
)
from .hyperedges import (
    membership_paths as membership_paths,
)
from .inventory import (
    COHORTS as COHORTS,
)
from .inventory import (
    PICTURE_WIDTH as PICTURE_WIDTH,
)
from .inventory import (
    POPULARITY as POPULARITY,
)
from .inventory import (
    SMALL_WIDTH as SMALL_WIDTH,
)
from .inventory import (
    Facts as Facts,
)
from .inventory import (
    choose_items as choose_items,
)
from .inventory import (
    cohort_name as cohort_name,
)
from .inventory import (
    cohort_users as cohort_users,
)
from .inventory import (
    coverage as coverage,
)
from .inventory import (
    default_user as default_user,
)
from .inventory import (
    facts as facts,
)
from .inventory import (
    find_items as find_items,
)
from .inventory import (
    item_cards as item_cards,
)
from .inventory import (
    item_counts as item_counts,
)
from .inventory import (
    item_groups as item_groups,
)
from .inventory import (
    people as people,
)
from .inventory import (
    picture as picture,
)
from .inventory import (
    takers as takers,
)
from .inventory import (
    title as title,
)
from .inventory import (
    user_lengths as user_lengths,
)
from .inventory import (
    with_pictures as with_pictures,
)
from .limits import (
    arrival as arrival,
)
from .limits import (
    data_choices as data_choices,
)
from .limits import (
    may_manage as may_manage,
)
from .limits import (
    may_steer as may_steer,
)
from .limits import (
    most_epochs as most_epochs,
)
from .limits import (
    widths as widths,
)
from .link import KNOB_OF as KNOB_OF
from .link import SHIPPED as SHIPPED
from .link import STUDIO as STUDIO
from .link import Link as Link
from .link import join_names as join_names
from .managing import (
    delete_run as delete_run,
)
from .managing import (
    deleted_runs as deleted_runs,
)
from .managing import (
    matching_runs as matching_runs,
)
from .managing import (
    rename_run as rename_run,
)
from .managing import (
    restore_run as restore_run,
)
from .managing import (
    runs_stamp as runs_stamp,
)
from .managing import (
    without_run as without_run,
)
from .report import SECTIONS as SECTIONS
from .report import Report as Report
from .report import report_on as report_on
from .report import sections_of as sections_of
from .runs import default_run as default_run
from .runs import find_run as find_run
from .runs import known_runs as known_runs
from .runs import runs_of as runs_of
from .session import (
    MOST_ITEMS as MOST_ITEMS,
)
from .session import (
    NOTHING_TRAINED as NOTHING_TRAINED,
)
from .session import (
    SESSION as SESSION,
)
from .session import (
    Scene as Scene,
)
from .session import (
    Session as Session,
)
from .session import (
    trained_pass as trained_pass,
)
from .training import (
    GOING as GOING,
)
from .training import (
    MOST_WAITING as MOST_WAITING,
)
from .training import (
    adjusted as adjusted,
)
from .training import (
    begin as begin,
)
from .training import (
    begin_small as begin_small,
)
from .training import (
    can_go_on as can_go_on,
)
from .training import (
    can_show as can_show,
)
from .training import (
    carry_on as carry_on,
)
from .training import (
    cost as cost,
)
from .training import (
    damaged_lines as damaged_lines,
)
from .training import (
    devices as devices,
)
from .training import (
    going_on as going_on,
)
from .training import (
    is_going as is_going,
)
from .training import (
    run_table as run_table,
)
from .training import (
    settings as settings,
)
from .training import (
    stop_run as stop_run,
)
from .training import (
    update_run_knobs as update_run_knobs,
)
from .training import (
    variants as variants,
)

"""Whether a scene's model makes use of its modalities: what its lists lose where these tell less, for a page to draw."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from srgformer_lab.backend.background import BackgroundTask
from srgformer_lab.backend.inventory import cohort_name
from srgformer_lab.backend.scene import Scene
from srgformer_lab.models.protocol import Watch
from srgformer_lab.training.audit import JUDGED_BY, Audit, audit

INTERVENTION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "permuted": "dealt out anew",
        "swapped": "swapped among equally popular items",
        "mean": "everywhere the mean",
        "zero": "nobody’s known",
        "missing": "half of them missing",
    }
)
"""What is done to features, as a page says it; what the verdict goes by comes first."""
MOST_LOST = 12
"""Items that are shown of those that lose most."""


def audited(scene: Scene) -> BackgroundTask[Audit]:
    """Ask the model of a scene, under its knobs, on the validation split.

    ``RunError`` comes with its value where nothing is trained, and ``ConfigError`` where the model uses no modality.
    """
    scene = scene.judged

    def compute(watch: Watch) -> Audit:
        return audit(scene.own_model(), scene.data, "valid", interventions=list(INTERVENTION_WORDS), watch=watch)

    return BackgroundTask(("audit", *scene.key), compute)


def audit_changes(found: Audit) -> pd.DataFrame:
    """Return a row an intervention and modality, of all people: ``group``, ``run``, ``judged``, ``difference``, ``low``, ``high``."""
    rows = found.table[found.table["cohort"] == ""]
    return _as_differences(rows, rows["intervention"].map(INTERVENTION_WORDS))


def audit_cohorts(found: Audit) -> pd.DataFrame:
    """Return the same for each cohort, where features are dealt out anew."""
    rows = found.table[found.table["intervention"] == JUDGED_BY]
    return _as_differences(rows, rows["cohort"].map(cohort_name))


def _as_differences(rows: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    named = rows.rename(columns={"modality": "run", "users": "judged", "change": "difference"}).assign(group=group)
    return named[["group", "run", "judged", "difference", "low", "high"]].reset_index(drop=True)


def audit_losses(found: Audit, modality: str, intervention: str) -> pd.DataFrame:
    """Return the items that lose most: ``item_id``, ``title``, ``held``, ``before``, ``after``; none that lose nothing."""
    items = found.items
    those = items[(items["modality"] == modality) & (items["intervention"] == intervention) & (items["after"] < items["before"])]
    return those.head(MOST_LOST).reset_index(drop=True)

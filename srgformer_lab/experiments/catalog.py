"""The experiments by their names."""

from collections.abc import Mapping
from types import MappingProxyType

from srgformer_lab.errors import UnknownIdError
from srgformer_lab.experiments.ablation import ABLATION
from srgformer_lab.experiments.attention import ATTENTION
from srgformer_lab.experiments.baselines import BASELINES
from srgformer_lab.experiments.cost import Cost
from srgformer_lab.experiments.experiment import Experiment
from srgformer_lab.experiments.freezing import FREEZING
from srgformer_lab.experiments.latency import Latency
from srgformer_lab.experiments.measurement import Measurement
from srgformer_lab.experiments.sensitivity import SENSITIVITY
from srgformer_lab.experiments.sparsity import SPARSITY
from srgformer_lab.experiments.transfer import TRANSFER

EXPERIMENTS: Mapping[str, Experiment | Measurement] = MappingProxyType(
    {each.name: each for each in (BASELINES, ABLATION, SENSITIVITY, SPARSITY, TRANSFER, FREEZING, ATTENTION, Cost(), Latency())}
)


def experiment(name: str) -> Experiment | Measurement:
    """Find an experiment, or a measurement, by its name.

    Raises:
        UnknownIdError: There is none of that name.
    """
    if name not in EXPERIMENTS:
        raise UnknownIdError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]

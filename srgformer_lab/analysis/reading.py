"""What every explanation begins with: one pass of the model, made on the data that it is asked about."""

import torch

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace


def read_for(model: SRGFormer | Trace, data: Dataset, user: int) -> Trace:
    """Read a model for one user row; a pass that was made already is given back.

    Raises:
        DataError: The model was made for other data.
    """
    trace = model if isinstance(model, Trace) else model.trace_for(torch.tensor([user]))
    check_data(trace, data)
    return trace


def check_data(trace: Trace, data: Dataset) -> None:
    """Refuse a pass over other users or items than those of the data.

    Raises:
        DataError: With both sizes.
    """
    found = trace.collaborative.n_users, trace.collaborative.n_nodes - trace.collaborative.n_users
    if found != (data.n_users, data.n_items):
        raise DataError(
            f"the pass covers {found[0]:,} users × {found[1]:,} items, {data.name} has {data.n_users:,} × {data.n_items:,}; "
            "give the data set that the model was made for"
        )

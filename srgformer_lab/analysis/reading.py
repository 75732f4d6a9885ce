"""What every explanation begins with: one pass of the model, made on the data that it is asked about."""

import torch

from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace


def read_for(model: SRGFormer | Trace, user: int) -> Trace:
    """Read a model for one user row; a pass that was made already is returned."""
    return model if isinstance(model, Trace) else model.trace_for(torch.tensor([user]))

"""Mixed precision, where it is safe: products of constants or embeddings with the maps that project them."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Product = Callable[[Float[Tensor, "rows inner"], Float[Tensor, "inner columns"]], Float[Tensor, "rows columns"]]


def in_bfloat16(left: Float[Tensor, "rows inner"], right: Float[Tensor, "inner columns"]) -> Float[Tensor, "rows columns"]:
    """Multiply with eight bits of mantissa, forwards and backwards, and give the result in the precision of ``right``.

    Memberships are never computed from such a product, and no contrast is computed with one.

    Source: spec section 3.3.
    """
    return (left.to(torch.bfloat16) @ right.to(torch.bfloat16)).to(right.dtype)

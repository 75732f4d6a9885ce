"""A model whose scores are no sum over the history, read by running it again without each item of it."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.data.changing import without_interactions
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.ranking import device_of
from srgformer_lab.models.reading import ComponentTable, Piece, Reading
from srgformer_lab.models.transfer import carry_over

WHOLE = "score"
"""The one part of a score that isn't taken apart."""


class Removals(Reading):
    """What each item of a user's history takes from all scores when it goes, and the rest, which no single one takes.

    With s the scores of the whole history and s^(−j) those of the same weights without item j, the share of j is s − s^(−j): not a part
    of a sum, but what really happens. The rest, s − Σ_j (s − s^(−j)), is what is there without any of them and what several bring together.
    """

    has_removals = True

    def __init__(self, model: Recommender, without: Callable[[int], Float[Tensor, "history items"]] | None = None) -> None:
        """Read the model once.

        Args:
            model: Any model.
            without: From a user row to the scores without each of the training items, as a model can tell that runs on a history
                alone; by default the model is built again on the data without it.
        """
        self.model, self.data, self._scores = model, model.data, model.scorer()
        self._without, self._effects = without or self._built_without, dict[int, Tensor]()
        self.note = (
            f"{type(model).__name__} is no sum over what a person took, so each share is a removal: the model was run again without "
            "that item, and the score fell by so much. The rest is what no single item takes with it."
        )

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return device_of(self.model)

    def scores(self, users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
        """Return the model's scores."""
        return self._scores(users)

    def parts(self, node: int) -> dict[str, Float[Tensor, " items"]]:
        """Return a user's scores of all items, or which item a node is: there is one part."""
        n_users = self.data.n_users
        if node >= n_users:
            item = torch.zeros(self.data.n_items, dtype=torch.float64, device=self.device)
            item[node - n_users] = 1.0
            return {WHOLE: item}
        with torch.no_grad():
            return {WHOLE: self.scores(torch.tensor([node], device=self.device))[0].double()}

    def gather(self, table: ComponentTable, node: int) -> None:
        """Add what each item of a user's history takes with it, and the rest; of an item, itself alone."""
        whole = self.parts(node)[WHOLE]
        if node >= self.data.n_users:
            table.add(WHOLE, [Piece("own", whole[None])])
            return
        history = torch.from_numpy(self.data.matrix("train")[node].indices.astype(np.int64)).to(self.device)
        if node not in self._effects:
            with torch.no_grad():
                self._effects[node] = whole - self._without(node).double() if len(history) else whole.new_zeros(0, len(whole))
        effects = self._effects[node]
        removals = Piece("neighbor", effects, history + self.data.n_users)
        table.add(WHOLE, [removals, Piece("rest", (whole - effects.sum(0))[None])])

    def _built_without(self, user: int) -> Float[Tensor, "history items"]:
        data, rows = self.data, []
        for item in data.matrix("train")[user].indices:
            other, _ = carry_over(self.model, data, without_interactions(data, data.user_ids[user], [data.item_ids[int(item)]]))
            rows.append(other.scorer()(torch.tensor([user], device=self.device))[0])
        return torch.stack(rows)

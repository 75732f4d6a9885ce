"""A run on data that has grown since: which of it the run was trained on, and one model that serves that and what is new."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from cachetools import LRUCache
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.growing import Growth, growth
from srgformer_lab.data.keeping import from_bytes
from srgformer_lab.data.source import reopen
from srgformer_lab.data.tables import positions
from srgformer_lab.errors import ConfigError, DataError, LabError, RunError
from srgformer_lab.models import catalog
from srgformer_lab.models.identity import checked, refuse_other_data
from srgformer_lab.models.protocol import Recommender, Trainable
from srgformer_lab.models.ranking import scorer_of
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.models.transfer import Variant, warm_start, with_newcomers
from srgformer_lab.training.checkpoint import AGAIN, load_weights
from srgformer_lab.training.files import file_stamp, read_bytes
from srgformer_lab.training.notes import NotedFolder

if TYPE_CHECKING:
    from srgformer_lab.training.records import RunConfig

KEPT = "trained_on.npz"
"""The file of a run that tells its data in a folder that has grown since."""
_compared: LRUCache[tuple[Hashable, ...], Growth | str] = LRUCache(32)
"""What data is to a run, by the run's files and the data's fingerprint: pages ask at every move."""
_lock = Lock()


class GrownModel(Recommender):
    """Scores of everybody on everything: those of the run for all that it was trained on, to the bit, and of its newcomers for the rest."""

    def __init__(self, grown: Growth, own: Recommender | Trace, everyone: Recommender | Trace | None) -> None:
        """Put both together; without ``everyone`` only what was trained on is served."""
        data = grown.known if everyone is None else grown.data
        super().__init__(data)
        self.grown, self.own, self.everyone = grown, own, everyone
        self.config = own.config
        self.users, self.items = (
            torch.from_numpy(positions(old, new)) for old, new in ((grown.own.user_ids, data.user_ids), (grown.own.item_ids, data.item_ids))
        )

    def for_users(self, users: Int[Tensor, " chosen"]) -> Recommender:
        """Read both models for these users alone, as each of them is read by itself."""
        own = self.users[users.cpu()]
        parts = (self.own, own[own >= 0]), (self.everyone, users)
        read = [part.for_users(rows) if isinstance(part, Recommender) and len(rows) else part for part, rows in parts]
        return GrownModel(self.grown, read[0], read[1])  # type: ignore[arg-type]

    def reading(self, users: Int[Tensor, " chosen"]) -> NoReturn:
        """Refuse to be taken apart: each score is of one of two models.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a score on grown data is of one of two models; explain that which run.serve().variant(user, item) returns")

    def scorer(self) -> Callable[[Int[Tensor, " chosen"]], Float[Tensor, "chosen items"]]:
        """Read both models once and give a function from user rows to the scores of all items."""
        own = scorer_of(self.own)
        if self.everyone is None:
            return own
        everyone, items = scorer_of(self.everyone), (self.items >= 0).nonzero()[:, 0]

        def scores(users: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen items"]:
            found, rows = everyone(users), self.users[users.cpu()]
            known = (rows >= 0).nonzero()[:, 0].to(found.device)
            if len(known):
                place = items.to(found.device)
                found[known[:, None], place] = own(rows[rows >= 0].to(found.device))[:, self.items[items].to(found.device)]
            return found

        return scores


@dataclass(frozen=True, eq=False)
class Served:
    """A run's model on the data as it is now."""

    model: Recommender
    """Give it to ``recommend`` and ``recommend_all``; what the run was trained on has the run's own scores."""
    data: Dataset
    said: list[str]
    """What is new, and how it is served."""
    own: Recommender
    """The run's model on what it was trained on."""
    everyone: Variant | None
    """The same weights on all that is there now, newcomers by their rules; None where nothing is new, or no rule is known."""
    grown: Growth | None

    def variant(self, user_id: object, *item_ids: object) -> Variant:
        """Return the model and data that score these items for this user: give both to ``explain`` or ``what_if``.

        Raises:
            DataError: One of them is a newcomer, and the model is no SRGFormer: then there is no score.
        """
        if self.grown is None or self.grown.is_own(user_id, *item_ids):
            return Variant(self.own, self.own.data)
        if self.everyone is None:
            raise DataError(f"{type(self.own).__name__} has no score of newcomers that could be explained; train it again, or an SRGFormer")
        return self.everyone


def serve(model: Recommender, data: Dataset, grown: Growth | None, run: str) -> Served:
    """Put a run's model onto the data as it is now.

    Args:
        model: The run's model, on the run's own data.
        data: That data.
        grown: What is new, if anything is.
        run: The path of the run's folder.
    """
    if grown is None:
        return Served(model, data, [], model, None, None)
    everyone = with_newcomers(model, grown.data) if isinstance(model, SRGFormer) else None
    both = GrownModel(grown, model, None if everyone is None else everyone.model).eval()
    return Served(both, both.data, grown.said(run, everyone is not None, isinstance(model, Trainable)), model, everyone, grown)


def compared(path: Path, config: "RunConfig", data: Dataset) -> Growth | str:
    """Return how a data set grew from the one that a run was trained on, or why it is another one; empty where that isn't known.

    Only data of the same reader and options is compared: other options make other data of the same folder.
    """
    source = data.source
    if not source.path or (source.reader, dict(source.options)) != (config.source.reader, dict(config.source.options)):
        return ""
    key = (str(path), file_stamp(path), data.fingerprint)
    with _lock:
        if key in _compared:
            return _compared[key]
    try:
        found: Growth | str = growth(from_bytes(read_bytes(path)), data)
    except FileNotFoundError:  # a run of version 0.1.0 keeps nothing of its data
        return ""
    except DataError as error:
        found = str(error)
    with _lock:
        _compared[key] = found
    return found


class TrainedFolder(NotedFolder):
    """A run folder that hands out its models, on the data that it was trained on, in a folder that has grown since too."""

    def open_data(self) -> Dataset:
        """Open the data that the run was trained on; what is new in its folder is left out.

        Returns:
            The data set.

        Raises:
            RunError: It is other data now.
            DataError: It can't be read.
        """
        return self.check_data(reopen(self.config.source))

    def check_data(self, data: Dataset) -> Dataset:
        """Return the run's own data out of a data set that is it, or has grown from it.

        Args:
            data: What is held against the data that the run was trained on.

        Returns:
            The same data set, or what the run was trained on of it.

        Raises:
            RunError: It is other data, or something of it is gone or changed.
        """
        grown = self.growth(data)
        return data if grown is None else grown.own

    def growth(self, data: Dataset) -> Growth | None:
        """Return how a data set grew from the one that the run was trained on.

        Args:
            data: The run's data as it is now.

        Returns:
            What the run was trained on and what is new; nothing where the data is just that.

        Raises:
            RunError: It is other data, or something of it is gone or changed.
        """
        config, remedy = self.config, "open it on its own data, as that was then, or train a new run"
        if data.matches(config.fingerprint):
            return None
        found = compared(self.path / KEPT, config, data)
        if isinstance(found, Growth):
            return found
        doing = f"{found}; {remedy}" if found else remedy
        refuse_other_data(f"run {self.name} was trained", config.data, config.fingerprint, data, doing, RunError)
        return None

    def is_on(self, data: Dataset) -> bool:
        """Return whether a data set is the run's own, or has grown from it.

        Args:
            data: Any data set.

        Returns:
            Whether so.
        """
        config = self.config
        return data.matches(config.fingerprint) or isinstance(compared(self.path / KEPT, config, data), Growth)

    @checked
    def model(self, data: Dataset | None = None, epoch: int | str = "best") -> Recommender:
        """Build the model with the weights and knobs of the best epoch, of the ``latest``, or of one that is kept.

        Args:
            data: The run's own data, if it is open already; else it is opened here.
            epoch: ``"best"``, ``"latest"``, or the number of an epoch whose weights are kept; 0 is before training.

        Returns:
            The model, in evaluation mode, on the CPU.

        Raises:
            RunError: The data is not the run's own, or there are no weights of that epoch.
            DataError: The run's own data can't be read.
            ConfigError: An argument is of a wrong type.
        """
        data = self.open_data() if data is None else self.check_data(data)
        config = self.config
        kind = catalog.kind(config.model_name)
        model = kind.build(data, config.model)
        facts = load_weights(self.weights_path(epoch), model)
        try:
            model.config = kind.config.from_dict(facts["model"])
        except (KeyError, TypeError, AttributeError, LabError) as error:
            raise RunError(f"{self.weights_path(epoch)} does not say under which knobs it was trained ({error}); {AGAIN}") from error
        return model.eval()

    @checked
    def serve(self, data: Dataset | None = None, epoch: int | str = "best") -> Served:
        """Put the model onto the data as it is now: what it was trained on keeps its scores, newcomers are served by their rules.

        Args:
            data: The run's data as it is now, if it is open already; else it is opened here.
            epoch: As for ``model``.

        Returns:
            The model for everybody and everything, the data, and what is new in words.

        Raises:
            RunError: It is other data, something of it is gone or changed, or there are no weights of that epoch.
            DataError: The data can't be read.
            ConfigError: An argument is of a wrong type.
        """
        data = reopen(self.config.source) if data is None else data
        grown = self.growth(data)
        own = data if grown is None else grown.own
        return serve(self.model(own, epoch), own, grown, str(self.path))

    @checked
    def warm_start(self, data: Dataset | None = None, epoch: int | str = "best") -> Trainable[Any]:
        """Return a model to train on the data as it is now, that starts from this run's weights; ``fit`` notes whose they were.

        What the run held back stays held back. The built-in encoders stay those of the run, so that old items keep their features.

        Args:
            data: The run's data as it is now, if it is open already; else it is opened here.
            epoch: As for ``model``.

        Returns:
            The model, which knows its data.

        Raises:
            RunError: It is other data, something of it is gone or changed, there are no weights of that epoch, or the model learns none
                or is of a class of somebody's own.
            DataError: The data can't be read.
            ConfigError: An argument is of a wrong type.
        """
        data = reopen(self.config.source) if data is None else data
        grown = self.growth(data)
        model = self.model(data if grown is None else grown.own, epoch)
        if not isinstance(model, Trainable):
            raise RunError(f"run {self.name} is of {self.config.model_name}, which learns no weights to start from; fit it anew")
        if type(model) not in [kind.model for kind in catalog.MODELS.values()]:
            raise RunError(f"run {self.name} is of a class of its own, {type(model).__name__}, which can't start from a run; train it anew")
        begun = warm_start(model, data if grown is None else grown.learnable)
        begun.begun_from = f"run {self.name}, epoch {self.status().best_epoch if epoch == 'best' else epoch}"
        return begun

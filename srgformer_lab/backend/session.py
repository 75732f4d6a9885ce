"""From a link to the data, the run and the pass that it names: resolved and loaded once, and shared by all visitors."""

from collections.abc import Hashable
from dataclasses import replace

from srgformer_lab.backend import dropped, limits
from srgformer_lab.backend.cache import Cache
from srgformer_lab.backend.inventory import default_user
from srgformer_lab.backend.link import KNOB_OF, STUDIO, Link, shortened
from srgformer_lab.backend.opening import in_page_words
from srgformer_lab.backend.resolving import resolve_knobs, resolve_places, resolve_run
from srgformer_lab.backend.runs import other_reading, trained_pass
from srgformer_lab.backend.scene import Scene, default_item, knobs_of, weights_of, with_own_hooks
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.growing import Growth
from srgformer_lab.data.source import folder_state, open_data, reopen
from srgformer_lab.errors import LabError
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.models.trace import Trace
from srgformer_lab.models.transfer import with_newcomers
from srgformer_lab.training.files import file_stamp
from srgformer_lab.training.run import Run


class Session:
    """What all visitors of a process share: data sets, weights, passes, lists and what was computed of them, each loaded once."""

    def __init__(self) -> None:
        """Begin with nothing loaded."""
        self._data, self._dropped, self._weights, self._passes = Cache(3), Cache(3), Cache(8), Cache(16)
        self.lists, self.values = Cache(64), Cache(256)

    def open(self, link: Link) -> Scene:
        """Resolve a link and load what it names, in one pass.

        What it leaves open is chosen here; what it says that can't be is replaced by the default, with a note for people.
        """
        notes = list(link.unread)
        try:
            data = self.dataset(link)
        except (LabError, OSError, ValueError) as error:
            notes.append(f"The data could not be opened: {in_page_words(str(error)[:400])}. What you see is the built-in data.")
            link = Link(theme=link.theme, typed=link.data)
            data = self.dataset(link)
        link, run = resolve_run(replace(link, data=link.data or STUDIO, unread=()), data, notes)
        grown = run.growth(data) if run else None
        data = data if grown is None else grown.data
        link = resolve_knobs(link, notes)
        link = replace(link, **resolve_places(link, data, run, notes))
        if link.user not in data.user_ids:
            if link.user:
                notes.append(f"There is no user {shortened(link.user)} in this data; you see another one.")
            link = replace(link, user=default_user(data))
        try:
            scene = self.load(link, data, run, grown)
            notes += scene.news
        except LabError as error:
            notes.append(f"The weights of run {link.run} could not be loaded: {error}. Choose another run.")
            scene = Scene(self, link, (), data, run, None, None, None, ())
        if link.item not in data.item_ids:
            if link.item:
                notes.append(f"There is no item {shortened(link.item)} in this data; you see another one.")
            link = replace(link, item=default_item(scene))
        return replace(scene, link=link, notes=tuple(notes))

    def follow(self, scene: Scene, link: Link) -> Scene:
        """Open a link of resolved parts; where it names the run, the weights and the knobs of a scene, nothing is looked up."""
        here = scene.link
        is_here = here.only("run", "epoch", *KNOB_OF) == link.only("run", "epoch", *KNOB_OF)
        is_whole = bool(link.user and link.item and (link.modality or not scene.data.modalities))
        if is_here and is_whole and link.run not in link.runs:
            return replace(scene, link=link, notes=())
        return self.open(replace(link, item="") if not scene.is_loaded and link.item == default_item(scene) else link)

    def dataset(self, link: Link) -> Dataset:
        """Open a link's data; a folder in which anything changed is read anew.

        Raises:
            DataError: It can't be opened, is not what its layout promises, or is not open to this class.
        """
        limits.check_data(link)
        options = link.options
        limits.check_world(options)
        name = link.data or STUDIO
        cache = self._dropped if dropped.is_kept(name) else self._data  # what visitors bring must not push out what all look at
        return cache.get((name, *options.items(), () if name == STUDIO else folder_state(name)), lambda: open_data(name, **options))

    def of_run(self, run: Run, user: str = "", item: str = "") -> Scene:
        """Return the scene of a run wherever it lies, on its own data: for one of its users and one item, or the defaults.

        Raises:
            RunError: Its data changed, or its weights are damaged.
            UnknownIdError: There is no such user or item.
        """
        data = reopen(run.config.source)
        grown = run.growth(data)
        data = data if grown is None else grown.data
        user = data.user_ids[data.user_row(user)] if user else default_user(data)
        link = Link(run=run.name, user=user, modality=next(iter(data.modalities), "")).to_source(run.config.source)
        scene = self.load(link, data, run, grown)
        item = data.item_ids[data.item_row(item)] if item else default_item(scene)
        return replace(scene, link=replace(link, item=item))

    def load(self, link: Link, data: Dataset, run: Run | None, grown: Growth | None = None) -> Scene:
        """Load weights and make the pass, or read a model of another sort; nothing where there are no weights.

        Where the data has grown since the run was trained, a second pass is made with its newcomers by their rules.
        """
        if run is None:
            return Scene(self, link, (), data, None, None, None, None, ())
        own = data if grown is None else grown.own
        path = run.weights_path(weights_of(link))
        weights = (own.fingerprint, str(path.resolve()), file_stamp(path))
        if not run.weights_path("best").exists():
            scene = Scene(self, link, (), own, run, None, None, None, weights)
            return scene if grown is None else replace(scene, data=grown.known, grown=grown, own=scene)
        limits.check_opening(data, run)
        if run.config.model_name != "srgformer":
            other, reading = self._weights.get(weights, lambda: other_reading(run, own, weights_of(link)))
            scene = Scene(self, link, (), own, run, other, None, None, weights, reading=reading)
            return scene if grown is None else replace(scene, data=grown.known, grown=grown, own=scene)
        model, trained = self._weights.get(weights, lambda: trained_pass(run, own, weights_of(link)))
        scene = Scene(self, link, (), own, run, model, trained, self._moved(link, trained, weights), weights)
        if grown is None:
            return scene
        more = (*weights, data.fingerprint)
        model, trained = self._weights.get(more, lambda: _newcomers_pass(model, data))
        return Scene(self, link, (), data, run, model, trained, self._moved(link, trained, more), more, grown, scene)

    def _moved(self, link: Link, trained: Trace, weights: tuple[Hashable, ...]) -> Trace:
        """Weigh a pass anew under the link's knobs, where they differ."""
        moved = {name: value for name, value in link.knobs.items() if knobs_of(trained)[name] != value}
        if not moved:
            return trained
        return self._passes.get((weights, *sorted(moved.items())), lambda: with_own_hooks(trained).fuse(**moved))


def _newcomers_pass(model: SRGFormer, data: Dataset) -> tuple[SRGFormer, Trace]:
    everyone, _ = with_newcomers(model, data)
    return everyone, everyone.trace()


SESSION = Session()
"""The one of this process."""

"""What a scene shows, as one HTML file to keep and as tables: both say the same numbers as the pages."""

import io
import zipfile
from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend.finding import usual_user
from srgformer_lab.backend.report_parts import SECTIONS, Section, link, looked_at, sections_of, title, trace_of
from srgformer_lab.backend.scene import Scene, trained_pass
from srgformer_lab.backend.view import View
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.ranking import rank_items
from srgformer_lab.training.run import Run


class Report:
    """A scene as something to keep."""

    def __init__(self, look: Scene, sections: Sequence[str] = ()) -> None:
        """Choose what goes in; without ``sections`` everything that this scene has.

        Raises:
            RunError: There is no trained SRGFormer to report on.
            ConfigError: There is no such section.
        """
        self.look, self.trace = look, trace_of(look)
        if unknown := [name for name in sections if name not in SECTIONS]:
            raise ConfigError(f"there is no section {unknown[0]!r} of a report; there are {', '.join(SECTIONS)}")
        self.names = [name for name in sections_of(look) if not sections or name in sections]

    @cached_property
    def sections(self) -> list[Section]:
        """The parts, in the order of ``SECTIONS``; what is looked at comes first, always.

        Raises:
            LabError: Something can't be computed.
        """
        return [looked_at(self.look), *(SECTIONS[name][1](self.look) for name in self.names)]

    @property
    def title(self) -> str:
        """What the report is about."""
        return f"{self.look.data.name}, run {self.look.view.run}: {title(self.look.data, self.look.view.item)}"

    def html(self) -> str:
        """Write one file that opens without a network: figures live, pictures within."""
        return plots.offline_page(self.title, [section.block for section in self.sections], dark=self.look.view.is_dark)

    def frames(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Return every frame behind the sections by its name, with a line that says what it holds."""
        return {name: told for section in self.sections for name, told in section.frames.items()}

    def tables(self) -> bytes:
        """Pack every frame as CSV, and a README that says what each holds, into one ZIP archive."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            told = [f"{name}.csv: {about} ({len(frame):,} rows)" for name, (about, frame) in self.frames().items()]
            archive.writestr("README.txt", "\n".join([self.title, link(self.look), "", *told]) + "\n")
            for name, (_, frame) in self.frames().items():
                archive.writestr(f"{name}.csv", frame.to_csv(index=False))
        return packed.getvalue()


def report_on(run: Run, user: str = "", item: str = "") -> Report:
    """Report on a run by itself: on a user with a usual history and on the first item of that user's list, unless told otherwise.

    Raises:
        RunError: Its data changed, or it has no trained SRGFormer.
        UnknownIdError: There is no such user or item.
    """
    data = run.open_data()
    model, trained = trained_pass(run, data)
    user = data.user_ids[data.user_row(user)] if user else usual_user(data)
    item = data.item_ids[data.item_row(item)] if item else str(rank_items(trained, data, user)["item_id"].iloc[0])
    source = run.config.source
    opened = {("data_seed" if name == "seed" else name): value for name, value in source.options.items()}
    view = View.of(opened | {"data": source.path or source.reader, "run": run.name, "user": user, "item": item})
    return Report(Scene(view, data, run, trained, trained, model))

"""A learner's own copy of a lesson."""

from pathlib import Path

from srgformer_lab import places
from srgformer_lab.errors import LabError
from srgformer_lab.lessons.catalog import Lesson, notebook


def copy_lesson(lesson: Lesson, folder: Path) -> Path:
    """Copy a lesson's notebook into a folder and give the copy; one that is there already is kept as it is.

    The copy wears the installed apps' style; where it is opened elsewhere it only looks plainer.

    Raises:
        LabError: The lesson is not written yet, or the folder can't be written to.
    """
    target = folder.resolve() / lesson.file
    if target.exists():
        return target
    text = notebook(lesson).read_text("utf-8").replace('"../apps/', f'"{places.apps_folder().as_posix()}/')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    except OSError as error:
        raise LabError(f"{target} can't be written: {error}; name another folder with --folder") from error
    return target

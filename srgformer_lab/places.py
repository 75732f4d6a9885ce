"""Where the files lie that are shipped with the package but are not modules, in a checkout and in an installed copy.

In a checkout the apps and the lessons stand at the top, where a visitor looks for them; a wheel may only hold what is inside the package.
They keep their place to one another, since the lessons wear the apps' style sheet.
"""

from pathlib import Path

from srgformer_lab.errors import LabError

PACKAGE = Path(__file__).resolve().parent


def apps_folder() -> Path:
    """Return the folder of the notebooks: ``apps/`` of a checkout, or its copy inside an installed package.

    Raises:
        LabError: The installation holds no apps.
    """
    return _shipped("apps", "explore.py")


def tutorials_folder() -> Path:
    """Return the folder of the lessons: ``tutorials/`` of a checkout, or its copy inside an installed package.

    Raises:
        LabError: The installation holds no lessons.
    """
    return _shipped("tutorials", "index.py")


def _shipped(name: str, sign: str) -> Path:
    for folder in (PACKAGE / "_notebooks" / name, PACKAGE.parent / name):
        if (folder / sign).is_file():
            return folder
    raise LabError(f"no {name} beside or inside {PACKAGE}; install srgformer-lab anew, from its wheel or from a whole checkout")


def shipped_runs_folder() -> Path:
    """Return the read-only folder of finished runs that come with the package.

    Raises:
        LabError: The installation holds no runs.
    """
    folder = PACKAGE / "assets" / "runs"
    if not folder.is_dir():
        raise LabError(f"{folder} is missing; install srgformer-lab anew, from its wheel or from a whole checkout")
    return folder

"""Every exception that the package raises on purpose, so that callers can tell a mistake in their input from a bug.

A message says what was given, what was expected and what to do.
"""


class LabError(Exception):
    """The parent of all errors that the package raises on purpose."""


class ConfigError(LabError, ValueError):
    """A setting is out of its range, or settings contradict one another or the data set."""


class DataError(LabError, ValueError):
    """A data set, or a file of one, is not what its layout promises."""


class UnknownIdError(LabError, LookupError):
    """A user, item, run, preset or experiment of that name does not exist."""

    FEW = 20
    """So many names are all listed."""

    def __init__(self, kind: str, given: object, known: object = ()) -> None:
        """Name what was looked up, what comes nearest among ``known``, and all of them where they are few."""
        from difflib import get_close_matches

        names = [str(name) for name in known]  # type: ignore[attr-defined]
        near = get_close_matches(str(given), names, n=3, cutoff=0.5) or ([] if len(names) <= self.FEW else names[:5])
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        listed = f"; known are {', '.join(names)}" if names and len(names) <= self.FEW else ""
        super().__init__(f"there is no {kind} {str(given)!r} among {len(names)}{hint}{listed}")


class RunError(LabError):
    """A run folder is missing, damaged, busy, or does not belong to the data at hand."""


class MissingPackageError(LabError, ImportError):
    """A package is needed that comes with an extra of srgformer-lab, and is not installed."""


def require(package: str, extra: str = "app") -> None:
    """Check that a package of an extra is installed, without importing it.

    Raises:
        MissingPackageError: It isn't.
    """
    from importlib.util import find_spec

    try:
        found = find_spec(package)
    except ImportError:
        found = None
    if found is None:
        raise MissingPackageError(f"{package} is needed here and is not installed; install it with: pip install 'srgformer-lab[{extra}]'")

"""Every exception that the package raises on purpose, so that callers can tell a mistake in their input from a bug.

A message says what was given, what was expected and what to do.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from itertools import islice


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
    MANY = 40_000
    """So many are compared with what was given; of more, those that are one slip away are still found where names can be looked up."""

    LONG = 80
    """Of a longer name, its beginning is compared."""

    def __init__(self, kind: str, given: object, known: Collection[object] = ()) -> None:
        """Name what was looked up, what comes nearest among ``known``, and all of them where they are few."""
        from rapidfuzz import fuzz, process  # only errors pay for it

        names, text = [str(name) for name in islice(known, self.MANY)], str(given)
        near = [name for name, *_ in process.extract(text[: self.LONG], names, scorer=fuzz.ratio, limit=3, score_cutoff=50)]
        if len(known) > len(names) and isinstance(known, Mapping | Set):
            near = list(dict.fromkeys([name for name in _one_slip_from(text[: self.LONG], names) if name in known] + near))[:3]
        near = near or ([] if len(names) <= self.FEW else names[:5])
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        listed = f"; known are {', '.join(names)}" if names and len(names) <= self.FEW else ""
        super().__init__(f"there is no {kind} {text!r} among {len(known)}{hint}{listed}")


def _one_slip_from(text: str, names: Sequence[str]) -> Iterator[str]:
    """Return what becomes of a text by leaving out, adding, changing or swapping a character."""
    letters = sorted(set().union(*names[:100]))[:100]
    for place in range(len(text) + 1):
        before, after = text[:place], text[place:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in letters:
            yield before + letter + after
            yield before + letter + after[1:]


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

"""What readers of data folders may be told, checked before a folder is opened."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

from srgformer_lab.config import READER_OPTIONS
from srgformer_lab.data.columns import read_columns
from srgformer_lab.data.identities import IDS
from srgformer_lab.data.values import DATES
from srgformer_lab.errors import ConfigError

RULES = ("protocol", "time")
WAYS_WITH_DUPLICATES = ("merge", "error")
_WRITTEN = re.compile(rf"\b({'|'.join(READER_OPTIONS)})=('[^']*'|[\w.+-]*\w)")


@dataclass(frozen=True)
class ReadingOptions:
    """The options of ``open_data`` for folders."""

    min_rating: float | None = None
    k_core: int | None = None
    split: Literal["protocol", "time"] = "protocol"
    duplicates: Literal["merge", "error"] = "merge"
    seed: int = 999
    layout: str | None = None
    columns: str | None = None
    encoding: str | None = None
    dates: Literal["day-first", "month-first"] | None = None
    events: str | None = None
    ids: Literal["exact", "match", "from1"] | None = None

    def __post_init__(self) -> None:
        """Refuse what no folder could be read with."""
        rating, core = self.min_rating, self.k_core
        if rating is not None and (isinstance(rating, bool) or not isinstance(rating, int | float) or not math.isfinite(rating)):
            raise ConfigError(f"min_rating={rating!r} must be a number, the lowest rating to keep, or None for all")
        if core is not None and (isinstance(core, bool) or not isinstance(core, int) or core < 1):
            raise ConfigError(f"k_core={core!r} must be a whole number from 1 up, such as 5, or None for no filter")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed={self.seed!r} must be a whole number from 0 up, such as 999")
        for name, known in (("split", RULES), ("duplicates", WAYS_WITH_DUPLICATES), ("dates", (None, *DATES)), ("ids", (None, *IDS))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r} must be one of {', '.join(filter(None, known))}")
        for name in ("layout", "encoding", "events"):
            if not isinstance(getattr(self, name), str | None):
                raise ConfigError(f"{name}={getattr(self, name)!r} must be a word")
        read_columns(self.columns)

    @cached_property
    def given(self) -> Mapping[str, str]:
        """What is said of columns and files, by role."""
        return read_columns(self.columns)

    def without_layout(self) -> "ReadingOptions":
        """Return the options for a layout that is known by now."""
        return replace(self, layout=None)

    def chosen(self) -> dict[str, Any]:
        """Return the options as a plain dictionary, without those of later versions that were not given."""
        old = ("min_rating", "k_core", "split", "duplicates", "seed")
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None or field.name in old}


def with_options_as(text: str, write: Callable[[str, str], str]) -> str:
    """Return a message with the options that it names, ``min_rating=1`` say, written as the place has them where it is read.

    Args:
        text: The message.
        write: Given an option's name and value, returns what stands there.
    """
    return _WRITTEN.sub(lambda found: write(found[1], found[2]), text)

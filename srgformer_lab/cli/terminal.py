"""The one place where commands print."""

import sys
from typing import TextIO

from srgformer_lab.output import visible


def say(words: object = "", to: TextIO | None = None) -> None:
    """Print words, at once; what a terminal would obey, or could not show, is written out as escapes."""
    stream = to or sys.stdout
    text = visible(str(words))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)

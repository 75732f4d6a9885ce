"""The one place where commands print."""

import sys
import time
from typing import TextIO

from srgformer_lab.output import visible


def say(words: object = "", to: TextIO | None = None) -> None:
    """Print words, at once; what a terminal would obey, or could not show, is written out as escapes."""
    stream = to or sys.stdout
    text = visible(str(words))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


class Progress:
    """Says on standard error what is seen of a file that takes longer to read, and then how far that is."""

    def __init__(self, seconds: float = 2.0) -> None:
        """Say something every so many seconds, the first time after as many."""
        self.seconds, self.last = seconds, time.monotonic()
        self.seen: dict[str, str] = {}

    def __call__(self, sentence: str) -> None:
        """Hear a sentence about a file, whose name it begins with."""
        file, _, rest = sentence.partition(": ")
        first = self.seen.setdefault(file, rest)
        if rest is first or time.monotonic() - self.last < self.seconds:
            return
        if first:
            say(f"{file}: {first}", sys.stderr)
            self.seen[file] = ""
        say(sentence, sys.stderr)
        self.last = time.monotonic()

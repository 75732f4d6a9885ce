"""Who acts: a visitor is a browser, known by a key that it alone has, so that a reloaded page keeps its trainings.

Without a key a visitor is a thread: marimo gives each page its own.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Thread, current_thread
from weakref import WeakKeyDictionary

KEY = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at the app: what they are known by, and the address of their machine, where that is known."""

    name: Hashable
    address: str = ""

    def is_near(self, other: "Visitor") -> bool:
        """Return whether both are at one known address."""
        return bool(self.address) and self.address == other.address


_visitors: WeakKeyDictionary[Thread, Visitor] = WeakKeyDictionary()


def note_visitor(key: str, address: str) -> None:
    """Remember who acts in this thread.

    Args:
        key: 32 hexadecimal digits that nobody can guess. Anything else is no key.
        address: Where the visitor's requests come from; empty where that is not known.
    """
    _visitors[current_thread()] = Visitor(key if KEY.fullmatch(key) else object(), address)


def visitor() -> Visitor:
    """Return who acts in this thread."""
    return _visitors.setdefault(current_thread(), Visitor(object()))

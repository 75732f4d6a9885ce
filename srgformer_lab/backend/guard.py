"""Who may talk to a server of our notebooks: a layer that marimo puts around each server (entry point ``marimo.server.asgi.middleware``).

Marimo loads it for every server of an environment, so servers of other notebooks pass through untouched. It needs starlette, which comes
with marimo; nothing of this package imports it.
"""

import ast
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import wraps
from ipaddress import ip_address
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from srgformer_lab import places
from srgformer_lab.errors import LabError

ORIGINS = "SRGFORMER_LAB_ORIGINS"
"""The variable with addresses that are ours too, such as that of a proxy: ``https://lab.school.edu``, several with blanks between."""
OURS = "SRGFORMER_LAB"
"""Set for servers that a command of ours starts."""
ADDRESS = "x-lab-address"
"""The header in which a notebook finds where a request came from; what a visitor sends under this name is thrown away."""
MOST_BYTES, MOST_BYTES_ALONE = 4 * 2**20, 64 * 2**20
"""The body of a request has at most so many in a class, and where one person drops their own files; a websocket's message the former."""
MOST_PAGES, MOST_PAGES_OF_ONE = 100, 50
"""Open pages of a class, and of one address in it; each is a thread with up to 48 MiB of its own."""
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
NOWHERE = "", 0
WILDCARDS = ("", "0.0.0.0", "::")
HEADERS = {
    "content-security-policy": "frame-ancestors 'none'; base-uri 'self'; object-src 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Guard:
    """An ASGI layer that refuses foreign pages, foreign host names, large bodies and too many pages."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self.app = app
        self.pages: dict[str, str] = {}
        """Where the request of each page came from, by its session: those that marimo knows, and those that are being opened."""
        self.opening: Counter[str] = Counter()
        self._is_ours: bool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] not in ("http", "websocket") or not self._serves_our_notebooks(scope):
            await self.app(scope, receive, send)
            return
        state, headers = scope["app"].state, Headers(scope=scope)
        address = (scope.get("client") or ("",))[0]
        page = _session_of(scope)
        trouble = foreign(headers, getattr(state, "host", ""), own_origins())
        if not trouble and (page or "text/html" in headers.get("accept", "")):
            trouble = self._crowd(state.session_manager, page, address)
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != ADDRESS.encode()]
        scope = dict(scope) | {"headers": [*kept, (ADDRESS.encode(), address.encode())]}
        self.opening[page] += 1
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send, trouble)
            else:
                most = MOST_BYTES if _is_class(state.session_manager) else MOST_BYTES_ALONE
                await self._http(scope, receive, _with_headers(send), trouble, headers, most)
        finally:
            self.opening[page] -= 1
            self.opening += Counter()  # forgets what is at zero

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, trouble: str) -> None:
        if trouble:
            await send({"type": "websocket.close", "code": 1008, "reason": trouble[:120]})
            return
        is_closed = False

        async def receive_small() -> Message:
            nonlocal is_closed
            message = await receive()
            if len(message.get("bytes") or (message.get("text") or "").encode()) > MOST_BYTES:
                is_closed = True
                await send({"type": "websocket.close", "code": 1009, "reason": f"a message has at most {MOST_BYTES} bytes"})
                return {"type": "websocket.disconnect", "code": 1009}
            return message

        async def send_while_open(message: Message) -> None:
            if not is_closed:
                await send(message)

        await self.app(scope, receive_small, send_while_open)

    async def _http(self, scope: Scope, receive: Receive, send: Send, trouble: str, headers: Headers, most: int) -> None:
        if trouble:
            await PlainTextResponse(trouble, 403)(scope, receive, send)
            return
        length, body = headers.get("content-length", "0"), bytearray()
        message: Message = {"type": "http.request"}
        n_bytes = int(length) if length.isdecimal() else 0
        is_whole = False
        while n_bytes <= most and not is_whole:
            message = await receive()
            body += message.get("body", b"")
            n_bytes, is_whole = max(n_bytes, len(body)), not message.get("more_body")
        if n_bytes > most:
            await PlainTextResponse(f"a request has at most {most} bytes", 413, {"connection": "close"})(scope, receive, send)
            return
        whole = [dict(message) | {"body": bytes(body)}]  # a visitor who has left sends no body, and nobody reads one then

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, replay, send)

    def _serves_our_notebooks(self, scope: Scope) -> bool:
        if self._is_ours is None:
            manager = getattr(scope["app"].state, "session_manager", None)
            self._is_ours = bool(manager) and is_ours(_notebooks(manager.workspace))
            if self._is_ours:
                parse_in_turn()
                logging.getLogger("marimo").addFilter(_is_news)
        return self._is_ours

    def _crowd(self, manager: Any, page: str, address: str) -> str:
        """Note where a new page of a class comes from, or return why it can't be opened; ``page`` is empty before it has a session."""
        if page in manager.sessions or not _is_class(manager):
            return ""
        self.pages = {known: place for known, place in self.pages.items() if known in manager.sessions or known in self.opening}
        trouble = crowded(self.pages.values(), address)
        if page and not trouble:
            self.pages[page] = address
        return trouble


def foreign(headers: Mapping[str, str], bound: str, origins: Iterable[str] = ()) -> str:
    """Return why a request is not from a page of this server, or nothing.

    Args:
        headers: Those of the request.
        bound: What ``--host`` said.
        origins: Further addresses that are ours.
    """
    allowed = [urlsplit(own) for own in origins]
    host, origin = headers.get("host", ""), headers.get("origin", "")
    name, bound = _host_and_port(f"http://{host}")[0], bound.strip("[]").lower()
    is_free = bound in WILDCARDS  # who opens a server to all machines can't know all its names
    if not (is_free or name in ("localhost", bound, *(own.hostname for own in allowed)) or _is_number(name)):
        # a stranger's page can point its own name at this machine, but no number
        return f"this server is not called {host[:80]!r}; start it with --host NAME or --allow-origin http://NAME"
    place, scheme = _host_and_port(origin), origin.partition(":")[0]
    ours = [_host_and_port(f"{scheme}://{host}"), *(_host_and_port(own.geturl()) for own in allowed)]
    if origin and (place == NOWHERE or place not in ours):
        return f"pages of {origin[:80]!r} may not use this server; if they are its own, behind a proxy, start it with --allow-origin"
    return ""


def crowded(pages: Iterable[str], address: str) -> str:
    """Return why one more page of an address can't be opened, or nothing; ``pages`` says where the open ones came from."""
    places = list(pages)
    if len(places) >= MOST_PAGES:
        return f"{len(places)} pages are open, and that is the most; close some and try again in two minutes"
    if places.count(address) >= MOST_PAGES_OF_ONE:
        return f"{MOST_PAGES_OF_ONE} pages of your machine are open, and that is the most; close some and try again in two minutes"
    return ""


def is_ours(notebooks: Iterable[str]) -> bool:
    """Return whether notebooks that a server shows are the app, its pages or the lessons; also a copy of a lesson."""
    folders = []
    for find in (places.apps_folder, places.tutorials_folder):
        with suppress(LabError):
            folders.append(find().resolve())
    found = [Path(name).resolve() for name in notebooks]
    return OURS in os.environ or any(folder in folders or _is_of_a_checkout(folder) for path in found for folder in (path, *path.parents))


def _is_of_a_checkout(folder: Path) -> bool:
    """Return whether a folder is that of the notebooks in a checkout, which need not be what is installed."""
    return folder.name in ("apps", "tutorials") and (folder.parent / "srgformer_lab" / "version.py").is_file()


def parse_in_turn() -> None:
    """Let one thread at a time make syntax trees, where Python counts their depth for all threads together.

    Every page is a thread that parses its notebook. Before Python 3.11.8 two that did so at once could both end in a ``SystemError``
    (python/cpython#106905), and a visitor then saw an error instead of a page.
    """
    plain, one_thread = ast.parse, RLock()

    @wraps(plain)
    def parse(*given: Any, **named: Any) -> Any:
        with one_thread:
            return plain(*given, **named)

    if (3, 11) <= sys.version_info < (3, 11, 8) and not hasattr(plain, "__wrapped__"):
        ast.parse = parse


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what marimo warns of at nearly every table inside a page: it asks the other pages first whether it is theirs."""
    return not str(record.msg).startswith("Function call not found")


def own_origins() -> list[str]:
    """List the further addresses that ``--allow-origin`` said are ours."""
    return os.environ.get(ORIGINS, "").split()


def _notebooks(workspace: Any) -> list[str]:
    """List the notebook, or the folder of notebooks, that a server shows."""
    single = workspace.single_file()
    return [str(part) for part in (single.path if single else None, workspace.directory) if part]


def _is_class(manager: Any) -> bool:
    return "serve" in manager.cli_args


def _session_of(scope: Scope) -> str:
    """Return the session that a request for a page's messages names; empty for all other requests."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query.get("session_id", ["unnamed"])[-1] if scope["path"].endswith(("/ws", "/sse")) else ""


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower().rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:  # no address at all, as "null" and "http://[" are none
        return NOWHERE


def _is_number(name: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(name))
    return False


def _with_headers(send: Send) -> Callable[[Message], Any]:
    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_more


MIDDLEWARE = Middleware(Guard)

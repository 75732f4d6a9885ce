"""A class of thirty at one served app: ``python -m benchmarks.app_class --minutes 10`` from the repository's root.

Each visitor is a cookie and a websocket that speaks marimo's own protocol, without a browser: it opens a page, and then, again and again,
thinks for a while and changes the page or pulls α. Measured is the time from the request to the end of what the server computes for it, so
neither drawing nor the network is in it, while the visitors' own work shares the machine. Beside it stand the server's memory and the
processor time that it took, which doesn't depend on what else the machine does. ``--browsers 3`` lets visitors come with a Chromium each,
too, who change the page; theirs is the time from the click to the head of the page, and an error is also what a page complains of.
"""

import argparse
import html
import json
import os
import queue
import random
import re
import secrets
import shutil
import statistics
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.app_visitors import QUESTIONS, listener, resident
from tests.browser.server import FLAGS, free_port, serve_command

PATIENCE = 60.0
"""Seconds after which an answer counts as missing."""
ELEMENT = re.compile(r"object-id=['\"]([^'\"]+)['\"][^>]*>\s*<marimo-([a-z]+)([^>]*)>")
KNOBS = "What does each knob do?"


@dataclass
class Visitor:
    """One browser without a screen."""

    address: str
    page: str
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    session: str = field(default_factory=lambda: f"s_{secrets.token_hex(3)}")
    errors: list[str] = field(default_factory=list)
    ends: "queue.Queue[float]" = field(default_factory=queue.Queue)
    """When the server had computed something to its end."""
    kinds: tuple[str, ...] = ("button", "slider")
    """What it looks for in what the server sends."""
    elements: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The kind and the attributes of what can be changed, by name; what was sent last stands last."""

    def __post_init__(self) -> None:
        """Ask for the page and open its websocket, as a browser does."""
        query = urlencode({"page": self.page})
        request = urllib.request.Request(f"{self.address}/?{query}", headers={"Cookie": f"lab-visitor={self.key}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            found = re.search(rb'data-token="([^"]*)"', answer.read())
        self.token = found[1].decode() if found else ""
        place = f"{self.address.replace('http', 'ws', 1)}/ws?{query}&session_id={self.session}"
        headers = {"Cookie": f"lab-visitor={self.key}", "Origin": self.address}
        self.open = ExitStack()
        socket = connect(place, additional_headers=headers, max_size=None, open_timeout=PATIENCE)
        self.socket: ClientConnection = self.open.enter_context(socket)
        threading.Thread(target=self.listen, daemon=True).start()

    def leave(self) -> None:
        """Close the page."""
        self.open.close()

    def listen(self) -> None:
        """Read what the server sends until it closes."""
        try:
            for message in self.socket:
                text = message if isinstance(message, str) else message.decode()
                if '"completed-run"' in text[:60]:
                    self.ends.put(time.perf_counter())
                elif "marimo-error" in text or '"stderr"' in text:
                    self.errors.append(re.sub(r"\s+", " ", text)[-600:])
                elif any(f"<marimo-{kind}" in text for kind in self.kinds):
                    self.note_elements(text)
        except ConnectionClosed as error:
            self.errors.append(repr(error))

    def note_elements(self, text: str) -> None:
        """Remember what can be changed."""
        output = json.loads(text).get("data", {}).get("output") or {}
        shown = output.get("data")
        for name, kind, about in ELEMENT.findall(shown if isinstance(shown, str) else json.dumps(shown)):
            if kind in self.kinds:
                self.elements.pop(name, None)
                self.elements[name] = kind, html.unescape(about)

    def find(self, kind: str, words: str) -> str:
        """Return the name of the element of a kind that was sent last among those that say something."""
        return next(name for name, (each, about) in reversed(self.elements.items()) if each == kind and words in about)

    def set(self, name: str, value: object) -> float:
        """Change an element, and return the seconds until the server has computed what follows."""
        while not self.ends.empty():
            self.ends.get_nowait()
        body = json.dumps({"objectIds": [name], "values": [value]}).encode()
        headers = {"Content-Type": "application/json", "Marimo-Session-Id": self.session, "Marimo-Server-Token": self.token}
        request = urllib.request.Request(f"{self.address}/api/kernel/set_ui_element_value", body, headers | {"Origin": self.address})
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return self.ends.get(timeout=PATIENCE) - started


@dataclass
class Record:
    """What all visitors measured, and the server's memory meanwhile."""

    changes: list[tuple[float, float]] = field(default_factory=list)
    """When a page was asked for, and the seconds that it took."""
    answers: list[tuple[float, float]] = field(default_factory=list)
    openings: list[tuple[float, float]] = field(default_factory=list)
    drawn: list[tuple[float, float]] = field(default_factory=list)
    """Page changes as a browser sees them."""
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


def visit(address: str, number: int, ends: float, think: float, record: Record) -> None:
    """Be one visitor until the end."""
    rng, visitor = random.Random(number), None
    try:
        started = time.perf_counter()
        visitor = Visitor(address, "knobs" if number % 3 == 0 else "start")
        record.openings.append((started, visitor.ends.get(timeout=PATIENCE) - started))
        shown = KNOBS if number % 3 == 0 else "What is this?"
        while time.perf_counter() < ends:
            time.sleep(min(rng.expovariate(1 / think), 6 * think))
            at = time.perf_counter()
            if shown == KNOBS and rng.random() < 0.6:
                record.answers.append((at, visitor.set(visitor.find("slider", "attention"), rng.randrange(12))))
            else:
                shown = rng.choice([question for question in QUESTIONS if question != shown] + [KNOBS] * 4 * (shown != KNOBS))
                record.changes.append((at, visitor.set(visitor.find("button", shown), 1)))
    except Exception as error:  # whatever it is, this visitor sees it
        record.errors.append(f"visitor {number}: {error!r}")
    if visitor:
        record.errors += [f"visitor {number}: {error}" for error in visitor.errors]
        visitor.leave()


def browse(address: str, number: int, ends: float, think: float, record: Record) -> None:
    """Be one visitor with a browser until the end."""
    rng, shown = random.Random(number), "What is this?"
    try:
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS)).new_page()
            page.set_default_timeout(1000 * PATIENCE)
            page.on("pageerror", lambda error: record.errors.append(f"browser {number}: {error}"))
            page.goto(address)
            page.get_by_role("heading", name=shown, exact=True).wait_for()
            while time.perf_counter() < ends:
                page.wait_for_timeout(1000 * min(rng.expovariate(1 / think), 6 * think))
                shown, at = rng.choice([question for question in QUESTIONS if question != shown]), time.perf_counter()
                page.get_by_role("navigation", name="Pages").get_by_role("button", name=shown).click()
                page.get_by_role("heading", name=shown, exact=True).wait_for()
                record.drawn.append((at, time.perf_counter() - at))
    except Exception as error:  # whatever it is, this visitor sees it
        record.errors.append(f"browser {number}: {error!r}")


def measure(address: str, server: int, asked: argparse.Namespace) -> Record:
    """Let all visitors come within half a minute and stay."""
    record, began = Record(), time.perf_counter()
    ends = began + 60 * asked.minutes
    visitors = []
    for be in [visit] * asked.visitors + [browse] * asked.browsers:
        visitors.append(threading.Thread(target=be, args=(address, len(visitors), ends, asked.think, record)))
        visitors[-1].start()
        time.sleep(30 / (asked.visitors + asked.browsers))
    while any(visitor.is_alive() for visitor in visitors):
        record.memory.append((time.perf_counter() - began, resident(server)))
        time.sleep(10)
    return record


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has taken."""
    parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def line(what: str, values: list[tuple[float, float]]) -> str:
    """Say the median, the ninth decile and the worst of some seconds."""
    seconds = sorted(value for _, value in values)
    if not seconds:
        return f"{what}: none"
    ninth = seconds[min(len(seconds) - 1, int(0.9 * len(seconds)))]
    return f"{what}: {len(seconds)}, median {statistics.median(seconds):.2f} s, nine of ten under {ninth:.2f} s, worst {seconds[-1]:.2f} s"


def main() -> None:
    """Serve a class, visit it, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--visitors", type=int, default=30)
    options.add_argument("--browsers", type=int, default=0, help="how many more come with a browser")
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--think", type=float, default=10, help="seconds between two acts of a visitor, on average")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with serve_command(["app", "--serve", "--headless", "--port", str(port)], Path(folder), {}) as address:
            address, server = address.rstrip("/").partition("?")[0], listener(port)
            visit(address, 1, 0.0, 0.0, Record())  # data, weights and pass are there when the class comes
            before, loads = processor_seconds(server), os.getloadavg()[0]
            record = measure(address, server, asked)
            taken = processor_seconds(server) - before
    acts = len(record.changes) + len(record.answers) + len(record.openings) + len(record.drawn)
    print(f"{asked.visitors} visitors and {asked.browsers} with a browser for {asked.minutes:g} minutes, on {os.cpu_count()} cores;")
    print(f"an act every {asked.think:g} s each")
    print(f"load average {loads:.1f} before, {os.getloadavg()[0]:.1f} at the end")
    for what, values in (
        ("first page", record.openings),
        ("page changes", record.changes),
        ("answers to a knob", record.answers),
        ("page changes in a browser", record.drawn),
    ):
        print(line(what, values))
    print(f"processor time of the server: {taken:.0f} s, {taken / max(acts, 1):.2f} s an act")
    marks = [record.memory[round(share * (len(record.memory) - 1))] for share in (0, 0.1, 0.25, 0.5, 0.75, 1) if record.memory]
    print("memory: " + ", ".join(f"{size:.0f} MiB after {seconds / 60:.1f} min" for seconds, size in marks))
    print(f"errors: {len(record.errors)}" + "".join(f"\n  {error}" for error in record.errors[:20]))


if __name__ == "__main__":
    main()

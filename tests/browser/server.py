"""A server of the app in a process of its own, for tests and measurements."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

APPS = Path(__file__).parents[2] / "apps"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""What Chromium is started with: nothing that asks anyone outside."""


@dataclass(frozen=True)
class Served:
    """A running app: its address, and the folder that it works in."""

    address: str
    folder: Path

    def link(self, **parameters):
        """Give a link that names the short run, so that no shipped run is shown instead."""
        return f"{self.address}/?{urlencode({'run': 'short'} | parameters)}"


def free_port():
    """Find a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    """Say whether somebody listens at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serve(folder, *arguments, notebook="explore.py"):
    """Run the app's server until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "marimo", "run", str(APPS / notebook), "--headless", "--no-token"]
    command += ["--port", str(port), "--host", "127.0.0.1", "--", *arguments]
    paths = os.pathsep.join([str(APPS.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            next(line for line in server.stdout if "URL:" in line)
            while not is_listening(port):  # marimo prints its address first
                time.sleep(0.05)
            yield Served(f"http://127.0.0.1:{port}", folder)
        finally:
            server.terminate()
            server.wait(timeout=30)
            server.stdout.close()


@contextmanager
def serve_command(arguments, folder, environment):
    """Run a command of the package that starts marimo; give the address that it prints."""
    command = [sys.executable, "-m", "srgformer_lab", *arguments]
    paths = os.pathsep.join([str(APPS.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | environment
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            address = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line))).replace(
                "localhost", "127.0.0.1"
            )
            while not is_listening(urlsplit(address).port):  # marimo prints its address first
                time.sleep(0.05)
            yield address
        finally:
            server.terminate()  # and with the command ends marimo
            server.wait(timeout=30)
            server.stdout.close()

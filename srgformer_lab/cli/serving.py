"""Handing a process over to marimo, which serves the notebooks: at which port, and with what the server must know."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points

from srgformer_lab.errors import ConfigError, require

TWO_HEAPS = {"MALLOC_ARENA_MAX": "2"}
"""Every visitor of the app is a thread. Left alone, glibc gives threads heaps of their own, and what a visitor frees no other can use."""

GUARD = "marimo.server.asgi.middleware"
"""Under this name marimo finds ``backend/guard.py``."""
OURS = {"SRGFORMER_LAB": "1"}
"""Tells the guard that a server shows notebooks of ours, wherever they lie."""


def check_port(host: str, port: int | None) -> None:
    """Refuse a port at which something listens, before an address is printed that would be another program's.

    Raises:
        ConfigError: The port is taken, or may not be used.
    """
    if not port:
        return
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: one that has just ended is no hindrance
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(f"port {port} of {host} can't be used ({error.strerror or error}); choose another with --port") from error


def become_marimo(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Replace this process by marimo, so that whoever ends the one has ended the other; Windows can't, and gets a child.

    Args:
        arguments: What follows ``marimo`` on a command line.
        environment: All variables that marimo sees.

    Returns:
        Marimo's exit code, where it is a child.

    Raises:
        MissingPackageError: Marimo is not installed.
    """
    require("marimo")
    if not entry_points(group=GUARD, name="srgformer-lab"):  # it is registered when the package is installed
        print("note: this copy of srgformer-lab is not installed, so its server refuses no foreign pages; pip install it", file=sys.stderr)
    command, environment = [sys.executable, "-m", "marimo", *arguments], dict(environment) | OURS
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)

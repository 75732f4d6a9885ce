"""Lets marimo take the command's place."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from srgformer_lab.errors import require


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
    command = [sys.executable, "-m", "marimo", *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)

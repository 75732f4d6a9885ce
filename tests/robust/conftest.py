"""Servers that find the guard as pyproject.toml registers it, also where the package is not installed."""

import os
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pytest

from srgformer_lab.backend import guard
from tests.browser.server import serve

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Start servers of the app with these arguments, each in a folder of its own."""
    group = "marimo.server.asgi.middleware"
    (name, target), *others = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][group].items()
    assert not others
    installed = tmp_path_factory.mktemp("installed")
    info = installed / "guard_of_the_checkout-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guard-of-the-checkout\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as servers:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]))
        patch.delenv(guard.OURS, raising=False)
        yield lambda *arguments: servers.enter_context(serve(tmp_path_factory.mktemp("work"), *arguments))

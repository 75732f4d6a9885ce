"""Whatever four processes do to the same runs at once, nothing is lost and nothing but named errors is raised."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from srgformer_lab.training import worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)  # for many processes beside other tests
def test_short_random_interleavings_lose_nothing():
    seed = random.SystemRandom().randrange(10**6)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.robustness", "--interleavings", "4", "--seed", str(seed)]
    played = subprocess.run(command, cwd=ROOT, env=worker._environment() | {"PWD": os.fspath(ROOT)}, capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "4 interleavings of seed" in played.stdout

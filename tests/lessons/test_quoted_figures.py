"""A figure that a lesson or its guide page quotes stands in the project's results."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.lessons.conftest import TUTORIALS

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def text_of(place):
    """Read a file without the seams of its strings, so that a sentence is found where its lines were broken."""
    return " ".join(re.sub(r'"\s*\n\s*"', "", (TUTORIALS / place).read_text("utf-8")).split())


@pytest.mark.parametrize("place", ["10_bug_hunt.py", "guide/10.md"])
def test_lesson_10_quotes_what_the_slip_costs_on_the_shop(place):
    table = pd.read_csv(RESULTS / "ablation-studio" / "table.csv").set_index("variant")["recall@20"]
    said = f"Recall@20 is {table['as released']:.4f} with it and {table['whole']:.4f} without".replace("0.", ".")
    assert said in text_of(place)

"""A figure that a lesson or its guide page quotes stands in the project's results."""

import importlib
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


@pytest.mark.parametrize("place", ["08_training.py", "guide/08.md"])
def test_lesson_8_says_of_the_easier_world_what_was_seen_there(place):
    assert "The second was stopped on its plateau. So it went with LightGCN in an easier world of this kind." in text_of(place)
    results = RESULTS.with_suffix(".md").read_text("utf-8")
    assert "In easier worlds (12 groups, a tenth chance)" in results
    assert "A patience of 10 epochs would have made SRGFormer look far better than it is: LightGCN rests on a plateau" in results


def test_guide_of_lesson_11_quotes_what_the_page_computes():
    by_hand = importlib.import_module("solutions.lesson_11")
    text, parts, models = text_of("guide/11.md"), by_hand.stored("ablation"), by_hand.stored("baselines")
    gains = by_hand.paired(by_hand.by_seed(parts, "whole"), by_hand.by_seed(parts, "w/o attention"))
    assert text.count(", ".join(f"{100 * gain:+.1f}" for gain in gains).replace("-", "−") + " points") == 3
    assert f"by {100 * gains[0]:.1f} points" in text
    for name in ("SRGFormer", "LightGCN"):
        values = [100 * value for value in by_hand.by_seed(models, name).values()]
        assert f"{min(values):.0f} to {max(values):.0f} %" in text


def test_the_two_models_of_lesson_11_overlap_and_are_told_apart_in_pairs():
    by_hand = importlib.import_module("solutions.lesson_11")
    one, other = (by_hand.by_seed(by_hand.stored("baselines"), name) for name in ("SRGFormer", "LightGCN"))
    assert min(one.values()) < max(other.values())
    assert by_hand.interval(by_hand.paired(one, other))[0] > 0

"""The results page and the README say what the experiments left, number for number."""

import json
import re

import pandas as pd
import pytest

from benchmarks.results import KEPT, PAGE, page
from srgformer_lab.experiments import multiplicity
from srgformer_lab.experiments.catalog import experiment

ROWS = {"built-in shop": "baselines-studio", "MovieLens with posters": "baselines-movielens", "Amazon Baby": "baselines-baby"}
MODELS = ("Popularity", "LightGCN", "LGMRec", "SRGFormer")


def test_every_table_of_the_page_is_the_one_that_its_experiment_left():
    text = PAGE.read_text("utf-8")
    assert page(text) == text


@pytest.mark.parametrize("folder", sorted(KEPT.iterdir()), ids=lambda folder: folder.name)
def test_every_table_names_its_command_and_is_used(folder):
    command = json.loads((folder / "facts.json").read_text("utf-8"))["command"]
    assert command in (folder / "table.md").read_text("utf-8")
    assert f"<!-- table {folder.name} -->" in PAGE.read_text("utf-8")


@pytest.mark.parametrize(("name", "folder"), ROWS.items())
def test_the_readme_repeats_the_tables(name, folder):
    readme = (PAGE.parents[1] / "README.md").read_text("utf-8")
    shown = re.search(rf"^\| {name}, (\d) seeds? \| (.*) \|$", readme, re.MULTILINE)
    assert shown
    table = pd.read_csv(KEPT / folder / "table.csv").set_index("model")
    assert table.loc["SRGFormer", "seeds"] == int(shown[1])
    assert shown[2].split(" | ")[:4] == [f"{table.loc[model, 'recall@20']:.4f}".lstrip("0") for model in MODELS]
    assert re.sub(" over .*", "", shown[2].split(" | ")[4]) in (KEPT / folder / "table.md").read_text("utf-8")


@pytest.mark.parametrize("folder", sorted(path.name for path in KEPT.iterdir()))
def test_each_table_says_what_its_comparisons_say_together(folder):
    facts = json.loads((KEPT / folder / "facts.json").read_text("utf-8"))
    asked = experiment(facts["experiment"])
    table = pd.read_csv(KEPT / folder / "table.csv")
    table[list(asked.by)] = table[list(asked.by)].fillna("")
    assert multiplicity.in_words(table, asked) in (KEPT / folder / "table.md").read_text("utf-8")

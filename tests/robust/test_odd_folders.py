"""Whatever a run folder holds, it is a named error for that run, and the other runs are listed."""

import json
import math
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import srgformer_lab as lab
from srgformer_lab.training.managing import damaged_runs

DEEP = b"[" * 100_000 + b"]" * 100_000
JSONS = ("config.json", "status.json", "result.json", "knobs.json")


@pytest.fixture
def pair(run_copy):
    """A good run, and another to spoil."""
    shutil.copytree(run_copy.path, run_copy.path.with_name("odd"))
    return run_copy, run_copy.path.with_name("odd")


def use(root, data):
    """Do with every listed run what pages and commands do."""
    for run in lab.list_runs(root):
        try:
            repr(run), run.knobs(), run.history(), run.steps(), run.knob_changes(), run.test_metrics(), run.model(data)
        except lab.RunError:
            assert run.name == "odd"


def changed(path, **content):
    path.write_text(json.dumps(json.loads(path.read_text()) | content))


def spoil_history(change):
    def act(odd):
        path = odd / "history.jsonl"
        path.write_bytes(change(path.read_bytes()))

    return act


def as_folder(odd):
    (odd / "history.jsonl").unlink()
    (odd / "history.jsonl").mkdir()


def without_facts(odd):
    save_file(load_file(odd / "best.safetensors"), odd / "best.safetensors")


def with_nan(odd):
    with safe_open(odd / "best.safetensors", "pt") as file:
        facts = file.metadata()
    tensors = {name: torch.full_like(value, math.nan) for name, value in load_file(odd / "best.safetensors").items()}
    save_file(tensors, odd / "best.safetensors", facts)


ODD = {
    "a flipped byte": spoil_history(lambda history: history[:100] + b"\xd4" + history[101:]),
    "a line that says 5": spoil_history(lambda history: b"5\n" + history),
    "a deep line": spoil_history(lambda history: history + DEEP + b"\n"),
    "an epoch of words": spoil_history(lambda history: history + b'{"kind": "epoch", "epoch": "x"}\n'),
    "a knob moved to nothing": spoil_history(lambda history: history + b'{"kind": "knobs", "progress": 1, "changes": {"a": 3}}\n'),
    "a folder": as_folder,
    "created: null": lambda odd: changed(odd / "config.json", created=None),
    "created: NaN": lambda odd: changed(odd / "config.json", created=math.nan),
    "model: []": lambda odd: changed(odd / "config.json", model=[]),
    "source: 3": lambda odd: changed(odd / "config.json", source=3),
    "updated: text": lambda odd: changed(odd / "status.json", state="queued", updated="x"),
    "best_metric: text": lambda odd: changed(odd / "status.json", best_metric="x"),
    "epoch: 1e400": lambda odd: changed(odd / "status.json", epoch=10**400),
    "state: 5": lambda odd: changed(odd / "status.json", state=5),
    "knob: []": lambda odd: changed(odd / "knobs.json", attention_scale=[]),
    "test: 5": lambda odd: changed(odd / "result.json", test=5),
    "weights without facts": without_facts,
    "weights of NaN": with_nan,
} | {f"deep {name}": (lambda odd, name=name: (odd / name).write_bytes(DEEP)) for name in JSONS}


@pytest.mark.parametrize("what", ODD)
def test_one_odd_folder_takes_no_other_away(pair, tiny, what):
    good, odd = pair
    ODD[what](odd)
    root = good.path.parent
    assert good.name in [run.name for run in lab.list_runs(root)]
    use(root, tiny)
    run = lab.Run(odd)
    with pytest.raises(lab.RunError, match="odd"):
        repr(lab.Run.open(odd)), run.knobs(), run.model(tiny)
    assert set(damaged_runs(root)) <= {odd}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from([*JSONS, "history.jsonl"]), place=st.integers(0, 30), value=VALUES)
def test_any_value_in_any_place_is_fine_or_named(pair, tiny, file, place, value):
    good, odd = pair
    before = (good.path / file).read_text()
    first, _, rest = before.partition("\n") if file == "history.jsonl" else (before, "", "")
    content = json.loads(first)
    owners = [content, *(part for part in content.values() if isinstance(part, dict))]
    places = [(owner, name) for owner in owners for name in owner]
    owner, name = places[place % len(places)]
    owner[name] = value
    (odd / file).write_text(json.dumps(content) + "\n" + rest)
    try:
        assert good.name in [run.name for run in lab.list_runs(good.path.parent)]
        use(good.path.parent, tiny)
    finally:
        (odd / file).write_text(before)

"""What all tests share: annotated shapes are checked where they vary most, and two small worlds stand ready, both read-only."""

import functools
import os
import shutil
from pathlib import Path

import jaxtyping
from jaxtyping import install_import_hook

import tests.typecheck  # noqa: F401 the hook finds it by name

# a data set checks itself, with errors of our own, which these checks would come before
SHAPED = ("models", "training", "analysis", "data.splitting", "data.studio", "data.encoders")
hook = install_import_hook([f"srgformer_lab.{room}" for room in SHAPED], "tests.typecheck.check")

CHECKED = ("oracle", "unit")
"""Where the checks are on: these call every part with every kind of shape. A training under checks takes twice the time."""

import pytest  # noqa: E402
import torch  # noqa: E402

import srgformer_lab as lab  # noqa: E402
from srgformer_lab import runtime  # noqa: E402
from srgformer_lab.data import source  # noqa: E402

DATA = Path(os.environ.get("SRGFORMER_LAB_DATA", Path(__file__).parents[2] / "shared" / "data"))

FAST = {
    "tests": ("project",),
    "contract": ("trace",),
    "oracle": ("forward", "losses", "metrics"),
    "unit": ("check", "config", "folder", "mmrec", "ranking", "source", "splitting"),
}
"""The files whose tests are marked ``fast``: together a minute on two cores, and of that minute's worth those that prove the most."""


OWN_SERVERS = ("test_class.py", "test_lessons.py", "test_robust.py")
"""The files of the browser that start servers of their own."""


def pytest_ignore_collect(collection_path, config):
    """Don't even import the other files where ``-m fast`` asks for these alone."""
    is_tests = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.option.markexpr == "fast" and is_tests and not _is_fast(collection_path) else None


def pytest_collection_modifyitems(items):
    for item in items:
        if _is_fast(item.path):
            item.add_marker("fast")
    items.sort(key=lambda item: item.path.parent.name != "browser")  # the longest work begins first


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Use one worker more than there are cores: those that click through pages wait for a browser half of their time."""
    return runtime.n_cores() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give one worker all that is clicked through in the two apps that every test opens, another what has a server of its own."""
    from xdist.scheduler import LoadFileScheduling

    class TwoBrowsers(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            if "/browser/" not in file:
                return file
            return "own servers" if file.endswith(OWN_SERVERS) else "shared servers"

    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests, which says nothing about their time
    return TwoBrowsers(config, log)


def _is_fast(path):
    return path.stem.removeprefix("test_") in FAST.get(path.parent.name, ())


@pytest.fixture(scope="module", autouse=True)
def _shapes_are_checked(request):
    jaxtyping.config.update("jaxtyping_disable", request.path.parent.name not in CHECKED)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)  # the worlds are tiny, and threads that wait for one another cost more than they bring


@pytest.fixture(scope="session", autouse=True)
def _studios_once():
    """Draw each built-in shop that is opened by its name once a process: a data set never changes, and its pictures take seconds."""
    find, kept = source._world, {}

    def world():
        found = find()

        @functools.wraps(found)
        def once(**options):
            key = repr(sorted(options.items()))
            if key not in kept:
                kept[key] = found(**options)
            return kept[key]

        return once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_world", world)
        yield


@pytest.fixture(scope="session")
def tiny():
    """A planted world that a test can train on in a second."""
    return lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)


@pytest.fixture(scope="session")
def trained(tiny, tmp_path_factory):
    """A finished run on ``tiny`` and its model at the best epoch."""
    model = lab.SRGFormer(tiny, lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2))
    run = lab.fit(model, tiny, lab.TrainConfig(epochs=6, batch_size=256, learning_rate=0.01), tmp_path_factory.mktemp("runs"))
    return run, model


@pytest.fixture
def run_copy(trained, tmp_path):
    """A copy of the finished run that a test may damage."""
    run, _ = trained
    shutil.copytree(run.path, tmp_path / "runs" / run.name)
    return lab.Run.open(tmp_path / "runs" / run.name)


def data_folder(name: str) -> Path:
    """Find a real data set, or skip with the reason."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SRGFORMER_LAB_DATA to the folder that holds {name}")
    return folder

"""What a stranger may count on when importing: any module by its path, one list of public names, a remedy for what is missing."""

import ast
import importlib
import pkgutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import srgformer_lab as lab

PACKAGE = Path(lab.__file__).parent
MODULES = sorted(
    ".".join(("srgformer_lab", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py" and "_notebooks" not in path.parts
)
STUBS = {".".join(path.parent.relative_to(PACKAGE.parent).parts): path for path in sorted(PACKAGE.rglob("__init__.pyi"))}
LISTED = [
    (package, f"{package}.{node.module}" if node.module else package, name.name, name.asname)
    for package, path in STUBS.items()
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for name in node.names
]
"""Package, home, name there and public name of all that the stubs list."""

EACH_ALONE = """
import os, sys, traceback
import torch, plotly.graph_objects, pandas, scipy.stats, starlette.applications, jinja2, PIL.Image  # slow, and none of ours
import sklearn.decomposition, sklearn.feature_extraction.text, sklearn.metrics

for line in sys.stdin.read().splitlines():
    if line.startswith("keep "):
        exec(line.removeprefix("keep "), {})
    elif not (child := os.fork()):
        try:
            exec(line, {})
        except BaseException:
            print(line, traceback.format_exc(), flush=True)
        os._exit(0)
    else:
        os.waitpid(child, 0)
"""


def in_a_fresh_interpreter(code: str, given: str = "", folder: Path | None = None) -> str:
    """Run code where nothing of ours is imported, and return what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="each module is imported in a fork")
def test_every_module_is_imported_by_its_dotted_path_whichever_of_its_room_comes_first() -> None:
    """Only the lines below are loaded then, which import nothing of it, so that a circle which some order hides shows."""
    layers = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"][0][
        "layers"
    ]
    lines = []
    for layer in reversed(layers):
        rooms = [f"srgformer_lab.{room.strip()}" for room in layer.split("|")]
        inside = [module for module in MODULES if any(module == room or module.startswith(f"{room}.") for room in rooms)]
        lines += [f"import {module} as it, {module}; assert it is {module} and it.__name__ == {module!r}" for module in inside]
        lines += [f"keep import {', '.join(inside)}"] if inside else []
    assert {f"{module}'" in "".join(lines) for module in MODULES if "." in module} == {True}
    assert in_a_fresh_interpreter(EACH_ALONE, "\n".join(lines)) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="each statement runs in a fork")
def test_tools_that_take_dotted_paths_find_what_they_name() -> None:
    where = "srgformer_lab.analysis.alignment"
    statements = [
        f"import pkgutil; assert callable(pkgutil.resolve_name('{where}.cosines'))",
        f"import pydoc; assert pydoc.locate('{where}').__name__ == '{where}'",
        f"from unittest.mock import patch; p = patch('{where}.cosines'); p.start(); p.stop()",
        "import pickle, srgformer_lab as lab; assert pickle.loads(pickle.dumps(lab.ModelConfig)) is lab.ModelConfig",
    ]
    assert in_a_fresh_interpreter(EACH_ALONE, "\n".join(statements)) == ""


@pytest.mark.parametrize("package", STUBS)
def test_the_stub_is_the_one_list_of_public_names(package: str) -> None:
    names = [public for owner, _, name, public in LISTED if owner == package]
    assert len(names) == len(set(names))
    assert set(names) == set(importlib.import_module(package).__all__)
    assert all(name == public for owner, _, name, public in LISTED)  # what is public under one name is called so at home


@pytest.mark.parametrize(("package", "home", "name"), [(package, home, name) for package, home, name, _ in LISTED if home != package])
def test_a_public_name_is_defined_where_the_stub_says(package: str, home: str, name: str) -> None:
    module = importlib.import_module(home)
    assert getattr(importlib.import_module(package), name) is getattr(module, name)
    assert pkgutil.resolve_name(f"{package}:{name}") is getattr(module, name)
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = (target for node in body if isinstance(node, ast.Assign | ast.AnnAssign) for target in ast.walk(node))
    assert name in defined | {node.id for node in assigned if isinstance(node, ast.Name)}


def test_no_two_things_share_a_public_name() -> None:
    homes: dict[str, set[str]] = {}
    for _, home, name, _ in LISTED:
        homes.setdefault(name, set()).add(home)
    assert {name: sorted(found) for name, found in homes.items() if len(found) > 1} == {}


def test_no_module_is_hidden_by_a_name_of_its_package() -> None:
    hidden = [f"{package}.{name}" for package, home, name, _ in LISTED if f"{package}.{name}" in MODULES and home != package]
    assert hidden == []


HIDE_THE_EXTRAS = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("plotly", "marimo", "umap"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def test_the_library_works_without_the_extras_and_says_how_to_get_them(tmp_path: Path) -> None:
    code = """
    import srgformer_lab as lab
    from srgformer_lab import cli

    data = lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)
    model = lab.SRGFormer(data, lab.ModelConfig(embedding_dim=8, n_heads=2, n_hyperedges=2))
    run = lab.fit(model, data, lab.TrainConfig(epochs=1, batch_size=256))
    model = run.model(data)
    assert lab.evaluate(model, data)["recall@20"] > 0
    top = lab.recommend(model, data, user_id="u17", k=3)
    lab.explain(model, data, user_id="u17", item_id=top["item_id"].iloc[0])
    lab.what_if(model, data, "u17", lab.mute_head(0))
    lab.project(model.trace(), data, ["fused"], "items", method="pca")
    assert cli.main(["train", "--epochs", "1", "--embedding-dim", "8", "--n-heads", "2", "--name", "mine"]) == 0
    assert cli.main(["evaluate", "runs/mine"]) == cli.main(["recommend", "runs/mine", "--user", "u2"]) == cli.main(["lessons"]) == 0
    assert not {"plotly", "marimo", "umap"} & set(sys.modules)

    def remedy(action):
        try:
            action()
        except lab.LabError as error:
            assert isinstance(error, ImportError)
            return str(error)

    print("\\n--")
    print(remedy(lambda: lab.plots))
    print(remedy(lambda: lab.project(model.trace(), data, ["fused"], "items", method="umap")))
    """
    told = in_a_fresh_interpreter(HIDE_THE_EXTRAS + textwrap.dedent(code), folder=tmp_path).rpartition("--\n")[2].splitlines()
    assert [line.partition(" is needed")[0] for line in told] == ["plotly", "umap"]
    assert all(line.endswith("pip install 'srgformer-lab[app]'") for line in told)


NEED_AN_EXTRA = (["app"], ["lessons", "open", "--run"], ["lessons", "check", "."], ["report", "shipped"], ["experiment", "cost"])


def test_a_command_that_needs_an_extra_says_so_in_one_line(tmp_path: Path) -> None:
    code = f"from srgformer_lab import cli; sys.stderr = sys.stdout\nfor each in {NEED_AN_EXTRA!r}: print(cli.main(each))"
    told = in_a_fresh_interpreter(HIDE_THE_EXTRAS + code, folder=tmp_path).splitlines()
    remedies = [line for line in told if line.endswith("pip install 'srgformer-lab[app]'")]
    assert told.count("2") == len(remedies) == len(NEED_AN_EXTRA)

"""The project as a whole keeps its word: what a wheel carries, what is declared, and what its files say of one another."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from srgformer_lab import places
from srgformer_lab.errors import LabError
from srgformer_lab.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTEBOOKS = ("apps", "tutorials")
MODULE_OF = {"pillow": "PIL", "scikit-learn": "sklearn", "umap-learn": "umap", "mlflow-skinny": "mlflow"}
BEHIND = {"tensorboard", "sqlalchemy", "alembic"}
"""What torch and mlflow import for us."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


def test_wheel_carries_package_notebooks_and_assets_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {path.relative_to(ROOT).as_posix() for path in own_files("srgformer_lab")}
    notebooks = {f"srgformer_lab/_notebooks/{path.relative_to(ROOT).as_posix()}" for name in NOTEBOOKS for path in own_files(name)}
    assert carried == package | notebooks
    assert {
        "srgformer_lab/py.typed",
        "srgformer_lab/_notebooks/apps/explore.py",
        "srgformer_lab/_notebooks/tutorials/01_data_and_metrics.py",
    } <= carried


def test_wheel_names_command_version_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert "srgformer-lab = srgformer_lab.cli:main" in entry_points
    assert f"\nVersion: {VERSION}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_copy_finds_its_apps_lessons_and_runs(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "srgformer_lab")
    assert places.apps_folder() == tmp_path / "srgformer_lab" / "_notebooks" / "apps"
    assert places.tutorials_folder() == tmp_path / "srgformer_lab" / "_notebooks" / "tutorials"
    assert {path.name for path in places.shipped_runs_folder().iterdir()} == {
        path.name for path in (ROOT / "srgformer_lab" / "assets" / "runs").iterdir()
    }


def test_checkout_finds_its_apps_and_lessons() -> None:
    assert (places.apps_folder(), places.tutorials_folder()) == (ROOT / "apps", ROOT / "tutorials")


@pytest.mark.parametrize("find", [places.apps_folder, places.tutorials_folder, places.shipped_runs_folder])
def test_broken_installation_says_what_to_do(find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "srgformer_lab")
    with pytest.raises(LabError, match="install srgformer-lab anew"):
        find()


NOT_FOR_TESTS = {"dev", "docs", "encoders"}
"""Encoders bring gigabytes; whatever of them is installed is tested."""
EXTRAS = sorted(PROJECT["optional-dependencies"].keys() - NOT_FOR_TESTS)


def test_dependencies_are_those_that_are_imported() -> None:
    """A module that is imported but not declared breaks a fresh install; one declared but unused is weight."""
    library = {module_of(line) for line in PROJECT["dependencies"]}
    extra = {module_of(line) for name in EXTRAS for line in PROJECT["optional-dependencies"][name]}
    local = {"srgformer_lab", "pages", "solutions", *(path.stem for name in NOTEBOOKS for path in (ROOT / name).rglob("*.py"))}
    folders = {name: set().union(*map(imports, own_files(name, "*.py"))) for name in ("srgformer_lab", *NOTEBOOKS)}
    by_folder = {name: found - sys.stdlib_module_names - local for name, found in folders.items()}
    assert set().union(*by_folder.values()) | BEHIND == library | extra
    assert library <= by_folder["srgformer_lab"]  # what only the pages need is the app's
    assert not library & extra


def test_whoever_works_on_it_gets_every_extra_of_the_product() -> None:
    assert f"srgformer-lab[{','.join(EXTRAS)}]" in PROJECT["optional-dependencies"]["dev"]


def test_citation_has_the_packages_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE).group(1) == VERSION


def test_readme_begins_with_exactly_two_commands_and_ci_uses_the_second() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.search(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL).group(1).splitlines()
    assert len(commands) == 2
    opening, testing = commands
    assert opening == 'pip install ".[app]" && marimo run apps/explore.py'
    pattern = re.search(r"grep --max-count=1 '(.+)' README.md", (ROOT / ".ci" / "run").read_text(encoding="utf-8")).group(1)
    assert next(line for line in readme.splitlines() if pattern in line) == testing


SHORT = {
    "cli/terminal.py": "all commands print through it, and it loads nothing",
    "__main__.py": "python -m",
    "version.py": "read by the packaging too",
    "models/baselines/popularity.py": "each of the other models has a file",
    "analysis/attention.py": "beside the other analyses, for a page of its own",
}
"""Modules of the package that may have fewer than 40 lines, with their reasons; what only opens a room needs none."""


def test_a_module_has_from_40_to_300_lines() -> None:
    """Longer ones do several things, and shorter ones make a walk through the code longer than it is."""
    for folder in ("srgformer_lab", "apps"):
        for path in own_files(folder, "*.py"):
            name, count = path.relative_to(ROOT / folder).as_posix(), len(path.read_text(encoding="utf-8").splitlines())
            assert count <= 300, name
            assert count >= 40 or path.name == "__init__.py" or name in SHORT, name


def own_files(folder: str, pattern: str = "*") -> list[Path]:
    """List a folder's files as a fresh clone has them, without what using it leaves behind."""
    left_behind = {"__pycache__", "__marimo__", "run.lock"}
    return [path for path in (ROOT / folder).rglob(pattern) if path.is_file() and not left_behind & set(path.parts)]


def module_of(requirement: str) -> str:
    package = re.match(r"[\w-]+", requirement).group()
    return MODULE_OF.get(package, package)


def imports(path: Path) -> set[str]:
    """Name the top-level modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found

"""Makes pages of the documentation site from what stands elsewhere: the README, the guides at the top, and the docstrings.

Mkdocs calls the functions ``on_…``. Nothing is written into the repository.
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"guide": "The guide, by lesson", "exam": "Exam questions, by lesson"}
"""The folders of pages for teachers, and what they are called in the navigation."""
PAGES = [path for kind in KINDS for path in sorted((ROOT / "tutorials" / kind).glob("*.md"))]
ELSEWHERE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "teaching.md": "tutorials/README.md",
    **{
        f"{kind}/{path.name}": f"tutorials/{kind}/{path.name}"
        for kind in KINDS
        for path in sorted((ROOT / "tutorials" / kind).glob("*.md"))
    },
}
"""Pages of the site, and the files of the repository that they are."""
ROOMS = {
    "": "Settings and errors",
    "data": "Data sets",
    "encoding": "Encoders",
    "models": "Models",
    "training": "Training",
    "analysis": "Explanations and analyses",
    "plots": "Figures",
    "experiments": "Experiments",
    "backend": "Sessions",
    "lessons": "Lessons",
}
"""The titles of the reference's pages, in their order; a room without public names has none."""


def on_config(config: Any) -> Any:
    """Fill the reference's place in the navigation."""
    pages = [{ROOMS[room]: f"api/{room or 'settings'}.md"} for room in public_names()]
    config.nav = [{"API": pages} if "API" in entry else entry for entry in config.nav]
    by_lesson = [{title: [{Path(page).stem: page} for page in ELSEWHERE if page.startswith(kind)]} for kind, title in KINDS.items()]
    config.nav = [{"Teach": [entry["Teach"], *by_lesson]} if "Teach" in entry else entry for entry in config.nav]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand elsewhere, and one of the reference for each room with public names."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for room, names in public_names().items():
        blocks = [f"::: srgformer_lab.{home}.{name}" for home, name in names]
        intro = "as `lab.plots.…`" if room == "plots" else "as `lab.…`, with `import srgformer_lab as lab`"
        content = "\n\n".join([f"# {ROOMS[room]}", f"Public names, used {intro}.", *blocks]) + "\n"
        files.append(File.generated(config, f"api/{room or 'settings'}.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between files of the repository lead to pages of the site; of a file that is no page the name stays."""
    here = page.file.src_uri
    source = ELSEWHERE.get(here, f"docs/{here}")
    pages = {file: site for site, file in ELSEWHERE.items()}

    def lead(match: re.Match[str]) -> str:
        text, target, anchor = match.groups()
        if "://" in target or not target:
            return match.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        site = pages.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if site is None or not posixpath.splitext(site)[1]:
            return text
        return f"[{text}]({posixpath.relpath(site, posixpath.dirname(here) or '.')}{anchor or ''})"

    return re.sub(r"(?<!`)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)", lead, markdown)


def public_names() -> dict[str, list[tuple[str, str]]]:
    """Return each room's public names with their homes, from the list of names and that of figures."""
    package = ROOT / "srgformer_lab"
    found: dict[str, list[tuple[str, str]]] = {room: [] for room in ROOMS}
    for home, name in _listed(package / "__init__.pyi"):
        found[home.partition(".")[0] if "." in home else ""].append((home, name))
    figures = package / "plots" / "__init__.pyi"
    found["plots"] += [(f"plots.{home}", name) for home, name in _listed(figures)] if figures.exists() else []
    return {room: names for room, names in found.items() if names}


def _listed(stub: Path) -> list[tuple[str, str]]:
    nodes = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom) and node.module]
    return [(node.module or "", name.name) for node in nodes for name in node.names]

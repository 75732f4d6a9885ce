"""What the documents tell a reader to type works: their code runs, their commands exist, their links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from srgformer_lab import cli

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def code_lines(document: Path, language: str) -> Iterator[str]:
    """Yield the document's lines with all but the code of one language blanked, so that line numbers stay true."""
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        inside = line == f"```{language}" if fence else inside
        yield line if inside and not fence else ""


def commands() -> dict[str, set[str]]:
    """Collect the package's commands that the documents name, each with the options it is given."""
    found: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        for line in code_lines(document, "bash"):
            if match := re.match(r"srgformer-lab ((?:lessons )?\w+)(.*)", line):
                found.setdefault(match.group(1), set()).update(re.findall(r"(?<= )--[\w-]+", match.group(2)))
    return found


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if any(code_lines(path, "python"))], ids=lambda path: path.name)
def test_python_code_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(code_lines(document, "python"))
    exec(compile(code, str(document), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(("command", "options"), commands().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_command_exists_with_its_options(command: str, options: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([*command.split(), "--help"])
    assert options <= set(re.findall(r"--[\w-]+", capsys.readouterr().out))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    assert [name for name in targets if "://" not in name and not (document.parent / name).exists()] == []

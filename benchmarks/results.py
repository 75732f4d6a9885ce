"""Bring the tables of experiments into docs/results.md, ours beside the published ones.

    python -m benchmarks.results experiments

Copies what each experiment left (without its runs) to docs/results/ and writes every marked block of the page anew from there:
``<!-- table baselines-studio -->`` holds that experiment's table, ``<!-- published baselines-baby -->`` sets it beside the
literature. Words between the blocks stay as they are. Without a folder only the page is written.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from re import DOTALL, compile

import pandas as pd

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, KEPT = DOCS / "results.md", DOCS / "results"
FILES = ("table.csv", "table.md", "trials.csv", "rows.csv", "facts.json")
BLOCK = compile(r"(<!-- (table|published) (\S+) -->\n).*?(<!-- end -->)", DOTALL)

METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")
PUBLISHED: Mapping[str, tuple[float, float, float, float]] = {
    "MF-BPR": (0.0357, 0.0575, 0.0192, 0.0249),
    "LightGCN": (0.0479, 0.0754, 0.0257, 0.0328),
    "VBPR": (0.0423, 0.0663, 0.0223, 0.0284),
    "FREEDOM": (0.0627, 0.0992, 0.0330, 0.0424),
    "BM3": (0.0564, 0.0883, 0.0301, 0.0383),
    "MGCN": (0.0620, 0.0964, 0.0339, 0.0427),
    "LGMRec": (0.0644, 0.0982, 0.0347, 0.0434),
}
"""Amazon Baby, d = 64, full ranking: the figures that the field passes on, LGMRec's from its released logs,
BM3's and MGCN's from table 2 of MGCN's paper (arXiv 2308.03588)."""


def main() -> None:
    """Copy, and write the page."""
    for folder in sorted(Path(sys.argv[1]).iterdir()) if len(sys.argv) > 1 else []:
        if (folder / "table.md").exists():
            (KEPT / folder.name).mkdir(parents=True, exist_ok=True)
            for name in FILES:
                shutil.copyfile(folder / name, KEPT / folder.name / name)
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


def page(text: str) -> str:
    """Fill every block of the page from the kept tables."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{_block(found[2], found[3])}\n\n{found[4]}", text)


def _block(kind: str, name: str) -> str:
    return (KEPT / name / "table.md").read_text("utf-8").strip() if kind == "table" else _beside(name)


def _beside(name: str) -> str:
    ours = pd.read_csv(KEPT / name / "table.csv").set_index("model")
    lines = ["| | Recall@10 | Recall@20 | NDCG@10 | NDCG@20 | Recall@20, ours / published |", "|---|---|---|---|---|---|"]
    for model, published in PUBLISHED.items():
        if model in ours.index and ours.loc[model, "seeds"] > 0:
            found = [float(ours.loc[model, metric]) for metric in METRICS]
            lines.append(f"| {model}, ours | {_cells(found)} | {found[1] / published[1]:.3f} |")
            lines.append(f"| {model}, published | {_cells(published)} | |")
    return "\n".join(lines)


def _cells(values: tuple[float, ...] | list[float]) -> str:
    return " | ".join(f"{value:.4f}".lstrip("0") for value in values)


if __name__ == "__main__":
    main()

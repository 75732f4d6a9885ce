"""What an experiment leaves: every case and every trial as CSV, the table in words and as CSV, and what it was made from."""

import math
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.errors import ConfigError
from srgformer_lab.experiments.case import Setup
from srgformer_lab.experiments.experiment import Experiment
from srgformer_lab.experiments.table import METRICS
from srgformer_lab.training.files import write_bytes, write_json
from srgformer_lab.training.run import versions

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Result:
    """What an experiment found."""

    experiment: Experiment
    setup: Setup
    data: str
    """The data set of the first seed in a line."""
    trials: pd.DataFrame
    """One row a trial; empty if nothing was tuned."""
    rows: pd.DataFrame
    """One row a case."""
    table: pd.DataFrame
    """One row a label."""

    @property
    def command(self) -> str:
        """The command line that makes it again; a data folder by its name alone."""
        setup = self.setup
        words = [f"srgformer-lab experiment {self.experiment.name}", f"--data {Path(setup.recipe.path).name}"]
        words += [f"--preset {setup.preset_name}", f"--seeds {len(setup.seeds)}"]
        words += [f"--first-seed {setup.seeds[0]}"] if setup.seeds[0] else []
        words += [f"--trials {setup.n_trials}"] if setup.n_trials > 1 else []
        words += [f"--only {shlex.quote(','.join(setup.only))}"] if setup.only else []
        words += [_option(name, value) for name, value in {**setup.recipe.options, **setup.changes}.items()]
        return " ".join(words)

    def facts(self) -> dict[str, Any]:
        """Say what the tables were made from, ready for JSON."""
        setup = self.setup
        about = {"experiment": self.experiment.name, "question": self.experiment.question, "data": self.data, "command": self.command}
        shared = {"preset": setup.preset_name, "embedding_dim": setup.model.embedding_dim, "changes": dict(setup.changes)}
        effort = {"seeds": list(setup.seeds), "trials": setup.n_trials, "reference": dict(self.experiment.reference)}
        return about | shared | effort | {"versions": versions()}

    def to_markdown(self) -> str:
        """Write the table as people read it, with what it was made from and what is missing above and below."""
        setup, effort = self.setup, "its own settings"
        if self.setup.n_trials > 1:
            effort = f"at most {setup.n_trials} settings tried a model on seed {setup.seeds[0]}, the best by valid recall@20 taken"
        seeds = f"seed {setup.seeds[0]}" if len(setup.seeds) == 1 else f"{len(setup.seeds)} seeds"
        head = f"{self.data}, d={setup.model.embedding_dim}, {seeds}; {effort}. Test metrics at the best validation epoch."
        return "\n\n".join(part for part in (f"`{self.command}`", head, markdown(self.table, self.experiment), self._missing()) if part)

    def _missing(self) -> str:
        left = [row for frame in (self.trials, self.rows) for _, row in frame.iterrows() if row["state"] != "finished"]
        return "Not finished:\n\n" + "\n".join(map(self._left, left)) if left else ""

    def _left(self, row: pd.Series) -> str:
        words = [str(row[name]) for name in self.experiment.by] + ([f"trial {row['trial']}"] if "trial" in row else [])
        why = f"; {row['message']}" if row["message"] else ""
        return f"- {', '.join(words)}, seed {row['seed']}: {row['state']} after {row['epochs']} epochs{why}"


def check_output(folder: Path) -> None:
    """Refuse a folder that can't be made or written, before hours are spent on what should go there.

    Raises:
        ConfigError: It, or one above it, is a file, or may not be written.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise ConfigError(f"output={str(folder)!r}: {above} is a file; name a folder")
    if not os.access(above, os.W_OK):
        raise ConfigError(f"output={str(folder)!r} can't be written: no permission in {above}; name another folder")


def write(result: Result, folder: Path) -> list[Path]:
    """Write ``rows.csv``, ``trials.csv``, ``table.csv``, ``table.md``, ``figure.html`` and ``facts.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = {"rows.csv": result.rows, "trials.csv": result.trials, "table.csv": result.table}
    for name, frame in frames.items():
        write_bytes(folder / name, frame.to_csv(index=False).encode())
    drawn = result.experiment.draw(result.table, result.experiment.by, result.experiment.reference)
    write_bytes(folder / "table.md", f"{result.to_markdown()}\n".encode())
    write_bytes(folder / "figure.html", page(drawn, result.experiment.question).encode())
    write_json(folder / "facts.json", result.facts())
    return [folder / name for name in (*frames, "table.md", "figure.html", "facts.json")]


def page(drawn: "Sequence[Figure]", title: str) -> str:
    """Join figures on one page that opens without a network."""
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0, config=plots.plot_config(figure, "svg"))
        for number, figure in enumerate(drawn)
    ]
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f'{head}<body style="max-width: 720px; margin: 24px auto">{"".join(parts)}</body></html>'


def markdown(table: pd.DataFrame, experiment: Experiment) -> str:
    """Write a table of results, with bounds only where there are any."""
    head = [
        *experiment.by,
        "seeds",
        *(name.replace("recall", "Recall").replace("ndcg", "NDCG") for name in METRICS),
        "best epoch",
        "s/epoch",
    ]
    against = ", ".join(str(value) for value in experiment.reference.values() if value != "")
    over_seeds = "gain_low" in table
    head += [f"Recall@20 − {against} {'[seeds] ' * over_seeds}[users]"] if "gain" in table else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for _, row in table.iterrows():
        cells = [str(row[name]) for name in experiment.by] + [str(int(row["seeds"]))]
        cells += [_short(row.get(name)) + _bounds(row, "") * (name == "recall@20") for name in METRICS]
        cells += [_plain(row.get("best_epoch")), _plain(row.get("epoch_seconds"))]
        cells += [_gain(row, over_seeds)] if "gain" in table else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _option(name: str, value: Any) -> str:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option} {','.join(value) if isinstance(value, tuple) else value}"


def _is_number(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _short(value: Any) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if _is_number(value) else ""


def _signed(value: Any) -> str:
    return ("+" if value >= 0 else "−") + _short(abs(value)) if _is_number(value) else ""


def _plain(value: Any) -> str:
    return f"{value:.3g}" if _is_number(value) else ""


def _gain(row: pd.Series, over_seeds: bool) -> str:
    if not _is_number(row["gain"]):
        return ""
    seeds = _bounds(row, "gain_") or " [one seed]" * over_seeds
    return _signed(row["gain"]) + seeds + _bounds(row, "users_")


def _bounds(row: pd.Series, prefix: str) -> str:
    low, high = row.get(f"{prefix}low"), row.get(f"{prefix}high")
    if not (_is_number(low) and _is_number(high)):
        return ""
    write = _signed if prefix else _short
    return f" [{write(low)}, {write(high)}]"

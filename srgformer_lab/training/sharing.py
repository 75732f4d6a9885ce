"""A finished run in the layout of the Hugging Face Hub: weights, settings, and a card that says what was measured and what wasn't."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import RunError
from srgformer_lab.models.identity import checked
from srgformer_lab.statistics import over_users
from srgformer_lab.training.evaluation import evaluate_users
from srgformer_lab.training.files import new_folder, read_bytes, read_json, write_bytes, write_json
from srgformer_lab.training.reading import SHARED_WEIGHTS
from srgformer_lab.training.run import Run, check_name

CARD = "README.md"
LIMITS = """- It ranks the items of the data set above for its users, and knows no others; `lab.add_user` and `lab.add_item` add some.
- Metrics are means over the users of one split of one data set. Another split, k-core or set of features has others.
- It learned from what people took. What was shown to them, and what they would have taken otherwise, it can't know.
- Weights have a row for each user and item, without ids. Whoever has the data set can tell whose row is whose."""


@checked
def share(run: Run, folder: Path | str, data: Dataset | None = None) -> Run:
    """Write a finished run as a folder that the Hub shows and ``lab.Run.open`` opens; nothing is uploaded.

    Args:
        run: A finished run.
        folder: What to write; a name that is taken gets a number.
        data: The run's own data, if it is open already; else it is opened here, for the bounds of the metrics.

    Returns:
        The run in its new folder: ``model.safetensors``, ``config.json``, a model card as ``README.md``, its history and its result.
        The data's path, and the machine's and process's names, are left out.

    Raises:
        RunError: The run isn't finished, or the folder can't be written.
        DataError: The run's own data can't be read.
    """
    if run.status().state != "finished":
        raise RunError(f"run {run.name} is {run.status().state}, and only a finished one is shared; resume it first")
    folder = Path(folder).expanduser()
    check_name(folder.name)
    data = run.open_data() if data is None else run.check_data(data)
    card = card_of(run, data)

    def fill(new: Path) -> None:
        write_bytes(new / SHARED_WEIGHTS, run.weights_path("best").read_bytes())
        config = read_json(run.path / "config.json")
        path = config["source"]["path"]
        write_json(new / "config.json", config | {"source": config["source"] | {"path": path and Path(path).name}})
        write_json(new / "status.json", read_json(run.path / "status.json") | {"host": "", "pid": 0})
        for name in ("history.jsonl", "result.json", "knobs.json"):
            if (run.path / name).exists():
                write_bytes(new / name, read_bytes(run.path / name))
        write_bytes(new / CARD, card.encode())

    return Run.open(new_folder(folder.parent, folder.name, fill))


def card_of(run: Run, data: Dataset) -> str:
    """Return a model card with the header that the Hub reads.

    Args:
        run: A finished run.
        data: Its data.

    Returns:
        Markdown behind YAML.
    """
    config, metrics = run.config, _bounded(run, data)
    header = {
        "library_name": "srgformer-lab",
        "tags": ["recommender-system", "multimodal", config.model_name],
        "model-index": [{"name": run.name, "results": [_result(data, metrics)]}],
    }
    changed = {
        name: value for part in (config.model, config.train) for name, value in part.to_dict().items() if value != _default(part, name)
    }
    rows = "\n".join(f"| {name} | {mean:.4f} | {low:.4f} | {high:.4f} |" for name, (mean, low, high) in metrics.items())
    yaml = "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in header.items())  # JSON is YAML
    lines = [
        f"---\n{yaml}\n---",
        f"# {run.name}",
        f"{config.model_name}, trained on `{config.data}` for {run.status().epoch} epochs; the weights are those of epoch "
        f"{run.status().best_epoch}, chosen by {config.selection_metric} on the validation split.",
        "## Data",
        f"Fingerprint `{config.fingerprint}`: other data is refused by name. {' '.join(data.reading)}".rstrip(),
        "## Metrics",
        "On the test split, each item that a user has not in training competing; 95 % intervals over users (bootstrap).",
        f"| metric | value | low | high |\n|---|---|---|---|\n{rows}",
        "## Settings",
        ", ".join(f"`{name}={value}`" for name, value in changed.items()) or "The defaults.",
        "## Limits",
        LIMITS,
        "## Use",
        "```python\nimport srgformer_lab as lab\n\n"
        f'run = lab.Run.open("{run.name}")  # this folder\nmodel = run.model(lab.open_data("…"))  # the data set above\n```',
    ]
    return "\n\n".join(lines) + "\n"


def _bounded(run: Run, data: Dataset) -> dict[str, tuple[float, float, float]]:
    users = evaluate_users(run.model(data), data, "test").drop(columns="user_id")
    found = {}
    for name, values in users.items():
        mean = float(np.mean(values))
        bounds = over_users(values.to_numpy()) if len(values) > 1 else None
        found[str(name)] = (mean, bounds.low, bounds.high) if bounds else (mean, mean, mean)
    return found


def _result(data: Dataset, metrics: dict[str, tuple[float, float, float]]) -> dict[str, Any]:
    values = [{"type": name, "value": round(mean, 6), "name": f"test {name}"} for name, (mean, _, _) in metrics.items()]
    return {"task": {"type": "recommendation"}, "dataset": {"name": data.name, "type": data.name}, "metrics": values}


def _default(config: Any, name: str) -> Any:
    return type(config).__dataclass_fields__[name].default

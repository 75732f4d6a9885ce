"""What each of several processes does for ``test_together.py``, which starts them with torchrun: the first one writes what was found."""

import sys
from pathlib import Path

import torch

import srgformer_lab as lab
from srgformer_lab.cli import main
from srgformer_lab.together import ALONE, joined
from srgformer_lab.training.loop import Training
from tests.worlds import build, scatter, shop, small, triples

HEAVY = lab.TrainConfig(
    regularization_weight=0.3, hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4, device="cpu"
)
FOUND = small(
    attention_input="propagated",
    attention_reads="content",
    attention_objective="contrast",
    membership_objective="cointeraction",
    user_membership="lift",
)
FORMS = {
    "published": (small(dropout=0.5), HEAVY, 9),
    "shortcuts": (small(), HEAVY.replace(contrast_sample=3, modality_contrast_rows=5, attention_every=2), 9),
    "found": (FOUND, HEAVY, 9),
    "one row for two": (small(), HEAVY, 1),
}
MODEL = lab.ModelConfig(embedding_dim=16, n_hyperedges=4, n_heads=2)
TRAIN = lab.TrainConfig(epochs=3, batch_size=64, learning_rate=0.01, seed=3, device="cpu")


def steps(dtype: torch.dtype, together=ALONE) -> dict[str, torch.Tensor]:
    """The terms and gradients of one step of every form, by a name that says which."""
    found = {}
    data = shop()
    for form, (config, train, size) in FORMS.items():
        model = build(data, config).to(dtype) if dtype is torch.float64 else scatter(lab.SRGFormer(data, config))
        training = Training(model, data, train, together=together)
        model.train().start_epoch(torch.Generator().manual_seed(5))
        batch = lab_batch(data, size)
        terms = training.step(batch)
        found |= {f"{form}: {name}": value.reshape(1) for name, value in terms.items()}
        found |= {f"{form}: {name}": weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return found


def lab_batch(data, size):
    from srgformer_lab.models.sampling import Batch

    return Batch(*triples(data, size, seed=7))


def world():
    return lab.studio(n_users=60, n_items=40, n_groups=4, n_interactions=900, seed=1)


def stopped_after_one_epoch(folder: Path, name: str) -> lab.Run:
    """A training that somebody stops after its first epoch."""

    def stop(status: lab.Status) -> None:
        if status.epoch == 1 and status.state == "running":
            lab.Run.at(folder / name).request_stop()

    return lab.fit(lab.SRGFormer(world(), MODEL), config=TRAIN, folder=folder, name=name, watch=stop)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    with joined() as together:
        for dtype in (torch.float64, torch.float32):
            found = steps(dtype, together)
            if together.is_first:
                torch.save(found, folder / f"{dtype}.pt")
        stopped_after_one_epoch(folder, "begun by two")
        failed = main(["train", "--resume", str(folder / "begun by one")])
    sys.exit(failed)

"""Loss terms and gradients of a training step equal the dense reference in both precisions: noise, dropout and edits included.

The draws are made here a second time, from the same generator, so that the reference gets numbers and not what the pass made of them.
"""

import statistics
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from srgformer_lab.config import ModelConfig, TrainConfig
from srgformer_lab.models import edits as library_edits
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.hypergraph import HypergraphTrace, UserItemPair
from srgformer_lab.models.losses import anchors, hypergraph_contrast, modality_contrast
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.srgformer import SRGFormer
from tests.oracle import reference
from tests.worlds import MODALITY_NAMES, Situation, build, scatter, shop, situations, small, triples

FORMS = ("product", "cosine", "linear", "uniform")
HEAVY = TrainConfig(regularization_weight=0.3, hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4)


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def edits_of(config, modalities):
    """Some edits that fit a model, as the reference names them."""
    wishes = [st.just(("uniform_attention",)), st.tuples(st.just("mute_head"), st.integers(0, config.n_heads - 1))]
    if modalities:
        name, hyperedge = st.sampled_from(list(modalities)), st.integers(0, config.n_hyperedges - 1)
        wishes += [st.tuples(st.just(kind), name) for kind in ("blank_modality", "without_modality", "harden_memberships")]
        wishes += [st.tuples(st.just("drop_hyperedge"), name, hyperedge)]
        if config.n_hyperedges > 1:
            pair = st.tuples(hyperedge, hyperedge).filter(lambda both: both[0] != both[1])
            wishes += [st.builds(lambda name, pair: ("merge_hyperedges", name, *pair), name, pair)]
    return st.lists(st.one_of(wishes), max_size=3)


def as_library(edits):
    """The same edits, as the library makes them."""
    made = [getattr(library_edits, kind)(*arguments) for kind, *arguments in edits]
    return [edit for one in made for edit in ([one] if isinstance(one, Edit) else one)]


def draws_of(model, data, seed):
    """The Gumbel noise and the dropout factors of the first training pass: all noise first, and users before items."""
    config, draws, dtype = model.config, run(seed), model.user_embedding.dtype
    places = [(name, side, count) for name in model.modalities for side, count in (("users", data.n_users), ("items", data.n_items))]
    noise, keep = {}, {}
    for name, side, count in places:
        exponential = torch.empty(count, config.n_hyperedges, dtype=dtype).exponential_(generator=draws)
        noise[name, side] = -exponential.double().log()
    if config.as_released:
        first, second = model.modalities
        noise[first, "users"] = noise[second, "users"]
    if config.dropout:
        for name, side, count in places:
            stays = torch.rand(count, config.n_hyperedges, generator=draws) >= config.dropout
            keep[name, side] = stays.double() / (1 - config.dropout)
    return noise, keep


@dataclass(frozen=True)
class Case:
    """A situation and what a step on it runs with."""

    situation: Situation
    size: int
    is_training: bool
    dropout: float
    edits: list
    seed: int


@st.composite
def cases(draw):
    """Batches that need some rows and batches that may need all; quiet passes and noisy ones; edited and plain ones."""
    situation = draw(situations())
    is_edited = draw(st.booleans())
    names = MODALITY_NAMES[: situation.recipe.n_modalities]
    return Case(
        situation=situation,
        size=draw(st.integers(1, 10)),
        is_training=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.3, 0.6])),
        edits=draw(edits_of(situation.config, names)) if is_edited else [],
        seed=draw(st.integers(0, 2**16)),
    )


def reference_side(case, model, dtype):
    """(loss terms, gradients, the pass) of the reference, on the numbers of a model and in a precision."""
    data, *_ = case.situation
    noise, keep = draws_of(model, data, case.seed) if case.is_training else (None, None)
    parameters = reference.parameters_of(model, requires_grad=True, dtype=dtype)
    outcome = reference.forward(parameters, data, model.config, noise, keep, case.edits)
    terms = reference.loss_terms(outcome, triples(data, case.size, case.seed), HEAVY)
    gradients = torch.autograd.grad(sum(terms.values()), list(parameters.values()), allow_unused=True, materialize_grads=True)
    return terms, dict(zip(parameters, gradients, strict=True)), outcome


def library_side(case, model):
    """(loss terms, gradients) of the library."""
    data, *_ = case.situation
    model.train(case.is_training)
    model.start_epoch(run(case.seed))
    with model.edit(*as_library(case.edits)):
        terms = model.losses(Batch(*triples(data, case.size, case.seed)), HEAVY)
        sum(terms.values()).backward()
    return terms, {name: torch.zeros_like(value) if value.grad is None else value.grad for name, value in model.named_parameters()}


def model_of(case, dtype):
    data, config, seed, scale = case.situation
    config, scale = config.replace(dropout=case.dropout), min(scale, 1.0)
    return build(data, config, seed, scale) if dtype == torch.float64 else scatter(SRGFormer(data, config), seed, scale).eval()


def assert_agreement(ours, theirs, relative, floor):
    """‖difference‖ ≤ relative ‖theirs‖ + floor · the largest, for the terms among themselves and the gradients among themselves.

    The floor is for what is 0, or nearly, because large numbers cancel: the largest says what those were.
    """
    for found, expected in zip(ours, theirs, strict=True):
        assert found.keys() == expected.keys()
        sizes = {name: value.detach().norm().item() for name, value in expected.items()}
        for name, value in expected.items():
            gap = (found[name].double() - value).norm().item()
            allowed = relative * sizes[name] + floor * max(sizes.values())
            assert gap <= allowed, f"{name}: off by {gap:.2e}, {allowed:.2e} allowed; its size is {sizes[name]:.2e}"


FLOOR = 1e-2
"""The smallest norm of a row whose direction counts: dividing by it costs two digits."""
DOUBLE = {"relative": 1e-10, "floor": 1e-12}
SINGLE = {"relative": 1e-5, "floor": 1e-6}
PLAIN_SINGLE = {"relative": 5e-7, "floor": 1e-8}
"""What the dense formulas must reach in single precision themselves for a situation to be asked of the library."""


@settings(max_examples=60, deadline=None)
@given(cases())
def test_in_double_precision_every_term_and_gradient_equals_the_reference(case):
    model = model_of(case, torch.float64)
    *theirs, outcome = reference_side(case, model, torch.float64)
    data, *_ = case.situation
    assume(reference.is_generic(outcome, data, case.edits, FLOOR) and outcome.margin > 1e-9)
    assert_agreement(library_side(case, model), theirs, **DOUBLE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cases())
def test_in_single_precision_every_term_and_gradient_is_near_the_reference(case):
    """The reference stays in double precision; what it loses in single precision tells which situations are ill-conditioned.

    Those are left out: hyperedges that all point the same way after three layers, one dimension, in which nothing
    turns. There a gradient is the small rest of large numbers, and how they were multiplied decides its digits.
    """
    model = model_of(case, torch.float32)
    *theirs, outcome = reference_side(case, model, torch.float64)
    data, *_ = case.situation
    assume(reference.is_generic(outcome, data, case.edits, FLOOR) and outcome.margin > 1e-4)
    try:
        assert_agreement(reference_side(case, model, torch.float32)[:2], theirs, **PLAIN_SINGLE)
    except AssertionError:
        assume(False)
    assert_agreement(library_side(case, model), theirs, **SINGLE)


def shop_case(edits=(), size=9, as_released=False, is_training=True, **changes):
    """A step on the little shop, whose rows are all far from 0."""
    recipe = SimpleNamespace(make=shop)
    config = small(as_released=as_released, membership_temperature=1.0, **changes)
    return Case(Situation(recipe, config, 1, 0.5), size, is_training, 0.3 if is_training else 0.0, list(edits), 5)


VARIANTS = [{"attention_form": form, "attention_input": read} for form in FORMS for read in ("raw", "propagated")]


@pytest.mark.parametrize("edits", [(), (("uniform_attention",),), (("mute_head", 1),)], ids=str)
@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "-".join(changes.values()))
@pytest.mark.parametrize("size", [2, 9], ids=["some nodes", "all nodes"])
def test_each_attention_learns_what_the_reference_says(changes, size, edits):
    for dtype, bound in ((torch.float64, DOUBLE), (torch.float32, SINGLE)):
        case = shop_case(edits, size, **changes)
        model = model_of(case, dtype)
        *theirs, outcome = reference_side(case, model, torch.float64)
        assert reference.is_generic(outcome, shop(), edits)
        assert outcome.margin > 1e-3
        found = library_side(case, model)
        assert_agreement(found, theirs, **bound)
        scoring = [found[1][f"attention.{name}"].abs().max().item() for name in ("query", "key")]
        is_uniform = changes["attention_form"] == "uniform" or ("uniform_attention",) in edits
        assert max(scoring) == 0 if is_uniform else min(scoring) > 1e-6


EDITS = [
    [("mute_head", 1)],
    [("uniform_attention",)],
    [("drop_hyperedge", "image", 2)],
    [("blank_modality", "text")],
    [("without_modality", "image")],
    [("merge_hyperedges", "text", 0, 2)],
    [("harden_memberships", "image")],
    [("harden_memberships", "text"), ("merge_hyperedges", "text", 2, 0), ("drop_hyperedge", "text", 1), ("mute_head", 0)],
]


@pytest.mark.parametrize("edits", EDITS, ids=str)
@pytest.mark.parametrize("as_released", [False, True], ids=["paper", "released"])
@pytest.mark.parametrize("size", [2, 9], ids=["some nodes", "all nodes"])
def test_each_edit_trains_what_the_reference_says(edits, as_released, size):
    for dtype, bound in ((torch.float64, DOUBLE), (torch.float32, SINGLE)):
        case = shop_case(edits, size, as_released)
        model = model_of(case, dtype)
        *theirs, outcome = reference_side(case, model, torch.float64)
        assert reference.is_generic(outcome, shop(), edits)
        assert outcome.margin > 1e-3
        assert_agreement(library_side(case, model), theirs, **bound)
        plain, *_ = reference_side(shop_case((), size, as_released), model, torch.float64)
        changed = [name for name, value in plain.items() if abs(value.item() - theirs[0][name].item()) > 1e-6]
        assert changed, "an edit that changes no term proves nothing"


@pytest.mark.parametrize("n_modality_layers", [0, 2])
@pytest.mark.parametrize("as_released", [False, True], ids=["paper", "released"])
def test_a_step_reads_the_nodes_of_its_batch_and_learns_the_same_as_one_that_reads_all(monkeypatch, n_modality_layers, as_released):
    case = shop_case(size=3, as_released=as_released, n_modality_layers=n_modality_layers)
    user, positive, negative = triples(shop(), 3, case.seed)
    covered, found = [], []
    for reads_all in (False, True):
        model = model_of(case, torch.float64)
        forward = model.forward

        def watched(nodes, *arguments, forward=forward):
            covered.append(nodes)
            return forward(nodes, *arguments)

        model.forward = watched
        if reads_all:
            monkeypatch.setattr(SRGFormer, "nodes_of", lambda self, batch: None)
        found.append(library_side(case, model))
    assert covered[0].tolist() == sorted({*user.tolist(), *(7 + positive).tolist(), *(7 + negative).tolist()})
    assert covered[1] is None
    assert_agreement(*found, relative=1e-12, floor=1e-14)


def test_a_batch_that_may_need_every_node_reads_them_all_at_once():
    model, rows = model_of(shop_case(), torch.float64), torch.arange(4)
    assert model.nodes_of(Batch(rows, rows, torch.tensor([5, 5, 1, 1]))).tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 12]
    rows = torch.tensor([0, 0, 0, 0, 0])
    assert model.nodes_of(Batch(rows, rows, rows)) is None, "15 rows may be all 13 nodes"


# ------------------------------------------------------------------------------------------- digits of the narrow products


def contrast_gradients(trace, contrast, dtype):
    """Gradients of a contrast for the memberships and hyperedges of a pass, in a precision."""
    parts = []
    for part in trace.hypergraph.values():
        values = [part.membership.users, part.membership.items, part.hyperedges]
        users, items, hyperedges = (value.detach().to(dtype).requires_grad_() for value in values)
        parts.append(HypergraphTrace(part.logits, UserItemPair(users, items), hyperedges))
    users, items = (torch.arange(len(rows)) for rows in (parts[0].membership.users, parts[0].membership.items))
    contrast(parts, anchors(users, len(users)), anchors(items, len(items)), 0.2).backward()
    return [value.grad.double() for part in parts for value in (part.membership.users, part.membership.items, part.hyperedges)]


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("as_released", [False, True], ids=["paper", "released"])
def test_the_narrow_products_of_the_hypergraph_contrast_keep_the_digits_of_wide_ones(tiny, n_layers, as_released):
    """Against the wide form in double precision, the narrow one in single precision errs little more than the wide one does.

    After some layers hyperedges point nearly the same way; what turns a row is then a small difference between them, and how much of it
    is lost in one draw is chance, which the order of a processor's sums decides: by which of two forms more, from .06 to 11 times. So
    the median of several draws is held.
    """

    def wide(parts, users, items, temperature):
        return modality_contrast([part.embedding for part in parts], users, items, temperature)

    def largest_error(gradients, exact):
        return max(((found - expected).norm() / expected.norm()).item() for found, expected in zip(gradients, exact, strict=True))

    ratios = []
    for seed in range(9):
        trace = SRGFormer(tiny, ModelConfig(n_hyperedges=8, n_hypergraph_layers=n_layers, as_released=as_released, seed=seed)).trace()
        exact = contrast_gradients(trace, wide, torch.float64)
        of_wide, of_narrow = (
            largest_error(contrast_gradients(trace, contrast, torch.float32), exact) for contrast in (wide, hypergraph_contrast)
        )
        ratios.append(of_narrow / of_wide)
    assert statistics.median(ratios) < 2, ratios

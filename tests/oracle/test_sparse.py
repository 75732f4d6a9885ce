"""Products along sparse entries equal their dense, masked formulas, gradients included, with torch's sparse rows and without them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch.nn.functional import normalize

from srgformer_lab import runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.models.graph import Graph
from srgformer_lab.models.parts import unit
from srgformer_lab.models.sampling import Batch
from srgformer_lab.models.sparse import Edges, SparseMap
from tests.oracle import reference
from tests.worlds import build, float64, shop, small, triples, with_isolated_nodes

RELAXED = settings(max_examples=15, deadline=None)
HEAVY = TrainConfig(regularization_weight=0.3, hypergraph_contrast_weight=0.2, modality_contrast_weight=0.1, contrast_temperature=0.4)


def run(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=run(seed), dtype=torch.float64).requires_grad_()


@st.composite
def masks(draw):
    """Which of some rows leads to which of some nodes: rows and nodes without an edge, and no edge at all, among them."""
    n_rows, n_nodes = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    cells = draw(st.lists(st.booleans(), min_size=n_rows * n_nodes, max_size=n_rows * n_nodes))
    return torch.tensor(cells).view(n_rows, n_nodes)


def edges_of(mask, n_heads):
    first = torch.cat([torch.zeros(1, dtype=torch.int64), mask.sum(1).cumsum(0)])
    return Edges(first, mask.nonzero()[:, 1], mask.shape[1], n_heads)


def spread(values, mask):
    """A value an edge and head as (heads, rows, nodes), 0 where there is no edge."""
    dense = torch.zeros(values.shape[1], *mask.shape, dtype=values.dtype)
    row, node = mask.nonzero().T
    return dense.index_put((torch.arange(values.shape[1])[:, None], row, node), values.T)


def gathered(dense, mask):
    """Back: (heads, rows, nodes) at the edges."""
    return dense[:, mask].T


def dense_products(rows, nodes, mask):
    return gathered(torch.einsum("rhw,nhw->hrn", rows, nodes), mask)


def dense_sums(weight, nodes, mask):
    return torch.einsum("hrn,nhw->rhw", spread(weight, mask), nodes)


def dense_softmax(score, offset, mask):
    raised = spread(score.exp(), mask)
    return gathered(raised / torch.where(mask.any(1)[:, None], raised.sum(2, keepdim=True) + offset, 1), mask)


def assert_same(ours, theirs, inputs):
    """Equal values, and equal gradients of an arbitrary weighted sum of them."""
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)
    weight = torch.randn(ours.shape, generator=run(9), dtype=ours.dtype)
    found, expected = (torch.autograd.grad((value * weight).sum(), inputs, allow_unused=True) for value in (ours, theirs))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


@pytest.fixture(params=["sparse rows", "gathered"])
def way(request, monkeypatch):
    """Both ways of multiplying: torch's sparse rows, and gathering where a build of torch lacks them."""
    if request.param == "gathered":
        monkeypatch.setattr(runtime, "has_sparse_products", lambda device: False)
    elif not runtime.has_sparse_products("cpu"):
        pytest.skip("this build of torch has no sparse products on the processor")


@pytest.mark.usefixtures("way")
class TestEdges:
    @pytest.mark.parametrize("n_heads", [1, 2, 3])
    def test_products_sums_and_softmax_equal_the_dense_formulas(self, n_heads):
        @RELAXED
        @given(masks(), st.integers(1, 3), st.sampled_from([0.0, 1e-8, 0.7]), st.integers(0, 2**16))
        def check(mask, width, offset, seed):
            edges, n_edges = edges_of(mask, n_heads), int(mask.sum())
            rows, nodes = normal(mask.shape[0], n_heads, width, seed=seed), normal(mask.shape[1], n_heads, width, seed=seed + 1)
            value = normal(n_edges, n_heads, seed=seed + 2)
            assert_same(edges.products(rows, nodes), dense_products(rows, nodes, mask), (rows, nodes))
            assert_same(edges.sums(value, nodes), dense_sums(value, nodes, mask), (value, nodes))
            assert_same(edges.softmax(value, offset), dense_softmax(value, offset, mask), (value,))

        check()

    def test_gradients_are_those_of_finite_differences(self):
        mask = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 0]]).bool()
        edges, rows, nodes, value = edges_of(mask, 2), normal(3, 2, 2), normal(4, 2, 2, seed=1), normal(4, 2, seed=2)
        assert torch.autograd.gradcheck(edges.products, (rows, nodes))
        assert torch.autograd.gradcheck(edges.sums, (value, nodes))
        assert torch.autograd.gradcheck(lambda score: edges.shares(score.exp()), (value,))
        for offset in (0.0, 0.3):
            assert torch.autograd.gradcheck(lambda score, offset=offset: edges.softmax(score, offset), (value,))

    def test_shares_of_what_was_raised_are_a_softmax(self):
        mask = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]]).bool()
        edges, score = edges_of(mask, 2), normal(4, 2)
        assert_same(edges.shares(score.exp()), edges.softmax(score), (score,))

    def test_the_three_in_a_row_are_masked_attention(self):
        """Each function's gradient goes into the next, as it does in the model."""
        mask = torch.rand(5, 6, generator=run(3)) < 0.5
        mask[2] = False
        query, key, value = normal(5, 2, 3), normal(6, 2, 3, seed=1), normal(6, 2, 3, seed=2)
        edges = edges_of(mask, 2)
        ours = edges.sums(edges.softmax(edges.products(query, key)), value)
        score = torch.einsum("rhw,nhw->hrn", query, key).masked_fill(~mask, -torch.inf)
        theirs = torch.einsum("hrn,nhw->rhw", score.softmax(2).nan_to_num(), value)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)
        assert ours[2].abs().max() == 0
        sloped = torch.tensor(1.0) + torch.arange(30, dtype=torch.float64).view(5, 2, 3)
        kept = mask.any(1)
        expected = torch.autograd.grad((theirs * sloped)[kept].sum(), (query, key, value))
        for one, other in zip(torch.autograd.grad((ours * sloped).sum(), (query, key, value)), expected, strict=True):
            torch.testing.assert_close(one, other.nan_to_num(), rtol=1e-11, atol=1e-12)

    def test_a_constant_weight_costs_no_gradient(self, monkeypatch):
        edges, weight, nodes = edges_of(torch.tensor([[1, 1], [0, 1]]).bool(), 1), torch.tensor([[2.0], [3.0], [5.0]]), torch.ones(2, 1, 1)
        total = edges.sums(weight, nodes.requires_grad_()).sum()
        monkeypatch.setattr(Edges, "_products", None)  # which the weight's gradient is made of
        total.backward()
        assert nodes.grad.flatten().tolist() == [2, 8]


class TestOfAGraph:
    """Edges of some nodes are those edges of all that leave them, whichever way they are asked for."""

    @RELAXED
    @given(st.sets(st.integers(0, 8), min_size=1), st.integers(1, 3))
    def test_edges_of_some_nodes_are_rows_of_the_adjacency(self, chosen, n_heads):
        data = with_isolated_nodes()
        nodes = torch.tensor(sorted(chosen))
        adjacency = torch.from_numpy(reference.adjacency(reference.interaction_matrix(data))) > 0
        edges = Graph(data).edges(nodes, n_heads)
        assert edges.n_heads == n_heads
        pairs = list(zip(nodes[edges.row].tolist(), edges.neighbor.tolist(), strict=True))
        assert pairs == [(int(node), int(neighbor)) for node in nodes for neighbor in adjacency[node].nonzero().flatten()]
        named = torch.tensor([[1000.0 * node + 10 * neighbor + head for head in range(n_heads)] for node, neighbor in adjacency.nonzero()])
        expected = torch.tensor([[1000.0 * node + 10 * neighbor + head for head in range(n_heads)] for node, neighbor in pairs])
        assert torch.equal(edges.of_all(named), expected.view(len(pairs), n_heads))

    @pytest.mark.parametrize("chosen", [[0, 3, 4, 8], [3], [3, 8], list(range(9))], ids=str)
    @pytest.mark.usefixtures("way")
    def test_attention_from_some_nodes_is_rows_of_attention_from_all(self, chosen):
        """Users 3 and item 4 (node 8) have no edge: their rows are 0, alone and among others."""
        graph, nodes = Graph(with_isolated_nodes()), torch.tensor(chosen)
        query, key, value = (normal(9, 2, 3, seed=seed) for seed in range(3))
        some, whole = graph.edges(nodes, 2), graph.edges(torch.arange(9), 2)
        ours = some.sums(some.softmax(some.products(query[nodes], key), 0.2), value)
        theirs = whole.sums(whole.softmax(whole.products(query, key), 0.2), value)[nodes]
        assert_same(ours, theirs, (query, key, value))
        assert ours[[row for row, node in enumerate(chosen) if node in (3, 8)]].abs().sum() == 0


@pytest.mark.usefixtures("way")
class TestSparseMap:
    @pytest.mark.parametrize("shape", [(4, 6), (6, 4), (1, 1), (5, 1)])
    def test_a_map_multiplies_and_its_gradient_is_the_transposed_product(self, shape):
        rng = np.random.default_rng(shape[0])
        matrix = rng.standard_normal(shape) * (rng.random(shape) < 0.4)
        with float64():
            sparse_map = SparseMap(sparse.csr_matrix(matrix))
        dense = normal(shape[1], 3)
        assert_same(sparse_map(dense), torch.from_numpy(matrix) @ dense, (dense,))
        assert torch.autograd.gradcheck(sparse_map, (dense,))

    def test_a_symmetric_map_is_its_own_transpose(self):
        rng = np.random.default_rng(1)
        half = rng.standard_normal((5, 5)) * (rng.random((5, 5)) < 0.4)
        matrix = half + half.T
        with float64():
            sparse_map = SparseMap(sparse.csr_matrix(matrix), symmetric=True)
        dense = normal(5, 2)
        assert_same(sparse_map(dense), torch.from_numpy(matrix) @ dense, (dense,))
        assert sum(buffer.numel() for buffer in sparse_map.buffers()) == 2 * np.count_nonzero(matrix) + 6, "nothing is kept twice"

    def test_entries_in_any_order_and_a_whole_number_matrix_will_do(self):
        matrix = sparse.csr_matrix((np.array([2, 3, 5]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
        with float64():
            product = SparseMap(matrix)(torch.eye(3, dtype=torch.float64))
        assert product.tolist() == [[3, 0, 2], [0, 5, 0]]


@pytest.mark.parametrize("changes", [{}, {"as_released": True}, {"n_heads": 3}, {"n_modality_layers": 0}], ids=str)
@pytest.mark.parametrize("size", [2, 9])
def test_a_build_without_sparse_products_gives_the_same_losses_and_gradients(monkeypatch, changes, size):
    data, found = shop(), []
    for has_them in (True, False):
        monkeypatch.setattr(runtime, "has_sparse_products", lambda device, has_them=has_them: has_them)
        model = build(data, small(dropout=0.3, **changes)).train()
        model.start_epoch(run())
        terms = model.losses(Batch(*triples(data, size)), HEAVY)
        sum(terms.values()).backward()
        found.append((terms, {name: parameter.grad for name, parameter in model.named_parameters()}))
    for ours, theirs in zip(*found, strict=True):
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=1e-11, atol=1e-13, msg=lambda text, name=name: f"{name}: {text}")


def test_a_build_is_asked_what_it_can_by_letting_it_multiply(monkeypatch):
    assert runtime.has_sparse_products.__wrapped__("cpu") == runtime.has_sparse_products("cpu")

    def missing(*arguments, **named):
        raise RuntimeError("sampled_addmm: not built in")

    monkeypatch.setattr(torch.sparse, "sampled_addmm", missing)
    assert not runtime.has_sparse_products.__wrapped__("cpu")


# ---------------------------------------------------------------------------------------------------------- unit vectors


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_unit_vectors_and_their_gradient_are_torchs(dtype):
    """Rows of every size: 0, so small that the norm is held up, ordinary, and huge."""
    sizes = torch.tensor([0.0, 1e-14, 0.999e-12, 1.001e-12, 1e-6, 1.0, 1e6], dtype=dtype)
    values = (sizes[:, None] * normalize(normal(7, 4).detach().to(dtype), dim=1)).requires_grad_()
    ours, theirs = unit(values), normalize(values, dim=1, eps=1e-12)
    torch.testing.assert_close(ours, theirs)
    weight = normal(7, 4, seed=1).detach().to(dtype)
    (found,), (expected,) = (torch.autograd.grad((value * weight).sum(), values) for value in (ours, theirs))
    for row in range(7):
        gap = (found[row] - expected[row]).norm() / expected[row].norm()
        assert gap < 50 * torch.finfo(dtype).eps, (row, gap)
    assert ours[0].abs().max() == 0
    torch.testing.assert_close(found[0], weight[0] / 1e-12)


def test_unit_vectors_have_the_gradient_that_finite_differences_have():
    assert torch.autograd.gradcheck(unit, (normal(4, 3),))
    assert torch.autograd.gradcheck(unit, (normal(4, 1),)), "in one dimension only the sign is left, and nothing to learn"

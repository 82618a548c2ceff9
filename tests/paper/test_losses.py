"""NT-Xent (Equation 1) against a second implementation, a slow one, and its own properties."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pytorch_metric_learning.losses import NTXentLoss
from torch.utils._python_dispatch import TorchDispatchMode

from mpcs_bench.registry import entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper.losses import NTXent, NTXentParams

TEMPERATURES = (0.01, 0.1, 0.5)


def build(temperature=0.1, anchors="both"):
    return NTXent(NTXentParams(temperature=temperature, anchors=anchors)).build(8)


def projections(views=2, sets=6, dimension=8, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(views, sets, dimension, generator=generator, dtype=torch.float64).to(dtype)


def slow_nt_xent(z, temperature, anchors="both"):
    """Equation 1 term by term, in double precision, averaged over all positive pairs."""
    views, sets, _ = z.shape
    flat = [(v, n) for v in range(views) for n in range(sets)]

    def similarity(a, b):
        x, y = z[a].double(), z[b].double()
        return (x @ y / (x.norm() * y.norm())).item() / temperature

    terms = []
    for v, n in flat:
        if anchors == "first" and v > 0:
            continue
        others = [similarity((v, n), k) for k in flat if k != (v, n)]
        top = max(others)
        log_sum = top + math.log(sum(math.exp(s - top) for s in others))
        terms += [log_sum - similarity((v, n), (u, n)) for u in range(views) if u != v]
    return sum(terms) / len(terms)


def test_the_contract_suite_passes():
    assert [r for r in check(entry_for(NTXent)) if not r.passed] == []


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("anchors", ["both", "first"])
@pytest.mark.parametrize("views", [2, 3, 4])
def test_it_equals_equation_1_term_by_term(temperature, anchors, views):
    z = projections(views=views, dtype=torch.float64)

    assert build(temperature, anchors)(z).item() == pytest.approx(
        slow_nt_xent(z, temperature, anchors), rel=1e-10
    )


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_it_equals_pytorch_metric_learning(temperature):
    # In float32 their quotient of exponentials underflows at temperature 0.01.
    z = projections(sets=40, dimension=16, dtype=torch.float64)
    labels = torch.arange(40).repeat(2)

    theirs = NTXentLoss(temperature=temperature)(z.reshape(80, 16), labels)

    assert build(temperature)(z).item() == pytest.approx(theirs.item(), rel=1e-10)


@pytest.mark.parametrize("anchors", ["both", "first"])
@pytest.mark.parametrize("views", [2, 3])
def test_its_gradient_is_that_of_finite_differences(anchors, views):
    z = projections(views=views, sets=4, dimension=3, dtype=torch.float64).requires_grad_()

    assert torch.autograd.gradcheck(build(0.2, anchors), z)


def test_the_temperature_is_the_papers_unless_told_otherwise():
    z = projections()

    assert NTXent().params.temperature == 0.01
    assert NTXent().build(8)(z).equal(build(0.01)(z))


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_bf16_projections_lose_only_their_own_rounding(temperature):
    rounded = projections(sets=64, dimension=32).bfloat16()

    loss = build(temperature)(rounded)

    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(build(temperature)(rounded.double()).item(), rel=1e-4)


def test_autocast_does_not_reach_the_similarities():
    z = projections(sets=64, dimension=32)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = build(0.01)(z)

    assert inside.equal(build(0.01)(z))


def test_projections_of_any_length_stay_finite_with_their_gradients():
    z = projections() * torch.tensor([0.0, 1e-20, 1e-5, 1.0, 1e5, 1e18])[None, :, None]
    z.requires_grad_()

    loss = build(0.01)(z)
    loss.backward()

    assert loss.isfinite()
    assert z.grad[:, 2:].isfinite().all()


def test_one_pair_is_refused():
    with pytest.raises(ValueError, match="loss is exactly 0"):
        build()(projections(sets=1))


@pytest.mark.parametrize("parameters", [{"temperature": 0}, {"temperature": -1}, {"anchors": "b"}])
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(ValidationError):
        NTXentParams(**parameters)


def test_memory_is_one_square_matrix_at_a_time_and_has_no_term_with_the_dimension():
    class Largest(TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else (out,):
                if isinstance(tensor, torch.Tensor):
                    self.elements = max(self.elements, tensor.numel())
            return out

    sets, dimension = 32, 64
    z = projections(sets=sets, dimension=dimension).requires_grad_()

    with Largest() as largest:
        build()(z).backward()

    assert largest.elements == max((2 * sets) ** 2, 2 * sets * dimension)


batches = st.tuples(st.integers(2, 3), st.integers(2, 9), st.integers(0, 2**31))
hyper = settings(max_examples=50, deadline=None)


@hyper
@given(batch=batches, order_seed=st.integers(0, 2**31), anchors=st.sampled_from(["both", "first"]))
def test_the_order_of_sets_does_not_matter(batch, order_seed, anchors):
    views, sets, seed = batch
    z = projections(views, sets, seed=seed, dtype=torch.float64)
    order = torch.randperm(sets, generator=torch.Generator().manual_seed(order_seed))

    loss = build(anchors=anchors)

    assert loss(z[:, order]).item() == pytest.approx(loss(z).item(), rel=1e-9)


@hyper
@given(batch=batches)
def test_the_order_of_views_does_not_matter_when_all_are_anchors(batch):
    views, sets, seed = batch
    z = projections(views, sets, seed=seed, dtype=torch.float64)

    assert build()(z.flip(0)).item() == pytest.approx(build()(z).item(), rel=1e-9)


@hyper
@given(batch=batches, scale=st.floats(0.01, 100))
def test_the_length_of_projections_does_not_matter(batch, scale):
    views, sets, seed = batch
    z = projections(views, sets, seed=seed, dtype=torch.float64)

    assert build()(z * scale).item() == pytest.approx(build()(z).item(), rel=1e-9)


@hyper
@given(batch=batches, temperature=st.sampled_from(TEMPERATURES))
def test_it_stays_within_its_bounds(batch, temperature):
    views, sets, seed = batch
    loss = build(temperature)(projections(views, sets, seed=seed, dtype=torch.float64)).item()

    others = views * sets - 1
    assert math.log1p((others - 1) * math.exp(-2 / temperature)) - 1e-12 <= loss
    assert loss <= math.log(others) + 2 / temperature


def test_first_anchors_and_both_differ():
    z = projections()

    assert build(anchors="first")(z).item() != build(anchors="both")(z).item()

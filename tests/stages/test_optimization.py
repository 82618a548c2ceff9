"""Optimizers and the course of their rate, held to their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from mpcs_bench.protocol.schema import Optimizer
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.optimization import autocast, backward, build_optimizer, build_schedule


def settings(**values: Any) -> Optimizer:
    return Optimizer.model_validate({"learning_rate": 0.5} | values)


def model() -> nn.Linear:
    """One layer: weight 1, bias 1; `step` gives both a gradient of 2."""
    layer = nn.Linear(2, 2)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    return layer


def step(layer: nn.Linear, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
    """Return weight and bias after a step."""
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    optimizer.step()
    return float(layer.weight[0, 0].detach()), float(layer.bias[0].detach())


def test_sgd_has_the_classical_momentum() -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="sgd", momentum=0.9))
    assert step(layer, optimizer) == pytest.approx((1 - 0.5 * 2,) * 2)
    assert step(layer, optimizer) == pytest.approx((0 - 0.5 * (0.9 * 2 + 2),) * 2)


def test_sgd_without_momentum_is_allowed() -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="sgd", momentum=0.0))
    assert [step(layer, optimizer)[0] for _ in range(2)] == pytest.approx([0.0, -1.0])


def test_weight_decay_is_for_weights_and_not_for_biases() -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="sgd", momentum=0.0, weight_decay=0.1))
    assert step(layer, optimizer) == pytest.approx((1 - 0.5 * (2 + 0.1), 1 - 0.5 * 2))


def test_adams_first_step_is_the_rate() -> None:
    layer = model()
    assert step(layer, build_optimizer(layer, settings(name="adam"))) == pytest.approx((0.5, 0.5))


def test_adamw_decays_apart_from_the_gradient() -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="adamw", weight_decay=0.1))
    assert step(layer, optimizer) == pytest.approx((1 * (1 - 0.5 * 0.1) - 0.5, 0.5))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lars_sets_the_rate_of_weights_by_their_norm_with_and_without_decay(decay: float) -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="lars", momentum=0.0, weight_decay=decay))
    norm, gradient = math.sqrt(4 * 1**2), math.sqrt(4 * 2**2)
    trust = 0.001 * norm / (gradient + decay * norm)
    expected = (1 - 0.5 * trust * (2 + decay * 1), 1 - 0.5 * 2)
    assert step(layer, optimizer) == pytest.approx(expected, rel=1e-5)


def test_lars_has_momentum() -> None:
    layer = model()
    optimizer = build_optimizer(layer, settings(name="lars", momentum=0.9))
    assert [step(layer, optimizer)[1] for _ in range(2)] == pytest.approx([0.0, -1.9])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "lars"])
def test_every_optimizer_reaches_every_parameter_and_spares_the_frozen(name: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    network[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    optimizer = build_optimizer(network, settings(name=name, weight_decay=0.1))
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    assert all(group["lr"] == 0.5 for group in optimizer.param_groups)


def rates(steps: int, **values: Any) -> list[float]:
    layer = model()
    optimizer = build_optimizer(layer, settings(learning_rate=2.0, **values))
    schedule = build_schedule(optimizer, settings(learning_rate=2.0, **values), steps)
    seen = []
    for _ in range(steps):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return seen


def test_a_constant_rate_stays() -> None:
    assert rates(5) == [2.0] * 5


def test_a_warm_up_is_linear_and_ends_at_the_whole_rate() -> None:
    assert rates(10, warmup=0.4) == pytest.approx([0.5, 1.0, 1.5, 2.0, *[2.0] * 6])


def test_a_cosine_falls_from_the_whole_rate_to_almost_nothing() -> None:
    assert rates(4, schedule="cosine") == pytest.approx(
        [1 + math.cos(math.pi * k / 4) for k in range(4)]
    )


def test_a_cosine_begins_where_the_warm_up_ends() -> None:
    expected = [1.0, 2.0, *(1 + math.cos(math.pi * k / 6) for k in range(6))]
    assert rates(8, schedule="cosine", warmup=0.25) == pytest.approx(expected)


@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_even_the_shortest_training_has_rates_above_zero(warmup: float, steps: int) -> None:
    assert all(0 < rate <= 2 for rate in rates(steps, schedule="cosine", warmup=warmup))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_torchs_own_optimizers_are_fused_and_go_the_same_way(name: str) -> None:
    torch.manual_seed(0)
    start, ends = nn.Linear(8, 8).state_dict(), []
    gradients = [torch.randn(8, 8) for _ in range(5)]
    for fused in (True, False):
        layer = nn.Linear(8, 8)
        layer.load_state_dict(start)
        optimizer = build_optimizer(layer, settings(name=name, learning_rate=0.01))
        assert all(group["fused"] for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            group["fused"] = fused
        for gradient in gradients:
            layer.weight.grad, layer.bias.grad = gradient.clone(), gradient[0].clone()
            optimizer.step()
        ends.append(layer.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-5, atol=1e-6)


def test_lars_is_timms() -> None:
    optimizer = build_optimizer(model(), settings(name="lars"))
    assert type(optimizer).__module__.startswith("timm.")


def test_complex_weights_are_not_fused() -> None:
    layer = nn.Linear(2, 2, dtype=torch.complex64)
    optimizer = build_optimizer(layer, settings(name="adam"))
    assert not optimizer.param_groups[0]["fused"]


def tf32() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


def test_tf32_holds_for_the_passes_alone() -> None:
    fix(1, deterministic=True)
    seen: list[tuple[bool, bool]] = []
    weight = torch.ones(2, requires_grad=True)
    with autocast(torch.device("cuda"), "tf32"):
        seen.append(tf32())
        loss = (weight * 2).sum()
    weight.register_hook(lambda _gradient: seen.append(tf32()))
    assert tf32() == (False, False)
    backward(loss, "tf32")
    assert seen == [(True, True)] * 2
    assert tf32() == (False, False)
    with pytest.raises(ValueError, match="it broke"), autocast(torch.device("cuda"), "tf32"):
        raise ValueError("it broke")
    assert tf32() == (False, False)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)],
)
def test_a_precision_is_that_of_the_forward_pass(precision: str, dtype: torch.dtype) -> None:
    with autocast(torch.device("cpu"), precision):
        assert model()(torch.ones(1, 2)).dtype == dtype


@pytest.mark.parametrize("name", ["sgd", "adam", "lars"])
def test_bias_scale_multiplies_the_rate_of_biases_alone(name: str) -> None:
    moved = []
    for scale in (1.0, 0.25):
        layer = model()
        options = {"momentum": 0.0} if name != "adam" else {}
        optimizer = build_optimizer(layer, settings(name=name, bias_scale=scale, **options))
        weight, bias = step(layer, optimizer)
        moved.append((1 - weight, 1 - bias))
    (weight, bias), (same, less) = moved
    assert same == pytest.approx(weight)
    assert less == pytest.approx(0.25 * bias)


def test_the_schedule_keeps_the_scale_of_biases() -> None:
    layer = model()
    chosen = settings(name="sgd", bias_scale=0.1, schedule="cosine")
    optimizer = build_optimizer(layer, chosen)
    schedule = build_schedule(optimizer, chosen, 4)
    step(layer, optimizer)
    schedule.step()
    weight, bias = schedule.get_last_lr()
    assert bias == pytest.approx(0.1 * weight)

"""The contract of a pre-training loss, as checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpcs_bench.registry.loss import Loss
from mpcs_bench.registry.suite_result import Check, require

if TYPE_CHECKING:
    from torch import Tensor

VIEWS, SETS, DIMENSION = 2, 12, 16


def loss_checks(loss: Loss) -> list[Check]:
    """Return the checks of `loss` on small random projections."""
    suite = _LossSuite(loss)
    return [
        Check("finite scalar", suite.finite_scalar),
        Check("gradient", suite.gradient, needs=("finite scalar",)),
        Check("order of sets", suite.order_of_sets, needs=("finite scalar",)),
        Check("single pair", suite.single_pair, needs=("finite scalar",)),
        Check("bf16", suite.bf16, needs=("finite scalar",)),
    ]


class _LossSuite:
    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def _value(self, z: Tensor) -> Tensor:
        """Return the loss of `z` from a module built anew: equal weights, no memory."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            value = self.loss.build(z.shape[-1])(z)
        require(isinstance(value, torch.Tensor), f"forward() returns {type(value).__name__}")
        return value  # type: ignore[no-any-return]

    def _projections(self) -> Tensor:
        import torch

        generator = torch.Generator().manual_seed(0)
        return torch.randn(VIEWS, SETS, DIMENSION, generator=generator)

    def finite_scalar(self) -> None:
        value = self._value(self._projections())
        require(value.ndim == 0, f"the loss has the shape {tuple(value.shape)}, not a scalar's")
        require(bool(value.isfinite()), f"the loss of random projections is {value.item()}")

    def gradient(self) -> None:
        z = self._projections().requires_grad_()
        value = self._value(z)
        require(value.requires_grad, "the loss does not depend on z, as far as autograd sees")
        value.backward()  # type: ignore[no-untyped-call]
        grad = z.grad
        if grad is None:
            require(False, "no gradient reaches z")
            return
        require(bool(grad.isfinite().all()), "the gradient of z is not finite")
        require(bool(grad.any()), "the gradient of z is zero throughout")

    def order_of_sets(self) -> None:
        import torch

        z = self._projections()
        order = torch.randperm(SETS, generator=torch.Generator().manual_seed(1))
        given, permuted = self._value(z).item(), self._value(z[:, order]).item()
        near = abs(given - permuted) <= 1e-4 * max(1.0, abs(given))
        require(near, f"the loss changes from {given} to {permuted} when the sets change places")

    def single_pair(self) -> None:
        try:
            value = self._value(self._projections()[:, :1])
        except ValueError:
            return
        require(False, f"one pair alone gives {value.item()}; it must raise ValueError")

    def bf16(self) -> None:
        value = self._value(self._projections().bfloat16())
        require(bool(value.isfinite()), f"the loss of bf16 projections is {value.item()}")

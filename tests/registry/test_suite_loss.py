"""The contract suite of losses: a sound one passes, a fault fails its own check."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mpcs_bench.registry import Loss, check_projections, entry_for
from mpcs_bench.registry.suite import check


class Module(nn.Module):
    def __init__(self, owner):
        super().__init__()
        self.owner = owner

    def forward(self, z):
        return self.owner.value(z)


class Sound(Loss):
    name = "sound"

    def build(self, dimension):
        return Module(self)

    def value(self, z):
        check_projections(z)
        unit = nn.functional.normalize(z.float(), dim=-1)
        return 1 - (unit[0] * unit[1]).sum(-1).mean()


class OnePerSet(Sound):
    def value(self, z):
        check_projections(z)
        return (z[0] * z[1]).sum(-1)


class NotFinite(Sound):
    def value(self, z):
        return super().value(z) / 0


class Detached(Sound):
    def value(self, z):
        return super().value(z.detach())


class Flat(Sound):
    def value(self, z):
        return super().value(z) * 0 + 1


class OrderMatters(Sound):
    def value(self, z):
        weight = torch.arange(z.shape[1])[:, None]
        return super().value(z) + (z[0] * weight).mean()


class AcceptsOnePair(Sound):
    def value(self, z):
        return 1 - nn.functional.cosine_similarity(*z.float(), dim=-1).mean()


class RefusesBf16(Sound):
    def value(self, z):
        return super().value(z) + (z @ torch.zeros(z.shape[-1], 1)).mean()


def failures(cls):
    return {r.name: r.message for r in check(entry_for(cls)) if not r.passed}


def test_a_sound_loss_passes_every_check():
    assert failures(Sound) == {}


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (OnePerSet, "finite scalar", "shape (12,)"),
        (NotFinite, "finite scalar", "inf"),
        (Detached, "gradient", "does not depend on z"),
        (Flat, "gradient", "zero throughout"),
        (OrderMatters, "order of sets", "change places"),
        (AcceptsOnePair, "single pair", "must raise ValueError"),
        (RefusesBf16, "bf16", "raised RuntimeError"),
    ],
)
def test_a_fault_fails_exactly_the_check_that_is_meant(cls, name, message):
    found = failures(cls)

    assert list(found) == [name]
    assert message in found[name]


def test_a_loss_with_its_own_weights_is_compared_at_equal_weights():
    class Predicting(Sound):
        def build(self, dimension):
            module = Module(self)
            module.predictor = nn.Linear(dimension, dimension)
            self.predictor = module.predictor
            return module

        def value(self, z):
            return super().value(torch.stack([self.predictor(z[0].float()), z[1].float()]))

    assert failures(Predicting) == {}

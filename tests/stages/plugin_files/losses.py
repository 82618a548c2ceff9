"""Losses: one with a predictor and dropout of its own, and some that break their contract."""

from __future__ import annotations

import torch
from torch import nn

from mpcs_bench.registry.loss import Loss


class Predictor(Loss):
    """One view predicts the other; the predictor is trained along."""

    name = "predictor"

    def build(self, dimension: int) -> nn.Module:
        return _Predictor(dimension)


class _Predictor(nn.Module):
    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.predictor = nn.Sequential(nn.Dropout(0.2), nn.Linear(dimension, dimension))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return -nn.functional.cosine_similarity(self.predictor(z[0]), z[1].detach(), dim=1).mean()


class NotANumber(Loss):
    """Gives NaN from the third batch on."""

    name = "not-a-number"

    def build(self, dimension: int) -> nn.Module:
        return _NotANumber()


class _NotANumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return z.square().mean() * (torch.nan if self.calls > 2 else 1)


class PerPair(Loss):
    """Gives one number for each pair."""

    name = "per-pair"

    def build(self, dimension: int) -> nn.Module:
        return _PerPair()


class _PerPair(nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z[0] - z[1]).square().mean(dim=1)


class Hungry(Loss):
    """Asks for a pebibyte."""

    name = "hungry"

    def build(self, dimension: int) -> nn.Module:
        return _Hungry()


class _Hungry(nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.mean() + torch.empty(2**50, dtype=torch.uint8).sum()


class Queue(Loss):
    """Remembers the last batch, in a buffer that no state dict holds, and draws from torch."""

    name = "queue"

    def build(self, dimension: int) -> nn.Module:
        return _Queue(dimension)


class _Queue(nn.Module):
    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(dimension), persistent=False)
        self.scale = nn.Parameter(torch.ones(dimension))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(z.shape[-1])
        loss = (z[0] * self.scale - z[1].detach()).square().mean()
        loss = loss + (z[0] * (self.last + noise)).mean()
        self.last.copy_(z.detach().mean(dim=(0, 1)))
        return loss

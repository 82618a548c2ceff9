"""Shares of simulated runs, and how far chance lets them stray."""

from __future__ import annotations

import numpy as np
import pytest


def _rate(event, seed: int, runs: int = 2000):
    """Return the share of runs in which `event(generator)` is true, for each of its answers."""
    generator = np.random.default_rng(seed)
    return np.mean([np.asarray(event(generator), dtype=bool) for _ in range(runs)], axis=0)


def _about(expected: float, runs: int = 2000):
    """Allow what chance allows a share of `runs` runs in 999 of 1000 cases, in both directions."""
    return pytest.approx(expected, abs=3.3 * (expected * (1 - expected) / runs) ** 0.5)


def _at_most(expected: float, runs: int = 2000) -> float:
    """Allow the same upwards only."""
    return expected + 3.1 * (expected * (1 - expected) / runs) ** 0.5


@pytest.fixture(scope="session")
def rate():
    return _rate


@pytest.fixture(scope="session")
def about():
    return _about


@pytest.fixture(scope="session")
def at_most():
    return _at_most

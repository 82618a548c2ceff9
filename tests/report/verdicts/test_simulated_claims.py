"""How often a verdict on a claim is wrong, over many runs of five folds at 80/20."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

REPEATS = 1000
PRINTED = 2.0
"""Points by which the made-up paper prints the one row above the other."""


def runs(rng: np.random.Generator, mean: float, sd: float) -> Iterator[list[float]]:
    """Yield differences of five folds that are correlated as the corrected t assumes."""
    rho = 0.2
    for _ in range(REPEATS):
        shared, own = rng.normal(0, sd * np.sqrt(rho)), rng.normal(0, sd * np.sqrt(1 - rho), 5)
        yield list(mean + shared + own)


@pytest.mark.parametrize("sd", [0.8, 1.5])
def test_a_significance_that_is_as_large_as_printed_is_rarely_refuted(
    study, claim, pair, trained, sd
):
    """At an sd of 0.8 the printed size is about what these folds can show, at 1.5 it is less."""
    own = study(claim("significance", more="    claimed: {p: 0.05}\n"))
    words = [
        own.claim(pair(70, differences), trained("higher")).word
        for differences in runs(np.random.default_rng(1), PRINTED, sd)
    ]

    assert words.count("does not hold") / REPEATS <= 0.025


@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_an_improvement_that_is_off_by_the_margin_rarely_holds(study, claim, pair, trained, sd):
    own = study(claim("improvement", more="    claimed: {value: 2.52, unit: percent}\n"))
    asked = trained("higher", difference=2.52, low=2.4, high=2.6)
    words = [
        own.claim(pair(70, differences), asked).word
        for differences in runs(np.random.default_rng(2), 2.52 + 3.0, sd)
    ]

    assert words.count("holds") / REPEATS <= 0.05

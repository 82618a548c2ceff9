"""Are new values worse than old ones, block by block? An exact test for samples of a few seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.protocol.seeds import seed

EXACT_UP_TO = 200_000
DRAWS = 99_999
TIE = 1e-9

Sample = Mapping[str, Mapping[str, float]]
"""Values by block (a fold of one split) and by seed."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the new values lie from the old: the mean over blocks of the difference of means.

    `p` is that of values as low (`better` higher), or as far away (`either`), where old and new
    are one sample; `smallest_p` the least that these numbers of values can give.
    """

    difference: float
    p: float
    smallest_p: float
    n_before: int
    n_after: int


def blocked_shift(before: Sample, after: Sample, *, two_sided: bool = False) -> Shift | None:
    """Test whether `after` is worse than `before`, or with `two_sided` another.

    Within a block, if nothing has changed, which values are old and which new is chance: all ways
    to divide them are counted (beyond 200,000, 99,999 are drawn). Blocks differ as they like; the
    number of seeds may differ between blocks and sides. None where no block has both sides.
    """
    shared = [block for block in sorted(before) if block in after and before[block]]
    pairs = [
        (np.array(list(before[block].values())), np.array(list(after[block].values())))
        for block in shared
        if after[block]
    ]
    if not pairs:
        return None
    observed = float(np.mean([new.mean() - old.mean() for old, new in pairs]))
    ways = prod(comb(len(old) + len(new), len(new)) for old, new in pairs)
    chance = _all_ways(pairs) if ways <= EXACT_UP_TO else _drawn(pairs)
    extreme = np.abs(chance) >= abs(observed) - TIE if two_sided else chance <= observed + TIE
    if ways <= EXACT_UP_TO:
        p = float(np.mean(extreme))
        # A division and its mirror image are as far away, where both sides are as large.
        mirrored = two_sided and all(len(old) == len(new) for old, new in pairs)
        smallest = min(1.0, (2 if mirrored else 1) / ways)
    else:
        p = (1 + int(extreme.sum())) / (DRAWS + 1)
        smallest = 1 / (DRAWS + 1)
    return Shift(
        difference=observed,
        p=p,
        smallest_p=smallest,
        n_before=sum(len(old) for old, _ in pairs),
        n_after=sum(len(new) for _, new in pairs),
    )


def _all_ways(
    pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> NDArray[np.float64]:
    total = np.zeros(1)
    for old, new in pairs:
        total = np.add.outer(total, _block(old, new)).ravel()
    return total / len(pairs)


def _block(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference of means for each way to divide one block's values."""
    values = np.concatenate([old, new])
    chosen = np.array(list(combinations(range(len(values)), len(new))))
    mean = values[chosen].mean(axis=1)
    rest = (values.sum() - mean * len(new)) / len(old)
    difference: NDArray[np.float64] = mean - rest
    return difference


def _drawn(
    pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> NDArray[np.float64]:
    source = np.random.default_rng(seed(0, "check", "permutation"))
    total = np.zeros(DRAWS)
    for old, new in pairs:
        values = np.tile(np.concatenate([old, new]), (DRAWS, 1))
        mixed = source.permuted(values, axis=1)
        total += mixed[:, : len(new)].mean(axis=1) - mixed[:, len(new) :].mean(axis=1)
    return total / len(pairs)

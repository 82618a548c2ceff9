"""How small a p a test can give at all, from its number of values."""

from __future__ import annotations

import math
from typing import Literal

DiscreteTest = Literal["sign-flip", "wilcoxon", "mann-whitney", "mcnemar"]


def smallest_attainable_p(method: DiscreteTest, n: int, other: int | None = None) -> float:
    """Return the smallest two-sided p of an exact test, without ties or zeros.

    `sign-flip` and `wilcoxon` (signed rank): `n` pairs, 2 / 2^n, which is 0.0625 at five folds.
    `mcnemar` (exact): `n` items that only one of the two has right, 2 / 2^n likewise.
    `mann-whitney`: `n` against `other` values (`n` against `n` where None), 2 / C(n + other, n),
    which is 0.0079 at 5 against 5. Raises ValueError for no values or an unknown method.
    """
    if n < 1 or (other is not None and other < 1):
        raise ValueError(f"{method} needs at least one value, not n = {n}, other = {other}")
    if method == "mann-whitney":
        patterns = math.comb(n + (n if other is None else other), n)
    elif method in ("sign-flip", "wilcoxon", "mcnemar"):
        patterns = 2**n
    else:
        raise ValueError(f"no exact test '{method}': sign-flip, wilcoxon, mann-whitney, mcnemar")
    return min(1.0, 2 / patterns)

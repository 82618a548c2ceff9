"""Random numbers from a counter: the same on every device, for any batch order or worker count.

Each number is a hash of (seed, epoch, sample, view, operation, index): drawing one needs no other,
so nothing depends on who drew before. The mixing function is the finaliser of SplitMix64
(Steele, Lea & Flood, OOPSLA 2014).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

UInt64 = npt.NDArray[np.uint64]
Float64 = npt.NDArray[np.float64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)


def mix(state: UInt64) -> UInt64:
    """Return a well mixed 64-bit hash of each element."""
    with np.errstate(over="ignore"):
        state = state + _STEP
        state = (state ^ (state >> np.uint64(30))) * _MULTIPLY_1
        state = (state ^ (state >> np.uint64(27))) * _MULTIPLY_2
    mixed: UInt64 = state ^ (state >> np.uint64(31))
    return mixed


def name_code(name: str) -> np.uint64:
    """Return the 64-bit code of a name (of an operation, of a sample)."""
    return np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def sample_codes(sample_ids: list[str]) -> UInt64:
    """Return one code per sample id: a sample's draws do not depend on its row."""
    return np.array([name_code(name) for name in sample_ids], dtype=np.uint64)


def uniform(
    seed: int, epoch: int, samples: UInt64, *, view: int, operation: str, count: int
) -> Float64:
    """Return uniform numbers in [0, 1), shape [n, count], for `samples[n]` (codes)."""
    key = mix(np.array([seed], dtype=np.uint64))
    for part in (epoch, view, int(name_code(operation))):
        key = mix(key ^ np.uint64(part))
    state = mix(samples[:, None] ^ key)
    counters = np.arange(count, dtype=np.uint64)[None, :]
    bits = mix(state ^ mix(counters))
    numbers: Float64 = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


def permutation(seed: int, epoch: int, samples: UInt64, operation: str) -> npt.NDArray[np.int64]:
    """Return an order of the samples for this epoch, [n]; it depends on their codes alone."""
    keys = uniform(seed, epoch, samples, view=0, operation=operation, count=1)[:, 0]
    order: npt.NDArray[np.int64] = np.lexsort((samples, keys))
    return order

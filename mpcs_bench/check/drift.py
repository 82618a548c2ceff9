"""How far a result that was made again lies from the one that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcs_bench.check.digests import WEIGHTS, result_digest
from mpcs_bench.records import Result


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs between a stored result and its rerun.

    `equal` says that nothing does, bit for bit. `largest_logit` is the largest difference of one
    logit, `decisions` how many of `predictions` were decided otherwise, `metrics` the differences
    (rerun less stored) of those that differ, `metrics_alone` those that only one of the two has,
    or has a number for. `weights` says whether a pre-training's weights are the same (None: it has
    none).
    """

    equal: bool
    predictions: int
    decisions: int
    largest_logit: float
    metrics: Mapping[str, float]
    metrics_alone: tuple[str, ...]
    weights: bool | None


def drift(stored: Result, again: Result) -> Drift:
    """Return what differs; the predictions are matched by part and sample."""
    old, new = (_predictions(result) for result in (stored, again))
    shared = sorted(old.keys() & new.keys())
    alone = len(old.keys() ^ new.keys())
    largest = max((_distance(old[key][1], new[key][1]) for key in shared), default=0.0)
    decisions = sum(old[key][0] != new[key][0] for key in shared) + alone
    metrics = [_metrics(result) for result in (stored, again)]
    numbers = [{name for name in own if not np.isnan(own[name])} for own in metrics]
    files = (stored.manifest.files.get(WEIGHTS), again.manifest.files.get(WEIGHTS))
    return Drift(
        equal=result_digest(stored) == result_digest(again),
        predictions=len(old.keys() | new.keys()),
        decisions=decisions,
        largest_logit=largest,
        metrics={
            name: metrics[1][name] - metrics[0][name]
            for name in sorted(numbers[0] & numbers[1])
            if metrics[0][name] != metrics[1][name]
        },
        metrics_alone=tuple(
            sorted(metrics[0].keys() ^ metrics[1].keys() | numbers[0] ^ numbers[1])
        ),
        weights=files[0] == files[1] if all(files) else None,
    )


def _predictions(result: Result) -> dict[tuple[str, str], tuple[int, list[float]]]:
    return {
        (row["part"], row["sample_id"]): (row["predicted"], row["logits"])
        for row in result.predictions().to_pylist()
    }


def _distance(left: list[float], right: list[float]) -> float:
    if len(left) != len(right):
        return float("inf")
    return float(np.max(np.abs(np.subtract(left, right)), initial=0.0))


def _metrics(result: Result) -> dict[str, float]:
    rows: list[dict[str, Any]] = result.metrics().to_pylist()
    return {
        f"{row['metric']} ({row['part']}, {row['test_magnification']}X)": row["value"]
        for row in rows
    }

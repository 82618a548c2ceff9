"""Compares experiments of any protocols of a workspace, from the public views of its store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.compare.folds import DEFAULT_ROPE
from mpcs_bench.report.compare.pairs import Pair, pairs_of
from mpcs_bench.report.compare.references import known_experiments, resolve
from mpcs_bench.report.compare.sides import Side, read_sides
from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.model import Metric

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PREFERRED = ("patient_accuracy", "image_accuracy")
"""What is compared where no metric is named: the first that all have."""


@dataclass(frozen=True, slots=True)
class Significance:
    """What was found: one pair for each row of each candidate."""

    pairs: tuple[Pair, ...]
    created: datetime

    @property
    def refused(self) -> bool:
        """Whether no pair could be compared."""
        return all(pair.refused for pair in self.pairs)


def compare_experiments(
    connection: DuckDBPyConnection,
    baseline: str,
    candidates: Sequence[str],
    *,
    metric: str | None = None,
    rope: float = DEFAULT_ROPE,
    created: datetime | None = None,
) -> Significance:
    """Hold each of `candidates` to `baseline`: over folds, and for the trained models.

    References are those of `references.resolve`. `metric` is the name of a stored metric (None:
    patient-level accuracy, or image-level where there are no patients); `rope` the half-width of
    the region of practical equivalence, a proportion. What may not be compared is refused in its
    place, naming what differs. Raises ReportError for a name that is unknown or not unique, for a
    control, for what has no result yet, for a metric that not all have, and for an impossible
    `rope`.
    """
    if not (math.isfinite(rope) and 0 <= rope < 1):
        raise ReportError(
            f"A region of practical equivalence cannot be {100 * rope:g} points wide to each side.",
            hint="Give --rope in points, from 0 to 100; 1 is the default.",
        )
    known = known_experiments(connection)
    held_to, *others = (resolve(text, known) for text in (baseline, *candidates))
    if held_to in others:
        raise ReportError(
            f"'{held_to}' cannot be compared with itself.",
            hint="Name another experiment to hold to it, or leave it out of the candidates.",
        )
    sides = read_sides(connection, [held_to, *others])
    chosen = _metric(list(sides.values()), metric)
    return Significance(
        pairs=tuple(
            pair
            for other in dict.fromkeys(others)
            for pair in pairs_of(connection, sides[held_to], sides[other], chosen, rope)
        ),
        created=created or datetime.now(UTC),
    )


def _containing(name: str | None, held: Sequence[str]) -> str:
    """Return ' Did you mean ...?' for the first metric that has `name` as one of its words."""
    near = next((each for each in held if name in each.split("_")), None)
    return f" Did you mean '{near}'?" if near else ""


def _metric(sides: Sequence[Side], asked: str | None) -> Metric:
    held = [name for name in sides[0].metrics if all(name in side.metrics for side in sides)]
    name = asked or next((each for each in PREFERRED if each in held), None)
    if name is None or name not in held:
        lacking = [str(side.reference) for side in sides if name not in side.metrics]
        raise ReportError(
            f"There is no metric '{name or PREFERRED[-1]}' in {', '.join(lacking)}."
            + (did_you_mean(name or "", held) or _containing(name, held)),
            hint=f"Metrics that all have: {', '.join(held) or 'none'}.",
        )
    shown = {metric.name: metric for metric in sides[0].shown}
    return shown.get(name, Metric(name, name, name, "image"))

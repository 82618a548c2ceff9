"""The question of these trained models on new patients or images: tests over what was tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.report.compare.answers import Names
from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.paired_items import PairedItems
from mpcs_bench.report.compare.units import GROUP, IMAGE, PATIENT, Units, patient_units
from mpcs_bench.report.model import ALPHA
from mpcs_bench.report.numbers import counted
from mpcs_bench.stats import (
    TRAINED_MODELS_IMAGES,
    BootstrapMean,
    SignFlip,
    bootstrap_patient_mean,
    bootstrap_ratio,
    bootstrap_stratified,
    mcnemar,
    paired_effect,
    patient_sign_flip,
    proportion_intervals,
)
from mpcs_bench.stats.clusters import Clustered, by_cluster

SIGN_FLIP, BOOTSTRAP, MCNEMAR = "sign-flip by item", "bootstrap", "mcnemar"
POOLED = "every image of every magnification weighs the same"
LEAST_CLUSTERS = 20
"""An interval of fewer is too short to decide: at 95 % it holds the truth in 92 % with 20."""
SEVERAL_ANSWERS = (
    "McNemar and intervals of a proportion need one answer per image: seeds or repeats are "
    "averaged here, and the sign-flip by image takes their place"
)


def trained_outcomes(
    columns: Sequence[PairedItems], metric: str, *, patients: bool, family: int = 1
) -> tuple[Outcome, ...]:
    """Return the tests for trained models of one pair, the deciding one first.

    `columns` has the items of one magnification, or of those that a mean is over. `patients` says
    whether the data set has patients; without, images are independent unless a group of the split
    holds several of them. `family` counts the magnifications that are looked at together, for an
    interval that decides: a p is left to Holm. Which tests: `docs/compare.md`.
    """
    joined = _Joined(columns)
    if metric == "patient_accuracy":
        return _by_patient(columns, joined)
    notes = (POOLED,) if len(columns) > 1 else ()
    if metric == "patch_accuracy":
        return (_patches(joined, notes, patients=patients, family=family),)
    if patients:
        return _clustered_images(joined, patient_units(joined.patients, joined.groups), notes)
    if np.unique(joined.groups).size == joined.groups.size:
        return _independent_images(joined)
    return _clustered_images(joined, Units(joined.groups, GROUP), notes)


class _Joined:
    """The items of all columns below each other; those of several magnifications all differ."""

    def __init__(self, columns: Sequence[PairedItems]) -> None:
        self.patients: Names = np.concatenate([column.patients for column in columns])
        self.groups: Names = np.concatenate([column.groups for column in columns])
        self.images: Names = np.concatenate([column.images for column in columns])
        self.labels = np.concatenate([column.labels for column in columns])
        self.candidate = np.concatenate([column.candidate for column in columns])
        self.baseline = np.concatenate([column.baseline for column in columns])
        self.once = all(column.once for column in columns)
        self.repeats = max(column.repeats for column in columns)
        self.difference = self.candidate - self.baseline


def _by_patient(columns: Sequence[PairedItems], joined: _Joined) -> tuple[Outcome, ...]:
    """Each patient's score, averaged over the magnifications that the patient has.

    Every patient weighs the same, also where several are one unit.
    """
    scores = [by_cluster(column.patients, column.difference) for column in columns]
    names = np.concatenate([score.names for score in scores])
    patient = by_cluster(names, np.concatenate([score.means for score in scores]))
    units = patient_units(joined.patients, joined.groups)
    notes = (*_repeated(columns), *units.notes)
    if int(patient.counts.min()) < len(columns):
        lacking = int(np.sum(patient.counts < len(columns)))
        notes += (f"{counted(lacking, 'patient')} without images at every magnification",)
    if units.unit != PATIENT:
        _, first = np.unique(joined.patients, return_index=True)  # in the order of patient.names
        found = by_cluster(units.names[first], patient.means)
        return (
            _flipped(found.names, _shares(found), units.unit, notes),
            _ratio(found, units.unit, notes, rows=int(patient.counts.sum())),
        )
    return (
        _flipped(patient.names, patient.means, PATIENT, notes),
        _bootstrapped(bootstrap_patient_mean(patient.names, patient.means), notes),
    )


def _clustered_images(joined: _Joined, units: Units, notes: tuple[str, ...]) -> tuple[Outcome, ...]:
    notes += units.notes
    found = by_cluster(units.names, joined.difference)
    outcomes = [
        _flipped(found.names, _shares(found), units.unit, notes),
        _ratio(found, units.unit, notes, rows=joined.difference.size),
    ]
    if joined.once:
        outcomes.append(_mcnemar(joined, units.names, notes))
    return tuple(outcomes)


def _shares(found: Clustered) -> NDArray[np.float64]:
    """Return what each cluster adds to the difference of all items, scaled so that they average
    to it: flipping a cluster's sign flips all its items."""
    shares: NDArray[np.float64] = found.sums * (found.sums.size / found.counts.sum())
    return shares


def _independent_images(joined: _Joined) -> tuple[Outcome, ...]:
    stratified = _bootstrapped(bootstrap_stratified(joined.labels, joined.difference), ())
    if not joined.once:
        return (
            _flipped(joined.images, joined.difference, "image", (SEVERAL_ANSWERS,)),
            stratified,
        )
    return (
        _mcnemar(joined, joined.images, ()),
        stratified,
        *(
            _accuracy(side, values)
            for side, values in (("candidate", joined.candidate), ("baseline", joined.baseline))
        ),
    )


def _patches(joined: _Joined, notes: tuple[str, ...], *, patients: bool, family: int) -> Outcome:
    """The interval decides: with enough units, and at a level that allows for the family."""
    units = Units(joined.images, IMAGE)
    if patients:
        units = patient_units(joined.patients, joined.groups)
    elif np.unique(joined.groups).size < np.unique(joined.images).size:
        units = Units(joined.groups, GROUP)
    notes += units.notes
    found, rows = by_cluster(units.names, joined.difference), int(joined.difference.size)
    if found.names.size < LEAST_CLUSTERS:
        least = f"an interval decides with {LEAST_CLUSTERS} at the least"
        notes += (f"{counted(found.names.size, units.unit)}: {least}",)
    deciding = None
    if family > 1:
        wide = _ratio(found, units.unit, notes, rows=rows, level=1 - ALPHA / family)
        deciding = wide.interval
        notes += (f"of {family} magnifications the interval at {1 - ALPHA / family:.2%} decides",)
    outcome = _ratio(found, units.unit, notes, rows=rows)
    return replace(outcome, decisive=True, deciding=deciding, least_n=LEAST_CLUSTERS)


def _ratio(
    found: Clustered, unit: str, notes: tuple[str, ...], *, rows: int, level: float = 1 - ALPHA
) -> Outcome:
    boot = bootstrap_ratio(found.sums, found.counts, unit=unit, rows=rows, level=level)
    return _bootstrapped(boot, notes)


def _repeated(columns: Sequence[PairedItems]) -> tuple[str, ...]:
    most = max(column.repeats for column in columns)
    return () if most == 1 else (f"some images were tested in {most} splits: averaged",)


def _flipped(
    names: Names | NDArray[np.generic],
    values: NDArray[np.float64],
    unit: str,
    notes: tuple[str, ...],
) -> Outcome:
    flip: SignFlip = patient_sign_flip(names, values, alpha=ALPHA)
    effect = paired_effect(values, unit=unit) if values.size > 1 else None
    return Outcome(
        name=SIGN_FLIP,
        question=flip.question if unit.startswith(PATIENT) else TRAINED_MODELS_IMAGES,
        method=flip.method.replace("by patient", f"by {unit}"),
        unit=unit,
        n=flip.n,
        difference=flip.mean_difference,
        p=flip.p,
        smallest_p=flip.smallest_p,
        effect=effect.d_z if effect else None,
        details={"share_better": effect.superiority} if effect else {},
        notes=(*notes, *flip.warnings),
        decisive=True,
        alpha=flip.alpha,
    )


def _bootstrapped(found: BootstrapMean, notes: tuple[str, ...]) -> Outcome:
    interval, kind = (found.bca, "BCa") if found.bca else (found.percentile, "percentile")
    return Outcome(
        name=BOOTSTRAP,
        question=found.question,
        method=found.method,
        unit=found.unit,
        n=found.n,
        difference=found.estimate,
        interval=interval,
        details={
            "interval": kind if interval else None,
            "percentile": list(found.percentile[:2]) if found.percentile else None,
            "standard_error": found.standard_error,
            "values": found.values,
            "draws": found.draws,
        },
        notes=(*notes, *found.warnings),
    )


def _mcnemar(joined: _Joined, clusters: Names, notes: tuple[str, ...]) -> Outcome:
    found = mcnemar(joined.candidate, joined.baseline, clusters=clusters, alpha=ALPHA)
    odds = found.odds_interval
    return Outcome(
        name=MCNEMAR,
        question=found.question,
        method=f"{found.method} (exact)",
        unit=found.unit,
        n=found.n,
        difference=(found.gained - found.lost) / found.n,
        statistic=found.chi2,
        p=found.p,
        smallest_p=found.smallest_p,
        effect=found.odds_ratio,
        details={
            "gained": found.gained,
            "lost": found.lost,
            "corrected_p": found.corrected_p,
            "odds_interval": [_finite(odds.low), _finite(odds.high)] if odds else None,
        },
        notes=(*notes, *found.warnings),
        decisive=not found.naive,
        alpha=found.alpha,
    )


def _accuracy(side: str, right: NDArray[np.float64]) -> Outcome:
    found = proportion_intervals(int(right.sum()), int(right.size))
    return Outcome(
        name=f"accuracy, {side}",
        question=found.question,
        method=f"Clopper-Pearson interval, {side}",
        unit=found.unit,
        n=found.n,
        interval=found.clopper_pearson,
        effect=found.estimate,
        details={"right": found.successes, "wilson": list(found.wilson[:2])},
    )


def _finite(value: float) -> float | None:
    """Return a value that JSON can hold; None for infinity."""
    return value if math.isfinite(value) else None

"""The printed differences that a claim speaks of, and the ways its words can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from mpcs_bench.report.audit.exact import Exact, exact, exact_mean, shown
from mpcs_bench.report.published.records import Claim, PublishedCell

FACTORS = ("table", "dataset", "metric", "part", "encoder", "strategy", "method", "adaptation")
"""By what a claim may have singled out some of its subjects. Magnifications and fractions of the
labels are not among them: a claim that names several speaks of each; but where there are Means,
too, it may speak of these alone."""
MEANS = "the Means"
MOST_READINGS = 512


@dataclass(frozen=True, slots=True)
class Difference:
    """A printed subject minus its printed baseline, in the cells' unit, and how far the rounding
    of both may have moved it."""

    subject: PublishedCell
    baseline: PublishedCell
    value: Fraction
    decimals: int
    slack: Fraction

    def __str__(self) -> str:
        value = shown(self.value, self.decimals)
        return f"{self.subject.name} - {self.baseline.name} = {value}"


@dataclass(frozen=True, slots=True)
class Reading:
    """Some of a claim's differences, and what singles them out ('' for all of them)."""

    label: str
    differences: tuple[Difference, ...]


def differences(claim: Claim) -> tuple[Difference, ...]:
    """Return the differences of a claim; pairs in different units are left out."""
    found = []
    for subject, baseline in claim.pairs():
        one, other = exact_mean(subject), exact_mean(baseline)
        if one is not None and other is not None and subject.unit == baseline.unit:
            found.append(
                Difference(
                    subject,
                    baseline,
                    one.value - other.value,
                    max(one.decimals, other.decimals),
                    one.half + other.half,
                )
            )
    return tuple(found)


def readings(found: tuple[Difference, ...]) -> Iterator[Reading]:
    """Yield the ways to read which subjects a claim means, from all of them to the fewest.

    Each of `FACTORS` in which the subjects differ is either left open or held at one value.
    """
    choices = []
    parted: set[frozenset[frozenset[int]]] = set()
    for factor in FACTORS:
        values = list(dict.fromkeys(getattr(each.subject, factor) for each in found))
        parts = frozenset(
            frozenset(i for i, each in enumerate(found) if getattr(each.subject, factor) == value)
            for value in values
        )
        if len(values) > 1 and parts not in parted:
            parted.add(parts)
            choices.append([(factor, None), *((factor, value) for value in values)])
    magnifications = {each.subject.magnification for each in found}
    if "mean" in magnifications and len(magnifications) > 1:
        choices.append([("magnification", None), ("magnification", "mean")])
    combinations = sorted(
        product(*choices), key=lambda held: sum(value is not None for _, value in held)
    )
    seen: set[tuple[Difference, ...]] = set()
    for held in combinations[:MOST_READINGS]:
        chosen = tuple(
            each
            for each in found
            if all(v is None or getattr(each.subject, factor) == v for factor, v in held)
        )
        if chosen and chosen not in seen:
            seen.add(chosen)
            names = [MEANS if v == "mean" else str(v) for _, v in held if v is not None]
            yield Reading(", ".join(names), chosen)


def widest(chosen: Iterable[Reading]) -> list[Reading]:
    """Return the readings that are no part of another, in their order."""
    every = [(reading, frozenset(reading.differences)) for reading in chosen]
    return [one for one, inside in every if not any(inside < other for _, other in every)]


def named(chosen: Sequence[Reading]) -> str:
    """Return what singles the readings out; of many, the first three."""
    names = [reading.label or "all of them" for reading in chosen[:3]]
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return "; or ".join(names) + more


def claimed(claim: Claim, value: float) -> Exact:
    """Return a claimed number with the decimals that the quote prints it with.

    A quote that does not hold the number leaves those that the number needs.
    """
    for text in re.findall(r"\d+(?:\.\d+)?", claim.quote):
        if float(text) == abs(value):
            return exact(value, len(text.partition(".")[2]))
    return exact(value, len(f"{value:.10f}".rstrip("0").partition(".")[2]))


def span(found: Iterable[Difference]) -> str:
    """Return 'lowest to highest', or the one difference there is."""
    ordered = sorted(found, key=lambda each: each.value)
    decimals = max(each.decimals for each in ordered)
    low, high = (shown(each.value, decimals) for each in (ordered[0], ordered[-1]))
    return low if low == high else f"{low} to {high}"

"""The margins that a protocol fixed, when, and which of them counts: none may widen after a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_MARGIN = 3.0
"""Percentage points; what counts where nothing else is known to have been fixed before a run."""


@dataclass(frozen=True, slots=True)
class PlannedMargin:
    """A margin in percentage points, and the time since when it is planned (ISO 8601, UTC).

    `results_then` is how many finished cells its plan, or the one that it replaced, had by then.
    """

    value: float
    since: str
    results_then: int


@dataclass(frozen=True, slots=True)
class MarginInForce:
    """The margin that values are held to; `note` says what was set after the run, if anything."""

    value: float
    note: str | None = None


def margin_in_force(planned: float, history: Sequence[PlannedMargin]) -> MarginInForce:
    """Return the margin that counts: the smallest since the last one without any result.

    `planned` is the latest. Where no margin is on record from before the first result, one wider
    than `DEFAULT_MARGIN` counts for no more than that.
    """
    if not history:
        return _undated(planned)
    before = next((one for one in reversed(history) if not one.results_then), None)
    fixed = before.value if before else DEFAULT_MARGIN
    late = [one for one in history if one.results_then and one.value != fixed]
    if not late:
        return MarginInForce(fixed)
    value = min(fixed, *(one.value for one in late))
    last = late[-1]
    verb = "widened" if last.value > fixed else "narrowed"
    source = "" if before else " (the default: none is on record from before the first result)"
    return MarginInForce(
        value,
        f"margin set after the run: {verb} from {fixed:g}{source} to {last.value:g} points on "
        f"{last.since[:10]}, with {last.results_then} result{'s' * (last.results_then != 1)} "
        f"there; the smallest, {value:g}, counts",
    )


def lengthened(
    history: Sequence[PlannedMargin], value: float, since: str, results: int
) -> tuple[PlannedMargin, ...]:
    """Return `history` with a margin that is planned now, where that tells anything new.

    `results` is how many finished cells there are now; they are never fewer than before.
    """
    last = history[-1] if history else None
    seen = max(results, last.results_then if last else 0)
    if last and last.value == value and (last.results_then or not seen):
        return tuple(history)
    return (*history, PlannedMargin(value, since, seen))


def history_from(document: Mapping[str, Any]) -> tuple[PlannedMargin, ...]:
    """Return the history in a plan's document; raises KeyError, TypeError where it is damaged."""
    return tuple(
        PlannedMargin(float(one["value"]), str(one["since"]), int(one["results_then"]))
        for one in document.get("margins", ())
    )


def _undated(planned: float) -> MarginInForce:
    if planned == DEFAULT_MARGIN:
        return MarginInForce(planned)
    value = min(planned, DEFAULT_MARGIN)
    return MarginInForce(
        value,
        f"the plan does not say whether its margin of {planned:g} points was set before the run: "
        f"{value:g} count",
    )

"""A forecast in a few lines, as `plan` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpcs_bench.engine.forecast import Forecast, Unknown


def forecast_lines(forecast: Forecast) -> Iterator[str]:
    """Yield what a forecast says: time, memory, disk, what it rests on, what is unknown."""
    if not forecast.stages:
        return
    device = forecast.calibration.device
    yield f"Forecast for {device.name} ({device.kind}): {_hours(forecast)}."
    if forecast.jobs_why:
        yield f"{_at_once(forecast)} at once: {forecast.jobs_why}."
    if forecast.memory_bytes is not None:
        most = "up to" if forecast.total is not None else "at least"
        yield (
            f"Memory: {most} {size(forecast.memory_bytes)} of {size(device.memory_bytes)}, in "
            f"{forecast.memory_stage}."
        )
    yield f"Disk: {_disk(forecast)}; {size(forecast.disk_free)} are free."
    if forecast.calibration.made is not None:
        yield _grounds(forecast)
    if forecast.may_stop_early:
        yield f"{forecast.may_stop_early} stages may stop early: for them it is the most."
    if forecast.declared:
        yield (
            f"{len(forecast.declared)} stages rest on the counts that their data sets declare, "
            "not on data."
        )
    yield from _unknown(forecast.unknown)
    for warning in forecast.warnings:
        yield f"warning: {warning}."


def duration(hours: float) -> str:
    """Return hours as people say them: 40 s, 3 min, 2.5 h."""
    seconds = hours * 3600
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{hours:.1f} h"


def size(value: int) -> str:
    """Return bytes as people say them: 3 MB, 2.8 GB."""
    return f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"


def _hours(forecast: Forecast) -> str:
    if forecast.total is None or forecast.wall is None:
        known = forecast.at_least
        return f"hours unknown, {duration(known)} or more" if known else "hours and memory unknown"
    kinds = ", ".join(
        f"{kind} {duration(hours)}" for kind, hours in forecast.hours.items() if hours is not None
    )
    return (
        f"{duration(forecast.total)} of the device ({kinds}); {duration(forecast.wall)} with "
        f"{_at_once(forecast)} at once"
    )


def _at_once(forecast: Forecast) -> str:
    return "1 stage" if forecast.jobs == 1 else f"{forecast.jobs} stages"


def _disk(forecast: Forecast) -> str:
    parts = [
        f"{name.replace('_', ' ')} {'unknown' if value is None else size(value)}"
        for name, value in forecast.disk_bytes.items()
        if value != 0
    ]
    return ", ".join(parts) or "next to nothing"


def _grounds(forecast: Forecast) -> str:
    made = (forecast.calibration.made or "").partition("T")[0]
    spread = (
        f"; repeats of a step differed by up to {forecast.spread:.0%}"
        if forecast.spread is not None
        else ""
    )
    return (
        f"It is an extrapolation from steps timed here on {made}{spread}. Preparing data and "
        "writing reports are not in it."
    )


def _unknown(unknown: tuple[Unknown, ...]) -> Iterator[str]:
    reasons = Counter(item.why for item in unknown)
    for why, number in reasons.items():
        what = next(item.what for item in unknown if item.why == why)
        more = f" and {number - 1} more" if number > 1 else ""
        yield f"unknown: {what}{more}: {why}."

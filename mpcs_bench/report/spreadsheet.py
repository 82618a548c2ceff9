"""Writes every number of a report as CSV, one line for each method, metric and magnification."""

from __future__ import annotations

import csv
import io
from typing import Any

from mpcs_bench.report.model import Block, Comparison, Report, Row
from mpcs_bench.stats import paired_effect

FIELDS = (
    "protocol", "scale", "dataset", "metric", "experiment", "label", "variant", "control",
    "selected_on_test", "train_magnification", "test_magnification", "values", "planned",
    "mean", "sd", "sd_of", "pooled", "pooled_n", "baseline", "difference", "interval_low",
    "interval_high", "p", "p_holm", "p_every_seed", "smallest_detectable", "sign_flip_p",
    "sign_flip_smallest_p", "wilcoxon_p", "pairs", "effect",
    "trained_unit", "trained_n", "trained_difference", "trained_interval_low",
    "trained_interval_high", "trained_p", "trained_p_holm", "trained_smallest_p",
    "trained_effect", "trained_method", "trained_finding", "finding", "refused",
)  # fmt: skip


def render_csv(report: Report) -> str:
    """Return accuracies and differences as proportions, unrounded; a missing value is empty.

    The lines with `test_magnification` 'mean' are the Mean column; `sd_of` names its standard
    deviation. `effect` is Cohen's d_z over folds, seeds averaged; `trained_effect` that over
    patients or images, or McNemar's odds ratio, as `trained_method` says.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for block in report.blocks:
        by_place = {(c.candidate, c.column): c for c in block.comparisons}
        for row in block.rows:
            shared = _shared(report, block, row)
            for line in _lines(block, row):
                comparison = by_place.get((row.key, line.pop("column")))
                values = shared | line | _compared(comparison)
                writer.writerow({name: _inert(value) for name, value in values.items()})
    return stream.getvalue()


def _shared(report: Report, block: Block, row: Row) -> dict[str, Any]:
    return {
        "protocol": report.protocol,
        "scale": row.scale,
        "dataset": block.dataset,
        "metric": block.metric.name,
        "experiment": row.experiment,
        "label": row.label,
        "variant": "; ".join(f"{name}={value}" for name, value in row.variant),
        "control": row.control,
        "selected_on_test": row.selected_on_test,
    }


def _lines(block: Block, row: Row) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {
            "column": entry.column,
            "train_magnification": _name(entry.column.train),
            "test_magnification": _name(entry.column.test),
            "values": len(entry.values),
            "planned": len(entry.planned),
            "mean": entry.summary.mean if entry.summary else "",
            "sd": _or_empty(entry.summary.sd if entry.summary else None),
            "sd_of": "folds and seeds",
            "pooled": entry.pooled.value if entry.pooled else "",
            "pooled_n": entry.pooled.n if entry.pooled else "",
        }
        for entry in row.entries
    ]
    if block.has_mean:
        mean: dict[str, Any] = {"column": None, "test_magnification": "mean"}
        centre = row.mean.mean_of_means if row.mean else ""
        spreads = {
            "mean of SDs": row.mean.mean_of_sds if row.mean else None,
            "pooled over magnifications": row.mean.pooled_sd if row.mean else None,
            "mean over magnifications, over folds and seeds": (
                row.fold_mean.sd if row.fold_mean else None
            ),
        }
        lines += [
            mean | {"mean": centre, "sd": _or_empty(sd), "sd_of": name}
            for name, sd in spreads.items()
        ]
    return lines


def _compared(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {}
    line: dict[str, Any] = {
        "baseline": comparison.baseline,
        "finding": comparison.finding,
        "refused": comparison.refused or "",
        "p_holm": _or_empty(comparison.p_adjusted),
    }
    if (test := comparison.test) is not None:
        low, high = test.interval[:2] if test.interval else ("", "")
        line |= {
            "difference": test.mean_difference,
            "interval_low": low,
            "interval_high": high,
            "p": _or_empty(test.p),
            "smallest_detectable": _or_empty(test.minimum_detectable),
            "pairs": test.n,
            "effect": _or_empty(_effect(comparison)),
        }
    if comparison.every_seed is not None:
        line["p_every_seed"] = _or_empty(comparison.every_seed.p)
    if (ranks := comparison.signed_rank) is not None:
        line["wilcoxon_p"] = ranks.p
    if (flip := comparison.sign_flip) is not None:
        line |= {"sign_flip_p": flip.p, "sign_flip_smallest_p": flip.smallest_p}
    return line | _trained(comparison)


def _effect(comparison: Comparison) -> float | None:
    differences = [fold.difference for fold in comparison.folds]
    return paired_effect(differences).d_z if len(differences) > 1 else None


def _trained(comparison: Comparison) -> dict[str, Any]:
    test, interval = comparison.decisive, comparison.resampled
    if test is None:
        return {}
    low, high = interval.interval[:2] if interval and interval.interval else ("", "")
    return {
        "trained_unit": test.unit,
        "trained_n": test.n,
        "trained_difference": _or_empty(test.difference),
        "trained_interval_low": low,
        "trained_interval_high": high,
        "trained_p": _or_empty(test.p),
        "trained_p_holm": _or_empty(test.p_adjusted),
        "trained_smallest_p": _or_empty(test.smallest_p),
        "trained_effect": _or_empty(test.effect),
        "trained_method": test.method,
        "trained_finding": test.finding,
    }


def _name(magnification: int | None) -> str:
    return "all" if magnification is None else str(magnification)


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value


def _inert(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula; numbers stay numbers."""
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if formula else value

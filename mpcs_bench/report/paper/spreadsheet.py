"""Writes every cell of a publication's table as CSV, one line a cell, ours and published."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from mpcs_bench.report.comparing import FoldOf
from mpcs_bench.report.paper.model import FilledCell, OurValue, PaperReport, PaperTable
from mpcs_bench.report.paper.words import heading
from mpcs_bench.report.verdicts.records import CellVerdict

FIELDS = (
    "publication", "table", "row", "column", "row_label", "column_label", "variant", "scale",
    "comparable", "dataset", "metric", "unit", "part", "method",
    "strategy", "published_encoder", "our_encoder", "magnification", "label_fraction",
    "adaptation", "experiment", "protocols", "literature", "citation", "published_printed",
    "published_mean", "published_sd", "published_bold", "our_mean", "our_sd", "our_sd_of",
    "our_spread", "folds", "folds_planned", "runs", "runs_planned", "fold_values",
    "selected_on_test", "gap_points", "missing", "missing_reason", "verdict", "verdict_reasons",
    "verdict_warnings", "margin_points", "smallest_margin_points", "gap_low_points",
    "gap_high_points", "gap_z", "gap_p",
)  # fmt: skip


def render_paper_csv(table: PaperTable, report: PaperReport) -> str:
    """Return the cells of `table`, unrounded; what is not there is empty.

    `our_mean`, `our_sd`, `our_spread` and `fold_values` are in `unit`, as the published values
    are; `gap_points` is in percentage points. `fold_values` are `seed-of-split/fold=value`;
    in a Mean column each fold's mean over the columns, of which `our_spread` is the sample
    standard deviation. `gap_low_points` to `gap_high_points` is the 90 % interval of the gap,
    `smallest_margin_points` half of its width. `gap_z` is the gap in standard errors, `gap_p` its
    two-sided p from a t: descriptions, which decide nothing.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    published = table.published
    columns = {column.id: " / ".join(filter(None, column.labels)) for column in published.columns}
    rows = {row.id: " / ".join(row.labels) for row in published.rows}
    shared = {
        "publication": report.publication.id,
        "table": published.id,
        "variant": heading(table.variant),
        "scale": table.variant.scale,
        "comparable": table.variant.comparable,
    }
    for cell in table.cells:
        place = {
            "row_label": rows[cell.published.row],
            "column_label": columns[cell.published.column],
        }
        line = shared | place | _published(cell) | _ours(cell)
        writer.writerow({name: _inert(value) for name, value in line.items() if value is not None})
    return stream.getvalue()


CLAIM_FIELDS = (
    "publication", "claim", "kind", "section", "place", "quote", "runs", "scale", "protocols",
    "verdict", "why", "reasons", "warnings", "pairs", "difference_points", "low_points",
    "high_points", "folds",
)  # fmt: skip


def render_claims_csv(report: PaperReport) -> str:
    """Return the verdicts on claims, one line each; numbers are of the comparison that decided."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CLAIM_FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for verdict in report.claims:
        claim, found = verdict.claim, verdict.decisive
        line = {
            "publication": report.publication.id,
            "claim": claim.id,
            "kind": claim.kind,
            "section": claim.section,
            "place": claim.place,
            "quote": claim.quote,
            "runs": verdict.runs,
            "scale": verdict.scale,
            "protocols": " ".join(verdict.protocols),
            "verdict": verdict.word,
            "why": verdict.why,
            "reasons": "; ".join(verdict.reasons),
            "warnings": "; ".join(verdict.warnings),
            "pairs": len(verdict.findings),
            "difference_points": found.difference if found else None,
            "low_points": found.low if found else None,
            "high_points": found.high if found else None,
            "folds": found.n if found else None,
        }
        writer.writerow({name: _inert(value) for name, value in line.items() if value is not None})
    return stream.getvalue()


def _published(cell: FilledCell) -> dict[str, Any]:
    printed = cell.published
    return {
        "row": printed.row,
        "column": printed.column,
        "dataset": printed.dataset,
        "metric": printed.metric,
        "unit": printed.unit,
        "part": printed.part,
        "method": printed.method,
        "strategy": printed.strategy,
        "published_encoder": printed.encoder,
        "magnification": printed.magnification,
        "label_fraction": printed.label_fraction,
        "adaptation": printed.adaptation,
        "experiment": printed.experiment,
        "literature": printed.literature,
        "citation": printed.citation,
        "published_printed": printed.printed,
        "published_mean": printed.mean,
        "published_sd": printed.sd,
        "published_bold": printed.bold,
    }


def _ours(cell: FilledCell) -> dict[str, Any]:
    line: dict[str, Any] = {
        "our_encoder": cell.encoder,
        "protocols": " ".join(cell.protocols),
        "missing": cell.absence.word if cell.absence else None,
        "missing_reason": cell.absence.reason if cell.absence else None,
        **_verdict(cell.verdict),
    }
    ours, scale = cell.ours, cell.published.scale
    if ours is None:
        return line
    return line | {
        "our_mean": scale * ours.mean,
        "our_sd": None if ours.sd is None else scale * ours.sd,
        "our_sd_of": "mean of the columns' standard deviations" if ours.is_mean else "folds",
        "our_spread": None if ours.spread is None else scale * ours.spread,
        "folds": len(ours.folds),
        "folds_planned": ours.planned,
        "runs": ours.runs,
        "runs_planned": ours.planned_runs,
        "fold_values": _folds(ours, scale),
        "selected_on_test": ours.selected_on_test,
        "gap_points": None if cell.gap is None else 100 * cell.gap,
    }


def _verdict(verdict: CellVerdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    interval = verdict.test.interval if verdict.test else None
    return {
        "verdict": verdict.word,
        "verdict_reasons": "; ".join(verdict.reasons),
        "verdict_warnings": "; ".join(verdict.warnings),
        "margin_points": verdict.margin,
        "smallest_margin_points": verdict.smallest_margin,
        "gap_low_points": interval.low if interval else None,
        "gap_high_points": interval.high if interval else None,
        "gap_z": verdict.gap.z if verdict.gap else None,
        "gap_p": verdict.gap.p if verdict.gap else None,
    }


def _folds(ours: OurValue, scale: int) -> str:
    folds: Mapping[FoldOf, float] = ours.folds
    return " ".join(f"{seed}/{fold}={scale * value!r}" for (seed, fold), value in folds.items())


def _inert(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula; a dash alone is what is printed."""
    formula = isinstance(value, str) and len(value) > 1 and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if formula else value

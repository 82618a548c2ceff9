"""What the deviation beside a Mean is: a mean of standard deviations, or something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from statistics import fmean, pstdev, stdev

from mpcs_bench.report.audit.exact import (
    Exact,
    agreement,
    before_rounding,
    exact_mean,
    exact_sd,
    shown,
)
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, counted, on_cell
from mpcs_bench.report.audit.mean_columns import MeanCell, mean_cells
from mpcs_bench.report.published.records import Publication, PublishedTable

ROW_DEVIATIONS = "row-deviations"
MEAN_OF_SDS = "the mean of the row's standard deviations"

Formula = Callable[[list[float], list[float]], float]
OTHERS: dict[str, Formula] = {
    "the root mean square of the row's standard deviations": lambda _, sds: math.sqrt(
        fmean(sd**2 for sd in sds)
    ),
    "the standard deviation of the row's means (n - 1)": lambda means, _: stdev(means),
    "the standard deviation of the row's means (n)": lambda means, _: pstdev(means),
    "that of a mean of independent values": lambda _, sds: (
        math.sqrt(sum(sd**2 for sd in sds)) / len(sds)
    ),
}
"""What else may stand there, from the row's means and standard deviations."""

WHAT_IT_IS = (
    "It describes a fold at one magnification. The standard deviation, over the folds, of the "
    "mean over the row is at most that, and smaller wherever the columns do not move together; "
    "it does not follow from what is printed."
)


def check_row_deviations(publication: Publication) -> Outcome:
    """Say, table by table, what the Mean's standard deviations are, and which are otherwise."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    for table in publication.tables.values():
        means = [mean for mean in mean_cells(table) if mean.cell.sd is not None]
        able = [mean for mean in means if _parts(mean) is not None]
        skipped += [
            Skipped(ROW_DEVIATIONS, mean.cell.name, "a cell of the row prints no deviation")
            for mean in means
            if mean not in able
        ]
        checked += len(able)
        findings += _of_table(table, able)
    return Outcome(tuple(findings), tuple(skipped), checked)


def _of_table(table: PublishedTable, means: list[MeanCell]) -> list[Finding]:
    if not means:
        return []
    fits = {name: [m for m in means if _fits(m, name)] for name in (MEAN_OF_SDS, *OTHERS)}
    usual = max(fits, key=lambda name: len(fits[name]))
    if 2 * len(fits[usual]) <= len(means):
        return [_too_large(mean) for mean in means if _exceeds(mean)]
    text = WHAT_IT_IS if usual == MEAN_OF_SDS else "Read it as that, not as a spread over folds."
    kind = Finding(
        rule=ROW_DEVIATIONS,
        severity="notice",
        printed=f"± of {counted(len(means), 'Mean')}",
        recomputed=usual,
        explanation=f"It is {usual} in {len(fits[usual])} of {len(means)} rows. {text}",
        table=table.id,
    )
    if usual != MEAN_OF_SDS:
        return [kind, *(_otherwise(mean, usual) for mean in means if mean not in fits[usual])]
    return [kind, *(found for mean in means if (found := _against_mean(mean)) is not None)]


def _against_mean(mean: MeanCell) -> Finding | None:
    printed, parts, computed = _numbers(mean)
    how = agreement(printed, computed, parts)
    if how == "exact":
        return None
    total = " + ".join(str(part) for part in parts)
    sum_ = f"({total}) / {len(parts)} = {shown(computed, printed.decimals + 2)}"
    if how == "error":
        fitting = [name for name in OTHERS if _fits(mean, name)]
        also = f"it is {' or '.join(fitting)}" if fitting else "nothing else that was tried fits"
        text = f"{sum_} would be the mean, as most rows print it; {also}."
    elif how == "truncation" and printed.truncates(computed):
        unrounded = before_rounding(printed, computed, parts)
        text = f"{sum_}; cut off it is {printed}."
        text += " Unrounded deviations can give that, too." if unrounded else ""
    elif how == "truncation":
        text = f"{sum_}; deviations or a mean that were cut off can give {printed}."
    else:
        text = f"{sum_}; deviations before their own rounding can give {printed}."
    return on_cell(
        mean.cell,
        ROW_DEVIATIONS,
        how,
        shown(computed, printed.decimals + 2),
        text,
        printed=f"±{printed}",
    )


def _otherwise(mean: MeanCell, usual: str) -> Finding:
    printed, _, computed = _numbers(mean)
    value = _other(mean, usual) if usual in OTHERS else float(computed)
    return on_cell(
        mean.cell,
        ROW_DEVIATIONS,
        "notice",
        shown(value, printed.decimals + 2),
        f"It is not {usual}, as in most rows of the table.",
        printed=f"±{printed}",
    )


def _too_large(mean: MeanCell) -> Finding:
    printed, _, computed = _numbers(mean)
    return on_cell(
        mean.cell,
        ROW_DEVIATIONS,
        "notice",
        f"at most {shown(computed, printed.decimals + 2)}",
        "It is above the mean of the row's standard deviations, so it is not the spread over the "
        "same folds of the row's mean.",
        printed=f"±{printed}",
    )


def _exceeds(mean: MeanCell) -> bool:
    printed, parts, computed = _numbers(mean)
    slack = sum((part.half for part in parts), Fraction(0)) / len(parts)
    return printed.value - printed.half > computed + slack


def _fits(mean: MeanCell, name: str) -> bool:
    printed, parts, computed = _numbers(mean)
    if name == MEAN_OF_SDS:
        return agreement(printed, computed, parts) != "error"
    slack = float(printed.half + max(part.half for part in parts))
    return abs(float(printed.value) - _other(mean, name)) <= slack


def _other(mean: MeanCell, name: str) -> float:
    means = [float(number.value) for part in mean.parts if (number := exact_mean(part))]
    return OTHERS[name](means, [float(part.value) for part in _numbers(mean)[1]])


def _parts(mean: MeanCell) -> list[Exact] | None:
    if mean.lacking is not None:
        return None
    sds = [exact_sd(part) for part in mean.parts]
    found = [sd for sd in sds if sd is not None]
    return found if len(found) == len(sds) else None


def _numbers(mean: MeanCell) -> tuple[Exact, list[Exact], Fraction]:
    printed, parts = exact_sd(mean.cell), _parts(mean)
    assert printed is not None  # only such means are asked about
    assert parts is not None
    return printed, parts, sum((part.value for part in parts), Fraction(0)) / len(parts)


RULES = (
    Rule(
        ROW_DEVIATIONS,
        "Is each deviation beside a Mean the mean of its row's deviations?",
        check_row_deviations,
    ),
)

"""Can precision and recall go with an accuracy, whatever the classes' shares of the folds are?

Where an accuracy leaves few mistakes, their number decides what precision and recall can be. The
classes of a fold are left open, and so is the averaging: of either class, of both with equal
weight, of both weighted by their items. So a finding holds whatever the publication meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from mpcs_bench.report.audit.exact import Exact, exact_mean, exact_sd
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, counted, on_cell
from mpcs_bench.report.audit.grids import MOST_STEPS, SearchTooLargeError, fold_values
from mpcs_bench.report.audit.grim import countable, mean_spans, occurs
from mpcs_bench.report.published.records import (
    FACTS,
    Publication,
    PublishedCell,
    PublishedTable,
    TestItems,
)

PRECISION_RECALL = "precision-recall"
MOST_MISTAKES = 3
MOST_SHOWN = 4
AVERAGES = ("of one class", "of both classes alike", "of both classes by their items")
_SAME = tuple(fact for fact in FACTS if fact not in ("metric", "unit"))

Pair = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Triple:
    """Accuracy, precision and recall of the same thing."""

    accuracy: PublishedCell
    precision: PublishedCell
    recall: PublishedCell

    def by_cell(
        self, scores: Sequence[Pair]
    ) -> tuple[tuple[PublishedCell, tuple[Fraction, ...]], ...]:
        """Return precision and recall, each with its values over the folds."""
        precisions, recalls = zip(*scores, strict=True)
        return (self.precision, precisions), (self.recall, recalls)


def check_counts(publication: Publication) -> Outcome:
    """Ask of every printed accuracy, precision and recall whether they can occur together."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    items = {cell.name: known for cell, known in countable(publication, PRECISION_RECALL)[0]}
    for table in publication.tables.values():
        for triple in _triples(table):
            name = triple.accuracy.name
            known = items.get(name)
            if known is None:
                skipped.append(
                    Skipped(PRECISION_RECALL, triple.accuracy.name, "test items not known")
                )
                continue
            try:
                finding = _of_triple(triple, known)
            except _UndecidedError as undecided:
                skipped.append(Skipped(PRECISION_RECALL, name, str(undecided)))
                continue
            checked += 1
            if finding is not None:
                findings.append(finding)
    return Outcome(tuple(findings), tuple(skipped), checked)


class _UndecidedError(Exception):
    """The accuracy does not decide the mistakes."""


def _triples(table: PublishedTable) -> Iterator[Triple]:
    """Yield the accuracies of a table beside which precision and recall are printed."""
    for _, cells in table.grid():
        for cell in cells:
            level, _, what = (cell.metric or "").rpartition("_")
            if what != "accuracy" or cell.mean is None or cell.literature:
                continue
            beside = {
                other.metric: other
                for other in cells
                if other.mean is not None
                and all(getattr(other, fact) == getattr(cell, fact) for fact in _SAME)
            }
            precision, recall = beside.get(f"{level}_precision"), beside.get(f"{level}_recall")
            if precision is not None and recall is not None:
                yield Triple(cell, precision, recall)


def _of_triple(triple: Triple, items: TestItems) -> Finding | None:
    accuracy = exact_mean(triple.accuracy)
    assert accuracy is not None  # countable
    together = [
        each
        for sizes in items.sizes
        for mistakes, of in _mistakes(sizes, accuracy, triple.accuracy.scale)
        for each in _scores(mistakes, of)
    ]
    means = [(average, scores) for average, scores in together if _means_fit(triple, scores)]
    if not together:
        raise _UndecidedError("its accuracy cannot occur (rule grim)")
    printed = f"{triple.precision.printed.strip()}, {triple.recall.printed.strip()}"
    if not means:
        text = (
            f"With an accuracy of {accuracy}, no right and wrong answers give such a precision "
            "and recall, whatever the classes' shares, of one class or averaged over both."
        )
        return on_cell(triple.precision, PRECISION_RECALL, "error", "none", text, printed=printed)
    if any(_deviations_fit(triple, scores) for _, scores in means):
        return None
    averages = " or ".join(dict.fromkeys(average for average, _ in means))
    shown = sorted({_deviations(triple, scores) for _, scores in means})
    text = (
        f"With an accuracy of {accuracy}, the means of precision and recall can occur ({averages})"
        f", their deviations cannot: {counted(len(shown), 'pair is', 'pairs are')} possible "
        "(n - 1)."
    )
    return on_cell(
        triple.precision, PRECISION_RECALL, "error", _first(shown), text, printed=printed
    )


def _first(shown: Sequence[str]) -> str:
    more = f"; and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    return "; ".join(shown[:MOST_SHOWN]) + more


def _mistakes(
    sizes: Sequence[int], accuracy: Exact, scale: int
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return (wrong answers per fold, sizes of the folds) for every way to the accuracy."""
    if not occurs(sizes, accuracy, scale):
        return []  # other sizes of the folds may have it
    span = mean_spans(accuracy, scale)[0]
    least = math.floor((1 - span.high) * len(sizes) * min(sizes))
    if least > MOST_MISTAKES:
        raise _UndecidedError(f"more than {MOST_MISTAKES} mistakes: too many ways to make them")
    try:
        ways = list(fold_values(sizes, span, Fraction(len(sizes))))
    except SearchTooLargeError:
        raise _UndecidedError("too many combinations of fold values") from None
    return [
        (tuple(n - k for n, k in zip(way.sizes, way.right, strict=True)), way.sizes) for way in ways
    ]


def _scores(
    mistakes: tuple[int, ...], sizes: tuple[int, ...]
) -> Iterator[tuple[str, tuple[Pair, ...]]]:
    """Yield (precision, recall) of every fold, for every averaging, split of classes and kind of
    mistake; a fold without mistakes has 1 and 1."""
    for average in AVERAGES:
        options = [
            set(_fold_scores(wrong, n, average)) if wrong else {(Fraction(1), Fraction(1))}
            for wrong, n in zip(mistakes, sizes, strict=True)
        ]
        if math.prod(map(len, options)) > MOST_STEPS // 10:
            raise _UndecidedError("too many combinations of classes and mistakes")
        for scores in product(*options):
            yield average, scores


def _fold_scores(wrong: int, n: int, average: str) -> Iterator[Pair]:
    for positives in range(1, n):
        for missed in range(wrong + 1):
            if missed > positives or wrong - missed > n - positives:
                continue
            one = _of_class(positives - missed, missed, wrong - missed)
            other = _of_class(n - positives - (wrong - missed), wrong - missed, missed)
            if average == AVERAGES[0]:
                yield one
                continue
            share = Fraction(1, 2) if average == AVERAGES[1] else Fraction(positives, n)
            yield (
                share * one[0] + (1 - share) * other[0],
                share * one[1] + (1 - share) * other[1],
            )


def _of_class(hits: int, missed: int, false: int) -> Pair:
    """Return precision and recall of a class; 0 where nothing was called by its name."""
    precision = Fraction(hits, hits + false) if hits + false else Fraction(0)
    return precision, Fraction(hits, hits + missed)


def _means_fit(triple: Triple, scores: Sequence[Pair]) -> bool:
    for cell, values in triple.by_cell(scores):
        printed = exact_mean(cell)
        if printed is None or not printed.rounds(_mean(values) * cell.scale):
            return False
    return True


def _deviations_fit(triple: Triple, scores: Sequence[Pair]) -> bool:
    for cell, values in triple.by_cell(scores):
        printed = exact_sd(cell)
        if printed is None:
            continue
        if not any(
            abs(_deviation(values, ddof) * cell.scale - float(printed.value))
            <= float(printed.half) + 1e-12
            for ddof in (0, 1)
        ):
            return False
    return True


def _deviations(triple: Triple, scores: Sequence[Pair]) -> str:
    said = []
    for cell, values in triple.by_cell(scores):
        decimals = cell.sd_decimals if cell.sd_decimals is not None else 3
        said.append(f"±{_deviation(values, 1) * cell.scale:.{decimals}f}")
    return " and ".join(said)


def _mean(values: Iterable[Fraction]) -> Fraction:
    found = list(values)
    return sum(found, Fraction(0)) / len(found)


def _deviation(values: Sequence[Fraction], ddof: int) -> float:
    middle = _mean(values)
    return math.sqrt(
        float(sum(((v - middle) ** 2 for v in values), Fraction(0)) / (len(values) - ddof))
    )


RULES = (
    Rule(
        PRECISION_RECALL,
        "Can precision and recall occur with the printed accuracy?",
        check_counts,
    ),
)

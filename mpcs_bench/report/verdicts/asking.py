"""Asks the trained models of two cells, from the predictions in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from mpcs_bench.report.compare.answers import AnswerBook, load_answers
from mpcs_bench.report.compare.asking import PATIENTS, ask_trained
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Comparison, Metric
from mpcs_bench.report.pairing import Method
from mpcs_bench.report.table import Values, table_row
from mpcs_bench.report.verdicts.amounts import POINTS
from mpcs_bench.report.verdicts.trained import Answer, TrainedAnswer

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from mpcs_bench.report.paper.model import FilledCell

TEST = "test"


class TrainedModels:
    """Answers for the cells of one report; predictions are read when they are first asked for.

    `values` are the stored metrics by name and part, each by cell.
    """

    def __init__(
        self, connection: DuckDBPyConnection, values: Mapping[tuple[str, str], Values]
    ) -> None:
        self._connection = connection
        self._values = values
        self._books: dict[int, AnswerBook] = {}
        self._answers: dict[tuple[str, str, int, int], TrainedAnswer] = {}

    def __call__(self, subject: FilledCell, baseline: FilledCell) -> TrainedAnswer:
        """Return what the trained models of `subject` say against those of `baseline`."""
        # Several claims are about the same pairs, and resampling takes its time.
        names = subject.published.name, baseline.published.name
        key = (*names, id(subject.group), id(baseline.group))
        if key not in self._answers:
            self._answers[key] = self._asked(subject, baseline)
        return self._answers[key]

    def _asked(self, subject: FilledCell, baseline: FilledCell) -> TrainedAnswer:
        metric, part = subject.published.metric or "", subject.published.part or TEST
        if part != TEST:
            return TrainedAnswer("not asked", f"predictions are asked on the test part, not {part}")
        if subject.group is None or baseline.group is None or subject.columns != baseline.columns:
            return TrainedAnswer("not asked", "the two are not of the same magnifications")
        mine, theirs = self._method(subject), self._method(baseline)
        bare = Comparison(
            candidate=mine.row.key,
            candidate_name=mine.row.name,
            baseline=theirs.row.key,
            baseline_name=theirs.row.name,
            column=subject.columns[0] if len(subject.columns) == 1 else None,
        )
        books = [self._book(method.group) for method in (mine, theirs)]
        book = AnswerBook(
            {**books[0].images, **books[1].images}, {**books[0].patches, **books[1].patches}
        )
        by_patient = self._values.get((PATIENTS, TEST), {})
        patients = any(c.cell_id in by_patient for c in (*mine.group.cells, *theirs.group.cells))
        described = Metric(
            metric, metric, metric, "patch" if metric.startswith("patch") else "image"
        )
        [asked] = ask_trained([bare], mine, theirs, described, book, patients=patients)
        return _answer(asked)

    def _method(self, cell: FilledCell) -> Method:
        metric = cell.published.metric or ""
        values = self._values.get((metric, TEST), {})
        group = cast("RowGroup", cell.group)
        row = table_row(group, cell.columns, values, Metric(metric, metric, metric, "image"))
        return Method(row, group)

    def _book(self, group: RowGroup) -> AnswerBook:
        if id(group) not in self._books:
            self._books[id(group)] = load_answers(self._connection, group.cells)
        return self._books[id(group)]


def _answer(asked: Comparison) -> TrainedAnswer:
    decisive, resampled = asked.decisive, asked.resampled
    interval = resampled.interval if resampled else None
    difference = decisive.difference if decisive else None
    return TrainedAnswer(
        finding=cast("Answer", asked.of_trained),
        reason=asked.not_asked or "no test items",
        difference=None if difference is None else POINTS * difference,
        low=POINTS * interval.low if interval else None,
        high=POINTS * interval.high if interval else None,
        p=decisive.p if decisive else None,
        smallest_p=decisive.smallest_p if decisive else None,
    )

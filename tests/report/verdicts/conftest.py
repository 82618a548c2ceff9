"""A made-up publication, and made-up values of ours in its one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from mpcs_bench.report.model import Unit
from mpcs_bench.report.paper.model import Departure, FilledCell, OurValue, PaperTable, Variant
from mpcs_bench.report.published import Publication, read_published
from mpcs_bench.report.verdicts.claims import Judged, claim_verdicts
from mpcs_bench.report.verdicts.records import CellVerdict, ClaimVerdict
from mpcs_bench.report.verdicts.trained import AskTrained, TrainedAnswer

PAPER = """
id: made-up
title: A study of nothing
authors: [Nobody]
venue: Nowhere
year: 2024
folds: 5
references: {{"1": Somebody else.}}
{more}
"""
TABLES = """
tables:
  table-1:
    number: "1"
    caption: Values.
    row_heads: [Method]
    columns:
      - {id: 40x, labels: [40X]}
      - {id: mean, labels: [Mean]}
      - {id: f1, labels: [F1]}
    rows:
      - {id: plain, labels: [Plain]}
      - {id: new, labels: [New]}
      - {id: newer, labels: [Newer]}
      - {id: theirs, labels: ["Theirs[1]"]}
"""
HEAD = (
    "row,column,printed,dataset,metric,unit,part,method,encoder,magnification,experiment,"
    "literature,citation"
)
ROWS = {"plain": "exp-1", "new": "exp-2", "newer": "exp-3"}
PRINTED = {
    ("plain", "40x"): "85.0±0.5",
    ("plain", "mean"): "85.0±0.5",
    ("plain", "f1"): "0.80±0.005",
    ("new", "40x"): "87.0±0.5",
    ("new", "mean"): "87.0±0.5",
    ("new", "f1"): "0.82±0.005",
    ("newer", "40x"): "88.0±5.0",
    ("newer", "mean"): "88.0±5.0",
    ("newer", "f1"): "0.83",
    ("theirs", "40x"): "84.0",
    ("theirs", "mean"): "84.0",
    ("theirs", "f1"): "-",
}
METRICS = {"40x": "image_accuracy", "mean": "image_accuracy", "f1": "image_f1_weighted"}

Values = Mapping[tuple[str, str], Sequence[float]]


def cells_csv(printed: Mapping[tuple[str, str], str]) -> str:
    """Return the cells of the table as its file has them."""
    lines = [HEAD]
    for (row, column), text in printed.items():
        unit = "fraction" if column == "f1" else "percent"
        place = {"40x": "40", "mean": "mean"}.get(column, "")
        experiment = ROWS.get(row, "")
        cited = ("false", "") if experiment else ("true", "1")
        facts = ("tissue", METRICS[column], unit, "test", row, "", place, experiment, *cited)
        lines.append(",".join((row, column, text, *facts)))
    return "\n".join(lines) + "\n"


@dataclass
class Study:
    """The publication, and what is judged of it."""

    publication: Publication

    def table(
        self,
        values: Values,
        *,
        scale: str = "paper",
        departures: Sequence[Departure] = (),
        margins: tuple[float, ...] = (3.0,),
        late: tuple[str, ...] = (),
        unheld: tuple[str, ...] = (),
        **ours: Any,
    ) -> PaperTable:
        """Return the table with values of ours: (row, column) to one number per fold, as printed.

        `ours` overrides fields of the values.
        """
        published = self.publication.table("table-1")
        cells = [
            FilledCell(
                cell,
                ours=our_value(values[cell.row, cell.column], cell.scale, cell.column, ours)
                if (cell.row, cell.column) in values
                else None,
                protocols=(f"p-{cell.experiment}",),
            )
            for cell in published.cells
        ]
        variant = Variant(scale, None, ("p",), tuple(departures), unheld)
        return PaperTable("table-1", published, variant, tuple(cells), margins, late)

    def claims(
        self,
        values: Values,
        ask: AskTrained | None = None,
        *,
        apart: tuple[str, ...] = (),
        **options: Any,
    ) -> dict[str, ClaimVerdict]:
        """Return the verdicts on the claims by id, from one table of ours."""
        table = self.table(values, **options)
        judged = Judged(table, f"Scale {table.variant.scale}", apart)
        asked = (ask,) if ask else ()
        found = claim_verdicts([judged], self.publication, *asked)
        return {verdict.claim.id: verdict for verdict in found}

    def claim(self, values: Values, ask: AskTrained | None = None, **options: Any) -> ClaimVerdict:
        """Return the verdict on the only claim."""
        [found] = self.claims(values, ask, **options).values()
        return found


def our_value(folds: Sequence[float], scale: int, column: str, more: Mapping[str, Any]) -> OurValue:
    """Return a value of ours; its folds are at 80/20 and split as everybody's."""
    own = {(47, fold): value / scale for fold, value in enumerate(folds)}
    numbers = list(own.values())
    return OurValue(
        **{
            "mean": fmean(numbers),
            "sd": stdev(numbers) if len(numbers) > 1 else None,
            "folds": own,
            "planned": len(own),
            "runs": len(own),
            "planned_runs": len(own),
            "is_mean": column == "mean",
            "splits": {fold: frozenset({f"split-{fold[1]}"}) for fold in own},
            "ratios": dict.fromkeys(own, 0.25),
            "units": {Unit(*place, 0): value for place, value in own.items()},
        }
        | dict(more)
    )


def spread(centre: float, sd: float) -> list[float]:
    """Return five values with just this mean and sample standard deviation."""
    steps = (-2, -1, 0, 1, 2)
    return [centre + sd * step / stdev(steps) for step in steps]


def claim_text(
    kind: str,
    *,
    rows: str = "new",
    baseline: str = "plain",
    columns: str = "40x",
    more: str = "",
) -> str:
    """Return a claims file with one claim."""
    held = f"    baseline: [{{table: table-1, rows: [{baseline}], columns: [{columns}]}}]\n"
    return (
        f"claims:\n  - id: one\n    kind: {kind}\n    section: '5'\n    place: on Table 1\n"
        f"    quote: it is so\n    subject: [{{table: table-1, rows: [{rows}], "
        f"columns: [{columns}]}}]\n{held if baseline else ''}    paired_by: [column]\n{more}"
    )


def paired_values(
    plain: float, differences: Sequence[float], column: str = "40x", row: str = "new"
) -> Values:
    """Return values of the baseline, and of a row that differs from it by so many points a fold."""
    own = [plain + step for step in (-2, -1, 0, 1, 2)]
    shifted = [one + by for one, by in zip(own, differences, strict=True)]
    return {("plain", column): own, (row, column): shifted}


SIDES = {"higher": 1.0, "lower": -1.0}


def saying(finding: str, p: float | None = None, **more: Any) -> AskTrained:
    """Return trained models that always say so: a point off, and sure of it to 0.1 points."""
    at = SIDES.get(finding, 0.0)
    if p is None and finding in SIDES:
        p = 0.001
    given = {"difference": at, "low": at - 0.1, "high": at + 0.1, "p": p} | more
    answer = TrainedAnswer(finding, **({} if finding == "not asked" else given))  # type: ignore[arg-type]
    return lambda subject, baseline: answer


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Study]:
    """Write the publication with some claims, some cells printed otherwise, and read it."""

    def write(
        claims: str = "claims: []",
        printed: Mapping[tuple[str, str], str] | None = None,
        more: str = "",
        folds: bool = True,
    ) -> Study:
        folder = tmp_path / "made-up"
        folder.mkdir()
        paper = PAPER.format(more=more)
        (folder / "paper.yaml").write_text(paper if folds else paper.replace("folds: 5", ""))
        (folder / "tables.yaml").write_text(TABLES)
        (folder / "table-1.csv").write_text(cells_csv(PRINTED | dict(printed or {})))
        (folder / "claims.yaml").write_text(claims)
        return Study(read_published(folder))

    return write


@pytest.fixture
def claim() -> Callable[..., str]:
    """The text of a claims file with one claim."""
    return claim_text


@pytest.fixture
def pair() -> Callable[..., Values]:
    """Values of two rows that differ by given points."""
    return paired_values


@pytest.fixture
def folds_of() -> Callable[[float, float], list[float]]:
    """Five values with just this mean and sample standard deviation."""
    return spread


@pytest.fixture
def trained() -> Callable[..., AskTrained]:
    """Trained models that always say one thing."""
    return saying


@pytest.fixture
def verdict_of() -> Callable[..., CellVerdict | None]:
    """The verdict on a cell of a table, as reports give it."""
    from mpcs_bench.report.verdicts.cells import cell_verdict

    def judge(
        study: Study, table: PaperTable, row: str, column: str, apart: tuple[str, ...] = ()
    ) -> CellVerdict | None:
        cell = next(
            c for c in table.cells if (c.published.row, c.published.column) == (row, column)
        )
        return cell_verdict(
            cell,
            apart=apart,
            margins=table.margins,
            late=table.margin_notes,
            folds=study.publication.folds_of(cell.published),
            unheld=bool(table.variant.unheld),
        )

    return judge

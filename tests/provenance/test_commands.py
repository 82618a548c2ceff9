"""`--only` keeps the cell that is meant, and no more axes are named than that takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.provenance.commands import only_of
from mpcs_bench.records import PlannedCell, PlanRecord

Point = tuple[str, int, int | None, float]


def _cell(point: Point) -> PlannedCell:
    experiment, fold, magnification, fraction = point
    axes = {"fold": fold, "train_magnification": magnification, "label_fraction": fraction}
    return PlannedCell(
        key=None,
        position=0,
        experiment=experiment,
        label=experiment,
        axes=axes,
        symbolic=str(point),
    )


def _kept(plan: PlanRecord, only: dict[str, tuple[str, ...]]) -> list[PlannedCell]:
    """What `--only` does: an axis is compared by the text of its value."""
    return [
        cell
        for cell in plan.cells
        if all(
            (cell.experiment if axis == "experiment" else str(cell.axes[axis])) in values
            for axis, values in only.items()
        )
    ]


POINTS = st.tuples(
    st.sampled_from(["exp-1", "exp-2"]),
    st.integers(0, 2),
    st.sampled_from([None, 40, 100]),
    st.sampled_from([0.05, 0.2, 1.0]),
)


@given(st.lists(POINTS, min_size=1, max_size=12, unique=True), st.data())
def test_only_keeps_one_cell(points: list[Point], data: st.DataObject) -> None:
    cells = tuple(map(_cell, points))
    plan = PlanRecord("one", "One", "test", None, "2026-01-01", cells)
    cell = data.draw(st.sampled_from(cells))
    only = only_of(plan, cell)
    assert _kept(plan, only) == [cell]
    for position in range(1, len(only)):
        fewer = dict(list(only.items())[:position])
        assert len(_kept(plan, fewer)) > 1, f"{list(only)[position]} was not needed"

"""Which stages stand on which, and which are needed: properties over random workspaces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.records import PlannedCell, PlanRecord
from mpcs_bench.upkeep.known import Known, KnownStage
from mpcs_bench.upkeep.needed import needed


def _stage(number: int, upstream: int | None) -> KnownStage:
    return KnownStage(
        key=f"k{number}",
        symbolic=f"stage {number}",
        kind="finetune" if upstream is not None else "pretrain",
        spec={"upstream": None if upstream is None else f"k{upstream}"},
        has_result=True,
        state=None,
        protocols=frozenset(),
    )


def _plan(keys: list[str | None]) -> PlanRecord:
    cells = tuple(
        PlannedCell(
            key=key,
            position=0,
            experiment="one",
            label="One",
            axes={},
            symbolic="blocked" if key is None else f"stage {key[1:]}",
        )
        for key in keys
    )
    return PlanRecord("one", "One", "test", None, "2026-01-01", cells)


@st.composite
def forests(draw: st.DrawFn) -> dict[str, KnownStage]:
    """Stages of which each stands on an earlier one, or on none."""
    size = draw(st.integers(1, 12))
    upstreams = [draw(st.none() | st.integers(0, n - 1)) if n else None for n in range(size)]
    names = draw(st.permutations(range(size)))
    return {
        stage.key: stage
        for n, upstream in enumerate(upstreams)
        for stage in [_stage(names[n], None if upstream is None else names[upstream])]
    }


@given(forests(), st.data())
def test_none_stands_before_one_that_it_stands_on(
    stages: dict[str, KnownStage], data: st.DataObject
) -> None:
    known = Known(stages, ())
    keys = data.draw(st.sets(st.sampled_from(sorted(stages))))
    ordered = known.upstream_first(keys)
    assert sorted(ordered) == sorted(keys)
    place = {key: n for n, key in enumerate(ordered)}
    for key in ordered:
        upstream = stages[key].upstream
        assert upstream not in place or place[upstream] < place[key]


@given(forests(), st.data())
def test_downstream_is_all_that_would_stand_on_nothing(
    stages: dict[str, KnownStage], data: st.DataObject
) -> None:
    known = Known(stages, ())
    keys = data.draw(st.sets(st.sampled_from(sorted(stages))))
    below = known.downstream(keys)
    left = stages.keys() - keys - below
    for key in left:
        assert stages[key].upstream is None or stages[key].upstream in left
    for key in below:
        assert stages[key].upstream in keys | below


@given(forests(), st.data())
def test_what_is_needed_stands_on_needed_results_and_nothing_more_is(
    stages: dict[str, KnownStage], data: st.DataObject
) -> None:
    cells = data.draw(st.sets(st.sampled_from(sorted(stages)), min_size=1))
    found = needed(Known(stages, (_plan(sorted(cells)),))).keys
    for key in found:
        upstream = stages[key].upstream
        assert upstream is None or upstream in found
    spare = stages.keys() - found
    assert not spare & cells
    assert not Known(stages, ()).downstream(spare) & cells


@given(forests())
def test_a_blocked_cell_keeps_what_may_be_its_own(stages: dict[str, KnownStage]) -> None:
    found = needed(Known(stages, (_plan([None]),)))
    pretrainings = {key for key, stage in stages.items() if stage.kind == "pretrain"}
    assert found.keys == pretrainings
    assert len(found.notices) == 1

"""Each comparison by itself, on observations made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mpcs_bench.check.baseline import (
    Observation,
    Provenance,
    Reference,
    Series,
    StageRecord,
)
from mpcs_bench.check.compare_cost import Slack
from mpcs_bench.check.compare_structure import require_same_protocol
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.gate import hold, refuse_failures
from mpcs_bench.check.items import Check
from mpcs_bench.check.junit import write_junit
from mpcs_bench.check.observe import better
from mpcs_bench.check.summary import render_summary
from mpcs_bench.check.words import advice, conditions
from mpcs_bench.errors import ExitCode, StageError

ENVIRONMENT: dict[str, Any] = {
    "device": "cpu",
    "threads": 1,
    "deterministic": True,
    "python": "3.11.9",
    "processor": "a",
    "platform": "Linux-6.1-x86_64-with-glibc2.36",
    "packages": {
        "torch": "2.14.1",
        "torchvision": "0.29.0",
        "timm": "1.0.20",
        "numpy": "2.4.0",
        "opencv-python-headless": "4.12.0",
        "imagecodecs": "2026.1.1",
        "scikit-learn": "1.8.0",
        "duckdb": "2.0.0",
    },
    "cpu": "AVX2",
    "variables": {"OMP_NUM_THREADS": "1"},
}


def _environment(**changes: Any) -> dict[str, Any]:
    packages = ENVIRONMENT["packages"] | changes.pop("packages", {})
    return ENVIRONMENT | {"packages": packages} | changes


def _observation(**changes: Any) -> Observation:
    stage = StageRecord(
        kind="finetune",
        key="k",
        versions={"stage": "1"},
        settings="s",
        weights="none",
        digest="d",
        seconds=2.0,
        peak_bytes=600,
    )
    values = {f"fold {i}": {f"seed {j}": 0.9 + 0.01 * j for j in range(3)} for i in range(3)}
    series = Series(subject="exp", what="image_accuracy (test)", better="higher", values=values)
    base: dict[str, Any] = {
        "protocol": "ci",
        "written": {"finetuning": {"epochs": 2}},
        "provenance": Provenance(created="2025-01-01", environment=ENVIRONMENT),
        "reference": Reference(seconds=0.01, peak_bytes=400, cpu="AVX2"),
        "settings": {"s": {"dropout": 0.3}},
        "fingerprints": {"tissue": "f"},
        "splits": {"tissue, split seed 0": "h"},
        "findings": (),
        "pairs": {"pretrain": {"40>100": 10, "100>200": 12}},
        "stages": {"a stage": stage},
        "series": (series,),
    }
    return Observation.model_validate(base | changes)


def _stage(**changes: Any) -> StageRecord:
    return _observation().stages["a stage"].model_copy(update=changes)


def _with_stage(**changes: Any) -> Observation:
    return _observation(stages={"a stage": _stage(**changes)})


def _elsewhere(**changes: Any) -> Observation:
    environment = _environment(packages={"torch": "3.0"})
    return _observation(
        provenance=Provenance(created="2025-01-02", environment=environment), **changes
    )


def _hold(before: Observation, after: Observation, **options: Any) -> Check:
    given = {"false_alarms": 0.05, "slack": Slack(), "seconds": 1.0, "failures": {}} | options
    return hold(before, after, **given)


def _rules(check: Check) -> set[tuple[str, str]]:
    return {(item.rule, item.subject) for item in check.regressions}


def test_nothing_changed_is_fine() -> None:
    check = _hold(_observation(), _observation())
    assert (check.exit_code, check.regressions, check.differs) == (ExitCode.OK, (), ())


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"fingerprints": {"tissue": "g"}}, "data"),
        ({"splits": {"tissue, split seed 0": "i"}}, "split"),
        ({"findings": ("group-overlap",)}, "leakage"),
        ({"pairs": {"pretrain": {"40>100": 10, "100>400": 12}}}, "pairs drawn"),
    ],
)
def test_structure_is_exact_wherever_it_runs(changes: dict[str, Any], rule: str) -> None:
    assert _rules(_hold(_observation(), _elsewhere(**changes))) == {("structure", rule)}


def test_a_default_that_changed_is_named() -> None:
    after = _with_stage(settings="t", key="other")
    after = after.model_copy(update={"settings": {"t": {"dropout": 0.5}}})
    (item,) = _hold(_observation(), after).regressions
    assert (item.subject, item.message) == ("settings", "finetune dropout: 0.3 -> 0.5")


def test_another_digest_is_a_regression_only_where_equality_is_promised() -> None:
    here = _hold(_observation(), _with_stage(digest="e"))
    assert _rules(here) == {("digest", "finetune")}
    stages = _with_stage(digest="e").stages
    there = _hold(_observation(), _elsewhere(stages=stages))
    assert there.regressions == ()
    assert there.differs == ("torch 2.14.1 -> 3.0",)


def test_a_package_that_only_stores_breaks_no_promise() -> None:
    environment = _environment(packages={"duckdb": "3.0"})
    other = Provenance(created="x", environment=environment)
    after = _observation(provenance=other, stages=_with_stage(digest="e").stages)
    assert _rules(_hold(_observation(), after)) == {("digest", "finetune")}


def test_a_key_that_differs_without_a_reason_is_a_regression() -> None:
    """Otherwise a fault in making keys would switch off every digest."""
    after = _with_stage(digest="e", key="other")
    assert _rules(_hold(_observation(), after)) == {("structure", "keys")}
    elsewhere = _elsewhere(stages=after.stages)
    assert _rules(_hold(_observation(), elsewhere)) == {("structure", "keys")}


def test_another_weight_file_is_told_as_such() -> None:
    before = _with_stage(weights="a" * 64)
    (item,) = _hold(before, _with_stage(weights="b" * 64, key="other", digest="e")).regressions
    assert item.subject == "weights"
    assert item.message == f"finetune: {'a' * 12} -> {'b' * 12}"


@pytest.mark.parametrize(
    "changes", [{"fingerprints": {"tissue": "g"}}, {"splits": {"tissue, split seed 0": "i"}}]
)
def test_other_data_and_splits_explain_another_key(changes: dict[str, Any]) -> None:
    after = _observation(stages=_with_stage(key="other").stages, **changes)
    assert ("structure", "keys") not in _rules(_hold(_observation(), after))


def test_a_key_that_stands_on_another_one_is_explained_by_it() -> None:
    def chain(first: dict[str, Any], second: dict[str, Any]) -> Observation:
        stages = {"before": _stage(**first), "after": _stage(upstream="before", **second)}
        return _observation(stages=stages)

    before = chain({}, {})
    raised = chain({"key": "x", "versions": {"stage": "2"}}, {"key": "y"})
    assert _rules(_hold(before, raised)) == set()
    (item,) = _hold(before, chain({"key": "x"}, {"key": "y"})).regressions
    assert item.message == "before has another key, and what it is made from is the same"


def _named(*names: str) -> Observation:
    return _observation(stages={name: _stage() for name in names})


def test_a_stage_that_is_gone_or_renamed_is_a_regression() -> None:
    two = _named("a/fold=0/seed=0", "b/fold=0/seed=0")
    (gone,) = _hold(two, _named("a/fold=0/seed=0")).regressions
    assert (gone.subject, gone.message) == ("stages", "gone: b/fold=0/seed=0")
    (renamed,) = _hold(two, _named("a/fold=0/seed=0", "c/fold=0/seed=0")).regressions
    assert renamed.message == "gone: b/fold=0/seed=0; new: c/fold=0/seed=0"


def test_other_seeds_are_other_stages_and_no_regression() -> None:
    three = _named("a/fold=0/seed=0", "a/fold=1/seed=0", "b/fold=0/seed=0", "b/fold=1/seed=0")
    other = _named("a/fold=0/seed=7", "a/fold=1/seed=7", "b/fold=0/seed=7", "b/fold=1/seed=7")
    check = _hold(three, other)
    assert check.regressions == ()
    assert "the seeds are others than the baseline's" in [item.message for item in check.items]
    fewer = _hold(three, _named("a/fold=0/seed=7", "a/fold=1/seed=7", "b/fold=0/seed=7"))
    assert [item.message for item in fewer.regressions] == ["gone: b/fold=1"]


def test_a_raised_version_announces_other_numbers() -> None:
    after = _with_stage(digest="e", key="other", versions={"stage": "2"})
    check = _hold(_observation(), after)
    assert check.regressions == ()
    (notice,) = [item for item in check.items if item.verdict == "notice"]
    assert "version of stage: 1 -> 2" in notice.message


def _series(values: dict[str, dict[str, float]], **changes: Any) -> Series:
    return _observation().series[0].model_copy(update={"values": values} | changes)


def test_worse_values_are_a_regression_and_better_ones_are_not() -> None:
    for shift, found in ((-0.2, {("samples", "exp: image_accuracy (test)")}), (0.2, set())):
        values = {
            block: {seed: value + shift for seed, value in seeds.items()}
            for block, seeds in _observation().series[0].values.items()
        }
        after = _elsewhere(series=(_series(values),))
        assert _rules(_hold(_observation(), after)) == found


def test_a_fold_that_is_missing_is_a_regression() -> None:
    values = dict(_observation().series[0].values)
    del values["fold 2"]
    (item,) = _hold(_observation(), _elsewhere(series=(_series(values),))).regressions
    assert item.message == "no value for fold 2"


BLOCKS = {f"fold {i}": {f"seed {j}": 0.9 + 0.01 * j for j in range(3)} for i in range(3)}


def test_values_that_have_vanished_are_a_regression() -> None:
    """NaN is no value: a metric that is defined for one seed of three has lost two thirds."""
    left = {block: {"seed 2": seeds["seed 2"]} for block, seeds in BLOCKS.items()}
    whole = _series(BLOCKS, what="image_f1 (test)")
    before = _elsewhere(series=(_series(BLOCKS), whole))
    (item,) = _hold(before, _elsewhere(series=(_series(left), whole))).regressions
    assert item.message.startswith("no value for fold 0, seed 0, seed 1; no value for fold 1, ")
    (alone,) = _hold(_observation(), _elsewhere(series=(_series(left),))).regressions
    assert alone.message.startswith("fold 0: 1 values against 3; ")


def test_of_other_seeds_as_many_values_are_needed() -> None:
    other = {block: {f"seed {j}": 0.91 for j in (7, 8, 9)} for block in BLOCKS}
    assert _hold(_observation(), _elsewhere(series=(_series(other),))).regressions == ()
    del other["fold 1"]["seed 8"]
    (item,) = _hold(_observation(), _elsewhere(series=(_series(other),))).regressions
    assert item.message == "fold 1: 2 values against 3"


def test_a_value_that_was_not_there_before_is_not_asked_for() -> None:
    fewer = {"fold 0": {"seed 0": 0.9}}
    before = _elsewhere(series=(_series(fewer),))
    assert _hold(before, _elsewhere(series=(_series(BLOCKS),))).regressions == ()


def test_what_measures_errors_may_move_neither_way() -> None:
    metrics = ("image_accuracy", "image_loss", "image_brier", "image_ece", "image_auc")
    assert [better(name) for name in metrics] == ["higher", "either", "either", "either", "higher"]


def test_the_rate_of_false_alarms_is_said_to_be_over_baselines_too() -> None:
    said = " ".join(conditions(_hold(_observation(), _observation())))
    assert "5% of pairs of a baseline and a run" in said
    assert "one baseline whose values happened to be high raises more" in said


def test_a_baseline_is_not_stored_where_a_stage_failed() -> None:
    with pytest.raises(StageError, match="1 stage failed") as caught:
        refuse_failures({"a stage": "NaN"})
    assert caught.value.hint


def test_a_loss_far_off_is_caught_where_the_test_is_out_of_reach() -> None:
    loss = {"what": "last training_loss", "better": "either"}
    before = _elsewhere(series=(_series({"fold 0": {"seed 0": 1.0}}, **loss),))
    after = _elsewhere(series=(_series({"fold 0": {"seed 0": 1.7}}, **loss),))
    assert {rule for rule, _ in _rules(_hold(before, after))} == {"loss bound"}


def test_time_counts_in_reference_steps() -> None:
    slower = Reference(seconds=0.05, peak_bytes=400, cpu="AVX2")
    machine = _with_stage(seconds=9.0).model_copy(update={"reference": slower})
    assert _hold(_observation(), machine).regressions == ()
    code = _with_stage(seconds=9.0)
    assert _rules(_hold(_observation(), code)) == {("time", "finetune")}
    assert _hold(_observation(), code, slack=Slack(time=5)).regressions == ()


def _timed(wall: float, cpu: float | None, environment: dict[str, Any]) -> Observation:
    reference = Reference(seconds=0.01, cpu_seconds=0.01, peak_bytes=400, cpu="AVX2")
    provenance = Provenance(created="x", environment=environment)
    stages = _with_stage(seconds=wall, cpu_seconds=cpu).stages
    return _observation(stages=stages, reference=reference, provenance=provenance)


def test_on_a_cpu_its_seconds_count_whatever_the_clock_says() -> None:
    before = _timed(2.0, 2.0, ENVIRONMENT)
    assert _hold(before, _timed(9.0, 2.0, ENVIRONMENT)).regressions == ()
    (item,) = _hold(before, _timed(9.0, 9.0, ENVIRONMENT)).regressions
    assert (item.rule, "reference steps of CPU time" in item.message) == ("time", True)
    assert "--time-slack" in item.message


@pytest.mark.parametrize(
    ("cpu", "environment"), [(None, ENVIRONMENT), (2.0, ENVIRONMENT | {"device": "cuda:0"})]
)
def test_the_clock_counts_where_a_gpu_works_or_cpu_seconds_are_not_known(
    cpu: float | None, environment: dict[str, Any]
) -> None:
    before = _timed(2.0, 2.0, environment)
    assert _rules(_hold(before, _timed(9.0, cpu, environment))) == {("time", "finetune")}


def test_where_no_number_was_compared_nothing_passes() -> None:
    with pytest.raises(CheckError, match="No number of this run"):
        _hold(_observation(series=()), _elsewhere(series=()))


def test_what_to_do_next_depends_on_what_failed() -> None:
    digest = " ".join(advice(_hold(_observation(), _with_stage(digest="e"))))
    slow = " ".join(advice(_hold(_observation(), _with_stage(seconds=9.0))))
    assert ("--update" in digest, "--time-slack" in digest) == (True, False)
    assert ("--update" in slow, "--time-slack" in slow) == (False, True)
    assert advice(_hold(_observation(), _observation())) == []


def test_an_experiment_called_baseline_is_not_taken_for_the_baseline() -> None:
    values = _observation().series[0].values
    (item,) = [
        item
        for item in _hold(
            _observation(series=(_series(values, subject="baseline: a/b"),)),
            _observation(series=(_series(values, subject="baseline: a/b"),)),
        ).items
        if item.rule == "samples"
    ]
    assert item.subject == "experiment baseline, a/b: image_accuracy (test)"


def test_memory_counts_in_reference_steps_and_only_where_it_is_known() -> None:
    assert _rules(_hold(_observation(), _with_stage(peak_bytes=1200))) == {("memory", "finetune")}
    unknown = _hold(_observation(), _with_stage(peak_bytes=0))
    assert not [item for item in unknown.items if item.rule == "memory"]


def test_a_failed_stage_comes_before_a_regression() -> None:
    check = _hold(_observation(), _with_stage(digest="e"), failures={"a stage": "NaN"})
    assert check.exit_code is ExitCode.CELL_FAILED


def test_another_protocol_is_named_by_what_differs() -> None:
    with pytest.raises(CheckError, match=r"finetuning.epochs: 2 -> 3"):
        require_same_protocol(_observation(), {"finetuning": {"epochs": 3}}, "ci")


def test_what_a_page_shows_is_escaped(tmp_path: Any) -> None:
    check = _hold(_observation(), _observation(), failures={"a | b": "<b>broken\x00</b>"})
    assert "a \\| b" in render_summary(check)
    assert "<b>" not in render_summary(check)
    write_junit(tmp_path / "out.xml", check)
    assert "&lt;b&gt;broken?" in (tmp_path / "out.xml").read_text()

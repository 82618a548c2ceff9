"""The paper's protocols at full size: 7,909 tiny images with the real names of BreakHis."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mpcs_bench import api
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.sets import image_sets
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.workspace import Workspace

EXPERIMENTS = [f"exp-{number:02d}" for number in range(1, 16)]
ON_BREAKHIS = EXPERIMENTS[:8]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("full-size"))


@pytest.fixture(scope="module")
def planned(workspace: Workspace, breakhis_tree: Path):
    """Plan protocols on the whole tree, without ImageNet weights, which are not at hand."""

    def plan(names: list[str], *overlays: str) -> Plan:
        options = api.Options(
            overlays=overlays,
            assignments=("weights=none",),
            data_roots={"breakhis": str(breakhis_tree)},
            device="cpu",
        )
        with pytest.MonkeyPatch.context() as patch:
            for variable in ("BREAKHIS_ROOT", "BACH_ROOT", "UCSB_ROOT"):
                patch.delenv(variable, raising=False)
            return api.plan(names, workspace, options)

    return plan


@pytest.fixture(scope="module")
def paper(planned) -> Plan:
    return planned(EXPERIMENTS)


def split_of(plan: Plan, workspace: Workspace) -> tuple[SampleIndex, SplitTable]:
    job = next(s.job for s in plan.stages if s.job is not None and s.spec.data.name == "breakhis")
    index = SampleIndex.read(workspace.cache, job.fingerprint)
    return index, SplitTable.read(workspace.cache, job.split_hash)


def test_all_fifteen_are_planned_and_what_is_missing_blocks_only_what_needs_it(paper):
    assert len(paper.cells) == 460
    assert paper.kinds() == {"finetune": 445, "pretrain": 30, "linear": 15}
    blocked = Counter(s.spec.data.name for s in paper.stages if s.status == "blocked")
    assert blocked == {"bach": 110, "ucsb": 30}
    assert paper.count("run") == 320 + 30
    assert any("BACH_ROOT" in reason for reason in paper.blocked_reasons())


@pytest.mark.parametrize("fold", range(5))
def test_each_fold_has_its_parts_stratified_and_without_a_leak(fold, paper, workspace):
    index, split = split_of(paper, workspace)
    rows = {part: split.rows(fold, part) for part in ("ssl", "label", "test")}
    assert sum(len(found) for found in rows.values()) == 7909

    cases = index.groups("case")
    of_part = {part: set(cases[found]) for part, found in rows.items()}
    assert len(set.union(*of_part.values())) == sum(map(len, of_part.values())) == 70
    assert {part: len(found) for part, found in of_part.items()} == {
        "ssl": 42,
        "label": 14,
        "test": 14,
    }
    hashes = index.text("pixel_hash")
    assert not set(hashes[rows["test"]]) & set(hashes[np.concatenate([rows["ssl"], rows["label"]])])

    malignant = set(cases[index.number("label_index") == 1])
    shares = {part: len(found & malignant) / len(found) for part, found in of_part.items()}
    assert all(abs(share - len(malignant) / 70) < 0.08 for share in shares.values()), shares
    patients = index.text("patient_id")
    common = {"M_DC": 38, "B_F": 10}
    for prefix, number in common.items():
        here = {name for name in patients[rows["test"]] if name.startswith(prefix)}
        assert abs(len(here) - number / 5) <= 2


def test_every_image_is_tested_once_and_labelled_once(paper, workspace):
    index, split = split_of(paper, workspace)
    for part in ("test", "label"):
        together = np.concatenate([split.rows(fold, part) for fold in range(5)])
        assert sorted(together.tolist()) == list(range(len(index)))


def test_there_are_1558_complete_sets_and_sixty_percent_are_pretrained_on(paper, workspace):
    index, split = split_of(paper, workspace)
    magnifications = (40, 100, 200, 400)
    every = image_sets(index, np.arange(len(index)), magnifications)
    assert int((every.available > 0).all(axis=1).sum()) == 1558
    for fold in range(5):
        sets = image_sets(index, split.rows(fold, "ssl"), magnifications)
        complete = int((sets.available > 0).all(axis=1).sum())
        assert 800 <= complete <= 1100


def test_the_released_code_splits_patients_and_declares_what_leaks(planned, workspace):
    plan = planned(ON_BREAKHIS, "released-code")

    assert plan.count("run") == 320 + 30
    found = {finding.rule for finding in plan.findings if finding.declared}
    assert "group-overlap" in found
    index, split = split_of(plan, workspace)
    assert split.group_column == "patient"
    for fold in range(5):
        patients = index.text("patient_id")
        train = np.concatenate([split.rows(fold, part) for part in ("ssl", "label")])
        assert not set(patients[split.rows(fold, "test")]) & set(patients[train])

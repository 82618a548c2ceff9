"""`check`: what has not changed passes, what somebody broke does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scipy.stats import binom

Bench = Callable[..., Any]
Copy = Callable[[str], dict[str, str]]

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(sys.executable).parent / "mpcs-bench")
ARMS = (
    "  exp-3: {label: Ordered Pair}\n",
    "  floor: {label: Colour floor, set: {adaptation: colour-floor, pretraining: null}}\n",
)
MATRIX = "train_magnification: [100, 400]\n  fold: [0, 1]"


@dataclass(frozen=True)
class Fault:
    """One edit of a copy of the packages, versions left as they are."""

    file: str
    before: str
    after: str


FAULTS = {
    "wrong look-up table": Fault(
        "plugins/mpcs_paper/pairs.py",
        "in self.params.table.items():\n            row =",
        "in (self.params.table | {100: 400}).items():\n            row =",
    ),
    "loss without its temperature": Fault(
        "plugins/mpcs_paper/nt_xent.py", "(anchors / self.temperature) @", "anchors @"
    ),
    "leaking split": Fault(
        "mpcs_bench/data/splits_make.py",
        '        parts[k, placed == k] = PART_CODES["test"]\n',
        '        parts[k, placed == k] = PART_CODES["test"]\n'
        '        parts[k, ::5] = PART_CODES["test"]\n',
    ),
    "another split": Fault(
        "mpcs_bench/data/splits_make.py",
        '    parts = np.full((folds, len(placed)), PART_CODES["ssl"], dtype=np.uint8)\n',
        "    placed = (placed + 1) % folds\n"
        '    parts = np.full((folds, len(placed)), PART_CODES["ssl"], dtype=np.uint8)\n',
    ),
    "shuffled labels": Fault(
        "mpcs_bench/stages/finetune.py",
        "self._labels = labels[rows.train]",
        "self._labels = np.random.default_rng(0).permutation(labels[rows.train])",
    ),
    "another default": Fault(
        "mpcs_bench/protocol/schema.py",
        'dropout: float = setting("condition", 0.3',
        'dropout: float = setting("condition", 0.5',
    ),
}


@pytest.fixture
def faulty(tmp_path: Path) -> Copy:
    """Copy the packages with a fault; gives the environment in which the copy is imported."""

    def copy(name: str) -> dict[str, str]:
        folder = tmp_path / "copy"
        for part in ("mpcs_bench", "plugins", "protocols", "reports"):
            shutil.copytree(
                REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        fault = FAULTS[name]
        path = folder / fault.file
        text = path.read_text()
        assert text.count(fault.before) == 1, fault.before
        path.write_text(text.replace(fault.before, fault.after))
        return {"PYTHONPATH": os.pathsep.join([str(folder), str(folder / "plugins")])}

    return copy


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Path:
    """A folder with `small.yaml`, one cell of each experiment, and its baseline; not to change."""
    return _stored(tmp_path_factory.mktemp("baseline"), tiny_text, "fold: [0]\n  seed: [0]")


@pytest.fixture(scope="module")
def stored_samples(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Path:
    """One experiment with three folds and three seeds: values enough for an alarm."""
    folder = tmp_path_factory.mktemp("baseline-samples")
    for arm in ARMS:
        assert arm in tiny_text
        tiny_text = tiny_text.replace(arm, "")
    return _stored(folder, tiny_text, "fold: [0, 1, 2]\n  seed: [0, 1, 2]")


def _stored(folder: Path, tiny_text: str, matrix: str) -> Path:
    assert MATRIX in tiny_text
    text = tiny_text.replace("name: tiny", "name: small").replace(MATRIX, matrix)
    (folder / "small.yaml").write_text(text)
    _store(folder, "small.yaml")
    return folder


@pytest.fixture(scope="module")
def stored_ci(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the baseline of the shipped protocol."""
    folder = tmp_path_factory.mktemp("baseline-ci")
    _store(folder, "ci")
    return folder


def _store(folder: Path, protocol: str) -> None:
    command = [PROGRAM, "check", protocol, "--baseline", "baseline.json", "--update", "-j", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _arguments(stored: Path, *more: object) -> tuple[object, ...]:
    return (
        *("check", stored / "small.yaml", "--baseline", stored / "baseline.json"),
        # A busy machine is no regression of what is tested here.
        *("--time-slack", 1000, "--memory-slack", 10, "--jobs", 1, *more),
    )


def _regressions(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (item["rule"], item["subject"])
        for item in found["items"]
        if item["verdict"] == "regression"
    }


def test_the_same_code_passes_bit_for_bit(bench: Bench, stored: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("# Before\n")
    files = ("--summary", "summary.md", "--junit", "junit.xml")
    done = bench(*_arguments(stored, *files, "--json"))
    assert done.code == 0, done.out
    found = done.json
    digests = [item for item in found["items"] if item["rule"] == "digest"]
    assert {item["subject"] for item in digests} == {"pretrain", "finetune", "colour-floor"}
    assert {item["verdict"] for item in digests} == {"passed"}
    assert found["differs"] == []
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("# Before\n## small: no regression")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase")) == len(found["items"])
    assert not root.findall(".//failure")


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("wrong look-up table", {("structure", "pairs drawn"), ("digest", "pretrain")}),
        pytest.param(
            "loss without its temperature", {("digest", "pretrain")}, marks=pytest.mark.slow
        ),
        pytest.param("shuffled labels", {("digest", "finetune")}, marks=pytest.mark.slow),
        pytest.param("another default", {("structure", "settings")}, marks=pytest.mark.slow),
    ],
)
def test_a_fault_is_caught_where_it_is(
    bench: Bench, stored: Path, faulty: Copy, fault: str, caught: set[tuple[str, str]]
) -> None:
    done = bench(*_arguments(stored, "--json"), env=faulty(fault))
    assert done.code == 3, done.err
    assert caught <= _regressions(done.json)


def test_a_regression_is_told_in_every_output(
    bench: Bench, stored: Path, faulty: Copy, tmp_path: Path
) -> None:
    files = ("--summary", "summary.md", "--junit", "junit.xml")
    done = bench(*_arguments(stored, *files), env=faulty("leaking split"))
    assert done.code == 3
    assert "small: 1 regression" in done.out
    assert "| **regression** | structure | leakage |" in (tmp_path / "summary.md").read_text()
    failures = ElementTree.parse(tmp_path / "junit.xml").getroot().findall(".//failure")
    assert [item.attrib["message"] for item in failures]


def test_another_protocol_is_refused_before_anything_runs(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    done = bench(*_arguments(stored, "--set", "finetuning.epochs=7"))
    assert done.code == 2
    assert "finetuning.epochs: 2 -> 7" in done.err
    assert not (tmp_path / "mpcs-check").exists()


def test_a_missing_or_damaged_baseline_says_what_to_do(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    missing = bench("check", stored / "small.yaml", "--baseline", "none.json")
    assert (missing.code, "--update" in missing.err) == (2, True)
    text = json.loads((stored / "baseline.json").read_text())
    (tmp_path / "old.json").write_text(json.dumps(text | {"format": 99}))
    newer = bench("check", stored / "small.yaml", "--baseline", "old.json")
    assert (newer.code, "format 99" in newer.err) == (2, True)
    del text["splits"]
    (tmp_path / "cut.json").write_text(json.dumps(text))
    cut = bench("check", stored / "small.yaml", "--baseline", "cut.json")
    assert (cut.code, "damaged at splits" in cut.err) == (2, True)


def test_a_workspace_of_results_is_never_emptied(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kept.txt").write_text("precious")
    done = bench(*_arguments(stored, "-w", "mine"))
    assert done.code == 2
    assert "holds something other than an earlier check" in done.err
    assert (tmp_path / "mine/kept.txt").read_text() == "precious"


def test_nothing_ran_has_an_exit_status_of_its_own(
    bench: Bench, tiny_protocol: Callable[..., Path], tiny_breakhis: Path
) -> None:
    path = tiny_protocol((str(tiny_breakhis), "nowhere"))
    done = bench("check", path, "--baseline", "b.json", "--update", "--device", "cpu")
    assert done.code == 4, done.err
    assert "Nothing ran" in done.err


def _elsewhere(stored: Path, folder: Path) -> Path:
    """The baseline as if another version of torch had made it: only samples can tell."""
    document = json.loads((stored / "baseline.json").read_text())
    document["provenance"]["environment"]["packages"]["torch"] = "1.0"
    path = folder / "elsewhere.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("wrong look-up table", {"structure"}),
        ("loss without its temperature", {"samples"}),
        ("another split", {"structure"}),
        ("shuffled labels", {"samples"}),
    ],
)
def test_a_fault_is_caught_where_no_digest_is_promised(
    bench: Bench, stored_ci: Path, faulty: Copy, tmp_path: Path, fault: str, rules: set[str]
) -> None:
    baseline = _elsewhere(stored_ci, tmp_path)
    slack = ("--time-slack", 1000, "--memory-slack", 10)
    done = bench("check", "ci", "--baseline", baseline, *slack, "--json", env=faulty(fault))
    assert done.code == 3, done.out
    found = _regressions(done.json)
    assert "digest" not in {rule for rule, _ in found}
    assert rules <= {rule for rule, _ in found}, found


@pytest.mark.slow
def test_twenty_clean_runs_with_other_seeds_raise_few_alarms(
    bench: Bench, stored_samples: Path
) -> None:
    alarms = 0
    for number in range(1, 21):
        seeds = f"matrix.seed=[{3 * number}, {3 * number + 1}, {3 * number + 2}]"
        done = bench(*_arguments(stored_samples, "--set", seeds, "--json"))
        assert done.code in {0, 3}, done.err
        assert {rule for rule, _ in _regressions(done.json)} <= {"samples"}, done.out
        tests = [item for item in done.json["items"] if item["rule"] == "samples"]
        assert len(tests) * max(item["smallest_p"] for item in tests) <= 0.05
        alarms += done.code == 3
    # More would come of a rate of 5 % in one of a hundred such series.
    assert alarms <= binom.ppf(0.99, 20, 0.05)

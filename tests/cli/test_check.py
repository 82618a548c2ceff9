"""`check`: what has not changed passes, what somebody broke does not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scipy.stats import binom

from mpcs_bench.engine.workspace import Workspace

Bench = Callable[..., Any]

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(sys.executable).parent / "mpcs-bench")
ARMS = (
    "  exp-3: {label: Ordered Pair}\n",
    "  floor: {label: Colour floor, set: {adaptation: colour-floor, pretraining: null}}\n",
)
LOOK_UP = "wrong look-up table"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("MPCS_BENCH")},
    "COLUMNS": "250",
    "NO_COLOR": "1",
}
MATRIX = "train_magnification: [100, 400]\n  fold: [0, 1]"


@dataclass(frozen=True)
class Fault:
    """One edit of a copy of the packages, versions left as they are."""

    file: str
    before: str
    after: str


FAULTS = {
    LOOK_UP: Fault(
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
        "mpcs_bench/stages/classifying.py",
        'inputs.index.number("label_index")[rows.train]\n',
        'np.random.default_rng(0).permutation(inputs.index.number("label_index")[rows.train])\n',
    ),
    "another default": Fault(
        "mpcs_bench/protocol/schema.py",
        'dropout: float = setting("condition", 0.3',
        'dropout: float = setting("condition", 0.5',
    ),
}


def _faulty(folder: Path, name: str) -> dict[str, str]:
    """Copy the packages with a fault; return the environment in which the copy is imported."""
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


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Path:
    """A folder with `small.yaml`, one cell of each experiment, and its baseline; not to change."""
    matrix = "train_magnification: [100]\n  fold: [0]\n  seed: [0]"
    return _stored(tmp_path_factory.mktemp("baseline"), tiny_text, matrix)


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


@dataclass(frozen=True)
class Held:
    """A run held to the baseline: its exit status, output, and the files that it left."""

    code: int
    out: str
    summary: str
    junit: ElementTree.Element


@pytest.fixture(scope="module")
def reruns(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Held]:
    """A clean run and one with a wrong look-up table, side by side: each takes one core."""
    started = {}
    for name, more in (("clean", ("--json",)), (LOOK_UP, ())):
        folder = tmp_path_factory.mktemp("rerun")
        (folder / "summary.md").write_text("# Before\n")
        env = _faulty(folder / "copy", name) if name in FAULTS else {}
        files = ("--summary", "summary.md", "--junit", "junit.xml")
        command = [PROGRAM, *map(str, _arguments(stored, *files, *more))]
        started[name] = (
            folder,
            subprocess.Popen(
                command, cwd=folder, env=ENVIRONMENT | env, stdout=subprocess.PIPE, text=True
            ),
        )
    held = {}
    try:
        for name, (folder, process) in started.items():
            out, _ = process.communicate(timeout=300)
            junit = ElementTree.parse(folder / "junit.xml").getroot()
            held[name] = Held(process.returncode, out, (folder / "summary.md").read_text(), junit)
    finally:
        for _, process in started.values():
            process.kill()
    return held


@pytest.mark.parametrize("name", FAULTS)
def test_the_code_still_has_the_place_of_each_fault(name: str) -> None:
    """So that the slow tests below break what they mean to break."""
    fault = FAULTS[name]
    assert (REPOSITORY / fault.file).read_text().count(fault.before) == 1


def test_the_same_code_passes_bit_for_bit(reruns: dict[str, Held]) -> None:
    done = reruns["clean"]
    assert done.code == 0, done.out
    found = json.loads(done.out)
    digests = [item for item in found["items"] if item["rule"] == "digest"]
    assert {item["subject"] for item in digests} == {"pretrain", "finetune", "colour-floor"}
    assert {item["verdict"] for item in digests} == {"passed"}
    assert found["differs"] == []
    assert done.summary.startswith("# Before\n## small: no regression")
    assert int(done.junit.attrib["tests"]) == len(found["items"])
    assert len(done.junit.findall(".//testcase")) == len(found["items"])
    assert not done.junit.findall(".//failure")


def test_a_fault_is_caught_where_it_is_and_told_in_every_output(reruns: dict[str, Held]) -> None:
    """The look-up table changes pairs, and what was pre-trained with them; nothing else."""
    done = reruns[LOOK_UP]
    assert done.code == 3, done.out
    rows = [("structure", "pairs drawn"), ("digest", "pretrain"), ("digest", "finetune")]
    told = [f"| **regression** | {rule} | {subject} |" for rule, subject in rows]
    assert [row for row in told if row not in done.summary] == []
    assert "| **regression** | digest | colour-floor |" not in done.summary
    assert "small: 3 regressions" in done.out
    failures = done.junit.findall(".//failure")
    assert len(failures) == 3
    assert all(item.attrib["message"] for item in failures)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("leaking split", {("structure", "leakage")}),
        ("loss without its temperature", {("digest", "pretrain")}),
        ("shuffled labels", {("digest", "finetune")}),
        ("another default", {("structure", "settings")}),
    ],
)
def test_each_fault_is_caught_where_it_is(
    bench: Bench, stored: Path, tmp_path: Path, fault: str, caught: set[tuple[str, str]]
) -> None:
    done = bench(*_arguments(stored, "--json"), env=_faulty(tmp_path / "copy", fault))
    assert done.code == 3, done.err
    assert caught <= _regressions(done.json)


def test_another_protocol_is_refused_before_anything_runs(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    done = bench(*_arguments(stored, "--set", "finetuning.epochs=7"))
    assert done.code == 2
    assert "finetuning.epochs: 2 -> 7" in done.err
    assert not (tmp_path / "mpcs-check").exists()


def test_a_missing_baseline_says_what_to_do(bench: Bench, stored: Path) -> None:
    missing = bench("check", stored / "small.yaml", "--baseline", "none.json")
    assert (missing.code, "--update" in missing.err) == (2, True)


def test_a_workspace_of_results_is_never_emptied(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kept.txt").write_text("precious")
    done = bench(*_arguments(stored, "-w", "mine"))
    assert done.code == 2
    assert "holds something other than an earlier check" in done.err
    assert (tmp_path / "mine/kept.txt").read_text() == "precious"


def test_a_workspace_in_use_is_refused_and_stays_as_it_is(
    bench: Bench, stored: Path, tmp_path: Path
) -> None:
    place = Workspace(tmp_path / "mpcs-check")
    place.create()
    (place.root / "check-workspace.json").write_text("{}")
    (place.root / "half-done").write_text("of the other check")
    with place.lock():
        done = bench(*_arguments(stored))
    assert (done.code, "Another run works in" in done.err) == (2, True)
    assert (place.root / "half-done").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--junit", "folder"), "--junit folder cannot be written: it is a folder."),
        (("--summary", "", "-w", "a-file"), "The workspace a-file is a file."),
        (("--update", "--baseline", "folder"), "--baseline folder cannot be written"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_runs(
    bench: Bench, stored: Path, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a-file").write_text("kept")
    done = bench(*_arguments(stored, *more))
    assert (done.code, said in done.err) == (2, True), done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file", "folder"]


def test_a_hollowed_out_baseline_is_damaged(bench: Bench, stored: Path, tmp_path: Path) -> None:
    document = json.loads((stored / "baseline.json").read_text())
    (tmp_path / "hollow.json").write_text(json.dumps(document | {"stages": {}, "series": []}))
    done = bench(*_arguments(stored, "--baseline", tmp_path / "hollow.json"))
    assert done.code == 2
    assert "is damaged. It lacks all stages; all series" in done.err
    assert not (tmp_path / "mpcs-check").exists()


def test_ctrl_c_says_that_the_baseline_is_as_it_was(
    start: Callable[..., subprocess.Popen[str]], stored: Path, tmp_path: Path
) -> None:
    before = (stored / "baseline.json").read_bytes()
    process = start(*_arguments(stored, "--update"))
    for _ in range(600):
        if (tmp_path / "mpcs-check/check-workspace.json").exists():
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"the baseline {stored / 'baseline.json'} is as it was" in said
    assert (stored / "baseline.json").read_bytes() == before


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
    environment = document["provenance"]["environment"]
    environment["packages"]["torch"] = environment["installed"]["torch"] = "1.0"
    path = folder / "elsewhere.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        (LOOK_UP, {"structure"}),
        ("loss without its temperature", {"samples"}),
        ("another split", {"structure"}),
        ("shuffled labels", {"samples"}),
    ],
)
def test_a_fault_is_caught_where_no_digest_is_promised(
    bench: Bench, stored_ci: Path, tmp_path: Path, fault: str, rules: set[str]
) -> None:
    baseline = _elsewhere(stored_ci, tmp_path)
    slack = ("--time-slack", 1000, "--memory-slack", 10)
    env = _faulty(tmp_path / "copy", fault)
    done = bench("check", "ci", "--baseline", baseline, *slack, "--json", env=env)
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

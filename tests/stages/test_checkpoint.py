"""Checkpoints that are damaged, foreign, half written, or do not find room."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mpcs_bench.errors import StageError
from mpcs_bench.records import Result, read_result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]


def left_at(job: StageJob, done: int, step: int) -> list[Path]:
    """Run a job that writes a checkpoint after each step until it is so far; return them."""
    ticks: list[Tick] = []
    there = Watch(ticks.append, lambda: (ticks[-1].done, ticks[-1].step) == (done, step), 0)
    with pytest.raises(StageInterrupted):
        execute(job, there)
    return sorted(job.checkpoints.iterdir())


def go_on(job: StageJob) -> tuple[list[Tick], Result]:
    ticks: list[Tick] = []
    execute(job, Watch(ticks.append))
    return ticks, read_result(job.results / job.key)


def same_files(first: Result, second: Result) -> bool:
    return dict(first.manifest.files) == dict(second.manifest.files)


def edit(checkpoint: Path, **changes: Any) -> None:
    sidecar = checkpoint / "checkpoint.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | changes))


def cut(checkpoint: Path) -> None:
    state = checkpoint / "state.pt"
    state.write_bytes(state.read_bytes()[:-100])


def flip(checkpoint: Path) -> None:
    state = checkpoint / "state.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(bytes(content))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "state cut short": cut,
    "one bit of the state": flip,
    "no state": lambda path: (path / "state.pt").unlink(),
    "no sidecar": lambda path: (path / "checkpoint.json").unlink(),
    "sidecar is no JSON": lambda path: (path / "checkpoint.json").write_text("{"),
    "sidecar is a list": lambda path: (path / "checkpoint.json").write_text("[]"),
    "sidecar lacks a field": lambda path: edit(path, step=None),
    "sidecar of another step": lambda path: edit(path, step=1),
}


@pytest.fixture(scope="module")
def whole_results() -> dict[str, Result]:
    return {}


@pytest.fixture
def whole(make_job: JobMaker, run: Runner, whole_results: dict[str, Result]) -> Result:
    """What an uninterrupted pre-training leaves."""
    if "pretrain" not in whole_results:
        whole_results["pretrain"] = run(make_job("pretrain", workspace="whole"))
    return whole_results["pretrain"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_damaged_one_the_one_before_is_taken(
    make_job: JobMaker, whole: Result, damage: str
) -> None:
    job = make_job("pretrain")
    _, newest = left_at(job, 1, 2)
    DAMAGES[damage](newest)
    ticks, result = go_on(job)
    assert (ticks[0].done, ticks[0].step) == (1, 1)
    assert same_files(result, whole)
    (remark,) = result.manifest.notes["checkpoints"]
    assert f"checkpoint {int(newest.name)} is damaged" in remark
    assert "it was removed" in remark


def test_of_two_damaged_ones_the_training_begins_anew(make_job: JobMaker, whole: Result) -> None:
    job = make_job("pretrain")
    for checkpoint in left_at(job, 1, 2):
        cut(checkpoint)
    ticks, result = go_on(job)
    assert (ticks[0].done, ticks[0].step) == (0, 1)
    assert same_files(result, whole)
    assert "resumed" not in result.manifest.notes
    assert len(result.manifest.notes["checkpoints"]) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "another"}, "it is of another stage, another"),
        ({"format": 2}, "it has format 2, and this reads 1"),
        ({"build": {"torch": "1.13", "device": "cpu"}}, "it was made with device cpu, torch 1.13"),
        ({"build": {"torch": torch.__version__, "device": "cuda"}}, "made with device cuda"),
    ],
    ids=["key", "format", "torch", "device"],
)
def test_a_foreign_one_is_not_gone_on_from(
    make_job: JobMaker, whole: Result, change: dict[str, Any], said: str
) -> None:
    job = make_job("pretrain")
    for checkpoint in left_at(job, 1, 2):
        edit(checkpoint, **change)
    ticks, result = go_on(job)
    assert (ticks[0].done, ticks[0].step) == (0, 1)
    assert same_files(result, whole)
    remarks = result.manifest.notes["checkpoints"]
    assert len(remarks) == 2
    assert all(said in remark and "was not used" in remark for remark in remarks)


def keys_of(job: StageJob) -> list[str]:
    return [
        json.loads((path / "checkpoint.json").read_text())["key"]
        for path in sorted(job.checkpoints.iterdir())
    ]


def test_foreign_ones_take_no_place_from_our_own_and_stay(make_job: JobMaker) -> None:
    job = make_job("pretrain")
    for checkpoint in left_at(job, 1, 2):
        edit(checkpoint, key="another")
    left_at(job, 0, 3)
    assert keys_of(job) == ["another", "another", job.key, job.key]


def test_a_foreign_one_before_the_one_that_is_gone_on_from_stays_too(make_job: JobMaker) -> None:
    job = make_job("pretrain")
    older, _ = left_at(job, 0, 2)
    edit(older, key="another")
    left_at(job, 1, 2)
    assert keys_of(job) == ["another", job.key, job.key]


def test_after_the_last_number_of_six_digits_the_newest_is_still_taken(
    make_job: JobMaker,
) -> None:
    job = make_job("pretrain")
    older, newest = left_at(job, 1, 2)
    older.rename(older.with_name("999999"))
    newest.rename(newest.with_name("1000000"))
    ticks, _ = go_on(job)
    assert (ticks[0].done, ticks[0].step) == (1, 2)


def test_a_state_that_cannot_be_gathered_ends_the_training(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where several processes gather it, one that went on alone would wait for ever."""

    def lost(_value: object) -> list[object]:
        raise RuntimeError("connection closed by peer")

    monkeypatch.setattr("mpcs_bench.stages.distributed.world.everyones", lost)
    with pytest.raises(RuntimeError, match="closed by peer"):
        execute(make_job("pretrain"), Watch(lambda _tick: None, checkpoint_seconds=0))


@pytest.mark.parametrize("kind", ["pretrain", "linear"])
def test_a_state_that_does_not_fit_the_training_is_set_aside(
    make_job: JobMaker, run: Runner, kind: str
) -> None:
    """As after a plugin changed its module and not its version."""
    other = {"head": {"widths": [24, 8]}} if kind == "pretrain" else {"encoder": "timm/test_vit"}
    foreign = make_job(kind, workspace="other", **other)
    job = make_job(kind)
    job.checkpoints.mkdir(parents=True)
    for checkpoint in left_at(foreign, 1, 2):
        edit(checkpoint, key=job.key)
        shutil.copytree(checkpoint, job.checkpoints / checkpoint.name)
    ticks, result = go_on(job)
    assert min(tick.done for tick in ticks) == 0
    assert same_files(result, run(make_job(kind, workspace="whole")))
    assert all("does not fit" in remark for remark in result.manifest.notes["checkpoints"])


def test_one_that_runs_code_is_not_read(make_job: JobMaker, whole: Result, tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    from mpcs_bench.records.files import sha256_of

    job = make_job("pretrain")
    for checkpoint in left_at(job, 1, 2):
        torch.save({"training": Runs()}, checkpoint / "state.pt")
        edit(checkpoint, sha256=sha256_of(checkpoint / "state.pt"))
    _, result = go_on(job)
    assert not (tmp_path / "ran").exists()
    assert same_files(result, whole)


def test_killed_while_it_writes_one_nothing_is_lost_and_nothing_left(
    make_job: JobMaker, whole: Result
) -> None:
    job = make_job("pretrain")
    code = (
        "import os, signal, torch\n"
        "from mpcs_bench.stages.execute import execute\n"
        "from mpcs_bench.stages.job import StageJob\n"
        "from mpcs_bench.stages.watch import Watch\n"
        "save, calls = torch.save, []\n"
        "def dying(state, file):\n"
        "    save(state, file)\n"
        "    calls.append(0)\n"
        "    if len(calls) == 4:\n"
        "        file.truncate(1000)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "torch.save = dying\n"
        f"execute({job!r}, Watch(lambda tick: None, checkpoint_seconds=0))\n"
    )
    died = subprocess.run([sys.executable, "-c", code], check=False)
    assert died.returncode == -9
    assert len(list(job.checkpoints.glob(".tmp-*"))) == 1
    assert len(list(job.checkpoints.glob("[0-9]*"))) == 2

    left_behind: list[Path] = []
    ticks: list[Tick] = []

    def report(tick: Tick) -> None:
        ticks.append(tick)
        left_behind.extend(job.checkpoints.glob(".tmp-*"))

    execute(job, Watch(report))
    assert (ticks[0].done, ticks[0].step) == (0, 3)
    assert left_behind == []
    assert same_files(read_result(job.results / job.key), whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_noted_once_and_the_training_goes_on(
    make_job: JobMaker, whole: Result, small_disk: Path
) -> None:
    job = make_job("pretrain")
    job.checkpoints.parent.symlink_to(small_disk)
    execute(job, Watch(lambda _tick: None, checkpoint_seconds=0))
    result = read_result(job.results / job.key)
    assert same_files(result, whole)
    (remark,) = result.manifest.notes["checkpoints"]
    assert "no checkpoint could be written" in remark
    assert "No space left on device" in remark
    assert "in epoch 0" in remark
    assert list(small_disk.iterdir()) == []


def test_a_stage_is_left_though_the_disk_is_full(
    make_job: JobMaker, whole: Result, small_disk: Path
) -> None:
    job = make_job("pretrain")
    job.checkpoints.parent.symlink_to(small_disk)
    with pytest.raises(StageInterrupted):
        execute(job, Watch(lambda _tick: None, lambda: True))
    _, result = go_on(job)
    assert same_files(result, whole)


def test_a_file_too_large_keeps_those_before(make_job: JobMaker, tmp_path: Path) -> None:
    """The same without a disk of its own: a limit on the size of files."""
    import resource

    job = make_job("pretrain")
    before = left_at(job, 0, 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ticks: list[Tick] = []
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        with pytest.raises(StageInterrupted):
            execute(job, Watch(ticks.append, lambda: len(ticks) > 2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(job.checkpoints.iterdir()) == before
    assert go_on(job)[0][0] == ticks[0]


def test_a_loss_that_turns_nan_names_the_last_good_checkpoint(make_job: JobMaker) -> None:
    changes = {"loss": "not-a-number", "plugin_files": ("losses.py",), "batch_size": 4}
    job = make_job("pretrain", **changes)
    with pytest.raises(StageError, match="the contrastive loss is nan in epoch 0") as error:
        execute(job, Watch(lambda _tick: None, checkpoint_seconds=0))
    _, newest = sorted(job.checkpoints.iterdir())
    assert f"last good checkpoint is {newest} (epoch 0, step 2)" in error.value.message
    state = torch.load(newest / "state.pt", weights_only=True)
    assert all(value.isfinite().all() for value in state["training"]["model"]["saved"].values())
    assert state["training"]["totals"].isfinite().all()


def test_a_loss_that_turns_nan_without_a_checkpoint_names_none(make_job: JobMaker) -> None:
    job = make_job("pretrain", loss="not-a-number", plugin_files=("losses.py",))
    with pytest.raises(StageError, match="contrastive loss is nan in epoch 0") as error:
        execute(job, Watch(lambda _tick: None))
    assert "checkpoint" not in error.value.message


def test_what_has_diverged_is_left_with_an_error_and_no_checkpoint(make_job: JobMaker) -> None:
    job = make_job("pretrain", optimizer={"name": "sgd", "learning_rate": 1e30})
    ticks: list[Tick] = []
    with pytest.raises(StageError, match=r"the contrastive loss is .* in epoch 0"):
        execute(job, Watch(ticks.append, lambda: ticks[-1].step == 3))
    assert not job.checkpoints.exists()


def test_weights_that_are_not_finite_become_no_checkpoint(make_job: JobMaker) -> None:
    """The last step can break them and leave every loss finite."""
    job = make_job(
        "pretrain",
        optimizer={"name": "sgd", "learning_rate": 1e30, "momentum": 0.0},
        loss={"plugin": "nt-xent", "params": {"temperature": 1e-9}},
        epochs=1,
        batch_size=10,
    )
    with pytest.raises(StageError, match="not finite after the last epoch"):
        execute(job, Watch(lambda _tick: None, checkpoint_seconds=0))
    assert not job.checkpoints.exists()

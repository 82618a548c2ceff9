"""Training from files on disk: the harness against the released pipeline's way, and against peers.

Every way is a program of its own on one core; the ways take turns, and of each the fastest epoch
counts. Numbers are processor seconds of all its processes: where a way leaves the core idle, that
is not held against it, and more cores are used best by as many runs. Imports are in none.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from image_tree import Tree, make_tree
from ways import Course, Task, run_way

FINETUNING_EPOCHS = 100  # the released configuration's
FROM_FILES = "from files to the trained network"


class Ways:
    """Runs ways on one tree, each in a folder of its own, and keeps the best of each."""

    def __init__(self, folder: Path, tree: Tree, **task: Any) -> None:
        self._folder, self._tree, self._task = folder, tree, task
        self.courses: dict[str, Course] = {}

    def run(self, name: str, way: str, *, as_worker: bool = False, **task: Any) -> Course:
        """Run a way again; keep the course whose whole was fastest."""
        scratch = self._folder / f"{name.replace(' ', '-')}-{len(list(self._folder.iterdir()))}"
        scratch.mkdir()
        given = Task(
            root=str(self._tree.root),
            files=tuple(map(str, self._tree.files)),
            labels=tuple(self._tree.file_labels),
            scratch=str(scratch),
            **(self._task | task),
        )
        course = run_way(way, given, as_worker=as_worker)
        known = self.courses.get(name)
        if known is None or course.whole.cpu < known.whole.cpu:
            self.courses[name] = course
        return self.courses[name]

    def table(self, images: int) -> str:
        """Return what each way took, a line a way."""
        width = max(map(len, self.courses))
        lines = [f"{'':{width}}  once, s   epoch, s   img/s   whole, s (by the clock)"]
        for name, course in self.courses.items():
            once = course.before.cpu + course.after.cpu
            lines.append(
                f"{name:{width}}{once:9.2f}{course.epoch:11.2f}{images / course.epoch:8.1f}"
                f"{course.whole.cpu:11.2f} ({course.whole.wall:.2f})"
                + "".join(f"  {key} {value:.1f}" for key, value in course.facts.items())
            )
        return "\n".join(lines)


def _released(ways: Ways, counts: tuple[int, ...]) -> str:
    """Run the released way with each number of loader workers; return the name of the fastest."""
    names = {count: f"released way, {count} workers" for count in counts}
    for count, name in names.items():
        ways.run(name, "released_way", workers=count)
    return min(names.values(), key=lambda name: ways.courses[name].whole.cpu)


@pytest.mark.skipif(find_spec("albumentations") is None, reason="albumentations is not installed")
@pytest.mark.parametrize(
    ("encoder", "sets", "epochs", "counts", "rounds", "aim"),
    [("resnet18", 48, 3, (0, 1, 2), 2, 3.0), ("resnet50", 32, 2, (0,), 2, 4.0)],
    ids=["resnet18", "resnet50"],
)
def test_fine_tuning_against_the_released_way(
    benchmark: Any,
    aims: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    encoder: str,
    sets: int,
    epochs: int,
    counts: tuple[int, ...],
    rounds: int,
    aim: float,
) -> None:
    tree = make_tree(tmp_path / "tree", sets)
    (tmp_path / "runs").mkdir()
    ways = Ways(tmp_path / "runs", tree, encoder=encoder, epochs=epochs)
    released = ""

    def measure() -> None:
        nonlocal released
        for number in range(rounds):
            tried = counts if not number else (int(released.split()[2]),)
            released = _released(ways, tried)
            for precision in ("fp32", "bf16"):
                ways.run(
                    f"harness, {precision}", "harness_way", as_worker=True, precision=precision
                )
        ways.run("harness, bf16, malloc as it is", "harness_way", precision="bf16")
        ways.run("released way, every operation", "released_way", always=True)
        ways.run(
            "harness, bf16, every operation",
            "harness_way",
            as_worker=True,
            precision="bf16",
            always=True,
        )

    benchmark.pedantic(measure, rounds=1, iterations=1)
    theirs = ways.courses[released]
    ours = {name: ways.courses[f"harness, {name}"] for name in ("fp32", "bf16")}
    fastest = min(ours, key=lambda name: ours[name].whole.cpu)
    images = len(tree.files)
    whole, same = (theirs.whole.cpu / ours[name].whole.cpu for name in (fastest, "fp32"))
    paced, same_paced = (theirs.epoch / ours[name].epoch for name in (fastest, "fp32"))
    long = theirs.over(FINETUNING_EPOCHS) / ours[fastest].over(FINETUNING_EPOCHS)
    benchmark.extra_info |= {"whole": whole, "fp32": same}
    aims.row(
        f"released way / harness, {encoder} at 224, {FROM_FILES}, {epochs} epochs",
        f"{whole:.2f} ({fastest}; fp32 to fp32 {same:.2f})",
        f">= {aim:.0f}",
        whole >= aim,
        f"{images} {tree.origin}; {released}",
    )
    aims.row(
        f"the same, an epoch / over {FINETUNING_EPOCHS} epochs",
        f"{paced:.2f} (fp32 to fp32 {same_paced:.2f}) / {long:.2f}",
        f">= {aim:.0f}",
        long >= aim,
    )
    busy = [ways.courses[f"{name}, every operation"] for name in ("released way", "harness, bf16")]
    aims.row(
        "the same, every operation on every image, an epoch",
        f"{busy[0].epoch / busy[1].epoch:.2f} (bf16)",
        "",
        None,
        "otherwise with the released pipeline's probabilities, 0.2 and 0.3",
    )
    with capsys.disabled():
        print(f"\n{encoder} at 224, batch 32, {images} {tree.origin}, processor seconds, one core")
        print(ways.table(images))


@pytest.mark.parametrize("peer", ["lightly", "kornia"])
def test_pre_training_against_a_peer(
    benchmark: Any,
    aims: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    peer: str,
) -> None:
    if find_spec(peer) is None:
        aims.row(f"{peer} / harness", "not measured", "", None, f"{peer} is not installed")
        pytest.skip(f"{peer} is not installed: `pip install mpcs-bench[bench]`")
    tree = make_tree(tmp_path / "tree", 48)
    (tmp_path / "runs").mkdir()
    ways = Ways(tmp_path / "runs", tree, kind="pretrain", size=96, batch=24, epochs=3)

    def measure() -> None:
        for _ in range(2):
            ways.run(peer, f"{peer}_way")
            for precision in ("fp32", "bf16"):
                name = f"harness, {precision}"
                ways.run(name, "harness_way", as_worker=True, precision=precision)

    benchmark.pedantic(measure, rounds=1, iterations=1)
    theirs, ours = ways.courses[peer], ways.courses["harness, fp32"]
    fast = ways.courses["harness, bf16"]
    data, step = (theirs.facts[key] / ours.facts[key] for key in ("data_ms", "step_ms"))
    aims.row(
        f"{peer} / harness, pre-training of resnet18 at 96, 24 pairs, an epoch",
        f"{theirs.epoch / ours.epoch:.2f} (with bf16 {theirs.epoch / fast.epoch:.2f})",
        "",
        None,
        f"data path alone {data:.1f} ({1000 / ours.facts['data_ms']:,.0f} and "
        f"{1000 / theirs.facts['data_ms']:,.0f} img/s), step alone {step:.2f}; fp32, "
        f"{tree.origin}",
    )
    with capsys.disabled():
        print(f"\npre-training of resnet18 at 96, 24 pairs, {len(tree.files)} {tree.origin}")
        print(ways.table(len(tree.files)))


def test_pre_training_against_solo_learn(benchmark: Any, aims: Any) -> None:
    del benchmark
    reason = "solo-learn 1.0.2 requires torch 1.9.1: it does not install beside torch >= 2.11"
    aims.row("solo-learn / harness", "not measured", "", None, reason)
    pytest.skip(reason)

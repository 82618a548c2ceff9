"""Bad input: a clear error that says what to do, the right exit code, and nothing lost."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]


@pytest.fixture
def refused(bench: Bench) -> Callable[..., str]:
    """Run a command that must fail, and return what it says on stderr."""

    def run(*arguments: object, code: int = 2, env: dict[str, str] | None = None) -> str:
        done = bench(*arguments, env=env)
        assert done.code == code, (done.code, done.out, done.err)
        assert "Traceback" not in done.err
        return done.err

    return run


@pytest.fixture
def own_tree(tiny_breakhis: Path, tmp_path: Path) -> Path:
    """A copy of the tiny data set that a test may damage."""
    return Path(shutil.copytree(tiny_breakhis, tmp_path / "tree"))


def _images(tree: Path) -> list[Path]:
    return sorted(tree.rglob("*.png"))


# --- protocol files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("strategy: ordered", "strategy: orderd", "Did you mean 'ordered'?"),
        ("plugin: breakhis", "plugin: breakhiss", "Did you mean 'breakhis'?"),
        ("batch_size: 4\nfinetuning", "batchsize: 4\nfinetuning", "Did you mean 'batch_size'?"),
        ("temperature: 0.2", "temprature: 0.2", "Did you mean 'temperature'?"),
        ("magnification: [100, 400]", "magnification: [100, 300]", "300"),
        ("epochs: 2\n  batch_size: 4\nfine", "epochs: many\n  batch_size: 4\nfine", "'many'"),
    ],
)
def test_a_protocol_error_names_file_line_and_remedy(
    refused: Callable[..., str], tiny_protocol: Write, old: str, new: str, expected: str
) -> None:
    path = tiny_protocol((old, new))
    text = path.read_text()
    line = text[: text.index(new)].count("\n") + 1
    error = refused("validate", path)
    assert f"{path}:{line}:" in error
    assert expected in error


def test_a_key_that_stands_twice(refused: Callable[..., str], tiny_protocol: Write) -> None:
    path = tiny_protocol(("weights: none", "weights: none\nweights: imagenet"))
    line = path.read_text().splitlines().index("weights: imagenet") + 1
    error = refused("validate", path)
    assert f"{path}:{line}:1" in error
    assert "'weights' stands twice" in error


def test_an_unknown_protocol_is_named_with_the_nearest(refused: Callable[..., str]) -> None:
    assert "Did you mean 'quickstart'?" in refused("run", "quikstart")


def test_a_protocol_file_that_is_not_there(refused: Callable[..., str]) -> None:
    assert "no protocol file 'mine.yaml'" in refused("run", "mine.yaml")


def test_a_protocols_own_plugin_file_needs_trust(
    refused: Callable[..., str], bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    path = tiny_protocol(("weights: none", "weights: none\nplugins: [own.py]"))
    for command in ("validate", "plan", "run"):
        assert "--trust" in refused(command, path)
    assert not (tmp_path / "ran").exists()
    bench("validate", path, "--trust")
    assert (tmp_path / "ran").exists()


# --- data ----------------------------------------------------------------------------------


def test_a_missing_root_blocks_and_says_how_to_supply_it(
    refused: Callable[..., str], bench: Bench, tiny_protocol: Write, tiny_breakhis: Path
) -> None:
    path = tiny_protocol((str(tiny_breakhis), "${TISSUE_ROOT}"))
    error = refused("run", path, code=4)
    assert "TISSUE_ROOT is not set" in error
    assert "--data tissue=PATH" in error
    assert bench("plan", path, "--json").json["stages"]["by_status"] == {"blocked": 14}
    assert bench("plan", path, "--data", f"tissue={tiny_breakhis}", "--json").code == 0


def test_an_empty_root(refused: Callable[..., str], tiny_protocol: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = refused("run", tiny_protocol(), "--data", f"tissue={tmp_path / 'empty'}")
    assert "BreaKHis_v1" in error


@pytest.mark.parametrize("damage", ["truncated", "empty", "grey", "text"])
def test_a_damaged_image_is_named(
    refused: Callable[..., str], tiny_protocol: Write, own_tree: Path, damage: str
) -> None:
    victim = _images(own_tree)[5]
    if damage == "grey":
        cv2.imwrite(str(victim), np.zeros((16, 24), np.uint8))
    else:
        whole = victim.read_bytes()
        content = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"no image"}
        victim.write_bytes(content[damage])
    error = refused("run", tiny_protocol(), "--data", f"tissue={own_tree}")
    assert victim.name in error


def test_a_wrongly_named_image_is_not_dropped_silently(
    refused: Callable[..., str], tiny_protocol: Write, own_tree: Path
) -> None:
    victim = _images(own_tree)[0]
    victim.rename(victim.with_name("SOB_B_A-14-1000-40-first.png"))
    error = refused("run", tiny_protocol(), "--data", f"tissue={own_tree}")
    assert "SOB_B_A-14-1000-40-first.png" in error


def test_images_of_several_sizes_need_a_working_size(
    refused: Callable[..., str], tiny_protocol: Write, own_tree: Path
) -> None:
    victim = _images(own_tree)[0]
    cv2.imwrite(str(victim), cv2.resize(cv2.imread(str(victim)), (30, 16)))
    path = tiny_protocol(("    image_size: [24, 16]\n", ""))
    error = refused("run", path, "--data", f"tissue={own_tree}")
    assert "30x16" in error
    assert "image_size" in error


def test_more_folds_than_patients_of_a_class(
    refused: Callable[..., str], tiny_protocol: Write
) -> None:
    error = refused("validate", tiny_protocol(("folds: 3", "folds: 9")))
    assert "'benign'" in error
    assert "6 groups" in error


def test_sets_with_one_magnification_cannot_make_pairs(
    refused: Callable[..., str], tiny_protocol: Write, own_tree: Path
) -> None:
    for image in _images(own_tree):
        if image.parent.name != "100X":
            image.unlink()
    path = tiny_protocol(
        ("  transform: &transform", "  sets: {require: strategy}\n  transform: &transform"),
        ("train_magnification: [100, 400]", "train_magnification: [100]"),
    )
    assert "sets can take part" in refused("run", path, "--data", f"tissue={own_tree}")


def test_a_part_without_images_at_the_magnification(
    refused: Callable[..., str], tiny_protocol: Write, own_tree: Path
) -> None:
    for image in _images(own_tree):
        if image.parent.name == "400X":
            image.unlink()
    path = tiny_protocol(("experiments:", "experiments:\n  # baseline alone"))
    error = refused("run", path, "--only", "experiment=exp-1", "--data", f"tissue={own_tree}")
    assert "has no images at 400X" in error


def test_a_users_split_that_leaks(
    refused: Callable[..., str], bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol()
    assert bench("data", "splits", path, "--export", "split.csv").code == 0
    lines = (tmp_path / "split.csv").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if ",0,test," in line)
    lines[first] = lines[first].replace(",0,test,", ",0,label,")
    (tmp_path / "split.csv").write_text("\n".join(lines) + "\n")
    split = "split: {scheme: file, file: split.csv, group: case}"
    leaking = tiny_protocol(
        ("split: {scheme: kfold, folds: 3, group: case, seed: 5}", split), name="leak.yaml"
    )
    error = refused("run", leaking)
    assert "The split leaks" in error
    assert "group-overlap" in error


# --- weights -------------------------------------------------------------------------------


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch exploded",))


@pytest.mark.parametrize("kind", ["missing", "corrupt", "pickle", "mismatch"])
def test_bad_weight_files(bench: Bench, tiny_protocol: Write, tmp_path: Path, kind: str) -> None:
    import torch

    file = tmp_path / ("weights.pth" if kind == "pickle" else "weights.safetensors")
    if kind == "corrupt":
        file.write_bytes(b"\x00" * 64)
    elif kind == "pickle":
        file.write_bytes(pickle.dumps({"bomb": _Bomb()}))
    elif kind == "mismatch":
        from safetensors.torch import save_file

        save_file({"conv1.weight": torch.zeros(3, 3)}, file)
    path = tiny_protocol(("weights: none", f"weights: {{source: file, file: {file}}}"))
    done = bench("run", path, "--only", "experiment=exp-1,fold=0,train_magnification=100")
    assert done.code == (4 if kind == "missing" else 1), done.err
    assert str(file) in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "exploded").exists()


def test_imagenet_weights_that_are_not_there(
    refused: Callable[..., str], tiny_protocol: Write, tmp_path: Path
) -> None:
    path = tiny_protocol(("weights: none", "weights: imagenet"))
    empty = {"HF_HOME": str(tmp_path / "hf"), "MPCS_WEIGHTS": str(tmp_path / "weights")}
    error = refused("run", path, "--only", "experiment=exp-1", code=4, env=empty)
    assert "test_resnet" in error
    assert "MPCS_WEIGHTS" in error or str(tmp_path / "weights") in error


# --- plugins and training ------------------------------------------------------------------

RAISING = """
from mpcs_bench.registry import PairStrategy

class Raising(PairStrategy):
    name = "raising"
    human_prior = 0
    degrees_of_freedom = 0

    def draw(self, sets, available, generator):
        raise RuntimeError("not today")
"""


def test_a_plugin_that_raises_fails_its_stage_and_no_other(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "raising.py").write_text(RAISING)
    path = tiny_protocol(("strategy: ordered", "strategy: raising"))
    done = bench("run", path, "--plugin", "raising.py")
    assert done.code == 1
    assert "RuntimeError: not today" in done.err
    counts = bench("sql", "SELECT state, count(*) AS n FROM stages GROUP BY 1", "--json").json
    assert {row["state"]: row["n"] for row in counts} == {"done": 8, "failed": 2, "planned": 4}
    traceback = bench("sql", "SELECT DISTINCT traceback FROM stages WHERE state = 'failed'")
    assert "in draw" in traceback.out


def test_a_loss_that_becomes_nan_fails_with_its_epoch(bench: Bench, tiny_protocol: Write) -> None:
    path = tiny_protocol(
        (
            "  optimizer: {name: adamw, learning_rate: 1.0e-3}\n  epochs: 2\n  batch_size: 4\nexp",
            "  optimizer: {name: sgd, learning_rate: 1.0e+30}\n  epochs: 2\n  batch_size: 4\nexp",
        )
    )
    done = bench("run", path, "--only", "experiment=exp-1,fold=0,train_magnification=100")
    assert done.code == 1
    assert "training loss is nan in epoch" in done.err
    # A failure is never cached: the next run tries again.
    again = bench("run", path, "--only", "experiment=exp-1,fold=0,train_magnification=100")
    assert again.code == 1


# --- the workspace -------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this process may not mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_no_space_left(bench: Bench, tiny_protocol: Write, small_disk: Path) -> None:
    done = bench("run", tiny_protocol(), "--workspace", small_disk / "ws")
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    assert "space" in done.err.lower()


def test_a_workspace_that_cannot_be_written(
    refused: Callable[..., str], tiny_protocol: Write, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "cannot be written" in refused("run", tiny_protocol(), "--workspace", small_disk / "ws")


def test_a_workspace_that_is_not_there(refused: Callable[..., str]) -> None:
    for command in (["results"], ["sql", "SELECT 1"], ["report", "tiny"], ["show", "1"]):
        assert "no workspace" in refused(*command)


@pytest.mark.slow
def test_results_wait_on_disk_while_someone_holds_the_database(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    held = tmp_path / "mpcs-workspace/bench.duckdb"
    code = (
        f"import duckdb, sys; c = duckdb.connect({str(held)!r}); print('held', flush=True);"
        "sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        more = ("--set", "finetuning.epochs=1", "--only", "experiment=exp-1,fold=0")
        done = bench("run", ran, *more)
        assert done.code != 0
        assert f"process {holder.pid}" in done.err
        assert "Traceback" not in done.err
    finally:
        holder.communicate()
    again = bench("run", ran, *more, "--json")
    assert again.code == 0, again.err
    assert again.json["stages"]["ran"] == 0, "what waited on disk was not trained again"
    done_cells = bench("sql", "SELECT count(*) AS n FROM cells WHERE state = 'done'", "--json")
    assert done_cells.json == [{"n": 2 + 12}]


def test_a_damaged_database_is_made_again_and_that_is_said_once(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    before = bench("results", "--json").json
    database = tmp_path / "mpcs-workspace/bench.duckdb"
    damaged = bytes(4096) + database.read_bytes()[4096:]
    database.write_bytes(damaged)

    first = bench("results", "--json")

    assert first.code == 0, first.err
    assert first.json["digest"] == before["digest"]
    assert len(first.err.splitlines()) == 1
    (aside,) = database.parent.glob("bench.duckdb.damaged-*")
    assert aside.name in first.err
    assert aside.read_bytes() == damaged
    assert bench("results", "--json").err == ""


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (x INT)",
        "DELETE FROM metric",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "EXPORT DATABASE 'stolen'",
        "ATTACH 'stolen.duckdb'",
        "SELECT * FROM read_csv('tiny.yaml')",
        "SET enable_external_access = true",
    ],
)
def test_sql_cannot_write(
    refused: Callable[..., str], bench: Bench, ran: Path, tmp_path: Path, statement: str
) -> None:
    before = bench("results", "--json").json["digest"]
    refused("sql", statement)
    assert not list(tmp_path.glob("stolen*"))
    assert bench("results", "--json").json["digest"] == before


def test_bad_protocols_lose_no_stored_result(bench: Bench, ran: Path) -> None:
    before = bench("results", "--json").json
    assert bench("run", ran, "--set", "finetuning.epochs=0").code == 2
    assert bench("run", ran, "--set", "encoder=timm/no_such_net").code == 2
    after = bench("results", "--json").json
    assert after == before


def test_a_leaking_split_is_found_though_weights_are_missing(
    refused: Callable[..., str], bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    split = "split: {scheme: kfold, folds: 3, group: case, seed: 5}"
    assert bench("data", "splits", tiny_protocol(), "--export", "split.csv").code == 0
    text = (tmp_path / "split.csv").read_text()
    (tmp_path / "split.csv").write_text(text.replace("0,test", "0,label", 1))
    path = tiny_protocol(
        (split, "split: {scheme: file, file: split.csv, group: case}"),
        ("weights: none", "weights: {source: file, file: nowhere.safetensors}"),
    )
    assert "The split leaks" in refused("validate", path)


def test_a_file_that_cannot_be_written_has_no_traceback(
    refused: Callable[..., str], tiny_protocol: Write
) -> None:
    error = refused("data", "splits", tiny_protocol(), "--export", "/proc/nowhere/split.csv")
    assert "/proc/nowhere/split.csv" in error

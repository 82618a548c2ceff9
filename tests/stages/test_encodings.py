"""Shared encodings: each image passes each encoder once, and who reads ends as who encoded."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoding_results import encodings, files, keys, left_over
from safetensors.torch import save_file

from mpcs_bench.records import Result
from mpcs_bench.stages.encoding_file import read_encoding, read_facts
from mpcs_bench.stages.job import StageJob

Cell = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

MATRIX = [
    {"fold": fold, "label_fraction": fraction, "train_magnification": magnification}
    for fold, fraction, magnification in itertools.product((0, 1), (0.5, 1.0), (100, 200))
]
IMAGES = 30  # of each magnification


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A file of weights, as of a published encoder."""
    generator = torch.Generator().manual_seed(5)
    file = tmp_path / "weights.safetensors"
    shapes = {"layer.weight": (8, 3, 5, 5), "layer.bias": (8,)}
    save_file({name: torch.randn(*s, generator=generator) for name, s in shapes.items()}, file)
    return str(file)


# Once


def test_cells_of_all_folds_fractions_and_magnifications_share_one_pass_of_a_file_s_encoder(
    cell: Cell, run: Runner, passes: Any, weights: str
) -> None:
    jobs = [
        cell(job={"weights_file": weights}, test_magnifications=[100, 200], **axes)
        for axes in MATRIX
    ]
    shared = {frozenset(keys(run(job))) for job in jobs}
    assert (len(passes()), set(passes().values())) == (2 * IMAGES, {1})
    assert shared == {frozenset(path.stem for path in encodings(jobs[0]))}
    assert left_over(jobs[0]) == []


def test_an_encoder_of_a_fold_passes_each_image_once_for_all_cells_of_the_fold(
    cell: Cell, run: Runner, passes: Any
) -> None:
    for axes in MATRIX:
        run(cell(test_magnifications=[axes["train_magnification"]], **axes))
    assert (len(passes()), set(passes().values())) == (2 * 2 * IMAGES, {1})


def test_an_encoder_of_a_fold_sees_no_part_that_its_cells_do_not_use(
    cell: Cell, run: Runner, passes: Any, tissue: Any
) -> None:
    job = cell(parts=["label"])
    run(job)
    used = np.concatenate([tissue.split.rows(0, part) for part in ("label", "test")])
    used = used[tissue.index.number("magnification")[used] == 100]
    assert len(passes()) == len(used) < IMAGES
    run(cell(parts=["label", "ssl"]))
    assert (len(passes()), set(passes().values())) == (IMAGES, {1})


def test_other_settings_of_the_classifier_change_no_encoding(
    cell: Cell, run: Runner, passes: Any, weights: str
) -> None:
    given = {"job": {"weights_file": weights}}
    first = run(cell(**given))
    for changes in (
        {"seed": 1},
        {"dropout": 0.5},
        {"batch_size": 3},
        {"selection": {"rule": "validation"}},
        {"optimizer": {"name": "sgd", "learning_rate": 0.1}},
        {"transform": {"input_size": [32, 32], "test_framing": "centre-crop"}},
    ):
        assert keys(run(cell(**given, **changes))) == keys(first)
    assert len(passes()) == IMAGES


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"fold": 1},
        {"replicate": 1},
        {"precision": "bf16"},
        {"deterministic": False},
        {"threads": 2},
        {"test_magnifications": [200], "train_magnification": 200},
        {"transform": {"input_size": [24, 24], "test_framing": "centre-crop"}},
        {"transform": {"input_size": [32, 32], "test_framing": "whole"}},
        {"job": {"image_size": (20, 16)}},
        {"encoder": "timm/test_resnet"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_can_change_a_bit_of_the_features_has_an_encoding_of_its_own(
    cell: Cell, run: Runner, changes: dict[str, Any]
) -> None:
    assert not set(keys(run(cell()))) & set(keys(run(cell("other", **changes))))


@pytest.mark.parametrize("variable", ["MKL_CBWR", "CUBLAS_WORKSPACE_CONFIG"])
def test_variables_that_change_numbers_have_encodings_of_their_own(
    cell: Cell, run: Runner, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    first = keys(run(cell()))
    monkeypatch.setenv(variable, "another")
    assert not set(first) & set(keys(run(cell(label_fraction=0.5))))


def test_weights_are_known_by_their_content(cell: Cell, run: Runner, weights: str) -> None:
    path = Path(weights)
    first = run(cell(job={"weights_file": weights}))
    copy = path.with_name("copy.safetensors")
    copy.write_bytes(path.read_bytes())
    assert keys(run(cell(job={"weights_file": str(copy)}, seed=1))) == keys(first)
    tensors = {"layer.weight": torch.zeros(8, 3, 5, 5), "layer.bias": torch.zeros(8)}
    save_file(tensors, path)
    assert keys(run(cell(job={"weights_file": weights}, seed=2))) != keys(first)


# The same bits


def test_who_encodes_and_who_reads_end_with_the_same_bits_in_any_order(
    cell: Cell, run: Runner, weights: str
) -> None:
    for given in ({"job": {"weights_file": weights}}, {}):
        found = []
        for order in ([0, 1, 2], [2, 0, 1]):
            name = f"{len(given)}-{order[0]}"
            jobs = [cell(name, dropout=0.2, **given, **MATRIX[n]) for n in (0, 2, 4)]
            for number in order:
                run(jobs[number])
            found.append([files(job) for job in jobs])
        assert found[0] == found[1]


def test_features_are_those_of_the_encoder(cell: Cell, run: Runner, tissue: Any) -> None:
    """To the last bit those that it gives for the same rows in batches."""
    from mpcs_bench.protocol.transform import Transform
    from mpcs_bench.stages.features import encode
    from mpcs_bench.stages.images import WorkingImages
    from mpcs_bench.stages.inputs import StageInputs
    from mpcs_bench.stages.models import build_encoder

    job = cell()
    (key, *others) = keys(run(job))
    inputs = StageInputs.open(job)
    plugin = inputs.encoder(job.spec["encoder"])
    encoder = build_encoder(plugin, None, 0, 0).to(memory_format=torch.channels_last)
    cpu = torch.device("cpu")
    images = WorkingImages(inputs.images, plugin.preprocessing, cpu)
    transform = Transform.model_validate(job.spec["transform"])
    at_100 = tissue.index.number("magnification") == 100
    expected = {}
    for part in ("label", "ssl", "test"):
        rows = tissue.split.rows(0, part)
        rows = rows[at_100[rows]]
        if len(rows):
            found = encode(encoder, images, transform, rows, device=cpu, precision="fp32")
            expected[len(rows), found.tobytes()] = part
    for path in encodings(job):
        count = next(n for n, _ in expected if read_encoding(path, n) is not None)
        stored = read_encoding(path, count)
        assert stored is not None
        assert (count, stored.tobytes()) in expected
    assert len(encodings(job)) == len({key, *others}) == len(expected)


# Damage, and what cannot be kept


@pytest.mark.parametrize("harm", ["empty", "truncated", "a bit", "another's"])
def test_a_damaged_encoding_is_made_anew(cell: Cell, run: Runner, passes: Any, harm: str) -> None:
    first = cell()
    run(first)
    path, *_ = encodings(first)
    data = bytearray(path.read_bytes())
    if harm == "a bit":
        data[-3] ^= 1
    elif harm == "another's":
        other = cell(fold=1)
        run(other)
        data = bytearray(next(p for p in encodings(other) if p != path).read_bytes())
    path.write_bytes(data[: {"empty": 0, "truncated": len(data) - 5}.get(harm, len(data))])
    seen = sum(passes().values())
    again = cell("again")
    (again.cache / "encodings").symlink_to(first.cache / "encodings")

    run(again)

    assert files(again) == files(first)
    assert sum(passes().values()) > seen
    assert read_facts(path) is not None


def test_a_cache_that_cannot_be_written_costs_no_result(
    cell: Cell, run: Runner, passes: Any
) -> None:
    good = cell("good")
    run(good)
    blocked = cell("blocked")
    (blocked.cache / "encodings").write_text("a file where the folder should be")
    result = run(blocked)
    assert files(blocked) == files(good)
    assert all("Cannot write" in text for text in result.manifest.notes["encodings_remarks"])
    run(cell("blocked", seed=0, label_fraction=0.5))
    assert set(passes().values()) == {3}


def test_a_full_disk_costs_no_result_and_leaves_nothing(
    cell: Cell, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = cell("good")
    run(good)
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.parent.name == "encodings":
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    job = cell("full")
    result = run(job)
    assert files(job) == files(good)
    assert all("No space" in text for text in result.manifest.notes["encodings_remarks"])
    assert [*encodings(job), *left_over(job)] == []

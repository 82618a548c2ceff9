"""Features of an encoder: one vector an image, the same whatever goes through it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from mpcs_bench.data.frames import Frames
from mpcs_bench.errors import StageError, StoreError
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing
from mpcs_bench.stages import predict
from mpcs_bench.stages.features import encode, read_features, write_features
from mpcs_bench.stages.images import WorkingImages

CPU = torch.device("cpu")
PLAIN = Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
TRANSFORM = Transform.model_validate({"input_size": [24, 24], "test_framing": "whole"})


def working(images: np.ndarray, preprocessing: Preprocessing = PLAIN) -> WorkingImages:
    count, height, width, _ = images.shape
    start = np.arange(count) * (height * width * 3)
    frames = Frames(images.reshape(-1), (width, height), start, np.full(count, 3 * width))
    return WorkingImages(frames, preprocessing, CPU)


def encoder() -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = timm.create_model("test_resnet", num_classes=0)
    return module


def features_of(module: nn.Module, rows: Any) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 40, 3), dtype=np.uint8)
    return encode(module, working(images), TRANSFORM, np.array(rows), device=CPU, precision="fp32")


def test_features_follow_the_rows_asked_for() -> None:
    module = encoder()
    everything = features_of(module, range(9))
    assert everything.shape == (9, module.num_features)
    assert everything.dtype == np.float32
    np.testing.assert_allclose(features_of(module, [7, 2]), everything[[7, 2]], rtol=1e-4)


def test_no_rows_give_no_features() -> None:
    module = encoder()
    rows = np.empty(0, dtype=np.int64)
    assert features_of(module, rows).shape == (0, module.num_features)


def test_features_do_not_depend_on_how_many_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = encoder()
    at_once = features_of(module, range(9))
    monkeypatch.setattr(predict, "BATCH", 2)
    np.testing.assert_allclose(features_of(module, range(9)), at_once, rtol=1e-4, atol=1e-6)


def test_encoding_leaves_no_trace_in_modes_statistics_and_random_numbers() -> None:
    module = encoder().train()
    frozen = next(part for part in module.modules() if isinstance(part, nn.BatchNorm2d)).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    features_of(module, range(9))
    assert torch.equal(torch.rand(4), expected)
    assert module.training
    assert not frozen.training
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())


def test_an_encoder_that_gives_pictures_is_refused() -> None:
    module = encoder()
    module.global_pool = nn.Identity()
    with pytest.raises(StageError, match="num_features"):
        features_of(module, range(2))


def test_features_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    features = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    write_features(path, ["a", "b", "c"], features)
    ids, stored = read_features(path)
    assert ids == ("a", "b", "c")
    np.testing.assert_array_equal(stored, features)


def test_an_empty_file_of_features_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    write_features(path, [], np.empty((0, 5), dtype=np.float32))
    assert read_features(path)[0] == ()


@pytest.mark.parametrize("ids", [["a"], ["a", "a"]])
def test_ids_that_do_not_name_the_features_are_refused(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(StageError):
        write_features(tmp_path / "f.parquet", ids, np.zeros((2, 3), dtype=np.float32))


@pytest.mark.parametrize("content", [None, b"PAR1 no more", b""])
def test_a_damaged_or_missing_file_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "features.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"features\.parquet"):
        read_features(path)

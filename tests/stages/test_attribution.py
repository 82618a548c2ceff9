"""Grad-CAM: where a network found evidence for the true class, and no trace of having looked."""

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
from mpcs_bench.stages.attribution import (
    AttentionMaps,
    attention_maps,
    attention_rows,
    read_attention,
    spatial_layer,
    write_attention,
)
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.models import Classifier
from mpcs_bench.stages.predict import PredictionRecorder, Predictor

CPU = torch.device("cpu")
PLAIN = Preprocessing((0.5, 0.4, 0.6), (0.2, 0.3, 0.2))
SIZE = 64


def working(images: np.ndarray, preprocessing: Preprocessing = PLAIN) -> WorkingImages:
    count, height, width, _ = images.shape
    start = np.arange(count) * (height * width * 3)
    frames = Frames(images.reshape(-1), (width, height), start, np.full(count, 3 * width))
    return WorkingImages(frames, preprocessing, CPU)


class Brightness(nn.Module):
    """Finds what is bright in red, and what is bright in blue: a picture of 8 x 8."""

    num_features = 2

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        self.see.weight.data.zero_()
        self.see.weight.data[0, 0] = self.see.weight.data[1, 2] = 1.0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.see(images)).mean((2, 3))


def classifier(encoder: nn.Module, classes: int = 2) -> Classifier:
    torch.manual_seed(0)
    model = Classifier(encoder, classes, 0.3)
    if isinstance(encoder, Brightness):
        model.linear.weight.data = torch.eye(2)
        model.linear.bias.data.zero_()
    return model


def predictor(model: nn.Module, images: np.ndarray, given: Preprocessing = PLAIN) -> Predictor:
    settings = Transform.model_validate({"input_size": [SIZE, SIZE], "test_framing": "whole"})
    return Predictor(model, working(images, given), settings, CPU, "fp32")


def spot(column: int, channel: int) -> np.ndarray:
    """Return a dark image with one bright square, in the upper row of squares."""
    image = np.full((SIZE, SIZE, 3), 30, dtype=np.uint8)
    image[8:24, column : column + 16, channel] = 250
    return image


def of_class(index: Any, label: int) -> int:
    return int(np.flatnonzero(index.number("label_index") == label)[0])


def look(index: Any, model: nn.Module, **chosen: Any) -> tuple[AttentionMaps, np.ndarray]:
    """Return the maps of one red spot on the left of class 0 and one blue on the right of 1."""
    rows = np.array([of_class(index, 0), of_class(index, 1)])
    images = np.full((len(index), SIZE, SIZE, 3), 30, dtype=np.uint8)
    images[rows] = [spot(8, 0), spot(40, 2)]
    given = chosen.pop("preprocessing", PLAIN)
    maps = attention_maps(
        predictor(model, images, given), given, index, rows, threshold=chosen.pop("threshold", 0.5)
    )
    assert maps is not None
    return maps, images[rows]


def test_a_map_is_high_where_the_evidence_for_the_true_class_is(tissue: Any) -> None:
    maps, _ = look(tissue.index, classifier(Brightness()))
    for heat, left in zip(maps.maps.astype(float), (8, 40), strict=True):
        inside = heat[8:24, left : left + 16]
        assert inside.mean() > 0.7
        heat[8:24, left : left + 16] = 0
        assert heat.mean() < 0.1
    assert maps.layer == "see"


def test_a_map_is_of_the_true_class_and_not_of_the_one_decided_for(tissue: Any) -> None:
    model = classifier(Brightness())
    model.linear.weight.data = torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # decides the wrong way
    maps, _ = look(tissue.index, model)
    assert list(maps.labels) == [0, 1]
    assert list(maps.predicted) == [1, 0]
    assert list(maps.peaks) == [0, 0], "nothing in these images speaks for what they are"
    assert not maps.maps.any()


def test_maps_hold_what_the_network_saw_before_normalisation(tissue: Any) -> None:
    for channels in ("RGB", "BGR"):
        given = Preprocessing(PLAIN.mean, PLAIN.std, channels)
        maps, images = look(tissue.index, classifier(Brightness()), preprocessing=given)
        np.testing.assert_array_equal(maps.views, images)


@pytest.mark.parametrize("threshold", [0.5, 0.99, None])
def test_class_and_probability_are_those_of_the_predictions(
    tissue: Any, threshold: float | None
) -> None:
    model = classifier(timm.create_model("test_resnet", num_classes=0))
    rows = np.arange(6)
    images = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)
    network = predictor(model, images)
    maps = attention_maps(network, PLAIN, tissue.index, rows, threshold=threshold)
    records = PredictionRecorder(tissue.index, "patient", threshold).records(
        rows, network.logits(rows), "test"
    )
    assert maps is not None
    for name, found in (("predicted", maps.predicted), ("label", maps.labels)):
        assert list(found) == [record[name] for record in records]
    assert list(maps.sample_ids) == [record["sample_id"] for record in records]
    positive = np.where(maps.predicted == 1, maps.probability, 1 - maps.probability)
    if threshold is not None:
        np.testing.assert_allclose(positive, [record["score"] for record in records], rtol=1e-6)


def test_looking_leaves_no_trace(tissue: Any) -> None:
    model = classifier(timm.create_model("test_resnet", num_classes=0)).train()
    model.encoder.bn1.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    look(tissue.index, model)
    assert torch.equal(torch.rand(4), expected)
    assert model.training
    assert not model.encoder.bn1.training
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_a_frozen_encoder_has_maps_too(tissue: Any, name: str) -> None:
    model = classifier(timm.create_model(name, num_classes=0))
    model.linear.weight.data.abs_()  # every feature speaks for every class: no map is empty
    free, _ = look(tissue.index, model)
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    frozen, _ = look(tissue.index, model)
    np.testing.assert_array_equal(frozen.maps, free.maps)
    assert free.peaks.min() > 0


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("test_resnet", {}, "layer4"),
        ("resnet18", {"output_stride": 8}, "layer4"),
        ("test_efficientnet", {}, "bn2"),
        ("test_convnext", {}, "stages"),
        ("test_vit", {"img_size": SIZE}, None),
        ("swin_s3_tiny_224", {"img_size": SIZE, "depths": (1, 1, 1, 1)}, None),
    ],
)
def test_the_last_picture_of_an_encoder_is_found(
    name: str, options: dict[str, Any], layer: str | None
) -> None:
    encoder = timm.create_model(name, num_classes=0, **options).eval()
    assert spatial_layer(encoder, torch.zeros(1, 3, SIZE, SIZE)) == layer


def test_an_encoder_without_a_picture_has_no_maps(tissue: Any) -> None:
    model = classifier(timm.create_model("test_vit", num_classes=0, img_size=SIZE))
    images = np.zeros((2, SIZE, SIZE, 3), dtype=np.uint8)
    network = predictor(model, images)
    assert attention_maps(network, PLAIN, tissue.index, np.arange(2), threshold=0.5) is None


def test_a_network_that_diverged_is_said(tissue: Any) -> None:
    model = classifier(Brightness())
    model.encoder.see.weight.data.fill_(float("inf"))
    with pytest.raises(StageError, match="not finite"):
        look(tissue.index, model)


def test_the_images_shown_depend_on_pixels_and_not_on_order(tissue: Any) -> None:
    index = tissue.index
    rows = tissue.split.rows(0, "test")
    chosen = attention_rows(index, rows, 2)
    shuffled = np.random.default_rng(0).permutation(rows)
    np.testing.assert_array_equal(attention_rows(index, shuffled, 2), chosen)
    assert set(chosen) <= set(rows)
    places = zip(
        index.number("label_index")[chosen], index.number("magnification")[chosen], strict=False
    )
    expected = [(label, m) for label in (0, 1) for m in (40, 100, 200, 400) for _ in range(2)]
    assert [(int(label), int(m)) for label, m in places] == expected


def test_no_two_patches_of_an_image_are_shown(patched: Any) -> None:
    index = patched.index
    chosen = attention_rows(index, np.arange(len(index)), 4)
    images = index.text("image_id")[chosen]
    assert len(chosen) == 3 * 4
    assert len(set(images)) == len(images)


def test_a_class_with_few_images_shows_what_it_has(tissue: Any) -> None:
    index = tissue.index
    malignant = (index.number("label_index") == 1) & (index.number("magnification") == 100)
    rows = np.array([of_class(index, 0), *np.flatnonzero(malignant)[:9]])
    labels = index.number("label_index")[attention_rows(index, rows, 3)]
    assert list(labels) == [0, 1, 1, 1]
    assert len(attention_rows(index, rows[:0], 3)) == 0


def test_maps_come_back_as_they_were_written_and_equal_maps_give_equal_bytes(
    tissue: Any, tmp_path: Path
) -> None:
    maps, _ = look(tissue.index, classifier(Brightness()))
    paths = [tmp_path / "first.npz", tmp_path / "without-an-ending"]
    for path in paths:
        write_attention(maps, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = read_attention(paths[0])
    for name in ("sample_ids", "labels", "predicted", "probability", "views", "maps", "peaks"):
        stored = getattr(again, name)
        np.testing.assert_array_equal(stored, getattr(maps, name))
        assert stored.dtype == getattr(maps, name).dtype
    assert again.layer == "see"
    assert (again.maps.dtype, again.views.dtype) == (np.float16, np.uint8)


@pytest.mark.parametrize("damage", ["missing", "cut", "no zip", "an array is gone", "pickle"])
def test_damaged_maps_are_said(tissue: Any, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "attention.npz"
    maps, _ = look(tissue.index, classifier(Brightness()))
    write_attention(maps, path)
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "no zip":
        path.write_bytes(b"no zip at all")
    elif damage == "an array is gone":
        np.savez(path, views=maps.views)
    else:
        np.savez(path, sample_ids=np.array([{}], dtype=object))
    with pytest.raises(StoreError, match=r"attention\.npz"):
        read_attention(path)

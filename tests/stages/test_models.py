"""The networks of a stage: equal starts, the paper's projection heads, the classifier."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mpcs_bench.protocol.schema import Head
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.models import Classifier, build_encoder, projection_head


def encoder(name: str) -> Encoder:
    registry = Registry.discover()
    return registry.create(registry.resolve("encoder", name), Encoder)


def layers(head: nn.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in head]


def shapes(head: nn.Sequential) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in head if isinstance(m, nn.Linear)]


def equal(first: nn.Module, second: nn.Module) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_an_encoder_starts_the_same_whatever_was_drawn_before() -> None:
    plugin = encoder("timm/test_resnet")
    first = build_encoder(plugin, None, root_seed=3, fold=1)
    torch.rand(100)
    assert equal(first, build_encoder(plugin, None, root_seed=3, fold=1))


@pytest.mark.parametrize(("seed", "fold"), [(4, 1), (3, 2)])
def test_another_seed_or_fold_starts_elsewhere(seed: int, fold: int) -> None:
    plugin = encoder("timm/test_resnet")
    first = build_encoder(plugin, None, root_seed=3, fold=1)
    assert not equal(first, build_encoder(plugin, None, root_seed=seed, fold=fold))


@pytest.mark.parametrize(
    ("name", "features", "expected"),
    [
        ("resnet50", 2048, [(2048, 1024), (1024, 128)]),
        ("efficientnet-b2", 1408, [(1408, 2048), (2048, 1204), (1204, 128)]),
    ],
)
def test_the_papers_heads_have_the_widths_of_section_4_2(
    name: str, features: int, expected: list[tuple[int, int]]
) -> None:
    widths = encoder(name).projection_head(features)
    assert shapes(projection_head(features, widths, Head())) == expected


def test_the_papers_head_is_linear_layers_with_biases_and_relu_between() -> None:
    head = projection_head(8, (6, 5, 4), Head())
    assert layers(head) == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert all(layer.bias is not None for layer in head if isinstance(layer, nn.Linear))


def test_the_papers_head_computes_w2_relu_w1_h() -> None:
    head = projection_head(8, (6, 4), Head(bias=False))
    h = torch.randn(5, 8)
    expected = (h @ head[0].weight.T).clamp(min=0) @ head[2].weight.T
    torch.testing.assert_close(head(h), expected)


def test_the_released_codes_head_has_no_biases_and_norms_hidden_layers_and_output() -> None:
    head = projection_head(8, (6, 4), Head(bias=False, batch_norm=True, output_norm=True))
    assert layers(head) == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]
    assert head[0].bias is None
    assert head[3].bias is None
    assert head[1].affine
    assert not head[4].affine
    z = head(torch.randn(50, 8))
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(dim=0, correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_a_head_of_one_width_is_one_linear_layer() -> None:
    assert layers(projection_head(8, (4,), Head(batch_norm=True))) == ["Linear"]


def test_a_classifier_is_encoder_dropout_and_one_layer() -> None:
    module = build_encoder(encoder("timm/test_resnet"), None, 0, 0)
    classifier = Classifier(module, 3, dropout=0.3).eval()
    images = torch.randn(2, 3, 32, 32)
    expected = module(images) @ classifier.linear.weight.T + classifier.linear.bias
    torch.testing.assert_close(classifier(images), expected)
    assert classifier.dropout.p == 0.3

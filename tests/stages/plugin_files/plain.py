"""An encoder of a few layers, which compiles in seconds."""

from __future__ import annotations

from torch import nn

from mpcs_bench.registry.encoder import Encoder, Preprocessing


class Plain(Encoder):
    """Three convolutions with batch norm, and eight features."""

    name = "plain"

    def build(self) -> nn.Module:
        """Return the module."""
        layers: list[nn.Module] = []
        for inputs in (3, 8, 8):
            layers += [nn.Conv2d(inputs, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
        module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module.num_features = 8  # type: ignore[assignment]
        return module

    @property
    def preprocessing(self) -> Preprocessing:
        """Return values about zero."""
        return Preprocessing((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

    def projection_head(self, features: int) -> tuple[int, ...]:
        """Return two layers as narrow as the features."""
        return (features, features)

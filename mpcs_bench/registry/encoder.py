"""The contract of an encoder: images in, features h in R^d out (Section 3.2)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mpcs_bench.registry.plugin import Plugin

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What the network expects: channel order and the mean and deviation of values in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str = "RGB"


@dataclass(frozen=True, slots=True)
class Precisions:
    """In what precision a network trains fastest, as measured, by kind of device.

    `precision: auto` of a protocol takes it, but for devices without such arithmetic of their
    own: those have fp32.
    """

    cpu: Literal["fp32", "bf16"] = "fp32"
    cuda: Literal["fp32", "tf32", "bf16"] = "tf32"


@dataclass(frozen=True, slots=True)
class TimmModel:
    """How timm alone builds an encoder: `timm.create_model(name, num_classes=0, **options)`.

    `name` is NAME or NAME.TAG, `options` are JSON values; the submodules `identities`, which hold
    no weights, are replaced by `torch.nn.Identity` afterwards.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    identities: tuple[str, ...] = ()


class Encoder(Plugin):
    """Builds the base encoder f(.).

    An encoder with a `family` answers to every name `family/NAME` (as `timm/resnet18`): the part
    behind the slash becomes its parameter `name`.
    """

    kind = "encoder"
    family: ClassVar[str | None] = None

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the module, freshly initialised: float images [N, 3, H, W] -> h [N, d].

        The module has an attribute `num_features` = d. It must not touch the network.
        Initialisation draws from torch's global generator, which the caller has seeded.
        """

    @property
    @abstractmethod
    def preprocessing(self) -> Preprocessing:
        """How images are normalised before they reach the module."""

    @abstractmethod
    def projection_head(self, features: int) -> tuple[int, ...]:
        """Return the widths of the default projection head g(.), hidden layers first.

        A protocol may give its own.
        """

    @property
    def precisions(self) -> Precisions:
        """What `precision: auto` means for this network: declare what was measured."""
        return Precisions()

    def timm_model(self) -> TimmModel | None:
        """Return how timm alone builds the module, with the same names of its weights, or None.

        `export encoder` writes what timm needs to load the weights without the plugin.
        """
        return None

    def imagenet_file(self) -> Path:
        """Return the local file with ImageNet weights for this architecture.

        Raises WeightsError, saying where to put which file, when it is not on this machine.
        """
        from mpcs_bench.errors import WeightsError

        raise WeightsError(
            f"The encoder '{self.name}' declares no ImageNet weights.",
            hint="Use `weights: {source: none}` or `weights: {source: file, file: PATH}`.",
        )

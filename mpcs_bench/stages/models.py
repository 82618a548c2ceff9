"""The networks of a stage: encoder with its initial weights, projection head, classifier."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from mpcs_bench.errors import WeightsError, first_line
from mpcs_bench.protocol.schema import Head
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.registry.encoder import Encoder

_CLASSIFIERS = ("fc.", "classifier.", "head.")
"""How timm and torchvision call the last layer, which no encoder has."""


def build_encoder(encoder: Encoder, weights: Path | None, root_seed: int, fold: int) -> nn.Module:
    """Return f(.) with the weights of `weights`, or initialised by seed (equal in all arms)."""
    torch.manual_seed(seed(root_seed, f"fold={fold}", "encoder"))
    module = encoder.build()
    if weights is not None:
        load_weights(module, weights)
    return module


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, or from a torch file without running any of its code.

    A dict that holds it under `state_dict` or `model` is opened. Raises WeightsError where the
    file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weight file {path}.", hint="Check the path.")
    try:
        if path.suffix == ".safetensors":
            loaded = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError:
        raise _unreadable(path, "it is no torch file, or holds more than tensors") from None
    except Exception as error:  # a damaged file can break its reader in any way
        raise _unreadable(path, first_line(error)) from None
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in loaded.items()
    ):
        raise _unreadable(path, "it is not a state dict of tensors")
    return dict(loaded)


def load_weights(module: nn.Module, path: Path) -> None:
    """Load an encoder's weights; a classifier in the file is left out, nothing else may differ.

    Old torch files lack the step counters of batch norm, which nothing reads: those may be
    missing. Raises WeightsError that counts and names the tensors that are missing, foreign, of
    another shape, or not finite.
    """
    given = read_weights(path)
    wanted = module.state_dict()
    shapes = [name for name in wanted if name in given and given[name].shape != wanted[name].shape]
    missing = [
        name for name in wanted if name not in given and not name.endswith(".num_batches_tracked")
    ]
    foreign = [name for name in given if name not in wanted and not name.startswith(_CLASSIFIERS)]
    broken = [name for name in wanted if name in given and not given[name].isfinite().all()]
    if missing or foreign or shapes or broken:
        parts = [
            f"{len(names)} {what} (first: {names[0]})"
            for what, names in (
                ("missing", missing),
                ("not of this encoder", foreign),
                ("of another shape", shapes),
                ("not finite", broken),
            )
            if names
        ]
        raise WeightsError(
            f"The weights in {path} do not fit the encoder: of {len(wanted)} tensors, "
            + ", ".join(parts)
            + ".",
            hint="Give the file of the same architecture, or another `encoder`.",
        )
    module.load_state_dict({name: given.get(name, own) for name, own in wanted.items()})


def projection_head(features: int, widths: tuple[int, ...], head: Head) -> nn.Sequential:
    """Return g(h) = W2 relu(W1 h) (Section 3.2), `widths` being hidden layers, then the output.

    `head` says whether layers have biases, batch norm after hidden layers, and a batch norm
    without affine on z (the last two are the released code's).
    """
    layers: list[nn.Module] = []
    width = features
    for index, target in enumerate(widths):
        last = index == len(widths) - 1
        layers.append(nn.Linear(width, target, bias=head.bias))
        if not last:
            if head.batch_norm:
                layers.append(nn.BatchNorm1d(target))
            layers.append(nn.ReLU(inplace=True))
        elif head.output_norm:
            layers.append(nn.BatchNorm1d(target, affine=False))
        width = target
    return nn.Sequential(*layers)


class Projection(nn.Module):
    """Encoder and projection head (Section 3.2): images [N,3,H,W] -> z = g(f(x)) [N,D]."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return projections."""
        z: torch.Tensor = self.head(self.encoder(images))
        return z


class Classifier(nn.Module):
    """Encoder, dropout and one linear layer (Section 4.3.2): images [N,3,H,W] -> logits [N,C]."""

    def __init__(self, encoder: nn.Module, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(int(encoder.num_features), classes)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        logits: torch.Tensor = self.linear(self.dropout(self.encoder(images)))
        return logits


def _unreadable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"The weight file {path} cannot be read: {reason}.",
        hint="Weights are safetensors, or a torch file that holds a state dict and nothing else.",
    )

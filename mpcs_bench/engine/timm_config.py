"""What timm needs to load an exported encoder by itself, and whether it then is the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mpcs_bench.registry.encoder import Preprocessing, TimmModel

if TYPE_CHECKING:
    from torch import Tensor, nn

PROBE = 96
"""Edge in pixels of the random images that two modules are compared on."""


def timm_config(
    model: TimmModel,
    *,
    features: int,
    preprocessing: Preprocessing,
    size: tuple[int, int],
    working: tuple[int, int] | None,
    framing: str,
    tag: str,
) -> dict[str, Any]:
    """Return `config.json` as `timm.create_model('local-dir:FOLDER')` reads it (timm >= 1.0.16).

    `size` is (width, height) of the images that the encoder saw in testing, `working` that of the
    images that they were framed from. Of a network whose input size is fixed it is the network's
    own: timm builds it by that. timm's evaluation transform comes close to the harness's, for it
    resizes otherwise; `preprocessing.json` says exactly.
    """
    import timm

    own = timm.get_pretrained_cfg(model.name)
    width, height = size
    cut = framing == "centre-crop" and working is not None
    shown = min(1.0, width / working[0], height / working[1]) if cut and working else 1.0
    return {
        "architecture": architecture(model),
        "num_classes": 0,
        "num_features": features,
        "model_args": dict(model.options),
        "pretrained_cfg": {
            "tag": tag,
            "custom_load": False,
            "input_size": list(own.input_size) if own.fixed_input_size else [3, height, width],
            "fixed_input_size": own.fixed_input_size,
            "interpolation": "bilinear",
            "crop_pct": shown,
            "crop_mode": "center" if cut else "squash",
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
            "num_classes": 0,
            "pool_size": None,
            "first_conv": own.first_conv,
            "classifier": own.classifier,
        },
    }


def architecture(model: TimmModel) -> str:
    """Return timm's name of the network without the tag of its weights."""
    return model.name.partition(".")[0]


def licence_of_weights(model: TimmModel) -> str | None:
    """Return the licence that timm records for the published weights of a network."""
    import timm

    return timm.get_pretrained_cfg(model.name).license or None


def difference(
    model: TimmModel, module: nn.Module, state: Mapping[str, Tensor], config: Mapping[str, Any]
) -> str | None:
    """Say in what timm's own network with the weights `state` differs from `module`, if it does.

    Both are compared bit by bit, on two random images, in evaluation, on the CPU.
    """
    import timm
    import torch

    try:
        alone = timm.create_model(
            architecture(model), pretrained=False, num_classes=0, **model.options
        )
        alone.load_state_dict(dict(state))
        for name in model.identities:
            alone.set_submodule(name, torch.nn.Identity())
    except (RuntimeError, TypeError, AttributeError) as error:
        return str(error).splitlines()[0]
    cfg = config["pretrained_cfg"]
    size = cfg["input_size"] if cfg["fixed_input_size"] else [3, PROBE, PROBE]
    images = torch.randn(2, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        same = torch.equal(alone.eval()(images), module.eval()(images))
    return None if same else "its features are others"

"""The paper's encoders (Section 4.2), and every other network of timm, as plugins.

Nothing here touches the network: weights come from local files only.
"""

from __future__ import annotations

import importlib.util
import os
import re
from abc import abstractmethod
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from mpcs_bench.errors import PluginError, WeightsError, did_you_mean
from mpcs_bench.registry import Encoder, PluginParams, Precisions, Preprocessing, TimmModel

if TYPE_CHECKING:
    from torch import nn

OutputStride = Literal[8, 16, 32]
WEIGHTS_FOLDER = "MPCS_WEIGHTS"

RESNETS, EFFICIENT_NETS = re.compile(r"(test_)?resnet\d*[a-z]?"), re.compile(r"efficientnet_b\d")
"""Trained in bf16 1.28 to 2.31 and 0.75 to 0.98 times as fast on a CPU; on GPUs not measured."""


class _TimmNetwork(Encoder):
    """What all encoders made by timm share."""

    @property
    @abstractmethod
    def model_name(self) -> str:
        """timm's name of the network, with the tag of its weights where one is meant."""

    @property
    def options(self) -> dict[str, Any]:
        """What is passed to timm beside the name."""
        return {}

    def build(self) -> nn.Module:
        """Return timm's own module without its classifier: [N, 3, H, W] -> [N, num_features].

        Its state dict has timm's names. Raises PluginError where timm refuses an option.
        """
        import timm

        self._pretrained_cfg()
        try:
            module: nn.Module = timm.create_model(
                self.model_name, pretrained=False, num_classes=0, **self.options
            )
        except (TypeError, NotImplementedError, AssertionError) as error:
            given = ", ".join(f"{key}={value}" for key, value in self.options.items())
            raise PluginError(
                f"timm cannot build '{self.model_name}' with {given or 'its defaults'}: {error}",
                hint="Leave the option out, or choose a network that has it.",
            ) from error
        # Some networks (MobileNetV3) widen their features behind the pooling.
        module.num_features = getattr(module, "head_hidden_size", None) or module.num_features
        return module

    @property
    def precisions(self) -> Precisions:
        """Return what was measured for ResNets and EfficientNets."""
        architecture = self.model_name.partition(".")[0]
        if RESNETS.fullmatch(architecture):
            return Precisions(cpu="bf16", cuda="bf16")
        known = EFFICIENT_NETS.fullmatch(architecture)
        return Precisions(cpu="fp32", cuda="bf16") if known else Precisions()

    def timm_model(self) -> TimmModel | None:
        """Return the name and options that `build` passes to timm."""
        return TimmModel(self.model_name, self.options)

    @property
    def preprocessing(self) -> Preprocessing:
        """Mean and deviation that timm records for the network's weights."""
        cfg = self._pretrained_cfg()
        mean, std = tuple(map(float, cfg.mean)), tuple(map(float, cfg.std))
        if len(mean) != 3 or len(std) != 3:
            raise PluginError(
                f"timm's '{self.model_name}' does not take RGB images.",
                hint="Choose a network with three input channels.",
            )
        return Preprocessing(mean=mean, std=std)

    def projection_head(self, features: int) -> tuple[int, ...]:
        """Return (2 d, 64), in proportion to the network."""
        return (2 * features, 64)

    def imagenet_file(self) -> Path:
        """Return the local file with timm's ImageNet weights.

        Looked for in the folder $MPCS_WEIGHTS as NAME.TAG.safetensors and NAME.safetensors, then
        in the Hugging Face cache of this machine. Raises WeightsError where neither has it.
        """
        from huggingface_hub import try_to_load_from_cache

        cfg = self._pretrained_cfg()
        tagged = f"{cfg.architecture}.{cfg.tag}" if cfg.tag else cfg.architecture
        if not re.search(r"in(1|12|21|22)k", cfg.tag or "in1k"):
            raise WeightsError(
                f"timm's weights '{tagged}' were not trained on ImageNet.",
                hint=f"Name others, such as '{cfg.architecture}.TAG', or use `source: file`.",
            )
        names = list(dict.fromkeys([f"{tagged}.safetensors", f"{cfg.architecture}.safetensors"]))
        folder = os.environ.get(WEIGHTS_FOLDER)
        for name in names if folder else []:
            if (file := Path(folder or "", name)).is_file():
                return file
        filename = cfg.hf_hub_filename or "model.safetensors"
        if cfg.hf_hub_id:
            cached = try_to_load_from_cache(cfg.hf_hub_id, filename)
            if isinstance(cached, str):
                return Path(cached)
        raise _missing_weights(tagged, names[0], folder, cfg.hf_hub_id, filename)

    def _pretrained_cfg(self) -> Any:
        import timm

        architecture, _, tag = self.model_name.partition(".")
        if not timm.is_model(architecture):
            raise _unknown_name(architecture, timm.list_models())
        try:
            cfg = timm.get_pretrained_cfg(self.model_name)
        except RuntimeError as error:
            tags = [n.partition(".")[2] for n in timm.list_pretrained(f"{architecture}.*")]
            raise PluginError(
                f"timm has no weights '{tag}' for '{architecture}'.{did_you_mean(tag, tags)}",
                hint=f"Known: {', '.join(tags) or 'none'}.",
            ) from error
        if cfg is None:
            raise PluginError(
                f"timm describes no input for '{self.model_name}'.",
                hint="Choose a network that timm has a configuration of.",
            )
        return cfg


class TimmParams(PluginParams):
    """Which network of timm, and how it is built."""

    name: str = Field(description="timm's name, NAME or NAME.TAG (the tag chooses the weights)")
    output_stride: OutputStride | None = Field(
        None, description="8 or 16 dilates the last stages; null: as timm has it"
    )
    drop_path: float = Field(0.0, ge=0, lt=1, description="stochastic depth rate")

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        architecture = value.partition(".")[0]
        if architecture not in _names_in_source():
            import timm  # slow, and the last word: older aliases stand in no source list

            if not timm.is_model(architecture):
                raise ValueError(_unknown_name(architecture, timm.list_models()).message)
        return value


class TimmEncoder(_TimmNetwork):
    """Any network of timm: `timm/resnet18`, `timm/vit_small_patch16_224` ..."""

    name = "timm"
    version = "1"
    summary = "any network of timm, as timm/NAME"
    family = "timm"
    Params = TimmParams
    params: TimmParams

    @property
    def model_name(self) -> str:
        """The parameter `name`."""
        return self.params.name

    @property
    def options(self) -> dict[str, Any]:
        """Only what was asked for: not every network takes these."""
        stride, rate = self.params.output_stride, self.params.drop_path
        return ({"output_stride": stride} if stride else {}) | (
            {"drop_path_rate": rate} if rate else {}
        )


class ResNet50Params(PluginParams):
    """The paper does not say which ImageNet weights; torchvision's were the usual ones."""

    tag: str = Field("tv_in1k", description="timm's tag of the ImageNet weights")
    output_stride: OutputStride = Field(
        32, description="8: the dilated residual network of reference [61], with the same weights"
    )


class ResNet50(_TimmNetwork):
    """ResNet-50, plain or dilated, d = 2048."""

    name = "resnet50"
    version = "2"
    summary = "ResNet-50, plain or dilated, d = 2048"
    Params = ResNet50Params
    params: ResNet50Params

    @property
    def model_name(self) -> str:
        """ResNet-50 in timm, with the tag."""
        return f"resnet50.{self.params.tag}"

    @property
    def options(self) -> dict[str, Any]:
        """Where the output stride is 8 or 16, the last stages dilate and do not stride."""
        return {"output_stride": self.params.output_stride}

    def projection_head(self, features: int) -> tuple[int, ...]:
        """Return the paper's widths, 1024 and 128 (Section 4.2)."""
        return (1024, 128)


class EfficientNetB2Params(PluginParams):
    """The paper does not say which ImageNet weights; these are timm's."""

    tag: str = Field("ra_in1k", description="timm's tag of the ImageNet weights")
    last_activation: Literal["silu", "identity"] = Field(
        "silu", description="before the pooling; the released code pre-trains without it"
    )


class EfficientNetB2(_TimmNetwork):
    """EfficientNet-b2, d = 1408."""

    name = "efficientnet-b2"
    version = "2"
    summary = "EfficientNet-b2, d = 1408"
    Params = EfficientNetB2Params
    params: EfficientNetB2Params

    @property
    def model_name(self) -> str:
        """EfficientNet-b2 in timm, with the tag."""
        return f"efficientnet_b2.{self.params.tag}"

    def build(self) -> nn.Module:
        """Return timm's module; without its last activation where `last_activation` says so."""
        module = super().build()
        if self.params.last_activation == "identity":
            from torch import nn

            # The norm of the last convolution carries it; it has no weights of its own.
            module.bn2.act = nn.Identity()  # type: ignore[union-attr]
        return module

    def timm_model(self) -> TimmModel | None:
        """Return timm's network; where `last_activation` says so, without its last activation."""
        gone = ("bn2.act",) if self.params.last_activation == "identity" else ()
        return TimmModel(self.model_name, self.options, identities=gone)

    def projection_head(self, features: int) -> tuple[int, ...]:
        """Return the paper's three widths, 2048, 1204 and 128 (Section 4.2)."""
        return (2048, 1204, 128)


@cache
def _names_in_source() -> frozenset[str]:
    """Return the networks that timm's source registers, without the seconds of importing it."""
    spec = importlib.util.find_spec("timm")
    folders = (spec.submodule_search_locations if spec else None) or []
    registered = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)
    return frozenset(
        name
        for folder in folders
        for file in Path(folder, "models").glob("*.py")
        for name in registered.findall(file.read_text(encoding="utf-8"))
    )


def _unknown_name(name: str, known: list[str]) -> PluginError:
    return PluginError(
        f"timm has no network '{name}'.{did_you_mean(name, known)}",
        hint="`python -c 'import timm; print(*timm.list_models(), sep=chr(10))'` lists them.",
    )


def _missing_weights(
    tagged: str, name: str, folder: str | None, hub_id: str | None, filename: str
) -> WeightsError:
    where = f"the folder {folder}" if folder else f"a folder that ${WEIGHTS_FOLDER} names"
    cached = (
        f" It is `{filename}` of `{hub_id}` on the Hugging Face hub. Or have it in the Hugging "
        'Face cache: on a machine with network run `python -c "import timm; '
        f"timm.create_model('{tagged}', pretrained=True)\"`."
        if hub_id
        else ""
    )
    return WeightsError(
        f"The ImageNet weights '{tagged}' are not on this machine.",
        hint=f"Put {name} into {where}; `run` never downloads.{cached}",
    )

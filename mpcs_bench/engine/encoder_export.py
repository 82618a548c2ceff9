"""Export an encoder as a folder that others can use: weights, configuration, origin, licence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpcs_bench
from mpcs_bench.data.augmentation import evaluation_size
from mpcs_bench.engine.encoder_origin import data_used, initial_weights, training_record
from mpcs_bench.engine.encoder_source import WEIGHTS, EncoderSource
from mpcs_bench.engine.timm_config import architecture, difference, timm_config
from mpcs_bench.errors import BenchError, PluginError, WeightsError
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.records.atomic_write import cannot_write
from mpcs_bench.records.files import sha256_of
from mpcs_bench.records.process import unique_token
from mpcs_bench.registry.encoder import Encoder, TimmModel
from mpcs_bench.registry.registry import Registry
from mpcs_bench.shipped import folder as shipped_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL = "model.safetensors"
FRAMINGS = {
    "squash": "the whole image is resized to the input size, whatever its proportions",
    "centre-crop": "a window of the input size is cut from the middle of the image",
    "whole": "the image is taken as it is",
}
TEMPLATES = {"README.md": "encoder-readme.md.j2", "LICENSE": "encoder-license.txt.j2"}


@dataclass(frozen=True, slots=True)
class ExportedEncoder:
    """A written export: `architecture` is timm's name, None where timm cannot load it alone.

    `note` says why it cannot; `features` is the width d of what the encoder gives.
    """

    folder: Path
    architecture: str | None
    features: int
    files: tuple[str, ...]
    note: str | None


def export_encoder(source: EncoderSource, registry: Registry, folder: Path) -> ExportedEncoder:
    """Write the encoder of `source` into `folder`, which must be empty or absent; all or nothing.

    Files: `model.safetensors` (the encoder alone), `config.json` (where timm can load it alone),
    `preprocessing.json`, `training.json`, `README.md` and `LICENSE`.

    Raises BenchError where the folder is not empty, PluginError where the encoder's plugin is not
    at hand or is another version, WeightsError where the weights are not the encoder's, and
    StoreError where the folder cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchError(f"{folder} exists and is not empty.", hint="Name another --output.")
    built = _Built.of(source, registry)
    temporary = folder.with_name(f".tmp-{folder.name}-{os.getpid()}-{unique_token()}")
    try:
        temporary.mkdir(parents=True)
        _write(built, source, registry, temporary)
        files = tuple(sorted(path.name for path in temporary.iterdir()))
        temporary.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    name = built.config["architecture"] if built.config else None
    return ExportedEncoder(folder, name, built.features, files, built.note)


@dataclass(frozen=True, slots=True)
class _Built:
    """An encoder with its weights; `config` is timm's, or `note` says why there is none."""

    module: nn.Module
    state: Mapping[str, Tensor]
    features: int
    preprocessing: Mapping[str, Any]
    model: TimmModel | None
    config: dict[str, Any] | None
    note: str | None

    @classmethod
    def of(cls, source: EncoderSource, registry: Registry) -> _Built:
        hashed = source.result.spec.spec
        encoder = _encoder(registry, hashed["spec"]["encoder"])
        module, state = _loaded(encoder, source)
        features = int(module.num_features)  # type: ignore[arg-type]
        transform, working = hashed["spec"]["transform"], hashed["data"]["image_size"]
        preprocessing = _preprocessing(encoder, transform, working)
        model, config = encoder.timm_model(), None
        note: str | None = f"The encoder '{encoder.name}' is none of timm's."
        if model is not None:
            size = preprocessing["input_size"]
            config = timm_config(
                model,
                features=features,
                preprocessing=encoder.preprocessing,
                size=(size["width"], size["height"]),
                working=(working[0], working[1]) if working else None,
                framing=preprocessing["framing"],
                tag=source.result.key[:12],
            )
            note = difference(model, module, state, config)
        if model is not None and note is not None:
            named = f"The encoder '{encoder.name}' is not timm's '{architecture(model)}' alone"
            config, note = None, f"{named}: {note}."
        return cls(module, state, features, preprocessing, model, config, note)


def _encoder(registry: Registry, identity: Mapping[str, Any]) -> Encoder:
    resolved = registry.resolve("encoder", identity["plugin"], identity["params"])
    made_by = (identity["version"], identity.get("source"))
    if (resolved.version, resolved.source_sha256) != made_by:
        raise PluginError(
            f"The encoder '{resolved.full_name}' is version {resolved.version}; the weights were "
            f"made with version {identity['version']}, or with another source.",
            hint="Install the version that made them, or run the protocol again.",
        )
    return registry.create(resolved, Encoder)


def _loaded(encoder: Encoder, source: EncoderSource) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the encoder with its weights, and these by name."""
    import torch

    from mpcs_bench.stages.models import read_weights

    state = read_weights(source.result.file(WEIGHTS))
    if source.finetuned:
        prefix = "encoder."
        state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    with torch.random.fork_rng(devices=[]):
        module = encoder.build()
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights of {source.result.spec.symbolic} are not those of the encoder "
            f"'{encoder.name}': {str(error).splitlines()[-1].strip()}",
            hint="Run the protocol again with the encoder as it is now.",
        ) from error
    return module.eval(), state


def _preprocessing(
    encoder: Encoder, written: Mapping[str, Any], working: list[int] | None
) -> dict[str, Any]:
    transform = Transform.model_validate(written)
    source = (working[0], working[1]) if working else transform.input_size
    width, height = evaluation_size(transform, source)
    given = encoder.preprocessing
    return {
        "values": "of the image, divided by 255; then (value - mean) / std, channel by channel",
        "channels": given.channels,
        "mean": list(given.mean),
        "std": list(given.std),
        "working_size": {"width": source[0], "height": source[1]} if working else None,
        "working_interpolation": "area along an axis that shrinks, bilinear along one that grows",
        "framing": transform.test_framing,
        "framing_means": FRAMINGS[transform.test_framing],
        "input_size": {"width": width, "height": height},
        "interpolation": "bilinear",
        "training": transform.model_dump(mode="json"),
    }


def _write(built: _Built, source: EncoderSource, registry: Registry, folder: Path) -> None:
    from safetensors.torch import save_file

    tensors = {name: value.contiguous() for name, value in built.state.items()}
    save_file(tensors, folder / MODEL, metadata={"format": "pt"})
    data, initial = data_used(source, registry), initial_weights(source, built.model)
    training = training_record(source, data, initial, sha256_of(folder / MODEL))
    documents = {
        "preprocessing.json": built.preprocessing,
        "training.json": training,
        "config.json": built.config,
    }
    for name, document in documents.items():
        if document is not None:
            text = json.dumps(document, indent=2, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
    facts = {
        "features": built.features,
        "parameters": sum(parameter.numel() for parameter in built.module.parameters()),
        "tensors": len(built.state),
        "model": built.model,
        "config": built.config,
        "note": built.note,
        "preprocessing": built.preprocessing,
        "training": training,
        "initial": initial,
        "data": data,
        "version": mpcs_bench.__version__,
    }
    for name, text in _rendered(facts).items():
        (folder / name).write_text(text, encoding="utf-8")


def _rendered(facts: Mapping[str, Any]) -> dict[str, str]:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(shipped_folder("reports") / "templates"),
        autoescape=select_autoescape(),  # of HTML; these are none
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return {
        name: environment.get_template(template).render(facts)
        for name, template in TEMPLATES.items()
    }

"""What an exported encoder was made from: its stages, its data and their licences, its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpcs_bench
from mpcs_bench.engine.encoder_source import WEIGHTS, EncoderSource
from mpcs_bench.engine.timm_config import licence_of_weights
from mpcs_bench.errors import PluginError
from mpcs_bench.records import Result
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.encoder import TimmModel
from mpcs_bench.registry.registry import Registry

FORMAT = 1


@dataclass(frozen=True, slots=True)
class DataUsed:
    """A data set that the weights were trained on, as its plugin describes it."""

    purpose: str
    dataset: str
    fingerprint: str
    licence: str
    citation: str
    homepage: str


def data_used(source: EncoderSource, registry: Registry) -> list[DataUsed]:
    """Return the data sets behind the weights, pre-training first."""
    stages = [("Pre-training", source.result)]
    if source.finetuned:
        stages = [("Pre-training", source.upstream)] if source.upstream else []
        stages.append(("Fine-tuning", source.result))
    return [_data(purpose, result, registry) for purpose, result in stages]


def initial_weights(source: EncoderSource, model: TimmModel | None) -> str:
    """Say what the encoder started from, with the licence where one is recorded."""
    digest = str((source.upstream or source.result).spec.spec["weights"])
    if digest == "none":
        return "random initialisation"
    if source.initial == "imagenet" and model is not None:
        licence = licence_of_weights(model) or "not recorded"
        return f"timm's {model.name} (licence: {licence}), a file with SHA-256 {digest}"
    return f"a file with SHA-256 {digest} (its licence is not known here)"


def training_record(
    source: EncoderSource, data: list[DataUsed], initial: str, model_sha256: str
) -> dict[str, Any]:
    """Return `training.json`: everything that is known of how the weights came about.

    `spec` of a stage is the value whose SHA-256 (of its canonical JSON) is the stage's key.
    """
    return {
        "format": FORMAT,
        "mpcs_bench": mpcs_bench.__version__,
        "encoder": "fine-tuned" if source.finetuned else "pre-trained",
        "model_sha256": model_sha256,
        "initial_weights": initial,
        "data": [
            {
                "purpose": item.purpose,
                "dataset": item.dataset,
                "fingerprint": item.fingerprint,
                "licence": item.licence,
                "citation": item.citation,
            }
            for item in data
        ],
        **_stage(source.result),
        "upstream": None if source.upstream is None else _stage(source.upstream),
    }


def _stage(result: Result) -> dict[str, Any]:
    hashed = result.spec.spec
    return {
        "key": result.key,
        "kind": result.spec.kind,
        "symbolic": result.spec.symbolic,
        "stage_version": result.spec.stage_version,
        "created": result.manifest.created,
        "seeds": {name: hashed["spec"].get(name) for name in ("seed", "fold", "replicate")},
        "split": hashed["data"]["split"],
        "spec": dict(hashed),
        "environment": dict(result.manifest.environment),
        "timings": dict(result.manifest.timings),
        "notes": dict(result.manifest.notes),
        "weights_sha256": result.manifest.files[WEIGHTS],
    }


def _data(purpose: str, result: Result, registry: Registry) -> DataUsed:
    data = result.spec.spec["data"]
    name, fingerprint = str(data["plugin"]["plugin"]), str(data["fingerprint"])
    try:
        cls = registry.get("dataset", name).cls
    except PluginError:
        unknown = f"not known here: the plugin '{name}' is not installed"
        return DataUsed(purpose, name, fingerprint, unknown, "", "")
    assert issubclass(cls, Dataset)  # the registry sees to it
    return DataUsed(purpose, name, fingerprint, cls.licence, cls.citation, cls.homepage)

"""What must be equal for two cells to be compared, by dotted name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mpcs_bench.protocol.schema import CellSettings
from mpcs_bench.protocol.settings import role_of


def conditions_of(settings: CellSettings) -> dict[str, Any]:
    """Return the settings that must be equal for two cells to be compared, by dotted name.

    Data sets appear by their role, not their name; what belongs to pre-training is under
    `pretraining.`, and is compared only between cells that both have it.
    """
    flat: dict[str, Any] = {}
    for name in type(settings).model_fields:
        if name in ("datasets", "pretraining"):
            continue
        _flatten(settings, name, name, flat)
    _flatten_model(settings.datasets[settings.finetuning.dataset], "dataset", flat)
    if settings.pretraining is not None and settings.adaptation != "colour-floor":
        _flatten_model(settings.pretraining, "pretraining", flat)
        _flatten_model(settings.datasets[settings.pretraining.dataset], "pretraining.data", flat)
    return flat


def _flatten_model(model: BaseModel, prefix: str, flat: dict[str, Any]) -> None:
    for name in type(model).model_fields:
        _flatten(model, name, f"{prefix}.{name}", flat)


def _flatten(model: BaseModel, name: str, dotted: str, flat: dict[str, Any]) -> None:
    if role_of(type(model).model_fields[name]) != "condition":
        return
    value = getattr(model, name)
    if isinstance(value, BaseModel):
        _flatten_model(value, dotted, flat)
    else:
        flat[dotted] = value

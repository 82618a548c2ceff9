"""What a result is of: its key, kind, specification and, for a cell, its axes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mpcs_bench.errors import StoreError, did_you_mean

FORMAT = 1
"""Version of everything this package writes; a reader refuses a newer one."""

_KEY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")


@dataclass(frozen=True, slots=True)
class CellAxes:
    """The axes of a cell; None where an axis does not apply to it.

    `strategy` is 'none' without pre-training. A magnification of None or 0 means that the data
    set has none, or that all are meant. `fingerprint`, `split_hash` and `conditions` are no axes
    but stand here so that the database can be rebuilt where no plan is left.
    """

    dataset: str | None = None
    encoder: str | None = None
    weights: str | None = None
    strategy: str = "none"
    loss: str | None = None
    adaptation: str | None = None
    train_magnification: int | None = None
    label_fraction: float | None = None
    fold: int | None = None
    split_seed: int | None = None
    seed: int | None = None
    replicate: int = 0
    fingerprint: str | None = None
    split_hash: str | None = None
    conditions: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str) -> CellAxes:
        """Read axes from a mapping; None counts as absent.

        Raises StoreError where a name is no axis, naming it and `where`.
        """
        for name in values:
            if name not in _KNOWN:
                raise StoreError(
                    f"'{name}' is no axis of a cell ({where}).{did_you_mean(name, list(_KNOWN))}",
                    hint=f"Axes: {', '.join(AXES)}. Anything else belongs to `conditions`.",
                )
        return cls(**{name: value for name, value in values.items() if value is not None})


_KNOWN: tuple[str, ...] = tuple(field.name for field in fields(CellAxes))
AXES: tuple[str, ...] = _KNOWN[:12]
"""Names of the axes proper, in table order."""


@dataclass(frozen=True, slots=True)
class ResultSpec:
    """What a result is of.

    `key` names its folder; `kind` is the stage's ("pretrain", "finetune", "colour-floor" ...);
    `symbolic` is the readable id; `spec` is everything that went into the key; `axes` is given
    where the result is a cell's own, None for a stage that cells share.
    """

    key: str
    kind: str
    symbolic: str
    stage_version: int
    spec: Mapping[str, Any]
    axes: Mapping[str, Any] | None = None

    def check(self) -> None:
        """Raise StoreError where the key cannot name a folder or an axis is unknown."""
        check_key(self.key)
        if self.axes is not None:
            CellAxes.of(self.axes, f"result {self.key}")


def is_key(name: str) -> bool:
    """Say whether `name` can be a result's key, and so the name of its folder."""
    return _KEY.match(name) is not None


def check_key(key: str) -> str:
    """Return `key`; raises StoreError where it cannot be the name of a folder."""
    if not is_key(key):
        raise StoreError(
            f"'{key}' cannot be a result's key.",
            hint="A key is up to 128 letters, digits, '.', '_' and '-'.",
        )
    return key

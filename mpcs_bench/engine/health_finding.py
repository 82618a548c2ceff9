"""One line of `doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that was looked at, what was found, and what to do about it.

    `numbers` are what was measured, by name and unit.
    """

    level: Level
    what: str
    found: str
    advice: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

"""What every plugin is: a named, versioned class with frozen, documented parameters."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["dataset", "strategy", "encoder", "loss"]
KINDS: tuple[Kind, ...] = ("dataset", "strategy", "encoder", "loss")


class PluginParams(BaseModel):
    """Parameters of a plugin: frozen, no unknown fields; every field is part of identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Plugin(ABC):
    """Base of all kinds. Subclass the kind (`Dataset`, `PairStrategy` ...), not this.

    `version` must be raised by hand whenever the numbers that the plugin leads to can change:
    it is part of the key of every result.
    """

    kind: ClassVar[Kind]
    name: ClassVar[str]
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = ""
    Params: ClassVar[type[PluginParams]] = PluginParams

    def __init__(self, params: PluginParams | None = None) -> None:
        self.params = self.Params() if params is None else params

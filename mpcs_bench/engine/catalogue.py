"""What expansion asks of the registry."""

from __future__ import annotations

from typing import Any, cast

from mpcs_bench.engine.precision import chosen_precision
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.plugin import Kind
from mpcs_bench.registry.registry import Registry


class RegistryCatalogue:
    """A registry as `protocol.expand` sees it.

    `device` is that of the plan; None: nothing is planned, and what the machine decides is open.
    """

    def __init__(self, registry: Registry, device: str | None = None) -> None:
        self._registry, self._device = registry, device

    def identity(self, kind: str, reference: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the plugin's identity; raises PluginError, ParamsError."""
        return self._registry.resolve(cast(Kind, kind), reference, params).identity()

    def full_name(self, kind: str, reference: str) -> str:
        """Return the one full name of a plugin; raises PluginError."""
        return self._registry.full_name(cast(Kind, kind), reference)

    def magnifications(self, reference: str) -> tuple[int, ...]:
        """Return the magnifications that a data set declares."""
        return cast(type[Dataset], self._registry.get("dataset", reference).cls).magnifications

    def precision(self, reference: str, params: dict[str, Any]) -> str | None:
        """Return the precision of an encoder on the plan's device, None where there is no plan.

        Raises PluginError, ParamsError.
        """
        if self._device is None:
            return None
        resolved = self._registry.resolve("encoder", reference, params)
        return chosen_precision(self._registry.create(resolved, Encoder), self._device)

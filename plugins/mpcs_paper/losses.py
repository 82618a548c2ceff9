"""The paper's pre-training loss: NT-Xent (Equation 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mpcs_bench.registry import Loss, PluginParams

if TYPE_CHECKING:
    from torch import nn


class NTXentParams(PluginParams):
    """Temperature (the paper prints 0.01, the released code has 0.1), and which views anchor."""

    temperature: float = Field(0.01, gt=0, allow_inf_nan=False, description="tau of Equation 1")
    anchors: Literal["both", "first"] = Field(
        "both", description="both: every view, as SimCLR; first: the first view only"
    )


class NTXent(Loss):
    """Normalised temperature-scaled cross-entropy over all views of a batch (Equation 1)."""

    name = "nt-xent"
    version = "1"
    summary = "normalised temperature-scaled cross-entropy (SimCLR)"
    Params = NTXentParams
    params: NTXentParams

    def build(self, dimension: int) -> nn.Module:
        """Return the module: z [V, N, D] -> scalar; it owns no parameters."""
        from mpcs_paper.nt_xent import NTXentModule

        return NTXentModule(self.params.temperature, first_only=self.params.anchors == "first")

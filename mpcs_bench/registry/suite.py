"""The contract suite: what `mpcs-bench plugins test NAME` runs on anybody's plugin."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpcs_bench.errors import PluginError
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.discovery import Entry
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.loss import Loss
from mpcs_bench.registry.plugin import Plugin
from mpcs_bench.registry.registry import validate_params
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.registry.suite_dataset import dataset_checks
from mpcs_bench.registry.suite_encoder import encoder_checks
from mpcs_bench.registry.suite_loss import loss_checks
from mpcs_bench.registry.suite_result import Check, CheckResult, require, run_checks
from mpcs_bench.registry.suite_strategy import strategy_checks

__all__ = ["CheckResult", "check"]

MAGNIFICATIONS = (40, 100, 200, 400)
IMAGE_SIZE = 224


def check(
    entry: Entry,
    *,
    params: Mapping[str, Any] | None = None,
    root: Path | None = None,
    magnifications: tuple[int, ...] = MAGNIFICATIONS,
    image_size: int = IMAGE_SIZE,
) -> list[CheckResult]:
    """Run the contract suite of the entry's kind and return one result per check, in order.

    `params` where the plugin has parameters without a default; `root` is a data set's folder
    (a generated data set is written to a temporary one if none is given); `magnifications` are
    those of the sets that a strategy is tried on; `image_size` is an encoder's input, in pixels.
    A check that builds on a failed one is left out.
    Raises PluginError where a root or a parameter without default is wanting.
    """
    results = run_checks([Check("loads", lambda: _loads(entry))])
    if not results[0].passed:
        return results
    given = dict(params or {})
    _require_params(entry, given)
    results += run_checks(_params_checks(entry, given))
    if not all(result.passed for result in results):
        return results
    plugin = entry.cls(validate_params(entry, given))
    return results + _kind_results(plugin, root, magnifications, image_size)


def _kind_results(
    plugin: Plugin, root: Path | None, magnifications: tuple[int, ...], image_size: int
) -> list[CheckResult]:
    if isinstance(plugin, PairStrategy):
        return run_checks(strategy_checks(plugin, magnifications))
    if isinstance(plugin, Loss):
        return run_checks(loss_checks(plugin))
    if isinstance(plugin, Encoder):
        return run_checks(encoder_checks(plugin, image_size))
    assert isinstance(plugin, Dataset)
    if root is not None:
        return run_checks(dataset_checks(plugin, root))
    if not plugin.generated:
        raise PluginError(
            f"The data set '{plugin.name}' is read from a folder, and none was given.",
            hint="Give its root folder: `mpcs-bench plugins test NAME --root PATH`.",
        )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        generated = Check("generates", lambda: plugin.generate(target, workers=1))
        results = run_checks([generated])
        return results + (run_checks(dataset_checks(plugin, target)) if results[0].passed else [])


def _loads(entry: Entry) -> None:
    require(entry.reason is None, entry.reason or "")


def _require_params(entry: Entry, given: dict[str, Any]) -> None:
    fields = entry.cls.Params.model_fields
    wanting = [name for name, info in fields.items() if info.is_required() and name not in given]
    if wanting:
        family = getattr(entry.cls, "family", None)
        raise PluginError(
            f"The plugin '{entry.full_name}' cannot be tried without: {', '.join(wanting)}.",
            hint=f"Name a member: `mpcs-bench plugins test {family}/NAME`."
            if family
            else "Give the parameters: `check(entry, params={...})`.",
        )


def _params_checks(entry: Entry, given: dict[str, Any]) -> list[Check]:
    cls = entry.cls.Params

    def frozen() -> None:
        config = cls.model_config
        require(config.get("frozen") is True, "Params are not frozen")
        require(config.get("extra") == "forbid", "Params let unknown fields pass")

    def schema() -> None:
        json.dumps(cls.model_json_schema())

    def defaults() -> None:
        params = validate_params(entry, given)
        written = params.model_dump(mode="json")
        canonical_json(written)
        require(
            validate_params(entry, json.loads(json.dumps(written))) == params,
            "Params written as JSON and read again are not the same",
        )

    return [
        Check("params frozen", frozen),
        Check("params schema", schema),
        Check("params defaults", defaults, needs=("params frozen",)),
    ]

"""From settings and axes to the stages of a cell: what enters which key is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import Protocol as Interface

from pydantic import BaseModel

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.cells import Axes, Cell, DataNeed, StageSpec, WeightsNeed
from mpcs_bench.protocol.schema import CellSettings
from mpcs_bench.protocol.settings import identity, role_of


class PlacedCatalogue(Interface):
    """A catalogue of plugins whose errors know their place in the protocol."""

    def identity(self, kind: str, ref: BaseModel, path: Sequence[str | int]) -> dict[str, Any]:
        """Return the identity of the plugin that `ref`, standing at `path`, names."""

    def magnifications(self, reference: str) -> tuple[int, ...]:
        """Return the magnifications that a data set declares."""

    def error(self, message: str, path: Sequence[str | int]) -> ProtocolError:
        """Return an error placed at `path`."""


class CellBuilder:
    """Builds the cells of one experiment at one point of the settings."""

    def __init__(self, settings: CellSettings, catalogue: PlacedCatalogue) -> None:
        self._settings = settings
        self._plugins: dict[str, dict[str, Any]] = {}
        for name, dataset in settings.datasets.items():
            self._plugins[name] = catalogue.identity("dataset", dataset, ["datasets", name])
        self._encoder = catalogue.identity("encoder", settings.encoder, ["encoder"])
        finetuning, pretraining = settings.finetuning, settings.pretraining
        self._test_magnifications = finetuning.test_magnifications
        self._check_magnifications(
            catalogue,
            finetuning.dataset,
            finetuning.test_magnifications,
            "finetuning.test_magnifications",
        )
        if pretraining is not None:
            self._strategy = catalogue.identity(
                "strategy", pretraining.strategy, ["pretraining", "strategy"]
            )
            self._loss = catalogue.identity("loss", pretraining.loss, ["pretraining", "loss"])
            self._check_magnifications(
                catalogue,
                pretraining.dataset,
                pretraining.magnifications,
                "pretraining.magnifications",
            )
            reference = settings.datasets[pretraining.dataset].plugin
            self._ssl_magnifications = pretraining.magnifications or catalogue.magnifications(
                reference
            )
        self._shared = {
            "precision": settings.precision,
            "threads": settings.threads,
            "deterministic": settings.deterministic,
        }
        self._pretrain_cache: dict[tuple[int, int, int, int], StageSpec] = {}
        self._conditions = _conditions(settings)

    def cell(
        self, *, protocol: str, experiment: str, label: str, position: int, axes: Axes, extras: str
    ) -> Cell:
        """Return the cell at `axes`."""
        pretrain = self._pretrain(axes, extras)
        stage = self._final(axes, pretrain, extras)
        return Cell(
            protocol=protocol,
            experiment=experiment,
            label=label,
            position=position,
            axes=axes,
            names=self._names(),
            conditions=self._conditions,
            stage=stage,
        )

    def _names(self) -> dict[str, str]:
        settings, pretraining = self._settings, self._settings.pretraining
        floor = settings.adaptation == "colour-floor"
        return {
            "dataset": settings.finetuning.dataset,
            "encoder": "none" if floor else settings.encoder.plugin,
            "weights": "none" if floor else settings.weights.source,
            "strategy": pretraining.strategy.plugin if pretraining and not floor else "none",
            "loss": pretraining.loss.plugin if pretraining and not floor else "none",
            "adaptation": settings.adaptation,
        }

    def _data(self, name: str, axes: Axes) -> DataNeed:
        return DataNeed(name, self._plugins[name], self._settings.datasets[name], axes.split_seed)

    def _pretrain(self, axes: Axes, extras: str) -> StageSpec | None:
        settings, pretraining = self._settings, self._settings.pretraining
        if pretraining is None or settings.adaptation == "colour-floor":
            return None
        point = (axes.fold, axes.split_seed, axes.seed, axes.replicate)
        if point not in self._pretrain_cache:
            spec = identity(pretraining)
            del spec["dataset"]
            spec |= self._shared | {
                "strategy": self._strategy,
                "loss": self._loss,
                "encoder": self._encoder,
                "magnifications": list(self._ssl_magnifications),
                "fold": axes.fold,
                "seed": axes.seed,
                "replicate": axes.replicate,
            }
            names = self._names()
            symbolic = "/".join(
                [
                    "pretrain",
                    pretraining.dataset,
                    names["encoder"],
                    names["weights"],
                    names["strategy"],
                    names["loss"],
                    *_points(axes),
                ]
            )
            self._pretrain_cache[point] = StageSpec(
                kind="pretrain",
                symbolic=symbolic + extras,
                spec=spec,
                data=self._data(pretraining.dataset, axes),
                weights=WeightsNeed(settings.weights.source, settings.weights.file),
            )
        return self._pretrain_cache[point]

    def _final(self, axes: Axes, pretrain: StageSpec | None, extras: str) -> StageSpec:
        settings, finetuning = self._settings, self._settings.finetuning
        names = self._names()
        magnification = axes.train_magnification
        same = () if magnification is None else (magnification,)
        spec: dict[str, Any] = {
            "train_magnification": magnification,
            "test_magnifications": list(self._test_magnifications or same),
            "label_fraction": axes.label_fraction,
            "fold": axes.fold,
            "seed": axes.seed,
            "replicate": axes.replicate,
        }
        training = identity(finetuning)
        del training["dataset"], training["test_magnifications"]
        weights = WeightsNeed("none", None)
        if settings.adaptation == "colour-floor":
            spec |= {
                name: training[name]
                for name in ("parts", "threshold", "class_weights", "selection")
            }
        else:
            spec |= training | self._shared | {"encoder": self._encoder}
            if pretrain is None:
                weights = WeightsNeed(settings.weights.source, settings.weights.file)
        scope = "" if magnification is None else f"{magnification}X"
        symbolic = "/".join(
            part
            for part in [
                *(names[key] for key in ("dataset", "encoder", "weights", "strategy", "loss")),
                names["adaptation"],
                scope,
                f"labels={axes.label_fraction:g}",
                *_points(axes),
            ]
            if part
        )
        return StageSpec(
            kind="finetune" if settings.adaptation == "finetune" else "colour-floor",
            symbolic=symbolic + extras,
            spec=spec,
            data=self._data(finetuning.dataset, axes),
            weights=weights,
            upstream=pretrain,
        )

    def _check_magnifications(
        self,
        catalogue: PlacedCatalogue,
        dataset: str,
        asked: tuple[int, ...] | None,
        where: str,
    ) -> None:
        declared = catalogue.magnifications(self._settings.datasets[dataset].plugin)
        for value in asked or ():
            if value not in declared:
                known = ", ".join(map(str, declared)) or "none"
                raise catalogue.error(
                    f"'{where}': the data set '{dataset}' has no magnification {value} "
                    f"(it declares: {known})",
                    where.split("."),
                )


def _points(axes: Axes) -> list[str]:
    points = [f"fold={axes.fold}", f"seed={axes.seed}"]
    if axes.split_seed:
        points.append(f"split-seed={axes.split_seed}")
    if axes.replicate:
        points.append(f"replicate={axes.replicate}")
    return points


def _conditions(settings: CellSettings) -> dict[str, Any]:
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

"""From settings and axes to the stages of a cell: what enters which key is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

from pydantic import BaseModel

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.protocol.cells import Axes, Cell, DataNeed, StageSpec, WeightsNeed
from mpcs_bench.protocol.schema import CellSettings
from mpcs_bench.protocol.settings import identity, role_of
from mpcs_bench.protocol.transform import Size

FLOOR_SETTINGS = (
    "dataset",
    "parts",
    "test_magnifications",
    "class_weights",
    "threshold",
    "vote",
    "selection",
)
"""The settings of fine-tuning that the colour floor has a use for."""

EVALUATION = ("input_size", "test_framing")
"""What of a transformation the views of testing rest on: linear evaluation sees no others."""


class PluginReference(Interface):
    """The name of a plugin and its parameters, as a protocol writes them."""

    @property
    def plugin(self) -> str:
        """The name."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that are not left to their defaults."""


class PlacedCatalogue(Interface):
    """A catalogue of plugins whose errors know their place in the protocol."""

    def identity(
        self, kind: str, reference: PluginReference, path: Sequence[str]
    ) -> dict[str, Any]:
        """Return the identity of the plugin that `reference`, standing at `path`, names."""

    def magnifications(self, reference: str) -> tuple[int, ...]:
        """Return the magnifications that a data set declares."""

    def error(self, message: str, path: Sequence[str]) -> ProtocolError:
        """Return an error placed at `path`."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What a readable id says of a setting that no named axis shows."""

    path: tuple[str, ...]
    text: str


class CellBuilder:
    """Builds the cells of one experiment at one point of the settings.

    `own_split_seeds`: each data set is split by its own seed; otherwise all by the cell's.
    """

    def __init__(
        self,
        settings: CellSettings,
        catalogue: PlacedCatalogue,
        extras: Sequence[Extra],
        *,
        own_split_seeds: bool,
        decisions: Mapping[str, str],
    ) -> None:
        self._settings, self._catalogue, self._extras = settings, catalogue, extras
        self._own_split_seeds, self._decisions = own_split_seeds, decisions
        self._plugins = {
            name: catalogue.identity("dataset", dataset, ["datasets", name])
            for name, dataset in settings.datasets.items()
        }
        self._encoder = catalogue.identity("encoder", settings.encoder, ["encoder"])
        finetuning, pretraining = settings.finetuning, settings.pretraining
        self._check_magnifications("finetuning.test_magnifications", finetuning.dataset)
        if pretraining is not None:
            section = "pretraining"
            self._strategy = catalogue.identity(
                "strategy", pretraining.strategy, [section, "strategy"]
            )
            self._loss = catalogue.identity("loss", pretraining.loss, [section, "loss"])
            self._pretrained = self._encoder
            if pretraining.encoder_params:
                params = settings.encoder.params | pretraining.encoder_params
                self._pretrained = catalogue.identity(
                    "encoder",
                    settings.encoder.model_copy(update={"params": params}),
                    [section, "encoder_params"],
                )
            self._check_magnifications("pretraining.magnifications", pretraining.dataset)
            reference = settings.datasets[pretraining.dataset].plugin
            declared = catalogue.magnifications(reference)
            self._ssl_magnifications = pretraining.magnifications or declared
            if len(declared) < 2 and not self._is_floor:
                raise catalogue.error(
                    f"pairs need two magnifications, and the data set '{pretraining.dataset}' "
                    f"declares {len(declared)}",
                    [section, "dataset"],
                )
        self._shared = {
            "precision": settings.precision,
            "threads": settings.threads,
            "deterministic": settings.deterministic,
        }
        self._training = identity(finetuning)
        self._names = self._plugin_names()
        self._conditions = _conditions(settings) | self._factor_params()
        self._pretrain_cache: dict[tuple[int, int, int, int], StageSpec] = {}

    def cell(
        self, *, protocol: str, experiment: str, label: str, position: int, axes: Axes
    ) -> Cell:
        """Return the cell at `axes`."""
        return Cell(
            protocol=protocol,
            experiment=experiment,
            label=label,
            position=position,
            axes=axes,
            names=self._names,
            conditions=self._conditions,
            stage=self._final(axes, self._pretrain(axes)),
            decisions=self._decisions,
        )

    @property
    def _is_floor(self) -> bool:
        return self._settings.adaptation == "colour-floor"

    def _plugin_names(self) -> dict[str, str]:
        settings, pretraining = self._settings, self._settings.pretraining
        floor = self._is_floor
        return {
            "dataset": settings.finetuning.dataset,
            "encoder": "none" if floor else settings.encoder.plugin,
            "weights": "none" if floor else settings.weights.source,
            "strategy": pretraining.strategy.plugin if pretraining and not floor else "none",
            "loss": pretraining.loss.plugin if pretraining and not floor else "none",
            "adaptation": settings.adaptation,
        }

    def _factor_params(self) -> dict[str, Any]:
        """Return the parameters of the plugins that a table compares: they tell rows apart."""
        settings = self._settings
        if self._is_floor:
            return {}
        found = {"encoder.params": self._encoder["params"]}
        if settings.pretraining is not None:
            found |= {
                "pretraining.strategy.params": self._strategy["params"],
                "pretraining.loss.params": self._loss["params"],
            }
        return found

    def _data(self, name: str, axes: Axes, image_size: Size | None = None) -> DataNeed:
        dataset = self._settings.datasets[name]
        if image_size is not None:
            dataset = dataset.model_copy(update={"image_size": image_size})
        return DataNeed(name, self._plugins[name], dataset, self._split_seed(name, axes))

    def _split_seed(self, name: str, axes: Axes) -> int:
        other = name != self._settings.finetuning.dataset
        own = self._settings.datasets[name].split.seed
        return own if other and self._own_split_seeds else axes.split_seed

    def _pretrain(self, axes: Axes) -> StageSpec | None:
        settings, pretraining = self._settings, self._settings.pretraining
        if pretraining is None or self._is_floor:
            return None
        split_seed = self._split_seed(pretraining.dataset, axes)
        point = (axes.fold, split_seed, axes.seed, axes.replicate)
        if point not in self._pretrain_cache:
            self._check_fold(pretraining.dataset, axes.fold)
            spec = identity(pretraining)
            del spec["dataset"], spec["encoder_params"], spec["image_size"]
            spec |= self._shared | {
                "strategy": self._strategy,
                "loss": self._loss,
                "encoder": self._pretrained,
                "magnifications": list(self._ssl_magnifications),
                "fold": axes.fold,
                "seed": axes.seed,
                "replicate": axes.replicate,
            }
            names = [self._names[axis] for axis in ("encoder", "weights", "strategy", "loss")]
            parts = ["pretrain", pretraining.dataset, *names, *_points(axes, split_seed)]
            self._pretrain_cache[point] = StageSpec(
                kind="pretrain",
                symbolic="/".join(parts + self._pretrain_extras(pretraining.dataset)),
                spec=spec,
                data=self._data(pretraining.dataset, axes, pretraining.image_size),
                weights=WeightsNeed(settings.weights.source, settings.weights.file),
            )
        return self._pretrain_cache[point]

    def _pretrain_extras(self, dataset: str) -> list[str]:
        def matters(path: tuple[str, ...]) -> bool:
            return path[1:2] == (dataset,) if path[0] == "datasets" else path[0] != "finetuning"

        return [extra.text for extra in self._extras if matters(extra.path)]

    def _final(self, axes: Axes, pretrain: StageSpec | None) -> StageSpec:
        settings, finetuning = self._settings, self._settings.finetuning
        magnification = axes.train_magnification
        same = () if magnification is None else (magnification,)
        training = dict(self._training)
        training["selection"] = _used(training["selection"])
        del training["dataset"], training["test_magnifications"]
        spec: dict[str, Any] = {
            "train_magnification": magnification,
            "test_magnifications": list(finetuning.test_magnifications or same),
            "label_fraction": axes.label_fraction,
            "fold": axes.fold,
        }
        weights = WeightsNeed("none", None)
        if self._is_floor:
            spec |= {name: training[name] for name in FLOOR_SETTINGS if name in training}
        else:
            if settings.adaptation == "linear":
                training["transform"] = {k: training["transform"][k] for k in EVALUATION}
            spec |= {"seed": axes.seed, "replicate": axes.replicate}
            spec |= training | self._shared | {"encoder": self._encoder}
            if pretrain is None:
                weights = WeightsNeed(settings.weights.source, settings.weights.file)
        parts = [
            *(self._names[axis] for axis in ("dataset", "encoder", "weights", "strategy", "loss")),
            settings.adaptation,
            *([] if magnification is None else [f"{magnification}X"]),
            f"labels={canonical_json(axes.label_fraction)}",
            *_points(axes, axes.split_seed),
        ]
        return StageSpec(
            kind=settings.adaptation,
            symbolic="/".join([*parts, *(extra.text for extra in self._extras)]),
            spec=spec,
            data=self._data(finetuning.dataset, axes),
            weights=weights,
            upstream=pretrain,
            keep_weights=settings.keep_weights and settings.adaptation == "finetune",
            attention_images=settings.attention_images if settings.adaptation == "finetune" else 0,
        )

    def _check_magnifications(self, where: str, dataset: str) -> None:
        section, name = where.split(".")
        asked = getattr(getattr(self._settings, section), name) or ()
        declared = self._catalogue.magnifications(self._settings.datasets[dataset].plugin)
        for value in asked:
            if value not in declared:
                known = ", ".join(map(str, declared)) or "none"
                raise self._catalogue.error(
                    f"'{where}': the data set '{dataset}' has no magnification {value} "
                    f"(it declares: {known})",
                    where.split("."),
                )

    def _check_fold(self, dataset: str, fold: int) -> None:
        """Pre-training takes the fold of the same number, of its own data set."""
        split = self._settings.datasets[dataset].split
        if split.scheme == "kfold" and fold >= split.folds:
            raise self._catalogue.error(
                f"fold {fold} of '{self._settings.finetuning.dataset}' has no counterpart in "
                f"'{dataset}', which has {split.folds} folds",
                ["pretraining", "dataset"],
            )


def _used(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a selection its rule has a use for."""
    unused = {"last": ("fraction", "metric", "patience"), "test": ("fraction",)}
    skip = unused.get(selection["rule"], ())
    return {name: value for name, value in selection.items() if name not in skip}


def _points(axes: Axes, split_seed: int) -> list[str]:
    points = [f"fold={axes.fold}", f"seed={axes.seed}"]
    if split_seed:
        points.append(f"split-seed={split_seed}")
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

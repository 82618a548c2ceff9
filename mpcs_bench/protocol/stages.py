"""From settings and axes to the stages of a cell: what enters which key is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.canonical import SharedParts
from mpcs_bench.protocol.cells import Axes, Cell, DataNeed, StageSpec, WeightsNeed
from mpcs_bench.protocol.conditions import conditions_of
from mpcs_bench.protocol.schema import CellSettings
from mpcs_bench.protocol.settings import identity
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


NO_WEIGHTS = WeightsNeed("none", None)
"""What stages load that start from another's result, or train no network."""


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
        chosen: tuple[str, ...] = (),
    ) -> None:
        self._settings, self._catalogue, self._extras = settings, catalogue, extras
        self._own_split_seeds, self._decisions = own_split_seeds, decisions
        self._chosen = () if self._is_floor else chosen
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
        self._shared: dict[str, Any] = {
            "precision": settings.precision,
            "threads": settings.threads,
            "deterministic": settings.deterministic,
        }
        if settings.compile != "off":  # a stage that compiles nothing is what it ever was
            self._shared["compile"] = settings.compile
        # Cells by the thousand hold these: each is made once, and written once.
        self._parts = SharedParts()
        self._names = self._plugin_names()
        self._conditions = conditions_of(settings) | self._factor_params()
        self._training = self._final_settings()
        self._pretraining = self._pretraining_settings()
        self._weights = WeightsNeed(settings.weights.source, settings.weights.file)
        self._data_cache: dict[tuple[str, int, Size | None], DataNeed] = {}
        self._pretrain_cache: dict[tuple[int, int, int, int], StageSpec] = {}
        self._tested_cache: dict[int | None, list[int]] = {}

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
            chosen=self._chosen,
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
        point = name, self._split_seed(name, axes), image_size
        if point not in self._data_cache:
            dataset = self._settings.datasets[name]
            if image_size is not None:
                dataset = dataset.model_copy(update={"image_size": image_size})
            self._data_cache[point] = DataNeed(name, self._plugins[name], dataset, point[1])
        return self._data_cache[point]

    def _split_seed(self, name: str, axes: Axes) -> int:
        other = name != self._settings.finetuning.dataset
        own = self._settings.datasets[name].split.seed
        return own if other and self._own_split_seeds else axes.split_seed

    def _pretrain(self, axes: Axes) -> StageSpec | None:
        pretraining = self._settings.pretraining
        if pretraining is None or self._is_floor:
            return None
        split_seed = self._split_seed(pretraining.dataset, axes)
        point = (axes.fold, split_seed, axes.seed, axes.replicate)
        if point not in self._pretrain_cache:
            self._check_fold(pretraining.dataset, axes.fold)
            spec = self._pretraining | {
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
                weights=self._weights,
                parts=self._parts,
            )
        return self._pretrain_cache[point]

    def _pretrain_extras(self, dataset: str) -> list[str]:
        def matters(path: tuple[str, ...]) -> bool:
            return path[1:2] == (dataset,) if path[0] == "datasets" else path[0] != "finetuning"

        return [extra.text for extra in self._extras if matters(extra.path)]

    def _pretraining_settings(self) -> dict[str, Any]:
        """Return what all pre-trainings of these cells have in common."""
        pretraining = self._settings.pretraining
        if pretraining is None:
            return {}
        spec = identity(pretraining)
        del spec["dataset"], spec["encoder_params"], spec["image_size"]
        if spec["processes"] == 1:  # nothing is shared, and nothing to be told from
            del spec["processes"]
        if spec["activation_memory_budget"] == 1:
            del spec["activation_memory_budget"]
        return (
            spec
            | self._shared
            | {
                "strategy": self._strategy,
                "loss": self._loss,
                "encoder": self._pretrained,
                "magnifications": list(self._ssl_magnifications),
            }
        )

    def _final_settings(self) -> dict[str, Any]:
        """Return what the stages that give the numbers of these cells have in common."""
        training = identity(self._settings.finetuning)
        training["selection"] = _used(training["selection"])
        del training["dataset"], training["test_magnifications"]
        if self._is_floor:
            return {name: training[name] for name in FLOOR_SETTINGS if name in training}
        if self._settings.adaptation == "linear":
            training["transform"] = {k: training["transform"][k] for k in EVALUATION}
        shared = dict(self._shared)
        if self._settings.adaptation == "linear":  # its encoder is not trained
            shared.pop("compile", None)
        return training | shared | {"encoder": self._encoder}

    def _tested(self, magnification: int | None) -> list[int]:
        """Return the magnifications that a cell trained at this one is tested at."""
        if magnification not in self._tested_cache:
            same = () if magnification is None else (magnification,)
            tested = list(self._settings.finetuning.test_magnifications or same)
            self._tested_cache[magnification] = tested
        return self._tested_cache[magnification]

    def _final(self, axes: Axes, pretrain: StageSpec | None) -> StageSpec:
        settings, magnification = self._settings, axes.train_magnification
        spec = self._training | {
            "train_magnification": magnification,
            "test_magnifications": self._tested(magnification),
            "label_fraction": axes.label_fraction,
            "fold": axes.fold,
        }
        if not self._is_floor:
            spec |= {"seed": axes.seed, "replicate": axes.replicate}
        starts = pretrain is None and not self._is_floor
        parts = [
            *(self._names[axis] for axis in ("dataset", "encoder", "weights", "strategy", "loss")),
            settings.adaptation,
            *([] if magnification is None else [f"{magnification}X"]),
            f"labels={self._parts.part(axes.label_fraction).text}",
            *_points(axes, axes.split_seed),
        ]
        return StageSpec(
            kind=settings.adaptation,
            symbolic="/".join([*parts, *(extra.text for extra in self._extras)]),
            spec=spec,
            data=self._data(settings.finetuning.dataset, axes),
            weights=self._weights if starts else NO_WEIGHTS,
            upstream=pretrain,
            keep_weights=settings.keep_weights and settings.adaptation == "finetune",
            attention_images=settings.attention_images if settings.adaptation == "finetune" else 0,
            parts=self._parts,
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

"""Expansion of a protocol into cells: pure; it needs neither data nor weights nor plugins' code."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any
from typing import Protocol as Interface

from pydantic import BaseModel

from mpcs_bench.errors import PluginError, ProtocolError, did_you_mean
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.protocol.cells import LIGHT_AXES, Axes, Cell
from mpcs_bench.protocol.document import assignment
from mpcs_bench.protocol.load import LoadedProtocol, validate
from mpcs_bench.protocol.schema import CellSettings, Experiment, Split
from mpcs_bench.protocol.stages import CellBuilder

ALIASES = {
    "dataset": "finetuning.dataset",
    "encoder": "encoder",
    "weights": "weights",
    "strategy": "pretraining.strategy",
    "loss": "pretraining.loss",
    "adaptation": "adaptation",
}
"""Axes that are settings under a shorter name."""

MAX_CELLS = 1_000_000


class Catalogue(Interface):
    """What expansion must be told about plugins."""

    def identity(self, kind: str, reference: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the plugin's identity (name, version, params with defaults).

        Raises PluginError; one with `errors` (path in params, message) is placed line by line.
        """

    def magnifications(self, reference: str) -> tuple[int, ...]:
        """Return the magnifications that a data set declares."""


def expand(loaded: LoadedProtocol, catalogue: Catalogue) -> list[Cell]:
    """Return the cells of a protocol: experiments outermost, then the matrix in file order.

    Raises ProtocolError, with file and line, for an unknown axis, plugin, parameter or
    magnification, and for two cells of one experiment that are the same point.
    """
    protocol = loaded.protocol
    light, heavy = _axes(loaded)
    cells: list[Cell] = []
    for position, experiment in enumerate(protocol.experiments):
        for point in _points(heavy):
            settings = _settings(loaded, experiment, position, point)
            builder = CellBuilder(settings, _Placed(loaded, catalogue))
            extras = _extras(experiment, point)
            for axes in _light_points(loaded, light, settings, catalogue):
                cells.append(
                    builder.cell(
                        protocol=protocol.name,
                        experiment=experiment.id,
                        label=experiment.label,
                        position=position,
                        axes=axes,
                        extras=extras,
                    )
                )
                if len(cells) > MAX_CELLS:
                    raise loaded.error(f"more than {MAX_CELLS:,} cells", ["matrix"])
    _check_distinct(loaded, cells)
    return cells


def _axes(loaded: LoadedProtocol) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    light: dict[str, list[Any]] = {}
    heavy: dict[str, list[Any]] = {}
    for name, values in loaded.protocol.matrix.items():
        if not values:
            raise loaded.error(f"the axis '{name}' has no values", ["matrix", name])
        if len({canonical_json(value) for value in values}) != len(values):
            raise loaded.error(f"the axis '{name}' names a value twice", ["matrix", name])
        if name in LIGHT_AXES:
            light[name] = values
        elif name in ALIASES or name.split(".")[0] in CellSettings.model_fields:
            heavy[name] = values
        else:
            known = [*LIGHT_AXES, *ALIASES, *CellSettings.model_fields]
            raise loaded.error(
                f"unknown axis '{name}'.{did_you_mean(name, known)}",
                ["matrix", name],
                hint=f"Axes: {', '.join([*LIGHT_AXES, *ALIASES])}, or a dotted setting.",
            )
    return light, heavy


def _points(heavy: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*heavy.values()):
        yield dict(zip(heavy, values, strict=True))


def _settings(
    loaded: LoadedProtocol, experiment: Experiment, position: int, point: dict[str, Any]
) -> CellSettings:
    """Lay the experiment's settings and the matrix point over the protocol, and validate."""
    document = loaded.document
    origin = document.locate(["experiments", position, "set"])
    for dotted, value in experiment.set.items():
        where = document.locate(["experiments", position, "set", dotted]) or origin
        overlay = assignment(ALIASES.get(dotted, dotted), value, str(where))
        document = document.overlaid(overlay)
    for name, value in point.items():
        where = document.locate(["matrix", name])
        overlay = assignment(ALIASES.get(name, name), value, f"{where} (axis {name})")
        if name in ("strategy", "loss") and document.values.get("pretraining") is None:
            continue  # an experiment without pre-training has no such axis
        document = document.overlaid(overlay)
    kept = {
        key: document.values[key] for key in CellSettings.model_fields if key in document.values
    }
    document = type(document)(kept, document.places)
    return validate(CellSettings, document)


def _light_points(
    loaded: LoadedProtocol,
    given: dict[str, list[Any]],
    settings: CellSettings,
    catalogue: Catalogue,
) -> Iterator[Axes]:
    dataset = settings.datasets[settings.finetuning.dataset]
    declared = catalogue.magnifications(dataset.plugin)
    values: dict[str, Sequence[Any]] = {
        "fold": given.get("fold", _default_folds(dataset.split)),
        "split_seed": given.get("split_seed", [dataset.split.seed]),
        "seed": given.get("seed", [0]),
        "replicate": given.get("replicate", [0]),
        "train_magnification": given.get("train_magnification", declared or [None]),
        "label_fraction": given.get("label_fraction", [1.0]),
    }
    _check_light(loaded, values, dataset.split, declared)
    if settings.adaptation == "colour-floor":
        # It draws nothing: another seed would be the same number again, not another sample.
        values |= {"seed": values["seed"][:1], "replicate": values["replicate"][:1]}
    for point in itertools.product(*values.values()):
        yield Axes(**dict(zip(values, point, strict=True)))


def _default_folds(split: Split) -> Sequence[int]:
    if split.scheme == "kfold":
        return range(split.folds)
    return range(1, 6) if split.scheme == "official" else [0]


def _check_light(
    loaded: LoadedProtocol,
    values: dict[str, Sequence[Any]],
    split: Split,
    declared: tuple[int, ...],
) -> None:
    for name, items in values.items():
        for item in items:
            if name == "label_fraction":
                fine = isinstance(item, int | float) and 0 < item <= 1
                wanted = "a number above 0, at most 1"
            elif name == "train_magnification":
                fine = item in declared or (item is None and not declared)
                wanted = f"one of {', '.join(map(str, declared)) or 'null'}"
            elif name == "fold" and split.scheme == "kfold":
                fine = type(item) is int and 0 <= item < split.folds
                wanted = f"a fold from 0 to {split.folds - 1}"
            else:
                fine = type(item) is int and item >= 0
                wanted = "a whole number, 0 or more"
            if not fine:
                raise loaded.error(
                    f"{name.replace('_', ' ')} {item!r} is not {wanted}", ["matrix", name]
                )


def _extras(experiment: Experiment, point: dict[str, Any]) -> str:
    """Name the settings that no named axis shows, so that ids of different cells differ."""
    shown = {*ALIASES, *ALIASES.values(), "pretraining"}
    items = {**experiment.set, **point}
    return "".join(
        f"/{name}={canonical_json(value)}" for name, value in items.items() if name not in shown
    )


def _check_distinct(loaded: LoadedProtocol, cells: list[Cell]) -> None:
    seen: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        point = (cell.experiment, cell.stage.symbol)
        if point in seen:
            raise loaded.error(
                f"the experiment '{cell.experiment}' holds the same cell twice: {cell.symbolic}",
                ["matrix"],
                hint="Two axes set the same thing, or an axis changes nothing here.",
            )
        seen[point] = cell


class _Placed:
    """A catalogue whose errors point at the line of the protocol that named the plugin."""

    def __init__(self, loaded: LoadedProtocol, catalogue: Catalogue) -> None:
        self._loaded = loaded
        self._catalogue = catalogue

    def identity(self, kind: str, ref: BaseModel, path: Sequence[str | int]) -> dict[str, Any]:
        values = ref.model_dump()
        try:
            return self._catalogue.identity(kind, values["plugin"], values["params"])
        except PluginError as error:
            details: Sequence[tuple[Sequence[str | int], str]] = getattr(error, "errors", ())
            if not details:
                raise self._loaded.error(error.message, path, error.hint) from None
            lines = []
            for where, message in details:
                place = self._loaded.document.locate([*path, "params", *where])
                dotted = ".".join(map(str, [*path, "params", *where]))
                lines.append((place, f"'{dotted}': {message}"))
            first, *rest = lines
            text = "".join(f"\n{place}: {message}" for place, message in rest)
            raise ProtocolError(first[1] + text, location=first[0], hint=error.hint) from None

    def magnifications(self, reference: str) -> tuple[int, ...]:
        return self._catalogue.magnifications(reference)

    def error(
        self, message: str, path: Sequence[str | int], hint: str | None = None
    ) -> ProtocolError:
        return self._loaded.error(message, path, hint)

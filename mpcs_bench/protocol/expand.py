"""Expansion of a protocol into cells: pure; it needs neither data nor weights nor plugins' code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from mpcs_bench.errors import PluginError, ProtocolError
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.protocol.cells import LIGHT_AXES, Cell
from mpcs_bench.protocol.document import Document
from mpcs_bench.protocol.dotted import ALIASES, setting_path, undone
from mpcs_bench.protocol.layering import settled, with_setting
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.protocol.matrix import Matrix, heavy_points, light_points, read_matrix
from mpcs_bench.protocol.per import NONE, PER, Canonical, axis_names
from mpcs_bench.protocol.problems import joined, validate
from mpcs_bench.protocol.schema import CellSettings
from mpcs_bench.protocol.stages import CellBuilder, Extra, PluginReference
from mpcs_bench.protocol.yaml_reader import Place

__all__ = ["ALIASES", "MAX_CELLS", "Catalogue", "expand"]

MAX_CELLS = 1_000_000

AUTO = "auto"
"""The precision that a protocol leaves to the plan."""


class Catalogue(Interface):
    """What expansion must be told about plugins."""

    def identity(self, kind: str, reference: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the plugin's identity (name, version, params with defaults).

        Raises PluginError; one with `errors` (path in params, message) is placed line by line.
        """

    def magnifications(self, reference: str) -> tuple[int, ...]:
        """Return the magnifications that a data set declares."""

    def full_name(self, kind: str, reference: str) -> str:
        """Return the one full name of a plugin; raises PluginError where there is none."""

    def precision(self, reference: str, params: dict[str, Any]) -> str | None:
        """Return what `precision: auto` is for an encoder; None where no device is known."""


def expand(loaded: LoadedProtocol, catalogue: Catalogue) -> list[Cell]:
    """Return the cells of a protocol.

    Experiments are outermost, in file order; then the axes that are settings, in file order; then
    fold, split seed, seed, replicate, train magnification and label fraction, each in the order
    of its values. Settings are validated once for each experiment and point of the former.

    Raises ProtocolError, with file and line, for an unknown axis, setting, plugin, parameter or
    magnification, for what one part of the protocol sets and another undoes, and for two cells of
    one experiment that are the same point.
    """
    protocol = loaded.protocol
    matrix = read_matrix(loaded)
    _check_assigned(loaded, matrix)
    common = _of_cells(loaded.document)
    canonical = _canonical(catalogue)
    cells: list[Cell] = []
    for position, (name, experiment) in enumerate(protocol.experiments.items()):
        base = _experiment(loaded, matrix, common, name)
        seen: dict[str, Cell] = {}
        for point, unsettled in heavy_points(loaded, matrix, base):
            document = settled(unsettled, canonical)
            written = validate(CellSettings, document)
            placed = _Placed(document, catalogue)
            settings = placed.concrete(written)
            extras = _extras({**experiment.set, **point}, loaded.path.parent.resolve())
            own_seeds = "split_seed" not in matrix.light
            builder = CellBuilder(
                settings,
                placed,
                extras,
                own_split_seeds=own_seeds,
                chosen=_chosen(written, settings),
                decisions=loaded.ledger.standing(
                    written.decisions,
                    written.model_dump(mode="json"),
                    axis_names(document.values),
                    canonical,
                ),
            )
            dataset = settings.datasets[settings.finetuning.dataset]
            for axes in light_points(
                loaded,
                matrix,
                dataset.split,
                catalogue.magnifications(dataset.plugin),
                draws_nothing=settings.adaptation == "colour-floor",
            ):
                cell = builder.cell(
                    protocol=protocol.name,
                    experiment=name,
                    label=experiment.label,
                    position=position,
                    axes=axes,
                )
                if seen.setdefault(cell.stage.symbol, cell) is not cell:
                    raise _twice(loaded, cell)
                cells.append(cell)
                if len(cells) > MAX_CELLS:
                    raise loaded.error(f"more than {MAX_CELLS:,} cells", ["matrix"])
    return cells


def _chosen(written: CellSettings, settings: CellSettings) -> tuple[str, ...]:
    """Say what was left to the plan's device, and what it came to."""
    if settings.precision != written.precision:
        return (f"precision: auto is {settings.precision} for {settings.encoder.plugin} here",)
    return ()


def _experiment(
    loaded: LoadedProtocol, matrix: Matrix, document: Document, experiment: str
) -> Document:
    """Lay what an experiment sets over the common settings, in the order it is written."""
    paths: list[tuple[str, ...]] = []
    for name, value in loaded.protocol.experiments[experiment].set.items():
        where: Place = ("experiments", experiment, "set", name)
        path = setting_path(name)
        if name in LIGHT_AXES:
            raise loaded.error(f"'{name}' is an axis: it stands under `matrix`", where)
        earlier = undone(paths, path)
        if earlier is not None:
            raise loaded.error(f"'{name}' undoes '{'.'.join(earlier)}', which stands above", where)
        for changed, axis in matrix.heavy_paths.items():
            if undone([path], changed) is not None:
                raise loaded.error(
                    f"'{name}' is set here, and the axis '{axis}' of the matrix undoes it",
                    where,
                    hint="Keep one of the two.",
                )
        paths.append(path)
        document = with_setting(
            document,
            name,
            value,
            model=CellSettings,
            place=loaded.document.locate(where),
            within=loaded.document.places_within(where),
            ledger=loaded.ledger,
        )
    return document


def _of_cells(document: Document) -> Document:
    """Return what of a protocol is settings of cells: not its names, experiments and matrix."""
    fields = {*CellSettings.model_fields, PER}
    return Document(
        {key: value for key, value in document.values.items() if key in fields},
        {path: at for path, at in document.places.items() if not path or path[0] in fields},
    )


def _check_assigned(loaded: LoadedProtocol, matrix: Matrix) -> None:
    """Refuse a `--set` that the experiments or the matrix undo everywhere."""
    heavy = matrix.heavy_paths
    if "split_seed" in matrix.light:
        heavy |= {("datasets", name, "split", "seed"): "split_seed" for name in _datasets(loaded)}
    for name, place in loaded.assigned:
        path = setting_path(name)
        above = [path[:length] for length in range(1, len(path) + 1)]
        axis = next((heavy[prefix] for prefix in above if prefix in heavy), None)
        if axis is not None:
            raise ProtocolError(
                f"'{name}' changes nothing: '{axis}' is an axis of the matrix",
                location=place,
                hint=f"Set the axis instead: --set matrix.{axis}=[...]",
            )
        own = [
            next((key for key in experiment.set if setting_path(key) in above), None)
            for experiment in loaded.protocol.experiments.values()
        ]
        if None not in own:
            keys = " or ".join(f"'{key}'" for key in dict.fromkeys(own))
            raise ProtocolError(
                f"'{name}' changes nothing: every experiment sets {keys} itself",
                location=place,
                hint="Set it there: --set experiments.ID.set.SETTING=...",
            )


def _datasets(loaded: LoadedProtocol) -> Sequence[str]:
    return list(loaded.protocol.datasets)


def _extras(items: Mapping[str, Any], folder: Path) -> list[Extra]:
    """Name the settings that no named axis shows, so that ids of different cells differ."""
    shown = {setting_path(alias) for alias in ALIASES} | {("pretraining",)}
    extras = []
    for name, value in items.items():
        path = setting_path(name)
        if path not in shown or not (value is None or isinstance(value, str)):
            text = f"{name}={canonical_json(_as_written(value, folder))}"
            extras.append(Extra(path, text))
    return extras


def _as_written(value: Any, folder: Path) -> Any:
    """Return `value` with the paths below the protocol's folder relative again."""
    if isinstance(value, Mapping):
        return {key: _as_written(item, folder) for key, item in value.items()}
    if isinstance(value, str) and Path(value).is_absolute():
        path = Path(value)
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else value
    return value


def _canonical(catalogue: Catalogue) -> Canonical:
    @cache
    def canonical(axis: str, value: str) -> str:
        if axis not in ("encoder", "strategy", "loss") or value == NONE:
            return value
        try:
            return catalogue.full_name(axis, value)
        except PluginError as error:
            raise ProtocolError(error.message, hint=error.hint) from None

    return canonical


def _twice(loaded: LoadedProtocol, cell: Cell) -> ProtocolError:
    return loaded.error(
        f"the experiment '{cell.experiment}' holds the same cell twice: {cell.symbolic}",
        ["matrix"],
        hint="Two axes set the same thing, or an axis changes nothing here.",
    )


class _Placed:
    """A catalogue whose errors point at the line that named the plugin."""

    def __init__(self, document: Document, catalogue: Catalogue) -> None:
        self._document = document
        self._catalogue = catalogue

    def identity(
        self, kind: str, reference: PluginReference, path: Sequence[str]
    ) -> dict[str, Any]:
        try:
            return self._catalogue.identity(kind, reference.plugin, dict(reference.params))
        except PluginError as error:
            details: Sequence[tuple[Sequence[str | int], str]] = getattr(error, "errors", ())
            if not details:
                raise self.error(error.message, [*path, "plugin"], error.hint) from None
            problems = []
            for where, message in details:
                full = [*path, "params", *where]
                dotted = ".".join(map(str, full))
                problems.append((self._document.locate(full), f"'{dotted}': {message}"))
            raise joined(problems, error.hint) from None

    def magnifications(self, reference: str) -> tuple[int, ...]:
        return self._catalogue.magnifications(reference)

    def concrete(self, settings: CellSettings) -> CellSettings:
        """Return the settings with what a protocol leaves to the plan's device decided."""
        if settings.precision != AUTO:
            return settings
        self.identity("encoder", settings.encoder, ["encoder"])  # its faults have a line
        encoder = settings.encoder
        precision = self._catalogue.precision(encoder.plugin, dict(encoder.params))
        return settings.model_copy(update={"precision": precision or AUTO})

    def error(
        self, message: str, path: Sequence[str | int], hint: str | None = None
    ) -> ProtocolError:
        return ProtocolError(message, location=self._document.locate(path), hint=hint)

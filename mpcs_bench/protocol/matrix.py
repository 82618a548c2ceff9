"""The matrix of a protocol: which axes there are, where they apply, and the points they span."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpcs_bench.errors import Location, did_you_mean
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.protocol.cells import LIGHT_AXES, Axes
from mpcs_bench.protocol.document import Document
from mpcs_bench.protocol.dotted import ALIASES, setting_path, undone, unknown_setting
from mpcs_bench.protocol.layering import with_setting
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.protocol.schema import CellSettings, Split
from mpcs_bench.protocol.settings import is_path, role_of, walk
from mpcs_bench.protocol.stages import FLOOR_SETTINGS
from mpcs_bench.protocol.yaml_reader import Place

NO_AXES = frozenset(
    path
    for path, _, info in walk(CellSettings)
    if role_of(info) in ("runtime", "label") and not is_path(info)
)
"""Settings that change no number: cells that differ in one of them would be one cell."""

_WHOLE = "a whole number, 0 or more"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The axes of a protocol by kind.

    Light axes select and change no setting; heavy ones are settings, and each of their points is
    validated.
    """

    light: Mapping[str, Sequence[Any]]
    heavy: Mapping[str, Sequence[Any]]

    @property
    def heavy_paths(self) -> dict[tuple[str, ...], str]:
        """The settings that the heavy axes change, and the axes' names."""
        return {setting_path(name): name for name in self.heavy}


def read_matrix(loaded: LoadedProtocol) -> Matrix:
    """Return the axes of a protocol.

    Raises ProtocolError for an unknown axis, a value that stands twice, an axis that changes no
    number, and one that undoes another.
    """
    light: dict[str, list[Any]] = {}
    heavy: dict[str, list[Any]] = {}
    paths: list[tuple[str, ...]] = []
    for name, values in loaded.protocol.matrix.items():
        _check_values(loaded, name, values)
        if name in LIGHT_AXES:
            light[name] = values
            continue
        path = setting_path(name)
        _check_axis(loaded, name, path)
        below = undone(paths, path)
        if below is not None:
            raise loaded.error(
                f"the axis '{name}' undoes the axis '{'.'.join(below)}'", ["matrix", name]
            )
        paths.append(path)
        heavy[name] = values
    return Matrix(light, heavy)


def heavy_points(
    loaded: LoadedProtocol, matrix: Matrix, document: Document
) -> Iterator[tuple[dict[str, Any], Document]]:
    """Yield the points of the heavy axes that apply to `document`, each laid over it.

    The last axis of the file changes fastest. An axis that does not apply (a pair strategy where
    there is no pre-training) multiplies nothing.
    """
    seen: set[str] = set()
    within: dict[Place, dict[Place, Location]] = {}
    # The adaptation first: it decides which others apply.
    names = sorted(matrix.heavy, key=lambda name: setting_path(name) != ("adaptation",))
    for indices in itertools.product(*(range(len(values)) for values in matrix.heavy.values())):
        chosen = dict(zip(matrix.heavy, indices, strict=True))
        current, point = document, dict.fromkeys(matrix.heavy)
        for name in names:
            if not _applies(setting_path(name), current.values):
                del point[name]
                continue
            where = ("matrix", name, chosen[name])
            point[name] = matrix.heavy[name][chosen[name]]
            if where not in within:
                nested = isinstance(point[name], dict | list)
                within[where] = loaded.document.places_within(where) if nested else {}
            current = with_setting(
                current,
                name,
                point[name],
                model=CellSettings,
                place=loaded.document.locate(where),
                within=within[where],
                ledger=loaded.ledger,
            )
        key = canonical_json(point)
        if key not in seen:
            seen.add(key)
            yield point, current


def light_points(
    loaded: LoadedProtocol,
    matrix: Matrix,
    split: Split,
    declared: tuple[int, ...],
    *,
    draws_nothing: bool,
) -> Iterator[Axes]:
    """Yield the points of the light axes for a data set with `split` and `declared` magnifications.

    Folds are outermost, then split seeds, seeds, replicates, train magnifications and label
    fractions. What `draws_nothing` (the colour floor) has one seed and one replicate: another
    would be the same number again, not another sample. Raises ProtocolError at a value that
    cannot be.
    """
    values: dict[str, Sequence[Any]] = {
        "fold": _default_folds(split),
        "split_seed": [split.seed],
        "seed": [0],
        "replicate": [0],
        "train_magnification": declared or [None],
        "label_fraction": [1.0],
    }
    checks = _checks(split, declared)
    for name, items in matrix.light.items():
        fine, wanted = checks[name]
        for index, item in enumerate(items):
            if not fine(item):
                raise loaded.error(
                    f"{name.replace('_', ' ')} {canonical_json(item)} is not {wanted}",
                    ["matrix", name, index],
                )
    values |= matrix.light
    if draws_nothing:
        values |= {"seed": values["seed"][:1], "replicate": values["replicate"][:1]}
    values["label_fraction"] = [float(item) for item in values["label_fraction"]]
    for point in itertools.product(*(values[name] for name in LIGHT_AXES)):
        yield Axes(*point)


def _check_values(loaded: LoadedProtocol, name: str, values: Sequence[Any]) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        text = canonical_json(value)
        if text in seen:
            raise loaded.error(f"the axis '{name}' names {text} twice", ["matrix", name, index])
        seen.add(text)


def _check_axis(loaded: LoadedProtocol, name: str, path: tuple[str, ...]) -> None:
    problem = unknown_setting(CellSettings, path, loaded.document.values)
    if problem is not None:
        near = "" if "." in name else did_you_mean(name, [*LIGHT_AXES, *ALIASES])
        raise loaded.error(
            f"unknown axis '{name}'.{near}" if near else f"the axis '{name}': {problem}",
            ["matrix", name],
            hint=f"Axes: {', '.join([*LIGHT_AXES, *ALIASES])}, or a dotted setting.",
        )
    if path in NO_AXES:
        raise loaded.error(
            f"'{name}' changes no number, so it is no axis", ["matrix", name], hint="Set it once."
        )


def _applies(path: tuple[str, ...], values: Mapping[str, Any]) -> bool:
    """Say whether a setting has any part in the numbers of cells with these settings."""
    if values.get("adaptation") == "colour-floor":
        used = path[:1] == ("finetuning",) and path[1:2] != () and path[1] in FLOOR_SETTINGS
        return used or path[0] in ("adaptation", "datasets")
    return path[0] != "pretraining" or len(path) == 1 or values.get("pretraining") is not None


def _default_folds(split: Split) -> Sequence[int]:
    if split.scheme == "kfold":
        return range(split.folds)
    return range(1, 6) if split.scheme == "official" else [0]


def _checks(
    split: Split, declared: tuple[int, ...]
) -> dict[str, tuple[Callable[[Any], bool], str]]:
    """Return for each light axis what a value must be, as a test and in words."""
    folds = split.folds if split.scheme == "kfold" else None
    return {
        "fold": (
            lambda item: _is_whole(item) and (folds is None or item < folds),
            _WHOLE if folds is None else f"a fold from 0 to {folds - 1}",
        ),
        "split_seed": (_is_whole, _WHOLE),
        "seed": (_is_whole, _WHOLE),
        "replicate": (_is_whole, _WHOLE),
        "train_magnification": (
            lambda item: item in declared if _is_whole(item) else item is None and not declared,
            f"one that the data set declares ({', '.join(map(str, declared)) or 'it has none'})",
        ),
        "label_fraction": (
            lambda item: type(item) in (int, float) and 0 < item <= 1,
            "a number above 0, at most 1",
        ),
    }


def _is_whole(item: Any) -> bool:
    return type(item) is int and 0 <= item < 2**63

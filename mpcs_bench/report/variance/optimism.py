"""How much better a method looks when its epoch was chosen on the test part."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mpcs_bench.report.conditions import row_conditions
from mpcs_bench.report.model import Column
from mpcs_bench.report.source import FACTORS, CellRecord
from mpcs_bench.stats import PairedT, corrected_resampled_t

SELECTION = "finetuning.selection"
RULE = f"{SELECTION}.rule"
PAIRS = (("test", "last"), ("test", "validation"), ("validation", "last"))
Split = tuple[int, int]
Repeat = tuple[int, int]
"""Seed and replicate."""


@dataclass(frozen=True, slots=True)
class Optimism:
    """One rule held to another at one place, run by run, then split by split, seeds averaged.

    `test` is None below two splits, or where the splits' sizes are not known; `left_out` counts the
    values without a partner: the other rule was not run with this split, seed and rerun.
    """

    dataset: str
    setting: str
    column: Column
    rule: str
    against: str
    splits: int
    difference: float
    test: PairedT | None
    left_out: int = 0


def optimism_of(
    cells: Iterable[CellRecord], values: Mapping[tuple[int, int | None], float]
) -> tuple[Optimism, ...]:
    """Return the paired differences between rules of cells that are equal in all else."""
    alike: dict[str, list[CellRecord]] = defaultdict(list)
    for cell in cells:
        if cell.state == "done" and cell.conditions is not None and not cell.control:
            alike[_all_else(cell)].append(cell)
    found = []
    for members in alike.values():
        by_rule = _by_rule(members, values)
        for rule, against in PAIRS:
            for column in sorted(by_rule, key=lambda c: (c.train or 0, c.test or 0)):
                here = by_rule[column]
                if rule in here and against in here:
                    found += _paired(members[0], column, (rule, against), here)
    return tuple(found)


@dataclass(slots=True)
class _Sample:
    values: dict[Repeat, float]
    ratio: float | None


def _by_rule(
    cells: Iterable[CellRecord], values: Mapping[tuple[int, int | None], float]
) -> dict[Column, dict[str, dict[Split, _Sample]]]:
    found: dict[Column, dict[str, dict[Split, _Sample]]] = defaultdict(lambda: defaultdict(dict))
    by_cell: dict[int, list[tuple[int | None, float]]] = defaultdict(list)
    for (cell_id, test), value in values.items():
        by_cell[cell_id].append((test, value))
    for cell in cells:
        split = (cell.unit.split_seed, cell.unit.fold)
        sizes = cell.groups_test, cell.groups_train
        ratio = sizes[0] / sizes[1] if sizes[0] and sizes[1] else None
        for test, value in by_cell[cell.cell_id]:
            here = found[Column(cell.train_magnification, test)][_rule(cell)]
            sample = here.setdefault(split, _Sample({}, ratio))
            sample.values[cell.unit.seed, cell.replicate] = value
    return found


def _paired(
    cell: CellRecord,
    column: Column,
    rules: tuple[str, str],
    here: Mapping[str, Mapping[Split, _Sample]],
) -> list[Optimism]:
    left, right = here[rules[0]], here[rules[1]]
    runs = {
        split: sorted(left[split].values.keys() & right[split].values.keys())
        for split in sorted(left.keys() & right.keys())
    }
    shared = [split for split, repeats in runs.items() if repeats]
    if not shared:
        return []
    differences = [
        _mean([left[split].values[run] - right[split].values[run] for run in runs[split]])
        for split in shared
    ]
    ratios = [ratio for split in shared if (ratio := right[split].ratio) is not None]
    test = None
    if len(shared) > 1 and len(ratios) == len(shared):
        test = corrected_resampled_t(differences, ratios, unit="split")
    return [
        Optimism(
            dataset=cell.dataset,
            setting=", ".join(v for name, v in cell.factors if name in FACTORS and v != "none"),
            column=column,
            rule=rules[0],
            against=rules[1],
            splits=len(shared),
            difference=_mean(differences),
            test=test,
            left_out=_count(left) + _count(right) - 2 * sum(map(len, runs.values())),
        )
    ]


def _count(samples: Mapping[Split, _Sample]) -> int:
    return sum(len(sample.values) for sample in samples.values())


def _all_else(cell: CellRecord) -> str:
    conditions = row_conditions(cell.conditions or {})
    kept: dict[str, Any] = {k: v for k, v in conditions.items() if not k.startswith(SELECTION)}
    factors = [item for item in cell.factors if not item[0].startswith((SELECTION, "decisions"))]
    return json.dumps(
        [cell.dataset, factors, cell.label_fraction, cell.scale, cell.fingerprint, kept],
        sort_keys=True,
        default=str,
    )


def _rule(cell: CellRecord) -> str:
    return str(dict(cell.factors).get(RULE) or (cell.conditions or {}).get(RULE) or "last")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

"""Small made-up publications, written as files and read as any other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.report.audit import Finding, audit_publication
from mpcs_bench.report.published import Publication, read_published

Cell = Mapping[str, Any]
FACTS = {"metric": "image_accuracy", "unit": "percent", "part": "test", "dataset": "tissue"}


def write_publication(
    folder: Path,
    tables: Mapping[str, Sequence[Cell]],
    *,
    claims: Sequence[Mapping[str, Any]] = (),
    items: Sequence[Mapping[str, Any]] = (),
    blocks: Mapping[str, str] | None = None,
    references: Mapping[str, str] | None = None,
    captions: Mapping[str, str] | None = None,
    folds: int | None = None,
) -> Path:
    """Write a publication: its tables are laid out as their cells come."""
    folder.mkdir(parents=True, exist_ok=True)
    paper = {
        **{"id": folder.name, "title": "Pairs", "authors": ["A. Nyone"]},
        **{"venue": "Somewhere", "year": 2024, "test_items": list(items)},
        "references": dict(references or {}),
    } | ({"folds": folds} if folds else {})
    layouts = {}
    for name, cells in tables.items():
        rows = dict.fromkeys(cell["row"] for cell in cells)
        columns = dict.fromkeys(cell["column"] for cell in cells)
        layouts[name] = {
            "number": name.partition("-")[2],
            "caption": (captions or {}).get(name, "What we found"),
            "row_heads": ["Method"],
            "columns": [{"id": column, "labels": [column]} for column in columns],
            "rows": [
                {"id": row, "labels": [row]}
                | ({"block": blocks[row]} if blocks and row in blocks else {})
                for row in rows
            ],
        }
        lines = [FACTS | {"method": cell["row"]} | dict(cell) for cell in cells]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            fields = dict.fromkeys(field for line in lines for field in line)
            writer = csv.DictWriter(file, list(fields))
            writer.writeheader()
            writer.writerows(lines)
    (folder / "paper.yaml").write_text(json.dumps(paper), encoding="utf-8")
    (folder / "tables.yaml").write_text(json.dumps({"tables": layouts}), encoding="utf-8")
    (folder / "claims.yaml").write_text(json.dumps({"claims": list(claims)}), encoding="utf-8")
    return folder


def _sizes(*options: Sequence[int], metric: str = "image_accuracy") -> list[dict[str, Any]]:
    """Declare the items of each fold's test part."""
    return [
        {"dataset": "tissue", "metrics": [metric], "basis": "stated", "sizes": list(options)}
        | {"reason": "Section 2."}
    ]


def _magnified(row: str, *printed: str, **facts: Any) -> list[dict[str, Any]]:
    """Return a row of cells at 40, 100, 200 ..., the last of which is their Mean."""
    names = [40, 100, 200, 400][: len(printed) - 1]
    return [
        {"row": row, "column": str(name), "printed": text, "magnification": name} | facts
        for name, text in zip([*names, "mean"], printed, strict=True)
    ]


def _claim(kind: str, quote: str, **more: Any) -> dict[str, Any]:
    """Return a claim, with what every claim has to have."""
    return {
        "id": "the-claim",
        "kind": kind,
        "section": "5",
        "place": "there",
        "quote": quote,
    } | more


@pytest.fixture(scope="session")
def sizes() -> Callable[..., list[dict[str, Any]]]:
    return _sizes


@pytest.fixture(scope="session")
def magnified() -> Callable[..., list[dict[str, Any]]]:
    return _magnified


@pytest.fixture(scope="session")
def claim() -> Callable[..., dict[str, Any]]:
    return _claim


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    return write_publication


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Publication]:
    """Write a publication and read it; writing it again replaces it."""

    def publish(tables: Any, **more: Any) -> Publication:
        named = tables if isinstance(tables, dict) else {"table-1": tables}
        return read_published(write_publication(tmp_path / "acme-2024", named, **more))

    return publish


@pytest.fixture
def found(publish: Callable[..., Publication]) -> Callable[..., list[Finding]]:
    """Return the findings of one rule on a publication made of these parts."""

    def found(rule: str, tables: Any, **more: Any) -> list[Finding]:
        return list(audit_publication(publish(tables, **more), [rule]).findings)

    return found

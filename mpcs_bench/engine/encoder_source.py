"""Which stored weights are meant by the name of a cell or of a pre-training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError
from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.shipped import folder
from mpcs_bench.store import Store

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """A result that holds an encoder.

    `finetuned`: the weights are a classifier's, the encoder a part of it. `initial` is what the
    encoder started from (`none`, `imagenet`, `file`), None where no cell tells; `upstream` the
    pre-training that a fine-tuned one started from.
    """

    result: Result
    finetuned: bool
    initial: str | None
    upstream: Result | None = None


def find_encoder(workspace: Workspace, name: str, *, finetuned: bool) -> EncoderSource:
    """Return the source of the encoder that `name` means.

    `name` is a cell (its number, key, key's start of 6 or more, or readable id) or a pre-training
    (the same but for the number). Of a cell it is the pre-trained encoder, or with `finetuned`
    the cell's own.

    Raises StoreError where nothing or several things have that name, the result is not there or
    damaged, or holds no weights.
    """
    workspace.require()
    store = Store(workspace.root)
    cells = {row["cell_id"]: row for row in _rows(store, "find_cell", name)}
    pretrainings = [] if cells else _rows(store, "find_pretraining", name)
    if len(cells) + len(pretrainings) > 1:
        what = "cells" if cells else "pre-trainings"
        raise StoreError(
            f"'{name}' names {max(len(cells), len(pretrainings))} {what}.",
            hint="Give more of a key"
            + (f", or a cell's number: {', '.join(map(str, sorted(cells)))}." if cells else "."),
        )
    for cell in cells.values():
        return _of_cell(workspace, cell, finetuned=finetuned)
    for pretraining in pretrainings:
        if finetuned:
            raise StoreError(
                f"'{name}' is a pre-training: nothing in it is fine-tuned.",
                hint="Name the cell, or leave --finetuned out.",
            )
        result = _whole(workspace, pretraining["key"], pretraining["symbolic"])
        return EncoderSource(result, finetuned=False, initial=pretraining["weights"])
    raise StoreError(
        f"The workspace holds no cell and no pre-training '{name}'.",
        hint="`mpcs-bench results` lists the cells.",
    )


def _of_cell(workspace: Workspace, cell: dict[str, Any], *, finetuned: bool) -> EncoderSource:
    number, symbolic = cell["cell_id"], cell["symbolic"]
    upstream = json.loads(cell["upstream"] or "[]")
    if not finetuned:
        if not upstream:
            raise StoreError(
                f"Cell {number} ({symbolic}) has no pre-training.",
                hint="--finetuned exports the encoder that the cell itself has trained.",
            )
        result = _whole(workspace, upstream[0], f"the pre-training of cell {number}")
        return EncoderSource(result, finetuned=False, initial=cell["weights"])
    if cell["adaptation"] != "finetune":
        raise StoreError(
            f"Cell {number} ({symbolic}) trains no encoder: its adaptation is "
            f"'{cell['adaptation']}'.",
            hint="Leave --finetuned out for the encoder that was pre-trained."
            if upstream
            else None,
        )
    result = _whole(workspace, cell["key"], f"cell {number} ({symbolic})", kept=True)
    before = _whole(workspace, upstream[0], "its pre-training") if upstream else None
    return EncoderSource(result, finetuned=True, initial=cell["weights"], upstream=before)


def _whole(workspace: Workspace, key: str | None, what: str, *, kept: bool = False) -> Result:
    """Return a result that is on disk, undamaged, and holds weights."""
    path = workspace.results / (key or "")
    if key is None or not path.is_dir():
        raise StoreError(f"There is no result of {what} yet.", hint="Run its protocol first.")
    result = read_result(path)
    if WEIGHTS not in result.manifest.files:
        raise StoreError(
            f"The weights of {what} were not kept.",
            hint="Run its protocol with --set keep_weights=true in another --workspace: what is "
            "finished here is not run again."
            if kept
            else None,
        )
    if problems := check_result(path, only={WEIGHTS}):
        raise StoreError(
            f"The result of {what} is damaged: {'; '.join(problems)}.",
            hint="Run its protocol again: what is damaged is made anew.",
        )
    return result


def _rows(store: Store, query: str, name: str) -> list[dict[str, Any]]:
    sql = (folder("reports") / "tables" / f"{query}.sql").read_text(encoding="utf-8")
    with store.reader() as connection:
        found = connection.execute(sql, {"name": name})
        columns = [column[0] for column in found.description or []]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

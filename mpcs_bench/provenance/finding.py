"""The key of the stage that a user means: a cell, or a pre-training."""

from __future__ import annotations

from mpcs_bench.errors import StoreError, did_you_mean
from mpcs_bench.report.definitions import table_sql
from mpcs_bench.store import Store


def key_of(store: Store, name: str) -> str:
    """Return the key of the cell `name` (number, key, its start of 6 or more, or readable id).

    A pre-training may be named likewise, but for the number. Raises StoreError where nothing, or
    several things, have that name, and for a cell whose key is not known yet.
    """
    with store.reader() as connection:
        found = connection.execute(table_sql("find_cell"), {"name": name})
        columns = [column[0] for column in found.description or []]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
        cells = {row["cell_id"]: row for row in rows}
        shared = []
        if not cells:
            shared = connection.execute(table_sql("find_pretraining"), {"name": name}).fetchall()
        if not cells and not shared:
            ids = connection.execute("SELECT DISTINCT symbolic FROM cells").fetchall()
            known = [str(symbolic) for (symbolic,) in ids]
            raise StoreError(
                f"The workspace holds no cell and no pre-training '{name}'."
                f"{did_you_mean(name, known)}",
                hint="`mpcs-bench results` lists the cells.",
            )
    if len(cells) + len(shared) > 1:
        numbers = f": {', '.join(map(str, sorted(cells)))}" if cells else ""
        raise StoreError(
            f"'{name}' names {len(cells) + len(shared)} stages.",
            hint=f"Give more of a key, or a cell's number{numbers}.",
        )
    if shared:
        return str(shared[0][0])
    (cell,) = cells.values()
    if cell["key"] is None:
        raise StoreError(
            f"Cell {cell['cell_id']} ({cell['symbolic']}) has no key yet: it is blocked.",
            hint="`mpcs-bench plan` says what is missing.",
        )
    return str(cell["key"])

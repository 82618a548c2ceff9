"""Which stored split a result was of: a result knows the digest of its fold alone."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.data.splits import SplitTable
from mpcs_bench.errors import DataError


class StoredSplits:
    """The split tables of a workspace's cache, by fold and digest of the fold."""

    def __init__(self, cache: Path) -> None:
        self._tables: dict[str, SplitTable] = {}
        for path in sorted((cache / "splits").glob("[!.]*.parquet")):
            try:
                self._tables[path.stem] = SplitTable.read(cache, path.stem)
            except DataError:
                continue  # a damaged one is made anew when it is needed

    @property
    def hashes(self) -> list[str]:
        """The hashes of the tables that can be read."""
        return list(self._tables)

    def table(self, split_hash: str) -> SplitTable | None:
        """Return the table with this hash, None where it is not in the cache."""
        return self._tables.get(split_hash)

    def of_fold(self, fold: int, fold_hash: str) -> SplitTable | None:
        """Return the first table that has this fold, None where there is none."""
        found = self.all_of_fold(fold, fold_hash)
        return found[0] if found else None

    def all_of_fold(self, fold: int, fold_hash: str) -> list[SplitTable]:
        """Return all tables that have this fold; splits may differ in other folds alone."""
        return [
            table
            for table in self._tables.values()
            if fold in table.folds and table.fold_hash(fold) == fold_hash
        ]

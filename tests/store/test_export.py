"""Views as files for other tools."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mpcs_bench.errors import StoreError


def test_a_view_is_written_as_parquet_with_its_types(unchanged, tmp_path):
    path = unchanged.store.export("predictions", "parquet", tmp_path / "out" / "p.parquet")

    columns = "SELECT * FROM predictions ORDER BY ALL"
    assert pq.read_table(path).to_pydict() == unchanged.store.query_arrow(columns).to_pydict()


def test_a_view_is_written_as_csv(unchanged, tmp_path):
    path = unchanged.store.export("metrics", "csv", tmp_path / "m.csv")
    frame = pd.read_csv(path)

    names, rows = unchanged.store.query("SELECT * FROM metrics ORDER BY ALL")
    assert list(frame.columns) == names
    assert frame["value"].tolist() == pytest.approx([row[names.index("value")] for row in rows])


def test_a_view_is_written_as_json(unchanged, tmp_path):
    path = unchanged.store.export("predictions", "json", tmp_path / "p.json")
    rows = json.loads(path.read_text())

    assert len(rows) == 60
    assert isinstance(rows[0]["logits"], list)


def test_an_empty_view_is_written_too(unchanged, tmp_path):
    path = unchanged.store.export("comparison", "csv", tmp_path / "c.csv")

    assert path.read_text().startswith("protocol,baseline,candidate")


def test_a_file_that_stands_is_kept_unless_forced(unchanged, tmp_path):
    path = tmp_path / "it's mine.csv"
    path.write_text("mine")
    with pytest.raises(StoreError, match="exists already") as caught:
        unchanged.store.export("metrics", "csv", path)
    assert "--force" in caught.value.hint
    assert path.read_text() == "mine"

    unchanged.store.export("metrics", "csv", path, force=True)
    assert path.read_text().startswith("cell_id,")
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("metric_s", "csv", "Did you mean 'metrics'"),
        ('metrics" UNION SELECT', "csv", "no view or table"),
        ("metrics", "xlsx", "'xlsx' is no export format"),
    ],
)
def test_a_wrong_name_or_format_is_explained(unchanged, tmp_path, name, kind, message):
    with pytest.raises(StoreError, match=message):
        unchanged.store.export(name, kind, tmp_path / "x")
    assert not (tmp_path / "x").exists()

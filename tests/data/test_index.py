"""The sample index: its order, its fingerprint, its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.errors import DataError, PluginError

ROWS = [
    ("benign", "A", "p1", "c1"),
    ("benign", "F", "p2", "c1"),
    ("malignant", "DC", "p3", "c2"),
    ("malignant", "LC", "p4", "c3"),
]


@given(order=st.permutations(range(4)))
def test_rows_are_sorted_and_their_order_on_disk_does_not_matter(make_index, order):
    index = make_index(ROWS)
    again = SampleIndex.of(index.frame.iloc[list(order)], index.dataset)
    assert again.text("sample_id").tolist() == sorted(index.text("sample_id"))
    assert again.fingerprint == index.fingerprint


DECIDING = {
    "sample_id": "other",
    "label": "malignant",
    "subtype": "PT",
    "patient_id": "p9",
    "group_case": "c9",
    "magnification": 400,
    "sequence": "999",
    "image_id": "other",
    "patch_index": 7,
    "box_x": 1,
    "box_w": 7,
    "pixel_hash": "f" * 64,
}


@pytest.mark.parametrize(("column", "value"), DECIDING.items(), ids=DECIDING)
def test_the_fingerprint_changes_with_what_decides_numbers(make_index, column, value):
    index = make_index(ROWS)
    frame = index.frame.copy()
    frame.loc[0, column] = value
    assert SampleIndex.of(frame, index.dataset).fingerprint != index.fingerprint


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("name", "other"),
        ("classes", ("benign", "malignant", "unsure")),
        ("magnifications", (40, 100)),
        ("metric_levels", ("image",)),
        ("default_group", "patient"),
    ],
)
def test_the_fingerprint_changes_with_facts_that_decide_numbers(make_index, fact, value):
    index = make_index(ROWS)
    facts = replace(index.dataset, **{fact: value})
    assert SampleIndex.of(index.frame, facts).fingerprint != index.fingerprint


def test_the_fingerprint_does_not_change_with_version_or_parameters(make_index):
    index = make_index(ROWS)
    facts = replace(index.dataset, version="2", params={"patients": 3})
    assert SampleIndex.of(index.frame, facts).fingerprint == index.fingerprint


def test_the_fingerprint_does_not_change_with_file_names(make_index):
    index = make_index(ROWS)
    frame = index.frame.assign(path="elsewhere/" + index.frame["path"])
    assert SampleIndex.of(frame, index.dataset).fingerprint == index.fingerprint


def test_text_cannot_run_over_into_the_next_row(make_index):
    first = make_index([("benign", "AB", "p", "c"), ("benign", "C", "p", "c")])
    second = make_index([("benign", "A", "p", "c"), ("benign", "BC", "p", "c")])
    assert first.fingerprint != second.fingerprint


def test_an_index_comes_back_from_its_file_as_it_was(make_index, tmp_path):
    index = make_index(ROWS)
    path = index.write(tmp_path)
    assert path == tmp_path / "index" / f"{index.fingerprint}.parquet"
    back = SampleIndex.read(tmp_path, index.fingerprint)
    pd.testing.assert_frame_equal(back.frame, index.frame)
    assert (back.dataset, back.fingerprint) == (index.dataset, index.fingerprint)


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "truncated", "another parquet file", "lost column"]
)
def test_a_damaged_file_is_an_error_that_says_what_to_run(make_index, tmp_path, damage):
    index = make_index(ROWS)
    path = index.write(tmp_path)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "lost column":
        pq.write_table(pq.read_table(path).drop_columns(["subtype"]), path)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="missing or damaged") as caught:
        SampleIndex.read(tmp_path, index.fingerprint)
    assert "data prepare" in str(caught.value.hint)


def test_a_file_under_a_wrong_fingerprint_is_not_believed(make_index, tmp_path):
    index, other = make_index(ROWS), make_index(ROWS[:2])
    other.write(tmp_path).rename(tmp_path / "index" / f"{index.fingerprint}.parquet")
    with pytest.raises(DataError, match="changed by hand"):
        SampleIndex.read(tmp_path, index.fingerprint)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("sample_id", "s00001", "'s00001' stands twice"),
        ("label", "borderline", "'borderline' of sample 's00000' is none of its classes"),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_named(make_index, column, value, message):
    index = make_index(ROWS)
    frame = index.frame.copy()
    frame.loc[0, column] = value
    with pytest.raises(PluginError, match=message):
        SampleIndex.of(frame, index.dataset)


def test_a_missing_column_is_named(make_index):
    index = make_index(ROWS)
    with pytest.raises(PluginError, match="no column group_case"):
        SampleIndex.of(index.frame.drop(columns=["group_case"]), index.dataset)


def test_groups_come_by_name_and_a_misspelt_one_gets_a_suggestion(make_index):
    index = make_index(ROWS)
    assert index.groups(None).tolist() == ["c1", "c1", "c2", "c3"]
    assert index.groups("patient").tolist() == ["p1", "p2", "p3", "p4"]
    with pytest.raises(DataError, match="Did you mean 'patient'"):
        index.groups("pateint")


def test_numbers_are_int64(make_index):
    assert make_index(ROWS).number("label_index").dtype == np.int64

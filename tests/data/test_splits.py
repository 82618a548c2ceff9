"""Splits: no group torn, every sample in one part, every group tested once, seeded by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.data.counter import mix, sample_codes
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import PART_CODES, PARTS, SplitTable, export_split
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.data.stratify import shuffled
from mpcs_bench.errors import DataError, SplitError
from mpcs_bench.protocol import seeds
from mpcs_bench.protocol.schema import Split
from mpcs_paper.datasets.breakhis import BreakHis

NOWHERE = Path("/nowhere")
SUBTYPES = {"benign": ["A", "F"], "malignant": ["DC", "LC"]}


@st.composite
def cohorts(draw, least=6):
    """Rows of cases that each have one class, and images in any number and subtype."""
    rows = []
    for label in ("benign", "malignant"):
        for case in range(draw(st.integers(least, 12))):
            for _ in range(draw(st.integers(1, 4))):
                subtype = draw(st.sampled_from(SUBTYPES[label]))
                rows.append((label, subtype, f"{label}{case}{subtype}", f"{label}{case}"))
    return rows


def split(index, seed=0, **described):
    return make_split(index, Split(**described), BreakHis(), NOWHERE, seed)


@given(rows=cohorts(), folds=st.integers(3, 6), seed=st.integers(0, 2**32))
def test_kfold_keeps_its_promises(make_index, rows, folds, seed):
    index = make_index(rows)
    table = split(index, seed, folds=folds)
    cases = index.text("group_case")
    tested = []
    for k in table.folds:
        parts = [set(table.rows(k, part).tolist()) for part in PARTS]
        assert sum(map(len, parts)) == len(index) == len(set.union(*parts))
        groups = [set(cases[list(part)].tolist()) for part in parts]
        assert sum(map(len, groups)) == len(set.union(*groups))
        assert [table.groups(k, part) for part in PARTS] == list(map(len, groups))
        assert np.array_equal(table.rows(k, "label"), table.rows((k + 1) % folds, "test"))
        assert all({0, 1} == set(index.number("label_index")[list(part)]) for part in parts)
        tested += sorted(groups[2])
    assert sorted(tested) == sorted(set(cases.tolist()))


@given(rows=cohorts(), folds=st.integers(3, 6), seed=st.integers(0, 2**32))
def test_the_classes_groups_are_shared_out_evenly(make_index, rows, folds, seed):
    index = make_index(rows)
    table = split(index, seed, folds=folds, stratify="label")
    for label in (0, 1):
        mine = index.number("label_index") == label
        sizes = [
            len(set(table.group_ids[rows[mine[rows]]].tolist()))
            for rows in (table.rows(k, "test") for k in table.folds)
        ]
        assert max(sizes) - min(sizes) <= 1


@settings(max_examples=20)
@given(rows=cohorts(), seed=st.integers(0, 100), order=st.integers(0, 100))
def test_the_hash_and_the_split_do_not_depend_on_row_order(make_index, rows, seed, order):
    plain, mixed = make_index(rows), make_index(rows, shuffle=order)
    assert split(plain, seed).hash == split(mixed, seed).hash


@settings(max_examples=20)
@given(rows=cohorts())
def test_another_seed_gives_another_hash_the_same_seed_the_same(make_index, rows):
    index = make_index(rows)
    assert split(index, 1).hash == split(index, 1).hash
    assert len({split(index, seed).hash for seed in range(12)}) > 1


@given(rows=cohorts(), data=st.data())
def test_the_hash_changes_when_one_sample_changes_part(make_index, rows, data):
    index = make_index(rows)
    table = split(index)
    row = data.draw(st.integers(0, len(index) - 1))
    fold = data.draw(st.sampled_from(table.folds))
    parts = table.parts.copy()
    parts[fold, row] = parts[fold, row] % 3 + 1
    other = SplitTable.of(index, table.folds, parts, "case")
    assert other.hash != table.hash
    assert [other.fold_hash(k) == table.fold_hash(k) for k in table.folds] == [
        k != fold for k in table.folds
    ]


def test_adding_a_fold_changes_the_hash_and_no_other_folds_hash(make_index):
    index = make_index(
        [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    )
    table = split(index)
    fewer = SplitTable.of(index, table.folds[:4], table.parts[:4], "case")
    assert fewer.hash != table.hash
    assert all(fewer.fold_hash(k) == table.fold_hash(k) for k in fewer.folds)


def test_the_hash_ignores_paths_and_samples_that_take_no_part(make_index):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    index = make_index(rows)
    table = split(index)
    more = make_index([*rows, ("benign", "A", "new", "new")])
    moved = SampleIndex.of(more.frame.assign(path="x"), more.dataset)
    parts = np.pad(table.parts, ((0, 0), (0, 1)))
    assert SplitTable.of(moved, table.folds, parts, "case").hash == table.hash


def test_the_group_column_is_part_of_the_hash(make_index):
    index = make_index(
        [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    )
    table = split(index)
    assert SplitTable.of(index, table.folds, table.parts, "patient").hash != table.hash


@settings(max_examples=20)
@given(rows=cohorts())
def test_a_table_comes_back_from_its_file(make_index, tmp_path_factory, rows):
    index, cache = make_index(rows), tmp_path_factory.mktemp("cache")
    table = split(index)
    assert table.write(cache) == cache / "splits" / f"{table.hash}.parquet"
    back = SplitTable.read(cache, table.hash)
    assert np.array_equal(back.parts, table.parts)
    assert (back.folds, back.group_column, back.notes) == (table.folds, "case", table.notes)
    rebuilt = SplitTable.of(index, back.folds, back.parts, back.group_column)
    assert rebuilt.hash == back.hash == table.hash


def test_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="missing or damaged"):
        SplitTable.read(tmp_path, "ab" * 32)


def test_a_table_is_not_used_with_another_index(make_index):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    table = split(make_index(rows))
    with pytest.raises(SplitError, match="not of this sample index"):
        table.check(make_index(rows[:-1]))


def test_a_fold_that_is_not_there_is_named(make_index):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    with pytest.raises(SplitError, match=r"no fold 5 \(its folds: 0, 1, 2, 3, 4\)"):
        split(make_index(rows)).rows(5, "test")


@settings(max_examples=20)
@given(rows=cohorts())
def test_an_exported_split_read_as_a_file_is_the_same_split(make_index, tmp_path_factory, rows):
    index = make_index(rows)
    table = split(index)
    file = tmp_path_factory.mktemp("export") / "split.csv"
    export = export_split(table, index)
    named = ["dataset", "fold", "part", "patient_id", "image_id", "sample_id", "path", "pixel_hash"]
    assert list(export.columns) == named
    export.to_csv(file, index=False)
    assert split(index, scheme="file", file=str(file)).hash == table.hash


class TestImpossibleSplits:
    def test_more_folds_than_groups_of_a_class(self, make_index):
        rows = [("benign", "A", f"p{i}", f"c{i}") for i in range(9)]
        rows += [("malignant", "DC", f"m{i}", f"m{i}") for i in range(4)]
        with pytest.raises(
            SplitError, match=r"'malignant'.* has 4 groups .*fewer than the 5 folds"
        ):
            split(make_index(rows))

    def test_a_class_with_no_sample(self, make_index):
        rows = [("benign", "A", f"p{i}", f"c{i}") for i in range(9)]
        with pytest.raises(SplitError, match=r"'malignant'.* has 0 groups"):
            split(make_index(rows))

    def test_two_folds_leave_nothing_for_ssl(self, make_index):
        rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
        with pytest.raises(SplitError, match="Fold 0: part 'ssl' is empty"):
            split(make_index(rows), folds=2)

    def test_an_unknown_group_column(self, make_index):
        with pytest.raises(DataError, match="no group column 'spot'"):
            split(make_index([("benign", "A", "p", "c")]), group="spot")

    def test_a_class_missing_from_a_part(self, make_index):
        rows = [("benign", "A", f"b{i}", f"b{i}") for i in range(8)]
        rows += [("malignant", "DC", f"m{i}", f"m{i}") for i in range(2)]
        index = make_index(rows)

        class OneMalignantGroupToTrainOn(BreakHis):
            def official_folds(self, root):
                tested = ["s00000", "s00009"]
                ids = index.text("sample_id")
                return {1: {name: "test" if name in tested else "train" for name in ids}}

        dataset = OneMalignantGroupToTrainOn()
        with pytest.raises(SplitError, match="has no sample of class 'malignant'"):
            make_split(index, Split(scheme="official"), dataset, NOWHERE, 0)


@pytest.mark.parametrize("seed", range(5))
def test_breakhis_gets_14_cases_in_each_fold_and_images_within_a_quarter(breakhis_index, seed):
    table = split(breakhis_index, seed)
    assert [table.groups(k, "test") for k in table.folds] == [14] * 5
    images = np.array([len(table.rows(k, "test")) for k in table.folds])
    assert np.abs(images / images.mean() - 1).max() < 0.25


@pytest.fixture(scope="module")
def official(breakhis_index, breakhis_tree):
    return make_split(breakhis_index, Split(scheme="official"), BreakHis(), breakhis_tree, 0)


class TestOfficialFolds:
    def test_test_is_as_published(self, official, breakhis_index, breakhis_tree):
        ids = breakhis_index.text("sample_id")
        for fold, sides in BreakHis().official_folds(breakhis_tree).items():
            published = {name for name, side in sides.items() if side == "test"}
            assert set(ids[official.rows(fold, "test")].tolist()) == published

    def test_a_quarter_of_the_training_groups_is_labelled(self, official):
        assert official.folds == (1, 2, 3, 4, 5)
        for fold in official.folds:
            label, ssl = official.groups(fold, "label"), official.groups(fold, "ssl")
            assert abs(label / (label + ssl) - 0.25) < 0.03

    def test_label_and_ssl_share_no_group(self, official):
        for fold in official.folds:
            groups = [set(official.group_ids[official.rows(fold, p)]) for p in ("label", "ssl")]
            assert not groups[0] & groups[1]

    def test_the_seed_moves_label_and_ssl_and_leaves_test(
        self, official, breakhis_index, breakhis_tree
    ):
        described = Split(scheme="official")
        other = make_split(breakhis_index, described, BreakHis(), breakhis_tree, 1)
        test = PART_CODES["test"]
        assert other.hash != official.hash
        assert np.array_equal(other.parts == test, official.parts == test)

    def test_published_names_that_are_not_there_are_noted(
        self, breakhis_index, breakhis_tree, shared_data
    ):
        frame = breakhis_index.frame
        half = SampleIndex.of(frame[frame["magnification"] == 40], breakhis_index.dataset)
        table = make_split(half, Split(scheme="official"), BreakHis(), breakhis_tree, 0)
        assert table.notes == ("5914 samples of the published folds are not in the data",)

    def test_samples_that_no_fold_names_take_no_part_and_are_noted(
        self, breakhis_index, breakhis_tree, tmp_path
    ):
        for name in shutil.copytree(breakhis_tree / "folds", tmp_path / "folds").iterdir():
            lines = name.read_text().splitlines()
            name.write_text("\n".join(line for line in lines if "14-22549G-" not in line))
        table = make_split(breakhis_index, Split(scheme="official"), BreakHis(), tmp_path, 0)
        unused = breakhis_index.frame["patient_id"] == "B_A_14-22549G"
        assert (table.parts[:, unused] == 0).all()
        assert table.notes == (f"{unused.sum()} samples are in no published fold and take no part",)

    def test_a_data_set_without_folds_says_so(self, make_index):
        from mpcs_paper.datasets.ucsb import UCSB

        index = make_index([("benign", "A", "p", "c")])
        with pytest.raises(DataError, match="no official folds"):
            make_split(index, Split(scheme="official"), UCSB(), NOWHERE, 0)


def test_export_names_each_sample_once_a_fold(official, breakhis_index):
    export = export_split(official, breakhis_index)
    assert len(export) == 5 * 7909
    assert not export.duplicated(["fold", "sample_id"]).any()
    assert isinstance(export, pd.DataFrame)


def test_a_sort_key_is_the_counters_mix_of_the_names_code_and_the_seed():
    names = np.array(["c1", "c2"], dtype=object)
    expected = mix(sample_codes(["c1", "c2"]) ^ np.uint64(seeds.seed(7, "carve")))
    assert shuffled(names, 7, "carve").tolist() == expected.tolist()


@pytest.mark.parametrize("damage", ["empty", "truncated", "without its columns"])
def test_a_damaged_table_is_an_error_that_says_what_to_do(make_index, tmp_path, damage):
    rows = [(c, "A", f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)]
    table = split(make_index(rows))
    path = table.write(tmp_path)
    if damage == "without its columns":
        whole = pq.read_table(path)
        pq.write_table(whole.drop_columns(["fold_0"]), path)
    else:
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-20])
    with pytest.raises(DataError, match="missing or damaged"):
        SplitTable.read(tmp_path, table.hash)

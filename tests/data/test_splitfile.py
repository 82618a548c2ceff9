"""A split as a file, by hand or exported, and each way to get it wrong, with the line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import export_split
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.schema import Split

ROWS = [
    ("benign", "A", "p0", "c0"),
    ("benign", "A", "p0", "c0"),
    ("malignant", "DC", "p1", "c1"),
    ("benign", "A", "p2", "c2"),
    ("malignant", "DC", "p3", "c3"),
    ("benign", "A", "p4", "c4"),
]
GOOD = "fold,part,sample_id\n0,label,s00000\n0,label,s00002\n0,ssl,s00004\n0,test,s00003\n"


def read(make_index, tmp_path, text):
    file = tmp_path / "split.csv"
    file.write_text(text, encoding="utf-8")
    return make_split(make_index(ROWS), Split(scheme="file", file=str(file)), None, Path(), 0)


def test_parts_are_as_written_and_the_rest_takes_no_part(make_index, tmp_path):
    table = read(make_index, tmp_path, GOOD)
    assert table.rows(0, "label").tolist() == [0, 2]
    assert table.rows(0, "ssl").tolist() == [4]
    assert table.rows(0, "test").tolist() == [3]
    assert table.notes == ("2 samples are not named in the split file and take no part",)


def test_patients_stand_for_all_their_samples(make_index, tmp_path):
    text = "fold,part,patient_id\n0,label,p0\n0,label,p1\n0,test,p2\n0,test,p3\n0,ssl,p4\n"
    table = read(make_index, tmp_path, text)
    assert table.rows(0, "label").tolist() == [0, 1, 2]


def test_fold_numbers_stay_as_written(make_index, tmp_path):
    table = read(make_index, tmp_path, GOOD.replace("\n0,", "\n7,"))
    assert table.folds == (7,)


def test_blank_lines_spaces_extra_columns_and_a_byte_order_mark_do_no_harm(make_index, tmp_path):
    lines = [f"{line} , a note" for line in GOOD.splitlines()]
    table = read(make_index, tmp_path, "\ufeff" + "\n\n".join(lines) + "\n")
    assert table.hash == read(make_index, tmp_path, GOOD).hash


def test_the_hash_does_not_depend_on_the_files_name_or_line_order(make_index, tmp_path):
    header, *lines = GOOD.splitlines()
    turned = "\n".join([header, *reversed(lines)])
    (tmp_path / "other").mkdir()
    assert (
        read(make_index, tmp_path, GOOD).hash == read(make_index, tmp_path / "other", turned).hash
    )


WRONG = {
    "unknown sample": (GOOD + "0,test,s99999\n", 6, "sample_id 's99999' is not in data set 'made'"),
    "misspelt sample": (GOOD + "0,test,s0000\n", 6, "Did you mean 's0000"),
    "bad part": (GOOD + "0,tset,s00005\n", 6, "part 'tset' is none of .* Did you mean 'test'"),
    "validation is carved, not written": (GOOD + "0,validation,s00005\n", 6, "'validation'"),
    "bad fold": (GOOD + "one,test,s00005\n", 6, "fold 'one' is not a whole number"),
    "negative fold": (GOOD + "-1,test,s00005\n", 6, "fold '-1'"),
    "named twice": (GOOD + "0,ssl,s00000\n", 6, "'s00000' is named twice in fold 0"),
    "missing value": (GOOD + "0,test\n", 6, "2 values for 3 columns"),
    "line numbers count blank lines": (GOOD + "\n\n0,x,s00005\n", 8, "part 'x'"),
    "missing column": ("part,sample_id\ntest,s00000\n", None, "no column fold"),
    "no id column": (
        "fold,part,name\n0,test,s00000\n",
        None,
        "sample_id, pixel_hash or patient_id",
    ),
    "empty file": ("", None, "no column"),
    "only a header": ("fold,part,sample_id\n", None, "names no sample"),
    "no test part": (
        "fold,part,sample_id\n0,label,s00000\n0,label,s00002\n",
        None,
        "Fold 0: part 'test' is empty",
    ),
    "no label part": ("fold,part,sample_id\n0,test,s00000\n", None, "part 'label' is empty"),
    "a class without labels": (
        "fold,part,sample_id\n0,label,s00000\n0,test,s00003\n",
        None,
        "Fold 0: part 'label' has no sample of class 'malignant'",
    ),
    "ssl in one fold only": (
        GOOD + "1,label,s00000\n1,label,s00002\n1,test,s00004\n",
        None,
        "Fold 1: part 'ssl' is empty",
    ),
}


@pytest.mark.parametrize(("text", "line", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_the_line(make_index, tmp_path, text, line, message):
    with pytest.raises(SplitError, match=message) as caught:
        read(make_index, tmp_path, text)
    if line is not None:
        assert (caught.value.location.file, caught.value.location.line) == (
            str(tmp_path / "split.csv"),
            line,
        )


def test_a_file_that_is_not_there_is_named(make_index, tmp_path):
    settings = Split(scheme="file", file=str(tmp_path / "gone.csv"))
    with pytest.raises(SplitError, match="cannot be read") as caught:
        make_split(make_index(ROWS), settings, None, Path(), 0)
    assert "gone.csv" in str(caught.value)


def test_a_file_that_is_not_text_is_refused(make_index, tmp_path):
    (tmp_path / "split.csv").write_bytes(b"fold,part,sample_id\n\xff\xfe\x00")
    settings = Split(scheme="file", file=str(tmp_path / "split.csv"))
    with pytest.raises(SplitError, match="cannot be read"):
        make_split(make_index(ROWS), settings, None, Path(), 0)


# --- a file that was exported ---------------------------------------------------------------

COHORT = [
    (c, c[0].upper(), f"{c}{i}", f"{c}{i}") for c in ("benign", "malignant") for i in range(6)
]
KFOLD = Split(scheme="kfold", folds=3)


def from_file(index, file):
    return make_split(index, Split(scheme="file", file=str(file)), None, Path(), 0)


def exported(index, file):
    """Write the split of `index` into three folds; return it."""
    table = make_split(index, KFOLD, None, Path(), 3)
    export_split(table, index).to_csv(file, index=False)
    return table


def renamed(index, names):
    """The same images under other names, in another order of rows."""
    frame = index.frame.assign(sample_id=names, image_id=names)
    return SampleIndex.of(frame, index.dataset)


def parts_by_hash(table, index):
    """Fold by fold, the part of every image, by its pixels."""
    order = np.argsort(index.text("pixel_hash").astype(str))
    return table.folds, table.parts[:, order].tolist()


def test_images_are_found_by_their_pixels_where_names_differ(make_index, tmp_path):
    index = make_index(COHORT)
    table = exported(index, tmp_path / "split.csv")
    other = renamed(index, [f"image-{99 - i}" for i in range(len(index))])
    again = from_file(other, tmp_path / "split.csv")
    assert parts_by_hash(again, other) == parts_by_hash(table, index)


def test_pixels_count_where_names_were_exchanged(make_index, tmp_path):
    index = make_index(COHORT)
    table = exported(index, tmp_path / "split.csv")
    other = renamed(index, list(reversed(index.text("sample_id"))))
    again = from_file(other, tmp_path / "split.csv")
    assert parts_by_hash(again, other) == parts_by_hash(table, index)


def test_of_equal_pixels_the_name_tells_which(make_index, tmp_path):
    """BreakHis has images that stand, pixel for pixel, under two names and in two patients."""
    hashes = [f"{i // 2:064x}" for i in range(len(COHORT))]
    index = make_index(COHORT, hashes=hashes)
    table = exported(index, tmp_path / "split.csv")
    pairs = table.parts.reshape(3, -1, 2)
    assert (pairs[..., 0] != pairs[..., 1]).any(), "some equal images stand in different parts"
    assert from_file(index, tmp_path / "split.csv").hash == table.hash


def test_of_equal_pixels_without_names_that_tell_two_parts_are_refused(make_index, tmp_path):
    hashes = [f"{i // 2:064x}" for i in range(len(COHORT))]
    index = make_index(COHORT, hashes=hashes)
    exported(index, tmp_path / "split.csv")
    other = renamed(index, [f"image-{i:02}" for i in range(len(index))])
    with pytest.raises(SplitError, match=r"'image-\d+' is given two parts in fold 0"):
        from_file(other, tmp_path / "split.csv")


def test_an_image_stands_for_its_patches_however_they_are_cut(make_index, tmp_path):
    def cut(patches):
        rows = [row for row in COHORT for _ in range(patches)]
        images = [f"image{i // patches:02}" for i in range(len(rows))]
        hashes = [f"{i // patches:064x}" for i in range(len(rows))]
        index = make_index(rows, image_ids=images, hashes=hashes)
        ids = [f"{name}#{i % patches} of {patches}" for i, name in enumerate(images)]
        return SampleIndex.of(index.frame.assign(sample_id=ids), index.dataset)

    def part_of_image(table, index):
        frame = pd.DataFrame(table.parts.T).assign(image=index.text("image_id")).drop_duplicates()
        return frame.set_index("image").to_dict("index")

    four, nine = cut(4), cut(9)
    table = exported(four, tmp_path / "split.csv")
    assert part_of_image(from_file(nine, tmp_path / "split.csv"), nine) == part_of_image(
        table, four
    )


def test_one_file_holds_the_splits_of_several_data_sets(make_index, tmp_path):
    first, second = make_index(COHORT), make_index(COHORT[:-1], shuffle=1)
    facts = dataclasses.replace(second.dataset, name="other")
    second = SampleIndex.of(second.frame, facts)
    tables = [make_split(index, KFOLD, None, Path(), 3) for index in (first, second)]
    frames = [export_split(t, i) for t, i in zip(tables, (first, second), strict=True)]
    pd.concat(frames).to_csv(tmp_path / "both.csv", index=False)
    for index, table in zip((first, second), tables, strict=True):
        assert from_file(index, tmp_path / "both.csv").hash == table.hash


def test_a_file_of_other_data_sets_says_which_they_are(make_index, tmp_path):
    text = GOOD.replace("fold,", "dataset,fold,").replace("\n0,", "\ntheirs,0,")
    with pytest.raises(SplitError, match=r"no sample of data set 'made' \(its data sets: theirs\)"):
        read(make_index, tmp_path, text)


def test_images_that_are_not_there_are_counted_and_the_first_is_named(make_index, tmp_path):
    index = make_index(COHORT)
    exported(index, tmp_path / "split.csv")
    hashes = [f"{i + 900 if i in (4, 7) else i:064x}" for i in range(len(index))]
    with pytest.raises(SplitError, match=r"2 of 12 samples .* first pixel_hash '0+4', are not in"):
        from_file(make_index(COHORT, hashes=hashes), tmp_path / "split.csv")


def test_names_that_are_not_there_are_counted_and_the_first_is_named(make_index, tmp_path):
    text = GOOD + "0,test,s00077\n0,ssl,s00088\n1,ssl,s00088\n"
    with pytest.raises(SplitError, match=r"2 of 6 samples .* first sample_id 's00077'") as caught:
        read(make_index, tmp_path, text)
    assert caught.value.location.line == 6


def test_a_line_without_pixels_goes_by_its_name(make_index, tmp_path):
    lines = [f"{line},{'pixel_hash' if i == 0 else ''}" for i, line in enumerate(GOOD.split())]
    table = read(make_index, tmp_path, "\n".join(lines) + "\n")
    assert table.hash == read(make_index, tmp_path, GOOD).hash


def test_official_folds_come_back_from_their_file(breakhis_index, breakhis_tree, tmp_path):
    from mpcs_paper.datasets.breakhis import BreakHis

    frame = breakhis_index.frame
    index = SampleIndex.of(frame[frame["magnification"] == 40], breakhis_index.dataset)
    table = make_split(index, Split(scheme="official"), BreakHis(), breakhis_tree, 0)
    export_split(table, index).to_csv(tmp_path / "split.csv", index=False)
    again = from_file(index, tmp_path / "split.csv")
    assert (again.folds, again.hash) == ((1, 2, 3, 4, 5), table.hash)
    assert np.array_equal(again.parts, table.parts)

"""A split written by hand, and each way to get it wrong, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    "no id column": ("fold,part,name\n0,test,s00000\n", None, "sample_id or patient_id"),
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

"""Finding protocols, and laying files over files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.load import available, find, load


def refused(*arguments, **options) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        load(*arguments, **options)
    return caught.value


def test_a_name_is_looked_for_in_all_folders_and_the_first_wins(write, tmp_path):
    first, second = write(name="a/one.yaml"), write(name="b/two.yaml")
    write(name="b/one.yaml")

    folders = [tmp_path / "a", tmp_path / "b"]

    assert available(folders) == {"one": first, "two": second}
    assert find("one", folders) == first
    assert find(str(second), []) == second


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("quikstart", "Did you mean 'quickstart'?"),
        ("quikstart.yaml", "There is no protocol file 'quikstart.yaml'. Did you mean 'quickst"),
        ("nowhere/at.yaml", "There is no protocol file 'nowhere/at.yaml'."),
    ],
)
def test_a_protocol_that_is_not_there_is_named_with_the_nearest(
    reference, words, write, tmp_path, monkeypatch
):
    write(name="quickstart.yaml")
    monkeypatch.chdir(tmp_path)
    assert words in str(refused(reference, [tmp_path]))


# --- extends ----------------------------------------------------------------------------------


def test_a_chain_of_files_is_laid_from_the_bottom_up(write):
    write(name="base/bottom.yaml")
    write(
        text="extends: bottom.yaml\nfinetuning: {epochs: 5, dropout: 0.1}\n", name="base/mid.yaml"
    )
    top = write(text="extends: base/mid.yaml\nfinetuning: {epochs: 7}\nname: top\n", name="t.yaml")

    loaded = load(str(top), [])

    assert loaded.protocol.name == "top"
    assert loaded.protocol.finetuning.epochs == 7
    assert loaded.protocol.finetuning.dropout == 0.1
    assert loaded.protocol.finetuning.batch_size == 8
    assert [path.name for path in loaded.files] == ["t.yaml", "mid.yaml", "bottom.yaml"]


def test_of_a_list_of_files_the_later_counts_more(write):
    write(name="bottom.yaml")
    write(text="finetuning: {epochs: 5, dropout: 0.1}", name="one.yaml")
    write(text="finetuning: {epochs: 6}", name="two.yaml")
    top = write(text="extends: [bottom.yaml, one.yaml, two.yaml]", name="t.yaml")

    finetuning = load(str(top), []).protocol.finetuning

    assert (finetuning.epochs, finetuning.dropout) == (6, 0.1)


def test_two_files_may_extend_a_third_without_undoing_each_other(write):
    write(name="bottom.yaml")
    write(text="extends: bottom.yaml\nfinetuning: {epochs: 5}", name="one.yaml")
    write(text="extends: bottom.yaml\nfinetuning: {dropout: 0.1}", name="two.yaml")
    top = write(text="extends: [one.yaml, two.yaml]", name="t.yaml")

    finetuning = load(str(top), []).protocol.finetuning

    assert (finetuning.epochs, finetuning.dropout) == (5, 0.1)


def test_a_circle_is_shown(write):
    write(text="extends: b.yaml", name="a.yaml")
    write(text="x: 1\nextends: [c.yaml]", name="b.yaml")
    path = write(text="extends: ./a.yaml", name="c.yaml")

    error = refused(str(path), [])

    assert "`extends` runs in a circle: c.yaml -> a.yaml -> b.yaml -> c.yaml" in error.message
    assert (Path(error.location.file).name, error.location.line) == ("b.yaml", 2)


def test_a_file_that_extends_what_is_not_there_says_where_it_looked(write, tmp_path):
    write(name="base.yaml")
    path = write(text="extends:\n  - base.yaml\n  - bsae.yaml\n", name="t.yaml")

    error = refused(str(path), [])

    assert "extends 'bsae.yaml'" in error.message
    assert "Did you mean 'base.yaml'?" in error.message
    assert (error.location.line, error.location.column) == (3, 5)
    assert str(tmp_path / "bsae.yaml") in error.hint


@pytest.mark.parametrize("value", ["3", "null", "{a: b}", "[1]"])
def test_extends_takes_files(value, write):
    error = refused(str(write(text=f"name: x\nextends: {value}", name="t.yaml")), [])
    assert "`extends` takes a file or a list of files" in error.message
    assert error.location.line == 2


def test_a_fault_is_placed_in_the_file_that_wrote_it(write):
    base = write(("epochs: 3", "epoch: 3"), name="base/bottom.yaml")
    top = write(text="extends: base/bottom.yaml\nname: top", name="t.yaml")

    error = refused(str(top), [])

    assert error.location.file == str(base)
    assert "unknown key 'finetuning.epoch'" in error.message


def test_what_is_missing_is_missing_in_the_protocol_not_in_what_it_extends(write):
    base = write(("name: small\n", ""), name="base.yaml")
    top = write(text="extends: base.yaml", name="t.yaml")
    overlay = write(text="title: Over", name="over.yaml")

    for overlays in ([], [str(overlay)]):
        error = refused(str(top), [], overlays=overlays)
        assert (error.location.file, error.message) == (str(top), "'name' is missing")
    assert base.is_file()


# --- overlays ---------------------------------------------------------------------------------


def test_overlays_by_name_and_path_are_laid_in_order(write, tmp_path):
    path = write(name="p/small.yaml")
    write(text="finetuning: {epochs: 5, dropout: 0.1}", name="p/overlays/beside.yaml")
    write(text="finetuning: {epochs: 6}", name="folder/overlays/shipped.yaml")
    mine = write(text="finetuning: {dropout: 0.2}", name="mine.yaml")

    finetuning = load(
        str(path), [tmp_path / "folder"], overlays=["beside", "shipped", str(mine)]
    ).protocol.finetuning

    assert (finetuning.epochs, finetuning.dropout) == (6, 0.2)


def test_an_overlay_may_extend_another(write):
    path = write()
    write(text="finetuning: {epochs: 5, dropout: 0.1}", name="overlays/small-scale.yaml")
    write(text="extends: small-scale.yaml\nfinetuning: {epochs: 1}", name="overlays/smoke.yaml")

    finetuning = load(str(path), [], overlays=["smoke"]).protocol.finetuning

    assert (finetuning.epochs, finetuning.dropout) == (1, 0.1)


def test_an_overlay_that_is_not_there_is_named_with_the_nearest(write):
    write(text="{}", name="overlays/smoke.yaml")
    error = refused(str(write()), [], overlays=["smokey"])
    assert "There is no overlay 'smokey'. Did you mean 'smoke'?" in error.message

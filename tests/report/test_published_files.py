"""Files of a publication that say what cannot be are refused, with the line of the fault."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.published import (
    PublishedError,
    published_digest,
    published_folders,
    published_papers,
    read_printed,
    read_published,
)
from mpcs_bench.shipped import folder

PAPER = folder("reports") / "published" / "mpcs-wacv-2023"
SMALL = {
    "paper.yaml": """\
id: acme-2024
title: Pairs
authors: [A. Nyone]
venue: Somewhere
year: 2024
test_items:
  - {dataset: breakhis, metrics: [image_accuracy], basis: stated, sizes: [[5, 5]], reason: Table 1}
references:
  "7": B. Else. Before. 2020.
""",
    "tables.yaml": """\
tables:
  table-2:
    number: "2"
    caption: What we found
    row_heads: [Method]
    columns:
      - {id: a, labels: [A]}
      - {id: b, labels: [B]}
    rows:
      - {id: ours, labels: [Ours]}
      - {id: theirs, labels: ["Theirs [7]"]}
""",
    "table-2.csv": """\
row,column,printed,mean,sd,metric,unit,method,part,literature,citation
ours,a,90.5±1.25,90.5,1.25,image_accuracy,percent,Ours,test,,
ours,b,0.91,0.91,,image_f1_weighted,fraction,Ours,test,,
theirs,a,88 (2.0),88,2.0,image_accuracy,percent,Theirs,test,true,7
theirs,b,-,,,image_f1_weighted,fraction,Theirs,test,true,7
""",
    "claims.yaml": """\
claims:
  - id: better
    kind: improvement
    section: "3"
    place: first sentence
    quote: better by 2.5
    claimed: {value: 2.5, unit: percent}
    subject:
      - {table: table-2, rows: [ours], columns: [a]}
    baseline:
      - {table: table-2, rows: [theirs], columns: [a]}
    paired_by: [column]
""",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    place = tmp_path / "acme-2024"
    place.mkdir()
    for name, content in SMALL.items():
        (place / name).write_text(content, encoding="utf-8")
    return place


def edit(place: Path, name: str, old: str, new: str) -> None:
    path = place / name
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1, f"{old!r} stands {content.count(old)} times in {name}"
    path.write_text(content.replace(old, new), encoding="utf-8")


def test_a_small_publication_is_read_whole(small):
    paper = read_published(small)

    cells = {cell.name: (cell.mean, cell.sd, cell.scale) for cell in paper.cells()}
    assert cells == {
        "table-2/ours/a": (90.5, 1.25, 100),
        "table-2/ours/b": (0.91, None, 1),
        "table-2/theirs/a": (88.0, 2.0, 100),
        "table-2/theirs/b": (None, None, 1),
    }
    ((mine, theirs),) = paper.claims[0].pairs()
    assert (mine.mean, theirs.mean) == (90.5, 88.0)
    assert paper.references["7"].citation == "B. Else. Before. 2020."


def test_numbers_are_read_from_print_where_the_file_leaves_them_out(small):
    whole = list(read_published(small).cells())
    path = small / "table-2.csv"
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join([*line[:3], *line[5:]]) for line in lines))

    assert list(read_published(small).cells()) == whole


def test_a_publication_may_have_no_claims(small):
    (small / "claims.yaml").unlink()

    assert read_published(small).claims == ()


FAULTS = [
    # cells
    ("table-2.csv", "ours,b,", "ours,a,", 3, "row 'ours', column 'a' stands in line 2 already"),
    ("table-2.csv", "ours,b,", "our,b,", 3, "no row 'our' in tables.yaml. Did you mean 'ours'?"),
    ("table-2.csv", "ours,b,", "ours,c,", 3, "table-2 has no column 'c'"),
    ("table-2.csv", ",90.5,", ",90.6,", 2, "'mean' is 90.6, and '90.5±1.25' makes it 90.5"),
    ("table-2.csv", ",1.25,", ",,", 2, "'sd' is empty, and '90.5±1.25' makes it 1.25"),
    ("table-2.csv", ",-,,,", ",-,5,,", 5, "'mean' is 5, and '-' makes it empty"),
    ("table-2.csv", "88 (2.0)", "88 of 100", 4, "'88 of 100' is no number"),
    ("table-2.csv", ",fraction,Ours", ",percentage,Ours", 3, "'unit': should be 'percent'"),
    ("table-2.csv", ",fraction,Ours", ",,Ours", 3, "a cell with a 'metric' needs a 'unit' too"),
    ("table-2.csv", ",image_f1_weighted,fraction,Ours", ",,,Ours", 3, "without a 'metric' is text"),
    ("table-2.csv", "f1_weighted,fraction,O", "f1_weigthed,fraction,O", 3, "mean 'image_f1_w"),
    ("table-2.csv", "ours,b,0.91,0.91", "ours,b,91,91", 3, "91 is no fraction: 0 to 1"),
    ("table-2.csv", "Theirs,test,true,7\ntheirs,b", "Theirs,test,true,\ntheirs,b", 4, "'citation'"),
    ("table-2.csv", "true,7\ntheirs,b", "true,77\ntheirs,b", 4, "no reference '77'"),
    ("table-2.csv", "Ours,test,,\nours,b", "Ours,test,\nours,b", 2, "not as many fields"),
    ("table-2.csv", ",part,", ",prat,", 1, "no column 'prat'. Did you mean 'part'?"),
    ("table-2.csv", ",printed,", ",print,", 1, "the column 'printed' is missing"),
    ("table-2.csv", ",sd,", ",mean,", 1, "the column 'mean' stands twice"),
    ("table-2.csv", "image_f1_weighted,fraction,Ours", "image_accuracy,percent,Ours", 3, "line 2"),
    # layout
    ("tables.yaml", "id: theirs", "id: ours", 11, "table-2 has two rows with the id 'ours'"),
    ("tables.yaml", "id: b,", "id: a,", 8, "table-2 has two columns with the id 'a'"),
    ("tables.yaml", "[Ours]", "[Ours, more]", 10, "'ours' has 2 labels, and row_heads has 1"),
    ("tables.yaml", "[B]", "[B, x]", 8, "'b' has 2 labels, and the first column has 1"),
    (
        "tables.yaml",
        "    rows:\n",
        "    rows:\n      - {id: x, labels: [X]}\n",
        10,
        "no cell in row 'x' for a, b; one in which nothing is printed is there with '-'",
    ),
    ("tables.yaml", "row_heads", "row_head", 5, "unknown key 'tables.table-2.row_head'"),
    ("tables.yaml", "table-2:", "table-3:", None, "tables.yaml has no table 'table-2'"),
    # claims
    ("claims.yaml", "rows: [ours]", "rows: [our]", 9, "table-2 has no row 'our'"),
    ("claims.yaml", "rows: [theirs], columns: [a]", "columns: [c]", 11, "has no column 'c'"),
    ("claims.yaml", "[theirs], columns: [a]", "[theirs], columns: [b]", 2, "of the same column"),
    ("claims.yaml", "table-2, rows: [ours]", "table-3, rows: [ours]", 9, "no table 'table-3'"),
    ("claims.yaml", "value: 2.5, ", "", 2, "needs 'claimed: {value: ...}'"),
    ("claims.yaml", "improvement", "improved", 3, "'claims.0.kind': should be"),
    ("claims.yaml", "[column]", "[colour]", 12, "'claims.0.paired_by.0': should be"),
    # paper
    ("paper.yaml", "id: acme-2024", "id: acme-2023", 1, "stands in the folder 'acme-2024'"),
    ("paper.yaml", ", sizes: [[5, 5]]", "", 7, "sizes are given exactly where"),
    ("paper.yaml", "year: 2024", 'year: "2024"', 5, "'year': should be a whole number"),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "message"), FAULTS, ids=[fault[-1][:40] for fault in FAULTS]
)
def test_a_fault_is_told_with_its_line(small, name, old, new, line, message):
    edit(small, name, old, new)

    with pytest.raises(PublishedError) as caught:
        read_published(small)

    told = str(caught.value)
    assert message in told
    if line is not None:
        assert re.search(rf"{re.escape(name)}:{line}\b", told), told
    assert caught.value.hint


def test_all_faults_of_a_file_are_told_at_once(small):
    edit(small, "table-2.csv", ",90.5,", ",90.6,")
    edit(small, "table-2.csv", "88 (2.0)", "88 of 100")

    with pytest.raises(PublishedError) as caught:
        read_published(small)

    assert "90.6" in caught.value.message
    assert "88 of 100" in caught.value.message


@pytest.mark.parametrize("name", ["paper.yaml", "tables.yaml", "table-2.csv"])
def test_a_missing_file_is_named(small, name):
    (small / name).unlink()

    with pytest.raises(PublishedError, match=re.escape(name)):
        read_published(small)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PublishedError, match="no folder"):
        read_published(tmp_path / "absent")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("87.40±3.73", (87.4, 2, 3.73, 2)),
        ("88.05 ±3.20", (88.05, 2, 3.2, 2)),
        ("93.57± 3.36", (93.57, 2, 3.36, 2)),
        ("1.0", (1.0, 1, None, None)),
        ("87", (87.0, 0, None, None)),
        ("87.4 +- 3", (87.4, 1, 3.0, 0)),
        ("87.4 +/- 3.7 %", (87.4, 1, 3.7, 1)),
        ("87.4% (3.7%)", (87.4, 1, 3.7, 1)),
        (".91", (0.91, 2, None, None)),
    ],
)
def test_print_is_read(printed, expected):
    number = read_printed(printed)

    assert (number.mean, number.decimals, number.sd, number.sd_decimals) == expected


@pytest.mark.parametrize("printed", ["", "-", " - ", "–", "—"])
def test_nothing_printed_is_no_number(printed):
    assert read_printed(printed) is None


@pytest.mark.parametrize("printed", ["n/a", "87.4±", "87,4", "87.4±3.7±1", "±3", "8 7", "nan"])
def test_other_texts_are_no_print_of_a_number(printed):
    with pytest.raises(ValueError, match="no number"):
        read_printed(printed)


@given(
    mean=st.decimals(0, 100, places=2),
    sd=st.decimals(0, 20, places=1),
    join=st.sampled_from(["±", " ± ", "+-", " +/- "]),
)
def test_what_is_printed_is_read_back(mean, sd, join):
    number = read_printed(f"{mean}{join}{sd}")

    assert (number.mean, number.sd) == (float(mean), float(sd))
    assert (number.decimals, number.sd_decimals) == (2, 1)


def test_the_digest_follows_the_content_and_nothing_else(small, tmp_path):
    copy = tmp_path / "elsewhere" / small.name
    shutil.copytree(small, copy)
    (copy / "notes.txt").write_text("mine")
    assert published_digest(copy) == published_digest(small)

    edit(copy, "table-2.csv", "90.5±1.25,90.5", "90.4±1.25,90.4")
    assert published_digest(copy) != published_digest(small)


def install(site: Path, package: str, place: Path) -> None:
    """Put a package with one publication where Python finds it, as an installer would."""
    shutil.copytree(place, site / package / "published" / place.name)
    (site / package / "__init__.py").write_text("")
    facts = site / f"{package}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        f"[mpcs_bench.published]\n{package} = {package}:published\n"
    )


def test_installed_packages_bring_their_publications(small, tmp_path, monkeypatch):
    install(tmp_path / "site", "acme_published", small)
    monkeypatch.syspath_prepend(tmp_path / "site")

    assert [paper.id for paper in published_papers()] == ["mpcs-wacv-2023", "acme-2024"]
    sys.modules.pop("acme_published", None)


def test_two_publications_with_one_id_are_refused(small, tmp_path, monkeypatch):
    install(tmp_path / "site", "acme_once", small)
    install(tmp_path / "site", "acme_twice", small)
    monkeypatch.syspath_prepend(tmp_path / "site")

    with pytest.raises(PublishedError, match="Two publications are called 'acme-2024'"):
        published_folders()


def test_a_package_that_cannot_be_imported_is_passed_over(small, tmp_path, monkeypatch):
    install(tmp_path / "site", "acme_broken", small)
    (tmp_path / "site" / "acme_broken" / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path / "site")

    assert [place.name for place in published_folders()] == ["mpcs-wacv-2023"]

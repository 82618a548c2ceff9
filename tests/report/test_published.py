"""The paper's values are data: every cell and every quote is that of the paper's text."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mpcs_bench.report.published import PublishedError, published_papers, read_published
from mpcs_bench.shipped import folder

PAPER = folder("reports") / "published" / "mpcs-wacv-2023"
REPOSITORY = Path(__file__).resolve().parents[2]
COUNTS = {
    "table-1": 13 * 5,
    "table-5": 16 * 5,
    "table-6": 18 * 10,
    "table-7": 8 * 4,
    "table-8": 7 * 6,
    "table-9": 6 * 6,
}
BOLD = {"table-1": 0, "table-5": 20, "table-6": 30, "table-7": 4, "table-8": 0, "table-9": 6}


@pytest.fixture(scope="module")
def paper():
    return read_published(PAPER)


@pytest.fixture(scope="module")
def text() -> str:
    place = Path(os.environ.get("MPCS_SHARED_PAPER", REPOSITORY.parent / "shared" / "paper"))
    path = place / "mpcs_paper.txt"
    if not path.is_file():
        pytest.skip(f"the paper's text is not at {path} (set MPCS_SHARED_PAPER to its folder)")
    return path.read_text(encoding="utf-8")


def printed_table(text: str, number: str) -> list[list[str]]:
    """Return the lines of one table of the text, head included, as lists of fields."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"Table {number}:"))
    first = next(i for i in range(start, len(lines)) if "\t" in lines[i])
    end = next(i for i in range(first, len(lines)) if "\t" not in lines[i])
    return [line.split("\t") for line in lines[first:end]]


def spanned(labels: list[tuple[str, ...]]) -> list[list[str]]:
    """Return labels as printed: blank where one continues its neighbour's."""
    blank = []
    for index, mine in enumerate(labels):
        before = labels[index - 1] if index else ()
        last = len(mine) - 1
        blank.append(
            [
                "" if place < last and mine[: place + 1] == before[: place + 1] else label
                for place, label in enumerate(mine)
            ]
        )
    return blank


def plain(text: str) -> str:
    """Return the words of the text, without its marks for italics and mathematics."""
    words = re.sub(r"\s+", " ", re.sub(r"[$*]", "", text))
    return words.replace(" )", ")").replace("( ", "(")


@pytest.mark.parametrize("name", COUNTS)
def test_every_cell_is_printed_so_in_the_paper(paper, text, name):
    table = paper.table(name)
    lines = printed_table(text, table.number)[len(table.columns[0].labels) :]

    printed = [
        [f"<b>{cell.printed}</b>" if cell.bold else cell.printed for cell in cells]
        for _, cells in table.grid()
    ]

    assert printed == [line[len(table.row_heads) :] for line in lines]


@pytest.mark.parametrize("name", COUNTS)
def test_every_table_is_laid_out_as_in_the_paper(paper, text, name):
    table = paper.table(name)
    height = len(table.columns[0].labels)
    lines = printed_table(text, table.number)

    columns = spanned([column.labels for column in table.columns])
    above = [[""] * len(table.row_heads)] * (height - 1)
    heads = [list(table.row_heads), *above]
    assert [
        head + [labels[line] for labels in columns] for line, head in enumerate(heads)
    ] == lines[:height]
    assert spanned([row.labels for row in table.rows]) == [
        line[: len(table.row_heads)] for line in lines[height:]
    ]


@pytest.mark.parametrize("name", COUNTS)
def test_every_caption_is_that_of_the_paper(paper, text, name):
    table = paper.table(name)

    assert plain(f"Table {table.number}: {table.caption}") in plain(text)


def test_every_quote_of_a_claim_stands_in_the_paper(paper, text):
    whole = plain(text)

    assert [claim.id for claim in paper.claims if plain(claim.quote) not in whole] == []


def test_every_reference_is_that_of_the_papers_list(paper, text):
    listed = plain(text[text.index("## References") :]).replace("- [", "[")

    wrong = [
        key
        for key, reference in paper.references.items()
        if f"[{key}] {plain(reference.citation)}" not in listed
    ]

    assert wrong == []


def test_every_work_of_a_row_is_in_the_references(paper):
    for table in paper.tables.values():
        for row, cells in table.grid():
            named = re.findall(r"\[(\d+)\]", " ".join(row.labels))
            assert {cell.citation for cell in cells} == (set(named) or {None}), row


def test_the_tables_have_all_their_cells(paper):
    assert {name: len(table.cells) for name, table in paper.tables.items()} == COUNTS
    bold = {name: sum(cell.bold for cell in t.cells) for name, t in paper.tables.items()}
    assert bold == BOLD


def test_oddities_are_kept_as_printed(paper):
    odd = {
        ("table-8", "labels-80", "accuracy-rp"): ("89.75±0.02", 89.75, 0.02),
        ("table-6", "b2-rp", "patient-100x"): ("93.57± 3.36", 93.57, 3.36),
        ("table-6", "milcnn", "image-40x"): ("86.1 ± 4.28", 86.1, 4.28),
        ("table-9", "st", "finetune-recall"): ("1.0", 1.0, None),
        ("table-6", "glcm", "image-mean"): ("-", None, None),
    }
    for (table, row, column), expected in odd.items():
        cell = paper.table(table).cell(row, column)
        assert (cell.printed, cell.mean, cell.sd) == expected
    assert paper.table("table-6").rows[8].labels == ("RPDB[39]*",)


def test_decimals_are_those_of_print(paper):
    cell = paper.table("table-6").cell("pftas", "patient-40x")

    assert (cell.printed, cell.decimals, cell.sd_decimals) == ("83.80±2.0", 2, 1)


@pytest.mark.parametrize(
    ("table", "experiments"),
    [
        ("table-5", {1: "none", 2: "fixed", 3: "ordered", 4: "random"}),
        ("table-6", {5: "none", 6: "fixed", 7: "ordered", 8: "random"}),
        ("table-7", {9: "none", 10: "fixed", 11: "ordered", 12: "random"}),
        ("table-8", {10: "fixed", 11: "ordered", 12: "random"}),
        ("table-9", {13: "fixed", 14: "ordered", 15: "random"}),
    ],
)
def test_own_rows_are_of_the_papers_experiments(paper, table, experiments):
    own = [cell for cell in paper.table(table).cells if not cell.literature]

    found = {(cell.experiment, cell.strategy) for cell in own}
    assert found == {(f"exp-{number}", name) for number, name in experiments.items()}


def test_rows_of_the_literature_name_no_experiment(paper):
    for cell in paper.cells():
        if cell.literature:
            assert (cell.experiment, cell.strategy, cell.encoder) == (None, None, None)


def test_table_8_at_all_labels_repeats_table_7(paper):
    for which in ("fp", "op", "rp"):
        seven = paper.table("table-7").cell(which, "image-test")
        eight = paper.table("table-8").cell("labels-100", f"accuracy-{which}")
        assert seven.facts() == eight.facts()
        assert seven.printed == eight.printed


def test_a_claim_pairs_what_it_compares(paper):
    claims = {claim.id: claim for claim in paper.claims}
    ((mine, theirs),) = claims["dpcl-improvement"].pairs()

    assert (mine.method, theirs.method) == ("MPCS-OP", "DPCL")
    assert round(mine.mean - theirs.mean, 2) == claims["dpcl-improvement"].claimed.value == 4.85

    pairs = claims["limited-improvement-range"].pairs()
    assert len(pairs) == 2 * 2 * 3
    for mine, theirs in pairs:
        assert (mine.encoder, mine.metric) == (theirs.encoder, theirs.metric)
        assert theirs.method == "ImageNet"
    assert claims["limited-improvement-range"].experiments() == ("exp-2", "exp-3", "exp-4", "exp-1")


def test_a_claim_that_no_table_settles_says_why(paper):
    open_claims = [claim for claim in paper.claims if not claim.pairs() and claim.kind != "value"]

    assert {claim.id for claim in open_claims if claim.unchecked} == {
        "introduction-magnification-invariant",
        "inductive-transfer-helps",
        "cross-magnification-generalises",
        "dpcl-every-fraction",
    }
    assert [claim.id for claim in open_claims if not claim.unchecked] == []


def test_test_items_are_those_of_the_papers_own_rows(paper):
    own = paper.table("table-9").cell("op", "finetune-accuracy")
    quoted = paper.table("table-9").cell("st", "finetune-accuracy")

    items = paper.items_of(own)
    assert {sum(sizes) for sizes in items.sizes} == {58}
    assert all(len(sizes) == 5 for sizes in items.sizes)
    assert paper.items_of(quoted) is None
    assert paper.items_of(paper.table("table-9").cell("op", "finetune-recall")) is None


def test_a_cell_or_table_that_is_not_there_is_named(paper):
    with pytest.raises(PublishedError, match=r"no row 'b2-xp'.*Did you mean 'b2-"):
        paper.table("table-6").cell("b2-xp", "image-40x")
    with pytest.raises(PublishedError, match=r"no column '50x'"):
        paper.table("table-5").cell("b2-image-op", "50x")
    with pytest.raises(PublishedError, match=r"no table 'table-55'"):
        paper.table("table-55")


def test_the_shipped_publications_are_found():
    assert next(paper.id for paper in published_papers()) == "mpcs-wacv-2023"


def test_the_example_of_the_documentation_runs(monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    document = (REPOSITORY / "docs" / "published.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", document, re.S)

    exec(compile(code, "docs/published.md", "exec"), {})

    assert (
        "dpcl-improvement table-7/op/image-test table-7/dpcl/image-test" in capsys.readouterr().out
    )

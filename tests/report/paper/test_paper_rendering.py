"""The paper's tables on paper: layout, escaping, LaTeX that compiles, CSV that reads back."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mpcs_bench.report.paper import render_paper_terminal
from mpcs_bench.report.paper.html import render_paper_html
from mpcs_bench.report.paper.latex import latex, render_latex, render_latex_document
from mpcs_bench.report.paper.layout import spanned_head, spanned_rows
from mpcs_bench.report.paper.markdown import render_paper_markdown
from mpcs_bench.report.paper.page import paper_page
from mpcs_bench.report.paper.spreadsheet import render_paper_csv

HOSTILE = r"<script>x()</script> | **b** & 5 % of \input{x} $a_1$ ~ ^ # {"


@pytest.fixture(scope="module")
def page(published_report):
    return paper_page(published_report, {})


@pytest.fixture(scope="module")
def hostile(published_report):
    """The same report with a hostile text wherever a text of others can stand."""
    table = published_report.tables[0]
    published = table.published
    row = replace(published.rows[0], labels=(HOSTILE, *published.rows[0].labels[1:]), note=HOSTILE)
    hurt = replace(
        published,
        caption=HOSTILE,
        rows=(row, *published.rows[1:]),
        columns=(replace(published.columns[0], labels=(HOSTILE,)), *published.columns[1:]),
    )
    variant = replace(table.variant, scale=HOSTILE, encoder=HOSTILE)
    bad = replace(table, published=hurt, variant=variant)
    report = replace(published_report, tables=(bad,), warnings=(HOSTILE,), notes=(HOSTILE,))
    return report, paper_page(report, {})


def drawn(label):
    return label and (label.text, label.span)


def test_labels_span_what_they_span_in_the_paper(published_report):
    tables = {table.published.number: table.published for table in published_report.tables}

    rows = spanned_rows(tables["5"])
    assert [drawn(row[0]) for row in rows if row[0]] == [("Efficient-net b2", 8), ("ResNet-50", 8)]
    assert [drawn(row[1]) for row in rows if row[1]] == [
        ("Image Level Accuracy", 4),
        ("Patient Level Accuracy", 4),
    ] * 2
    assert [drawn(row[2]) for row in rows[:2]] == [("ImageNet", 1), ("FixedPair", 1)]
    above, below = spanned_head(tables["6"])
    assert [(label.text, label.span, label.drop) for label in above] == [
        ("Patient Level Accuracy (RR)", 4, 1),
        ("Mean", 1, 2),
        ("Image Level Accuracy", 4, 1),
        ("Mean", 1, 2),
    ]
    assert [label.text for label in below] == ["40X", "100X", "200X", "400X"] * 2
    above, below = spanned_head(tables["9"])
    assert [drawn(label) for label in above] == [("Fine-tuned", 3), ("Linear-evaluation", 3)]
    assert [label.text for label in below] == ["accuracy", "precision", "recall"] * 2


def test_every_rendering_prints_the_paper_to_the_letter(published_report, page):
    html = unescape(render_paper_html(page))
    markdown = render_paper_markdown(page)
    for view, table in zip(page.tables, published_report.tables, strict=True):
        text = render_latex(view)
        for cell in table.cells:
            printed = cell.published.printed
            assert f">{printed}<" in html
            assert f" {printed} |" in markdown or f"**{printed}**" in markdown
            escaped = printed.replace("±", r"$\pm$")
            assert escaped in text
            if cell.published.bold:
                assert f"<b>{printed}</b>" in html
                assert rf"\textbf{{{escaped}}}" in text


def test_rows_of_the_literature_keep_their_citation_and_have_one_line(published_report, page):
    [view] = [view for view in page.tables if view.number == "6"]
    rows = [line for line in render_latex(view).splitlines() if "GLPB" in line]
    markdown = [line for line in render_paper_markdown(page).splitlines() if "GLPB" in line]

    assert len(rows) == 1
    assert rows[0].startswith("GLPB{[}3{]}")
    assert markdown[0].startswith(r"| GLPB\[3\] |  | 84.5±4.2 |")
    assert any(entry.startswith("[3] ") for entry in view.cited)
    assert any("asterisk" in note for note in view.notes)


def test_lines_of_a_markdown_table_have_one_width(page):
    for block in re.findall(r"(?:^\|.*\n)+", render_paper_markdown(page), re.MULTILINE):
        lines = block.splitlines()
        if "published" in block:
            assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_a_value_its_gap_and_its_folds_stand_together(page):
    markdown = render_paper_markdown(page)
    lines = markdown.splitlines()
    start = next(i for i, line in enumerate(lines) if "| ImageNet | ours |" in line)

    assert "| 84.00±3.16 | 84.00±3.16 | (not planned) |" in lines[start]
    assert "| published | 86.36±6.13 |" in lines[start + 1]
    assert "| gap (n) | −2.36 (5) ∘ |" in lines[start + 2]


def test_a_value_is_written_in_the_unit_of_its_column(page):
    [view] = [view for view in page.tables if view.number == "8"]
    [line] = [x for x in render_latex(view).splitlines() if x.startswith("5\\% & ours")]

    assert r"0.500$\pm$0.000" in line
    assert r"50.00$\pm$0.00" in line


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_of_any_width_gets_every_value(published_report, width):
    console = Console(width=width, record=True, file=io.StringIO())
    render_paper_terminal(published_report, console)
    text = console.export_text()

    assert max(map(len, text.splitlines())) <= width
    for table in published_report.tables:
        for cell in table.cells:
            assert cell.published.printed in text
    assert "encoder timm/test_resnet" in " ".join(text.split())


def test_hostile_texts_are_escaped_in_html_and_markdown(hostile):
    _, page = hostile
    html, markdown = render_paper_html(page), render_paper_markdown(page)

    assert "<script" not in html
    assert "<script" not in markdown
    assert "**b**" not in markdown
    assert html.count(HOSTILE.split()[1]) > 0
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    assert not re.search(r"(?:src|href)\s*=\s*\"?https?:", html)


@given(st.text())
def test_no_text_escapes_latex(text):
    found = latex(text)

    assert found.isascii()
    bare = re.sub(r"\\(?:text\w+|[a-zA-Z]+|.)", "", found.replace("$\\pm$", "").replace("$-$", ""))
    assert not set("%&_#") & set(bare)
    assert found.replace(r"\{", "").count("{") == found.replace(r"\}", "").count("}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 %", r"5 \%"),
        ("a & b_c", r"a \& b\_c"),
        ("87.4±3.7", r"87.4$\pm$3.7"),
        ("−0.5", "$-$0.5"),
        ("--overlay a–b", r"-{}-overlay a\textendash{}b"),
        ("Zehra Kadiroğlu, Araújo", r"Zehra Kadiro\u{g}lu, Ara\'{u}jo"),
        ("run `exp_1`", r"run \texttt{exp\_1}"),
    ],
)
def test_what_latex_gives_a_meaning_is_escaped(text, expected):
    assert latex(text) == expected


def compiled(folder, page):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: the LaTeX tables are not compiled")
    (folder / "tables.tex").write_text(render_latex_document(page), encoding="utf-8")
    for view in page.tables:
        (folder / f"{view.name}.tex").write_text(render_latex(view), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert (folder / "tables.pdf").is_file()
    return log


def test_the_latex_tables_compile(page, tmp_path):
    log = compiled(tmp_path, page)
    assert "Overfull" not in log
    assert "too large" not in log
    packages = set(re.findall(r"/([\w-]+)\.sty", log))
    assert packages <= {"booktabs"}


def test_hostile_texts_compile_as_what_they_are(hostile, tmp_path):
    compiled(tmp_path, hostile[1])


def test_the_csv_file_reads_back_to_the_same_numbers(published_report):
    for table in published_report.tables:
        lines = list(csv.DictReader(io.StringIO(render_paper_csv(table, published_report))))
        assert len(lines) == len(table.cells)
        for line, cell in zip(lines, table.cells, strict=True):
            published, scale = cell.published, cell.published.scale
            assert (line["table"], line["row"], line["column"]) == (
                published.table,
                published.row,
                published.column,
            )
            assert line["published_printed"] == published.printed
            assert (float(line["published_mean"]) if line["published_mean"] else None) == (
                published.mean
            )
            assert line["missing"] == (cell.absence.word if cell.absence else "")
            assert line["verdict"] == (cell.verdict.word if cell.verdict else "")
            if cell.ours is None:
                assert not (line["our_mean"] or line["folds"] or line["gap_points"])
                continue
            assert float(line["our_mean"]) == scale * cell.ours.mean
            assert float(line["gap_points"]) == 100 * cell.gap
            assert (int(line["folds"]), int(line["folds_planned"])) == (
                len(cell.ours.folds),
                cell.ours.planned,
            )
            folds = dict(item.split("=") for item in line["fold_values"].split())
            assert [float(value) for value in folds.values()] == [
                scale * value for value in cell.ours.folds.values()
            ]


def test_the_csv_file_says_which_runs_a_line_is_of(published_report):
    [table] = [table for table in published_report.tables if table.name == "table-9-smoke"]
    lines = list(csv.DictReader(io.StringIO(render_paper_csv(table, published_report))))
    [line] = [x for x in lines if (x["row"], x["column"]) == ("fp", "finetune-accuracy")]

    assert (line["scale"], line["comparable"], line["protocols"]) == ("smoke", "False", "exp-13")
    assert (line["published_encoder"], line["our_encoder"]) == ("resnet50", "timm/test_resnet")
    assert line["variant"] == "Scale smoke, encoder timm/test_resnet"

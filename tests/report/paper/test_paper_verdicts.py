"""What the paper's pages say of verdicts: first of all, by mark in the tables, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from rich.console import Console

from mpcs_bench.report.paper import render_paper_terminal
from mpcs_bench.report.paper.html import render_paper_html
from mpcs_bench.report.paper.latex import render_latex, render_latex_document
from mpcs_bench.report.paper.markdown import render_paper_markdown
from mpcs_bench.report.paper.page import paper_page
from mpcs_bench.report.paper.spreadsheet import render_claims_csv, render_paper_csv
from mpcs_bench.report.paper.verdicts_view import verdicts_view


@pytest.fixture(scope="module")
def page(published_report):
    return paper_page(published_report, {})


def test_every_claim_has_its_verdict_and_every_value_of_ours_too(published_report):
    named = {verdict.claim.id for verdict in published_report.claims}
    assert named == {claim.id for claim in published_report.publication.claims}
    for table in published_report.tables:
        for cell in table.cells:
            assert (cell.verdict is not None) == bool(
                cell.published.experiment and cell.published.mean is not None
            )
            if cell.ours and not table.variant.comparable:
                assert cell.verdict.word == "not comparable"
                assert cell.verdict.reasons


def test_pages_open_with_the_counts_and_the_claims(published_report, page):
    view = verdicts_view(published_report)
    html, markdown = unescape(render_paper_html(page)), render_paper_markdown(page)
    for text, heading in ((html, "<h2>Table"), (markdown, "## Table")):
        assert text.index(view.values) < text.index(heading)
        assert text.index(view.claims) < text.index(heading)
    assert view.claims in render_latex_document(page)
    for claim in published_report.publication.claims:
        assert claim.quote in html


def test_claims_that_say_nothing_are_folded(page):
    html = render_paper_html(page)
    opened = html[html.index('id="verdicts"') : html.index("<h2>Table")]

    assert re.findall(r"<summary>\d+ claims? (.+)</summary>", opened) == [
        name for name, _ in page.verdicts.folded
    ]
    assert {claim.verdict for claim in page.verdicts.told} <= {
        "holds",
        "does not hold",
        "undecided",
        "out of reach with this design",
    }


def test_marks_stand_behind_gaps_and_are_explained_below(page):
    html, markdown = render_paper_html(page), render_paper_markdown(page)

    assert '<abbr title="not comparable">×</abbr>' in html
    assert re.search(r"\| gap \(n\) \|.*\(5\) ∘ \|", markdown)
    assert "Behind the gap: ∘ out of reach" in markdown
    [view] = [view for view in page.tables if view.name == "table-9-smoke"]
    assert r"$\times$" in render_latex(view)


def test_a_terminal_says_the_counts_first(published_report):
    console = Console(width=120, record=True, file=io.StringIO())
    render_paper_terminal(published_report, console)
    text = console.export_text()

    assert text.index("Published values: ") < text.index("Claims: ") < text.index("Table 5.")


def test_the_csv_file_has_margins_and_intervals_in_points(published_report):
    for table in published_report.tables:
        lines = csv.DictReader(io.StringIO(render_paper_csv(table, published_report)))
        for line, cell in zip(lines, table.cells, strict=True):
            if cell.ours is None:
                assert not line["margin_points"]
                continue
            assert float(line["margin_points"]) == 3.0
            assert line["verdict_reasons"] == "; ".join(cell.verdict.reasons)
            if line["smallest_margin_points"]:
                width = float(line["gap_high_points"]) - float(line["gap_low_points"])
                assert width / 2 == pytest.approx(float(line["smallest_margin_points"]))


def test_the_claims_have_a_csv_file_of_their_own(published_report):
    lines = list(csv.DictReader(io.StringIO(render_claims_csv(published_report))))

    assert [line["claim"] for line in lines] == [v.claim.id for v in published_report.claims]
    assert [line["verdict"] for line in lines] == [v.word for v in published_report.claims]


def test_margins_of_the_protocols_are_kept_and_the_smallest_counts(paper, at):
    paper.run("exp-13", assignments=["report.margin=2"])
    paper.run("exp-14")
    [found] = paper.report().tables

    assert found.margins == (2.0, 3.0)
    cell = at(found, "op", "finetune-accuracy")
    assert cell.verdict.margin == 2.0
    assert any("margins of 2 and 3 points" in text for text in cell.verdict.warnings)


def test_the_csv_file_has_the_gap_in_standard_errors(published_report):
    for table in published_report.tables:
        lines = csv.DictReader(io.StringIO(render_paper_csv(table, published_report)))
        for line, cell in zip(lines, table.cells, strict=True):
            if line["gap_z"]:
                error = cell.verdict.test.standard_error
                assert float(line["gap_points"]) == pytest.approx(float(line["gap_z"]) * error)
            else:
                assert not (cell.verdict and cell.verdict.test and cell.verdict.test.p is not None)


def test_a_page_explains_verdicts_claims_and_means(page):
    terms = [term for term, _ in page.reading]

    assert {"Verdict", "Claim", "Mean"} <= {*terms}

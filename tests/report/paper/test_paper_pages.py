"""The page that holds tables and figures together, and the files beside it."""

from __future__ import annotations

import base64
import re

import pytest

from mpcs_bench.report.figures import DeclaredStrategy
from mpcs_bench.report.paper import write_paper

STRATEGIES = (
    DeclaredStrategy("fixed", "p/fixed", "p", human_prior=2, degrees_of_freedom=0),
    DeclaredStrategy("random", "p/random", "p", human_prior=0, degrees_of_freedom=2),
)


@pytest.fixture
def written(paper, tmp_path):
    paper.run("exp-11", overlays=["smoke"])
    paper.run("exp-14", lambda cell: None)
    report = paper.report(strategies=STRATEGIES)
    folder = tmp_path / "pages"
    return report, folder, write_paper(report, folder)


def test_every_table_and_figure_gets_its_files(written):
    _, folder, paths = written

    names = {str(path.relative_to(folder)) for path in paths}
    assert {
        "index.html",
        "paper.md",
        "claims.csv",
        "tables/tables.tex",
        "tables/table-7-smoke.tex",
        "tables/table-7-smoke.csv",
        "tables/table-8-smoke.tex",
        "tables/table-8-smoke.csv",
        "tables/table-9.tex",
        "tables/table-9.csv",
        "figures/figure-4.png",
        "figures/figure-4.svg",
        "figures/figure-8.png",
        "figures/figure-8.svg",
    } == names
    assert all(path.is_file() for path in paths)


def test_the_page_holds_its_figures_itself_and_the_markdown_links_them(written):
    _, folder, _ = written
    html = (folder / "index.html").read_text()
    markdown = (folder / "paper.md").read_text()

    shown = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert len(shown) == 2
    assert base64.b64decode(shown[0]) == (folder / "figures/figure-4.svg").read_bytes()
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", markdown)
    assert links == ["figures/figure-4.png", "figures/figure-8.png"]


def test_the_page_says_what_is_missing_and_what_the_numbers_rest_on(written):
    _, folder, _ = written
    for name in ("index.html", "paper.md"):
        text = (folder / name).read_text()
        warning = text.index("Scaled-down run (scale smoke)")
        heading = re.search(r"^(?:## |<h2>)Table 7", text, re.MULTILINE)
        assert heading
        assert text.index("Verdicts") < warning < heading.start()
        assert "Table 5: no protocol of this report holds exp-1, exp-2, exp-3 and exp-4." in text
        assert "Decisions behind the numbers" in text
        assert "temperature?" in text, "the question of a decision"
        assert "Not drawn: " in text
        assert "exp-14, resnet50" in text, "cells without a result"


def test_the_same_report_is_written_the_same_way(written, tmp_path):
    report, folder, paths = written
    again = write_paper(report, tmp_path / "again")

    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    assert folder != tmp_path / "again"


def test_a_figure_of_experiments_that_nobody_ran_is_only_named(written):
    _, folder, _ = written
    html = (folder / "index.html").read_text()

    assert 'id="figure-8"' in html
    assert 'id="figure-10"' not in html
    assert "Figure 10: These protocols hold no cell of" in html

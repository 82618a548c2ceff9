"""How a report looks: escaped, marked, whole, and alike in every form."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from mpcs_bench.errors import StoreError
from mpcs_bench.report import (
    Report,
    render_csv,
    render_html,
    render_markdown,
    render_terminal,
    write_report,
)

HOSTILE = "<script>alert(1)</script> | a_b_ *c* `d` [red]x[/red] & \\| ![i](http://x)"
MOMENT = datetime(2025, 3, 4, 5, 6, tzinfo=UTC)
VOID = {"meta", "line", "br"}


def terminal(report: Report, width: int = 120) -> str:
    stream = io.StringIO()
    render_terminal(report, Console(file=stream, width=width, color_system=None))
    return stream.getvalue()


class Page(HTMLParser):
    """Reads a page: its tags, its text, its tables; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def report(bench) -> Report:
    bench.scale = "quickstart"
    tested = {"finetuning": {"selection": {"rule": "test"}}, "groups_train": 4, "groups_test": 1}
    for magnification in (40, 100):
        for fold in range(5):
            for experiment, shift in (("base", 0.0), ("new", 0.03)):
                bench.add(
                    experiment,
                    {"image_accuracy": 0.8 + 0.01 * fold + shift * (fold + 1) / 5},
                    label="Baseline" if experiment == "base" else HOSTILE,
                    fold=fold,
                    magnification=magnification,
                    conditions=tested,
                )
    bench.add(
        "new",
        None,
        label=HOSTILE,
        fold=5,
        state="failed",
        error="<b>bad</b> | *x*",
        conditions=tested,
    )
    return bench.report(notes=("A note with <i>tags</i>.",), created=MOMENT)


def test_hostile_texts_are_escaped_in_html(report):
    text = render_html(report)
    page = Page(text)
    assert page.named("script") == page.named("b") == page.named("i") == page.named("img") == []
    assert any(HOSTILE in data for data in page.texts)


def test_page_is_self_contained(report):
    page = Page(render_html(report))
    loaded = [a for tag, a in page.tags if tag in ("link", "img", "script", "iframe", "object")]
    assert loaded == []
    assert not any({"src", "href", "onclick", "style"} & set(a) for _, a in page.tags)


def test_page_adapts_to_dark_screens_and_paper(report):
    text = render_html(report)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_tables_tell_screen_readers_what_heads_what(report):
    page = Page(render_html(report))
    assert len(page.named("caption")) == len(page.named("table")) == 4
    assert {a.get("scope") for a in page.named("th")} == {"col", "row", "rowgroup"}
    assert page.named("html")[0]["lang"] == "en"


def parsed(text: str) -> list:
    return MarkdownIt("commonmark").enable("table").parse(text)


def words(text: str) -> list[str]:
    """Return the text of every inline part, as a reader would see it."""
    return [
        "".join(child.content for child in token.children)
        for token in parsed(text)
        if token.type == "inline"
    ]


def test_hostile_texts_are_escaped_in_markdown(report):
    text = render_markdown(report)
    assert HOSTILE in words(text)
    kinds = {c.type for t in parsed(text) for c in t.children or ()}
    assert kinds <= {"text", "strong_open", "strong_close", "code_inline", "softbreak"}


def test_markdown_tables_keep_their_columns(report):
    tables: list[list[int]] = []
    for token in parsed(render_markdown(report)):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append(0)
        elif token.type in ("th_open", "td_open"):
            tables[-1][-1] += 1
    assert len(tables) == 4
    assert all(len(set(columns)) == 1 for columns in tables)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    label=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)
)
def test_any_label_reads_back_from_markdown(report, label):
    block = report.blocks[0]
    rows = tuple(replace(row, label=f"x{label}x") for row in block.rows)
    changed = replace(report, blocks=(replace(block, rows=rows),))
    seen = [" ".join(text.split()) for text in words(render_markdown(changed))]
    assert " ".join(f"x{label}x †".split()) in seen


def test_markup_in_a_label_is_printed_and_not_obeyed(report):
    assert "[red]x[/red]" in terminal(report, width=400)


def test_control_characters_do_not_reach_the_terminal(bench):
    bench.folds("base", [0.8, 0.9], label="red\x1b[31m\x07 alert\nnext")
    text = terminal(bench.report())
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "red [31m  alert next" in text


@pytest.mark.parametrize("width", [80, 100, 160])
def test_terminal_table_fits_and_keeps_the_finding(report, width):
    text = terminal(report, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "Finding" in text
    assert "higher" in text


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@x"])
def test_a_label_is_no_formula_in_a_spreadsheet(bench, label):
    bench.folds("base", [0.8, 0.9], label=label)
    (row,) = csv.DictReader(io.StringIO(render_csv(bench.report())))
    assert row["label"] == f"'{label}"


def test_csv_keeps_formulas_from_running_in_every_text_and_leaves_numbers_alone(bench):
    bench.protocol = "=1+1"
    bench.folds("base", [0.8, 0.9, 0.8])
    bench.folds("new", [0.7, 0.7, 0.7], label="@SUM(A1)")
    _, row = csv.DictReader(io.StringIO(render_csv(bench.report())))
    assert (row["protocol"], row["label"]) == ("'=1+1", "'@SUM(A1)")
    assert float(row["difference"]) < 0


def test_csv_holds_unrounded_numbers_of_every_row(report):
    rows = list(csv.DictReader(io.StringIO(render_csv(report))))
    at_40 = [r for r in rows if r["test_magnification"] == "40"]
    assert [r["experiment"] for r in at_40] == ["base", "new"]
    comparison = report.blocks[0].comparisons[1]
    assert float(at_40[1]["difference"]) == comparison.test.mean_difference
    assert float(at_40[1]["p"]) == comparison.test.p
    means = [r for r in rows if r["test_magnification"] == "mean" and r["experiment"] == "new"]
    assert {r["sd_of"] for r in means} == {
        "mean of SDs",
        "pooled over magnifications",
        "mean over magnifications, over folds and seeds",
    }


def test_a_scaled_down_run_says_so_everywhere(report):
    line = "Scaled-down run (scale quickstart): not comparable with published values."
    for text in (render_html(report), render_markdown(report), terminal(report)):
        assert line in text


def test_a_run_at_the_papers_scale_says_nothing_of_scale(bench):
    bench.folds("base", [0.8, 0.9])
    assert "caled-down" not in render_markdown(bench.report())


def test_selection_on_the_test_part_is_marked_in_every_table(report):
    for text in (render_html(report), render_markdown(report)):
        assert text.count("† Epoch chosen on the test part") == 3
        assert text.count("Baseline †") == 2
    assert "Baseline †" in terminal(report)
    assert any("test part" in warning for warning in report.warnings)


def test_what_is_missing_is_listed_with_its_reason(report):
    assert "<b>bad</b> | *x*" in words(render_markdown(report))
    assert "bad" in terminal(report)


def test_the_same_report_is_written_the_same(report):
    assert render_html(report) == render_html(report)
    assert render_markdown(report) == render_markdown(report)


def test_files_are_written_whole_and_replace_earlier_ones(report, tmp_path):
    folder = tmp_path / "made" / "here"
    write_report(report, folder)
    paths = write_report(replace(report, title="Second"), folder)
    assert [path.name for path in paths] == ["report.md", "report.html", "report.csv"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(p.name for p in paths)
    assert "# Second" in (folder / "report.md").read_text()


def test_a_folder_that_cannot_be_written_is_an_error_for_the_user(report, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="Cannot write"):
        write_report(report, tmp_path / "file")

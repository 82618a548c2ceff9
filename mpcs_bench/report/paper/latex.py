"""Renders a publication's tables as LaTeX: one file a table, and a document that holds them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mpcs_bench.report.definitions import templates_folder
from mpcs_bench.report.paper.layout import Grid, Label, stacked
from mpcs_bench.report.paper.page import PaperPage, TableView

DOCUMENT = "tables"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "∘": r"$\circ$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\dots{}",
    "†": r"\dag{}",
    "·": r"\textperiodcentered{}",
    "\u00a0": "~",
    "[": "{[}",
    "]": "{]}",
}
"""Brackets too: after a line's end they would be its option."""

_LETTERS = {
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
}
_ACCENTS = {
    "0300": r"\`",
    "0301": r"\'",
    "0302": r"\^",
    "0303": r"\~",
    "0304": r"\=",
    "0306": r"\u",
    "0307": r"\.",
    "0308": r"\"",
    "030A": r"\r",
    "030B": r"\H",
    "030C": r"\v",
    "0327": r"\c",
}
"""Combining marks by code, as every font encoding has them."""

_CODE = re.compile(r"`([^`]+)`")
_HYPHENS = re.compile(r"-(?=-)")
"""Two in a row would become a dash."""


@dataclass(frozen=True, slots=True)
class HeadLine:
    """A line of a table's head: its cells from the left, and the columns (from 1) with a rule."""

    slots: tuple[Label | None, ...]
    rules: tuple[tuple[int, int], ...]


def render_latex(view: TableView) -> str:
    """Return one table as a `table` environment; it needs `booktabs`, nothing else."""
    template = latex_environment().get_template("paper_table.tex.j2")
    return template.render(view=view, head=latex_head(view.grid))


def render_latex_document(page: PaperPage) -> str:
    """Return a document that inputs the tables of `page` from beside it."""
    return latex_environment().get_template("paper_tables.tex.j2").render(page=page)


def latex_environment() -> Environment:
    """Return the environment of LaTeX templates: what they print is escaped.

    `<< >>` prints, `<% %>` does, `<# #>` is silent: braces belong to LaTeX.
    """
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=False,  # noqa: S701 (LaTeX: `finalize` escapes)
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters["stacked"] = stacked
    return environment


def latex(text: str) -> str:
    """Return `text` with everything escaped that LaTeX gives a meaning, or has no letter for.

    What stands between backquotes is set as code.
    """
    parts = _CODE.split(" ".join(text.split()))
    escaped = [_HYPHENS.sub("-{}", "".join(map(_letter, part))) for part in parts]
    return "".join(rf"\texttt{{{part}}}" if i % 2 else part for i, part in enumerate(escaped))


def latex_head(drawn: Grid) -> list[HeadLine]:
    """Return the lines of the head, above the columns of values.

    A label that reaches down stands in its last line, under empty cells.
    """
    depth, count = len(drawn.head), len(drawn.columns)
    before = len(drawn.row_heads) + 1
    lines = []
    for number in range(depth):
        ending = {
            label.start: label
            for level, labels in enumerate(drawn.head)
            for label in labels
            if level + label.drop - 1 == number
        }
        slots: list[Label | None] = []
        column = 0
        while column < count:
            label = ending.get(column)
            slots.append(label)
            column += label.span if label else 1
        spans = [label for label in ending.values() if label.span > 1]
        rules = [(before + label.start + 1, before + label.start + label.span) for label in spans]
        lines.append(HeadLine(tuple(slots), tuple(rules)))
    return lines


def _finalized(value: Any) -> Any:
    return latex(value) if isinstance(value, str) else value


def _letter(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii() or character in _LETTERS:
        return _LETTERS.get(character, character)
    letter, _, mark = unicodedata.decomposition(character).partition(" ")
    if mark in _ACCENTS:
        return f"{_ACCENTS[mark]}{{{_letter(chr(int(letter, 16)))}}}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return "".join(_SPECIAL.get(c, c) for c in plain) or f"(U+{ord(character):04X})"

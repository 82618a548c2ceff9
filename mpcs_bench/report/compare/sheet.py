"""Prints the tests of pairs: claims, tests by question, and what the folds could have shown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from mpcs_bench.report.compare.build import Significance
from mpcs_bench.report.compare.folds import (
    CORRECTED_T,
    EVERY_SEED,
    FOLD_FLIP,
    FOLD_RANKS,
    POSTERIOR,
)
from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.pairs import Pair, Place
from mpcs_bench.report.compare.remarks import merged
from mpcs_bench.report.compare.trained import BOOTSTRAP, MCNEMAR, SIGN_FLIP
from mpcs_bench.report.numbers import MISSING, counted, percent, points, probability
from mpcs_bench.report.page import Cell, Line, Section, Sheet
from mpcs_bench.report.smallest import OUT_OF_REACH, smallest_cell
from mpcs_bench.report.terminal import print_sheet

TINY = 1e-9
HEADERS = (
    Cell("At"),
    Cell("Test"),
    Cell("n"),
    Cell("Difference", "points"),
    Cell("95 % interval", "points"),
    Cell("p"),
    Cell("p", "Holm"),
    Cell("Smallest", "possible p"),
    Cell("Effect", "size"),
)
FOLD_HEADERS = (
    Cell("At"),
    Cell("Smallest", "with p ≤ 0.05"),
    Cell("Smallest found", "4 times in 5"),
    Cell("P(worse)"),
    Cell("P(equivalent)"),
    Cell("P(better)"),
)
NAMES = {
    CORRECTED_T: "corrected t",
    POSTERIOR: "Bayesian t",
    FOLD_FLIP: "sign-flip by fold",
    FOLD_RANKS: "Wilcoxon by fold",
    EVERY_SEED: "corrected t, every seed",
    BOOTSTRAP: "bootstrap",
}


def print_significance(found: Significance, console: Console) -> None:
    """Print every pair: what is compared, its claims, its tests, and what limits them."""
    for pair in found.pairs:
        _print(pair, console)


def _print(pair: Pair, console: Console) -> None:
    first = pair.places[0].comparison
    names = f"{first.candidate_name} against {first.baseline_name}"
    differs = "; ".join(f"{d.name} {d.left} against {d.right}" for d in pair.differs)
    console.print(Text(f"\n{pair.candidate} against {pair.baseline}", style="bold"))
    console.print(Text(f"{names}: {pair.metric.title} on {pair.dataset}"))
    if pair.refused:
        console.print(Text(f"Not compared: {pair.refused}.", style="yellow"), soft_wrap=True)
        if differs:
            console.print(Text(f"They also differ in: {differs}", style="dim"))
        return
    if differs:
        console.print(Text(f"Compared: {differs}", style="dim"))
    for place in pair.places:
        console.print(Text(f"{at(place)}: {place.claim}."))
    print_sheet(tests_sheet(pair), console)
    if power := folds_sheet(pair):
        print_sheet(power, console)


def at(place: Place) -> str:
    """Name a place as the tables do."""
    column = place.comparison.column
    return "Mean" if column is None else column.label


def tests_sheet(pair: Pair) -> Sheet:
    """Return the tests of one pair, a section for each question."""
    found = [(place, outcome) for place in pair.places for outcome in place.outcomes]
    questions = dict.fromkeys(outcome.question for _, outcome in found)
    notes = merged(
        ((_name(o), at(place), note) for place, o in found for note in (*_counts(o), *o.notes)),
        len(found),
    )
    if not all(outcome.in_reach for _, outcome in found if outcome.smallest_p is not None):
        notes.append(OUT_OF_REACH)
    return Sheet(
        caption="Tests, candidate minus baseline"
        + " (accuracies of one side in %)" * any(o.difference is None for _, o in found),
        headers=HEADERS,
        sections=tuple(
            Section(
                tuple(_line(place, o) for place, o in found if o.question == question),
                title=f"For {question}",
            )
            for question in questions
        ),
        notes=tuple(notes),
    )


def folds_sheet(pair: Pair) -> Sheet | None:
    """Return what the folds could have shown, and how probable what is; None without folds."""
    lines, ropes = [], []
    for place in pair.places:
        by_name = {outcome.name: outcome.details for outcome in place.outcomes}
        if CORRECTED_T not in by_name:
            continue
        reach, belief = by_name[CORRECTED_T], by_name[POSTERIOR]
        ropes.append(belief["rope"])
        detectable = (reach["smallest_significant"], reach["detectable_with_power_80"])
        probable = (belief["p_worse"], belief["p_equivalent"], belief["p_better"])
        cells = (*map(percent, detectable), *(f"{p:.3f}" for p in probable))
        lines.append(Line(Cell(at(place)), tuple(map(Cell, cells))))
    if not lines:
        return None
    return Sheet(
        caption="Over folds: the smallest differences in reach, in points, and the posterior "
        f"(equivalent: within {percent(ropes[0])} points)",
        headers=FOLD_HEADERS,
        sections=(Section(tuple(lines)),),
    )


def _name(outcome: Outcome) -> str:
    if outcome.name == MCNEMAR:
        return "McNemar, naive" if not outcome.decisive else "exact McNemar"
    if outcome.name == SIGN_FLIP:
        return f"sign-flip by {outcome.unit}"
    return NAMES.get(outcome.name, outcome.name)


def _line(place: Place, outcome: Outcome) -> Line:
    one_side = outcome.difference is None
    shown = percent if one_side else points
    interval = MISSING
    if outcome.interval is not None:
        low, high, _ = outcome.interval
        interval = f"{shown(low)} to {shown(high)}"
    cells = (
        _name(outcome),
        counted(outcome.n, outcome.unit.partition(",")[0]),
        percent(outcome.effect) if one_side else points(outcome.difference),
        interval,
        probability(outcome.p),
        probability(outcome.p_adjusted),
    )
    smallest = smallest_cell(
        _least(outcome.smallest_p), _least(outcome.smallest_p_adjusted), in_reach=outcome.in_reach
    )
    return Line(Cell(at(place)), (*map(Cell, cells), smallest, Cell(_effect(outcome))))


def _effect(outcome: Outcome) -> str:
    """Return an effect with what it is; P(better) and accuracies stand elsewhere."""
    if outcome.effect is None or outcome.name == POSTERIOR or outcome.difference is None:
        return MISSING
    kind = "odds" if outcome.name == MCNEMAR else "d_z"
    return f"{kind} {outcome.effect:.2f}"


def _least(p: float | None) -> float | None:
    """Return what is shown of a smallest p: that of a t is 0, and reads like any that is tiny."""
    return None if p is None else max(p, TINY)


def _counts(outcome: Outcome) -> Iterator[str]:
    details = outcome.details
    if "gained" in details:
        gained, lost = details["gained"], details["lost"]
        yield f"{gained} right by the candidate alone, {lost} by the baseline alone"
    if "wilson" in details:
        low, high = details["wilson"]
        yield f"{details['right']} right; Wilson interval {percent(low)} to {percent(high)}"

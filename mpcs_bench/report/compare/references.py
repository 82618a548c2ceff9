"""Names of experiments as a user types them: `protocol:experiment`, or one where it is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.definitions import ReportError, table_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection


class Reference(NamedTuple):
    """An experiment of a protocol of the workspace."""

    protocol: str
    experiment: str

    def __str__(self) -> str:
        return f"{self.protocol}:{self.experiment}"


def known_experiments(connection: DuckDBPyConnection) -> tuple[Reference, ...]:
    """Return every experiment of every protocol of the workspace."""
    rows = connection.execute(table_sql("compare_experiments")).fetchall()
    return tuple(Reference(*row) for row in rows)


def resolve(text: str, known: Sequence[Reference]) -> Reference:
    """Return the experiment that `text` names.

    `text` is `protocol:experiment`, the id of an experiment that one protocol has, or the name of a
    protocol that has one experiment. Raises ReportError where it names none, or several.
    """
    protocols = sorted({reference.protocol for reference in known})
    protocol, colon, experiment = text.partition(":")
    if colon:
        return _qualified(protocol, experiment, known, protocols)
    found = [r for r in known if r.experiment == text] or [r for r in known if r.protocol == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise ReportError(
            f"'{text}' names {len(found)} experiments: {_listed(found)}.",
            hint="Name one of them in full, as PROTOCOL:EXPERIMENT.",
        )
    names = sorted({*protocols, *(r.experiment for r in known)})
    raise ReportError(
        f"This workspace has no experiment and no protocol '{text}'.{did_you_mean(text, names)}",
        hint=f"Experiments here: {_listed(known)}.",
    )


def _qualified(
    protocol: str, experiment: str, known: Sequence[Reference], protocols: list[str]
) -> Reference:
    if protocol not in protocols:
        raise ReportError(
            f"This workspace has no protocol '{protocol}'.{did_you_mean(protocol, protocols)}",
            hint=f"Protocols here: {', '.join(protocols) or 'none'}.",
        )
    own = [reference.experiment for reference in known if reference.protocol == protocol]
    if experiment not in own:
        raise ReportError(
            f"Protocol '{protocol}' has no experiment '{experiment}'."
            f"{did_you_mean(experiment, own)}",
            hint=f"Its experiments: {', '.join(own)}.",
        )
    return Reference(protocol, experiment)


def _listed(references: Iterable[Reference]) -> str:
    return ", ".join(str(reference) for reference in references) or "none"

"""Plans, states, results and rows as Arrow tables, ready to be loaded in bulk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mpcs_bench.errors import StoreError
from mpcs_bench.records import PlanRecord, Result, StageState
from mpcs_bench.records.files import TABLE_FILES
from mpcs_bench.store.rows import (
    ComparisonRow,
    PublishedClaim,
    PublishedSource,
    PublishedValue,
    VerdictRow,
)

_TEXT, _INT, _BIG, _REAL = pa.string(), pa.int32(), pa.int64(), pa.float64()
_TIME = pa.timestamp("us")

PLANS = pa.schema(
    [
        ("protocol", _TEXT),
        ("title", _TEXT),
        ("scale", _TEXT),
        ("baseline", _TEXT),
        ("notes", pa.list_(_TEXT)),
        ("factors", pa.list_(_TEXT)),
        ("decisions", _TEXT),
        ("margin", _REAL),
        ("margin_note", _TEXT),
        ("planned_at", _TIME),
    ]
)
STATES = pa.schema(
    [
        *[(name, _TEXT) for name in ("key", "symbolic", "state", "reason", "error", "traceback")],
        ("pid", _BIG),
        ("host", _TEXT),
        ("started", _TIME),
        ("updated", _TIME),
    ]
)
RESULTS = pa.schema(
    [
        *[(name, _TEXT) for name in ("key", "kind", "symbolic")],
        ("stage_version", _INT),
        *[(name, _TEXT) for name in ("spec", "environment", "timings", "notes")],
        ("finished", _TIME),
        ("seconds", _REAL),
        *[(f"{name}_file", _TEXT) for name in TABLE_FILES],
    ]
)
COMPARISONS = pa.schema(
    [
        *[(name, _TEXT) for name in ("protocol", "baseline", "candidate", "metric", "dataset")],
        ("magnification", _INT),
        ("question", _TEXT),
        ("unit", _TEXT),
        ("method", _TEXT),
        ("n", _BIG),
        *[
            (name, _REAL)
            for name in (
                "mean_difference",
                "interval_low",
                "interval_high",
                "statistic",
                "p",
                "p_adjusted",
                "smallest_p",
                "smallest_p_adjusted",
                "effect",
            )
        ],
        ("details", _TEXT),
        ("note", _TEXT),
        ("computed_at", _TIME),
    ]
)
VERDICTS = pa.schema(
    [
        *[(name, _TEXT) for name in ("source", "table_id", "row_id", "column_id", "claim_id")],
        ("runs", _TEXT),
        ("protocols", pa.list_(_TEXT)),
        ("scale", _TEXT),
        ("verdict", _TEXT),
        ("reasons", pa.list_(_TEXT)),
        *[(name, _REAL) for name in ("difference", "low", "high", "margin", "smallest_margin")],
        ("n", _BIG),
        ("z", _REAL),
        ("computed_at", _TIME),
    ]
)
_PUBLISHED_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("row_position", "column_position", "position", "magnification"), _INT),
    **dict.fromkeys(("label_fraction", "mean", "sd"), _REAL),
    **dict.fromkeys(("value", "plus_minus", "low", "high", "p"), _REAL),
    **dict.fromkeys(("bold", "literature"), pa.bool_()),
    **dict.fromkeys(("experiments", "subject", "baseline", "paired_by"), pa.list_(_TEXT)),
}
PUBLICATIONS = pa.schema([("source", _TEXT), ("digest", _TEXT)])


def plans_table(plans: Iterable[PlanRecord]) -> Any:
    """Return one row per plan."""
    rows = [
        {
            "protocol": plan.protocol,
            "title": plan.title,
            "scale": plan.scale,
            "baseline": plan.baseline,
            "notes": list(plan.notes),
            "factors": list(plan.factors),
            "decisions": json.dumps(plan.decisions, sort_keys=True),
            "margin": plan.margin_in_force.value,
            "margin_note": plan.margin_in_force.note,
            "planned_at": utc(plan.planned_at),
        }
        for plan in plans
    ]
    return pa.Table.from_pylist(rows, schema=PLANS)


def states_table(states: Iterable[StageState]) -> Any:
    """Return one row per stage; the last state wins where a stage comes twice."""
    rows = {}
    for state in states:
        row = asdict(state)
        row.pop("pid_started")
        rows[state.key] = row | {"started": utc(state.started), "updated": utc(state.updated)}
    return pa.Table.from_pylist(list(rows.values()), schema=STATES)


def results_table(results: Sequence[Result]) -> Any:
    """Return one row per result, with the paths of its tables."""
    rows = [
        {
            "key": result.key,
            "kind": result.spec.kind,
            "symbolic": result.spec.symbolic,
            "stage_version": result.spec.stage_version,
            "spec": json.dumps(result.spec.spec, sort_keys=True),
            "environment": json.dumps(result.manifest.environment, sort_keys=True),
            "timings": json.dumps(result.manifest.timings, sort_keys=True),
            "notes": json.dumps(result.manifest.notes, sort_keys=True),
            "finished": utc(result.manifest.created),
            "seconds": result.manifest.timings.get("seconds"),
            **{f"{name}_file": str(result.path / file) for name, file in TABLE_FILES.items()},
        }
        for result in results
    ]
    return pa.Table.from_pylist(rows, schema=RESULTS)


def comparisons_table(rows: Iterable[ComparisonRow]) -> Any:
    """Return the rows of a comparison; its time is converted to UTC."""
    listed = [asdict(row) | {"computed_at": _utc_of(row.computed_at)} for row in rows]
    return pa.Table.from_pylist(listed, schema=COMPARISONS)


def verdicts_table(rows: Iterable[VerdictRow]) -> Any:
    """Return the rows of verdicts; their time is converted to UTC."""
    listed = [asdict(row) | {"computed_at": _utc_of(row.computed_at)} for row in rows]
    return pa.Table.from_pylist(listed, schema=VERDICTS)


def publications_table(sources: Iterable[PublishedSource]) -> Any:
    """Return one row per publication."""
    rows = [{"source": each.source, "digest": each.digest} for each in sources]
    return pa.Table.from_pylist(rows, schema=PUBLICATIONS)


def published_table(sources: Iterable[PublishedSource]) -> Any:
    """Return one row per printed cell."""
    rows = [asdict(row) | {"source": each.source} for each in sources for row in each.values]
    return pa.Table.from_pylist(rows, schema=_published_schema(PublishedValue))


def claims_table(sources: Iterable[PublishedSource]) -> Any:
    """Return one row per claim."""
    rows = [asdict(row) | {"source": each.source} for each in sources for row in each.claims]
    return pa.Table.from_pylist(rows, schema=_published_schema(PublishedClaim))


def utc(text: str | None) -> datetime | None:
    """Read ISO 8601 as a UTC time without zone; text without a zone is UTC already.

    Raises StoreError where the text is no time.
    """
    if text is None:
        return None
    try:
        return _utc_of(datetime.fromisoformat(text))
    except ValueError as error:
        raise StoreError(f"'{text}' is not a time in ISO 8601.") from error


def _published_schema(kind: type[PublishedValue] | type[PublishedClaim]) -> Any:
    names = ("source", *(field.name for field in fields(kind)))
    return pa.schema([(name, _PUBLISHED_TYPES.get(name, _TEXT)) for name in names])


def _utc_of(time: datetime) -> datetime:
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)

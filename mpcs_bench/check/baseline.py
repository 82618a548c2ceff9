"""The baseline file: what a run was, as samples of values and exact facts; JSON, versioned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpcs_bench.check.errors import CheckError
from mpcs_bench.records.atomic_write import atomic_write_text

FORMAT = 2
Better = Literal["higher", "either"]
MAKE = "Make one with `mpcs-bench check PROTOCOL --baseline FILE --update`."
RESTORE = (
    "Restore it from version control: a new one, made with --update, would hide what has changed."
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provenance(_Record):
    """When, from which code, and where: `environment` is that of a result's manifest."""

    created: str
    environment: dict[str, Any]


class Reference(_Record):
    """The reference step of this run: seconds, the bytes its process took, the CPU's kernels.

    `cpu_seconds` are those of its process and all its threads; None in older files.
    """

    seconds: float = Field(gt=0)
    peak_bytes: int = Field(ge=0)
    cpu: str
    cpu_seconds: float | None = Field(default=None, gt=0)


class StageRecord(_Record):
    """One stage: its key, what raises of versions it rests on, its digest, and what it cost.

    `settings` names an entry of the observation's `settings`; `weights` is the SHA-256 of the file
    of its initial weights, or what takes its place (`none`); `peak_bytes` is the most RAM its
    process had (0: not known); `upstream` the readable id of the stage before it. `cpu_seconds`
    are those of its process and all its threads; None where they are not known.
    """

    kind: str
    key: str
    versions: dict[str, str]
    settings: str
    weights: str
    digest: str
    seconds: float = Field(gt=0)
    peak_bytes: int = Field(ge=0)
    upstream: str | None = None
    cpu_seconds: float | None = Field(default=None, gt=0)


class Series(_Record):
    """A sample of values: `values[block][seed]`, a block being a split seed and a fold.

    `what` is a metric, with its part and test magnification, or the last value of a loss.
    """

    subject: str
    what: str
    better: Better
    values: dict[str, dict[str, float]]


class Observation(_Record):
    """What one run of a protocol was; a baseline is one that was stored.

    `written` is the protocol as its files say it, less what may differ (seeds, titles, places);
    `settings` are resolved, by digest; `fingerprints`, `splits` and `findings` are those of the
    data; `pairs` counts magnification pairs that each strategy draws from a fixed generator.
    """

    format: int = FORMAT
    protocol: str
    written: dict[str, Any]
    provenance: Provenance
    reference: Reference
    settings: dict[str, dict[str, Any]]
    fingerprints: dict[str, str]
    splits: dict[str, str]
    findings: tuple[str, ...]
    pairs: dict[str, dict[str, int]]
    stages: dict[str, StageRecord]
    series: tuple[Series, ...]


def write_baseline(path: Path, observed: Observation) -> None:
    """Write `observed` as the baseline `path`, atomically. Raises StoreError on a full disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(observed.model_dump(mode="json"), indent=1, sort_keys=True, allow_nan=False)
    atomic_write_text(path, text + "\n")


def read_baseline(path: Path) -> Observation:
    """Read a baseline; raises CheckError where it is missing, damaged or of another format."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckError(f"There is no baseline {path}.", hint=MAKE) from None
    except OSError as error:
        raise CheckError(
            f"The baseline {path} cannot be read: {error.strerror}.",
            hint="Give the JSON file that --update wrote.",
        ) from None
    except ValueError as error:
        raise CheckError(f"The baseline {path} is no JSON: {error}.", hint=RESTORE) from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise CheckError(
            f"The baseline {path} has format {found}, and this mpcs-bench reads {FORMAT}.",
            hint=RESTORE if found is None else MAKE,
        )
    try:
        return Observation.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CheckError(
            f"The baseline {path} is damaged at {place}: {first['msg']}.", hint=RESTORE
        ) from None

"""The environments behind a crate's results, each as files that repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcs_bench.protocol.canonical import digest
from mpcs_bench.provenance.crate_content import Entry
from mpcs_bench.provenance.stage_facts import StageFacts
from mpcs_bench.provenance.templates import rendered
from mpcs_bench.records.json_file import to_json

OURS = "mpcs-bench"


@dataclass(frozen=True, slots=True)
class UsedEnvironment:
    """One environment that stages ran in; `number` counts from 1, `keys` are the stages."""

    number: int
    code: Mapping[str, Any]
    facts: Mapping[str, Any]
    keys: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where its files stand in the crate."""
        return f"environment/{self.number}"

    @property
    def requirements(self) -> str:
        """The path of its list of packages in the crate."""
        return f"{self.folder}/requirements.txt"

    @property
    def packages(self) -> dict[str, str]:
        """Name -> exact version of what is to be installed; all that was recorded."""
        recorded = self.facts.get("installed") or self.facts.get("packages") or {}
        return {
            name: version for name, version in sorted(recorded.items()) if version and name != OURS
        }


def environments(stages: Iterable[StageFacts]) -> list[UsedEnvironment]:
    """Return the distinct environments, in the order of the stages; hosts alone make no other."""
    alike: dict[str, tuple[StageFacts, list[str]]] = {}
    for facts in stages:
        without = {name: value for name, value in facts.environment.items() if name != "host"}
        mark = digest([without, dict(facts.code)])
        alike.setdefault(mark, (facts, []))[1].append(facts.key)
    return [
        UsedEnvironment(
            number=number,
            code=facts.code,
            facts={n: v for n, v in facts.environment.items() if n != "host"},
            keys=tuple(keys),
        )
        for number, (facts, keys) in enumerate(alike.values(), start=1)
    ]


def write_environment(folder: Path, used: UsedEnvironment) -> list[Entry]:
    """Write requirements.txt, Containerfile and environment.json of one environment."""
    place = folder / used.folder
    place.mkdir(parents=True)
    words = {"used": used, "facts": used.facts, "code": used.code, "packages": used.packages}
    for name, template in (
        ("requirements.txt", "crate-requirements.txt.j2"),
        ("Containerfile", "crate-containerfile.j2"),
    ):
        (place / name).write_text(rendered(template, words), encoding="utf-8")
    document = {"code": dict(used.code), **used.facts}
    (place / "environment.json").write_text(to_json(document, "An environment"), encoding="utf-8")
    return [
        Entry(used.requirements, "the packages, with exact versions"),
        Entry(f"{used.folder}/Containerfile", "builds an image with this environment"),
        Entry(f"{used.folder}/environment.json", "everything that was recorded of it"),
    ]

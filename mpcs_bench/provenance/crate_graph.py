"""The description of a crate: what each file is, and which run made it (Process Run Crate)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mpcs_bench.provenance.crate_content import Content, Entry, described
from mpcs_bench.provenance.crate_environment import UsedEnvironment
from mpcs_bench.provenance.data_facts import DataFacts
from mpcs_bench.provenance.stage_facts import StageFacts
from mpcs_bench.records.files import sha256_of

if TYPE_CHECKING:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.data_entity import DataEntity
    from rocrate.rocrate import ROCrate

VERSION = "1.1"
"""Of RO-Crate: the one that the profile builds on."""

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
COMPLETED = "http://schema.org/CompletedActionStatus"

FORMATS: Mapping[str, str] = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
PLAIN = "text/plain"
BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class About:
    """What a crate says of itself; `published` is an ISO 8601 time.

    `author` is the person who ran the protocol, and publishes the crate; None: not stated.
    """

    name: str
    description: str
    licence: str
    published: str
    author: str | None = None


class Graph:
    """Describes a folder that is filled already, and writes `ro-crate-metadata.json` into it."""

    def __init__(self, folder: Path, about: About, main: str | None) -> None:
        from rocrate.rocrate import ROCrate

        self._folder, self._main = folder, main
        self._crate: ROCrate = ROCrate(version=VERSION)
        self._crate.metadata.extra_contexts.append(TERMS)
        root = self._crate.root_dataset
        root["name"], root["description"] = about.name, about.description
        root["license"], root["datePublished"] = self._licence(about.licence), about.published
        self._author: ContextEntity | None = None
        if about.author is not None:
            person = {"@type": "Person", "name": about.author}
            self._author = self._context("#author", person)
            root["author"] = self._author
        profile = {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
        root["conformsTo"] = self._context(PROFILE, profile)

    def add(self, content: Content, used: Sequence[UsedEnvironment]) -> None:
        """Describe all files, data sets and software, and one action for each stage."""
        for entry in described(content.files):
            self._file(entry)
        programs = {key: self._program(item) for item in used for key in item.keys}
        folders = {
            facts.key: self._result(facts, content.stage_files[facts.key])
            for facts in content.stages
        }
        actions = [
            self._action(facts, content, programs[facts.key], folders) for facts in content.stages
        ]
        self._crate.root_dataset["mentions"] = actions

    def write(self) -> None:
        """Write the description; the files themselves stand in the folder already."""
        self._crate.metadata.write(self._folder)

    def _action(
        self,
        facts: StageFacts,
        content: Content,
        program: ContextEntity,
        folders: Mapping[str, DataEntity],
    ) -> ContextEntity:
        main = None if self._main is None else self._crate.get(self._main)
        split = self._crate.get(content.split_files.get(facts.key, "-"))
        before = folders.get(facts.upstream) if facts.upstream else None
        objects = [self._data(facts.data), split, main, before, *self._values("seed", facts.seeds)]
        files = [self._crate.get(entry.path) for entry in content.stage_files[facts.key]]
        properties = {
            "name": facts.symbolic,
            "description": f"Stage '{facts.kind}', version {facts.stage_version}, on "
            f"{facts.device or 'a device that was not recorded'}; key {facts.key}.",
            "startTime": facts.started,
            "endTime": facts.finished,
            "actionStatus": COMPLETED,
            "agent": self._author,
            "environment": self._values("variable", facts.environment.get("variables") or {}),
        }
        return self._crate.add_action(
            program,
            identifier=f"#stage-{facts.key}",
            object=[item for item in objects if item is not None],
            result=files,
            properties={n: value for n, value in properties.items() if value not in (None, [])},
        )

    def _result(self, facts: StageFacts, entries: Iterable[Entry]) -> DataEntity:
        place = f"results/{facts.key}/"
        files = [self._file(entry) for entry in entries]
        return self._crate.add_dataset(
            self._folder / place,
            place,
            properties={
                "name": f"Result of {facts.symbolic}",
                "description": f"What the stage '{facts.kind}' left.",
                "identifier": facts.key,
                "hasPart": [{"@id": file.id} for file in files],
            },
        )

    def _file(self, entry: Entry) -> DataEntity:
        path = self._folder / entry.path
        kind = FORMATS.get(path.suffix)
        if kind is None:
            kind = PLAIN if not path.suffix else BINARY
        return self._crate.add_file(
            path,
            entry.path,
            properties={
                "name": path.name,
                "description": entry.what[:1].upper() + entry.what[1:],
                "encodingFormat": kind,
                "contentSize": str(path.stat().st_size),
                "sha256": sha256_of(path),
            },
        )

    def _program(self, used: UsedEnvironment) -> ContextEntity:
        version, code = str(used.facts.get("mpcs_bench", "unknown")), used.code
        said = f"mpcs-bench {version}"
        if code.get("commit"):
            said += f", commit {code['commit']}" + (", changed since" if code.get("dirty") else "")
        if code.get("source"):
            said += f"; SHA-256 over its sources {code['source']}"
        identifiers = [f"git:{code['commit']}"] if code.get("commit") else []
        identifiers += [f"sha256:{code['source']}"] if code.get("source") else []
        properties: dict[str, Any] = {
            "@type": "SoftwareApplication",
            "name": "mpcs-bench",
            "description": f"{said}; environment {used.number}.",
            "softwareVersion": version,
            "softwareRequirements": {"@id": used.requirements},
            "operatingSystem": used.facts.get("platform"),
            "processorRequirements": used.facts.get("processor"),
            "identifier": identifiers[0] if len(identifiers) == 1 else identifiers or None,
        }
        return self._context(f"#mpcs-bench-{used.number}", properties)

    def _data(self, facts: DataFacts) -> ContextEntity:
        counts = f"{facts.samples} samples of {facts.patients} patients. " if facts.samples else ""
        return self._context(
            f"#data-{facts.fingerprint}",
            {
                "@type": "Dataset",
                "name": facts.plugin,
                "description": f"{counts}Its images are not in the crate; mpcs-bench knows them "
                "again by the fingerprint of their pixels, labels and groups.",
                "identifier": f"sha256:{facts.fingerprint}",
                "version": facts.version,
                "license": facts.licence or "not known here: its plugin is not at hand",
                "citation": facts.citation or None,
                "url": facts.homepage or None,
            },
        )

    def _values(self, kind: str, values: Mapping[str, Any]) -> list[ContextEntity]:
        return [
            self._context(
                f"#{kind}-{quote(name, safe='')}-{quote(str(value), safe='')}",
                {"@type": "PropertyValue", "name": name, "value": value},
            )
            for name, value in values.items()
        ]

    def _licence(self, licence: str) -> ContextEntity:
        identifier = licence if licence.startswith(("http://", "https://")) else "#licence"
        return self._context(identifier, {"@type": "CreativeWork", "name": licence})

    def _context(self, identifier: str, properties: Mapping[str, Any]) -> ContextEntity:
        """Return the entity of this id, made where it is new; None is left out."""
        from rocrate.model.contextentity import ContextEntity

        known = self._crate.get(identifier)
        if known is not None:
            return known
        given = {name: value for name, value in properties.items() if value is not None}
        return self._crate.add(ContextEntity(self._crate, identifier, properties=given))

"""How `show --provenance` prints the chain behind a result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpcs_bench.provenance.chain import Chain, ProtocolFacts
    from mpcs_bench.provenance.data_facts import DataFacts
    from mpcs_bench.provenance.stage_facts import StageFacts

UNKNOWN = "not recorded"


def chain_lines(chain: Chain) -> Iterator[str]:
    """Yield the lines of a chain: protocol, stages (downstream first), command."""
    yield chain.symbolic
    yield f"  key: {chain.key}"
    for protocol in chain.protocols:
        yield ""
        yield from _protocol(protocol)
    if not chain.protocols:
        yield "  protocol: no plan of this workspace names it"
    for stage in chain.stages:
        yield ""
        yield from _stage(stage)
    yield from chain.missing
    for protocol in chain.protocols:
        yield ""
        yield from _command(protocol, chain.stages[0].code)


def _protocol(facts: ProtocolFacts) -> Iterator[str]:
    yield f"protocol {facts.protocol}, experiment {facts.experiment} ({facts.label})"
    yield f"  scale: {facts.scale}"
    yield f"  planned: {facts.planned}"
    yield f"  changed from its file: {facts.variation or 'nothing'}"
    if facts.recorded:
        files = ", ".join(f"{place} ({sha[:12]})" for place, sha in facts.files.items())
        yield f"  files: {files}"
    else:
        yield f"  files: {UNKNOWN} (run the protocol again: nothing is computed anew)"
    for entry, decision in facts.decisions.items():
        yield f"  decision {entry}: {decision['taken']}"
    for sentence in facts.lacking:
        yield f"  note: {sentence}"


def _stage(facts: StageFacts) -> Iterator[str]:
    yield f"{facts.kind}, stage version {facts.stage_version}"
    yield f"  id: {facts.symbolic}"
    yield f"  key: {facts.key}"
    took = "" if facts.seconds is None else f", {facts.seconds:.1f} s"
    yield f"  ran: {facts.started or '?'} to {facts.finished}{took}"
    yield f"  where: {facts.device or '?'} of {facts.host or f'a host that was {UNKNOWN}'}"
    seeds = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.seeds.items())
    yield f"  seeds: {seeds or 'none'} (all others derive from these, by name)"
    yield from _data(facts.data)
    if facts.upstream is not None:
        yield f"  starts from: the pre-training {facts.upstream}"
    else:
        yield f"  initial weights: {facts.weights}"
    for plugin in facts.plugins:
        source = f", source {plugin.source}" if plugin.source else ""
        yield f"  plugin: {plugin.plugin}, version {plugin.version}{source}"
    yield f"  code: {_code(facts.environment, facts.code)}"
    yield from _environment(facts.environment)
    for name, sha in facts.files.items():
        yield f"  file: {name} ({sha})"


def _data(facts: DataFacts) -> Iterator[str]:
    size = f", at {facts.image_size[0]} x {facts.image_size[1]} pixels" if facts.image_size else ""
    counts = ""
    if facts.samples is not None:
        counts = f", {facts.samples} samples of {facts.patients} patients"
    source = f", source {facts.source}" if facts.source else ""
    yield f"  data: {facts.plugin}, version {facts.version}{source}{counts}{size}"
    yield f"  fingerprint: {facts.fingerprint}"
    yield f"  licence: {facts.licence or 'its plugin is not at hand'}"
    if facts.citation:
        yield f"  citation: {facts.citation}"
    split = facts.split
    parts = "; ".join(
        f"{name}: {count.samples} samples of {count.groups} groups"
        for name, count in split.parts.items()
    )
    yield f"  split: fold {split.fold} by {split.group}; {parts or 'no longer in the cache'}"
    yield f"  split hash: {split.hash or '?'}, of this fold {split.fold_hash}"


def _code(environment: Mapping[str, Any], code: Mapping[str, Any]) -> str:
    words = [f"mpcs-bench {environment.get('mpcs_bench', '?')}"]
    words.append(f"commit {code['commit']}" if code.get("commit") else f"commit {UNKNOWN}")
    if code.get("dirty"):
        diff = code.get("diff")
        words.append(f"changed since (diff {diff})" if diff else "changed since")
    if code.get("source"):
        words.append(f"source {code['source']}")
    words += [f"{name} {sha}" for name, sha in (code.get("plugins") or {}).items()]
    return ", ".join(words)


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    machine = ("python", "platform", "processor", "cpu", "cores")
    yield "  machine: " + _listed({n: environment[n] for n in machine if n in environment})
    if environment.get("gpu"):
        yield "  gpu: " + _listed(environment["gpu"])
    settings = {n: environment[n] for n in ("threads", "deterministic") if n in environment}
    yield "  settings: " + _listed({**settings, **environment.get("settings", {})})
    if environment.get("variables"):
        yield "  variables: " + _listed(environment["variables"])
    yield "  packages: " + _listed(environment.get("packages", {}))
    others = len(environment.get("installed", {}))
    if others:
        yield f"  installed: {others} packages by version (--json lists them)"


def _command(facts: ProtocolFacts, code: Mapping[str, Any]) -> Iterator[str]:
    yield f"to repeat it as part of {facts.protocol}:"
    if code.get("commit"):
        yield f"  git checkout {code['commit']}"
    if facts.folder is not None:
        yield f"  cd {shlex.quote(facts.folder)}"
    yield f"  {shlex.join(facts.command)}"
    if not facts.recorded:
        yield "  (how the protocol was varied was not recorded with this plan)"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())

"""`show --provenance`: from a result back to all that it comes from."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mpcs_bench import api
from mpcs_bench.cli.app import app
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError

PRETRAINED = "tissue/timm/test_resnet/none/ordered/nt-xent/finetune/100X/labels=1/fold=0/seed=0"


@pytest.fixture
def workspace(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of the tiny protocol; its folder is the current one."""
    monkeypatch.chdir(ran.parent)
    return Workspace(ran.parent / "mpcs-workspace")


def _record(workspace: Workspace, options: api.Options | None = None) -> None:
    """What `run` does when a plan was made."""
    options = options or api.Options()
    planned = api.plan(["tiny.yaml"], workspace, options)
    api.record_origins(workspace, ["tiny.yaml"], options, planned)


def _show(cell: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["show", cell, "--provenance", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cell(workspace: Workspace) -> str:
    plan = json.loads((workspace.root / "plans" / "tiny.json").read_text())
    keys = [cell["key"] for cell in plan["cells"] if cell["symbolic"].startswith(PRETRAINED)]
    assert len(keys) == 1
    return str(keys[0])


def test_the_chain_leads_from_a_cell_over_its_pretraining_to_the_data(
    workspace: Workspace,
) -> None:
    key = _cell(workspace)
    chain = _show(key[:12])
    finetuning, pretraining = chain["stages"]
    assert (chain["key"], finetuning["kind"], pretraining["kind"]) == (key, "finetune", "pretrain")
    assert finetuning["upstream"] == pretraining["key"]
    for stage in (finetuning, pretraining):
        folder = workspace.results / stage["key"]
        spec = json.loads((folder / "spec.json").read_text())["spec"]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert stage["data"]["fingerprint"] == spec["data"]["fingerprint"]
        assert stage["data"]["split"]["fold_hash"] == spec["data"]["split"]
        assert stage["weights"] == spec["weights"]
        assert stage["files"] == manifest["files"]
        assert stage["code"] == manifest["environment"]["code"]
        assert stage["environment"]["packages"] == manifest["environment"]["packages"]
        assert stage["finished"] == manifest["created"] > stage["started"]
        assert stage["seeds"] == {"seed": 0, "replicate": 0, "split_seed": 5}
    assert {plugin["plugin"] for plugin in pretraining["plugins"]} == {
        "mpcs_paper/timm",
        "mpcs_paper/ordered",
        "mpcs_paper/nt-xent",
    }


def test_data_come_with_licence_counts_and_the_groups_of_each_part(workspace: Workspace) -> None:
    data = _show(_cell(workspace))["stages"][0]["data"]
    assert (data["samples"], data["patients"]) == (96, 12)
    assert data["licence"] == "CC BY 4.0"
    assert "Spanhol" in data["citation"]
    parts = data["split"]["parts"]
    assert sum(part["samples"] for part in parts.values()) == 96
    assert sum(part["groups"] for part in parts.values()) == 12
    (split,) = (workspace.cache / "splits").glob("*.parquet")
    assert data["split"]["hash"] == split.stem


def test_the_terminal_shows_the_same_chain(workspace: Workspace) -> None:
    key = _cell(workspace)
    done = CliRunner().invoke(app, ["show", key, "--provenance"])
    assert done.exit_code == 0, done.output
    chain = _show(key)
    for stage in chain["stages"]:
        assert stage["key"] in done.stdout
        assert stage["data"]["fingerprint"] in done.stdout
        assert stage["code"]["commit"] in done.stdout
    assert "protocol tiny, experiment exp-3 (Ordered Pair)" in done.stdout
    assert "mpcs-bench run tiny" in done.stdout


def test_a_pretraining_has_a_chain_of_its_own(workspace: Workspace) -> None:
    upstream = _show(_cell(workspace))["stages"][1]
    chain = _show(upstream["symbolic"])
    assert [stage["key"] for stage in chain["stages"]] == [upstream["key"]]
    assert [protocol["protocol"] for protocol in chain["protocols"]] == ["tiny"]


def test_what_was_recorded_names_files_overlays_settings_and_the_command(
    workspace: Workspace, tmp_path: Path
) -> None:
    overlay = tmp_path / "wider.yaml"
    overlay.write_text("report: {margin: 4.0}\n")
    options = api.Options(
        overlays=("wider.yaml",), assignments=("report.notes=[checked]",), device="cpu"
    )
    _record(workspace, options)
    chain = _show(_cell(workspace))
    (protocol,) = chain["protocols"]
    assert protocol["recorded"]
    text = (tmp_path / "tiny.yaml").read_bytes()
    assert protocol["files"] == {
        "tiny.yaml": hashlib.sha256(text).hexdigest(),
        "overlays/wider.yaml": hashlib.sha256(overlay.read_bytes()).hexdigest(),
    }
    assert protocol["variation"] == "--overlay wider.yaml, --set report.notes=[checked]"
    command = protocol["command"]
    assert command[:3] == ["mpcs-bench", "run", "tiny.yaml"]
    assert command[command.index("--overlay") + 1] == "wider.yaml"
    assert command[command.index("--set") + 1] == "report.notes=[checked]"
    # Its --only keeps this one cell:
    only = dict(item.split("=") for item in command[command.index("--only") + 1].split(","))
    chosen = api.Options(only={axis: {value} for axis, value in only.items()})
    planned = api.plan(["tiny.yaml"], workspace, chosen)
    assert [item.key for item in planned.cells] == [chain["key"]]


def test_an_origin_of_another_plan_is_not_taken_for_this_ones(
    workspace: Workspace, tmp_path: Path
) -> None:
    _record(workspace, api.Options(assignments=("finetuning.threshold=0.4",)))
    (protocol,) = _show(_cell(workspace))["protocols"]
    assert not protocol["recorded"]
    assert protocol["variation"] == ""


def test_a_result_whose_pretraining_is_gone_says_so(workspace: Workspace) -> None:
    key = _cell(workspace)
    upstream = _show(key)["stages"][1]["key"]
    shutil.rmtree(workspace.results / upstream)
    chain = _show(key)
    assert len(chain["stages"]) == 1
    assert upstream in chain["missing"][0]


def test_a_misspelt_cell_has_a_nearest_and_one_without_result_says_so(
    workspace: Workspace,
) -> None:
    key = _cell(workspace)
    with pytest.raises(StoreError, match="Did you mean 'tissue/timm"):
        api.provenance(workspace, PRETRAINED.replace("ordered", "orderd"))
    shutil.rmtree(workspace.results / key)
    with pytest.raises(StoreError, match=f"no result {key[:12]}"):
        api.provenance(workspace, key)

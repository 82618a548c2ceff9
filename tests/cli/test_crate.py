"""`export crate`: an RO-Crate that others can read, and repeat the protocol from."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate
from typer.testing import CliRunner

from mpcs_bench import api
from mpcs_bench.cli.app import app
from mpcs_bench.cli.progress import observing
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, StoreError

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"


@pytest.fixture
def workspace(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of the tiny protocol, its origin recorded; its folder is the current one."""
    monkeypatch.chdir(ran.parent)
    place = Workspace(ran.parent / "mpcs-workspace")
    _record(place, "tiny.yaml")
    return place


def _record(workspace: Workspace, reference: str, options: api.Options | None = None) -> None:
    options = options or api.Options()
    planned = api.plan([reference], workspace, options)
    api.record_origins(workspace, [reference], options, planned)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _actions(crate: ROCrate) -> list[ContextEntity]:
    return sorted(crate.get_by_type("CreateAction"), key=lambda action: str(action.id))


def _planned_keys(words: list[str], workspace: str) -> list[str | None]:
    """Plan what a `run` command names, in another workspace, and return the cells' keys."""
    arguments = list(words[2:])
    place = arguments.index("--workspace")
    arguments[place + 1] = workspace
    done = CliRunner().invoke(app, ["plan", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return [cell["key"] for cell in json.loads(done.stdout)["cell_list"]]


def test_each_stage_is_an_action_with_program_inputs_and_results(
    workspace: Workspace, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["export", "crate", "tiny", "-o", "crate", "--author", "A. N."])
    assert done.exit_code == 0, done.output
    crate = ROCrate(tmp_path / "crate")
    root = crate.root_dataset
    assert root["conformsTo"].id == PROFILE
    assert {"name", "description", "license", "datePublished"} <= root.properties().keys()
    actions = _actions(crate)
    assert len(actions) == 14
    assert {action.id for action in root["mentions"]} == {action.id for action in actions}
    for action in actions:
        key = action.id.removeprefix("#stage-")
        spec = json.loads((workspace.results / key / "spec.json").read_text())
        manifest = json.loads((workspace.results / key / "manifest.json").read_text())
        program = action["instrument"]
        assert (program.type, program["name"]) == ("SoftwareApplication", "mpcs-bench")
        assert program["softwareVersion"] == manifest["environment"]["mpcs_bench"]
        assert manifest["environment"]["code"]["commit"] in str(program["identifier"])
        objects = {item.id for item in action["object"]}
        assert f"#data-{spec['spec']['data']['fingerprint']}" in objects
        assert "protocol/tiny.yaml" in objects
        assert any(name.startswith("splits/") for name in objects)
        upstream = spec["spec"]["upstream"]
        assert upstream is None or f"results/{upstream}/" in objects
        assert action["endTime"] == manifest["created"]
        for item in action["result"]:
            content = (tmp_path / "crate" / unquote(item.id)).read_bytes()
            assert item["sha256"] == hashlib.sha256(content).hexdigest()
            name = item.id.rpartition("/")[2]
            assert manifest["files"].get(name, item["sha256"]) == item["sha256"]
    (data,) = [item for item in crate.get_by_type("Dataset") if item.id.startswith("#data-")]
    assert data["license"] == "CC BY 4.0"
    assert "Spanhol" in data["citation"]


def test_every_file_is_described_and_none_is_made_of_the_images(
    workspace: Workspace, tmp_path: Path
) -> None:
    api.export_crate(workspace, "tiny", tmp_path / "crate")
    crate = ROCrate(tmp_path / "crate")
    files = set(_files(tmp_path / "crate")) - {"ro-crate-metadata.json"}
    assert files == {unquote(entity.id) for entity in crate.get_by_type("File")}
    assert not [name for name in files if name.endswith((".png", ".npy", ".npz", ".tif", ".jpg"))]
    assert not [name for name in files if "features" in name or "weights" in name]
    api.export_crate(workspace, "tiny", tmp_path / "heavy", weights=True)
    assert len(list((tmp_path / "heavy").glob("results/*/weights.safetensors"))) == 2


def test_the_environment_can_be_repeated(workspace: Workspace, tmp_path: Path) -> None:
    api.export_crate(workspace, "tiny", tmp_path / "crate")
    folder = tmp_path / "crate" / "environment" / "1"
    lines = (folder / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[^\s=]+", line) for line in wanted), wanted
    (key, *_) = sorted(path.name for path in workspace.results.iterdir())
    environment = json.loads((workspace.results / key / "manifest.json").read_text())["environment"]
    assert f"torch=={environment['packages']['torch']}" in wanted
    container = (folder / "Containerfile").read_text()
    assert f"FROM python:{environment['python']}-slim" in container
    assert 'ENV OMP_NUM_THREADS="1"' in container


def test_the_protocol_of_a_crate_gives_the_same_keys(workspace: Workspace, tmp_path: Path) -> None:
    exported = api.export_crate(workspace, "tiny", tmp_path / "crate")
    plan = json.loads((tmp_path / "crate" / "plan.json").read_text())
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.chdir(tmp_path / "crate")
        (tmp_path / "tiny.yaml").unlink()
        keys = _planned_keys(shlex.split(exported.command), str(workspace.root))
    assert keys == [cell["key"] for cell in plan["cells"]]


def test_so_do_overlays_settings_split_and_plugin_files(
    workspace: Workspace, tmp_path: Path
) -> None:
    splits = api.splits("tiny.yaml", workspace)
    splits["tissue"].to_csv(tmp_path / "split.csv", index=False)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "small.yaml").write_text("finetuning: {batch_size: 2}\n")
    (tmp_path / "pairs.py").write_text(PLUGIN)
    options = api.Options(
        overlays=("more/small.yaml",),
        assignments=(
            "name=varied",
            "datasets.tissue.split={scheme: file, file: split.csv, group: case}",
            "experiments.exp-3.set={strategy: pairs/first}",
            "finetuning.optimizer.learning_rate=0.002",
        ),
        only={"experiment": {"floor"}},  # none of this changes it, so that nothing is to run
        plugins=(Path("pairs.py"),),
    )
    with observing() as observer:
        planned, outcome = api.run(["tiny.yaml"], workspace, options, observer=observer)
    assert (outcome.done, outcome.already) == (0, 4)
    api.record_origins(workspace, ["tiny.yaml"], options, planned)
    exported = api.export_crate(workspace, "varied", tmp_path / "crate", plugins=options.plugins)
    assert "8 of 12 cells have no result." in exported.notes
    plan = json.loads((tmp_path / "crate" / "plan.json").read_text())
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.chdir(tmp_path / "crate")
        for name in ("split.csv", "pairs.py", "tiny.yaml"):
            (tmp_path / name).unlink()
        shutil.rmtree(tmp_path / "more")
        keys = _planned_keys(shlex.split(exported.command), str(workspace.root))
    assert keys == [cell["key"] for cell in plan["cells"]]
    assert None not in keys


def test_the_same_workspace_gives_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("one", "two"):
        api.export_crate(workspace, "tiny", tmp_path / name)
        api.export_crate(workspace, "tiny", tmp_path / f"{name}.zip")
    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert len(_actions(ROCrate(tmp_path / "one.zip"))) == 14


def test_nothing_is_overwritten_but_a_crate_and_only_with_force(
    workspace: Workspace, tmp_path: Path
) -> None:
    api.export_crate(workspace, "tiny", tmp_path / "crate")
    with pytest.raises(BenchError, match="exists already"):
        api.export_crate(workspace, "tiny", tmp_path / "crate")
    (tmp_path / "crate" / "old").write_text("of an earlier export")
    api.export_crate(workspace, "tiny", tmp_path / "crate", force=True)
    assert not (tmp_path / "crate" / "old").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("precious")
    with pytest.raises(BenchError, match="is no crate"):
        api.export_crate(workspace, "tiny", mine, force=True)
    assert (mine / "thesis.tex").read_text() == "precious"


def test_a_damaged_result_is_no_evidence_and_leaves_nothing_behind(
    workspace: Workspace, tmp_path: Path
) -> None:
    (key, *_) = sorted(path.name for path in workspace.results.iterdir())
    with (workspace.results / key / "metrics.parquet").open("r+b") as file:
        file.write(b"XXXX")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(StoreError, match=key[:12]):
        api.export_crate(workspace, "tiny", tmp_path / "crate")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_without_a_recorded_origin_the_crate_says_what_it_lacks(
    workspace: Workspace, tmp_path: Path
) -> None:
    shutil.rmtree(workspace.root / "origins")
    exported = api.export_crate(workspace, "tiny", tmp_path / "crate")
    assert any("were not recorded" in note for note in exported.notes)
    assert not (tmp_path / "crate" / "protocol").exists()


def test_a_misspelt_protocol_has_a_nearest(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Did you mean 'tiny'"):
        api.export_crate(workspace, "tinny", tmp_path / "crate")


PLUGIN = '''\
"""Pairs of the first two magnifications."""

import numpy as np

from mpcs_bench.registry import PairStrategy


class First(PairStrategy):
    name = "first"
    human_prior = 2
    degrees_of_freedom = 0

    def draw(self, sets, available, generator):
        return sets.view_plan(np.tile([0, 1], (len(sets), 1)), generator)
'''

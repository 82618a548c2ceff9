"""The recipes of docs/clusters.md: scripts that bash reads, YAML that parses, known options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from mpcs_bench.cli.app import app

PAGE = (Path(__file__).resolve().parents[3] / "docs/clusters.md").read_text()
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```", PAGE)
SCRIPTS = [text for kind, text in BLOCKS if kind == "bash"]
JOBS = [text for kind, text in BLOCKS if kind == "yaml"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_one_that_bash_reads(script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_job_for_kubernetes_parses_and_names_what_it_mounts() -> None:
    (job,) = JOBS
    document = YAML(typ="safe").load(job)
    assert (document["apiVersion"], document["kind"]) == ("ray.io/v1", "RayJob")
    cluster = document["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        mounted = {mount["name"] for box in pod["containers"] for mount in box["volumeMounts"]}
        assert mounted == volumes


def test_every_option_that_the_page_gives_to_run_exists() -> None:
    known = {
        name
        for parameter in get_command(app).commands["run"].params  # type: ignore[attr-defined]
        for name in parameter.opts
    }
    joined = re.sub(r"\\?\n\s+", " ", PAGE)
    commands = re.findall(r"mpcs-bench run [^`\n&]*", joined)
    used = {option for command in commands for option in re.findall(r"--[a-z][a-z-]+", command)}
    assert len(used) >= 5
    assert used <= known


def test_the_options_of_the_table_are_those_of_the_command() -> None:
    options = re.findall(r"(?m)^\| `(--[a-z-]+)` \|", PAGE)
    known = {
        name
        for parameter in get_command(app).commands["run"].params  # type: ignore[attr-defined]
        for name in parameter.opts
    }
    assert options
    assert set(options) <= known

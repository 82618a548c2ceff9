"""A cluster of several nodes: nodes and drivers die, and the numbers are those of one machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
from ray.cluster_utils import Cluster

import mpcs_bench

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).parent / "driver.py"
RAY = Path(sys.executable).parent / "ray"
PACKAGE = Path(mpcs_bench.__file__).parent
STORE = 80 * 2**20
LONGER = ("  epochs: 2\n  batch_size: 4\nfine", "  epochs: 60\n  batch_size: 4\nfine")
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


@dataclass
class Machine:
    """A node that a process of its own keeps; what it is given as a disk is its own."""

    process: subprocess.Popen[bytes]
    disk: Path

    def kill(self) -> None:
        """End the node and all that runs on it at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Machines:
    """A head without CPUs, on which drivers run, and nodes beside it."""

    cluster: Cluster
    folder: Path
    started: list[Machine] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def start(self, *before: str) -> Machine:
        """Start a node with one CPU and a temporary folder of its own; it has joined then."""
        disk = self.folder / f"disk{len(self.started)}"
        disk.mkdir()
        command = [str(RAY), "start", f"--address={self.address}", "--num-cpus=1", "--block"]
        command += [f"--object-store-memory={STORE}", "--disable-usage-stats"]
        joined = self._joined()
        with (disk / "ray.log").open("wb") as log:
            process = subprocess.Popen(
                [*before, *command],
                env=os.environ | {"TMPDIR": str(disk)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        machine = Machine(process, disk)
        self.started.append(machine)
        end = time.monotonic() + 60
        while self._joined() == joined:
            assert process.poll() is None, (disk / "ray.log").read_text()
            assert time.monotonic() < end, (disk / "ray.log").read_text()
            time.sleep(0.1)
        return machine

    def _joined(self) -> int:
        nodes = self.cluster.global_state.node_table()
        return sum(bool(node["Alive"]) for node in nodes)

    def machine_of(self, pid: int) -> Machine:
        """Return the node that runs process `pid`."""
        session = os.getsid(pid)
        return next(machine for machine in self.started if machine.process.pid == session)


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """A cluster that is nothing but a head so far."""
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")
    arguments = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    found = Machines(cluster, tmp_path)
    yield found
    for machine in found.started:
        machine.kill()
    cluster.shutdown()


@dataclass(frozen=True)
class Told:
    """What a driver left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Driver:
    """A driver in a process group of its own."""

    def __init__(self, protocol: Path, workspace: Path, options: dict[str, Any] | None) -> None:
        self.workspace = workspace
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(protocol), str(workspace), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def wait(self, seconds: float = 400) -> Told:
        """Return what it left once it has ended."""
        out, err = self.process.communicate(timeout=seconds)
        return Told(self.process.returncode, out, err)

    def until(self, happened: Callable[[Path], Any], seconds: float = 200) -> Any:
        """Return what `happened` in the workspace, once it is true while the driver runs."""
        end = time.monotonic() + seconds
        while not (found := happened(self.workspace)):
            assert self.process.poll() is None, self.wait()
            assert time.monotonic() < end
            time.sleep(0.1)
        return found


@pytest.fixture
def drive() -> Iterator[Callable[..., Driver]]:
    """Start drivers, and end those that still run with the test."""
    started: list[Driver] = []

    def start(protocol: Path, workspace: Path, options: dict[str, Any] | None) -> Driver:
        started.append(Driver(protocol, workspace, options))
        return started[-1]

    yield start
    for driver in started:
        if driver.process.poll() is None:
            os.killpg(driver.process.pid, signal.SIGKILL)
        driver.process.communicate()


Drive = Callable[..., Driver]
Protocol = Callable[..., Path]


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> str:
    """The digest of the longer protocol by worker processes of this machine."""
    folder = tmp_path_factory.mktemp("local")
    protocol = folder / "tiny.yaml"
    assert LONGER[0] in tiny_text
    protocol.write_text(tiny_text.replace(*LONGER))
    told = Driver(protocol, folder / "workspace", None).wait()
    assert told.code == 0, told.err
    return str(told.json["digest"])


def _training(workspace: Path) -> int | None:
    """Return the process of a stage that has written a checkpoint."""
    for path in workspace.glob("states/*.json"):
        state = json.loads(path.read_text())
        if state["state"] == "running" and any(
            (workspace / "checkpoints" / state["key"]).glob("*/checkpoint.json")
        ):
            return int(state["pid"])
    return None


def _running(workspace: Path) -> int | None:
    """Return the process of a stage that runs."""
    for path in workspace.glob("states/*.json"):
        state = json.loads(path.read_text())
        if state["state"] == "running":
            return int(state["pid"])
    return None


def _finished(workspace: Path) -> list[Path]:
    return sorted(workspace.glob("results/*/manifest.json"))


def _went_on(workspace: Path) -> list[str]:
    """Return the keys of results that began from a checkpoint."""
    return [
        path.parent.name
        for path in _finished(workspace)
        if "resumed" in json.loads(path.read_text())["notes"]
    ]


def _behind(mount: str) -> tuple[str, ...]:
    """Return what starts a node that sees the file system as `mount` leaves it."""
    if subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user may make a mount namespace here")
    return (*UNSHARE, "sh", "-c", f'{mount} && exec "$@"', "sh")


def test_a_node_is_killed_and_its_stage_goes_on_elsewhere(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path, on_one_machine: str
) -> None:
    machines.start()
    machines.start()
    workspace = tmp_path / "workspace"
    driver = drive(tiny_protocol(LONGER), workspace, {"address": machines.address})
    machines.machine_of(driver.until(_training)).kill()
    told = driver.wait()
    assert told.code == 0, told.err
    assert told.json["failed"] == {}
    assert told.json["digest"] == on_one_machine
    assert _went_on(workspace)
    assert not list(workspace.glob("checkpoints/*"))


@pytest.mark.parametrize("blind", [False, True], ids=["told-to-copy", "another-file-system"])
def test_nodes_without_the_workspace_copy_and_one_is_killed(
    machines: Machines,
    drive: Drive,
    tiny_protocol: Protocol,
    tmp_path: Path,
    on_one_machine: str,
    blind: bool,
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    before: tuple[str, ...] = ()
    if blind:
        before = _behind(f'mount -t tmpfs none "{workspace}"')
    machines.start(*before)
    machines.start(*before)
    options = {"address": machines.address, "in_place": blind}
    driver = drive(tiny_protocol(LONGER), workspace, options)
    driver.until(_finished)
    machines.machine_of(driver.until(_running)).kill()
    told = driver.wait()
    assert told.code == 0, told.err
    assert told.json["failed"] == {}
    assert told.json["digest"] == on_one_machine
    assert not (workspace / "checkpoints").exists()
    for machine in machines.started:
        copies = [path for path in machine.disk.glob("*/files/*/*") if path.suffix]
        assert len(copies) >= 3  # index, split, working images


def test_a_killed_driver_goes_on_and_recomputes_nothing(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path, on_one_machine: str
) -> None:
    machines.start()
    machines.start()
    protocol, workspace = tiny_protocol(LONGER), tmp_path / "workspace"
    driver = drive(protocol, workspace, {"address": machines.address})
    driver.until(_finished)
    worker = driver.until(_training)
    driver.process.kill()
    driver.wait()
    before = {path: path.stat().st_mtime_ns for path in _finished(workspace)}
    end = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists():  # a driver's workers end with it
        assert time.monotonic() < end
        time.sleep(0.1)
    told = drive(protocol, workspace, {"address": machines.address}).wait()
    assert told.code == 0, told.err
    assert told.json["already"] >= len(before) > 0
    assert told.json["digest"] == on_one_machine
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert _went_on(workspace)


def test_a_preempted_driver_brings_checkpoints_home(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path, on_one_machine: str
) -> None:
    protocol, workspace = tiny_protocol(LONGER), tmp_path / "workspace"
    options = {"address": machines.address, "in_place": False}
    first = machines.start()
    driver = drive(protocol, workspace, options)
    driver.until(lambda _: any(first.disk.glob("*/workspaces/*/checkpoints/*/*/state.pt")))
    driver.process.terminate()
    assert driver.wait(60).code == 130
    assert list(workspace.glob("checkpoints/*/*/state.pt"))
    first.kill()
    shutil.rmtree(first.disk)
    machines.start()
    told = drive(protocol, workspace, options).wait()
    assert told.code == 0, told.err
    assert told.json["digest"] == on_one_machine
    assert _went_on(workspace)
    assert not list(workspace.glob("checkpoints/*"))


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("errors.py", "# another version", "runs other code than the driver: the source of"),
        ("__init__.py", "raise ModuleNotFoundError('no mpcs-bench here')", "no mpcs-bench here"),
    ],
    ids=["another", "none"],
)
def test_a_node_with_other_code_is_refused(
    machines: Machines,
    drive: Drive,
    tiny_protocol: Protocol,
    tmp_path: Path,
    file: str,
    line: str,
    said: str,
) -> None:
    other = tmp_path / "other"
    shutil.copytree(PACKAGE, other, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / file).open("a") as code:
        code.write(f"{line}\n")
    machines.start(*_behind(f'mount --bind "{other}" "{PACKAGE}"'))
    told = drive(tiny_protocol(), tmp_path / "workspace", {"address": machines.address}).wait()
    assert told.code == 2
    assert said in told.err
    assert told.out == ""


def test_a_cluster_without_room_is_waited_for_until_a_node_joins(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path
) -> None:
    driver = drive(tiny_protocol(), tmp_path / "workspace", {"address": machines.address})
    driver.until(lambda workspace: any(workspace.glob("cache/working/*.npy")))
    time.sleep(3)
    machines.start()
    told = driver.wait()
    assert told.code == 0, told.err
    assert told.json["done"] == 14


def test_ctrl_c_lets_a_ray_of_our_own_leave_in_good_order(
    drive: Drive, tiny_protocol: Protocol, tmp_path: Path, on_one_machine: str
) -> None:
    protocol, workspace = tiny_protocol(LONGER), tmp_path / "workspace"
    driver = drive(protocol, workspace, {"address": "local"})
    driver.until(_training)
    os.killpg(driver.process.pid, signal.SIGINT)  # as a terminal does, to every process
    told = driver.wait(60)
    assert (told.code, told.out) == (130, "")
    states = [json.loads(path.read_text()) for path in workspace.glob("states/*.json")]
    assert any("told to leave" in (state["reason"] or "") for state in states)
    told = drive(protocol, workspace, {"address": "local"}).wait()
    assert told.code == 0, told.err
    assert told.json["digest"] == on_one_machine
    assert _went_on(workspace)


def test_a_cluster_that_gets_no_room_in_time_is_given_up(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path
) -> None:
    options = {"address": machines.address, "wait_for_nodes": 2.0}
    told = drive(tiny_protocol(), tmp_path / "workspace", options).wait()
    assert told.code == 2
    assert "asks for 1 CPU, and the largest of 1 node(s) is" in told.err


def test_a_cluster_whose_head_is_gone_ends_the_run_as_an_interrupt_does(
    machines: Machines, drive: Drive, tiny_protocol: Protocol, tmp_path: Path
) -> None:
    machines.start()
    workspace, head = tmp_path / "workspace", machines.address
    far = (LONGER[0], LONGER[1].replace("60", "3000"))
    driver = drive(tiny_protocol(far), workspace, {"address": machines.address})
    driver.until(_training)
    machines.cluster.head_node.kill_gcs_server()
    told = driver.wait(60)
    assert told.code == 130
    assert f"The head of the Ray cluster, {head}," in told.err
    assert list(workspace.glob("checkpoints/*/*/state.pt"))

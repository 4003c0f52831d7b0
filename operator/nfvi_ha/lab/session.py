"""Labs by command: one in the background that outlives the command, or one for the length of a command."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TextIO

from nfvi_ha.lab import daemon
from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.bench.beats import BeatsOptions, run_beats
from nfvi_ha.lab.bench.burst import BurstOptions, run_burst
from nfvi_ha.lab.bench.fuzz import FuzzOptions, run_fuzz
from nfvi_ha.lab.controlplane import find_or_build_assets
from nfvi_ha.lab.controlplane.lock import only_one
from nfvi_ha.lab.controlplane.progress import ProgressSink, console_progress
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.hypervisor.service import identity_file
from nfvi_ha.lab.play import RunOptions, open_session
from nfvi_ha.lab.processfile import read_identity
from nfvi_ha.lab.runner import run_scenario
from nfvi_ha.lab.scenarios import AnyScenario
from nfvi_ha.lab.soak import SoakOptions, run_soak
from nfvi_ha.lab.world import Lab, LabAccess, LabOptions
from nfvi_ha.reporting.receiver.record import Record

LOCK: Final = "lab.lock"
OnRecord = Callable[[Record, float | None], None]


async def up(state_dir: Path, options: LabOptions, stream: TextIO) -> LabAccess:
    """Start a lab in the background, or give the one that is up.

    Raises:
        LabFailed: it does not come up.
        ControlPlaneError: there is no control plane to be had, or another command is busy with this lab.
    """
    with only_one(state_dir / LOCK):
        found = daemon.access(state_dir)
        if found is not None:
            return found
        await daemon.stop(state_dir)
        with console_progress(stream) as progress:
            await asyncio.to_thread(find_or_build_assets, progress)
            _clear(state_dir)
            progress("lab", "starting in the background")
            return await daemon.start(state_dir, options)


async def down(state_dir: Path) -> bool:
    """End the background lab; whether there was one.

    Raises:
        ControlPlaneError: another command is busy with this lab.
    """
    if daemon.running(state_dir) is None:
        return False
    with only_one(state_dir / LOCK):
        return await daemon.stop(state_dir)


async def access(state_dir: Path) -> LabAccess:
    """The background lab.

    Raises:
        LabFailed: none is up.
    """
    found = daemon.access(state_dir)
    if found is None:
        raise LabFailed(f"no lab is up in {state_dir}: start one with `nfvi-ha lab up`")
    return found


async def status(state_dir: Path) -> dict[str, Any]:
    """For people and programs; ``state`` is Running, Degraded (an operator is not ready), Starting or Stopped."""
    identity, found = daemon.running(state_dir), daemon.access(state_dir)
    if identity is None or found is None:
        return {"state": "Stopped" if identity is None else "Starting", "stateDir": str(state_dir)}
    waiting = await found.operators.not_ready()
    return {
        "state": "Degraded" if waiting else "Running",
        "stateDir": str(state_dir),
        "pid": identity.pid,
        "kubernetes": found.kubernetes,
        "kubeconfig": str(found.kubeconfig),
        "vim": found.vim_url,
        "network": found.network.mode if found.network is not None else None,
        "hypervisors": {node.name: _host_state(found, node.name) for node in found.options.nodes()},
        "sentinels": found.sentinels.states(),
        "operators": {name: waiting.get(name, "ready") for name in found.operators.names()},
    }


def _host_state(found: LabAccess, node: str) -> str:
    if not found.hosts.running(node):
        return "off"
    agent = read_identity(identity_file(found.hosts.directory(node), AGENT))
    if agent is None:
        return "on, without an agent"
    return "on" if agent.alive() else "on, its agent has ended"


async def run(
    state_dir: Path, options: LabOptions, scenario: AnyScenario, run_options: RunOptions, stream: TextIO
) -> dict[str, Any]:
    """Run a scenario on the background lab, or on one started for it.

    Raises:
        LabFailed: see ``run_scenario``.
        ControlPlaneError: there is no control plane to be had.
    """

    def say(text: str) -> None:
        stream.write(f"{scenario.name}: {text}\n")
        stream.flush()

    found = daemon.access(state_dir)
    if found is not None:
        async with open_session(found) as session:
            return await run_scenario(session, scenario, run_options, say)
    with console_progress(stream) as progress:
        async with own_lab(options, progress) as lab, open_session(lab.access) as session:
            return await run_scenario(session, scenario, replace(run_options, lab_ends=True), say)


async def soak(options: SoakOptions, stream: TextIO) -> dict[str, Any]:
    """Run the soak; it needs no control plane.

    Raises:
        LabFailed: its lab does not come up, or it detects nothing; the logs then stay, and it says where.
    """
    with _scratch("nfvi-ha-soak-") as directory:
        return await run_soak(options, directory, lambda text: _line(stream, f"soak: {text}"))


async def bench_burst(options: BurstOptions, stream: TextIO) -> dict[str, Any]:
    """Run the burst bench on a control plane of its own, in a temporary directory.

    Raises:
        LabFailed: something that must follow a failure did not; the logs then stay, and it says where.
        ControlPlaneError: there is no control plane to be had.
    """

    def say(text: str) -> None:
        stream.write(f"burst: {text}\n")
        stream.flush()

    with console_progress(stream) as progress:
        assets = await asyncio.to_thread(find_or_build_assets, progress)
        with _scratch("nfvi-ha-bench-") as directory:
            return await run_burst(options, directory, assets, progress, say)


async def bench_receiver(options: BeatsOptions, stream: TextIO) -> dict[str, Any]:
    """Run the receiver's bench; it needs no control plane.

    Raises:
        LabFailed: one of its processes did not do its part; the logs then stay, and it says where.
    """
    with _scratch("nfvi-ha-bench-") as directory:
        return await run_beats(options, directory, lambda text: _line(stream, f"receiver: {text}"))


async def bench_fuzz(options: FuzzOptions, stream: TextIO) -> dict[str, Any]:
    """Fuzz the receiver; it needs no control plane.

    Raises:
        LabFailed: it took what it must not take, or missed what it must take.
    """
    logging.getLogger("nfvi_ha.sentinel").setLevel(logging.ERROR)  # each kind of drop is on purpose
    return await run_fuzz(options, lambda text: _line(stream, f"fuzz: {text}"))


def _line(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()


@asynccontextmanager
async def own_lab(options: LabOptions, progress: ProgressSink, on_record: OnRecord | None = None) -> AsyncIterator[Lab]:
    """A lab in a temporary directory, ended and removed afterwards. After a failure its logs stay, and it says where.

    Raises:
        LabFailed: it does not start.
        ControlPlaneError: there is no control plane to be had, or it does not start.
    """
    assets = await asyncio.to_thread(find_or_build_assets, progress)
    with _scratch("nfvi-ha-lab-") as directory:
        async with await Lab.start(directory, options, assets=assets, progress=progress, on_record=on_record) as lab:
            yield lab


@contextmanager
def _scratch(prefix: str) -> Iterator[Path]:
    """A temporary directory, removed afterwards. After a failure its logs stay, and the error says where."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield directory
    except LabFailed as error:
        raise LabFailed(f"{error}\n(logs: {directory})") from error
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)


def _clear(state_dir: Path) -> None:
    """Remove what an earlier lab left, but not the lock that is held."""
    for entry in state_dir.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()

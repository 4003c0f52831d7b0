"""``nfvi-ha lab demo``: the main job once, for somebody who watches."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from rich.console import Console
from rich.table import Table

from nfvi_ha.lab.controlplane.progress import console_progress
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.objects import name_of, uid_of
from nfvi_ha.lab.play import STEP_SECONDS, Session, new_vnf, open_session
from nfvi_ha.lab.report import timings_table
from nfvi_ha.lab.session import own_lab
from nfvi_ha.lab.vnf import Life, Vnf, target
from nfvi_ha.lab.world import Lab, LabOptions
from nfvi_ha.reporting.receiver.command import line
from nfvi_ha.reporting.receiver.record import Record

NOTIFIED: str = "vm.failed"


async def run_demo(options: LabOptions, replicas: int) -> None:
    """Start a lab, kill a VM, and show what the VIM was told and what became of the VM.

    Raises:
        LabFailed: something that must happen did not.
        ControlPlaneError: there is no control plane to be had, or it does not start.
    """
    console = Console(highlight=False)

    def on_record(record: Record, injected_ms: float | None) -> None:
        console.print(f"  [cyan]VIM received[/]  {line(record, injected_ms)}", soft_wrap=True)

    console.rule("nfvi-ha demo")
    console.print("Starting a real control plane. The first time it may have to be built, which takes minutes.")
    with console_progress(sys.stdout) as progress:
        async with own_lab(options, progress, on_record) as lab, open_session(lab.access) as session:
            console.print(
                f"Kubernetes {lab.access.kubernetes} is up, the CRDs are applied, the operator is running, "
                f"{options.hypervisors} simulated hypervisors are Ready."
            )
            console.print(timings_table(options.timings))
            console.print(f"Creating a VNFReplicaSet of {replicas} VMs ...")
            async with new_vnf(session, replicas, remove=False) as vnf:
                await _show(console, lab, session, vnf)


async def _show(console: Console, lab: Lab, session: Session, vnf: Vnf) -> None:
    vmis = vnf.ready_vmis()
    nodes = sorted({vmi["status"]["nodeName"] for vmi in vmis})
    console.print(f"{len(vmis)} VMs are Ready on {len(nodes)} hypervisors: {', '.join(map(name_of, vmis))}")
    victim = vmis[len(vmis) // 2]
    mark = await session.vim.mark()
    console.print(f"[red]SIGKILL[/] to the process of {target(victim)} on {victim['status']['nodeName']}")
    injection = session.faults.kill_vm(victim)
    lab.receiver.injected(injection.target, injection.at)
    uid = uid_of(victim)
    try:
        record = await session.vim.wait_for(
            lambda item: item.uid == uid and item.type == NOTIFIED and item.verified, mark, STEP_SECONDS
        )
    except TimeoutError as error:
        raise LabFailed(f"the VIM was not told that {injection.target} failed: {error}") from error
    life = await _replacement(vnf, victim)
    ready_at = life.ready_at or life.seen_at
    table = Table(title="What happened")
    for column in ("fault injected", "VIM notified after", "replacement", "Ready after"):
        table.add_column(column)
    table.add_row(
        f"SIGKILL to {name_of(victim)}",
        f"{(record.at - injection.at) / 1e6:.0f} ms",
        life.name,
        f"{(ready_at - injection.at) / 1e9:.2f} s",
    )
    await _settled(vnf)
    console.print(table)
    await _kubectl(console, lab, vnf.namespace, "vnfreplicasets")
    await _kubectl(console, lab, vnf.namespace, "vmi")


async def _replacement(vnf: Vnf, victim: dict[str, object]) -> Life:
    def found() -> Life | None:
        life = vnf.successor(victim)
        return life if life is not None and life.ready_at is not None else None

    try:
        await vnf.wait_until(lambda: found() is not None, STEP_SECONDS, f"a Ready replacement of {target(victim)}")
    except TimeoutError as error:
        raise LabFailed(str(error)) from error
    life = found()
    if life is None:
        raise LabFailed(f"the replacement of {target(victim)} came and went")
    return life


async def _settled(vnf: Vnf) -> None:
    """Let the failed VM be put away, so that the last picture is the quiet one."""
    with suppress(TimeoutError):
        await vnf.wait_all_ready(10.0)


async def _kubectl(console: Console, lab: Lab, namespace: str, what: str) -> None:
    kubectl = lab.plane.assets.kubectl
    if kubectl is None:
        raise LabFailed("no kubectl found: install nfvi-ha[lab], which brings it")
    argv = [str(kubectl), f"--kubeconfig={lab.access.kubeconfig}", "-n", namespace, "get", what]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise LabFailed(f"kubectl get {what} failed: {done.stderr.strip()}")
    console.print(f"$ kubectl get {what}\n{done.stdout}", soft_wrap=True, markup=False)

"""Real processes end in every way, and each is told for what it was. No API server: nobody knows of any intent."""

import asyncio
import signal

import pytest

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from tests.unit.agent.vm.hypervisor import Hypervisor, until


async def test_killed_vm_is_reported_then_proven(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    vm.kill()
    fault = await hypervisor.fault()
    assert (fault.vm_uid, fault.vm_namespace, fault.vm_name) == ("uid-web-0", "default", "web-0")
    assert (fault.cause, fault.severity, fault.is_event) == ("QemuKilled", Severity.CRITICAL, True)
    assert fault.confidence is Confidence.LOW, "nobody could be asked"
    assert "SIGKILL" in fault.detail
    assert not fault.proof, "a zombie is not yet proof"
    serial = fault.serial
    vm.reaped()
    proven = await hypervisor.proven()
    assert (proven.serial, proven.cause) == (serial, "QemuKilled")
    assert f"pid {vm.pid}" in proven.proof
    await until(lambda: not hypervisor.inventory, "it left the inventory")


async def test_guest_that_shuts_down_is_no_failure(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    vm.kill(signal.SIGTERM)
    assert vm.reaped() == 0
    await hypervisor.decided("CleanExit")
    await hypervisor.watched()
    assert not hypervisor.faults()


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT")])
async def test_crash_is_no_kill(hypervisor: Hypervisor, number: int, name: str) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    vm.kill(number)
    fault = await hypervisor.fault()
    assert fault.cause == "QemuCrashed"
    assert name in fault.detail


async def test_exit_status_other_than_0_is_a_crash(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0", body="import signal\ntry: signal.pause()\nfinally: pass\n")
    hypervisor.probe()
    await hypervisor.watched(vm)
    vm.kill(signal.SIGINT)  # Python ends with KeyboardInterrupt's own signal
    fault = await hypervisor.fault()
    assert fault.vm_uid == vm.uid


CORE = """
import os, resource, signal, threading
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
memory = bytearray(os.urandom(1 << 20) * 150)
def crash():
    os.kill(os.getpid(), signal.SIGSEGV)
signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=crash).start())
open("ready", "w").close()
while True:
    signal.pause()
"""


async def test_core_dump_is_told_while_it_is_written(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0", body=CORE)
    hypervisor.probe()
    await hypervisor.watched(vm)
    await until((vm.directory / "ready").exists, "the guest runs")
    vm.kill(signal.SIGUSR1)
    fault = await hypervisor.fault()
    assert fault.cause == "QemuCrashed"
    assert "SIGSEGV" in fault.detail
    assert vm.reaped() == -signal.SIGSEGV


THREADS = """
import os, signal, threading
for _ in range(8):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
memory = bytearray(os.urandom(1 << 20) * {mib})
{main}
"""


async def test_big_vm_with_many_threads_is_told_before_its_memory_is_freed(hypervisor: Hypervisor) -> None:
    body = THREADS.format(mib=300, main='open("ready", "w").close()\nsignal.pause()')
    vm = hypervisor.start("web-0", body=body)
    hypervisor.probe()
    await hypervisor.watched(vm)
    await until((vm.directory / "ready").exists, "the guest runs")
    vm.kill()
    assert (await hypervisor.fault()).cause == "QemuKilled"
    vm.reaped()
    assert (await hypervisor.proven()).proof


async def test_big_vm_that_shuts_down_is_no_failure(hypervisor: Hypervisor) -> None:
    main = 'signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\nopen("ready", "w").close()\nsignal.pause()'
    vm = hypervisor.start("web-0", body=THREADS.format(mib=300, main=main))
    hypervisor.probe()
    await hypervisor.watched(vm)
    await until((vm.directory / "ready").exists, "the guest runs")
    vm.kill(signal.SIGTERM)
    assert vm.reaped() == 0
    await hypervisor.decided("CleanExit")
    assert not hypervisor.faults()


async def test_exit_code_is_known_though_the_parent_was_faster(hypervisor: Hypervisor) -> None:
    """Reaped before the probe had a look: its loop stood meanwhile."""
    vm = hypervisor.start("web-0")
    hypervisor.probe(connector=False)
    await hypervisor.watched(vm)
    vm.kill(signal.SIGTERM)
    vm.reaped()
    await hypervisor.decided("CleanExit")
    other = hypervisor.start("web-1")
    await hypervisor.watched(other)
    other.kill(signal.SIGSEGV)
    other.reaped()
    assert (await hypervisor.fault()).cause == "QemuCrashed"


async def test_launcher_that_is_killed_is_the_death_of_its_vm(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    assert vm.launcher is not None
    vm.launcher.kill()
    fault = await hypervisor.fault()
    assert fault.cause == "LauncherCrashed"
    assert not fault.proof, "its qemu runs on"
    vm.kill(signal.SIGTERM)  # as virt-launcher-monitor does
    assert vm.reaped() == 0
    proven = await hypervisor.proven()
    assert (proven.serial, proven.cause) == (fault.serial, "LauncherCrashed")


async def test_launcher_that_ends_after_its_vm_is_none_of_the_vm(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    vm.kill(signal.SIGTERM)
    vm.reaped()
    await hypervisor.decided("CleanExit")
    assert vm.launcher is not None
    vm.launcher.kill()
    vm.launcher.wait()
    witness = hypervisor.start("web-1")
    await hypervisor.watched(witness)
    assert not hypervisor.faults()


async def test_no_proof_while_another_qemu_is_in_the_pod(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    first = vm.qemu
    hypervisor.start_qemu(vm)
    hypervisor.probe()
    await until(lambda: sum(1 for _ in hypervisor.inventory) == 1, "the VM is watched")
    second = vm.qemu
    assert first is not None
    assert second is not None
    first.kill()
    first.wait()
    await hypervisor.fault()
    witness = hypervisor.start("web-1")
    await until(lambda: "uid-web-1" in {entry.uid for entry in hypervisor.inventory}, "searched again")
    assert not hypervisor.faults()[0].proof
    second.kill()
    second.wait()
    assert (await hypervisor.proven()).vm_uid == vm.uid
    assert witness.qemu is not None


async def test_fifty_vms_that_die_at_once_are_each_reported(hypervisor: Hypervisor) -> None:
    vms = [hypervisor.start(f"web-{number}") for number in range(50)]
    hypervisor.probe()
    await hypervisor.watched(*vms)
    for vm in vms:
        vm.kill()
    reported = lambda: {entry.observed.vm_uid for entry in hypervisor.memory.entries.values()}  # noqa: E731
    await until(lambda: reported() == {vm.uid for vm in vms}, "all are reported")


async def test_stopped_vm_is_stuck_until_it_goes_on(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe(stopped_ms=300)
    await hypervisor.watched(vm)
    vm.kill(signal.SIGSTOP)
    fault = await hypervisor.fault(FaultKind.VM_STUCK)
    assert (fault.cause, fault.vm_uid, fault.is_event) == ("QemuStopped", vm.uid, False)
    assert not hypervisor.faults()
    vm.kill(signal.SIGCONT)
    await until(lambda: not hypervisor.faults(FaultKind.VM_STUCK), "it is stuck no more")


async def test_stopped_vm_that_is_killed_failed_and_is_not_stuck(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe(stopped_ms=300)
    await hypervisor.watched(vm)
    vm.kill(signal.SIGSTOP)
    await hypervisor.fault(FaultKind.VM_STUCK)
    vm.kill()
    assert (await hypervisor.fault()).cause == "QemuKilled"
    assert not hypervisor.faults(FaultKind.VM_STUCK)


VFORK = """
import ctypes, os, time
open("ready", "w").close()
if ctypes.CDLL(None).vfork() == 0:
    time.sleep(1.5)
    os._exit(0)
while True:
    time.sleep(1)
"""


async def test_vm_in_uninterruptible_sleep_is_stuck(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0", body=VFORK)
    hypervisor.probe(uninterruptible_ms=300)
    await until(lambda: vm.uid in {entry.uid for entry in hypervisor.inventory}, "it is watched")
    fault = await hypervisor.fault(FaultKind.VM_STUCK)
    assert fault.cause == "QemuUninterruptible"
    await until(lambda: not hypervisor.faults(FaultKind.VM_STUCK), "it goes on")


async def test_vm_that_dies_while_no_agent_runs_is_reported_by_the_next(
    hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, other = hypervisor.start("web-0"), hypervisor.start("web-1")
    hypervisor.probe()
    await hypervisor.watched(vm, other)
    await hypervisor.on_disk("watched.json", "uid-web-1")
    await hypervisor.stop_probe()
    vm.kill()
    vm.reaped()
    monkeypatch.setattr("nfvi_ha.agent.probes.vm.probe.SYNC_SECONDS", 0.1)
    hypervisor.probe()
    fault = await hypervisor.proven()
    assert (fault.vm_uid, fault.cause, fault.confidence) == (vm.uid, "QemuEnded", Confidence.LOW)


async def test_restart_between_report_and_proof_adds_the_proof_to_the_same_fault(hypervisor: Hypervisor) -> None:
    vm = hypervisor.start("web-0")
    hypervisor.probe()
    await hypervisor.watched(vm)
    await hypervisor.on_disk("watched.json", "uid-web-0")
    vm.kill()
    fault = await hypervisor.fault()
    await hypervisor.stop_probe()
    vm.reaped()
    hypervisor.probe()
    proven = await hypervisor.proven()
    assert (proven.serial, proven.cause) == (fault.serial, "QemuKilled")


async def test_vm_that_starts_later_is_found(hypervisor: Hypervisor) -> None:
    hypervisor.probe()
    await asyncio.sleep(0)
    vm = hypervisor.pod("web-0")
    hypervisor.start_launcher(vm)
    hypervisor.start_qemu(vm)
    await hypervisor.watched(vm)

"""Real daemons are killed, stopped and go mute."""

import signal
from typing import Any

import pytest

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.kube.client import KubeClient
from tests.unit.agent.process.hypervisor import Hypervisor, entry, free_port
from tests.unit.agent.vm.hypervisor import NODE, until
from tests.unit.kube.fake_api import FakeApi

FAILED, HUNG, FLAPPING = FaultKind.PROCESS_FAILED, FaultKind.PROCESS_HUNG, FaultKind.PROCESS_FLAPPING


async def test_killed_daemon_failed_until_it_is_back(hypervisor: Hypervisor) -> None:
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a", severity="critical"))
    await hypervisor.until_watched("fake-a")
    daemon.kill()
    fault = await hypervisor.fault(FAILED)
    assert (fault.component, fault.cause, fault.severity) == ("process/fake-a", "ProcessKilled", Severity.CRITICAL)
    assert "SIGKILL" in fault.detail
    assert not fault.is_event
    daemon.start_again()
    await hypervisor.well(FAILED)
    daemon.kill()
    assert (await hypervisor.fault(FAILED)).episode == fault.episode + 1


async def test_zombie_of_a_daemon_is_not_its_return(hypervisor: Hypervisor) -> None:
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a"), rescanMs=50)
    await hypervisor.until_watched("fake-a")
    daemon.kill()  # nobody waits for it
    await hypervisor.fault(FAILED)
    before = len(hypervisor.told)
    await until(lambda: hypervisor.watched("fake-a") == 0, "searched again")
    assert len(hypervisor.told) == before


async def test_stopped_daemon_hangs_until_it_goes_on(hypervisor: Hypervisor) -> None:
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a"), stoppedMs=200)
    await hypervisor.until_watched("fake-a")
    daemon.kill(signal.SIGSTOP)
    fault = await hypervisor.fault(HUNG)
    assert (fault.component, fault.cause) == ("process/fake-a", "ProcessStopped")
    assert not hypervisor.faults(FAILED)
    daemon.kill(signal.SIGCONT)
    await hypervisor.well(HUNG)


async def test_daemon_that_ends_three_times_is_flapping(hypervisor: Hypervisor) -> None:
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a"), flapDeaths=3)
    for _ in range(3):
        await hypervisor.until_watched("fake-a")
        daemon.kill()
        await hypervisor.fault(FAILED)
        daemon.start_again()
        await hypervisor.well(FAILED)
    assert (await hypervisor.fault(FLAPPING)).component == "process/fake-a"


async def test_daemon_that_never_was_there_is_no_fault_unless_required(hypervisor: Hypervisor) -> None:
    hypervisor.probe(entry("fake-a"), entry("fake-b", required=True), missingSeconds=0.1)
    fault = await hypervisor.fault(FAILED)
    assert (fault.component, fault.cause) == ("process/fake-b", "ProcessMissing")
    assert len(hypervisor.faults(FAILED)) == 1


async def test_daemon_that_died_while_no_agent_ran_is_a_fault(hypervisor: Hypervisor) -> None:
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a"))
    file = hypervisor.root / "processes.json"
    await until(lambda: file.exists() and "fake-a" in file.read_text(), "it is remembered")
    await hypervisor.stop_probe()
    daemon.end()
    hypervisor.probe(entry("fake-a"))
    assert (await hypervisor.fault(FAILED)).component == "process/fake-a"


def http(port: int) -> dict[str, Any]:
    return {"http": {"port": port}}


@pytest.mark.parametrize("kind", ["http", "libvirt", "ovs", "cri"])
async def test_mute_daemon_hangs_until_it_answers(hypervisor: Hypervisor, kind: str) -> None:
    port = free_port()
    socket = str(hypervisor.root / "fake-a.sock")
    daemon = hypervisor.start("fake-a", kind, f"127.0.0.1:{port}" if kind == "http" else socket)
    hypervisor.probe(entry("fake-a", http(port) if kind == "http" else {kind: {"socket": socket}}))
    await hypervisor.until_answered("fake-a")
    daemon.kill(signal.SIGUSR1)
    fault = await hypervisor.fault(HUNG)
    assert (fault.cause, fault.component) == ("NoAnswer", "process/fake-a")
    daemon.kill(signal.SIGUSR2)
    await hypervisor.well(HUNG)
    assert not hypervisor.faults(FAILED)


async def test_daemon_that_speaks_nonsense_is_not_judged_by_it(hypervisor: Hypervisor) -> None:
    socket = str(hypervisor.root / "fake-a.sock")
    hypervisor.start("fake-a", "nonsense", socket)
    hypervisor.probe(entry("fake-a", {"libvirt": {"socket": socket}}), startSeconds=0)
    await until(lambda: hypervisor.unanswered("fake-a", "Broken") == 1, "the metric says so")
    assert not hypervisor.faults(HUNG)


async def test_daemon_without_its_socket_is_not_judged_by_it(hypervisor: Hypervisor) -> None:
    hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a", {"ovs": {"socket": "/nonexistent/{pid}.ctl"}}), startSeconds=0)
    await until(lambda: hypervisor.unanswered("fake-a", "Refused") == 1, "the metric says so")
    assert not hypervisor.faults(HUNG)


async def test_runtime_is_watched_though_grpc_is_not_installed(
    hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nfvi_ha.agent.probes.process.checks.cri.find_spec", lambda _name: None)
    daemon = hypervisor.start("fake-a")
    hypervisor.probe(entry("fake-a", {"cri": {"socket": "/nonexistent.sock"}}), startSeconds=0)
    await until(lambda: hypervisor.unanswered("fake-a", "Unsupported") == 1, "the metric says so")
    daemon.kill()
    await hypervisor.fault(FAILED)


async def test_command_that_fails_twice_is_a_hang(hypervisor: Hypervisor) -> None:
    flag = hypervisor.root / "well"
    flag.touch()
    hypervisor.start("fake-a")
    command = entry("fake-a", {"command": {"command": ["/usr/bin/test", "-e", str(flag)]}})
    hypervisor.probe(command, startSeconds=0, commandTimeoutMs=200)
    await hypervisor.until_answered("fake-a")
    flag.unlink()
    assert (await hypervisor.fault(HUNG)).cause == "NoAnswer"
    flag.touch()
    await hypervisor.well(HUNG)


POLICY = {"nodeSelector": {}, "builtInProcesses": False, "watchedProcesses": [entry("fake-b")]}


async def test_list_of_the_policy_takes_the_place_of_the_settings(
    hypervisor: Hypervisor, api: FakeApi, client: KubeClient
) -> None:
    hypervisor.start("fake-a")
    other = hypervisor.start("fake-b")
    await put_cluster(api, "nodes", NODE, labels={"role": "compute"})
    hypervisor.probe(entry("fake-a"), client=client)
    await hypervisor.until_watched("fake-a")
    assert not hypervisor.watched("fake-b")
    await put_cluster(api, "hapolicies", "default", spec=POLICY, kind="HAPolicy", apiVersion="nfvi-ha.io/v1alpha1")
    await hypervisor.until_watched("fake-b")
    await hypervisor.until_watched("fake-a", 0)
    other.kill()
    assert (await hypervisor.fault(FAILED)).component == "process/fake-b"


async def put_cluster(
    api: FakeApi, plural: str, name: str, labels: dict[str, str] | None = None, **fields: Any
) -> None:
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(api.rv + 1), "labels": labels or {}}
    await api.put(plural, name, ns="", metadata=metadata, **fields)

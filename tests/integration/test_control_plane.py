"""The control plane itself: what it serves, how it fails on demand, and that it leaves nothing behind."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from nfvi_ha.lab.controlplane import ApiCallFailed, ControlPlane, ControlPlaneError, session
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.flags import Ports
from nfvi_ha.lab.controlplane.kubectl import Kubectl
from nfvi_ha.lab.controlplane.layout import Layout, Record
from nfvi_ha.lab.controlplane.processes import ProcessId
from nfvi_ha.lab.controlplane.selftest import exercise

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """One that this module's tests may stop, pause and make forget."""
    async with await ControlPlane.start(assets=assets) as plane:
        yield plane


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "condition not met in time"
        await asyncio.sleep(0.1)


def config_map(name: str, **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"k": ""}}


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_stop_leaves_no_process_no_port_and_no_directory(assets: Assets) -> None:
    plane = await ControlPlane.start(assets=assets)
    identities = [daemon.identity for daemon in plane.processes().values()]
    ports = (plane.ports.apiserver, plane.ports.etcd_client, plane.ports.etcd_peer)
    assert all(identity.alive() for identity in identities)
    assert all(listening(port) for port in ports)

    await plane.stop()

    assert not [identity for identity in identities if identity.alive()]
    assert not [port for port in ports if listening(port)]
    assert not plane.layout.root.exists()


PARENT = """
import asyncio, sys
from pathlib import Path
from nfvi_ha.lab.controlplane import Assets, ControlPlane

async def main():
    paths = [Path(path) if path else None for path in sys.argv[2:]]
    await ControlPlane.start(Path(sys.argv[1]), assets=Assets(*paths, version=(0, 0, 0), source="test"))
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def parent(assets: Assets, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a control plane in ``tmp_path``; it says "up" when that is ready."""
    manager = assets.kube_controller_manager or ""
    command = [sys.executable, "-c", PARENT, tmp_path, assets.kube_apiserver, manager, assets.etcd, ""]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


async def test_nothing_survives_a_killed_parent(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    assert parent.stdout is not None
    assert await asyncio.to_thread(parent.stdout.readline) == "up\n"
    record = Record.read(Layout.at(tmp_path))
    assert record is not None
    assert {"etcd", "kube-apiserver"} <= set(record.running())

    parent.kill()

    async def all_gone() -> bool:
        return record.running() == []

    await eventually(all_gone, seconds=10)


async def test_second_control_plane_in_the_same_directory_is_refused(assets: Assets, tmp_path: Path) -> None:
    identity = ProcessId.of(os.getpid())
    assert identity is not None
    layout = Layout.at(tmp_path)
    Record(Ports(1, 2, 3), {"etcd": identity}, assets, detached=True).write(layout)

    with pytest.raises(ControlPlaneError, match="already has a running control plane"):
        await ControlPlane.start(tmp_path, assets=assets)


async def test_custom_resources_behave(control_plane: ControlPlane) -> None:
    await exercise(control_plane.api)


async def test_service_account_may_do_what_rbac_gives_it_and_nothing_else(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("-n", namespace, "create", "serviceaccount", "reader")
    kubectl("-n", namespace, "create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("-n", namespace, "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader")

    config = await control_plane.kubeconfig_for_service_account(namespace, "reader")

    assert config.stat().st_mode & 0o777 == 0o600
    assert kubectl("get", "configmaps", kubeconfig=config).returncode == 0
    refused = kubectl("get", "secrets", check=False, kubeconfig=config)
    assert "Forbidden" in refused.stderr
    assert f"system:serviceaccount:{namespace}:reader" in refused.stderr
    assert "Forbidden" in kubectl("get", "nodes", check=False, kubeconfig=config).stderr


async def test_without_credentials_nothing_is_readable(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    anonymous = kubectl(
        f"--server={control_plane.server}",
        f"--certificate-authority={control_plane.ca}",
        "--token=made-up",
        "get",
        "configmaps",
        check=False,
        kubeconfig=Path(os.devnull),
    )
    assert anonymous.returncode != 0
    assert "logged in" in anonymous.stderr or "Unauthorized" in anonymous.stderr


async def test_private_files_are_their_owners_only(control_plane: ControlPlane) -> None:
    private = [*control_plane.layout.pki.iterdir(), *control_plane.layout.kubeconfigs.iterdir()]
    assert len(private) >= 20
    assert not [path for path in private if path.stat().st_mode & 0o077]


async def test_owned_objects_are_collected(control_plane: ControlPlane, namespace: str) -> None:
    if control_plane.assets.kube_controller_manager is None:
        pytest.fail("no kube-controller-manager beside this kube-apiserver: owned objects are not collected")
    api, maps = control_plane.api, f"/api/v1/namespaces/{namespace}/configmaps"
    owner = await api.call("POST", maps, config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    await api.call("POST", maps, config_map("owned", ownerReferences=[reference]))
    await api.call("POST", maps, config_map("free"))

    await api.call("DELETE", f"{maps}/owner")

    async def collected() -> bool:
        return not await api.healthy(f"{maps}/owned")

    await eventually(collected)
    assert await api.healthy(f"{maps}/free")


async def test_deleted_namespace_goes_away_with_its_content(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    api = control_plane.api
    kubectl("create", "namespace", "short-lived")
    kubectl("-n", "short-lived", "create", "configmap", "inside")

    kubectl("delete", "namespace", "short-lived", "--wait=false")

    async def gone() -> bool:
        return not await api.healthy("/api/v1/namespaces/short-lived")

    await eventually(gone)


async def test_stopped_apiserver_refuses_and_returns_on_the_same_port_with_its_data(own_plane: ControlPlane) -> None:
    await own_plane.api.call("POST", CONFIG_MAPS, config_map("kept"))
    port = urlsplit(own_plane.server).port
    assert port is not None

    await own_plane.stop_apiserver(grace_seconds=0)
    refused = not listening(port)
    with pytest.raises(OSError), socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
    await own_plane.start_apiserver()

    assert refused
    assert (await own_plane.api.call("GET", f"{CONFIG_MAPS}/kept"))["data"] == {"k": ""}


async def test_killed_etcd_loses_nothing_acknowledged(own_plane: ControlPlane) -> None:
    for number in range(20):
        await own_plane.api.call("POST", CONFIG_MAPS, config_map(f"acknowledged-{number}"))

    await own_plane.restart_etcd(grace_seconds=0)

    listed = await own_plane.api.call("GET", CONFIG_MAPS)
    names = {item["metadata"]["name"] for item in listed["items"]}
    assert {f"acknowledged-{number}" for number in range(20)} <= names


async def test_forgotten_history_answers_gone(own_plane: ControlPlane) -> None:
    before = (await own_plane.api.call("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
    await own_plane.api.call("POST", CONFIG_MAPS, config_map("after"))

    await own_plane.forget_history()

    watch = f"{CONFIG_MAPS}?watch=true&resourceVersion={before}&timeoutSeconds=5"
    try:
        events = [event async for event in own_plane.api.watch(watch, timeout_seconds=10)]
        codes = [event["object"].get("code") for event in events if event["type"] == "ERROR"]
    except ApiCallFailed as error:  # newer servers may say it by status
        codes = [error.status]
    assert codes == [410]


async def test_paused_apiserver_keeps_connections_and_answers_nothing_until_resumed(own_plane: ControlPlane) -> None:
    own_plane.pause()
    try:
        with pytest.raises(ApiCallFailed) as silence:
            await own_plane.api.call("GET", CONFIG_MAPS, timeout_seconds=1.0)
    finally:
        own_plane.resume()

    assert silence.value.status == 0
    assert await own_plane.api.healthy("/readyz", timeout_seconds=10)


async def test_paused_process_can_still_be_stopped(assets: Assets) -> None:
    async with await ControlPlane.start(assets=assets) as plane:
        identities = [daemon.identity for daemon in plane.processes().values()]
        for name in plane.processes():
            plane.pause(name)
    assert not [identity for identity in identities if identity.alive()]


async def test_start_failure_names_the_log_and_leaves_nothing(assets: Assets, tmp_path: Path) -> None:
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    broken.chmod(0o755)
    sick = Assets(broken, None, assets.etcd, None, version=assets.version, source="test")

    with pytest.raises(ControlPlaneError, match="no such luck"):
        await ControlPlane.start(tmp_path / "state", assets=sick)

    assert Record.read(Layout.at(tmp_path / "state")) is None
    assert processes_mentioning(tmp_path / "state") == []


def processes_mentioning(path: Path) -> list[bytes]:
    found = []
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended while we looked
            found.append(command_line.read_bytes())
    return [words for words in found if str(path).encode() in words]


async def test_lab_goes_on_after_its_command_and_is_found_again(assets: Assets, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    assert (await session.status(lab))["state"] == "Stopped"
    started = await session.up(lab, assets=assets)
    try:
        again = await session.up(lab, assets=assets)
        state = await session.status(lab)
        assert again == started
        assert state["state"] == "Running"
        assert {process["name"] for process in state["processes"] if process["alive"]} >= {"etcd", "kube-apiserver"}
        assert session.kubeconfig(lab) == started.kubeconfig

        await ControlPlane.attach(lab).restart_apiserver()
        assert (await session.status(lab))["state"] == "Running"

        ControlPlane.attach(lab).processes()["etcd"].identity.signal(signal.SIGKILL)

        async def broken() -> bool:
            return bool((await session.status(lab))["state"] == "Broken")

        await eventually(broken)
    finally:
        stopped = await session.down(lab)

    assert "kube-apiserver" in stopped
    assert processes_mentioning(lab) == []
    assert not list(lab.rglob("*.key"))
    assert await session.down(lab) == []
    with pytest.raises(ControlPlaneError, match="nfvi-ha lab up"):
        session.kubeconfig(lab)

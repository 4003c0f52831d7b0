"""Networks of the lab: what is cut is cut, and nothing is left when they go."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import orjson
import pytest
import pytest_asyncio

from nfvi_ha.lab.control import ControlFailed
from nfvi_ha.lab.network import namespace
from nfvi_ha.lab.network.client import Network, NetworkProcess
from nfvi_ha.lab.network.plan import BEAT_NETWORKS, Host, Mode

T = TypeVar("T")
ONE, OTHER = Host.hypervisor("one", 0), Host.hypervisor("other", 1)
PORT = 4711


def inside(network: Network, host: str, make: Callable[[], T]) -> T:
    descriptor = os.open(network.namespaces[host], os.O_RDONLY)
    try:
        with namespace.entered(descriptor):
            return make()
    finally:
        os.close(descriptor)


def bound(network: Network, host: Host, name: str) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host.addresses(Mode.NAMESPACES)[name], PORT))
        made.settimeout(0.2)
        return made

    return inside(network, host.name, make)


class Wire:
    """Datagrams from one host to the other over one network."""

    def __init__(self, network: Network, name: str) -> None:
        self._from, self._to = bound(network, ONE, name), bound(network, OTHER, name)
        self._address = (OTHER.addresses(Mode.NAMESPACES)[name], PORT)

    def passes(self) -> bool:
        try:
            self._from.sendto(b"x", self._address)
            return self._to.recv(16) == b"x"
        except OSError:  # nothing came, or there is no way at all
            return False

    def passed(self, count: int) -> int:
        self._to.settimeout(0.02)
        return sum(self.passes() for _ in range(count))

    async def until(self, passes: bool) -> None:
        deadline = time.monotonic() + 10
        while self.passes() is not passes:
            assert time.monotonic() < deadline, f"still {'nothing' if passes else 'everything'} passes"
            await asyncio.sleep(0.05)

    def close(self) -> None:
        self._from.close()
        self._to.close()


@pytest_asyncio.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    process = NetworkProcess(tmp_path / "network")
    try:
        made = await process.start([ONE, OTHER])
        if made.mode is Mode.LOOPBACK:
            pytest.fail(f"these tests need network namespaces: {made.reason}")
        yield made
    finally:
        await process.stop()


async def test_a_cut_link_carries_nothing_and_the_other_network_goes_on(network: Network) -> None:
    mgmt, storage = Wire(network, "mgmt"), Wire(network, "storage")
    assert mgmt.passes()
    assert storage.passes()
    at = await network.set_links(["other"], [BEAT_NETWORKS["mgmt"].name], up=False)
    assert at <= time.monotonic_ns()
    assert not mgmt.passes()
    assert storage.passes()
    await network.set_links(["other"], [BEAT_NETWORKS["mgmt"].name], up=True)
    await mgmt.until(True)
    mgmt.close()
    storage.close()


async def test_a_switch_that_stands_still_carries_nothing_and_leaves_carriers_up(network: Network) -> None:
    mgmt = Wire(network, "mgmt")
    await network.set_switches(["mgmt"], up=False)
    assert not mgmt.passes()
    read = inside(
        network, "one", lambda: subprocess.run([sys.executable, "-c", CARRIER], capture_output=True, check=True)
    )
    assert read.stdout.split() == [b"up"]
    await network.set_switches(["mgmt"], up=True)
    await mgmt.until(True)
    mgmt.close()


CARRIER = """
import fcntl, socket, struct
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
flags = struct.unpack("16xH22x", fcntl.ioctl(asked, 0x8913, struct.pack("16s24x", b"mgmt0")))[0]
print("up" if flags & 0x40 else "down")
"""


async def test_packets_are_lost_at_random_until_they_are_not(network: Network) -> None:
    mgmt = Wire(network, "mgmt")
    assert mgmt.passed(100) == 100
    await network.set_loss(["one"], 0.5)
    assert 20 < mgmt.passed(100) < 80
    await network.set_loss(["one"], 1.0)
    assert mgmt.passed(20) == 0
    await network.set_loss(["one"], 0.0)
    assert mgmt.passed(100) == 100
    mgmt.close()


async def test_a_relay_leads_to_the_machine_and_is_cut_with_the_management_link(network: Network) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = await network.relay_to_machine(6443, port)
    await network.relay_on_loopback("one", port, address)
    async with server:
        assert await said(network, "other", address) == b"HELLO\n"
        assert await said(network, "one", ("127.0.0.1", port)) == b"HELLO\n"
        await network.set_links(["other"], up=False)
        with pytest.raises((OSError, TimeoutError)):
            await said(network, "other", address)


async def said(network: Network, host: str, address: tuple[str, int]) -> bytes:
    connection = inside(network, host, socket.socket)
    connection.setblocking(False)
    async with asyncio.timeout(1.0):
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
    return answer


async def test_an_unknown_host_is_refused_by_name(network: Network) -> None:
    with pytest.raises(ControlFailed, match="no-such"):
        await network.set_links(["no-such"], up=False)


async def test_where_namespaces_are_not_wanted_no_link_can_be_cut(tmp_path: Path) -> None:
    process = NetworkProcess(tmp_path / "network")
    try:
        made = await process.start([ONE], Mode.LOOPBACK)
        assert (made.mode, made.namespaces) == (Mode.LOOPBACK, {})
        assert made.command("one", ["true"]) == ["true"]
        with pytest.raises(ControlFailed, match="no links"):
            await made.set_links(["one"], up=False)
    finally:
        await process.stop()


STARTER = """
import asyncio, sys
from pathlib import Path
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.network.client import NetworkProcess
from nfvi_ha.lab.network.plan import Host

async def main(root):
    network = await NetworkProcess(root / "network").start([Host.hypervisor("one", 0)])
    sleeper = [sys.executable, "-c", "import time; time.sleep(1000)"]
    Daemon.spawn("one", network.command("one", sleeper), log=root / "one.log", cwd=root, detach=False)
    (root / "started").touch()
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_nothing_is_left_of_a_lab_that_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", STARTER, str(tmp_path)]
    starter = subprocess.Popen(argv)  # noqa: ASYNC220 - takes a millisecond
    try:
        await eventually(lambda: (tmp_path / "started").exists(), "the lab is up")
        values = orjson.loads((tmp_path / "network" / "networks.json").read_bytes())
        number = os.stat(values["namespaces"]["one"]).st_ino
        await eventually(lambda: "python" in users_of(number), "a process is in the namespace")
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    await eventually(lambda: not users_of(number), "nobody is in the namespace or holds it")


def users_of(number: int) -> dict[str, int]:
    """Processes, by name, that are in the network namespace or hold it open."""
    found: dict[str, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [process / "ns" / "net", *(process / "fd").iterdir()]
        except OSError:
            continue
        for link in links:
            try:
                if str(link.readlink()) == f"net:[{number}]":
                    found[(process / "comm").read_text().strip()] = int(process.name)
            except OSError:
                continue
    return found


async def eventually(holds: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)

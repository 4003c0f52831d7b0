"""A host with two storage links, and its storage, in network namespaces of this process: ``SCENARIO DIRECTORY``.

The host (this process's namespace) has storage0 and storage1, each cabled to a switch of its own; the storage host is
on both switches and has two service addresses, each with a UDP echo server. Routes by metric lead to them over
storage0, and over storage1 while storage0 has no carrier. The real probe runs; beside it a stream of a packet each 5 ms
measures by itself how long nothing came back. One JSON object is printed. Exit code 77: not permitted here.
"""

import asyncio
import contextlib
import ctypes
import itertools
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pyroute2 import AsyncIPRoute

from nfvi_ha.agent.faults import FaultTable, Telling
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.link.cluster import ClusterName
from nfvi_ha.agent.probes.link.metrics import LinkMetrics
from nfvi_ha.agent.probes.link.probe import LinkProbe
from nfvi_ha.agent.probes.link.settings import read_settings
from nfvi_ha.core.wire.local_fault import unpack
from tests.unit.agent.waiting import eventually

CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_PRIVATE = 0x4000 | 0x40000
NOT_PERMITTED = 77
SERVICES = ("192.0.2.1", "192.0.2.2")
PORT = 7007
LIBC = ctypes.CDLL(None, use_errno=True)


def must(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def own_namespaces(sysfs: Path) -> None:
    must(LIBC.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
    must(LIBC.mount(b"none", b"/", None, ctypes.c_ulong(MS_PRIVATE), None), "mount private")
    must(LIBC.mount(b"sysfs", bytes(sysfs), b"sysfs", ctypes.c_ulong(0), None), "mount sysfs")


class Namespace:
    """Another network namespace, as a descriptor."""

    def __init__(self) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        must(LIBC.unshare(CLONE_NEWNET), "unshare")
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.netlink = AsyncIPRoute()
        self.netlink.fileno()
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in SERVICES]
        must(LIBC.setns(home, CLONE_NEWNET), "setns")
        os.close(home)


async def index(netlink: AsyncIPRoute, name: str) -> int:
    (found,) = await netlink.link_lookup(ifname=name)
    return int(found)


async def build(home: AsyncIPRoute, switches: Namespace, storage: Namespace) -> None:
    for netlink in (home, switches.netlink, storage.netlink):
        await netlink.link("set", index=1, state="up")
    for number in range(2):
        bridge = f"switch{number}"
        await switches.netlink.link("add", ifname=bridge, kind="bridge", state="up")
        master = await index(switches.netlink, bridge)
        ends = ((home, f"storage{number}", 10), (storage.netlink, f"port{number}", 1))
        for netlink, name, host in ends:
            peer = {"ifname": f"{name}-sw", "net_ns_fd": switches.fd}
            await netlink.link("add", ifname=name, kind="veth", peer=peer)
            own, other = await index(netlink, name), await index(switches.netlink, f"{name}-sw")
            await switches.netlink.link("set", index=other, master=master, state="up")
            await netlink.addr("add", index=own, address=f"198.51.{100 + number}.{host}", prefixlen=24)
            await netlink.link("set", index=own, state="up")
    for service in SERVICES:
        await storage.netlink.addr("add", index=1, address=service, prefixlen=32)
        for number in range(2):
            gateway = f"198.51.{100 + number}.1"
            await home.route("add", dst=f"{service}/32", gateway=gateway, priority=10 * (number + 1))
    ignore_dead_routes()


def ignore_dead_routes() -> None:
    for each in ("all", "default", "storage0", "storage1"):
        Path(f"/proc/sys/net/ipv4/conf/{each}/ignore_routes_with_linkdown").write_text("1")


def echo(served: socket.socket) -> None:
    while True:
        data, sender = served.recvfrom(2048)
        with contextlib.suppress(OSError):
            served.sendto(data, sender)


class Stream:
    """Measures the longest time in which nothing came back."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", 0))
        self._end = False
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._receive)]

    def start(self) -> None:
        for each in self._threads:
            each.start()

    def _send(self) -> None:
        while not self._end:
            with contextlib.suppress(OSError):
                self._socket.sendto(b"stream", (SERVICES[0], PORT))
            time.sleep(0.005)

    def _receive(self) -> None:
        while True:
            self._socket.recv(64)
            self.arrivals.append(time.monotonic())

    def outage_ms(self, since: float) -> float:
        times = [at for at in self.arrivals if at > since - 0.2]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        return max(gaps, default=0.0) * 1000


class Story:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def tell(self, telling: Telling) -> None:
        now = time.monotonic()
        for fault in unpack(telling.blob):
            line = {"kind": fault.kind.value, "component": fault.component, "cause": fault.cause}
            self.lines.append(line | {"detail": fault.detail, "at": now, "event": fault.is_event})
        self.lines.append({"kind": "set", "at": now, "left": len(unpack(telling.blob))})

    async def until(self, kind: str, component: str) -> dict[str, Any]:
        await eventually(lambda: self._about(kind, component))
        return self._about(kind, component)[0]

    async def until_well(self) -> None:
        await eventually(lambda: self.lines and self.lines[-1].get("left") == 0)

    def _about(self, kind: str, component: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind and line.get("component") == component]


class Scene:
    def __init__(self, home: AsyncIPRoute, switches: Namespace, story: Story, stream: Stream) -> None:
        self.home, self.switches, self.story, self.stream = home, switches, story, stream

    async def set_switch_end(self, name: str, state: str) -> float:
        port = await index(self.switches.netlink, f"{name}-sw")
        at = time.monotonic()
        await self.switches.netlink.link("set", index=port, state=state)
        return at

    async def link_down(self) -> dict[str, Any]:
        """The cable of storage0 is pulled; routes move to storage1."""
        at = await self.set_switch_end("storage0", "down")
        link = await self.story.until("link.down", "link/storage0")
        loss = await self.story.until("storage.path.degraded", "path/ceph")
        result = {"link_ms": (link["at"] - at) * 1000, "loss_ms": (loss["at"] - at) * 1000, "detail": loss["detail"]}
        result["stream_ms"] = self.stream.outage_ms(at)
        await self.set_switch_end("storage0", "up")
        await self.story.until_well()
        return result

    async def blackhole(self) -> dict[str, Any]:
        """The storage host's port on the first switch goes; carriers here stay, nobody moves the routes in time."""
        at = await self.set_switch_end("port0", "down")
        dead = await self.story.until("storage.path.failed", "path/ceph")
        result = {"dead_ms": (dead["at"] - at) * 1000, "detail": dead["detail"]}
        await self.set_switch_end("port0", "up")
        await self.story.until_well()
        return result | {"kinds": sorted({line["kind"] for line in self.story.lines})}

    async def moved(self, seconds: float) -> dict[str, Any]:
        """The same, but somebody moves the routes after a while."""
        at = await self.set_switch_end("port0", "down")
        await asyncio.sleep(seconds)
        for service in SERVICES:
            await self.home.route("del", dst=f"{service}/32", gateway="198.51.100.1", priority=10)
        slow = seconds > 1
        kind, component = (
            ("storage.path.failover.slow", "path/ceph") if slow else ("storage.path.degraded", "path/ceph/failover")
        )
        found = await self.story.until(kind, component)
        return {"detail": found["detail"], "stream_ms": self.stream.outage_ms(at)}

    async def both_down(self) -> dict[str, Any]:
        at = await self.set_switch_end("storage0", "down")
        await self.set_switch_end("storage1", "down")
        dead = await self.story.until("storage.path.failed", "path/ceph")
        return {"dead_ms": (dead["at"] - at) * 1000, "cause": dead["cause"]}


async def main(scenario: str, directory: Path) -> dict[str, Any]:
    switches, storage = Namespace(), Namespace()
    home = AsyncIPRoute()
    await build(home, switches, storage)
    for served, address in zip(storage.sockets, SERVICES, strict=True):
        served.bind((address, PORT))
        threading.Thread(target=echo, args=(served,), daemon=True).start()
    story, stream = Story(), Stream()
    soon = asyncio.get_running_loop().call_soon
    table = FaultTable(Memory("boot"), room=1200, tell=story.tell, save=lambda: None, soon=soon)
    path = {
        "name": "ceph",
        "interfaces": ["storage0", "storage1"],
        "targets": [f"{service}:{PORT}" for service in SERVICES],
    }
    registry = CollectorRegistry()
    settings = read_settings({"storagePaths": [path]})
    probe = LinkProbe(settings, ClusterName("t", directory), directory, Path("/proc"), LinkMetrics(registry))
    task = asyncio.create_task(probe.run(table, InventoryBook(lambda *_: None, soon)))
    labels = {"path": "ceph", "target": f"{SERVICES[1]}:{PORT}", "result": "answered"}
    await eventually(lambda: (registry.get_sample_value("nfvi_ha_agent_link_path_probes_total", labels) or 0) > 20)
    stream.start()
    await eventually(lambda: len(stream.arrivals) > 20)
    scene = Scene(home, switches, story, stream)
    early = list(story.lines)
    result = await {
        "link-down": scene.link_down,
        "blackhole": scene.blackhole,
        "both-down": scene.both_down,
        "moved": lambda: scene.moved(0.4),
        "moved-late": lambda: scene.moved(1.5),
    }[scenario]()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return result | {"early": [line for line in early if line["kind"] != "set"]}


if __name__ == "__main__":
    try:
        own_namespaces(Path(sys.argv[2]))
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(NOT_PERMITTED)
    print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2])))), flush=True)
    # Threads that wait in recv are no reason to stay.
    os._exit(0)

"""A site on loopback: real sentinel processes without Kubernetes, agents played by the test, a real receiver as VIM."""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.answer import Answer, decode_answer
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog, encode_beat, room
from nfvi_ha.core.wire.frame import BadFrame, FrameKind, cluster_id, peek
from nfvi_ha.core.wire.goodbye import Goodbye, GoodbyeReason, encode_goodbye
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, chunks, encode_inventory
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.local_fault import LocalFault, pack
from nfvi_ha.core.wire.probe import decode_probe_request
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.sentinel.scribe.lines import FeedKind, Put, Synced, encode

CLUSTER = "site-1"
MASTER = b"m" * 32
VOTE_KEY = b"v" * 32
KEY_ID = 3
NETWORKS = ("mgmt", "storage")
SEAT_ADDRESSES = ("127.0.1.1", "127.0.1.2")
WAIT_SECONDS = 45.0
"""Generous: how long anything may take on a machine that does other things, too."""


class Agent:
    """A hypervisor's agent as sentinels see it: beats, faults, inventory; and one TCP service beside it."""

    def __init__(self, number: int, seats: Sequence[Sequence[tuple[str, int]]]) -> None:
        self.node = f"worker-{number}"
        self.boot_id = f"00000000-0000-4000-8000-{number:012d}"
        self.addresses = (f"127.0.2.{number}", f"127.0.3.{number}")
        self.answers: dict[int, Answer] = {}
        """Newest by seat."""
        self.faults: list[LocalFault] = []
        self.vms: list[VmEntry] = []
        self.overflow_room: int | None = None
        self.flags = Flags.REAL_TIME
        self._seats = seats
        self._key = node_key(MASTER, self.node, KEY_ID)
        self._sequence = 0
        self._incarnation = time.time_ns()
        self._generation = 1
        self._inventory_generation = 1
        self._serial = 0
        self._sockets: list[socket.socket] = []
        self._services: list[asyncio.Server] = []
        self._task: asyncio.Task[None] | None = None
        self.service_port = 0
        self.asked: Counter[str] = Counter()
        """Requests to probe others, by the node that was to be probed."""
        self.connected = 0
        """Times that somebody connected to the service."""

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for address in self.addresses:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.bind((address, 0))
            loop.add_reader(opened, self._read, opened)
            self._sockets.append(opened)
        await self.serve()
        self.beat_again()

    async def serve(self) -> None:
        """Something on the hypervisor that accepts connections, as a kubelet does."""
        for address in self.addresses:
            service = await asyncio.start_server(self._connected, address, self.service_port, reuse_address=True)
            self.service_port = service.sockets[0].getsockname()[1]
            self._services.append(service)

    def stop_service(self) -> None:
        for service in self._services:
            service.close()
        self._services.clear()

    def _connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        writer.close()

    def beat_again(self) -> None:
        self._task = asyncio.create_task(self._run())

    def silence(self) -> None:
        """No more beats, as if the beat process were gone."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def die(self) -> None:
        """Nothing answers but the kernel."""
        self.silence()
        self.stop_service()

    def restart(self, *, boot_id: str | None = None) -> None:
        """Another process of the agent; with another boot id, another boot of the hypervisor."""
        self._incarnation = time.time_ns()
        self._generation, self._sequence = 1, 0
        self.boot_id = boot_id or self.boot_id
        self.answers.clear()

    def fault(self, kind: FaultKind, **fields: Any) -> LocalFault:
        """Something breaks; told at once."""
        self._serial += 1
        made = LocalFault(
            serial=self._serial,
            kind=kind,
            cause=fields.pop("cause", "Test"),
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            is_event=fields.pop("is_event", kind is FaultKind.VM_FAILED),
            seen_at_ms=time.time_ns() // 1_000_000,
            episode=fields.pop("episode", 0),
            **fields,
        )
        self.faults.append(made)
        self.changed()
        return made

    def vm_fault(self, vm: VmEntry, **fields: Any) -> LocalFault:
        fields.setdefault("cause", "QemuCrashed")
        return self.fault(
            FaultKind.VM_FAILED, vm_uid=vm.uid, vm_namespace=vm.namespace, vm_name=vm.name, vnf=vm.vnf, **fields
        )

    def prove(self, fault: LocalFault, proof: str) -> None:
        self.faults = [replace(each, proof=proof) if each.serial == fault.serial else each for each in self.faults]
        self.changed()

    def over(self, fault: LocalFault) -> None:
        self.faults = [each for each in self.faults if each.serial != fault.serial]
        self.changed()

    def changed(self) -> None:
        self._generation += 1
        if self._task is not None:
            self._beat(Flags.NEW_FAULT)

    def acknowledged(self, fault: LocalFault) -> int:
        """How many seats have recorded it."""
        return sum(answer.recorded(fault.serial) for answer in self.answers.values())

    def goodbye(self, reason: GoodbyeReason, seconds: int) -> None:
        said = Goodbye(self.node, self.boot_id, self._incarnation, self._sequence, reason, seconds, self._nonces())
        self._send(0, encode_goodbye(said, self._key, KEY_ID, cluster_id(CLUSTER)))

    async def close(self) -> None:
        self.silence()
        self.stop_service()
        for opened in self._sockets:
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due, beats = loop.time(), 0
        while True:
            self._beat()
            if beats % 10 == 0:
                self.tell_inventory()
            beats += 1
            due = max(due + 0.1, loop.time())
            await asyncio.sleep(due - loop.time())

    def _beat(self, extra: Flags | None = None) -> None:
        self._sequence += 1
        faults = pack(self.faults, self.overflow_room or room(self.node)).blob
        for network in range(len(NETWORKS)):
            beat = Beat(
                node=self.node,
                boot_id=self.boot_id,
                incarnation=self._incarnation,
                sequence=self._sequence,
                network=network,
                flags=self.flags if extra is None else self.flags | extra,
                watchdog=Watchdog.NONE,
                lag_ms=0,
                episode=max((answer.episode for answer in self.answers.values()), default=0),
                fault_generation=self._generation,
                inventory_generation=self._inventory_generation,
                nonces=self._nonces(),
                faults=faults,
            )
            self._send(network, encode_beat(beat, self._key, KEY_ID, cluster_id(CLUSTER)))

    def tell_inventory(self) -> None:
        self._inventory_generation += 1
        parts = chunks(self.node, self.vms)
        for number, part in enumerate(parts):
            said = Inventory(
                self.node,
                self.boot_id,
                self._incarnation,
                self._inventory_generation,
                number,
                len(parts),
                self._nonces(),
                part,
            )
            self._send(0, encode_inventory(said, self._key, KEY_ID, cluster_id(CLUSTER)))

    def _nonces(self) -> tuple[int, int, int]:
        known = [self.answers[seat].nonce if seat in self.answers else 0 for seat in range(3)]
        return known[0], known[1], known[2]

    def _send(self, network: int, data: bytes) -> None:
        for place in self._seats[network]:
            with contextlib.suppress(OSError):
                self._sockets[network].sendto(data, place)

    def _read(self, opened: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = opened.recv(2048)
                with contextlib.suppress(BadFrame):
                    self._take(data)

    def _take(self, data: bytes) -> None:
        if peek(data).kind is FrameKind.PROBE_REQUEST:
            self.asked[decode_probe_request(data, self._key).target] += 1
            return
        answer = decode_answer(data, self._key, cluster_id(CLUSTER))
        self.answers[answer.seat] = answer


class SeatProcess:
    """One ``nfvi-ha sentinel run``."""

    def __init__(self, argv: Sequence[str], directory: Path) -> None:
        self._argv = argv
        self.directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        ready = self.directory / "ports"
        ready.unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._argv, stdout=log, stderr=log)
        await until(lambda: ready.exists() or self.ended, lambda: f"sentinel to listen: {self.log()[-2000:]}")
        assert not self.ended, self.log()

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self, number: int = signal.SIGTERM) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
        return await self._process.wait()

    async def metric(self, sample: str) -> float | None:
        """A sample of /metrics, by its name and labels; None where there is none."""
        port = int((self.directory / "ports").read_text().splitlines()[-1])
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), None)

    def spooled(self) -> list[dict[str, Any]]:
        return [orjson.loads(path.read_bytes()) for path in (self.directory / "state" / "spool").glob("*.json")]


class Site:
    """Everything together."""

    def __init__(
        self,
        directory: Path,
        vim: Receiver,
        agents: list[Agent],
        seats: list[SeatProcess],
        twin_of: Callable[[int], SeatProcess],
        ports: list[int],
    ) -> None:
        self.directory = directory
        self.twin_of = twin_of
        """Another process of that seat, at another place; whoever makes one ends it."""
        self.ports = ports
        self.vim = vim
        self.agents = agents
        self.seats = seats

    def events(self, type_: str, subject: str = "") -> list[Record]:
        """What the VIM accepted, doubles included."""
        return [one for one in self.vim.records if one.type.endswith(type_) and subject in one.subject and one.accepted]

    def ids(self, type_: str, subject: str = "") -> set[str]:
        return {one.id for one in self.events(type_, subject)}

    async def wait_for(self, type_: str, subject: str = "", count: int = 1) -> list[Record]:
        """Until the VIM has so many different ones."""
        try:
            await self.vim.wait_for(lambda _: len(self.ids(type_, subject)) >= count, WAIT_SECONDS)
        except TimeoutError:
            got = [(one.type, one.subject, one.status) for one in self.vim.records]
            logs = "\n".join(seat.log()[-3000:] for seat in self.seats)
            raise AssertionError(f"no {type_} of {subject!r} in {got}\n{logs}") from None
        return self.events(type_, subject)

    async def refused(self, type_: str) -> None:
        """Until the VIM has been sent one and did not take it."""
        await self.vim.wait_for(
            lambda records: any(one.type.endswith(type_) and one.status == 503 for one in records), WAIT_SECONDS
        )

    async def ports_seen(self, agent: Agent) -> None:
        """Until every seat has found the agent's service to be listening, and so may miss it."""
        await until(lambda: agent.connected >= 2 * len(self.seats), "seats to try the service")

    async def settled(self) -> None:
        """All agents are answered by all seats that run, so every seat has history of every node."""
        for seat in self.seats:
            everybody = f"heard={list(range(len(self.seats)))}"
            await until(lambda seat=seat, all_=everybody: all_ in seat.log(), "seats to hear each other")  # type: ignore[misc]
        running = [number for number, seat in enumerate(self.seats) if not seat.ended]
        await until(
            lambda: all(set(agent.answers) >= set(running) for agent in self.agents),
            lambda: (
                "answers: "
                + str({agent.node: sorted(agent.answers) for agent in self.agents})
                + self.seats[0].log()[-2000:]
            ),
        )


@asynccontextmanager
async def site(directory: Path, *, agents: int = 4, seats: int = 3, feed: Iterable[Put] = ()) -> AsyncIterator[Site]:
    """Start a site; leaves nothing behind."""
    vim = Receiver(ReceiverSettings())
    url = await vim.start()
    ports = free_ports()
    places = [[(address, port) for port in ports] for address in SEAT_ADDRESSES]
    hosts = [Agent(number + 1, places) for number in range(agents)]
    for host in hosts:
        await host.start()
    lines = [*_feed(url, hosts), *feed]
    processes: list[SeatProcess] = []

    def twin_of(number: int) -> SeatProcess:
        others = [port if other != number else 0 for other, port in enumerate(ports)]
        return _seat(directory / f"twin-{number}", number, others, lines)

    made = Site(directory, vim, hosts, processes, twin_of, ports)
    try:
        processes.extend(_seat(directory / f"seat-{number}", number, ports, lines) for number in range(seats))
        await asyncio.gather(*(process.start() for process in processes))
        yield made
    finally:
        await asyncio.gather(*(host.close() for host in hosts))
        await asyncio.gather(*(process.stop() for process in processes))
        await vim.stop()


def _seat(directory: Path, number: int, ports: list[int], lines: Iterable[Put]) -> SeatProcess:
    state = directory / "state"
    state.mkdir(parents=True)
    (state / "feed.json").write_bytes(b"".join([*map(encode, lines), encode(Synced())]))
    argv = [sys.executable, "-m", "nfvi_ha", "sentinel", "run", "--no-scribe", "--seat", str(number)]
    argv += ["--state-dir", str(state), "--port", str(ports[number]), "--metrics-port", "0", "--host", "127.0.0.1"]
    argv += ["--port-file", str(directory / "ports"), "--log-format", "text"]
    for network, address in zip(NETWORKS, SEAT_ADDRESSES, strict=True):
        argv += ["--address", f"{network}={address}"]
        for other, port in enumerate(ports):
            if other != number:
                argv += ["--peer", f"{other}/{network}={address}:{port}"]
    return SeatProcess(argv, directory)


def _feed(url: str, agents: Iterable[Agent]) -> list[Put]:
    policy = {"warmUpSeconds": 0.5, "networks": list(NETWORKS)}
    config = {"cluster": CLUSTER, "masterKeys": {str(KEY_ID): MASTER.hex()}, "voteKey": VOTE_KEY.hex()}
    endpoint = {
        "apiVersion": "nfvi-ha.io/v1alpha1",
        "kind": "VIMEndpoint",
        "metadata": {"name": "vim", "uid": "u"},
        "spec": {"url": url, "allowInsecure": True, "retry": {"initialBackoff": "200ms", "maxBackoff": "500ms"}},
    }
    return [
        Put(FeedKind.CONFIG, "config", {**config, "policy": policy}),
        Put(FeedKind.ENDPOINT, "vim", {"object": endpoint, "secrets": []}),
        *(
            Put(
                FeedKind.NODE,
                agent.node,
                {
                    "uid": f"uid-{agent.node}",
                    "bootID": agent.boot_id,
                    "zone": "",
                    "governed": True,
                    "addresses": dict(zip(NETWORKS, agent.addresses, strict=True)),
                    "tcpPorts": [agent.service_port],
                    "leaseStale": False,
                },
            )
            for agent in agents
        ),
    ]


def vm(name: str, namespace: str = "tenant-a", **fields: Any) -> VmEntry:
    return VmEntry(f"uid-of-{name}", namespace, name, **fields)


async def until(condition: Callable[[], object], what: str | Callable[[], str]) -> None:
    """Until something is so."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110 - what we wait for is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}") from None


def free_ports() -> list[int]:
    """Three that are free on the first address, and most likely on the others."""
    opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for one in opened:
        one.bind((SEAT_ADDRESSES[0], 0))
    ports = [int(one.getsockname()[1]) for one in opened]
    for one in opened:
        one.close()
    return ports

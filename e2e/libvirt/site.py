"""The part of nfvi-ha that sees guests: a real agent, three real sentinels, a real receiver as VIM; no Kubernetes."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import urllib.request
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from libvirt.waiting import PATIENCE_SECONDS, until
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.sentinel.scribe.lines import FeedKind, Put, Synced, encode

CLUSTER: Final = "e2e"
NODE: Final = "worker-1"
NETWORK: Final = "mgmt"
ADDRESS: Final = "127.0.0.1"
SEATS: Final = 3
MASTER: Final = b"m" * 32
VOTE_KEY: Final = b"v" * 32
KEY_ID: Final = 1
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Told:
    """A notification that the VIM has."""

    def __init__(self, record: Record) -> None:
        data = record.event["data"]
        self.at = record.received_monotonic_ns
        """When, by CLOCK_MONOTONIC."""
        self.cause = str(data["cause"])
        self.confidence = str(data["confidence"])
        self.message = str(data["message"])
        self.uid = str(data["resource"]["uid"])


class Part:
    """One process of ours."""

    def __init__(self, name: str, argv: Sequence[str], directory: Path) -> None:
        self.name = name
        self._argv = argv
        self._log = directory / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        env = {**os.environ, "KUBECONFIG": "/nonexistent"}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._argv, stdout=log, stderr=log, env=env)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def lines(self, message: str, **fields: Any) -> list[dict[str, Any]]:
        """What it logged with that message and these fields."""
        found = (json.loads(line) for line in self.log().splitlines() if message in line and line.startswith("{"))
        return [
            line for line in found if line["msg"] == message and all(line.get(key) == fields[key] for key in fields)
        ]

    async def stop(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM that the API would show on this node."""

    name: str
    uid: str


class Site:
    """All of it; one hypervisor, this machine. ``vms`` are those that may be booted, in this order."""

    def __init__(self, directory: Path, probes: Mapping[str, Any], namespace: str, vms: Iterable[str]) -> None:
        self.directory = directory
        self.vim = Receiver(ReceiverSettings())
        self.namespace = namespace
        self._probes = probes
        self._vms = [Vm(name, str(uuid.uuid4())) for name in vms]
        self._unused = iter(self._vms)
        self._awaited: set[str] = set()
        self._ports = _free_ports(SEATS + 1)
        self._port_file = directory / "agent.port"
        argv = [sys.executable, "-m", "nfvi_ha", "agent", "run", "--config", str(directory / "settings.json")]
        self.agent = Part("agent", argv, directory)
        self.seats = [Part(f"seat-{seat}", self._seat_argv(seat), directory) for seat in range(SEATS)]

    async def start(self) -> None:
        """Until the agent is answered by all seats."""
        url = await self.vim.start()
        feed = b"".join([*map(encode, self._feed(url)), encode(Synced())])
        for seat in range(SEATS):
            state = self.directory / f"state-{seat}"
            state.mkdir()
            (state / "feed.json").write_bytes(feed)
        (self.directory / "settings.json").write_text(json.dumps(self._settings()))
        for part in (*self.seats, self.agent):
            await part.start()
        await until(self._answered, lambda: f"three seats to answer: {self.agent.log()[-2000:]}")

    async def close(self) -> None:
        await asyncio.gather(*(part.stop() for part in (self.agent, *self.seats)))
        await self.vim.stop()

    def told(self, type_: str, subject: str) -> list[Told]:
        """What the VIM accepted of that type on that subject, first arrivals only."""
        return [
            Told(one)
            for one in self.vim.records
            if one.type.endswith(type_) and one.subject.endswith(f"/{subject}") and one.accepted and not one.duplicate
        ]

    def next_vm(self) -> Vm:
        """One that was not booted yet."""
        return next(self._unused)

    def unexpected(self) -> list[str]:
        """VMs of ours that were told of as failed, and that no test failed."""
        failed = (one.subject for one in self.vim.records if one.type.endswith("vm.failed"))
        names = {subject.partition("/")[2] for subject in failed}
        return sorted(name for name in names - self._awaited if name.startswith(f"{self.namespace}/"))

    def expect_failed(self, subject: str) -> None:
        """A test ends this VM itself, when it is done with it."""
        self._awaited.add(subject)

    async def asked(self, pid: int) -> None:
        """Until the agent watches that process as libvirtd."""
        await self.logged("process watched", daemon="libvirtd", pid=pid)

    async def wait_for(self, type_: str, subject: str, count: int = 1) -> Told:
        """The newest, once the VIM has so many."""
        if type_ == "vm.failed":
            self._awaited.add(subject)
        try:
            await self.vim.wait_for(lambda _: len(self.told(type_, subject)) >= count, PATIENCE_SECONDS)
        except TimeoutError:
            got = [(one.type, one.subject, one.status) for one in self.vim.records]
            raise AssertionError(f"no {type_} of {subject} in {got}\n{self.agent.log()[-3000:]}") from None
        return self.told(type_, subject)[-1]

    async def logged(self, message: str, **fields: Any) -> dict[str, Any]:
        """A line of the agent's log."""
        await until(
            lambda: self.agent.lines(message, **fields), lambda: f"{message!r} {fields} in {self.agent.log()[-3000:]}"
        )
        return self.agent.lines(message, **fields)[-1]

    async def watched(self, pid: int, vm: Vm) -> None:
        """Until the agent watches that process as that VM."""
        kept = self.directory / "state-agent" / "watched.json"

        def there() -> bool:
            rows = json.loads(kept.read_text())["vms"] if kept.exists() else []
            return any(row["pid"] == pid and row["vm"] == [vm.uid, self.namespace, vm.name] for row in rows)

        await until(there, lambda: f"qemu {pid} to be watched as {vm.name}: {self.agent.log()[-3000:]}")

    async def evidence(self, subject: str) -> list[Mapping[str, Any]]:
        """The proof for a VM that failed, once seat 0 has it in its record, which waits for the API server."""
        found: list[Mapping[str, Any]] = []

        def there() -> bool:
            found[:] = _evidence(self.directory / "state-0" / "spool", subject)
            return bool(found)

        await until(there, f"evidence for {subject}")
        return found

    def _answered(self) -> bool:
        assert self.agent.running, self.agent.log()
        for seat in self.seats:
            assert seat.running, seat.log()
        if not self._port_file.exists():
            return False
        url = f"http://{ADDRESS}:{self._port_file.read_text().strip()}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return len(set(re.findall(r'^nfvi_ha_agent_answer_age_seconds\{seat="(\d)"\}', text, re.MULTILINE))) == SEATS

    def _settings(self) -> dict[str, Any]:
        return {
            "node": NODE,
            "cluster": CLUSTER,
            "networks": [{"name": NETWORK, "bind": ADDRESS, "port": self._ports[SEATS]}],
            "sentinels": [
                {"seat": seat, "network": NETWORK, "address": ADDRESS, "port": self._ports[seat]}
                for seat in range(SEATS)
            ],
            "keys": {str(KEY_ID): node_key(MASTER, NODE, KEY_ID).hex()},
            "stateDir": str(self.directory / "state-agent"),
            "kubeconfig": "/nonexistent",
            "host": ADDRESS,
            "port": 0,
            "portFile": str(self._port_file),
            "logFormat": "json",
            "probes": dict(self._probes),
        }

    def _seat_argv(self, seat: int) -> list[str]:
        argv = [sys.executable, "-m", "nfvi_ha", "sentinel", "run", "--no-scribe", "--seat", str(seat)]
        argv += ["--state-dir", str(self.directory / f"state-{seat}"), "--port", str(self._ports[seat])]
        argv += ["--metrics-port", "0", "--host", ADDRESS, "--address", f"{NETWORK}={ADDRESS}", "--log-format", "json"]
        for other in set(range(SEATS)) - {seat}:
            argv += ["--peer", f"{other}/{NETWORK}={ADDRESS}:{self._ports[other]}"]
        return argv

    def _feed(self, url: str) -> list[Put]:
        policy = {"warmUpSeconds": 0.5, "networks": [NETWORK]}
        config = {"cluster": CLUSTER, "masterKeys": {str(KEY_ID): MASTER.hex()}, "voteKey": VOTE_KEY.hex()}
        endpoint = {
            "apiVersion": "nfvi-ha.io/v1alpha1",
            "kind": "VIMEndpoint",
            "metadata": {"name": "vim", "uid": "u"},
            "spec": {"url": url, "allowInsecure": True},
        }
        node = {
            "uid": f"uid-{NODE}",
            "bootID": BOOT_ID,
            "zone": "",
            "governed": True,
            "addresses": {NETWORK: ADDRESS},
            "tcpPorts": [],
            "leaseStale": False,
        }
        return [
            Put(FeedKind.CONFIG, "config", {**config, "policy": policy}),
            Put(FeedKind.ENDPOINT, "vim", {"object": endpoint, "secrets": []}),
            Put(FeedKind.NODE, NODE, node),
            *(Put(FeedKind.VM, vm.uid, self._as_shown(vm)) for vm in self._vms),
        ]

    def _as_shown(self, vm: Vm) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "name": vm.name,
            "node": NODE,
            "vnf": "",
            "slot": None,
            "report": True,
            "going": False,
            "migrating": False,
        }


def _evidence(spool: Path, subject: str) -> list[Mapping[str, Any]]:
    for path in spool.glob("vm-failed-*.json"):
        record = json.loads(path.read_text())
        resource = record["spec"]["resource"]
        if f"{resource['namespace']}/{resource['name']}" == subject:
            return list(record.get("status", {}).get("evidence", []))
    return []


def _free_ports(count: int) -> list[int]:
    opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for one in opened:
        one.bind((ADDRESS, 0))
    ports = [int(one.getsockname()[1]) for one in opened]
    for one in opened:
        one.close()
    return ports

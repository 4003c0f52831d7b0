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
from collections.abc import Mapping, Sequence
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


class Site:
    """All of it; one hypervisor, this machine."""

    def __init__(self, directory: Path, probes: Mapping[str, Any]) -> None:
        self.directory = directory
        self.vim = Receiver(ReceiverSettings())
        self._probes = probes
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

    def told(self, type_: str, subject: str) -> list[Record]:
        """What the VIM accepted of that type on that subject, first arrivals only."""
        return [
            one
            for one in self.vim.records
            if one.type.endswith(type_) and one.subject.endswith(f"/{subject}") and one.accepted and not one.duplicate
        ]

    async def wait_for(self, type_: str, subject: str, count: int = 1) -> Record:
        """The newest, once the VIM has so many."""
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

    def evidence(self, subject: str) -> list[Mapping[str, Any]]:
        """What is kept of the proof for a VM, in the records that wait for the API server."""
        records = (json.loads(path.read_text()) for path in self.directory.glob("state-*/spool/*.json"))
        return [item for item in _evidence_of(records, subject)]

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
        ]


def _evidence_of(records: Any, subject: str) -> Any:
    for record in records:
        resource = record["spec"]["resource"]
        if f"{resource.get('namespace', '')}/{resource['name']}" == subject:
            yield from record.get("status", {}).get("evidence", [])


def _free_ports(count: int) -> list[int]:
    opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for one in opened:
        one.bind((ADDRESS, 0))
    ports = [int(one.getsockname()[1]) for one in opened]
    for one in opened:
        one.close()
    return ports

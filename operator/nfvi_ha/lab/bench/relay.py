"""Stands between the operator and the API server, and passes everything: ``python -m nfvi_ha.lab.bench.relay``.

It notes when it hands the operator each event of VMIs and Incidents, so the bench needs no watch of its own. And it can
hold VMI events back and hand them over later at a given pace: a machine that has to run the API server as well may be
too slow to make 500 of them in a second.
"""

import asyncio
import re
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from nfvi_ha.kube.resources import INCIDENTS, VMIS
from nfvi_ha.lab.bench.part import serve
from nfvi_ha.lab.controlplane.certificates import Certificates
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.objects import JsonObject, name_of, phase_of, uid_of

READ_BYTES: Final = 256 * 1024
EVENT_END: Final = b"\n\r\n"
"""End of a chunk that ends with a whole event: events are lines of JSON, and one chunk may hold several of them."""
_CHUNK_HEADER: Final = re.compile(rb"\r\n[0-9a-f]+\r\n(?=[^\r])")

Json = dict[str, Any]


class Journal:
    """What passed. All times are CLOCK_MONOTONIC in nanoseconds, just before the event was handed to the operator."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.failed: dict[str, int] = {}
        self.created: dict[str, int] = {}
        self.recorded: dict[str, int] = {}
        self.delivered: dict[str, int] = {}
        self.writes: Counter[str] = Counter()
        self.vmi_events = 0
        self.vmi_bytes = 0

    def note(self, events: list[JsonObject], size: int, now: int) -> None:
        """These events, of one kind and so many bytes in all, are handed over."""
        for event in events:
            kind, obj = event["type"], event["object"]
            if kind in ("ADDED", "MODIFIED", "DELETED"):
                (self._vmi if obj["kind"] == VMIS.kind else self._incident)(kind, obj, size // len(events), now)
                self.changed.set()

    def to_json(self) -> Json:
        """As plain JSON."""
        return {
            "failed": self.failed,
            "created": self.created,
            "recorded": self.recorded,
            "delivered": self.delivered,
            "incident_writes": dict(self.writes),
            "vmi_event_bytes": round(self.vmi_bytes / self.vmi_events) if self.vmi_events else 0,
        }

    def _vmi(self, kind: str, vmi: JsonObject, size: int, now: int) -> None:
        self.vmi_events += 1
        self.vmi_bytes += size
        if kind == "ADDED":
            self.created.setdefault(uid_of(vmi), now)
        elif phase_of(vmi) == "Failed":
            self.failed.setdefault(uid_of(vmi), now)

    def _incident(self, kind: str, incident: JsonObject, _size: int, now: int) -> None:
        spec, name = incident["spec"], name_of(incident)
        if kind == "DELETED" or spec["fault"]["kind"] != "vm.failed":
            return
        self.writes[name] += 1
        self.recorded.setdefault(name, now)
        deliveries = (incident.get("status") or {}).get("deliveries") or []
        if any(item["notification"] == f"{name}.0" and item["state"] == "Delivered" for item in deliveries):
            self.delivered.setdefault(name, now)


@dataclass(frozen=True, slots=True)
class _Held:
    piece: bytes
    to: asyncio.StreamWriter
    failed: str
    """Uid of the VM that it tells the failure of, if it does."""


class Valve:
    """Lets VMI events through, or keeps them until they are let go one by one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: list[_Held] = []
        self._holding = False

    def hold(self) -> None:
        """Keep events from now on."""
        self._holding = True

    def kept(self) -> int:
        """How many events are kept."""
        return len(self._held)

    def held_failures(self) -> int:
        """How many VMs' failures are kept."""
        return len({held.failed for held in self._held if held.failed})

    def take(self, piece: bytes, to: asyncio.StreamWriter) -> None:
        """An event of VMIs came from the API server."""
        if not self._holding:
            self._pass(piece, to)
            return
        lines = lines_in(piece)
        for part in map(framed, lines) if lines else (piece,):
            changed = [event["object"] for event in events_in(part) if event["type"] == "MODIFIED"]
            failed = next((uid_of(vmi) for vmi in changed if phase_of(vmi) == "Failed"), "")
            self._held.append(_Held(part, to, failed))
        self._journal.changed.set()

    def forget(self, to: asyncio.StreamWriter) -> None:
        """That watch ended (a busy API server ends watches): its events come again by the next one."""
        self._held = [held for held in self._held if held.to is not to]

    async def release(self, within: float) -> None:
        """Let all go, evenly over so many seconds, then keep no more."""
        began, count = time.monotonic(), len(self._held)
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number * within / count - time.monotonic()))
            if not self._held:
                break
            held = self._held.pop(0)
            self._pass(held.piece, held.to)
        while self._held:
            held = self._held.pop(0)
            self._pass(held.piece, held.to)
        self._holding = False

    def _pass(self, piece: bytes, to: asyncio.StreamWriter) -> None:
        events = events_in(piece)
        now = time.monotonic_ns()
        to.write(piece)
        self._journal.note(events, len(piece), now)


class Relay:
    """The server that the operator takes for its API server."""

    def __init__(self, upstream_port: int, certificates: Certificates) -> None:
        self.journal = Journal()
        self.valve = Valve(self.journal)
        self._upstream_port = upstream_port
        self._as_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._as_server.load_cert_chain(certificates.apiserver.cert, certificates.apiserver.key)
        self._as_client = ssl.create_default_context(cafile=str(certificates.ca.cert))
        self._as_client.load_cert_chain(certificates.admin.cert, certificates.admin.key)

    async def answer(self, request: Json) -> Json:
        """What the bench asks."""
        match request["do"]:
            case "forget":
                self.journal.clear()
            case "hold":
                self.valve.hold()
            case "kept":
                await self._until(self.valve.kept, request)
            case "held":
                await self._until(self.valve.held_failures, request)
            case "release":
                await self.valve.release(float(request["within"]))
            case "settled":
                await self._until(lambda: min(len(self.journal.created), len(self.journal.delivered)), request)
            case other if other != "tell":
                raise ValueError(f"no such request: {other}")
        return self.journal.to_json()

    async def listen(self) -> asyncio.Server:
        """On a free loopback port."""
        return await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._as_server, limit=READ_BYTES)

    async def _until(self, reached: Callable[[], int], request: Json) -> None:
        """Until so many are reached as the request says."""
        journal = self.journal
        try:
            async with asyncio.timeout(float(request["seconds"])):
                while reached() < int(request["count"]):
                    journal.changed.clear()
                    await journal.changed.wait()
        except TimeoutError:
            seen = {
                "failed": len(journal.failed),
                "created": len(journal.created),
                "recorded": len(journal.recorded),
                "delivered": len(journal.delivered),
            }
            raise LabFailed(f"{reached()} of {request['count']} after {request['seconds']} s; seen: {seen}") from None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            upstream = await asyncio.open_connection(
                "127.0.0.1", self._upstream_port, ssl=self._as_client, limit=READ_BYTES
            )
            connection = _Connection(self, writer)
            there = asyncio.create_task(_pump(reader, connection.request, upstream[1]))
            back = asyncio.create_task(_pump(upstream[0], connection.answer, writer))
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            self.valve.forget(writer)
            for end in (upstream[1], writer):
                end.close()
            await asyncio.gather(there, back, return_exceptions=True)


class _Connection:
    """Finds the watches among what the operator asks, and their events in what it is answered."""

    def __init__(self, relay: Relay, writer: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._writer = writer
        self._watched = ""
        self._buffer = b""

    def request(self, data: bytes) -> bytes:
        line = data[: data.find(b"\r\n")]
        if line.startswith(b"GET ") and b"watch=1" in line:
            paths = {resource.path().encode(): resource.plural for resource in (VMIS, INCIDENTS)}
            self._watched = next((name for path, name in paths.items() if line[4:].startswith(path + b"?")), "")
        return data

    def answer(self, data: bytes) -> bytes:
        if not self._watched:
            return data
        self._buffer += data
        *pieces, self._buffer = self._buffer.split(EVENT_END)
        for piece in pieces:
            whole = piece + EVENT_END
            if self._watched == VMIS.plural:
                self._relay.valve.take(whole, self._writer)
            else:
                events, now = events_in(whole), time.monotonic_ns()
                self._writer.write(whole)
                self._relay.journal.note(events, len(whole), now)
        return b""


def lines_in(piece: bytes) -> list[bytes]:
    """The lines of JSON in a piece of a chunked answer (its headers are a piece without any)."""
    start = piece.find(b'{"type"')
    if start < 0:
        return []
    return [line for line in _CHUNK_HEADER.sub(b"", piece[start:]).split(b"\n") if line.strip()]


def events_in(piece: bytes) -> list[JsonObject]:
    """The watch events in a piece."""
    return [orjson.loads(line) for line in lines_in(piece)]


def framed(line: bytes) -> bytes:
    """One event as a chunk of its own."""
    return b"%x\r\n%s\n\r\n" % (len(line) + 1, line)


async def _pump(reader: asyncio.StreamReader, through: Callable[[bytes], bytes], writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            if passed := through(data):
                writer.write(passed)
            await writer.drain()


async def main(upstream_port: int, pki: Path, kubeconfig: Path, own: Path) -> None:
    """Write a kubeconfig for the operator that leads here, then relay until standard input ends."""
    relay = Relay(upstream_port, Certificates.in_dir(pki))
    server = await relay.listen()
    async with server:
        port = server.sockets[0].getsockname()[1]
        _write_kubeconfig(own, kubeconfig, upstream_port, port)
        await serve(relay.answer)


def _write_kubeconfig(own: Path, kubeconfig: Path, upstream_port: int, port: int) -> None:
    own.write_text(kubeconfig.read_text().replace(f":{upstream_port}", f":{port}"))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))

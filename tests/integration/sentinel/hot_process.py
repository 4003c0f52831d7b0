"""A stand-in for the hot process: starts a real scribe, keeps what it is told, and gives it orders."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.record.incident_record import DeliveryNote, new_object, status_of
from nfvi_ha.sentinel.scribe.lines import FD_VARIABLE, MAX_LINE_BYTES, Drop, FeedKind, Put, Synced, decode

Obj = dict[str, Any]


class HotProcess:
    """One scribe and the other end of its socket."""

    def __init__(self, directory: Path, kubeconfig: Path, **settings: Any) -> None:
        self.state_dir = directory / "state"
        self.log = directory / "scribe.log"
        self._config = directory / "config.json"
        self._settings = {"seat": 0, "stateDir": str(self.state_dir), "kubeconfig": str(kubeconfig), **settings}
        self.told: dict[tuple[FeedKind, str], Obj] = {}
        self.lines: list[Put | Drop | Synced] = []
        self.synced = False
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._config.parent.mkdir(parents=True, exist_ok=True)
        self._config.write_text(json.dumps(self._settings))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a moment only
                [sys.executable, "-m", "nfvi_ha.sentinel.scribe", str(self._config)],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, FD_VARIABLE: str(theirs.fileno())},
                stderr=log,
            )
        theirs.close()
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
        self._task = asyncio.create_task(self._read(reader))
        self._pulse = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._pulse.cancel()
        self._writer.close()
        try:
            await asyncio.to_thread(self.process.wait, 10)
        finally:
            self.process.kill()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.readline():
            line = decode(data)
            async with self._changed:
                self.lines.append(line)
                match line:
                    case Put(kind, key, value):
                        self.told[kind, key] = value
                    case Drop(kind, key):
                        del self.told[kind, key]
                    case Synced():
                        self.synced = True
                self._changed.notify_all()

    async def _go_on(self) -> None:
        while True:
            self.send(alive=True)
            await asyncio.sleep(1.0)

    def of(self, kind: FeedKind) -> dict[str, Obj]:
        return {key: value for (of, key), value in self.told.items() if of is kind}

    def send(self, **order: Any) -> None:
        self.send_bytes(orjson.dumps(order, option=orjson.OPT_APPEND_NEWLINE))

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {what}; log:\n{self.log.read_text()[-4000:]}") from None

    async def until_synced(self) -> None:
        await self.until(lambda: self.synced, "synced")

    async def until_written(self, incident: str, serial: int, seconds: float = 30.0) -> Obj:
        def written() -> bool:
            return self.told.get((FeedKind.WRITTEN, incident), {}).get("serial") == serial

        await self.until(written, f"{incident} written", seconds)
        return self.told[FeedKind.WRITTEN, incident]


def vm_fault(namespace: str, name: str, uid: str = "uid-1") -> Fault:
    return Fault(
        kind=FaultKind.VM_FAILED,
        resource=ResourceRef("VirtualMachineInstance", namespace, name, uid),
        cause="QemuCrashed",
        message="its process is gone",
        severity=Severity.CRITICAL,
        confidence=Confidence.LOW,
        detected_at=datetime.now(UTC),
        node="worker-1",
    )


def hypervisor_fault(node: str, kind: FaultKind = FaultKind.HYPERVISOR_FAILED, boot_id: str = "boot-1") -> Fault:
    return Fault(
        kind=kind,
        resource=ResourceRef("Hypervisor", "", node, boot_id),
        cause="Silent",
        message="no seat and no peer reaches it",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        detected_at=datetime.now(UTC),
        node=node,
    )


def raised(fault: Fault) -> Incident:
    found = IncidentBook().raise_fault(fault)
    assert found is not None
    return found[0]


def cleared(incident: Incident) -> Incident:
    last = incident.steps[-1]
    step = Step("cleared", datetime.now(UTC), last.number + 1, incident.sequence(last) + 1, message="it is back")
    return incident.with_step(step)


def record(incident: Incident, namespace: str, *deliveries: DeliveryNote) -> Obj:
    return {**new_object(incident, namespace, "nfvi-1"), "status": status_of(incident, deliveries).to_json()}


def delivered(incident: Incident, step: int = 0, endpoint: str = "vim") -> DeliveryNote:
    type_ = incident.fault.kind.value if step == 0 else "recovered"
    name = f"{incident.id}.{step}"
    return DeliveryNote(name, type_, endpoint, "Delivered", 1, 200, datetime.now(UTC), 12, "Delivered")

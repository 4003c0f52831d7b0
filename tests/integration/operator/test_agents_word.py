"""A sentinel's Incident with an agent's evidence: the operator acts on it before the API shows anything."""

from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio
from vnf_world import Obj, VnfWorld, eventually

from nfvi_ha.api.names import ANNOTATION_HMAC
from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.ids import notification_id
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.resources import EVENTS, INCIDENTS, SECRETS
from nfvi_ha.lab.operators import SYSTEM_NAMESPACE
from nfvi_ha.lab.vim import ENDPOINT
from nfvi_ha.reporting.record.incident_record import DeliveryNote, new_object, read_record, status_of
from nfvi_ha.reporting.record.seal import SECRET_NAME, STATUS_SEAL, SealKeys, spec_digest, status_digest


class Sentinel:
    """Writes Incidents as a sentinel does, by hand."""

    def __init__(self, world: VnfWorld, keys: SealKeys) -> None:
        self._world, self._keys = world, keys

    async def write(self, fault: Fault) -> Incident:
        """The record of a fault, sealed, with nothing delivered yet."""
        raised = IncidentBook().raise_fault(fault)
        assert raised is not None
        incident = raised[0]
        namespace = fault.resource.namespace or SYSTEM_NAMESPACE
        body = new_object(incident, namespace, "lab")
        spec = spec_digest(namespace, incident.id, body["spec"])
        body["metadata"]["annotations"] = {ANNOTATION_HMAC: self._keys.sign(spec)}
        made = await self._world.client.create(INCIDENTS, body, namespace)
        await self._seal(made, incident, spec, namespace)
        return incident

    async def clear(self, incident: Incident, message: str) -> None:
        """Its fault is over; the VIM was not told yet."""
        namespace = incident.fault.resource.namespace or SYSTEM_NAMESPACE
        book = IncidentBook()
        book.learn(incident)
        cleared = book.clear(incident.id, datetime.now(UTC), message)
        assert cleared is not None
        obj = await self._world.client.get(INCIDENTS, incident.id, namespace)
        record = read_record(obj)
        assert record is not None
        owed = DeliveryNote(notification_id(incident.id, cleared[1].number), "process.answering", ENDPOINT)
        spec = spec_digest(namespace, incident.id, obj["spec"])
        await self._seal(obj, cleared[0], spec, namespace, (*record.deliveries, owed))

    async def _seal(
        self, obj: Obj, incident: Incident, spec: bytes, namespace: str, notes: tuple[DeliveryNote, ...] = ()
    ) -> None:
        status = status_of(incident, notes).to_json()
        status[STATUS_SEAL] = self._keys.sign(status_digest(obj["metadata"]["uid"], spec, status))
        await self._world.client.patch(INCIDENTS, incident.id, {"status": status}, namespace, subresource="status")


@pytest_asyncio.fixture(loop_scope="session")
async def sentinel(world: VnfWorld) -> Sentinel:
    keys = SealKeys()

    async def made() -> bool:
        for secret in await world.client.list(SECRETS, SYSTEM_NAMESPACE):
            if secret["metadata"]["name"] == SECRET_NAME:
                keys.replace({name: b64decode(value) for name, value in secret["data"].items()})
        return keys.ready

    await eventually(made, "the leader made the key of Incidents", 20.0, lambda: "none")
    return Sentinel(world, keys)


@pytest_asyncio.fixture(loop_scope="session")
async def frozen(world: VnfWorld) -> AsyncIterator[list[str]]:
    """Nodes a test froze; they go on after it."""
    nodes: list[str] = []
    yield nodes
    for node in nodes:
        world.faults.unfreeze_node(node)


def death(vm: Obj, *, proven: bool = True) -> Fault:
    """What an agent says of a VM of slot 0 whose process it saw reaped."""
    meta, node, now = vm["metadata"], vm["status"]["nodeName"], datetime.now(UTC)
    return Fault(
        kind=FaultKind.VM_FAILED,
        resource=ResourceRef("VirtualMachineInstance", meta["namespace"], meta["name"], meta["uid"]),
        cause="QemuKilled",
        message="qemu ended with signal 9",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        detected_at=now,
        node=node,
        vnf="fw",
        slot=0,
        evidence=Evidence(EvidenceKind.PROCESS_GONE, f"agent@{node}", "pid 4711 reaped", now) if proven else None,
    )


async def test_a_vm_is_replaced_on_its_agents_word_while_the_api_still_shows_it_running(
    world: VnfWorld, sentinel: Sentinel, frozen: list[str]
) -> None:
    vm = (await world.ready_set(replicas=1))[0]
    node = vm["status"]["nodeName"]
    frozen.append(node)
    world.faults.freeze_node(node)  # neither kubelet nor virt-handler will say anything
    world.faults.kill_vm(vm)
    incident = await sentinel.write(death(vm))

    await world.told("vm.recovered", "fw-0-1")
    old = [each for each in await world.all_vms() if each["metadata"]["uid"] == vm["metadata"]["uid"]]
    assert [each["status"]["phase"] for each in old] == ["Running"], "nobody but the agent said that it ended"
    assert [each["metadata"]["name"] for each in await world.vms()] == ["fw-0-2"]

    frozen.remove(node)
    world.faults.unfreeze_node(node)  # now the VMI turns Failed

    async def cleaned_up() -> bool:
        return all(each["metadata"]["uid"] != vm["metadata"]["uid"] for each in await world.all_vms())

    await eventually(cleaned_up, "the old VMI is gone", 40.0, lambda: "still there")
    assert {record.data["incident"] for record in world.tellings("vm.failed")} == {incident.id}
    failures = [obj for obj in await world.incidents() if obj["spec"]["fault"]["kind"] == "vm.failed"]
    assert [obj["metadata"]["name"] for obj in failures] == [incident.id]
    await world.until_ready(1)


async def test_a_vm_failed_without_evidence_is_told_and_held_until_its_agent_has_seen_it_reaped(
    world: VnfWorld, sentinel: Sentinel, frozen: list[str]
) -> None:
    vm = (await world.ready_set(replicas=1))[0]
    frozen.append(vm["status"]["nodeName"])
    world.faults.freeze_node(vm["status"]["nodeName"])
    await sentinel.write(death(vm, proven=False))
    await world.told("recovery.held", "fw-0-1")
    assert world.faults.vm_alive(vm)
    assert [each["metadata"]["name"] for each in await world.all_vms()] == ["fw-0-1"]


async def test_a_forged_word_replaces_nothing(world: VnfWorld) -> None:
    vm = (await world.ready_set(replicas=1))[0]
    keys = SealKeys()
    keys.replace({"k1": b"x" * 32})
    await Sentinel(world, keys).write(death(vm))

    async def refused() -> bool:
        return "Refused" in await world.event_reasons()

    await eventually(refused, "the Incident is refused", 20.0, lambda: "not yet")
    assert [each["metadata"]["uid"] for each in await world.vms()] == [vm["metadata"]["uid"]]
    assert world.tellings("vm.failed") == []


async def test_a_hypervisors_incident_is_delivered_and_stays_open_until_its_sentinel_clears_it(
    world: VnfWorld, sentinel: Sentinel
) -> None:
    node = f"{world.namespace}-host"
    fault = Fault(
        kind=FaultKind.PROCESS_HUNG,
        resource=ResourceRef("HypervisorComponent", "", f"{node}/process/kubelet", "boot-1"),
        cause="NoAnswer",
        message="kubelet does not answer",
        severity=Severity.MAJOR,
        confidence=Confidence.HIGH,
        detected_at=datetime.now(UTC),
        node=node,
    )
    incident = await sentinel.write(fault)

    def told(type_: str) -> bool:
        return any(
            record.type == f"io.nfvi-ha.{type_}" and record.data["incident"] == incident.id
            for record in world.lab.receiver.records
        )

    await world.lab.receiver.wait_for(lambda _: told("process.hung"), 20.0)
    last: Obj = {}

    async def delivered() -> bool:
        last.update(await world.client.get(INCIDENTS, incident.id, SYSTEM_NAMESPACE))
        return {note["state"] for note in last["status"]["deliveries"]} == {"Delivered"}

    await eventually(delivered, "delivered on record", 20.0, lambda: str(last.get("status")))
    assert last["status"]["phase"] == "Open"

    await sentinel.clear(incident, "it answers again")
    await world.lab.receiver.wait_for(lambda _: told("process.answering"), 20.0)

    async def closed() -> bool:
        last.update(await world.client.get(INCIDENTS, incident.id, SYSTEM_NAMESPACE))
        return bool(last["status"]["phase"] == "Closed")

    await eventually(closed, "closed", 20.0, lambda: str(last.get("status")))

    async def on_node() -> bool:
        events = await world.client.list(EVENTS)
        reasons = {event["reason"] for event in events if (event.get("regarding") or {}).get("name") == node}
        return {"ProcessHung", "FaultCleared"} <= reasons

    await eventually(on_node, "Events on the Node", 20.0, lambda: "none")

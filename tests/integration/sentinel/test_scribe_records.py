"""What the hot process saw becomes an Incident: sealed, once, whoever writes it, and however long that takes."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

from hot_process import HotProcess, cleared, delivered, hypervisor_fault, raised, record, vm_fault
from scribe_world import Obj, ScribeWorld, eventually

from nfvi_ha.api.names import ANNOTATION_RELEASE
from nfvi_ha.core.fault import Evidence, EvidenceKind, FaultKind, ResourceRef
from nfvi_ha.core.incident import Incident
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import INCIDENTS, NAMESPACES
from nfvi_ha.sentinel.scribe.lines import FeedKind


async def found(world: ScribeWorld, incident: Incident) -> Obj | None:
    with contextlib.suppress(NotFound):
        return await world.client.get(INCIDENTS, incident.id, world.namespace)
    return None


async def test_a_record_becomes_a_sealed_incident_that_the_operator_believes(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    async with world.scribe() as hot:
        hot.send(record=record(incident, world.namespace, delivered(incident)), serial=1)
        assert (await hot.until_written(incident.id, 1))["steps"] == 1
        obj = await found(world, incident)
        assert obj is not None
        believed = await world.believed(obj)
        assert believed is not None
        assert believed.incident.fault.cause == "QemuCrashed"
        assert [note.state for note in believed.deliveries] == ["Delivered"]
        # It comes back as what the API holds.
        await hot.until(lambda: (FeedKind.INCIDENT, incident.id) in hot.told, "the incident in the feed")

        over = cleared(incident)
        hot.send(record=record(over, world.namespace, delivered(incident), delivered(over, 1)), serial=2)
        assert (await hot.until_written(incident.id, 2))["steps"] == 2
        obj = await found(world, incident)
        assert obj is not None
        assert obj["status"]["phase"] == "Closed"
        assert not obj["metadata"].get("finalizers")
        assert await world.believed(obj) is not None


async def test_two_scribes_at_once_make_one_incident_with_what_both_know(world: ScribeWorld) -> None:
    seen = [replace(vm_fault(world.namespace, "fw-0"), evidence=evidence) for evidence in (None, gone("worker-1"))]
    incidents = [raised(fault) for fault in seen]
    assert incidents[0].id == incidents[1].id
    # Both at once: neither waits for the other.
    async with world.scribe(0, rankSeconds=0) as first, world.scribe(1, rankSeconds=0) as second:
        for hot in (first, second):
            await hot.until_synced()
        for hot, incident, endpoint in ((first, incidents[0], "vim-a"), (second, incidents[1], "vim-b")):
            hot.send(record=record(incident, world.namespace, delivered(incident, endpoint=endpoint)), serial=1)
        for hot in (first, second):
            await hot.until_written(incidents[0].id, 1)

    (obj,) = await world.incidents()
    assert (await world.believed(obj)) is not None
    assert {note["endpoint"] for note in obj["status"]["deliveries"]} == {"vim-a", "vim-b"}
    assert [one["source"] for one in obj["status"]["evidence"]] == ["agent@worker-1"]


async def test_a_higher_seat_finds_the_incident_there_and_writes_nothing(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    obj = record(incident, world.namespace, delivered(incident))
    async with world.scribe(0) as first, world.scribe(2) as third:
        for hot in (first, third):
            await hot.until_synced()
        for hot in (first, third):
            hot.send(record=obj, serial=1)
        await first.until_written(incident.id, 1)
        before = await found(world, incident)
        await third.until_written(incident.id, 1)
        assert await found(world, incident) == before


async def test_a_higher_seat_writes_when_the_lower_ones_are_gone(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    async with world.scribe(2, rankSeconds=3600) as hot:
        hot.send(seats=[2])
        hot.send(record=record(incident, world.namespace, delivered(incident)), serial=1)
        await hot.until_written(incident.id, 1)
        assert await found(world, incident) is not None


async def test_what_could_not_be_written_is_written_when_the_api_server_is_back(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    over = cleared(incident)
    async with world.scribe() as hot:
        await hot.until_synced()
        await world.plane.stop_apiserver(grace_seconds=0)
        try:
            hot.send(record=record(incident, world.namespace, delivered(incident)), serial=1)
            hot.send(record=record(over, world.namespace, delivered(incident), delivered(over, 1)), serial=2)
            await tried_in_vain(hot)
        finally:
            await world.plane.start_apiserver()
        assert (await hot.until_written(incident.id, 2, 60.0))["steps"] == 2
        obj = await found(world, incident)
        assert obj is not None
        assert await world.believed(obj) is not None


async def test_a_scribe_that_starts_while_the_api_server_is_down_writes_later(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    await world.plane.stop_apiserver(grace_seconds=0)
    try:
        hot = world.scribe()
        async with hot:
            hot.send(record=record(incident, world.namespace, delivered(incident)), serial=7)
            await tried_in_vain(hot)
            assert not hot.synced
            await world.plane.start_apiserver()
            await hot.until_written(incident.id, 7, 60.0)
            await hot.until_synced()
    finally:
        if "kube-apiserver" not in world.plane.processes():
            await world.plane.start_apiserver()
    assert await found(world, incident) is not None


async def test_a_forged_incident_is_not_fed(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    forged = raised(vm_fault(world.namespace, "fw-1"))
    obj = record(forged, world.namespace)
    obj["metadata"].pop("finalizers")
    await world.client.create(INCIDENTS, obj, world.namespace)
    async with world.scribe() as hot:
        await hot.until_synced()
        hot.send(record=record(incident, world.namespace, delivered(incident)), serial=1)
        await hot.until(lambda: (FeedKind.INCIDENT, incident.id) in hot.told, "the true one")
        assert (FeedKind.INCIDENT, forged.id) not in hot.told


async def test_a_record_from_a_namespace_that_is_going_away_is_kept_in_ours(world: ScribeWorld) -> None:
    tenant = f"{world.namespace}-tenant"
    incident = raised(vm_fault(tenant, "fw-0"))
    async with world.scribe() as hot:
        hot.send(record=record(incident, tenant, delivered(incident)), serial=1)
        await hot.until_written(incident.id, 1)
    obj = await found(world, incident)
    assert obj is not None
    assert obj["spec"]["resource"]["namespace"] == tenant
    with contextlib.suppress(NotFound):
        await world.client.get(NAMESPACES, tenant)
        raise AssertionError("the test wants a namespace that is not there")


async def test_a_broken_order_harms_no_other(world: ScribeWorld) -> None:
    incident = raised(vm_fault(world.namespace, "fw-0"))
    async with world.scribe() as hot:
        hot.send(record={"spec": 1}, serial=1)
        hot.send(nonsense=True)
        hot.send(seats="all")
        hot.send_bytes(b"{no json\n")
        hot.send(record=record(incident, world.namespace, delivered(incident)), serial=2)
        await hot.until_written(incident.id, 2)


def gone(node: str) -> Evidence:
    return Evidence(EvidenceKind.PROCESS_GONE, f"agent@{node}", "reaped", datetime.now(UTC))


async def tried_in_vain(hot: HotProcess) -> None:
    async def tried() -> bool:
        return "tried again" in hot.log.read_text()

    await eventually(tried, "a failed try")


async def test_the_name_of_whoever_releases_a_mass_failure_is_told_to_the_hot_process(world: ScribeWorld) -> None:
    root = hypervisor_fault("", FaultKind.MASS_FAILURE)
    incident = raised(replace(root, resource=ResourceRef("NFVI", "", "nfvi-1", "nfvi"), node=""))
    async with world.scribe() as hot:
        hot.send(record=record(incident, world.namespace), serial=1)
        await hot.until_written(incident.id, 1)
        patch = {"metadata": {"annotations": {ANNOTATION_RELEASE: "Jane Doe"}}}
        await world.client.patch(INCIDENTS, incident.id, patch, world.namespace)

        def named() -> bool:
            told = hot.of(FeedKind.INCIDENT).get(incident.id, {}).get("record", {})
            return bool(told.get("metadata", {}).get("annotations") == {ANNOTATION_RELEASE: "Jane Doe"})

        await hot.until(named, "the annotation told")

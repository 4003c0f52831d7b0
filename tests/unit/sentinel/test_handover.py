"""Records on their way: disk first, then the scribe, and out of our hands once they are in the API."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from nfvi_ha.core.fault import Evidence, EvidenceKind, FaultKind, ResourceRef, Severity
from nfvi_ha.sentinel.entries import WrittenEntry

from .desk import START, Desk, fault


async def settled(desk: Desk) -> None:
    """Let what is due be written."""
    desk.advance(0.1)
    task = asyncio.create_task(desk.spool.run())
    while desk.spool.waiting:  # noqa: ASYNC110
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def raised(desk: Desk) -> str:
    incident = desk.teller.raise_fault(fault(), 0)
    assert incident is not None
    return incident.id


async def test_an_incident_is_safe_once_it_is_on_disk(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.scribe = False
    name = raised(desk)
    assert not desk.handover.is_safe(name)
    await settled(desk)
    assert desk.handover.is_safe(name)
    assert (tmp_path / f"{name}.json").exists()


async def test_better_evidence_makes_it_unsafe_until_it_is_on_disk_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    vm = ResourceRef("VirtualMachineInstance", "tenant-a", "web-0-1", "uid")
    first = desk.teller.raise_fault(fault(FaultKind.VM_FAILED, resource=vm), 0)
    assert first is not None
    await settled(desk)
    proof = Evidence(EvidenceKind.PROCESS_GONE, "agent@worker-1", "pid 7 reaped", START)
    desk.teller.raise_fault(fault(FaultKind.VM_FAILED, resource=vm, evidence=proof), 0)
    assert not desk.handover.is_safe(first.id)
    await settled(desk)
    assert desk.handover.is_safe(first.id)
    assert b"pid 7 reaped" in (tmp_path / f"{first.id}.json").read_bytes()


async def test_what_is_in_the_api_leaves_the_disk_and_our_delivery(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = raised(desk)
    await settled(desk)
    desk.handover.written(name, WrittenEntry(steps=1, serial=desk.lines[-1]["serial"]))
    await settled(desk)
    assert desk.withdrawn == [name]
    assert not (tmp_path / f"{name}.json").exists()


async def test_an_answer_to_an_older_version_empties_no_spool(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = raised(desk)
    await settled(desk)
    serial = desk.lines[-1]["serial"]
    desk.handover.mark(name)
    await settled(desk)
    desk.handover.written(name, WrittenEntry(steps=1, serial=serial))
    await settled(desk)
    assert (tmp_path / f"{name}.json").exists()


async def test_an_answer_with_fewer_steps_than_were_told_takes_nothing_from_us(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = raised(desk)
    desk.teller.clear(fault().resource, FaultKind.HYPERVISOR_FAILED, "heard again")
    await settled(desk)
    desk.handover.written(name, WrittenEntry(steps=1))
    assert desk.withdrawn == []


async def test_a_scribe_that_comes_gets_everything_that_is_not_written(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.scribe = False
    name = raised(desk)
    await settled(desk)
    desk.scribe = True
    desk.handover.resend()
    assert [line["record"]["metadata"]["name"] for line in desk.lines] == [name]


async def test_the_next_process_finds_what_this_one_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    name = raised(desk)
    await settled(desk)
    (tmp_path / "broken.json").write_text("{")
    after = Desk(tmp_path)
    assert [record.incident.id for record in after.handover.restore()] == [name]
    assert after.book.open_incident(fault().resource, FaultKind.HYPERVISOR_FAILED) is not None
    assert (tmp_path / "broken.bad").exists()
    after.handover.resend()
    assert len(after.lines) == 1


async def test_a_disk_that_fails_is_tried_again_and_nothing_is_safe_meanwhile(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "not-there")
    name = raised(desk)
    desk.advance(0.1)
    task = asyncio.create_task(desk.spool.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not desk.handover.is_safe(name)
    (tmp_path / "not-there").mkdir()
    async with asyncio.timeout(10):
        while not desk.handover.is_safe(name):  # noqa: ASYNC110 - it tries again after a second
            await asyncio.sleep(0.05)
    task.cancel()


@pytest.mark.parametrize(("severity", "episode"), [(Severity.CLEARED, 0), (Severity.MAJOR, 2**31)])
def test_a_record_that_cannot_be_made_keeps_no_other_from_disk_and_scribe(
    tmp_path: Path, severity: Severity, episode: int
) -> None:
    desk = Desk(tmp_path)
    bad = ResourceRef("HypervisorComponent", "", "worker-1/x", "boot-1")
    desk.teller.raise_fault(fault(FaultKind.PROCESS_FAILED, resource=bad, severity=severity), episode)
    first = raised(desk)
    desk.advance(0.1)
    assert [line["record"]["metadata"]["name"] for line in desk.lines] == [first]
    later = desk.teller.raise_fault(fault(resource=ResourceRef("Hypervisor", "", "worker-2", "boot-2")), 0)
    assert later is not None
    desk.advance(0.1)
    desk.handover.resend()
    assert {line["record"]["metadata"]["name"] for line in desk.lines} == {first, later.id}
    desk.handover.close()
    assert {path.stem for path in tmp_path.glob("*.json")} == {first, later.id}
    assert desk.defects == 3


async def test_a_record_that_is_no_json_keeps_no_other_from_the_disk(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.spool.save("a", 1, {"number": 2**70})
    name = raised(desk)
    await settled(desk)
    assert desk.handover.is_safe(name)
    assert (tmp_path / f"{name}.json").exists()
    assert not (tmp_path / "a.json").exists()

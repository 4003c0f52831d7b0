"""The relay between operator and API server: which events passed, and those that are kept for later."""

import asyncio
from typing import Any, cast

import orjson

from nfvi_ha.lab.bench.relay import Journal, Valve, events_in, framed, lines_in


def vmi_event(kind: str, uid: str, phase: str = "Running") -> dict[str, Any]:
    metadata = {"name": uid, "namespace": "burst", "uid": uid}
    return {
        "type": kind,
        "object": {"kind": "VirtualMachineInstance", "metadata": metadata, "status": {"phase": phase}},
    }


def incident_event(name: str, *states: str) -> dict[str, Any]:
    deliveries = [{"notification": f"{name}.{step}", "state": state} for step, state in enumerate(states)]
    return {
        "type": "MODIFIED",
        "object": {
            "kind": "Incident",
            "metadata": {"name": name, "namespace": "burst", "uid": f"uid-{name}"},
            "spec": {"fault": {"kind": "vm.failed"}},
            "status": {"deliveries": deliveries},
        },
    }


def chunk(*events: dict[str, Any]) -> bytes:
    body = b"".join(orjson.dumps(event) + b"\n" for event in events)
    return b"%x\r\n%s\r\n" % (len(body), body)


class Writer:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def uids(self) -> list[str]:
        return [event["object"]["metadata"]["uid"] for data in self.written for event in events_in(data)]


def stream(writer: Writer) -> asyncio.StreamWriter:
    return cast("asyncio.StreamWriter", writer)


def test_headers_hold_no_event() -> None:
    assert lines_in(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == []


def test_all_events_of_a_chunk_are_found_and_an_event_cut_into_chunks_is_one() -> None:
    first, second = vmi_event("ADDED", "a"), vmi_event("MODIFIED", "b", "Failed")
    assert events_in(chunk(first, second)) == [first, second]
    line = orjson.dumps(first) + b"\n"
    cut = b"%x\r\n%s\r\n%x\r\n%s\r\n" % (30, line[:30], len(line) - 30, line[30:])
    assert events_in(cut) == [first]


def test_an_event_framed_anew_is_a_chunk_of_the_right_length() -> None:
    line = orjson.dumps(vmi_event("ADDED", "a"))
    size, _, rest = framed(line).partition(b"\r\n")
    assert int(size, 16) == len(rest) - len(b"\r\n")
    assert rest == line + b"\n\r\n"


async def test_events_are_kept_and_let_go_in_order_and_stamped_when_they_go() -> None:
    journal, writer = Journal(), Writer()
    valve = Valve(journal)
    valve.hold()
    valve.take(chunk(vmi_event("MODIFIED", "a", "Failed"), vmi_event("MODIFIED", "b")), stream(writer))
    valve.take(chunk(vmi_event("MODIFIED", "c", "Failed")), stream(writer))
    assert (valve.held_failures(), writer.written, journal.failed) == (2, [], {})
    await valve.release(0.03)
    assert writer.uids() == ["a", "b", "c"]
    assert len(writer.written) == 3, "each at its own time, also those that came in one chunk"
    assert journal.failed["c"] - journal.failed["a"] >= 15_000_000
    valve.take(chunk(vmi_event("ADDED", "d")), stream(writer))
    assert writer.uids()[-1] == "d", "after that nothing is kept"


async def test_events_of_a_watch_that_ended_are_not_sent_into_the_void() -> None:
    journal, gone, next_one = Journal(), Writer(), Writer()
    valve = Valve(journal)
    valve.hold()
    failure = chunk(vmi_event("MODIFIED", "a", "Failed"))
    valve.take(failure, stream(gone))
    valve.forget(stream(gone))
    assert valve.held_failures() == 0
    valve.take(failure, stream(next_one))
    await valve.release(0.0)
    assert (gone.written, next_one.uids()) == ([], ["a"])


def test_the_journal_knows_when_a_record_first_said_that_the_vim_was_told() -> None:
    journal = Journal()
    journal.note([incident_event("i")], 100, 1)
    journal.note([incident_event("i", "Retrying")], 100, 2)
    journal.note([incident_event("i", "Delivered")], 100, 3)
    journal.note([incident_event("i", "Delivered", "Delivered")], 100, 4)
    told = journal.to_json()
    assert (told["recorded"], told["delivered"], told["incident_writes"]) == ({"i": 1}, {"i": 3}, {"i": 4})

"""All records of a receiver: doubles and order told apart as they come, and waiting for what is still to come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nfvi_ha.reporting.receiver.record import Record


class Store:
    """Records in order of arrival, in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._arrivals: dict[str, int] = {}
        self._accepted: set[str] = set()
        self._highest: dict[str, int] = {}
        self._injected: dict[str, int] = {}
        self._changed = asyncio.Event()

    def add(
        self,
        *,
        received_monotonic_ns: int,
        received_at: float,
        headers: Mapping[str, str],
        event: dict[str, Any],
        refusal: str,
        event_time: float | None,
    ) -> Record:
        """Make and keep a record. ``event_time``: the event's ``time`` in seconds since 1970, None without one."""
        record = Record(
            index=len(self.records) + 1,
            received_monotonic_ns=received_monotonic_ns,
            received_at=received_at,
            headers={str(name): value for name, value in headers.items()},  # orjson takes no subclass of str as a key
            event=event,
            verified=not refusal,
            refusal=refusal,
            arrival=0,
            duplicate=False,
            out_of_order=False,
            detected_ms=None if event_time is None else (received_at - event_time) * 1000.0,
        )
        if not refusal and record.id:
            self._place(record)
        self.records.append(record)
        self._notify()
        return record

    def answered(self, record: Record, status: int) -> None:
        """Note what a record was answered."""
        record.status = status
        if record.accepted and record.id:
            self._accepted.add(record.id)
        self._notify()

    def injected(self, subject: str, monotonic_ns: int) -> None:
        """Note when a fault was made on a subject (``<namespace>/<name>`` or the event's whole subject)."""
        self._injected[subject] = monotonic_ns

    def injected_ms(self, record: Record) -> float | None:
        """From the fault made on the record's subject until it was received, if the maker said when."""
        for subject in (record.subject, record.subject.partition("/")[2]):
            stamp = self._injected.get(subject)
            if stamp is not None and stamp <= record.received_monotonic_ns:
                return (record.received_monotonic_ns - stamp) / 1e6
        return None

    async def wait_for(self, predicate: Callable[[Sequence[Record]], bool], timeout_seconds: float) -> None:
        """Return as soon as the predicate holds for the records.

        Raises:
            TimeoutError: it does not in time.
        """
        async with asyncio.timeout(timeout_seconds):
            while not predicate(self.records):
                await self._changed.wait()

    def clear(self) -> None:
        """Forget everything but the injection stamps; indexes start again at 1."""
        self.records.clear()
        self._arrivals.clear()
        self._accepted.clear()
        self._highest.clear()
        self._notify()

    def _place(self, record: Record) -> None:
        record.arrival = self._arrivals[record.id] = self._arrivals.get(record.id, 0) + 1
        record.duplicate = record.id in self._accepted
        sequence = record.data.get("sequence")
        if isinstance(sequence, int):
            highest = self._highest.get(record.subject, -1)
            record.out_of_order = record.arrival == 1 and sequence < highest
            self._highest[record.subject] = max(highest, sequence)

    def _notify(self) -> None:
        # Wakes those who wait now; whoever comes later looks first.
        self._changed.set()
        self._changed = asyncio.Event()

"""From memory to the record: every incident goes to disk, then to the scribe, and is let go once it is in the API."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.record.incident_record import IncidentRecord, namespace_of, new_object, read_record, status_of
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.sentinel.entries import WrittenEntry
from nfvi_ha.sentinel.spool import Spool

log = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 0.05
"""What comes together (51 incidents of one host, the outcomes of their first attempts) is written once, after it."""
BATCH: Final = 8
PAUSE_SECONDS: Final = 0.005
"""A record takes half a millisecond to put together: 1,000 at once would stop the beats of our own for long."""
JsonObject = dict[str, Any]


@dataclass(slots=True)
class _Paper:
    """How far one incident's record is."""

    version: int = 0
    """Counts changes."""
    spooled: int = 0
    sent: int = 0
    written: int = 0
    """Version that is in the API."""


class Handover:
    """Records on their way.

    Args:
        book: all incidents.
        ledger: all deliveries.
        spool: the disk.
        send: hands a message to the scribe; False if there is none now.
        withdraw: takes an incident out of delivery: from now on the operator retries.
        after: calls something in so many seconds.
        namespace: of cluster-wide records.
        cluster: name of this NFVI.
        on_defect: told of each record that could not be put together or sent on.
    """

    def __init__(
        self,
        *,
        book: IncidentBook,
        ledger: Ledger,
        spool: Spool,
        send: Callable[[JsonObject], bool],
        withdraw: Callable[[str], None],
        after: Callable[[float, Callable[[], None]], object],
        namespace: str,
        cluster: Callable[[], str],
        on_defect: Callable[[], None] = lambda: None,
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._spool = spool
        self._send = send
        self._withdraw = withdraw
        self._after = after
        self._namespace = namespace
        self._cluster = cluster
        self._on_defect = on_defect
        self._papers: dict[str, _Paper] = {}
        self._due: dict[str, None] = {}
        """To be written, in the order in which they came."""
        self._draining = False
        self._in_api: set[str] = set()
        """As the feed shows them."""

    def restore(self) -> list[IncidentRecord]:
        """What an earlier process could not hand over; it is on its way again.

        Raises:
            OSError: the spool cannot be used.
        """
        found = []
        for obj in self._spool.load():
            record = read_record(obj)
            if record is None:
                log.error("record in the spool cannot be read", extra={"metadata": str(obj.get("metadata"))[:200]})
                continue
            self._book.learn(record.incident)
            self._ledger.learn(record.incident.id, record.deliveries)
            self._papers[record.incident.id] = _Paper(version=1, spooled=1)
            found.append(record)
        return found

    def mark(self, incident: str) -> None:
        """Something about it is new."""
        paper = self._papers.setdefault(incident, _Paper())
        paper.version += 1
        self._due[incident] = None
        if not self._draining:
            self._draining = True
            self._after(SETTLE_SECONDS, self._drain)

    def resend(self) -> None:
        """A scribe has come: hand over all that is not in the API."""
        for incident, paper in list(self._papers.items()):
            known = self._book.get(incident)
            if known is not None and paper.written < paper.version and incident not in self._due:
                with self._surviving(incident):
                    self._hand_over(paper, self._object(known))

    def saved(self, incident: str, version: int) -> None:
        """That version is on disk."""
        paper = self._papers.get(incident)
        if paper is not None:
            paper.spooled = max(paper.spooled, version)

    def written(self, incident: str, entry: WrittenEntry) -> None:
        """The scribe wrote it. The operator retries what is undelivered; what is not in there yet stays ours."""
        paper, known = self._papers.get(incident), self._book.get(incident)
        if paper is None or known is None or entry.steps < len(known.steps):
            return
        paper.written = max(paper.written, paper.sent if entry.serial is None else entry.serial)
        self._withdraw(incident)
        if paper.written >= paper.version:
            self._spool.remove(incident)

    def is_safe(self, incident: str) -> bool:
        """Whether its newest version outlives this process: the agent need not say it again."""
        paper = self._papers.get(incident)
        return paper is None or paper.version <= max(paper.spooled, paper.written)

    def is_written(self, incident: str) -> bool:
        """Whether the operator knows of it (and so retries)."""
        paper = self._papers.get(incident)
        return incident in self._in_api or (paper is not None and paper.written > 0)

    def seen(self, incident: str) -> None:
        """The feed shows its record."""
        self._in_api.add(incident)

    def gone(self, incident: str) -> bool:
        """Its record is gone from the API; whether nothing of it is left to hand over."""
        self._in_api.discard(incident)
        paper = self._papers.get(incident)
        if paper is not None and paper.written < paper.version:
            return False
        self._papers.pop(incident, None)
        return True

    @property
    def open_papers(self) -> int:
        """Incidents whose newest version is not in the API."""
        return sum(1 for paper in self._papers.values() if paper.written < paper.version)

    def close(self) -> None:
        """The process ends: put everything on disk that is not there.

        Raises:
            OSError: it cannot be written.
        """
        for incident, paper in self._papers.items():
            if paper.version > max(paper.spooled, paper.written):
                known = self._book.get(incident)
                if known is not None:
                    with self._surviving(incident):
                        self._spool.save(incident, paper.version, self._object(known))
        self._spool.flush()

    def _drain(self) -> None:
        try:
            for incident in list(self._due)[:BATCH]:
                del self._due[incident]
                with self._surviving(incident):
                    self._write(incident)
        finally:
            self._draining = bool(self._due)
            if self._draining:
                self._after(PAUSE_SECONDS, self._drain)

    @contextmanager
    def _surviving(self, incident: str) -> Iterator[None]:
        """No record can be made of one incident: ours is the defect, and the others' must not wait for it."""
        try:
            yield
        except Exception:
            self._on_defect()
            log.exception("record cannot be put together", extra={"incident": incident})

    def _write(self, incident: str) -> None:
        paper, known = self._papers.get(incident), self._book.get(incident)
        if paper is None or known is None:
            return
        obj = self._object(known)
        self._spool.save(incident, paper.version, obj)
        self._hand_over(paper, obj)

    def _hand_over(self, paper: _Paper, obj: JsonObject) -> None:
        if self._send({"record": obj, "serial": paper.version}):
            paper.sent = paper.version

    def _object(self, incident: Incident) -> JsonObject:
        namespace = namespace_of(incident, self._namespace)
        obj = new_object(incident, namespace, self._cluster())
        obj["status"] = status_of(incident, self._ledger.of(incident.id)).to_json()
        return obj

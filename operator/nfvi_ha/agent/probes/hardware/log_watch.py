"""What records of the kernel log come to, beside the counters that may tell the same."""

from collections.abc import Callable, Iterable

from nfvi_ha.core.hardware import kernel_log
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision
from nfvi_ha.core.hardware.kmsg_record import KmsgRecord
from nfvi_ha.core.hardware.rule import Lasting


class LogWatch:
    """Judges records as they come.

    Args:
        book: knows rates and what stands.
        max_facility: records of a higher facility are not believed.
        look: asks for a look at the counters now, for a record says that one grew.
        tell: gets what is to be said.
        monotonic: seconds since boot.
    """

    def __init__(
        self,
        book: HardwareBook,
        max_facility: int,
        look: Callable[[], None],
        tell: Callable[[Iterable[Decision]], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._book = book
        self._max_facility = max_facility
        self._look = look
        self._tell = tell
        self._monotonic = monotonic

    def record(self, record: KmsgRecord, past: bool) -> None:
        """One record; ``past``: it was there before any agent of this boot.

        Of the past only failures count. That something was slow an hour ago is no news, that memory failed is.
        """
        if not kernel_log.is_ours(record, self._max_facility):
            return
        found = kernel_log.sighting(record)
        if found is None:
            return
        if found.ends:
            self._tell(self._book.over(found.rule, found.component))
            return
        if found.family and self._book.counts(found.family):
            self._look()
            return
        now = self._monotonic()
        at = min(record.at_seconds, now)
        lasting = found.rule.lasting
        if lasting is not Lasting.EVENT and (past or (lasting is Lasting.HELD and at + found.rule.hold_seconds <= now)):
            return
        self._tell(self._book.happened(found.rule, found.component, found.seen, at))

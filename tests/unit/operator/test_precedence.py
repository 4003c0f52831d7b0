"""Reports go first: who waits for whom, and for how long at most."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.operator.precedence import LONGEST_SECONDS, YOUNG_SECONDS, Precedence
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Timers:
    """Calls that are due when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self._due.append((self.now + seconds, call))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due = [call for at, call in self._due if at <= self.now]
        self._due = [entry for entry in self._due if entry[0] > self.now]
        for call in due:
            call()


def raised(name: str) -> Notification:
    fault = Fault(
        FaultKind.VM_FAILED,
        ResourceRef("VirtualMachineInstance", "tenant", name, f"uid-{name}"),
        "QemuCrashed",
        "it ended",
        Severity.CRITICAL,
        Confidence.HIGH,
        T0,
    )
    return Notification.from_fault(fault, incident=f"i-{name}", episode=0, sequence=1, cluster="c", source="s")


def ended(notification: Notification, endpoint: str, state: DeliveryState = DeliveryState.DELIVERED) -> DeliveryOutcome:
    return DeliveryOutcome(
        notification_id=notification.id,
        incident=notification.incident,
        endpoint=endpoint,
        state=state,
        attempts=1,
        http_status=None,
        reason="",
        latency_ms=None,
        at=T0,
    )


async def is_held_up(precedence: Precedence) -> bool:
    """Whether a change would wait now."""
    waiting = asyncio.ensure_future(precedence.wait())
    for _ in range(3):
        await asyncio.sleep(0)
    held_up = not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return held_up


async def test_nothing_waits_while_nothing_is_being_told() -> None:
    timers = Timers()
    assert not await is_held_up(Precedence(lambda: timers.now, timers.after))


async def test_a_change_waits_until_every_first_attempt_has_ended() -> None:
    timers = Timers()
    precedence = Precedence(lambda: timers.now, timers.after)
    first, second = raised("a"), raised("b")
    precedence.on_submitted(first, {"vim", "nms"})
    precedence.on_submitted(second, {"vim"})
    precedence.on_outcome(ended(first, "vim"))
    precedence.on_outcome(ended(second, "vim"))
    assert await is_held_up(precedence), "the other endpoint is still being told"
    waiting = asyncio.ensure_future(precedence.wait())
    await asyncio.sleep(0)
    precedence.on_outcome(ended(first, "nms", DeliveryState.RETRYING))
    await asyncio.wait_for(waiting, 5)
    assert not await is_held_up(precedence)


async def test_a_slow_endpoint_holds_nothing_up_for_long() -> None:
    timers = Timers()
    precedence = Precedence(lambda: timers.now, timers.after)
    precedence.on_submitted(raised("a"), {"slow"})
    timers.pass_by(YOUNG_SECONDS - 0.01)
    assert await is_held_up(precedence)
    timers.pass_by(0.02)
    assert not await is_held_up(precedence)


async def test_in_a_storm_without_end_recovery_goes_on_after_a_second() -> None:
    timers = Timers()
    precedence = Precedence(lambda: timers.now, timers.after)
    number = 0
    while timers.now < 100.0 + LONGEST_SECONDS - 0.05:
        precedence.on_submitted(raised(f"vm-{number}"), {"vim"})
        assert await is_held_up(precedence)
        timers.pass_by(0.1)
        number += 1
    precedence.on_submitted(raised("last"), {"vim"})
    timers.pass_by(0.1)
    assert not await is_held_up(precedence), "the storm goes on, and its second is over"
    timers.pass_by(YOUNG_SECONDS)
    precedence.on_submitted(raised("another"), {"vim"})
    assert await is_held_up(precedence), "after a pause a new second begins"


async def test_news_of_recovery_holds_nothing_up() -> None:
    timers = Timers()
    precedence = Precedence(lambda: timers.now, timers.after)
    cleared = raised("a").cleared(1, sequence=2, at=T0, message="over")
    precedence.on_submitted(cleared, {"vim"})
    assert not await is_held_up(precedence)

from nfvi_ha.core.replicaset.status import Counts
from nfvi_ha.core.views import VmView
from nfvi_ha.operator.set_memory import SetMemory
from nfvi_ha.operator.vm_actions import Refusal

from .conftest import Time

REFUSED = Refusal(0, "TemplateRefused", "spec.domain: no")


def test_a_created_vm_is_known_until_a_watch_shows_it(time: Time) -> None:
    memory = SetMemory("u", time)
    memory.created(VmView(uid="vm", namespace="n", name="fw-0-1"))
    assert [vm.name for vm in memory.pending()] == ["fw-0-1"]
    memory.seen(["vm"])
    assert memory.pending() == []


def test_a_created_vm_that_no_watch_ever_shows_is_forgotten(time: Time) -> None:
    memory = SetMemory("u", time)
    memory.created(VmView(uid="vm", namespace="n", name="fw-0-1"))
    time.forward(10.1)
    assert memory.pending() == []


def test_refusals_wait_longer_each_time_up_to_a_minute(time: Time) -> None:
    memory = SetMemory("u", time)
    waits = []
    for _ in range(12):
        memory.refused([REFUSED], generation=1)
        waits.append(memory.blocks(1)[0].remaining_seconds)
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) == 60.0


def test_a_changed_spec_is_tried_at_once(time: Time) -> None:
    memory = SetMemory("u", time)
    for _ in range(5):
        memory.refused([REFUSED], generation=1)
    assert memory.blocks(2) == {}
    memory.refused([REFUSED], generation=2)
    assert memory.blocks(2)[0].remaining_seconds == 0.5


def test_a_block_that_is_over_stays_as_the_reason_until_a_creation_succeeds(time: Time) -> None:
    memory = SetMemory("u", time)
    memory.refused([REFUSED], generation=1)
    time.forward(5)
    assert memory.blocks(1)[0].remaining_seconds == 0.0
    memory.unblock(0)
    assert memory.blocks(1) == {}


def test_progress_is_any_change_of_the_counts_or_of_the_spec(time: Time) -> None:
    memory = SetMemory("u", time)
    counts = Counts(1, 1, 1, 0, 0)
    memory.stalled_seconds(counts, 1)
    time.forward(30)
    assert memory.stalled_seconds(counts, 1) == 30
    assert memory.stalled_seconds(Counts(2, 1, 1, 0, 0), 1) == 0
    time.forward(7)
    assert memory.stalled_seconds(Counts(2, 1, 1, 0, 0), 2) == 0

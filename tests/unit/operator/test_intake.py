"""Only Incidents with the operator's seal are believed; what else is there harms nothing."""

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.incident import Step
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.reporting.record.seal import NoSealKey, SealKeeper, SealKeys, spec_digest, status_digest

from .api_server import ApiServer, Obj
from .conftest import START
from .desk import KEY, SYSTEM, Desk

MakeFault = Callable[..., Fault]
HMAC = "nfvi-ha.io/hmac"


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def genuine(server: ApiServer, clock: Clock, make_fault: MakeFault) -> Obj:
    """A record, one of whose two notifications was delivered; its writer is dead."""
    desk = Desk(server, clock)
    desk.reporter.raise_fault(make_fault(), 0.0)
    desk.reporter.act(desk.only().id, Step("recovery.held", START, outcome="Held"))
    desk.settle()
    desk.reporter.clear(desk.only().id, "over")
    desk.write()
    server.objects[next(iter(server.objects))]["metadata"]["creationTimestamp"] = "2026-01-02T03:04:06Z"
    return desk.stored()


def heir(server: ApiServer, clock: Clock, keys: dict[str, bytes] | None = None) -> Desk:
    desk = Desk(server, clock, keys=keys)
    desk.eager = True
    desk.watch()
    return desk


def test_a_genuine_record_is_believed(server: ApiServer, clock: Clock, genuine: Obj) -> None:
    desk = heir(server, clock)
    assert [step.name for step in desk.only().steps] == ["raised", "recovery.held", "cleared"]
    assert {name.rpartition(".")[2] for name, _ in desk.deliveries.submitted} == {"2"}
    assert desk.events == []


def _cut_off(obj: Obj) -> None:
    del obj["metadata"]["annotations"]


def _other_key(obj: Obj) -> None:
    obj["metadata"]["annotations"][HMAC] = "k1:" + "0" * 64


def _unknown_key(obj: Obj) -> None:
    obj["metadata"]["annotations"][HMAC] = "k9:" + obj["metadata"]["annotations"][HMAC].partition(":")[2]


def _other_cause(obj: Obj) -> None:
    obj["spec"]["fault"]["cause"] = "Forged"


def _other_vm(obj: Obj) -> None:
    obj["spec"]["resource"]["uid"] = "another"


def _other_slot(obj: Obj) -> None:
    obj["spec"]["slot"] = 1


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (_cut_off, "NoSeal"),
        (_other_key, "SealInvalid"),
        (_unknown_key, "SealInvalid"),
        (_other_cause, "SealInvalid"),
        (_other_vm, "SealInvalid"),
        (_other_slot, "SealInvalid"),
    ],
)
def test_what_is_not_sealed_is_neither_learned_nor_delivered_and_told_once(
    server: ApiServer, clock: Clock, genuine: Obj, forge: Callable[[Obj], None], reason: str
) -> None:
    forge(genuine)
    server.objects.clear()
    server.put(genuine)
    desk = heir(server, clock)
    for _ in range(3):
        desk.see("MODIFIED", genuine)
    assert not list(desk.book)
    assert desk.deliveries.submitted == []
    assert not desk.outbox.is_written(genuine["metadata"]["name"])
    assert desk.refused(reason) == 1
    assert desk.events == [(genuine["metadata"]["name"], "Refused")]


def test_a_genuine_record_carried_to_another_namespace_is_not_believed(
    server: ApiServer, clock: Clock, genuine: Obj
) -> None:
    server.objects.clear()
    genuine["metadata"] |= {"namespace": "tenant-b", "uid": "another"}
    server.put(genuine)
    assert not list(heir(server, clock).book)


def test_a_genuine_record_that_is_put_back_after_its_time_is_not_believed(
    server: ApiServer, clock: Clock, genuine: Obj
) -> None:
    server.objects.clear()
    genuine["metadata"] |= {"uid": "another", "creationTimestamp": "2026-01-09T00:00:00Z"}
    server.put(genuine)
    desk = heir(server, clock)
    assert not list(desk.book)
    assert desk.refused("Replayed") == 1


def _all_delivered(status: Obj) -> None:
    for note in status["deliveries"]:
        note["state"] = "Delivered"


def _closed(status: Obj) -> None:
    status |= {"phase": "Closed", "closedAt": "2026-01-02T03:04:05.000Z"}


def _invented(status: Obj) -> None:
    status["actions"].append({"step": 9, "name": "recovery.abandoned", "time": START.isoformat(), "outcome": "GivenUp"})


def _other_evidence(status: Obj) -> None:
    status["evidence"] = [{"kind": "ProcessGone", "source": "me", "seenAt": "2026-01-02T03:04:05.000Z"}]


def _no_seal(status: Obj) -> None:
    status["seal"] = ""


@pytest.mark.parametrize("forge", [_all_delivered, _closed, _invented, _other_evidence, _no_seal])
def test_a_forged_status_suppresses_nothing_sends_nothing_and_is_put_right(
    server: ApiServer, clock: Clock, genuine: Obj, forge: Callable[[Obj], None]
) -> None:
    forge(genuine["status"])
    server.put(genuine)
    desk = heir(server, clock)
    assert [step.name for step in desk.only().steps] == ["raised"]
    assert [evidence.source for evidence in desk.only().evidence] == []
    assert {name.rpartition(".")[2] for name, _ in desk.deliveries.submitted} == {"0"}, "what it is owed is sent again"
    assert desk.refused("StatusSealInvalid") == 1
    desk.settle()
    mended = desk.stored()
    assert {note["notification"].rpartition(".")[2] for note in mended["status"]["deliveries"]} == {"0"}
    assert "closedAt" not in mended["status"]
    again = heir(server, clock)
    assert again.events == [], "the seal is good again"


def test_a_leader_that_knows_better_writes_the_truth_over_a_forged_status(
    server: ApiServer, clock: Clock, make_fault: MakeFault
) -> None:
    desk = heir(server, clock)
    desk.reporter.raise_fault(make_fault(), 0.0)
    desk.write()
    truth = copy.deepcopy(desk.stored()["status"])
    forged = desk.stored() | {"status": copy.deepcopy(truth)}
    _all_delivered(forged["status"])
    server.put(forged)
    desk.write()
    assert {note["state"] for note in desk.stored()["status"]["deliveries"]} == {"Pending"}
    assert len(desk.deliveries.submitted) == 2


def test_a_stranger_under_the_name_of_a_true_record_does_not_keep_it_from_being_told_and_written(
    server: ApiServer, clock: Clock, genuine: Obj, make_fault: MakeFault
) -> None:
    _other_cause(genuine)
    server.objects.clear()
    server.put(genuine)
    desk = heir(server, clock)
    desk.reporter.raise_fault(make_fault(), 0.0)
    assert len(desk.deliveries.submitted) == 2
    desk.settle()
    record = desk.stored(SYSTEM)
    assert record["metadata"]["name"] == genuine["metadata"]["name"]
    assert record["spec"]["fault"]["cause"] == "QemuCrashed"
    assert record["status"]["delivered"] == "2/2"
    assert desk.stored("tenant")["spec"]["fault"]["cause"] == "Forged", "not ours to touch"
    after = heir(server, clock)
    assert after.outbox.is_written(genuine["metadata"]["name"])
    assert after.deliveries.submitted == []


def test_a_stranger_in_our_own_namespace_makes_room(server: ApiServer, clock: Clock, make_fault: MakeFault) -> None:
    desk = heir(server, clock)
    server.terminating.add("tenant")
    desk.reporter.raise_fault(make_fault(), 0.0)
    name = desk.only().id
    server.put({"metadata": {"namespace": SYSTEM, "name": name, "finalizers": ["nfvi-ha.io/undelivered"]}})
    desk.settle()
    assert desk.stored(SYSTEM)["status"]["delivered"] == "2/2"


def test_a_deleted_stranger_is_not_kept_by_our_finalizer(server: ApiServer, clock: Clock, genuine: Obj) -> None:
    _other_cause(genuine)
    genuine["metadata"] |= {"deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["nfvi-ha.io/undelivered"]}
    server.put(genuine)
    desk = heir(server, clock)
    desk.write()
    assert not server.objects


def test_a_new_key_signs_and_old_ones_are_accepted_until_they_are_removed(
    server: ApiServer, clock: Clock, genuine: Obj
) -> None:
    both = KEY | {"k2": b"n" * 32}
    desk = heir(server, clock, both)
    desk.settle()
    assert desk.stored()["status"]["seal"].startswith("k2:")
    assert list(heir(server, clock, both).book)
    assert not list(heir(server, clock, {"k2": b"n" * 32}).book), "the spec was sealed with the old one"


def test_what_came_before_the_key_is_judged_when_it_is_there(server: ApiServer, clock: Clock, genuine: Obj) -> None:
    desk = heir(server, clock, {})
    assert not list(desk.book)
    assert desk.events == []
    desk.use_keys({"k9": b"x" * 32})
    assert not list(desk.book)
    desk.use_keys(KEY)
    assert list(desk.book)


def test_the_echo_of_an_own_write_is_not_parsed_again(server: ApiServer, clock: Clock, make_fault: MakeFault) -> None:
    desk = Desk(server, clock)
    desk.reporter.raise_fault(make_fault(), 0.0)
    desk.write()
    view = desk.records.intake.view(desk.stored())
    assert view is not None
    assert view.record is None


@pytest.mark.parametrize("keys", [{}, {"short": b"x" * 31}])
def test_no_key_or_one_too_short_seals_nothing(keys: dict[str, bytes]) -> None:
    held = SealKeys()
    assert not held.replace(keys)
    with pytest.raises(NoSealKey):
        held.sign(b"digest")
    assert not held.verify("short:" + "0" * 64, b"digest")


def test_a_lost_secret_takes_no_key_from_a_running_process() -> None:
    held = SealKeys()
    held.replace(KEY)
    assert not held.replace({})
    assert held.all == KEY


JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=8)
STATUS = st.dictionaries(st.sampled_from(["phase", "actions", "deliveries", "delivered", "evidence"]), JSON)


@given(STATUS, st.sampled_from(["seal", "extra"]), st.sampled_from([None, "", [], {}]))
def test_absent_and_empty_are_the_same_to_a_seal(status: Obj, name: str, empty: object) -> None:
    assert status_digest("u", b"s", status) == status_digest("u", b"s", status | {name: empty})


@given(STATUS, STATUS)
def test_what_reads_differently_has_another_digest(one: Obj, other: Obj) -> None:
    def read(value: object) -> object:
        if isinstance(value, dict):
            return {key: read(item) for key, item in value.items() if read(item) not in (None, "", [], {})}
        return [read(item) for item in value] if isinstance(value, list) else value

    # repr, because True == 1.
    same = repr(sorted(read(one).items())) == repr(sorted(read(other).items()))  # type: ignore[attr-defined]
    assert (status_digest("u", b"s", one) == status_digest("u", b"s", other)) is same
    assert (spec_digest("n", "i", one) == spec_digest("n", "i", other)) is same
    assert status_digest("u", b"s", one) != status_digest("v", b"s", one)
    assert spec_digest("n", "i", one) != spec_digest("m", "i", one)


async def test_the_leader_makes_a_random_key_and_a_lost_secret_is_made_again_with_the_keys_in_use() -> None:
    made: list[Obj] = []

    class Secrets:
        async def create(self, _: object, body: Obj, namespace: str) -> Obj:
            assert namespace == SYSTEM
            made.append(body)
            return body

    held = SealKeys()
    keeper = SealKeeper(Secrets(), SYSTEM, held, now=lambda: START, random=lambda size: b"r" * size)  # type: ignore[arg-type]
    await keeper.ensure()
    assert Secret.from_object(made[0]).data == {"k20260102t030405z": b"r" * 32}
    held.replace(KEY)
    await keeper.ensure()
    assert Secret.from_object(made[1]).data == KEY

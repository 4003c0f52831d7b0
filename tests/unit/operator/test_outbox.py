"""The record of an incident: when it is written, where, and what happens when somebody else wrote it."""

from collections.abc import Callable
from typing import Any

import pytest

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from nfvi_ha.operator.ledger import Ledger
from nfvi_ha.operator.outbox import Outbox
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState

from .conftest import START

Obj = dict[str, Any]


class Server:
    """As much of an API server as one kind needs: create, get, and a guarded status patch."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Obj] = {}
        self.version = 0
        self.refuse_namespaces: dict[str, Exception] = {}
        self.calls: list[str] = []

    async def create(self, _: object, body: Obj, namespace: str) -> Obj:
        self.calls.append("create")
        if namespace in self.refuse_namespaces:
            raise self.refuse_namespaces[namespace]
        key = (namespace, body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists(409, "AlreadyExists", "there")
        return self._store(key, body)

    async def get(self, _: object, name: str, namespace: str) -> Obj:
        self.calls.append("get")
        return self.objects[namespace, name]

    async def patch(self, _: object, name: str, patch: Obj, namespace: str, *, subresource: str) -> Obj:
        self.calls.append("patch")
        assert subresource == "status"
        key = (namespace, name)
        if key not in self.objects:
            raise NotFound(404, "NotFound", "gone")
        if patch["metadata"]["resourceVersion"] != self.objects[key]["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "somebody wrote")
        return self._store(key, self.objects[key] | {"status": patch["status"]})

    def _store(self, key: tuple[str, str], obj: Obj) -> Obj:
        self.version += 1
        metadata = obj["metadata"] | {"resourceVersion": str(self.version), "uid": "u"}
        self.objects[key] = obj | {"metadata": metadata}
        return self.objects[key]


class Desk:
    def __init__(self, server: Server) -> None:
        self.book, self.ledger, self.written = IncidentBook(), Ledger(), []
        self.outbox = Outbox(
            client=server,  # type: ignore[arg-type]
            book=self.book,
            ledger=self.ledger,
            namespace="nfvi-ha-system",
            cluster="c",
            on_written=self.written.append,
        )

    def raise_fault(self, fault: Fault) -> str:
        raised = self.book.raise_fault(fault)
        assert raised is not None
        return raised[0].id

    def delivered(self, incident: str, endpoint: str = "vim") -> None:
        class Said:
            id, type = f"{incident}.0", type("T", (), {"value": "vm.failed"})

        Said.incident = incident  # type: ignore[attr-defined]
        self.ledger.expect(Said, [endpoint])  # type: ignore[arg-type]
        self.ledger.outcome(
            DeliveryOutcome(
                f"{incident}.0", incident, endpoint, DeliveryState.DELIVERED, 1, 204, "Delivered", 4.2, START
            )
        )


async def test_a_record_is_made_with_the_outcome_of_the_first_attempt(make_fault: Callable[..., Fault]) -> None:
    server = Server()
    desk = Desk(server)
    identity = desk.raise_fault(make_fault())
    assert not desk.outbox.is_written(identity)
    desk.delivered(identity)
    await desk.outbox.write(identity)
    stored = server.objects["tenant", identity]
    assert stored["status"]["deliveries"][0]["state"] == "Delivered"
    assert stored["status"]["delivered"] == "1/1"
    assert desk.written == [identity]
    assert desk.outbox.is_written(identity)


async def test_what_has_not_changed_is_not_written_again(make_fault: Callable[..., Fault]) -> None:
    server = Server()
    desk = Desk(server)
    identity = desk.raise_fault(make_fault())
    await desk.outbox.write(identity)
    calls = len(server.calls)
    await desk.outbox.write(identity)
    assert len(server.calls) == calls


@pytest.mark.parametrize("refusal", [NotFound(404, "NotFound", "no ns"), Forbidden(403, "Forbidden", "terminating")])
async def test_a_namespace_that_is_going_away_does_not_lose_the_record(
    make_fault: Callable[..., Fault], refusal: Exception
) -> None:
    server = Server()
    server.refuse_namespaces["tenant"] = refusal
    desk = Desk(server)
    identity = desk.raise_fault(make_fault())
    await desk.outbox.write(identity)
    assert ("nfvi-ha-system", identity) in server.objects
    assert server.objects["nfvi-ha-system", identity]["spec"]["resource"]["namespace"] == "tenant"


async def test_a_record_that_another_replica_wrote_is_taken_over_and_merged(make_fault: Callable[..., Fault]) -> None:
    server = Server()
    first, second = Desk(server), Desk(server)
    identity = first.raise_fault(make_fault())
    first.delivered(identity, "vim-a")
    await first.outbox.write(identity)

    assert second.raise_fault(make_fault()) == identity, "two replicas give one id"
    second.delivered(identity, "vim-b")
    await second.outbox.write(identity)
    endpoints = {d["endpoint"] for d in server.objects["tenant", identity]["status"]["deliveries"]}
    assert endpoints == {"vim-a", "vim-b"}


async def test_a_stale_writer_is_refused_then_merges(make_fault: Callable[..., Fault]) -> None:
    server = Server()
    first, second = Desk(server), Desk(server)
    identity = first.raise_fault(make_fault())
    await first.outbox.write(identity)
    second.raise_fault(make_fault())
    second.delivered(identity, "vim-b")
    await second.outbox.write(identity)

    first.delivered(identity, "vim-a")
    with pytest.raises(Conflict):
        await first.outbox.write(identity)
    await first.outbox.write(identity)
    endpoints = {d["endpoint"] for d in server.objects["tenant", identity]["status"]["deliveries"]}
    assert endpoints == {"vim-a", "vim-b"}


async def test_a_record_that_somebody_deleted_is_made_again(make_fault: Callable[..., Fault]) -> None:
    server = Server()
    desk = Desk(server)
    identity = desk.raise_fault(make_fault())
    await desk.outbox.write(identity)
    server.objects.clear()
    desk.delivered(identity)
    with pytest.raises(NotFound):
        await desk.outbox.write(identity)
    await desk.outbox.write(identity)
    assert ("tenant", identity) in server.objects

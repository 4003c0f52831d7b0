"""The operator's replicas as the hot process is told of them."""

from typing import Any, cast

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind
from nfvi_ha.sentinel.scribe.replicas import Replicas
from tests.unit.sentinel.scribe.records_made import AT


class Leases:
    """Member Leases, by identity: the version of each."""

    def __init__(self, **versions: int) -> None:
        self.versions = versions

    async def list(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"uid": name, "namespace": "system", "name": f"m-{name}", "resourceVersion": str(version)},
                "spec": {"holderIdentity": name},
            }
            for name, version in self.versions.items()
        ]


class Scene:
    def __init__(self, **versions: int) -> None:
        self.leases = Leases(**versions)
        self.feed = Feed()
        self.book = IncidentBook()
        self.now = 100.0
        self.replicas = Replicas(
            cast("KubeClient", self.leases), self.feed, self.book,
            namespace="system", expected=2, clock=lambda: self.now,
        )  # fmt: skip

    async def look(self, after: float = 0.0) -> dict[str, bool]:
        self.now += after
        await self.replicas.look()
        told = {key: self.feed.value(FeedKind.REDUNDANCY, key) for key in self.feed.keys(FeedKind.REDUNDANCY)}
        return {key: bool(value and value["lost"]) for key, value in told.items()}

    def report_lost(self, identity: str) -> None:
        resource = ResourceRef("OperatorReplica", "", identity, "replica")
        fault = Fault(FaultKind.REDUNDANCY_LOST, resource, "Lost", "", Severity.MAJOR, Confidence.HIGH, AT)
        self.book.raise_fault(fault)


async def test_a_replica_that_stops_renewing_is_lost_and_its_successor_ends_that() -> None:
    scene = Scene(a=1, b=1)
    assert await scene.look() == {"a": False, "b": False}
    scene.leases.versions["a"] = 2
    assert await scene.look(11.0) == {"a": False, "b": True}
    # The leader clears its Lease away; it is as lost as before.
    scene.leases.versions = {"a": 3}
    assert await scene.look(60.0) == {"a": False, "b": True}
    scene.leases.versions = {"a": 4, "c": 1}
    assert await scene.look(2.0) == {"a": False, "b": False, "c": False}


async def test_a_replica_that_left_in_order_is_no_longer_told_of() -> None:
    scene = Scene(a=1, b=1)
    await scene.look()
    scene.leases.versions = {"a": 2}
    assert await scene.look(2.0) == {"a": False}


async def test_one_that_was_lost_before_this_process_started_is_known_by_its_incident() -> None:
    scene = Scene(a=1)
    scene.report_lost("b")
    assert await scene.look() == {"a": False, "b": True}

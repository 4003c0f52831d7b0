"""Which replicas live, and in which order they report: the leader at once, the others after it.

Reporting never waits for the Lease of the leader. Each replica keeps a member Lease of its own; from those that
change, each computes its rank. Ranks only order the attempts (rank n reports n x 250 ms later, unless it was
delivered meanwhile, with the same id), so two replicas may differ for a moment without harm.
"""

import asyncio
import hashlib
import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nfvi_ha.api.names import LABEL_MEMBER_OF
from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.lease import LeaseElector
from nfvi_ha.kube.resources import LEASES
from nfvi_ha.kube.views import LeaseView, lease_view

RENEW_SECONDS: Final = 2.0
EXPIRE_SECONDS: Final = 10.0
STALE_SECONDS: Final = 60.0
RANK_UNKNOWN: Final = 1
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){0,2}")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MembershipSettings:
    """Times in seconds."""

    renew_seconds: float = RENEW_SECONDS
    expire_seconds: float = EXPIRE_SECONDS
    """A member whose Lease did not change for so long does not count."""
    stale_seconds: float = STALE_SECONDS
    """After so long the leader deletes it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    lease: LeaseView
    changed_at: float


class Membership:
    """Announces this replica and knows its rank among the living.

    ``base`` is the name of the group, usually that of the leader's Lease; the member Lease is called
    ``<base>-member-<identity>``.
    """

    def __init__(
        self,
        client: KubeClient,
        elector: LeaseElector,
        namespace: str,
        base: str,
        *,
        settings: MembershipSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client.lane(urgent=True)
        self._elector = elector
        self._namespace = namespace
        self._base = base
        self._settings = settings or MembershipSettings()
        self._clock = clock
        self._utc_now = utc_now
        self._members: dict[str, _Seen] = {}
        self._known_at = -math.inf
        self.lease_name = member_lease_name(base, elector.identity)

    @property
    def rank(self) -> int:
        """0 for the leader, 1.. for the others in the order of their identities, 1 while that is not known."""
        if self._elector.is_leader:
            return 0
        if self._clock() - self._known_at > self._settings.expire_seconds:
            return RANK_UNKNOWN
        others = sorted({*self.live_members(), self._elector.identity} - {self._elector.holder})
        return 1 + others.index(self._elector.identity) if self._elector.identity in others else RANK_UNKNOWN

    def live_members(self) -> frozenset[str]:
        """Identities of the members whose Leases change."""
        oldest = self._clock() - self._settings.expire_seconds
        return frozenset(seen.lease.holder for seen in self._members.values() if seen.changed_at >= oldest)

    @property
    def looked_at(self) -> float:
        """When the member Leases were last read (monotonic seconds); minus infinity before the first time."""
        return self._known_at

    def renewals(self) -> dict[str, float]:
        """When each member's Lease was last seen to change (monotonic seconds), by identity."""
        return {seen.lease.holder: seen.changed_at for seen in self._members.values()}

    async def run(self) -> None:
        """Announce and look around for ever; ends only when it is cancelled. Call ``leave`` after that."""
        while True:
            try:
                async with asyncio.timeout(self._settings.renew_seconds):
                    await self._announce()
                    await self._look_around()
                    await self._clean()
            except (TimeoutError, KubeError) as error:
                _logger.info("membership not renewed", extra={"lease": self.lease_name, "error": str(error)})
            await asyncio.sleep(self._settings.renew_seconds)

    async def leave(self) -> None:
        """Delete our member Lease, so that the others move up at once."""
        try:
            async with asyncio.timeout(self._settings.renew_seconds):
                await self._client.delete(LEASES, self.lease_name, self._namespace)
        except NotFound:
            pass
        except (TimeoutError, KubeError) as error:
            _logger.info("member lease not deleted", extra={"lease": self.lease_name, "error": str(error)})

    async def _announce(self) -> None:
        spec = {
            "holderIdentity": self._elector.identity,
            "leaseDurationSeconds": math.ceil(self._settings.expire_seconds),
            "renewTime": self._utc_now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        try:
            await self._client.patch(LEASES, self.lease_name, {"spec": spec}, self._namespace)
        except NotFound:
            metadata = {"name": self.lease_name, "labels": {LABEL_MEMBER_OF: self._base}}
            body: JsonObject = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
            await self._client.create(LEASES, {**body, "spec": spec}, self._namespace)

    async def _look_around(self) -> None:
        selector = f"{LABEL_MEMBER_OF}={self._base}"
        records = await self._client.list(LEASES, self._namespace, label_selector=selector)
        now = self._clock()
        members: dict[str, _Seen] = {}
        for lease in filter(None, map(lease_view, records)):
            known = self._members.get(lease.uid)
            same = known is not None and known.lease.resource_version == lease.resource_version
            members[lease.uid] = known if known is not None and same else _Seen(lease, now)
        self._members = members
        self._known_at = now

    async def _clean(self) -> None:
        """As the leader, delete what dead replicas left behind."""
        if not self._elector.is_leader:
            return
        oldest = self._clock() - self._settings.stale_seconds
        for seen in [seen for seen in self._members.values() if seen.changed_at < oldest]:
            lease = seen.lease
            _logger.info("deleting the lease of a dead member", extra={"lease": lease.name})
            try:
                await self._client.delete(
                    LEASES, lease.name, self._namespace, uid=lease.uid, resource_version=lease.resource_version
                )
            except NotFound:
                continue


def member_lease_name(base: str, identity: str) -> str:
    """The member Lease's name: an identity that is no valid object name goes in as its hash."""
    if not _NAME.fullmatch(identity):
        identity = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return f"{base}-member-{identity}"

"""VIMEndpoints: made ready for delivery, or refused with a reason; and how they do, for people to see (H3)."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from nfvi_ha.api.conditions import ACCEPTED, REACHABLE, VALID, Condition, with_condition
from nfvi_ha.api.vimendpoint import LastDelivery, VIMEndpointStatus
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.recorder import EventType
from nfvi_ha.kube.resources import VIMENDPOINTS
from nfvi_ha.operator import reasons
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.world import EndpointEntry, World
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.endpoint import Endpoint, EndpointRefused, Secret, resolve
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState, EndpointStatus

JsonObject = dict[str, Any]
Problem = tuple[str, str]
"""Reason constant and message."""
Counts = tuple[int, int, int]
"""Delivered, failed and parked."""

log = logging.getLogger(__name__)


class EndpointController:
    """Keeps the deliverer's endpoints as the objects and Secrets say, in every replica; the leader writes statuses."""

    def __init__(
        self,
        *,
        world: World,
        secrets: Mapping[str, Secret],
        deliverer: Deliverer,
        client: KubeClient,
        emit: Callable[[EndpointEntry, EventType, str, str], None],
        leading: Callable[[], bool],
        clock: Clock,
        metrics: OperatorMetrics,
    ) -> None:
        self._world = world
        self._secrets = secrets
        self._deliverer = deliverer
        self._client = client
        self._emit = emit
        self._leading = leading
        self._clock = clock
        self._metrics = metrics
        self._problems: dict[str, Problem] = {}
        self._failed: Counter[str] = Counter()
        self._parked: Counter[str] = Counter()
        self._written: dict[str, JsonObject] = {}
        self._before: dict[str, Counts] = {}

    def refresh(self) -> None:
        """Resolve every endpoint anew: an object or a Secret changed."""
        usable: list[Endpoint] = []
        problems: dict[str, Problem] = {}
        for name, entry in self._world.endpoints.items():
            try:
                usable.append(self._resolve(entry))
            except EndpointRefused as refusal:
                problems[name] = (refusal.reason, f"{refusal.field}: {refusal.message}")
        for name, problem in problems.items():
            if self._problems.get(name) != problem:
                self._tell_refused(self._world.endpoints[name], problem)
        self._problems = problems
        self._deliverer.set_endpoints(usable, suspended=problems.keys())

    def count(self, outcome: DeliveryOutcome) -> None:
        """Count an attempt that failed, and a notification that was given up."""
        if outcome.state in {DeliveryState.PARKED, DeliveryState.EXPIRED}:
            self._parked[outcome.endpoint] += 1
        if outcome.state in {DeliveryState.PARKED, DeliveryState.RETRYING} and outcome.attempts:
            self._failed[outcome.endpoint] += 1

    async def reconcile(self, name: str) -> None:
        """Write the status of one endpoint, if it changed (leader only).

        Raises:
            KubeError: it could not be written; ask again.
        """
        entry = self._world.endpoints.get(name)
        if entry is None:
            self._written.pop(name, None)
            self.forget(name)
            return
        if not self._leading():
            return
        status = self._status(entry).to_json()
        if self._written.get(name, entry.status) == status:
            return
        try:
            await self._client.patch(VIMENDPOINTS, name, {"status": status}, subresource="status")
        except NotFound:
            self._written.pop(name, None)
            return
        self._written[name] = status

    def forget_written(self) -> None:
        """Another leader may have written since; what it counted is what ours goes on from."""
        self._written.clear()
        self._before.clear()

    def forget(self, name: str) -> None:
        """The endpoint is gone; one of that name that comes later starts at nought."""
        self._failed.pop(name, None)
        self._parked.pop(name, None)
        self._before.pop(name, None)

    def tell_reachable(self, name: str, reachable: bool, reason: str) -> None:
        """An endpoint came into reach, or went out of it."""
        entry = self._world.endpoints.get(name)
        if entry is None:
            return
        log.log(
            logging.INFO if reachable else logging.ERROR,
            "VIM endpoint",
            extra={
                "object": name,
                "reachable": reachable,
                "reason": reason,
            },
        )
        if reachable:
            self._emit(entry, reasons.NORMAL, reasons.ENDPOINT_REACHABLE, "notifications are taken")
        else:
            self._emit(entry, reasons.WARNING, reasons.ENDPOINT_UNREACHABLE, f"notifications wait: {reason}")

    def _resolve(self, entry: EndpointEntry) -> Endpoint:
        if entry.model is None:
            problem = entry.problem
            if problem is None:
                raise ValueError(f"VIMEndpoint {entry.name} has neither a model nor a problem")
            raise EndpointRefused(problem.reason, problem.field, problem.message)
        return resolve(entry.model, self._secrets.get)

    def _tell_refused(self, entry: EndpointEntry, problem: Problem) -> None:
        self._metrics.refused("VIMEndpoint", problem[0])
        self._emit(entry, reasons.WARNING, reasons.REFUSED, problem[1])
        log.warning("refused", extra={"object": entry.name, "reason": problem[0], "detail": problem[1]})

    def _status(self, entry: EndpointEntry) -> VIMEndpointStatus:
        state = self._deliverer.status().get(entry.name)
        known = self._known_conditions(entry)
        now = self._clock.now()
        problem = self._problems.get(entry.name)
        known = with_condition(
            known,
            ACCEPTED,
            holds=problem is None,
            reason=problem[0] if problem else VALID,
            message=problem[1] if problem else "",
            generation=entry.generation,
            now=now,
        )
        known = self._reachable(known, state, entry.generation, now)
        last = None
        if state is not None and state.last_delivered_at is not None and state.last_latency_ms is not None:
            last = LastDelivery(time=state.last_delivered_at, latency_milliseconds=round(state.last_latency_ms))
        delivered, failed, parked = self._counts(entry, state)
        return VIMEndpointStatus(
            observed_generation=entry.generation,
            delivered=delivered,
            failed=failed,
            parked=parked,
            pending=state.pending + state.refused if state else 0,
            last_delivery=last,
            last_error="" if state is None or state.reachable is not False else state.reason,
            conditions=known,
        )

    def _counts(self, entry: EndpointEntry, state: EndpointStatus | None) -> Counts:
        """What stood there when we began to lead, and what came since."""
        own = (state.delivered if state else 0, self._failed[entry.name], self._parked[entry.name])
        if entry.name not in self._before:
            stored = entry.model.status if entry.model and entry.model.status else VIMEndpointStatus()
            then = (stored.delivered, stored.failed, stored.parked)
            self._before[entry.name] = (then[0] - own[0], then[1] - own[1], then[2] - own[2])
        before = self._before[entry.name]
        return (max(before[0] + own[0], 0), max(before[1] + own[1], 0), max(before[2] + own[2], 0))

    def _known_conditions(self, entry: EndpointEntry) -> tuple[Condition, ...]:
        written = self._written.get(entry.name)
        if written is not None:
            return tuple(Condition.model_validate(item) for item in written.get("conditions", ()))
        return entry.model.status.conditions if entry.model and entry.model.status else ()

    def _reachable(
        self, known: tuple[Condition, ...], state: EndpointStatus | None, generation: int, now: datetime
    ) -> tuple[Condition, ...]:
        return with_condition(
            known,
            REACHABLE,
            holds=state.reachable if state else None,
            reason=(state.reason if state else "") or "NothingSent",
            generation=generation,
            now=now,
        )

"""The watch list of the HAPolicy that governs this node."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from nfvi_ha.agent.probes.process.settings import specs
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.hapolicy import HAPolicy
from nfvi_ha.core.hostprocess.spec import WatchSpec, watch_list
from nfvi_ha.core.policy import policy_of
from nfvi_ha.core.views import NodeView
from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.informer import Informer
from nfvi_ha.kube.resources import HAPOLICIES, NODES
from nfvi_ha.kube.views import node_view

log = logging.getLogger(__name__)

UseList = Callable[[tuple[WatchSpec, ...] | None], None]
"""Given the list of the policy; None: no policy has the say, so the agent's own settings hold."""
NOTHING: Final[tuple[WatchSpec, ...]] = ()


def policy_view(obj: JsonObject) -> HAPolicy | None:
    """A policy; None for one that must not be acted on. One that was good before stands."""
    try:
        return HAPolicy.parse(obj)
    except InvalidObject as problem:
        log.warning("HAPolicy refused", extra={"error": str(problem)})
        return None


class PolicySource:
    """Watches policies and our node's labels."""

    def __init__(self, node: str, client: KubeClient, use: UseList) -> None:
        self._node = node
        self._use = use
        self._policies = Informer(client, HAPOLICIES, policy_view, on_change=self._changed, name="policies")
        self._nodes = Informer(
            client,
            NODES,
            node_view,
            on_change=self._changed,
            field_selector=f"metadata.name={node}",
            name="node-here",
        )

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._policies.run())
            group.create_task(self._nodes.run())
            await self._policies.wait_synced()
            await self._nodes.wait_synced()
            self._decide()

    def _changed(self, _change: Change[HAPolicy] | Change[NodeView]) -> None:
        self._decide()

    def _decide(self) -> None:
        if not self._policies.synced.is_set() or not self._nodes.synced.is_set():
            return
        policies = list(self._policies.objects.values())
        node = self._nodes.get_by_key("", self._node)
        if not policies or node is None:
            self._use(None)
            return
        policy = policy_of(dict(node.labels), policies)
        # A node that no policy selects is not governed: it may fail unreported.
        chosen = policy.spec if policy is not None else None
        self._use(
            watch_list(specs(chosen.watched_processes), built_in=chosen.built_in_processes) if chosen else NOTHING
        )

"""Doing what a plan says: each action on the API, safe to repeat, guarded by uid and resourceVersion."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.api import names
from nfvi_ha.api.vnfreplicaset import VNFReplicaSet
from nfvi_ha.core.replicaset.actions import Action, AdoptVm, CreateVm, DeleteVm, RetireVm
from nfvi_ha.core.replicaset.template import build_vmi, owner_reference, slot_labels, vm_name
from nfvi_ha.core.views import VmView
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, KubeError, NotFound
from nfvi_ha.kube.resources import VMIS
from nfvi_ha.kube.views import vm_view
from nfvi_ha.operator.gather import placement
from nfvi_ha.operator.world import World

log = logging.getLogger(__name__)

PARALLEL: Final = 32
REASON_TEMPLATE_REFUSED: Final = "TemplateRefused"
REASON_FORBIDDEN: Final = "CreationForbidden"
REASON_NAME_TAKEN: Final = "NameTaken"
REASON_UNAVAILABLE: Final = "ApiUnavailable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A creation that did not happen."""

    slot: int
    reason: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What became of a plan's actions."""

    created: list[tuple[CreateVm, VmView]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    done: list[Action] = field(default_factory=list)
    """Deletions, retirements and adoptions that were carried out."""
    failed: list[KubeError] = field(default_factory=list)


class VmActions:
    """Carries out actions for one VNFReplicaSet at a time, those of one plan in parallel."""

    def __init__(self, client: KubeClient, world: World) -> None:
        self._client = client
        self._world = world

    async def carry_out(self, model: VNFReplicaSet, actions: Iterable[Action]) -> Outcome:
        """Do them all; whatever fails is in the outcome, the rest is done nevertheless.

        Raises:
            NotLeader: the Lease's margin is too small to write (by the client's guard); nothing more is done.
        """
        outcome = Outcome()
        limit = asyncio.Semaphore(PARALLEL)

        async def do(action: Action) -> None:
            async with limit:
                try:
                    await self._do(model, action, outcome)
                except KubeError as error:
                    outcome.failed.append(error)

        try:
            async with asyncio.TaskGroup() as tasks:
                for action in actions:
                    tasks.create_task(do(action))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return outcome

    async def _do(self, model: VNFReplicaSet, action: Action, outcome: Outcome) -> None:
        match action:
            case CreateVm():
                await self._create(model, action, outcome)
                return
            case DeleteVm():
                await self._delete(model.metadata.namespace, action.name, action.uid)
            case RetireVm():
                await self._retire(model.metadata.namespace, action)
            case AdoptVm():
                await self._adopt(model, action)
        outcome.done.append(action)

    async def _create(self, model: VNFReplicaSet, action: CreateVm, outcome: Outcome) -> None:
        meta = model.metadata
        body = build_vmi(
            namespace=meta.namespace,
            set_name=meta.name,
            set_uid=meta.uid,
            slot=action.slot,
            attempt=action.attempt,
            template=model.spec.template.to_json(),
            placement=placement(model),
        )
        try:
            created = vm_view(await self._client.create(VMIS, body, meta.namespace))
        except AlreadyExists:
            created = await self._own(meta.namespace, body["metadata"]["name"], meta.uid)
            if created is None:
                message = f"VMI {body['metadata']['name']} exists and is not of this VNFReplicaSet; remove or rename it"
                outcome.refused.append(Refusal(action.slot, REASON_NAME_TAKEN, message))
                return
        except Invalid as error:
            outcome.refused.append(Refusal(action.slot, REASON_TEMPLATE_REFUSED, error.message))
            return
        except Forbidden as error:
            outcome.refused.append(Refusal(action.slot, REASON_FORBIDDEN, error.message))
            return
        except KubeError as error:
            outcome.refused.append(Refusal(action.slot, REASON_UNAVAILABLE, error.message))
            return
        if created is not None:
            outcome.created.append((action, created))

    async def _own(self, namespace: str, name: str, set_uid: str) -> VmView | None:
        """The VM of that name if it is ours: then our creation was done before, by us or by another replica."""
        try:
            found = vm_view(await self._client.get(VMIS, name, namespace))
        except NotFound:
            return None
        return found if found is not None and found.owner is not None and found.owner.uid == set_uid else None

    async def _delete(self, namespace: str, name: str, uid: str) -> None:
        try:
            await self._client.delete(VMIS, name, namespace, uid=uid)
        except (NotFound, Conflict):
            log.debug("already gone", extra={"object": f"{namespace}/{name}", "uid": uid})

    async def _retire(self, namespace: str, action: RetireVm) -> None:
        if action.delete:
            await self._delete(namespace, action.name, action.uid)
        await self.release(namespace, action.name, action.uid)

    async def release(self, namespace: str, name: str, uid: str) -> None:
        """Drop our finalizer from a VMI.

        Raises:
            Conflict: it changed meanwhile; look again.
        """
        try:
            obj = await self._client.get(VMIS, name, namespace)
        except NotFound:
            return
        metadata = obj["metadata"]
        finalizers = metadata.get("finalizers") or []
        if metadata["uid"] != uid or names.FINALIZER_EVIDENCE not in finalizers:
            return
        left = [finalizer for finalizer in finalizers if finalizer != names.FINALIZER_EVIDENCE]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": left}}
        try:
            await self._client.patch(VMIS, name, patch, namespace)
        except NotFound:
            return

    async def _adopt(self, model: VNFReplicaSet, action: AdoptVm) -> None:
        vm = self._world.vms.get(action.uid)
        if vm is None:
            return
        patch: dict[str, Any] = {
            "metadata": {
                "uid": vm.uid,
                "resourceVersion": vm.resource_version,
                "ownerReferences": [owner_reference(model.metadata.name, model.metadata.uid)],
                "labels": slot_labels(model.metadata.name, action.slot, action.attempt),
                "finalizers": sorted({*vm.finalizers, names.FINALIZER_EVIDENCE}),
            }
        }
        await self._client.patch(VMIS, vm.name, patch, vm.namespace)


def created_name(model: VNFReplicaSet, action: CreateVm) -> str:
    """The name that a creation gives."""
    return vm_name(model.metadata.name, action.slot, action.attempt)

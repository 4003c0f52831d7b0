"""What the API last said of this node's VMs: watched, kept on disk for starts without an API server, asked in doubt."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nfvi_ha.agent.probes.vm.objects import launcher_facts, vm_facts
from nfvi_ha.agent.probes.vm.vm_memory import VmMemory
from nfvi_ha.api.names import (
    KUBEVIRT_LAUNCHER_LABEL,
    KUBEVIRT_LAUNCHER_VALUE,
    KUBEVIRT_MIGRATION_TARGET,
    KUBEVIRT_NODE_NAME,
)
from nfvi_ha.core.vmprocess.facts import Knowledge, LauncherFacts, VmFacts
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.informer import Informer
from nfvi_ha.kube.resources import PODS, VMIS

log = logging.getLogger(__name__)

ASKED_AT_ONCE: Final = 8
"""So many questions at a time: when fifty VMs die together, the API server has other things to do."""


class VmCache:
    """The VMs and launcher pods of one node.

    ``on_change`` is told the uid of each VM that changed; "" when many did.
    """

    def __init__(
        self,
        node: str,
        client: KubeClient | None,
        file: Path,
        on_change: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._client = client.lane(urgent=True, in_flight=ASKED_AT_ONCE) if client is not None else None
        self._memory = VmMemory(file)
        self._answered_at = -math.inf
        self._vms: tuple[Informer[VmFacts], ...] = ()
        self._pods: Informer[LauncherFacts] | None = None
        if client is not None:
            self._vms = tuple(
                Informer(client, VMIS, vm_facts, on_change=self._vm, label_selector=f"{label}={node}", name=name)
                for label, name in ((KUBEVIRT_NODE_NAME, "vms-here"), (KUBEVIRT_MIGRATION_TARGET, "vms-to-come"))
            )
            self._pods = Informer(
                client,
                PODS,
                launcher_facts,
                on_change=self._launcher,
                label_selector=f"{KUBEVIRT_LAUNCHER_LABEL}={KUBEVIRT_LAUNCHER_VALUE}",
                field_selector=f"spec.nodeName={node}",
                name="launchers-here",
            )

    def recall(self) -> None:
        """Know what an earlier process knew, until the API says more."""
        self._memory.load()

    async def run(self) -> None:
        """Watch and write for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._memory.run())
            for informer in (*self._vms, *((self._pods,) if self._pods else ())):
                group.create_task(informer.run())
            if self._vms:
                group.create_task(self._forget_what_left())

    @property
    def synced(self) -> bool:
        """Whether the API told all VMs since the start."""
        return bool(self._vms) and all(informer.synced.is_set() for informer in self._vms)

    async def wait_synced(self) -> None:
        """Until it did; for ever without an API server."""
        if not self._vms:
            await asyncio.Event().wait()
        for informer in self._vms:
            await informer.wait_synced()

    def heard_seconds(self) -> float:
        """Since the API server last said anything; infinite if it never did."""
        ages = [informer.last_event_age() for informer in self._vms if informer.synced.is_set()]
        return min([*ages, self._clock() - self._answered_at])

    def vm(self, uid: str) -> VmFacts | None:
        """A VM by uid, present or past."""
        for informer in self._vms:
            if (vm := informer.objects.get(uid)) is not None:
                return vm
        return self._memory.vms.get(uid)

    def vm_named(self, namespace: str, name: str) -> VmFacts | None:
        """The newest VM of that name."""
        for informer in self._vms:
            if (vm := informer.get_by_key(namespace, name)) is not None:
                return vm
        named = [vm for vm in self._memory.vms.values() if (vm.namespace, vm.name) == (namespace, name)]
        return named[-1] if named else None

    def vm_of_pod(self, pod: str) -> str:
        """The uid of the VM that a pod was made for; "" if that is not known."""
        launcher = self.launcher(pod)
        if launcher is not None and launcher.vmi_uid:
            return launcher.vmi_uid
        views = [vm for informer in self._vms for vm in informer.objects.values()]
        return next((vm.uid for vm in (*views, *self._memory.vms.values()) if pod in vm.pods), "")

    def launcher(self, pod: str) -> LauncherFacts | None:
        """A launcher pod by uid, present or past."""
        launcher = self._pods.objects.get(pod) if self._pods is not None else None
        return launcher if launcher is not None else self._memory.launchers.get(pod)

    def knowledge(self, uid: str, pod: str) -> Knowledge:
        """All that is known of a VM and its pod now."""
        return Knowledge(self.vm(uid), self.launcher(pod), self.synced, self.heard_seconds())

    async def ask(self, vm: VmFacts) -> VmFacts | None:
        """Ask the API server for a VM, now. None: it did not answer, and the old word stands.

        What it answers is kept, so that ``knowledge`` has it.
        """
        if self._client is None:
            return None
        try:
            found = vm_facts(await self._client.get(VMIS, vm.name, vm.namespace))
        except NotFound:
            found = None
        except (KubeError, ValueError) as error:
            log.info("VM not asked for", extra={"vm": f"{vm.namespace}/{vm.name}", "error": str(error)})
            return None
        self._answered_at = self._clock()
        if found is None or found.uid != vm.uid:
            found = self._memory.left(self.vm(vm.uid) or vm)
        return found

    def _vm(self, change: Change[VmFacts]) -> None:
        if change.new is not None:
            self._memory.put(change.new)
        elif change.old is not None and self._present(change.old.uid) is None:
            self._memory.left(change.old)
        known = change.new or change.old
        self._on_change(known.uid if known is not None else "")

    def _launcher(self, change: Change[LauncherFacts]) -> None:
        if change.new is not None:
            self._memory.put_launcher(change.new)
        elif change.old is not None:
            # A pod that is gone from the API was asked to go, or its VM is gone, too.
            self._memory.put_launcher(LauncherFacts(change.old.uid, change.old.vmi_uid, deleting=True))
        known = change.new or change.old
        self._on_change(known.vmi_uid if known is not None else "")

    def _present(self, uid: str) -> VmFacts | None:
        return next((vm for informer in self._vms if (vm := informer.objects.get(uid)) is not None), None)

    async def _forget_what_left(self) -> None:
        """What an earlier process knew and the API does not show any more left while nobody watched."""
        await self.wait_synced()
        present: Mapping[str, Any] = {uid: vm for informer in self._vms for uid, vm in informer.objects.items()}
        for uid in [uid for uid in self._memory.vms if uid not in present]:
            self._memory.left(self._memory.vms[uid])
        self._on_change("")

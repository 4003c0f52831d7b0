"""VMs of libvirt without KubeVirt: their exit code is all that there is to go by."""

import signal
from pathlib import Path

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.procfs import PF_EXITING, Stat
from nfvi_ha.agent.probes.vm.endings import Endings
from nfvi_ha.agent.probes.vm.guest import Guest
from nfvi_ha.agent.probes.vm.vm_cache import VmCache
from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.vmprocess.identity import Identity
from nfvi_ha.core.wire.local_fault import LocalFault, unpack

NODE = "worker-1"


class Desk:
    """The ends of VMs, and what is told of them."""

    def __init__(self, directory: Path) -> None:
        self.told: tuple[LocalFault, ...] = ()
        self.decisions: list[str] = []
        table = FaultTable(
            Memory("11111111-2222-3333-4444-555555555555"),
            room=1200,
            tell=self._tell,
            save=lambda: None,
            soon=lambda call: call(),
        )
        cache = VmCache(NODE, None, directory / "vms.json", lambda _: None)
        self.endings = Endings(NODE, table, cache, self.decisions.append)

    def _tell(self, telling: object) -> None:
        self.told = unpack(telling.blob)  # type: ignore[attr-defined]


def guest(pod: str = "") -> Guest:
    return Guest(10, 1, pod, None, identity=Identity("uid-1", "default", "web-0"))


def dying(code: int) -> Stat:
    return Stat(10, "qemu-system-x86", "S", 1, PF_EXITING, 1, code)


async def test_killed_vm_is_told_in_the_same_turn(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.endings.sign(guest(), dying(signal.SIGKILL), 0.0)
    (fault,) = desk.told
    assert (fault.cause, fault.vm_uid, fault.confidence) == ("QemuKilled", "uid-1", Confidence.HIGH)


async def test_killed_vm_in_a_pod_is_not_told_before_the_api_server_was_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.endings.sign(guest("01234567-89ab-cdef-0123-456789abcdef"), dying(signal.SIGKILL), 0.0)
    assert not desk.told
    desk.endings.close()


async def test_vm_that_exits_cleanly_is_not_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.endings.ended(guest(), 0, 0.0)
    assert desk.decisions == ["CleanExit"]
    assert not desk.told

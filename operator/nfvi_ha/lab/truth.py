"""What really lives: the VM processes of all hypervisors, sampled from the process table, whatever the API says.

Invariant 1 is about processes: two that write to one slot are wrong even if no object ever showed them. So nothing here
asks the API server, and a lab whose API server is stopped is watched all the same.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nfvi_ha.lab.hypervisor.machines import QEMU
from nfvi_ha.lab.nfvi import Hosts
from nfvi_ha.lab.processfile import PROCESS, read_identity

log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 0.01
COMM: Final = QEMU[:15]
"""The kernel keeps so many characters of a process's name."""

SetKey = tuple[str, str]
"""Namespace and name of a VNFReplicaSet."""


@dataclass(frozen=True, slots=True)
class VmProcess:
    """One living process of a VM."""

    pid: int
    start_ticks: int
    namespace: str
    vm: str
    """Name of its VMI."""

    @property
    def slot(self) -> tuple[str, str]:
        """Namespace and ``<set>-<slot>``: the VM's name without its attempt."""
        return self.namespace, self.vm.rpartition("-")[0]

    @property
    def set(self) -> SetKey:
        """The set that it is of, by its name."""
        namespace, slot = self.slot
        return namespace, slot.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be, as first seen. ``at`` is CLOCK_MONOTONIC in nanoseconds."""

    at: int
    what: str
    processes: tuple[VmProcess, ...]

    def __str__(self) -> str:
        names = ", ".join(f"{process.vm} (pid {process.pid})" for process in self.processes)
        return f"{self.what}: {names}"


@dataclass(slots=True)
class Sightings:
    """All that was seen so far."""

    samples: int = 0
    longest_gap_ms: float = 0.0
    """Longest time between two looks: what lives for less may have been missed."""
    most: Counter[SetKey] = field(default_factory=Counter)
    """The largest number of processes that lived at once, by set."""
    violations: dict[str, Violation] = field(default_factory=dict)


class Truth:
    """Samples in a thread of its own from ``with`` to its end, and once more at the end.

    Args:
        hypervisors: ids of the hypervisors' processes; asked at every look, for hypervisors come and go.
        interval_seconds: pause between two looks.
    """

    def __init__(self, hypervisors: Callable[[], Collection[int]], interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._hypervisors = hypervisors
        self._interval = interval_seconds
        self._limits: dict[SetKey, int] = {}
        self._known: dict[tuple[int, int], VmProcess] = {}
        self._looked_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="truth", daemon=True)
        self._error: BaseException | None = None
        self.seen = Sightings()

    @classmethod
    def of(cls, hosts: Hosts) -> Self:
        """Of all hypervisors of a lab."""
        return cls(lambda: hypervisors_of(hosts))

    def limit(self, key: SetKey, most: int) -> None:
        """From now on more than so many living VMs of a set (its replicas and its surge) are a violation."""
        self._limits[key] = most

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def look(self) -> list[VmProcess]:
        """Read the process table once and return the living VMs."""
        living: list[VmProcess] = []
        for hypervisor in self._hypervisors():
            for pid in _children(hypervisor):
                process = self._vm_process(pid)
                if process is not None:
                    living.append(process)
        return living

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._sample()
                self._stop.wait(self._interval)
            self._sample()
        except BaseException as error:  # noqa: BLE001 - raised again by __exit__: an observer that died saw nothing wrong
            self._error = error

    def _sample(self) -> None:
        living, now = self.look(), time.monotonic()
        seen = self.seen
        if self._looked_at is not None:
            seen.longest_gap_ms = max(seen.longest_gap_ms, (now - self._looked_at) * 1000.0)
        self._looked_at = now
        seen.samples += 1
        slots: defaultdict[tuple[str, str], list[VmProcess]] = defaultdict(list)
        sets: defaultdict[SetKey, list[VmProcess]] = defaultdict(list)
        for process in living:
            slots[process.slot].append(process)
            sets[process.set].append(process)
        for slot, processes in slots.items():
            if len(processes) > 1:
                self._violated(f"slot {'/'.join(slot)} has {len(processes)} living VMs", processes)
        for key, processes in sets.items():
            seen.most[key] = max(seen.most[key], len(processes))
            most = self._limits.get(key)
            if most is not None and len(processes) > most:
                self._violated(f"set {'/'.join(key)} has {len(processes)} living VMs, at most {most} may be", processes)

    def _violated(self, what: str, processes: list[VmProcess]) -> None:
        violation = Violation(time.monotonic_ns(), what, tuple(processes))
        if str(violation) not in self.seen.violations:
            log.error("%s", violation)
            self.seen.violations[str(violation)] = violation

    def _vm_process(self, pid: int) -> VmProcess | None:
        """The VM whose process this is; None for another program's, and for one that has ended."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        if name != COMM or fields[0] in "ZX":
            return None
        key = (pid, int(fields[19]))
        known = self._known.get(key)
        if known is None:
            guest = _guest(pid)
            if guest is None:
                return None
            known = self._known[key] = VmProcess(*key, *guest)
        return known


def hypervisors_of(hosts: Hosts) -> list[int]:
    """Ids of the hypervisors' processes."""
    files = (hosts.directory(path.name) / PROCESS for path in hosts.directory("").glob("*"))
    return [identity.pid for file in files if (identity := read_identity(file)) is not None]


def _children(pid: int) -> list[int]:
    """Children of a process; its VMs are all started by its main thread."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _guest(pid: int) -> tuple[str, str] | None:
    """Namespace and name out of ``-name guest=<namespace>_<name>,...``; None when it has just ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return None
    for word in words:
        if word.startswith("guest="):
            namespace, _, name = word.removeprefix("guest=").partition(",")[0].partition("_")
            return namespace, name
    return None

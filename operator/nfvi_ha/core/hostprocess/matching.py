"""Which of a hypervisor's processes is meant by an entry of the watch list?"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.hostprocess.spec import Match
from nfvi_ha.core.vmprocess.command import pod_uid

COMM_CHARACTERS: Final = 15
PAUSE: Final = "pause"
"""The process that holds a pod's namespaces."""
_MONITOR: Final = re.compile(r"^\S+: monitoring pid \d+")
"""Title of the process by which Open vSwitch starts its daemons again."""
_SESSION: Final = re.compile(r"/user\.slice/.*session-[^/]*\.scope")


PodLabels = Mapping[str, Collection[tuple[str, str]]]
"""Labels of pods by uid."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process, as far as it is matched by."""

    pid: int
    start: int
    parent: int
    comm: str
    executable: str
    """Path, "" where we may not see it."""
    words: tuple[str, ...]
    """Its command line."""
    cgroups: frozenset[str]
    """The names that its cgroups' paths are made of."""
    pod: str
    """Uid of its pod, "" if it is in none."""
    in_session: bool
    """Whether somebody who logged in started it: a session's sshd is not the daemon."""


def process_info(
    pid: int, start: int, parent: int, comm: str, executable: str, words: tuple[str, ...], cgroup: str
) -> ProcessInfo:
    """With what the text of /proc/<pid>/cgroup says."""
    names = frozenset(re.split(r"[/\n]", cgroup))
    return ProcessInfo(
        pid, start, parent, comm, executable, words, names, pod_uid(cgroup), bool(_SESSION.search(cgroup))
    )


def mains(match: Match, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
    """Of processes that fit, those that are meant: none whose parent fits as well, the oldest first."""
    found = list(processes)
    pids = {process.pid for process in found}
    first = sorted((each for each in found if each.parent not in pids), key=lambda each: (each.start, each.pid))
    # Of a unit only the first counts: what its helpers do is its own affair.
    return first[:1] if match.unit else first


def fits(match: Match, process: ProcessInfo, pods: PodLabels, *, sessions: bool) -> bool:
    """Whether a process is one of those that an entry names.

    ``sessions``: whether what users who logged in have started counts, too.
    """
    if match.unit:
        return not process.pod and match.unit in process.cgroups
    if match.pod_labels:
        labels = pods.get(process.pod, ())
        return bool(process.pod) and process.comm != PAUSE and all(label in labels for label in match.pod_labels)
    if process.pod and not match.in_pods:
        return False
    if process.in_session and not sessions:
        return False
    return _runs(match.executable, process) and all(word in process.words for word in match.arguments)


def _runs(executable: str, process: ProcessInfo) -> bool:
    """By the executable, by the script that an interpreter runs, or by the name it gives itself."""
    if process.words and _MONITOR.match(process.words[0]):
        return False
    # A daemon whose package was upgraded runs an executable that was removed.
    paths = (process.executable.removesuffix(" (deleted)"), *process.words[:2])
    if executable.startswith("/"):
        return executable in paths
    own = (process.executable.removesuffix(" (deleted)"), *process.words[:1])
    return process.comm == executable[:COMM_CHARACTERS] or any(path.rpartition("/")[2] == executable for path in own)

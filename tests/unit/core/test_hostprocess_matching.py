"""Which process is meant: hypervisors as they are, with their containers, sessions, monitors and helpers."""

from typing import Any

import pytest

from nfvi_ha.core.fault import Severity
from nfvi_ha.core.hostprocess.matching import ProcessInfo, fits, mains, process_info
from nfvi_ha.core.hostprocess.spec import BUILT_IN, Match, WatchSpec, watch_list

UNIT = "0::/system.slice/kubelet.service"
POD = "0f4a3c1e-9d2b-4c55-8e77-5a1b2c3d4e5f"
IN_POD = f"0::/kubepods/burstable/pod{POD}/c0ffee"
SESSION = "0::/user.slice/user-0.slice/session-3.scope"


def process(comm: str, executable: str = "", words: str = "", cgroup: str = "0::/", **more: Any) -> ProcessInfo:
    fields = {"pid": 100, "start": 7, "parent": 1, **more}
    return process_info(
        comm=comm, executable=executable, words=tuple(words.split()) if words else (comm,), cgroup=cgroup, **fields
    )


def fit(match: Match, info: ProcessInfo, *, sessions: bool = False) -> bool:
    return fits(match, info, {POD: frozenset({("app", "x"), ("tier", "y")})}, sessions=sessions)


@pytest.mark.parametrize(
    ("match", "info", "so"),
    [
        (Match(executable="kubelet"), process("kubelet"), True),
        (Match(executable="kubelet"), process("kubelet2"), False),
        (Match(executable="kubelet"), process("x", "/usr/bin/kubelet"), True),
        (Match(executable="kubelet"), process("x", "/usr/bin/kubelet (deleted)"), True),
        (Match(executable="kubelet"), process("x", words="/usr/bin/kubelet --config x"), True),
        (Match(executable="kubelet"), process("kubectl", words="kubectl kubelet"), False),
        (Match(executable="/usr/bin/kubelet"), process("kubelet", "/opt/kubelet"), False),
        (Match(executable="/usr/bin/kubelet"), process("kubelet", "/usr/bin/kubelet"), True),
        (Match(executable="/usr/bin/nova-compute"), process("x", words="/usr/bin/python3 /usr/bin/nova-compute"), True),
        (Match(executable="a-very-long-name-of-a-daemon"), process("a-very-long-nam"), True),
        (Match(executable="x", arguments=("--role=a",)), process("x", words="x --role=a"), True),
        (Match(executable="x", arguments=("--role=a",)), process("x", words="x --role=ab"), False),
        # a container's is none of the hypervisor
        (Match(executable="sshd"), process("sshd", cgroup=IN_POD), False),
        (Match(executable="virt-handler", in_pods=True), process("virt-handler", cgroup=IN_POD), True),
        # a session's is not the daemon
        (Match(executable="sshd"), process("sshd", cgroup=SESSION), False),
        # the monitor of Open vSwitch is not the daemon
        (Match(executable="ovs-vswitchd"), process("ovs-vswitchd", words="ovs-vswitchd"), True),
        (Match(unit="kubelet.service"), process("anything", cgroup=UNIT), True),
        (Match(unit="kubelet.service"), process("anything", cgroup=f"{UNIT}/sub"), True),
        (Match(unit="let.service"), process("anything", cgroup=UNIT), False),
        (Match(unit="sshd.service"), process("sshd", cgroup=f"{IN_POD}/system.slice/sshd.service"), False),
        (Match(pod_labels=(("app", "x"),)), process("any", cgroup=IN_POD), True),
        (Match(pod_labels=(("app", "x"), ("tier", "y"))), process("any", cgroup=IN_POD), True),
        (Match(pod_labels=(("app", "z"),)), process("any", cgroup=IN_POD), False),
        (Match(pod_labels=(("app", "x"),)), process("pause", cgroup=IN_POD), False),
        (Match(pod_labels=(("app", "x"),)), process("any"), False),
    ],
)
def test_fits(match: Match, info: ProcessInfo, so: bool) -> None:
    assert fit(match, info) is so


def test_monitor_by_its_title_is_not_the_daemon() -> None:
    title = ("ovs-vswitchd: monitoring pid 812 (healthy)",)
    monitor = process_info(5, 1, 1, "ovs-vswitchd", "/usr/sbin/ovs-vswitchd", title, "0::/")
    assert not fit(Match(executable="ovs-vswitchd"), monitor)


def test_in_a_lab_all_is_in_a_session() -> None:
    assert fit(Match(executable="sshd"), process("sshd", cgroup=SESSION), sessions=True)


def test_children_of_a_daemon_are_not_the_daemon() -> None:
    listener = process("sshd", pid=10, start=1)
    session = process("sshd", pid=20, start=9, parent=10)
    assert mains(Match(executable="sshd"), (session, listener)) == [listener]


def test_of_a_unit_the_first_counts() -> None:
    main = process("libvirtd", pid=20, start=1)
    helper = process("dnsmasq", pid=10, start=5)
    assert mains(Match(unit="libvirtd.service"), (helper, main)) == [main]
    assert mains(Match(executable="x"), (helper, main)) == [main, helper]


def test_an_entry_takes_the_place_of_the_built_in_one_of_its_name() -> None:
    own = WatchSpec("kubelet", Match(unit="kubelet.service"), severity=Severity.CRITICAL)
    extra = WatchSpec("multipathd", Match(executable="multipathd"))
    listed = watch_list((own, extra), built_in=True)
    assert [spec for spec in listed if spec.name == "kubelet"] == [own]
    assert listed[-1] == extra
    assert len(listed) == len(BUILT_IN) + 1
    assert watch_list((own,), built_in=False) == (own,)


def test_the_processes_that_are_asked_for_are_built_in() -> None:
    wanted = {"kubelet", "containerd", "crio", "virt-handler", "virtqemud", "libvirtd", "ovs-vswitchd",
              "ovsdb-server", "nova-compute", "sshd", "chronyd"}  # fmt: skip
    assert {spec.name for spec in BUILT_IN} == wanted
    assert not any(spec.required for spec in BUILT_IN)

"""Lines of the kernel log about the kernel itself: it hangs, fails, or runs out of something.

Each has a name of its own below ``kernel``: else a hung task that is reported would hide the oops that comes after.
"""

from typing import Final

from nfvi_ha.core.hardware.log_outcomes import COUNTED, CRITICAL, MAJOR, WARNING
from nfvi_ha.core.hardware.log_rule import log_rule

_AWAY: Final = "move the VMs away and restart the host"

RULES: Final = (
    log_rule(
        "SoftLockup",
        "kernel/soft-lockup",
        "soft lockup",
        r"(?:NMI )?watchdog: BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for ",
        MAJOR,
        _AWAY,
    ),
    log_rule(
        "HardLockup",
        "kernel/hard-lockup",
        "hard LOCKUP",
        r"(?:NMI )?watchdog: (?:Watchdog detected|BUG:) hard LOCKUP on cpu (?P<cpu>\d+)",
        CRITICAL,
        _AWAY,
    ),
    log_rule(
        "RcuStall",
        "kernel/rcu-stall",
        "rcu",
        r"(?:rcu: )?INFO: rcu_\S+ (?:self-)?detected (?:expedited )?stalls? ",
        MAJOR,
        "a CPU does not respond: move the VMs away",
    ),
    log_rule("KernelPanic", "kernel/panic", "Kernel panic", r"Kernel panic - not syncing", CRITICAL, "the host stops"),
    log_rule(
        "KernelOops",
        "kernel/oops",
        "",
        r"BUG: (?:unable to handle |kernel NULL pointer dereference|unable to handle page fault)|divide error: 0000 "
        r"\[#\d+\]|Oops: [0-9a-f]{4} \[#\d+\]|general protection fault\b.{0,200} \[#\d+\]|kernel BUG at |"
        r"invalid opcode: 0000 \[#\d+\]|Internal error: .{0,80} \[#\d+\]",
        MAJOR,
        _AWAY,
    ),
    log_rule(
        "KernelDeadlock",
        "kernel/deadlock",
        "blocked for more than",
        r"INFO: task (?P<task>docker|dockerd|containerd|crio|kubelet|runc)\S*:\d+ blocked for more than \d+ seconds\.",
        MAJOR,
        "the runtime hangs in the kernel: restart the host",
    ),
    log_rule(
        "TaskHung",
        "kernel/hung-task",
        "blocked for more than",
        r"INFO: task [\S ]+:\d+ blocked for more than \w+ seconds\.",
        WARNING,
        "look for a disk or network storage that hangs",
    ),
    log_rule(
        "OutOfMemory",
        "kernel/out-of-memory",
        "Killed process",
        r"Out of memory: Killed process \d+ ",
        WARNING,
        "reserve more memory for the host",
    ),
    # Of a pod that reached its own limit: it is in that pod's status, and no fault of the host.
    log_rule(
        "OutOfMemoryInPod",
        "kernel/out-of-memory",
        "Killed process",
        r"(?:Memory cgroup out of memory: )?Killed process \d+ .{0,64} total-vm:",
        COUNTED,
    ),
    log_rule(
        "UnregisterNetDevice",
        "kernel/unregister-netdevice",
        "unregister_netdevice",
        r"unregister_netdevice: waiting for \S+ to become free\. Usage count = \d+",
        WARNING,
        "pods cannot be removed: restart the host",
    ),
)

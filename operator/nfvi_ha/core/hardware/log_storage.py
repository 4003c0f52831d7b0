"""Lines of the kernel log about disks, file systems, paths to storage and adapters."""

from typing import Final

from nfvi_ha.core.hardware.log_outcomes import COUNTED, CRITICAL, FAILED, MAJOR, MINOR, PATH, PATH_OFTEN, WARNING
from nfvi_ha.core.hardware.log_rule import log_rule

_REPLACE: Final = "look at its SMART log; replace it"
_REPAIR: Final = "move the VMs away, check the disk, repair it"
_VIRTUAL: Final = r"disk/(?:sr|fd|loop|zram|ram)\d"
"""Virtual media of a BMC without a disc in it, and the like."""

RULES: Final = (
    log_rule(
        "DiskIOError",
        "disk/{disk}/errors",
        " error, dev ",
        r"(?:blk_update_request: )?(?P<what>I/O|critical medium|critical nexus|protection) error, "
        r"dev (?P<disk>[^,\s]+)",
        MAJOR,
        _REPLACE,
        skip=_VIRTUAL,
    ),
    log_rule(
        "BufferIOError",
        "disk/{disk}/errors",
        "Buffer I/O error",
        r"Buffer I/O error on dev(?:ice)? (?P<disk>[^,\s]+)",
        MAJOR,
        _REPLACE,
        skip=_VIRTUAL,
    ),
    log_rule(
        "ScsiDiskOffline",
        "disk/scsi-{disk}",
        "offline",
        r"sd (?P<disk>\d+:\d+:\d+:\d+): (?:\[\w+\] )?(?:Device offlined|rejecting I/O to offline device)",
        FAILED,
        "the kernel gave it up: replace it",
    ),
    log_rule(
        "NvmeRemoved",
        "disk/{disk}",
        "nvme",
        r"nvme (?P<disk>nvme\d+): (?:Removing after probe failure|Disabling device after reset failure|"
        r"Device not ready; aborting)",
        FAILED,
        "the kernel gave it up: replace it",
    ),
    log_rule(
        "NvmeDown",
        "disk/{disk}/controller",
        "controller is down",
        r"nvme (?P<disk>nvme\d+): controller is down",
        MAJOR,
        "it is being reset; replace it if this comes again",
    ),
    log_rule(
        "NvmeTimeout",
        "disk/{disk}/timeout",
        "timeout",
        r"(?:nvme )?(?P<disk>nvme\d+): I/O .{0,120}timeout",
        WARNING,
        _REPLACE,
    ),
    log_rule(
        "NvmeCommandFailed",
        "disk/{disk}/failed",
        "failed",
        r"(?:nvme )?(?P<disk>nvme\d+): .{0,200}failed",
        WARNING,
        "look at its NVMe log",
    ),
    log_rule(
        "ReadonlyFilesystem",
        "disk/{disk}/read-only",
        "filesystem read-only",
        r"EXT4-fs \((?P<disk>[^)\s]+)\): Remounting filesystem read-only",
        CRITICAL,
        _REPAIR,
    ),
    log_rule(
        "XfsShutdown",
        "disk/{disk}/filesystem-down",
        "hutting down filesystem",
        r"XFS \((?P<disk>[^)\s]+)\): .{0,200}[Ss]hutting down filesystem",
        CRITICAL,
        _REPAIR,
    ),
    log_rule(
        "Ext4Error",
        "disk/{disk}/filesystem",
        "EXT4-fs error",
        r"EXT4-fs error \(device (?P<disk>[^)\s]+)\)",
        MAJOR,
        _REPAIR,
    ),
    log_rule(
        "Ext4Warning",
        "disk/{disk}/filesystem-warning",
        "EXT4-fs warning",
        r"EXT4-fs warning \(device (?P<disk>[^)\s]+)\)",
        WARNING,
        "check the file system at the next maintenance",
    ),
    log_rule(
        "MultipathFailing",
        "path/multipath/{disk}",
        "Failing path",
        r"device-mapper: multipath: (?:\d+:\d+: )?Failing path (?P<disk>\d+:\d+|\S+?)\.?$",
        PATH,
        "check the link to the storage",
    ),
    log_rule(
        "MultipathBack",
        "path/multipath/{disk}",
        "Reinstating path",
        r"device-mapper: multipath: (?:\d+:\d+: )?Reinstating path (?P<disk>\d+:\d+|\S+?)\.?$",
        PATH,
        ends=True,
    ),
    log_rule(
        "IscsiConnection",
        "path/iscsi/{connection}",
        "connection",
        r"\s*(?P<connection>connection\d+):0: (?:ping timeout|detected conn error)",
        PATH,
        "check the link to the storage",
    ),
    log_rule(
        "CephConnection",
        "path/ceph/connections",
        "libceph: osd",
        r"libceph: osd\d+ .{0,120}(?:down|socket closed)",
        PATH_OFTEN,
        "check the storage network",
    ),
    log_rule(
        "NicStalled",
        "nic/{nic}/stalled",
        "NETDEV WATCHDOG",
        r"(?:.{0,80}? )?(?P<nic>(?!WATCHDOG)[^\s:(]+)(?: \([^)]*\))?: (?:NETDEV WATCHDOG: )?.{0,80}"
        r"transmit queue \d+ timed out",
        MINOR,
        "check adapter, firmware and driver",
    ),
    # The link probe tells of these, sooner and with what they did to the paths.
    log_rule(
        "BondMemberDown",
        "link/{nic}",
        "link status definitely down",
        r"bond\S*: \(slave (?P<nic>[^)\s]+)\): link status definitely down",
        COUNTED,
    ),
    log_rule(
        "BondDown",
        "link/{nic}",
        "without any active",
        r"(?P<nic>\S+): now running without any active interface",
        COUNTED,
    ),
)

"""The configuration both processes of an agent read, as JSON. Standard library only: the beat process imports it.

It is written by ``nfvi-ha agent run``, which checks what people wrote; here only its shape is trusted.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

PERIOD_MS: Final = 100
KEYS_FILE: Final = "keys.json"
SENTINELS_FILE: Final = "sentinels.json"
SPOOL_FILE: Final = "spool.json"
_PATHS: Final = ("state_dir", "run_root", "procfs_root", "sysfs_root", "cgroup_root", "kmsg_path")


@dataclass(frozen=True, slots=True)
class Network:
    """A network that beats go over. Its place in the list is its number on the wire."""

    name: str
    bind: str
    """Our address there, or a CIDR that it is in."""
    port: int


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where one seat is on one network."""

    seat: int
    network: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class KeyService:
    """Who hands out the node's keys; url "" is nobody."""

    url: str = ""
    ca_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    token_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Settings of one agent."""

    node: str
    cluster: str
    networks: tuple[Network, ...]
    state_dir: Path
    namespace: str = "nfvi-ha-system"
    sentinels: tuple[SentinelAddress, ...] = ()
    """Fixed; empty: they are discovered in the API."""
    keys: Mapping[int, str] = field(default_factory=dict)
    """Fixed, hex by id; empty: the key service hands them out."""
    key_service: KeyService = KeyService()
    period_ms: int = PERIOD_MS
    goodbye_reason: str = "upgrade"
    goodbye_seconds: int = 10
    reboot_seconds: int = 300
    """What is asked for where the host itself goes down."""
    boot_id: str = ""
    """"": read from procfs."""
    procfs_root: Path = Path("/proc")
    sysfs_root: Path = Path("/sys")
    cgroup_root: Path = Path("/sys/fs/cgroup")
    kmsg_path: Path = Path("/dev/kmsg")
    run_root: Path = Path("/run")
    kubeconfig: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other hosts
    port: int = 8081
    """Of /livez, /readyz and /metrics; 0 takes a free one."""
    port_file: str = ""
    log_level: str = "info"
    log_format: str = "json"
    probes: Mapping[str, Any] = field(default_factory=dict)
    """Settings of each probe by its name."""

    def read_boot_id(self) -> str:
        """The boot id of this hypervisor.

        Raises:
            OSError: procfs does not have it.
        """
        return self.boot_id or (self.procfs_root / "sys/kernel/random/boot_id").read_text().strip()

    def to_json(self) -> dict[str, Any]:
        """What ``load`` reads."""
        fields = asdict(self)
        return fields | {name: str(fields[name]) for name in _PATHS}


def load(path: Path) -> AgentConfig:
    """Read a file with what ``to_json`` gave.

    Raises:
        OSError: it cannot be read.
        ValueError, TypeError, KeyError: it is not such a file.
    """
    raw = json.loads(path.read_text())
    for name in _PATHS:
        if name in raw:
            raw[name] = Path(raw[name])
    raw["networks"] = tuple(Network(**each) for each in raw["networks"])
    raw["sentinels"] = tuple(SentinelAddress(**each) for each in raw.get("sentinels", ()))
    raw["keys"] = {int(number): text for number, text in raw.get("keys", {}).items()}
    raw["key_service"] = KeyService(**raw.get("key_service", {}))
    return AgentConfig(**raw)

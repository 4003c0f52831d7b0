"""What people write about an agent: checked here, then written as the configuration that its processes trust."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from nfvi_ha.agent.config import PERIOD_MS, AgentConfig, KeyService, Network, SentinelAddress

DEFAULT_PORT: Final = 7946
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class SettingsError(ValueError):
    """Settings are wrong; the message has one line for each, with its place."""


def _ip(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _ip_or_cidr(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False)) if "/" in text else _ip(text)


Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class NetworkSetting(_Part):
    """A network that beats go over."""

    name: Name
    bind: Annotated[str, AfterValidator(_ip_or_cidr)]
    """Our address there, or a CIDR that it is in."""
    port: Port = DEFAULT_PORT


class SentinelSetting(_Part):
    """One seat's address on one network."""

    seat: Annotated[int, Field(ge=0, le=2)]
    network: Name
    address: Annotated[str, AfterValidator(_ip)]
    port: Port = DEFAULT_PORT


class KeyServiceSetting(_Part):
    """Who hands out the node's keys."""

    url: Annotated[str, Field(pattern=r"^https://")]
    """https only: it gets the pod's token."""
    ca_file: Path = SERVICE_ACCOUNT / "ca.crt"
    token_file: Path = SERVICE_ACCOUNT / "token"


class GoodbyeSetting(_Part):
    """What is said when the agent is stopped."""

    reason: Literal["upgrade", "reboot", "stop"] = "upgrade"
    seconds: Annotated[int, Field(ge=0, le=3600)] = 10
    reboot_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Instead, with the reason reboot, where the host itself goes down."""


class AgentSettings(_Part):
    """All settings of one agent."""

    node: Name
    cluster: Annotated[str, Field(max_length=253)] = ""
    """"" takes the name that the key service says."""
    networks: Annotated[tuple[NetworkSetting, ...], Field(min_length=1, max_length=8)]
    state_dir: Path = Path("/var/lib/nfvi-ha")
    namespace: Name = "nfvi-ha-system"
    sentinels: tuple[SentinelSetting, ...] = ()
    """Fixed; without any they are discovered by their pods."""
    keys: Mapping[Annotated[int, Field(ge=0, lt=2**32)], Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}
    """Fixed, hex by id; without any the key service hands them out."""
    key_service: KeyServiceSetting | None = None
    period_ms: Annotated[int, Field(ge=20, le=1000)] = PERIOD_MS
    goodbye: GoodbyeSetting = GoodbyeSetting()
    boot_id: Annotated[str, Field(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")] = ""
    """"" reads it from procfs."""
    procfs_root: Path = Path("/proc")
    sysfs_root: Path = Path("/sys")
    cgroup_root: Path = Path("/sys/fs/cgroup")
    kmsg_path: Path = Path("/dev/kmsg")
    run_root: Path = Path("/run")
    """Says whether the host goes down, when the agent is stopped."""
    kubeconfig: Path | None = None
    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other hosts
    port: Annotated[int, Field(ge=0, le=65535)] = 8081
    port_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    probes: Mapping[str, Any] = {}
    """Settings of each probe by its name."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if not self.cluster and (self.key_service is None or self.keys):
            raise ValueError("cluster: its name is needed where the keys are not from the key service")
        names = [network.name for network in self.networks]
        if len(set(names)) < len(names):
            raise ValueError("networks: two have the same name")
        for sentinel in self.sentinels:
            if sentinel.network not in names:
                raise ValueError(f"sentinels: seat {sentinel.seat} is on network {sentinel.network!r}, which is none")
        return self

    def config(self) -> AgentConfig:
        """As the processes read it."""
        service = self.key_service
        return AgentConfig(
            node=self.node,
            cluster=self.cluster,
            networks=tuple(Network(each.name, each.bind, each.port) for each in self.networks),
            state_dir=self.state_dir.absolute(),
            namespace=self.namespace,
            sentinels=tuple(
                SentinelAddress(each.seat, each.network, each.address, each.port) for each in self.sentinels
            ),
            keys=dict(self.keys),
            key_service=KeyService(service.url, str(service.ca_file), str(service.token_file))
            if service
            else KeyService(),
            period_ms=self.period_ms,
            goodbye_reason=self.goodbye.reason,
            goodbye_seconds=self.goodbye.seconds,
            reboot_seconds=self.goodbye.reboot_seconds,
            boot_id=self.boot_id,
            procfs_root=self.procfs_root,
            sysfs_root=self.sysfs_root,
            cgroup_root=self.cgroup_root,
            kmsg_path=self.kmsg_path,
            run_root=self.run_root,
            kubeconfig=str(self.kubeconfig or ""),
            host=self.host,
            port=self.port,
            port_file=str(self.port_file or ""),
            log_level=self.log_level,
            log_format=self.log_format,
            probes=dict(self.probes),
        )


def check(raw: Mapping[str, Any], source: str) -> AgentSettings:
    """Settings from what was read.

    Raises:
        SettingsError: something is wrong; ``source`` is named before each line.
    """
    try:
        return AgentSettings.model_validate(raw)
    except ValidationError as error:
        lines = []
        found = error.errors(include_url=False)
        for each in found:
            if any(other["loc"][: len(each["loc"])] == each["loc"] != other["loc"] for other in found):
                continue  # only what follows from a fault within it: "too few networks" where one is wrong
            place = ".".join(map(str, each["loc"]))
            text = each["msg"].removeprefix("Value error, ")
            lines.append(f"{source}: {place}: {text}" if place else f"{source}: {text}")
        raise SettingsError("\n".join(lines)) from error

"""What the scribe is told at its start, by the hot process that starts it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel


class BadSettings(ValueError):  # noqa: N818 - what they are
    """The settings cannot be used; the message names the field and what is wrong with it."""


class SeatPlace(BaseModel):
    """Where a sentinel listens."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, extra="ignore")

    addresses: dict[str, str] = Field(default_factory=dict)
    """IP address by network."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0


class ScribeSettings(BaseModel):
    """The file CONFIG.json; names in it are in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, extra="ignore")

    seat: Annotated[int, Field(ge=0, le=2)]
    """This sentinel's seat, which is also its rank."""
    state_dir: Path
    """Where the cache file lies."""
    kubeconfig: str | None = None
    """Path; None for in-cluster credentials or the usual places."""
    namespace: str = "nfvi-ha-system"
    """Our own: Secrets, Incidents of cluster-scoped resources, sentinel Pods, the operator's Leases."""
    cluster: str = ""
    """Name of this NFVI; "" takes the uid of namespace kube-system, as the operator does."""
    pod_name: str = ""
    """Our own Pod, which is annotated with our addresses; "" when there is none."""
    place: SeatPlace = SeatPlace()
    """Where this sentinel listens."""
    seats: dict[str, SeatPlace] = Field(default_factory=dict)
    """Fixed places of seats by number, where Pods do not tell them."""
    sentinel_selector: str = "app.kubernetes.io/component=sentinel"
    """Labels of the sentinels' Pods."""
    networks: tuple[str, ...] = ("mgmt",)
    """Names of the networks; a node's InternalIP is its address on the first, where no annotation says more."""
    operator_replicas: Annotated[int, Field(ge=0)] = 2
    """How many replicas the operator should have."""
    rank_seconds: Annotated[float, Field(ge=0)] = 0.5
    """Seat n writes n times so much later than seat 0, unless it is done by then."""
    log_level: str = "info"


def read_settings(path: Path) -> ScribeSettings:
    """Read CONFIG.json.

    Raises:
        BadSettings: it cannot be read, or says what we cannot do.
    """
    try:
        return ScribeSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadSettings(f"{path}: {where}: {first['msg']}") from error

"""How VMs are placed, updated, removed and brought back: the policies of a VNFReplicaSet."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from nfvi_ha.api.duration import Duration, between
from nfvi_ha.api.errors import BACKOFF_ORDER, ROLLOUT_STUCK
from nfvi_ha.api.model import ApiModel, Count, Flag, Rule
from nfvi_ha.api.selector import LABEL_KEY

MAX_REPLICAS: Final = 256
PERCENT: Final = r"^(100|[1-9]?[0-9])%$"

TopologyKey = Annotated[str, Field(min_length=1, max_length=317, pattern=LABEL_KEY)]


def _int_or_percent(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_REPLICAS:
        return value
    if isinstance(value, str) and value.endswith("%"):
        digits = value[:-1]
        canonical = digits.isascii() and digits.isdigit() and len(digits) <= 3 and digits == str(int(digits))
        if canonical and int(digits) <= 100:
            return value
    problem = f'must be a number from 0 to {MAX_REPLICAS} or a percentage from "0%" to "100%"'
    raise PydanticCustomError("int_or_percent", "{problem}", {"problem": problem})


IntOrPercent = Annotated[
    int | str,
    BeforeValidator(_int_or_percent),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_REPLICAS}, {"type": "string", "pattern": PERCENT}]}
    ),
]


def resolve(value: int | str, replicas: int, *, round_up: bool) -> int:
    """A number of VMs from a number or a percentage of ``replicas``."""
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * replicas
    return -(-share // 100) if round_up else share // 100


class Spread(ApiModel):
    """Even spreading over failure domains, as a topology spread constraint of each VM's pod."""

    max_skew: Annotated[int, Field(strict=True, ge=1, le=MAX_REPLICAS)] = 1
    """By how many VMs the fullest domain may exceed the emptiest."""
    topology_key: TopologyKey
    """Node label whose values are the domains, like topology.kubernetes.io/zone."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = "DoNotSchedule"
    """What to do with a VM that would break it: leave it Pending, or place it all the same."""


class Placement(ApiModel):
    """Where VMs may run relative to each other. Added to what the template says."""

    anti_affinity: Literal["Required", "Preferred", "None"] = "Preferred"
    """Whether two VMs of the set may share a domain: never (Required), only if it cannot be helped (Preferred), or
    as it comes (None). With Required, a set with more VMs than domains stays incomplete."""
    topology_key: TopologyKey = "kubernetes.io/hostname"
    """Node label whose values are the domains of antiAffinity."""
    spread: Spread | None = None
    """Even spreading over larger domains. Not done when absent."""


class RollingUpdate(ApiModel):
    """Pace of a rolling update."""

    rules = (
        Rule(
            reason=ROLLOUT_STUCK,
            field="maxUnavailable",
            message="maxUnavailable and maxSurge are both 0, so that no VM could ever be updated; raise one of them",
            holds=lambda self: any(value not in {0, "0%"} for value in (self.max_unavailable, self.max_surge)),
            cel="!((type(self.maxUnavailable) == int ? self.maxUnavailable == 0 : self.maxUnavailable == '0%') && "
            "(type(self.maxSurge) == int ? self.maxSurge == 0 : self.maxSurge == '0%'))",
        ),
    )

    max_unavailable: IntOrPercent = 1
    """How many VMs may be missing or not ready during the update: a number, or a percentage of replicas, rounded
    down."""
    max_surge: IntOrPercent = 0
    """How many VMs there may be beyond replicas during the update: a number, or a percentage of replicas, rounded
    up."""

    def limits(self, replicas: int) -> tuple[int, int]:
        """(maxUnavailable, maxSurge) as numbers of VMs. Never both 0: where rounding makes them so, one may go."""
        unavailable = resolve(self.max_unavailable, replicas, round_up=False)
        surge = resolve(self.max_surge, replicas, round_up=True)
        return (max(unavailable, 1), 0) if surge == 0 else (unavailable, surge)


class UpdateStrategy(ApiModel):
    """How VMs get to a changed template."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    """RollingUpdate replaces VMs step by step; OnDelete leaves them until somebody deletes them or they fail."""
    rolling_update: RollingUpdate = RollingUpdate()
    """Pace of RollingUpdate."""


class ScaleIn(ApiModel):
    """Which VMs go when replicas is lowered."""

    policy: Literal["HighestIndex", "NewestFirst", "OldestFirst"] = "HighestIndex"
    """Order in which slots are given up: from the highest index down, the youngest VM first, or the oldest first."""
    prefer_unhealthy: Flag = True
    """Whether slots without a ready VM go before all others."""


class Backoff(ApiModel):
    """Waiting between attempts to fill a slot whose VMs fail early again and again. Each wait varies by 20 %."""

    rules = (
        Rule(
            reason=BACKOFF_ORDER,
            field="max",
            message="max is shorter than initial; raise it or lower initial",
            holds=lambda self: self.initial <= self.max,
            cel="duration(self.initial) <= duration(self.max)",
        ),
    )

    initial: Annotated[Duration, between(timedelta(milliseconds=100), timedelta(hours=24))] = timedelta(seconds=10)
    """Wait after the second early failure in a row, from 100ms to 24h. After the first there is none."""
    max: Annotated[Duration, between(timedelta(milliseconds=100), timedelta(hours=24))] = timedelta(minutes=5)
    """Longest wait, from 100ms to 24h."""
    factor: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    """By how much each wait is longer than the one before it."""


class Recovery(ApiModel):
    """How failed VMs are replaced: at once, unless they keep failing early."""

    backoff: Backoff = Backoff()
    """Waiting between attempts after repeated early failures."""
    stable_after: Annotated[Duration, between(timedelta(0), timedelta(hours=24))] = timedelta(minutes=1)
    """A VM that ends before it has been running for this long counts as an early failure; one that lasts ends the
    slot's count. From 0s to 24h."""
    max_early_failures: Count = 5
    """Early failures in a row after which a slot is quarantined: it gets no VM until the template changes or its failed
    VM is deleted by hand. 0 is never."""

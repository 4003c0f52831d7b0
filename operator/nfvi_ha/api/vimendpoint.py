"""VIMEndpoint: where notifications go, in which format, with which credentials (H3)."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from nfvi_ha.api.conditions import Conditions
from nfvi_ha.api.duration import Duration, between
from nfvi_ha.api.errors import AUTH_CONFLICT, BACKOFF_ORDER, INSECURE_URL, INVALID_URL
from nfvi_ha.api.incident import Severity
from nfvi_ha.api.kind import Column, KindInfo, KubeObject
from nfvi_ha.api.model import DNS_LABEL, DNS_SUBDOMAIN, ApiModel, BigCount, Flag, Rule, Text
from nfvi_ha.api.stamp import Stamp

URL: Final = r"^https?://[^/?#@\s]+([/?][^#\s]*)?$"
"""No user or password before the host: URLs are seen by everybody who may read the object. No fragment."""
TYPE_PATTERN: Final = r"^(\*|[a-z]+(\.[a-z]+)*(\.\*)?)$"

SecretName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class HMACAuth(ApiModel):
    """Signature of body and time by HMAC-SHA256. Each entry of the Secret is a key, its name the key's id."""

    secret_name: SecretName
    """Secret in the operator's namespace. To rotate: add the new key, let the receiver learn it, change keyId, remove
    the old one."""
    key_id: SecretKey | None = None
    """Which of the Secret's keys signs. May be left out while the Secret has only one."""


class BearerAuth(ApiModel):
    """A bearer token in the Authorization header."""

    secret_name: SecretName
    """Secret in the operator's namespace."""
    key: SecretKey = "token"
    """Entry of the Secret that holds the token."""


class BasicAuth(ApiModel):
    """User and password in the Authorization header."""

    secret_name: SecretName
    """Secret in the operator's namespace with the entries username and password (kubernetes.io/basic-auth)."""


class MTLSAuth(ApiModel):
    """A client certificate."""

    secret_name: SecretName
    """Secret in the operator's namespace with the entries tls.crt and tls.key (kubernetes.io/tls)."""


class Auth(ApiModel):
    """How the operator proves who it is. Each Secret must carry the annotation nfvi-ha.io/allowed-hosts."""

    rules = (
        Rule(
            reason=AUTH_CONFLICT,
            field="basic",
            message="bearer and basic both use the Authorization header; remove one of them",
            holds=lambda self: self.bearer is None or self.basic is None,
            cel="!(has(self.bearer) && has(self.basic))",
        ),
    )

    hmac: HMACAuth | None = None
    """Sign each notification. May be combined with the others."""
    bearer: BearerAuth | None = None
    """Send a bearer token. Not together with basic."""
    basic: BasicAuth | None = None
    """Send user and password. Not together with bearer."""
    mtls: MTLSAuth | None = None
    """Present a client certificate. May be combined with the others."""


class TLS(ApiModel):
    """How the endpoint's certificate is verified. It always is."""

    ca_secret_name: SecretName | None = None
    """Secret in the operator's namespace with the CA to trust instead of the system's."""
    ca_secret_key: SecretKey = "ca.crt"  # noqa: S105 - the name of an entry
    """Entry of that Secret: one or more certificates in PEM."""


class Filter(ApiModel):
    """Which notifications the endpoint gets. All given entries must hold."""

    types: Annotated[tuple[Annotated[str, Field(max_length=128, pattern=TYPE_PATTERN)], ...], Field(max_length=64)] = ()
    """Notification types, as "vm.failed" or "vm.*". All when empty."""
    minimum_severity: Severity = "warning"
    """Least severe that is sent: critical, major, minor or warning. What clears or follows a notification is sent
    whenever that one was."""
    namespaces: Annotated[
        tuple[Annotated[str, Field(max_length=63, pattern=DNS_LABEL)], ...], Field(max_length=256)
    ] = ()
    """Namespaces of the resources that are reported. All when empty."""


class Retry(ApiModel):
    """Repetition of failed deliveries. Waits double, with a random part; a Retry-After of the endpoint is honoured."""

    rules = (
        Rule(
            reason=BACKOFF_ORDER,
            field="maxBackoff",
            message="maxBackoff is shorter than initialBackoff; raise it or lower initialBackoff",
            holds=lambda self: self.initial_backoff <= self.max_backoff,
            cel="duration(self.initialBackoff) <= duration(self.maxBackoff)",
        ),
    )

    initial_backoff: Annotated[Duration, between(timedelta(milliseconds=10), timedelta(hours=1))] = timedelta(
        milliseconds=500
    )
    """Wait before the second attempt, from 10ms to 1h."""
    max_backoff: Annotated[Duration, between(timedelta(milliseconds=10), timedelta(hours=1))] = timedelta(minutes=1)
    """Longest wait between attempts, from 10ms to 1h."""
    expires_after: Annotated[Duration, between(timedelta(seconds=1), timedelta(days=30))] = timedelta(hours=24)
    """A notification not delivered within this time is given up, and its Incident says so. From 1s to 720h."""


def _authority_is_valid(self: "VIMEndpointSpec") -> bool:
    try:
        parts = urlsplit(self.url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class VIMEndpointSpec(ApiModel):
    """Where notifications go, and how."""

    rules = (
        Rule(
            reason=INVALID_URL,
            field="url",
            message="host or port is not valid; write it like https://vim.example.com:8443/notifications",
            holds=_authority_is_valid,
        ),
        Rule(
            reason=INSECURE_URL,
            field="url",
            message="an http:// URL would send notifications in the clear; use https://, or set allowInsecure",
            holds=lambda self: self.allow_insecure or self.url.startswith("https://"),
            cel="self.allowInsecure || self.url.startsWith('https://')",
        ),
        Rule(
            reason=AUTH_CONFLICT,
            field="auth.mtls",
            message="a client certificate needs TLS; use an https:// URL",
            holds=lambda self: self.auth.mtls is None or self.url.startswith("https://"),
            cel="!has(self.auth) || !has(self.auth.mtls) || self.url.startsWith('https://')",
        ),
    )

    url: Annotated[str, Field(max_length=2048, pattern=URL)]
    """Where notifications are sent by POST: an https:// URL without user, password or fragment. Link-local and
    metadata addresses are refused; redirects are not followed."""
    format: Literal["CloudEvents"] = "CloudEvents"
    """Format of the notifications: CloudEvents 1.0, structured JSON."""
    allow_insecure: Flag = False
    """Whether http:// URLs are allowed. Changes nothing else."""
    auth: Auth = Auth()
    """How the operator proves who it is. Not at all when empty."""
    tls: TLS = TLS()
    """How the endpoint's certificate is verified."""
    filter: Filter = Filter()
    """Which notifications the endpoint gets. All when empty."""
    retry: Retry = Retry()
    """Repetition of failed deliveries."""
    timeout: Annotated[Duration, between(timedelta(milliseconds=100), timedelta(minutes=1))] = timedelta(seconds=5)
    """Longest time one attempt may take, connecting included, from 100ms to 1m."""


class LastDelivery(ApiModel):
    """The last successful delivery."""

    time: Stamp
    """When the endpoint answered."""
    latency_milliseconds: BigCount
    """From the detection of the fault to the endpoint's answer, in milliseconds."""


class VIMEndpointStatus(ApiModel):
    """What became of the notifications. Written by the operator; the next leader goes on counting."""

    observed_generation: BigCount = 0
    """Generation of the spec that this status is about."""
    delivered: BigCount = 0
    """Notifications delivered."""
    failed: BigCount = 0
    """Attempts that failed."""
    parked: BigCount = 0
    """Notifications the endpoint refused for good (4xx), or that expired."""
    pending: BigCount = 0
    """Notifications waiting for delivery."""
    last_delivery: LastDelivery | None = None
    """The last successful delivery."""
    last_error: Text = ""
    """What went wrong last; empty after a delivery."""
    conditions: Conditions = ()
    """Accepted: the spec is valid and its Secrets are usable. Reachable: the last attempt was answered with 2xx."""


class VIMEndpoint(KubeObject):
    """A receiver of notifications on the side of the VIM.

    Every endpoint gets every notification that its filter lets through.
    """

    info: ClassVar = KindInfo(
        kind="VIMEndpoint",
        plural="vimendpoints",
        singular="vimendpoint",
        short_names=("vim",),
        namespaced=False,
        columns=(
            Column("URL", ".spec.url"),
            Column("Format", ".spec.format"),
            Column("Accepted", ".status.conditions[?(@.type=='Accepted')].status", "string", "Spec is valid"),
            Column("Reachable", ".status.conditions[?(@.type=='Reachable')].status", "string", "Last attempt worked"),
            Column("Delivered", ".status.delivered", "integer", "Notifications delivered"),
            Column("LastLatency", ".status.lastDelivery.latencyMilliseconds", "integer", "Milliseconds from detection"),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    spec: VIMEndpointSpec
    """Where notifications go, and how."""
    status: VIMEndpointStatus | None = None
    """What became of the notifications."""


def parse(obj: object) -> VIMEndpoint:
    """Read a VIMEndpoint.

    Raises:
        InvalidObject: it must not be acted on.
    """
    return VIMEndpoint.parse(obj)

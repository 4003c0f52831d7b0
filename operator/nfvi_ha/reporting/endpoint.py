"""A VIMEndpoint made ready for use: its URL judged, its Secrets read, its TLS set up. Or refused, with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from types import MappingProxyType
from typing import Final

from nfvi_ha.api.vimendpoint import VIMEndpoint, VIMEndpointSpec
from nfvi_ha.core.fault import Severity
from nfvi_ha.reporting.catalogue import State, raised_type
from nfvi_ha.reporting.credentials import Secret, SecretLookup, authorization, client_context, hmac_key
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.refusal import EndpointRefused
from nfvi_ha.reporting.url import judge_url

__all__ = ["Endpoint", "EndpointRefused", "Secret", "resolve", "secret_names"]

_RANK: Final[Mapping[Severity, int]] = MappingProxyType({severity: rank for rank, severity in enumerate(Severity)})
"""0 is the most severe."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything that sending to one VIM needs. Its repr shows no credentials."""

    name: str
    url: str
    timeout_seconds: float = 5.0
    initial_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 60.0
    expires_after_seconds: float = 86_400.0
    types: tuple[str, ...] = ()
    minimum_severity: Severity = Severity.WARNING
    namespaces: frozenset[str] = frozenset()
    hmac_key_id: str = ""
    hmac_key: bytes = field(default=b"", repr=False)
    """b"" if notifications are not signed."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request: Authorization."""
    ssl_context: SSLContext | None = field(default=None, repr=False, compare=False)
    tls_digest: str = ""
    """Stands for ``ssl_context``, which does not compare: changes when a certificate does."""

    def matches(self, notification: Notification) -> bool:
        """Whether the endpoint's filter lets the notification through: type, severity and namespace all must.

        A clear passes wherever its raise did: an alarm that cannot be cleared would be worse than none.
        """
        if self.namespaces and notification.resource.namespace not in self.namespaces:
            return False
        if _RANK[notification.fault_severity] > _RANK[self.minimum_severity]:
            return False
        if not self.types:
            return True
        names = [notification.type]
        if notification.state is State.CLEARED:
            names.append(raised_type(notification.kind))
        return any(_type_matches(pattern, name) for pattern in self.types for name in names)


def _type_matches(pattern: str, name: str) -> bool:
    if pattern == "*":
        return True
    return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern


def secret_names(spec: VIMEndpointSpec) -> frozenset[str]:
    """Names of all Secrets (in the operator's namespace) that ``resolve`` will look up."""
    auth = spec.auth
    named = [part.secret_name for part in (auth.hmac, auth.bearer, auth.basic, auth.mtls) if part is not None]
    return frozenset([*named, *([spec.tls.ca_secret_name] if spec.tls.ca_secret_name else [])])


def resolve(endpoint: VIMEndpoint, secrets: SecretLookup) -> Endpoint:
    """Make a VIMEndpoint ready for use.

    Reading certificates takes milliseconds; nothing is sent and no name is looked up.

    Args:
        endpoint: As parsed.
        secrets: Finds a Secret of the operator's namespace by name, None if there is none (see ``secret_names``).

    Raises:
        EndpointRefused: with a reason constant, the field's path and a message with the remedy.
    """
    spec = endpoint.spec
    target = judge_url(spec.url, allow_insecure=spec.allow_insecure)
    key_id, key = hmac_key(spec.auth, secrets, target)
    context, digest = client_context(spec, secrets, target)
    return Endpoint(
        name=endpoint.metadata.name,
        url=spec.url,
        timeout_seconds=spec.timeout.total_seconds(),
        initial_backoff_seconds=spec.retry.initial_backoff.total_seconds(),
        max_backoff_seconds=spec.retry.max_backoff.total_seconds(),
        expires_after_seconds=spec.retry.expires_after.total_seconds(),
        types=spec.filter.types,
        minimum_severity=Severity(spec.filter.minimum_severity),
        namespaces=frozenset(spec.filter.namespaces),
        hmac_key_id=key_id,
        hmac_key=key,
        headers=authorization(spec.auth, secrets, target),
        ssl_context=context,
        tls_digest=digest,
    )

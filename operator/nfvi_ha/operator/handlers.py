"""kopf's handlers for our own kinds: each hands its event on and does nothing else.

Only ``on.event`` and the activities startup, login and cleanup: kopf's create, update, delete and timer handlers
would write to objects from every replica, also from those that do not lead.
"""

import random
from collections.abc import Iterator
from typing import Any, Final, Protocol

import kopf

from nfvi_ha.api.names import GROUP, VERSION

FINALIZER: Final = f"{GROUP}/kopf"
"""kopf never sets it, for we have no handlers that need one; the name is ours all the same."""


class Feed(Protocol):
    """Where events go; called on kopf's thread."""

    def vnfreplicaset(self, event: Any) -> None:
        """A raw watch event of a VNFReplicaSet."""

    def vimendpoint(self, event: Any) -> None:
        """A raw watch event of a VIMEndpoint."""

    def hapolicy(self, event: Any) -> None:
        """A raw watch event of an HAPolicy."""

    def stopped(self) -> None:
        """Kopf has ended (and is started again unless we are stopping)."""


def build_registry(feed: Feed) -> kopf.OperatorRegistry:
    """The handlers, in a registry of their own."""
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry, id="settings")
    async def _startup(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)

    @kopf.on.login(registry=registry, id="login")
    async def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return log_in(**kwargs)

    @kopf.on.event(GROUP, VERSION, "vnfreplicasets", registry=registry, id="vnfreplicaset")
    async def _vnfreplicaset(event: Any, **_: Any) -> None:
        feed.vnfreplicaset(event)

    @kopf.on.event(GROUP, VERSION, "vimendpoints", registry=registry, id="vimendpoint")
    async def _vimendpoint(event: Any, **_: Any) -> None:
        feed.vimendpoint(event)

    @kopf.on.event(GROUP, VERSION, "hapolicies", registry=registry, id="hapolicy")
    async def _hapolicy(event: Any, **_: Any) -> None:
        feed.hapolicy(event)

    @kopf.on.cleanup(registry=registry, id="stopped")
    async def _cleanup(**_: Any) -> None:
        feed.stopped()

    return registry


def log_in(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Credentials as our own client finds them: $KUBECONFIG, else the pod's, else by the client library's plugins.

    kopf's own choice of these comes only with its global registry.
    """
    return (
        kopf.login_with_kubeconfig(**kwargs)
        or kopf.login_with_service_account(**kwargs)
        or kopf.login_via_client(**kwargs)
    )


def configure(settings: kopf.OperatorSettings) -> None:
    """Bounds for everything that could wait for long (kopf's defaults wait up to 300 s), and no writes."""
    settings.posting.enabled = False
    settings.persistence.finalizer = FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP, v1=False)
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 3
    settings.networking.connect_timeout = 3
    settings.networking.request_timeout = 10
    settings.networking.error_backoffs = Backoffs()
    settings.networking.enforce_retry_after = True
    settings.process.ultimate_exiting_timeout = 5


class Backoffs:
    """Retries without end: from 0.1 s up to 5 s, with jitter. (When a finite list ends, kopf exits.)"""

    def __iter__(self) -> Iterator[float]:
        delay = 0.1
        while True:
            yield delay * (0.5 + random.random())  # noqa: S311 - jitter
            delay = min(delay * 2, 5.0)

"""From what the watches show to what the feed says."""

import logging
from collections.abc import Callable
from typing import Final

from nfvi_ha.core import key_material
from nfvi_ha.core.lease_age import LeaseAges
from nfvi_ha.core.views import VmView
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.views import LeaseView
from nfvi_ha.reporting.endpoint import Secret, secret_names
from nfvi_ha.sentinel.scribe.entries import config_entry, endpoint_entry, node_entry, seat_entry, vm_entry
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.host_view import HostView
from nfvi_ha.sentinel.scribe.lines import FeedKind
from nfvi_ha.sentinel.scribe.policies import Policies, PolicyView
from nfvi_ha.sentinel.scribe.settings import ScribeSettings
from nfvi_ha.sentinel.scribe.views import EndpointView, SeatView, SecretView

log = logging.getLogger(__name__)
CONFIG_KEY: Final = "config"


class Feeder:
    """Keeps the feed as the cluster is. Each method takes one change of one kind; none of them waits.

    Args:
        feed: what is put into.
        policies: which nodes are governed, and by which figures.
        settings: of this process.
        cluster: name of this NFVI.
        on_secret: told of each Secret of our namespace that came or changed.
        on_host: told of each node that came, changed or went.
    """

    def __init__(
        self,
        feed: Feed,
        policies: Policies,
        settings: ScribeSettings,
        cluster: str,
        *,
        on_secret: Callable[[Secret], None],
        on_host: Callable[[str], None],
    ) -> None:
        self._feed = feed
        self._policies = policies
        self._settings = settings
        self._cluster = cluster
        self._on_secret = on_secret
        self._on_host = on_host
        self.hosts: dict[str, HostView] = {}
        self.ages = LeaseAges()
        self._endpoints: dict[str, EndpointView] = {}
        self._secrets: dict[str, SecretView] = {}
        self._keys = key_material.KeyMaterial()
        self.put_config()
        for seat, place in settings.seats.items():
            feed.put(FeedKind.SEAT, seat, seat_entry(tuple(sorted(place.addresses.items())), place.port))

    def node(self, change: Change[HostView]) -> None:
        """A node came, changed or went."""
        if change.new is not None:
            self.hosts[change.new.node.name] = change.new
            self._put_node(change.new)
            self._on_host(change.new.node.name)
        elif change.old is not None:
            name = change.old.node.name
            if self.hosts.get(name) is not None and self.hosts[name].node.uid == change.old.node.uid:
                del self.hosts[name]
                self._feed.drop(FeedKind.NODE, name)
            self._on_host(name)

    def lease(self, change: Change[LeaseView]) -> None:
        """A node's Lease was renewed, or is gone."""
        if change.new is not None:
            self.renewed(change.new.name, change.new.renew_time, change.received_at)
        elif change.old is not None:
            self.ages.forget(change.old.name)
            self._refresh_node(change.old.name)

    def renewed(self, node: str, renew_time: str, at: float) -> None:
        """A node's Lease said so when it was received (monotonic seconds)."""
        was_stale = self.ages.is_stale(node)
        self.ages.observe(node, renew_time, at)
        if self.ages.is_stale(node) != was_stale:
            self._refresh_node(node)

    def vm(self, change: Change[VmView]) -> None:
        """A VM came, changed or went."""
        if change.new is not None:
            self._feed.put(FeedKind.VM, change.new.uid, vm_entry(change.new))
        elif change.old is not None:
            self._feed.drop(FeedKind.VM, change.old.uid)

    def endpoint(self, change: Change[EndpointView]) -> None:
        """A VIMEndpoint came, changed or went."""
        if change.new is not None:
            self._endpoints[change.new.name] = change.new
            self._put_endpoint(change.new)
        elif change.old is not None:
            self._endpoints.pop(change.old.name, None)
            self._feed.drop(FeedKind.ENDPOINT, change.old.name)

    def secret(self, change: Change[SecretView]) -> None:
        """A Secret of our namespace came, changed or went. Keys of ours that are deleted are still used."""
        view = change.new or change.old
        if view is None:
            return
        name = view.secret.name
        if change.new is None:
            self._secrets.pop(name, None)
        else:
            self._secrets[name] = change.new
            if name == key_material.SECRET_NAME:
                self._take_keys(change.new.secret)
            self._on_secret(change.new.secret)
        for endpoint in self._endpoints.values():
            if endpoint.model is not None and name in secret_names(endpoint.model.spec):
                self._put_endpoint(endpoint)

    def seat(self, change: Change[SeatView]) -> None:
        """A sentinel's Pod came, changed or went. A seat without a Pod keeps its place: it will come back there."""
        view = change.new
        if view is not None and view.addresses and str(view.seat) not in self._settings.seats:
            self._feed.put(FeedKind.SEAT, str(view.seat), seat_entry(view.addresses, view.port))

    def policy(self, change: Change[PolicyView]) -> None:
        """An HAPolicy came, changed or went: every node may be governed by another now."""
        self._policies.change(change.old, change.new)
        self.put_config()
        for host in self.hosts.values():
            self._put_node(host)
            self._on_host(host.node.name)

    def put_config(self) -> None:
        """Say what holds for all of the cluster."""
        self._feed.put(FeedKind.CONFIG, CONFIG_KEY, config_entry(self._cluster, self._keys, self._policies.verdict()))

    def governed(self, name: str) -> bool:
        """Whether the node of that name is ours to judge: it is there, and a policy covers it."""
        host = self.hosts.get(name)
        return host is not None and self._policies.governs(host.node)

    def may_mark(self, name: str) -> bool:
        """Whether the node of that name may bear our taint and condition."""
        host = self.hosts.get(name)
        return host is not None and self._policies.may_mark(host.node)

    def _put_node(self, host: HostView) -> None:
        name = host.node.name
        stale = self.ages.is_stale(name)
        entry = node_entry(host, governed=self.governed(name), lease_stale=stale, networks=self._settings.networks)
        self._feed.put(FeedKind.NODE, name, entry)

    def _refresh_node(self, name: str) -> None:
        host = self.hosts.get(name)
        if host is not None:
            self._put_node(host)

    def _put_endpoint(self, view: EndpointView) -> None:
        if view.model is None:
            log.warning("refused", extra={"object": view.name, "reason": "Invalid", "detail": view.problem})
            self._feed.drop(FeedKind.ENDPOINT, view.name)
            return
        contents = {name: secret.content for name, secret in self._secrets.items()}
        self._feed.put(FeedKind.ENDPOINT, view.name, endpoint_entry(view.model, contents))

    def _take_keys(self, secret: Secret) -> None:
        keys = key_material.read_keys(secret.data)
        if keys.rejected:
            log.warning("refused", extra={"object": secret.name, "reason": "NoKey", "detail": ", ".join(keys.rejected)})
        if keys.masters or keys.vote:
            self._keys = keys
            log.info("keys of beats", extra={"keys": sorted(keys.masters)})
            self.put_config()

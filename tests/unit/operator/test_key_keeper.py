"""Who makes the Secrets, and what never happens to one that is there."""

import ssl
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.core.key_material import KEY_BYTES, SECRET_NAME, KeyMaterial, read_keys
from nfvi_ha.kube.errors import AlreadyExists
from nfvi_ha.kube.resources import SECRETS, Resource
from nfvi_ha.operator.keys import certificate
from nfvi_ha.operator.keys.certificate import (
    RENEW_BEFORE,
    VALIDITY,
    BadCertificate,
    Serving,
    make_entries,
    server_context,
)
from nfvi_ha.operator.keys.desk import KeyDesk
from nfvi_ha.operator.keys.keeper import CERTIFICATE_SECRET, KeyKeeper
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.settings import OperatorSettings
from nfvi_ha.reporting.endpoint import Secret

from .conftest import START

Obj = dict[str, Any]


class Store:
    """Secrets of one namespace."""

    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}

    async def create(self, resource: Resource, body: Obj, namespace: str) -> Obj:
        assert (resource, namespace) == (SECRETS, "ns")
        if body["metadata"]["name"] in self.objects:
            raise AlreadyExists(409, "AlreadyExists", "there")
        self.objects[body["metadata"]["name"]] = body
        return body

    async def patch(self, resource: Resource, name: str, patch: Obj, namespace: str) -> Obj:
        assert (resource, namespace) == (SECRETS, "ns")
        self.objects[name]["data"] |= patch["data"]
        return self.objects[name]

    def entries(self, name: str) -> dict[str, bytes]:
        return {key: b64decode(value) for key, value in self.objects[name]["data"].items()}


def keeper(store: Store, later: timedelta = timedelta()) -> KeyKeeper:
    return KeyKeeper(store, "ns", ("keys.ns.svc", "192.0.2.1"), now=lambda: START + later)  # type: ignore[arg-type]


async def test_keys_are_made_once_and_can_be_read_by_all() -> None:
    store = Store()
    await keeper(store).ensure_keys(KeyMaterial())
    made = store.entries(SECRET_NAME)
    keys = read_keys(made)
    assert list(keys.masters) == [1]
    assert len(keys.vote) == KEY_BYTES
    assert keys.masters[1] != keys.vote
    await keeper(store).ensure_keys(KeyMaterial())
    assert store.entries(SECRET_NAME) == made


async def test_keys_that_were_deleted_are_made_again_as_they_were() -> None:
    store = Store()
    known = KeyMaterial({3: b"3" * 32, 4: b"4" * 32}, b"v" * 32)
    await keeper(store).ensure_keys(known)
    assert read_keys(store.entries(SECRET_NAME)) == known


async def test_a_certificate_is_made_for_every_name_and_renewed_before_it_ends() -> None:
    store = Store()
    await keeper(store).ensure_certificate(None)
    first = store.entries(CERTIFICATE_SECRET)
    Serving.from_entries(first).load_into(server_context())
    await keeper(store, VALIDITY - RENEW_BEFORE - timedelta(days=1)).ensure_certificate(first)
    assert store.entries(CERTIFICATE_SECRET) == first
    await keeper(store, VALIDITY - RENEW_BEFORE + timedelta(days=1)).ensure_certificate(first)
    renewed = store.entries(CERTIFICATE_SECRET)
    assert renewed != first
    assert Serving.from_entries(renewed).expires_at() > Serving.from_entries(first).expires_at()


async def test_a_certificate_of_others_is_never_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    monkeypatch.setattr(certificate, "AUTHORITY_NAME", "somebody else's authority")
    theirs = make_entries(("keys.ns.svc",), START)
    monkeypatch.undo()
    for present in (theirs, {"tls.crt": b"nonsense", "tls.key": b"x"}, {}):
        await keeper(store, timedelta(days=36_500)).ensure_certificate(present)
    assert store.objects == {}


@pytest.mark.parametrize("entries", [{}, {"tls.crt": b"x"}, {"tls.crt": b"x", "tls.key": b"y"}])
def test_what_is_no_certificate_is_not_served(entries: dict[str, bytes]) -> None:
    with pytest.raises(BadCertificate):
        Serving.from_entries(entries).load_into(server_context())


def test_a_key_of_another_certificate_is_not_served() -> None:
    one, other = (make_entries(("a",), START) for _ in range(2))
    with pytest.raises(BadCertificate):
        Serving(one["tls.crt"], other["tls.key"]).load_into(server_context())


async def test_a_damaged_secret_leaves_keys_and_certificate_as_they_were() -> None:
    registry = CollectorRegistry()
    secrets: dict[str, Secret] = {}
    desk = KeyDesk(
        OperatorSettings(key_service_port=0),
        keeper(Store()),
        secrets=lambda: secrets,
        leading=lambda: True,
        metrics=OperatorMetrics(registry),
    )
    secrets[SECRET_NAME] = Secret(SECRET_NAME, {"master-1": b"1" * 32, "vote": b"v" * 32})
    secrets[CERTIFICATE_SECRET] = Secret(CERTIFICATE_SECRET, make_entries(("a",), START))
    desk.secrets_changed()
    good = desk.keys
    assert list(good.masters) == [1]
    secrets[SECRET_NAME] = Secret(SECRET_NAME, {"master-1": b"short"})
    secrets[CERTIFICATE_SECRET] = Secret(CERTIFICATE_SECRET, {"tls.crt": b"x", "tls.key": b"y"})
    desk.secrets_changed()
    assert desk.keys == good
    refused = {"kind": "Secret", "reason": "NoUsableKey"}
    assert registry.get_sample_value("nfvi_ha_refused_objects_total", refused) == 1
    secrets.clear()
    desk.secrets_changed()
    assert desk.keys == good
    assert isinstance(desk._context, ssl.SSLContext)

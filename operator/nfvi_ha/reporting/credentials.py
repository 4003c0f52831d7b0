"""Credentials of endpoints: from Secrets of the operator's namespace, each bound to the hosts it may go to."""

import base64
import hashlib
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.api.names import ANNOTATION_ALLOWED_HOSTS
from nfvi_ha.api.vimendpoint import Auth, VIMEndpointSpec
from nfvi_ha.reporting import refusal
from nfvi_ha.reporting.refusal import EndpointRefused
from nfvi_ha.reporting.signing import MIN_KEY_BYTES
from nfvi_ha.reporting.url import Target, normal_host

_TLS_CRT: Final = "tls.crt"
_TLS_KEY: Final = "tls.key"


@dataclass(frozen=True, slots=True)
class Secret:
    """What we need of a Kubernetes Secret. Its repr shows no content."""

    name: str
    data: Mapping[str, bytes] = field(repr=False)
    allowed_hosts: str = ""
    """The annotation ``nfvi-ha.io/allowed-hosts`` as written."""

    @classmethod
    def from_object(cls, obj: Mapping[str, Any]) -> "Secret":
        """Read a Secret as the API server returns it. Entries that are not base64 are left out."""
        metadata = obj.get("metadata") or {}
        data: dict[str, bytes] = {}
        for key, value in (obj.get("data") or {}).items():
            try:
                data[key] = base64.b64decode(value, validate=True)
            except (ValueError, TypeError):
                continue
        hosts = (metadata.get("annotations") or {}).get(ANNOTATION_ALLOWED_HOSTS, "")
        return cls(name=str(metadata.get("name", "")), data=data, allowed_hosts=str(hosts))


SecretLookup = Callable[[str], Secret | None]


def hmac_key(auth: Auth, secrets: SecretLookup, target: Target) -> tuple[str, bytes]:
    """Id and bytes of the key that signs, or ("", b"") if nothing is signed."""
    if auth.hmac is None:
        return "", b""
    where = "spec.auth.hmac"
    secret = _allowed(auth.hmac.secret_name, f"{where}.secretName", secrets, target)
    key_id = auth.hmac.key_id
    if key_id is None:
        if len(secret.data) != 1:
            raise EndpointRefused(
                refusal.SECRET_KEY_NOT_FOUND,
                f"{where}.keyId",
                f"Secret {secret.name} has {len(secret.data)} keys; say in keyId which of them signs",
            )
        key_id = next(iter(secret.data))
    key = _entry(secret, key_id, f"{where}.keyId")
    if len(key) < MIN_KEY_BYTES:
        raise EndpointRefused(
            refusal.SECRET_INVALID,
            f"{where}.keyId",
            f"key {key_id!r} of Secret {secret.name} has {len(key)} bytes; use at least {MIN_KEY_BYTES} random ones",
        )
    return key_id, key


def authorization(auth: Auth, secrets: SecretLookup, target: Target) -> dict[str, str]:
    """The Authorization header, or no header."""
    if auth.bearer is not None:
        where = "spec.auth.bearer"
        secret = _allowed(auth.bearer.secret_name, f"{where}.secretName", secrets, target)
        return {"Authorization": f"Bearer {_text(secret, auth.bearer.key, f'{where}.key')}"}
    if auth.basic is not None:
        where = "spec.auth.basic.secretName"
        secret = _allowed(auth.basic.secret_name, where, secrets, target)
        user, password = (_text(secret, key, where) for key in ("username", "password"))
        if ":" in user:
            raise EndpointRefused(
                refusal.SECRET_INVALID, where, f"username in Secret {secret.name} has a colon, which HTTP forbids"
            )
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {}


def client_context(spec: VIMEndpointSpec, secrets: SecretLookup, target: Target) -> tuple[ssl.SSLContext | None, str]:
    """TLS settings and a digest that changes when they do; (None, "") for http."""
    if not target.is_tls:
        return None, ""
    digest = hashlib.sha256()
    context = ssl.create_default_context(cadata=_ca(spec, secrets, digest.update))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if spec.auth.mtls is not None:
        where = "spec.auth.mtls.secretName"
        secret = _allowed(spec.auth.mtls.secret_name, where, secrets, target)
        certificate, key = (_entry(secret, name, where) for name in (_TLS_CRT, _TLS_KEY))
        digest.update(certificate + b"\0" + key)
        _load_certificate(context, certificate + b"\n" + key, secret.name, where)
    return context, digest.hexdigest()


def _ca(spec: VIMEndpointSpec, secrets: SecretLookup, digest: Callable[[bytes], None]) -> str | None:
    name = spec.tls.ca_secret_name
    if name is None:
        return None
    # A CA is no credential and goes nowhere: it needs no allowed-hosts.
    secret = _found(name, "spec.tls.caSecretName", secrets)
    pem = _entry(secret, spec.tls.ca_secret_key, "spec.tls.caSecretKey")
    digest(pem)
    try:
        text = pem.decode("ascii")
        ssl.create_default_context(cadata=text)
    except (UnicodeDecodeError, ssl.SSLError, ValueError) as error:
        raise EndpointRefused(
            refusal.SECRET_INVALID,
            "spec.tls.caSecretKey",
            f"{spec.tls.ca_secret_key} of Secret {name} is not one or more certificates in PEM",
        ) from error
    return text


def _load_certificate(context: ssl.SSLContext, pem: bytes, secret: str, where: str) -> None:
    # OpenSSL's Python binding reads keys from files only; this one is in memory and never on a disk.
    descriptor = os.memfd_create("nfvi-ha-client-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise EndpointRefused(
            refusal.SECRET_INVALID,
            where,
            f"tls.crt and tls.key of Secret {secret} are not a certificate and its unencrypted key in PEM",
        ) from error
    finally:
        os.close(descriptor)


def _found(name: str, where: str, secrets: SecretLookup) -> Secret:
    secret = secrets(name)
    if secret is None:
        raise EndpointRefused(
            refusal.SECRET_NOT_FOUND, where, f"Secret {name} is not in the operator's namespace; create it there"
        )
    return secret


def _allowed(name: str, where: str, secrets: SecretLookup, target: Target) -> Secret:
    secret = _found(name, where, secrets)
    if not _hosts_allow(secret.allowed_hosts, target):
        wanted = f"[{target.host}]" if ":" in target.host else target.host
        wanted += "" if target.port == target.default_port else f":{target.port}"
        raise EndpointRefused(
            refusal.SECRET_NOT_ALLOWED,
            where,
            f'Secret {name} may not be used for this host; if it is meant to be, add "{wanted}" to its annotation '
            f"{ANNOTATION_ALLOWED_HOSTS}",
        )
    return secret


def _hosts_allow(annotation: str, target: Target) -> bool:
    return any((target.host, target.port) == _host_port(entry, target.default_port) for entry in annotation.split(","))


def _host_port(entry: str, default_port: int) -> tuple[str, int] | None:
    text = entry.strip()
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")):
        host, port = text, str(default_port)
    try:
        return (normal_host(host), int(port)) if host else None
    except ValueError:
        return None


def _entry(secret: Secret, key: str, where: str) -> bytes:
    value = secret.data.get(key)
    if not value:
        raise EndpointRefused(refusal.SECRET_KEY_NOT_FOUND, where, f"Secret {secret.name} has no entry {key!r}; add it")
    return value


def _text(secret: Secret, key: str, where: str) -> str:
    value = _entry(secret, key, where)
    try:
        # The newline that "kubectl create secret --from-file" brings along is never meant.
        text = value.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise EndpointRefused(
            refusal.SECRET_INVALID, where, f"entry {key!r} of Secret {secret.name} is empty or not text"
        )
    return text

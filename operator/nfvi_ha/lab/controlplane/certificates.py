"""The keys and certificates of one control plane: made anew for each, in its state directory, readable by its owner."""

import ipaddress
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY: Final = timedelta(days=365)
BACKDATE: Final = timedelta(hours=1)
"""So that a clock set back a little does not make fresh certificates invalid."""
FRONT_PROXY_NAME: Final = "front-proxy-client"
SERVER_NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of a PEM certificate (or public key) and of its private key."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Everything the processes of one control plane and its administrator need to know each other."""

    ca: KeyPair
    etcd_ca: KeyPair
    front_proxy_ca: KeyPair
    apiserver: KeyPair
    etcd: KeyPair
    etcd_client: KeyPair
    front_proxy: KeyPair
    admin: KeyPair
    controller_manager: KeyPair
    service_account: KeyPair
    """``cert`` is the bare public key that checks ServiceAccount tokens, ``key`` the one that signs them."""

    @classmethod
    def in_dir(cls, directory: Path) -> "Certificates":
        """The paths as ``issue`` lays them out, whether or not the files exist."""
        pairs = {field: KeyPair(directory / f"{field}.crt", directory / f"{field}.key") for field in cls.__slots__}
        return cls(**pairs)


def issue(directory: Path, *, now: datetime) -> Certificates:
    """Writes new keys and certificates under ``directory`` (created 0700, files 0600) and returns their paths.

    Three authorities, as a real cluster has: who may talk to the API server, who may talk to etcd, and which proxy
    may speak for others. Elliptic curve keys: made in no time, and known to every release since long before 1.20.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = Certificates.in_dir(directory)
    ca = _Authority.create("kubernetes-ca", paths.ca, now)
    etcd_ca = _Authority.create("etcd-ca", paths.etcd_ca, now)
    proxy_ca = _Authority.create("front-proxy-ca", paths.front_proxy_ca, now)
    ca.sign(paths.apiserver, "kube-apiserver", server=True)
    ca.sign(paths.admin, "kubernetes-admin", organization="system:masters", client=True)
    ca.sign(paths.controller_manager, "system:kube-controller-manager", client=True)
    # etcd's HTTP gateway dials etcd itself with the server's certificate, so that one is a client's as well.
    etcd_ca.sign(paths.etcd, "etcd", server=True, client=True)
    etcd_ca.sign(paths.etcd_client, "kube-apiserver-etcd-client", client=True)
    proxy_ca.sign(paths.front_proxy, FRONT_PROXY_NAME, client=True)
    _write_service_account_keys(paths.service_account)
    return paths


@dataclass(frozen=True, slots=True)
class _Authority:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    now: datetime

    @classmethod
    def create(cls, common_name: str, where: KeyPair, now: datetime) -> "_Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        self = cls(_name(common_name), key, now)
        builder = self._builder(self.name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_key_usage(authority=True), True)
        _write(where, builder.sign(key, hashes.SHA256()), key)
        return self

    def sign(
        self, where: KeyPair, common_name: str, *, organization: str = "", server: bool = False, client: bool = False
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
        builder = (
            self._builder(_name(common_name, organization), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(_key_usage(authority=False), True)
            .add_extension(x509.ExtendedKeyUsage(purposes), False)
        )
        if server:
            loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            names = [*(x509.DNSName(name) for name in SERVER_NAMES), loopback]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        _write(where, builder.sign(self.key, hashes.SHA256()), key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - BACKDATE)
            .not_valid_after(self.now + VALIDITY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(authority, False)
        )


def _name(common_name: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write(where: KeyPair, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_private(where.cert, cert.public_bytes(serialization.Encoding.PEM))
    write_private(where.key, _private_pem(key))


def _write_service_account_keys(where: KeyPair) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_private(where.cert, public)
    write_private(where.key, _private_pem(key))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # SEC 1 form ("EC PRIVATE KEY"): the one form that every release parses for ServiceAccount keys too.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """Writes ``content`` so that at no moment anybody but the owner can read it, and no reader sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)

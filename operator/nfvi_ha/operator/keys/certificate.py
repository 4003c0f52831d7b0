"""The key service's certificate: from a Secret of our namespace, made by the leader where nobody else did."""

import ipaddress
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE: Final = "tls.crt"
PRIVATE_KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"
AUTHORITY_NAME: Final = "nfvi-ha key service authority"
"""By it a certificate of ours is known."""
VALIDITY: Final = timedelta(days=365)
RENEW_BEFORE: Final = timedelta(days=120)
BACKDATE: Final = timedelta(hours=1)
"""So that a clock set back a little does not make a fresh certificate invalid."""


class BadCertificate(ValueError):  # noqa: N818 - what it is
    """Entries that are no certificate and its key; the message says which."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A certificate chain and its key, in PEM."""

    certificate: bytes
    private_key: bytes

    @classmethod
    def from_entries(cls, entries: Mapping[str, bytes]) -> "Serving":
        """From a Secret of type kubernetes.io/tls.

        Raises:
            BadCertificate: an entry is missing.
        """
        certificate, private_key = entries.get(CERTIFICATE, b""), entries.get(PRIVATE_KEY, b"")
        if not certificate or not private_key:
            raise BadCertificate(f"it has no {CERTIFICATE} or no {PRIVATE_KEY}")
        return cls(certificate, private_key)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Serve with it from the next connection on.

        Raises:
            BadCertificate: OpenSSL does not take it.
        """
        # OpenSSL's Python binding reads keys from files only; this one is in memory and never on a disk.
        descriptor = os.memfd_create("nfvi-ha-key-service", os.MFD_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(self.certificate + b"\n" + self.private_key)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
        except (ssl.SSLError, OSError, ValueError) as error:
            raise BadCertificate(f"{CERTIFICATE} and {PRIVATE_KEY} do not belong together: {error}") from error
        finally:
            os.close(descriptor)

    def is_ours(self) -> bool:
        """Whether the operator made it, and so renews it.

        Raises:
            BadCertificate: it is none.
        """
        return self._parsed().issuer == _name(AUTHORITY_NAME)

    def expires_at(self) -> datetime:
        """When it ends, UTC.

        Raises:
            BadCertificate: it is none.
        """
        return self._parsed().not_valid_after_utc

    def _parsed(self) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.certificate)
        except ValueError as error:
            raise BadCertificate(f"{CERTIFICATE} is no certificate in PEM") from error


def server_context() -> ssl.SSLContext:
    """A context for serving, without a certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def make_entries(names: Iterable[str], now: datetime) -> dict[str, bytes]:
    """A new certificate for these host names and addresses, with an authority whose key is thrown away."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(AUTHORITY_NAME)
    authority = (
        _builder(issuer, issuer, authority_key, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("nfvi-ha key service"), issuer, key, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return {
        AUTHORITY: authority.public_bytes(pem),
        CERTIFICATE: certificate.public_bytes(pem),
        PRIVATE_KEY: key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    }


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

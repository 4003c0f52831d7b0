"""HMAC-SHA256 signatures of notifications: over the attempt's stamp and the body, in headers."""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

HEADER_TIMESTAMP: Final = "X-NFVI-HA-Timestamp"
"""When this attempt was signed: whole seconds since 1970 in UTC, decimal."""
HEADER_KEY_ID: Final = "X-NFVI-HA-Key-Id"
HEADER_SIGNATURE: Final = "X-NFVI-HA-Signature"
"""``v1=`` and the HMAC-SHA256 of ``<timestamp>.<body>`` as 64 hex digits."""

MIN_KEY_BYTES: Final = 16
DEFAULT_TOLERANCE_SECONDS: Final = 300.0
_VERSION: Final = "v1"


class SignatureRefusal(StrEnum):
    """Why a signature was refused."""

    HEADER_MISSING = "HeaderMissing"
    TIMESTAMP_INVALID = "TimestampInvalid"
    TIMESTAMP_TOO_OLD = "TimestampTooOld"
    TIMESTAMP_IN_FUTURE = "TimestampInFuture"
    VERSION_UNSUPPORTED = "VersionUnsupported"
    KEY_UNKNOWN = "KeyUnknown"
    MISMATCH = "Mismatch"


class SignatureRefused(Exception):  # noqa: N818 - a state, as Kubernetes' own reasons are
    """The body is not to be trusted."""

    def __init__(self, reason: SignatureRefusal, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


def sign(body: bytes, key: bytes, key_id: str, *, now: float) -> dict[str, str]:
    """The three headers that sign ``body``; ``now`` in seconds since 1970, of this attempt (retries sign anew)."""
    timestamp = str(int(now))
    return {
        HEADER_TIMESTAMP: timestamp,
        HEADER_KEY_ID: key_id,
        HEADER_SIGNATURE: f"{_VERSION}={_digest(body, key, timestamp)}",
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    keys: Mapping[str, bytes],
    *,
    now: float,
    tolerance_seconds: float = DEFAULT_TOLERANCE_SECONDS,
) -> str:
    """Check a signature and return the id of the key that made it.

    Args:
        headers: Of the request; names in any case.
        body: As received, before any decoding.
        keys: Every key that is accepted now, by id. While keys are changed there are two.
        now: Seconds since 1970.
        tolerance_seconds: How far the stamp may be from ``now``: bounds how long a recorded request can be replayed.

    Raises:
        SignatureRefused: with its ``reason``.
    """
    found = {name.lower(): value for name, value in headers.items()}
    timestamp, key_id, signature = (
        _header(found, name) for name in (HEADER_TIMESTAMP, HEADER_KEY_ID, HEADER_SIGNATURE)
    )
    _check_age(timestamp, now, tolerance_seconds)
    version, _, digest = signature.partition("=")
    if version != _VERSION:
        raise SignatureRefused(SignatureRefusal.VERSION_UNSUPPORTED, f"{version!r} is not {_VERSION!r}")
    key = keys.get(key_id)
    if key is None:
        raise SignatureRefused(SignatureRefusal.KEY_UNKNOWN, f"no key with id {key_id!r} is accepted here")
    if not hmac.compare_digest(_digest(body, key, timestamp).encode(), digest.encode()):
        raise SignatureRefused(
            SignatureRefusal.MISMATCH, f"body or stamp was changed, or key {key_id!r} is another one"
        )
    return key_id


def _digest(body: bytes, key: bytes, timestamp: str) -> str:
    return hmac.digest(key, timestamp.encode() + b"." + body, hashlib.sha256).hex()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower())
    if not value:
        raise SignatureRefused(SignatureRefusal.HEADER_MISSING, f"header {name} is missing")
    return value


def _check_age(timestamp: str, now: float, tolerance_seconds: float) -> None:
    # isdecimal alone would let digits of other scripts pass, which int() takes and no other verifier would.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureRefused(SignatureRefusal.TIMESTAMP_INVALID, f"{timestamp[:40]!r} is not a number of seconds")
    age = now - int(timestamp)
    if age > tolerance_seconds:
        raise SignatureRefused(
            SignatureRefusal.TIMESTAMP_TOO_OLD, f"signed {age:.0f} s ago, at most {tolerance_seconds:.0f}"
        )
    if age < -tolerance_seconds:
        raise SignatureRefused(SignatureRefusal.TIMESTAMP_IN_FUTURE, f"signed {-age:.0f} s ahead of our clock")

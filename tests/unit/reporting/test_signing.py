import time
from pathlib import Path
from typing import Any

import pytest

from nfvi_ha.reporting import signing
from nfvi_ha.reporting.signing import SignatureRefusal, SignatureRefused, sign, verify

OLD, NEW = b"o" * 32, b"n" * 32
BODY = b'{"id":"x"}'
NOW = 1_767_323_045.9


def refusal(headers: dict[str, str], body: bytes = BODY, *, now: float = NOW) -> SignatureRefusal:
    with pytest.raises(SignatureRefused) as refused:
        verify(headers, body, {"old": OLD, "new": NEW}, now=now)
    return refused.value.reason


def test_the_signature_is_what_the_documentation_says() -> None:
    # printf '1767323045.{"id":"x"}' | openssl dgst -sha256 -hmac <32 times "o">
    assert sign(BODY, OLD, "old", now=NOW) == {
        "X-NFVI-HA-Timestamp": "1767323045",
        "X-NFVI-HA-Key-Id": "old",
        "X-NFVI-HA-Signature": "v1=960735eee08f28951052bd8728543bd6b8a673df8137a60e66b6902f13b8cbc4",
    }


def test_a_key_can_be_changed_without_a_gap() -> None:
    # The receiver learns the new key first, then the sender changes, then the receiver forgets the old one.
    steps = [
        ({"old": OLD}, "old"),
        ({"old": OLD, "new": NEW}, "old"),
        ({"old": OLD, "new": NEW}, "new"),
        ({"new": NEW}, "new"),
    ]
    for accepted, key_id in steps:
        headers = sign(BODY, {"old": OLD, "new": NEW}[key_id], key_id, now=NOW)
        assert verify(headers, BODY, accepted, now=NOW) == key_id


def test_a_tampered_body_is_refused() -> None:
    assert refusal(sign(BODY, OLD, "old", now=NOW), BODY + b" ") is SignatureRefusal.MISMATCH


def test_a_changed_stamp_is_refused_as_the_signature_covers_it() -> None:
    headers = sign(BODY, OLD, "old", now=NOW) | {signing.HEADER_TIMESTAMP: str(int(NOW) + 1)}
    assert refusal(headers) is SignatureRefusal.MISMATCH


def test_a_key_under_the_id_of_another_is_refused() -> None:
    assert refusal(sign(BODY, OLD, "new", now=NOW)) is SignatureRefusal.MISMATCH


def test_an_unknown_key_is_refused() -> None:
    assert refusal(sign(BODY, OLD, "older", now=NOW)) is SignatureRefusal.KEY_UNKNOWN


@pytest.mark.parametrize(
    ("shift", "reason"),
    [(301.0, SignatureRefusal.TIMESTAMP_TOO_OLD), (-302.0, SignatureRefusal.TIMESTAMP_IN_FUTURE)],
)
def test_a_recorded_request_cannot_be_replayed_for_ever(shift: float, reason: SignatureRefusal) -> None:
    headers = sign(BODY, OLD, "old", now=NOW)
    verify(headers, BODY, {"old": OLD}, now=NOW + shift * 0.9)
    assert refusal(headers, now=NOW + shift) is reason


@pytest.mark.parametrize("name", [signing.HEADER_TIMESTAMP, signing.HEADER_KEY_ID, signing.HEADER_SIGNATURE])
def test_a_missing_header_is_named(name: str) -> None:
    headers = sign(BODY, OLD, "old", now=NOW)
    del headers[name]
    assert refusal(headers) is SignatureRefusal.HEADER_MISSING


@pytest.mark.parametrize("stamp", ["", " 1767323045", "-1", "1e9", "१२३", "9" * 30, "1767323045.0"])
def test_a_stamp_that_is_no_plain_number_is_refused(stamp: str) -> None:
    headers = sign(BODY, OLD, "old", now=NOW) | {signing.HEADER_TIMESTAMP: stamp}
    assert refusal(headers) in (SignatureRefusal.TIMESTAMP_INVALID, SignatureRefusal.HEADER_MISSING)


@pytest.mark.parametrize("signature", ["v2=00", "00", "v1", "=", "V1=00"])
def test_another_version_of_the_signature_is_refused(signature: str) -> None:
    headers = sign(BODY, OLD, "old", now=NOW) | {signing.HEADER_SIGNATURE: signature}
    assert refusal(headers) in (SignatureRefusal.VERSION_UNSUPPORTED, SignatureRefusal.MISMATCH)


def test_a_signature_that_is_not_ascii_is_refused_and_not_an_error() -> None:
    headers = sign(BODY, OLD, "old", now=NOW) | {signing.HEADER_SIGNATURE: "v1=é"}
    assert refusal(headers) is SignatureRefusal.MISMATCH


def test_header_names_may_come_in_any_case() -> None:
    headers = {name.lower(): value for name, value in sign(BODY, OLD, "old", now=NOW).items()}
    assert verify(headers, BODY, {"old": OLD}, now=NOW) == "old"


def test_the_documented_check_accepts_what_we_sign_and_refuses_what_was_changed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto" / "verify-a-notification.md").read_text()
    namespace: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], namespace)
    is_genuine = namespace["is_genuine"]
    headers = sign(BODY, OLD, "old", now=time.time())
    assert is_genuine(headers, BODY, {"old": OLD})
    assert not is_genuine(headers, BODY + b" ", {"old": OLD})
    assert not is_genuine(headers, BODY, {"new": NEW})
    assert not is_genuine(sign(BODY, OLD, "old", now=time.time() - 400), BODY, {"old": OLD})

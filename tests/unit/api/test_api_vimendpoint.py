"""What a VIMEndpoint may say, and how one that may not is refused."""

from datetime import timedelta
from typing import Any

import pytest

from nfvi_ha.api import errors
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.vimendpoint import parse

from .samples import changed, example

ENDPOINT = example("vimendpoint-minimal")
SECRET = {"secretName": "s"}


def test_absent_fields_have_their_defaults() -> None:
    spec = parse(ENDPOINT).spec

    assert spec.timeout == timedelta(seconds=5)
    assert spec.to_json() == {
        "url": "https://vim.example.com/notifications",
        "format": "CloudEvents",
        "allowInsecure": False,
        "auth": {},
        "tls": {"caSecretKey": "ca.crt"},
        "filter": {"types": [], "minimumSeverity": "warning", "namespaces": []},
        "retry": {"initialBackoff": "500ms", "maxBackoff": "1m", "expiresAfter": "24h"},
        "timeout": "5s",
    }


REFUSED: list[tuple[str, Any, str, str]] = [
    ("spec/url", ..., errors.INVALID_FIELD, "spec.url"),
    *(
        ("spec/url", url, errors.INVALID_FIELD, "spec.url")
        for url in (
            "",
            "vim.example.com",
            "file:///etc/passwd",
            "ftp://vim.example.com/",
            "gopher://vim.example.com/",
            "https://",
            "https:///path",
            "https://user:password@vim.example.com/",
            "https://vim.example.com/#part",
            "https://vim.example.com/a b",
            "https://vim.example.com/\n",
            "HTTPS://vim.example.com/",
            "https://vim.example.com/" + "a" * 2048,
            5,
        )
    ),
    ("spec/url", "https://vim.example.com:99999/", errors.INVALID_URL, "spec.url"),
    ("spec/url", "https://vim.example.com:port/", errors.INVALID_URL, "spec.url"),
    ("spec/url", "https://[::1/", errors.INVALID_URL, "spec.url"),
    ("spec/url", "https://:443/", errors.INVALID_URL, "spec.url"),
    ("spec/url", "http://vim.example.com/", errors.INSECURE_URL, "spec.url"),
    ("spec/format", "SNMP", errors.INVALID_FIELD, "spec.format"),
    ("spec/auth", {"bearer": SECRET, "basic": SECRET}, errors.AUTH_CONFLICT, "spec.auth.basic"),
    ("spec/auth", {"hmac": {}}, errors.INVALID_FIELD, "spec.auth.hmac.secretName"),
    ("spec/auth", {"hmac": {"secretName": "../x"}}, errors.INVALID_FIELD, "spec.auth.hmac.secretName"),
    ("spec/auth", {"hmac": SECRET | {"keyId": "a/b"}}, errors.INVALID_FIELD, "spec.auth.hmac.keyId"),
    ("spec/auth", {"bearer": SECRET | {"key": ""}}, errors.INVALID_FIELD, "spec.auth.bearer.key"),
    ("spec/filter/types", ["vm*"], errors.INVALID_FIELD, "spec.filter.types[0]"),
    ("spec/filter/types", ["vm.failed", "VM.*"], errors.INVALID_FIELD, "spec.filter.types[1]"),
    ("spec/filter/types", "vm.*", errors.INVALID_FIELD, "spec.filter.types"),
    ("spec/filter/minimumSeverity", "cleared", errors.INVALID_FIELD, "spec.filter.minimumSeverity"),
    ("spec/filter/namespaces", ["a.b"], errors.INVALID_FIELD, "spec.filter.namespaces[0]"),
    ("spec/retry", {"initialBackoff": "2m"}, errors.BACKOFF_ORDER, "spec.retry.maxBackoff"),
    ("spec/retry", {"expiresAfter": "721h"}, errors.INVALID_FIELD, "spec.retry.expiresAfter"),
    ("spec/timeout", "2m", errors.INVALID_FIELD, "spec.timeout"),
]


@pytest.mark.parametrize(("path", "value", "reason", "field"), REFUSED)
def test_bad_endpoint_is_refused_with_reason_field_and_remedy(path: str, value: Any, reason: str, field: str) -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(changed(ENDPOINT, path, value))

    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert len(caught.value.message) > 10


def test_client_certificate_needs_tls() -> None:
    obj = changed(ENDPOINT, "spec", {"url": "http://a/", "allowInsecure": True, "auth": {"mtls": SECRET}})

    with pytest.raises(InvalidObject) as caught:
        parse(obj)

    assert (caught.value.reason, caught.value.field) == (errors.AUTH_CONFLICT, "spec.auth.mtls")


def test_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(changed(ENDPOINT, "spec/url", "https://user:hunter2@vim.example.com/"))

    assert "hunter2" not in str(caught.value)


ACCEPTED: list[tuple[str, Any]] = [
    ("spec/url", "https://[::1]:8443/x?y=z@w"),
    ("spec/url", "https://10.0.0.1"),
    ("spec", {"url": "http://vim.example.com", "allowInsecure": True}),
    ("spec/auth", {"hmac": SECRET, "mtls": SECRET, "bearer": SECRET}),
    ("spec/filter/types", ["*", "vm.*", "vm.failed", "vnf.replicas.below"]),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_good_endpoint_is_accepted(path: str, value: Any) -> None:
    parse(changed(ENDPOINT, path, value))


def test_unreadable_status_is_left_out_and_told() -> None:
    endpoint = parse(changed(ENDPOINT, "status", {"delivered": "many"}))

    assert endpoint.status is None
    assert endpoint.status_problem is not None
    assert endpoint.status_problem.field == "status.delivered"


def test_readable_status_is_no_problem() -> None:
    endpoint = parse(changed(ENDPOINT, "status", {"delivered": 5}))

    assert endpoint.status is not None
    assert endpoint.status.delivered == 5
    assert endpoint.status_problem is None

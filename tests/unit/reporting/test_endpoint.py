import base64
from typing import Any

import pytest

from nfvi_ha.api import vimendpoint
from nfvi_ha.api.names import ANNOTATION_ALLOWED_HOSTS
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.reporting import refusal
from nfvi_ha.reporting.address import refusal as address_refusal
from nfvi_ha.reporting.catalogue import NotificationType
from nfvi_ha.reporting.endpoint import Endpoint, EndpointRefused, Secret, resolve, secret_names
from nfvi_ha.reporting.url import judge_url

from .certificates import Authority
from .messages import SEEN, one_of_each, raised

KEY = b"k" * 32


def endpoint(url: str = "https://vim.example.com/n", **spec: Any) -> VIMEndpoint:
    return vimendpoint.parse(
        {
            "apiVersion": "nfvi-ha.io/v1alpha1",
            "kind": "VIMEndpoint",
            "metadata": {"name": "vim-1"},
            "spec": {"url": url, **spec},
        }
    )


def secret(name: str, hosts: str = "vim.example.com", **data: bytes) -> Secret:
    return Secret.from_object(
        {
            "metadata": {"name": name, "annotations": {ANNOTATION_ALLOWED_HOSTS: hosts}},
            "data": {key.replace("_", "."): base64.b64encode(value).decode() for key, value in data.items()},
        }
    )


def resolved(subject: VIMEndpoint, *secrets: Secret) -> Endpoint:
    return resolve(subject, {one.name: one for one in secrets}.get)


def refused(subject: VIMEndpoint, *secrets: Secret) -> EndpointRefused:
    with pytest.raises(EndpointRefused) as error:
        resolved(subject, *secrets)
    return error.value


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", refusal.URL_SCHEME_REFUSED),
        ("gopher://vim/", refusal.URL_SCHEME_REFUSED),
        ("vim.example.com", refusal.URL_SCHEME_REFUSED),
        ("https://user:pw@vim/", refusal.URL_CREDENTIALS_REFUSED),
        ("https://user@vim/", refusal.URL_CREDENTIALS_REFUSED),
        ("https://@vim/", refusal.URL_CREDENTIALS_REFUSED),
        ("https:///path", refusal.URL_INVALID),
        ("https://vim:99999/", refusal.URL_INVALID),
        ("https://vim:0/", refusal.URL_INVALID),
        ("https://vim\\@evil/", refusal.URL_INVALID),
        ("https://vim/\r\nX: y", refusal.URL_INVALID),
        ("https://169.254.169.254/latest", refusal.URL_HOST_REFUSED),
        ("https://169.254.1.1./", refusal.URL_HOST_REFUSED),
        ("https://[fe80::1]/", refusal.URL_HOST_REFUSED),
        ("https://[fe80::1%25eth0]/", refusal.URL_HOST_REFUSED),
        ("https://[::ffff:169.254.169.254]/", refusal.URL_HOST_REFUSED),
        ("https://[::169.254.169.254]/", refusal.URL_HOST_REFUSED),
        ("https://[64:ff9b::a9fe:a9fe]/", refusal.URL_HOST_REFUSED),
        ("https://[2002:a9fe:a9fe::1]/", refusal.URL_HOST_REFUSED),
        ("https://[fd00:ec2::254]/", refusal.URL_HOST_REFUSED),
        ("https://0.0.0.0/", refusal.URL_HOST_REFUSED),
        ("https://[::]/", refusal.URL_HOST_REFUSED),
        ("https://224.0.0.1/", refusal.URL_HOST_REFUSED),
        ("https://[ff02::1]/", refusal.URL_HOST_REFUSED),
        ("https://255.255.255.255/", refusal.URL_HOST_REFUSED),
        ("https://2852039166/", refusal.URL_HOST_REFUSED),
        ("https://0xa9fea9fe/", refusal.URL_HOST_REFUSED),
        ("https://0251.0376.0251.0376/", refusal.URL_HOST_REFUSED),
        ("https://169.254.43518/", refusal.URL_HOST_REFUSED),
        ("https://127.1/", refusal.URL_HOST_REFUSED),
        ("https://168.63.129.16/", refusal.URL_HOST_REFUSED),
        ("https://100.100.100.200/", refusal.URL_HOST_REFUSED),
        ("https://vim..example/", refusal.URL_HOST_REFUSED),
    ],
)
def test_a_url_that_no_notification_may_go_to_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(EndpointRefused) as error:
        judge_url(url, allow_insecure=True)
    assert (error.value.reason, error.value.field) == (reason, "spec.url")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://VIM.Example.com./n?x=1", "vim.example.com", 443),
        ("https://127.0.0.1:8443/", "127.0.0.1", 8443),
        ("https://[::1]/", "::1", 443),
        ("https://10.1.2.3/", "10.1.2.3", 443),
        ("https://exämple.com/", "xn--exmple-cua.com", 443),
        ("https://vim/", "vim", 443),
    ],
)
def test_private_and_loopback_addresses_and_names_are_allowed(url: str, host: str, port: int) -> None:
    target = judge_url(url, allow_insecure=False)
    assert (target.host, target.port, target.is_tls) == (host, port, True)


def test_plain_http_needs_the_users_word() -> None:
    with pytest.raises(EndpointRefused) as error:
        judge_url("http://vim/", allow_insecure=False)
    assert error.value.reason == refusal.URL_INSECURE
    assert "allowInsecure" in error.value.message
    assert judge_url("http://vim/", allow_insecure=True).port == 80


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "10.0.0.1", "127.0.0.1", "::1", "2001:db8::1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_ordinary_addresses_are_not_refused(address: str) -> None:
    assert address_refusal(address) is None


def test_an_endpoint_takes_every_setting_over() -> None:
    subject = endpoint(
        "https://vim.example.com:8443/n",
        timeout="2s",
        retry={"initialBackoff": "250ms", "maxBackoff": "30s", "expiresAfter": "1h"},
        filter={"types": ["vm.*"], "minimumSeverity": "major", "namespaces": ["tenant-a"]},
        auth={"hmac": {"secretName": "sign", "keyId": "k1"}, "bearer": {"secretName": "token"}},
    )
    host = "vim.example.com:8443"
    got = resolved(subject, secret("sign", host, k1=KEY, k0=b"x"), secret("token", host, token=b"abc\n"))
    assert secret_names(subject.spec) == {"sign", "token"}
    assert (got.timeout_seconds, got.initial_backoff_seconds) == (2.0, 0.25)
    assert (got.max_backoff_seconds, got.expires_after_seconds) == (30.0, 3600.0)
    assert (got.types, got.minimum_severity, got.namespaces) == (("vm.*",), Severity.MAJOR, {"tenant-a"})
    assert (got.hmac_key_id, got.hmac_key) == ("k1", KEY)
    assert got.headers == {"Authorization": "Bearer abc"}
    assert got.ssl_context is not None
    assert got.ssl_context.check_hostname


def test_an_endpoint_shows_no_credentials() -> None:
    subject = endpoint(auth={"hmac": {"secretName": "s"}, "basic": {"secretName": "b"}})
    secrets = [secret("s", k1=KEY), secret("b", username=b"nfvi", password=b"hunter22")]
    got = resolved(subject, *secrets)
    assert got.headers == {"Authorization": "Basic " + base64.b64encode(b"nfvi:hunter22").decode()}
    shown = repr(got) + repr(secrets)
    assert "kkkk" not in shown
    assert "hunter22" not in shown
    assert "Basic" not in shown


@pytest.mark.parametrize(
    ("url", "hosts", "allowed"),
    [
        ("https://vim.example.com/", "vim.example.com", True),
        ("https://vim.example.com/", "other, VIM.example.com. ", True),
        ("https://vim.example.com/", "vim.example.com:443", True),
        ("https://vim.example.com:8443/", "vim.example.com:8443", True),
        ("https://[fd12::1]:8443/", "[fd12:0::1]:8443", True),
        ("https://[fd12::1]/", "[fd12::1]", True),
        ("https://evil.example.com/", "vim.example.com", False),
        ("https://vim.example.com.evil.com/", "vim.example.com", False),
        ("https://evilvim.example.com/", "vim.example.com", False),
        ("https://vim.example.com:8443/", "vim.example.com", False),
        ("https://vim.example.com/", "", False),
        ("https://vim.example.com/", "*", False),
        ("https://vim.example.com/", "vim.example.com:x", False),
    ],
)
def test_a_secret_goes_only_to_the_hosts_it_names(url: str, hosts: str, allowed: bool) -> None:
    subject = endpoint(url, auth={"bearer": {"secretName": "token"}})
    if allowed:
        assert resolved(subject, secret("token", hosts, token=b"abc")).headers
    else:
        error = refused(subject, secret("token", hosts, token=b"abc"))
        assert (error.reason, error.field) == (refusal.SECRET_NOT_ALLOWED, "spec.auth.bearer.secretName")
        assert ANNOTATION_ALLOWED_HOSTS in error.message


@pytest.mark.parametrize("kind", ["hmac", "bearer", "basic", "mtls"])
def test_every_kind_of_credential_is_bound_to_its_hosts(kind: str) -> None:
    authority = Authority()
    certificate, key = authority.issue("client")
    full = secret(
        "s", "elsewhere.example.com", token=KEY, username=b"u", password=b"p", tls_crt=certificate, tls_key=key
    )
    assert refused(endpoint(auth={kind: {"secretName": "s"}}), full).reason == refusal.SECRET_NOT_ALLOWED


@pytest.mark.parametrize(
    ("auth", "data", "reason", "field"),
    [
        (
            {"hmac": {"secretName": "s", "keyId": "k2"}},
            {"k1": KEY},
            refusal.SECRET_KEY_NOT_FOUND,
            "spec.auth.hmac.keyId",
        ),
        ({"hmac": {"secretName": "s"}}, {"k1": KEY, "k2": KEY}, refusal.SECRET_KEY_NOT_FOUND, "spec.auth.hmac.keyId"),
        ({"hmac": {"secretName": "s"}}, {"k1": b"short"}, refusal.SECRET_INVALID, "spec.auth.hmac.keyId"),
        ({"bearer": {"secretName": "s"}}, {"token": b"a\r\nX: b"}, refusal.SECRET_INVALID, "spec.auth.bearer.key"),
        ({"bearer": {"secretName": "s"}}, {"token": b"\xff"}, refusal.SECRET_INVALID, "spec.auth.bearer.key"),
        (
            {"basic": {"secretName": "s"}},
            {"username": b"u"},
            refusal.SECRET_KEY_NOT_FOUND,
            "spec.auth.basic.secretName",
        ),
        (
            {"basic": {"secretName": "s"}},
            {"username": b"u:v", "password": b"p"},
            refusal.SECRET_INVALID,
            "spec.auth.basic.secretName",
        ),
        (
            {"mtls": {"secretName": "s"}},
            {"tls_crt": b"x", "tls_key": b"y"},
            refusal.SECRET_INVALID,
            "spec.auth.mtls.secretName",
        ),
    ],
)
def test_a_secret_that_does_not_fit_is_refused_with_the_field(
    auth: dict[str, Any], data: dict[str, bytes], reason: str, field: str
) -> None:
    error = refused(endpoint(auth=auth), secret("s", **data))
    assert (error.reason, error.field) == (reason, field)


def test_a_missing_secret_is_refused_with_its_name() -> None:
    error = refused(endpoint(auth={"hmac": {"secretName": "nowhere"}}))
    assert (error.reason, error.field) == (refusal.SECRET_NOT_FOUND, "spec.auth.hmac.secretName")
    assert "nowhere" in error.message


def test_a_ca_needs_no_allowed_hosts_but_must_be_one() -> None:
    subject = endpoint(tls={"caSecretName": "ca"})
    good = resolved(subject, secret("ca", "", ca_crt=Authority().certificate))
    assert good.ssl_context is not None
    assert len(good.ssl_context.get_ca_certs()) == 1
    assert refused(subject, secret("ca", "", ca_crt=b"nonsense")).reason == refusal.SECRET_INVALID


def test_a_renewed_certificate_makes_another_endpoint_and_the_same_one_does_not() -> None:
    subject = endpoint(tls={"caSecretName": "ca"})
    first, second = Authority().certificate, Authority().certificate
    assert resolved(subject, secret("ca", ca_crt=first)) == resolved(subject, secret("ca", ca_crt=first))
    assert resolved(subject, secret("ca", ca_crt=first)) != resolved(subject, secret("ca", ca_crt=second))


def test_entries_that_are_not_base64_are_left_out() -> None:
    assert Secret.from_object({"metadata": {"name": "s"}, "data": {"a": "%%", "b": None, "c": "eA=="}}).data == {
        "c": b"x"
    }


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ((), set(NotificationType)),
        (("*",), set(NotificationType)),
        (("vm.failed",), {NotificationType.VM_FAILED, NotificationType.VM_RECOVERED}),
        (("vm.recovered",), {NotificationType.VM_RECOVERED}),
        (
            ("recovery.*", "vnf.replicas.below"),
            {name for name in NotificationType if name.startswith(("recovery.", "vnf."))},
        ),
    ],
)
def test_a_filter_of_types_lets_the_clear_through_with_its_raise(
    types: tuple[str, ...], wanted: set[NotificationType]
) -> None:
    subject = Endpoint("e", "https://vim/", types=types)
    assert {name for name, one in one_of_each().items() if subject.matches(one)} == wanted


def test_a_filter_of_severities_treats_a_clear_as_its_raise() -> None:
    subject = Endpoint("e", "https://vim/", minimum_severity=Severity.MAJOR)
    minor = raised(severity=Severity.MINOR)
    major = raised(severity=Severity.MAJOR)
    for start, passes in ((minor, False), (major, True)):
        assert subject.matches(start) is passes
        assert subject.matches(start.cleared(1, sequence=2, at=SEEN, message="over")) is passes


def test_a_filter_of_namespaces_is_about_the_resource() -> None:
    assert Endpoint("e", "https://vim/", namespaces=frozenset({"tenant-a"})).matches(
        raised(kind=FaultKind.REPLICAS_BELOW)
    )
    assert not Endpoint("e", "https://vim/", namespaces=frozenset({"tenant-b"})).matches(raised())
